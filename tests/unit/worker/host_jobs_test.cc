#include "runtime/worker/host_jobs.h"

#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory_file.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// A model whose every answer the test writes.
class ScriptedModel final : public Model {
 public:
  struct ScriptedJob final : Job {
    explicit ScriptedJob(int* alive) : alive(alive) { ++*alive; }
    ~ScriptedJob() override { --*alive; }
    int* const alive;
    CancelToken cancel;
  };

  const engine_proto::ModelInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    if (on_start) {
      if (absl::Status status = on_start(task); !status.ok()) return status;
    }
    auto job = std::make_unique<ScriptedJob>(&alive);
    job->cancel = std::move(cancel);
    last = job.get();
    return job;
  }
  absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                 const Attachments& attachments,
                                                 CancelToken cancel) override {
    for (const auto& attachment : attachments) attached.push_back(attachment->size());
    return Start(task, std::move(cancel));
  }
  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    budget = options.budget;
    unit = options.unit;
    yield = options.yield;
    if (on_step) return on_step(jobs);
    return std::vector<JobOutput>(jobs.size());
  }
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

  std::function<absl::Status(const engine_proto::Task&)> on_start;
  std::function<absl::StatusOr<std::vector<JobOutput>>(absl::Span<Job* const>)> on_step;
  // Sizes of all attachments, as they came.
  std::vector<size_t> attached;
  int alive = 0;
  ScriptedJob* last = nullptr;
  absl::Duration budget;
  absl::Duration unit;
  CancelToken yield;

 private:
  engine_proto::ModelInfo info_;
};

class HostJobsTest : public testing::Test {
 protected:
  static engine_proto::StepRequest StartAndStep(std::vector<uint64_t> ids) {
    engine_proto::StepRequest request;
    for (const uint64_t id : ids) {
      request.add_start_jobs()->set_job_id(id);
      request.add_step_jobs(id);
    }
    return request;
  }
  static engine_proto::StepRequest StepOf(std::vector<uint64_t> ids) {
    engine_proto::StepRequest request;
    for (const uint64_t id : ids) request.add_step_jobs(id);
    return request;
  }

  absl::StatusOr<engine_proto::StepReply> Step(const engine_proto::StepRequest& request) {
    return jobs_.Step(request, ++sequence_);
  }

  uint64_t sequence_ = 0;
  ScriptedModel model_;
  ManualClock clock_;
  HostJobs jobs_{&model_, &clock_};
};

TEST_F(HostJobsTest, StartsStepsAndMeasures) {
  model_.on_step = [&](absl::Span<Job* const> jobs) {
    clock_.Advance(absl::Milliseconds(12));
    std::vector<JobOutput> outputs(jobs.size());
    outputs[0].work = 3;
    return outputs;
  };
  engine_proto::StepRequest request = StartAndStep({1, 2});
  request.set_budget_microseconds(5000);
  const auto reply = Step(request);
  ASSERT_TRUE(reply.ok());
  ASSERT_EQ(reply->outputs_size(), 2);
  EXPECT_EQ(reply->outputs(0).job_id(), 1u);
  EXPECT_EQ(reply->outputs(0).work(), 3);
  EXPECT_EQ(reply->outputs(1).job_id(), 2u);
  EXPECT_EQ(reply->compute_microseconds(), 12'000u);
  EXPECT_EQ(model_.budget, absl::Milliseconds(5));
  EXPECT_EQ(model_.alive, 2);
}

std::vector<UniqueFd> Memories(const std::vector<std::string>& texts) {
  std::vector<UniqueFd> result;
  for (const std::string& text : texts) result.push_back(*MakeSealedCopy(text));
  return result;
}

TEST_F(HostJobsTest, AttachmentsGoToTheirJobs) {
  engine_proto::StepRequest request = StartAndStep({1, 2, 3});
  request.mutable_start_jobs(0)->set_attachments(2);
  request.mutable_start_jobs(2)->set_attachments(1);
  ASSERT_TRUE(jobs_.Step(request, ++sequence_, Memories({"1", "22", "333"})).ok());
  EXPECT_EQ(model_.attached, (std::vector<size_t>{1, 2, 3}));
}

TEST_F(HostJobsTest, AttachmentsThatBelongToNoJobStartNone) {
  engine_proto::StepRequest request = StartAndStep({1});
  EXPECT_TRUE(
      HasReason(jobs_.Step(request, ++sequence_, Memories({"1"})).status(), Reason::kFieldInvalid));
  request.mutable_start_jobs(0)->set_attachments(0xffffffff);
  EXPECT_TRUE(
      HasReason(jobs_.Step(request, ++sequence_, Memories({"1"})).status(), Reason::kFieldInvalid));
  EXPECT_EQ(model_.alive, 0);
}

#ifdef __linux__
TEST_F(HostJobsTest, AnAttachmentThatIsNoSealedMemoryCostsItsJob) {
  engine_proto::StepRequest request = StartAndStep({1, 2});
  request.mutable_start_jobs(0)->set_attachments(1);
  std::vector<UniqueFd> attachments;
  attachments.push_back(*MakeMemoryFile(10));
  const auto reply = jobs_.Step(request, ++sequence_, std::move(attachments));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->outputs(0).status().reason(), "FIELD_INVALID");
  EXPECT_EQ(model_.alive, 1);
}
#endif

TEST_F(HostJobsTest, AJobThatIsDoneIsFreedAtOnce) {
  model_.on_step = [](absl::Span<Job* const> jobs) {
    std::vector<JobOutput> outputs(jobs.size());
    outputs[0].done = true;
    return outputs;
  };
  ASSERT_TRUE(Step(StartAndStep({1, 2})).ok());
  EXPECT_EQ(model_.alive, 1);
  EXPECT_FALSE(Step(StepOf({1})).ok());
}

TEST_F(HostJobsTest, DropFreesWithoutAStep) {
  ASSERT_TRUE(Step(StartAndStep({1})).ok());
  engine_proto::StepRequest request;
  request.add_drop_jobs(1);
  request.add_drop_jobs(99);  // gone already: nothing to do
  model_.on_step = [](absl::Span<Job* const>) -> absl::StatusOr<std::vector<JobOutput>> {
    return absl::InternalError("must not be called");
  };
  EXPECT_TRUE(Step(request).ok());
  EXPECT_EQ(model_.alive, 0);
}

TEST_F(HostJobsTest, AJobThatCannotStartAnswersForItself) {
  model_.on_start = [n = 0](const engine_proto::Task&) mutable {
    return ++n == 1 ? FieldError("task", "no") : absl::OkStatus();
  };
  const auto reply = Step(StartAndStep({1, 2}));
  ASSERT_TRUE(reply.ok());
  ASSERT_EQ(reply->outputs_size(), 2);
  EXPECT_EQ(reply->outputs(0).job_id(), 1u);
  EXPECT_TRUE(reply->outputs(0).done());
  EXPECT_EQ(reply->outputs(0).status().reason(), "FIELD_INVALID");
  EXPECT_EQ(reply->outputs(1).job_id(), 2u);
  EXPECT_FALSE(reply->outputs(1).done());
}

TEST_F(HostJobsTest, UnknownAndRepeatedJobsAreRefused) {
  EXPECT_TRUE(HasReason(Step(StepOf({5})).status(), Reason::kFieldInvalid));
  ASSERT_TRUE(Step(StartAndStep({6})).ok());
  EXPECT_TRUE(HasReason(Step(StepOf({6, 6})).status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(jobs_.Park(77), Reason::kFieldInvalid));
  EXPECT_TRUE(jobs_.Park(6).ok());
}

TEST_F(HostJobsTest, ExceptionsEndHere) {
  model_.on_step = [](absl::Span<Job* const>) -> absl::StatusOr<std::vector<JobOutput>> {
    throw std::runtime_error("inner words \xff");
  };
  const absl::Status failure = Step(StartAndStep({1})).status();
  EXPECT_TRUE(HasReason(failure, Reason::kEngineFailure));
  EXPECT_NE(failure.message().find("inner words ?"), std::string_view::npos) << failure;
  model_.on_step = [](absl::Span<Job* const>) -> absl::StatusOr<std::vector<JobOutput>> {
    throw std::bad_alloc();
  };
  EXPECT_TRUE(HasReason(Step(StepOf({1})).status(), Reason::kMemoryInsufficient));
  model_.on_step = [](absl::Span<Job* const>) -> absl::StatusOr<std::vector<JobOutput>> {
    throw 5;
  };
  EXPECT_TRUE(HasReason(Step(StepOf({1})).status(), Reason::kEngineFailure));
  model_.on_start = [](const engine_proto::Task&) -> absl::Status { throw std::bad_alloc(); };
  const auto reply = Step(StartAndStep({9}));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->outputs(0).status().reason(), "MEMORY_INSUFFICIENT");
}

TEST_F(HostJobsTest, TextThatIsNotUtf8CostsTheJobOnly) {
  model_.on_step = [](absl::Span<Job* const> jobs) {
    std::vector<JobOutput> outputs(jobs.size());
    outputs[0].events.emplace_back().set_delta("half a character \xc3");
    outputs[1].status = absl::InternalError("words \xe9");
    return outputs;
  };
  const auto reply = Step(StartAndStep({1, 2}));
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(reply->outputs(0).done());
  EXPECT_EQ(reply->outputs(0).events_size(), 0);
  EXPECT_EQ(reply->outputs(0).status().reason(), "ENGINE_FAILURE");
  EXPECT_EQ(reply->outputs(1).status().message(), "words ?");
  engine_proto::StepReply parsed;
  EXPECT_TRUE(parsed.ParseFromString(reply->SerializeAsString()));
}

TEST_F(HostJobsTest, AnEngineThatLosesAJobFails) {
  model_.on_step = [](absl::Span<Job* const>) { return std::vector<JobOutput>(); };
  EXPECT_TRUE(HasReason(Step(StartAndStep({1})).status(), Reason::kEngineFailure));
}

TEST_F(HostJobsTest, CancelReachesTheJob) {
  ASSERT_TRUE(Step(StartAndStep({1})).ok());
  EXPECT_FALSE(model_.last->cancel.cancelled());
  jobs_.Cancel(1);
  EXPECT_TRUE(model_.last->cancel.cancelled());
}

TEST_F(HostJobsTest, AStepIsToldToYield) {
  bool before = true;
  bool after = false;
  model_.on_step = [&](absl::Span<Job* const> jobs) {
    before = model_.yield.cancelled();
    jobs_.Yield(sequence_);
    after = model_.yield.cancelled();
    return std::vector<JobOutput>(jobs.size());
  };
  engine_proto::StepRequest request = StartAndStep({1});
  request.set_unit_microseconds(400'000);
  ASSERT_TRUE(Step(request).ok());
  EXPECT_FALSE(before);
  EXPECT_TRUE(after);
  EXPECT_EQ(model_.unit, absl::Milliseconds(400));
  ASSERT_TRUE(Step(StepOf({1})).ok());
  EXPECT_FALSE(before) << "it was for the step before";
  EXPECT_EQ(model_.unit, StepOptions::kUnit);
}

TEST_F(HostJobsTest, AYieldMayOvertakeItsStepAndMayComeTooLate) {
  jobs_.Yield(1);
  ASSERT_TRUE(Step(StartAndStep({1})).ok());
  EXPECT_TRUE(model_.yield.cancelled());
  ASSERT_TRUE(Step(StepOf({1})).ok());
  EXPECT_FALSE(model_.yield.cancelled());
  jobs_.Yield(1);
  EXPECT_FALSE(model_.yield.cancelled());
}

TEST_F(HostJobsTest, ACancelMayOvertakeItsJob) {
  jobs_.Cancel(3);
  ASSERT_TRUE(Step(StartAndStep({2})).ok());
  EXPECT_FALSE(model_.last->cancel.cancelled());
  ASSERT_TRUE(Step(StartAndStep({3})).ok());
  EXPECT_TRUE(model_.last->cancel.cancelled());
}

TEST_F(HostJobsTest, ACancelForAJobThatIsGoneIsForgotten) {
  ASSERT_TRUE(Step(StartAndStep({1})).ok());
  engine_proto::StepRequest drop;
  drop.add_drop_jobs(1);
  ASSERT_TRUE(Step(drop).ok());
  jobs_.Cancel(1);
  ASSERT_TRUE(Step(StartAndStep({2})).ok());
  EXPECT_FALSE(model_.last->cancel.cancelled());
}

}  // namespace
}  // namespace intelligenced
