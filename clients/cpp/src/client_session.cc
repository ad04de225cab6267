// Sessions of language models.
#include <intelligence/session.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"

namespace intelligence {
namespace {

absl::Status Check(const std::vector<Message>& messages) {
  return CheckMessages("messages", messages);
}

template <typename Repeated>
void AddMessages(const std::vector<Message>& messages, Repeated* out) {
  for (const Message& message : messages) *out->Add() = ToProto(message);
}

absl::StatusOr<SessionInfo> ToInfo(const absl::StatusOr<v1::Session>& session) {
  if (!session.ok()) return session.status();
  return FromProto(*session);
}

// A call whose request names a session.
template <typename Response, typename Connection, typename Request>
absl::StatusOr<Response> CallNamed(Connection& connection, const CallOptions& options,
                                   const std::string& name, Request request,
                                   grpc::Status (v1::LanguageModelService::StubInterface::*method)(
                                       grpc::ClientContext*, const Request&, Response*)) {
  if (absl::Status status = CheckUtf8("name", name); !status.ok()) return status;
  request.set_name(name);
  return CallUnary<Response>(
      connection, options, [&](grpc::ClientContext* context, Response* response) {
        return (connection.language_model.get()->*method)(context, request, response);
      });
}

using Stub = v1::LanguageModelService::StubInterface;

}  // namespace

Session Session::Open(const Client& client, const std::string& name) {
  return {client, absl::StartsWith(name, "sessions/") ? name : absl::StrCat("sessions/", name)};
}

absl::StatusOr<Session> Session::Create(const Client& client, const CreateSessionRequest& request,
                                        const CallOptions& options) {
  absl::Status status = CheckUtf8("instructions", request.instructions);
  if (status.ok()) status = Check(request.messages);
  if (status.ok()) status = CheckUtf8("options.model", options.model);
  if (!status.ok()) return status;
  v1::CreateSessionRequest proto;
  proto.set_instructions(request.instructions);
  AddMessages(request.messages, proto.mutable_messages());
  status = client.connection_->attachments.Attach(request.messages, proto.mutable_messages());
  if (!status.ok()) return status;
  proto.set_model(options.model);
  if (request.expire_after) ToProto(*request.expire_after, proto.mutable_expire_after());
  const auto session = CallUnary<v1::Session>(
      *client.connection_, options, [&](grpc::ClientContext* context, v1::Session* out) {
        return client.connection_->language_model->CreateSession(context, proto, out);
      });
  if (!session.ok()) return session.status();
  return Session(client, session->name());
}

absl::StatusOr<std::vector<SessionInfo>> Session::List(const Client& client,
                                                       const CallOptions& options) {
  const auto response = CallUnary<v1::ListSessionsResponse>(
      *client.connection_, options,
      [&](grpc::ClientContext* context, v1::ListSessionsResponse* out) {
        return client.connection_->language_model->ListSessions(context, v1::ListSessionsRequest(),
                                                                out);
      });
  if (!response.ok()) return response.status();
  std::vector<SessionInfo> sessions;
  for (const v1::Session& session : response->sessions()) sessions.push_back(FromProto(session));
  return sessions;
}

Stream<GenerateTextEvent> Session::StreamGenerateText(const GenerateTextRequest& request,
                                                      const CallOptions& options) const {
  return client_.StreamTurn(request, name_, options);
}

absl::StatusOr<GenerateTextResult> Session::GenerateText(
    const GenerateTextRequest& request, const CallOptions& options,
    const Client::OnEvent<GenerateTextEvent>& on_event) const {
  return ReadResult<GenerateTextResult>(StreamGenerateText(request, options), on_event);
}

absl::StatusOr<CountTokensResult> Session::CountTokens(const GenerateTextRequest& request,
                                                       const CallOptions& options) const {
  return client_.CountTurn(request, name_, options);
}

absl::StatusOr<SessionInfo> Session::Get(const CallOptions& options) const {
  return ToInfo(
      CallNamed(*client_.connection_, options, name_, v1::GetSessionRequest(), &Stub::GetSession));
}

absl::StatusOr<SessionInfo> Session::Append(const std::vector<Message>& messages,
                                            const CallOptions& options) const {
  if (absl::Status status = Check(messages); !status.ok()) return status;
  v1::AppendToSessionRequest proto;
  AddMessages(messages, proto.mutable_messages());
  absl::Status status = client_.connection_->attachments.Attach(messages, proto.mutable_messages());
  if (!status.ok()) return status;
  return ToInfo(
      CallNamed(*client_.connection_, options, name_, std::move(proto), &Stub::AppendToSession));
}

absl::StatusOr<Session> Session::Fork(const ForkSessionRequest& request,
                                      const CallOptions& options) const {
  v1::ForkSessionRequest proto;
  if (request.message_count) proto.set_message_count(*request.message_count);
  if (request.expire_after) ToProto(*request.expire_after, proto.mutable_expire_after());
  const auto session =
      CallNamed(*client_.connection_, options, name_, std::move(proto), &Stub::ForkSession);
  if (!session.ok()) return session.status();
  return Session(client_, session->name());
}

absl::StatusOr<PrewarmSessionResult> Session::Prewarm(const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("options.model", options.model); !status.ok()) return status;
  v1::PrewarmSessionRequest proto;
  ToProto(options, proto.mutable_options());
  const auto response =
      CallNamed(*client_.connection_, options, name_, std::move(proto), &Stub::PrewarmSession);
  if (!response.ok()) return response.status();
  return PrewarmSessionResult{.session = FromProto(response->session()),
                              .usage = FromProto(response->usage())};
}

absl::Status Session::Delete(const CallOptions& options) const {
  return CallNamed(*client_.connection_, options, name_, v1::DeleteSessionRequest(),
                   &Stub::DeleteSession)
      .status();
}

}  // namespace intelligence
