// Proofreading: on a language model part by part, or as one job of a proofreading model.
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
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
#include "services/writing_tools/proofread_policy.h"
#include "services/writing_tools/text_parts.h"
#include "services/writing_tools/tools.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// The rules that a model may be joined by.
constexpr std::string_view kRulesModel = "writing-rules";
// The answer is about as long as the part; some tokens more for what is inserted.
constexpr double kAnswerRatio = 1.5;
constexpr uint32_t kAnswerSlackTokens = 64;

// What a worker says of its corrections, but for their places.
v1::Correction DetailsOf(const engine_proto::Correction& from) {
  v1::Correction correction;
  *correction.mutable_alternatives() = from.alternatives();
  for (const int type : from.types()) {
    correction.add_types(v1::CorrectionType_IsValid(type) ? static_cast<v1::CorrectionType>(type)
                                                          : v1::CORRECTION_TYPE_UNSPECIFIED);
  }
  correction.set_explanation(from.explanation());
  correction.set_confidence(from.confidence());
  return correction;
}

// A worker is believed only as far as its answer makes sense for the text: not before `from`.
bool IsSound(std::string_view text, const TextEdit& edit, size_t from,
             const std::vector<ByteSpan>& protected_spans) {
  return edit.range.start >= from && edit.range.start <= edit.range.end &&
         edit.range.end <= text.size() && IsCharBorder(text, edit.range.start) &&
         IsCharBorder(text, edit.range.end) && !OverlapsAny(protected_spans, edit.range) &&
         edit.range.In(text) != edit.replacement;
}

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
    absl::StatusOr<ProofreadPolicy> policy = ProofreadPolicyOf(model());
    if (!policy.ok()) return FailWithoutJobs(policy.status());
    policy_ = *std::move(policy);
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
    engine_proto::TokenLikelihoods likelihoods;
    bool cut_off = false;
    bool done = false;
    std::vector<Suggestion> suggestions;  // in bytes of the whole text
  };
  using PartPlace = std::list<Part>::iterator;

  static Part PartOf(ByteSpan span) {
    return {.span = span, .answer = {}, .likelihoods = {}, .suggestions = {}};
  }

  engine_proto::GenerateTask PromptFor(std::string_view words) const {
    return policy_.prompt.empty() ? ProofreadPrompt(words, request_.language())
                                  : TrainedProofreadPrompt(policy_.prompt, words);
  }

  void Cut(uint32_t context) {
    protected_ =
        ProtectedSpansOf(text(), request_.protected_ranges(), request_.protect_quotations());
    const uint32_t prompt = PromptTokens(PromptFor(""), "");
    const size_t bytes = PartBytes(text(), context > 0 ? context : kAssumedContextTokens,
                                   prompt + kAnswerSlackTokens, kAnswerRatio, policy_.part_bytes);
    for (const ByteSpan& span : SplitSpan(text(), {0, text().size()}, bytes)) {
      parts_.push_back(PartOf(span));
    }
  }

  void Begin() {
    if (policy_.join_rules || policy_.english_only) {
      AskRules();
    } else {
      BeginParts();
    }
  }

  // They take milliseconds, and know whether the text is English.
  void AskRules() {
    const absl::StatusOr<Manifest> rules =
        call().runtime().FindModel("writing.proofread", kRulesModel);
    if (!rules.ok()) return BeginParts();
    engine_proto::Task task;
    engine_proto::ProofreadTask* proofread = task.mutable_proofread();
    proofread->set_text(text());
    proofread->set_language(request_.language());
    SetProtectedRanges(protected_, proofread->mutable_protected_ranges());
    const auto self = std::static_pointer_cast<LanguageModelProofread>(shared_from_this());
    has_started_job_ = true;
    AddJob(std::move(task), text().size(),
           {.model = rules->name,
            .on_event =
                [self](const engine_proto::Event& event) {
                  if (event.has_proofread()) self->TakeRules(event.proofread());
                },
            .on_end = [self](const absl::Status& status,
                             const JobUsage&) { self->EndRules(status); }});
  }

  void EndRules(const absl::Status& status) {
    const bool other_language = HasReason(status, Reason::kLanguageUnsupported);
    if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status) ||
        (other_language && policy_.english_only)) {
      return Fail(status);
    }
    // Without rules the model does what it can.
    if (!status.ok()) rules_.clear();
    BeginParts();
  }

  void TakeRules(const engine_proto::ProofreadResult& result) {
    language_ = result.language();
    if (!policy_.join_rules) return;
    size_t from = 0;
    for (const engine_proto::Correction& correction : result.corrections()) {
      TextEdit edit{{correction.start(), correction.end()}, correction.replacement()};
      if (!IsSound(text(), edit, from, protected_)) continue;
      from = edit.range.end;
      TextEdit core = CoreOf(text(), edit);
      rules_.push_back({.edit = std::move(edit),
                        .core = std::move(core),
                        .confidence = correction.confidence(),
                        .details = DetailsOf(correction)});
    }
  }

  void BeginParts() {
    for (PartPlace part = parts_.begin(); part != parts_.end(); ++part) StartPart(part);
    Flush();
    if (!has_started_job_) CompleteWithoutJobs();  // nothing but protected text
  }

  void StartPart(PartPlace part) {
    const ByteSpan core = TrimSpan(text(), part->span);
    if (core.empty() || CoveredBy(protected_, core) ||
        (policy_.prose_only && !IsProse(core.In(text())))) {
      part->done = true;
      return;
    }
    const std::string_view words = core.In(text());
    engine_proto::Task task;
    *task.mutable_generate() = PromptFor(words);
    task.mutable_generate()->set_token_likelihoods(true);
    task.mutable_generate()->set_max_output_tokens(
        static_cast<uint32_t>(EstimateTokens(words) * kAnswerRatio) + kAnswerSlackTokens);
    const auto self = std::static_pointer_cast<LanguageModelProofread>(shared_from_this());
    has_started_job_ = true;
    AddJob(std::move(task), words.size(),
           {.on_event =
                [part](const engine_proto::Event& event) {
                  if (event.has_delta()) part->answer += event.delta();
                  if (event.has_token_likelihoods()) {
                    part->likelihoods = event.token_likelihoods();
                  }
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
      TakeAnswer(*part, core);
    }
    part->answer.clear();
    part->likelihoods.Clear();
    part->done = true;
    Flush();
  }

  void TakeAnswer(Part& part, ByteSpan core) {
    const std::string_view words = core.In(text());
    const std::string clean = CleanOutput(words, part.answer);
    std::vector<ByteSpan> places;
    const std::vector<TextEdit> edits =
        CorrectionsOf(words, clean, SpansWithin(protected_, core), &places);
    // Where the clean text begins in the answer; where it is not found in one piece, or the engine
    // tells no likelihoods, the kind of edit says how often such an edit is right.
    const size_t offset = part.answer.find(clean);
    const bool known = part.likelihoods.bytes_size() > 0 && offset != std::string::npos;
    for (size_t i = 0; i < edits.size(); ++i) {
      TextEdit edit = edits[i];
      edit.range.start += core.start;
      edit.range.end += core.start;
      const CorrectionKind kind =
          KindOfCorrection(edit.range.In(text()), edit.replacement,
                           std::string_view(text()).substr(0, edit.range.start));
      const float confidence = known ? AnswerConfidence(part.likelihoods, {places[i].start + offset,
                                                                           places[i].end + offset})
                                     : kind.confidence;
      v1::Correction details;
      for (const v1::CorrectionType type : kind.types) details.add_types(type);
      details.set_explanation(kind.explanation);
      part.suggestions.push_back(
          {.edit = edit, .core = edit, .confidence = confidence, .details = std::move(details)});
    }
  }

  void Replace(PartPlace part, const std::vector<ByteSpan>& spans) {
    std::vector<PartPlace> added;
    for (const ByteSpan& span : spans) added.push_back(parts_.insert(part, PartOf(span)));
    parts_.erase(part);
    for (const PartPlace& place : added) StartPart(place);
    Flush();
  }

  // Writes what is known from the front on.
  void Flush() {
    bool moved = false;
    while (!parts_.empty() && parts_.front().done) {
      const Part& part = parts_.front();
      const size_t first_rule = next_rule_;
      while (next_rule_ < rules_.size() && rules_[next_rule_].edit.range.start < part.span.end) {
        ++next_rule_;
      }
      const auto rules = absl::MakeConstSpan(rules_).subspan(first_rule, next_rule_ - first_rule);
      for (Suggestion& suggestion : JoinSuggestions(rules, part.suggestions, policy_)) {
        // A rule's edit may reach into the next part.
        if (suggestion.edit.range.start < written_edit_end_) continue;
        written_edit_end_ = suggestion.edit.range.end;
        suggestion.details.set_confidence(suggestion.confidence);
        Emit(suggestion.edit, std::move(suggestion.details));
      }
      written_bytes_ = part.span.end;
      parts_.pop_front();
      moved = true;
    }
    if (moved && !parts_.empty()) WriteProgress(written_bytes_, text().size());
  }

  ProofreadPolicy policy_;  // does not change once begun
  std::vector<ByteSpan> protected_;
  std::list<Part> parts_;          // those not written yet, in order
  std::vector<Suggestion> rules_;  // of the whole text
  size_t next_rule_ = 0;
  uint64_t written_bytes_ = 0;
  size_t written_edit_end_ = 0;
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

  void Take(const engine_proto::Correction& from) {
    const TextEdit edit{{from.start(), from.end()}, from.replacement()};
    if (!IsSound(text(), edit, next_start_, protected_)) return;
    next_start_ = edit.range.end;
    Emit(edit, DetailsOf(from));
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
