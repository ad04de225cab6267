// Real threads and random interference: whatever happens, every admitted job ends exactly once and
// last (the sink checks), a model is driven by one thread at a time (the model checks), and
// nothing is left behind. Run it under the thread sanitizer.
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"
#include "runtime/scheduler/scheduler.h"
#include "tests/unit/scheduler/scripted_model.h"

namespace intelligenced {
namespace {

struct Admitted {
  std::shared_ptr<RecordingSink> sink;
  std::shared_ptr<ScheduledJob> job;
  CancelSource cancel;
};

class StressTest : public testing::TestWithParam<int> {};

TEST_P(StressTest, EveryJobEndsExactlyOnce) {
  constexpr int kThreads = 3;
  constexpr int kJobs = 150;
  // Half of the runs let everything end; the others drain at once, and then a busy machine may have
  // finished none of it.
  const bool runs_out = GetParam() % 2 == 0;
  SystemClock clock;
  ThreadTimer timer(&clock);
  ScriptedSource source;
  source.one_thread = false;
  std::vector<std::vector<Admitted>> admitted(kThreads);
  std::atomic<int> generation = 0;
  std::function<void(const std::string&)> add = [&](const std::string& name) {
    const bool batch = name == "batch";
    auto model = std::make_shared<ScriptedModel>(
        nullptr, MakeInfo(batch ? 4 : 1, name == "wide" ? 2 : 1, name == "gpu" ? "gpu" : "cpu"));
    auto random = std::make_shared<std::mt19937>(GetParam() * 1000 + generation++);
    model->on_step = [&, name, random](const auto&) {
      if ((*random)() % 200 != 0) return absl::OkStatus();
      add(name);
      return MakeError(Reason::kWorkerLost, "Dies now and then.");
    };
    model->work = [random](uint64_t) { return (*random)() % 16 == 0 ? 0.0 : 1.0; };
    source.Add(name, std::move(model));
  };
  for (const char* name : {"batch", "single", "wide", "gpu"}) add(name);
  {
    ThreadPool pool("steps", 3);
    SchedulerOptions options;
    options.lanes = {{"cpu", 2}, {"gpu", 1}};
    options.ageing = absl::Milliseconds(5);
    options.limits.max_client_jobs = 200;
    Scheduler scheduler(options, &clock, &pool, &timer);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(GetParam() * 100 + t);
        std::vector<Admitted>& mine = admitted[t];
        const auto any = [&]() -> Admitted& { return mine[random() % mine.size()]; };
        for (int i = 0; i < kJobs; ++i) {
          Admitted entry;
          entry.sink = std::make_shared<RecordingSink>();
          JobRequest request;
          request.client.id = std::string(1, static_cast<char>('a' + random() % 4));
          request.request_class = static_cast<RequestClass>(1 + random() % 3);
          const char* const names[] = {"batch", "batch", "single", "wide", "gpu", "missing"};
          request.model = names[random() % 6];
          request.task.mutable_fake()->set_prefill_units(random() % 5);
          for (uint32_t d = random() % 5; d > 0; --d) request.task.mutable_fake()->add_deltas("d");
          request.input_bytes = random() % 100;
          request.cancel = entry.cancel.token();
          request.sink = entry.sink;
          request.models = &source;
          if (random() % 8 == 0)
            request.deadline = clock.Now() + absl::Microseconds(random() % 3000);
          if (random() % 16 == 0) {
            // Cancels from inside a call of the scheduler's.
            entry.sink->on_events = [cancel = entry.cancel] { cancel.Cancel(); };
          }
          if (auto job = scheduler.Submit(std::move(request)); job.ok()) {
            entry.job = *std::move(job);
            mine.push_back(std::move(entry));
          }
          if (mine.empty()) continue;
          if (random() % 4 == 0) any().cancel.Cancel();
          if (random() % 4 == 0) any().job->SetPaused(true);
          if (random() % 8 == 0) any().job->Place();
          if (random() % 16 == 0) scheduler.Snapshot();
          for (Admitted& other : mine) {
            if (random() % 4 == 0) other.job->SetPaused(false);
          }
        }
        for (Admitted& other : mine) other.job->SetPaused(false);
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (runs_out) {
      EXPECT_TRUE(scheduler.WaitUntilIdle(clock.Now() + absl::Seconds(50)));
    } else {
      scheduler.BeginDrain();
    }
  }
  int ended_well = 0;
  for (const auto& mine : admitted) {
    for (const Admitted& entry : mine) {
      EXPECT_EQ(entry.sink->ends, 1);
      if (entry.sink->status.ok()) ++ended_well;
    }
  }
  EXPECT_EQ(source.leases, 0);
  if (runs_out) {
    EXPECT_GT(ended_well, 20);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StressTest, testing::Range(0, 4));

}  // namespace
}  // namespace intelligenced
