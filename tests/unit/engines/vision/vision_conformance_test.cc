// The vision engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/engines/vision/vision_engine.h"
#include "runtime/worker/worker_model.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/support/paths.h"
#include "tests/unit/engines/vision/pictures.h"

namespace intelligenced {
namespace {

class InProcess final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    auto target = std::make_unique<InProcess>();
    target->engine_ = MakeVisionEngine();
    auto model = target->engine_->Load(VisionSpec(), {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Model> model_;
};

class InWorker final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    auto target = std::make_unique<InWorker>();
    WorkerOptions options;
    options.worker_directory = WorkerDirectory();
    target->launcher_ = std::make_unique<WorkerLauncher>(std::move(options));
    auto model = target->launcher_->Launch(VisionSpec(), {}, [] {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  std::unique_ptr<WorkerLauncher> launcher_;
  std::unique_ptr<WorkerModel> model_;
};

engine_proto::Task Read(int lines) {
  engine_proto::Task task = TaskOn(PngOf(PageOf(std::vector<std::string>(lines, "Lines of text"))));
  task.mutable_vision()->add_requests()->mutable_recognize_text();
  return task;
}

ConformanceCase VisionCase(std::string name) {
  ConformanceCase result;
  result.name = std::move(name);
  result.task = Read(3);
  engine_proto::Task barcode = TaskOn(PngOf(BarcodeOf("12345", ZXing::BarcodeFormat::QRCode, 4)));
  barcode.mutable_vision()->add_requests()->mutable_detect_barcodes();
  barcode.mutable_vision()->add_requests()->mutable_detect_human_rectangles();
  engine_proto::Task scores = TaskOn(PngOf(PageOf({"A page"})));
  scores.mutable_vision()->add_requests()->mutable_calculate_image_aesthetics_scores();
  result.more_tasks = {barcode, scores, Read(1)};
  result.long_task = Read(24);
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  result.failing_task = scores;
  result.failing_task->mutable_vision()->mutable_image()->set_encoded("no picture");
  return result;
}

ConformanceCase InProcessCase() {
  ConformanceCase result = VisionCase("InProcess");
  result.load = InProcess::Make;
  return result;
}

ConformanceCase InWorkerCase() {
  ConformanceCase result = VisionCase("InWorker");
  result.load = InWorker::Make;
  return result;
}

INSTANTIATE_TEST_SUITE_P(Vision, EngineConformanceTest,
                         testing::Values(InProcessCase(), InWorkerCase()), ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
