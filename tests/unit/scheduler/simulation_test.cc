// Mixed loads under a manual clock: who waits for how long, who gets how much, and that everything
// ends.
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/scheduler/scripted_model.h"

namespace intelligenced {
namespace {

constexpr RequestClass kInteractive = RequestClass::kInteractive;
constexpr RequestClass kUtility = RequestClass::kUtility;
constexpr RequestClass kBackground = RequestClass::kBackground;

constexpr absl::Duration kStep = absl::Milliseconds(20);

class SimulationTest : public SchedulerFixture {
 protected:
  // Steps of 20 ms.
  static void Slow(JobRequest& request) {
    request.task.mutable_fake()->set_unit_microseconds(absl::ToInt64Microseconds(kStep));
  }

  Submitted SubmitSlow(const std::string& client, RequestClass request_class, int units,
                       double weight = 1, const std::string& model = "m") {
    return Submit(client, request_class, units, [&](JobRequest& request) {
      Slow(request);
      request.client.weight = weight;
      request.model = model;
    });
  }

  std::map<std::string, absl::Duration> DeviceTimes() {
    std::map<std::string, absl::Duration> times;
    for (const SchedulerSnapshot::Client& client : scheduler().Snapshot().clients) {
      times[client.client.id] = client.total_device_time;
    }
    return times;
  }
};

TEST_F(SimulationTest, InteractiveStartsWithinOneQuantumOfAFlood) {
  auto model = AddModel("m", 4);
  for (int i = 0; i < 120; ++i) SubmitSlow("flood", i % 2 ? kBackground : kUtility, 10);
  std::vector<Submitted> people;
  std::vector<absl::Time> submitted;
  model->on_step = [&](const auto&) {
    // The worst moment: just after a step was decided, so that it is seen at the next one's end.
    if (model->steps.size() % 20 == 0 && model->steps.size() < 300) {
      submitted.push_back(clock_.Now());
      people.push_back(SubmitSlow("person", kInteractive, 2));
    }
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  ASSERT_GT(people.size(), 10u);
  for (const Submitted& person : people) {
    EXPECT_LE(person.sink->usage.queue_time, kStep);
    // And is not slowed down by the others once it has started.
    EXPECT_LE(person.sink->usage.device_time, 2 * kStep);
  }
}

// Also when the flood has waited long enough to be raised.
TEST_F(SimulationTest, InteractiveStartsWithinOneQuantumOfAnAgedFlood) {
  options_.ageing = absl::Seconds(4);
  auto model = AddModel("m", 4);
  for (int i = 0; i < 60; ++i) SubmitSlow("flood", kBackground, 10);
  std::vector<Submitted> people;
  Submitted hog = SubmitSlow("hog", kUtility, 1500);
  model->on_step = [&](const auto&) {
    if (model->steps.size() % 50 == 25 && people.size() < 25) {
      people.push_back(SubmitSlow("person", kInteractive, 2));
    }
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  for (const Submitted& person : people) EXPECT_LE(person.sink->usage.queue_time, kStep);
}

struct SharesCase {
  const char* name;
  uint32_t max_batch;
  RequestClass request_class;
  int jobs_each;
  std::vector<double> weights;
};

class SharesTest : public SimulationTest, public testing::WithParamInterface<SharesCase> {};

TEST_P(SharesTest, FollowTheWeights) {
  const SharesCase& c = GetParam();
  auto model = AddModel("m", c.max_batch);
  double total_weight = 0;
  for (const double weight : c.weights) total_weight += weight;
  std::vector<Submitted> jobs;
  for (int j = 0; j < c.jobs_each; ++j) {
    for (size_t i = 0; i < c.weights.size(); ++i) {
      jobs.push_back(
          SubmitSlow("client" + std::to_string(i), c.request_class, 100'000, c.weights[i]));
    }
  }
  model->on_step = [&](const auto&) {
    if (model->steps.size() == 2000) scheduler().CancelAll();
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  const auto times = DeviceTimes();
  for (size_t i = 0; i < c.weights.size(); ++i) {
    const double share = absl::FDivDuration(times.at("client" + std::to_string(i)), 2000 * kStep);
    EXPECT_NEAR(share * total_weight / c.weights[i], 1, 0.05) << "client " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, SharesTest,
                         testing::Values(SharesCase{"equal", 1, kInteractive, 1, {1, 1, 1, 1}},
                                         SharesCase{"weighted", 1, kUtility, 1, {1, 2, 5}},
                                         SharesCase{"fractions", 1, kBackground, 3, {0.1, 0.3}},
                                         SharesCase{"batch", 4, kUtility, 8, {1, 1, 2}},
                                         SharesCase{"large_batch", 16, kBackground, 40, {1, 3, 4}}),
                         [](const auto& test) { return test.param.name; });

// Shares are counted in time, not in steps: one client's steps take five times as long.
TEST_F(SimulationTest, SharesAreOfDeviceTimeOverSeveralModels) {
  options_.lanes["cpu"] = 2;
  auto wide = AddModel("wide", 1, 2);
  auto other = AddModel("other", 1, 2);
  SubmitSlow("a", kUtility, 100'000, 1, "wide");
  Submit("b", kUtility, 1'000'000, [](JobRequest& request) {
    request.model = "other";
    request.task.mutable_fake()->set_unit_microseconds(4000);
  });
  wide->on_step = [&](const auto&) {
    if (wide->steps.size() == 1000) scheduler().CancelAll();
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  const auto times = DeviceTimes();
  EXPECT_NEAR(absl::FDivDuration(times.at("a"), times.at("b")), 1, 0.05);
}

TEST_F(SimulationTest, IdleTimeEarnsNoCredit) {
  auto model = AddModel("m");
  SubmitSlow("early", kUtility, 100'000);
  Submitted late;
  std::map<std::string, absl::Duration> before;
  model->on_step = [&](const auto&) {
    if (model->steps.size() == 1000) {
      late = SubmitSlow("late", kUtility, 100'000);
      before = DeviceTimes();
    }
    if (model->steps.size() == 1200) scheduler().CancelAll();
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  const auto after = DeviceTimes();
  EXPECT_NEAR(absl::FDivDuration(after.at("early") - before.at("early"), kStep), 100, 3);
  EXPECT_NEAR(absl::FDivDuration(after.at("late"), kStep), 100, 3);
}

TEST_F(SimulationTest, NobodyStarvesUnderEndlessInteractiveLoad) {
  options_.ageing = absl::Seconds(2);
  auto model = AddModel("m", 2);
  // Always eight interactive jobs in the queue, each from a client of its own.
  int running = 0;
  int next = 0;
  std::vector<Submitted> all;
  std::vector<Submitted> lesser;
  bool stop = false;
  std::function<void()> feed = [&] {
    while (running < 8 && !stop) {
      ++running;
      Submitted job = SubmitSlow("person" + std::to_string(next++ % 8), kInteractive, 5);
      job.sink->on_end = [&] { --running; };
      all.push_back(std::move(job));
    }
  };
  for (int i = 0; i < 6; ++i) lesser.push_back(SubmitSlow("indexer", kBackground, 3));
  for (int i = 0; i < 3; ++i) lesser.push_back(SubmitSlow("other", kBackground, 3));
  for (int i = 0; i < 6; ++i) lesser.push_back(SubmitSlow("mail", kUtility, 3));
  model->on_step = [&](const auto&) {
    stop = std::all_of(lesser.begin(), lesser.end(),
                       [](const Submitted& job) { return job.sink->ended(); });
    EXPECT_LT(model->steps.size(), 12'000u) << "starved";
    if (model->steps.size() >= 12'000) stop = true;
    feed();
    return absl::OkStatus();
  };
  feed();
  executor_.RunUntilIdle();
  for (const Submitted& job : lesser) EXPECT_TRUE(job.sink->status.ok()) << job.sink->status;
  absl::Duration worst;
  for (const Submitted& job : all) worst = std::max(worst, job.sink->usage.queue_time);
  // Three other pairs of five steps, and seldom a raised job.
  EXPECT_LE(worst, 22 * kStep);
}

TEST_F(SimulationTest, AClientsLongJobDoesNotHoldItsOtherModels) {
  AddModel("m");
  AddModel("speller");
  SubmitSlow("shell", kInteractive, 1000);
  Submitted quick = SubmitSlow("shell", kInteractive, 1, 1, "speller");
  executor_.RunUntilIdle();
  EXPECT_LE(quick.sink->usage.queue_time, 2 * kStep);
}

TEST_F(SimulationTest, ExpectedWaitIsAboutRight) {
  AddModel("m");
  SubmitSlow("a", kUtility, 50);
  executor_.RunUntilIdle();  // teaches it the length
  std::vector<Submitted> jobs;
  std::vector<absl::Duration> expected;
  for (int i = 0; i < 6; ++i) {
    jobs.push_back(SubmitSlow(i % 2 ? "a" : "b", kUtility, 50));
    const QueuePlace place = jobs.back().job->Place();
    if (i > 0) EXPECT_EQ(place.position, i - 1);
    expected.push_back(place.expected_wait.value_or(absl::ZeroDuration()));
  }
  executor_.RunUntilIdle();
  // The third of each client waits for two of its own at half the machine.
  EXPECT_NEAR(absl::FDivDuration(jobs[5].sink->usage.queue_time, expected[5]), 1, 0.25);
  EXPECT_NEAR(absl::FDivDuration(jobs[4].sink->usage.queue_time, expected[4]), 1, 0.25);
}

TEST_F(SimulationTest, BudgetsFollowTheCompany) {
  auto model = AddModel("m");
  Submit("a", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_THAT(model->budgets, testing::Each(options_.idle_quantum));
  Submit("a", kInteractive, 3);
  Submit("b", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_EQ(model->budgets[4], options_.contended_quantum);
  EXPECT_EQ(model->budgets.back(), options_.idle_quantum);
}

}  // namespace
}  // namespace intelligenced
