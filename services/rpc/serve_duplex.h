// Binds gRPC's bidirectional streams to calls: what the client sends comes one message at a time.
#ifndef INTELLIGENCED_SERVICES_RPC_SERVE_DUPLEX_H_
#define INTELLIGENCED_SERVICES_RPC_SERVE_DUPLEX_H_

#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "services/rpc/serve.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// Takes what the client sends. Everything comes from inside the call's Run(), and nothing after
// StreamCall::End(). The next message is only read when OnMessage() has returned and WantsMore();
// while it does not, what the client sends waits in the transport, which is bounded.
class DuplexHandler {
 public:
  virtual ~DuplexHandler() = default;
  virtual void OnMessage(const grpc::ByteBuffer& message) = 0;
  // Asked after each message, and again by StreamCall::ReadOn().
  virtual bool WantsMore() const { return true; }
  // The client has sent everything. A client that is gone shows as the call's cancellation; which
  // of the two is seen first is open.
  virtual void OnHalfClose() = 0;
};

// As ServeStream(); `start` makes the handler, which lives until the call has ended.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ServeDuplex(
    const ServiceEnvironment& environment, grpc::CallbackServerContext* context,
    std::string_view service, std::string_view method,
    absl::FunctionRef<
        absl::StatusOr<std::shared_ptr<DuplexHandler>>(const std::shared_ptr<StreamCall>&)>
        start);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_SERVE_DUPLEX_H_
