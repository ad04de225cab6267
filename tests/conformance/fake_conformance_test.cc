// The fake engine and the daemon's proxy for a worker against the engine contract.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/clock.h"
#include "runtime/engines/fake/fake_engine.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/conformance/places.h"

namespace intelligenced {
namespace {

engine_proto::ModelSpec Spec() {
  engine_proto::ModelSpec spec;
  spec.set_name("fake");
  spec.set_engine("fake");
  return spec;
}

// With a clock of its own, which must outlive the engine.
class InManualTime final : public ConformanceTarget {
 public:
  static absl::StatusOr<std::unique_ptr<ConformanceTarget>> Make() {
    auto target = std::make_unique<InManualTime>();
    target->engine_ = MakeFakeEngine(MakeManualFakeTime(&target->clock_));
    auto model = target->engine_->Load(Spec(), {});
    if (!model.ok()) return model.status();
    target->model_ = *std::move(model);
    return target;
  }
  Model& model() override { return *model_; }

 private:
  ManualClock clock_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Model> model_;
};

engine_proto::Task Fake(int deltas, const std::string& word) {
  engine_proto::Task task;
  task.mutable_fake()->set_prefill_units(2);
  for (int i = 0; i < deltas; ++i) task.mutable_fake()->add_deltas(absl::StrCat(word, i, " "));
  return task;
}

ConformanceCase FakeCase(std::string name) {
  ConformanceCase result;
  result.name = std::move(name);
  result.task = Fake(20, "wörd→");
  result.more_tasks = {Fake(3, "a"), Fake(40, "b"), Fake(1, "c"), Fake(25, "d"), Fake(2, "e")};
  engine_proto::Task generate;
  generate.mutable_generate()->set_prompt("Ein Gruß aus Zürich, 日本語 und 🙂 dazu.");
  result.more_tasks.push_back(generate);
  engine_proto::Task proofread;
  proofread.mutable_proofread()->set_text("Here is teh text.");
  result.more_tasks.push_back(proofread);
  engine_proto::Task draw;
  draw.mutable_generate_image()->set_prompt("a red car");
  draw.mutable_generate_image()->set_count(2);
  draw.mutable_generate_image()->set_preview_interval(2);
  result.more_tasks.push_back(draw);
  result.long_task = Fake(5000, "long");
  result.wrong_task.mutable_proofread()->set_text("short");
  result.wrong_task.mutable_proofread()->add_protected_ranges()->set_end(99);
  engine_proto::VisionTask& read = *result.task_of_attached.mutable_vision();
  read.add_requests()->mutable_recognize_text();
  result.attached = std::string(100'000, 'x');
  result.attached_task = result.task_of_attached;
  result.attached_task->mutable_vision()->mutable_image()->set_attachment("0");
  read.mutable_image()->set_encoded(result.attached);
  result.failing_task = Fake(20, "f");
  result.failing_task->mutable_fake()->set_fail_after_units(7);
  return result;
}

ConformanceCase InProcessCase() {
  ConformanceCase result = FakeCase("InProcess");
  result.load = InManualTime::Make;
  return result;
}

ConformanceCase InWorkerCase() {
  ConformanceCase result = FakeCase("InWorker");
  result.load = InWorker([] { return PlacedSpec{Spec(), nullptr}; });
  result.breaking_task = Fake(20, "x");
  result.breaking_task->mutable_fake()->set_crash_after_units(5);
  return result;
}

INSTANTIATE_TEST_SUITE_P(Fake, EngineConformanceTest,
                         testing::Values(InProcessCase(), InWorkerCase()), ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
