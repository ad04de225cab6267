#include "runtime/engines/fake/fake_engine.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using engine_proto::Task;

struct Course {
  std::vector<engine_proto::Event> events;
  absl::Status status;
  int steps = 0;

  std::string text() const {
    std::string text;
    for (const auto& event : events) text += event.has_text() ? event.text() : event.delta();
    return text;
  }
  const engine_proto::Completed& completed() const { return events.back().completed(); }
};

class FakeEngineTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Model>> TryLoad(
      const std::map<std::string, std::string>& parameters, CancelToken cancel = {}) {
    engine_proto::ModelSpec spec;
    spec.set_name("fake");
    for (const auto& [name, value] : parameters) (*spec.mutable_parameters())[name] = value;
    FakeHooks hooks;
    hooks.crash = [this] { ++crashes_; };
    hooks.probe = [](const std::string& what) { return "probed " + what; };
    engine_ = MakeFakeEngine(MakeManualFakeTime(&clock_), std::move(hooks));
    return engine_->Load(spec, std::move(cancel));
  }
  Model& Load(const std::map<std::string, std::string>& parameters = {}) {
    auto model = TryLoad(parameters);
    EXPECT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    return *model_;
  }
  Course RunTask(const Task& task, absl::Duration budget = absl::ZeroDuration()) {
    Course run;
    auto job = model_->Start(task, {});
    if (!job.ok()) {
      run.status = job.status();
      return run;
    }
    Job* const jobs[] = {job->get()};
    for (bool done = false; !done; ++run.steps) {
      auto outputs = model_->Step(jobs, {.budget = budget});
      EXPECT_TRUE(outputs.ok()) << outputs.status();
      if (!outputs.ok()) break;
      JobOutput& output = (*outputs)[0];
      for (auto& event : output.events) run.events.push_back(std::move(event));
      done = output.done;
      run.status = output.status;
    }
    return run;
  }
  static Task Generate(const std::string& prompt) {
    Task task;
    task.mutable_generate()->set_prompt(prompt);
    return task;
  }

  ManualClock clock_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Model> model_;
  int crashes_ = 0;
};

TEST_F(FakeEngineTest, DoesExactlyWhatItIsTold) {
  Load();
  Task task;
  task.mutable_fake()->set_prefill_units(2);
  task.mutable_fake()->add_deltas("a");
  task.mutable_fake()->add_deltas("b");
  task.mutable_fake()->set_payload_bytes(3);
  const Course run = RunTask(task);
  EXPECT_EQ(run.steps, 5);
  EXPECT_EQ(run.text(), "abxxx");
  EXPECT_EQ(run.completed().finish_reason(), engine_proto::FINISH_REASON_STOP);
}

TEST_F(FakeEngineTest, AnEmptyTaskCompletesInOneStep) {
  Load();
  Task task;
  task.mutable_fake();
  const Course run = RunTask(task);
  EXPECT_EQ(run.steps, 1);
  EXPECT_TRUE(run.events.back().has_completed());
}

TEST_F(FakeEngineTest, UnitsTakeTheirTimeAndTheBudgetHolds) {
  Load();
  Task task;
  for (int i = 0; i < 10; ++i) task.mutable_fake()->add_deltas("x");
  task.mutable_fake()->set_unit_microseconds(8000);
  const absl::Time begin = clock_.Now();
  const Course run = RunTask(task, absl::Milliseconds(20));
  EXPECT_EQ(clock_.Now() - begin, absl::Milliseconds(80));
  EXPECT_EQ(run.steps, 4);  // 8, 16, 24: three units a step
}

TEST_F(FakeEngineTest, ABatchTakesAsLongAsItsLongestUnit) {
  Load();
  Task quick;
  quick.mutable_fake()->add_deltas("q");
  quick.mutable_fake()->set_unit_microseconds(1000);
  Task slow = quick;
  slow.mutable_fake()->set_unit_microseconds(5000);
  const auto a = model_->Start(quick, {});
  const auto b = model_->Start(slow, {});
  const absl::Time begin = clock_.Now();
  Job* const jobs[] = {a->get(), b->get()};
  ASSERT_TRUE(model_->Step(jobs, {.budget = absl::ZeroDuration()}).ok());
  EXPECT_EQ(clock_.Now() - begin, absl::Milliseconds(5));
}

TEST_F(FakeEngineTest, FailsAndCrashesWhenTold) {
  Load();
  Task task;
  for (int i = 0; i < 5; ++i) task.mutable_fake()->add_deltas("x");
  task.mutable_fake()->set_fail_after_units(3);
  const Course run = RunTask(task);
  EXPECT_TRUE(HasReason(run.status, Reason::kEngineFailure));
  EXPECT_EQ(run.text(), "xxx");
  task.mutable_fake()->set_fail_after_units(0);
  task.mutable_fake()->set_crash_after_units(4);
  RunTask(task);
  EXPECT_EQ(crashes_, 1);
}

TEST_F(FakeEngineTest, FailsAsAWholeWhenTold) {
  Load({{"fail_step", "2"}});
  const auto job = model_->Start(Generate("one two three four"), {});
  Job* const jobs[] = {job->get()};
  EXPECT_TRUE(model_->Step(jobs, {.budget = absl::ZeroDuration()}).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(HasReason(model_->Step(jobs, {}).status(), Reason::kEngineFailure));
  }
}

TEST_F(FakeEngineTest, GenerateEchoesWordByWord) {
  Load();
  Task task = Generate("Guten Tag,\n Welt 🙂");
  Course run = RunTask(task);
  EXPECT_EQ(run.text(), "Guten Tag,\n Welt 🙂");
  EXPECT_EQ(run.steps, 4);
  EXPECT_EQ(run.completed().input_tokens(), 4u);
  EXPECT_EQ(run.completed().output_tokens(), 4u);

  auto& conversation = *task.mutable_generate()->mutable_conversation();
  conversation.add_messages()->set_text("be kind");
  conversation.add_messages()->set_text("hello there");
  run = RunTask(task);
  EXPECT_EQ(run.text(), "hello there");
  EXPECT_EQ(run.completed().input_tokens(), 4u);
}

TEST_F(FakeEngineTest, GenerateHonoursLimitsAndStops) {
  Load({{"reply", "one two END three"}, {"context_tokens", "6"}});
  Task task = Generate("in put");
  EXPECT_EQ(RunTask(task).completed().finish_reason(), engine_proto::FINISH_REASON_STOP);
  task.mutable_generate()->set_max_output_tokens(2);
  Course run = RunTask(task);
  EXPECT_EQ(run.text(), "one two");
  EXPECT_EQ(run.completed().finish_reason(), engine_proto::FINISH_REASON_LENGTH);
  task.mutable_generate()->set_max_output_tokens(0);
  task.mutable_generate()->add_stop("");
  task.mutable_generate()->add_stop("EN");
  run = RunTask(task);
  EXPECT_EQ(run.text(), "one two ");
  EXPECT_EQ(run.completed().finish_reason(), engine_proto::FINISH_REASON_STOP);
  run = RunTask(Generate("1 2 3 4"));
  EXPECT_EQ(run.text(), "one two");
  EXPECT_EQ(run.completed().finish_reason(), engine_proto::FINISH_REASON_LENGTH);
  run = RunTask(Generate("1 2 3 4 5 6"));
  EXPECT_TRUE(HasReason(run.status, Reason::kContextWindowExceeded)) << run.status;
  EXPECT_EQ(FactsOf(run.status).metadata["input_tokens"], "6");
}

TEST_F(FakeEngineTest, CountsWords) {
  Load();
  Task task;
  task.mutable_count_tokens()->set_text(" one  two\nthree ");
  const Course run = RunTask(task);
  EXPECT_EQ(run.events[0].token_count().tokens(), 3u);
  EXPECT_EQ(run.events[0].token_count().context_tokens(), 4096u);
}

TEST_F(FakeEngineTest, ProofreadsWholeWordsOutsideProtectedRanges) {
  Load({{"corrections", "teh=the;größ=groß"}});
  Task task;
  auto& proofread = *task.mutable_proofread();
  proofread.set_text("teh tehran `teh` größ");
  auto* const range = proofread.add_protected_ranges();
  range->set_start(11);
  range->set_end(16);
  const Course run = RunTask(task);
  const auto& result = run.events[0].proofread();
  ASSERT_EQ(result.corrections_size(), 2);
  EXPECT_EQ(result.corrections(0).start(), 0u);
  EXPECT_EQ(result.corrections(0).end(), 3u);
  EXPECT_EQ(result.corrections(0).replacement(), "the");
  EXPECT_EQ(result.corrections(1).start(), 17u);
  EXPECT_EQ(result.corrections(1).replacement(), "groß");
  EXPECT_EQ(result.language(), "en");
}

TEST_F(FakeEngineTest, RefusesBadRanges) {
  Load();
  for (const auto& [start, end] :
       std::vector<std::pair<uint32_t, uint32_t>>{{0, 99}, {3, 2}, {1, 2}, {4'000'000'000, 5}}) {
    Task task;
    task.mutable_proofread()->set_text("ü teh");
    auto* const range = task.mutable_proofread()->add_protected_ranges();
    range->set_start(start);
    range->set_end(end);
    EXPECT_TRUE(HasReason(RunTask(task).status, Reason::kFieldInvalid)) << start;
  }
}

TEST_F(FakeEngineTest, RewritesAndSummarizes) {
  Load({{"rewrite", "{style}/{tone}/{length}: {text}"}});
  Task task;
  task.mutable_rewrite()->set_text("Here is teh text.");
  task.mutable_rewrite()->set_style(3);
  task.mutable_rewrite()->set_tone(1);
  EXPECT_EQ(RunTask(task).text(), "3/1/0: Here is the text.");
  task.mutable_summarize()->set_text("First sentence. Second one.");
  EXPECT_EQ(RunTask(task).text(), "First sentence.");
  task.mutable_summarize()->set_text("");
  EXPECT_EQ(RunTask(task).text(), "");
}

TEST_F(FakeEngineTest, LongTextsReportProgress) {
  Load();
  Task task;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "word ";
  task.mutable_summarize()->set_text(text);
  const Course run = RunTask(task);
  EXPECT_EQ(run.steps, 4);
  EXPECT_EQ(run.events[0].progress().done(), 1u);
  EXPECT_EQ(run.events[0].progress().total(), 4u);
}

TEST_F(FakeEngineTest, ReadsItsParameters) {
  Load({{"max_batch", "7"}, {"width", "2"}, {"device", "vulkan0"}, {"resident_mb", "5"}});
  EXPECT_EQ(model_->info().max_batch(), 7u);
  EXPECT_EQ(model_->info().width(), 2u);
  EXPECT_EQ(model_->info().device(), "vulkan0");
  EXPECT_EQ(model_->MeasureUsage()->resident_bytes(), 5u << 20);
  Load({{"probe", "this"}});
  EXPECT_EQ(RunTask(Generate("x")).text(), "probed this");
}

TEST_F(FakeEngineTest, RefusesBadParameters) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"max_batch", "0"},
                                                                      {"width", "-1"},
                                                                      {"context_tokens", "x"},
                                                                      {"resident_mb", "1e9"},
                                                                      {"load_ms", ""}}) {
    EXPECT_TRUE(HasReason(TryLoad({{name, value}}).status(), Reason::kModelLoadFailed)) << name;
  }
  EXPECT_TRUE(
      HasReason(TryLoad({{"load_failure", "MODEL_CORRUPT"}}).status(), Reason::kModelCorrupt));
  EXPECT_TRUE(
      HasReason(TryLoad({{"load_failure", "nonsense"}}).status(), Reason::kModelLoadFailed));
}

TEST_F(FakeEngineTest, RefusesEnormousTasks) {
  Load();
  Task task;
  task.mutable_fake()->set_payload_bytes(uint64_t{1} << 40);
  EXPECT_TRUE(HasReason(RunTask(task).status, Reason::kFieldInvalid));
  task.mutable_fake()->set_payload_bytes(0);
  task.mutable_fake()->set_prefill_units(4'000'000'000);
  EXPECT_TRUE(HasReason(RunTask(task).status, Reason::kFieldInvalid));
}

TEST_F(FakeEngineTest, LoadingTakesTimeAndCanBeCancelled) {
  const absl::Time begin = clock_.Now();
  Load({{"load_ms", "250"}});
  EXPECT_EQ(clock_.Now() - begin, absl::Milliseconds(250));
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_TRUE(HasReason(TryLoad({}, cancel.token()).status(), Reason::kCancelled));
}

TEST(RealFakeTimeTest, ACancelEndsTheWait) {
  const std::unique_ptr<FakeTime> time = MakeRealFakeTime();
  CancelSource cancel;
  std::thread canceller([&] { cancel.Cancel(); });
  time->Wait(absl::InfiniteDuration(), {CancelToken(), cancel.token()});
  canceller.join();
  const absl::Time begin = time->Now();
  time->Wait(absl::Milliseconds(2), {CancelToken()});
  EXPECT_GE(time->Now() - begin, absl::Milliseconds(2));
}

}  // namespace
}  // namespace intelligenced
