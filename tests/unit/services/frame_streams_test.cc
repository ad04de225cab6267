// The streams that are open: how many, and what their jobs run on.
#include "services/vision/frame_streams.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

class AskedJob final : public ScheduledJob {
 public:
  explicit AskedJob(uint64_t stream) {
    request_.model = "eyes";
    request_.task.mutable_vision()->mutable_stream()->set_id(stream);
  }
  const JobRequest& request() const override { return request_; }
  void ModelLoading() override {}
  void Bind(BoundModel model) override { bound = std::move(model); }
  void Fail(const absl::Status& status) override { failure = status; }
  void SetPaused(bool) override {}
  QueuePlace Place() const override { return {}; }

  std::optional<BoundModel> bound;
  absl::Status failure;

 private:
  JobRequest request_;
};

TEST(FrameStreamsTest, JobsRunOnWhatTheirStreamHolds) {
  FrameStreams streams;
  const uint64_t a = *streams.Open("app"), b = *streams.Open("app");
  const auto hold = std::make_shared<int>(1);
  streams.SetModel(a, {.key = "eyes#1", .name = "eyes", .model = nullptr, .hold = hold});
  streams.SetModel(b, {.key = "eyes#2", .name = "eyes", .model = nullptr, .hold = nullptr});
  const auto one = std::make_shared<AskedJob>(a), two = std::make_shared<AskedJob>(b);
  streams.Acquire(one);
  streams.Acquire(two);
  EXPECT_EQ(one->bound->key, "eyes#1");
  EXPECT_EQ(two->bound->key, "eyes#2");
  streams.Close(a);
  // The job's own hold is the last.
  EXPECT_EQ(hold.use_count(), 2);
  one->bound.reset();
  EXPECT_EQ(hold.use_count(), 1);
}

TEST(FrameStreamsTest, AJobThatComesAgainHasLostItsProcess) {
  FrameStreams streams;
  const uint64_t id = *streams.Open("app");
  streams.SetModel(id, {.key = "eyes#1", .name = "eyes", .model = nullptr, .hold = nullptr});
  const auto job = std::make_shared<AskedJob>(id);
  streams.Acquire(job);
  EXPECT_TRUE(job->failure.ok());
  streams.Acquire(job);
  EXPECT_TRUE(HasReason(job->failure, Reason::kWorkerLost)) << job->failure;
  const auto next = std::make_shared<AskedJob>(id);
  streams.Acquire(next);
  EXPECT_TRUE(next->bound.has_value());
}

TEST(FrameStreamsTest, AStreamThatIsOverHasNoModel) {
  FrameStreams streams;
  const uint64_t id = *streams.Open("app");
  streams.Close(id);
  streams.Close(id);
  const auto hold = std::make_shared<int>(1);
  streams.SetModel(id, {.key = "late", .name = "eyes", .model = nullptr, .hold = hold});
  EXPECT_EQ(hold.use_count(), 1);
  const auto job = std::make_shared<AskedJob>(id);
  streams.Acquire(job);
  EXPECT_TRUE(HasReason(job->failure, Reason::kWorkerLost));
}

TEST(FrameStreamsTest, ThereAreLimits) {
  FrameStreams streams;
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < FrameStreams::kMaxClientStreams; ++i) ids.push_back(*streams.Open("app"));
  const absl::Status quota = streams.Open("app").status();
  EXPECT_TRUE(HasReason(quota, Reason::kClientQuotaExceeded));
  EXPECT_EQ(FactsOf(quota).metadata.at("quota"), "frame_streams");
  EXPECT_TRUE(FactsOf(quota).retry_delay.has_value());
  for (size_t i = streams.size(); i < FrameStreams::kMaxStreams; ++i) {
    EXPECT_TRUE(streams.Open(absl::StrCat("app", i)).ok());
  }
  EXPECT_TRUE(HasReason(streams.Open("another").status(), Reason::kQueueFull));
  streams.Close(ids[0]);
  EXPECT_TRUE(streams.Open("app").ok());
}

}  // namespace
}  // namespace intelligenced
