// Streaming and unary calls as the public API shows them.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_CALL_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_CALL_H_

#include <intelligence/client.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/src/connection.h"
#include "grpcpp/support/sync_stream.h"

namespace intelligence {

// CheckUtf8() for all that messages say.
inline absl::Status CheckMessages(std::string_view field, const std::vector<Message>& messages) {
  absl::Status status;
  for (const Message& message : messages) {
    for (const std::string* text : {&message.text, &message.tool_call_id, &message.name}) {
      if (status.ok()) status = CheckUtf8(field, *text);
    }
    for (const ToolCall& call : message.tool_calls) {
      for (const std::string* text : {&call.id, &call.name, &call.arguments}) {
        if (status.ok()) status = CheckUtf8(field, *text);
      }
    }
  }
  return status;
}

// A stream that never began.
template <typename Event>
class FailedSource final : public Stream<Event>::Source {
 public:
  explicit FailedSource(absl::Status status) : status_(std::move(status)) {}
  std::optional<Event> Next() override { return std::nullopt; }
  absl::Status status() const override { return status_; }
  void Cancel() override {}

 private:
  const absl::Status status_;
};

template <typename Event, typename Response>
class GrpcSource final : public Stream<Event>::Source {
 public:
  using Reader = std::unique_ptr<grpc::ClientReaderInterface<Response>>;
  // Nothing for an event that this version of the SDK does not know.
  using Convert = std::optional<Event> (*)(const Response&);

  GrpcSource(std::shared_ptr<const void> keep, std::unique_ptr<CallContext> call, Reader reader,
             Convert convert, std::function<absl::Status(const grpc::Status&)> decode)
      : keep_(std::move(keep)),
        call_(std::move(call)),
        reader_(std::move(reader)),
        convert_(convert),
        decode_(std::move(decode)) {}

  ~GrpcSource() override {
    if (finished_) return;
    call_->context.TryCancel();
    // gRPC wants every call finished, and Finish wants the stream read.
    Response rest;
    while (reader_->Read(&rest)) {
    }
    reader_->Finish();
  }

  std::optional<Event> Next() override {
    if (finished_) return std::nullopt;
    Response response;
    while (reader_->Read(&response)) {
      if (std::optional<Event> event = convert_(response)) return event;
    }
    finished_ = true;
    status_ = decode_(reader_->Finish());
    return std::nullopt;
  }

  absl::Status status() const override { return status_; }
  void Cancel() override { call_->context.TryCancel(); }

 private:
  // The connection: it must outlive the reader.
  const std::shared_ptr<const void> keep_;
  const std::unique_ptr<CallContext> call_;
  const Reader reader_;
  const Convert convert_;
  const std::function<absl::Status(const grpc::Status&)> decode_;
  bool finished_ = false;
  absl::Status status_;
};

template <typename Event>
Stream<Event> FailedStream(absl::Status status) {
  return Stream<Event>(std::make_unique<FailedSource<Event>>(std::move(status)));
}

// Starts a server-streaming call: start(context) returns its reader.
template <typename Event, typename Response, typename Connection, typename Start>
Stream<Event> StartStream(const std::shared_ptr<Connection>& connection, const CallOptions& options,
                          Start start, std::optional<Event> (*convert)(const Response&)) {
  auto call = std::make_unique<CallContext>();
  if (absl::Status status = connection->Prepare(options, *call); !status.ok()) {
    return FailedStream<Event>(std::move(status));
  }
  std::unique_ptr<grpc::ClientReaderInterface<Response>> reader = start(&call->context);
  auto decode = [connection = connection.get(), context = call.get()](const grpc::Status& status) {
    return connection->Decode(status, *context);
  };
  return Stream<Event>(std::make_unique<GrpcSource<Event, Response>>(
      connection, std::move(call), std::move(reader), convert, std::move(decode)));
}

// Reads a stream to its end and returns the event of type Result, its last.
template <typename Result, typename Event>
absl::StatusOr<Result> ReadResult(Stream<Event> stream,
                                  const std::function<void(const Event&)>& on_event) {
  std::optional<Result> result;
  while (std::optional<Event> event = stream.Next()) {
    if (on_event) on_event(*event);
    if (Result* completed = std::get_if<Result>(&*event)) result = std::move(*completed);
  }
  if (absl::Status status = stream.status(); !status.ok()) return status;
  if (!result.has_value()) {
    return absl::InternalError("The daemon ended the answer without a result; look at its log.");
  }
  return *std::move(result);
}

// Makes a unary call: invoke(context, response) returns gRPC's status.
template <typename Response, typename Connection, typename Invoke>
absl::StatusOr<Response> CallUnary(Connection& connection, const CallOptions& options,
                                   Invoke invoke) {
  CallContext call;
  if (absl::Status status = connection.Prepare(options, call); !status.ok()) return status;
  Response response;
  const grpc::Status status = invoke(&call.context, &response);
  if (!status.ok()) return connection.Decode(status, call);
  return response;
}

}  // namespace intelligence

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_CALL_H_
