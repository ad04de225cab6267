// Streams of frames.
#include <intelligence/frames.h>

#include <atomic>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"

namespace intelligence {

class FrameStream::Call {
 public:
  Call(std::shared_ptr<Client::Connection> connection, const AnalyzeFramesRequest& request,
       const CallOptions& options)
      : connection_(std::move(connection)), max_unanswered_(request.max_unanswered_frames) {
    status_ = CheckUtf8("options.model", options.model);
    if (status_.ok()) status_ = connection_->Prepare(options, call_);
    if (!status_.ok()) {
      finished_ = true;
      return;
    }
    stream_ = connection_->vision->AnalyzeFrames(&call_.context);
    v1::AnalyzeFramesRequest first;
    *first.mutable_start() = ToProto(request, options);
    Write(first);
  }

  ~Call() {
    if (finished_) return;
    call_.context.TryCancel();
    // gRPC wants every call finished, and Finish wants the stream read.
    v1::AnalyzeFramesResponse rest;
    while (stream_->Read(&rest)) {
    }
    stream_->Finish();
  }

  SendResult SendFrame(const VideoFrame& frame) {
    if (max_unanswered_ > 0 && sent_ - settled_ >= max_unanswered_) return SendResult::kBusy;
    v1::AnalyzeFramesRequest request;
    v1::VisionImage& image = *request.mutable_frame()->mutable_image();
    ToProto(frame.image, &image);
    if (frame.image.attachment.has_value()) {
      const absl::Status status = connection_->attachments.Attach(*frame.image.attachment, &image);
      // What is out takes the room: frames that are answered or dropped give it back.
      if (absl::IsResourceExhausted(status)) return SendResult::kBusy;
      if (!status.ok()) {
        EndWith(status);
        return SendResult::kEnded;
      }
    }
    if (frame.time.has_value()) {
      ToProto(*frame.time, request.mutable_frame()->mutable_time());
    }
    ++sent_;
    return Write(request) ? SendResult::kTaken : SendResult::kEnded;
  }

  bool Change(const ChangeRequests& change) {
    v1::AnalyzeFramesRequest request;
    for (const VisionRequest& one : change.add) {
      ToProto(one, request.mutable_change()->add_add());
    }
    for (const uint32_t place : change.remove) request.mutable_change()->add_remove(place);
    return Write(request);
  }

  bool Finish() {
    absl::MutexLock lock(write_mutex_);
    if (stream_ == nullptr || std::exchange(half_closed_, true)) return false;
    return stream_->WritesDone();
  }

  std::optional<AnalyzeFramesEvent> Next() {
    if (finished_) return std::nullopt;
    v1::AnalyzeFramesResponse response;
    while (stream_->Read(&response)) {
      if (response.has_frame()) ++settled_;
      if (response.has_dropped()) settled_ += response.dropped().count();
      if (auto event = FromProto(response)) return event;
    }
    finished_ = true;
    status_ = connection_->Decode(stream_->Finish(), call_);
    absl::MutexLock lock(write_mutex_);
    if (!send_status_.ok()) status_ = send_status_;
    return std::nullopt;
  }

  const absl::Status& status() const { return status_; }
  void Cancel() { call_.context.TryCancel(); }

 private:
  bool Write(const v1::AnalyzeFramesRequest& request) {
    absl::MutexLock lock(write_mutex_);
    return stream_ != nullptr && !half_closed_ && stream_->Write(request);
  }

  // The stream ends because of what was to be sent.
  void EndWith(const absl::Status& status) {
    {
      absl::MutexLock lock(write_mutex_);
      send_status_ = status;
      half_closed_ = true;
    }
    call_.context.TryCancel();
  }

  const std::shared_ptr<Client::Connection> connection_;
  const uint64_t max_unanswered_;
  CallContext call_;
  // One thread writes at a time, one reads.
  std::unique_ptr<
      grpc::ClientReaderWriterInterface<v1::AnalyzeFramesRequest, v1::AnalyzeFramesResponse>>
      stream_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<uint64_t> settled_{0};
  absl::Mutex write_mutex_;
  bool half_closed_ ABSL_GUARDED_BY(write_mutex_) = false;
  absl::Status send_status_ ABSL_GUARDED_BY(write_mutex_);
  // Of the reading thread.
  bool finished_ = false;
  absl::Status status_;
};

FrameStream::FrameStream(std::unique_ptr<Call> call) : call_(std::move(call)) {}
FrameStream::FrameStream(FrameStream&&) noexcept = default;
FrameStream& FrameStream::operator=(FrameStream&&) noexcept = default;
FrameStream::~FrameStream() = default;

FrameStream FrameStream::Open(const Client& client, const AnalyzeFramesRequest& request,
                              const CallOptions& options) {
  return FrameStream(std::make_unique<Call>(client.connection_, request, options));
}

SendResult FrameStream::SendFrame(const VideoFrame& frame) { return call_->SendFrame(frame); }
bool FrameStream::Change(const ChangeRequests& change) { return call_->Change(change); }
bool FrameStream::Finish() { return call_->Finish(); }
std::optional<AnalyzeFramesEvent> FrameStream::Next() { return call_->Next(); }
absl::Status FrameStream::status() const { return call_->status(); }
void FrameStream::Cancel() { call_->Cancel(); }

}  // namespace intelligence
