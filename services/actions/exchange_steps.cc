// The way of a run: grant, provider, entities, missing values, confirmation, the run itself.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/actions/exchange.h"
#include "services/actions/results.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr uint32_t kMaxOptions = 64;

}  // namespace

GrantTable::Key ActionExchange::GrantKey(const Run& run) const {
  return {run.actor.user_id, run.caller, run.provider.declaration->id(), run.provider.owner};
}

void ActionExchange::Advance(Run& run, absl::Time now) {
  Wait(run, Waits::kNothing, absl::InfiniteFuture());
  // Each step is true when there is nothing left to do for it; else the run waits, or is gone.
  if (AdvanceGrant(run, now) && AdvanceProvider(run, now) && AdvanceEntities(run, now) &&
      AdvanceMissing(run, now) && AdvanceConfirmation(run, now)) {
    Dispatch(run, now);
  }
}

bool ActionExchange::AdvanceGrant(Run& run, absl::Time now) {
  if (run.granted) return true;
  const v1::GrantPolicy policy = grants_.Find(GrantKey(run));
  if (policy == v1::GRANT_POLICY_NEVER) {
    NotConfirmed(run, v1::CONFIRMATION_KIND_GRANT, "the person has forbidden it", now);
    return false;
  }
  const bool own = run.caller == run.provider.owner;
  if (policy == v1::GRANT_POLICY_ALWAYS || run.asks_here || own) {
    run.granted = true;
    run.always = policy == v1::GRANT_POLICY_ALWAYS || own;
    return true;
  }
  AskPerson(run, v1::CONFIRMATION_KIND_GRANT,
            absl::StrCat("May ", MakePlainLine(run.actor.display_name, 64), " (",
                         MakePlainLine(run.caller, 256), ") use the actions of ",
                         run.provider.declaration->title(), "?"),
            now);
  return false;
}

bool ActionExchange::AdvanceProvider(Run& run, absl::Time now) {
  const std::string id = run.provider.declaration->id();
  std::optional<ProviderView> present = registry_.FindProvider(run.actor.user_id, id);
  if (present.has_value() && present->stream != 0) {
    if (present->declaration == run.provider.declaration) {
      run.provider.stream = present->stream;
      return true;
    }
    // It came with another declaration than the one this run began with.
    const v1::Action* same = nullptr;
    for (const v1::Action& action : present->declaration->actions()) {
      if (action.id() == run.action->id()) same = &action;
    }
    if (same == nullptr) {
      EndRun(
          run,
          MakeError(Reason::kActionNotFound, absl::StrCat(present->declaration->title(),
                                                          " does not offer this action any more.")),
          nullptr, now);
      return false;
    }
    absl::Status status =
        CheckValues(*same, run.values, *present->declaration, ValueOrigin::kCaller);
    if (!status.ok()) {
      EndRun(run, status, nullptr, now);
      return false;
    }
    run.provider = *std::move(present);
    run.action = same;
    return true;
  }
  if (!present.has_value() || !present->startable()) {
    ErrorFacts facts;
    facts.metadata = {{"provider", id}};
    EndRun(run,
           MakeError(Reason::kActionProviderUnavailable,
                     absl::StrCat("The app of ", id,
                                  " is not running, and nothing says how to "
                                  "start it. Start it and try again."),
                     std::move(facts)),
           nullptr, now);
    return false;
  }
  v1::RunActionResponse response;
  response.mutable_provider_starting()->set_provider(id);
  Tell(run, response);
  // Its limit is that of the start.
  Wait(run, Waits::kProvider, absl::InfiniteFuture());
  const ActionRegistry::Key key(run.actor.user_id, id);
  if (!starting_.contains(key)) {
    starting_[key] = now + absl::Seconds(present->file->start.timeout_seconds);
    output_->StartProvider(run.actor.user_id, present->file);
  }
  return false;
}

void ActionExchange::SendQuery(Run& run, const Slot& slot, const std::string& entity_type,
                               Query::By by, const std::string& text, absl::Time now) {
  run.query = make_id_();
  queries_[run.query] = {.stream = run.provider.stream,
                         .run = run.id,
                         .entity_type = entity_type,
                         .slot = slot,
                         .by = by,
                         .text = text};
  v1::ProvideResponse response;
  v1::EntityQuery& query = *response.mutable_entity_query();
  query.set_query_id(run.query);
  query.set_entity_type(entity_type);
  query.set_limit(kMaxOptions);
  switch (by) {
    case Query::By::kId:
      query.set_id(text);
      break;
    case Query::By::kText:
      query.set_text(text);
      break;
    case Query::By::kSuggested:
      query.set_suggested(true);
      break;
  }
  Wait(run, Waits::kEntities, now + limits_.entities);
  output_->ToProvider(run.provider.stream, response);
}

bool ActionExchange::AdvanceEntities(Run& run, absl::Time now) {
  for (const v1::ActionParameter& parameter : run.action->parameters()) {
    const auto value = run.values.find(parameter.id());
    if (value == run.values.end()) continue;
    const bool list = parameter.type().has_list();
    const v1::ActionValueType& type = list ? parameter.type().list().item() : parameter.type();
    if (!type.has_entity()) continue;
    const int count = list ? value->second.list_value().items_size() : 1;
    for (int i = 0; i < count; ++i) {
      const Slot slot{parameter.id(), list ? i : -1};
      if (run.resolved.contains(slot)) continue;
      const v1::EntityReference& entity =
          list ? value->second.list_value().items(i).entity_value() : value->second.entity_value();
      const bool by_id = !entity.id().empty();
      SendQuery(run, slot, type.entity().id(), by_id ? Query::By::kId : Query::By::kText,
                by_id ? entity.id() : entity.title(), now);
      return false;
    }
  }
  return true;
}

bool ActionExchange::AdvanceMissing(Run& run, absl::Time now) {
  for (const v1::ActionParameter& parameter : run.action->parameters()) {
    if (parameter.optional() || run.values.contains(parameter.id())) continue;
    Question question;
    question.parameter = parameter.id();
    question.slot.parameter = parameter.id();
    if (parameter.type().has_entity()) {
      const auto options = run.suggested.find(parameter.id());
      if (options == run.suggested.end()) {
        SendQuery(run, {parameter.id(), -1}, parameter.type().entity().id(), Query::By::kSuggested,
                  "", now);
        return false;
      }
      question.options = options->second;
    }
    AskValue(run, parameter, std::move(question), parameter.prompt(), "", false, now);
    return false;
  }
  return true;
}

bool ActionExchange::AdvanceConfirmation(Run& run, absl::Time now) {
  if (run.confirmed || (!run.action->requires_confirmation() && !run.action->is_destructive())) {
    return true;
  }
  AskPerson(run, v1::CONFIRMATION_KIND_RUN,
            DescribeRun(*run.action, *run.provider.declaration, run.values), now);
  return false;
}

void ActionExchange::Dispatch(Run& run, absl::Time now) {
  run.stream = run.provider.stream;
  v1::ProvideResponse response;
  v1::ProviderRun& message = *response.mutable_run();
  message.set_run_id(run.id);
  message.set_action(run.action->id());
  *message.mutable_values() = run.values;
  message.set_caller_display_name(MakePlainLine(run.actor.display_name, 64));
  Wait(run, Waits::kProgress, now + limits_.progress);
  output_->ToProvider(run.stream, response);
}

void ActionExchange::AskValue(Run& run, const v1::ActionParameter& parameter, Question question,
                              std::string_view prompt, std::string_view problem, bool disambiguates,
                              absl::Time now) {
  if (run.half_closed || run.call == 0) {
    ErrorFacts facts;
    facts.metadata = {{"parameter", parameter.id()}};
    return EndRun(run,
                  MakeError(Reason::kActionValueMissing,
                            absl::StrCat(problem.empty() ? "" : absl::StrCat(problem, " "),
                                         "A value for ", parameter.id(), " is needed: ", prompt),
                            std::move(facts)),
                  nullptr, now);
  }
  run.question = std::move(question);
  v1::RunActionResponse response;
  if (disambiguates) {
    v1::Disambiguation& event = *response.mutable_disambiguation();
    event.set_parameter(parameter.id());
    event.set_prompt(std::string(prompt));
    event.set_problem(std::string(problem));
    for (const v1::ActionValue& option : run.question.options) *event.add_options() = option;
  } else {
    v1::NeedsValue& event = *response.mutable_needs_value();
    event.set_parameter(parameter.id());
    *event.mutable_type() =
        run.question.slot.item >= 0 ? parameter.type().list().item() : parameter.type();
    event.set_prompt(std::string(prompt));
    event.set_problem(std::string(problem));
    for (const v1::ActionValue& option : run.question.options) *event.add_options() = option;
  }
  Wait(run, Waits::kValue, now + limits_.question);
  Tell(run, response);
}

// ---- The person

bool ActionExchange::HasConfirmer(uid_t user) const {
  return std::any_of(confirmers_.begin(), confirmers_.end(),
                     [user](const auto& entry) { return entry.second.user_id == user; });
}

bool ActionExchange::AskPerson(Run& run, v1::ConfirmationKind kind, std::string_view prompt,
                               absl::Time now) {
  // A caller that the person trusts with this provider may put harmless questions itself; what
  // cannot be undone, and the trust itself, it may not answer.
  const bool here = run.asks_here || (kind != v1::CONFIRMATION_KIND_GRANT && run.always &&
                                      !run.action->is_destructive());
  run.question = Question();
  run.question.kind = kind;
  run.question.here = here;
  v1::NeedsConfirmation& confirmation = run.question.confirmation;
  confirmation.set_kind(kind);
  confirmation.set_prompt(std::string(prompt));
  confirmation.set_is_destructive(run.action->is_destructive());
  v1::RunActionResponse response;
  if (here) {
    if (run.half_closed || run.call == 0) {
      NotConfirmed(run, kind, "nobody answers here", now);
      return false;
    }
    *response.mutable_needs_confirmation() = confirmation;
    Wait(run, Waits::kConfirmation, now + limits_.question);
    Tell(run, response);
    return true;
  }
  if (!HasConfirmer(run.actor.user_id)) {
    NotConfirmed(run, kind, "nobody is there to ask", now);
    return false;
  }
  run.question.id = make_id_();
  questions_[run.question.id] = run.id;
  response.mutable_waiting_for_person()->set_kind(kind);
  Wait(run, Waits::kConfirmation, now + limits_.question);
  Tell(run, response);
  const uid_t user = run.actor.user_id;
  for (const auto& [stream, actor] : confirmers_) {
    if (actor.user_id == user) PutQuestion(stream, run);
  }
  return true;
}

void ActionExchange::PutQuestion(uint64_t confirmer, const Run& run) {
  v1::AnswerConfirmationsResponse asked;
  v1::PersonQuestion& question = *asked.mutable_question();
  question.set_question_id(run.question.id);
  question.set_caller(run.caller);
  question.set_caller_display_name(MakePlainLine(run.actor.display_name, 64));
  question.set_action(run.action->name());
  *question.mutable_confirmation() = run.question.confirmation;
  output_->ToConfirmer(confirmer, asked);
}

void ActionExchange::TakeDecision(Run& run, v1::ConfirmationDecision decision, absl::Time now) {
  const v1::ConfirmationKind kind = run.question.kind;
  const bool allowed = decision == v1::CONFIRMATION_DECISION_ALLOW;
  StopAsking(run);
  if (kind == v1::CONFIRMATION_KIND_GRANT) {
    const bool never = decision == v1::CONFIRMATION_DECISION_NEVER;
    if (allowed || never) {
      const absl::Status kept =
          grants_.Set(GrantKey(run), allowed ? v1::GRANT_POLICY_ALWAYS : v1::GRANT_POLICY_NEVER);
      // Without room the answer holds this once.
      if (kept.ok()) output_->SaveGrants();
    }
    if (!allowed) return NotConfirmed(run, kind, "the person said no", now);
    run.granted = true;
    run.always = true;
    return Advance(run, now);
  }
  if (!allowed) return NotConfirmed(run, kind, "the person said no", now);
  if (kind == v1::CONFIRMATION_KIND_RUN) {
    run.confirmed = true;
    return Advance(run, now);
  }
  v1::ProvideResponse response;
  response.mutable_answer()->set_run_id(run.id);
  response.mutable_answer()->set_confirmed(true);
  Wait(run, Waits::kProgress, now + limits_.progress);
  TellProvider(run, response);
}

void ActionExchange::NotConfirmed(Run& run, v1::ConfirmationKind kind, std::string_view why,
                                  absl::Time now) {
  const std::string provider = run.provider.declaration->id();
  if (kind == v1::CONFIRMATION_KIND_GRANT) {
    ErrorFacts facts;
    facts.metadata = {{"caller", run.caller}, {"provider", provider}};
    return EndRun(run,
                  MakeError(Reason::kCallerNotAuthorized,
                            absl::StrCat(run.caller, " may not run actions of ", provider, ": ",
                                         why, ". `mlctl actions grant ", run.caller, " ", provider,
                                         "` allows it."),
                            std::move(facts)),
                  nullptr, now);
  }
  if (run.stream != 0 && streams_.contains(run.stream)) {
    v1::ProvideResponse response;
    response.mutable_answer()->set_run_id(run.id);
    response.mutable_answer()->set_confirmed(false);
    TellProvider(run, response);
  }
  ErrorFacts facts;
  facts.metadata = {{"action", run.action->name()}};
  EndRun(run,
         MakeError(Reason::kActionNotConfirmed,
                   absl::StrCat("“", run.action->title(), "” needs the person's word, and ", why,
                                run.stream != 0 ? "." : ". Nothing was done."),
                   std::move(facts)),
         nullptr, now);
}

void ActionExchange::StopAsking(Run& run) {
  if (!run.question.id.empty()) {
    questions_.erase(run.question.id);
    v1::AnswerConfirmationsResponse response;
    response.set_withdrawn_question_id(run.question.id);
    for (const auto& [stream, actor] : confirmers_) {
      if (actor.user_id == run.actor.user_id) output_->ToConfirmer(stream, response);
    }
  }
  run.question = Question();
}

absl::Status ActionExchange::ConfirmerConnects(uint64_t stream, const ActionActor& actor,
                                               absl::Time) {
  if (!actor.trusted) {
    return MakeError(Reason::kCallerNotAuthorized,
                     absl::StrCat(actor.app,
                                  " is none of the person's clients, so it cannot answer "
                                  "for them. [actions] trusted_clients in the "
                                  "daemon's configuration names these."));
  }
  if (confirmers_.size() >= 256) {
    return MakeError(Reason::kQueueFull, "Too many clients wait for questions.");
  }
  confirmers_[stream] = actor;
  // Those that wait already are put to the new one too.
  for (const auto& [id, run_id] : questions_) {
    const auto run = runs_.find(run_id);
    if (run == runs_.end() || run->second.actor.user_id != actor.user_id) continue;
    PutQuestion(stream, run->second);
  }
  return absl::OkStatus();
}

absl::Status ActionExchange::ConfirmerSays(uint64_t stream,
                                           const v1::AnswerConfirmationsRequest& message,
                                           absl::Time now) {
  const auto confirmer = confirmers_.find(stream);
  if (confirmer == confirmers_.end()) return absl::OkStatus();
  if (message.question_id().empty()) return FieldError("question_id", "is required.");
  const auto question = questions_.find(message.question_id());
  if (question == questions_.end()) return absl::OkStatus();
  const auto run = runs_.find(question->second);
  if (run == runs_.end() || run->second.actor.user_id != confirmer->second.user_id) {
    return absl::OkStatus();
  }
  TakeDecision(run->second, message.decision(), now);
  return absl::OkStatus();
}

void ActionExchange::ConfirmerGone(uint64_t stream, absl::Time now) {
  const auto found = confirmers_.find(stream);
  if (found == confirmers_.end()) return;
  const uid_t user = found->second.user_id;
  confirmers_.erase(found);
  if (HasConfirmer(user)) return;
  const auto asked = RunIds([user](const Run& run) {
    return run.actor.user_id == user && run.waits == Waits::kConfirmation && !run.question.here;
  });
  for (const std::string& id : asked) {
    const auto run = runs_.find(id);
    if (run == runs_.end()) continue;
    NotConfirmed(run->second, run->second.question.kind, "nobody is there to ask", now);
  }
}

}  // namespace intelligenced
