// Proofreading: on a language model part by part, or as one job of a proofreading model.
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/protected_spans.h"
#include "runtime/base/reasons.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"
#include "services/rpc/model_run.h"
#include "services/writing_tools/alignment.h"
#include "services/writing_tools/correction_kind.h"
#include "services/writing_tools/output_cleaner.h"
#include "services/writing_tools/prompts.h"
#include "services/writing_tools/text_parts.h"
#include "services/writing_tools/tools.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Small models lose the thread in longer texts, and short parts come back sooner.
constexpr size_t kMaxPartBytes = 1500;
// The answer is about as long as the part; some tokens more for what is inserted.
constexpr double kAnswerRatio = 1.5;
constexpr uint32_t kAnswerSlackTokens = 64;

// Collects corrections in the order of their place and writes them.
class ProofreadRun : public TypedModelRun<v1::ProofreadTextResponse> {
 protected:
  ProofreadRun(std::shared_ptr<StreamCall> call, Manifest model, v1::ProofreadTextRequest request,
               int window)
      : TypedModelRun(std::move(call), request.options(), std::move(model), window),
        request_(std::move(request)) {}

  const std::string& text() const { return request_.text(); }

  // `edit` comes after all before it.
  void Emit(const TextEdit& edit, v1::Correction correction) {
    correction.set_start(static_cast<uint32_t>(edit.range.start));
    correction.set_end(static_cast<uint32_t>(edit.range.end));
    correction.set_original(std::string(edit.range.In(text())));
    correction.set_replacement(edit.replacement);
    v1::ProofreadTextResponse response;
    *response.mutable_correction() = correction;
    call().Write(response);
    edits_.push_back(edit);
    *corrections_.Add() = std::move(correction);
  }

  void Complete() override {
    v1::ProofreadTextResponse response;
    v1::ProofreadTextCompleted* completed = response.mutable_completed();
    completed->set_corrected_text(ApplyEdits(text(), edits_));
    completed->mutable_corrections()->Swap(&corrections_);
    completed->set_language(language_.empty() ? request_.language() : language_);
    *completed->mutable_usage() = call().usage().ToProto();
    call().Write(response);
  }

  const v1::ProofreadTextRequest request_;
  std::string language_;

 private:
  std::vector<TextEdit> edits_;
  google::protobuf::RepeatedPtrField<v1::Correction> corrections_;
};

class LanguageModelProofread final : public ProofreadRun {
 public:
  LanguageModelProofread(std::shared_ptr<StreamCall> call, Manifest model,
                         v1::ProofreadTextRequest request)
      : ProofreadRun(std::move(call), std::move(model), std::move(request), kJobWindow) {}

  void Start() {
    Bind();
    const uint32_t context = ContextTokens();
    if (text().size() <= kQuickTextBytes) {
      Cut(context);
      Begin();
      return;
    }
    const auto self = std::static_pointer_cast<LanguageModelProofread>(shared_from_this());
    RunSlow([self, context] { self->Cut(context); }, [self] { self->Begin(); });
  }

 private:
  struct Part {
    ByteSpan span;
    std::string answer;
    bool cut_off = false;
    bool done = false;
    std::vector<TextEdit> edits;  // in bytes of the whole text
  };
  using PartPlace = std::list<Part>::iterator;

  void Cut(uint32_t context) {
    protected_ =
        ProtectedSpansOf(text(), request_.protected_ranges(), request_.protect_quotations());
    const uint32_t prompt = PromptTokens(ProofreadPrompt("", request_.language()), "");
    const size_t bytes = PartBytes(text(), context > 0 ? context : kAssumedContextTokens,
                                   prompt + kAnswerSlackTokens, kAnswerRatio, kMaxPartBytes);
    for (const ByteSpan& span : SplitSpan(text(), {0, text().size()}, bytes)) {
      parts_.push_back({.span = span, .answer = {}, .edits = {}});
    }
  }

  void Begin() {
    for (PartPlace part = parts_.begin(); part != parts_.end(); ++part) StartPart(part);
    Flush();
    if (!has_started_job_) CompleteWithoutJobs();  // nothing but protected text
  }

  void StartPart(PartPlace part) {
    const ByteSpan core = TrimSpan(text(), part->span);
    if (core.empty() || CoveredBy(protected_, core)) {
      part->done = true;
      return;
    }
    const std::string_view words = core.In(text());
    engine_proto::Task task;
    *task.mutable_generate() = ProofreadPrompt(words, request_.language());
    task.mutable_generate()->set_max_output_tokens(
        static_cast<uint32_t>(EstimateTokens(words) * kAnswerRatio) + kAnswerSlackTokens);
    const auto self = std::static_pointer_cast<LanguageModelProofread>(shared_from_this());
    has_started_job_ = true;
    AddJob(std::move(task), words.size(),
           {.on_event =
                [part](const engine_proto::Event& event) {
                  if (event.has_delta()) part->answer += event.delta();
                  if (event.has_completed()) {
                    part->cut_off =
                        event.completed().finish_reason() == engine_proto::FINISH_REASON_LENGTH;
                  }
                },
            .on_end = [self, part, core](const absl::Status& status,
                                         const JobUsage&) { self->EndPart(part, core, status); }});
  }

  void EndPart(PartPlace part, ByteSpan core, const absl::Status& status) {
    const bool too_long = HasReason(status, Reason::kContextWindowExceeded);
    if (!status.ok() && !too_long) return Fail(status);
    if (too_long || part->cut_off) {
      const std::vector<ByteSpan> halves = Halve(text(), part->span);
      if (halves.empty() && too_long) return Fail(status);
      if (!halves.empty()) return Replace(part, halves);
      // An answer without end to a short part: the part stays as it is.
    } else {
      const std::string_view words = core.In(text());
      part->edits =
          CorrectionsOf(words, CleanOutput(words, part->answer), SpansWithin(protected_, core));
      for (TextEdit& edit : part->edits) {
        edit.range.start += core.start;
        edit.range.end += core.start;
      }
    }
    part->answer.clear();
    part->done = true;
    Flush();
  }

  void Replace(PartPlace part, const std::vector<ByteSpan>& spans) {
    std::vector<PartPlace> added;
    for (const ByteSpan& span : spans) {
      added.push_back(parts_.insert(part, {.span = span, .answer = {}, .edits = {}}));
    }
    parts_.erase(part);
    for (const PartPlace& place : added) StartPart(place);
    Flush();
  }

  // Writes what is known from the front on.
  void Flush() {
    bool moved = false;
    while (!parts_.empty() && parts_.front().done) {
      const Part& part = parts_.front();
      for (const TextEdit& edit : part.edits) {
        const CorrectionKind kind =
            KindOfCorrection(edit.range.In(text()), edit.replacement,
                             std::string_view(text()).substr(0, edit.range.start));
        v1::Correction correction;
        for (const v1::CorrectionType type : kind.types) correction.add_types(type);
        correction.set_explanation(kind.explanation);
        correction.set_confidence(kind.confidence);
        Emit(edit, std::move(correction));
      }
      written_bytes_ = part.span.end;
      parts_.pop_front();
      moved = true;
    }
    if (moved && !parts_.empty()) WriteProgress(written_bytes_, text().size());
  }

  std::vector<ByteSpan> protected_;
  std::list<Part> parts_;  // those not written yet, in order
  uint64_t written_bytes_ = 0;
  bool has_started_job_ = false;
};

class NativeProofread final : public ProofreadRun {
 public:
  NativeProofread(std::shared_ptr<StreamCall> call, Manifest model,
                  v1::ProofreadTextRequest request)
      : ProofreadRun(std::move(call), std::move(model), std::move(request), 1) {}

  void Start() {
    Bind();
    const auto self = std::static_pointer_cast<NativeProofread>(shared_from_this());
    const auto find = [self] {
      self->protected_ = ProtectedSpansOf(self->text(), self->request_.protected_ranges(),
                                          self->request_.protect_quotations());
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
    engine_proto::ProofreadTask* proofread = task.mutable_proofread();
    proofread->set_text(text());
    proofread->set_language(request_.language());
    SetProtectedRanges(protected_, proofread->mutable_protected_ranges());
    AddJob(std::move(task), text().size(),
           {.on_event = [self = std::static_pointer_cast<NativeProofread>(shared_from_this())](
                            const engine_proto::Event& event) { self->OnEvent(event); },
            .on_end = nullptr});
  }

  void OnEvent(const engine_proto::Event& event) {
    if (event.has_progress()) {
      WriteProgress(event.progress().done(), event.progress().total());
    } else if (event.has_proofread()) {
      language_ = event.proofread().language();
      for (const engine_proto::Correction& correction : event.proofread().corrections()) {
        Take(correction);
      }
    }
  }

  // A worker is believed only as far as its answer makes sense for the text.
  void Take(const engine_proto::Correction& from) {
    const TextEdit edit{{from.start(), from.end()}, from.replacement()};
    const bool sound = edit.range.start >= next_start_ && edit.range.start <= edit.range.end &&
                       edit.range.end <= text().size() && IsCharBorder(text(), edit.range.start) &&
                       IsCharBorder(text(), edit.range.end) &&
                       !OverlapsAny(protected_, edit.range) &&
                       edit.range.In(text()) != edit.replacement;
    if (!sound) return;
    next_start_ = edit.range.end;
    v1::Correction correction;
    *correction.mutable_alternatives() = from.alternatives();
    for (const int type : from.types()) {
      correction.add_types(v1::CorrectionType_IsValid(type) ? static_cast<v1::CorrectionType>(type)
                                                            : v1::CORRECTION_TYPE_UNSPECIFIED);
    }
    correction.set_explanation(from.explanation());
    correction.set_confidence(from.confidence());
    Emit(edit, std::move(correction));
  }

  std::vector<ByteSpan> protected_;
  size_t next_start_ = 0;
};

}  // namespace

void StartProofread(std::shared_ptr<StreamCall> call, Manifest model,
                    v1::ProofreadTextRequest request) {
  std::make_shared<LanguageModelProofread>(std::move(call), std::move(model), std::move(request))
      ->Start();
}

void StartNativeProofread(std::shared_ptr<StreamCall> call, Manifest model,
                          v1::ProofreadTextRequest request) {
  std::make_shared<NativeProofread>(std::move(call), std::move(model), std::move(request))->Start();
}

}  // namespace intelligenced
