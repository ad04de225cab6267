#include "runtime/engines/text/language_detector.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/text/script_parts.h"

namespace intelligenced {
namespace {

constexpr size_t kSample = 16 * 1024;
constexpr size_t kPieces = 8;
// From here on CLD2's division of a text among languages is taken as it is, if it is sure.
constexpr size_t kLettersToDivide = 120;
constexpr int kPercentToDivide = 15;
// What a language has for CLD2 that it does not name.
constexpr double kUnnamed = 0.008;
// Less is no ground to stand on.
constexpr double kReliableConfidence = 0.6;
constexpr double kReliableShare = 0.6;
constexpr size_t kReliableLetters = 3;

// How much rarer than the rest some languages are in what people write, as logarithms; what CLD2
// names and no list has is rarer still.
constexpr std::pair<std::string_view, double> kRarity[] = {
    {"af", 2.5}, {"be", 2.0}, {"cy", 2.0}, {"et", 1.0}, {"eu", 2.5}, {"ga", 2.0}, {"gl", 2.5},
    {"is", 2.0}, {"kk", 1.5}, {"lt", 1.0}, {"lv", 1.0}, {"mk", 2.0}, {"mr", 1.5}, {"ms", 1.5},
    {"ne", 2.0}, {"sl", 1.0}, {"sq", 1.5}, {"sw", 1.5}, {"tl", 1.5}, {"ca", 0.7}, {"sk", 0.7},
    {"bg", 0.7}, {"sr", 1.0}, {"hr", 0.7}, {"no", 0.3},
};
constexpr double kUnlistedRarity = 6;

double RarityOf(std::string_view language) {
  for (const auto& [name, rarity] : kRarity) {
    if (name == language) return rarity;
  }
  return 0;
}

std::string SampleOf(std::string_view text) {
  if (text.size() <= kSample) return std::string(text);
  std::string sample;
  const size_t length = kSample / kPieces;
  for (size_t i = 0; i < kPieces; ++i) {
    const size_t start = FloorToCharBorder(text, (text.size() - length) / (kPieces - 1) * i);
    sample.append(TruncateUtf8(text.substr(start), length));
    sample.push_back('\n');
  }
  return sample;
}

struct Cld2Answer {
  // BCP-47 and percent.
  std::vector<std::pair<std::string, int>> languages;
  bool reliable = false;
};

std::string ToBcp47(std::string_view code) {
  if (code == "iw") return "he";
  if (code == "jw") return "jv";
  if (absl::StartsWith(code, "zh")) return "zh";
  if (code == "un" || absl::StartsWith(code, "xx")) return "";
  return std::string(code);
}

Cld2Answer AskCld2(const std::string& text) {
  CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language languages[3];
  int percents[3];
  double scores[3];
  int text_bytes = 0;
  Cld2Answer answer;
  CLD2::ExtDetectLanguageSummary(text.data(), static_cast<int>(text.size()),
                                 /*is_plain_text=*/true, &hints, CLD2::kCLDFlagBestEffort,
                                 languages, percents, scores, nullptr, &text_bytes,
                                 &answer.reliable);
  for (int i = 0; i < 3; ++i) {
    if (languages[i] == CLD2::UNKNOWN_LANGUAGE || percents[i] <= 0) continue;
    std::string code = ToBcp47(CLD2::LanguageCode(languages[i]));
    if (!code.empty()) answer.languages.emplace_back(std::move(code), percents[i]);
  }
  return answer;
}

// Likelihoods that add up to 1.
std::map<std::string, double> Combine(const ScriptPart& part, const LanguageWords& words,
                                      const Cld2Answer& cld2) {
  const std::vector<double> scores = words.Score(part.words);
  // A language without a list is no better and no worse than the middle of those that fit.
  std::vector<double> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const double unlisted = sorted.empty() ? 0 : sorted[std::min<size_t>(8, sorted.size() - 1)];
  std::map<std::string, double> logs;
  for (size_t i = 0; i < scores.size(); ++i) {
    logs[words.languages()[i]] = scores[i] - RarityOf(words.languages()[i]);
  }
  for (const auto& [language, percent] : cld2.languages) {
    logs.try_emplace(language, unlisted - kUnlistedRarity);
  }
  if (!cld2.languages.empty()) {
    // The longer the text, the better CLD2 is.
    double weight = std::min(0.8 + static_cast<double>(part.letters) / 16, 8.0);
    if (!cld2.reliable) weight *= 0.7;
    for (auto& [language, log] : logs) {
      double percent = 0;
      for (const auto& [named, share] : cld2.languages) {
        if (named == language) percent = share / 100.0;
      }
      log += weight * std::log(percent + kUnnamed);
    }
  }
  double best = -1e300, sum = 0;
  for (const auto& [language, log] : logs) best = std::max(best, log);
  for (auto& [language, log] : logs) sum += log = std::exp(log - best);
  for (auto& [language, log] : logs) log /= sum;
  return logs;
}

void AddGuess(std::string language, double confidence, const std::string& script, double share,
              std::vector<LanguageGuess>& guesses) {
  guesses.push_back({std::move(language), confidence, script, share});
}

}  // namespace

LanguageGuesses LanguageDetector::Detect(std::string_view text, size_t max_guesses) const {
  LanguageGuesses result;
  const std::vector<ScriptPart> parts = SplitByScript(SampleOf(text));
  size_t letters = 0;
  for (const ScriptPart& part : parts) letters += part.letters;
  if (letters == 0) return result;
  std::vector<LanguageGuess>& guesses = result.guesses;
  for (const ScriptPart& part : parts) {
    const double share = static_cast<double>(part.letters) / static_cast<double>(letters);
    if (!part.languages.empty()) {
      for (size_t i = 0; i < part.languages.size(); ++i) {
        AddGuess(part.languages[i].first, share * part.languages[i].second, part.script,
                 i == 0 ? share : 0, guesses);
      }
      continue;
    }
    const Cld2Answer cld2 = AskCld2(part.text);
    if (part.letters >= kLettersToDivide && cld2.reliable && cld2.languages.size() > 1 &&
        cld2.languages[1].second >= kPercentToDivide) {
      for (const auto& [language, percent] : cld2.languages) {
        AddGuess(language, share * percent / 100, part.script, share * percent / 100, guesses);
      }
      continue;
    }
    std::vector<std::pair<double, std::string>> sorted;
    for (auto& [language, likelihood] : Combine(part, words_, cld2)) {
      sorted.emplace_back(likelihood, language);
    }
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (size_t i = 0; i < sorted.size() && i < max_guesses; ++i) {
      if (i > 0 && sorted[i].first < 0.001) break;
      AddGuess(sorted[i].second, share * sorted[i].first, part.script, i == 0 ? share : 0, guesses);
    }
  }
  std::stable_sort(
      guesses.begin(), guesses.end(),
      [](const LanguageGuess& a, const LanguageGuess& b) { return a.confidence > b.confidence; });
  if (guesses.size() > max_guesses) guesses.resize(max_guesses);
  result.unreliable = guesses.empty() || letters < kReliableLetters ||
                      guesses[0].confidence < kReliableConfidence ||
                      guesses[0].share < kReliableShare;
  return result;
}

}  // namespace intelligenced
