#include "tests/conformance/engine_conformance.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/util/message_differencer.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {

using engine_proto::Event;
using engine_proto::Task;

std::string EngineConformanceTest::Course::text() const {
  std::string text;
  for (const Event& event : events) {
    text += event.has_text() ? event.text() : event.delta();
    text += event.generated_image().data();
  }
  return text;
}

int EngineConformanceTest::Course::completed() const {
  return static_cast<int>(std::count_if(events.begin(), events.end(),
                                        [](const Event& event) { return event.has_completed(); }));
}

void EngineConformanceTest::SetUp() {
  auto target = GetParam().load();
  ASSERT_TRUE(target.ok()) << target.status();
  target_ = *std::move(target);
  if (target_ == nullptr) GTEST_SKIP() << "what this engine needs is not on this machine";
}

std::unique_ptr<Job> EngineConformanceTest::MustStart(const Task& task, CancelToken cancel) {
  auto job = model().Start(task, std::move(cancel));
  EXPECT_TRUE(job.ok()) << job.status();
  return job.ok() ? *std::move(job) : nullptr;
}

void EngineConformanceTest::Drive(const std::vector<Job*>& jobs, std::vector<Course>* courses,
                                  int max_steps, absl::Duration budget) {
  courses->resize(jobs.size());
  for (int step = 0; step < max_steps; ++step) {
    std::vector<Job*> batch;
    std::vector<size_t> indices;
    for (size_t i = 0; i < jobs.size() && batch.size() < model().info().max_batch(); ++i) {
      // Begins elsewhere each time, so that jobs above the batch's size get their turn.
      const size_t index = (i + step) % jobs.size();
      if ((*courses)[index].done) continue;
      batch.push_back(jobs[index]);
      indices.push_back(index);
    }
    if (batch.empty()) return;
    auto outputs = model().Step(batch, {.budget = budget});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    ASSERT_EQ(outputs->size(), batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      Course& course = (*courses)[indices[i]];
      JobOutput& output = (*outputs)[i];
      ++course.steps;
      for (Event& event : output.events) course.events.push_back(std::move(event));
      course.done = output.done;
      course.status = output.status;
      EXPECT_TRUE(output.done || output.status.ok()) << "a job that failed is done";
      EXPECT_GE(output.work, 0);
    }
  }
}

EngineConformanceTest::Course EngineConformanceTest::RunAlone(const Task& task,
                                                              const Attachments& attachments) {
  std::vector<Course> courses(1);
  absl::StatusOr<std::unique_ptr<Job>> job = model().StartWith(task, attachments, {});
  if (job.ok()) {
    Drive({job->get()}, &courses);
  } else {
    courses[0] = {.events = {}, .status = job.status(), .done = true};
  }
  return std::move(courses[0]);
}

void EngineConformanceTest::ExpectWholeCourse(const Course& course) {
  EXPECT_TRUE(course.done);
  EXPECT_TRUE(course.status.ok()) << course.status;
  ASSERT_FALSE(course.events.empty());
  EXPECT_EQ(course.completed(), 1);
  EXPECT_TRUE(course.events.back().has_completed());
}

namespace {

bool SameEvents(const std::vector<Event>& a, const std::vector<Event>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](Event x, Event y) {
    // How long something takes is not what it gives.
    for (Event* const event : {&x, &y}) {
      if (event->has_image_step()) event->mutable_image_step()->clear_remaining_microseconds();
    }
    return google::protobuf::util::MessageDifferencer::Equals(x, y);
  });
}

TEST_P(EngineConformanceTest, SaysWhatItIs) {
  EXPECT_GE(model().info().max_batch(), 1u);
  EXPECT_GE(model().info().width(), 1u);
  EXPECT_FALSE(model().info().device().empty());
  EXPECT_FALSE(model().info().task_kinds().empty());
  EXPECT_TRUE(model().MeasureUsage().ok());
}

TEST_P(EngineConformanceTest, ATaskEndsWithOneCompleted) {
  ExpectWholeCourse(RunAlone(GetParam().task));
  for (const Task& task : GetParam().more_tasks) ExpectWholeCourse(RunAlone(task));
}

TEST_P(EngineConformanceTest, ABudgetGivesTheSameInFewerSteps) {
  if (!GetParam().deterministic) GTEST_SKIP() << "answers differ from run to run";
  const Course slow = RunAlone(GetParam().task);
  std::vector<Course> fast;
  const std::unique_ptr<Job> job = MustStart(GetParam().task);
  Drive({job.get()}, &fast, 2000, absl::Seconds(5));
  ExpectWholeCourse(fast[0]);
  EXPECT_LE(fast[0].steps, slow.steps);
  EXPECT_EQ(fast[0].text(), slow.text());
}

TEST_P(EngineConformanceTest, EveryDeltaIsWholeCharacters) {
  std::vector<Task> tasks = GetParam().more_tasks;
  tasks.push_back(GetParam().task);
  for (const Task& task : tasks) {
    for (const Event& event : RunAlone(task).events) {
      EXPECT_TRUE(IsValidUtf8(event.delta()));
      EXPECT_TRUE(IsValidUtf8(event.text()));
    }
  }
}

TEST_P(EngineConformanceTest, AStepAlwaysDoesAUnit) {
  const Course course = RunAlone(GetParam().task);  // every step without a budget
  EXPECT_TRUE(course.done) << "no end after " << course.steps << " steps";
}

TEST_P(EngineConformanceTest, JobsOfABatchDoNotMix) {
  if (!GetParam().deterministic) GTEST_SKIP() << "answers differ from run to run";
  std::vector<Task> tasks = {GetParam().task};
  tasks.insert(tasks.end(), GetParam().more_tasks.begin(), GetParam().more_tasks.end());
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<Job*> pointers;
  for (const Task& task : tasks) {
    jobs.push_back(MustStart(task));
    ASSERT_NE(jobs.back(), nullptr);
    pointers.push_back(jobs.back().get());
  }
  std::vector<Course> together;
  Drive(pointers, &together);
  for (size_t i = 0; i < tasks.size(); ++i) {
    ExpectWholeCourse(together[i]);
    EXPECT_EQ(together[i].text(), RunAlone(tasks[i]).text()) << "task " << i;
  }
}

TEST_P(EngineConformanceTest, TheSameTaskGivesTheSameEvents) {
  if (!GetParam().deterministic) GTEST_SKIP() << "answers differ from run to run";
  const Course first = RunAlone(GetParam().task);
  const Course second = RunAlone(GetParam().task);
  EXPECT_EQ(first.text(), second.text());
}

TEST_P(EngineConformanceTest, AWrongTaskIsRefusedAndHarmsNobody) {
  auto job = model().Start(GetParam().wrong_task, {});
  if (job.ok()) {
    std::vector<Course> courses;
    Drive({job->get()}, &courses);
    EXPECT_FALSE(courses[0].status.ok());
    EXPECT_EQ(courses[0].completed(), 0);
  } else {
    EXPECT_TRUE(ReasonOf(job.status()).has_value()) << job.status();
  }
  ExpectWholeCourse(RunAlone(GetParam().task));
}

TEST_P(EngineConformanceTest, ATaskWithoutAKindIsRefused) {
  const auto job = model().Start(Task(), {});
  EXPECT_TRUE(HasReason(job.status(), Reason::kFieldInvalid)) << job.status();
}

TEST_P(EngineConformanceTest, AJobCancelledBeforeItsFirstStepEndsCancelled) {
  CancelSource cancel;
  const std::unique_ptr<Job> job = MustStart(GetParam().task, cancel.token());
  cancel.Cancel();
  std::vector<Course> courses;
  Drive({job.get()}, &courses);
  EXPECT_TRUE(courses[0].done);
  EXPECT_TRUE(HasReason(courses[0].status, Reason::kCancelled)) << courses[0].status;
  EXPECT_EQ(courses[0].completed(), 0);
}

TEST_P(EngineConformanceTest, AJobCancelledMidwayEndsCancelledAndTheOthersGoOn) {
  if (!GetParam().long_task.has_value()) GTEST_SKIP() << "no long task";
  CancelSource cancel;
  const std::unique_ptr<Job> cancelled = MustStart(*GetParam().long_task, cancel.token());
  std::vector<Course> courses;
  Drive({cancelled.get()}, &courses, 1);
  ASSERT_FALSE(courses[0].done);
  cancel.Cancel();
  const std::unique_ptr<Job> other = MustStart(GetParam().task);
  Drive({cancelled.get(), other.get()}, &courses);
  EXPECT_TRUE(HasReason(courses[0].status, Reason::kCancelled)) << courses[0].status;
  EXPECT_EQ(courses[0].completed(), 0);
  ExpectWholeCourse(courses[1]);
}

TEST_P(EngineConformanceTest, AJobMayBeDroppedMidway) {
  if (!GetParam().long_task.has_value()) GTEST_SKIP() << "no long task";
  const std::unique_ptr<Job> stays = MustStart(GetParam().task);
  for (uint32_t i = 0; i < 3 * model().info().max_batch(); ++i) {
    const std::unique_ptr<Job> dropped = MustStart(*GetParam().long_task);
    std::vector<Course> courses;
    Drive({dropped.get()}, &courses, 1);
    ASSERT_FALSE(courses[0].done);
  }
  // A job that was never stepped may go as well.
  MustStart(*GetParam().long_task).reset();
  std::vector<Course> courses;
  Drive({stays.get()}, &courses);
  ExpectWholeCourse(courses[0]);
}

TEST_P(EngineConformanceTest, JobsWaitWhileOthersAreStepped) {
  if (!GetParam().deterministic) GTEST_SKIP() << "answers differ from run to run";
  const std::unique_ptr<Job> waits = MustStart(GetParam().task);
  std::vector<Course> waiting;
  Drive({waits.get()}, &waiting, 1);
  ExpectWholeCourse(RunAlone(GetParam().more_tasks.front()));
  Drive({waits.get()}, &waiting);
  ExpectWholeCourse(waiting[0]);
  EXPECT_EQ(waiting[0].text(), RunAlone(GetParam().task).text());
}

TEST_P(EngineConformanceTest, AParkedJobGoesOnAsIfNothingHadBeen) {
  if (!GetParam().deterministic) GTEST_SKIP() << "answers differ from run to run";
  const std::unique_ptr<Job> job = MustStart(GetParam().task);
  std::vector<Course> courses;
  for (int step = 0; step < 4; ++step) {
    EXPECT_TRUE(job->Park().ok());
    Drive({job.get()}, &courses, 1);
    if (step == 1) ExpectWholeCourse(RunAlone(GetParam().more_tasks.front()));
  }
  Drive({job.get()}, &courses);
  ExpectWholeCourse(courses[0]);
  EXPECT_EQ(courses[0].text(), RunAlone(GetParam().task).text());
}

TEST_P(EngineConformanceTest, AFailingJobFailsAlone) {
  if (!GetParam().failing_task.has_value()) GTEST_SKIP() << "no failing task";
  if (model().info().max_batch() < 2) GTEST_SKIP() << "one job at a time";
  const std::unique_ptr<Job> fails = MustStart(*GetParam().failing_task);
  const std::unique_ptr<Job> works = MustStart(GetParam().task);
  std::vector<Course> courses;
  Drive({fails.get(), works.get()}, &courses);
  EXPECT_FALSE(courses[0].status.ok());
  EXPECT_TRUE(ReasonOf(courses[0].status).has_value());
  EXPECT_EQ(courses[0].completed(), 0);
  ExpectWholeCourse(courses[1]);
}

TEST_P(EngineConformanceTest, AnAttachmentIsAsGoodAsItsBytes) {
  if (!GetParam().attached_task.has_value()) GTEST_SKIP() << "this model takes no attachments";
  const Attachments attachments = {*Attachment::Copy(GetParam().attached)};
  const Course attached = RunAlone(*GetParam().attached_task, attachments);
  ExpectWholeCourse(attached);
  EXPECT_EQ(attachments[0].use_count(), 1) << "a job that is done keeps its attachments";
  EXPECT_TRUE(SameEvents(attached.events, RunAlone(GetParam().task_of_attached).events));
  // One that is not there.
  const Course without = RunAlone(*GetParam().attached_task);
  EXPECT_TRUE(HasReason(without.status, Reason::kFieldInvalid)) << without.status;
}

TEST_P(EngineConformanceTest, AttachmentsThatNobodyLooksAtAreRefused) {
  if (GetParam().attached_task.has_value()) GTEST_SKIP() << "this model takes attachments";
  const Course course = RunAlone(GetParam().task, {*Attachment::Copy("a picture")});
  EXPECT_TRUE(HasReason(course.status, Reason::kFieldInvalid)) << course.status;
  EXPECT_EQ(course.completed(), 0);
}

TEST_P(EngineConformanceTest, AStepThatFailsAsAWholeIsAnErrorEverAfter) {
  if (!GetParam().breaking_task.has_value()) GTEST_SKIP() << "no task breaks this model";
  const std::unique_ptr<Job> job = MustStart(*GetParam().breaking_task);
  const std::unique_ptr<Job> other = MustStart(GetParam().task);
  Job* const first[] = {job.get()};
  absl::Status status;
  for (int step = 0; step < 2000 && status.ok(); ++step) status = model().Step(first, {}).status();
  EXPECT_TRUE(ReasonOf(status).has_value()) << status;
  Job* const second[] = {other.get()};
  EXPECT_FALSE(model().Step(second, {}).ok());
}

TEST_P(EngineConformanceTest, AnEmptyStepIsNothing) {
  const auto outputs = model().Step({}, {});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_TRUE(outputs->empty());
}

TEST_P(EngineConformanceTest, EventsComeInOrder) {
  if (!GetParam().deterministic) GTEST_SKIP() << "answers differ from run to run";
  const Course a = RunAlone(GetParam().task);
  const Course b = RunAlone(GetParam().task);
  EXPECT_TRUE(SameEvents(a.events, b.events));
  uint64_t done = 0;
  for (const Event& event : a.events) {
    if (!event.has_progress()) continue;
    EXPECT_GE(event.progress().done(), done);
    EXPECT_LE(event.progress().done(), event.progress().total());
    done = event.progress().done();
  }
}

}  // namespace
}  // namespace intelligenced
