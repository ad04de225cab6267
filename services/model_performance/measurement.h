// Measuring and converting a model's file on the llama workbench, and measuring a network by its
// own engine, both in a process of their own (runtime/core/workbench.h).
#ifndef INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_MEASUREMENT_H_
#define INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_MEASUREMENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/v1/model_performance.pb.h"
#include "runtime/core/runtime.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// Text that no model was trained to know, written for this: perplexities are measured on it.
std::string_view SampleText();

using OnUnits = std::function<void(uint64_t done, uint64_t total)>;

// The calls below block, on the blocking executor; `on_units` is called on the same thread.
struct Workpiece {
  std::shared_ptr<StreamCall> call;
  intelligence::v1::RequestClass request_class = intelligence::v1::REQUEST_CLASS_UNSPECIFIED;
  // With the one file that is worked on; of a network with all of them.
  engine_proto::ModelSpec spec;
  uint64_t file_bytes = 0;
  // Empty for a built-in model, whose file is no blob.
  std::string sha256;
};

// FIELD_INVALID for a model that is neither a language model in one GGUF file nor a network in ONNX
// files; MODEL_NOT_FOUND.
absl::StatusOr<Workpiece> FindWorkpiece(const std::shared_ptr<StreamCall>& call,
                                        const std::string& name,
                                        intelligence::v1::RequestClass request_class);

enum class MeasureWhat {
  kSpeed,
  // Also the perplexity on the sample text.
  kSpeedAndQuality,
  // Also the machine's limits and the time of operations.
  kEverything,
};
absl::StatusOr<engine_proto::Measurement> Measure(const Workpiece& workpiece, MeasureWhat what,
                                                  const OnUnits& on_units);

// Converts the weights into a new blob and returns its hash; the blob is kept for the caller, who
// puts it or releases it.
absl::StatusOr<std::string> Convert(const Workpiece& workpiece, const std::string& layout,
                                    const OnUnits& on_units);

// Layouts worth a try, by the layout that a measurement has told.
std::vector<std::string> CandidateLayouts(std::string_view source_layout);

// FIELD_INVALID when one of the layouts is the source's own, or has more bits than a source that is
// quantised: nothing would be won.
absl::Status CheckLayouts(std::string_view model, std::string_view source_layout,
                          const std::vector<std::string>& layouts);

// What a measurement says, with the shares of the machine's limits.
intelligence::v1::ModelReport ToReport(const engine_proto::Measurement& measurement,
                                       std::string_view model);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_MEASUREMENT_H_
