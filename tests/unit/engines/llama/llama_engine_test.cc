// The engine on a real, small model: what it generates, alone and in company.
#include "runtime/engines/llama/llama_engine.h"

#include <llama.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

using engine_proto::FINISH_REASON_LENGTH;
using engine_proto::FINISH_REASON_STOP;
using engine_proto::Task;

constexpr int kTokens = 60;

// What the model says by itself, computed with nothing of the engine: one token at a time.
const char kKnownText[] =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n";

// A loop as plain as the library allows. Returns the greedy text after `prompt`.
std::string PlainGreedy(const std::string& prompt, int count) {
  if (ggml_backend_reg_by_name("CPU") == nullptr) ggml_backend_load_all();
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model* model =
      llama_model_load_from_file(StoriesPath().c_str(), llama_model_default_params());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 512;
  params.n_threads = params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, params);
  const llama_vocab* vocab = llama_model_get_vocab(model);
  std::vector<llama_token> tokens(prompt.size() + 8);
  tokens.resize(llama_tokenize(vocab, prompt.data(), static_cast<int32_t>(prompt.size()),
                               tokens.data(), static_cast<int32_t>(tokens.size()), true, false));
  const size_t prompt_size = tokens.size();
  std::string text;
  for (size_t at = 0; at < prompt_size + count; ++at) {
    llama_token token = tokens[at];
    EXPECT_EQ(llama_decode(context, llama_batch_get_one(&token, 1)), 0);
    if (at + 1 < prompt_size) continue;
    const float* scores = llama_get_logits_ith(context, -1);
    const auto best = static_cast<llama_token>(
        std::max_element(scores, scores + llama_vocab_n_tokens(vocab)) - scores);
    if (llama_vocab_is_eog(vocab, best) || tokens.size() == prompt_size + count) break;
    tokens.push_back(best);
    char piece[64];
    const int size = llama_token_to_piece(vocab, best, piece, sizeof(piece), 0, false);
    text.append(piece, std::max(size, 0));
  }
  llama_free(context);
  llama_model_free(model);
  return text;
}

class LlamaEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HaveStories()) GTEST_SKIP() << "stories260K.gguf is not here";
  }
};

TEST_F(LlamaEngineTest, DescribesTheModel) {
  Session session(StoriesPath());
  const engine_proto::ModelInfo& info = session.model().info();
  EXPECT_EQ(info.max_batch(), 16);
  EXPECT_EQ(info.width(), 1) << "a model this small takes one thread";
  EXPECT_EQ(info.device(), "cpu");
  EXPECT_EQ(info.context_tokens(), 512);
  EXPECT_FALSE(info.has_chat_template());
  EXPECT_EQ(info.task_kinds_size(), 2);
  EXPECT_TRUE(absl::StrContains(info.description(), "llama")) << info.description();
  auto usage = session.model().MeasureUsage();
  ASSERT_TRUE(usage.ok());
  EXPECT_GT(usage->resident_bytes(), 1'000'000);
  EXPECT_GE(usage->peak_bytes(), usage->resident_bytes());
}

TEST_F(LlamaEngineTest, TheEmptyPromptGivesTheKnownText) {
  const std::string plain = PlainGreedy("", kTokens);
  EXPECT_TRUE(absl::StartsWith(absl::StrCat(kKnownText), plain.substr(1)) ||
              absl::StartsWith(plain.substr(1), kKnownText))
      << plain;
  Session session(StoriesPath());
  const Course course = session.Run(Greedy("", kTokens));
  EXPECT_TRUE(course.status.ok());
  EXPECT_EQ(" " + course.text, plain);
  EXPECT_EQ(course.completed.finish_reason(), FINISH_REASON_LENGTH);
  EXPECT_EQ(course.completed.input_tokens(), 1);
  EXPECT_EQ(course.completed.output_tokens(), kTokens);
  EXPECT_EQ(course.completed.cached_tokens(), 0);
}

TEST_F(LlamaEngineTest, FifteenOthersChangeNothing) {
  Session session(StoriesPath());
  const Course alone = session.Run(Greedy("", 200));
  std::vector<Task> tasks = {Greedy("", 200)};
  for (int i = 1; i < 16; ++i) {
    // Of different lengths, so that jobs end, and their room comes free, all along.
    Task task = Greedy(absl::StrCat("Once upon a time, there was a cat number ", i, "."), 10 * i);
    task.mutable_generate()->mutable_sampling()->set_temperature(i % 2 == 0 ? 0 : 0.9f);
    task.mutable_generate()->mutable_sampling()->set_seed(i);
    tasks.push_back(task);
  }
  const std::vector<Course> together = session.RunAll(tasks);
  EXPECT_EQ(together[0].text, alone.text);
  for (int i = 1; i < 16; ++i) {
    EXPECT_EQ(together[i].text, session.Run(tasks[i]).text) << "job " << i;
  }
}

TEST_F(LlamaEngineTest, JobsThatComeAndGoChangeNothing) {
  Session session(StoriesPath(), {{"pool_tokens", "700"}});
  const std::string expected = session.Run(Greedy("", 450)).text;
  auto watched = session.Start(Greedy("", 450));
  std::vector<std::unique_ptr<Job>> owned(7);
  std::vector<Course> courses(8);
  for (int step = 0; !courses[0].done && step < 5000; ++step) {
    std::vector<Job*> jobs = {watched.get()};
    for (int i = 0; i < 7; ++i) {
      if (owned[i] == nullptr || courses[i + 1].done || (step + i) % 37 == 0) {
        courses[i + 1] = Course();
        owned[i] = session.Start(Greedy(absl::StrCat("Tom and Sue ", step), 5 + (step + i) % 40));
      }
      jobs.push_back(owned[i].get());
    }
    session.Step(jobs, courses);
  }
  EXPECT_EQ(courses[0].text, expected);
}

TEST_F(LlamaEngineTest, ThreadsAndChunksChangeNothing) {
  const std::string story = PlainGreedy("", 300);
  Session one(StoriesPath());
  engine_proto::ModelSpec spec = SpecOf(StoriesPath());
  spec.set_threads(2);
  auto engine = MakeLlamaEngine();
  auto two = engine->Load(spec, {});
  ASSERT_TRUE(two.ok());
  EXPECT_EQ((*two)->info().width(), 2);
  const std::string expected = one.Run(Greedy(story, 40)).text;
  auto job = (*two)->Start(Greedy(story, 40), {});
  ASSERT_TRUE(job.ok());
  std::string text;
  for (bool done = false; !done;) {
    Job* raw = job->get();
    auto outputs = (*two)->Step({&raw, 1}, {});
    ASSERT_TRUE(outputs.ok());
    done = outputs->front().done;
    for (const auto& event : outputs->front().events) text += event.delta();
  }
  EXPECT_EQ(text, expected);
}

TEST_F(LlamaEngineTest, ALongPromptReportsProgress) {
  Session session(StoriesPath());
  const std::string story = PlainGreedy("", 300);
  // Together they are more than one batch can have.
  const Course course =
      session.RunAll({Greedy(story, 5), Greedy(story, 5), Greedy(story, 5), Greedy(story, 5)})
          .back();
  uint64_t last = 0;
  int reports = 0;
  for (const engine_proto::Event& event : course.events) {
    if (!event.has_progress()) continue;
    ++reports;
    EXPECT_GT(event.progress().done(), last);
    EXPECT_EQ(event.progress().total(), course.completed.input_tokens());
    last = event.progress().done();
  }
  EXPECT_GE(reports, 2);
  EXPECT_LT(last, course.completed.input_tokens());
}

TEST_F(LlamaEngineTest, SameSeedSameTextOtherSeedOther) {
  Session session(StoriesPath());
  const auto with_seed = [](uint32_t seed) {
    Task task = Greedy("", 40);
    task.mutable_generate()->mutable_sampling()->set_temperature(1);
    task.mutable_generate()->mutable_sampling()->set_seed(seed);
    return task;
  };
  const std::string text = session.Run(with_seed(1)).text;
  EXPECT_EQ(session.Run(with_seed(1)).text, text);
  EXPECT_NE(session.Run(with_seed(2)).text, text);
  // The library's own "draw one" is a seed like any other here.
  EXPECT_EQ(session.Run(with_seed(0xFFFFFFFF)).text, session.Run(with_seed(0xFFFFFFFF)).text);
}

TEST_F(LlamaEngineTest, TopKOfOneIsGreedyAtAnyTemperature) {
  Session session(StoriesPath());
  Task task = Greedy("", 30);
  task.mutable_generate()->mutable_sampling()->set_temperature(5);
  task.mutable_generate()->mutable_sampling()->set_top_k(1);
  EXPECT_EQ(session.Run(task).text, session.Run(Greedy("", 30)).text);
}

TEST_F(LlamaEngineTest, StopsBeforeAStopString) {
  Session session(StoriesPath());
  Task task = Greedy("", 60);
  task.mutable_generate()->add_stop("never said");
  task.mutable_generate()->add_stop("ily. She lov");
  const Course course = session.Run(task);
  EXPECT_EQ(course.text, "Once upon a time, there was a little girl named L");
  EXPECT_EQ(course.completed.finish_reason(), FINISH_REASON_STOP);
}

TEST_F(LlamaEngineTest, AHeldBackTailComesWithTheEnd) {
  Session session(StoriesPath());
  Task task = Greedy("", 3);
  const std::string text = session.Run(task).text;
  task.mutable_generate()->add_stop(text.substr(text.size() - 2) + "\x01");
  EXPECT_EQ(session.Run(task).text, text);
}

TEST_F(LlamaEngineTest, ManyDeltasAreWholeUtf8) {
  Session session(StoriesPath());
  Task task = Greedy("Grüße 日本 🙂", 120);
  task.mutable_generate()->mutable_sampling()->set_temperature(40);
  task.mutable_generate()->mutable_sampling()->set_top_k(0);
  task.mutable_generate()->mutable_sampling()->set_top_p(1);
  task.mutable_generate()->mutable_sampling()->set_min_p(0);
  task.mutable_generate()->mutable_sampling()->set_seed(3);
  const Course course = session.Run(task);
  EXPECT_TRUE(course.status.ok());
  for (const engine_proto::Event& event : course.events) {
    EXPECT_TRUE(IsValidUtf8(event.delta()));
  }
}

TEST_F(LlamaEngineTest, TheContextEndsTheText) {
  Session session(StoriesPath(), {{"context_tokens", "64"}});
  Task task = Greedy("", 0);
  const Course course = session.Run(task);
  EXPECT_EQ(course.completed.finish_reason(), FINISH_REASON_LENGTH);
  EXPECT_EQ(course.completed.input_tokens() + course.completed.output_tokens(), 64);
}

TEST_F(LlamaEngineTest, AnInputBeyondTheContextIsRefusedWithBothCounts) {
  Session session(StoriesPath(), {{"context_tokens", "64"}});
  std::string text;
  while (true) {
    auto job = session.model().Start(Greedy(text, 5), {});
    if (!job.ok()) {
      EXPECT_TRUE(HasReason(job.status(), Reason::kContextWindowExceeded)) << job.status();
      auto facts = FactsOf(job.status());
      EXPECT_EQ(facts.metadata["context_tokens"], "64");
      EXPECT_EQ(facts.metadata["input_tokens"], "64") << "the first that leaves no room";
      break;
    }
    ASSERT_LT(text.size(), 1000u);
    text += "x";
  }
  // Ten million bytes are refused without being split into tokens.
  auto huge = session.model().Start(Greedy(std::string(10'000'000, 'a'), 5), {});
  EXPECT_TRUE(HasReason(huge.status(), Reason::kContextWindowExceeded));
  EXPECT_TRUE(absl::StrContains(huge.status().message(), "at least"));
}

TEST_F(LlamaEngineTest, BadTasksAreRefused) {
  Session session(StoriesPath());
  const auto refused = [&](const Task& task) {
    auto job = session.model().Start(task, {});
    return HasReason(job.status(), Reason::kFieldInvalid);
  };
  EXPECT_TRUE(refused(Task()));
  Task other;
  other.mutable_proofread()->set_text("teh");
  EXPECT_TRUE(refused(other));
  Task chat;
  auto* message = chat.mutable_generate()->mutable_conversation()->add_messages();
  message->set_role(engine_proto::ROLE_USER);
  message->set_text("Hello");
  EXPECT_TRUE(refused(chat)) << "no chat template";
  Task task = Greedy("x", 1);
  task.mutable_generate()->mutable_sampling()->set_temperature(-1);
  EXPECT_TRUE(refused(task));
  task = Greedy("x", 1);
  task.mutable_generate()->mutable_sampling()->set_temperature(std::nanf(""));
  EXPECT_TRUE(refused(task));
  task = Greedy("x", 1);
  task.mutable_generate()->mutable_sampling()->set_top_p(0);
  EXPECT_TRUE(refused(task));
  task = Greedy("x", 1);
  task.mutable_generate()->mutable_sampling()->set_min_p(1);
  EXPECT_TRUE(refused(task));
  task = Greedy("x", 1);
  task.mutable_generate()->add_stop("");
  EXPECT_TRUE(refused(task));
  task = Greedy("x", 1);
  for (int i = 0; i < 17; ++i) task.mutable_generate()->add_stop(absl::StrCat(i));
  EXPECT_TRUE(refused(task));
}

TEST_F(LlamaEngineTest, PromptsOfEveryKindAreTaken) {
  Session session(StoriesPath());
  for (const std::string& prompt :
       {std::string("a\0b", 3), std::string(300, 'x'), std::string(200, ' '), std::string("\n"),
        std::string("<s></s><unk>")}) {
    const Course course = session.Run(Greedy(prompt, 3));
    EXPECT_TRUE(course.status.ok()) << course.status;
    EXPECT_GT(course.completed.input_tokens(), 1);
  }
}

TEST_F(LlamaEngineTest, CountsTokens) {
  Session session(StoriesPath());
  Task task;
  task.mutable_count_tokens()->set_text("Once upon a time");
  const Course course = session.Run(task);
  ASSERT_EQ(course.events.size(), 2u);
  EXPECT_EQ(course.events[0].token_count().context_tokens(), 512);
  EXPECT_EQ(course.events[0].token_count().tokens(),
            session.Run(Greedy("Once upon a time", 1)).completed.input_tokens());
  task.mutable_count_tokens()->set_text(std::string(200'000, 'x'));
  EXPECT_GT(session.Run(task).events[0].token_count().tokens(), 10'000u)
      << "counting knows no context";
}

TEST_F(LlamaEngineTest, ACancelledJobEndsAndOthersGoOn) {
  Session session(StoriesPath());
  const std::string expected = session.Run(Greedy("", 80)).text;
  CancelSource cancel;
  auto doomed = session.Start(Greedy("One day", 400), cancel.token());
  auto other = session.Start(Greedy("", 80));
  std::vector<Course> courses;
  for (int step = 0; step < 2000; ++step) {
    if (step == 20) cancel.Cancel();
    session.Step({doomed.get(), other.get()}, courses);
    if (courses[1].done) break;
  }
  EXPECT_TRUE(courses[0].done);
  EXPECT_EQ(courses[0].status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(courses[1].text, expected);
}

TEST_F(LlamaEngineTest, ACancelReachesARunningStep) {
  Session session(StoriesPath(), {{"pool_tokens", "16384"}});
  CancelSource cancel;
  std::vector<std::unique_ptr<Job>> owned;
  std::vector<Job*> jobs;
  for (int i = 0; i < 16; ++i) {
    owned.push_back(session.Start(Greedy("", 500), cancel.token()));
    jobs.push_back(owned.back().get());
  }
  std::vector<Course> courses;
  std::thread canceller([&] { cancel.Cancel(); });
  // Without the cancel this step would go on until all jobs have ended.
  session.Step(jobs, courses, absl::Hours(1));
  canceller.join();
  for (const Course& course : courses) {
    EXPECT_TRUE(course.done);
    EXPECT_EQ(course.status.code(), absl::StatusCode::kCancelled);
  }
  EXPECT_EQ(session.Run(Greedy("", 30)).text, PlainGreedy("", 30).substr(1)) << "nothing is left";
}

TEST_F(LlamaEngineTest, AFullPoolParksAndResumesExactly) {
  Session roomy(StoriesPath());
  Session tight(StoriesPath(), {{"context_tokens", "256"}, {"pool_tokens", "300"}});
  std::vector<Task> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(Greedy(absl::StrCat("One day, ", i, " boys"), 150));
  const std::vector<Course> courses = tight.RunAll(tasks);
  int stalls = 0;
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(courses[i].status.ok()) << courses[i].status;
    EXPECT_EQ(courses[i].text, roomy.Run(tasks[i]).text) << i;
    stalls += courses[i].stalls;
  }
  EXPECT_GT(stalls, 0) << "the pool was never full; the test tests nothing";
}

TEST_F(LlamaEngineTest, ParkingInTheMiddleContinuesExactly) {
  Session session(StoriesPath());
  const std::string expected = session.Run(Greedy("", 100)).text;
  auto job = session.Start(Greedy("", 100));
  EXPECT_TRUE(job->Park().ok()) << "before it has any state";
  auto other = session.Start(Greedy("Sue", 400));
  std::vector<Course> courses;
  for (int step = 0; step < 1000; ++step) {
    session.Step({job.get(), other.get()}, courses);
    if (courses[0].done) break;
    if (step % 7 == 0) {
      ASSERT_TRUE(job->Park().ok());
      ASSERT_TRUE(job->Park().ok()) << "twice is once";
    }
  }
  EXPECT_EQ(courses[0].text, expected);
  EXPECT_TRUE(job->Park().ok()) << "after its end";
}

TEST_F(LlamaEngineTest, MoreJobsThanABatchTakeTurns) {
  Session session(StoriesPath(), {{"max_batch", "2"}, {"pool_tokens", "512"}});
  const std::string expected = session.Run(Greedy("", 40)).text;
  std::vector<std::unique_ptr<Job>> owned;
  for (int i = 0; i < 20; ++i) owned.push_back(session.Start(Greedy("", 40)));
  std::vector<Course> courses(20);
  int left = 20;
  for (int step = 0; left > 0 && step < 5000; ++step) {
    const int a = step % 20, b = (step + 7) % 20;
    std::vector<Course> pair = {courses[a], courses[b]};
    if (pair[0].done && pair[1].done) continue;
    session.Step({owned[a].get(), owned[b].get()}, pair);
    left -= pair[0].done - courses[a].done + pair[1].done - courses[b].done;
    courses[a] = pair[0];
    courses[b] = pair[1];
  }
  for (const Course& course : courses) EXPECT_EQ(course.text, expected);
}

TEST_F(LlamaEngineTest, TheBudgetHoldsManyBatches) {
  Session session(StoriesPath());
  auto job = session.Start(Greedy("", 60));
  std::vector<Course> courses;
  session.Step({job.get()}, courses, absl::Hours(1));
  ASSERT_TRUE(courses[0].done) << "one step with time enough does it all";
  EXPECT_EQ(courses[0].completed.output_tokens(), kTokens);
  auto two = session.Start(Greedy("", 60));
  courses.clear();
  session.Step({two.get()}, courses, absl::ZeroDuration());
  EXPECT_FALSE(courses[0].done) << "without a budget it is one batch";
}

TEST_F(LlamaEngineTest, DroppedJobsGiveTheirRoomBack) {
  Session session(StoriesPath(), {{"pool_tokens", "512"}});
  for (int round = 0; round < 50; ++round) {
    auto job = session.Start(Greedy("", 400));
    std::vector<Course> courses;
    for (int i = 0; i < 30; ++i) session.Step({job.get()}, courses);
  }
  EXPECT_TRUE(session.Run(Greedy("", 450)).status.ok());
}

}  // namespace
}  // namespace intelligenced
