// Which frames of a stream are computed, and which are dropped. Pure: the caller says what time it
// is and does the work.
//
// Frames are computed in the order in which they came, since trackers know of one from the one
// before. When more than `max_frames` wait, the one that has waited longest is dropped, so that
// with one place the newest frame is always the next.
#ifndef INTELLIGENCED_SERVICES_VISION_FRAME_QUEUE_H_
#define INTELLIGENCED_SERVICES_VISION_FRAME_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/time/time.h"

namespace intelligenced {

struct FrameLimits {
  // Waiting, beside the one that is computed.
  size_t max_frames = 1;
  // Of waiting frames together, but one may always wait.
  uint64_t max_bytes = uint64_t{96} << 20;
  // From arrival to the beginning of its computing.
  absl::Duration max_age = absl::InfiniteDuration();
};

// A run of frames, none of which was computed.
struct FrameRun {
  uint64_t first = 0;
  uint64_t count = 0;
};

// Counts dropped frames and joins neighbours until they are told. Not thread-safe.
class DropCount {
 public:
  void Add(uint64_t frame) {
    ++total_;
    if (!untold_.empty() && untold_.back().first + untold_.back().count == frame) {
      ++untold_.back().count;
    } else {
      untold_.push_back({frame, 1});
    }
  }
  // The oldest that was not taken yet.
  std::optional<FrameRun> Take() {
    if (untold_.empty()) return std::nullopt;
    const FrameRun run = untold_.front();
    untold_.pop_front();
    return run;
  }
  bool has_untold() const { return !untold_.empty(); }
  uint64_t total() const { return total_; }

 private:
  uint64_t total_ = 0;
  std::deque<FrameRun> untold_;
};

// Not thread-safe.
template <typename Payload>
class FrameQueue {
 public:
  struct Frame {
    // Its place among all frames, from 0.
    uint64_t number = 0;
    absl::Time arrived;
    uint64_t bytes = 0;
    Payload payload;
  };

  explicit FrameQueue(FrameLimits limits) : limits_(limits) {}

  // A frame came. It waits, and others may be dropped for it.
  void Add(Payload payload, uint64_t bytes, absl::Time now) {
    waiting_.push_back({received_++, now, bytes, std::move(payload)});
    bytes_ += bytes;
    while (waiting_.size() > limits_.max_frames ||
           (waiting_.size() > 1 && bytes_ > limits_.max_bytes)) {
      DropOldest();
    }
    Expire(now);
  }

  // The next frame to be computed.
  std::optional<Frame> Take(absl::Time now) {
    Expire(now);
    if (waiting_.empty()) return std::nullopt;
    Frame frame = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= frame.bytes;
    return frame;
  }

  // Drops what has waited too long.
  void Expire(absl::Time now) {
    while (!waiting_.empty() && ExpiryOf(waiting_.front()) <= now) DropOldest();
  }

  // When a frame that arrived then must have begun.
  absl::Time ExpiryOf(const Frame& frame) const { return frame.arrived + limits_.max_age; }
  // When the next waiting frame is dropped for its age. InfiniteFuture: none.
  absl::Time next_expiry() const {
    return waiting_.empty() ? absl::InfiniteFuture() : ExpiryOf(waiting_.front());
  }

  // A frame that was taken is not computed after all.
  void Drop(uint64_t number) { drops_.Add(number); }

  bool empty() const { return waiting_.empty(); }
  size_t waiting() const { return waiting_.size(); }
  uint64_t received() const { return received_; }
  DropCount& drops() { return drops_; }

 private:
  void DropOldest() {
    drops_.Add(waiting_.front().number);
    bytes_ -= waiting_.front().bytes;
    waiting_.pop_front();
  }

  const FrameLimits limits_;
  std::deque<Frame> waiting_;
  uint64_t bytes_ = 0;
  uint64_t received_ = 0;
  DropCount drops_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_FRAME_QUEUE_H_
