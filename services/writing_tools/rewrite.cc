// Rewriting: candidates side by side, each part by part; the part at the front streams.
#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/base/sentences.h"
#include "services/rpc/model_run.h"
#include "services/writing_tools/output_cleaner.h"
#include "services/writing_tools/placeholders.h"
#include "services/writing_tools/prompts.h"
#include "services/writing_tools/text_parts.h"
#include "services/writing_tools/tools.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxPartBytes = 4000;
constexpr uint32_t kAnswerSlackTokens = 64;

double AnswerRatio(const v1::RewriteTextRequest& request) {
  const bool longer = request.style() == v1::REWRITE_STYLE_ELABORATE ||
                      request.style() == v1::REWRITE_STYLE_CUSTOM ||
                      request.length() == v1::TEXT_LENGTH_LONGER;
  return longer ? 2.5 : 1.5;
}

// The reason that says most about the whole: anything is more than STOP.
v1::FinishReason Worse(v1::FinishReason a, v1::FinishReason b) { return std::max(a, b); }

class RewriteRun : public TypedModelRun<v1::RewriteTextResponse> {
 protected:
  RewriteRun(std::shared_ptr<StreamCall> call, Manifest model, v1::RewriteTextRequest request,
             int window, uint32_t candidates)
      : TypedModelRun(std::move(call), request.options(), std::move(model), window),
        request_(std::move(request)),
        answers_(candidates) {
    for (v1::RewriteTextCompleted::Candidate& answer : answers_) {
      answer.set_finish_reason(v1::FINISH_REASON_STOP);
    }
  }

  const std::string& text() const { return request_.text(); }

  void Emit(uint32_t candidate, std::string_view piece) {
    if (piece.empty()) return;
    answers_[candidate].mutable_text()->append(piece);
    v1::RewriteTextResponse response;
    response.mutable_delta()->set_candidate(candidate);
    response.mutable_delta()->set_text(std::string(piece));
    call().Write(response);
  }

  void Complete() override {
    v1::RewriteTextResponse response;
    for (v1::RewriteTextCompleted::Candidate& answer : answers_) {
      *response.mutable_completed()->add_candidates() = std::move(answer);
    }
    *response.mutable_completed()->mutable_usage() = call().usage().ToProto();
    call().Write(response);
  }

  const v1::RewriteTextRequest request_;
  std::vector<v1::RewriteTextCompleted::Candidate> answers_;
};

class LanguageModelRewrite final : public RewriteRun {
 public:
  LanguageModelRewrite(std::shared_ptr<StreamCall> call, Manifest model,
                       v1::RewriteTextRequest request, uint32_t candidates)
      : RewriteRun(std::move(call), std::move(model), std::move(request), kJobWindow, candidates),
        parts_(candidates) {}

  void Start() {
    Bind();
    const uint32_t context = ContextTokens();
    if (text().size() <= kQuickTextBytes) {
      Cut(context);
      Begin();
      return;
    }
    const auto self = std::static_pointer_cast<LanguageModelRewrite>(shared_from_this());
    RunSlow([self, context] { self->Cut(context); }, [self] { self->Begin(); });
  }

 private:
  struct Part {
    ByteSpan span;
    ByteSpan core;  // without the white space around it
    std::unique_ptr<Placeholders> marks;
    std::unique_ptr<OutputCleaner> cleaner;
    std::string held;  // clean text that is not written yet
    bool has_output = false;
    bool has_begun = false;  // something of it was written
    bool done = false;
  };
  using PartPlace = std::list<Part>::iterator;

  void Cut(uint32_t context) {
    // Only what the caller protects must come back as it is; a rewrite may move and drop the rest.
    for (const v1::TextRange& range : request_.protected_ranges()) {
      protected_.push_back({range.start(), range.end()});
    }
    const std::vector<ByteSpan> found =
        ProtectedSpansOf(text(), request_.protected_ranges(), false);
    if (!protected_.empty()) protected_ = found;
    const uint32_t prompt = PromptTokens(RewritePrompt(request_, "", true, 0), "");
    const size_t bytes =
        PartBytes(text(), context > 0 ? context : kAssumedContextTokens,
                  prompt + kAnswerSlackTokens, AnswerRatio(request_), kMaxPartBytes);
    for (std::list<Part>& parts : parts_) {
      for (const ByteSpan& span : SplitSpan(text(), {0, text().size()}, bytes)) {
        parts.push_back(MakePart(span));
      }
    }
  }

  static Part MakePart(ByteSpan span) {
    Part part;
    part.span = span;
    return part;
  }

  void Begin() {
    // The candidates' first parts before anybody's second.
    std::vector<PartPlace> next;
    for (std::list<Part>& parts : parts_) next.push_back(parts.begin());
    for (bool more = true; more;) {
      more = false;
      for (uint32_t i = 0; i < parts_.size(); ++i) {
        if (next[i] == parts_[i].end()) continue;
        StartPart(i, next[i]++);
        more = true;
      }
    }
    for (uint32_t i = 0; i < parts_.size(); ++i) Flush(i);
    if (!has_started_job_) CompleteWithoutJobs();
  }

  void StartPart(uint32_t candidate, PartPlace part) {
    part->core = TrimSpan(text(), part->span);
    if (part->core.empty() || CoveredBy(protected_, part->core)) {
      part->held = std::string(part->core.In(text()));
      part->done = true;
      return;
    }
    const std::string_view words = part->core.In(text());
    part->marks = std::make_unique<Placeholders>(words, SpansWithin(protected_, part->core));
    part->cleaner = std::make_unique<OutputCleaner>(words);
    engine_proto::Task task;
    *task.mutable_generate() =
        RewritePrompt(request_, part->marks->masked(), !part->marks->empty(), candidate);
    task.mutable_generate()->set_max_output_tokens(
        static_cast<uint32_t>(EstimateTokens(words) * AnswerRatio(request_)) + kAnswerSlackTokens);
    has_started_job_ = true;
    const auto self = std::static_pointer_cast<LanguageModelRewrite>(shared_from_this());
    AddJob(std::move(task), words.size(),
           {.on_event =
                [self, candidate, part](const engine_proto::Event& event) {
                  self->OnEvent(candidate, part, event);
                },
            .on_end = [self, candidate, part](
                          const absl::Status& status,
                          const JobUsage&) { self->EndPart(candidate, part, status); }});
  }

  void OnEvent(uint32_t candidate, PartPlace part, const engine_proto::Event& event) {
    if (event.has_delta()) {
      part->has_output = true;
      part->held += part->cleaner->Push(event.delta());
      // With marks the answer must be whole before they can be put back.
      if (part->marks->empty()) Flush(candidate);
    } else if (event.has_completed()) {
      v1::RewriteTextCompleted::Candidate& answer = answers_[candidate];
      answer.set_finish_reason(
          Worse(answer.finish_reason(), ToFinishReason(event.completed().finish_reason())));
    }
  }

  void EndPart(uint32_t candidate, PartPlace part, const absl::Status& status) {
    if (HasReason(status, Reason::kContextWindowExceeded) && !part->has_output) {
      const std::vector<ByteSpan> halves = Halve(text(), part->span);
      if (halves.empty()) return Fail(status);
      std::vector<PartPlace> added;
      for (const ByteSpan& half : halves) {
        added.push_back(parts_[candidate].insert(part, MakePart(half)));
      }
      parts_[candidate].erase(part);
      for (const PartPlace& place : added) StartPart(candidate, place);
      return Flush(candidate);
    }
    if (!status.ok()) return Fail(status);
    part->held += part->cleaner->Finish();
    if (!part->marks->empty()) {
      // An answer that lost a protected part cannot be used: this part stays as it was.
      part->held = part->marks->Restore(part->held).value_or(std::string(part->core.In(text())));
    } else if (part->held.empty() && !part->has_begun) {
      part->held = std::string(part->core.In(text()));
    }
    part->done = true;
    Flush(candidate);
  }

  // Writes what may be written of a candidate's front, with the white space around the parts.
  void Flush(uint32_t candidate) {
    std::list<Part>& parts = parts_[candidate];
    while (!parts.empty()) {
      Part& part = parts.front();
      const bool may_stream = part.marks == nullptr || part.marks->empty();
      if (!part.done && (!may_stream || part.held.empty())) return;
      if (!std::exchange(part.has_begun, true)) {
        Emit(candidate, ByteSpan{part.span.start, part.core.start}.In(text()));
      }
      Emit(candidate, part.held);
      part.held.clear();
      if (!part.done) return;
      Emit(candidate, ByteSpan{part.core.end, part.span.end}.In(text()));
      const size_t written = part.span.end;
      parts.pop_front();
      if (candidate == 0 && !parts.empty()) WriteProgress(written, text().size());
    }
  }

  std::vector<ByteSpan> protected_;
  std::vector<std::list<Part>> parts_;  // of each candidate, those not written yet
  bool has_started_job_ = false;
};

class NativeRewrite final : public RewriteRun {
 public:
  NativeRewrite(std::shared_ptr<StreamCall> call, Manifest model, v1::RewriteTextRequest request)
      : RewriteRun(std::move(call), std::move(model), std::move(request), 1, 1) {}

  void Start() {
    Bind();
    const auto self = std::static_pointer_cast<NativeRewrite>(shared_from_this());
    const auto find = [self] {
      self->protected_ = ProtectedSpansOf(self->text(), self->request_.protected_ranges(), false);
    };
    if (text().size() <= kQuickTextBytes) {
      find();
      Begin();
    } else {
      RunSlow(find, [self] { self->Begin(); });
    }
  }

 private:
  void Begin() {
    engine_proto::Task task;
    engine_proto::RewriteTask* rewrite = task.mutable_rewrite();
    rewrite->set_text(text());
    rewrite->set_style(static_cast<uint32_t>(request_.style()));
    rewrite->set_tone(static_cast<uint32_t>(request_.tone()));
    rewrite->set_length(static_cast<uint32_t>(request_.length()));
    rewrite->set_language(request_.language());
    SetProtectedRanges(protected_, rewrite->mutable_protected_ranges());
    AddJob(std::move(task), text().size(),
           {.on_event = [self = std::static_pointer_cast<NativeRewrite>(shared_from_this())](
                            const engine_proto::Event& event) { self->OnEvent(event); },
            .on_end = nullptr});
  }

  void OnEvent(const engine_proto::Event& event) {
    if (event.has_progress()) {
      WriteProgress(event.progress().done(), event.progress().total());
    } else if (event.has_delta()) {
      Emit(0, event.delta());
    } else if (event.has_text()) {
      if (answers_[0].text().empty()) Emit(0, event.text());
      answers_[0].set_text(event.text());
    } else if (event.has_completed()) {
      answers_[0].set_finish_reason(ToFinishReason(event.completed().finish_reason()));
    }
  }

  std::vector<ByteSpan> protected_;
};

}  // namespace

void StartRewrite(std::shared_ptr<StreamCall> call, Manifest model,
                  v1::RewriteTextRequest request) {
  const uint32_t candidates = std::max(1U, request.candidate_count());
  std::make_shared<LanguageModelRewrite>(std::move(call), std::move(model), std::move(request),
                                         candidates)
      ->Start();
}

void StartNativeRewrite(std::shared_ptr<StreamCall> call, Manifest model,
                        v1::RewriteTextRequest request) {
  std::make_shared<NativeRewrite>(std::move(call), std::move(model), std::move(request))->Start();
}

}  // namespace intelligenced
