// One text on its way into another language. Pure; not thread-safe.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_TEXT_TRANSLATION_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_TEXT_TRANSLATION_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"
#include "services/translation/segment.h"
#include "services/translation/unit_tree.h"

namespace intelligenced {

class TextTranslation {
 public:
  // Cuts the text, which takes about a millisecond for 100 KiB. `steps` outlive it.
  TextTranslation(std::string text, TextMarkup markup, absl::Span<const ByteSpan> given,
                  const std::vector<StepLimits>* steps);

  // Units that are to be sent and were not taken yet, in the text's order.
  std::vector<Unit*> TakeReady();
  // As of UnitTree.
  void OnAnswer(Unit* unit, const intelligence::engine::v1::TranslatedSegment& answer);
  bool OnTooLong(Unit* unit);

  // Everything is translated.
  bool done() const { return next_ == segments_.size(); }
  // Of the source, what is translated from its beginning on.
  size_t done_bytes() const { return copied_; }
  size_t source_bytes() const { return source_bytes_; }
  // Segments that have words.
  size_t segment_count() const { return segments_.size(); }

  // What has been added to the translation since the last call, in order.
  std::string_view TakeDelta();
  // The whole, once done. `kept` is empty.
  TranslatedText& result() { return result_; }

  // Set by who sends the units: the text is given up, and its units are not to be sent.
  bool abandoned = false;

 private:
  void TakeFinished();

  const TextMarkup markup_;
  std::string text_;
  const size_t source_bytes_;
  std::vector<Segment> segments_;
  // One each, as long as it is worked on.
  std::vector<std::unique_ptr<UnitTree>> trees_;
  std::vector<Unit*> ready_;
  size_t next_ = 0;    // the first segment that is not in the result
  size_t copied_ = 0;  // of the source
  size_t told_ = 0;    // of the result
  TranslatedText result_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_TEXT_TRANSLATION_H_
