// Summaries: in one go when the text fits the model's context, else notes on its parts side by
// side, joined, again and again until they fit, and a summary of the notes.
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/rpc/model_run.h"
#include "services/writing_tools/output_cleaner.h"
#include "services/writing_tools/prompts.h"
#include "services/writing_tools/summary_shape.h"
#include "services/writing_tools/text_parts.h"
#include "services/writing_tools/tools.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr uint32_t kNotesTokens = 160;
// Parts of more would wait long for their first note.
constexpr size_t kMaxPartBytes = 8000;
constexpr size_t kMaxTextBytesAtOnce = 64 << 10;
// Notes of notes of notes…: each round shortens the text by far more than half.
constexpr int kMaxRounds = 8;

uint32_t AnswerTokens(const v1::SummarizeTextRequest& request) {
  switch (request.length()) {
    case v1::SUMMARY_LENGTH_LONG:
      return 512;
    case v1::SUMMARY_LENGTH_MEDIUM:
      return 320;
    default:
      return request.type() == v1::SUMMARY_TYPE_LIST || request.type() == v1::SUMMARY_TYPE_TABLE
                 ? 512
                 : 192;
  }
}

class SummarizeRun : public TypedModelRun<v1::SummarizeTextResponse> {
 protected:
  SummarizeRun(std::shared_ptr<StreamCall> call, Manifest model, v1::SummarizeTextRequest request,
               int window)
      : TypedModelRun(std::move(call), request.options(), std::move(model), window),
        request_(std::move(request)) {
    completed_.set_parts(1);
    completed_.set_finish_reason(v1::FINISH_REASON_STOP);
  }

  void Emit(std::string_view piece) {
    if (piece.empty()) return;
    completed_.mutable_summary()->append(piece);
    v1::SummarizeTextResponse response;
    response.set_delta(std::string(piece));
    call().Write(response);
  }

  void Complete() override {
    v1::SummarizeTextResponse response;
    *completed_.mutable_usage() = call().usage().ToProto();
    *response.mutable_completed() = std::move(completed_);
    call().Write(response);
  }

  const v1::SummarizeTextRequest request_;
  v1::SummarizeTextCompleted completed_;
};

class LanguageModelSummarize final : public SummarizeRun {
 public:
  LanguageModelSummarize(std::shared_ptr<StreamCall> call, Manifest model,
                         v1::SummarizeTextRequest request)
      : SummarizeRun(std::move(call), std::move(model), std::move(request), kJobWindow),
        text_(request_.text()) {}

  void Start() {
    Bind();
    const uint32_t context = ContextTokens();
    context_ = context > 0 ? context : kAssumedContextTokens;
    Reduce();
  }

 private:
  struct Part {
    ByteSpan span;
    std::string notes;
  };
  using PartPlace = std::list<Part>::iterator;

  std::shared_ptr<LanguageModelSummarize> Self() {
    return std::static_pointer_cast<LanguageModelSummarize>(shared_from_this());
  }

  // Summarizes text_, or takes notes that become the next text_.
  void Reduce() {
    const uint32_t prompt = PromptTokens(SummarizePrompt(request_, "", round_ > 0), "");
    const size_t fits =
        PartBytes(text_, context_, prompt + AnswerTokens(request_), 0, kMaxTextBytesAtOnce);
    if (text_.size() <= fits) return Summarize();
    TakeNotes();
  }

  void Summarize() {
    engine_proto::Task task;
    *task.mutable_generate() = SummarizePrompt(request_, text_, round_ > 0);
    task.mutable_generate()->set_max_output_tokens(AnswerTokens(request_));
    cleaner_ = std::make_unique<OutputCleaner>(text_);
    shape_ = std::make_unique<SummaryShape>(request_.type(), request_.length(), request_.format());
    AddJob(
        std::move(task), text_.size(),
        {.on_event = [self = Self()](const engine_proto::Event& event) { self->OnSummary(event); },
         .on_end = [self = Self()](const absl::Status& status,
                                   const JobUsage&) { self->EndSummary(status); }});
  }

  void OnSummary(const engine_proto::Event& event) {
    if (event.has_delta()) {
      has_summary_output_ = true;
      Emit(shape_->Push(cleaner_->Push(event.delta())));
    } else if (event.has_progress() && round_ == 0) {
      WriteProgress(event.progress().done(), event.progress().total());
    } else if (event.has_completed()) {
      completed_.set_finish_reason(ToFinishReason(event.completed().finish_reason()));
    }
  }

  void EndSummary(const absl::Status& status) {
    if (HasReason(status, Reason::kContextWindowExceeded) && !has_summary_output_ &&
        text_.size() > 2 * kMinPartBytes) {
      // The estimate was too high: take it for a context of half the size.
      context_ /= 2;
      return TakeNotes();
    }
    if (!status.ok()) return Fail(status);
    Emit(shape_->Push(cleaner_->Finish()));
    Emit(shape_->Finish());
  }

  void TakeNotes() {
    if (round_ >= kMaxRounds) {
      return Fail(MakeError(
          Reason::kContextWindowExceeded,
          absl::StrCat("The text does not fit the model's context of ", context_,
                       " tokens, and notes on its parts do not get shorter. Use another model."),
          {.metadata = {{"input_tokens", absl::StrCat(EstimateTokens(text_))},
                        {"context_tokens", absl::StrCat(context_)}},
           .retry_delay = std::nullopt,
           .field = ""}));
    }
    ++round_;
    const uint32_t prompt = PromptTokens(NotesPrompt(request_, ""), "");
    const size_t bytes = PartBytes(text_, context_, prompt + kNotesTokens, 0,
                                   std::min(kMaxPartBytes, text_.size() / 2));
    const auto cut = [self = Self(), bytes] {
      self->parts_.clear();
      for (const ByteSpan& span : SplitSpan(self->text_, {0, self->text_.size()}, bytes)) {
        self->parts_.push_back({.span = span, .notes = {}});
      }
    };
    if (round_ > 1 || text_.size() <= kQuickTextBytes) {
      cut();
      BeginNotes();
    } else {
      RunSlow(cut, [self = Self()] { self->BeginNotes(); });
    }
  }

  void BeginNotes() {
    open_parts_ = parts_.size();
    for (PartPlace part = parts_.begin(); part != parts_.end(); ++part) StartNotes(part);
  }

  void StartNotes(PartPlace part) {
    const std::string_view words = part->span.In(text_);
    engine_proto::Task task;
    *task.mutable_generate() = NotesPrompt(request_, words);
    // Notes are shorter than the part, or the rounds would never end.
    task.mutable_generate()->set_max_output_tokens(
        std::max(8U, std::min(kNotesTokens, EstimateTokens(words) / 3)));
    AddJob(std::move(task), words.size(),
           {.on_event =
                [part](const engine_proto::Event& event) {
                  if (event.has_delta()) part->notes += event.delta();
                },
            .on_end = [self = Self(), part](const absl::Status& status,
                                            const JobUsage&) { self->EndNotes(part, status); }});
  }

  void EndNotes(PartPlace part, const absl::Status& status) {
    if (HasReason(status, Reason::kContextWindowExceeded) && part->notes.empty()) {
      const std::vector<ByteSpan> halves = Halve(text_, part->span);
      if (halves.empty()) return Fail(status);
      std::vector<PartPlace> added;
      for (const ByteSpan& half : halves) {
        added.push_back(parts_.insert(part, {.span = half, .notes = {}}));
      }
      parts_.erase(part);
      open_parts_ += added.size() - 1;
      for (const PartPlace& place : added) StartNotes(place);
      return;
    }
    if (!status.ok()) return Fail(status);
    WriteProgress(parts_.size() - --open_parts_, parts_.size());
    if (open_parts_ > 0) return;

    if (round_ == 1) completed_.set_parts(static_cast<uint32_t>(parts_.size()));
    std::string notes;
    for (const Part& done : parts_) {
      const std::string clean = CleanOutput(done.span.In(text_), done.notes);
      if (!clean.empty()) absl::StrAppend(&notes, notes.empty() ? "" : "\n\n", clean);
    }
    parts_.clear();
    // A model that noted nothing has nothing to say: an empty summary.
    if (notes.empty()) return;
    text_ = std::move(notes);
    Reduce();
  }

  std::string text_;
  uint32_t context_ = 0;
  int round_ = 0;
  std::list<Part> parts_;
  size_t open_parts_ = 0;
  bool has_summary_output_ = false;
  std::unique_ptr<OutputCleaner> cleaner_;
  std::unique_ptr<SummaryShape> shape_;
};

class NativeSummarize final : public SummarizeRun {
 public:
  NativeSummarize(std::shared_ptr<StreamCall> call, Manifest model,
                  v1::SummarizeTextRequest request)
      : SummarizeRun(std::move(call), std::move(model), std::move(request), 1) {}

  void Start() {
    Bind();
    engine_proto::Task task;
    engine_proto::SummarizeTask* summarize = task.mutable_summarize();
    summarize->set_text(request_.text());
    summarize->set_type(static_cast<uint32_t>(request_.type()));
    summarize->set_length(static_cast<uint32_t>(request_.length()));
    summarize->set_format(static_cast<uint32_t>(request_.format()));
    summarize->set_input_type(static_cast<uint32_t>(request_.input_type()));
    summarize->set_language(request_.language());
    AddJob(std::move(task), request_.text().size(),
           {.on_event = [self = std::static_pointer_cast<NativeSummarize>(shared_from_this())](
                            const engine_proto::Event& event) { self->OnEvent(event); },
            .on_end = nullptr});
  }

 private:
  void OnEvent(const engine_proto::Event& event) {
    if (event.has_progress()) {
      WriteProgress(event.progress().done(), event.progress().total());
    } else if (event.has_delta()) {
      Emit(event.delta());
    } else if (event.has_text()) {
      if (completed_.summary().empty()) Emit(event.text());
      completed_.set_summary(event.text());
    } else if (event.has_completed()) {
      completed_.set_finish_reason(ToFinishReason(event.completed().finish_reason()));
    }
  }
};

}  // namespace

void StartSummarize(std::shared_ptr<StreamCall> call, Manifest model,
                    v1::SummarizeTextRequest request) {
  std::make_shared<LanguageModelSummarize>(std::move(call), std::move(model), std::move(request))
      ->Start();
}

void StartNativeSummarize(std::shared_ptr<StreamCall> call, Manifest model,
                          v1::SummarizeTextRequest request) {
  std::make_shared<NativeSummarize>(std::move(call), std::move(model), std::move(request))->Start();
}

}  // namespace intelligenced
