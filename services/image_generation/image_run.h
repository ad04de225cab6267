// One call that makes pictures: the model is loaded, told to fit, and then one job does the rest.
//
// The model comes first because what can be asked of it is only known then: a style that it does
// not have is refused before anything waits in the queue.
#ifndef INTELLIGENCED_SERVICES_IMAGE_GENERATION_IMAGE_RUN_H_
#define INTELLIGENCED_SERVICES_IMAGE_GENERATION_IMAGE_RUN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/models/model_manager.h"
#include "services/image_generation/engine_task.h"
#include "services/rpc/model_run.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {

// What one call computes.
struct ImageWork {
  engine_proto::Task task;
  Attachments attachments;
  // As JobRequest::input_bytes.
  uint64_t input_bytes = 0;
  // Checks the task against the loaded model, and writes it in the model's words.
  std::function<absl::Status(const engine_proto::ModelInfo& info, engine_proto::Task* task)> fit;
  engine_proto::ImageFileFormat format = engine_proto::IMAGE_FILE_FORMAT_PNG;
  uint32_t pictures = 1;
  // PictureConcept() of the request.
  int picture_concept = -1;
};

// Everything happens inside the call's Run(), like ModelRun. `Response` is one of the three
// streamed responses of image_generation.proto, which have the same events.
template <typename Response>
class ImageRun final : public TypedModelRun<Response> {
 public:
  ImageRun(std::shared_ptr<StreamCall> call, const intelligence::v1::RequestOptions& options,
           Manifest model, ImageWork work)
      : TypedModelRun<Response>(std::move(call), options, std::move(model), 1),
        options_(options),
        work_(std::move(work)) {}

  // `completed` is sent at the end, with the usage filled in.
  template <typename Completed>
  void Start(Completed completed) {
    this->Bind();
    *response_.mutable_completed() = std::move(completed);
    const auto self = std::static_pointer_cast<ImageRun>(this->shared_from_this());
    AcquireOptions options;
    if (options_.has_keep_alive()) options.keep_alive = GetDuration(options_.keep_alive());
    options.cancel = this->call().cancel_token();
    options.interactive = ToRequestClass(options_.request_class()) == RequestClass::kInteractive;
    options.on_loading = [self] {
      self->call().Run([self] {
        if (self->call().ended()) return;
        intelligence::v1::ModelLoading loading;
        loading.set_model(ModelResourceName(self->model().name));
        self->WriteModelLoading(loading);
      });
    };
    asked_ = this->call().runtime().clock().Now();
    this->call().runtime().models().Acquire(
        this->model().name, std::move(options), [self](absl::StatusOr<ModelLease> lease) {
          self->call().Run(
              [self, lease = std::move(lease)]() mutable { self->OnModel(std::move(lease)); });
        });
  }

 private:
  void OnModel(absl::StatusOr<ModelLease> lease) {
    if (!lease.ok()) return this->FailWithoutJobs(lease.status());
    JobUsage waited;
    waited.load_time = this->call().runtime().clock().Now() - asked_;
    this->call().NoteUsage(waited);
    const absl::Status status = work_.fit(lease->model->info(), &work_.task);
    if (!status.ok()) {
      return this->FailWithoutJobs(NameConcept(status, work_.picture_concept));
    }
    // Until the job has the model itself: nothing takes it away in between.
    lease_ = *std::move(lease);
    const auto self = std::static_pointer_cast<ImageRun>(this->shared_from_this());
    this->AddJob(std::move(work_.task), work_.input_bytes,
                 {.on_event = [self](const engine_proto::Event& event) { self->OnEvent(event); },
                  .on_end = [self](const absl::Status& end, const JobUsage&) { self->OnEnd(end); }},
                 std::move(work_.attachments));
  }

  void OnEvent(const engine_proto::Event& event) {
    lease_.reset();
    Response response;
    if (event.has_image_step()) {
      *response.mutable_progress() = FromEngine(event.image_step());
    } else if (event.has_generated_image()) {
      *response.mutable_image() = FromEngine(event.generated_image(), work_.format);
      ++pictures_;
    } else if (event.has_progress()) {
      response.mutable_progress()->set_step(static_cast<uint32_t>(event.progress().done()));
      response.mutable_progress()->set_steps(static_cast<uint32_t>(event.progress().total()));
    } else {
      return;
    }
    this->call().Write(response);
  }

  void OnEnd(const absl::Status& status) {
    lease_.reset();
    if (!status.ok()) this->Fail(NameConcept(status, work_.picture_concept));
  }

  void Complete() override {
    if (pictures_ != work_.pictures) {
      return this->Fail(MakeError(
          Reason::kEngineFailure,
          absl::StrCat("The model made ", pictures_, " of ", work_.pictures, " pictures.")));
    }
    *response_.mutable_completed()->mutable_usage() = this->call().usage().ToProto();
    this->call().Write(response_);
  }

  const intelligence::v1::RequestOptions options_;
  ImageWork work_;
  // `completed`.
  Response response_;
  absl::Time asked_;
  std::optional<ModelLease> lease_;
  uint32_t pictures_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_IMAGE_GENERATION_IMAGE_RUN_H_
