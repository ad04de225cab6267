// Binds gRPC's callback reactors to calls. A handler is three steps: parse, validate, start.
//
// gRPC runs handlers on as few as two threads: `start` may validate and submit, nothing slow.
#ifndef INTELLIGENCED_SERVICES_RPC_SERVE_H_
#define INTELLIGENCED_SERVICES_RPC_SERVE_H_

#include <memory>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "services/rpc/call.h"
#include "services/rpc/service_environment.h"
#include "services/rpc/stream_writer.h"

namespace intelligenced {

// A server-streaming call in progress, used from inside Run(). Whatever works for the call keeps it
// alive; End() must come exactly once, after the work has ended.
class StreamCall final : public Call, public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(const ServiceEnvironment& environment, const CallOrigin& origin,
             WriteTransport* transport);

  // Is told when a slow reader pauses the call and when it goes on; from inside Run(). Without it
  // pauses are ignored. Before `start` returns.
  void SetPauseHook(absl::AnyInvocable<void(bool paused)> hook) { pause_hook_ = std::move(hook); }

  // Of duplex calls: reads the next message where reading has stopped because the handler wanted no
  // more, and it does now.
  void ReadOn() {
    if (read_hook_ && !ended_) read_hook_();
  }
  // By who serves the method.
  void SetReadHook(absl::AnyInvocable<void()> hook) { read_hook_ = std::move(hook); }

  void Write(const google::protobuf::MessageLite& message);
  void End(const absl::Status& status);
  // Whether End() was called.
  bool ended() const { return ended_; }

  StreamWriter& writer() const { return *writer_; }

  // Ties the writer to the call. Once, before the work begins, by who serves the method.
  void Begin();

 private:
  const std::shared_ptr<StreamWriter> writer_;
  absl::AnyInvocable<void(bool)> pause_hook_;
  absl::AnyInvocable<void()> read_hook_;
  bool ended_ = false;
};

// `start` runs inside the call's Run(); a status other than OK from it ends the call with it.
// `environment` outlives the call.
grpc::ServerWriteReactor<grpc::ByteBuffer>* ServeStream(
    const ServiceEnvironment& environment, grpc::CallbackServerContext* context,
    std::string_view service, std::string_view method,
    absl::FunctionRef<absl::Status(const std::shared_ptr<StreamCall>&)> start);

// What a UnaryCall finishes.
class UnaryTransport {
 public:
  virtual ~UnaryTransport() = default;
  // `response` is null unless the status is OK.
  virtual void Finish(const absl::Status& status, const grpc::ByteBuffer* response) = 0;
};

// A unary call in progress. Exactly one of Respond() and End(error) must come; later ones do
// nothing. Used from inside Run(), in which `start` runs too.
class UnaryCall final : public Call {
 public:
  UnaryCall(const ServiceEnvironment& environment, const CallOrigin& origin,
            UnaryTransport* transport)
      : Call(environment, origin), transport_(transport) {}

  void Respond(const google::protobuf::MessageLite& message);
  void RespondBytes(const grpc::ByteBuffer& message);
  void End(const absl::Status& error);

 private:
  UnaryTransport* const transport_;
  bool answered_ = false;
};

grpc::ServerUnaryReactor* ServeUnary(
    const ServiceEnvironment& environment, grpc::CallbackServerContext* context,
    grpc::ByteBuffer* response, std::string_view service, std::string_view method,
    absl::FunctionRef<absl::Status(const std::shared_ptr<UnaryCall>&)> start);

// For methods with a reactor of their own.
// Breaks a write that hangs (WriteTransport::Abort).
void AbortCall(grpc::CallbackServerContext& context, const absl::Status& status);
CallOrigin OriginOf(const grpc::CallbackServerContext& context, std::string_view service,
                    std::string_view method);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_SERVE_H_
