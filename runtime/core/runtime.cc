#include "runtime/core/runtime.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/models/measured_choice.h"

namespace intelligenced {
namespace {

std::string InstallCommand(std::string_view model) {
  return absl::StrCat("mlctl models install ", model);
}

absl::Status NoCapableModel(std::string_view capability, std::string_view message,
                            const Manifest* downloadable) {
  ErrorFacts facts;
  facts.metadata["capability"] = capability;
  std::string advice;
  if (downloadable != nullptr) {
    facts.metadata["install"] = InstallCommand(downloadable->name);
    advice = absl::StrCat(" Install one: ", facts.metadata["install"]);
  } else {
    facts.metadata["install"] = capability == kDescribeImageCapability
                                    ? "mlctl models import FILE.gguf --projector MMPROJ.gguf "
                                      "--name NAME"
                                    : "mlctl models import FILE.gguf --name NAME";
    advice = absl::StrCat(" The catalogue offers none; import one: ", facts.metadata["install"]);
  }
  return MakeError(Reason::kNoCapableModel, absl::StrCat(message, advice), std::move(facts));
}

// Somebody added the function for just this.
Manifest WithFunction(Manifest manifest, std::string_view capability) {
  const ManifestFunction* function = manifest.FunctionFor(capability);
  if (function != nullptr) manifest.function = function->name;
  return manifest;
}

}  // namespace

// Joins residency to scheduling: a job that is admitted asks here for its model.
class Runtime::Source final : public ModelSource {
 public:
  explicit Source(ModelManager* models) : models_(models) {}

  void Acquire(const std::shared_ptr<ScheduledJob>& job) override {
    AcquireOptions options;
    options.keep_alive = job->request().keep_alive;
    options.cancel = job->request().cancel;
    options.on_loading = [job] { job->ModelLoading(); };
    models_->Acquire(job->request().model, std::move(options),
                     [job](absl::StatusOr<ModelLease> lease) {
                       if (!lease.ok()) {
                         job->Fail(lease.status());
                         return;
                       }
                       job->Bind(BoundModel{.key = std::move(lease->key),
                                            .name = std::move(lease->name),
                                            .model = std::move(lease->model),
                                            .lease = std::move(lease->hold)});
                     });
  }

 private:
  ModelManager* const models_;
};

Runtime::Runtime(Parts parts)
    : parts_(std::move(parts)), source_(std::make_unique<Source>(parts_.models)) {}

Runtime::~Runtime() = default;

bool Runtime::CanRun(const Manifest& manifest) const {
  return parts_.engine_available == nullptr || parts_.engine_available(manifest.engine);
}

const Manifest* Runtime::FindDownloadable(std::string_view capability) const {
  const Manifest* best = nullptr;
  for (const Manifest& model : parts_.catalogue->models()) {
    if (!model.HasCapability(capability) || !CanRun(model)) continue;
    if (best == nullptr || model.rank > best->rank) best = &model;
  }
  return best;
}

absl::StatusOr<Manifest> Runtime::FindRequested(std::string_view capability,
                                                std::string_view requested) const {
  const absl::StatusOr<ModelReference> reference = ParseModelReference("options.model", requested);
  if (!reference.ok()) return reference.status();
  const std::string* name = &reference->model;
  absl::StatusOr<Manifest> manifest = parts_.store->Get(*name);
  if (!manifest.ok()) {
    if (!HasReason(manifest.status(), Reason::kModelNotFound)) return manifest.status();
    if (parts_.catalogue->Find(*name) == nullptr) return manifest.status();
    const std::string command = InstallCommand(*name);
    ErrorFacts facts;
    facts.metadata = {{"model", *name}, {"install", command}};
    return MakeError(Reason::kModelNotInstalled,
                     absl::StrCat("The model ", *name, " is not installed. Install it: ", command),
                     std::move(facts));
  }
  if (!reference->function.empty() && manifest->FindFunction(reference->function) == nullptr) {
    ErrorFacts facts;
    facts.metadata = {{"model", *name}, {"function", reference->function}};
    return MakeError(Reason::kModelNotFound,
                     absl::StrCat("The model ", *name, " has no function ", reference->function,
                                  ". mlctl models show ", *name, " lists what it has."),
                     std::move(facts));
  }
  if (!manifest->HasCapability(capability)) {
    return NoCapableModel(
        capability,
        absl::StrCat("The model ", *name, " has no capability ", capability, "; it has ",
                     absl::StrJoin(manifest->capabilities, ", "), "."),
        FindDownloadable(capability));
  }
  if (!CanRun(*manifest)) {
    ErrorFacts facts;
    facts.metadata = {{"capability", std::string(capability)}, {"engine", manifest->engine}};
    return MakeError(
        Reason::kNoCapableModel,
        absl::StrCat("The model ", *name, " needs the engine ", manifest->engine,
                     ", and there is no executable worker-", manifest->engine,
                     " here. Install the engine, or choose another model; mlctl doctor lists the "
                     "engines that were found."),
        std::move(facts));
  }
  if (!reference->function.empty()) {
    manifest->function = reference->function;
  } else if (!manifest->BaseHasCapability(capability)) {
    manifest->function = manifest->FunctionFor(capability)->name;
  }
  return manifest;
}

absl::StatusOr<Manifest> Runtime::FindModel(std::string_view capability,
                                            std::string_view requested) const {
  if (!requested.empty()) return FindRequested(capability, requested);

  const auto defaults = parts_.store->Defaults();
  if (const auto found = defaults.find(std::string(capability)); found != defaults.end()) {
    absl::StatusOr<Manifest> chosen = parts_.store->Get(found->second);
    // A default that was removed or whose engine is gone gives way to what is there.
    if (chosen.ok() && chosen->HasCapability(capability) && CanRun(*chosen)) {
      return WithFunction(*std::move(chosen), capability);
    }
  }

  const std::vector<Manifest> installed = parts_.store->List();
  std::vector<const Manifest*> capable;
  bool engine_missing = false;
  for (const Manifest& model : installed) {
    if (!model.HasCapability(capability)) continue;
    if (!CanRun(model)) {
      engine_missing = true;
      continue;
    }
    capable.push_back(&model);
  }
  // List() is sorted by name, so equal ranks go to the first name, always the same one.
  if (const Manifest* best = ChooseByMeasure(capable, capability)) {
    return WithFunction(*best, capability);
  }
  return NoCapableModel(
      capability,
      engine_missing ? absl::StrCat("No installed model that can run here has the capability ",
                                    capability, "; others lack their engine.")
                     : absl::StrCat("No installed model has the capability ", capability, "."),
      FindDownloadable(capability));
}

AvailabilityAnswer Runtime::GetAvailability(std::string_view capability,
                                            std::string_view model) const {
  absl::StatusOr<Manifest> found = FindModel(capability, model);
  if (found.ok()) return {Availability::kAvailable, found->name, ""};

  AvailabilityAnswer answer{Availability::kUnavailable, "", std::string(found.status().message())};
  const Manifest* candidate = nullptr;
  if (model.empty()) {
    candidate = FindDownloadable(capability);
  } else if (absl::StatusOr<std::string> name = ParseModelName("model", model); name.ok()) {
    answer.model = *name;
    // Only a model that is not installed can become available by downloading it.
    if (HasReason(found.status(), Reason::kModelNotInstalled)) {
      candidate = parts_.catalogue->Find(*name);
      if (candidate != nullptr && (!candidate->HasCapability(capability) || !CanRun(*candidate))) {
        answer.reason =
            absl::StrCat("The model ", *name, " would not serve ", capability, " here.");
        candidate = nullptr;
      }
    }
  }

  for (const std::string& name : parts_.installer->InProgress()) {
    const Manifest* coming = parts_.catalogue->Find(name);
    const bool wanted =
        model.empty() ? coming != nullptr && coming->HasCapability(capability) && CanRun(*coming)
                      : name == answer.model;
    if (!wanted) continue;
    return {Availability::kDownloading, name,
            absl::StrCat("The model ", name,
                         " is being downloaded; mlctl models list shows when "
                         "it is there.")};
  }
  if (candidate == nullptr) return answer;
  return {
      Availability::kDownloadable, candidate->name,
      absl::StrCat("Install the model ", candidate->name, ": ", InstallCommand(candidate->name))};
}

absl::StatusOr<std::shared_ptr<ScheduledJob>> Runtime::Submit(JobRequest request) {
  request.models = source_.get();
  return parts_.scheduler->Submit(std::move(request));
}

}  // namespace intelligenced
