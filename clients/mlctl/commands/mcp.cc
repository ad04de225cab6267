#include "clients/mlctl/commands/mcp.h"

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "clients/mlctl/mcp_server.h"
#include "clients/mlctl/mcp_tools.h"

namespace intelligenced::mlctl {
namespace {

constexpr char kInstructions[] =
    "Tools of this computer's own intelligence daemon. Nothing that they are given leaves it.";

int Serve(Session& session) {
  const std::vector<McpTool> services = ServiceTools([&session] { return session.Connect(); });
  McpServer server({.version = INTELLIGENCED_VERSION,
                    .instructions = kInstructions,
                    .tools = [&services] { return services; },
                    .write =
                        [&session](const std::string& line) {
                          session.out() << line << "\n" << std::flush;
                        }});
  while (true) {
    absl::StatusOr<std::optional<std::string>> line = session.host().read_line();
    if (!line.ok()) {
      return absl::IsCancelled(line.status()) ? int{kInterrupted} : session.Fail(line.status());
    }
    if (!line->has_value()) return kDone;
    server.Receive(**line);
  }
}

}  // namespace

void AddMcpCommands(CommandTree& tree) {
  tree.Add(&tree.root(), "mcp",
           "Serve this machine's intelligence to a client of the Model Context Protocol, over "
           "standard input and output.",
           {"mlctl mcp",
            "# in a client's configuration: {\"command\": \"mlctl\", \"args\": "
            "[\"mcp\"]}"},
           Serve);
}

}  // namespace intelligenced::mlctl
