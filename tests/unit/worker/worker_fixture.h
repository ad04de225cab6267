// A launcher for worker-fake and for small scripts that misbehave as workers.
#ifndef INTELLIGENCED_TESTS_UNIT_WORKER_WORKER_FIXTURE_H_
#define INTELLIGENCED_TESTS_UNIT_WORKER_WORKER_FIXTURE_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "runtime/worker/worker_model.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    options_.worker_directory = WorkerDirectory();
    options_.step_timeout = absl::Seconds(30);
  }
  ~WorkerTest() override {}

  WorkerLauncher& launcher() {
    if (launcher_ == nullptr) launcher_ = std::make_unique<WorkerLauncher>(options_);
    return *launcher_;
  }

  static engine_proto::ModelSpec Spec(const std::map<std::string, std::string>& parameters = {},
                                      const std::string& engine = "fake") {
    engine_proto::ModelSpec spec;
    spec.set_name("test-model");
    spec.set_engine(engine);
    for (const auto& [name, value] : parameters) (*spec.mutable_parameters())[name] = value;
    return spec;
  }

  absl::StatusOr<std::unique_ptr<WorkerModel>> Launch(
      const std::map<std::string, std::string>& parameters = {}) {
    return launcher().Launch(Spec(parameters), {}, [this] {
      ++lost_calls_;
      lost_.Notify();
    });
  }
  std::unique_ptr<WorkerModel> MustLaunch(
      const std::map<std::string, std::string>& parameters = {}) {
    auto model = Launch(parameters);
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }
  absl::Status LaunchScript(const std::string& body) {
    WriteScript("script", body);
    return launcher().Launch(Spec({}, "script"), {}, [this] { ++lost_calls_; }).status();
  }

  // Makes a folder of workers of its own, with a shell script as worker-<engine>.
  void WriteScript(const std::string& engine, const std::string& body) {
    if (scripts_.empty()) {
      scripts_ = temporary_.path();
      options_.worker_directory = scripts_;
    }
    const std::string path = scripts_ + "/worker-" + engine;
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    chmod(path.c_str(), 0755);
  }

  static engine_proto::Task Deltas(int count, uint32_t unit_microseconds = 0) {
    engine_proto::Task task;
    for (int i = 0; i < count; ++i) task.mutable_fake()->add_deltas("delta ");
    task.mutable_fake()->set_unit_microseconds(unit_microseconds);
    return task;
  }
  static std::unique_ptr<Job> MustStart(Model& model, const engine_proto::Task& task,
                                        CancelToken cancel = {}) {
    auto job = model.Start(task, std::move(cancel));
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? *std::move(job) : nullptr;
  }
  static absl::StatusOr<JobOutput> StepOne(Model& model, Job& job,
                                           absl::Duration budget = absl::ZeroDuration()) {
    Job* const jobs[] = {&job};
    auto outputs = model.Step(jobs, {.budget = budget});
    if (!outputs.ok()) return outputs.status();
    return std::move((*outputs)[0]);
  }
  // What GENERATE answers, all of it.
  static std::string Reply(Model& model) {
    engine_proto::Task task;
    task.mutable_generate()->set_prompt("hello");
    const std::unique_ptr<Job> job = MustStart(model, task);
    std::string text;
    for (int i = 0; i < 100; ++i) {
      const auto output = StepOne(model, *job, absl::Seconds(1));
      if (!output.ok()) return std::string(output.status().message());
      for (const auto& event : output->events) text += event.delta();
      if (output->done) break;
    }
    return text;
  }
  // What worker-fake's probe answers inside the sandbox of this fixture's options.
  std::string Probe(const std::string& what) {
    const std::unique_ptr<WorkerModel> model = MustLaunch({{"probe", what}});
    return model == nullptr ? "not launched" : Reply(*model);
  }

  WorkerOptions options_;
  int lost_calls_ = 0;
  absl::Notification lost_;
  const TemporaryFolder temporary_;
  std::string scripts_;
  std::unique_ptr<WorkerLauncher> launcher_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_WORKER_WORKER_FIXTURE_H_
