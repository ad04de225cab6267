#include "services/writing_tools/proofread_policy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr std::string_view kPrefix = "x-proofread.";
constexpr std::string_view kTextMark = "{text}";
constexpr uint32_t kMinPartBytes = 96;
constexpr uint32_t kMaxPartBytes = 64 << 10;

bool ReadShare(const std::string& text, float& value) {
  float read = 0;
  if (!absl::SimpleAtof(text, &read) || !(read >= 0 && read <= 1)) return false;
  value = read;
  return true;
}

bool ReadPrompt(const std::string& text, std::string& prompt) {
  const size_t mark = text.find(kTextMark);
  if (mark == std::string::npos || text.find(kTextMark, mark + 1) != std::string::npos ||
      !IsValidUtf8(text)) {
    return false;
  }
  prompt = text;
  return true;
}

bool ReadPartBytes(const std::string& text, size_t& bytes) {
  uint32_t read = 0;
  if (!absl::SimpleAtoi(text, &read) || read < kMinPartBytes || read > kMaxPartBytes) return false;
  bytes = read;
  return true;
}

bool Read(std::string_view name, const std::string& text, ProofreadPolicy& policy) {
  if (name == "prompt") return ReadPrompt(text, policy.prompt);
  if (name == "min_confidence") return ReadShare(text, policy.min_confidence);
  if (name == "part_bytes") return ReadPartBytes(text, policy.part_bytes);
  if (name == "rules") return absl::SimpleAtob(text, &policy.join_rules);
  if (name == "rules_confidence") return ReadShare(text, policy.rules_confidence);
  if (name == "prose_only") return absl::SimpleAtob(text, &policy.prose_only);
  if (name == "english_only") return absl::SimpleAtob(text, &policy.english_only);
  return false;
}

// Insertions at one place, or an insertion at the border of a replacement, get into each other's
// way as overlaps do.
bool Collide(ByteSpan one, ByteSpan other) {
  if (one.Overlaps(other)) return true;
  return (one.empty() || other.empty()) && one.start <= other.end && other.start <= one.end;
}

}  // namespace

absl::StatusOr<ProofreadPolicy> ProofreadPolicyOf(const Manifest& model) {
  ProofreadPolicy policy;
  for (const auto& [name, text] : model.parameters) {
    std::string_view rest = name;
    if (!absl::ConsumePrefix(&rest, kPrefix) || Read(rest, text, policy)) continue;
    return MakeError(Reason::kModelCorrupt,
                     absl::StrCat("The model ", model.name, " has a parameter ", name,
                                  " that says nothing useful: \"", TruncateUtf8(text, 80),
                                  "\". Install the model again."));
  }
  return policy;
}

bool IsProse(std::string_view text) {
  size_t letters = 0;
  size_t capitals = 0;
  size_t digits = 0;
  size_t marks = 0;
  size_t bars = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t character = DecodeChar(text, at);
    if (IsLetter(character)) {
      ++letters;
      capitals += IsUpper(character) ? 1 : 0;
    } else if (character == U'|' || character == U'\t') {
      ++bars;
    } else if (IsDigit(character)) {
      ++digits;
    } else if (!IsSpace(character)) {
      ++marks;
    }
  }
  if (bars > 1 || letters < 2) return false;
  // A word or two may well be an acronym; a line of capitals is meant so.
  if (capitals * 10 > letters * 6) return false;
  return letters >= 2 * marks && 2 * letters >= digits;
}

float AnswerConfidence(const engine_proto::TokenLikelihoods& likelihoods, ByteSpan answer_range) {
  size_t start = 0;
  float lowest = 0;
  bool found = false;
  const int tokens = std::min(likelihoods.bytes_size(), likelihoods.log_probabilities_size());
  for (int i = 0; i < tokens; ++i) {
    const size_t end = start + likelihoods.bytes(i);
    // The token that ended the output has no bytes and stands behind all.
    const bool last = likelihoods.bytes(i) == 0;
    const bool inside = answer_range.empty()
                            ? start <= answer_range.start && (answer_range.start < end || last)
                            : start < answer_range.end && answer_range.start < end;
    if (inside && !(found && answer_range.empty())) {
      lowest = found ? std::min(lowest, likelihoods.log_probabilities(i))
                     : likelihoods.log_probabilities(i);
      found = true;
    }
    start = end;
  }
  return found ? std::exp(lowest) : 0;
}

TextEdit CoreOf(std::string_view text, const TextEdit& edit) {
  const std::string_view original = edit.range.In(text);
  const auto parts = AlignTexts(original, edit.replacement);
  if (!parts.has_value() || parts->size() != 1) return edit;
  TextEdit core = parts->front();
  core.range.start += edit.range.start;
  core.range.end += edit.range.start;
  return core;
}

std::vector<Suggestion> JoinSuggestions(absl::Span<const Suggestion> rules,
                                        absl::Span<const Suggestion> model,
                                        const ProofreadPolicy& policy) {
  std::vector<Suggestion> candidates;
  for (const Suggestion& rule : rules) {
    const auto same = std::find_if(model.begin(), model.end(), [&](const Suggestion& other) {
      return other.core == rule.core;
    });
    if (same == model.end() && rule.confidence < policy.rules_confidence) continue;
    candidates.push_back(rule);
    if (same != model.end() && same->confidence > rule.confidence) {
      candidates.back().confidence = same->confidence;
    }
  }
  for (const Suggestion& suggestion : model) {
    if (suggestion.confidence < policy.min_confidence) continue;
    const bool told = std::any_of(candidates.begin(), candidates.end(), [&](const Suggestion& one) {
      return one.core == suggestion.core;
    });
    if (!told) candidates.push_back(suggestion);
  }
  // The surest first; sorting keeps the rules before the model where they are equally sure.
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Suggestion& a, const Suggestion& b) { return a.confidence > b.confidence; });
  std::vector<Suggestion> kept;
  for (Suggestion& candidate : candidates) {
    const bool free = std::none_of(kept.begin(), kept.end(), [&](const Suggestion& other) {
      return Collide(other.edit.range, candidate.edit.range);
    });
    if (free) kept.push_back(std::move(candidate));
  }
  std::sort(kept.begin(), kept.end(), [](const Suggestion& a, const Suggestion& b) {
    return a.edit.range.start < b.edit.range.start;
  });
  return kept;
}

}  // namespace intelligenced
