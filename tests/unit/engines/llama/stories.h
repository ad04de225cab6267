// The small trained model that the engine's tests run on.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_STORIES_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_STORIES_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/llama/llama_engine.h"
#include "tests/support/paths.h"

namespace intelligenced {

inline std::string StoriesPath() { return TestdataPath("llm/stories260K.gguf"); }
// Random weights, quantised: text that depends on every bit.
inline std::string TinyModelPath() { return BuildPath("tests/unit/engines/llama/tiny.gguf"); }
inline bool HaveStories() { return std::filesystem::exists(StoriesPath()); }

inline engine_proto::ModelSpec SpecOf(const std::string& path,
                                      const std::map<std::string, std::string>& parameters = {}) {
  engine_proto::ModelSpec spec;
  spec.set_name("test");
  spec.set_engine("llama");
  engine_proto::ModelFile* file = spec.add_files();
  file->set_role("model");
  file->set_path(path);
  for (const auto& [name, value] : parameters) (*spec.mutable_parameters())[name] = value;
  return spec;
}

inline engine_proto::Task Greedy(const std::string& prompt, uint32_t tokens) {
  engine_proto::Task task;
  task.mutable_generate()->set_prompt(prompt);
  task.mutable_generate()->set_max_output_tokens(tokens);
  task.mutable_generate()->mutable_sampling()->set_temperature(0);
  return task;
}

// All that one job gave.
struct Course {
  std::string text;
  std::vector<engine_proto::Event> events;
  engine_proto::Completed completed;
  absl::Status status;
  bool done = false;
  int steps = 0;
  int stalls = 0;
};

// One loaded model, and jobs on it.
class Session {
 public:
  explicit Session(const std::string& path,
                   const std::map<std::string, std::string>& parameters = {})
      : Session(SpecOf(path, parameters)) {}
  explicit Session(const engine_proto::ModelSpec& spec) {
    auto loaded = engine_->Load(spec, {});
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (loaded.ok()) model_ = *std::move(loaded);
  }

  Model& model() { return *model_; }

  std::unique_ptr<Job> Start(const engine_proto::Task& task, CancelToken cancel = {}) {
    auto job = model_->Start(task, std::move(cancel));
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? *std::move(job) : nullptr;
  }

  // One step for those of `jobs` that are not done. `budget` zero: one batch.
  void Step(const std::vector<Job*>& jobs, std::vector<Course>& courses,
            absl::Duration budget = absl::ZeroDuration()) {
    courses.resize(jobs.size());
    std::vector<Job*> batch;
    std::vector<Course*> into;
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (courses[i].done) continue;
      batch.push_back(jobs[i]);
      into.push_back(&courses[i]);
    }
    auto outputs = model_->Step(batch, {.budget = budget});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    for (size_t i = 0; i < batch.size(); ++i) {
      Course& course = *into[i];
      JobOutput& output = (*outputs)[i];
      ++course.steps;
      course.stalls += output.work == 0 && !output.done;
      for (engine_proto::Event& event : output.events) {
        course.text += event.delta();
        if (event.has_completed()) course.completed = event.completed();
        course.events.push_back(std::move(event));
      }
      course.done = output.done;
      course.status = output.status;
    }
  }

  std::vector<Course> RunAll(const std::vector<engine_proto::Task>& tasks) {
    std::vector<std::unique_ptr<Job>> owned;
    std::vector<Job*> jobs;
    for (const engine_proto::Task& task : tasks) {
      owned.push_back(Start(task));
      jobs.push_back(owned.back().get());
    }
    std::vector<Course> courses(tasks.size());
    for (int step = 0; step < 20000; ++step) {
      bool busy = false;
      for (const Course& course : courses) busy = busy || !course.done;
      if (!busy || testing::Test::HasFatalFailure()) return courses;
      Step(jobs, courses);
    }
    ADD_FAILURE() << "the jobs do not end";
    return courses;
  }

  Course Run(const engine_proto::Task& task) { return RunAll({task}).front(); }

 private:
  std::unique_ptr<Engine> engine_ = MakeLlamaEngine();
  std::unique_ptr<Model> model_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_STORIES_H_
