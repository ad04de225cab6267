// The text engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/engines/text/text_engine.h"
#include "runtime/worker/worker_model.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/support/paths.h"
#include "tests/unit/engines/text/dictionary.h"

namespace intelligenced {
namespace {

engine_proto::ModelSpec Spec() {
  engine_proto::ModelSpec spec;
  spec.set_name("writing-rules");
  spec.set_engine("text");
  for (const auto& [role, path] :
       {std::pair("affixes", kAffixes), std::pair("dictionary", kDictionary)}) {
    engine_proto::ModelFile* file = spec.add_files();
    file->set_role(role);
    file->set_path(path);
  }
  return spec;
}

class InProcess final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    auto target = std::make_unique<InProcess>();
    target->engine_ = MakeTextEngine();
    auto model = target->engine_->Load(Spec(), {});
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
    auto model = target->launcher_->Launch(Spec(), {}, [] {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  std::unique_ptr<WorkerLauncher> launcher_;
  std::unique_ptr<WorkerModel> model_;
};

engine_proto::Task Proofread(int sentences) {
  engine_proto::Task task;
  std::string text;
  for (int i = 0; i < sentences; ++i) {
    absl::StrAppend(&text, "We dont know why teh number ", i, " is so large — naïve, perhaps. ");
  }
  task.mutable_proofread()->set_text(std::move(text));
  return task;
}

ConformanceCase TextCase(std::string name) {
  ConformanceCase result;
  result.name = std::move(name);
  result.task = Proofread(30);
  engine_proto::Task rewrite;
  rewrite.mutable_rewrite()->set_text("We came in order to see. It's late, isn't it?");
  rewrite.mutable_rewrite()->set_style(3);
  engine_proto::Task summarize;
  summarize.mutable_summarize()->set_text(
      "The bridge is closed. The bridge will be open again in May. Ferries run until then.");
  result.more_tasks = {Proofread(1), rewrite, summarize, Proofread(12)};
  result.long_task = Proofread(2000);
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  engine_proto::Task german;
  german.mutable_proofread()->set_text(
      "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß genau, warum er "
      "das "
      "an jedem Morgen tut.");
  result.failing_task = german;
  return result;
}

ConformanceCase InProcessCase() {
  ConformanceCase result = TextCase("InProcess");
  result.load = InProcess::Make;
  return result;
}

ConformanceCase InWorkerCase() {
  ConformanceCase result = TextCase("InWorker");
  result.load = InWorker::Make;
  return result;
}

INSTANTIATE_TEST_SUITE_P(Text, EngineConformanceTest,
                         testing::Values(InProcessCase(), InWorkerCase()), ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
