// A program that speaks by lines over its standard input and output.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_SERVER_PROCESS_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/fd.h"

namespace intelligenced::mcp {

class ServerProcess {
 public:
  struct Options {
    // The program's path or its name on PATH, and its arguments. No shell sees them.
    std::vector<std::string> command;
    size_t max_line_bytes = 0;
    // On the reading thread. An error ends the reading.
    std::function<absl::Status(std::string_view line)> line;
    // Once, on the reading thread, after the last line: why there is no further one.
    std::function<void(const absl::Status& why)> end;
  };

  // UNAVAILABLE with words for a person. The program has a process group of its own, this one's
  // standard error, and all of its environment but the way to the daemon.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(Options options);

  // Begins to read what it says. Once.
  void Begin();

  // Closes its input and waits a moment; what of its group is left then is ended. Not on the
  // reading thread.
  ~ServerProcess();

  // Writes the line and a break. False: it is gone, or has read nothing for ten seconds. One caller
  // at a time.
  bool Write(const std::string& line);

 private:
  ServerProcess(Options options, pid_t pid, UniqueFd input, UniqueFd output, UniqueFd stop_read,
                UniqueFd stop_write);
  absl::Status ReadLines();
  bool WaitForEnd();

  const Options options_;
  const pid_t pid_;
  UniqueFd input_;
  const UniqueFd output_;
  // Closing the second end wakes the reading thread.
  const UniqueFd stop_read_;
  UniqueFd stop_write_;
  std::thread reader_;
};

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_SERVER_PROCESS_H_
