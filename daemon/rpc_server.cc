#include "daemon/rpc_server.h"

#include <utility>

#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server_posix.h"
#include "protos/support/limits.h"

namespace intelligenced {
namespace {

constexpr int kMaxCallsPerConnection = 1024;
constexpr size_t kMaxTransportBytes = size_t{512} << 20;
// Only reflection uses threads of its own.
constexpr int kMaxSyncThreads = 8;
// A client that is stopped or hung, with a call open, is noticed after the sum of these.
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
// Clients may ask whether we are alive this often.
constexpr int kMinClientPingMs = 5'000;

}  // namespace

RpcServer::RpcServer(std::vector<std::unique_ptr<grpc::Service>> services, const Clock* clock)
    : services_(std::move(services)), clock_(clock) {}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

absl::Status RpcServer::Start() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  for (const auto& service : services_) builder.RegisterService(service.get());
  grpc::ResourceQuota quota("intelligenced");
  quota.Resize(kMaxTransportBytes);
  quota.SetMaxThreads(kMaxSyncThreads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxReceiveMessageBytes);
  builder.SetMaxSendMessageSize(kMaxSendMessageBytes);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCallsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinClientPingMs);
  // A Unix socket has no bandwidth-delay product to find out.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::InternalError("gRPC could not make a server.");
  SetServing(true);
  return absl::OkStatus();
}

void RpcServer::ServeConnection(int fd) { grpc::AddInsecureChannelFromFd(server_.get(), fd); }

void RpcServer::SetServing(bool serving) {
  if (server_ == nullptr) return;
  if (auto* health = server_->GetHealthCheckService()) health->SetServingStatus(serving);
}

void RpcServer::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  // Streams of the health service would wait for their clients; the daemon does not.
  if (auto* health = server_->GetHealthCheckService()) health->Shutdown();
  server_->Shutdown(absl::ToChronoTime(clock_->WallTime() + grace));
  server_->Wait();
  server_.reset();
}

}  // namespace intelligenced
