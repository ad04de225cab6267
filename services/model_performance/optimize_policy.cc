#include "services/model_performance/optimize_policy.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "protos/support/limits.h"

namespace intelligenced {
namespace {

constexpr double kPromptTokens = 512;
constexpr double kOutputTokens = 128;
constexpr double kWorthwhile = 0.97;
constexpr double kUnsettled = 1.3;

}  // namespace

double TypicalSeconds(const intelligence::v1::LayoutResult& result) {
  if (result.prompt_tokens_per_second() <= 0 || result.output_tokens_per_second() <= 0) return 0;
  return kPromptTokens / result.prompt_tokens_per_second() +
         kOutputTokens / result.output_tokens_per_second();
}

void Judge(const intelligence::v1::LayoutResult& source, double max_increase,
           intelligence::v1::LayoutResult& result) {
  result.set_typical_seconds(TypicalSeconds(result));
  const bool known = source.perplexity() > 0 && result.perplexity() > 0;
  result.set_perplexity_increase(known ? result.perplexity() / source.perplexity() - 1 : 0);
  result.set_within_bound(result.is_source() ||
                          (known && result.perplexity_increase() <= max_increase));
}

int BestLayout(const std::vector<intelligence::v1::LayoutResult>& results,
               const std::vector<int>& contenders) {
  int best = 0;
  for (int i : contenders) {
    const auto& result = results[i];
    if (i == 0 || !result.within_bound() || result.typical_seconds() <= 0) continue;
    const double bar = results[best].typical_seconds() * (best == 0 ? kWorthwhile : 1);
    if (result.typical_seconds() < bar) best = i;
  }
  return best;
}

std::vector<int> Contenders(const std::vector<intelligence::v1::LayoutResult>& results) {
  const auto counts = [&](size_t i) {
    return results[i].within_bound() && results[i].typical_seconds() > 0;
  };
  double shortest = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < results.size(); ++i) {
    if (counts(i)) shortest = std::min(shortest, results[i].typical_seconds());
  }
  std::vector<int> contenders = {0};
  for (size_t i = 1; i < results.size(); ++i) {
    if (counts(i) && results[i].typical_seconds() <= kUnsettled * shortest) {
      contenders.push_back(static_cast<int>(i));
    }
  }
  return contenders;
}

std::string OptimizedName(std::string_view name, std::string_view layout) {
  const std::string suffix = absl::StrCat("-", absl::AsciiStrToLower(layout));
  const std::string_view bare = absl::StripPrefix(name, "models/");
  return absl::StrCat(bare.substr(0, kMaxModelNameBytes - suffix.size()), suffix);
}

}  // namespace intelligenced
