// Batches of texts.
#include <intelligence/translation.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert_translation.h"

namespace intelligence {

class TranslationBatch::Call {
 public:
  Call(std::shared_ptr<Client::Connection> connection, const TranslateBatchRequest& request,
       const CallOptions& options)
      : connection_(std::move(connection)) {
    status_ = CheckUtf8("source_language", request.source_language);
    if (status_.ok()) status_ = CheckUtf8("target_language", request.target_language);
    if (status_.ok()) status_ = CheckUtf8("options.model", options.model);
    if (status_.ok()) status_ = connection_->Prepare(options, call_);
    if (!status_.ok()) {
      finished_ = true;
      return;
    }
    stream_ = connection_->translation->TranslateBatch(&call_.context);
    v1::TranslateBatchRequest first;
    *first.mutable_start() = ToProto(request, options);
    Write(first);
  }

  ~Call() {
    if (finished_) return;
    call_.context.TryCancel();
    // gRPC wants every call finished, and Finish wants the stream read.
    v1::TranslateBatchResponse rest;
    while (stream_->Read(&rest)) {
    }
    stream_->Finish();
  }

  absl::Status Send(const TranslateItem& item) {
    absl::Status status = CheckUtf8("client_identifier", item.client_identifier);
    if (status.ok()) status = CheckUtf8("text", item.text);
    if (!status.ok()) return status;
    v1::TranslateBatchRequest request;
    ToProto(item, request.mutable_item());
    if (Write(request)) return absl::OkStatus();
    return absl::AbortedError("The batch has ended; its status says why.");
  }

  bool Finish() {
    absl::MutexLock lock(write_mutex_);
    if (stream_ == nullptr || std::exchange(half_closed_, true)) return false;
    return stream_->WritesDone();
  }

  std::optional<TranslateBatchEvent> Next() {
    if (finished_) return std::nullopt;
    v1::TranslateBatchResponse response;
    while (stream_->Read(&response)) {
      if (auto event = FromProto(response)) return event;
    }
    finished_ = true;
    status_ = connection_->Decode(stream_->Finish(), call_);
    return std::nullopt;
  }

  const absl::Status& status() const { return status_; }
  void Cancel() { call_.context.TryCancel(); }

 private:
  bool Write(const v1::TranslateBatchRequest& request) {
    absl::MutexLock lock(write_mutex_);
    return stream_ != nullptr && !half_closed_ && stream_->Write(request);
  }

  const std::shared_ptr<Client::Connection> connection_;
  CallContext call_;
  // One thread writes at a time, one reads.
  std::unique_ptr<
      grpc::ClientReaderWriterInterface<v1::TranslateBatchRequest, v1::TranslateBatchResponse>>
      stream_;
  absl::Mutex write_mutex_;
  bool half_closed_ ABSL_GUARDED_BY(write_mutex_) = false;
  // Of the reading thread.
  bool finished_ = false;
  absl::Status status_;
};

TranslationBatch::TranslationBatch(std::unique_ptr<Call> call) : call_(std::move(call)) {}
TranslationBatch::TranslationBatch(TranslationBatch&&) noexcept = default;
TranslationBatch& TranslationBatch::operator=(TranslationBatch&&) noexcept = default;
TranslationBatch::~TranslationBatch() = default;

TranslationBatch TranslationBatch::Open(const Client& client, const TranslateBatchRequest& request,
                                        const CallOptions& options) {
  return TranslationBatch(std::make_unique<Call>(client.connection_, request, options));
}

absl::Status TranslationBatch::Send(const TranslateItem& item) { return call_->Send(item); }
bool TranslationBatch::Finish() { return call_->Finish(); }
std::optional<TranslateBatchEvent> TranslationBatch::Next() { return call_->Next(); }
absl::Status TranslationBatch::status() const { return call_->status(); }
void TranslationBatch::Cancel() { call_->Cancel(); }

absl::StatusOr<TranslateBatchResult> Translator::Batch(
    const TranslateBatchRequest& request, const std::function<std::optional<TranslateItem>()>& next,
    const OnEvent<TranslateBatchEvent>& on_event, const CallOptions& options) const {
  TranslationBatch batch = TranslationBatch::Open(client_, request, options);
  // What was wrong with an item; the batch's own end is told by its status.
  absl::Status sent;
  std::atomic<bool> over = false;
  std::thread sender([&] {
    while (!over) {
      const std::optional<TranslateItem> item = next();
      if (!item.has_value()) {
        batch.Finish();
        return;
      }
      const absl::Status status = batch.Send(*item);
      if (status.ok()) continue;
      if (!absl::IsAborted(status)) {
        sent = status;
        batch.Cancel();
      }
      return;
    }
  });
  std::optional<TranslateBatchResult> result;
  while (std::optional<TranslateBatchEvent> event = batch.Next()) {
    if (on_event) on_event(*event);
    if (const auto* completed = std::get_if<TranslateBatchResult>(&*event)) result = *completed;
  }
  over = true;
  sender.join();
  if (!sent.ok()) return sent;
  if (absl::Status status = batch.status(); !status.ok()) return status;
  if (!result.has_value()) {
    return absl::InternalError("The daemon ended the batch without a result; look at its log.");
  }
  return *std::move(result);
}

}  // namespace intelligence
