// Straight-line work in slices: a thread of its own that runs only while it is let.
//
// Libraries such as Tesseract call back in the middle of their work and know nothing of being
// continued later. The callback waits there until the next slice, so that a call of seconds is cut
// into slices without changing what it computes.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_SLICE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_SLICE_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace intelligenced {

// The owner calls Resume() and then Wait(), in turn, from one thread at a time; the body calls
// GoOn() at its checkpoints. While the body does not run, its data may be used by the owner.
class SlicedWork {
 public:
  // `body` runs on a thread that the first Resume() starts. It must return soon after GoOn() has
  // answered false. `clock` outlives this.
  SlicedWork(const Clock* clock, std::function<void()> body);
  // Ends the body at its next checkpoint and waits for it.
  ~SlicedWork();

  // Lets the body run until its first checkpoint after `end`.
  void Resume(absl::Time end);
  // Until the body has come to a checkpoint or to its end. True: to its end.
  bool Wait();
  // How long the body ran in its last slice.
  absl::Duration last_slice() const;

  // Body only: a checkpoint. Waits for the next slice when this one is over. False: give up.
  bool GoOn();

 private:
  enum class State { kNew, kRunning, kPaused, kDone };

  const Clock* const clock_;
  const std::function<void()> body_;
  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kNew;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time begin_ ABSL_GUARDED_BY(mutex_);
  absl::Time end_ ABSL_GUARDED_BY(mutex_);
  absl::Duration last_slice_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_SLICE_H_
