#include "runtime/engines/fake/fake_language.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/byte_span.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using engine_proto::Event;

std::vector<ByteSpan> WordsOf(std::string_view text) {
  std::vector<ByteSpan> words;
  for (size_t at = 0; at < text.size();) {
    if (absl::ascii_isspace(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && !absl::ascii_isspace(text[end])) ++end;
    words.push_back({at, end});
    at = end;
  }
  return words;
}

Event Detect(const engine_proto::DetectLanguageTask& task, int index) {
  Event event;
  engine_proto::LanguagesResult& result = *event.mutable_languages();
  result.set_index(static_cast<uint32_t>(index));
  const std::vector<ByteSpan> words = WordsOf(task.texts(index));
  result.set_unreliable(words.size() < 2);
  if (words.empty()) return event;
  engine_proto::LanguageCandidate& candidate = *result.add_candidates();
  candidate.set_language(std::string(words[0].In(task.texts(index))));
  candidate.set_confidence(0.75F);
  candidate.set_script("Latn");
  candidate.set_share(1);
  return event;
}

Event Segment(const engine_proto::SegmentTextTask& task, int index) {
  Event event;
  engine_proto::SegmentsResult& result = *event.mutable_segments();
  result.set_index(static_cast<uint32_t>(index));
  for (const ByteSpan& word : WordsOf(task.texts(index))) {
    result.add_starts(static_cast<uint32_t>(word.start));
    result.add_ends(static_cast<uint32_t>(word.end));
  }
  return event;
}

Event Embed(const engine_proto::EmbedTextTask& task, int index) {
  Event event;
  engine_proto::EmbeddingResult& result = *event.mutable_embedding();
  result.set_index(static_cast<uint32_t>(index));
  const bool asks = absl::StrContains(task.texts(index), "?");
  const float sign = task.purpose() == engine_proto::EMBEDDING_PURPOSE_QUERY ? -1.0F : 1.0F;
  result.add_values(asks ? 0 : sign);
  if (task.dimensions() != 1) result.add_values(asks ? sign : 0);
  result.set_input_tokens(static_cast<uint32_t>(CountFakeTokens(task.texts(index))));
  return event;
}

Event Classify(const engine_proto::ClassifyTextTask& task, int index) {
  Event event;
  engine_proto::TextClasses& result = *event.mutable_classes();
  result.set_index(static_cast<uint32_t>(index));
  const bool bad = absl::StrContains(task.texts(index), "bad");
  for (const bool first : {true, false}) {
    engine_proto::TextClass& one = *result.add_classes();
    one.set_label(bad == first ? "NEGATIVE" : "POSITIVE");
    one.set_confidence(first ? 0.9F : 0.1F);
  }
  return event;
}

Event FindNames(const engine_proto::FindEntitiesTask& task, int index) {
  Event event;
  engine_proto::TextEntities& result = *event.mutable_entities();
  result.set_index(static_cast<uint32_t>(index));
  for (const ByteSpan& word : WordsOf(task.texts(index))) {
    if (!absl::ascii_isupper(task.texts(index)[word.start])) continue;
    engine_proto::TextEntity& entity = *result.add_entities();
    entity.set_start(static_cast<uint32_t>(word.start));
    entity.set_end(static_cast<uint32_t>(word.end));
    entity.set_label("PER");
    entity.set_confidence(0.5F);
  }
  return event;
}

template <typename Task>
absl::StatusOr<FakeScript> ForEach(const Task& task, Event (*answer)(const Task&, int),
                                   bool backwards, uint32_t context_tokens) {
  FakeScript script;
  uint32_t tokens = 0;
  for (int i = 0; i < task.texts_size(); ++i) {
    const int index = backwards ? task.texts_size() - 1 - i : i;
    const auto count = static_cast<uint32_t>(CountFakeTokens(task.texts(index)));
    if (context_tokens > 0 && count > context_tokens) {
      ErrorFacts facts;
      facts.metadata = {{"input_tokens", absl::StrCat(count)},
                        {"context_tokens", absl::StrCat(context_tokens)}};
      facts.field = absl::StrCat("texts[", index, "]");
      return MakeError(
          Reason::kContextWindowExceeded,
          absl::StrCat("The text has ", count, " tokens; the model takes ", context_tokens, "."),
          std::move(facts));
    }
    tokens += count;
    script.units.push_back({answer(task, index)});
  }
  script.completed.mutable_completed()->set_finish_reason(engine_proto::FINISH_REASON_STOP);
  script.completed.mutable_completed()->set_input_tokens(tokens);
  return script;
}

}  // namespace

absl::StatusOr<FakeScript> FollowLanguageTask(const engine_proto::Task& task,
                                              uint32_t context_tokens) {
  switch (task.kind_case()) {
    case engine_proto::Task::kDetectLanguage:
      return ForEach(task.detect_language(), Detect, false, 0);
    case engine_proto::Task::kSegmentText:
      return ForEach(task.segment_text(), Segment, false, 0);
    case engine_proto::Task::kEmbedText:
      if (task.embed_text().dimensions() > 2) {
        return FieldError("dimensions", "The model's vectors have 2 values.");
      }
      return ForEach(task.embed_text(), Embed, true, context_tokens);
    case engine_proto::Task::kClassifyText:
      return ForEach(task.classify_text(), Classify, true, context_tokens);
    case engine_proto::Task::kFindEntities:
      return ForEach(task.find_entities(), FindNames, true, context_tokens);
    default:
      return FieldError("task", "This is no language task.");
  }
}

}  // namespace intelligenced
