#include "runtime/models/measured_choice.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

std::optional<double> Share(const Manifest& model, const std::string& name) {
  const auto found = model.parameters.find(name);
  double value = 0;
  if (found == model.parameters.end() || !absl::SimpleAtod(found->second, &value) ||
      !(value >= 0 && value <= 1)) {
    return std::nullopt;
  }
  return value;
}

bool IsPassedOver(const Manifest& candidate, const Manifest& other, std::string_view capability) {
  const std::optional<MeasuredScores> theirs = MeasuredScoresOf(other, capability);
  if (!theirs.has_value()) return false;
  const std::optional<MeasuredScores> own = MeasuredScoresOf(candidate, capability);
  return own.has_value() ? !Beats(*own, *theirs) : candidate.built_in && other.built_in;
}

}  // namespace

std::optional<MeasuredScores> MeasuredScoresOf(const Manifest& model, std::string_view capability) {
  const std::string prefix = absl::StrCat("x-measured.", capability, ".");
  const std::optional<double> exact = Share(model, prefix + "exact");
  const std::optional<double> changed = Share(model, prefix + "changed");
  if (!exact.has_value() || !changed.has_value()) return std::nullopt;
  return MeasuredScores{.exact = *exact, .changed = *changed};
}

bool Beats(const MeasuredScores& one, const MeasuredScores& other) {
  return one.exact > other.exact && one.changed <= other.changed;
}

const Manifest* ChooseByMeasure(absl::Span<const Manifest* const> capable,
                                std::string_view capability) {
  std::vector<const Manifest*> by_rank(capable.begin(), capable.end());
  std::stable_sort(by_rank.begin(), by_rank.end(),
                   [](const Manifest* a, const Manifest* b) { return a->rank > b->rank; });
  for (const Manifest* candidate : by_rank) {
    // The lowest rank is compared with nobody, so that somebody serves.
    const bool passed_over =
        std::any_of(by_rank.begin(), by_rank.end(), [&](const Manifest* other) {
          return other->rank < candidate->rank && IsPassedOver(*candidate, *other, capability);
        });
    if (!passed_over) return candidate;
  }
  return nullptr;
}

}  // namespace intelligenced
