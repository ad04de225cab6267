// What services see of the runtime: find a model for a capability, and run a task on it.
#ifndef INTELLIGENCED_RUNTIME_CORE_RUNTIME_H_
#define INTELLIGENCED_RUNTIME_CORE_RUNTIME_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"
#include "runtime/models/installer.h"
#include "runtime/models/manifest.h"
#include "runtime/models/model_manager.h"
#include "runtime/models/model_store.h"
#include "runtime/scheduler/job.h"
#include "runtime/scheduler/scheduler.h"

namespace intelligenced {

// Values are those of intelligence.v1.Availability.
enum class Availability { kUnavailable = 1, kDownloadable = 2, kDownloading = 3, kAvailable = 4 };

struct AvailabilityAnswer {
  Availability availability = Availability::kUnavailable;
  // The model that would serve, or that could be installed. May be empty.
  std::string model;
  // Why, and which command would change it. Empty when available.
  std::string reason;
};

// Thread-safe. Owns nothing: the daemon composes it and outlives it.
class Runtime {
 public:
  struct Parts {
    Scheduler* scheduler = nullptr;
    ModelManager* models = nullptr;
    // Null: models cannot be measured (runtime/core/workbench.h).
    ModelLoader* loader = nullptr;
    ModelStore* store = nullptr;
    Installer* installer = nullptr;
    const Catalogue* catalogue = nullptr;
    const Clock* clock = nullptr;
    // For blocking work of ModelService (downloads, unloads) and ModelPerformanceService: never
    // service threads.
    Executor* blocking = nullptr;
    Timer* timer = nullptr;
    // Whether there is a worker for an engine; models of other engines are passed over. Null: yes.
    // Thread-safe and quick.
    std::function<bool(std::string_view engine)> engine_available;
  };
  explicit Runtime(Parts parts);
  ~Runtime();

  // Which model serves `capability`: `requested` if it is named and can (MODEL_NOT_FOUND,
  // MODEL_NOT_INSTALLED, NO_CAPABLE_MODEL), else the user's default, else the installed one of the
  // highest rank. `requested` may name a function of a model (ParseModelReference): it serves
  // whatever its base or itself is capable of. Otherwise the answer's `function` says which of the
  // model's functions is to serve: one that has the capability goes before the base, except that a
  // base named in the request serves by itself what it can. NO_CAPABLE_MODEL says in its message
  // and in metadata "install" which command would help.
  absl::StatusOr<Manifest> FindModel(std::string_view capability, std::string_view requested) const;

  // Whether there is a worker for the model's engine.
  bool CanRun(const Manifest& manifest) const;

  AvailabilityAnswer GetAvailability(std::string_view capability, std::string_view model) const;

  // Submits to the scheduler; the model is loaded if it is not resident. request.models is set by
  // this method. Errors: those of Scheduler::Submit.
  absl::StatusOr<std::shared_ptr<ScheduledJob>> Submit(JobRequest request);

  Scheduler& scheduler() const { return *parts_.scheduler; }
  ModelManager& models() const { return *parts_.models; }
  ModelLoader* loader() const { return parts_.loader; }
  ModelStore& store() const { return *parts_.store; }
  Installer& installer() const { return *parts_.installer; }
  const Catalogue& catalogue() const { return *parts_.catalogue; }
  const Clock& clock() const { return *parts_.clock; }
  Executor& blocking() const { return *parts_.blocking; }
  Timer& timer() const { return *parts_.timer; }

 private:
  class Source;

  absl::StatusOr<Manifest> FindRequested(std::string_view capability,
                                         std::string_view requested) const;
  // What the catalogue offers for a capability. Null: nothing.
  const Manifest* FindDownloadable(std::string_view capability) const;

  const Parts parts_;
  const std::unique_ptr<Source> source_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_CORE_RUNTIME_H_
