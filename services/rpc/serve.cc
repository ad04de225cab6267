#include "services/rpc/serve.h"

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/grpc.h"
#include "grpcpp/server_context.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "services/rpc/parse_request.h"

namespace intelligenced {
namespace {

// gRPC owns it from the handler's return to OnDone().
class StreamReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                            public WriteTransport {
 public:
  explicit StreamReactor(grpc::CallbackServerContext* context) : context_(context) {}
  void Bind(std::shared_ptr<StreamCall> call) { call_ = std::move(call); }

  void StartWrite(const grpc::ByteBuffer* message) override {
    grpc::ServerWriteReactor<grpc::ByteBuffer>::StartWrite(message);
  }
  void Finish(const absl::Status& status) override {
    grpc::ServerWriteReactor<grpc::ByteBuffer>::Finish(StatusToGrpc(status));
  }
  void Abort(const absl::Status& status) override { AbortCall(*context_, status); }

  void OnWriteDone(bool ok) override { call_->writer().OnWriteDone(ok); }
  void OnCancel() override { call_->writer().OnCancelled(); }
  void OnDone() override { delete this; }

 private:
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<StreamCall> call_;
};

class UnaryReactor final : public grpc::ServerUnaryReactor, public UnaryTransport {
 public:
  explicit UnaryReactor(grpc::ByteBuffer* response) : response_(response) {}
  void Bind(std::shared_ptr<UnaryCall> call) { call_ = std::move(call); }

  void Finish(const absl::Status& status, const grpc::ByteBuffer* response) override {
    if (response != nullptr) *response_ = *response;
    grpc::ServerUnaryReactor::Finish(StatusToGrpc(status));
  }
  void OnCancel() override { call_->Cancel(); }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer* const response_;
  std::shared_ptr<UnaryCall> call_;
};

}  // namespace

void AbortCall(grpc::CallbackServerContext& context, const absl::Status& status) {
  // Trailers with details would wait behind the data that nobody reads. This sends the code and the
  // words at once; the reason stands in front of them for StatusFromGrpc().
  const std::string words = absl::StrCat(ReasonName(ReasonOf(status).value_or(Reason::kCancelled)),
                                         ": ", status.message());
  grpc_call_cancel_with_status(context.c_call(), static_cast<grpc_status_code>(status.code()),
                               words.c_str(), nullptr);
}

CallOrigin OriginOf(const grpc::CallbackServerContext& context, std::string_view service,
                    std::string_view method) {
  CallOrigin origin{.service = service, .method = method, .peer = context.peer()};
  const std::chrono::system_clock::time_point deadline = context.deadline();
  if (deadline < std::chrono::system_clock::time_point::max()) {
    origin.wall_deadline = absl::FromChrono(deadline);
  }
  return origin;
}

StreamCall::StreamCall(const ServiceEnvironment& environment, const CallOrigin& origin,
                       WriteTransport* transport)
    : Call(environment, origin),
      writer_(std::make_shared<StreamWriter>(transport, &environment.runtime->clock(),
                                             &environment.runtime->timer())) {}

void StreamCall::Begin() {
  // The writer drops the hooks when it finishes the stream: that ends the circle of owners.
  writer_->SetHooks({.set_paused =
                         [call = shared_from_this()](bool paused) {
                           call->Run([call, paused] {
                             if (call->pause_hook_) call->pause_hook_(paused);
                           });
                         },
                     .cancel = [call = shared_from_this()] { call->Cancel(); }});
}

void StreamCall::Write(const google::protobuf::MessageLite& message) {
  NoteOutput(message.ByteSizeLong());
  writer_->Write(message);
}

void StreamCall::End(const absl::Status& status) {
  ended_ = true;
  pause_hook_ = nullptr;
  Record(status);
  writer_->End(status);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ServeStream(
    const ServiceEnvironment& environment, grpc::CallbackServerContext* context,
    std::string_view service, std::string_view method,
    absl::FunctionRef<absl::Status(const std::shared_ptr<StreamCall>&)> start) {
  auto* reactor = new StreamReactor(context);
  const auto call =
      std::make_shared<StreamCall>(environment, OriginOf(*context, service, method), reactor);
  reactor->Bind(call);
  call->Begin();
  call->Run([&] {
    absl::Status status = call->admission();
    if (status.ok()) status = start(call);
    if (!status.ok()) call->End(status);
  });
  return reactor;
}

void UnaryCall::Respond(const google::protobuf::MessageLite& message) {
  RespondBytes(SerializeResponse(message));
}

void UnaryCall::RespondBytes(const grpc::ByteBuffer& message) {
  if (std::exchange(answered_, true)) return;
  NoteOutput(message.Length());
  Record(absl::OkStatus());
  transport_->Finish(absl::OkStatus(), &message);
}

void UnaryCall::End(const absl::Status& error) {
  if (std::exchange(answered_, true)) return;
  Record(error);
  transport_->Finish(error, nullptr);
}

grpc::ServerUnaryReactor* ServeUnary(
    const ServiceEnvironment& environment, grpc::CallbackServerContext* context,
    grpc::ByteBuffer* response, std::string_view service, std::string_view method,
    absl::FunctionRef<absl::Status(const std::shared_ptr<UnaryCall>&)> start) {
  auto* reactor = new UnaryReactor(response);
  const auto call =
      std::make_shared<UnaryCall>(environment, OriginOf(*context, service, method), reactor);
  reactor->Bind(call);
  call->Run([&] {
    absl::Status status = call->admission();
    if (status.ok()) status = start(call);
    if (!status.ok()) call->End(status);
  });
  return reactor;
}

}  // namespace intelligenced
