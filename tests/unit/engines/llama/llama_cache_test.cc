// What the engine keeps of prompts and answers: it must be found, by the right ones only, and must
// not change a single token.
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/llama_model.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

using engine_proto::Task;

const char kRules[] = "You tell stories to small children, with animals and a good end.";

using Parameters = std::map<std::string, std::string>;

// A tool's prompt with a client's text in it.
Task Ask(const std::string& client, const std::string& text, uint32_t tokens = 30,
         const std::string& rules = kRules) {
  Task task;
  engine_proto::GenerateTask* generate = task.mutable_generate();
  for (const auto& [role, words] :
       {std::pair(engine_proto::ROLE_SYSTEM, rules), std::pair(engine_proto::ROLE_USER, text)}) {
    engine_proto::Message* message = generate->mutable_conversation()->add_messages();
    message->set_role(role);
    message->set_text(words);
  }
  generate->set_shared_messages(1);
  generate->set_cache_key(client);
  generate->set_max_output_tokens(tokens);
  generate->mutable_sampling()->set_temperature(0);
  return task;
}

Task Plain(Task task) {
  task.mutable_generate()->clear_shared_messages();
  task.mutable_generate()->clear_cache_key();
  return task;
}

Task Raw(const std::string& client, const std::string& prompt, uint32_t tokens = 30) {
  Task task = Greedy(prompt, tokens);
  task.mutable_generate()->set_cache_key(client);
  return task;
}

LlamaModel& Inside(Session& session) { return dynamic_cast<LlamaModel&>(session.model()); }

// On a trained model and on one of random weights in a quantised format, whose text depends on
// every bit.
class LlamaCacheTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(File())) GTEST_SKIP() << File() << " is not here";
  }
  static std::string File() { return GetParam() ? StoriesPath() : TinyModelPath(); }
  static Parameters With(Parameters parameters = {}) {
    parameters.emplace("chat_template", "chatml");
    return parameters;
  }
};

TEST_P(LlamaCacheTest, AToolsPromptIsComputedOnceForEverybody) {
  Session plain(File(), With({{"cache_tokens", "0"}}));
  Session session(File(), With());
  const Course first = session.Run(Ask("a", "A cat."));
  EXPECT_EQ(first.completed.cached_tokens(), 0);
  EXPECT_EQ(first.text, plain.Run(Ask("a", "A cat.")).text);
  const Course second = session.Run(Ask("b", "Two dogs."));
  EXPECT_EQ(second.text, plain.Run(Ask("b", "Two dogs.")).text);
  EXPECT_GE(second.completed.cached_tokens(), 16);
  EXPECT_LT(second.completed.cached_tokens(), second.completed.input_tokens());
  const Course third = session.Run(Ask("c", "Two dogs and a cat."));
  EXPECT_EQ(third.completed.cached_tokens(), second.completed.cached_tokens())
      << "nothing of the text of b";
  EXPECT_EQ(third.text, plain.Run(Ask("c", "Two dogs and a cat.")).text);
}

TEST_P(LlamaCacheTest, WhoComesTogetherComputesItOnce) {
  Session plain(File(), With({{"cache_tokens", "0"}}));
  Session session(File(), With());
  std::vector<Task> tasks;
  for (int i = 0; i < 8; ++i) {
    tasks.push_back(Ask(absl::StrCat("client ", i), absl::StrCat("Story ", i, "!"), 10 + 7 * i));
  }
  const std::vector<Course> courses = session.RunAll(tasks);
  int cached = 0;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(courses[i].text, plain.Run(tasks[i]).text) << i;
    cached += courses[i].completed.cached_tokens() >= 16;
  }
  EXPECT_EQ(cached, 7) << "all but the first";
}

TEST_P(LlamaCacheTest, AClientFindsItsOwnTextAgainAndNobodyElseDoes) {
  Session plain(File(), With({{"cache_tokens", "0"}}));
  Session session(File(), With());
  const std::string text = "Once upon a time, there was a small dog who lived by the sea.";
  const Course first = session.Run(Raw("a", text));
  const std::string longer = absl::StrCat(text, first.text, " The end? No,");
  EXPECT_EQ(session.Run(Raw("b", longer)).completed.cached_tokens(), 0);
  EXPECT_EQ(session.Run(Plain(Raw("", longer))).completed.cached_tokens(), 0);
  const Course again = session.Run(Raw("a", longer));
  EXPECT_GE(again.completed.cached_tokens(), first.completed.input_tokens() - 1);
  EXPECT_EQ(again.text, plain.Run(Raw("a", longer)).text);
  // Another way on from the middle.
  const std::string fork = absl::StrCat(text.substr(0, 40), " had a friend, a bird.");
  const Course forked = session.Run(Raw("a", fork));
  EXPECT_GT(forked.completed.cached_tokens(), 5);
  EXPECT_EQ(forked.text, plain.Run(Raw("a", fork)).text);
  // The very same once more: one token is always computed.
  const Course same = session.Run(Raw("a", fork));
  EXPECT_EQ(same.completed.cached_tokens(), same.completed.input_tokens() - 1);
  EXPECT_EQ(same.text, forked.text);
}

TEST_P(LlamaCacheTest, AClientsWordsDoNotReachWhatTheDaemonWrote) {
  Session session(File(), With());
  session.Run(Ask("a", "A cat."));
  Task guess = Ask("b", "A cat.");
  guess.mutable_generate()->set_shared_messages(0);
  EXPECT_EQ(session.Run(guess).completed.cached_tokens(), 0);
  Task nobody = Plain(Ask("", "A cat."));
  EXPECT_EQ(session.Run(nobody).completed.cached_tokens(), 0);
}

TEST_P(LlamaCacheTest, ForksOfARunningJobShareItsState) {
  Session plain(File(), With({{"cache_tokens", "0"}}));
  Session session(File(), With());
  const std::string text = "The fox and the crow sat in a tall tree and looked at the moon.";
  std::vector<std::unique_ptr<Job>> owned;
  std::vector<Job*> jobs;
  std::vector<Course> courses;
  std::vector<Task> tasks;
  for (int i = 0; i < 4; ++i) {
    tasks.push_back(Raw("a", absl::StrCat(text, " Part ", i, "."), 40));
    owned.push_back(session.Start(tasks.back()));
    jobs.push_back(owned.back().get());
    for (int step = 0; step < 12; ++step) session.Step(jobs, courses);
  }
  int cells = 0;
  for (Job* job : jobs) cells += static_cast<LlamaJob*>(job)->sequence.cells;
  EXPECT_LT(Inside(session).pool().live(), cells - 30) << "cells are owned together";
  for (int step = 0; step < 200; ++step) session.Step(jobs, courses);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(courses[i].text, plain.Run(tasks[i]).text) << i;
    EXPECT_EQ(courses[i].completed.cached_tokens() > 0, i > 0) << i;
  }
}

// Jobs come, go, are parked, cancelled and resumed in a pool that is much too small.
TEST_P(LlamaCacheTest, NoTokenChangesInAFullPool) {
  Session plain(File(), With({{"cache_tokens", "0"}}));
  Session session(File(), With({{"context_tokens", "320"},
                                {"pool_tokens", "700"},
                                {"cache_tokens", "400"},
                                {"max_batch", "4"}}));
  struct Live {
    Task task;
    CancelSource cancel;
    std::unique_ptr<Job> job;
    Course course;
  };
  std::vector<std::unique_ptr<Live>> live;
  std::map<std::string, std::string> known;
  uint32_t random = 7;
  const auto draw = [&](uint32_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % below;
  };
  int ended = 0, cached = 0, cancelled = 0;
  for (int round = 0; round < 1200; ++round) {
    if (live.size() < 7 && draw(3) == 0) {
      auto added = std::make_unique<Live>();
      const std::string client = absl::StrCat("client ", draw(3));
      const std::string words = absl::StrCat("Tell of ", draw(4), " cats and ", draw(3), " dogs.");
      added->task = draw(2) == 0 ? Ask(client, words, 10 + draw(60))
                                 : Raw(client, absl::StrCat("Long ago. ", words), 10 + draw(60));
      added->job = session.Start(added->task, added->cancel.token());
      live.push_back(std::move(added));
    }
    if (live.empty()) continue;
    std::vector<Job*> jobs;
    std::vector<Course> courses;
    std::vector<Live*> chosen;
    for (auto& job : live) {
      if (jobs.size() == 4 || draw(3) == 0) continue;
      jobs.push_back(job->job.get());
      courses.push_back(job->course);
      chosen.push_back(job.get());
    }
    if (!jobs.empty()) session.Step(jobs, courses);
    for (size_t i = 0; i < chosen.size(); ++i) chosen[i]->course = courses[i];
    Live& any = *live[draw(live.size())];
    if (draw(8) == 0) ASSERT_TRUE(any.job->Park().ok());
    if (draw(25) == 0) any.cancel.Cancel();
    std::erase_if(live, [&](const std::unique_ptr<Live>& job) {
      // Some are dropped without ever hearing of it.
      if (!job->course.done) return job->cancel.token().cancelled() && draw(2) == 0;
      if (!job->course.status.ok()) {
        ++cancelled;
        return true;
      }
      ++ended;
      cached += job->course.completed.cached_tokens() > 0;
      std::string& text = known[job->task.SerializeAsString()];
      if (text.empty()) text = plain.Run(Plain(job->task)).text;
      EXPECT_EQ(job->course.text, text) << job->task.DebugString();
      return true;
    });
  }
  EXPECT_GT(ended, 30);
  EXPECT_GT(cached, 15);
  EXPECT_GT(cancelled, 0);
  live.clear();
  LlamaModel& model = Inside(session);
  EXPECT_LE(model.cache().tokens(), 400);
  model.cache().Clear();
  EXPECT_EQ(model.cache().entries(), 0);
  EXPECT_EQ(model.pool().live(), 0) << "every cell is given back";
  EXPECT_EQ(model.pool().garbage(), 0);
}

TEST_P(LlamaCacheTest, CancelledAtEveryPhaseGivesItsCellsBack) {
  Session session(File(), With());
  LlamaModel& model = Inside(session);
  for (const bool keyed : {false, true}) {
    for (int steps = 0; steps < 12; ++steps) {
      for (const bool parked : {false, true}) {
        CancelSource cancel;
        Task task = Ask(keyed ? "a" : "", "A cat and a dog and a bird went out.");
        task.mutable_generate()->set_shared_messages(keyed ? 1 : 0);
        auto job = session.Start(task, cancel.token());
        std::vector<Course> courses;
        for (int step = 0; step < steps; ++step) session.Step({job.get()}, courses);
        if (parked) ASSERT_TRUE(job->Park().ok());
        cancel.Cancel();
        session.Step({job.get()}, courses);
        EXPECT_EQ(courses[0].status.code(), absl::StatusCode::kCancelled);
        if (!keyed) EXPECT_EQ(model.pool().live(), 0) << steps;
        job.reset();
        model.cache().Clear();
        EXPECT_EQ(model.pool().live(), 0) << steps;
        EXPECT_EQ(model.pool().garbage(), 0) << steps;
      }
    }
  }
}

TEST_P(LlamaCacheTest, PrefillOnlyWarmsWithoutOutput) {
  Session session(File(), With());
  Task warm = Ask("a", "A cat went to town.");
  warm.mutable_generate()->set_prefill_only(true);
  const Course warmed = session.Run(warm);
  EXPECT_TRUE(warmed.status.ok());
  EXPECT_EQ(warmed.text, "");
  EXPECT_EQ(warmed.completed.output_tokens(), 0);
  EXPECT_EQ(warmed.completed.finish_reason(), engine_proto::FINISH_REASON_STOP);
  EXPECT_GT(warmed.completed.input_tokens(), 10);
  const Course course = session.Run(Ask("a", "A cat went to town."));
  EXPECT_EQ(course.completed.cached_tokens(), course.completed.input_tokens() - 1);
  const Course other = session.Run(Ask("b", "A cat went to town."));
  EXPECT_GT(other.completed.cached_tokens(), 0);
  EXPECT_LT(other.completed.cached_tokens(), course.completed.cached_tokens());
}

TEST_P(LlamaCacheTest, OneClientDoesNotPushOutTheOthers) {
  Session session(File(), With({{"cache_tokens", "300"}}));
  const std::string text = "A small text of one client, kept for the next time that it comes.";
  const Course quiet = session.Run(Raw("quiet", text, 2));
  ASSERT_LT(quiet.completed.input_tokens(), 140u);
  for (int i = 0; i < 20; ++i) {
    session.Run(Raw("loud", absl::StrCat(i, " shouts again and again, ever louder, all day."), 2));
  }
  EXPECT_GT(session.Run(Raw("quiet", text, 2)).completed.cached_tokens(), 0);
}

TEST_P(LlamaCacheTest, BadWishesAreRefused) {
  Session session(File(), With());
  Task task = Ask("a", "A cat.");
  task.mutable_generate()->set_shared_messages(3);
  EXPECT_TRUE(HasReason(session.model().Start(task, {}).status(), Reason::kFieldInvalid));
  task.mutable_generate()->set_shared_messages(2);
  EXPECT_TRUE(session.model().Start(task, {}).ok());
  task = Greedy("A cat.", 5);
  task.mutable_generate()->set_shared_messages(1);
  EXPECT_TRUE(HasReason(session.model().Start(task, {}).status(), Reason::kFieldInvalid));
  task = Raw(std::string(8193, 'x'), "A cat.");
  EXPECT_TRUE(HasReason(session.model().Start(task, {}).status(), Reason::kFieldInvalid));
}

INSTANTIATE_TEST_SUITE_P(Models, LlamaCacheTest, testing::Bool());

}  // namespace
}  // namespace intelligenced
