#include "services/language_model/guided_output.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = GuidedOutput::Kind;

struct Result {
  std::string deltas;
  std::vector<std::string> snapshots;
  v1::GenerateTextCompleted completed;
  size_t snapshot_bytes = 0;
};

// `text` as it comes, `piece` bytes at a time.
Result Feed(GuidedOutput output, const std::string& text, bool cut, size_t piece = 1) {
  Result result;
  const auto take = [&](const GuidedOutput::Step& step) {
    result.deltas += step.delta;
    if (step.snapshot.empty()) return;
    result.snapshots.push_back(step.snapshot);
    result.snapshot_bytes += step.snapshot.size();
  };
  for (size_t at = 0; at < text.size(); at += piece) take(output.Append(text.substr(at, piece)));
  take(output.Finish(cut, result.completed));
  return result;
}

std::vector<std::string> CallsOf(const Result& result) {
  std::vector<std::string> calls;
  for (const v1::ToolCall& call : result.completed.tool_calls()) {
    calls.push_back(absl::StrCat(call.id(), " ", call.name(), " ", call.arguments()));
  }
  return calls;
}

TEST(GuidedOutputTest, TextGoesThrough) {
  const Result result = Feed(GuidedOutput(Kind::kText), "{\"not\": ours", false);
  EXPECT_EQ(result.deltas, "{\"not\": ours");
  EXPECT_EQ(result.completed.text(), "{\"not\": ours");
  EXPECT_THAT(result.snapshots, IsEmpty());
}

TEST(GuidedOutputTest, SnapshotsGrowToTheValue) {
  const std::string text = R"({"name": "Ada", "born": 1815})";
  const Result result = Feed(GuidedOutput(Kind::kSchema), text, false);
  EXPECT_EQ(result.deltas, text);
  EXPECT_EQ(result.completed.text(), text);
  EXPECT_THAT(result.snapshots, ElementsAre("{}", R"({"name": ""})", R"({"name": "A"})",
                                            R"({"name": "Ad"})", R"({"name": "Ada"})", text));
}

TEST(GuidedOutputTest, ANumberIsWholeOnlyAtTheEnd) {
  EXPECT_THAT(Feed(GuidedOutput(Kind::kSchema), "1815", false).snapshots, ElementsAre("1815"));
  EXPECT_THAT(Feed(GuidedOutput(Kind::kSchema), "1815", true).snapshots, ElementsAre("null"))
      << "more digits may have been to come";
  EXPECT_THAT(Feed(GuidedOutput(Kind::kSchema), "", true).snapshots, ElementsAre("null"));
}

TEST(GuidedOutputTest, WhatWasCutIsShownAsFarAsItGoes) {
  const Result result = Feed(GuidedOutput(Kind::kSchema), R"(["red", "gre)", true);
  EXPECT_EQ(result.snapshots.back(), R"(["red", "gre"])");
  EXPECT_EQ(result.completed.text(), R"(["red", "gre)");
}

TEST(GuidedOutputTest, ALongValueIsNotSentAgainAndAgain) {
  const std::string text = "\"" + std::string(100'000, 'x') + "\"";
  const Result result = Feed(GuidedOutput(Kind::kSchema), text, false, 4);
  EXPECT_LT(result.snapshot_bytes, 40 * text.size());
  EXPECT_EQ(result.snapshots.back(), text);
  for (const std::string& snapshot : result.snapshots) {
    ASSERT_TRUE(nlohmann::json::accept(snapshot));
  }
}

TEST(GuidedOutputTest, ToolsMayBeLeftAlone) {
  const Result result = Feed(GuidedOutput(Kind::kTools), "  No {need}.", false);
  EXPECT_EQ(result.deltas, "  No {need}.") << "white space before it was only held back";
  EXPECT_EQ(result.completed.text(), "  No {need}.");
  EXPECT_THAT(CallsOf(result), IsEmpty());
  EXPECT_EQ(Feed(GuidedOutput(Kind::kTools), " ", false).deltas, " ");
}

TEST(GuidedOutputTest, CallsAreNoText) {
  const std::string text =
      R"( {"tool_calls": [{"name": "weather", "arguments": {"city": "}]\"{ Łódź"}},
          {"name": "stop", "arguments": {}}]})";
  for (const size_t piece : {1, 3, 1000}) {
    const Result result = Feed(GuidedOutput(Kind::kTools, 4), text, false, piece);
    EXPECT_EQ(result.deltas, "");
    EXPECT_EQ(result.completed.text(), "");
    EXPECT_THAT(CallsOf(result),
                ElementsAre(R"(call_5 weather {"city": "}]\"{ Łódź"})", "call_6 stop {}"));
    EXPECT_THAT(result.snapshots, IsEmpty());
  }
}

TEST(GuidedOutputTest, ACallThatWasCutIsLeftOut) {
  const std::string text =
      R"({"tool_calls": [{"name": "a", "arguments": {"x": {"y": 1}}}, {"name": "b", "arguments": {"z)";
  EXPECT_THAT(CallsOf(Feed(GuidedOutput(Kind::kTools), text, true)),
              ElementsAre(R"(call_1 a {"x": {"y": 1}})"));
  for (size_t size = 1; size < text.size(); ++size) {
    const Result result = Feed(GuidedOutput(Kind::kTools), text.substr(0, size), true);
    EXPECT_EQ(result.completed.text(), "") << text.substr(0, size);
    EXPECT_LE(result.completed.tool_calls_size(), 1);
  }
}

TEST(GuidedOutputTest, DeepArgumentsStayAsTheyAre) {
  const std::string arguments =
      "{\"a\":" + std::string(50'000, '[') + std::string(50'000, ']') + "}";
  const Result result =
      Feed(GuidedOutput(Kind::kTools),
           R"({"tool_calls": [{"name": "a", "arguments": )" + arguments + "}]}", false, 1000);
  ASSERT_EQ(result.completed.tool_calls_size(), 1);
  EXPECT_EQ(result.completed.tool_calls(0).arguments(), arguments);
}

TEST(GuidedOutputTest, JsonThatIsNoCallIsText) {
  for (const std::string text :
       {R"({"colour": "red"})", R"({"tool_calls": 7})", R"({"tool_calls": []})", "{", "{]",
        R"({"tool_calls": [{"arguments": {}}]})"}) {
    const Result result = Feed(GuidedOutput(Kind::kTools), text, false);
    EXPECT_EQ(result.deltas, text);
    EXPECT_EQ(result.completed.text(), text);
    EXPECT_THAT(CallsOf(result), IsEmpty());
  }
}

}  // namespace
}  // namespace intelligenced
