#include "runtime/engines/llama/text_stream.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace intelligenced {
namespace {

// Feeds `text` in pieces of `size` bytes and joins what comes out.
std::string Feed(TextStream& stream, std::string_view text, size_t size) {
  std::string out;
  for (size_t at = 0; at < text.size(); at += size) out += stream.Append(text.substr(at, size));
  return out + stream.Finish();
}

TEST(TextStream, GivesWholeCharactersHoweverTheBytesCome) {
  const std::string text = "Grüße, 日本語 und 🙂!";
  for (size_t size = 1; size <= text.size(); ++size) {
    TextStream stream({});
    EXPECT_EQ(Feed(stream, text, size), text) << size;
  }
}

TEST(TextStream, HoldsAnIncompleteCharacterBack) {
  TextStream stream({});
  EXPECT_EQ(stream.Append("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.Append("\x99"), "");
  EXPECT_EQ(stream.Append("\x82z"), "\xF0\x9F\x99\x82z");
}

TEST(TextStream, GivesTextAtOnceWhenNothingIsUndecided) {
  TextStream stream({"STOP"});
  EXPECT_EQ(stream.Append("hello"), "hello");
  EXPECT_EQ(stream.Append(" world"), " world");
}

TEST(TextStream, ReplacesIllFormedBytes) {
  const struct {
    std::string_view bytes, text;
  } kCases[] = {
      {"a\xFFz", "a\xEF\xBF\xBDz"},
      {"a\x80\x80z", "a\xEF\xBF\xBD\xEF\xBF\xBDz"},
      // Overlong, surrogate, above U+10FFFF: no byte begins or continues anything valid.
      {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      // A character broken off by another is one ill-formed part.
      {"\xE2\x82z", "\xEF\xBF\xBDz"},
      {"\xE2\x82", "\xEF\xBF\xBD"},
      {"\xF0\x9F\x99", "\xEF\xBF\xBD"},
  };
  for (const auto& c : kCases) {
    for (size_t size : {1, 2, 9}) {
      TextStream stream({});
      EXPECT_EQ(Feed(stream, c.bytes, size), c.text) << size;
    }
  }
}

TEST(TextStream, KeepsNulBytes) {
  TextStream stream({});
  EXPECT_EQ(stream.Append(std::string_view("a\0b", 3)), std::string_view("a\0b", 3));
}

TEST(TextStream, StopsBeforeAStopStringAcrossPieces) {
  for (size_t size = 1; size <= 20; ++size) {
    TextStream stream({"</answer>"});
    EXPECT_EQ(Feed(stream, "yes </answ </answer> no", size), "yes </answ ") << size;
    EXPECT_TRUE(stream.stopped());
  }
}

TEST(TextStream, HoldsOnlyWhatMayBecomeAStopString) {
  TextStream stream({"<end>"});
  EXPECT_EQ(stream.Append("one <e"), "one ");
  EXPECT_EQ(stream.Append("x"), "<ex");
  EXPECT_EQ(stream.Append("<<en"), "<");
  EXPECT_EQ(stream.Finish(), "<en");
  EXPECT_FALSE(stream.stopped());
}

TEST(TextStream, TheEarliestStopStringWins) {
  TextStream stream({"two", "one"});
  EXPECT_EQ(stream.Append("zero one two"), "zero ");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.Append("more"), "");
  EXPECT_EQ(stream.Finish(), "");
}

TEST(TextStream, AStopStringMayRepeatItsOwnBeginning) {
  TextStream stream({"aab"});
  EXPECT_EQ(Feed(stream, "xaaaab!", 1), "xaa");
  EXPECT_TRUE(stream.stopped());
}

TEST(TextStream, AStopStringOfSeveralByteCharacters) {
  for (size_t size : {1, 2, 3, 50}) {
    TextStream stream({"。終"});
    EXPECT_EQ(Feed(stream, "これ。次。終わり", size), "これ。次") << size;
    EXPECT_TRUE(stream.stopped());
  }
}

TEST(TextStream, AStopStringInTheLastHeldBytes) {
  TextStream stream({"\xEF\xBF\xBD"});
  EXPECT_EQ(stream.Append("ab\xE2"), "ab");
  EXPECT_EQ(stream.Finish(), "");
  EXPECT_TRUE(stream.stopped());
}

}  // namespace
}  // namespace intelligenced
