#include "services/vision/frame_streams.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

absl::Status LostError(const std::string& model) {
  return MakeError(
      Reason::kWorkerLost,
      absl::StrCat("The process of the model ", model,
                   " was lost, and with it what the stream's trackers knew. Begin another stream "
                   "from where things were last seen."),
      {.metadata = {{"model", model}}, .retry_delay = absl::Milliseconds(500), .field = ""});
}

}  // namespace

absl::StatusOr<uint64_t> FrameStreams::Open(const std::string& client) {
  absl::MutexLock lock(mutex_);
  const auto own =
      static_cast<size_t>(std::count_if(streams_.begin(), streams_.end(), [&](const auto& item) {
        return item.second.client == client;
      }));
  if (own >= kMaxClientStreams) {
    return MakeError(
        Reason::kClientQuotaExceeded,
        absl::StrCat("This app has ", own,
                     " streams of frames open, the most there may be. Finish one."),
        {.metadata = {{"quota", "frame_streams"}, {"limit", absl::StrCat(kMaxClientStreams)}},
         .retry_delay = absl::Seconds(1),
         .field = ""});
  }
  if (streams_.size() >= kMaxStreams) {
    return MakeError(Reason::kQueueFull,
                     "All streams of frames that there can be are open. Try again later.",
                     {.metadata = {{"limit", absl::StrCat(kMaxStreams)}},
                      .retry_delay = absl::Seconds(1),
                      .field = ""});
  }
  const uint64_t id = next_id_++;
  streams_[id].client = client;
  return id;
}

void FrameStreams::SetModel(uint64_t id, ModelLease lease) {
  absl::MutexLock lock(mutex_);
  const auto found = streams_.find(id);
  // The other way round nothing is left for the lock's time: `lease` is destroyed after it.
  if (found != streams_.end()) std::swap(found->second.lease, lease);
}

void FrameStreams::Close(uint64_t id) {
  Stream ended;  // destroyed without the lock
  absl::MutexLock lock(mutex_);
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  ended = std::move(found->second);
  streams_.erase(found);
}

void FrameStreams::Acquire(const std::shared_ptr<ScheduledJob>& job) {
  std::optional<BoundModel> bound;
  {
    absl::MutexLock lock(mutex_);
    const auto found = streams_.find(job->request().task.vision().stream().id());
    if (found != streams_.end() && found->second.last.lock() != job) {
      Stream& stream = found->second;
      stream.last = job;
      bound = {.key = stream.lease.key,
               .name = stream.lease.name,
               .model = stream.lease.model,
               .lease = stream.lease.hold};
    }
  }
  if (bound.has_value()) {
    job->Bind(*std::move(bound));
  } else {
    job->Fail(LostError(job->request().model));
  }
}

size_t FrameStreams::size() const {
  absl::MutexLock lock(mutex_);
  return streams_.size();
}

}  // namespace intelligenced
