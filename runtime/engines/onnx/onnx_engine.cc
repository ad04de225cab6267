#include "runtime/engines/onnx/onnx_engine.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/onnx/border.h"
#include "runtime/engines/onnx/family.h"
#include "runtime/engines/onnx/onnx_model.h"
#include "runtime/engines/onnx/onnx_session.h"

namespace intelligenced {
namespace {

constexpr char kLabelsRole[] = "labels";
constexpr uint64_t kMaxLabelBytes = uint64_t{4} << 20;

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "Loading was cancelled."); }

absl::StatusOr<const FamilyEntry*> FindFamily(const std::string& name) {
  for (const FamilyEntry& entry : AllFamilies()) {
    if (entry.name == name) return &entry;
  }
  return MakeError(
      Reason::kModelLoadFailed,
      absl::StrCat(
          name.empty() ? "The model names no family" : "There is no family " + name, "; there are ",
          absl::StrJoin(
              AllFamilies(), ", ",
              [](std::string* out, const FamilyEntry& entry) { absl::StrAppend(out, entry.name); }),
          "."));
}

// One label a line; empty lines at the end are none.
absl::StatusOr<std::vector<std::string>> ReadLabels(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxLabelBytes);
  if (!text.ok()) return text.status();
  if (!IsValidUtf8(*text)) {
    return MakeError(Reason::kModelCorrupt, "The file with the labels is not UTF-8.");
  }
  std::vector<std::string> labels;
  for (const std::string_view line :
       absl::StrSplit(absl::StripTrailingAsciiWhitespace(*text), '\n')) {
    labels.emplace_back(absl::StripAsciiWhitespace(line));
  }
  return labels;
}

class OnnxEngine final : public Engine {
 public:
  explicit OnnxEngine(const Clock* clock)
      : clock_(clock != nullptr ? clock : &own_clock_), library_(OnnxLibrary::Open()) {}

  std::string_view name() const override { return "onnx"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    if (!library_.ok()) return library_.status();
    const absl::StatusOr<const FamilyEntry*> entry = FindFamily(spec.family());
    if (!entry.ok()) return entry.status();
    const uint32_t threads =
        spec.threads() > 0 ? spec.threads() : std::max(1U, std::thread::hardware_concurrency());
    FamilyParts parts;
    for (const engine_proto::ModelFile& file : spec.files()) {
      if (cancel.cancelled()) return Cancelled();
      if (file.role() == kLabelsRole) {
        auto labels = ReadLabels(file.path());
        if (!labels.ok()) return labels.status();
        parts.labels = *std::move(labels);
        continue;
      }
      auto network =
          LoadOnnxSession(**library_, file.path(), {.threads = static_cast<int>(threads)}, cancel);
      if (!network.ok()) return network.status();
      parts.networks[file.role().empty() ? kModelRole : file.role()] = *std::move(network);
    }
    if (!parts.networks.contains(kModelRole)) {
      return MakeError(Reason::kModelLoadFailed, "The model has no file with the role \"model\".");
    }
    return GuardOnnx(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<std::unique_ptr<Model>> {
      auto family = (*entry)->make(std::move(parts));
      if (!family.ok()) return family.status();
      if (absl::Status status = WarmUp(**family, cancel); !status.ok()) return status;
      return MakeOnnxModel(*std::move(family), clock_, threads,
                           absl::StrCat("ONNX Runtime, family ", (*entry)->name, ", ", threads,
                                        threads == 1 ? " thread" : " threads"));
    });
  }

 private:
  const SystemClock own_clock_;
  const Clock* const clock_;
  // Its models' sessions end before it: an engine outlives its models.
  const absl::StatusOr<std::unique_ptr<OnnxLibrary>> library_;
};

}  // namespace

std::unique_ptr<Engine> MakeOnnxEngine(const Clock* clock) {
  return std::make_unique<OnnxEngine>(clock);
}

}  // namespace intelligenced
