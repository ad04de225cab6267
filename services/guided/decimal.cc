#include "services/guided/decimal.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

constexpr std::string_view kEmpty = "\"\"";
constexpr std::string_view kDigit = "[0-9]";

Decimal Power(int exponent) {
  Decimal power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

Decimal Limit() { return Power(kMaxIntegerDigits) * DecimalUnit() - DecimalUnit(); }

std::string Digits(Decimal value) { return absl::StrCat(absl::Uint128Low64(absl::uint128(value))); }

bool AllZero(std::string_view digits) {
  return digits.find_first_not_of('0') == std::string_view::npos;
}

int FractionDigits(Decimal value) {
  int digits = kMaxFractionDigits;
  for (; digits > 0 && value % 10 == 0; value /= 10) --digits;
  return digits;
}

// The smallest and the largest multiple of `step` inside.
struct Range {
  Decimal low;
  Decimal high;
};
Range Inside(const NumberBounds& bounds, Decimal step) {
  Range range = {-Limit(), Limit()};
  if (bounds.low) {
    range.low = *bounds.low / step * step;
    if (range.low < *bounds.low) range.low += step;
    if (bounds.low_exclusive && range.low == *bounds.low) range.low += step;
  }
  if (bounds.high) {
    range.high = *bounds.high / step * step;
    if (range.high > *bounds.high) range.high -= step;
    if (bounds.high_exclusive && range.high == *bounds.high) range.high -= step;
  }
  return range;
}

// How many digits behind the point generated numbers may have.
int Precision(const NumberBounds& bounds) {
  Decimal largest = 0;
  if (bounds.low) largest = std::max(largest, *bounds.low < 0 ? -*bounds.low : *bounds.low);
  if (bounds.high) largest = std::max(largest, *bounds.high < 0 ? -*bounds.high : *bounds.high);
  const int whole = static_cast<int>(Digits(largest / DecimalUnit()).size());
  return std::min(kMaxFractionDigits, kMaxSignificantDigits - whole);
}

// Sequences of digits. `n` digits in all; fractions may stop early, whole numbers may not.
class DigitWriter {
 public:
  explicit DigitWriter(GrammarBuilder& grammar) : grammar_(grammar) {}

  // Whole numbers from `low` to `high`, both at least 0, without leading zeros.
  std::vector<GrammarSequence> Whole(Decimal low, Decimal high) {
    std::vector<GrammarSequence> out;
    if (low == 0) {
      out.push_back(GrammarBuilder::Literal("0"));
      low = 1;
    }
    if (high < low) return out;
    const std::string first = Digits(low);
    const std::string last = Digits(high);
    if (first.size() == last.size()) {
      out.push_back(Between(first, last));
      return out;
    }
    // Lengths of which every number belongs.
    size_t from = first.size();
    size_t to = last.size();
    if (low != Power(static_cast<int>(from) - 1)) {
      out.push_back(Between(first, std::string(from, '9')));
      ++from;
    }
    if (high != Power(static_cast<int>(to)) - 1) {
      out.push_back(Between("1" + std::string(to - 1, '0'), last));
      --to;
    }
    if (from <= to) out.push_back(GrammarBuilder::Join({"[1-9]", UpToDigits(from - 1, to - 1)}));
    return out;
  }

  // Fractions with their point, of at most `n` digits.
  GrammarSequence AnyFraction(size_t n) {
    if (n == 0) return "";
    return grammar_.Add({std::string(kEmpty), GrammarBuilder::Join({"\".\"", UpToDigits(1, n)})});
  }
  // Those at least (at most) as large as these digits, as a fraction; none at all counts as 0.
  GrammarSequence FractionAtLeast(std::string_view low) {
    if (AllZero(low)) return AnyFraction(low.size());
    return GrammarBuilder::Join({"\".\"", Tail(low, std::string(low.size(), '9'))});
  }
  GrammarSequence FractionAtMost(std::string_view high) {
    if (AllZero(high)) return "";
    return FractionBetween(std::string(high.size(), '0'), high);
  }
  GrammarSequence FractionBetween(std::string_view low, std::string_view high) {
    if (!AllZero(low)) return GrammarBuilder::Join({"\".\"", Tail(low, high)});
    if (high.empty()) return "";
    const GrammarSequence some = GrammarBuilder::Join({"\".\"", FirstDigit(low, high)});
    return grammar_.Add({std::string(kEmpty), some});
  }

 private:
  static GrammarSequence DigitsFromTo(char low, char high) {
    if (low == high) return GrammarBuilder::Literal(std::string_view(&low, 1));
    return GrammarBuilder::Class({{static_cast<char32_t>(low), static_cast<char32_t>(high)}});
  }

  GrammarSequence UpToDigits(size_t low, size_t high) {
    return grammar_.RepeatCharacter(std::string(kDigit), static_cast<uint32_t>(low),
                                    static_cast<uint32_t>(high), std::string(kEmpty));
  }

  // Exactly low.size() digits, which is high.size() too.
  GrammarSequence Between(std::string_view low, std::string_view high) {
    if (low.empty()) return "";
    if (AllZero(low) && high.find_first_not_of('9') == std::string_view::npos) {
      return UpToDigits(low.size(), low.size());
    }
    return Branch(low, high,
                  [this](std::string_view a, std::string_view b) { return Between(a, b); });
  }

  // From no digit to low.size() digits; missing ones count as 0.
  GrammarSequence Tail(std::string_view low, std::string_view high) {
    if (low.empty()) return "";
    if (!AllZero(low)) return FirstDigit(low, high);
    if (high.find_first_not_of('9') == std::string_view::npos) return UpToDigits(0, low.size());
    return grammar_.Add({std::string(kEmpty), FirstDigit(low, high)});
  }
  GrammarSequence FirstDigit(std::string_view low, std::string_view high) {
    return Branch(low, high, [this](std::string_view a, std::string_view b) { return Tail(a, b); });
  }

  // One digit, and then what `rest` makes of the remaining ones.
  template <typename Rest>
  GrammarSequence Branch(std::string_view low, std::string_view high, const Rest& rest) {
    const std::string nines(low.size() - 1, '9');
    const std::string zeros(low.size() - 1, '0');
    if (low[0] == high[0]) {
      return GrammarBuilder::Join(
          {DigitsFromTo(low[0], low[0]), rest(low.substr(1), high.substr(1))});
    }
    std::vector<GrammarSequence> out;
    char from = low[0];
    char to = high[0];
    if (low.substr(1) != zeros) {
      out.push_back(GrammarBuilder::Join({DigitsFromTo(from, from), rest(low.substr(1), nines)}));
      ++from;
    }
    if (high.substr(1) != nines) {
      out.push_back(GrammarBuilder::Join({DigitsFromTo(to, to), rest(zeros, high.substr(1))}));
      --to;
    }
    if (from <= to) {
      out.push_back(GrammarBuilder::Join({DigitsFromTo(from, to), rest(zeros, nines)}));
    }
    return out.size() == 1 ? out[0] : grammar_.Add(out);
  }

  GrammarBuilder& grammar_;
};

// Numbers from `low` to `high`, both at least 0, with at most `precision` digits behind the point.
std::vector<GrammarSequence> Magnitudes(Decimal low, Decimal high, int precision,
                                        DigitWriter& writer) {
  const auto fraction = [&](Decimal value) {
    const std::string digits = Digits(value % DecimalUnit() + DecimalUnit()).substr(1);
    return digits.substr(0, precision);
  };
  const Decimal first = low / DecimalUnit();
  const Decimal last = high / DecimalUnit();
  const GrammarSequence first_digits = GrammarBuilder::Literal(Digits(first));
  if (first == last) {
    return {GrammarBuilder::Join(
        {first_digits, writer.FractionBetween(fraction(low), fraction(high))})};
  }
  std::vector<GrammarSequence> out = {
      GrammarBuilder::Join({first_digits, writer.FractionAtLeast(fraction(low))}),
      GrammarBuilder::Join(
          {GrammarBuilder::Literal(Digits(last)), writer.FractionAtMost(fraction(high))})};
  if (first + 1 < last) {
    for (const GrammarSequence& whole : writer.Whole(first + 1, last - 1)) {
      out.push_back(GrammarBuilder::Join({whole, writer.AnyFraction(precision)}));
    }
  }
  return out;
}

void AddNegative(const std::vector<GrammarSequence>& magnitudes,
                 std::vector<GrammarSequence>& out) {
  for (const GrammarSequence& magnitude : magnitudes) {
    out.push_back(GrammarBuilder::Join({"\"-\"", magnitude}));
  }
}

void Append(std::vector<GrammarSequence> more, std::vector<GrammarSequence>& out) {
  for (GrammarSequence& sequence : more) out.push_back(std::move(sequence));
}

}  // namespace

Decimal DecimalUnit() { return 1'000'000'000; }

std::optional<Decimal> ParseDecimal(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  int exponent = 0;
  if (const size_t at = text.find_first_of("eE"); at != std::string_view::npos) {
    std::string_view digits = text.substr(at + 1);
    if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
    if (!absl::SimpleAtoi(digits, &exponent)) return std::nullopt;
    text = text.substr(0, at);
  }
  std::string digits;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '.') {
      // Digits behind the point move it to the left.
      exponent = static_cast<int>(std::clamp<int64_t>(
          int64_t{exponent} - static_cast<int64_t>(text.size() - at - 1), -100'000, 100'000));
    } else if (text[at] >= '0' && text[at] <= '9') {
      digits += text[at];
    } else {
      return std::nullopt;
    }
  }
  while (digits.size() > 1 && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return Decimal(0);
  const int64_t whole = static_cast<int64_t>(digits.size()) + exponent;
  if (digits.size() > kMaxSignificantDigits || whole > kMaxIntegerDigits ||
      exponent < -kMaxFractionDigits) {
    return std::nullopt;
  }
  Decimal value = 0;
  for (const char digit : digits) value = value * 10 + (digit - '0');
  value *= Power(exponent + kMaxFractionDigits);
  // Room for the digits behind the point of a number near this one.
  if (std::max<int64_t>(whole, 1) + FractionDigits(value) > kMaxSignificantDigits) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

bool IsEmpty(const NumberBounds& bounds, bool integer) {
  const Range range =
      Inside(bounds, integer ? DecimalUnit() : Power(kMaxFractionDigits - Precision(bounds)));
  return range.low > range.high;
}

GrammarRule AddInteger(const NumberBounds& bounds, GrammarBuilder& grammar) {
  const Range range = Inside(bounds, DecimalUnit());
  const Decimal low = range.low / DecimalUnit();
  const Decimal high = range.high / DecimalUnit();
  DigitWriter writer(grammar);
  std::vector<GrammarSequence> out;
  if (high >= 0) Append(writer.Whole(std::max(low, Decimal(0)), high), out);
  if (low < 0) AddNegative(writer.Whole(std::max(-high, Decimal(1)), -low), out);
  return grammar.Add(out);
}

GrammarRule AddNumber(const NumberBounds& bounds, GrammarBuilder& grammar) {
  DigitWriter writer(grammar);
  std::vector<GrammarSequence> out;
  if (!bounds.low && !bounds.high) {
    const GrammarRule digits = grammar.Add(writer.Whole(0, Limit() / DecimalUnit()));
    const GrammarRule exponent = grammar.Add({std::string(kEmpty), "[eE] [0-9] [0-9]", "[eE] [0-9]",
                                              "[eE] [+\\x2D] [0-9] [0-9]", "[eE] [+\\x2D] [0-9]"});
    const GrammarSequence number =
        GrammarBuilder::Join({digits, writer.AnyFraction(kMaxFractionDigits), exponent});
    return grammar.Add({number, GrammarBuilder::Join({"\"-\"", number})});
  }
  const int precision = Precision(bounds);
  const Range range = Inside(bounds, Power(kMaxFractionDigits - precision));
  if (range.high >= 0) {
    Append(Magnitudes(std::max(range.low, Decimal(0)), range.high, precision, writer), out);
  }
  if (range.low < 0) {
    AddNegative(Magnitudes(std::max(-range.high, Decimal(0)), -range.low, precision, writer), out);
  }
  return grammar.Add(out);
}

}  // namespace intelligenced
