#include "runtime/engines/onnx/seq2seq/translate_job.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"
#include "runtime/engine/kept_words.h"
#include "runtime/engines/onnx/seq2seq/search.h"
#include "runtime/engines/onnx/seq2seq/unknown_spans.h"

namespace intelligenced {
namespace {

constexpr int kMaxSegments = 1024;
constexpr float kMaxPenalty = 100;
// A unit of turning text into tokens.
constexpr size_t kBytesAtOnce = 64 << 10;
// No token of a published vocabulary is that long: what has more than that many bytes a token is
// too long without counting.
constexpr size_t kMaxTokenBytes = 128;

absl::Status TooLong(size_t tokens, int limit) {
  ErrorFacts facts;
  facts.metadata["context_tokens"] = absl::StrCat(limit);
  if (tokens > 0) facts.metadata["input_tokens"] = absl::StrCat(tokens);
  return MakeError(Reason::kContextWindowExceeded,
                   absl::StrCat("A segment is longer than the model can translate at once (", limit,
                                " tokens). Cut it into sentences."),
                   facts);
}

// A segment on its way, or a piece of one.
struct Waiting {
  uint32_t index = 0;
  // Of the segment's pieces; 0 where it is one.
  size_t piece = 0;
  std::vector<int64_t> tokens;
};

// A segment that is translated in pieces, around what the vocabulary does not know.
struct CutSegment {
  struct Piece {
    std::string text;
    // Stands as it did in the source.
    bool copied = false;
    // Told as not translated; else white space and signs between.
    bool unknown = false;
  };
  std::vector<Piece> pieces;
  size_t open = 0;
  // Sums of its pieces'.
  engine_proto::TranslatedSegment answer;
};

// Something that is worth the network's time.
bool HasWordChars(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const char32_t character = DecodeChar(text, at);
    if (IsLetter(character) || IsDigit(character)) return true;
  }
  return false;
}

class TranslateJob final : public OnnxJob {
 public:
  TranslateJob(TranslatorCore* core, engine_proto::TranslateTask task,
               TranslationDirection direction, SearchSettings search, CancelToken cancel)
      : OnnxJob(std::move(cancel)),
        core_(*core),
        task_(std::move(task)),
        direction_(std::move(direction)),
        search_(std::move(search)) {}

 private:
  struct Member {
    Waiting waiting;
    std::unique_ptr<SegmentSearch> search;
    // The first of its rows in the last step.
    size_t row = 0;
  };

  absl::Status Advance(JobOutput& output) override {
    absl::Status status;
    if (next_ < task_.segments_size()) {
      status = TakeSegments(output);
    } else if (batch_ == nullptr) {
      status = BeginGroup();
    } else {
      status = DecodeStep(output);
    }
    if (!status.ok()) return status;
    if (next_ == task_.segments_size() && batch_ == nullptr && done_ == waiting_.size()) {
      Complete(output);
      engine_proto::Completed& completed = *output.events.back().mutable_completed();
      completed.set_input_tokens(input_tokens_);
      completed.set_output_tokens(output_tokens_);
    }
    return absl::OkStatus();
  }

  absl::Status TakeSegments(JobOutput& output) {
    const int limit = core_.config.max_positions;
    for (size_t bytes = 0; next_ < task_.segments_size() && bytes < kBytesAtOnce; ++next_) {
      const engine_proto::TranslateSegment& segment = task_.segments(next_);
      bytes += segment.text().size();
      if (!MayKeep(segment) || absl::StripAsciiWhitespace(segment.text()).empty()) {
        AnswerAtOnce(segment, output);
        continue;
      }
      if (limit > 0 && segment.text().size() / kMaxTokenBytes > static_cast<size_t>(limit)) {
        return TooLong(0, limit);
      }
      auto own = core_.tokenizer->Encode(segment.text());
      if (!own.ok()) return own.status();
      const int64_t unknown = core_.tokenizer->unknown();
      absl::Status status;
      if (std::find(own->begin(), own->end(), unknown) != own->end()) {
        status = TakePieces(segment, *own, output);
      } else {
        status = Take(0, *own);
      }
      if (!status.ok()) return status;
    }
    if (next_ == task_.segments_size()) {
      // Such of a length go together; the shortest, which are done first, begin.
      std::stable_sort(waiting_.begin(), waiting_.end(), [](const Waiting& a, const Waiting& b) {
        return a.tokens.size() < b.tokens.size();
      });
    }
    return absl::OkStatus();
  }

  // Tokens of the segment `next_`, or of a piece of it, are to be translated.
  absl::Status Take(size_t piece, absl::Span<const int64_t> own) {
    const int limit = core_.config.max_positions;
    Waiting waiting = {.index = static_cast<uint32_t>(next_), .piece = piece, .tokens = {}};
    waiting.tokens = direction_.before;
    waiting.tokens.insert(waiting.tokens.end(), own.begin(), own.end());
    waiting.tokens.insert(waiting.tokens.end(), direction_.after.begin(), direction_.after.end());
    if (limit > 0 && waiting.tokens.size() > static_cast<size_t>(limit)) {
      return TooLong(waiting.tokens.size(), limit);
    }
    waiting_.push_back(std::move(waiting));
    return absl::OkStatus();
  }

  // Of a segment with something in it that the vocabulary does not know, which the network would
  // drop: that stands as it is, and what lies between is translated.
  absl::Status TakePieces(const engine_proto::TranslateSegment& segment,
                          absl::Span<const int64_t> all, JobOutput& output) {
    absl::Status failure;
    const auto knows = [&](std::string_view character) {
      const auto tokens = core_.tokenizer->Encode(character);
      failure.Update(tokens.status());
      return !tokens.ok() ||
             std::find(tokens->begin(), tokens->end(), core_.tokenizer->unknown()) == tokens->end();
    };
    const std::vector<ByteSpan> unknown = FindUnknownSpans(segment, knows);
    if (!failure.ok()) return failure;
    if (unknown.empty()) return Take(0, all);
    CutSegment& cut = cut_[static_cast<uint32_t>(next_)];
    const std::string_view text = segment.text();
    size_t at = 0;
    for (size_t i = 0; i <= unknown.size(); ++i) {
      const ByteSpan whole = {at, i < unknown.size() ? unknown[i].start : text.size()};
      ByteSpan body = TrimSpan(text, whole);
      if (!HasWordChars(body.In(text))) body = {whole.end, whole.end};
      const auto copy = [&](ByteSpan span, bool told) {
        if (!span.empty()) cut.pieces.push_back({std::string(span.In(text)), true, told});
      };
      copy({whole.start, body.start}, false);
      if (!body.empty()) {
        auto own = core_.tokenizer->Encode(body.In(text));
        if (!own.ok()) return own.status();
        if (absl::Status status = Take(cut.pieces.size(), *own); !status.ok()) return status;
        cut.pieces.push_back({});
        ++cut.open;
      }
      copy({body.end, whole.end}, false);
      if (i == unknown.size()) break;
      copy(unknown[i], true);
      at = unknown[i].end;
    }
    if (cut.open == 0) FinishCut(static_cast<uint32_t>(next_), output);
    return absl::OkStatus();
  }

  void FinishCut(uint32_t index, JobOutput& output) {
    const auto node = cut_.extract(index);
    CutSegment& cut = node.mapped();
    engine_proto::TranslatedSegment& answer = cut.answer;
    std::string text;
    for (const CutSegment::Piece& piece : cut.pieces) {
      if (piece.unknown) {
        engine_proto::UntranslatedSpan& span = *answer.add_untranslated();
        span.set_start(static_cast<uint32_t>(text.size()));
        span.set_end(static_cast<uint32_t>(text.size() + piece.text.size()));
      }
      text += piece.text;
    }
    Emit(index, std::move(text), std::move(answer), output);
  }

  // `answer` has everything but its place, its text and what was kept.
  void Emit(uint32_t index, std::string text, engine_proto::TranslatedSegment answer,
            JobOutput& output) {
    answer.set_index(index);
    input_tokens_ += answer.input_tokens();
    output_tokens_ += answer.output_tokens();
    const auto kept = FindKept(task_.segments(static_cast<int>(index)), text);
    if (kept.has_value()) answer.mutable_kept()->Add(kept->begin(), kept->end());
    answer.set_text(std::move(text));
    *output.events.emplace_back().mutable_translated() = std::move(answer);
  }

  // What nobody needs to compute: no letters, or markup, which the caller cuts at.
  void AnswerAtOnce(const engine_proto::TranslateSegment& segment, JobOutput& output) const {
    engine_proto::TranslatedSegment& answer = *output.events.emplace_back().mutable_translated();
    answer.set_index(static_cast<uint32_t>(next_));
    if (!MayKeep(segment)) return;
    answer.set_text(segment.text());
    *answer.mutable_kept() = segment.kept();
  }

  absl::Status BeginGroup() {
    std::vector<size_t> lengths;
    for (size_t i = done_; i < waiting_.size(); ++i) lengths.push_back(waiting_[i].tokens.size());
    const size_t count =
        NextGroup(lengths,
                  {.beams = static_cast<size_t>(search_.beams),
                   .cache_bytes_per_token = core_.networks->cache_bytes_per_token()},
                  core_.pace.Limits(StepOptions::kUnit));
    std::vector<std::vector<int64_t>> sources;
    for (size_t i = 0; i < count; ++i) {
      Waiting& waiting = waiting_[done_ + i];
      sources.push_back(waiting.tokens);
      const size_t tokens = waiting.tokens.size();
      members_.push_back({std::move(waiting),
                          std::make_unique<SegmentSearch>(&search_, direction_.first, tokens), i});
    }
    done_ += count;
    const absl::Time begin = core_.clock->Now();
    auto batch = core_.networks->Encode(sources, cancel());
    if (!batch.ok()) return batch.status();
    core_.pace.SawEncoder(count * sources.back().size(), core_.clock->Now() - begin);
    batch_ = *std::move(batch);
    return absl::OkStatus();
  }

  absl::Status DecodeStep(JobOutput& output) {
    std::vector<SearchRow> rows;
    for (Member& member : members_) {
      const size_t first = rows.size();
      for (SearchRow row : member.search->rows()) {
        row.before += member.row;
        rows.push_back(row);
      }
      member.row = first;
    }
    const absl::Time begin = core_.clock->Now();
    if (absl::Status status = batch_->Step(rows, cancel()); !status.ok()) return status;
    const auto vocabulary = static_cast<size_t>(core_.config.vocabulary);
    for (Member& member : members_) {
      std::vector<const float*> scores;
      for (size_t i = 0; i < member.search->rows().size(); ++i) {
        scores.push_back(batch_->scores(member.row + i));
      }
      member.search->Advance(scores, vocabulary);
    }
    core_.pace.SawDecoder(rows.size(), core_.clock->Now() - begin);
    for (const Member& member : members_) {
      if (!member.search->done()) continue;
      if (absl::Status status = Answer(member, output); !status.ok()) return status;
    }
    std::erase_if(members_, [](const Member& member) { return member.search->done(); });
    if (members_.empty()) batch_.reset();
    return absl::OkStatus();
  }

  absl::Status Answer(const Member& member, JobOutput& output) {
    const std::vector<int64_t>& tokens = member.search->result();
    auto text = core_.tokenizer->Decode(tokens);
    if (!text.ok()) return text.status();
    const uint32_t index = member.waiting.index;
    const auto input = static_cast<uint32_t>(member.waiting.tokens.size());
    const auto cut = cut_.find(index);
    engine_proto::TranslatedSegment whole;
    engine_proto::TranslatedSegment& answer = cut == cut_.end() ? whole : cut->second.answer;
    answer.set_truncated(answer.truncated() || member.search->truncated());
    answer.set_input_tokens(answer.input_tokens() + input);
    answer.set_output_tokens(answer.output_tokens() + static_cast<uint32_t>(tokens.size()));
    if (cut == cut_.end()) {
      Emit(index, *std::move(text), std::move(whole), output);
      return absl::OkStatus();
    }
    cut->second.pieces[member.waiting.piece].text = *std::move(text);
    if (--cut->second.open == 0) FinishCut(index, output);
    return absl::OkStatus();
  }

  TranslatorCore& core_;
  const engine_proto::TranslateTask task_;
  const TranslationDirection direction_;
  const SearchSettings search_;
  // The segment that is turned into tokens next.
  int next_ = 0;
  // Once all are: sorted by length; those before `done_` are in a group, or were.
  std::vector<Waiting> waiting_;
  size_t done_ = 0;
  // By the segment; those whose pieces are not all translated.
  std::map<uint32_t, CutSegment> cut_;
  std::unique_ptr<DecodingBatch> batch_;
  std::vector<Member> members_;
  uint32_t input_tokens_ = 0;
  uint32_t output_tokens_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OnnxJob>> MakeTranslateJob(TranslatorCore* core,
                                                          engine_proto::TranslateTask task,
                                                          CancelToken cancel) {
  if (task.segments_size() == 0) return FieldError("segments", "is required.");
  if (task.segments_size() > kMaxSegments) {
    return FieldError("segments", absl::StrCat("has more than ", kMaxSegments, " entries."));
  }
  if (task.source_language().empty()) return FieldError("source_language", "is required.");
  if (task.target_language().empty()) return FieldError("target_language", "is required.");
  SearchSettings search = core->config.search;
  if (task.beam_size() > kMaxBeams) {
    return FieldError("beam_size", absl::StrCat("must be at most ", kMaxBeams, "."));
  }
  if (task.beam_size() > 0) search.beams = static_cast<int>(task.beam_size());
  if (task.has_length_penalty()) {
    // Written so that NaN fails.
    if (!(std::abs(task.length_penalty()) <= kMaxPenalty)) {
      return FieldError("length_penalty", "must be -100 to 100.");
    }
    search.length_penalty = task.length_penalty();
  }
  for (const engine_proto::TranslateSegment& segment : task.segments()) {
    if (absl::Status status = CheckKeptSpans(segment); !status.ok()) return status;
  }
  auto direction = core->tokenizer->Direction(task.source_language(), task.target_language());
  if (!direction.ok()) return direction.status();
  return std::make_unique<TranslateJob>(core, std::move(task), *std::move(direction),
                                        std::move(search), std::move(cancel));
}

}  // namespace intelligenced
