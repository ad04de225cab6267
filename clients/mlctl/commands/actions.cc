// mlctl actions and mlctl ask
#include <intelligence/actions.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/action_values.h"
#include "clients/mlctl/command_tree.h"
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
struct RunOptions {
  std::string action;
  std::vector<std::string> values;
  std::string request_id;
  bool yes = false;
};
struct AskOptions {
  std::vector<std::string> words;
  bool yes = false;
  bool dry_run = false;
};
struct GrantOptions {
  std::string caller;
  std::string provider;
  std::string policy = "always";
};
struct SuggestOptions {
  uint32_t count = 0;
};

// Puts questions to the person at the terminal.
class Person {
 public:
  Person(Session* session, bool yes) : session_(*session), yes_(yes) {}

  bool there() const { return session_.host().in_is_terminal; }

  absl::StatusOr<actions::Value> AskValue(const actions::ValueQuestion& question) {
    if (!question.problem.empty()) Say(question.problem);
    while (true) {
      Say(question.prompt);
      for (size_t i = 0; i < question.options.size(); ++i) {
        const auto* entity = question.options[i].As<actions::Entity>();
        Say(absl::StrCat("  ", i + 1, ". ", DescribeActionValue(question.options[i]),
                         entity == nullptr || entity->subtitle.empty()
                             ? ""
                             : absl::StrCat(" (", entity->subtitle, ")")));
      }
      const absl::StatusOr<std::string> line = ReadLine("> ");
      if (!line.ok()) return line.status();
      size_t place = 0;
      if (absl::SimpleAtoi(*line, &place) && place >= 1 && place <= question.options.size()) {
        return question.options[place - 1];
      }
      if (absl::StripAsciiWhitespace(*line).empty()) continue;
      absl::StatusOr<actions::Value> value = ParseActionValue(question.type, *line);
      if (value.ok()) return value;
      Say(absl::StrCat(value.status().message(), "."));
    }
  }

  absl::StatusOr<actions::Decision> Confirm(const actions::Confirmation& confirmation) {
    // What cannot be undone, and who may do what at all, is said by a person and by no flag.
    const bool flag_counts =
        !confirmation.is_destructive && confirmation.kind != actions::ConfirmationKind::kGrant;
    if (yes_ && flag_counts) return actions::Decision::kAllow;
    if (!there()) {
      session_.Note(absl::StrCat(TerminalSafe(confirmation.prompt),
                                 yes_ ? " --yes does not answer this: a person at a terminal does."
                                      : " Nobody is here to answer: run it on a terminal."));
      return actions::Decision::kDecline;
    }
    Say(confirmation.prompt);
    if (confirmation.is_destructive) Say("This cannot be undone.");
    const bool grant = confirmation.kind == actions::ConfirmationKind::kGrant;
    const absl::StatusOr<std::string> line =
        ReadLine(grant ? "[y]es, always / [N]o / ne[v]er: " : "[y/N] ");
    if (!line.ok()) return line.status();
    const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(*line));
    if (word == "y" || word == "yes") return actions::Decision::kAllow;
    if (grant && (word == "v" || word == "never")) return actions::Decision::kNever;
    return actions::Decision::kDecline;
  }

  // One of several, from 0; nothing: none of them.
  absl::StatusOr<std::optional<size_t>> Choose(const std::string& prompt,
                                               const std::vector<std::string>& lines) {
    Say(prompt);
    for (size_t i = 0; i < lines.size(); ++i) Say(absl::StrCat("  ", i + 1, ". ", lines[i]));
    const absl::StatusOr<std::string> line = ReadLine("> ");
    if (!line.ok()) return line.status();
    size_t place = 0;
    if (!absl::SimpleAtoi(*line, &place) || place < 1 || place > lines.size()) {
      return std::optional<size_t>();
    }
    return std::optional<size_t>(place - 1);
  }

  void Say(std::string_view text) {
    *session_.host().err << TerminalSafe(text) << "\n" << std::flush;
  }

 private:
  absl::StatusOr<std::string> ReadLine(std::string_view prompt) {
    *session_.host().err << prompt << std::flush;
    absl::StatusOr<std::optional<std::string>> line = session_.host().read_line();
    if (!line.ok()) return line.status();
    if (!line->has_value()) return absl::CancelledError("nobody answers");
    return **std::move(line);
  }

  Session& session_;
  const bool yes_;
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

// Runs with a person's answers, and shows what came of it.
int RunWith(Session& session, const intelligence::Client& client,
            const actions::RunRequest& request, bool yes) {
  Person person(&session, yes);
  Progress progress(&session);
  actions::RunHandlers handlers;
  if (person.there()) {
    handlers.value = [&](const actions::ValueQuestion& question) {
      progress.Clear();
      return person.AskValue(question);
    };
  }
  handlers.confirm = [&](const actions::Confirmation& confirmation) {
    progress.Clear();
    return person.Confirm(confirmation);
  };
  // Without a person, what is asked for ends the run with the question.
  if (!person.there()) {
    handlers.value = [](const actions::ValueQuestion& question) -> absl::StatusOr<actions::Value> {
      std::string choices;
      for (const actions::Value& option : question.options) {
        absl::StrAppend(&choices, choices.empty() ? " One of: " : ", ",
                        DescribeActionValue(option));
      }
      return absl::FailedPreconditionError(
          absl::StrCat(question.problem, question.problem.empty() ? "" : " ", "A value for ",
                       question.parameter, " is needed: ", question.prompt, choices));
    };
  }
  handlers.provider_starting = [&](const std::string& provider) {
    progress.Show(absl::StrCat("Starting the app of ", provider, " …"));
  };
  handlers.waiting_for_person = [&] { progress.Show("Waiting for the person's word …"); };
  handlers.progress = [&](const actions::Progress& one) {
    progress.Show(one.message.empty() && one.total > 0
                      ? absl::StrCat(100 * one.done / one.total, " %")
                      : one.message);
  };
  const auto result = actions::Caller(client).Run(request, handlers, session.Call());
  progress.Clear();
  if (!result.ok()) return session.Fail(result.status());
  if (session.options().json) {
    session.out() << Dump({{"action", request.action},
                           {"value", ToJson(result->value)},
                           {"dialog", result->dialog},
                           {"markdown", result->snippet.markdown}})
                  << "\n";
  } else {
    if (!result->dialog.empty()) session.out() << TerminalSafe(result->dialog) << "\n";
    if (!result->snippet.markdown.empty()) {
      session.out() << "\n" << TerminalSafe(result->snippet.markdown);
      if (!result->snippet.markdown.ends_with('\n')) session.out() << "\n";
    }
    if (result->dialog.empty() && result->snippet.markdown.empty() && !result->value.empty()) {
      session.out() << TerminalSafe(DescribeActionValue(result->value)) << "\n";
    }
  }
  return kDone;
}

int Run(Session& session, const RunOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto action = actions::Caller(*client).Get(options.action, session.Call());
  if (!action.ok()) return session.Fail(action.status());
  actions::RunRequest request{.action = action->name, .request_id = options.request_id};
  for (const std::string& argument : options.values) {
    const size_t sign = argument.find('=');
    const std::string id = argument.substr(0, sign);
    const auto found =
        std::find_if(action->parameters.begin(), action->parameters.end(),
                     [&id](const actions::ParameterInfo& parameter) { return parameter.id == id; });
    if (sign == std::string::npos || found == action->parameters.end()) {
      return session.FailUsage(
          absl::StrCat("“", TerminalSafe(argument), "” is no PARAMETER=VALUE of ", action->name,
                       "; `mlctl actions show ", action->name, "` lists its parameters"));
    }
    absl::StatusOr<actions::Value> value = ParseActionValue(found->type, argument.substr(sign + 1));
    if (!value.ok()) {
      return session.FailUsage(absl::StrCat(id, ": ", TerminalSafe(value.status().message())));
    }
    request.values[id] = *std::move(value);
  }
  return RunWith(session, *client, request, options.yes);
}

std::string Summary(const actions::Candidate& candidate) {
  std::string text = candidate.title;
  for (size_t i = 0; i < candidate.filled.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? ": " : ", ", candidate.filled[i].parameter, " “",
                    DescribeActionValue(candidate.filled[i].value), "”");
  }
  return text;
}

int Ask(Session& session, const AskOptions& options) {
  std::string utterance;
  for (const std::string& word : options.words) {
    absl::StrAppend(&utterance, utterance.empty() ? "" : " ", word);
  }
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto found = actions::Caller(*client).Resolve({.utterance = utterance}, session.Call());
  if (!found.ok()) return session.Fail(found.status());
  if (options.dry_run) {
    if (session.options().json) {
      for (const actions::Candidate& one : found->candidates) {
        session.out() << Dump(ToJson(one)) << "\n";
      }
    } else {
      for (const actions::Candidate& one : found->candidates) {
        session.out() << TerminalSafe(absl::StrCat(one.action, "  ",
                                                   static_cast<int>(one.confidence * 100), " %  ",
                                                   Summary(one)))
                      << "\n";
      }
    }
    return kDone;
  }
  if (found->candidates.empty()) {
    return session.Fail(absl::NotFoundError(
        "No app offers to do that; `mlctl actions list` shows what they offer."));
  }
  size_t chosen = 0;
  const bool doubtful = std::any_of(
      found->ambiguities.begin(), found->ambiguities.end(),
      [](const actions::Ambiguity& one) { return one.kind == actions::Ambiguity::Kind::kAction; });
  if (doubtful && found->candidates.size() > 1) {
    std::vector<std::string> lines;
    for (const actions::Candidate& one : found->candidates) lines.push_back(Summary(one));
    Person person(&session, options.yes);
    if (!person.there()) {
      std::string all;
      for (const std::string& line : lines) absl::StrAppend(&all, "\n  ", line);
      return session.Fail(absl::FailedPreconditionError(
          absl::StrCat("Several actions may be meant, and nobody is here to choose:", all)));
    }
    const auto choice = person.Choose("Which one is meant?", lines);
    if (!choice.ok()) return session.Fail(choice.status());
    if (!choice->has_value()) return kInterrupted;
    chosen = **choice;
  }
  const actions::Candidate& candidate = found->candidates[chosen];
  if (session.shows_progress()) session.Note(TerminalSafe(Summary(candidate)));
  return RunWith(session, *client, {.action = candidate.action, .values = candidate.values()},
                 options.yes);
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
  const absl::Status status =
      actions::Caller(*client).RevokeGrant(options.caller, options.provider, session.Call());
  if (!status.ok()) return session.Fail(status);
  session.Note(absl::StrCat(options.caller, " is asked about again before it runs actions of ",
                            options.provider, "."));
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

void AddAsk(CommandTree& tree, CLI::App* parent, const std::string& command) {
  auto ask = std::make_shared<AskOptions>();
  CLI::App* app =
      tree.Add(parent, "ask", "Do what a sentence says, with the actions that apps offer.",
               {absl::StrCat(command, " add milk to my shopping list"),
                absl::StrCat(command, " \"remind me to call Ana tomorrow at 9\""),
                absl::StrCat(command, " --dry-run delete my shopping list")},
               [ask](Session& session) { return Ask(session, *ask); });
  app->add_option("sentence", ask->words, "What is to be done")->required()->type_name("WORDS");
  app->add_flag("-y,--yes", ask->yes, "Confirm; not what cannot be undone");
  app->add_flag("--dry-run", ask->dry_run, "Only say what would be run");
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
  app->add_option("action", show->action, "The action")->required()->type_name("ACTION");

  auto run = std::make_shared<RunOptions>();
  app = tree.Add(group, "run", "Run an action; what is missing is asked for on a terminal.",
                 {"mlctl actions run add-to-list item=milk list=Shopping",
                  "mlctl actions run create-reminder what=\"call Ana\" \"when=2026-11-24 09:00\"",
                  "# A thing by its key, and the same run only once:",
                  "mlctl actions run show-list list=id:shopping --request-id 4711"},
                 [run](Session& session) { return Run(session, *run); });
  app->add_option("action", run->action, "The action")->required()->type_name("ACTION");
  app->add_option("values", run->values, "Its values")->type_name("PARAMETER=VALUE");
  app->add_option("--request-id", run->request_id, "Runs once for all calls with this id")
      ->type_name("ID");
  app->add_flag("-y,--yes", run->yes, "Confirm; not what cannot be undone");

  auto suggest = std::make_shared<SuggestOptions>();
  app = tree.Add(group, "suggest", "Suggest what you may want to do now.",
                 {"mlctl actions suggest --count 3"},
                 [suggest](Session& session) { return Suggest(session, *suggest); });
  app->add_option("--count", suggest->count, "How many, at most 32 (default: 5)")->type_name("N");

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
