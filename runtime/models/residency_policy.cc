#include "runtime/models/residency_policy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace intelligenced {
namespace {

// A worker without a model: the process, its libraries, its buffers.
constexpr uint64_t kWorkerBaseBytes = uint64_t{48} << 20;

uint64_t Less(uint64_t from, uint64_t what) { return from > what ? from - what : 0; }

// What is lost with each byte that comes back.
double CostPerByte(const LedgerModel& model) {
  // Nothing is free to load again, also when it was never timed.
  const double load_seconds = std::max(0.01, absl::ToDoubleSeconds(model.load_time));
  const double half_life =
      std::clamp(absl::ToDoubleSeconds(model.keep_alive) / 2, 1.0, 24 * 3600.0);
  const double idle = std::max(0.0, absl::ToDoubleSeconds(model.idle));
  const double wanted_again = std::exp2(-idle / half_life);
  const double weight = model.interactive ? 2.0 : 1.0;
  return load_seconds * wanted_again * weight /
         static_cast<double>(std::max<uint64_t>(1, model.bytes));
}

// Idle, unpinned models, cheapest to lose first; among equals the longest idle, then by name.
std::vector<const LedgerModel*> Candidates(const Ledger& ledger) {
  std::vector<std::pair<double, const LedgerModel*>> order;
  for (const LedgerModel& model : ledger.models) {
    if (!model.busy && !model.pinned) order.emplace_back(CostPerByte(model), &model);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    if (a.second->idle != b.second->idle) return a.second->idle > b.second->idle;
    return a.second->name < b.second->name;
  });
  std::vector<const LedgerModel*> result;
  for (const auto& [cost, model] : order) result.push_back(model);
  return result;
}

// The cheapest victims that give `missing` bytes: taken in order of cost, then the dearest that the
// others make unnecessary are let off again.
std::vector<std::string> ChooseVictims(const Ledger& ledger, uint64_t missing) {
  std::vector<const LedgerModel*> chosen;
  uint64_t freed = 0;
  for (const LedgerModel* model : Candidates(ledger)) {
    if (freed >= missing) break;
    chosen.push_back(model);
    freed += model->bytes;
  }
  for (size_t i = chosen.size(); i-- > 0;) {
    if (freed - chosen[i]->bytes < missing) continue;
    freed -= chosen[i]->bytes;
    chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::vector<std::string> names;
  for (const LedgerModel* model : chosen) names.push_back(model->name);
  return names;
}

uint64_t ResidentBytes(const Ledger& ledger) {
  uint64_t sum = 0;
  for (const LedgerModel& model : ledger.models) sum += model.bytes;
  return sum;
}

}  // namespace

LoadDecision DecideLoad(const Ledger& ledger, uint64_t wanted_bytes) {
  const uint64_t taken = ResidentBytes(ledger) + ledger.loading_bytes + ledger.leaving_bytes;
  // Memory that a loading model has been promised but has not taken yet is still "available".
  const uint64_t room = std::min(Less(ledger.ceiling_bytes, taken),
                                 Less(ledger.available_bytes, ledger.loading_bytes));
  // What has left or could leave comes back on both sides; more than the ceiling there never is.
  auto room_with = [&](uint64_t freed) {
    return std::min(Less(ledger.ceiling_bytes, Less(taken, freed)),
                    Less(ledger.available_bytes + freed, ledger.loading_bytes));
  };
  LoadDecision decision;
  if (wanted_bytes <= room) {
    decision.kind = LoadDecision::Kind::kAdmit;
    return decision;
  }
  if (wanted_bytes <= room_with(ledger.leaving_bytes)) {
    decision.kind = LoadDecision::Kind::kWait;
    return decision;
  }
  uint64_t idle = 0;
  uint64_t busy = 0;
  for (const LedgerModel& model : ledger.models) {
    if (model.busy) {
      busy += model.bytes;
    } else if (!model.pinned) {
      idle += model.bytes;
    }
  }
  decision.available_bytes = room_with(ledger.leaving_bytes + idle);
  if (wanted_bytes > decision.available_bytes) {
    decision.kind = LoadDecision::Kind::kRefuse;
    decision.busy_models_would_do =
        wanted_bytes <=
        std::min(ledger.ceiling_bytes,
                 room_with(ledger.leaving_bytes + idle + busy) + ledger.loading_bytes);
    return decision;
  }
  decision.kind = LoadDecision::Kind::kEvict;
  const uint64_t by_ceiling =
      Less(taken - ledger.leaving_bytes + wanted_bytes, ledger.ceiling_bytes);
  const uint64_t by_machine =
      Less(wanted_bytes + ledger.loading_bytes, ledger.available_bytes + ledger.leaving_bytes);
  decision.victims = ChooseVictims(ledger, std::max(by_ceiling, by_machine));
  return decision;
}

std::vector<std::string> DecidePressure(const Ledger& ledger) {
  const uint64_t taken = ResidentBytes(ledger) + ledger.loading_bytes;
  const uint64_t over_ceiling = Less(taken, ledger.ceiling_bytes);
  // What is leaving already will help.
  const uint64_t machine_short =
      Less(ledger.margin_bytes, ledger.available_bytes + ledger.leaving_bytes);
  const uint64_t missing = std::max(over_ceiling, machine_short);
  if (missing == 0) return {};
  return ChooseVictims(ledger, missing);
}

uint64_t DefaultCeiling(uint64_t total_bytes, uint64_t margin_bytes) {
  return std::max(Less(total_bytes, margin_bytes), total_bytes / 2);
}

uint64_t EstimateFootprint(const Manifest& manifest, uint64_t measured_bytes,
                           uint64_t measured_peak_bytes) {
  if (measured_bytes > 0) return std::max(measured_bytes, measured_peak_bytes);
  const uint64_t files = manifest.size_bytes();
  return files + files / 5 + kWorkerBaseBytes;
}

}  // namespace intelligenced
