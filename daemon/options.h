// The command line of intelligenced.
#ifndef INTELLIGENCED_DAEMON_OPTIONS_H_
#define INTELLIGENCED_DAEMON_OPTIONS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace intelligenced {

struct Options {
  enum class Action { kServe, kCheckConfig, kHelp, kVersion } action = Action::kServe;
  // Empty: not given.
  std::string config;
  std::string socket;
  std::string store;
};

// INVALID_ARGUMENT with a sentence for a person. `arguments` is without the program's name.
absl::StatusOr<Options> ParseOptions(absl::Span<const std::string_view> arguments);

std::string_view HelpText();

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_OPTIONS_H_
