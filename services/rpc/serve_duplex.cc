#include "services/rpc/serve_duplex.h"

#include <utility>

#include "grpc/grpc.h"
#include "grpcpp/server_context.h"
#include "protos/support/status_codec.h"

namespace intelligenced {
namespace {

// gRPC owns it from the handler's return to OnDone(), which comes after Finish() and after the read
// that is in progress then: it is safe to use as long as the call has not ended.
class DuplexReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public WriteTransport {
 public:
  explicit DuplexReactor(grpc::CallbackServerContext* context) : context_(context) {}
  void Bind(std::shared_ptr<StreamCall> call) { call_ = std::move(call); }
  void Listen(std::shared_ptr<DuplexHandler> handler) {
    handler_ = std::move(handler);
    // Asked for inside Run() and before the call has ended: the reactor is there.
    call_->SetReadHook([this] {
      if (waits_) ReadNext();
    });
    ReadNext();
  }

  void StartWrite(const grpc::ByteBuffer* message) override {
    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>::StartWrite(message);
  }
  void Finish(const absl::Status& status) override {
    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>::Finish(StatusToGrpc(status));
  }
  void Abort(const absl::Status& status) override { AbortCall(*context_, status); }

  void OnReadDone(bool ok) override {
    grpc::ByteBuffer message;
    message.Swap(&message_);
    // A copy of the pointer: the reactor may be gone when this work's turn comes.
    const std::shared_ptr<StreamCall> call = call_;
    call->Run([this, call, handler = handler_, ok, message = std::move(message)] {
      if (call->ended()) return;
      if (!ok) {
        handler->OnHalfClose();
        return;
      }
      handler->OnMessage(message);
      if (!call->ended()) ReadNext();
    });
  }
  void OnWriteDone(bool ok) override { call_->writer().OnWriteDone(ok); }
  void OnCancel() override { call_->writer().OnCancelled(); }
  void OnDone() override { delete this; }

 private:
  void ReadNext() {
    waits_ = !handler_->WantsMore();
    if (!waits_) StartRead(&message_);
  }

  grpc::CallbackServerContext* const context_;
  std::shared_ptr<StreamCall> call_;
  std::shared_ptr<DuplexHandler> handler_;
  // No read is in progress, and the handler wants none. Used inside Run().
  bool waits_ = false;
  grpc::ByteBuffer message_;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ServeDuplex(
    const ServiceEnvironment& environment, grpc::CallbackServerContext* context,
    std::string_view service, std::string_view method,
    absl::FunctionRef<
        absl::StatusOr<std::shared_ptr<DuplexHandler>>(const std::shared_ptr<StreamCall>&)>
        start) {
  auto* reactor = new DuplexReactor(context);
  const auto call =
      std::make_shared<StreamCall>(environment, OriginOf(*context, service, method), reactor);
  reactor->Bind(call);
  call->Begin();
  call->Run([&] {
    if (!call->admission().ok()) return call->End(call->admission());
    absl::StatusOr<std::shared_ptr<DuplexHandler>> handler = start(call);
    if (!handler.ok()) return call->End(handler.status());
    reactor->Listen(*std::move(handler));
  });
  return reactor;
}

}  // namespace intelligenced
