// What providers say about runs and things: nothing of it is taken on trust.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/actions/exchange.h"
#include "services/actions/results.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

absl::Status ProviderError(Reason reason, const std::string& provider, std::string_view message) {
  ErrorFacts facts;
  facts.metadata = {{"provider", provider}};
  return MakeError(reason, message, std::move(facts));
}

}  // namespace

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
                     absl::StrCat(
                         run.provider.declaration->title(),
                         " answered with what its declaration does not allow: ", status.message()),
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
                                      status.message())),
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

}  // namespace intelligenced
