// Which of a model's edits are believed, and how they join the rules'.
#include "services/writing_tools/proofread_policy.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Manifest With(std::map<std::string, std::string> parameters) {
  Manifest model;
  model.name = "writer";
  model.parameters = std::move(parameters);
  return model;
}

TEST(ProofreadPolicyTest, ComesFromTheManifest) {
  const ProofreadPolicy plain = *ProofreadPolicyOf(With({{"context_tokens", "512"}}));
  EXPECT_EQ(plain.prompt, "");
  EXPECT_EQ(plain.min_confidence, 0);
  EXPECT_EQ(plain.part_bytes, 1500);
  EXPECT_FALSE(plain.join_rules || plain.prose_only || plain.english_only);
  const ProofreadPolicy writer =
      *ProofreadPolicyOf(With({{"x-proofread.prompt", "\x02{text}\x03"},
                               {"x-proofread.min_confidence", "0.8"},
                               {"x-proofread.part_bytes", "400"},
                               {"x-proofread.rules", "true"},
                               {"x-proofread.rules_confidence", "0.9"},
                               {"x-proofread.prose_only", "true"},
                               {"x-proofread.english_only", "true"},
                               {"x-measured.writing.proofread.exact", "0.5"}}));
  EXPECT_EQ(writer.prompt, "\x02{text}\x03");
  EXPECT_FLOAT_EQ(writer.min_confidence, 0.8F);
  EXPECT_EQ(writer.part_bytes, 400);
  EXPECT_FLOAT_EQ(writer.rules_confidence, 0.9F);
  EXPECT_TRUE(writer.join_rules && writer.prose_only && writer.english_only);
}

TEST(ProofreadPolicyTest, BadParametersAreRefusedByName) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"prompt", "no place for it"},
                                                        {"prompt", "{text} and {text}"},
                                                        {"prompt", "\xFF{text}"},
                                                        {"min_confidence", "1.1"},
                                                        {"min_confidence", "nan"},
                                                        {"min_confidence", ""},
                                                        {"part_bytes", "95"},
                                                        {"part_bytes", "65537"},
                                                        {"rules", "some"},
                                                        {"rules_confidence", "-1"},
                                                        {"speed", "1"}}) {
    const auto policy = ProofreadPolicyOf(With({{"x-proofread." + name, value}}));
    EXPECT_TRUE(HasReason(policy.status(), Reason::kModelCorrupt)) << name << " " << value;
    EXPECT_THAT(policy.status().message(), HasSubstr("x-proofread." + name));
  }
}

TEST(ProofreadPolicyTest, ProseIsWhatPeopleWrite) {
  for (const char* text :
       {"This is a sentence.", "ok", "NASA said that it was wrong, too.",
        "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, \xD0\xBC\xD0\xB8\xD1\x80!",
        "We met on 24 May 2024 at 10:30."}) {
    EXPECT_TRUE(IsProse(text)) << text;
  }
  for (const char* text :
       {"", "   ", "...", "42", "ALL OF IT IN CAPITALS", "| a | b | c |", "name\tage\tcity",
        "a=1;b=2;c={};", "-----", "x", "2024-05-24 10:30:11 [12] (3) <a> {b}",
        "\xF0\x9F\x98\x80\xF0\x9F\x98\x80"}) {
    EXPECT_FALSE(IsProse(text)) << text;
  }
}

engine_proto::TokenLikelihoods Likelihoods(const std::vector<std::pair<uint32_t, double>>& tokens) {
  engine_proto::TokenLikelihoods likelihoods;
  for (const auto& [bytes, probability] : tokens) {
    likelihoods.add_bytes(bytes);
    likelihoods.add_log_probabilities(static_cast<float>(std::log(probability)));
  }
  return likelihoods;
}

TEST(ProofreadPolicyTest, ConfidenceIsThatOfTheWeakestToken) {
  // "There" " is" " an" " err" "or" "." and the end.
  const engine_proto::TokenLikelihoods answer =
      Likelihoods({{5, 0.9}, {3, 0.99}, {3, 0.6}, {4, 0.7}, {2, 0.98}, {1, 0.5}, {0, 0.8}});
  EXPECT_NEAR(AnswerConfidence(answer, {0, 5}), 0.9, 1e-5);
  EXPECT_NEAR(AnswerConfidence(answer, {9, 11}), 0.6, 1e-5);
  EXPECT_NEAR(AnswerConfidence(answer, {12, 17}), 0.7, 1e-5);
  EXPECT_NEAR(AnswerConfidence(answer, {0, 18}), 0.5, 1e-5);
  // Something was left out: the token behind it decides.
  EXPECT_NEAR(AnswerConfidence(answer, {9, 9}), 0.6, 1e-5);
  EXPECT_NEAR(AnswerConfidence(answer, {0, 0}), 0.9, 1e-5);
  EXPECT_NEAR(AnswerConfidence(answer, {18, 18}), 0.8, 1e-5);
  EXPECT_EQ(AnswerConfidence(answer, {40, 41}), 0);
  EXPECT_EQ(AnswerConfidence({}, {0, 1}), 0);
  // More sizes than likelihoods, from a worker that is confused.
  engine_proto::TokenLikelihoods odd = answer;
  odd.mutable_log_probabilities()->Truncate(1);
  EXPECT_NEAR(AnswerConfidence(odd, {0, 5}), 0.9, 1e-5);
  EXPECT_EQ(AnswerConfidence(odd, {9, 11}), 0);
}

TEST(ProofreadPolicyTest, TheCoreIsWhatDiffers) {
  const std::string text = "You could of asked me";
  EXPECT_EQ(CoreOf(text, {{4, 12}, "could have"}), (TextEdit{{10, 12}, "have"}));
  const TextEdit two{{0, 12}, "They could have"};
  EXPECT_EQ(CoreOf(text, two), two);
  const TextEdit word{{10, 12}, "have"};
  EXPECT_EQ(CoreOf(text, word), word);
}

class JoinTest : public testing::Test {
 protected:
  static Suggestion Of(size_t start, size_t end, const std::string& replacement, float confidence,
                       const std::string& why = "") {
    Suggestion suggestion;
    suggestion.edit = suggestion.core = {{start, end}, replacement};
    suggestion.confidence = confidence;
    suggestion.details.set_explanation(why);
    return suggestion;
  }
  std::vector<std::string> Join(const std::vector<Suggestion>& rules,
                                const std::vector<Suggestion>& model) {
    std::vector<std::string> told;
    size_t end = 0;
    for (const Suggestion& one : JoinSuggestions(rules, model, policy_)) {
      EXPECT_GE(one.edit.range.start, end);
      end = one.edit.range.end;
      told.push_back(one.edit.replacement + one.details.explanation());
    }
    return told;
  }
  ProofreadPolicy policy_;
};

TEST_F(JoinTest, BothComeInOrder) {
  EXPECT_THAT(Join({Of(10, 12, "b", 0.9F), Of(30, 33, "d", 0.9F)},
                   {Of(0, 3, "a", 0.9F), Of(20, 22, "c", 0.9F)}),
              ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(Join({}, {}), IsEmpty());
}

TEST_F(JoinTest, UnsureEditsOfTheModelAreDropped) {
  policy_.min_confidence = 0.8F;
  EXPECT_THAT(Join({}, {Of(0, 3, "a", 0.79F), Of(5, 8, "b", 0.8F)}), ElementsAre("b"));
}

TEST_F(JoinTest, UnsureRulesNeedTheModel) {
  policy_.rules_confidence = 0.9F;
  policy_.min_confidence = 0.95F;
  EXPECT_THAT(
      Join({Of(0, 3, "a", 0.8F), Of(5, 8, "b", 0.8F), Of(9, 11, "c", 0.9F)}, {Of(5, 8, "b", 0.5F)}),
      ElementsAre("b", "c"))
      << "the model agrees, however little it is sure";
}

TEST_F(JoinTest, TheSameEditComesOnceInTheRulesWords) {
  EXPECT_THAT(Join({Of(0, 3, "a", 0.5F, " rule")}, {Of(0, 3, "a", 0.99F, " model")}),
              ElementsAre("a rule"));
  Suggestion phrase = Of(4, 12, "could have", 0.9F, " rule");
  phrase.core = {{10, 12}, "have"};
  EXPECT_THAT(Join({phrase}, {Of(10, 12, "have", 0.99F, " model")}),
              ElementsAre("could have rule"));
}

TEST_F(JoinTest, OfTwoThatOverlapTheSurerStays) {
  EXPECT_THAT(Join({Of(0, 3, "a", 0.9F)}, {Of(2, 5, "b", 0.95F)}), ElementsAre("b"));
  EXPECT_THAT(Join({Of(0, 3, "a", 0.95F)}, {Of(2, 5, "b", 0.9F)}), ElementsAre("a"));
  EXPECT_THAT(Join({Of(0, 3, "a", 0.9F)}, {Of(0, 3, "b", 0.9F)}), ElementsAre("a"));
  // Insertions at one place, and at the border of a replacement.
  EXPECT_THAT(Join({Of(3, 3, "a", 0.9F)}, {Of(3, 3, "b", 0.8F)}), ElementsAre("a"));
  EXPECT_THAT(Join({Of(3, 3, ",", 0.9F)}, {Of(3, 6, "b", 0.8F)}), ElementsAre(","));
  // What merely touches does not collide.
  EXPECT_THAT(Join({Of(0, 3, "a", 0.9F)}, {Of(3, 6, "b", 0.8F)}), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace intelligenced
