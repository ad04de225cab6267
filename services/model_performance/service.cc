#include "services/model_performance/service.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/model_performance.grpc.pb.h"
#include "runtime/base/reasons.h"
#include "services/model_performance/measurement.h"
#include "services/model_performance/optimize_policy.h"
#include "services/model_performance/validate.h"
#include "services/rpc/model_message.h"
#include "services/rpc/parse_request.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "ModelPerformanceService";
constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);
constexpr double kDefaultIncrease = 0.02;
constexpr int kRunOffRounds = 2;
// A manifest's limit is 10^9.
constexpr int kMaxRank = 999'999'999;

// Blobs that must stay while they are worked on: the source's, and what was converted and belongs
// to no model yet.
class KeptBlobs {
 public:
  explicit KeptBlobs(ModelStore* store) : store_(store) {}
  ~KeptBlobs() {
    for (const std::string& sha256 : hashes_) store_->ReleaseBlob(sha256);
  }
  KeptBlobs(const KeptBlobs&) = delete;
  KeptBlobs& operator=(const KeptBlobs&) = delete;
  void Add(const std::string& sha256) { hashes_.push_back(sha256); }
  void Release(const std::string& sha256) {
    if (GiveAway(sha256)) store_->ReleaseBlob(sha256);
  }
  // Somebody else releases it from now on. False: it is not one of these.
  bool GiveAway(const std::string& sha256) {
    const auto found = std::find(hashes_.begin(), hashes_.end(), sha256);
    if (found == hashes_.end()) return false;
    hashes_.erase(found);
    return true;
  }

 private:
  ModelStore* const store_;
  std::vector<std::string> hashes_;
};

// Tells of progress, but of one thing not too often.
class Throttle {
 public:
  explicit Throttle(const Clock* clock) : clock_(clock) {}
  bool Passes(std::string what) {
    const absl::Time now = clock_->Now();
    if (what == what_ && now - told_ < kProgressInterval) return false;
    what_ = std::move(what);
    told_ = now;
    return true;
  }

 private:
  const Clock* const clock_;
  std::string what_;
  absl::Time told_ = absl::InfinitePast();
};

template <typename Response>
void Write(const std::shared_ptr<StreamCall>& call, Response response) {
  call->Run([call, response = std::move(response)] { call->Write(response); });
}

absl::Status MeasureModel(const std::shared_ptr<StreamCall>& call,
                          const v1::MeasureModelRequest& request) {
  absl::StatusOr<Workpiece> workpiece =
      FindWorkpiece(call, request.name(), request.request_class());
  if (!workpiece.ok()) return workpiece.status();
  Throttle throttle(&call->runtime().clock());
  const absl::StatusOr<engine_proto::Measurement> measurement =
      Measure(*workpiece, MeasureWhat::kEverything, [&](uint64_t done, uint64_t total) {
        if (!throttle.Passes("")) return;
        v1::MeasureModelResponse response;
        response.mutable_progress()->set_done(done);
        response.mutable_progress()->set_total(total);
        Write(call, std::move(response));
      });
  if (!measurement.ok()) return measurement.status();
  v1::MeasureModelResponse response;
  *response.mutable_completed() = ToReport(*measurement, workpiece->spec.name());
  Write(call, std::move(response));
  return absl::OkStatus();
}

// One OptimizeModel from its first measurement to the installed model.
class Optimization {
 public:
  Optimization(std::shared_ptr<StreamCall> call, const v1::OptimizeModelRequest& request)
      : call_(std::move(call)),
        request_(request),
        runtime_(call_->runtime()),
        blobs_(&runtime_.store()),
        throttle_(&runtime_.clock()) {}

  absl::Status Run() {
    absl::StatusOr<Workpiece> source =
        FindWorkpiece(call_, request_.name(), request_.request_class());
    if (!source.ok()) return source.status();
    source_ = *std::move(source);
    if (source_->spec.engine() == "onnx") {
      return FieldError("name", "Only language models have layouts to choose from.");
    }
    if (absl::Status status = CheckName(request_.new_name()); !status.ok()) return status;
    // Removed meanwhile, it is still there to be converted.
    if (!source_->sha256.empty() && runtime_.store().KeepBlob(source_->sha256)) {
      blobs_.Add(source_->sha256);
    }
    absl::StatusOr<v1::LayoutResult> own = FirstResult(*source_, "");
    if (!own.ok()) return own.status();
    own->set_is_source(true);
    Add(*std::move(own), *source_, "");

    std::vector<std::string> layouts(request_.layouts().begin(), request_.layouts().end());
    const std::string source_layout = results_.front().layout();
    if (absl::Status status = CheckLayouts(source_->spec.name(), source_layout, layouts);
        !status.ok()) {
      return status;
    }
    if (layouts.empty()) layouts = CandidateLayouts(source_layout);
    for (const std::string& layout : layouts) {
      if (absl::Status status = Try(layout); !status.ok()) return status;
    }
    if (absl::Status status = RunOff(); !status.ok()) return status;
    return Finish();
  }

 private:
  // MODEL_BUSY: it is taken. An empty name is chosen later.
  absl::Status CheckName(const std::string& name) const {
    if (name.empty() || request_.dry_run() || !runtime_.store().Get(name).ok()) {
      return absl::OkStatus();
    }
    return MakeError(
        Reason::kModelBusy,
        absl::StrCat("There is a model named ", name,
                     " already. Choose another name (new_name) or remove that one."),
        {.metadata = {{"model", name}}, .retry_delay = std::nullopt, .field = "new_name"});
  }

  void Tell(v1::OptimizeProgress::Phase phase, const std::string& layout, uint64_t done,
            uint64_t total) {
    if (!throttle_.Passes(absl::StrCat(phase, layout))) return;
    v1::OptimizeModelResponse response;
    v1::OptimizeProgress& progress = *response.mutable_progress();
    progress.set_phase(phase);
    progress.set_layout(layout);
    progress.set_done(done);
    progress.set_total(total);
    Write(call_, std::move(response));
  }

  absl::StatusOr<engine_proto::Measurement> Measured(const Workpiece& workpiece, MeasureWhat what,
                                                     const std::string& layout) {
    return Measure(workpiece, what, [&](uint64_t done, uint64_t total) {
      Tell(v1::OptimizeProgress::PHASE_MEASURING, layout, done, total);
    });
  }

  absl::StatusOr<v1::LayoutResult> FirstResult(const Workpiece& workpiece,
                                               const std::string& layout) {
    const absl::StatusOr<engine_proto::Measurement> measurement =
        Measured(workpiece, MeasureWhat::kSpeedAndQuality, layout);
    if (!measurement.ok()) return measurement.status();
    v1::LayoutResult result;
    result.set_layout(layout.empty() ? measurement->layout() : layout);
    result.set_size_bytes(workpiece.file_bytes);
    result.set_prompt_tokens_per_second(measurement->prefill_tokens_per_second());
    result.set_output_tokens_per_second(measurement->decode_tokens_per_second());
    result.set_perplexity(measurement->perplexity());
    return result;
  }

  void JudgeHere(v1::LayoutResult& result) const {
    const v1::LayoutResult source = results_.empty() ? result : results_.front();
    Judge(source,
          request_.has_max_perplexity_increase() ? request_.max_perplexity_increase()
                                                 : kDefaultIncrease,
          result);
  }

  void Add(v1::LayoutResult result, Workpiece workpiece, const std::string& sha256) {
    JudgeHere(result);
    v1::OptimizeModelResponse response;
    *response.mutable_layout() = result;
    Write(call_, std::move(response));
    results_.push_back(std::move(result));
    tried_.push_back({.workpiece = std::move(workpiece), .sha256 = sha256});
    // Only what may be chosen keeps its room on the disk.
    contenders_ = Contenders(results_);
    for (size_t i = 0; i < tried_.size(); ++i) {
      if (absl::c_linear_search(contenders_, static_cast<int>(i))) continue;
      blobs_.Release(tried_[i].sha256);
      tried_[i].sha256.clear();
    }
  }

  // The first measurements were minutes apart, and the machine does other things too: what they do
  // not settle is measured twice more, in turns, and the middle speeds count.
  absl::Status RunOff() {
    if (contenders_.size() < 2) return absl::OkStatus();
    std::map<int, std::vector<double>> prompt;
    std::map<int, std::vector<double>> output;
    for (int i : contenders_) {
      prompt[i].push_back(results_[i].prompt_tokens_per_second());
      output[i].push_back(results_[i].output_tokens_per_second());
    }
    for (int round = 0; round < kRunOffRounds; ++round) {
      for (int i : contenders_) {
        const absl::StatusOr<engine_proto::Measurement> measurement =
            Measured(tried_[i].workpiece, MeasureWhat::kSpeed, results_[i].layout());
        if (!measurement.ok()) return measurement.status();
        prompt[i].push_back(measurement->prefill_tokens_per_second());
        output[i].push_back(measurement->decode_tokens_per_second());
      }
    }
    for (int i : contenders_) {
      results_[i].set_prompt_tokens_per_second(Middle(prompt[i]));
      results_[i].set_output_tokens_per_second(Middle(output[i]));
      JudgeHere(results_[i]);
    }
    return absl::OkStatus();
  }

  static double Middle(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }

  absl::Status Try(const std::string& layout) {
    const absl::StatusOr<std::string> sha256 =
        Convert(*source_, layout, [&](uint64_t done, uint64_t total) {
          Tell(v1::OptimizeProgress::PHASE_CONVERTING, layout, done, total);
        });
    if (!sha256.ok()) return sha256.status();
    blobs_.Add(*sha256);
    ManifestFile file;
    file.name = layout;
    file.sha256 = *sha256;
    const absl::StatusOr<std::string> path = runtime_.store().PathOf(file);
    if (!path.ok()) return path.status();
    Workpiece converted = *source_;
    converted.spec.mutable_files(0)->set_path(*path);
    std::error_code error;
    converted.file_bytes = std::filesystem::file_size(*path, error);
    if (error) converted.file_bytes = 0;
    absl::StatusOr<v1::LayoutResult> result = FirstResult(converted, layout);
    if (!result.ok()) return result.status();
    Add(*std::move(result), std::move(converted), *sha256);
    return absl::OkStatus();
  }

  absl::Status Finish() {
    const int best = BestLayout(results_, contenders_);
    v1::OptimizeModelResponse response;
    v1::OptimizeModelCompleted& completed = *response.mutable_completed();
    for (const v1::LayoutResult& result : results_) *completed.add_results() = result;
    completed.set_best_layout(results_[best].layout());
    if (best != 0 && !request_.dry_run()) {
      absl::StatusOr<v1::Model> model = Install(results_[best], tried_[best].sha256);
      if (!model.ok()) return model.status();
      *completed.mutable_model() = *std::move(model);
    }
    Write(call_, std::move(response));
    return absl::OkStatus();
  }

  // The name to install under, and whether exactly that is there already.
  struct Place {
    std::string name;
    bool taken_by_itself = false;
  };
  absl::StatusOr<Place> FindPlace(const std::string& layout, const std::string& sha256) const {
    if (!request_.new_name().empty()) {
      if (absl::Status status = CheckName(request_.new_name()); !status.ok()) return status;
      return Place{.name = request_.new_name()};
    }
    for (int number = 1;; ++number) {
      const std::string suffix = number == 1 ? layout : absl::StrCat(layout, "-", number);
      std::string name = OptimizedName(source_->spec.name(), suffix);
      const absl::StatusOr<Manifest> there = runtime_.store().Get(name);
      if (!there.ok()) return Place{.name = std::move(name)};
      for (const ManifestFile& file : there->files) {
        if (file.sha256 == sha256) return Place{.name = std::move(name), .taken_by_itself = true};
      }
    }
  }

  absl::StatusOr<v1::Model> Install(const v1::LayoutResult& best, const std::string& sha256) {
    if (call_->cancel_token().cancelled()) {
      return MakeError(Reason::kCancelled, "The request was cancelled.");
    }
    const absl::StatusOr<Place> place = FindPlace(best.layout(), sha256);
    if (!place.ok()) return place.status();
    const std::string& name = place->name;
    if (place->taken_by_itself) return DescribeModel(runtime_, name);
    const std::string& from = source_->spec.name();
    const absl::StatusOr<Manifest> source = runtime_.store().Get(from);
    if (!source.ok()) return source.status();
    const std::string origin =
        absl::StrCat("made here from models/", from, ": ", results_.front().layout(), " to ",
                     best.layout(), ", perplexity ", absl::SixDigits(results_.front().perplexity()),
                     " to ", absl::SixDigits(best.perplexity()));
    blobs_.GiveAway(sha256);
    absl::StatusOr<Manifest> put = runtime_.installer().PutBlobAsModel(
        name, sha256, {.origin = origin, .license = source->license});
    if (!put.ok()) return put.status();
    put = runtime_.store().Change(
        name, [&](Manifest& manifest) { return TakeOver(*source, best.layout(), manifest); });
    if (!put.ok()) {
      static_cast<void>(runtime_.store().Remove(name));
      return put.status();
    }
    return DescribeModel(runtime_, name);
  }

  // What a person or the catalogue said of the source holds for the copy too.
  static absl::Status TakeOver(const Manifest& source, const std::string& layout,
                               Manifest& manifest) {
    manifest.version = layout;
    manifest.title = source.title;
    manifest.capabilities = source.capabilities;
    manifest.parameters = source.parameters;
    manifest.functions = source.functions;
    for (const ManifestFile& file : source.files) {
      const bool kept = file.role == kAdapterRole || file.role == kProjectorRole;
      if (kept && !file.sha256.empty()) manifest.files.push_back(file);
    }
    // Of two that serve the same, the faster one.
    manifest.rank = std::max(manifest.rank, std::min(source.rank, kMaxRank) + 1);
    return absl::OkStatus();
  }

  const std::shared_ptr<StreamCall> call_;
  const v1::OptimizeModelRequest request_;
  const Runtime& runtime_;
  KeptBlobs blobs_;
  Throttle throttle_;
  std::optional<Workpiece> source_;
  struct Tried {
    Workpiece workpiece;
    // Of its blob; empty for the source, and once the blob is given up.
    std::string sha256;
  };
  // The source first.
  std::vector<v1::LayoutResult> results_;
  std::vector<Tried> tried_;
  std::vector<int> contenders_;
};

using Base = v1::ModelPerformanceService::WithRawCallbackMethod_MeasureModel<
    v1::ModelPerformanceService::WithRawCallbackMethod_OptimizeModel<
        v1::ModelPerformanceService::Service>>;

class ModelPerformanceService final : public Base {
 public:
  explicit ModelPerformanceService(const ServiceEnvironment& environment)
      : environment_(environment) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* MeasureModel(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    return Serve<v1::MeasureModelRequest>(
        context, bytes, "MeasureModel",
        [](const std::shared_ptr<StreamCall>& call, const v1::MeasureModelRequest& request) {
          return intelligenced::MeasureModel(call, request);
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* OptimizeModel(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) override {
    return Serve<v1::OptimizeModelRequest>(
        context, bytes, "OptimizeModel",
        [](const std::shared_ptr<StreamCall>& call, const v1::OptimizeModelRequest& request) {
          return Optimization(call, request).Run();
        });
  }

 private:
  // Work that takes a thread of the blocking executor for as long as it lasts: one at a time.
  template <typename Request, typename Work>
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Serve(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* bytes,
                                                    std::string_view method, Work work) {
    return ServeStream(
        environment_, context, kService, method,
        [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
          Request request;
          absl::Status status = ParseRequest(*bytes, request);
          if (status.ok()) status = Validate(request);
          if (!status.ok()) return status;
          call->NoteModel(ParseModelName("name", request.name()).value_or(request.name()));
          if (running_.exchange(true)) {
            return MakeError(Reason::kQueueFull,
                             "A model is being measured already. Try again when that is done.",
                             {.metadata = {{"quota", "measurements"}},
                              .retry_delay = absl::Seconds(30),
                              .field = ""});
          }
          call->runtime().blocking().Run([this, call, request, work] {
            const absl::Status ended = work(call, request);
            call->Run([this, call, ended] {
              // Before the end: the service may be gone after it.
              running_ = false;
              call->End(ended);
            });
          });
          return absl::OkStatus();
        });
  }

  const ServiceEnvironment environment_;
  std::atomic<bool> running_ = false;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeModelPerformanceService(const ServiceEnvironment& environment) {
  return std::make_unique<ModelPerformanceService>(environment);
}

}  // namespace intelligenced
