// The ONNX engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>
#include <utility>

#include "runtime/engines/onnx/onnx_engine.h"
#include "runtime/worker/worker_model.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/support/paths.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

class InProcess final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    auto target = std::make_unique<InProcess>();
    auto model = target->engine_->Load(SpecFor("ultralight", target->file_.path()), {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  const OnnxTestFile file_{UltralightBytes()};
  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
  std::unique_ptr<Model> model_;
};

class InWorker final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    auto target = std::make_unique<InWorker>();
    WorkerOptions options;
    options.worker_directory = WorkerDirectory();
    target->launcher_ = std::make_unique<WorkerLauncher>(std::move(options));
    auto model = target->launcher_->Launch(SpecFor("ultralight", target->file_.path()), {}, [] {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  const OnnxTestFile file_{UltralightBytes()};
  std::unique_ptr<WorkerLauncher> launcher_;
  std::unique_ptr<WorkerModel> model_;
};

engine_proto::Task Faces(int requests, uint8_t value) {
  engine_proto::Task task = TaskOn(GreyImage(64, 48, value));
  for (int i = 0; i < requests; ++i) {
    task.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  }
  return task;
}

ConformanceCase OnnxCase(std::string name) {
  ConformanceCase result;
  result.name = std::move(name);
  result.task = Faces(3, 255);
  result.more_tasks = {Faces(1, 255), Faces(5, 200), Faces(2, 0)};
  result.long_task = Faces(32, 255);
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  result.failing_task = Faces(1, 255);
  result.failing_task->mutable_vision()->mutable_image()->set_encoded("no picture");
  return result;
}

ConformanceCase InProcessCase() {
  ConformanceCase result = OnnxCase("InProcess");
  result.load = InProcess::Make;
  return result;
}

ConformanceCase InWorkerCase() {
  ConformanceCase result = OnnxCase("InWorker");
  result.load = InWorker::Make;
  return result;
}

INSTANTIATE_TEST_SUITE_P(Onnx, EngineConformanceTest,
                         testing::Values(InProcessCase(), InWorkerCase()), ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
