#include "services/translation/detect.h"

#include <utility>

#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "services/rpc/job_group.h"
#include "services/rpc/model_run.h"

namespace intelligenced {
namespace {

constexpr size_t kSampleBytes = 8192;

class DetectHandler final : public JobHandler {
 public:
  DetectHandler(size_t texts, absl::AnyInvocable<void(DetectAnswer)> then)
      : results_(texts), answered_(texts), then_(std::move(then)) {}

  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_languages() || event.languages().index() >= results_.size()) return;
    results_[event.languages().index()] = event.languages();
    answered_[event.languages().index()] = true;
  }
  void OnEnd(const absl::Status& status, const JobUsage&) override {
    if (!status.ok()) return then_(status);
    for (const bool answered : answered_) {
      if (!answered) {
        return then_(
            MakeError(Reason::kEngineFailure, "The model has not answered for all texts."));
      }
    }
    then_(std::move(results_));
  }

 private:
  std::vector<engine_proto::LanguagesResult> results_;
  std::vector<bool> answered_;
  absl::AnyInvocable<void(DetectAnswer)> then_;
};

}  // namespace

absl::Status DetectLanguages(const std::shared_ptr<Call>& call,
                             const intelligence::v1::RequestOptions& options,
                             const std::vector<std::string>& texts, uint32_t max_candidates,
                             absl::AnyInvocable<void(DetectAnswer)> then) {
  const absl::StatusOr<Manifest> model = FindModelFor(call->runtime(), kDetectCapability, options);
  if (!model.ok()) return model.status();
  engine_proto::Task task;
  uint64_t bytes = 0;
  for (const std::string& text : texts) {
    task.mutable_detect_language()->add_texts(text);
    bytes += text.size();
  }
  task.mutable_detect_language()->set_max_candidates(max_candidates);
  std::make_shared<JobGroup>(call, call->MakeJob(options, model->name), 1)
      ->Add(std::move(task), bytes, std::make_shared<DetectHandler>(texts.size(), std::move(then)));
  return absl::OkStatus();
}

std::string_view DetectionSample(std::string_view text) { return TruncateUtf8(text, kSampleBytes); }

bool HasLetters(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (IsLetter(DecodeChar(text, i))) return true;
  }
  return false;
}

}  // namespace intelligenced
