#include "runtime/engines/llama/picture_encoder.h"

#include <utility>

#include "runtime/base/reasons.h"

namespace intelligenced {

PictureEncoder::~PictureEncoder() {
  if (!thread_.joinable()) return;
  if (busy()) Abandon();
  {
    absl::MutexLock lock(mutex_);
    state_ = State::kLeaving;
  }
  thread_.join();
}

void PictureEncoder::Begin(mtmd_context* context, const mtmd_input_chunk* chunk, size_t floats,
                           CancelToken cancel) {
  context_ = context;
  chunk_ = chunk;
  floats_ = floats;
  cancel_ = std::move(cancel);
  absl::MutexLock lock(mutex_);
  state_ = State::kIdle;
  stopped_ = failed_ = false;
  result_.clear();
}

bool PictureEncoder::Advance(absl::Duration slice) {
  {
    absl::MutexLock lock(mutex_);
    if (state_ == State::kEnded) return true;
    slice_end_ = clock_->Now() + slice;
    state_ = State::kRunning;
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  absl::MutexLock lock(mutex_);
  mutex_.Await(absl::Condition(this, &PictureEncoder::Rests));
  return state_ == State::kEnded;
}

absl::StatusOr<std::vector<float>> PictureEncoder::Take() {
  chunk_ = nullptr;
  absl::MutexLock lock(mutex_);
  state_ = State::kIdle;
  if (stopped_) return MakeError(Reason::kCancelled, "The request was cancelled.");
  if (failed_) return MakeError(Reason::kEngineFailure, "libmtmd could not read the picture.");
  return std::exchange(result_, {});
}

void PictureEncoder::Abandon() {
  absl::MutexLock lock(mutex_);
  if (state_ == State::kHalted) {
    stopped_ = true;
    state_ = State::kRunning;
    mutex_.Await(absl::Condition(this, &PictureEncoder::Rests));
  }
  state_ = State::kIdle;
  result_.clear();
  chunk_ = nullptr;
}

void PictureEncoder::Run() {
  while (true) {
    {
      absl::MutexLock lock(mutex_);
      mutex_.Await(absl::Condition(this, &PictureEncoder::HasWork));
      if (state_ == State::kLeaving) return;
    }
    bool good = false;
    std::vector<float> result;
    try {
      good = mtmd_encode_chunk(context_, chunk_) == 0;
      if (const float* from = good ? mtmd_get_output_embd(context_) : nullptr) {
        result.assign(from, from + floats_);
      }
    } catch (...) {
      good = false;
    }
    absl::MutexLock lock(mutex_);
    failed_ = !good || result.empty();
    result_ = std::move(result);
    state_ = State::kEnded;
  }
}

bool PictureEncoder::OnOperation(ggml_tensor* tensor, bool ask, void* encoder) {
  // Which operations are asked about must not depend on time: those between two of them are
  // computed together.
  if (ask) return tensor->op == GGML_OP_MUL_MAT || tensor->op == GGML_OP_FLASH_ATTN_EXT;
  return static_cast<PictureEncoder*>(encoder)->Halt();
}

// False: the rest is not to be computed.
bool PictureEncoder::Halt() {
  absl::MutexLock lock(mutex_);
  // Outside of a picture there is nothing to halt: the library tries itself when it is set up.
  if (state_ != State::kRunning) return true;
  stopped_ = stopped_ || cancel_.cancelled();
  if (stopped_) return false;
  if (clock_->Now() < slice_end_) return true;
  state_ = State::kHalted;
  mutex_.Await(absl::Condition(this, &PictureEncoder::MayRun));
  return !stopped_;
}

}  // namespace intelligenced
