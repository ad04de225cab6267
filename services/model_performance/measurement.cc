#include "services/model_performance/measurement.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "runtime/base/reasons.h"
#include "runtime/core/workbench.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kEngine = "llama-workbench";
constexpr std::string_view kNetworkEngine = "onnx";
constexpr uint32_t kPerplexityTokens = 512;
// A context, scores, and the block that memory's speed is measured with.
constexpr uint64_t kBesideWeights = uint64_t{512} << 20;

bool IsWide(std::string_view layout) {
  return layout == "F32" || layout == "F16" || layout == "BF16";
}

JobRequest MakeJob(const Workpiece& workpiece) {
  v1::RequestOptions options;
  options.set_request_class(workpiece.request_class == v1::REQUEST_CLASS_UNSPECIFIED
                                ? v1::REQUEST_CLASS_UTILITY
                                : workpiece.request_class);
  return workpiece.call->MakeJob(options, workpiece.spec.name());
}

}  // namespace

absl::StatusOr<Workpiece> FindWorkpiece(const std::shared_ptr<StreamCall>& call,
                                        const std::string& name, v1::RequestClass request_class) {
  const Runtime& runtime = call->runtime();
  absl::StatusOr<std::string> model = ParseModelName("name", name);
  if (!model.ok()) return model.status();
  const absl::StatusOr<Manifest> manifest = runtime.store().Get(*model);
  if (!manifest.ok()) return manifest.status();
  const auto file = std::find_if(manifest->files.begin(), manifest->files.end(),
                                 [](const ManifestFile& other) { return other.role == "model"; });
  const bool network = manifest->engine == kNetworkEngine;
  if ((manifest->engine != "llama" && !network) || file == manifest->files.end()) {
    return FieldError("name",
                      absl::StrCat("Only language models in GGUF files and networks in ONNX files "
                                   "can be measured; ",
                                   *model, " is one of the engine ", manifest->engine, "."));
  }
  if (std::count_if(file, manifest->files.end(),
                    [](const ManifestFile& other) { return other.role == "model"; }) > 1) {
    return FieldError("name", absl::StrCat(*model,
                                           " is split into several files. Only models in one file "
                                           "can be measured: join them with llama-gguf-split."));
  }
  absl::StatusOr<engine_proto::ModelSpec> spec = runtime.models().SpecFor(*manifest);
  if (!spec.ok()) return spec.status();
  const absl::StatusOr<std::string> path = runtime.store().PathOf(*file);
  if (!path.ok()) return path.status();
  Workpiece workpiece;
  workpiece.call = call;
  workpiece.request_class = request_class;
  workpiece.spec = *std::move(spec);
  std::error_code error;
  workpiece.file_bytes = std::filesystem::file_size(*path, error);
  if (error) workpiece.file_bytes = file->size_bytes;
  // Its own engine measures it, with all that belongs to it.
  if (network) return workpiece;
  workpiece.spec.set_engine(std::string(kEngine));
  workpiece.spec.clear_functions();
  workpiece.spec.clear_files();
  engine_proto::ModelFile& only = *workpiece.spec.add_files();
  only.set_role("model");
  only.set_path(*path);
  if (file->path.empty()) workpiece.sha256 = file->sha256;
  return workpiece;
}

absl::StatusOr<engine_proto::Measurement> Measure(const Workpiece& workpiece, MeasureWhat what,
                                                  const OnUnits& on_units) {
  JobRequest request = MakeJob(workpiece);
  engine_proto::MeasureTask& task = *request.task.mutable_measure();
  task.set_sample(std::string(SampleText()));
  task.set_perplexity_tokens(what == MeasureWhat::kSpeed ? 0 : kPerplexityTokens);
  task.set_details(what == MeasureWhat::kEverything);
  std::optional<engine_proto::Measurement> measurement;
  const absl::Status status = RunOnWorkbench(
      workpiece.call->runtime(), workpiece.spec, workpiece.file_bytes + kBesideWeights,
      std::move(request), [&](const engine_proto::Event& event) {
        if (event.has_progress()) on_units(event.progress().done(), event.progress().total());
        if (event.has_measurement()) measurement = event.measurement();
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (!measurement.has_value()) {
    return MakeError(Reason::kEngineFailure, "The measurement ended without a result.");
  }
  return *std::move(measurement);
}

absl::StatusOr<std::string> Convert(const Workpiece& workpiece, const std::string& layout,
                                    const OnUnits& on_units) {
  JobRequest request = MakeJob(workpiece);
  request.task.mutable_quantize()->set_layout(layout);
  const Runtime& runtime = workpiece.call->runtime();
  // Its weights are only read, not loaded.
  engine_proto::ModelSpec spec = workpiece.spec;
  spec.mutable_files(0)->set_role("source");
  std::unique_ptr<BlobWriter> blob;
  uint64_t done = 0;
  const absl::Status status =
      RunOnWorkbench(runtime, spec, kBesideWeights, std::move(request),
                     [&](const engine_proto::Event& event) -> absl::Status {
                       if (!event.has_file_piece()) return absl::OkStatus();
                       const engine_proto::FilePiece& piece = event.file_piece();
                       if (blob == nullptr) {
                         // Room for all of it, or nothing is begun.
                         absl::StatusOr<std::unique_ptr<BlobWriter>> made =
                             runtime.store().NewBlob(piece.size_bytes(), "");
                         if (!made.ok()) return made.status();
                         blob = *std::move(made);
                       }
                       if (absl::Status appended = blob->Append(piece.data()); !appended.ok())
                         return appended;
                       done += piece.data().size();
                       on_units(done, piece.size_bytes());
                       return absl::OkStatus();
                     });
  if (!status.ok()) return status;
  if (blob == nullptr) {
    return MakeError(Reason::kEngineFailure, "The conversion ended without a file.");
  }
  return blob->Commit();
}

std::vector<std::string> CandidateLayouts(std::string_view source_layout) {
  std::vector<std::string> layouts;
  if (IsWide(source_layout) && source_layout != "F16") layouts.emplace_back("F16");
  // Eight bits hold what any coarser type has, and may be the faster layout for it.
  if (source_layout != "Q8_0") layouts.emplace_back("Q8_0");
  if (!absl::StartsWith(source_layout, "Q4") && !absl::StartsWith(source_layout, "Q3") &&
      !absl::StartsWith(source_layout, "Q2")) {
    layouts.emplace_back("Q4_K_M");
  }
  if (source_layout != "Q4_0") layouts.emplace_back("Q4_0");
  return layouts;
}

absl::Status CheckLayouts(std::string_view model, std::string_view source_layout,
                          const std::vector<std::string>& layouts) {
  for (const std::string& layout : layouts) {
    if (layout == source_layout || (layout == "Q4_K_M" && source_layout == "Q4_K")) {
      return FieldError("layouts", absl::StrCat("The weights of ", model, " are ", source_layout,
                                                " already. Leave that layout out."));
    }
    if (layout == "F16" && !IsWide(source_layout)) {
      return FieldError("layouts",
                        absl::StrCat("The weights of ", model, " are ", source_layout,
                                     ": F16 would only make them larger. Leave that layout out."));
    }
  }
  return absl::OkStatus();
}

v1::ModelReport ToReport(const engine_proto::Measurement& measurement, std::string_view model) {
  v1::ModelReport report;
  report.set_model(ModelResourceName(model));
  report.set_layout(measurement.layout());
  report.set_weight_bytes(measurement.weight_bytes());
  report.set_threads(measurement.threads());
  SetDuration(absl::Microseconds(measurement.load_microseconds()), report.mutable_load_time());
  report.set_resident_bytes(measurement.resident_bytes());
  report.set_prompt_tokens_per_second(measurement.prefill_tokens_per_second());
  report.set_prompt_batch_tokens(measurement.prefill_batch());
  report.set_output_tokens_per_second(measurement.decode_tokens_per_second());
  report.set_perplexity(measurement.perplexity());
  report.set_perplexity_tokens(measurement.perplexity_tokens());
  report.set_memory_bytes_per_second(measurement.read_bytes_per_second());
  report.set_operations_per_second(measurement.operations_per_second());
  if (measurement.read_bytes_per_second() > 0) {
    report.set_memory_share(measurement.decode_tokens_per_second() *
                            measurement.bytes_per_output_token() /
                            measurement.read_bytes_per_second());
  }
  if (measurement.operations_per_second() > 0) {
    report.set_arithmetic_share(measurement.prefill_tokens_per_second() *
                                measurement.operations_per_prompt_token() /
                                measurement.operations_per_second());
  }
  for (const engine_proto::OperationTime& operation : measurement.operations()) {
    v1::OperationTime& to = *report.add_operations();
    to.set_phase(operation.phase());
    to.set_operation(operation.operation());
    to.set_share(operation.share());
    to.set_count(operation.count());
    SetDuration(absl::Microseconds(operation.microseconds()), to.mutable_time());
    to.set_provider(operation.provider());
  }
  if (measurement.runs() > 0) {
    SetDuration(absl::Microseconds(measurement.run_microseconds()), report.mutable_run_time());
    report.set_runs(measurement.runs());
    report.set_working_bytes(measurement.working_bytes());
  }
  for (const engine_proto::Partition& partition : measurement.partitions()) {
    v1::Partition& to = *report.add_partitions();
    to.set_provider(partition.provider());
    to.set_operations(partition.operations());
    to.set_share(partition.share());
  }
  return report;
}

}  // namespace intelligenced
