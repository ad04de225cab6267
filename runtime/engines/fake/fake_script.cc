#include "runtime/engines/fake/fake_script.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/reasons.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/fake/fake_image.h"
#include "runtime/engines/fake/fake_language.h"

namespace intelligenced {
namespace {

using engine_proto::ByteRange;
using engine_proto::Correction;
using engine_proto::Event;
using engine_proto::Task;

constexpr uint64_t kMaxPayloadBytes = uint64_t{200} << 20;
constexpr uint64_t kMaxUnits = 10'000'000;
constexpr size_t kWordsPerUnit = 64;

Event Delta(std::string text) {
  Event event;
  event.set_delta(std::move(text));
  return event;
}

Event Completed(engine_proto::FinishReason reason, size_t input_tokens, size_t output_tokens) {
  Event event;
  event.mutable_completed()->set_finish_reason(reason);
  event.mutable_completed()->set_input_tokens(static_cast<uint32_t>(input_tokens));
  event.mutable_completed()->set_output_tokens(static_cast<uint32_t>(output_tokens));
  return event;
}

}  // namespace

absl::Status FakeTextTooLong(size_t tokens, uint32_t context) {
  ErrorFacts facts;
  facts.metadata = {{"input_tokens", absl::StrCat(tokens)},
                    {"context_tokens", absl::StrCat(context)}};
  return MakeError(Reason::kContextWindowExceeded,
                   absl::StrCat("The input has ", tokens, " tokens; the model takes ", context,
                                " tokens of input and output together. Shorten the input."),
                   std::move(facts));
}

namespace {

// Words with the white space before them, so that together they are the text.
std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  size_t start = 0;
  while (start < text.size()) {
    size_t end = start;
    while (end < text.size() && absl::ascii_isspace(text[end])) ++end;
    while (end < text.size() && !absl::ascii_isspace(text[end])) ++end;
    words.emplace_back(text.substr(start, end - start));
    start = end;
  }
  return words;
}

FakeScript FollowFakeTask(const engine_proto::FakeTask& task) {
  FakeScript script;
  script.units.resize(task.prefill_units());
  for (const std::string& delta : task.deltas()) script.units.push_back({Delta(delta)});
  if (task.payload_bytes() > 0) {
    script.units.push_back({Delta(std::string(task.payload_bytes(), 'x'))});
  }
  script.completed =
      Completed(engine_proto::FINISH_REASON_STOP, task.prefill_units(), task.deltas_size());
  script.unit_time = absl::Microseconds(task.unit_microseconds());
  script.fail_after_units = task.fail_after_units();
  script.crash_after_units = task.crash_after_units();
  return script;
}

absl::StatusOr<FakeScript> Generate(const engine_proto::GenerateTask& task,
                                    const FakeAnswers& answers) {
  std::string last = task.prompt();
  size_t input_tokens = CountFakeTokens(task.prompt());
  for (const engine_proto::Message& message : task.conversation().messages()) {
    input_tokens += CountFakeTokens(message.text());
    last = message.text();
  }
  if (input_tokens >= answers.context_tokens)
    return FakeTextTooLong(input_tokens, answers.context_tokens);
  std::string text = answers.has_reply ? answers.reply : last;
  for (const std::string& stop : task.stop()) {
    if (!stop.empty()) text.resize(std::min(text.size(), text.find(stop)));
  }
  std::vector<std::string> words = SplitWords(text);
  size_t room = answers.context_tokens - input_tokens;
  if (task.max_output_tokens() > 0) room = std::min<size_t>(room, task.max_output_tokens());
  engine_proto::FinishReason reason = engine_proto::FINISH_REASON_STOP;
  if (words.size() > room) {
    words.resize(room);
    reason = engine_proto::FINISH_REASON_LENGTH;
  }
  FakeScript script;
  for (std::string& word : words) script.units.push_back({Delta(std::move(word))});
  script.completed = Completed(reason, input_tokens, script.units.size());
  return script;
}

// Work in proportion to the text, and the result at its end.
FakeScript WorkOn(std::string_view text, Event result) {
  FakeScript script;
  const size_t words = CountFakeTokens(text);
  const size_t units = std::max<size_t>(1, (words + kWordsPerUnit - 1) / kWordsPerUnit);
  script.units.resize(units);
  for (size_t i = 0; units > 1 && i < units; ++i) {
    Event event;
    event.mutable_progress()->set_done(i + 1);
    event.mutable_progress()->set_total(units);
    script.units[i].push_back(std::move(event));
  }
  script.units.back().push_back(std::move(result));
  script.completed = Completed(engine_proto::FINISH_REASON_STOP, words, 0);
  return script;
}

FakeScript CountTokens(const engine_proto::CountTokensTask& task, const FakeAnswers& answers) {
  size_t tokens = CountFakeTokens(task.text());
  for (const engine_proto::Message& message : task.conversation().messages()) {
    tokens += CountFakeTokens(message.text());
  }
  Event event;
  event.mutable_token_count()->set_tokens(static_cast<uint32_t>(tokens));
  event.mutable_token_count()->set_context_tokens(answers.context_tokens);
  FakeScript script;
  script.units.push_back({std::move(event)});
  script.completed = Completed(engine_proto::FINISH_REASON_STOP, tokens, 0);
  return script;
}

absl::Status CheckRanges(
    std::string_view text,
    const google::protobuf::RepeatedPtrField<engine_proto::ByteRange>& ranges) {
  uint32_t end = 0;
  for (const ByteRange& range : ranges) {
    if (range.start() < end || range.end() < range.start() || range.end() > text.size() ||
        !IsCharBorder(text, range.start()) || !IsCharBorder(text, range.end())) {
      return FieldError("protected_ranges",
                        "Ranges must be sorted, lie in the text, not overlap, and begin and end "
                        "between characters.");
    }
    end = range.end();
  }
  return absl::OkStatus();
}

absl::StatusOr<FakeScript> Proofread(const engine_proto::ProofreadTask& task,
                                     const FakeAnswers& answers) {
  if (absl::Status status = CheckRanges(task.text(), task.protected_ranges()); !status.ok()) {
    return status;
  }
  Event event;
  engine_proto::ProofreadResult& result = *event.mutable_proofread();
  for (Correction& correction :
       FindFakeCorrections(task.text(), answers.corrections,
                           {task.protected_ranges().begin(), task.protected_ranges().end()})) {
    *result.add_corrections() = std::move(correction);
  }
  result.set_language(task.language().empty() ? answers.language : task.language());
  return WorkOn(task.text(), std::move(event));
}

absl::StatusOr<FakeScript> Rewrite(const engine_proto::RewriteTask& task,
                                   const FakeAnswers& answers) {
  if (absl::Status status = CheckRanges(task.text(), task.protected_ranges()); !status.ok()) {
    return status;
  }
  std::string text = task.text();
  const std::vector<Correction> corrections =
      FindFakeCorrections(task.text(), answers.corrections,
                          {task.protected_ranges().begin(), task.protected_ranges().end()});
  for (auto it = corrections.rbegin(); it != corrections.rend(); ++it) {
    text.replace(it->start(), it->end() - it->start(), it->replacement());
  }
  Event event;
  event.set_text(absl::StrReplaceAll(answers.rewrite, {{"{text}", text},
                                                       {"{style}", absl::StrCat(task.style())},
                                                       {"{tone}", absl::StrCat(task.tone())},
                                                       {"{length}", absl::StrCat(task.length())},
                                                       {"{language}", task.language()}}));
  return WorkOn(task.text(), std::move(event));
}

FakeScript Summarize(const engine_proto::SummarizeTask& task, const FakeAnswers& answers) {
  const std::string_view text = task.text();
  const std::string_view first =
      text.empty() ? text : TrimSpan(text, {0, SentenceEnd(text, 0)}).In(text);
  Event event;
  event.set_text(
      absl::StrReplaceAll(answers.summary, {{"{text}", text},
                                            {"{first_sentence}", first},
                                            {"{type}", absl::StrCat(task.type())},
                                            {"{length}", absl::StrCat(task.length())},
                                            {"{format}", absl::StrCat(task.format())},
                                            {"{input_type}", absl::StrCat(task.input_type())},
                                            {"{language}", task.language()}}));
  return WorkOn(task.text(), std::move(event));
}

// One unit for each request: the picture's bytes as the text in it, a tracked thing where it was
// said to be, or one region everywhere. A picture that begins with "bad" cannot be decoded.
absl::StatusOr<FakeScript> LookAt(const engine_proto::VisionTask& task) {
  if (task.image().encoded().starts_with("bad")) {
    return MakeError(Reason::kImageUndecodable, "The fake engine takes this for no picture.");
  }
  FakeScript script;
  if (task.stream().close()) {
    script.units.emplace_back();
    script.completed.mutable_completed()->set_finish_reason(engine_proto::FINISH_REASON_STOP);
    return script;
  }
  Event image;
  image.mutable_image()->set_width(100);
  image.mutable_image()->set_height(50);
  image.mutable_image()->set_format("fake");
  script.units.push_back({std::move(image)});
  for (int i = 0; i < task.requests_size(); ++i) {
    Event event;
    engine_proto::VisionResult& result = *event.mutable_vision();
    result.set_request_index(static_cast<uint32_t>(i));
    if (task.requests(i).has_recognize_text()) {
      const engine_proto::VisionImage& picture = task.image();
      result.mutable_text()->set_text(picture.has_pixels() ? picture.pixels().data()
                                                           : picture.encoded());
    } else if (task.requests(i).has_track_object()) {
      *result.mutable_tracked_object()->mutable_box() = task.requests(i).track_object().box();
    } else {
      engine_proto::Rect& box = *result.mutable_regions()->add_regions()->mutable_box();
      box.set_width(1);
      box.set_height(1);
    }
    Event progress;
    progress.mutable_progress()->set_done(static_cast<uint64_t>(i) + 1);
    progress.mutable_progress()->set_total(static_cast<uint64_t>(task.requests_size()));
    script.units.push_back({std::move(event), std::move(progress)});
  }
  script.completed.mutable_completed()->set_finish_reason(engine_proto::FINISH_REASON_STOP);
  script.completed.mutable_completed()->set_images_decoded(1);
  return script;
}

// Takes anything and gives it back; says that it takes a row of floats.
FakeScript RunOnTensors(const engine_proto::RunModelTask& task) {
  Event event;
  if (task.signature_only()) {
    for (engine_proto::TensorSpec* const spec :
         {event.mutable_signature()->add_inputs(), event.mutable_signature()->add_outputs()}) {
      spec->set_name("x");
      spec->set_type(engine_proto::TENSOR_TYPE_FLOAT32);
      spec->add_shape(-1);
      spec->add_dimension_names("n");
    }
  } else {
    *event.mutable_tensors()->mutable_outputs() = task.inputs();
  }
  FakeScript script;
  script.units.push_back({std::move(event)});
  script.completed = Completed(engine_proto::FINISH_REASON_STOP, 0, 0);
  return script;
}

}  // namespace

size_t CountFakeTokens(std::string_view text) {
  size_t count = 0;
  bool in_word = false;
  for (const char c : text) {
    const bool space = absl::ascii_isspace(c);
    if (!space && !in_word) ++count;
    in_word = !space;
  }
  return count;
}

std::vector<Correction> FindFakeCorrections(std::string_view text,
                                            const std::map<std::string, std::string>& corrections,
                                            const std::vector<ByteRange>& protected_ranges) {
  const auto is_letter = [](char c) {
    return absl::ascii_isalpha(c) || static_cast<unsigned char>(c) >= 0x80;
  };
  std::vector<Correction> found;
  for (size_t start = 0; start < text.size();) {
    size_t end = start;
    while (end < text.size() && is_letter(text[end])) ++end;
    if (end == start) {
      ++start;
      continue;
    }
    const auto wrong = corrections.find(std::string(text.substr(start, end - start)));
    const bool is_protected = std::any_of(
        protected_ranges.begin(), protected_ranges.end(),
        [&](const ByteRange& range) { return range.start() < end && start < range.end(); });
    if (wrong != corrections.end() && !is_protected) {
      Correction& correction = found.emplace_back();
      correction.set_start(static_cast<uint32_t>(start));
      correction.set_end(static_cast<uint32_t>(end));
      correction.set_replacement(wrong->second);
      correction.add_types(engine_proto::CORRECTION_TYPE_SPELLING);
      correction.set_explanation(absl::StrCat("The fake engine knows “", wrong->second, "”."));
      correction.set_confidence(1);
    }
    start = end;
  }
  return found;
}

absl::StatusOr<FakeScript> MakeFakeScript(const Task& task, const FakeAnswers& answers) {
  absl::StatusOr<FakeScript> script;
  switch (task.kind_case()) {
    case Task::kFake:
      if (task.fake().payload_bytes() > kMaxPayloadBytes ||
          task.fake().prefill_units() > kMaxUnits) {
        return FieldError("task", "The fake engine makes no payload or prefill as large as that.");
      }
      return FollowFakeTask(task.fake());
    case Task::kGenerate:
      script = Generate(task.generate(), answers);
      break;
    case Task::kCountTokens:
      script = CountTokens(task.count_tokens(), answers);
      break;
    case Task::kProofread:
      script = Proofread(task.proofread(), answers);
      break;
    case Task::kRewrite:
      script = Rewrite(task.rewrite(), answers);
      break;
    case Task::kSummarize:
      script = Summarize(task.summarize(), answers);
      break;
    case Task::kVision:
      script = LookAt(task.vision());
      break;
    case Task::kRunModel:
      script = RunOnTensors(task.run_model());
      break;
    case Task::kDetectLanguage:
    case Task::kSegmentText:
    case Task::kEmbedText:
    case Task::kClassifyText:
    case Task::kFindEntities:
      script = FollowLanguageTask(task, answers.context_tokens);
      break;
    case Task::kTranslate:
      script = TranslateLikeAFake(task.translate(), answers);
      break;
    case Task::kGenerateImage:
    case Task::kRestyleImage:
    case Task::kUpscaleImage:
      script = MakeFakePictures(task, answers);
      break;
    case Task::kMeasure:
    case Task::kQuantize:
    case Task::KIND_NOT_SET:
      return FieldError("task", "This model does not do this kind of task.");
  }
  if (script.ok()) script->unit_time = answers.unit_time;
  return script;
}

}  // namespace intelligenced
