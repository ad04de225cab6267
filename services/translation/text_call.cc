#include "services/translation/text_call.h"

#include <optional>
#include <string>
#include <utility>

#include "runtime/base/reasons.h"
#include "services/translation/detect.h"
#include "services/translation/find_route.h"
#include "services/translation/messages.h"
#include "services/translation/runner.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Longer texts are cut up off gRPC's threads.
constexpr size_t kQuickBytes = 64 << 10;

// Everything happens inside the call's Run(). Alive while the runner's or the detector's job, the
// cutting of the text, or the pause hook holds it.
class TextCall final : public TranslationListener, public std::enable_shared_from_this<TextCall> {
 public:
  TextCall(std::shared_ptr<StreamCall> call, v1::TranslateTextRequest request)
      : call_(std::move(call)), request_(std::move(request)) {}

  absl::Status Start() {
    if (request_.source_language().empty()) return Detect();
    absl::StatusOr<FoundRoute> found =
        RouteFor(call_->runtime(), request_.source_language(), request_.target_language(),
                 request_.strategy(), request_.options().model());
    if (!found.ok()) return found.status();
    Run(*std::move(found));
    return absl::OkStatus();
  }

  void OnQueued(const QueuePlace& place) override {
    if (place.position == told_place_) return;
    told_place_ = place.position;
    v1::TranslateTextResponse response;
    ToMessage(place, response.mutable_queued());
    call_->Write(response);
  }

  void OnModelLoading(std::string_view model) override {
    if (model == told_model_) return;
    told_model_ = std::string(model);
    v1::TranslateTextResponse response;
    response.mutable_model_loading()->set_model(ModelResourceName(model));
    call_->Write(response);
  }

  void OnReady() override {
    const auto cut = [self = shared_from_this()] {
      self->text_ = std::make_shared<TextTranslation>(
          std::move(*self->request_.mutable_text()), ToTextMarkup(self->request_.format()),
          ToSpans(self->request_.do_not_translate()), self->runner_->limits());
    };
    if (request_.text().size() <= kQuickBytes) {
      cut();
      return Add();
    }
    cutting_ = true;
    call_->runtime().blocking().Run([self = shared_from_this(), cut] {
      cut();
      self->call_->Run([self] {
        self->cutting_ = false;
        if (self->failure_.ok()) return self->Add();
        self->OnIdle();
      });
    });
  }

  void OnProgress(TextTranslation& text) override {
    const std::string_view delta = text.TakeDelta();
    if (delta.empty()) return;
    WriteDelta(delta);
    if (text.segment_count() < 2) return;
    v1::TranslateTextResponse progress;
    progress.mutable_progress()->set_done(text.done_bytes());
    progress.mutable_progress()->set_total(text.source_bytes());
    call_->Write(progress);
  }

  void OnTextFailed(TextTranslation&, const absl::Status& status) override {
    failure_.Update(status);
    // What else runs of it is of no use.
    call_->Cancel();
  }
  void OnFailed(const absl::Status& status) override { failure_.Update(status); }

  void OnIdle() override {
    if (call_->ended() || cutting_) return;
    // The call's end lets go of the hook that holds this.
    const auto self = shared_from_this();
    if (!failure_.ok()) {
      runner_->Stop();
      return call_->End(failure_);
    }
    if (text_ == nullptr || !text_->done()) return;
    runner_->Stop();
    Complete(std::move(text_->result()));
  }

 private:
  absl::Status Detect() {
    v1::RequestOptions options = request_.options();
    if (!HasLetters(request_.text())) {
      return RouteForDetected(call_->runtime(), {}, "", {}, "").status();
    }
    // The model that is named is to translate.
    options.clear_model();
    return DetectLanguages(call_, options, {std::string(DetectionSample(request_.text()))}, 3,
                           [self = shared_from_this()](DetectAnswer answer) {
                             if (!answer.ok()) return self->call_->End(answer.status());
                             absl::StatusOr<FoundRoute> found = RouteForDetected(
                                 self->call_->runtime(), answer->front(),
                                 self->request_.target_language(), self->request_.strategy(),
                                 self->request_.options().model());
                             if (!found.ok()) return self->call_->End(found.status());
                             self->Run(*std::move(found));
                           });
  }

  void Run(FoundRoute found) {
    found_ = std::move(found);
    if (found_.route.empty()) {
      TranslatedText same;
      same.text = std::move(*request_.mutable_text());
      WriteDelta(same.text);
      return Complete(std::move(same));
    }
    runner_ = std::make_shared<TranslationRunner>(call_, request_.options(), found_.route,
                                                  request_.mark_unknown(), this);
    call_->SetPauseHook([self = shared_from_this()](bool paused) {
      // The hook may be gone before it has returned.
      const std::shared_ptr<TranslationRunner> runner = self->runner_;
      runner->SetPaused(paused);
    });
    runner_->Start();
  }

  void Add() {
    OnProgress(*text_);
    runner_->Add(text_);
    // There was nothing in it to translate.
    if (runner_->idle()) OnIdle();
  }

  void WriteDelta(std::string_view delta) {
    v1::TranslateTextResponse response;
    response.set_delta(std::string(delta));
    call_->Write(response);
  }

  void Complete(TranslatedText translation) {
    v1::TranslateTextResponse response;
    v1::TranslateTextCompleted& completed = *response.mutable_completed();
    ToMessage(std::move(translation), completed.mutable_translation());
    completed.set_source_language(found_.source);
    completed.set_source_detected(found_.detected);
    AddSteps(found_.route, completed.mutable_steps());
    completed.set_pivot_language(found_.route.pivot());
    *completed.mutable_usage() = call_->usage().ToProto();
    call_->Write(response);
    call_->End(absl::OkStatus());
  }

  const std::shared_ptr<StreamCall> call_;
  v1::TranslateTextRequest request_;
  FoundRoute found_;
  std::shared_ptr<TranslationRunner> runner_;
  std::shared_ptr<TextTranslation> text_;
  bool cutting_ = false;
  int told_place_ = -1;
  std::string told_model_;
  absl::Status failure_;
};

}  // namespace

absl::Status StartTranslateText(const std::shared_ptr<StreamCall>& call,
                                v1::TranslateTextRequest request) {
  return std::make_shared<TextCall>(call, std::move(request))->Start();
}

}  // namespace intelligenced
