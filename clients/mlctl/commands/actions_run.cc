#include "clients/mlctl/commands/actions_run.h"

#include <intelligence/actions.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/action_values.h"
#include "clients/mlctl/commands/actions_person.h"
#include "clients/mlctl/json.h"
#include "runtime/base/reasons.h"

namespace intelligenced::mlctl {
namespace {

namespace actions = ::intelligence::actions;

constexpr char kNothingMeant[] =
    "No app offers to do that; `mlctl actions list` shows what they offer.";

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
  std::string method = "phrases";
  std::string model;
};

// Runs with a person's answers, and shows what came of it.
// `said` holds values that the command line gives in a person's words: the daemon asks for them.
int RunWith(Session& session, const intelligence::Client& client,
            const actions::RunRequest& request, bool yes,
            std::map<std::string, std::string> said = {}) {
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
      ErrorFacts facts;
      facts.metadata = {{"parameter", question.parameter}};
      return MakeError(
          Reason::kActionValueMissing,
          absl::StrCat(question.problem, question.problem.empty() ? "" : " ", "A value for ",
                       question.parameter, " is needed: ", question.prompt, choices),
          std::move(facts));
    };
  }
  handlers.value = [&said, ask = std::move(handlers.value)](
                       const actions::ValueQuestion& question) -> absl::StatusOr<actions::Value> {
    const auto found = said.find(question.parameter);
    if (found == said.end()) return ask(question);
    actions::Value value(std::move(found->second));
    said.erase(found);
    return value;
  };
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
  if (!result.ok() && !person.unanswered().empty() &&
      intelligence::ErrorReason(result.status()) == "ACTION_NOT_CONFIRMED") {
    // The daemon knows of the no, and not that nobody was there to say it.
    return session.Fail(MakeError(Reason::kActionNotConfirmed,
                                  absl::StrCat(person.unanswered(), " Nothing was done."),
                                  FactsOf(result.status())));
  }
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
  std::map<std::string, std::string> said;
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
    if (request.values.contains(id) || said.contains(id)) {
      return session.FailUsage(absl::StrCat(id, " is given twice"));
    }
    absl::StatusOr<actions::Value> value = ParseActionValue(found->type, argument.substr(sign + 1));
    // What need not be there is not asked for.
    if (!value.ok() && IsSayable(found->type) && !found->optional && found->default_value.empty()) {
      said[id] = argument.substr(sign + 1);
      continue;
    }
    if (!value.ok()) {
      return session.FailUsage(absl::StrCat(id, ": ", TerminalSafe(value.status().message())));
    }
    request.values[id] = *std::move(value);
  }
  return RunWith(session, *client, request, options.yes, std::move(said));
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
  intelligence::CallOptions call = session.Call();
  call.model = options.model;
  const bool with_model = options.method == "model" || !options.model.empty();
  const auto found = actions::Caller(*client).Resolve(
      {.utterance = utterance,
       .method = with_model ? actions::ResolveMethod::kModel : actions::ResolveMethod::kPhrases},
      call);
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
    if (found->candidates.empty()) session.Note(kNothingMeant);
    return kDone;
  }
  if (found->candidates.empty()) return session.Fail(absl::NotFoundError(kNothingMeant));
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

}  // namespace

void AddAsk(CommandTree& tree, CLI::App* parent, const std::string& command) {
  auto ask = std::make_shared<AskOptions>();
  CLI::App* app =
      tree.Add(parent, "ask", "Do what a sentence says, with the actions that apps offer.",
               {absl::StrCat(command, " add milk to my shopping list"),
                absl::StrCat(command, " \"remind me to call Ana tomorrow at 9\""),
                absl::StrCat(command, " --dry-run delete my shopping list"),
                absl::StrCat(command, " --method model \"we are out of milk\"")},
               [ask](Session& session) { return Ask(session, *ask); });
  app->add_option("sentence", ask->words, "What is to be done")->required()->type_name("WORDS");
  app->add_flag("-y,--yes", ask->yes, "Confirm; not what cannot be undone");
  AddChoice(app, "--method", ask->method, {"phrases", "model"},
            "How the sentence is understood: by the apps' phrases, or by a language model that can "
            "say nothing but their actions (default: phrases)");
  app->add_option("--model", ask->model, "The language model; implies --method model")
      ->type_name("MODEL");
  app->add_flag("--dry-run", ask->dry_run, "Only say what would be run");
}

void AddRun(CommandTree& tree, CLI::App* group) {
  auto run = std::make_shared<RunOptions>();
  CLI::App* app =
      tree.Add(group, "run", "Run an action; what is missing is asked for on a terminal.",
               {"mlctl actions run add-to-list item=milk list=Shopping",
                "mlctl actions run create-reminder what=\"call Ana\" \"when=2026-11-24 09:00\"",
                "mlctl actions run create-reminder what=\"call Ana\" \"when=tomorrow at 9\"",
                "# A thing by its key, and the same run only once:",
                "mlctl actions run show-list list=id:shopping --request-id 4711"},
               [run](Session& session) { return Run(session, *run); });
  app->add_option("action", run->action, "The action")->required()->type_name(kActionType);
  app->add_option("values", run->values, "Its values")->type_name("PARAMETER=VALUE");
  app->add_option("--request-id", run->request_id, "Runs once for all calls with this id")
      ->type_name("ID");
  app->add_flag("-y,--yes", run->yes, "Confirm; not what cannot be undone");
}

}  // namespace intelligenced::mlctl
