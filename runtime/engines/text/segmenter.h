// Where sentences, words and characters begin and end, by ICU (Unicode UAX 29), in bounded pieces.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_SEGMENTER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_SEGMENTER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/language.pb.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

// ICU's rules for a unit in a language, ready to be used on one text after another. Not
// thread-safe.
class SegmentRules {
 public:
  // `language`: BCP-47, "" or one that ICU does not know: the rules for all languages. Sentences of
  // a language do not end behind its abbreviations. ENGINE_FAILURE when ICU's data is missing.
  static absl::StatusOr<SegmentRules> Open(intelligence::engine::v1::TextUnit unit,
                                           const std::string& language);
  SegmentRules(SegmentRules&&) noexcept;
  SegmentRules& operator=(SegmentRules&&) noexcept;
  ~SegmentRules();

 private:
  friend class SegmentRun;
  struct Core;
  explicit SegmentRules(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

// Goes through one text. The text and the rules must outlive it.
//
// Borders are those of the whole text, except that what has none for 64 KiB (one endless word or
// sentence) ends there.
class SegmentRun {
 public:
  // Valid UTF-8.
  SegmentRun(SegmentRules* rules, std::string_view text) : rules_(rules), text_(text) {}

  bool done() const { return position_ >= text_.size(); }
  size_t position() const { return position_; }

  // Goes through the next piece, of at most about 64 KiB, and adds what was found: sorted, not
  // overlapping, sentences without white space around them, words without what is between them.
  absl::Status Advance(std::vector<ByteSpan>& segments);

 private:
  SegmentRules* const rules_;
  const std::string_view text_;
  size_t position_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_SEGMENTER_H_
