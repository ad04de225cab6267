// Turns pictures into what a language model reads, a slice of time at a time.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_ENCODER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_ENCODER_H_

#include <ggml.h>
#include <mtmd.h>

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"

namespace intelligenced {

// libmtmd encodes a picture in one call that takes up to seconds. It runs on a thread of its own
// here, which is halted between two operations of the network when the time it was given is over,
// so that others can compute meanwhile. One operation is not cut: with the usual networks (a
// picture in 600 to 800 parts) the longest takes some tens of milliseconds.
//
// Used by one thread, the model's; the picture's thread is the encoder's own.
class PictureEncoder {
 public:
  // `clock` must outlive the encoder.
  explicit PictureEncoder(const Clock* clock) : clock_(clock) {}
  // Ends what is being encoded.
  ~PictureEncoder();
  PictureEncoder(const PictureEncoder&) = delete;
  PictureEncoder& operator=(const PictureEncoder&) = delete;

  // For mtmd_context_params.cb_eval, with the encoder as its argument: halts the picture's thread.
  static bool OnOperation(ggml_tensor* tensor, bool ask, void* encoder);

  // Begins with a picture; nothing is computed yet. Nothing else may be in progress. `context` and
  // `chunk` must live until Take() or Abandon(). The result has `floats` numbers.
  void Begin(mtmd_context* context, const mtmd_input_chunk* chunk, size_t floats,
             CancelToken cancel);
  // True from Begin() to Take() or Abandon().
  bool busy() const { return chunk_ != nullptr; }
  const mtmd_input_chunk* chunk() const { return chunk_; }
  // Computes for about `slice`. True when the picture is through, or was cancelled.
  bool Advance(absl::Duration slice);
  // After Advance() gave true. CANCELLED; ENGINE_FAILURE: the library failed.
  absl::StatusOr<std::vector<float>> Take();
  // Ends what is in progress, after at most one operation, and forgets it.
  void Abandon();

 private:
  enum class State { kIdle, kRunning, kHalted, kEnded, kLeaving };

  void Run();
  bool Halt();
  bool MayRun() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return state_ != State::kHalted; }
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return state_ == State::kRunning || state_ == State::kLeaving;
  }
  bool Rests() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return state_ != State::kRunning; }

  const Clock* const clock_;
  // Made with the first picture.
  std::thread thread_;
  // Not changed while the picture's thread works on them.
  mtmd_context* context_ = nullptr;
  const mtmd_input_chunk* chunk_ = nullptr;
  CancelToken cancel_;
  size_t floats_ = 0;

  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  absl::Time slice_end_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<float> result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_ENCODER_H_
