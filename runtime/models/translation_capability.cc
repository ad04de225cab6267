#include "runtime/models/translation_capability.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace intelligenced {
namespace {

constexpr std::string_view kPrefix = "translate:";
constexpr std::string_view kAny = "*";

bool Has(const std::vector<std::string>& capabilities, const std::string& name) {
  return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
}

}  // namespace

std::string TranslationCapabilityName(std::string_view source, std::string_view target) {
  return absl::StrCat(kPrefix, source, ">", target);
}

std::optional<TranslationCapability> ParseTranslationCapability(std::string_view capability) {
  if (!absl::ConsumePrefix(&capability, kPrefix)) return std::nullopt;
  const size_t arrow = capability.find('>');
  if (arrow == std::string_view::npos || arrow == 0 || arrow + 1 == capability.size()) {
    return std::nullopt;
  }
  return TranslationCapability{.source = std::string(capability.substr(0, arrow)),
                               .target = std::string(capability.substr(arrow + 1))};
}

bool TranslatesAmong(const std::vector<std::string>& capabilities, std::string_view wanted) {
  const std::optional<TranslationCapability> pair = ParseTranslationCapability(wanted);
  if (!pair.has_value() || pair->source == pair->target || pair->target == kAny) return false;
  return Has(capabilities, TranslationCapabilityName(pair->source, kAny)) &&
         Has(capabilities, TranslationCapabilityName(pair->target, kAny));
}

std::vector<TranslationCapability> TranslationPairs(const std::vector<std::string>& capabilities) {
  std::set<std::pair<std::string, std::string>> pairs;
  std::set<std::string> among;
  for (const std::string& capability : capabilities) {
    std::optional<TranslationCapability> pair = ParseTranslationCapability(capability);
    if (!pair.has_value()) continue;
    if (pair->target == kAny) {
      among.insert(std::move(pair->source));
    } else {
      pairs.emplace(std::move(pair->source), std::move(pair->target));
    }
  }
  for (const std::string& source : among) {
    for (const std::string& target : among) {
      if (source != target) pairs.emplace(source, target);
    }
  }
  std::vector<TranslationCapability> result;
  result.reserve(pairs.size());
  for (const auto& [source, target] : pairs) result.push_back({source, target});
  return result;
}

}  // namespace intelligenced
