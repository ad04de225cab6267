#include "runtime/engines/onnx/onnx_engine.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/onnx/border.h"
#include "runtime/engines/onnx/family.h"
#include "runtime/engines/onnx/onnx_model.h"
#include "runtime/engines/onnx/onnx_session.h"
#include "runtime/engines/onnx/text_family.h"
#include "runtime/engines/onnx/tflite_network.h"

namespace intelligenced {
namespace {

constexpr char kLabelsRole[] = "labels";
constexpr uint64_t kMaxLabelBytes = uint64_t{4} << 20;

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "Loading was cancelled."); }

// Null: a network of the app developer's own, or one whose pictures nobody here knows to read.
const FamilyEntry* FindFamily(const std::string& name) {
  const auto families = AllFamilies();
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const FamilyEntry& entry) { return entry.name == name; });
  return found == families.end() ? nullptr : &*found;
}

uint64_t FileBytes(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

uint32_t ThreadsOf(const engine_proto::ModelSpec& spec) {
  return spec.threads() > 0 ? spec.threads() : std::max(1U, std::thread::hardware_concurrency());
}

std::string ThreadsText(uint32_t threads) {
  return absl::StrCat(threads, threads == 1 ? " thread" : " threads");
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

bool IsNetwork(const TextFamilyEntry& entry, std::string_view role) {
  return std::any_of(entry.networks.begin(), entry.networks.end(), [&](std::string_view name) {
    return absl::ConsumeSuffix(&name, "*") ? absl::StartsWith(role, name) : role == name;
  });
}

// The network's role in that of a file with weights: "unet" in "unet-weights" and "unet-weights-2".
// Empty: the file has none.
std::string_view NetworkOfWeights(const TextFamilyEntry& entry, std::string_view role) {
  const std::string_view network = role.substr(0, role.rfind("-weights"));
  return network.size() < role.size() && IsNetwork(entry, network) ? network : std::string_view();
}

// Paths by the network's role, in the order of their own roles.
std::map<std::string, std::vector<std::string>> WeightsOf(const TextFamilyEntry& entry,
                                                          const engine_proto::ModelSpec& spec) {
  std::map<std::string, std::string> sorted;
  for (const engine_proto::ModelFile& file : spec.files()) sorted[file.role()] = file.path();
  std::map<std::string, std::vector<std::string>> weights;
  for (const auto& [role, path] : sorted) {
    const std::string_view network = NetworkOfWeights(entry, role);
    if (!network.empty()) weights[std::string(network)].push_back(path);
  }
  return weights;
}

class OnnxEngine final : public Engine {
 public:
  explicit OnnxEngine(const Clock* clock)
      : clock_(clock != nullptr ? clock : &own_clock_), library_(OnnxLibrary::Open()) {}

  std::string_view name() const override { return "onnx"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    if (!library_.ok()) return library_.status();
    for (const TextFamilyEntry& text : AllTextFamilies()) {
      if (text.name == spec.family()) return LoadText(text, spec, cancel);
    }
    const FamilyEntry* const entry = FindFamily(spec.family());
    const uint32_t threads = ThreadsOf(spec);
    const absl::Time begin = clock_->Now();
    OnnxModelParts model;
    model.seen = std::make_shared<SeenShapes>();
    model.threads = threads;
    FamilyParts parts;
    for (const engine_proto::ModelFile& file : spec.files()) {
      if (cancel.cancelled()) return Cancelled();
      const std::string role = file.role().empty() ? kModelRole : file.role();
      // What the other files of an unknown family are for is not known either.
      if (entry == nullptr && role != kModelRole) continue;
      if (role == kLabelsRole) {
        auto labels = ReadLabels(file.path());
        if (!labels.ok()) return labels.status();
        parts.labels = *std::move(labels);
        continue;
      }
      model.weight_bytes += FileBytes(file.path());
      absl::Status status = Open(file.path(), role, cancel, entry != nullptr, model, parts);
      if (!status.ok()) return status;
    }
    const auto main =
        std::find_if(model.networks.begin(), model.networks.end(),
                     [](const MeasuredNetwork& network) { return network.role == kModelRole; });
    if (main == model.networks.end() && !parts.networks.contains(kModelRole)) {
      return MakeError(Reason::kModelLoadFailed, "The model has no file with the role \"model\".");
    }
    if (main != model.networks.end()) std::rotate(model.networks.begin(), main, main + 1);
    return GuardOnnx(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<std::unique_ptr<Model>> {
      if (entry != nullptr) {
        auto family = entry->make(std::move(parts));
        if (!family.ok()) return family.status();
        if (absl::Status status = WarmUp(**family, cancel); !status.ok()) return status;
        model.family = *std::move(family);
      }
      model.load_time = clock_->Now() - begin;
      model.description = absl::StrCat(
          model.networks.empty() ? "TensorFlow Lite, " : "ONNX Runtime, ",
          entry == nullptr ? std::string("tensors") : absl::StrCat("family ", entry->name), ", ",
          ThreadsText(threads));
      return MakeOnnxModel(std::move(model), clock_);
    });
  }

 private:
  absl::StatusOr<std::unique_ptr<Model>> LoadText(const TextFamilyEntry& entry,
                                                  const engine_proto::ModelSpec& spec,
                                                  const CancelToken& cancel) {
    const absl::Time begin = clock_->Now();
    OnnxModelParts model;
    model.seen = std::make_shared<SeenShapes>();
    model.threads = ThreadsOf(spec);
    TextFamilyParts parts;
    parts.model = spec.name();
    parts.clock = clock_;
    parts.cancel = cancel;
    parts.parameters.insert(spec.parameters().begin(), spec.parameters().end());
    std::map<std::string, std::vector<std::string>> weights = WeightsOf(entry, spec);
    for (const engine_proto::ModelFile& file : spec.files()) {
      if (cancel.cancelled()) return Cancelled();
      if (!NetworkOfWeights(entry, file.role()).empty()) {
        model.weight_bytes += FileBytes(file.path());
        continue;
      }
      if (!IsNetwork(entry, file.role())) {
        parts.paths[file.role()] = file.path();
        continue;
      }
      model.weight_bytes += FileBytes(file.path());
      auto session =
          OpenNetwork(file.path(), file.role(), std::move(weights[file.role()]), cancel, model);
      if (!session.ok()) return session.status();
      parts.sessions[file.role()] = *std::move(session);
    }
    return GuardOnnx(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<std::unique_ptr<Model>> {
      auto family = entry.make(std::move(parts));
      if (!family.ok()) return family.status();
      model.text_family = *std::move(family);
      model.load_time = clock_->Now() - begin;
      model.description =
          absl::StrCat("ONNX Runtime, family ", entry.name, ", ", ThreadsText(model.threads));
      return MakeOnnxModel(std::move(model), clock_);
    });
  }

  // Adds the network of an ONNX file to the model's.
  absl::StatusOr<std::shared_ptr<OnnxSession>> OpenNetwork(const std::string& path,
                                                           const std::string& role,
                                                           std::vector<std::string> weights,
                                                           const CancelToken& cancel,
                                                           OnnxModelParts& model) {
    const auto threads = static_cast<int>(model.threads);
    auto session =
        OpenOnnxSession(**library_, path, {.threads = threads, .weight_files = weights}, cancel);
    if (!session.ok()) return session.status();
    model.networks.push_back(
        {.role = role,
         .session = *session,
         .profiled = [this, path, threads, weights](const std::string& prefix) {
           return OpenOnnxSession(
               **library_, path,
               {.threads = threads, .profile_prefix = prefix, .weight_files = weights}, {});
         }});
    return session;
  }

  // Adds the network of one file to the model's, and to the family's where there is one.
  absl::Status Open(const std::string& path, const std::string& role, const CancelToken& cancel,
                    bool for_family, OnnxModelParts& model, FamilyParts& parts) {
    const auto threads = static_cast<int>(model.threads);
    if (IsTfliteFile(path)) {
      if (!for_family) {
        return MakeError(Reason::kModelLoadFailed,
                         "A network in TensorFlow Lite's format needs a family; only those in ONNX "
                         "files are run on tensors.");
      }
      auto network = LoadTfliteNetwork(path, threads, cancel);
      if (!network.ok()) return network.status();
      parts.networks[role] = RecordShapes(role, *std::move(network), model.seen);
      return absl::OkStatus();
    }
    auto session = OpenNetwork(path, role, {}, cancel, model);
    if (!session.ok()) return session.status();
    if (!for_family) return absl::OkStatus();
    auto network = AsNetwork(*std::move(session));
    if (!network.ok()) return network.status();
    parts.networks[role] = RecordShapes(role, *std::move(network), model.seen);
    return absl::OkStatus();
  }

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
