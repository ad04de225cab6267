#include "services/translation/runner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/rpc/proto_time.h"
#include "services/translation/prompt.h"

namespace intelligenced {
namespace {

namespace engine_proto = ::intelligence::engine::v1;

constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);
constexpr absl::Duration kLongestRetryDelay = absl::Seconds(10);
// Longer units are cut even for models that take any.
constexpr size_t kMostUnitBytes = 4096;

// What a language model translates at a time: the prompt, the text and its translation must fit.
StepLimits LimitsOf(const engine_proto::ModelInfo& info, bool generates) {
  StepLimits limits;
  limits.max_bytes = kMostUnitBytes;
  uint32_t tokens = 0;
  if (generates) {
    limits.max_bytes = 1200;
    tokens = info.context_tokens() / 4;
  } else {
    limits.sentences = info.translation().sentences();
    tokens = info.translation().max_segment_tokens();
  }
  // A token is some three bytes; what has more of them is cut again (OnTooLong).
  if (tokens > 0) limits.max_bytes = std::min<size_t>(limits.max_bytes, size_t{3} * tokens);
  return limits;
}

// Concerns what was sent, not the model or the client.
bool IsAboutUnits(const absl::Status& status) {
  for (const Reason reason : {Reason::kContextWindowExceeded, Reason::kEngineFailure,
                              Reason::kFieldInvalid, Reason::kInputTooLarge}) {
    if (HasReason(status, reason)) return true;
  }
  return false;
}

bool Translates(const engine_proto::ModelInfo& info) {
  return std::find(info.task_kinds().begin(), info.task_kinds().end(),
                   engine_proto::TASK_KIND_TRANSLATE) != info.task_kinds().end();
}

}  // namespace

// What one job says. Alive while the job is.
class TranslationRunner::Handler final : public JobHandler {
 public:
  Handler(std::shared_ptr<TranslationRunner> runner, Group group)
      : runner_(std::move(runner)), group_(std::move(group)) {}

  void OnQueued(const QueuePlace& place) override {
    if (!runner_->answered_ && runner_->listener_ != nullptr) runner_->listener_->OnQueued(place);
  }
  void OnModelLoading() override {
    if (runner_->answered_ || runner_->listener_ == nullptr) return;
    runner_->listener_->OnModelLoading(runner_->route_.steps[group_.step].model.name);
  }
  void OnEvent(const engine_proto::Event& event) override { runner_->OnEvent(group_, event); }
  void OnEnd(const absl::Status& status, const JobUsage& usage) override {
    if (status.ok() && runner_->generates_[group_.step] && !group_.answered[0]) {
      const bool length = usage.completed.finish_reason() == engine_proto::FINISH_REASON_LENGTH;
      runner_->OnAnswer(group_, 0,
                        ReadTranslation(group_.units[0].unit->text, group_.generated, length));
    }
    runner_->OnEnd(group_, status, !usage.device.empty());
  }

 private:
  const std::shared_ptr<TranslationRunner> runner_;
  Group group_;
};

TranslationRunner::TranslationRunner(std::shared_ptr<Call> call,
                                     const intelligence::v1::RequestOptions& options, Route route,
                                     bool mark_unknown, TranslationListener* listener)
    : call_(std::move(call)),
      route_(std::move(route)),
      mark_unknown_(mark_unknown),
      listener_(listener),
      options_(options),
      limits_(route_.steps.size()),
      generates_(route_.steps.size()) {}

void TranslationRunner::Start() {
  jobs_ = std::make_shared<JobGroup>(
      call_, call_->MakeJob(options_, route_.steps.back().model.name), kWindow);
  cancelled_ = call_->cancel_token().OnCancel([weak = weak_from_this(), call = call_.get()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->loading_.Cancel();
    call->Run([self] { self->Fail(MakeError(Reason::kCancelled, "The call was cancelled.")); });
  });
  LoadStep(0);
}

void TranslationRunner::LoadStep(size_t step) {
  const std::string& name = route_.steps[step].model.name;
  AcquireOptions options;
  if (options_.has_keep_alive()) options.keep_alive = GetDuration(options_.keep_alive());
  options.cancel = loading_.token();
  options.interactive = ToRequestClass(options_.request_class()) == RequestClass::kInteractive;
  options.on_loading = [self = shared_from_this(), name] {
    self->call_->Run([self, name] {
      if (self->listener_ != nullptr && self->failure_.ok()) self->listener_->OnModelLoading(name);
    });
  };
  call_->runtime().models().Acquire(
      name, std::move(options),
      [self = shared_from_this(), step](absl::StatusOr<ModelLease> lease) {
        // Only its word is wanted: every job keeps the model resident for itself.
        engine_proto::ModelInfo info;
        if (lease.ok()) info = lease->model->info();
        self->call_->Run([self, step, status = lease.status(), info = std::move(info)] {
          self->OnLoaded(step, status, info);
        });
      });
}

void TranslationRunner::OnLoaded(size_t step, const absl::Status& status,
                                 const engine_proto::ModelInfo& info) {
  if (!failure_.ok()) return;
  if (!status.ok()) return Fail(status);
  generates_[step] = !Translates(info);
  limits_[step] = LimitsOf(info, generates_[step]);
  if (step + 1 < route_.steps.size()) return LoadStep(step + 1);
  started_ = true;
  if (listener_ != nullptr) listener_->OnReady();
  Pump();
}

void TranslationRunner::Add(std::shared_ptr<TextTranslation> text) {
  Collect(text);
  Pump();
}

void TranslationRunner::Collect(const std::shared_ptr<TextTranslation>& text) {
  for (Unit* unit : text->TakeReady()) ready_.push_back({text, unit});
}

void TranslationRunner::SetPaused(bool paused) {
  paused_ = paused;
  if (jobs_ != nullptr) jobs_->SetPaused(paused);
  Pump();
}

void TranslationRunner::Pump() {
  if (!started_ || std::exchange(pumping_, true)) return;
  while (failure_.ok() && !paused_) {
    if (call_->runtime().clock().Now() < not_before_) break;
    Group group = TakeGroup();
    if (group.units.empty()) break;
    Send(std::move(group));
  }
  pumping_ = false;
  TellIdle();
}

TranslationRunner::Group TranslationRunner::TakeGroup() {
  Group group;
  std::erase_if(ready_, [](const Sent& sent) { return sent.text->abandoned; });
  // What killed its model may do it again: it must not take others with it each time.
  const int window = lost_ > 0 ? 1 : kWindow;
  if (ready_.empty() || running_ >= window) return group;
  const size_t step = ready_.front().unit->step;
  group.step = step;
  const bool alone = generates_[step] || ready_.front().unit->alone;
  const size_t share = (ready_.size() + static_cast<size_t>(window - running_) - 1) /
                       static_cast<size_t>(window - running_);
  const size_t most = alone ? 1 : std::clamp<size_t>(share, 16, kMaxGroupUnits);
  size_t bytes = 0;
  for (auto it = ready_.begin(); it != ready_.end() && group.units.size() < most;) {
    if (it->unit->step != step || (!alone && it->unit->alone)) {
      // Those of another step wait for the next group.
      if (group.units.empty()) return group;
      break;
    }
    bytes += it->unit->text.text.size();
    if (!group.units.empty() && bytes > kMaxGroupBytes) break;
    group.units.push_back(std::move(*it));
    it = ready_.erase(it);
  }
  group.answered.resize(group.units.size());
  return group;
}

void TranslationRunner::Send(Group group) {
  engine_proto::Task task;
  const RouteStep& step = route_.steps[group.step];
  uint64_t bytes = 0;
  for (const Sent& sent : group.units) bytes += sent.unit->text.text.size();
  if (generates_[group.step]) {
    *task.mutable_generate() = TranslatePrompt(group.units[0].unit->text, step.source, step.target);
    task.mutable_generate()->set_cache_key(call_->caller().client.id);
    task.mutable_generate()->set_function(step.model.function);
  } else {
    engine_proto::TranslateTask& translate = *task.mutable_translate();
    translate.set_source_language(step.source);
    translate.set_target_language(step.target);
    translate.set_sender(
        absl::StrCat(call_->caller().client.id, "/", static_cast<int>(options_.request_class())));
    // An asterisk in what the next model reads would be one more word that nobody knows.
    translate.set_mark_unknown(mark_unknown_ && group.step + 1 == route_.steps.size());
    for (const Sent& sent : group.units) {
      engine_proto::TranslateSegment& segment = *translate.add_segments();
      segment.set_text(sent.unit->text.text);
      for (const KeptSpan& span : sent.unit->text.kept) {
        engine_proto::KeptSpan& kept = *segment.add_kept();
        kept.set_start(static_cast<uint32_t>(span.start));
        kept.set_end(static_cast<uint32_t>(span.end));
        kept.set_kind(span.word ? engine_proto::KEPT_KIND_WORD : engine_proto::KEPT_KIND_MARKUP);
      }
    }
  }
  ++running_;
  was_busy_ = true;
  jobs_->Add(std::move(task), bytes,
             std::make_shared<Handler>(shared_from_this(), std::move(group)), step.model.name);
}

void TranslationRunner::OnEvent(Group& group, const engine_proto::Event& event) {
  if (event.has_delta()) {
    answered_ = true;
    group.generated += event.delta();
  } else if (event.has_translated() && event.translated().index() < group.units.size()) {
    OnAnswer(group, event.translated().index(), event.translated());
  }
}

void TranslationRunner::OnAnswer(Group& group, size_t place,
                                 engine_proto::TranslatedSegment answer) {
  if (group.answered[place]) return;
  group.answered[place] = true;
  answered_ = true;
  const Sent sent = group.units[place];
  if (sent.unit->losses > 0) --lost_;
  if (!failure_.ok() || sent.text->abandoned) return;
  sent.text->OnAnswer(sent.unit, answer);
  Collect(sent.text);
  if (listener_ != nullptr) listener_->OnProgress(*sent.text);
}

void TranslationRunner::OnEnd(Group& group, const absl::Status& status, bool bound) {
  --running_;
  std::vector<Sent> open;
  for (size_t i = 0; i < group.units.size(); ++i) {
    if (group.answered[i]) continue;
    if (group.units[i].unit->losses > 0) --lost_;
    if (!group.units[i].text->abandoned) open.push_back(group.units[i]);
  }
  const bool lost = HasReason(status, Reason::kWorkerLost);
  const bool full =
      absl::IsResourceExhausted(status) && answered_ && FactsOf(status).retry_delay.has_value();
  if (!failure_.ok() || open.empty()) {
    Pump();
    return;
  }
  if (!status.ok() && !lost && !full && !IsAboutUnits(status)) {
    Fail(status);
    Pump();
    return;
  }
  if (lost || full) RetryAt(FactsOf(status).retry_delay.value_or(kRetryDelay));
  const bool alone = group.units.size() == 1;
  // From the back, so that they stand in their order again.
  for (auto it = open.rbegin(); it != open.rend(); ++it) {
    Unit& unit = *it->unit;
    if (it->text->abandoned) continue;
    if (lost) {
      if (bound ? ++unit.losses > kMaxLosses : ++unit.waits > kMaxWaits) {
        OnUnitFailed(*it, status);
        continue;
      }
      unit.alone = unit.losses == kMaxLosses;
    } else if (!full) {
      if (alone) {
        OnUnitFailed(*it, status);
        continue;
      }
      unit.alone = true;
    }
    if (unit.losses > 0) ++lost_;
    ready_.push_front(*it);
  }
  Pump();
}

void TranslationRunner::OnUnitFailed(const Sent& sent, const absl::Status& status) {
  if (HasReason(status, Reason::kContextWindowExceeded) && sent.text->OnTooLong(sent.unit)) {
    Collect(sent.text);
    if (listener_ != nullptr) listener_->OnProgress(*sent.text);
    return;
  }
  FailText(sent.text, status.ok() ? MakeError(Reason::kEngineFailure,
                                              "The model has not answered for all of the text.")
                                  : status);
}

void TranslationRunner::FailText(const std::shared_ptr<TextTranslation>& text,
                                 const absl::Status& status) {
  text->abandoned = true;
  for (const Sent& sent : ready_) {
    if (sent.text == text && sent.unit->losses > 0) --lost_;
  }
  std::erase_if(ready_, [&](const Sent& sent) { return sent.text == text; });
  if (listener_ != nullptr) listener_->OnTextFailed(*text, status);
}

void TranslationRunner::Fail(const absl::Status& status) {
  if (!failure_.ok()) return;
  failure_ = status;
  ready_.clear();
  if (timer_.has_value()) call_->runtime().timer().Cancel(*std::exchange(timer_, std::nullopt));
  if (listener_ != nullptr) listener_->OnFailed(status);
  call_->Cancel();
  // There may have been no job at all.
  was_busy_ = true;
  TellIdle();
}

void TranslationRunner::RetryAt(absl::Duration delay) {
  delay = std::clamp(delay, kRetryDelay, kLongestRetryDelay);
  not_before_ = std::max(not_before_, call_->runtime().clock().Now() + delay);
  if (timer_.has_value()) return;
  timer_ = call_->runtime().timer().Schedule(not_before_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->call_->Run([self] {
      self->timer_.reset();
      if (self->failure_.ok() && self->call_->runtime().clock().Now() < self->not_before_) {
        self->RetryAt(absl::ZeroDuration());
        return;
      }
      self->Pump();
    });
  });
}

void TranslationRunner::TellIdle() {
  if (!idle() || !was_busy_) return;
  was_busy_ = false;
  if (listener_ != nullptr) listener_->OnIdle();
}

}  // namespace intelligenced
