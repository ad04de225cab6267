// How fast a model is on this machine, and in which layout a language model would be fastest.
#ifndef INTELLIGENCE_MODEL_PERFORMANCE_H_
#define INTELLIGENCE_MODEL_PERFORMANCE_H_

#include <intelligence/common.h>
#include <intelligence/models.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace intelligence {

struct OperationTime {
  std::string phase = {};      // "prompt" or "generation"; of networks "run", and "node" for each
  std::string operation = {};  // "MUL_MAT ffn_up"
  double share = 0;            // of the phase's time
  uint64_t count = 0;
  absl::Duration time = {};
  std::string provider = {};  // of networks: who ran it
};

// A part of a network that one provider runs.
struct Partition {
  std::string provider = {};  // "CPUExecutionProvider"
  uint32_t operations = 0;
  double share = 0;  // of a run's time
};

// protos/intelligence/v1/model_performance.proto has the formulas.
struct ModelReport {
  std::string model = {};
  std::string layout = {};
  uint64_t weight_bytes = 0;
  uint32_t threads = 0;
  absl::Duration load_time = {};
  uint64_t resident_bytes = 0;
  double prompt_tokens_per_second = 0;
  uint32_t prompt_batch_tokens = 0;
  double output_tokens_per_second = 0;
  double perplexity = 0;
  uint32_t perplexity_tokens = 0;
  double memory_bytes_per_second = 0;
  double operations_per_second = 0;
  double memory_share = 0;
  double arithmetic_share = 0;
  std::vector<OperationTime> operations = {};
  // Networks only (runs is above 0): model, weight_bytes, threads, load_time, resident_bytes and
  // operations of the members above, and these.
  absl::Duration run_time = {};  // the median
  uint32_t runs = 0;
  std::vector<Partition> partitions = {};
  uint64_t working_bytes = 0;  // values between the operations, at most
};

using MeasureModelEvent = std::variant<WorkProgress, ModelReport>;

struct OptimizeModelRequest {
  std::string name = {};                  // required
  std::vector<std::string> layouts = {};  // "F16", "Q8_0", "Q4_K_M", "Q4_0"; none: those worth it
  std::optional<double> max_perplexity_increase = {};  // 0.02 is 2 %
  std::string new_name = {};
  bool dry_run = false;
};

struct OptimizeProgress {
  enum class Phase { kUnspecified, kConverting, kMeasuring } phase = Phase::kUnspecified;
  std::string layout = {};  // empty: the source's own
  uint64_t done = 0;
  uint64_t total = 0;
};

struct LayoutResult {
  std::string layout = {};
  bool is_source = false;
  uint64_t size_bytes = 0;
  double prompt_tokens_per_second = 0;
  double output_tokens_per_second = 0;
  double perplexity = 0;
  double perplexity_increase = 0;
  bool within_bound = false;
  double typical_seconds = 0;
};

struct OptimizeModelResult {
  std::vector<LayoutResult> results = {};
  std::string best_layout = {};
  std::optional<Model> model = {};  // what was installed
};

using OptimizeModelEvent = std::variant<OptimizeProgress, LayoutResult, OptimizeModelResult>;

}  // namespace intelligence

#endif  // INTELLIGENCE_MODEL_PERFORMANCE_H_
