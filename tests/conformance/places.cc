#include "tests/conformance/places.h"

#include <utility>

#include "runtime/worker/worker_model.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

// Members are destroyed in the order that the contract asks for: the model first.
struct Target final : ConformanceTarget {
  Model& model() override { return *loaded; }

  PlacedSpec placed;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<WorkerLauncher> launcher;
  std::unique_ptr<Model> loaded;
};

}  // namespace

std::function<absl::StatusOr<std::unique_ptr<ConformanceTarget>>()> InProcess(
    std::function<PlacedSpec()> spec, std::function<std::unique_ptr<Engine>()> make_engine) {
  return [spec = std::move(spec),
          make_engine =
              std::move(make_engine)]() -> absl::StatusOr<std::unique_ptr<ConformanceTarget>> {
    auto target = std::make_unique<Target>();
    target->placed = spec();
    target->engine = make_engine();
    auto model = target->engine->Load(target->placed.spec, {});
    if (!model.ok()) return model.status();
    target->loaded = *std::move(model);
    return target;
  };
}

std::function<absl::StatusOr<std::unique_ptr<ConformanceTarget>>()> InWorker(
    std::function<PlacedSpec()> spec) {
  return [spec = std::move(spec)]() -> absl::StatusOr<std::unique_ptr<ConformanceTarget>> {
    auto target = std::make_unique<Target>();
    target->placed = spec();
    WorkerOptions options;
    options.worker_directory = WorkerDirectory();
    target->launcher = std::make_unique<WorkerLauncher>(std::move(options));
    auto model = target->launcher->Launch(target->placed.spec, {}, [] {});
    if (!model.ok()) return model.status();
    target->loaded = *std::move(model);
    return target;
  };
}

std::vector<ConformanceCase> InBothPlaces(const ConformanceCase& common,
                                          std::function<PlacedSpec()> spec,
                                          std::function<std::unique_ptr<Engine>()> make_engine,
                                          bool available) {
  std::vector<ConformanceCase> cases = {common, common};
  cases[0].name = "InProcess";
  cases[1].name = "InWorker";
  if (available) {
    cases[0].load = InProcess(spec, std::move(make_engine));
    cases[1].load = InWorker(std::move(spec));
  } else {
    cases[0].load = cases[1].load = []() { return std::unique_ptr<ConformanceTarget>(); };
  }
  return cases;
}

}  // namespace intelligenced
