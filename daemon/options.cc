#include "daemon/options.h"

#include <optional>

#include "absl/strings/str_cat.h"

namespace intelligenced {

std::string_view HelpText() {
  return R"(intelligenced: one resident model set, shared by many apps

Usage: intelligenced [OPTION]...

  --config FILE        Read this configuration. Default: ~/.config/intelligenced/intelligenced.toml,
                       else /etc/intelligenced/intelligenced.toml, else the built-in defaults.
  --socket PATH        Listen here instead of where the configuration says. Default:
                       $XDG_RUNTIME_DIR/intelligenced/intelligenced.sock.
  --store FOLDER       Keep models here instead of where the configuration says.
  --check-config FILE  Check a configuration, say everything that is wrong with it, and leave.
  --version            Print the version and leave.
  --help               Print this and leave.

Signals: SIGTERM and SIGINT finish what interactive clients wait for and leave; a second one leaves
at once. SIGHUP reads the configuration again.

Exit codes: 0 left as told; 1 could not start or run; 2 wrong use or configuration; 3 another daemon
serves the socket.
)";
}

absl::StatusOr<Options> ParseOptions(absl::Span<const std::string_view> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view name = arguments[i];
    std::optional<std::string_view> attached;
    if (const size_t equals = name.find('='); equals != std::string_view::npos) {
      attached = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    if (name == "--help" || name == "-h" || name == "--version") {
      options.action = name == "--version" ? Options::Action::kVersion : Options::Action::kHelp;
      return options;
    }
    std::string* target = nullptr;
    if (name == "--config") target = &options.config;
    if (name == "--socket") target = &options.socket;
    if (name == "--store") target = &options.store;
    if (name == "--check-config") {
      target = &options.config;
      options.action = Options::Action::kCheckConfig;
    }
    if (target == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("There is no option '", name, "'. intelligenced --help lists them."));
    }
    if (!attached.has_value() && i + 1 < arguments.size()) attached = arguments[++i];
    if (!attached.has_value() || attached->empty()) {
      return absl::InvalidArgumentError(absl::StrCat("The option ", name, " needs a value."));
    }
    *target = *attached;
  }
  return options;
}

}  // namespace intelligenced
