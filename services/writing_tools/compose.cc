// Composing: one streamed answer of a language model.
#include <memory>
#include <string>
#include <utility>

#include "services/rpc/model_run.h"
#include "services/writing_tools/output_cleaner.h"
#include "services/writing_tools/prompts.h"
#include "services/writing_tools/tools.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

class ComposeRun final : public TypedModelRun<v1::ComposeTextResponse> {
 public:
  ComposeRun(std::shared_ptr<StreamCall> call, Manifest model, v1::ComposeTextRequest request)
      : TypedModelRun(std::move(call), request.options(), std::move(model), 1),
        request_(std::move(request)),
        cleaner_("") {
    completed_.set_finish_reason(v1::FINISH_REASON_STOP);
  }

  void Start() {
    Bind();
    engine_proto::Task task;
    *task.mutable_generate() = ComposePrompt(request_);
    const auto self = std::static_pointer_cast<ComposeRun>(shared_from_this());
    AddJob(std::move(task), request_.instruction().size() + request_.shared_context().size(),
           {.on_event = [self](const engine_proto::Event& event) { self->OnEvent(event); },
            .on_end =
                [self](const absl::Status& status, const JobUsage&) {
                  if (!status.ok()) return self->Fail(status);
                  self->Emit(self->cleaner_.Finish());
                }});
  }

 private:
  void OnEvent(const engine_proto::Event& event) {
    if (event.has_delta()) {
      Emit(cleaner_.Push(event.delta()));
    } else if (event.has_progress()) {
      WriteProgress(event.progress().done(), event.progress().total());
    } else if (event.has_completed()) {
      completed_.set_finish_reason(ToFinishReason(event.completed().finish_reason()));
    }
  }

  void Emit(std::string_view piece) {
    if (piece.empty()) return;
    completed_.mutable_text()->append(piece);
    v1::ComposeTextResponse response;
    response.set_delta(std::string(piece));
    call().Write(response);
  }

  void Complete() override {
    v1::ComposeTextResponse response;
    *completed_.mutable_usage() = call().usage().ToProto();
    *response.mutable_completed() = std::move(completed_);
    call().Write(response);
  }

  const v1::ComposeTextRequest request_;
  OutputCleaner cleaner_;
  v1::ComposeTextCompleted completed_;
};

}  // namespace

void StartCompose(std::shared_ptr<StreamCall> call, Manifest model,
                  v1::ComposeTextRequest request) {
  std::make_shared<ComposeRun>(std::move(call), std::move(model), std::move(request))->Start();
}

}  // namespace intelligenced
