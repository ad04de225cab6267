// Several functions (adapters) on one set of weights.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "tests/unit/engines/llama/adapter_files.h"
#include "tests/unit/engines/llama/gguf_files.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

using engine_proto::Task;

constexpr int kTokens = 60;

Task With(const std::string& function, const std::string& prompt, uint32_t tokens = kTokens) {
  Task task = Greedy(prompt, tokens);
  task.mutable_generate()->set_function(function);
  return task;
}

class LlamaFunctionsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HaveStories()) GTEST_SKIP() << "stories260K.gguf is not here";
    for (int i = 1; i <= 3; ++i) {
      WriteAdapter(StoriesPath(), Path(absl::StrCat("f", i)), {.seed = static_cast<unsigned>(i)});
    }
  }

  std::string Path(const std::string& name) const { return folder_.File(name + ".gguf"); }

  engine_proto::ModelSpec Spec(const std::vector<std::string>& functions,
                               const std::map<std::string, std::string>& parameters = {}) const {
    engine_proto::ModelSpec spec = SpecOf(StoriesPath(), parameters);
    for (const std::string& name : functions) {
      engine_proto::ModelFunction* function = spec.add_functions();
      function->set_name(name);
      function->set_path(Path(name));
      function->set_scale(1);
    }
    return spec;
  }

 private:
  const ScratchFolder folder_;
};

TEST_F(LlamaFunctionsTest, EachFunctionSaysSomethingElse) {
  Session session(Spec({"f1", "f2"}));
  const std::string base = session.Run(With("", "Once upon a time")).text;
  const std::string first = session.Run(With("f1", "Once upon a time")).text;
  const std::string second = session.Run(With("f2", "Once upon a time")).text;
  EXPECT_NE(base, first);
  EXPECT_NE(base, second);
  EXPECT_NE(first, second);
  EXPECT_EQ(session.Run(With("", "Once upon a time")).text, base) << "the base is as it was";

  Session plain(StoriesPath());
  EXPECT_EQ(plain.Run(Greedy("Once upon a time", kTokens)).text, base)
      << "a model that has functions is the same model";
}

TEST_F(LlamaFunctionsTest, SideBySideEachSaysWhatItSaysAlone) {
  const std::vector<std::string> functions = {"", "f1", "f2", "f3"};
  std::vector<Task> tasks;
  std::vector<std::string> alone;
  for (int i = 0; i < 12; ++i) {
    tasks.push_back(
        With(functions[i % 4], absl::StrCat("There was a cat number ", i, "."), 40 + i));
    // A model of its own, loaded with that one function.
    Session session(Spec({"f1", "f2", "f3"}));
    alone.push_back(session.Run(tasks.back()).text);
  }
  Session session(Spec({"f1", "f2", "f3"}));
  const std::vector<Course> together = session.RunAll(tasks);
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(together[i].status.ok()) << together[i].status;
    EXPECT_EQ(together[i].text, alone[i]) << "job " << i;
    EXPECT_EQ(together[i].stalls, 0) << "every function advances in every step";
  }
}

TEST_F(LlamaFunctionsTest, AFullPoolServesAllFunctions) {
  // Room for one context, so that functions move each other out.
  Session session(Spec({"f1", "f2"}, {{"context_tokens", "128"}, {"pool_tokens", "128"}}));
  Session roomy(Spec({"f1", "f2"}, {{"context_tokens", "128"}}));
  std::vector<Task> tasks;
  for (int i = 0; i < 6; ++i) {
    tasks.push_back(With(i % 2 == 0 ? "f1" : "f2", absl::StrCat("A dog and ", i, " cats"), 80));
  }
  const std::vector<Course> courses = session.RunAll(tasks);
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(courses[i].status.ok()) << courses[i].status;
    EXPECT_EQ(courses[i].text, roomy.Run(tasks[i]).text) << "job " << i;
  }
}

TEST_F(LlamaFunctionsTest, WhatIsKeptForOneFunctionIsOfNoUseToAnother) {
  const std::string story =
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the "
      "park. "
      "One day, she saw a big, red ball.";
  std::vector<Task> tasks;
  for (const char* function : {"f1", "", "f2"}) {
    tasks.push_back(With(function, story));
    tasks.back().mutable_generate()->set_cache_key("me");
  }
  Session session(Spec({"f1", "f2"}));
  for (const Task& task : tasks) {
    Session fresh(Spec({"f1", "f2"}));
    const Course first = session.Run(task);
    EXPECT_EQ(first.text, fresh.Run(task).text);
    EXPECT_EQ(first.completed.cached_tokens(), 0u);
    const Course again = session.Run(task);
    EXPECT_EQ(again.text, first.text);
    EXPECT_GT(again.completed.cached_tokens(), 0u) << "its own is found again";
  }
}

TEST_F(LlamaFunctionsTest, ScaleZeroIsTheBase) {
  engine_proto::ModelSpec spec = Spec({"f1"});
  spec.mutable_functions(0)->set_scale(0);
  Session session(spec);
  EXPECT_EQ(session.Run(With("f1", "Once upon a time")).text,
            session.Run(With("", "Once upon a time")).text);
}

TEST_F(LlamaFunctionsTest, AnUnknownFunctionIsRefusedByName) {
  Session session(Spec({"f1"}));
  const auto job = session.model().Start(With("other", "x"), {});
  EXPECT_TRUE(HasReason(job.status(), Reason::kFieldInvalid)) << job.status();
  EXPECT_TRUE(absl::StrContains(job.status().message(), "f1")) << job.status();
}

// Adapters that do not fit, and what is left: the model and its other functions.
TEST_F(LlamaFunctionsTest, AnAdapterForAnotherBaseCostsOnlyItsFunction) {
  WriteAdapter(StoriesPath(), Path("wide"), {.wider = 32});
  WriteAdapter(StoriesPath(), Path("alien"), {.architecture = "qwen2"});
  std::filesystem::copy_file(StoriesPath(), Path("whole"),
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(Path("f2"), Path("cut"),
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(Path("cut"), 1000);
  Session plain(Spec({"f1"}));
  Session session(Spec({"wide", "alien", "whole", "cut", "missing", "f1"}));
  for (const char* name : {"wide", "alien", "whole", "cut", "missing"}) {
    const auto job = session.model().Start(With(name, "x"), {});
    EXPECT_TRUE(HasReason(job.status(), Reason::kModelLoadFailed)) << name << job.status();
    EXPECT_TRUE(absl::StrContains(job.status().message(), name)) << job.status();
  }
  EXPECT_EQ(session.Run(With("f1", "Once upon")).text, plain.Run(With("f1", "Once upon")).text);
  EXPECT_EQ(session.Run(With("", "Once upon")).text, plain.Run(With("", "Once upon")).text);
}

}  // namespace
}  // namespace intelligenced
