// Measures a loaded model, unit by unit: speed of prompts and of generation, perplexity, and, when
// asked for, what the machine could do and where the time goes.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MEASURER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MEASURER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/base/clock.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/step_planner.h"
#include "runtime/engines/llama/workbench/machine_limits.h"
#include "runtime/engines/llama/workbench/model_weights.h"

namespace intelligenced {

// Not thread-safe. The model, the library and the clock must outlive it.
class Measurer {
 public:
  struct Subject {
    llama_model* model = nullptr;
    ModelWeights weights;
    int threads = 1;
    // On the processor; the machine's limits are only known there.
    bool on_processor = true;
  };

  // FIELD_INVALID for a sample of less than 64 tokens, MEMORY_INSUFFICIENT, MODEL_LOAD_FAILED.
  static absl::StatusOr<std::unique_ptr<Measurer>> Create(
      const Subject& subject, const intelligence::engine::v1::MeasureTask& task,
      LlamaLibrary& library, const Clock* clock);

  // Some tens of milliseconds of work. True: that was the last of it. ENGINE_FAILURE.
  absl::StatusOr<bool> Advance();

  // Units done and in all, roughly.
  int done() const { return done_; }
  int total() const { return total_; }

  // Complete after Advance() has returned true.
  const intelligence::engine::v1::Measurement& result() const { return result_; }

 private:
  enum class Stage { kPrefill, kDecode, kPerplexity, kReading, kMultiplying, kOperations, kDone };
  struct Operation {
    absl::Duration time;
    uint64_t count = 0;
  };
  using Operations = std::map<std::string, Operation>;

  Measurer(const Subject& subject, const intelligence::engine::v1::MeasureTask& task,
           LlamaLibrary& library, const Clock* clock)
      : subject_(subject), task_(task), library_(library), clock_(clock) {}

  absl::Status SetUp();
  absl::StatusOr<LlamaContextPtr> NewContext(bool watch_operations);
  // Computes `count` tokens of the sample after those computed so far, or from the start when the
  // context is full; scores for all of them or for the last one. How long it took.
  absl::StatusOr<absl::Duration> Decode(llama_context* context, int count, bool all_scores);
  void Restart(llama_context* context);
  void Enter(Stage stage);

  absl::Status Prefill();
  absl::Status DecodeOne();
  absl::Status Perplexity();
  absl::Status WatchOperations();
  void AddOperations(const Operations& operations, const char* phase);
  double NegativeLogLikelihood(int row, llama_token token);

  static bool OnOperation(ggml_tensor* tensor, bool ask, void* self);

  const Subject subject_;
  const intelligence::engine::v1::MeasureTask task_;
  LlamaLibrary& library_;
  const Clock* const clock_;

  std::vector<llama_token> sample_;
  int window_ = 0;
  LlamaContextPtr context_;
  Stage stage_ = Stage::kPrefill;
  int done_ = 0;
  int total_ = 0;
  // In the context now, and the next token of the sample.
  int position_ = 0;
  size_t next_ = 0;

  std::optional<BatchSizer> sizer_;
  int rows_ = 0;
  int settling_ = 0;
  uint32_t measured_ = 0;
  std::vector<double> rates_;
  double likelihood_ = 0;
  uint32_t scored_ = 0;
  std::optional<ReadProbe> reading_;
  std::optional<MultiplyProbe> multiplying_;
  Operations operations_;
  absl::Time last_operation_;
  intelligence::engine::v1::Measurement result_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MEASURER_H_
