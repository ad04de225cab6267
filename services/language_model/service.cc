#include "services/language_model/service.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "runtime/models/manifest.h"
#include "services/language_model/guided_output.h"
#include "services/language_model/guided_request.h"
#include "services/language_model/pictures.h"
#include "services/language_model/sessions.h"
#include "services/language_model/task.h"
#include "services/language_model/validate.h"
#include "services/rpc/job_group.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"
#include "services/rpc/serve_request.h"
#include "services/rpc/task_picture.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "LanguageModelService";
// What the model reads: a prompt has none.
MessageRefs MessagesOf(const v1::GenerateTextRequest& request, const SessionTurn* turn) {
  return turn != nullptr ? RefsOf(turn->messages()) : RefsOf(request.conversation().messages());
}

engine_proto::Task MakeTask(const v1::GenerateTextRequest& request, const SessionTurn* turn) {
  engine_proto::Task task;
  engine_proto::GenerateTask* generate = task.mutable_generate();
  *generate = ToTaskWithoutInput(request);
  if (turn == nullptr && request.has_prompt()) {
    generate->set_prompt(request.prompt());
  } else {
    AddMessages(MessagesOf(request, turn), Instructions(ShapeOf(request)),
                generate->mutable_conversation());
  }
  return task;
}

GuidedOutput MakeOutput(const v1::GenerateTextRequest& request, const SessionTurn* turn) {
  const OutputShape shape = ShapeOf(request);
  if (shape.offers_tools()) {
    return GuidedOutput(GuidedOutput::Kind::kTools, LastCallNumber(MessagesOf(request, turn)));
  }
  return GuidedOutput(shape.guided() ? GuidedOutput::Kind::kSchema : GuidedOutput::Kind::kText);
}

class GenerateRun final : public TypedModelRun<v1::GenerateTextResponse> {
 public:
  // `turn` is null for a request without a session. `sessions` outlives the run.
  GenerateRun(std::shared_ptr<StreamCall> call, const Sessions* sessions, Manifest model,
              const v1::GenerateTextRequest& request, std::shared_ptr<SessionTurn> turn)
      : TypedModelRun(std::move(call), request.options(), std::move(model), 1),
        sessions_(sessions),
        turn_(std::move(turn)),
        output_(MakeOutput(request, turn_.get())) {
    completed_.set_finish_reason(v1::FINISH_REASON_STOP);
  }

  // `attachments`: of the pictures in the request's conversation.
  void Start(v1::GenerateTextRequest request, Attachments attachments) {
    attachments_ = std::move(attachments);
    Bind();
    if (turn_ != nullptr) {
      // At once, so that the client can go on with the session before the job has wound up.
      cancelled_ = call().cancel_token().OnCancel([turn = turn_] { turn->Abandon(); });
    }
    if (!ShapeOf(request).guided()) return Submit(request, "");
    // A schema may take longer to compile than a gRPC thread has.
    const auto self = std::static_pointer_cast<GenerateRun>(shared_from_this());
    const auto asked = std::make_shared<const v1::GenerateTextRequest>(std::move(request));
    const auto grammar = std::make_shared<absl::StatusOr<std::string>>();
    RunSlow([asked, grammar] { *grammar = CompileShape(ShapeOf(*asked)); },
            [self, asked, grammar] {
              if (grammar->ok()) return self->Submit(*asked, *std::move(*grammar));
              if (self->turn_ != nullptr) self->turn_->Abandon();
              self->FailWithoutJobs(grammar->status());
            });
  }

 private:
  void Submit(const v1::GenerateTextRequest& request, std::string grammar) {
    const auto self = std::static_pointer_cast<GenerateRun>(shared_from_this());
    engine_proto::Task task = MakeTask(request, turn_.get());
    task.mutable_generate()->set_grammar(std::move(grammar));
    const uint64_t bytes = task.ByteSizeLong();
    AddJob(std::move(task), bytes,
           {.on_event = [self](const engine_proto::Event& event) { self->OnEvent(event); },
            .on_end = [self](const absl::Status& status, const JobUsage&) { self->OnEnd(status); }},
           std::move(attachments_));
  }

  void OnEvent(const engine_proto::Event& event) {
    if (event.has_delta()) {
      Write(output_.Append(event.delta()));
    } else if (event.has_progress()) {
      WriteProgress(event.progress().done(), event.progress().total());
    } else if (event.has_completed()) {
      completed_.set_finish_reason(ToFinishReason(event.completed().finish_reason()));
    }
  }

  void OnEnd(const absl::Status& status) {
    if (status.ok()) return;
    if (turn_ == nullptr) return Fail(status);
    turn_->Abandon();
    const absl::Status session = turn_->CheckSession();
    Fail(session.ok() ? status : session);
  }

  void Write(const GuidedOutput::Step& step) {
    v1::GenerateTextResponse response;
    if (!step.delta.empty()) {
      response.set_delta(step.delta);
      call().Write(response);
    }
    if (!step.snapshot.empty()) {
      response.set_snapshot(step.snapshot);
      call().Write(response);
    }
  }

  void Complete() override {
    const bool cut = completed_.finish_reason() != v1::FINISH_REASON_STOP;
    Write(output_.Finish(cut, completed_));
    v1::GenerateTextResponse response;
    *completed_.mutable_usage() = call().usage().ToProto();
    completed_.set_context_tokens(ContextTokens());
    if (turn_ != nullptr) {
      const UsageTotal& usage = call().usage();
      v1::Message answer;
      answer.set_role(v1::ROLE_ASSISTANT);
      answer.set_text(completed_.text());
      *answer.mutable_tool_calls() = completed_.tool_calls();
      const absl::StatusOr<SessionFacts> session =
          turn_->Commit(std::move(answer), usage.input_tokens() + usage.output_tokens(),
                        completed_.context_tokens());
      if (!session.ok()) return Fail(session.status());
      *completed_.mutable_session() = sessions_->ToMessage(*session);
    }
    *response.mutable_completed() = std::move(completed_);
    call().Write(response);
  }

  const Sessions* const sessions_;
  const std::shared_ptr<SessionTurn> turn_;
  CancelRegistration cancelled_;
  // Until the job has them.
  Attachments attachments_;
  GuidedOutput output_;
  v1::GenerateTextCompleted completed_;
};

class CountHandler final : public JobHandler {
 public:
  // `note` is told a good count; may be null.
  CountHandler(std::shared_ptr<UnaryCall> call, std::string_view model,
               std::function<void(const v1::CountTokensResponse&)> note)
      : call_(std::move(call)), note_(std::move(note)) {
    response_.set_model(ModelResourceName(model));
  }
  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_token_count()) return;
    response_.set_tokens(event.token_count().tokens());
    response_.set_context_tokens(event.token_count().context_tokens());
  }
  void OnEnd(const absl::Status& status, const JobUsage&) override {
    if (!status.ok()) return call_->End(status);
    if (note_) note_(response_);
    call_->Respond(response_);
  }

 private:
  const std::shared_ptr<UnaryCall> call_;
  const std::function<void(const v1::CountTokensResponse&)> note_;
  v1::CountTokensResponse response_;
};

using Service = v1::LanguageModelService;
using Changes = Service::WithRawCallbackMethod_AppendToSession<
    Service::WithRawCallbackMethod_ForkSession<Service::WithRawCallbackMethod_PrewarmSession<
        Service::WithRawCallbackMethod_DeleteSession<Service::Service>>>>;
using OnSessions =
    Service::WithRawCallbackMethod_CreateSession<Service::WithRawCallbackMethod_GetSession<
        Service::WithRawCallbackMethod_ListSessions<Changes>>>;
using Base = Service::WithRawCallbackMethod_GenerateText<
    Service::WithRawCallbackMethod_CountTokens<OnSessions>>;

class LanguageModelService final : public Base {
 public:
  explicit LanguageModelService(const ServiceEnvironment& environment)
      : environment_(environment), sessions_(environment) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* GenerateText(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    return ServeStream(
        environment_, context, kService, "GenerateText",
        [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
          call->NoteInput(bytes->Length());
          v1::GenerateTextRequest request;
          absl::Status status = ParseRequest(*bytes, request);
          NotePictures(*call, request);
          if (status.ok()) status = Validate(request);
          if (!status.ok()) return status;
          call->NoteRequestClass(ToRequestClass(request.options().request_class()));
          absl::StatusOr<SessionInput> input = SessionInput();
          Messages* const messages = request.has_conversation()
                                         ? request.mutable_conversation()->mutable_messages()
                                         : nullptr;
          absl::StatusOr<Attachments> attachments = Attachments();
          if (!request.session().empty()) {
            if (messages != nullptr) {
              status = ReadAttachments(*call, "conversation.messages", messages);
              if (!status.ok()) return status;
            }
            input = sessions_.BeginTurn(call, request);
          } else {
            absl::StatusOr<Manifest> model =
                FindModelForMessages(call->runtime(), RefsOf(request.conversation().messages()),
                                     "conversation.messages", request.options());
            if (!model.ok()) return model.status();
            input->model = *std::move(model);
            if (messages != nullptr) {
              attachments = TakeAttachments(*call, "conversation.messages", messages);
            }
          }
          if (!input.ok()) return input.status();
          if (!attachments.ok()) return attachments.status();
          std::make_shared<GenerateRun>(call, &sessions_, std::move(input->model), request,
                                        std::move(input->turn))
              ->Start(std::move(request), *std::move(attachments));
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* CountTokens(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    return Serve<v1::CountTokensRequest>(
        context, bytes, response, "CountTokens",
        [this](const std::shared_ptr<UnaryCall>& call, v1::CountTokensRequest& request) {
          return request.session().empty() ? CountInput(call, request)
                                           : CountSession(call, request);
        });
  }

  grpc::ServerUnaryReactor* CreateSession(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* bytes,
                                          grpc::ByteBuffer* response) override {
    return Serve<v1::CreateSessionRequest>(
        context, bytes, response, "CreateSession",
        [this](const std::shared_ptr<UnaryCall>& call, v1::CreateSessionRequest& request) {
          absl::Status status = ReadAttachments(*call, "messages", request.mutable_messages());
          return status.ok() ? Answer(*call, sessions_.Create(*call, request)) : status;
        });
  }

  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* bytes,
                                       grpc::ByteBuffer* response) override {
    return Serve<v1::GetSessionRequest>(
        context, bytes, response, "GetSession",
        [this](const std::shared_ptr<UnaryCall>& call, const v1::GetSessionRequest& request) {
          call->RecordFailureOnly();
          return Answer(*call, sessions_.Get(*call, request));
        });
  }

  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* bytes,
                                         grpc::ByteBuffer* response) override {
    return Serve<v1::ListSessionsRequest>(
        context, bytes, response, "ListSessions",
        [this](const std::shared_ptr<UnaryCall>& call, const v1::ListSessionsRequest&) {
          call->RecordFailureOnly();
          call->Respond(sessions_.List(*call));
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* AppendToSession(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* bytes,
                                            grpc::ByteBuffer* response) override {
    return Serve<v1::AppendToSessionRequest>(
        context, bytes, response, "AppendToSession",
        [this](const std::shared_ptr<UnaryCall>& call, v1::AppendToSessionRequest& request) {
          absl::Status status = ReadAttachments(*call, "messages", request.mutable_messages());
          return status.ok() ? Answer(*call, sessions_.Append(*call, request)) : status;
        });
  }

  grpc::ServerUnaryReactor* ForkSession(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    return Serve<v1::ForkSessionRequest>(
        context, bytes, response, "ForkSession",
        [this](const std::shared_ptr<UnaryCall>& call, const v1::ForkSessionRequest& request) {
          return Answer(*call, sessions_.Fork(*call, request));
        });
  }

  grpc::ServerUnaryReactor* PrewarmSession(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* bytes,
                                           grpc::ByteBuffer* response) override {
    return Serve<v1::PrewarmSessionRequest>(
        context, bytes, response, "PrewarmSession",
        [this](const std::shared_ptr<UnaryCall>& call, const v1::PrewarmSessionRequest& request) {
          return sessions_.Prewarm(call, request);
        });
  }

  grpc::ServerUnaryReactor* DeleteSession(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* bytes,
                                          grpc::ByteBuffer* response) override {
    return Serve<v1::DeleteSessionRequest>(
        context, bytes, response, "DeleteSession",
        [this](const std::shared_ptr<UnaryCall>& call, const v1::DeleteSessionRequest& request) {
          absl::Status status = sessions_.Delete(*call, request);
          if (status.ok()) call->Respond(v1::DeleteSessionResponse());
          return status;
        });
  }

 private:
  // Parses, validates and calls start(call, request).
  template <typename Request, typename Start>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
                                  std::string_view method, Start start) {
    return ServeRequest<Request>(
        environment_, context, bytes, response, kService, method,
        [](const Request& request) { return Validate(request); }, start);
  }

  static absl::Status Answer(UnaryCall& call, const absl::StatusOr<v1::Session>& session) {
    if (!session.ok()) return session.status();
    call.NoteModel(ParseModelReference("model", session->model())->model);
    call.Respond(*session);
    return absl::OkStatus();
  }

  static void Count(const std::shared_ptr<UnaryCall>& call, const v1::RequestOptions& options,
                    const Manifest& model, engine_proto::Task task,
                    std::function<void(const v1::CountTokensResponse&)> note,
                    Attachments attachments = {}) {
    const uint64_t bytes = task.ByteSizeLong();
    std::make_shared<JobGroup>(call, call->MakeJob(options, model.name), 1)
        ->Add(std::move(task), bytes,
              std::make_shared<CountHandler>(call, model.name, std::move(note)), "",
              std::move(attachments));
  }

  static absl::Status CountInput(const std::shared_ptr<UnaryCall>& call,
                                 v1::CountTokensRequest& request) {
    const absl::StatusOr<Manifest> model =
        FindModelForMessages(call->runtime(), RefsOf(request.conversation().messages()),
                             "conversation.messages", request.options());
    if (!model.ok()) return model.status();
    engine_proto::Task task;
    absl::StatusOr<Attachments> attachments = Attachments();
    if (request.has_text()) {
      task.mutable_count_tokens()->set_text(request.text());
    } else {
      attachments = TakeAttachments(*call, "conversation.messages",
                                    request.mutable_conversation()->mutable_messages());
      if (!attachments.ok()) return attachments.status();
      AddMessages(RefsOf(request.conversation().messages()), Instructions(ShapeOf(request)),
                  task.mutable_count_tokens()->mutable_conversation());
    }
    Count(call, request.options(), *model, std::move(task), nullptr, *std::move(attachments));
    return absl::OkStatus();
  }

  absl::Status CountSession(const std::shared_ptr<UnaryCall>& call,
                            v1::CountTokensRequest& request) {
    if (request.has_conversation()) {
      absl::Status status = ReadAttachments(*call, "conversation.messages",
                                            request.mutable_conversation()->mutable_messages());
      if (!status.ok()) return status;
    }
    absl::StatusOr<SessionInput> input = sessions_.BeginCount(*call, request);
    if (!input.ok()) return input.status();
    engine_proto::Task task;
    const std::string instructions = Instructions(ShapeOf(request));
    if (input->messages.empty() && instructions.empty()) {
      task.mutable_count_tokens()->set_text("");
    } else {
      AddMessages(RefsOf(input->messages), instructions,
                  task.mutable_count_tokens()->mutable_conversation());
    }
    const Manifest model = input->model;
    Count(call, request.options(), model, std::move(task),
          [this, call, guided = !instructions.empty(),
           input = *std::move(input)](const v1::CountTokensResponse& response) {
            // With instructions it says nothing of the transcript alone.
            if (guided) return;
            sessions_.NoteCount(*call, input, response.tokens(), response.context_tokens());
          });
    return absl::OkStatus();
  }

  const ServiceEnvironment environment_;
  Sessions sessions_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeLanguageModelService(const ServiceEnvironment& environment) {
  return std::make_unique<LanguageModelService>(environment);
}

}  // namespace intelligenced
