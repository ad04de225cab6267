// Which of several models serves a capability when nobody chose: the highest rank, but not where
// what was measured speaks against it. Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_MODELS_MEASURED_CHOICE_H_
#define INTELLIGENCED_RUNTIME_MODELS_MEASURED_CHOICE_H_

#include <optional>
#include <string_view>

#include "absl/types/span.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// What a manifest says was measured of a model, on the project's development data, in its
// parameters "x-measured.<capability>.exact" and "x-measured.<capability>.changed".
struct MeasuredScores {
  // Of texts with mistakes: how many come out exactly as they should. 0 to 1.
  double exact = 0;
  // Of texts without: how many are changed all the same. 0 to 1.
  double changed = 0;
};

// Nothing unless both figures are there and are shares.
std::optional<MeasuredScores> MeasuredScoresOf(const Manifest& model, std::string_view capability);

// More right, and no more spoiled.
bool Beats(const MeasuredScores& one, const MeasuredScores& other);

// `capable`: installed models with the capability that can run, in any order; equal ranks go to the
// earlier one. A model is passed over for one of a lower rank that has scores when
//  - it has scores itself and they do not beat the other's;
//  - both come with the system and it has none: a built-in model proves itself first.
// A model that somebody installed and nobody measured goes by its rank. Null: `capable` is empty.
const Manifest* ChooseByMeasure(absl::Span<const Manifest* const> capable,
                                std::string_view capability);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MEASURED_CHOICE_H_
