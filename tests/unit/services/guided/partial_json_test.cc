#include "services/guided/partial_json.h"

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

std::string SnapshotOf(const std::string& text) {
  PartialJson partial;
  partial.Append(text);
  return partial.Snapshot().value_or("(nothing)");
}

TEST(PartialJsonTest, WhatIsKnown) {
  EXPECT_EQ(SnapshotOf(""), "(nothing)");
  EXPECT_EQ(SnapshotOf(" tr"), "(nothing)");
  EXPECT_EQ(SnapshotOf("12"), "(nothing)") << "it may become 123";
  EXPECT_EQ(SnapshotOf("12 "), "12 ");
  EXPECT_EQ(SnapshotOf("\"ab"), "\"ab\"");
  EXPECT_EQ(SnapshotOf("\"ab\""), "\"ab\"");
  EXPECT_EQ(SnapshotOf("\"a\\"), "\"a\"");
  EXPECT_EQ(SnapshotOf("\"a\\\\"), "\"a\\\\\"");
  EXPECT_EQ(SnapshotOf("\"a\\u00"), "\"a\"");
  EXPECT_EQ(SnapshotOf("\"a\\ud83d\\ude0"), "\"a\"") << "half a pair is no character";
  EXPECT_EQ(SnapshotOf("\"\\ud83d\\ude00"), "\"\\ud83d\\ude00\"");
  EXPECT_EQ(SnapshotOf("{"), "{}");
  EXPECT_EQ(SnapshotOf("{\"na"), "{}");
  EXPECT_EQ(SnapshotOf("{\"name\": "), "{}");
  EXPECT_EQ(SnapshotOf("{\"a\": 1"), "{}");
  EXPECT_EQ(SnapshotOf("{\"a\": 1,"), "{\"a\": 1}");
  EXPECT_EQ(SnapshotOf("{\"a\": 1 , \"b\""), "{\"a\": 1}");
  EXPECT_EQ(SnapshotOf("{\"a\": \"x"), "{\"a\": \"x\"}");
  EXPECT_EQ(SnapshotOf("{\"a\": [1, {\"b\": [true, fal"), "{\"a\": [1, {\"b\": [true]}]}");
  EXPECT_EQ(SnapshotOf("[[],[["), "[[],[[]]]");
  EXPECT_EQ(SnapshotOf("[1,2]"), "[1,2]");
}

TEST(PartialJsonTest, EveryPrefixOfAValueIsCompleted) {
  const std::string text = nlohmann::json::parse(R"({"a": [1, -2.5e3, true, null, {"": "x\"y\\z"}],
      "caf\u00e9": "\ud83d\ude00\n", "deep": [[[{"k": [0]}]]], "s": "", "n": {}})")
                               .dump(1);
  PartialJson partial;
  size_t last = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t next = NextChar(text, at);
    partial.Append(text.substr(at, next - at));
    at = next;
    const std::optional<std::string> snapshot = partial.Snapshot();
    if (!snapshot) continue;
    ASSERT_TRUE(nlohmann::json::accept(*snapshot)) << *snapshot;
    EXPECT_GE(snapshot->size() + 20, last) << "what was known stays known";
    last = snapshot->size();
  }
  EXPECT_EQ(*partial.Snapshot(), text);
}

TEST(PartialJsonTest, AnythingElseDoesNoHarm) {
  std::mt19937_64 random(8);
  const std::string bytes = "{}[]\",:\\u1 tfn\xC3\xA9\n";
  for (int round = 0; round < 2000; ++round) {
    PartialJson partial;
    for (int i = 0; i < 30; ++i) {
      partial.Append(bytes.substr(random() % bytes.size(), random() % 4));
      partial.Snapshot();
    }
  }
  PartialJson deep;
  deep.Append(std::string(100'000, '['));
  EXPECT_EQ(deep.Snapshot()->size(), 200'000u);
}

}  // namespace
}  // namespace intelligenced
