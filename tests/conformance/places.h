// The two places in which an engine's models live: this process, and a worker.
#ifndef INTELLIGENCED_TESTS_CONFORMANCE_PLACES_H_
#define INTELLIGENCED_TESTS_CONFORMANCE_PLACES_H_

#include <functional>
#include <memory>
#include <vector>

#include "runtime/engine/engine.h"
#include "tests/conformance/engine_conformance.h"

namespace intelligenced {

// What to load, and what must outlive the model (files that the test wrote); `kept` may be null.
struct PlacedSpec {
  engine_proto::ModelSpec spec;
  std::shared_ptr<void> kept;
};

// Loads with the engine that `make_engine` makes.
std::function<absl::StatusOr<std::unique_ptr<ConformanceTarget>>()> InProcess(
    std::function<PlacedSpec()> spec, std::function<std::unique_ptr<Engine>()> make_engine);

// Loads in a worker of the build at hand.
std::function<absl::StatusOr<std::unique_ptr<ConformanceTarget>>()> InWorker(
    std::function<PlacedSpec()> spec);

// `common` twice, as "InProcess" and as "InWorker". `available` false: both are skipped.
std::vector<ConformanceCase> InBothPlaces(const ConformanceCase& common,
                                          std::function<PlacedSpec()> spec,
                                          std::function<std::unique_ptr<Engine>()> make_engine,
                                          bool available = true);

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_CONFORMANCE_PLACES_H_
