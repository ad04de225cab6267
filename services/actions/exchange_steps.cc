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
    starting_[key] = {.number = ++last_start_,
                      .until = now + absl::Seconds(present->file->start.timeout_seconds)};
    output_->StartProvider(run.actor.user_id, present->file, last_start_);
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

}  // namespace intelligenced
