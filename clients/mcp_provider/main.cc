// What the daemon starts for a declaration with [mcp]: the tools of a server of the Model Context
// Protocol become actions of a provider of their own. The daemon itself never speaks to the server.
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "clients/mcp_provider/provider.h"

namespace intelligenced::mcp {
namespace {

constexpr char kUsage[] =
    "usage: intelligenced-mcp-provider --id=ID --title=TITLE [--tool=NAME]… [--socket=SOCKET]\n"
    "                                  [--idle=SECONDS] -- PROGRAM [ARGUMENT]…\n"
    "\n"
    "Offers the tools of a server of the Model Context Protocol, which PROGRAM is over its "
    "standard\n"
    "input and output, as actions of the provider ID. The daemon starts it for a declaration with\n"
    "[mcp]; by hand it shows what the server says.\n"
    "\n"
    "example: intelligenced-mcp-provider --id=org.example.Files --title=Files -- \\\n"
    "             npx -y @modelcontextprotocol/server-filesystem ~/Documents\n";

// Empty id: the arguments are wrong.
ProviderOptions ReadArguments(const std::vector<std::string_view>& arguments) {
  ProviderOptions options;
  size_t at = 0;
  for (; at < arguments.size(); ++at) {
    std::string_view argument = arguments[at];
    double seconds = 0;
    if (argument == "--") break;
    if (absl::ConsumePrefix(&argument, "--id=")) {
      options.id = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--title=")) {
      options.title = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--tool=")) {
      options.tools.insert(std::string(argument));
    } else if (absl::ConsumePrefix(&argument, "--socket=")) {
      options.socket = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--idle=") && absl::SimpleAtod(argument, &seconds) &&
               seconds > 0) {
      options.idle = absl::Seconds(seconds);
    } else {
      return {};
    }
  }
  for (++at; at < arguments.size(); ++at) options.command.emplace_back(arguments[at]);
  if (options.title.empty()) options.title = options.id;
  if (options.command.empty()) return {};
  return options;
}

int Main(const std::vector<std::string_view>& arguments) {
  if (arguments.size() == 1 && arguments[0] == "--help") {
    std::cout << kUsage;
    return 0;
  }
  ProviderOptions options = ReadArguments(arguments);
  if (options.id.empty()) {
    std::cerr << kUsage;
    return 2;
  }
  options.version = INTELLIGENCED_VERSION;
  options.say = [](const std::string& line) {
    std::cerr << "intelligenced-mcp-provider: " << line << "\n";
  };
  // A server that is gone shows by the failed write.
  signal(SIGPIPE, SIG_IGN);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  ToolProvider provider(options);
  std::thread signals([&] {
    int signal = 0;
    sigwait(&ends, &signal);
    provider.Stop();
  });
  const absl::Status status = provider.Serve();
  // Wakes the thread where no signal has.
  kill(getpid(), SIGTERM);
  signals.join();
  if (status.ok()) return 0;
  options.say(std::string(status.message()));
  return 1;
}

}  // namespace
}  // namespace intelligenced::mcp

int main(int argc, char** argv) {
  return intelligenced::mcp::Main(std::vector<std::string_view>(argv + 1, argv + argc));
}
