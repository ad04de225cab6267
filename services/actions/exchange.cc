#include "services/actions/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "runtime/base/reasons.h"
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

absl::Status ProviderError(Reason reason, const std::string& provider, std::string_view message) {
  ErrorFacts facts;
  facts.metadata = {{"provider", provider}};
  return MakeError(reason, message, std::move(facts));
}

absl::Status QuotaError(std::string_view message) {
  ErrorFacts facts;
  facts.metadata = {{"quota", "action_runs"}};
  facts.retry_delay = absl::Seconds(1);
  return MakeError(Reason::kClientQuotaExceeded, message, std::move(facts));
}

}  // namespace

ActionExchange::ActionExchange(ExchangeOutput* output, std::function<std::string()> make_id,
                               ExchangeLimits limits)
    : output_(output), make_id_(std::move(make_id)), limits_(limits) {}

// ---- Providers

absl::Status ActionExchange::ProviderRegisters(uint64_t stream, const ActionActor& actor,
                                               const v1::RegisterProvider& message,
                                               absl::Time now) {
  const absl::StatusOr<ActionRegistry::Registered> registered =
      registry_.Register(stream, actor, message.declaration());
  if (!registered.ok()) return registered.status();
  const ActionRegistry::Key key(actor.user_id, registered->declaration->id());
  Stream added;
  added.key = key;
  streams_[stream] = std::move(added);
  v1::ProvideResponse response;
  *response.mutable_registered()->mutable_declaration() = *registered->declaration;
  output_->ToProvider(stream, response);
  if (registered->replaced != 0) {
    ProviderGone(registered->replaced, now);
    output_->EndProvider(
        registered->replaced,
        MakeError(Reason::kCancelled, "Another connection of this app took the provider over."));
  }
  starting_.erase(key);
  ResumeWaiting(key, now);
  return absl::OkStatus();
}

void ActionExchange::ResumeWaiting(const ActionRegistry::Key& key, absl::Time now) {
  const auto waiting = RunIds([&key](const Run& run) {
    return run.waits == Waits::kProvider && run.actor.user_id == key.first &&
           run.provider.declaration->id() == key.second;
  });
  for (const std::string& id : waiting) {
    if (const auto found = runs_.find(id); found != runs_.end()) Advance(found->second, now);
  }
}

void ActionExchange::ProviderGone(uint64_t stream, absl::Time now) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  const std::string provider = found->second.key.second;
  streams_.erase(found);
  registry_.Unregister(stream);
  const auto touched = RunIds([&](const Run& run) {
    if (run.stream == stream) return true;
    const auto query = queries_.find(run.query);
    return query != queries_.end() && query->second.stream == stream;
  });
  for (const std::string& id : touched) {
    const auto entry = runs_.find(id);
    if (entry == runs_.end()) continue;
    Run& run = entry->second;
    const bool started = run.stream != 0;
    ErrorFacts facts;
    facts.metadata = {{"provider", provider}, {"started", started ? "true" : "false"}};
    run.stream = 0;
    EndRun(run,
           MakeError(Reason::kActionProviderLost,
                     started ? absl::StrCat("The app of ", provider,
                                            " ended in the middle of the action. What it had done "
                                            "by then is not known.")
                             : absl::StrCat("The app of ", provider,
                                            " ended before the action began. Nothing was done."),
                     std::move(facts)),
           nullptr, now);
  }
}

void ActionExchange::ProviderStartFailed(uid_t user, const std::string& provider,
                                         const absl::Status& status, absl::Time now) {
  const ActionRegistry::Key key(user, provider);
  starting_.erase(key);
  const auto waiting = RunIds([&](const Run& run) {
    return run.waits == Waits::kProvider && run.actor.user_id == user &&
           run.provider.declaration->id() == provider;
  });
  for (const std::string& id : waiting) {
    const auto found = runs_.find(id);
    if (found == runs_.end()) continue;
    EndRun(found->second,
           ProviderError(Reason::kActionProviderUnavailable, provider, status.message()), nullptr,
           now);
  }
}

void ActionExchange::Reject(uint64_t stream, std::string_view id, std::string_view reason,
                            std::string_view message, absl::Time now) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  if (++found->second.rejections >= limits_.rejections) {
    ProviderGone(stream, now);
    output_->EndProvider(
        stream,
        FieldError("message", absl::StrCat("was wrong ", limits_.rejections,
                                           " times on this stream; the last time: ", message)));
    return;
  }
  v1::ProvideResponse response;
  response.mutable_rejected()->set_id(MakePlainLine(id, 64));
  response.mutable_rejected()->set_reason(std::string(reason));
  response.mutable_rejected()->set_message(std::string(message));
  output_->ToProvider(stream, response);
}

ActionExchange::Run* ActionExchange::RunOf(uint64_t stream, const std::string& run_id,
                                           absl::Time now) {
  const auto found = runs_.find(run_id);
  if (found != runs_.end() && found->second.stream == stream) return &found->second;
  const auto& cancelled = streams_[stream].cancelled;
  if (std::find(cancelled.begin(), cancelled.end(), run_id) != cancelled.end()) return nullptr;
  // The same for a run that never was, one that is over and one of another provider: nothing is
  // told of others.
  Reject(stream, run_id, "ACTION_RUN_NOT_FOUND", "There is no such run of this provider's now.",
         now);
  return nullptr;
}

void ActionExchange::ProviderSays(uint64_t stream, const v1::ProvideRequest& message,
                                  absl::Time now) {
  if (!streams_.contains(stream)) return;
  switch (message.message_case()) {
    case v1::ProvideRequest::kEntityAnswer:
      return OnEntities(stream, message.entity_answer(), now);
    case v1::ProvideRequest::kProgress:
      if (Run* run = RunOf(stream, message.progress().run_id(), now)) {
        OnProgress(*run, message.progress(), now);
      }
      return;
    case v1::ProvideRequest::kValueQuestion:
      if (Run* run = RunOf(stream, message.value_question().run_id(), now)) {
        OnValueQuestion(stream, *run, message.value_question(), now);
      }
      return;
    case v1::ProvideRequest::kConfirmationQuestion:
      if (Run* run = RunOf(stream, message.confirmation_question().run_id(), now)) {
        OnConfirmationQuestion(stream, *run, message.confirmation_question(), now);
      }
      return;
    case v1::ProvideRequest::kFinished:
      if (Run* run = RunOf(stream, message.finished().run_id(), now)) {
        OnFinished(stream, *run, message.finished(), now);
      }
      return;
    case v1::ProvideRequest::kFailed:
      if (Run* run = RunOf(stream, message.failed().run_id(), now)) {
        const v1::RunFailed& failed = message.failed();
        ErrorFacts facts;
        facts.metadata = {{"provider", run->provider.declaration->id()},
                          {"code", IsActionIdentifier(failed.code()) ? failed.code() : ""}};
        const std::string words = MakePlainLine(failed.message(), 1024);
        run->stream = 0;
        EndRun(*run,
               MakeError(Reason::kActionFailed,
                         words.empty() ? absl::StrCat(run->provider.declaration->title(),
                                                      " could not do it, and does not say why.")
                                       : words,
                         std::move(facts)),
               nullptr, now);
      }
      return;
    case v1::ProvideRequest::kRegister:
      return Reject(stream, "", "FIELD_INVALID", "register comes once, as the first message.", now);
    case v1::ProvideRequest::MESSAGE_NOT_SET:
      return Reject(stream, "", "FIELD_INVALID", "A message of a kind that is not known.", now);
  }
}

void ActionExchange::OnProgress(Run& run, const v1::RunProgress& progress, absl::Time now) {
  if (run.waits == Waits::kProgress) Wait(run, Waits::kProgress, now + limits_.progress);
  v1::RunActionResponse response;
  v1::RunProgressed& progressed = *response.mutable_progress();
  *progressed.mutable_progress() = progress.progress();
  if (progress.progress().total() > 0 && progress.progress().done() > progress.progress().total()) {
    progressed.mutable_progress()->set_done(progress.progress().total());
  }
  progressed.set_message(MakePlainLine(progress.message(), 256));
  Tell(run, response);
}

void ActionExchange::OnValueQuestion(uint64_t stream, Run& run, const v1::ValueQuestion& asked,
                                     absl::Time now) {
  const auto reject = [&](std::string_view message) {
    Reject(stream, run.id, "FIELD_INVALID", message, now);
  };
  if (run.waits != Waits::kProgress) return reject("A question of this run is open already.");
  const v1::ActionParameter* parameter = FindParameter(*run.action, asked.parameter());
  if (parameter == nullptr) return reject("The action has no such parameter.");
  if (!IsPlainLine(asked.prompt(), 256) || asked.options_size() > 64) {
    return reject("A prompt takes one line of 256 bytes, and options are at most 64.");
  }
  Question question;
  question.parameter = asked.parameter();
  question.from_provider = true;
  for (const v1::ActionValue& option : asked.options()) {
    absl::Status status = CheckValue("options", parameter->type(), option,
                                     *run.provider.declaration, ValueOrigin::kProvider);
    if (!status.ok()) return reject("An option is not of the parameter's type.");
    question.options.push_back(option);
  }
  AskValue(run, *parameter, std::move(question),
           asked.prompt().empty() ? parameter->prompt() : asked.prompt(), "", false, now);
}

void ActionExchange::OnConfirmationQuestion(uint64_t stream, Run& run,
                                            const v1::ConfirmationQuestion& asked, absl::Time now) {
  if (run.waits != Waits::kProgress) {
    return Reject(stream, run.id, "FIELD_INVALID", "A question of this run is open already.", now);
  }
  if (asked.prompt().empty() || !IsPlainLine(asked.prompt(), 1024)) {
    return Reject(stream, run.id, "FIELD_INVALID",
                  "A confirmation needs a prompt of one line, at most 1,024 bytes.", now);
  }
  AskPerson(run, v1::CONFIRMATION_KIND_PROVIDER,
            absl::StrCat(run.provider.declaration->title(), ": ", asked.prompt()), now);
}

void ActionExchange::OnFinished(uint64_t stream, Run& run, const v1::RunFinished& finished,
                                absl::Time now) {
  const absl::Status status =
      CheckResult(*run.action, finished.result(), *run.provider.declaration);
  // Either way the provider is done with it.
  run.stream = 0;
  if (!status.ok()) {
    const std::string id = run.id;
    ErrorFacts facts;
    facts.metadata = {{"provider", run.provider.declaration->id()},
                      {"field", FactsOf(status).field}};
    EndRun(run,
           MakeError(Reason::kActionResultInvalid,
                     absl::StrCat(run.provider.declaration->title(),
                                  " answered with what its declaration does not allow: ",
                                  FactsOf(status).field, " ", status.message()),
                     std::move(facts)),
           nullptr, now);
    return Reject(stream, id, "ACTION_RESULT_INVALID", status.message(), now);
  }
  v1::RunCompleted completed;
  *completed.mutable_result() = finished.result();
  EndRun(run, absl::OkStatus(), &completed, now);
}

void ActionExchange::OnEntities(uint64_t stream, const v1::EntityAnswer& answer, absl::Time now) {
  const auto found = queries_.find(answer.query_id());
  if (found == queries_.end() || found->second.stream != stream) {
    const auto& cancelled = streams_[stream].cancelled;
    if (std::find(cancelled.begin(), cancelled.end(), answer.query_id()) != cancelled.end()) return;
    return Reject(stream, answer.query_id(), "ACTION_RUN_NOT_FOUND",
                  "There is no such query of this provider's now.", now);
  }
  const Query query = found->second;
  queries_.erase(found);
  const auto entry = runs_.find(query.run);
  if (entry == runs_.end()) return;
  Run& run = entry->second;
  run.query.clear();
  absl::Status status = CheckEntities(query.entity_type, answer, *run.provider.declaration);
  if (status.ok() && query.by == Query::By::kId) {
    if (answer.entities_size() > 1 ||
        (answer.entities_size() == 1 && answer.entities(0).id() != query.text)) {
      status = FieldError("entities", "must be the one with the asked key, or none.");
    }
  }
  if (!status.ok()) {
    EndRun(run,
           ProviderError(Reason::kActionResultInvalid, run.provider.declaration->id(),
                         absl::StrCat(run.provider.declaration->title(),
                                      " answered a question for its things with what its "
                                      "declaration does not allow: ",
                                      FactsOf(status).field, " ", status.message())),
           nullptr, now);
    return Reject(stream, answer.query_id(), "ACTION_RESULT_INVALID", status.message(), now);
  }
  const v1::ActionParameter& parameter = *FindParameter(*run.action, query.slot.parameter);
  std::vector<v1::ActionValue> options;
  for (const v1::EntityReference& entity : answer.entities()) {
    *options.emplace_back().mutable_entity_value() = entity;
    options.back().mutable_entity_value()->clear_synonyms();
  }
  if (query.by == Query::By::kSuggested) {
    run.suggested[query.slot.parameter] = std::move(options);
    return Advance(run, now);
  }
  if (options.size() == 1) {
    SetSlot(query.slot.item, options.front(), &run.values[query.slot.parameter]);
    run.resolved.insert(query.slot);
    return Advance(run, now);
  }
  Question question;
  question.parameter = query.slot.parameter;
  question.slot = query.slot;
  question.options = std::move(options);
  const std::string said = MakePlainLine(query.text, 80);
  const v1::EntityType* type = FindEntityType(*run.provider.declaration, query.entity_type);
  if (question.options.empty()) {
    if (query.slot.item < 0) run.values.erase(query.slot.parameter);
    const std::string problem = absl::StrCat("There is no ", type->title(), " “", said, "” in ",
                                             run.provider.declaration->title(), ".");
    if (++run.wrong_answers > limits_.wrong_answers) {
      return EndRun(run, FieldError(absl::StrCat("values[", parameter.id(), "]"), problem), nullptr,
                    now);
    }
    return AskValue(run, parameter, std::move(question), parameter.prompt(), problem, false, now);
  }
  AskValue(run, parameter, std::move(question),
           absl::StrCat("Several fit “", said, "”. Which ", type->title(), "?"), "", true, now);
}

// ---- Callers

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
  const KeptKey key(absl::StrCat(actor.user_id, ":", caller), start.request_id());
  const std::string fingerprint = Fingerprint(found->action->name(), start);
  if (!start.request_id().empty()) {
    const auto differs = [] {
      return FieldError("start.request_id",
                        "was used for another action or other values by this caller.");
    };
    if (const auto kept = kept_.find(key); kept != kept_.end() && kept->second.until > now) {
      if (kept->second.fingerprint != fingerprint) return differs();
      if (!kept->second.status.ok()) return kept->second.status;
      v1::RunActionResponse response;
      *response.mutable_completed() = kept->second.completed;
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

void ActionExchange::TakeValue(Run& run, const v1::ActionValue& value, absl::Time now) {
  const v1::ActionParameter& parameter = *FindParameter(*run.action, run.question.parameter);
  const int item = run.question.slot.item;
  const v1::ActionValueType& type = item >= 0 ? parameter.type().list().item() : parameter.type();
  // In mid-action the provider is not asked for its things once more.
  absl::Status status =
      CheckValue("value", type, value, *run.provider.declaration,
                 run.question.from_provider ? ValueOrigin::kProvider : ValueOrigin::kCaller);
  if (!status.ok()) {
    if (++run.wrong_answers > limits_.wrong_answers) {
      return EndRun(run, status, nullptr, now);
    }
    Question question = run.question;
    const std::string problem = absl::StrCat("The value ", status.message());
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

// ---- Ends

void ActionExchange::EndRun(Run& run, const absl::Status& status, const v1::RunCompleted* completed,
                            absl::Time now) {
  StopAsking(run);
  v1::RunCompleted answer;
  if (completed != nullptr) {
    answer = *completed;
    SetElapsed(now - run.started, &answer);
  }
  if (!run.query.empty()) {
    if (const auto query = queries_.find(run.query); query != queries_.end()) {
      Forgive(query->second.stream, run.query);
      queries_.erase(query);
    }
  }
  if (run.stream != 0) {
    v1::ProvideResponse response;
    response.mutable_cancelled()->set_run_id(run.id);
    TellProvider(run, response);
    Forgive(run.stream, run.id);
  }
  if (!run.request_id.empty()) Keep(run, status, completed == nullptr ? nullptr : &answer, now);
  if (completed != nullptr) {
    output_->RunDone(run.actor.user_id, run.action->name(), run.values);
  }
  std::vector<uint64_t> calls = run.joined;
  if (run.call != 0) calls.push_back(run.call);
  for (const uint64_t call : calls) by_call_.erase(call);
  runs_.erase(std::string(run.id));
  for (const uint64_t call : calls) {
    if (completed != nullptr) {
      v1::RunActionResponse response;
      *response.mutable_completed() = answer;
      output_->ToCaller(call, response);
    }
    output_->EndCaller(call, status);
  }
}

void ActionExchange::Forgive(uint64_t stream, const std::string& id) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second.cancelled.push_back(id);
  while (found->second.cancelled.size() > 256) found->second.cancelled.pop_front();
}

void ActionExchange::Keep(const Run& run, const absl::Status& status,
                          const v1::RunCompleted* completed, absl::Time now) {
  const KeptKey key(absl::StrCat(run.actor.user_id, ":", run.caller), run.request_id);
  Kept kept;
  kept.fingerprint = run.fingerprint;
  kept.status = status;
  if (completed != nullptr) kept.completed = *completed;
  kept.until = now + limits_.kept;
  kept.bytes = kept.fingerprint.size() + kept.completed.ByteSizeLong() + 256;
  const auto forget = [this](const std::deque<KeptKey>::iterator& it) {
    if (const auto old = kept_.find(*it); old != kept_.end()) {
      kept_bytes_ -= old->second.bytes;
      kept_.erase(old);
    }
    return kept_order_.erase(it);
  };
  size_t mine = 0;
  for (auto it = kept_order_.begin(); it != kept_order_.end();) {
    const auto old = kept_.find(*it);
    if (old == kept_.end() || old->second.until <= now || *it == key) {
      it = forget(it);
    } else {
      mine += it->first == key.first ? 1 : 0;
      ++it;
    }
  }
  for (auto it = kept_order_.begin(); it != kept_order_.end() && mine >= limits_.kept_of_caller;) {
    if (it->first == key.first) {
      --mine;
      it = forget(it);
    } else {
      ++it;
    }
  }
  while (!kept_order_.empty() && kept_bytes_ + kept.bytes > limits_.kept_bytes) {
    forget(kept_order_.begin());
  }
  kept_bytes_ += kept.bytes;
  kept_[key] = std::move(kept);
  kept_order_.push_back(key);
}

void ActionExchange::Tick(absl::Time now) {
  std::vector<ActionRegistry::Key> late;
  for (const auto& [key, until] : starting_) {
    if (until <= now) late.push_back(key);
  }
  for (const ActionRegistry::Key& key : late) {
    ProviderStartFailed(
        key.first, key.second,
        absl::UnavailableError(
            absl::StrCat("The app of ", key.second, " was started and has not connected in time.")),
        now);
  }
  const auto expired = RunIds([now](const Run& run) { return run.deadline <= now; });
  for (const std::string& id : expired) {
    const auto found = runs_.find(id);
    if (found == runs_.end()) continue;
    Run& run = found->second;
    const std::string& title = run.provider.declaration->title();
    const auto [what, words] = [&]() -> std::pair<std::string, std::string> {
      switch (run.waits) {
        case Waits::kEntities:
          return {"entities", absl::StrCat(title, " did not say which things it has in time.")};
        case Waits::kValue:
          return {"value", "A value was asked for, and none came in time."};
        case Waits::kConfirmation:
          return {"confirmation", "A confirmation was asked for, and none came in time."};
        default:
          return {"progress", absl::StrCat(title, " has shown no progress for ",
                                           absl::FormatDuration(limits_.progress), ".")};
      }
    }();
    ErrorFacts facts;
    facts.metadata = {{"waiting_for", what}, {"provider", run.provider.declaration->id()}};
    EndRun(run, MakeError(Reason::kActionTimedOut, words, std::move(facts)), nullptr, now);
  }
}

absl::Time ActionExchange::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, run] : runs_) next = std::min(next, run.deadline);
  for (const auto& [key, until] : starting_) next = std::min(next, until);
  return next;
}

void ActionExchange::Wait(Run& run, Waits waits, absl::Time deadline) {
  run.waits = waits;
  run.deadline = deadline;
}

void ActionExchange::Tell(const Run& run, const v1::RunActionResponse& message) {
  if (run.call != 0) output_->ToCaller(run.call, message);
}

void ActionExchange::TellProvider(const Run& run, const v1::ProvideResponse& message) {
  if (streams_.contains(run.stream)) output_->ToProvider(run.stream, message);
}

std::vector<std::string> ActionExchange::RunIds(
    const std::function<bool(const Run&)>& wanted) const {
  std::vector<std::string> ids;
  for (const auto& [id, run] : runs_) {
    if (wanted(run)) ids.push_back(id);
  }
  return ids;
}

}  // namespace intelligenced
