// Who may be in memory: pure decisions over a ledger. No clock, no lock, no system call.
//
// Room is what the ceiling leaves beside the models that are resident, loading or leaving, and
// never more than what the machine has available. A model that somebody uses, and a pinned one, is
// never a victim. Among the others the policy gives up what is cheapest to lose for the bytes it
// gives back:
//
//   cost = time to load again × chance of being wanted again, per byte
//
// where the chance halves with every half keep_alive of idle time, and counts double for a model
// that last served a person who waits.
#ifndef INTELLIGENCED_RUNTIME_MODELS_RESIDENCY_POLICY_H_
#define INTELLIGENCED_RUNTIME_MODELS_RESIDENCY_POLICY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

struct LedgerModel {
  std::string name;
  uint64_t bytes = 0;
  bool busy = false;
  bool pinned = false;
  // Last used by a request that a person waits for.
  bool interactive = true;
  absl::Duration idle;
  absl::Duration keep_alive = absl::Minutes(5);
  absl::Duration load_time;
};

struct Ledger {
  // The most that all models may take together.
  uint64_t ceiling_bytes = 0;
  // What the machine could give now, and what should be left of it for the rest of the machine.
  uint64_t available_bytes = 0;
  uint64_t margin_bytes = 0;
  // Reserved for models that are loading.
  uint64_t loading_bytes = 0;
  // Of models that are leaving: taken still, room soon.
  uint64_t leaving_bytes = 0;
  // Resident models.
  std::vector<LedgerModel> models;
};

struct LoadDecision {
  enum class Kind {
    kAdmit,
    // Admit after these have left.
    kEvict,
    // There will be room when what is leaving has left.
    kWait,
    // Not even with every idle model evicted.
    kRefuse,
  };
  Kind kind = Kind::kRefuse;
  std::vector<std::string> victims;
  // kRefuse: what could be had with every idle model evicted, and whether there would be enough
  // once busy and loading models have become idle.
  uint64_t available_bytes = 0;
  bool busy_models_would_do = false;
};

LoadDecision DecideLoad(const Ledger& ledger, uint64_t wanted_bytes);

// Models to give up because the machine runs short or the measured footprints have outgrown the
// ceiling. Empty when all is well.
std::vector<std::string> DecidePressure(const Ledger& ledger);

// The ceiling when the user sets none: the machine's memory less the margin, at least half of it.
uint64_t DefaultCeiling(uint64_t total_bytes, uint64_t margin_bytes);

// What loading a model may take: what it took at its worst before, else a guess from its files,
// which grow in memory by work space and caches.
uint64_t EstimateFootprint(const Manifest& manifest, uint64_t measured_bytes,
                           uint64_t measured_peak_bytes);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_RESIDENCY_POLICY_H_
