#include "services/translation/batch_call.h"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protos/intelligence/v1/translation.pb.h"
#include "protos/support/limits.h"
#include "runtime/base/cancel.h"
#include "runtime/base/reasons.h"
#include "services/rpc/parse_request.h"
#include "services/translation/detect.h"
#include "services/translation/find_route.h"
#include "services/translation/messages.h"
#include "services/translation/runner.h"
#include "services/translation/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Longer texts are cut up off gRPC's threads.
constexpr size_t kQuickBytes = 64 << 10;
// So often the language is looked for again when more items have come and it was not clear.
constexpr int kMaxDetections = 3;

// Everything happens inside the call's Run(). Alive while the reactor, a job or the pause hook
// holds it.
class BatchCall final : public DuplexHandler,
                        public TranslationListener,
                        public std::enable_shared_from_this<BatchCall> {
 public:
  explicit BatchCall(std::shared_ptr<StreamCall> call) : call_(std::move(call)) {}

  void Bind() {
    call_->SetPauseHook([held = shared_from_this()](bool paused) {
      // The hook may be gone before it has returned.
      const auto self = held;
      self->paused_ = paused;
      if (self->runner_ != nullptr) self->runner_->SetPaused(paused);
      self->Advance();
    });
    cancelled_ = call_->cancel_token().OnCancel([weak = weak_from_this(), call = call_.get()] {
      if (const auto self = weak.lock()) {
        call->Run([self] {
          self->failure_.Update(MakeError(Reason::kCancelled, "The call was cancelled."));
          self->Advance();
        });
      }
    });
  }

  void OnMessage(const grpc::ByteBuffer& bytes) override {
    call_->NoteInput(bytes.Length());
    v1::TranslateBatchRequest request;
    absl::Status status = ParseRequest(bytes, request);
    if (status.ok()) status = Take(request);
    if (!status.ok()) Fail(status);
    Advance();
  }

  bool WantsMore() const override {
    return !paused_ && items_.size() < kMaxBatchItems && bytes_ < kMaxBatchBytes;
  }

  void OnHalfClose() override {
    half_closed_ = true;
    if (!start_.has_value()) Fail(StartMissing());
    Advance();
  }

  void OnQueued(const QueuePlace& place) override {
    if (place.position == told_place_) return;
    told_place_ = place.position;
    v1::TranslateBatchResponse response;
    ToMessage(place, response.mutable_queued());
    call_->Write(response);
  }

  void OnModelLoading(std::string_view model) override {
    if (model == told_model_) return;
    told_model_ = std::string(model);
    v1::TranslateBatchResponse response;
    response.mutable_model_loading()->set_model(ModelResourceName(model));
    call_->Write(response);
  }

  void OnReady() override {
    TellStarted();
    ready_ = true;
    for (const uint64_t index : std::exchange(waiting_, {})) Cut(index);
    Advance();
  }

  void OnProgress(TextTranslation& text) override {
    // Nobody reads pieces of an item.
    text.TakeDelta();
    if (!text.done()) return;
    const uint64_t index = Forget(text);
    v1::TranslateBatchResult result;
    ToMessage(std::move(text.result()), result.mutable_translation());
    Answer(index, std::move(result));
  }

  void OnTextFailed(TextTranslation& text, const absl::Status& status) override {
    AnswerError(Forget(text), status);
  }
  void OnFailed(const absl::Status& status) override { failure_.Update(status); }
  void OnIdle() override { Advance(); }

 private:
  struct Item {
    std::string client_identifier;
    size_t bytes = 0;
    // As long as it waits for the language or the models.
    v1::TranslateItem message;
    std::shared_ptr<TextTranslation> text;
    // Answered, and waiting for those before it.
    std::optional<v1::TranslateBatchResult> result;
  };

  static absl::Status StartMissing() {
    return FieldError("start", "must be the first message of the stream.");
  }

  absl::Status Take(v1::TranslateBatchRequest& request) {
    if (request.has_start()) return Start(request.start());
    if (!start_.has_value()) return StartMissing();
    if (!request.has_item()) return FieldError("message", "is required: start or an item.");
    TakeItem(std::move(*request.mutable_item()));
    return absl::OkStatus();
  }

  absl::Status Start(const v1::TranslateBatchStart& start) {
    if (start_.has_value()) return FieldError("start", "comes once, as the first message.");
    if (absl::Status status = Validate(start); !status.ok()) return status;
    start_ = start;
    if (start.source_language().empty()) return absl::OkStatus();
    absl::StatusOr<FoundRoute> found =
        RouteFor(call_->runtime(), start.source_language(), start.target_language(),
                 start.strategy(), start.options().model());
    if (!found.ok()) return found.status();
    Run(*std::move(found));
    return absl::OkStatus();
  }

  void TakeItem(v1::TranslateItem message) {
    const uint64_t index = next_index_++;
    Item& item = items_[index];
    item.client_identifier = std::move(*message.mutable_client_identifier());
    item.bytes = message.text().size();
    bytes_ += item.bytes;
    message.set_client_identifier(item.client_identifier.substr(0, kMaxClientIdentifierBytes + 1));
    if (const absl::Status status = Validate(message); !status.ok()) {
      if (item.client_identifier.size() > kMaxClientIdentifierBytes) item.client_identifier.clear();
      return AnswerError(index, status);
    }
    message.clear_client_identifier();
    if (same_language_ || !HasLetters(message.text())) return AnswerSame(index, &message);
    item.message = std::move(message);
    if (ready_) return Cut(index);
    waiting_.push_back(index);
    if (!found_.has_value() && !detecting_) Detect();
  }

  // One language for all that has come.
  void Detect() {
    std::string sample;
    for (const uint64_t index : waiting_) {
      sample += items_[index].message.text();
      sample += '\n';
      if (sample.size() >= DetectionSample(sample).size() + 1) break;
    }
    detected_items_ = waiting_.size();
    v1::RequestOptions options = start_->options();
    options.clear_model();
    detecting_ = true;
    ++detections_;
    const absl::Status status = DetectLanguages(
        call_, options, {std::string(DetectionSample(sample))}, 3,
        [self = shared_from_this()](const DetectAnswer& answer) { self->OnDetected(answer); });
    if (!status.ok()) {
      detecting_ = false;
      Fail(status);
    }
  }

  void OnDetected(const DetectAnswer& answer) {
    detecting_ = false;
    if (!failure_.ok()) return Advance();
    if (answer.ok() && answer->front().unreliable() && waiting_.size() > detected_items_ &&
        detections_ < kMaxDetections) {
      return Detect();
    }
    absl::StatusOr<FoundRoute> found =
        answer.ok() ? RouteForDetected(call_->runtime(), answer->front(), start_->target_language(),
                                       start_->strategy(), start_->options().model())
                    : answer.status();
    if (found.ok()) {
      Run(*std::move(found));
    } else {
      Fail(found.status());
    }
    Advance();
  }

  void Run(FoundRoute found) {
    found_ = std::move(found);
    if (found_->route.empty()) {
      same_language_ = true;
      TellStarted();
      for (const uint64_t index : std::exchange(waiting_, {})) {
        v1::TranslateItem message = std::move(items_[index].message);
        AnswerSame(index, &message);
      }
      return;
    }
    runner_ = std::make_shared<TranslationRunner>(call_, start_->options(), found_->route,
                                                  start_->mark_unknown(), this);
    if (paused_) runner_->SetPaused(true);
    runner_->Start();
  }

  void TellStarted() {
    v1::TranslateBatchResponse response;
    v1::TranslateBatchStarted& started = *response.mutable_started();
    started.set_source_language(found_->source);
    started.set_source_detected(found_->detected);
    AddSteps(found_->route, started.mutable_steps());
    started.set_pivot_language(found_->route.pivot());
    call_->Write(response);
  }

  // Cuts an item's text up and hands it to the runner.
  void Cut(uint64_t index) {
    Item& item = items_[index];
    if (item.bytes <= kQuickBytes) {
      return Add(index, MakeText(std::move(item.message)));
    }
    ++cutting_;
    call_->runtime().blocking().Run(
        [self = shared_from_this(), index, message = std::move(item.message)]() mutable {
          auto text = self->MakeText(std::move(message));
          self->call_->Run([self, index, text = std::move(text)]() mutable {
            --self->cutting_;
            if (self->failure_.ok()) self->Add(index, std::move(text));
            self->Advance();
          });
        });
  }

  std::shared_ptr<TextTranslation> MakeText(v1::TranslateItem message) const {
    const std::vector<ByteSpan> spans = ToSpans(message.do_not_translate());
    return std::make_shared<TextTranslation>(std::move(*message.mutable_text()),
                                             ToTextMarkup(start_->format()), spans,
                                             runner_->limits());
  }

  void Add(uint64_t index, std::shared_ptr<TextTranslation> text) {
    by_text_[text.get()] = index;
    items_[index].text = text;
    // There was nothing in it to translate.
    if (text->done()) return OnProgress(*text);
    runner_->Add(std::move(text));
  }

  uint64_t Forget(const TextTranslation& text) {
    const auto found = by_text_.find(&text);
    const uint64_t index = found->second;
    by_text_.erase(found);
    return index;
  }

  void AnswerSame(uint64_t index, v1::TranslateItem* message) {
    v1::TranslateBatchResult result;
    result.mutable_translation()->set_text(std::move(*message->mutable_text()));
    Answer(index, std::move(result));
  }

  void AnswerError(uint64_t index, const absl::Status& status) {
    ++failed_items_;
    v1::TranslateBatchResult result;
    *result.mutable_error() = ToItemError(status);
    Answer(index, std::move(result));
  }

  void Answer(uint64_t index, v1::TranslateBatchResult result) {
    const auto item = items_.find(index);
    result.set_index(index);
    result.set_client_identifier(item->second.client_identifier);
    if (start_->order() != v1::BATCH_ORDER_AS_SENT) {
      Write(item, std::move(result));
    } else {
      item->second.text = nullptr;
      item->second.result = std::move(result);
      while (!items_.empty() && items_.begin()->second.result.has_value()) {
        v1::TranslateBatchResult first = *std::move(items_.begin()->second.result);
        Write(items_.begin(), std::move(first));
      }
    }
  }

  void Write(std::map<uint64_t, Item>::iterator item, v1::TranslateBatchResult result) {
    bytes_ -= item->second.bytes;
    items_.erase(item);
    v1::TranslateBatchResponse response;
    *response.mutable_result() = std::move(result);
    call_->Write(response);
  }

  void Fail(const absl::Status& status) {
    failure_.Update(status);
    // Ends what runs; its last word is heard before the call ends.
    call_->Cancel();
  }

  // Does whatever can be done now.
  void Advance() {
    if (call_->ended() || detecting_ || cutting_ > 0) return;
    const bool idle = runner_ == nullptr || runner_->idle();
    if (!failure_.ok()) {
      if (!idle) return;
      if (runner_ != nullptr) runner_->Stop();
      return call_->End(failure_);
    }
    if (half_closed_ && items_.empty() && idle) return Complete();
    call_->ReadOn();
  }

  void Complete() {
    if (runner_ != nullptr) runner_->Stop();
    v1::TranslateBatchResponse response;
    v1::TranslateBatchCompleted& completed = *response.mutable_completed();
    completed.set_items(next_index_);
    completed.set_failed_items(failed_items_);
    *completed.mutable_usage() = call_->usage().ToProto();
    call_->Write(response);
    call_->End(absl::OkStatus());
  }

  const std::shared_ptr<StreamCall> call_;
  std::optional<v1::TranslateBatchStart> start_;
  std::optional<FoundRoute> found_;
  std::shared_ptr<TranslationRunner> runner_;
  // The runner takes texts.
  bool ready_ = false;
  bool same_language_ = false;
  bool detecting_ = false;
  int detections_ = 0;
  size_t detected_items_ = 0;
  // Texts that are being cut up elsewhere.
  int cutting_ = 0;
  // What has been read and not been sent back, by index.
  std::map<uint64_t, Item> items_;
  size_t bytes_ = 0;
  std::unordered_map<const TextTranslation*, uint64_t> by_text_;
  // Items that wait for the language or the models.
  std::vector<uint64_t> waiting_;
  uint64_t next_index_ = 0;
  uint64_t failed_items_ = 0;
  bool paused_ = false;
  bool half_closed_ = false;
  int told_place_ = -1;
  std::string told_model_;
  // Why the call ends; the first counts.
  absl::Status failure_;
  CancelRegistration cancelled_;
};

}  // namespace

std::shared_ptr<DuplexHandler> MakeBatchHandler(std::shared_ptr<StreamCall> call) {
  const auto handler = std::make_shared<BatchCall>(std::move(call));
  handler->Bind();
  return handler;
}

}  // namespace intelligenced
