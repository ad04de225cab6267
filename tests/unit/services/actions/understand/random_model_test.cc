// A model of random weights would name anything: inside of the grammar it cannot.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "services/actions/understand/model_resolution.h"
#include "tests/support/guided/schema_validator.h"
#include "tests/unit/engines/llama/stories.h"
#include "tests/unit/services/actions/understand/declared.h"

namespace intelligenced {
namespace {

constexpr int kResolutions = 1000;
constexpr int kBatch = 16;

TEST(RandomModel, AThousandAnswersNameWhatThereIs) {
  if (!std::filesystem::exists(TinyModelPath())) GTEST_SKIP() << TinyModelPath();
  Session session(TinyModelPath(), {{"context_tokens", "512"}});
  const auto library = DeclaredLibrary();
  std::vector<const intelligence::v1::Action*> all;
  for (const intelligence::v1::Action& action : library->actions) all.push_back(&action);
  std::mt19937 random(7);
  std::set<std::string> named;
  int none = 0;
  int whole = 0;
  for (int done = 0; done < kResolutions; done += kBatch) {
    std::shuffle(all.begin(), all.end(), random);
    const std::vector<const intelligence::v1::Action*> offered(all.begin(), all.begin() + 4);
    const std::string schema = AnswerSchema(offered);
    const auto grammar = AnswerGrammar(offered);
    ASSERT_TRUE(grammar.ok()) << grammar.status();
    std::vector<engine_proto::Task> tasks;
    for (int index = 0; index < kBatch; ++index) {
      engine_proto::Task task = Greedy("Say", kMaxAnswerTokens);
      task.mutable_generate()->set_grammar(*grammar);
      task.mutable_generate()->mutable_sampling()->set_temperature(1);
      task.mutable_generate()->mutable_sampling()->set_seed(static_cast<uint32_t>(random()));
      tasks.push_back(std::move(task));
    }
    intelligence::v1::ResolveUtteranceRequest request;
    request.set_utterance("anything at all");
    request.set_min_confidence(0);
    for (const Course& course : session.RunAll(tasks)) {
      ASSERT_TRUE(course.status.ok()) << course.status;
      const auto response = ReadAnswer(course.text, offered, request);
      if (course.completed.finish_reason() != engine_proto::FINISH_REASON_STOP) {
        EXPECT_EQ(response.candidates_size(), 0) << course.text;
        continue;
      }
      ++whole;
      ASSERT_EQ(FindBreachInText(schema, course.text), "") << course.text;
      if (nlohmann::json::parse(course.text)["action"] == "none") {
        ++none;
        EXPECT_EQ(response.candidates_size(), 0);
        continue;
      }
      ASSERT_EQ(response.candidates_size(), 1) << course.text;
      EXPECT_EQ(response.candidates(0).missing_size(), 0) << course.text;
      named.insert(response.candidates(0).action());
    }
  }
  // Else this shows nothing.
  EXPECT_GE(whole, kResolutions * 95 / 100);
  EXPECT_LT(none, kResolutions / 2);
  EXPECT_GE(named.size(), 5U);
  RecordProperty("whole", whole);
  RecordProperty("none", none);
}

}  // namespace
}  // namespace intelligenced
