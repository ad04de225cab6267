// Connecting, and the daemon itself.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"

namespace intelligence {

Client::Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

absl::StatusOr<Client> Client::Connect(const ClientOptions& options) {
  auto connection = std::make_shared<Connection>(options.socket_path.empty() ? DefaultSocketPath()
                                                                             : options.socket_path);
  absl::Status status = connection->WaitUntilReady(options.connect_timeout);
  if (!status.ok()) return status;
  return Client(std::move(connection));
}

const std::string& Client::socket_path() const { return connection_->path(); }

absl::StatusOr<SystemStatus> Client::GetStatus(const CallOptions& options) const {
  absl::StatusOr<v1::SystemStatus> status = CallUnary<v1::SystemStatus>(
      *connection_, options, [&](grpc::ClientContext* context, v1::SystemStatus* out) {
        return connection_->system_service->GetStatus(context, v1::GetStatusRequest(), out);
      });
  if (!status.ok()) return status.status();
  return FromProto(*status);
}

Stream<SystemStatus> Client::WatchStatus(absl::Duration interval,
                                         const CallOptions& options) const {
  v1::WatchStatusRequest request;
  ToProto(interval, request.mutable_interval());
  return StartStream<SystemStatus, v1::SystemStatus>(
      connection_, options,
      [&](grpc::ClientContext* context) {
        return connection_->system_service->WatchStatus(context, request);
      },
      +[](const v1::SystemStatus& status) {
        return std::optional<SystemStatus>(FromProto(status));
      });
}

absl::StatusOr<ListActivityResult> Client::ListActivity(const ListActivityRequest& request,
                                                        const CallOptions& options) const {
  v1::ListActivityRequest proto;
  proto.set_page_size(request.page_size);
  proto.set_page_token(request.page_token);
  proto.set_client(request.client);
  absl::StatusOr<v1::ListActivityResponse> response = CallUnary<v1::ListActivityResponse>(
      *connection_, options, [&](grpc::ClientContext* context, v1::ListActivityResponse* out) {
        return connection_->system_service->ListActivity(context, proto, out);
      });
  if (!response.ok()) return response.status();
  ListActivityResult result = {.records = {}, .next_page_token = response->next_page_token()};
  for (const v1::ActivityRecord& record : response->records()) {
    result.records.push_back(FromProto(record));
  }
  return result;
}

absl::StatusOr<std::vector<DiagnosticCheck>> Client::Diagnose(const CallOptions& options) const {
  absl::StatusOr<v1::DiagnoseResponse> response = CallUnary<v1::DiagnoseResponse>(
      *connection_, options, [&](grpc::ClientContext* context, v1::DiagnoseResponse* out) {
        return connection_->system_service->Diagnose(context, v1::DiagnoseRequest(), out);
      });
  if (!response.ok()) return response.status();
  std::vector<DiagnosticCheck> checks;
  for (const v1::Check& check : response->checks()) checks.push_back(FromProto(check));
  return checks;
}

}  // namespace intelligence
