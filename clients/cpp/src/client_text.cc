// Writing tools and language models.
#include <string>
#include <utility>
#include <variant>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"

namespace intelligence {
namespace {

absl::Status Check(const GenerateInput& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return CheckUtf8("prompt", *text);
  return CheckMessages("conversation", std::get<Conversation>(input).messages);
}

absl::Status Check(const ProofreadTextRequest& request) { return CheckUtf8("text", request.text); }

absl::Status Check(const RewriteTextRequest& request) {
  if (absl::Status status = CheckUtf8("text", request.text); !status.ok()) return status;
  return CheckUtf8("instruction", request.instruction);
}

absl::Status Check(const SummarizeTextRequest& request) {
  if (absl::Status status = CheckUtf8("text", request.text); !status.ok()) return status;
  return CheckUtf8("shared_context", request.shared_context);
}

absl::Status Check(const ComposeTextRequest& request) {
  if (absl::Status status = CheckUtf8("instruction", request.instruction); !status.ok()) {
    return status;
  }
  return CheckUtf8("shared_context", request.shared_context);
}

absl::Status Check(const GenerateTextRequest& request) {
  for (const std::string& stop : request.stop) {
    if (absl::Status status = CheckUtf8("stop", stop); !status.ok()) return status;
  }
  absl::Status status = CheckUtf8("response_schema", request.response_schema);
  for (const Tool& tool : request.tools) {
    for (const std::string* text : {&tool.name, &tool.description, &tool.parameters}) {
      if (status.ok()) status = CheckUtf8("tools", *text);
    }
  }
  if (!status.ok()) return status;
  return Check(request.input);
}

template <typename Event, typename Connection, typename Stub, typename Request, typename ProtoCall,
          typename Response>
Stream<Event> Start(const std::shared_ptr<Connection>& connection, Stub& stub,
                    const Request& request, const CallOptions& options, ProtoCall method,
                    std::optional<Event> (*convert)(const Response&)) {
  absl::Status status = Check(request);
  if (status.ok()) status = CheckUtf8("options.model", options.model);
  if (!status.ok()) return FailedStream<Event>(std::move(status));
  const auto proto = ToProto(request, options);
  return StartStream<Event, Response>(
      connection, options,
      [&](grpc::ClientContext* context) { return (stub.*method)(context, proto); }, convert);
}

}  // namespace

Stream<ProofreadTextEvent> Client::StreamProofreadText(const ProofreadTextRequest& request,
                                                       const CallOptions& options) const {
  return Start<ProofreadTextEvent>(
      connection_, *connection_->writing_tools, request, options,
      &v1::WritingToolsService::StubInterface::ProofreadText,
      static_cast<std::optional<ProofreadTextEvent> (*)(const v1::ProofreadTextResponse&)>(
          &FromProto));
}

absl::StatusOr<ProofreadTextResult> Client::ProofreadText(
    const ProofreadTextRequest& request, const CallOptions& options,
    const OnEvent<ProofreadTextEvent>& on_event) const {
  return ReadResult<ProofreadTextResult>(StreamProofreadText(request, options), on_event);
}

Stream<RewriteTextEvent> Client::StreamRewriteText(const RewriteTextRequest& request,
                                                   const CallOptions& options) const {
  return Start<RewriteTextEvent>(
      connection_, *connection_->writing_tools, request, options,
      &v1::WritingToolsService::StubInterface::RewriteText,
      static_cast<std::optional<RewriteTextEvent> (*)(const v1::RewriteTextResponse&)>(&FromProto));
}

absl::StatusOr<RewriteTextResult> Client::RewriteText(
    const RewriteTextRequest& request, const CallOptions& options,
    const OnEvent<RewriteTextEvent>& on_event) const {
  return ReadResult<RewriteTextResult>(StreamRewriteText(request, options), on_event);
}

Stream<SummarizeTextEvent> Client::StreamSummarizeText(const SummarizeTextRequest& request,
                                                       const CallOptions& options) const {
  return Start<SummarizeTextEvent>(
      connection_, *connection_->writing_tools, request, options,
      &v1::WritingToolsService::StubInterface::SummarizeText,
      static_cast<std::optional<SummarizeTextEvent> (*)(const v1::SummarizeTextResponse&)>(
          &FromProto));
}

absl::StatusOr<SummarizeTextResult> Client::SummarizeText(
    const SummarizeTextRequest& request, const CallOptions& options,
    const OnEvent<SummarizeTextEvent>& on_event) const {
  return ReadResult<SummarizeTextResult>(StreamSummarizeText(request, options), on_event);
}

Stream<ComposeTextEvent> Client::StreamComposeText(const ComposeTextRequest& request,
                                                   const CallOptions& options) const {
  return Start<ComposeTextEvent>(
      connection_, *connection_->writing_tools, request, options,
      &v1::WritingToolsService::StubInterface::ComposeText,
      static_cast<std::optional<ComposeTextEvent> (*)(const v1::ComposeTextResponse&)>(&FromProto));
}

absl::StatusOr<ComposeTextResult> Client::ComposeText(
    const ComposeTextRequest& request, const CallOptions& options,
    const OnEvent<ComposeTextEvent>& on_event) const {
  return ReadResult<ComposeTextResult>(StreamComposeText(request, options), on_event);
}

Stream<GenerateTextEvent> Client::StreamTurn(const GenerateTextRequest& request,
                                             const std::string& session,
                                             const CallOptions& options) const {
  absl::Status status = Check(request);
  if (status.ok()) status = CheckUtf8("options.model", options.model);
  if (status.ok()) status = CheckUtf8("session", session);
  if (!status.ok()) return FailedStream<GenerateTextEvent>(std::move(status));
  v1::GenerateTextRequest proto = ToProto(request, session, options);
  if (proto.has_conversation()) {
    status = connection_->attachments.Attach(request.input, proto.mutable_conversation());
    if (!status.ok()) return FailedStream<GenerateTextEvent>(std::move(status));
  }
  return StartStream<GenerateTextEvent, v1::GenerateTextResponse>(
      connection_, options,
      [&](grpc::ClientContext* context) {
        return connection_->language_model->GenerateText(context, proto);
      },
      static_cast<std::optional<GenerateTextEvent> (*)(const v1::GenerateTextResponse&)>(
          &FromProto));
}

Stream<GenerateTextEvent> Client::StreamGenerateText(const GenerateTextRequest& request,
                                                     const CallOptions& options) const {
  return StreamTurn(request, "", options);
}

absl::StatusOr<GenerateTextResult> Client::GenerateText(
    const GenerateTextRequest& request, const CallOptions& options,
    const OnEvent<GenerateTextEvent>& on_event) const {
  return ReadResult<GenerateTextResult>(StreamGenerateText(request, options), on_event);
}

absl::StatusOr<CountTokensResult> Client::CountTokens(const GenerateTextRequest& request,
                                                      const CallOptions& options) const {
  return CountTurn(request, "", options);
}

absl::StatusOr<CountTokensResult> Client::CountTurn(const GenerateTextRequest& request,
                                                    const std::string& session,
                                                    const CallOptions& options) const {
  absl::Status status = Check(request);
  if (status.ok()) status = CheckUtf8("session", session);
  if (!status.ok()) return status;
  v1::CountTokensRequest message = ToCountProto(request, session, options);
  if (message.has_conversation()) {
    status = connection_->attachments.Attach(request.input, message.mutable_conversation());
    if (!status.ok()) return status;
  }
  absl::StatusOr<v1::CountTokensResponse> response = CallUnary<v1::CountTokensResponse>(
      *connection_, options, [&](grpc::ClientContext* context, v1::CountTokensResponse* out) {
        return connection_->language_model->CountTokens(context, message, out);
      });
  if (!response.ok()) return response.status();
  return CountTokensResult{.tokens = response->tokens(),
                           .context_tokens = response->context_tokens(),
                           .model = response->model()};
}

}  // namespace intelligence
