#include "services/translation/text_translation.h"

#include <utility>

namespace intelligenced {

TextTranslation::TextTranslation(std::string text, TextMarkup markup,
                                 absl::Span<const ByteSpan> given,
                                 const std::vector<StepLimits>* steps)
    : markup_(markup),
      text_(std::move(text)),
      source_bytes_(text_.size()),
      segments_(CutIntoSegments(text_, markup, given)) {
  trees_.reserve(segments_.size());
  for (const Segment& segment : segments_) {
    trees_.push_back(std::make_unique<UnitTree>(segment.text, steps));
    for (Unit* unit : trees_.back()->TakeReady()) ready_.push_back(unit);
  }
  TakeFinished();
}

std::vector<Unit*> TextTranslation::TakeReady() { return std::exchange(ready_, {}); }

void TextTranslation::OnAnswer(Unit* unit,
                               const intelligence::engine::v1::TranslatedSegment& answer) {
  UnitTree* const tree = unit->tree;
  tree->OnAnswer(unit, answer);
  for (Unit* next : tree->TakeReady()) ready_.push_back(next);
  TakeFinished();
}

bool TextTranslation::OnTooLong(Unit* unit) {
  UnitTree* const tree = unit->tree;
  if (!tree->OnTooLong(unit)) return false;
  for (Unit* next : tree->TakeReady()) ready_.push_back(next);
  TakeFinished();
  return true;
}

void TextTranslation::TakeFinished() {
  const auto append = [](const std::vector<ByteSpan>& from, size_t base,
                         std::vector<ByteSpan>* to) {
    for (const ByteSpan& span : from) to->push_back({base + span.start, base + span.end});
  };
  for (; next_ < segments_.size() && trees_[next_]->done(); ++next_) {
    Segment& segment = segments_[next_];
    result_.text.append(text_, copied_, segment.source.start - copied_);
    const TranslatedText piece = Render(segment, markup_, trees_[next_]->TakeResult());
    const size_t base = result_.text.size();
    result_.text += piece.text;
    append(piece.untranslated, base, &result_.untranslated);
    append(piece.truncated, base, &result_.truncated);
    copied_ = segment.source.end;
    trees_[next_].reset();
    segment = Segment();
  }
  if (done() && copied_ < text_.size()) {
    result_.text.append(text_, copied_, text_.size() - copied_);
    copied_ = text_.size();
  }
}

std::string_view TextTranslation::TakeDelta() {
  const std::string_view delta = std::string_view(result_.text).substr(told_);
  told_ = result_.text.size();
  return delta;
}

}  // namespace intelligenced
