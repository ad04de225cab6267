// Generation inside a grammar, on models that would never write JSON by themselves.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "services/guided/partial_json.h"
#include "services/guided/schema_grammar.h"
#include "tests/support/guided/random_schema.h"
#include "tests/support/guided/schema_validator.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

engine_proto::Task Guided(const std::string& grammar, uint32_t tokens, uint32_t seed) {
  engine_proto::Task task = Greedy("Once upon a time", tokens);
  task.mutable_generate()->set_grammar(grammar);
  if (seed % 3 != 0) {
    // Greedy, the usual options, and everything that the model has.
    engine_proto::Sampling* sampling = task.mutable_generate()->mutable_sampling();
    sampling->set_seed(seed);
    sampling->set_temperature(1.0f);
    if (seed % 3 == 2) {
      sampling->set_top_k(0);
      sampling->set_top_p(1);
      sampling->set_min_p(0);
    }
  }
  return task;
}

class GuidedTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(Path())) GTEST_SKIP() << Path() << " is not there";
  }
  static std::string Path() {
    return std::string(GetParam()) == "random" ? TinyModelPath() : StoriesPath();
  }
  static std::string Compile(const std::string& schema) {
    const auto grammar = CompileSchema(schema, "response_schema");
    EXPECT_TRUE(grammar.ok()) << schema << grammar.status();
    return grammar.value_or("");
  }
};

TEST_P(GuidedTest, WhatAModelWritesForRandomSchemasValidates) {
  Session session(Path(), {{"context_tokens", "512"}});
  std::mt19937_64 random(11);
  int whole = 0;
  int cut = 0;
  for (int round = 0; round < 10 && !HasFailure(); ++round) {
    std::vector<std::string> schemas;
    std::vector<engine_proto::Task> tasks;
    for (int i = 0; i < 8; ++i) {
      schemas.push_back(DrawSchema(random).dump());
      tasks.push_back(Guided(Compile(schemas.back()), 400, static_cast<uint32_t>(random())));
    }
    const std::vector<Course> courses = session.RunAll(tasks);
    for (int i = 0; i < 8; ++i) {
      const Course& course = courses[i];
      ASSERT_TRUE(course.status.ok()) << course.status << "\n" << schemas[i] << "\n" << course.text;
      ASSERT_TRUE(IsValidUtf8(course.text));
      if (course.completed.finish_reason() == engine_proto::FINISH_REASON_STOP) {
        ++whole;
        EXPECT_EQ(FindBreachInText(schemas[i], course.text), "") << schemas[i] << "\n"
                                                                 << course.text;
      } else {
        ++cut;
        PartialJson partial;
        partial.Append(course.text);
        const std::string snapshot = partial.Snapshot().value_or("null");
        EXPECT_TRUE(nlohmann::json::accept(snapshot)) << course.text << "\n" << snapshot;
      }
    }
  }
  EXPECT_GT(whole, 50) << "most must end by themselves, else this shows nothing; cut: " << cut;
}

TEST_P(GuidedTest, TheSameSeedGivesTheSameTextAloneAndInCompany) {
  Session session(Path(), {{"context_tokens", "512"}});
  const std::string grammar = Compile(
      R"({"properties":{"a":{"type":"string","maxLength":20},"b":{"type":"integer"}},
          "required":["a","b"]})");
  for (const uint32_t seed : {3u, 4u, 5u}) {
    const std::string alone = session.Run(Guided(grammar, 100, seed)).text;
    std::vector<engine_proto::Task> tasks(4, Guided(grammar, 100, seed));
    for (const Course& course : session.RunAll(tasks)) EXPECT_EQ(course.text, alone);
  }
}

TEST_P(GuidedTest, ALimitCutsAnywhere) {
  Session session(Path(), {{"context_tokens", "512"}});
  const std::string grammar = Compile(R"({"type":"array","minItems":50,"items":{"type":"string",
      "minLength":3,"maxLength":9}})");
  for (uint32_t tokens = 1; tokens < 30; ++tokens) {
    const Course course = session.Run(Guided(grammar, tokens, tokens));
    EXPECT_EQ(course.completed.finish_reason(), engine_proto::FINISH_REASON_LENGTH);
    EXPECT_EQ(course.completed.output_tokens(), tokens);
    PartialJson partial;
    partial.Append(course.text);
    EXPECT_TRUE(nlohmann::json::accept(partial.Snapshot().value_or(""))) << course.text;
  }
}

TEST_P(GuidedTest, ParkingKeepsThePlaceInTheGrammar) {
  Session session(Path(), {{"context_tokens", "512"}});
  const std::string schema =
      R"({"type":"array","minItems":9,"maxItems":9,"items":{"enum":["red","green"]}})";
  const engine_proto::Task task = Guided(Compile(schema), 300, 3);
  const std::string expected = session.Run(task).text;
  auto job = session.Start(task);
  std::vector<Course> courses;
  for (int step = 0; step < 1000; ++step) {
    session.Step({job.get()}, courses);
    if (courses[0].done) break;
    ASSERT_TRUE(job->Park().ok());
  }
  EXPECT_EQ(courses[0].text, expected);
  EXPECT_EQ(FindBreachInText(schema, courses[0].text), "");
}

TEST_P(GuidedTest, ToolCallsOnly) {
  Session session(Path(), {{"context_tokens", "512"}});
  const auto grammar =
      CompileTools({{.name = "get_weather",
                     .parameters = R"({"properties":{"city":{"type":"string","maxLength":8}},
                          "required":["city"]})",
                     .field = "tools[0].parameters"},
                    {.name = "stop", .parameters = "", .field = "tools[1].parameters"}},
                   /*required=*/true);
  ASSERT_TRUE(grammar.ok()) << grammar.status();
  for (const uint32_t seed : {3u, 4u, 5u, 7u, 8u}) {
    const Course course = session.Run(Guided(*grammar, 480, seed));
    ASSERT_EQ(course.completed.finish_reason(), engine_proto::FINISH_REASON_STOP) << course.text;
    for (const auto& call : nlohmann::json::parse(course.text)["tool_calls"]) {
      EXPECT_TRUE(call["name"] == "stop" || call["arguments"]["city"].is_string()) << call;
    }
  }
}

TEST_P(GuidedTest, AWrongGrammarIsRefusedAndOthersGoOn) {
  Session session(Path(), {{"context_tokens", "512"}});
  auto good = session.Start(Guided(Compile(R"({"const":"yes"})"), 40, 0));
  for (const char* grammar : {"root ::= root\n", "nonsense", "root ::= \"a\"{9}\n"}) {
    const auto refused = session.model().Start(Guided(grammar, 10, 0), {});
    EXPECT_TRUE(HasReason(refused.status(), Reason::kFieldInvalid)) << refused.status();
  }
  std::vector<Course> courses;
  for (int step = 0; step < 100 && (courses.empty() || !courses[0].done); ++step) {
    session.Step({good.get()}, courses);
  }
  EXPECT_EQ(courses[0].text, "\"yes\"");
}

INSTANTIATE_TEST_SUITE_P(Models, GuidedTest, testing::Values("random", "stories"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace intelligenced
