#include "runtime/engine/kept_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using Places = std::vector<std::pair<uint32_t, uint32_t>>;

engine_proto::TranslateSegment Segment(const std::string& text, const Places& kept) {
  engine_proto::TranslateSegment segment;
  segment.set_text(text);
  for (const auto& [start, end] : kept) {
    engine_proto::KeptSpan& span = *segment.add_kept();
    span.set_start(start);
    span.set_end(end);
    span.set_kind(engine_proto::KEPT_KIND_WORD);
  }
  return segment;
}

std::optional<Places> Find(const engine_proto::TranslateSegment& segment,
                           const std::string& translated) {
  const auto spans = FindKept(segment, translated);
  if (!spans.has_value()) return std::nullopt;
  Places places;
  for (const auto& span : *spans) places.emplace_back(span.start(), span.end());
  return places;
}

TEST(KeptWordsTest, AreFoundWhereverTheyWent) {
  const auto segment = Segment("%s has {n} of %s", {{0, 2}, {7, 10}, {14, 16}});
  EXPECT_EQ(Find(segment, "{n} de %s tiene %s"), (Places{{7, 9}, {0, 3}, {16, 18}}));
  EXPECT_EQ(Find(Segment("none", {}), "nada"), Places{});
}

TEST(KeptWordsTest, MustBeThereExactlyAsOften) {
  const auto segment = Segment("%s has %s", {{0, 2}, {7, 9}});
  EXPECT_EQ(Find(segment, "%s tiene"), std::nullopt);
  EXPECT_EQ(Find(segment, "%s %s %s"), std::nullopt);
  EXPECT_EQ(Find(segment, "tiene"), std::nullopt);
  EXPECT_EQ(Find(segment, ""), std::nullopt);
}

TEST(KeptWordsTest, APartOfAWordIsNone) {
  EXPECT_EQ(Find(Segment("room 4", {{5, 6}}), "sala 42"), std::nullopt);
  EXPECT_EQ(Find(Segment("room 4", {{5, 6}}), "sala 4."), (Places{{5, 6}}));
  // The longer one is looked for first.
  EXPECT_EQ(Find(Segment("%d %d%%", {{0, 2}, {3, 7}}), "%d%% %d"), (Places{{5, 7}, {0, 4}}));
}

TEST(KeptWordsTest, MarkupIsNotTried) {
  auto segment = Segment("a <b>c", {{2, 5}});
  EXPECT_TRUE(MayKeep(segment));
  segment.mutable_kept(0)->set_kind(engine_proto::KEPT_KIND_MARKUP);
  EXPECT_FALSE(MayKeep(segment));
  segment.mutable_kept(0)->set_kind(engine_proto::KEPT_KIND_UNSPECIFIED);
  EXPECT_FALSE(MayKeep(segment));
}

TEST(KeptWordsTest, SpansAreChecked) {
  EXPECT_TRUE(CheckKeptSpans(Segment("añ b", {{0, 3}, {4, 5}})).ok());
  for (const Places& bad : {Places{{0, 0}}, Places{{0, 9}}, Places{{2, 3}}, Places{{0, 2}},
                            Places{{3, 1}}, Places{{0, 3}, {1, 4}}, Places{{4, 5}, {0, 1}}}) {
    EXPECT_TRUE(HasReason(CheckKeptSpans(Segment("añ b", bad)), Reason::kFieldInvalid));
  }
}

}  // namespace
}  // namespace intelligenced
