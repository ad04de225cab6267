// Proofreading by a model that was trained for it, joined by rules: the service, over a socket. The
// rules are the fake engine's.
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

constexpr char kRules[] = R"({
  "name": "writing-rules", "engine": "fake", "built_in": true, "rank": 0,
  "capabilities": ["writing.proofread"], "files": []})";
constexpr char kWriter[] = R"({
  "name": "writer", "engine": "script", "built_in": true, "rank": 2,
  "capabilities": ["language.generate", "writing.proofread"],
  "parameters": {"x-proofread.prompt": "\u0002{text}\u0003", "x-proofread.rules": "true",
                 "x-proofread.min_confidence": "0.8", "x-proofread.prose_only": "true",
                 "x-proofread.part_bytes": "200"},
  "files": []})";
constexpr char kOdd[] = R"({
  "name": "odd", "engine": "script", "capabilities": ["language.generate", "writing.proofread"],
  "parameters": {"x-proofread.min_confidence": "very"}, "built_in": true, "files": []})";

// What stands between the marks of the prompt.
std::string Given(const engine_proto::GenerateTask& task) {
  std::string_view text = task.prompt();
  EXPECT_TRUE(absl::ConsumePrefix(&text, "\x02") && absl::ConsumeSuffix(&text, "\x03"));
  return std::string(text);
}

class ProofreadJoinedTest : public ServiceFixture {
 protected:
  ProofreadJoinedTest()
      : ServiceFixture({{"writing-rules", kRules}, {"writer", kWriter}, {"odd", kOdd}}) {
    script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
      EXPECT_FALSE(task.has_conversation());
      EXPECT_TRUE(task.token_likelihoods());
      EXPECT_EQ(task.guide_text(), Given(task));
      EXPECT_EQ(task.sampling().temperature(), 0);
      return absl::StrReplaceAll(Given(task),
                                 {{"a eror", "an error"}, {"goes", "go"}, {"  ", " "}});
    };
    // A byte is a token; sure of all but "go".
    script_.likelihoods = [](const std::string& answer) {
      engine_proto::TokenLikelihoods likelihoods;
      for (size_t i = 0; i < answer.size(); ++i) {
        likelihoods.add_bytes(1);
        const bool unsure = answer.substr(i, 2) == "go";
        likelihoods.add_log_probabilities(std::log(unsure ? 0.6F : 0.9F));
      }
      return likelihoods;
    };
  }

  std::string Proofreads(const std::string& text, const std::string& model = "writer") {
    v1::ProofreadTextRequest request;
    request.set_text(text);
    request.mutable_options()->set_model(model);
    const absl::Status status = Proofread(request);
    EXPECT_TRUE(status.ok()) << status;
    return status.ok() ? proofread_.back().completed().corrected_text() : "";
  }
};

TEST_F(ProofreadJoinedTest, RulesAndSureEditsOfTheModelJoin) {
  EXPECT_EQ(Proofreads("We recieve a eror when she goes home."),
            "We receive an error when she goes home.");
  const v1::ProofreadTextCompleted& completed = proofread_.back().completed();
  ASSERT_EQ(completed.corrections_size(), 3);
  EXPECT_EQ(completed.corrections(0).replacement(), "receive");
  EXPECT_NEAR(completed.corrections(1).confidence(), 0.9, 1e-5);
  EXPECT_EQ(completed.usage().model(), "models/writer");
  EXPECT_EQ(completed.language(), "en");
}

TEST_F(ProofreadJoinedTest, LongTextsComeBackWholeAndInOrder) {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&text, "Sentence ", i, " has a eror and teh mail that we recieve. ");
    if (i % 7 == 6) text += "\n\n";
  }
  const std::string expected =
      absl::StrReplaceAll(text, {{"a eror", "an error"}, {"teh", "the"}, {"recieve", "receive"}});
  EXPECT_EQ(Proofreads(text), expected);
  EXPECT_GT(script_.jobs_started, 40);
  uint32_t last = 0;
  for (const v1::Correction& correction : proofread_.back().completed().corrections()) {
    EXPECT_GE(correction.start(), last);
    last = correction.end();
  }
}

TEST_F(ProofreadJoinedTest, WhatIsNoProseIsNotGivenToTheModel) {
  const std::string text = "| a eror | b |\n|---|---|";
  EXPECT_EQ(Proofreads(text), text);
  EXPECT_EQ(Proofreads("THERE IS a eror IN THIS HEADING OF OURS"),
            "THERE IS a eror IN THIS HEADING OF OURS");
  EXPECT_EQ(Proofreads("17 42\n\n---\n"), "17 42\n\n---\n");
  EXPECT_EQ(script_.jobs_started, 0);
}

TEST_F(ProofreadJoinedTest, WithoutLikelihoodsTheKindOfEditDecides) {
  script_.likelihoods = nullptr;
  EXPECT_EQ(Proofreads("There is a eror in it."), "There is a error in it.")
      << "a spelling is believed, an article is not";
}

TEST_F(ProofreadJoinedTest, AModelThatFailsEndsTheCall) {
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    return MakeError(Reason::kEngineFailure, "broken");
  };
  v1::ProofreadTextRequest request;
  request.set_text("There is a eror in it.");
  request.mutable_options()->set_model("writer");
  EXPECT_TRUE(HasReason(Proofread(request), Reason::kEngineFailure));
}

TEST_F(ProofreadJoinedTest, AManifestThatSaysNothingUsefulIsAnError) {
  v1::ProofreadTextRequest request;
  request.set_text("There is a eror in it.");
  request.mutable_options()->set_model("odd");
  const absl::Status status = Proofread(request);
  EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("min_confidence"));
}

}  // namespace
}  // namespace intelligenced
