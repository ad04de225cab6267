// Speculation changes how a text is computed, never the text.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/llama/llama_engine.h"
#include "runtime/engines/llama/token_sampler.h"
#include "tests/unit/engines/llama/gguf_files.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

using engine_proto::Task;

// Always as many guesses as there are, so that what is tested does not depend on the machine.
Task Eager(Task task, const std::string& guide) {
  task.mutable_generate()->set_guide_text(guide);
  task.mutable_generate()->set_speculation(engine_proto::SPECULATION_EAGER);
  return task;
}

Task Seeded(const std::string& prompt, uint32_t tokens, uint32_t seed) {
  Task task = Greedy(prompt, tokens);
  task.mutable_generate()->mutable_sampling()->set_temperature(0.7f);
  task.mutable_generate()->mutable_sampling()->set_seed(seed);
  return task;
}

void ExpectSame(const Course& course, const Course& expected, const std::string& what) {
  EXPECT_EQ(course.status, expected.status) << what;
  EXPECT_EQ(course.text, expected.text) << what;
  EXPECT_EQ(course.completed.finish_reason(), expected.completed.finish_reason()) << what;
  EXPECT_EQ(course.completed.output_tokens(), expected.completed.output_tokens()) << what;
  EXPECT_EQ(course.completed.input_tokens(), expected.completed.input_tokens()) << what;
  EXPECT_LE(course.completed.accepted_tokens(), course.completed.drafted_tokens()) << what;
  EXPECT_LE(course.completed.accepted_tokens(), course.completed.output_tokens()) << what;
}

// Guides that agree with `text` wholly, for the most part, here and there, and not at all.
std::vector<std::string> GuidesFor(const std::string& text) {
  const std::string half(TruncateUtf8(text, text.size() / 2));
  return {text,
          absl::StrReplaceAll(text, {{"Lily", "Lilly"}, {"loved", "lovd"}, {"wanted", "wantd"}}),
          absl::StrReplaceAll(text, {{"little ", ""}, {"She ", ""}, {"red", ""}}),
          absl::StrReplaceAll(text, {{" a ", " a very very big and old "}, {" to ", " too "}}),
          absl::StrCat("Something else before it all. ", text),
          absl::StrCat(half, half),
          std::string(300, 'e'),
          "a",
          "Grüße 日本 🙂",
          ""};
}

class LlamaSpeculationTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HaveStories()) GTEST_SKIP() << "stories260K.gguf is not here";
  }
};

TEST_F(LlamaSpeculationTest, ACopyIsAcceptedAlmostWhole) {
  Session session(StoriesPath());
  const Course plain = session.Run(Greedy("", 200));
  EXPECT_EQ(plain.completed.drafted_tokens(), 0);
  EXPECT_EQ(plain.completed.accepted_tokens(), 0);
  const Course course = session.Run(Eager(Greedy("", 200), plain.text));
  ExpectSame(course, plain, "the guide is the text");
  EXPECT_GT(course.completed.accepted_tokens(), 150);
  EXPECT_LT(course.steps, plain.steps / 5);
}

TEST_F(LlamaSpeculationTest, LikelihoodsComeOnlyWhenAskedForAndAreTheSameWithGuesses) {
  Session session(StoriesPath());
  const auto likelihoods = [](const Course& course) {
    std::vector<engine_proto::TokenLikelihoods> found;
    for (const engine_proto::Event& event : course.events) {
      if (event.has_token_likelihoods()) found.push_back(event.token_likelihoods());
    }
    return found;
  };
  Task task = Greedy("Once upon a time", 100);
  const Course without = session.Run(task);
  EXPECT_TRUE(likelihoods(without).empty());
  task.mutable_generate()->set_token_likelihoods(true);
  const Course plain = session.Run(task);
  ExpectSame(plain, without, "likelihoods change nothing");
  ASSERT_EQ(likelihoods(plain).size(), 1);
  const engine_proto::TokenLikelihoods one = likelihoods(plain)[0];
  ASSERT_EQ(one.bytes_size(), one.log_probabilities_size());
  ASSERT_EQ(one.bytes_size(), static_cast<int>(plain.completed.output_tokens()));
  size_t bytes = 0;
  for (int i = 0; i < one.bytes_size(); ++i) {
    bytes += one.bytes(i);
    EXPECT_LE(one.log_probabilities(i), 0);
    // The likeliest of 512 tokens.
    EXPECT_GE(one.log_probabilities(i), -std::log(512.0f));
  }
  EXPECT_EQ(bytes, plain.text.size());
  const Course guessed = session.Run(Eager(task, plain.text));
  EXPECT_GT(guessed.completed.accepted_tokens(), 50);
  ASSERT_EQ(likelihoods(guessed).size(), 1);
  const engine_proto::TokenLikelihoods other = likelihoods(guessed)[0];
  ASSERT_EQ(other.bytes_size(), one.bytes_size());
  for (int i = 0; i < one.bytes_size(); ++i) {
    EXPECT_EQ(other.bytes(i), one.bytes(i));
    EXPECT_NEAR(other.log_probabilities(i), one.log_probabilities(i), 1e-3);
  }
}

TEST(LogProbabilityTest, IsThatOfTheScores) {
  const std::vector<float> scores = {std::log(1.0f), std::log(2.0f), std::log(5.0f)};
  EXPECT_NEAR(LogProbability(scores, 0), std::log(1.0f / 8), 1e-6);
  EXPECT_NEAR(LogProbability(scores, 2), std::log(5.0f / 8), 1e-6);
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_NEAR(LogProbability(std::vector<float>{1000, -infinity, 1000}, 0), std::log(0.5f), 1e-6);
  EXPECT_EQ(LogProbability(std::vector<float>{1, -infinity}, 1), -infinity);
  EXPECT_EQ(LogProbability(std::vector<float>{-infinity, -infinity}, 0), -infinity);
  EXPECT_EQ(LogProbability(scores, 3), -infinity);
  EXPECT_EQ(LogProbability(scores, -1), -infinity);
}

TEST_F(LlamaSpeculationTest, NoGuideChangesTheText) {
  Session session(StoriesPath());
  for (const char* prompt : {"", "Once upon a time there was a dog. "}) {
    std::vector<Task> tasks = {Greedy(prompt, 120), Seeded(prompt, 120, 1), Seeded(prompt, 120, 2)};
    for (const Task& task : tasks) {
      const Course plain = session.Run(task);
      uint32_t rejected = 0;
      for (const std::string& guide : GuidesFor(plain.text)) {
        const Course course = session.Run(Eager(task, guide));
        ExpectSame(course, plain, guide);
        rejected += course.completed.drafted_tokens() - course.completed.accepted_tokens();
      }
      EXPECT_GT(rejected, 50) << "nothing was ever taken back";
    }
  }
}

TEST_F(LlamaSpeculationTest, NoGuideChangesTheTextOfRandomWeights) {
  ScratchFolder folder;
  for (unsigned seed = 1; seed <= 2; ++seed) {
    const std::string path = folder.File(absl::StrCat(seed, ".gguf"));
    WriteNoiseModel(StoriesPath(), path, seed);
    Session session(path);
    for (const Task& task : {Greedy("Once upon", 80), Seeded("Once upon", 80, seed)}) {
      const Course plain = session.Run(task);
      for (const std::string& guide : GuidesFor(plain.text)) {
        ExpectSame(session.Run(Eager(task, guide)), plain, guide);
      }
    }
  }
}

TEST_F(LlamaSpeculationTest, WhatIsWorthWhileIsDecidedWithoutChangingTheText) {
  Session session(StoriesPath());
  const Course plain = session.Run(Greedy("", 150));
  for (const auto mode : {engine_proto::SPECULATION_UNSPECIFIED, engine_proto::SPECULATION_ON,
                          engine_proto::SPECULATION_OFF}) {
    for (const std::string& guide : GuidesFor(plain.text)) {
      Task task = Greedy("", 150);
      task.mutable_generate()->set_guide_text(guide);
      task.mutable_generate()->set_speculation(mode);
      const Course course = session.Run(task);
      ExpectSame(course, plain, guide);
      const bool off = mode == engine_proto::SPECULATION_OFF ||
                       (mode == engine_proto::SPECULATION_UNSPECIFIED && guide.empty());
      if (off) EXPECT_EQ(course.completed.drafted_tokens(), 0);
    }
  }
}

TEST_F(LlamaSpeculationTest, EveryLimitEndsWhereItDoesWithout) {
  Session session(StoriesPath(), {{"context_tokens", "128"}});
  const std::string text = session.Run(Greedy("", 0)).text;
  for (uint32_t most = 0; most <= 40; ++most) {
    ExpectSame(session.Run(Eager(Greedy("", most), text)), session.Run(Greedy("", most)),
               absl::StrCat("at most ", most));
  }
  for (size_t at = 0; at + 5 < 100; at += 3) {
    Task task = Greedy("", 100);
    task.mutable_generate()->add_stop(text.substr(at, 5));
    ExpectSame(session.Run(Eager(task, text)), session.Run(task), absl::StrCat("stop at ", at));
  }
}

TEST_F(LlamaSpeculationTest, TheEndOfTheTextEndsIt) {
  // A token of the text becomes the one that ends texts: the model stops in the middle of a draft.
  ScratchFolder folder;
  const std::string path = folder.File("stops.gguf");
  RewriteGguf(StoriesPath(), path, [](gguf_context* gguf) {
    // "." as the end of the text.
    const int64_t key = gguf_find_key(gguf, "tokenizer.ggml.tokens");
    for (uint32_t token = 0; token < gguf_get_arr_n(gguf, key); ++token) {
      if (std::string(gguf_get_arr_str(gguf, key, token)) == ".") {
        gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", token);
      }
    }
  });
  const std::string guide = Session(StoriesPath()).Run(Greedy("", 100)).text;
  Session session(path);
  const Course plain = session.Run(Greedy("", 100));
  ASSERT_EQ(plain.completed.finish_reason(), engine_proto::FINISH_REASON_STOP);
  const Course course = session.Run(Eager(Greedy("", 100), guide));
  ExpectSame(course, plain, "stop");
  EXPECT_GT(course.completed.drafted_tokens(), course.completed.accepted_tokens());
}

TEST_F(LlamaSpeculationTest, CompanyAndATightPoolChangeNothing) {
  Session roomy(StoriesPath());
  std::vector<Task> plain, eager;
  for (int index = 0; index < 8; ++index) {
    const std::string prompt = absl::StrCat("One day, ", index, " boys");
    plain.push_back(index % 2 == 0 ? Greedy(prompt, 100 + index) : Seeded(prompt, 90, index));
    std::string guide = roomy.Run(plain.back()).text;
    if (index % 3 == 1) guide = absl::StrReplaceAll(guide, {{"e", "a"}});
    eager.push_back(index == 5 ? plain.back() : Eager(plain.back(), guide));
  }
  for (const char* cells : {"300", "700", "4096"}) {
    Session session(StoriesPath(), {{"context_tokens", "256"}, {"pool_tokens", cells}});
    const std::vector<Course> courses = session.RunAll(eager);
    for (int index = 0; index < 8; ++index) {
      ExpectSame(courses[index], roomy.Run(plain[index]), absl::StrCat(cells, ", ", index));
    }
  }
}

TEST_F(LlamaSpeculationTest, ParkingBetweenDraftsChangesNothing) {
  Session session(StoriesPath());
  const Course plain = session.Run(Greedy("", 150));
  std::string guide = absl::StrReplaceAll(plain.text, {{"to", "two"}});
  auto job = session.Start(Eager(Greedy("", 150), guide));
  auto other = session.Start(Eager(Greedy("Sue", 400), guide));
  std::vector<Course> courses;
  for (int step = 0; step < 1000; ++step) {
    session.Step({job.get(), other.get()}, courses);
    if (courses[0].done) break;
    if (step % 3 == 0) ASSERT_TRUE(job->Park().ok());
  }
  ExpectSame(courses[0], plain, "parked");
}

TEST_F(LlamaSpeculationTest, ACancelledJobGivesItsRoomBack) {
  Session session(StoriesPath(), {{"pool_tokens", "512"}});
  const Course plain = session.Run(Greedy("", 400));
  for (int round = 0; round < 30; ++round) {
    CancelSource cancel;
    auto job = session.Start(Eager(Greedy("", 400), plain.text), cancel.token());
    std::vector<Course> courses;
    for (int step = 0; step < 1 + round % 8; ++step) session.Step({job.get()}, courses);
    cancel.Cancel();
    session.Step({job.get()}, courses);
    ASSERT_TRUE(courses[0].done);
    EXPECT_EQ(courses[0].status.code(), absl::StatusCode::kCancelled);
  }
  ExpectSame(session.Run(Eager(Greedy("", 400), plain.text)), plain, "after the cancelled ones");
}

TEST_F(LlamaSpeculationTest, WhatIsKeptForLaterIsWhatWasSaid) {
  Session session(StoriesPath());
  Session other(StoriesPath());
  const std::string text = other.Run(Greedy("", 200)).text;
  uint32_t cached = 0;
  for (int length = 20; length < 60; length += 3) {
    Task first = Eager(Greedy("", length), absl::StrReplaceAll(text, {{"wanted", "wants"}}));
    Task stopped = Eager(Greedy("", 200), absl::StrCat(text.substr(0, length), "nothing of this"));
    stopped.mutable_generate()->add_stop(text.substr(length, 4));
    for (Task task : {first, stopped}) {
      task.mutable_generate()->set_cache_key("somebody");
      const std::string said = session.Run(task).text;
      Task next = Greedy(said, 20);
      const Course plain = other.Run(next);
      next.mutable_generate()->set_cache_key("somebody");
      const Course course = session.Run(next);
      ExpectSame(course, plain, absl::StrCat(length));
      cached += course.completed.cached_tokens();
    }
  }
  EXPECT_GT(cached, 200) << "nothing was kept; the test tests nothing";
}

TEST_F(LlamaSpeculationTest, OddGuides) {
  Session session(StoriesPath());
  auto job = session.model().Start(Eager(Greedy("", 10), "\xff"), {});
  EXPECT_TRUE(HasReason(job.status(), Reason::kFieldInvalid)) << job.status();
  const Course plain = session.Run(Greedy("", 30));
  for (const std::string& guide : {std::string(3'000'000, 'a'), std::string(1, '\0'),
                                   std::string("<s></s>"), std::string(50'000, '\n')}) {
    ExpectSame(session.Run(Eager(Greedy("", 30), guide)), plain, guide.substr(0, 10));
  }
}

}  // namespace
}  // namespace intelligenced
