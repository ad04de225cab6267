// The llama engine against the engine contract, in this process and in a worker.
#include <memory>
#include <string>
#include <utility>

#include "runtime/engines/llama/llama_engine.h"
#include "runtime/worker/worker_model.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/support/paths.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

class InProcess final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    if (!HaveStories()) return nullptr;
    auto target = std::make_unique<InProcess>();
    auto model = target->engine_->Load(SpecOf(StoriesPath()), {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  std::unique_ptr<Engine> engine_ = MakeLlamaEngine();
  std::unique_ptr<Model> model_;
};

class InWorker final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    if (!HaveStories()) return nullptr;
    auto target = std::make_unique<InWorker>();
    WorkerOptions options;
    options.worker_directory = WorkerDirectory();
    target->launcher_ = std::make_unique<WorkerLauncher>(std::move(options));
    auto model = target->launcher_->Launch(SpecOf(StoriesPath()), {}, [] {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  std::unique_ptr<WorkerLauncher> launcher_;
  std::unique_ptr<WorkerModel> model_;
};

ConformanceCase LlamaCase(std::string name) {
  ConformanceCase result;
  result.name = std::move(name);
  result.task = Greedy("", 40);
  result.more_tasks = {Greedy("One day", 3), Greedy("Tom had a red ball. He", 90),
                       Greedy("The cat", 1), Greedy("Sue and Tim", 25)};
  engine_proto::Task count;
  count.mutable_count_tokens()->set_text("Once upon a time");
  result.more_tasks.push_back(count);
  result.long_task = Greedy("", 500);
  result.wrong_task.mutable_proofread()->set_text("teh");
  return result;
}

ConformanceCase Here() {
  ConformanceCase result = LlamaCase("InProcess");
  result.load = InProcess::Make;
  return result;
}

ConformanceCase InAWorker() {
  ConformanceCase result = LlamaCase("InWorker");
  result.load = InWorker::Make;
  return result;
}

INSTANTIATE_TEST_SUITE_P(Llama, EngineConformanceTest, testing::Values(Here(), InAWorker()),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
