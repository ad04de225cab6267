// A family of models whose questions are texts, or whose answers are pictures: what the networks
// are given, in how many runs, and what is made of their answers.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_TEXT_FAMILY_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_TEXT_FAMILY_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/onnx_jobs.h"
#include "runtime/engines/onnx/onnx_session.h"

namespace intelligenced {

struct TextFamilyParts {
  // By the role of the file.
  std::map<std::string, std::shared_ptr<OnnxSession>, std::less<>> sessions;
  // The model's name.
  std::string model;
  // Of the other files, by role.
  std::map<std::string, std::string, std::less<>> paths;
  // Of the manifest.
  std::map<std::string, std::string, std::less<>> parameters;
  // Outlives the family.
  const Clock* clock = nullptr;
  // Of the load.
  CancelToken cancel;
};

// Used by one thread at a time.
class TextFamily {
 public:
  virtual ~TextFamily() = default;

  // Adds the kinds of tasks, how many jobs may be stepped together, and what it says of itself.
  virtual void Describe(engine_proto::ModelInfo* info) const = 0;
  virtual bool Serves(engine_proto::Task::KindCase kind) const = 0;
  // As Model::Start. The job does not outlive the family.
  virtual absl::StatusOr<std::unique_ptr<OnnxJob>> Start(const engine_proto::Task& task,
                                                         CancelToken cancel) = 0;
  // As Model::StartWith. Families that look at pictures override it.
  virtual absl::StatusOr<std::unique_ptr<OnnxJob>> StartWith(const engine_proto::Task& task,
                                                             const Attachments& attachments,
                                                             CancelToken cancel);
};

struct TextFamilyEntry {
  // As in a manifest.
  std::string_view name;
  // The roles of files that are networks; "style-*" is all that begin so.
  absl::Span<const std::string_view> networks;
  // MODEL_LOAD_FAILED with what is missing or does not fit together; MODEL_CORRUPT; CANCELLED.
  absl::StatusOr<std::unique_ptr<TextFamily>> (*make)(TextFamilyParts parts);
};

// All that there are, sorted by name.
absl::Span<const TextFamilyEntry> AllTextFamilies();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_TEXT_FAMILY_H_
