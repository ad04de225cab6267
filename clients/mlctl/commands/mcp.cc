#include "clients/mlctl/commands/mcp.h"

#include <intelligence/actions.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/mcp_actions.h"
#include "clients/mlctl/mcp_server.h"
#include "clients/mlctl/mcp_tools.h"

namespace intelligenced::mlctl {
namespace {

namespace actions = ::intelligence::actions;

constexpr char kInstructions[] =
    "Tools of this computer's own intelligence daemon, and actions of its apps. Nothing that the "
    "daemon's tools are given leaves the computer.";

struct McpOptions {
  std::string confirm = "elicitation";
  bool services_only = false;
};

// Brings the daemon's questions about this client's runs, and no others, to the client's person;
// but for the question whether it may run them at all.
class Confirmer {
 public:
  Confirmer(const Session& session, McpServer* server)
      : thread_([this, &session, server] { Work(session, server); }) {}
  ~Confirmer() {
    cancellation_.Cancel();
    thread_.join();
  }

 private:
  void Work(const Session& session, McpServer* server) const {
    const absl::StatusOr<intelligence::Client> client = session.Connect();
    if (!client.ok()) return;
    const absl::Status ended = actions::Caller(*client).AnswerConfirmations(
        [this,
         server](const actions::PersonQuestion& question) -> std::optional<actions::Decision> {
          if (!absl::EndsWith(question.caller,
                              absl::StrCat("#", McpCaller(server->client_name())))) {
            return std::nullopt;
          }
          // A client that accepts by itself would give itself the right to all of an app.
          if (question.confirmation.kind == actions::ConfirmationKind::kGrant) return std::nullopt;
          switch (server->Ask(question.confirmation.prompt, cancellation_)) {
            case McpServer::Answer::kAccepted:
              return actions::Decision::kAllow;
            case McpServer::Answer::kDeclined:
              return actions::Decision::kDecline;
            case McpServer::Answer::kCannotAsk:
              break;
          }
          // Somebody else may answer, or nobody: then the run ends without.
          return std::nullopt;
        },
        {.cancellation = cancellation_});
    static_cast<void>(ended);  // without it questions go to the person's other clients
  }

  const intelligence::Cancellation cancellation_;
  std::thread thread_;
};

int Serve(Session& session, const McpOptions& options) {
  const auto connect = [&session] { return session.Connect(); };
  const std::vector<McpTool> services = ServiceTools(connect);
  const auto tools = [&] {
    std::vector<McpTool> all = services;
    if (options.services_only) return all;
    absl::StatusOr<intelligence::Client> client = session.Connect();
    if (!client.ok()) return all;
    const absl::StatusOr<actions::ListResult> list =
        actions::Caller(*std::move(client)).List("", session.Call());
    if (!list.ok()) return all;
    for (McpTool& tool : ActionTools(*list, connect)) all.push_back(std::move(tool));
    return all;
  };
  McpServer server({.version = INTELLIGENCED_VERSION,
                    .instructions = kInstructions,
                    .tools = tools,
                    .write = [&session](const std::string& line) {
                      session.out() << line << "\n" << std::flush;
                    }});
  std::optional<Confirmer> confirmer;
  while (true) {
    absl::StatusOr<std::optional<std::string>> line = session.host().read_line();
    if (!line.ok()) {
      return absl::IsCancelled(line.status()) ? int{kInterrupted} : session.Fail(line.status());
    }
    if (!line->has_value()) return kDone;
    server.Receive(**line);
    // Once the client has said who it is and that it can ask.
    if (!confirmer.has_value() && options.confirm == "elicitation" && !options.services_only &&
        server.can_ask()) {
      confirmer.emplace(session, &server);
    }
  }
}

}  // namespace

void AddMcpCommands(CommandTree& tree) {
  auto options = std::make_shared<McpOptions>();
  CLI::App* app = tree.Add(
      &tree.root(), "mcp",
      "Serve this machine's intelligence and its apps' actions to a client of the Model Context "
      "Protocol, over standard input and output.",
      {"mlctl mcp", "# in a client's configuration: {\"command\": \"mlctl\", \"args\": [\"mcp\"]}",
       "mlctl mcp --confirm person"},
      [options](Session& session) { return Serve(session, *options); });
  AddChoice(app, "--confirm", options->confirm, {"elicitation", "person"},
            "Who puts the daemon's questions to the person: the client, or the person's other "
            "programs only (default: elicitation). Whether the client may run an app's actions at "
            "all is never asked through it: mlctl actions grant allows it");
  app->add_flag("--services-only", options->services_only, "No actions of apps");
}

}  // namespace intelligenced::mlctl
