// What callers say: a run begins, goes on and is given up.
#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "runtime/base/reasons.h"
#include "services/actions/exchange.h"
#include "services/actions/results.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

std::string Deterministic(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

std::string Fingerprint(const std::string& action, const v1::RunActionStart& start) {
  v1::RunActionStart same;
  same.set_action(action);
  *same.mutable_values() = start.values();
  return Deterministic(same);
}

absl::Status QuotaError(std::string_view message) {
  ErrorFacts facts;
  facts.metadata = {{"quota", "action_runs"}};
  facts.retry_delay = absl::Seconds(1);
  return MakeError(Reason::kClientQuotaExceeded, message, std::move(facts));
}

}  // namespace

absl::Status ActionExchange::StartRun(uint64_t call, const ActionActor& actor,
                                      const v1::RunActionStart& start, absl::Time now) {
  if (!IsPlainLine(start.request_id(), 128)) {
    return FieldError("start.request_id", "must be one line of at most 128 bytes.");
  }
  if (!IsPlainLine(start.on_behalf_of(), 128)) {
    return FieldError("start.on_behalf_of", "must be one line of at most 128 bytes.");
  }
  if (start.action().empty()) return FieldError("start.action", "is required.");
  absl::StatusOr<ActionRegistry::Found> found = registry_.FindAction(actor.user_id, start.action());
  if (!found.ok()) return found.status();
  const std::string caller =
      start.on_behalf_of().empty() ? actor.app : absl::StrCat(actor.app, "#", start.on_behalf_of());
  const KeptRuns::Key key(absl::StrCat(actor.user_id, ":", caller), start.request_id());
  const std::string fingerprint = Fingerprint(found->action->name(), start);
  if (!start.request_id().empty()) {
    const auto differs = [] {
      return FieldError("start.request_id",
                        "was used for another action or other values by this caller.");
    };
    if (const KeptRuns::End* kept = kept_.Find(key, now); kept != nullptr) {
      if (kept->fingerprint != fingerprint) return differs();
      if (!kept->status.ok()) return kept->status;
      v1::RunActionResponse response;
      *response.mutable_completed() = kept->completed;
      output_->ToCaller(call, response);
      output_->EndCaller(call, absl::OkStatus());
      return absl::OkStatus();
    }
    for (auto& [id, run] : runs_) {
      if (run.request_id != start.request_id() || run.caller != caller ||
          run.actor.user_id != actor.user_id) {
        continue;
      }
      if (run.fingerprint != fingerprint) return differs();
      run.joined.push_back(call);
      by_call_[call] = id;
      v1::RunActionResponse response;
      response.mutable_started()->set_run_id(id);
      response.mutable_started()->set_action(run.action->name());
      output_->ToCaller(call, response);
      return absl::OkStatus();
    }
  }
  absl::Status status = CheckValues(*found->action, start.values(), *found->provider.declaration,
                                    ValueOrigin::kCaller);
  if (!status.ok()) return status;
  const auto running = RunIds(
      [&](const Run& run) { return run.caller == caller && run.actor.user_id == actor.user_id; });
  if (running.size() >= limits_.runs_of_caller) {
    return QuotaError(absl::StrCat("This caller has ", running.size(),
                                   " runs, the most there may "
                                   "be at a time."));
  }
  if (runs_.size() >= limits_.runs) {
    ErrorFacts facts;
    facts.retry_delay = absl::Seconds(1);
    return MakeError(Reason::kQueueFull, "Too many actions run now.", std::move(facts));
  }
  Run run;
  run.id = make_id_();
  if (run.id.empty()) {
    return MakeError(Reason::kMemoryInsufficient, "The system has no random numbers to give.");
  }
  run.call = call;
  run.actor = actor;
  run.caller = caller;
  run.asks_here = actor.trusted && start.on_behalf_of().empty();
  run.request_id = start.request_id();
  run.fingerprint = fingerprint;
  run.provider = found->provider;
  run.action = found->action;
  run.values = start.values();
  run.started = now;
  for (const v1::ActionParameter& parameter : run.action->parameters()) {
    if (parameter.has_default_value() && !run.values.contains(parameter.id())) {
      run.values[parameter.id()] = parameter.default_value();
    }
  }
  by_call_[call] = run.id;
  const std::string id = run.id;
  Run& added = runs_.emplace(id, std::move(run)).first->second;
  v1::RunActionResponse response;
  response.mutable_started()->set_run_id(id);
  response.mutable_started()->set_action(added.action->name());
  output_->ToCaller(call, response);
  Advance(added, now);
  return absl::OkStatus();
}

ActionExchange::Run* ActionExchange::RunOfCall(uint64_t call) {
  const auto found = by_call_.find(call);
  if (found == by_call_.end()) return nullptr;
  const auto run = runs_.find(found->second);
  return run == runs_.end() || run->second.call != call ? nullptr : &run->second;
}

void ActionExchange::CallerSays(uint64_t call, const v1::RunActionRequest& message,
                                absl::Time now) {
  Run* run = RunOfCall(call);
  // Of a call that only waits for another's run, and of one that has ended.
  if (run == nullptr) return;
  switch (message.message_case()) {
    case v1::RunActionRequest::kValue:
      if (run->waits == Waits::kValue) return TakeValue(*run, message.value(), now);
      return EndRun(*run, FieldError("value", "was sent without being asked for."), nullptr, now);
    case v1::RunActionRequest::kConfirmation:
      if (run->waits == Waits::kConfirmation && run->question.here) {
        return TakeDecision(*run, message.confirmation(), now);
      }
      return EndRun(*run,
                    FieldError("confirmation",
                               "was sent without being asked for: it is not this "
                               "caller's to give."),
                    nullptr, now);
    default:
      return EndRun(*run, FieldError("message", "must be a value or a confirmation."), nullptr,
                    now);
  }
}

void ActionExchange::TakeValue(Run& run, const v1::ActionValue& answer, absl::Time now) {
  const v1::ActionParameter& parameter = *FindParameter(*run.action, run.question.parameter);
  const int item = run.question.slot.item;
  const v1::ActionValueType& type = item >= 0 ? parameter.type().list().item() : parameter.type();
  v1::ActionValue value = answer;
  if (answer.has_string_value() && !type.has_string()) {
    value = output_->ReadSaid(type, answer.string_value()).value_or(answer);
  }
  // In mid-action the provider is not asked for its things once more.
  absl::Status status =
      CheckValue("value", type, value, *run.provider.declaration,
                 run.question.from_provider ? ValueOrigin::kProvider : ValueOrigin::kCaller);
  if (!status.ok()) {
    if (++run.wrong_answers > limits_.wrong_answers) {
      return EndRun(run, status, nullptr, now);
    }
    Question question = run.question;
    // "value: must be a string." is for programs.
    std::string_view words = status.message();
    absl::ConsumePrefix(&words, absl::StrCat(FactsOf(status).field, ": "));
    const std::string problem = absl::StrCat("The value ", words);
    return AskValue(run, parameter, std::move(question), parameter.prompt(), problem, false, now);
  }
  if (run.question.from_provider) {
    v1::ProvideResponse response;
    response.mutable_answer()->set_run_id(run.id);
    *response.mutable_answer()->mutable_value() = value;
    StopAsking(run);
    Wait(run, Waits::kProgress, now + limits_.progress);
    return TellProvider(run, response);
  }
  const bool known = std::any_of(
      run.question.options.begin(), run.question.options.end(), [&](const v1::ActionValue& option) {
        return value.has_entity_value() && !value.entity_value().id().empty() &&
               option.entity_value().id() == value.entity_value().id();
      });
  SetSlot(item, value, &run.values[parameter.id()]);
  std::erase_if(run.resolved, [&](const Slot& other) {
    return other.parameter == parameter.id() && (item < 0 || other.item == item);
  });
  if (known) run.resolved.insert({parameter.id(), item});
  StopAsking(run);
  Advance(run, now);
}

void ActionExchange::CallerHalfCloses(uint64_t call, absl::Time now) {
  Run* run = RunOfCall(call);
  if (run == nullptr) return;
  run->half_closed = true;
  if (run->waits == Waits::kValue) {
    ErrorFacts facts;
    facts.metadata = {{"parameter", run->question.parameter}};
    return EndRun(*run,
                  MakeError(Reason::kActionValueMissing,
                            absl::StrCat("A value for ", run->question.parameter,
                                         " was asked for, and none came."),
                            std::move(facts)),
                  nullptr, now);
  }
  if (run->waits == Waits::kConfirmation && run->question.here) {
    NotConfirmed(*run, run->question.kind, "nobody answered", now);
  }
}

void ActionExchange::CallerGone(uint64_t call, absl::Time now) {
  const auto found = by_call_.find(call);
  if (found == by_call_.end()) return;
  const auto entry = runs_.find(found->second);
  by_call_.erase(found);
  if (entry == runs_.end()) return;
  Run& run = entry->second;
  std::erase(run.joined, call);
  if (run.call != call) return;
  run.call = 0;
  EndRun(run, MakeError(Reason::kCancelled, "The caller left."), nullptr, now);
}

absl::Status ActionExchange::Cancel(const ActionActor& actor, const std::string& run_id,
                                    absl::Time now) {
  const auto found = runs_.find(run_id);
  if (found == runs_.end() || found->second.actor.user_id != actor.user_id ||
      (!actor.trusted && found->second.actor.app != actor.app)) {
    return MakeError(Reason::kActionRunNotFound,
                     "There is no such run of this caller's; it may have ended.");
  }
  EndRun(found->second, MakeError(Reason::kCancelled, "The action was cancelled."), nullptr, now);
  return absl::OkStatus();
}

}  // namespace intelligenced
