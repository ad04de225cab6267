// How the fake engine translates.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/fake/fake_script.h"

namespace intelligenced {
namespace {

// Adds capitals of text[start, end), and notes its words in figures.
void AddCapitals(std::string_view text, bool mark, engine_proto::TranslatedSegment* out) {
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && text[end] != ' ') ++end;
    const std::string_view word = text.substr(i, end - i);
    std::string& to = *out->mutable_text();
    if (!word.empty() && absl::ascii_isdigit(word[0])) {
      if (mark) to += '*';
      engine_proto::UntranslatedSpan& span = *out->add_untranslated();
      span.set_start(static_cast<uint32_t>(to.size()));
      to += word;
      span.set_end(static_cast<uint32_t>(to.size()));
    } else {
      to += ToUpperUtf8(word);
    }
    if (end < text.size()) to += ' ';
    i = end + 1;
  }
}

engine_proto::TranslatedSegment Translate(const engine_proto::TranslateTask& task, int index,
                                          const FakeAnswers& answers) {
  const engine_proto::TranslateSegment& segment = task.segments(index);
  engine_proto::TranslatedSegment out;
  out.set_index(static_cast<uint32_t>(index));
  if (answers.pass_step) {
    out.set_text(absl::StrCat(task.source_language(), ">", task.target_language(), ": "));
  }
  const std::string_view text = segment.text();
  size_t at = 0;
  for (const engine_proto::KeptSpan& span : segment.kept()) {
    AddCapitals(text.substr(at, span.start() - at), task.mark_unknown(), &out);
    at = span.end();
    if (answers.lose_kept) continue;
    engine_proto::KeptSpan& kept = *out.add_kept();
    kept.set_start(static_cast<uint32_t>(out.text().size()));
    out.mutable_text()->append(text.substr(span.start(), at - span.start()));
    kept.set_end(static_cast<uint32_t>(out.text().size()));
  }
  AddCapitals(text.substr(at), task.mark_unknown(), &out);
  return out;
}

}  // namespace

absl::StatusOr<FakeScript> TranslateLikeAFake(const engine_proto::TranslateTask& task,
                                              const FakeAnswers& answers) {
  FakeScript script;
  size_t tokens = 0;
  for (int i = 0; i < task.segments_size(); ++i) {
    const std::string& text = task.segments(i).text();
    const size_t count = CountFakeTokens(text);
    if (count > answers.context_tokens) return FakeTextTooLong(count, answers.context_tokens);
    tokens += count;
    const auto place = static_cast<uint32_t>(i) + 1;
    const auto has = [&](const std::string& word) {
      return !word.empty() && absl::StrContains(text, word);
    };
    std::vector<engine_proto::Event>& unit = script.units.emplace_back();
    if (script.crash_after_units == 0 && has(answers.crash_word)) script.crash_after_units = place;
    if (script.fail_after_units == 0 && has(answers.fail_word)) script.fail_after_units = place;
    // Who fails has not answered.
    if (script.fail_after_units == place) continue;
    *unit.emplace_back().mutable_translated() = Translate(task, i, answers);
  }
  engine_proto::Completed& completed = *script.completed.mutable_completed();
  completed.set_finish_reason(engine_proto::FINISH_REASON_STOP);
  completed.set_input_tokens(static_cast<uint32_t>(tokens));
  completed.set_output_tokens(static_cast<uint32_t>(tokens));
  return script;
}

}  // namespace intelligenced
