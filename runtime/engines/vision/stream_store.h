// What the model knows of streams of frames, from one frame to the next.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_STREAM_STORE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_STREAM_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <opencv2/core.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "runtime/engines/vision/tracker.h"

namespace intelligenced {

// The trackers of one stream, by their requests' ids. Not thread-safe.
struct StreamState {
  // Of the pictures, upright. Trackers begin anew when it changes.
  cv::Size size;
  std::map<uint32_t, std::unique_ptr<Tracker>> trackers;
};

// Thread-safe. At most kMaxStreams are remembered, the longest unused is forgotten first; a tracker
// holds no more than two frames and a few patches, below 2 MiB.
class StreamStore {
 public:
  static constexpr size_t kMaxStreams = 64;

  // Lends a stream's state to one frame, and gives it back. The store outlives it. The state is an
  // empty one for a stream that is not known, and for one whose state another frame has: frames of
  // one stream come one after another.
  class Loan {
   public:
    Loan(StreamStore* store, uint64_t id) : store_(store), id_(id), state_(store->Take(id)) {}
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ~Loan() { store_->GiveBack(id_, std::move(state_)); }
    StreamState& state() const { return *state_; }

   private:
    StreamStore* const store_;
    const uint64_t id_;
    std::unique_ptr<StreamState> state_;
  };

  // Forgets the stream, when its frame in progress has ended at the latest.
  void Close(uint64_t id);

  size_t size() const;

 private:
  struct Entry {
    // Null while lent.
    std::unique_ptr<StreamState> state;
    uint64_t last_use = 0;
    int lent = 0;
    bool closed = false;
  };

  std::unique_ptr<StreamState> Take(uint64_t id);
  void GiveBack(uint64_t id, std::unique_ptr<StreamState> state);
  void ForgetOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_STREAM_STORE_H_
