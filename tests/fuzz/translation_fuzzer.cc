// What any client may send to TranslationService, any text to be cut up and put together again, and
// anything that a model or one of Apertium's programs may answer: nothing of it may crash, run
// without end, or make a text that is no text.
//
// The first byte chooses: the message, the text and its markup, or the stream.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protos/intelligence/v1/translation.pb.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/apertium/parts.h"
#include "runtime/engines/apertium/stream_format.h"
#include "services/rpc/parse_request.h"
#include "services/translation/languages.h"
#include "services/translation/messages.h"
#include "services/translation/prompt.h"
#include "services/translation/text_translation.h"
#include "services/translation/validate.h"

namespace intelligenced {
namespace {

namespace engine_proto = ::intelligence::engine::v1;
namespace v1 = ::intelligence::v1;

void Require(bool condition) {
  if (!condition) abort();
}

void CheckError(const absl::Status& status) {
  if (status.ok()) return;
  Require(ReasonOf(status).has_value());
  Require(IsValidUtf8(StatusToGrpc(status).error_message()));
  const v1::ItemError error = ToItemError(status);
  Require(!error.reason().empty() && IsValidUtf8(error.message()));
}

// Takes bytes off the front; zeros when there are none left.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  uint8_t Next() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  // For deciding again and again: goes round.
  uint8_t Again() {
    if (bytes_.empty()) return 0;
    return static_cast<uint8_t>(bytes_[at_++ % bytes_.size()]);
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

// What a model makes of a unit, well or badly.
engine_proto::TranslatedSegment Answer(const KeptText& text, uint8_t mood) {
  engine_proto::TranslatedSegment answer;
  answer.set_text(mood % 8 == 7 ? "" : text.text);
  uint32_t shift = 0;
  if (mood % 8 == 1) answer.mutable_text()->insert(0, "x");
  if (mood % 8 == 1) shift = 1;
  for (size_t i = 0; i < text.kept.size(); ++i) {
    if (mood % 8 == 2 && i == 0) continue;
    engine_proto::KeptSpan& span = *answer.add_kept();
    span.set_start(static_cast<uint32_t>(text.kept[i].start) + shift);
    span.set_end(static_cast<uint32_t>(text.kept[i].end) + shift + (mood % 8 == 3 ? 1000 : 0));
  }
  if (mood % 8 == 4) answer.mutable_text()->append("\xff");
  if (mood % 8 == 5 && answer.kept_size() > 1) answer.mutable_kept()->SwapElements(0, 1);
  if (mood % 8 == 6) {
    engine_proto::UntranslatedSpan& span = *answer.add_untranslated();
    span.set_start(mood);
    span.set_end(mood / 2);
  }
  answer.set_truncated(mood > 250);
  return answer;
}

void CheckText(Bytes bytes, const std::string& text, const std::vector<ByteSpan>& given) {
  const auto markup = static_cast<TextMarkup>(bytes.Next() % 3);
  const uint8_t shape = bytes.Next();
  std::vector<StepLimits> steps(1 + shape % 2);
  for (StepLimits& step : steps) {
    step.sentences = (shape & 4) != 0;
    step.max_bytes = 64 + shape;
  }
  const bool faithful = (shape & 8) != 0;
  TextTranslation translation(text, markup, given, &steps);
  std::string told;
  // Each unit is cut a few times at most: more than this is no end.
  size_t left = 200 + 50 * text.size();
  std::vector<Unit*> ready = translation.TakeReady();
  while (!ready.empty()) {
    std::vector<Unit*> next;
    for (Unit* unit : ready) {
      Require(left-- > 0);
      Require(IsValidUtf8(unit->text.text));
      const uint8_t mood = faithful ? 0 : bytes.Again();
      if (mood % 32 == 31 && translation.OnTooLong(unit)) continue;
      translation.OnAnswer(unit, Answer(unit->text, mood));
    }
    told += translation.TakeDelta();
    ready = translation.TakeReady();
  }
  Require(translation.done());
  told += translation.TakeDelta();
  const TranslatedText& result = translation.result();
  Require(told == result.text);
  Require(IsValidUtf8(result.text));
  for (const ByteSpan& span : result.untranslated) {
    Require(span.start <= span.end && span.end <= result.text.size());
  }
  if (faithful && markup == TextMarkup::kPlain) Require(result.text == text);
}

void CheckTextRequest(std::string_view bytes) {
  v1::TranslateTextRequest request;
  absl::Status status = ParseRequest(bytes, request);
  if (status.ok()) status = Validate(request);
  CheckError(status);
  if (!status.ok()) return;
  NormalizeLanguage(request.source_language());
  CheckText(Bytes(bytes), request.text(), ToSpans(request.do_not_translate()));
}

void CheckBatchRequest(std::string_view bytes) {
  v1::TranslateBatchRequest request;
  const absl::Status status = ParseRequest(bytes, request);
  CheckError(status);
  if (!status.ok()) return;
  CheckError(Validate(request.start()));
  const absl::Status item = Validate(request.item());
  CheckError(item);
  if (item.ok()) {
    CheckText(Bytes(bytes), request.item().text(), ToSpans(request.item().do_not_translate()));
  }
}

template <typename Request>
void CheckSmall(std::string_view bytes) {
  Request request;
  absl::Status status = ParseRequest(bytes, request);
  if (status.ok()) status = Validate(request);
  CheckError(status);
}

// What a program of Apertium's writes, for a text with a span in it.
void CheckStream(std::string_view bytes) {
  const size_t middle = bytes.find('\x01');
  const std::string text(bytes.substr(0, middle));
  const std::string_view answer =
      middle == std::string_view::npos ? std::string_view() : bytes.substr(middle + 1);
  if (!IsValidUtf8(text)) return;
  std::vector<engine_proto::KeptSpan> kept;
  if (text.size() >= 4 && IsCharBorder(text, 1) && IsCharBorder(text, 3)) {
    kept.emplace_back().set_start(1);
    kept[0].set_end(3);
    kept[0].set_kind(text.size() % 2 == 0 ? engine_proto::KEPT_KIND_WORD
                                          : engine_proto::KEPT_KIND_MARKUP);
  }
  size_t at = 0;
  for (const TextPart& part : CutIntoParts(text, kept)) {
    Require(part.span.start == at && part.span.end > at && IsCharBorder(text, at));
    at = part.span.end;
  }
  Require(at == text.size());
  for (const KeptAs as : {KeptAs::kWords, KeptAs::kBlanks}) {
    const std::string stream = ToStream(text, kept, as);
    Require(stream.find('\0') == std::string::npos);
    if (as == KeptAs::kBlanks || HasRoomForWords(text)) {
      const FromStreamResult same = FromStream(stream, text, kept, as, false);
      Require(same.complete && same.text == text);
    }
    const FromStreamResult hostile = FromStream(answer, text, kept, as, true);
    for (const ByteSpan& span : hostile.kept) Require(span.end <= hostile.text.size());
    for (const ByteSpan& span : FindWords(hostile.text, UnknownWords(answer, as))) {
      Require(span.end <= hostile.text.size());
    }
  }
}

// What a language model writes where a translation was asked for.
void CheckGenerated(std::string_view bytes) {
  const size_t middle = bytes.find('\x01');
  const std::string text(bytes.substr(0, middle));
  if (middle == std::string_view::npos || !IsValidUtf8(text)) return;
  KeptText source;
  source.text = text;
  if (text.size() >= 2 && IsCharBorder(text, 1)) source.kept.push_back({0, 1, true});
  TranslatePrompt(source, "en", "es");
  ReadTranslation(source, std::string(bytes.substr(middle + 1)), bytes.size() % 2 == 0);
}

void CheckOne(uint8_t kind, std::string_view bytes) {
  switch (kind % 6) {
    case 0:
      return CheckTextRequest(bytes);
    case 1:
      return CheckBatchRequest(bytes);
    case 2:
      CheckSmall<v1::DetectLanguageRequest>(bytes);
      CheckSmall<v1::ListLanguagePairsRequest>(bytes);
      return CheckSmall<v1::PrepareTranslationRequest>(bytes);
    case 3: {
      Bytes rest(bytes);
      const Bytes seeds(bytes.substr(0, 16));
      rest.Next();
      rest.Next();
      if (IsValidUtf8(rest.rest())) CheckText(seeds, std::string(rest.rest()), {});
      return;
    }
    case 4:
      return CheckStream(bytes);
    default:
      return CheckGenerated(bytes);
  }
}

}  // namespace
}  // namespace intelligenced

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  intelligenced::CheckOne(data[0],
                          std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
