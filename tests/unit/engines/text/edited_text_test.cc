#include "runtime/engines/text/edited_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

using ::intelligence::engine::v1::CORRECTION_TYPE_GRAMMAR;
using ::intelligence::engine::v1::CORRECTION_TYPE_SPELLING;

std::string Replay(const EditedText& edited) {
  std::string result;
  size_t done = 0;
  for (const Edit& edit : edited.edits()) {
    EXPECT_GE(edit.span.start, done);
    EXPECT_LE(edit.span.end, edited.original().size());
    absl::StrAppend(&result, edited.original().substr(done, edit.span.start - done),
                    edit.replacement);
    done = edit.span.end;
  }
  return result + edited.original().substr(done);
}

TEST(EditedTextTest, KeepsEditsOfTheOriginal) {
  EditedText edited("it dont look good");
  edited.Apply({.span = {3, 7}, .replacement = "don't", .types = {CORRECTION_TYPE_SPELLING}});
  EXPECT_EQ(edited.current(), "it don't look good");
  edited.Apply({.span = {14, 18}, .replacement = "well"});
  edited.Apply({.span = {3, 8}, .replacement = "doesn't", .types = {CORRECTION_TYPE_GRAMMAR}});
  EXPECT_EQ(edited.current(), "it doesn't look well");
  ASSERT_EQ(edited.edits().size(), 2u);
  EXPECT_EQ(edited.edits()[0].span, (ByteSpan{3, 7}));
  EXPECT_EQ(edited.edits()[0].types.size(), 2u);
  EXPECT_EQ(edited.edits()[1].span, (ByteSpan{13, 17}));
  EXPECT_EQ(edited.ToCurrent({13, 17}), (ByteSpan{16, 20}));
  EXPECT_EQ(Replay(edited), edited.current());
}

TEST(EditedTextTest, AnEditThatUndoesAnotherLeavesNothing) {
  EditedText edited("abc");
  edited.Apply({.span = {1, 2}, .replacement = "xyz"});
  edited.Apply({.span = {1, 4}, .replacement = "b"});
  EXPECT_EQ(edited.current(), "abc");
  EXPECT_TRUE(edited.edits().empty());
}

TEST(EditedTextTest, InsertionsAndDeletions) {
  EditedText edited("ac");
  edited.Apply({.span = {1, 1}, .replacement = "b"});
  edited.Apply({.span = {0, 1}, .replacement = ""});
  edited.Apply({.span = {2, 2}, .replacement = "d"});
  EXPECT_EQ(edited.current(), "bcd");
  EXPECT_EQ(Replay(edited), "bcd");
}

TEST(EditedTextTest, AnyEditsReplay) {
  uint32_t seed = 7;
  const auto random = [&](size_t below) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 10) % below;
  };
  for (int round = 0; round < 2000; ++round) {
    EditedText edited("the quick brown fox jumps");
    for (int i = 0; i < 8; ++i) {
      std::string expected = edited.current();
      const size_t start = random(expected.size() + 1);
      const size_t size = random(std::min<size_t>(5, expected.size() - start + 1));
      const std::string text = std::string("ABCD").substr(0, random(4));
      expected.replace(start, size, text);
      edited.Apply({.span = {start, start + size}, .replacement = text});
      ASSERT_EQ(edited.current(), expected);
      ASSERT_EQ(Replay(edited), expected);
    }
  }
}

}  // namespace
}  // namespace intelligenced
