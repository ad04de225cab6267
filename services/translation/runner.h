// Runs the units of texts on the models of a route: in groups, several at a time, tried again where
// a model's process was lost.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_RUNNER_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_RUNNER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/common.pb.h"
#include "runtime/base/cancel.h"
#include "runtime/base/executor.h"
#include "services/rpc/call.h"
#include "services/rpc/job_group.h"
#include "services/translation/routes.h"
#include "services/translation/text_translation.h"

namespace intelligenced {

// What a runner tells. All calls come from inside the call's Run().
class TranslationListener {
 public:
  virtual ~TranslationListener() = default;
  // Until the first answer.
  virtual void OnQueued(const QueuePlace& place) = 0;
  virtual void OnModelLoading(std::string_view model) = 0;
  // The models are there: texts may be added.
  virtual void OnReady() = 0;
  // Something more of the text is translated; it may be done.
  virtual void OnProgress(TextTranslation& text) = 0;
  // This text cannot be translated; nothing more is said of it.
  virtual void OnTextFailed(TextTranslation& text, const absl::Status& status) = 0;
  // Nor can any other. OnIdle() follows once no job runs any more.
  virtual void OnFailed(const absl::Status& status) = 0;
  // No unit waits and no job runs.
  virtual void OnIdle() = 0;
};

// Used from inside the call's Run(). Owned by a shared_ptr.
class TranslationRunner final : public std::enable_shared_from_this<TranslationRunner> {
 public:
  // Jobs that are with the scheduler at a time, and what one of them has at most: a step of a model
  // is cut from it, and a result of it is lost when the process is.
  static constexpr int kWindow = 4;
  static constexpr size_t kMaxGroupUnits = 64;
  static constexpr size_t kMaxGroupBytes = 16 << 10;
  // How often a unit that was lost with its model is tried again.
  static constexpr int kMaxLosses = 2;
  // And one that came between two loads of a model that dies: not its fault.
  static constexpr int kMaxWaits = 8;

  // `listener` lives until Stop() or the end of the call.
  TranslationRunner(std::shared_ptr<Call> call, const intelligence::v1::RequestOptions& options,
                    Route route, bool mark_unknown, TranslationListener* listener);

  // Loads what the route needs, and learns what its models take. OnReady() or OnFailed() follows.
  void Start();
  // What texts are to be cut by; valid from OnReady() on.
  const std::vector<StepLimits>* limits() const { return &limits_; }
  const Route& route() const { return route_; }

  void Add(std::shared_ptr<TextTranslation> text);
  // Nothing further is sent while paused.
  void SetPaused(bool paused);
  bool idle() const { return ready_.empty() && running_ == 0; }
  // No further calls of the listener. What runs is to be cancelled by the call.
  void Stop() { listener_ = nullptr; }

 private:
  class Handler;
  struct Sent {
    std::shared_ptr<TextTranslation> text;
    Unit* unit = nullptr;
  };
  struct Group {
    size_t step = 0;
    std::vector<Sent> units;
    std::vector<bool> answered;
    // Of a language model.
    std::string generated;
  };

  void LoadStep(size_t step);
  void OnLoaded(size_t step, const absl::Status& status,
                const intelligence::engine::v1::ModelInfo& info);
  void Collect(const std::shared_ptr<TextTranslation>& text);
  void Pump();
  // The next units of one step; empty: none may be sent now.
  Group TakeGroup();
  void Send(Group group);
  void OnEvent(Group& group, const intelligence::engine::v1::Event& event);
  void OnAnswer(Group& group, size_t place, intelligence::engine::v1::TranslatedSegment answer);
  // `bound`: there was a model for it.
  void OnEnd(Group& group, const absl::Status& status, bool bound);
  void OnUnitFailed(const Sent& sent, const absl::Status& status);
  void FailText(const std::shared_ptr<TextTranslation>& text, const absl::Status& status);
  void Fail(const absl::Status& status);
  void RetryAt(absl::Duration delay);
  void TellIdle();

  const std::shared_ptr<Call> call_;
  const Route route_;
  const bool mark_unknown_;
  TranslationListener* listener_;
  intelligence::v1::RequestOptions options_;
  std::vector<StepLimits> limits_;
  // The model of the step is a language model.
  std::vector<bool> generates_;
  CancelSource loading_;
  CancelRegistration cancelled_;
  std::shared_ptr<JobGroup> jobs_;
  std::deque<Sent> ready_;
  int running_ = 0;
  // Of the units that were lost: such wait, or run.
  int lost_ = 0;
  bool paused_ = false;
  bool started_ = false;
  bool answered_ = false;
  bool pumping_ = false;
  bool was_busy_ = false;
  absl::Status failure_;
  absl::Time not_before_ = absl::InfinitePast();
  std::optional<Timer::Id> timer_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_RUNNER_H_
