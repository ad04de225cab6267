// The gRPC server: the services, health and reflection, over connections that are handed to it.
#ifndef INTELLIGENCED_DAEMON_RPC_SERVER_H_
#define INTELLIGENCED_DAEMON_RPC_SERVER_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/impl/service_type.h"
#include "runtime/base/clock.h"

namespace grpc {
class Server;
}

namespace intelligenced {

// Listens on nothing by itself. Thread-safe after Start().
class RpcServer {
 public:
  // `clock` must outlive it.
  RpcServer(std::vector<std::unique_ptr<grpc::Service>> services, const Clock* clock);
  // Shuts down at once if that has not been done; returns when every call has ended.
  ~RpcServer();

  // Fails only when gRPC cannot make a server.
  absl::Status Start();

  // Takes ownership of a connected, non-blocking socket.
  void ServeConnection(int fd);

  // What the health service says.
  void SetServing(bool serving);

  // New calls are refused; those in progress may end until `grace` is over, then they are
  // cancelled. Returns when all have ended.
  void Shutdown(absl::Duration grace);

 private:
  std::vector<std::unique_ptr<grpc::Service>> services_;
  const Clock* const clock_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_RPC_SERVER_H_
