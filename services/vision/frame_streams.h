// The streams of frames that are open, and the model that each one holds.
#ifndef INTELLIGENCED_SERVICES_VISION_FRAME_STREAMS_H_
#define INTELLIGENCED_SERVICES_VISION_FRAME_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "runtime/models/model_manager.h"
#include "runtime/scheduler/job.h"

namespace intelligenced {

// A stream holds its model until it ends: what trackers know is in the model's process. Its jobs
// run there or, once that process is lost, not at all (WORKER_LOST). Thread-safe. Outlives the
// jobs.
class FrameStreams final : public ModelSource {
 public:
  static constexpr size_t kMaxStreams = 64;  // what workers remember
  static constexpr size_t kMaxClientStreams = 16;

  // A new stream's id, never used again. CLIENT_QUOTA_EXCEEDED, QUEUE_FULL.
  absl::StatusOr<uint64_t> Open(const std::string& client);
  // What the stream's jobs run on from here on.
  void SetModel(uint64_t id, ModelLease lease);
  // Lets go of the model. Does nothing for one that has ended.
  void Close(uint64_t id);

  // The jobs' tasks name their stream.
  void Acquire(const std::shared_ptr<ScheduledJob>& job) override;

  size_t size() const;

 private:
  struct Stream {
    std::string client;
    ModelLease lease;
    // To know one that comes again: its process was lost under it.
    std::weak_ptr<ScheduledJob> last;
  };

  mutable absl::Mutex mutex_;
  std::map<uint64_t, Stream> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_FRAME_STREAMS_H_
