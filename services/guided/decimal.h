// Exact decimal numbers for the bounds of schemas, and the digits that lie between two of them.
#ifndef INTELLIGENCED_SERVICES_GUIDED_DECIMAL_H_
#define INTELLIGENCED_SERVICES_GUIDED_DECIMAL_H_

#include <optional>
#include <string_view>

#include "absl/numeric/int128.h"
#include "services/guided/grammar_builder.h"

namespace intelligenced {

// Digits behind the point that a bound may have, and that generated numbers have at most.
inline constexpr int kMaxFractionDigits = 9;
// Digits before the point.
inline constexpr int kMaxIntegerDigits = 15;
// Together, so that different numbers stay different as doubles.
inline constexpr int kMaxSignificantDigits = 15;

// A number in units of 10^-kMaxFractionDigits.
using Decimal = absl::int128;
Decimal DecimalUnit();  // one: 10^kMaxFractionDigits

// "-1.5e3". Nothing for a number with more digits than allowed above.
std::optional<Decimal> ParseDecimal(std::string_view text);

// Both ends included.
struct NumberBounds {
  std::optional<Decimal> low;
  std::optional<Decimal> high;
  // Whether the generated number must lie strictly inside.
  bool low_exclusive = false;
  bool high_exclusive = false;
};

// True when no number (`integer`: no whole number) lies inside.
bool IsEmpty(const NumberBounds& bounds, bool integer);

// A rule for the numbers inside `bounds`, which are not empty. Without bounds they have at most
// kMaxIntegerDigits digits before the point; integers then lie between the two numbers that have
// them, and other numbers may have an exponent of two digits. With a bound there is no exponent.
GrammarRule AddInteger(const NumberBounds& bounds, GrammarBuilder& grammar);
GrammarRule AddNumber(const NumberBounds& bounds, GrammarBuilder& grammar);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_DECIMAL_H_
