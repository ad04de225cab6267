#include "runtime/engines/text/language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kSample = 16 * 1024;
// Shorter texts are guessed wrong too often to refuse them.
constexpr int kCertainBytes = 60;
constexpr int kCertainPercent = 70;

}  // namespace

DetectedLanguage DetectLanguage(std::string_view text) {
  // The detector takes NUL for the end.
  std::string sample(TruncateUtf8(text, kSample));
  for (char& c : sample) {
    if (c == '\0') c = ' ';
  }
  CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language languages[3];
  int percents[3];
  double scores[3];
  int text_bytes = 0;
  bool reliable = false;
  const CLD2::Language best = CLD2::ExtDetectLanguageSummary(
      sample.data(), static_cast<int>(sample.size()), /*is_plain_text=*/true, &hints, /*flags=*/0,
      languages, percents, scores, nullptr, &text_bytes, &reliable);
  if (best == CLD2::UNKNOWN_LANGUAGE) return {};
  return {.code = CLD2::LanguageCode(best),
          .certain = reliable && text_bytes >= kCertainBytes && languages[0] == best &&
                     percents[0] >= kCertainPercent};
}

absl::Status RequireEnglish(std::string_view text, std::string_view requested,
                            std::string& language) {
  std::string code(requested);
  if (code.empty()) {
    const DetectedLanguage detected = DetectLanguage(text);
    code = detected.certain ? detected.code : "en";
  }
  language = code;
  const std::string lower = ToLowerUtf8(code);
  if (lower == "en" || absl::StartsWith(lower, "en-") || absl::StartsWith(lower, "en_")) {
    return absl::OkStatus();
  }
  return MakeError(
      Reason::kLanguageUnsupported,
      absl::StrCat("The built-in writing rules know English only; this text is in \"", code,
                   "\". Install a language model for it: mlctl models list --catalogue."),
      {.metadata = {{"language", code}}, .retry_delay = {}, .field = "language"});
}

}  // namespace intelligenced
