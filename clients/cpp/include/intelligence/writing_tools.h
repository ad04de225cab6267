// Proofreading, rewriting, summarising and composing: what goes in and comes out.
// Limits are those of protos/intelligence/v1/writing_tools.proto.
#ifndef INTELLIGENCE_WRITING_TOOLS_H_
#define INTELLIGENCE_WRITING_TOOLS_H_

#include <intelligence/common.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace intelligence {

enum class CorrectionType {
  kUnspecified,
  kSpelling,
  kPunctuation,
  kCapitalization,
  kGrammar,
  kStyle
};

struct ProofreadTextRequest {
  // Required. At most 4 MiB. Markdown code, URLs and e-mail addresses are left alone.
  std::string text = {};
  // BCP-47, for example "en-GB". Empty: detected.
  std::string language = {};
  // Parts that must not change.
  std::vector<TextRange> protected_ranges = {};
  // Also leave alone what stands in quotation marks.
  bool protect_quotations = false;
};

// One edit. Edits of a text do not overlap.
struct Correction {
  // In bytes of the request's text. start == end: an insertion.
  uint32_t start = 0;
  uint32_t end = 0;
  std::string original = {};
  std::string replacement = {};
  std::vector<std::string> alternatives = {};  // best first, without `replacement`
  std::vector<CorrectionType> types = {};
  std::string explanation = {};  // a sentence, in English
  float confidence = 0;          // 0 to 1
};

struct ProofreadTextResult {
  std::string corrected_text = {};
  std::vector<Correction> corrections = {};  // sorted by start
  std::string language = {};                 // what the text was taken to be in
  Usage usage = {};
};

using ProofreadTextEvent =
    std::variant<Queued, ModelLoading, WorkProgress, Correction, ProofreadTextResult>;

enum class RewriteStyle {
  kDefault,  // only tone and length apply; kRephrase when neither is set
  kRephrase,
  kFriendly,
  kProfessional,
  kConcise,
  kElaborate,
  kEmojify,
  kCustom,  // as `instruction` says
};
enum class Tone { kDefault, kAsIs, kMoreFormal, kMoreCasual };
enum class TextLength { kDefault, kAsIs, kShorter, kLonger };

struct RewriteTextRequest {
  std::string text = {};  // required
  RewriteStyle style = RewriteStyle::kDefault;
  Tone tone = Tone::kDefault;
  TextLength length = TextLength::kDefault;
  // Required with kCustom, refused otherwise.
  std::string instruction = {};
  // How many different answers, 1 to 4. 0: one.
  uint32_t candidate_count = 0;
  std::string language = {};
  // Parts that must come back as they are.
  std::vector<TextRange> protected_ranges = {};
};

// More of one candidate's text.
struct CandidateDelta {
  uint32_t candidate = 0;
  std::string text = {};
};

struct RewriteCandidate {
  std::string text = {};
  FinishReason finish_reason = FinishReason::kUnspecified;
};

struct RewriteTextResult {
  std::vector<RewriteCandidate> candidates = {};
  Usage usage = {};
};

using RewriteTextEvent =
    std::variant<Queued, ModelLoading, WorkProgress, CandidateDelta, RewriteTextResult>;

enum class SummaryType { kDefault, kTldr, kTeaser, kKeyPoints, kHeadline, kList, kTable };
enum class SummaryLength { kDefault, kShort, kMedium, kLong };
enum class TextFormat { kDefault, kPlainText, kMarkdown };
enum class SummaryInputType { kDefault, kArticle, kConversation };

struct SummarizeTextRequest {
  std::string text = {};  // required
  SummaryType type = SummaryType::kDefault;
  SummaryLength length = SummaryLength::kDefault;
  TextFormat format = TextFormat::kDefault;
  SummaryInputType input_type = SummaryInputType::kDefault;
  // What the reader knows already or wants it for.
  std::string shared_context = {};
  std::string language = {};
};

struct SummarizeTextResult {
  std::string summary = {};
  FinishReason finish_reason = FinishReason::kUnspecified;
  // Into how many parts the text was split because it was longer than the context.
  uint32_t parts = 0;
  Usage usage = {};
};

using SummarizeTextEvent =
    std::variant<Queued, ModelLoading, WorkProgress, TextDelta, SummarizeTextResult>;

struct ComposeTextRequest {
  std::string instruction = {};  // required: what to write
  Tone tone = Tone::kDefault;
  SummaryLength length = SummaryLength::kDefault;
  TextFormat format = TextFormat::kDefault;
  // Text to take into account.
  std::string shared_context = {};
  std::string language = {};
};

struct ComposeTextResult {
  std::string text = {};
  FinishReason finish_reason = FinishReason::kUnspecified;
  Usage usage = {};
};

using ComposeTextEvent =
    std::variant<Queued, ModelLoading, WorkProgress, TextDelta, ComposeTextResult>;

}  // namespace intelligence

#endif  // INTELLIGENCE_WRITING_TOOLS_H_
