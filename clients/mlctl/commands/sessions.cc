// mlctl sessions: list, show, delete
#include <intelligence/session.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/views.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::SessionInfo;

struct NameOptions {
  std::string name;
};

struct DeleteOptions {
  std::vector<std::string> names;
  bool all = false;
};

int List(Session& session) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const absl::StatusOr<std::vector<SessionInfo>> sessions =
      intelligence::Session::List(*client, session.Call());
  if (!sessions.ok()) return session.Fail(sessions.status());
  if (session.options().json) {
    for (const SessionInfo& info : *sessions) session.out() << Dump(ToJson(info)) << "\n";
  } else if (session.options().quiet) {
    for (const SessionInfo& info : *sessions) session.out() << TerminalSafe(info.name) << "\n";
  } else if (sessions->empty()) {
    session.Note("No sessions of mlctl's are kept; mlctl chat --keep leaves one.");
  } else {
    session.out() << RenderSessionList(*sessions, session.host().now(), session.host().columns,
                                       session.out_palette());
  }
  return kDone;
}

int Show(Session& session, const NameOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const absl::StatusOr<SessionInfo> info =
      intelligence::Session::Open(*client, options.name).Get(session.Call());
  if (!info.ok()) return session.Fail(info.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*info)) << "\n";
  } else {
    session.out() << RenderSession(*info, session.host().now(), session.out_palette());
  }
  return kDone;
}

int Delete(Session& session, const DeleteOptions& options) {
  if (options.names.empty() != options.all) {
    return session.FailUsage("say which sessions, or --all of mlctl's");
  }
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  std::vector<std::string> names = options.names;
  if (options.all) {
    const absl::StatusOr<std::vector<SessionInfo>> sessions =
        intelligence::Session::List(*client, session.Call());
    if (!sessions.ok()) return session.Fail(sessions.status());
    for (const SessionInfo& info : *sessions) names.push_back(info.name);
  }
  for (const std::string& name : names) {
    const absl::Status status = intelligence::Session::Open(*client, name).Delete(session.Call());
    if (!status.ok()) return session.Fail(status);
  }
  session.Note(absl::StrCat("Deleted ", names.size(), " ",
                            Plural(names.size(), "session", "sessions"), "."));
  return kDone;
}

}  // namespace

void AddSessionCommands(CommandTree& tree) {
  CLI::App* sessions =
      tree.AddGroup(&tree.root(), "sessions", "List, show and delete the conversations kept.");
  tree.Add(sessions, "list", "List the sessions that mlctl has made, last used first.",
           {"mlctl sessions list"}, [](Session& session) { return List(session); });

  const std::string example = "sessions/0123456789abcdef0123456789abcdef";
  auto show = std::make_shared<NameOptions>();
  CLI::App* app = tree.Add(sessions, "show", "Show a session and its transcript.",
                           {absl::StrCat("mlctl sessions show ", example)},
                           [show](Session& session) { return Show(session, *show); });
  app->add_option("name", show->name, "The session")->required()->type_name("SESSION");

  auto remove = std::make_shared<DeleteOptions>();
  app = tree.Add(sessions, "delete", "Delete sessions with their transcripts.",
                 {absl::StrCat("mlctl sessions delete ", example), "mlctl sessions delete --all"},
                 [remove](Session& session) { return Delete(session, *remove); });
  app->add_option("name", remove->names, "The sessions")->type_name("SESSION");
  app->add_flag("--all", remove->all, "All that mlctl has made");
}

}  // namespace intelligenced::mlctl
