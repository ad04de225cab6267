#include "services/language_model/sessions.h"

#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "services/language_model/guided_request.h"
#include "services/language_model/pictures.h"
#include "services/language_model/task.h"
#include "services/rpc/job_group.h"
#include "services/rpc/model_run.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kCapability = "language.generate";

std::string BareId(std::string_view name) {
  return std::string(absl::StripPrefix(name, "sessions/"));
}

template <typename Messages>
void AddMessages(const Messages& messages, Transcript& to) {
  for (const v1::Message& message : messages) {
    to.push_back(std::make_shared<const v1::Message>(message));
  }
}

void AddMessage(v1::Role role, const std::string& text, Transcript& to) {
  v1::Message message;
  message.set_role(role);
  message.set_text(text);
  to.push_back(std::make_shared<const v1::Message>(std::move(message)));
}

Transcript NewMessages(const v1::GenerateTextRequest& request) {
  Transcript messages;
  if (request.has_prompt()) AddMessage(v1::ROLE_USER, request.prompt(), messages);
  AddMessages(request.conversation().messages(), messages);
  return messages;
}

Transcript NewMessages(const v1::CountTokensRequest& request) {
  Transcript messages;
  if (request.has_text()) AddMessage(v1::ROLE_USER, request.text(), messages);
  AddMessages(request.conversation().messages(), messages);
  return messages;
}

// What a session keeps of its model, and what asks for it: "model" or "model/function".
std::string ReferenceTo(std::string_view model, std::string_view function) {
  return function.empty() ? std::string(model) : absl::StrCat(model, "/", function);
}

// Of a reference as above.
std::string ResourceName(std::string_view reference) {
  const size_t slash = reference.find('/');
  if (slash == std::string_view::npos) return ModelResourceName(reference);
  return absl::StrCat(ModelResourceName(reference.substr(0, slash)), "/functions/",
                      reference.substr(slash + 1));
}

class PrewarmHandler final : public JobHandler {
 public:
  PrewarmHandler(std::shared_ptr<UnaryCall> call, std::function<v1::Session()> done)
      : call_(std::move(call)), done_(std::move(done)) {}
  void OnEvent(const engine_proto::Event&) override {}
  void OnEnd(const absl::Status& status, const JobUsage&) override {
    if (!status.ok()) return call_->End(status);
    v1::PrewarmSessionResponse response;
    *response.mutable_session() = done_();
    *response.mutable_usage() = call_->usage().ToProto();
    call_->Respond(response);
  }

 private:
  const std::shared_ptr<UnaryCall> call_;
  const std::function<v1::Session()> done_;
};

}  // namespace

Sessions::Sessions(const ServiceEnvironment& environment)
    : environment_(environment),
      store_(std::make_shared<SessionStore>(SessionLimits(), &environment.runtime->clock(),
                                            MakeSessionId)),
      expiry_(store_, &environment.runtime->timer()) {}

v1::Session Sessions::ToMessage(const SessionFacts& facts) const {
  const Clock& clock = environment_.runtime->clock();
  // The store's times are of a clock that does not jump; people want the calendar's.
  const absl::Duration calendar = clock.WallTime() - clock.Now();
  v1::Session session;
  session.set_name(absl::StrCat("sessions/", facts.id));
  session.set_model(ResourceName(facts.model));
  session.set_message_count(static_cast<uint32_t>(facts.transcript.size()));
  session.set_transcript_bytes(facts.bytes);
  session.set_used_tokens(facts.tokens.used);
  session.set_uncounted_messages(
      static_cast<uint32_t>(facts.transcript.size() - facts.tokens.messages));
  session.set_context_tokens(facts.tokens.context);
  session.set_busy(facts.busy);
  SetTimestamp(facts.created + calendar, session.mutable_create_time());
  SetTimestamp(facts.used + calendar, session.mutable_use_time());
  if (!facts.busy) {
    SetTimestamp(facts.used + facts.expire_after + calendar, session.mutable_expire_time());
  }
  SetDuration(facts.expire_after, session.mutable_expire_after());
  return session;
}

absl::StatusOr<v1::Session> Sessions::Create(const Call& call,
                                             const v1::CreateSessionRequest& request) {
  v1::RequestOptions options;
  options.set_model(request.model());
  const absl::StatusOr<Manifest> model =
      FindModelForMessages(call.runtime(), RefsOf(request.messages()), "messages", options);
  if (!model.ok()) return model.status();
  NewSession session;
  session.model = ReferenceTo(model->name, model->function);
  session.context_tokens = ContextTokensOf(call.runtime(), *model);
  if (!request.instructions().empty()) {
    AddMessage(v1::ROLE_SYSTEM, request.instructions(), session.transcript);
  }
  AddMessages(request.messages(), session.transcript);
  if (request.has_expire_after()) session.expire_after = GetDuration(request.expire_after());
  const absl::StatusOr<SessionFacts> made =
      store_->Create(call.caller().client.id, std::move(session));
  if (!made.ok()) return made.status();
  expiry_.Watch();
  return ToMessage(*made);
}

absl::StatusOr<v1::Session> Sessions::Get(const Call& call, const v1::GetSessionRequest& request) {
  const absl::StatusOr<SessionFacts> facts =
      store_->Get(call.caller().client.id, BareId(request.name()));
  if (!facts.ok()) return facts.status();
  v1::Session session = ToMessage(*facts);
  for (const auto& message : facts->transcript) *session.add_messages() = *message;
  return session;
}

v1::ListSessionsResponse Sessions::List(const Call& call) {
  v1::ListSessionsResponse response;
  for (const SessionFacts& facts : store_->List(call.caller().client.id)) {
    *response.add_sessions() = ToMessage(facts);
  }
  return response;
}

absl::StatusOr<v1::Session> Sessions::Append(const Call& call,
                                             const v1::AppendToSessionRequest& request) {
  Transcript messages;
  AddMessages(request.messages(), messages);
  const std::string id = BareId(request.name());
  if (absl::Status status = CheckPicturesFor(call, id, RefsOf(messages)); !status.ok()) {
    return status;
  }
  const absl::StatusOr<SessionFacts> facts = store_->Append(call.caller().client.id, id, messages);
  if (!facts.ok()) return facts.status();
  return ToMessage(*facts);
}

absl::StatusOr<v1::Session> Sessions::Fork(const Call& call,
                                           const v1::ForkSessionRequest& request) {
  std::optional<size_t> count;
  if (request.has_message_count()) count = request.message_count();
  std::optional<absl::Duration> expire_after;
  if (request.has_expire_after()) expire_after = GetDuration(request.expire_after());
  const absl::StatusOr<SessionFacts> facts =
      store_->Fork(call.caller().client.id, BareId(request.name()), count, expire_after);
  if (!facts.ok()) return facts.status();
  expiry_.Watch();
  return ToMessage(*facts);
}

absl::Status Sessions::Delete(const Call& call, const v1::DeleteSessionRequest& request) {
  return store_->Delete(call.caller().client.id, BareId(request.name()));
}

absl::StatusOr<Manifest> Sessions::FindModel(const SessionFacts& facts,
                                             const v1::RequestOptions& options) const {
  if (!options.model().empty()) {
    const absl::StatusOr<ModelReference> asked =
        ParseModelReference("options.model", options.model());
    if (!asked.ok()) return asked.status();
    if (ReferenceTo(asked->model, asked->function) != facts.model) {
      return FieldError(
          "options.model",
          absl::StrCat("is not the session's, which is ", ResourceName(facts.model),
                       ". Leave it empty, or create a session with the other model."));
    }
  }
  return environment_.runtime->FindModel(kCapability, facts.model);
}

absl::Status Sessions::CheckPicturesFor(const Call& call, const std::string& id,
                                        const MessageRefs& added) const {
  if (CheckTakesPictures(Manifest(), added, "messages").ok()) return absl::OkStatus();
  const absl::StatusOr<SessionFacts> facts = store_->Get(call.caller().client.id, id);
  if (!facts.ok()) return facts.status();
  const absl::StatusOr<Manifest> model = FindModel(*facts, v1::RequestOptions());
  return model.ok() ? CheckTakesPictures(*model, added, "messages") : model.status();
}

absl::Status Sessions::Prewarm(const std::shared_ptr<UnaryCall>& call,
                               const v1::PrewarmSessionRequest& request) {
  const std::string& owner = call->caller().client.id;
  const std::string id = BareId(request.name());
  const absl::StatusOr<SessionFacts> facts = store_->Get(owner, id);
  if (!facts.ok()) return facts.status();
  const absl::StatusOr<Manifest> model = FindModel(*facts, request.options());
  if (!model.ok()) return model.status();
  engine_proto::Task task;
  engine_proto::GenerateTask* generate = task.mutable_generate();
  generate->set_prefill_only(true);
  generate->set_cache_key(owner);
  generate->set_function(model->function);
  call->NoteFunction(model->function);
  if (facts->transcript.empty()) {
    // Loads the model, which is all there is to do.
    generate->set_prompt("");
  } else {
    AddMessages(RefsOf(facts->transcript), "", generate->mutable_conversation());
  }
  const auto done = [this, call, id, model = *model, size = facts->transcript.size()] {
    const std::string& owner = call->caller().client.id;
    store_->NoteTokens(owner, id,
                       {.used = size == 0 ? 0 : call->usage().input_tokens(),
                        .messages = size,
                        .context = ContextTokensOf(call->runtime(), model)},
                       /*touch=*/true);
    const absl::StatusOr<SessionFacts> now = store_->Get(owner, id);
    return now.ok() ? ToMessage(*now) : v1::Session();
  };
  const uint64_t bytes = task.ByteSizeLong();
  std::make_shared<JobGroup>(call, call->MakeJob(request.options(), model->name), 1)
      ->Add(std::move(task), bytes, std::make_shared<PrewarmHandler>(call, done));
  return absl::OkStatus();
}

absl::StatusOr<SessionInput> Sessions::BeginTurn(const std::shared_ptr<StreamCall>& call,
                                                 const v1::GenerateTextRequest& request) {
  const std::string& owner = call->caller().client.id;
  SessionInput input;
  input.id = BareId(request.session());
  const absl::StatusOr<SessionFacts> facts = store_->Get(owner, input.id);
  if (!facts.ok()) return facts.status();
  absl::StatusOr<Manifest> model = FindModel(*facts, request.options());
  if (!model.ok()) return model.status();
  input.model = *std::move(model);
  const Transcript added = NewMessages(request);
  absl::Status pictures = CheckTakesPictures(input.model, RefsOf(added), "conversation.messages");
  if (!pictures.ok()) return pictures;
  absl::StatusOr<std::shared_ptr<SessionTurn>> turn =
      store_->BeginTurn(owner, input.id, added, [weak = call->weak_from_this()] {
        if (const auto call = weak.lock(); call != nullptr) call->Cancel();
      });
  if (!turn.ok()) return turn.status();
  input.turn = *std::move(turn);
  const Transcript& messages = input.turn->messages();
  if (messages.empty() ||
      (messages.back()->role() != v1::ROLE_USER && messages.back()->role() != v1::ROLE_TOOL)) {
    return FieldError("input",
                      "is required: the session's transcript does not end with a USER or TOOL "
                      "message that could be answered.");
  }
  absl::Status results = CheckToolResults(RefsOf(messages), "session.messages");
  if (!results.ok()) return results;
  return input;
}

absl::StatusOr<SessionInput> Sessions::BeginCount(const Call& call,
                                                  const v1::CountTokensRequest& request) {
  SessionInput input;
  input.id = BareId(request.session());
  absl::StatusOr<SessionFacts> facts = store_->Get(call.caller().client.id, input.id);
  if (!facts.ok()) return facts.status();
  absl::StatusOr<Manifest> model = FindModel(*facts, request.options());
  if (!model.ok()) return model.status();
  input.model = *std::move(model);
  input.transcript_size = facts->transcript.size();
  input.messages = std::move(facts->transcript);
  const Transcript added = NewMessages(request);
  absl::Status pictures = CheckTakesPictures(input.model, RefsOf(added), "conversation.messages");
  if (!pictures.ok()) return pictures;
  input.messages.insert(input.messages.end(), added.begin(), added.end());
  return input;
}

void Sessions::NoteCount(const Call& call, const SessionInput& input, uint32_t tokens,
                         uint32_t context_tokens) {
  // With new messages it says nothing of the transcript alone.
  if (input.messages.size() != input.transcript_size) return;
  store_->NoteTokens(call.caller().client.id, input.id,
                     {.used = tokens, .messages = input.transcript_size, .context = context_tokens},
                     /*touch=*/false);
}

}  // namespace intelligenced
