// The world that mlctl runs in: streams, terminal, environment, interruption. Injected, so that
// tests run whole commands in their own process.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_HOST_H_
#define INTELLIGENCED_CLIENTS_MLCTL_HOST_H_

#include <intelligence/common.h>

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace intelligenced::mlctl {

struct Host {
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Width of the terminal; 0 when there is none.
  int columns = 0;
  // Empty for a variable that is not set.
  std::function<std::string(const char* name)> environment;
  // All of standard input. CANCELLED when the person interrupts.
  std::function<absl::StatusOr<std::string>()> read_input;
  // The next line of standard input, without its end. Nothing at the end of the input. CANCELLED as
  // above.
  std::function<absl::StatusOr<std::optional<std::string>>()> read_line;
  // Runs a program with mlctl's own standard streams and returns its exit code.
  std::function<absl::StatusOr<int>(const std::vector<std::string>& arguments)> run_program;
  // The folder of mlctl's own executable; empty when unknown.
  std::string program_folder;
  // What a calendar says.
  std::function<absl::Time()> now;
  // Cancelled by Ctrl-C and by signals that end the program.
  intelligence::Cancellation interruption;
  // After a Ctrl-C: goes on, with a new `interruption` for the next one. False when nothing may go
  // on: another signal ends the program.
  std::function<bool()> renew_interruption;
};

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_HOST_H_
