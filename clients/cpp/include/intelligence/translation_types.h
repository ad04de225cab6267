// What goes into translation and comes out of it. Limits are those of
// protos/intelligence/v1/translation.proto.
#ifndef INTELLIGENCE_TRANSLATION_TYPES_H_
#define INTELLIGENCE_TRANSLATION_TYPES_H_

#include <intelligence/common.h>
#include <intelligence/models.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace intelligence {

enum class TranslationStrategy {
  kDefault,      // low latency
  kLowLatency,   // the smallest model: rules before networks
  kHighFidelity  // the best one: networks before rules
};

enum class TranslationFormat {
  kDefault,  // plain text
  kPlainText,
  kHtml,
  kMarkdown
};

// One step from a language to another. Languages are as the model knows them.
struct TranslationStep {
  std::string source_language = {};
  std::string target_language = {};
  std::string model = {};  // "models/{model}"
};

// How a text goes from one language to another.
struct TranslationRoute {
  std::string source_language = {};  // as asked for, or as found
  bool source_detected = false;
  // One: directly. Two: with pivot_language between. None: nothing was to be translated.
  std::vector<TranslationStep> steps = {};
  std::string pivot_language = {};
};

struct Translation {
  std::string text = {};
  std::vector<TextRange> untranslated = {};  // of text: words that the model does not know
  std::vector<TextRange> truncated = {};     // of text: their end was lost to repetition
};

struct TranslateTextRequest {
  std::string text = {};             // required
  std::string source_language = {};  // BCP-47; empty: detected
  std::string target_language = {};  // required
  TranslationStrategy strategy = TranslationStrategy::kDefault;
  TranslationFormat format = TranslationFormat::kDefault;
  std::vector<TextRange> do_not_translate = {};
  bool mark_unknown = false;  // an asterisk before each word that the model does not know
};

struct TranslateTextResult {
  Translation translation = {};
  TranslationRoute route = {};
  Usage usage = {};
};

// TextDelta: the next piece of the translation.
using TranslateTextEvent =
    std::variant<Queued, ModelLoading, WorkProgress, TextDelta, TranslateTextResult>;

enum class BatchOrder {
  kDefault,  // as ready
  kAsReady,
  kAsSent
};

// What holds for all items of a batch.
struct TranslateBatchRequest {
  std::string source_language = {};  // empty: detected from the first items, once
  std::string target_language = {};  // required
  TranslationStrategy strategy = TranslationStrategy::kDefault;
  TranslationFormat format = TranslationFormat::kDefault;
  bool mark_unknown = false;
  BatchOrder order = BatchOrder::kDefault;
};

struct TranslateItem {
  std::string client_identifier = {};  // comes back with the result; at most 256 bytes
  std::string text = {};
  std::vector<TextRange> do_not_translate = {};
};

struct TranslateItemResult {
  std::string client_identifier = {};
  uint64_t index = 0;  // among all items sent, from 0
  // Why this item has no translation: a reason ("INPUT_TOO_LARGE") and a sentence. Empty: it has.
  std::string error_reason = {};
  std::string error_message = {};
  Translation translation = {};
};

// The last event of a batch that ended well.
struct TranslateBatchResult {
  uint64_t items = 0;
  uint64_t failed_items = 0;  // answered by an error
  Usage usage = {};
};

// TranslationRoute: once, before the first item that was translated.
using TranslateBatchEvent =
    std::variant<Queued, ModelLoading, TranslationRoute, TranslateItemResult, TranslateBatchResult>;

struct DetectLanguageRequest {
  std::vector<std::string> texts = {};  // 1 to 1,024
  uint32_t max_candidates = 0;          // for each text, at most 16; 0: 3
};

struct DetectedLanguage {
  std::string language_code = {};  // BCP-47
  float confidence = 0;            // 0 to 1
  std::string script = {};         // ISO 15924: "Latn"
  float share = 0;                 // of the text's letters
};

struct DetectedLanguages {
  std::vector<DetectedLanguage> candidates = {};  // the likeliest first; none: no letters
  bool unreliable = false;                        // too little or too mixed to rely on
};

struct DetectLanguageResult {
  std::vector<DetectedLanguages> results = {};  // one a text, in order
  Usage usage = {};
};

struct ListLanguagePairsRequest {
  std::string source_language = {};  // only from it
  std::string target_language = {};  // only into it
  bool direct_only = false;          // without those that take a third language between
  bool available_only = false;
};

struct LanguagePair {
  std::string source_language = {};
  std::string target_language = {};
  Availability availability = Availability::kUnspecified;
  std::string reason = {};  // why not, and what would change it
  // With low latency, and with high fidelity where that is something else.
  std::vector<TranslationStep> steps = {};
  std::vector<TranslationStep> high_fidelity_steps = {};
  std::string pivot_language = {};
  std::string engine = {};  // of the first step's model
};

struct ListLanguagePairsResult {
  std::vector<LanguagePair> pairs = {};  // sorted by source and target
  // Installed general language models: they translate what they happen to know.
  std::vector<std::string> general_models = {};
};

struct PrepareTranslationRequest {
  std::string source_language = {};  // required
  std::string target_language = {};  // required
  TranslationStrategy strategy = TranslationStrategy::kDefault;
  // Identifiers of licences that the person was shown (LicenseNotice).
  std::vector<std::string> accepted_licenses = {};
};

struct PrepareTranslationResult {
  std::vector<TranslationStep> steps = {};
  std::string pivot_language = {};
};

using PrepareTranslationEvent =
    std::variant<LicenseNotice, InstallProgress, ModelLoading, PrepareTranslationResult>;

}  // namespace intelligence

#endif  // INTELLIGENCE_TRANSLATION_TYPES_H_
