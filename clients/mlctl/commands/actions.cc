// mlctl actions; running them and mlctl ask are in actions_run.cc.
#include <intelligence/actions.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/action_values.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/commands/actions_person.h"
#include "clients/mlctl/commands/actions_run.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {
namespace {

namespace actions = ::intelligence::actions;

struct ListOptions {
  std::string provider;
};
struct ShowOptions {
  std::string action;
};
struct GrantOptions {
  std::string caller;
  std::string provider;
  std::string policy = "always";
};
struct SuggestOptions {
  uint32_t count = 0;
};

int List(Session& session, const ListOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto list = actions::Caller(*client).List(options.provider, session.Call());
  if (!list.ok()) return session.Fail(list.status());
  if (session.options().json) {
    for (const actions::ActionInfo& action : list->actions) {
      session.out() << Dump(ToJson(action)) << "\n";
    }
  } else if (session.options().quiet) {
    for (const actions::ActionInfo& action : list->actions) session.out() << action.name << "\n";
  } else if (list->actions.empty()) {
    session.Note("No app offers actions now.");
  } else {
    session.out() << RenderActionList(*list, session.host().columns, session.out_palette());
  }
  return kDone;
}

int Show(Session& session, const ShowOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto action = actions::Caller(*client).Get(options.action, session.Call());
  if (!action.ok()) return session.Fail(action.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*action)) << "\n";
  } else {
    session.out() << RenderAction(*action, session.out_palette());
  }
  return kDone;
}

int Suggest(Session& session, const SuggestOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto suggestions = actions::Caller(*client).Suggest(options.count, session.Call());
  if (!suggestions.ok()) return session.Fail(suggestions.status());
  std::vector<std::vector<std::string>> rows;
  for (const actions::Suggestion& one : *suggestions) {
    std::string values;
    Json json = Json::object();
    for (const auto& [id, value] : one.values) {
      absl::StrAppend(&values, values.empty() ? "" : " ", id, "=", DescribeActionValue(value));
      json[id] = ToJson(value);
    }
    if (session.options().json) {
      session.out() << Dump({{"action", one.action},
                             {"title", one.title},
                             {"values", json},
                             {"score", one.score},
                             {"explanation", one.explanation}})
                    << "\n";
    }
    rows.push_back({one.action, values, one.explanation});
  }
  if (session.options().json) return kDone;
  if (rows.empty()) {
    session.Note("Nothing was done with actions yet that could be suggested.");
  } else {
    session.out() << FormatTable({{"ACTION"}, {"VALUES"}, {"WHY"}}, rows, session.host().columns,
                                 session.out_palette());
  }
  return kDone;
}

int Forget(Session& session, const ListOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto count = actions::Caller(*client).DeleteDonations(options.provider, session.Call());
  if (!count.ok()) return session.Fail(count.status());
  session.Note(absl::StrCat("Forgot ", *count, " ", Plural(*count, "action", "actions"),
                            " that were done."));
  return kDone;
}

int Grants(Session& session) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto grants = actions::Caller(*client).ListGrants(session.Call());
  if (!grants.ok()) return session.Fail(grants.status());
  std::vector<std::vector<std::string>> rows;
  for (const actions::Grant& grant : *grants) {
    const std::string policy = grant.policy == actions::GrantPolicy::kAlways  ? "always"
                               : grant.policy == actions::GrantPolicy::kNever ? "never"
                                                                              : "ask";
    if (session.options().json) {
      session.out() << Dump({{"caller", grant.caller},
                             {"provider", grant.provider},
                             {"policy", policy}})
                    << "\n";
    }
    rows.push_back({grant.caller, grant.provider, policy});
  }
  if (session.options().json) return kDone;
  if (rows.empty()) {
    session.Note("No grants: every app is asked about before it runs another's actions.");
  } else {
    session.out() << FormatTable({{"CALLER"}, {"PROVIDER"}, {"POLICY"}}, rows,
                                 session.host().columns, session.out_palette());
  }
  return kDone;
}

int SetGrant(Session& session, const GrantOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const actions::GrantPolicy policy = options.policy == "always"  ? actions::GrantPolicy::kAlways
                                      : options.policy == "never" ? actions::GrantPolicy::kNever
                                                                  : actions::GrantPolicy::kAskOnce;
  const absl::Status status = actions::Caller(*client).SetGrant(
      {.caller = options.caller, .provider = options.provider, .policy = policy}, session.Call());
  if (!status.ok()) return session.Fail(status);
  session.Note(absl::StrCat(options.caller, " and ", options.provider, ": ",
                            policy == actions::GrantPolicy::kAskOnce ? "ask" : options.policy,
                            "."));
  return kDone;
}

int Revoke(Session& session, const GrantOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto grants = actions::Caller(*client).ListGrants(session.Call());
  if (!grants.ok()) return session.Fail(grants.status());
  const bool there = std::any_of(grants->begin(), grants->end(), [&](const actions::Grant& one) {
    return one.caller == options.caller && one.provider == options.provider;
  });
  const absl::Status status =
      actions::Caller(*client).RevokeGrant(options.caller, options.provider, session.Call());
  if (!status.ok()) return session.Fail(status);
  // A name that is misspelled must not look like a right that is taken back.
  session.Note(there ? absl::StrCat(options.caller,
                                    " is asked about again before it runs actions of ",
                                    options.provider, ".")
                     : absl::StrCat("There was no grant of ", options.provider, " for ",
                                    options.caller, "; `mlctl actions grants` lists them."));
  return kDone;
}

int Answer(Session& session) {
  Person person(&session, false);
  if (!person.there()) {
    return session.FailUsage("answers need a terminal: a person has to read and say them");
  }
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  session.Note("Questions of other apps are put here. Ctrl-C ends it.");
  const absl::Status status = actions::Caller(*client).AnswerConfirmations(
      [&](const actions::PersonQuestion& question) -> std::optional<actions::Decision> {
        person.Say(absl::StrCat(question.caller_display_name, " (", question.caller,
                                ") wants to run ", question.action, "."));
        const auto decision = person.Confirm(question.confirmation);
        if (!decision.ok()) {
          session.host().interruption.Cancel();
          return std::nullopt;
        }
        return *decision;
      },
      session.Call());
  return absl::IsCancelled(status) ? kDone : session.Fail(status);
}

}  // namespace

void AddActionCommands(CommandTree& tree) {
  AddAsk(tree, &tree.root(), "mlctl ask");
  CLI::App* group =
      tree.AddGroup(&tree.root(), "actions", "What apps offer to do: list, run, grants.");
  AddAsk(tree, group, "mlctl actions ask");

  auto list = std::make_shared<ListOptions>();
  CLI::App* app = tree.Add(group, "list", "List the actions that apps offer.",
                           {"mlctl actions list", "mlctl actions list --json"},
                           [list](Session& session) { return List(session, *list); });
  app->add_option("--provider", list->provider, "Only this provider's")->type_name("PROVIDER");

  auto show = std::make_shared<ShowOptions>();
  app = tree.Add(group, "show", "Show an action and its parameters.",
                 {"mlctl actions show add-to-list"},
                 [show](Session& session) { return Show(session, *show); });
  app->add_option("action", show->action, "The action")->required()->type_name(kActionType);

  AddRun(tree, group);

  auto suggest = std::make_shared<SuggestOptions>();
  app = tree.Add(group, "suggest", "Suggest what you may want to do now.",
                 {"mlctl actions suggest --count 3"},
                 [suggest](Session& session) { return Suggest(session, *suggest); });
  app->add_option("--count", suggest->count, "How many, at most 32 (default: 5)")
      ->check(CLI::Range(1, 32))
      ->type_name("N");

  auto forget = std::make_shared<ListOptions>();
  app = tree.Add(group, "forget", "Forget what was done, so that it is not suggested.",
                 {"mlctl actions forget", "mlctl actions forget org.example.Notes"},
                 [forget](Session& session) { return Forget(session, *forget); });
  app->add_option("provider", forget->provider, "Only with this provider")->type_name("PROVIDER");

  tree.Add(group, "grants", "List which apps may run which providers' actions.",
           {"mlctl actions grants"}, [](Session& session) { return Grants(session); });

  auto grant = std::make_shared<GrantOptions>();
  app = tree.Add(group, "grant", "Let an app run a provider's actions, or forbid it.",
                 {"mlctl actions grant exe:/usr/bin/assistant org.example.Notes",
                  "mlctl actions grant exe:/usr/bin/assistant org.example.Notes --policy never"},
                 [grant](Session& session) { return SetGrant(session, *grant); });
  app->add_option("caller", grant->caller, "The app, as `mlctl activity` names it without the user")
      ->required()
      ->type_name("APP");
  app->add_option("provider", grant->provider, "The provider")->required()->type_name("PROVIDER");
  AddChoice(app, "--policy", grant->policy, {"always", "ask", "never"},
            "always, ask (once), or never (default: always)");

  auto revoke = std::make_shared<GrantOptions>();
  app = tree.Add(group, "revoke", "Take a grant back: the person is asked again.",
                 {"mlctl actions revoke exe:/usr/bin/assistant org.example.Notes"},
                 [revoke](Session& session) { return Revoke(session, *revoke); });
  app->add_option("caller", revoke->caller, "The app")->required()->type_name("APP");
  app->add_option("provider", revoke->provider, "The provider")->required()->type_name("PROVIDER");

  tree.Add(group, "answer", "Answer other apps' questions here, on this terminal.",
           {"mlctl actions answer"}, [](Session& session) { return Answer(session); });
}

}  // namespace intelligenced::mlctl
