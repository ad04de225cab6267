#include "services/translation/messages.h"

#include <utility>

#include "runtime/base/reasons.h"
#include "services/rpc/proto_time.h"
#include "services/translation/find_route.h"
#include "services/translation/languages.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Less sure than this, the next likeliest language may be meant.
constexpr float kSure = 0.6F;

void AddRanges(const std::vector<ByteSpan>& spans,
               google::protobuf::RepeatedPtrField<v1::TextRange>* ranges) {
  for (const ByteSpan& span : spans) {
    v1::TextRange& range = *ranges->Add();
    range.set_start(static_cast<uint32_t>(span.start));
    range.set_end(static_cast<uint32_t>(span.end));
  }
}

}  // namespace

TextMarkup ToTextMarkup(v1::TranslationFormat format) {
  switch (format) {
    case v1::TRANSLATION_FORMAT_HTML:
      return TextMarkup::kHtml;
    case v1::TRANSLATION_FORMAT_MARKDOWN:
      return TextMarkup::kMarkdown;
    default:
      return TextMarkup::kPlain;
  }
}

std::vector<ByteSpan> ToSpans(const google::protobuf::RepeatedPtrField<v1::TextRange>& ranges) {
  std::vector<ByteSpan> spans;
  for (const v1::TextRange& range : ranges) spans.push_back({range.start(), range.end()});
  return spans;
}

void ToMessage(TranslatedText translation, v1::Translation* message) {
  message->set_text(std::move(translation.text));
  AddRanges(translation.untranslated, message->mutable_untranslated());
  AddRanges(translation.truncated, message->mutable_truncated());
}

void ToMessage(const QueuePlace& place, v1::Queued* message) {
  message->set_position(static_cast<uint32_t>(place.position));
  if (place.expected_wait.has_value()) {
    SetDuration(*place.expected_wait, message->mutable_expected_wait());
  }
}

v1::ItemError ToItemError(const absl::Status& status) {
  v1::ItemError error;
  error.set_reason(std::string(ReasonName(ReasonOf(status).value_or(Reason::kEngineFailure))));
  error.set_message(std::string(status.message()));
  return error;
}

absl::StatusOr<FoundRoute> RouteFor(const Runtime& runtime, const std::string& source,
                                    const std::string& target, v1::TranslationStrategy strategy,
                                    const std::string& model) {
  FoundRoute found;
  found.source = NormalizeLanguage(source);
  absl::StatusOr<Route> route =
      FindRoute(runtime, found.source, NormalizeLanguage(target), ToRouteStrategy(strategy), model);
  if (!route.ok()) return route.status();
  found.route = *std::move(route);
  return found;
}

absl::StatusOr<FoundRoute> RouteForDetected(const Runtime& runtime,
                                            const engine_proto::LanguagesResult& result,
                                            const std::string& target,
                                            v1::TranslationStrategy strategy,
                                            const std::string& model) {
  if (result.candidates().empty()) {
    return FieldError("source_language",
                      "was not given, and the text does not show which language it is in. Say "
                      "which.");
  }
  absl::Status failure;
  for (const engine_proto::LanguageCandidate& candidate : result.candidates()) {
    const std::string language = NormalizeLanguage(candidate.language());
    FoundRoute found;
    if (LanguageDistance(NormalizeLanguage(target), language).has_value()) {
      found.source = language;
      found.detected = true;
      return found;
    }
    absl::StatusOr<FoundRoute> routed = RouteFor(runtime, language, target, strategy, model);
    if (routed.ok()) {
      routed->detected = true;
      return routed;
    }
    failure.Update(routed.status());
    if (!result.unreliable() && candidate.confidence() >= kSure) break;
  }
  return failure;
}

}  // namespace intelligenced
