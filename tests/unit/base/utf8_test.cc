#include "runtime/base/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace intelligenced {
namespace {

TEST(Utf8Test, FindsTheFirstInvalidByte) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("plain"));
  EXPECT_TRUE(IsValidUtf8("ä€😀\u0000x"));
  EXPECT_EQ(FindInvalidUtf8("ab\xFF"), 2u);
  EXPECT_EQ(FindInvalidUtf8("\xC0\xAF"), 0u);          // overlong
  EXPECT_EQ(FindInvalidUtf8("a\xE0\x80\x80"), 1u);     // overlong
  EXPECT_EQ(FindInvalidUtf8("\xED\xA0\x80"), 0u);      // surrogate
  EXPECT_EQ(FindInvalidUtf8("\xF4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(FindInvalidUtf8("x\xE2\x82"), 1u);         // cut off
  EXPECT_EQ(FindInvalidUtf8("x\x80"), 1u);             // stray continuation
  EXPECT_EQ(FindInvalidUtf8("ok \xF0\x9F\x98\x80 \xF0\x9F"), 8u);
}

TEST(Utf8Test, KnowsBorders) {
  const std::string text = "aä€😀";
  const std::string borders = "TTFTFFTFFFT";
  for (size_t i = 0; i < borders.size(); ++i) {
    EXPECT_EQ(IsCharBorder(text, i), borders[i] == 'T') << i;
  }
  EXPECT_FALSE(IsCharBorder(text, 11));
  EXPECT_EQ(FloorToCharBorder(text, 9), 6u);
  EXPECT_EQ(FloorToCharBorder(text, 99), 10u);
  EXPECT_EQ(TruncateUtf8(text, 5), "aä");
  EXPECT_EQ(TruncateUtf8(text, 6), "aä€");
}

TEST(Utf8Test, WalksBothWays) {
  const std::string text = "aä€😀";
  std::string forward, backward;
  for (size_t i = 0; i < text.size(); i = NextChar(text, i)) forward += std::to_string(i) + " ";
  for (size_t i = text.size(); i > 0; i = PrevChar(text, i)) backward += std::to_string(i) + " ";
  EXPECT_EQ(forward, "0 1 3 6 ");
  EXPECT_EQ(backward, "10 6 3 1 ");
  EXPECT_EQ(CountChars(text), 4u);
  EXPECT_EQ(CharAt(text, 3), U'€');
  EXPECT_EQ(CharBefore(text, 10), U'😀');
  EXPECT_EQ(CharBefore(text, 0), 0u);
  EXPECT_EQ(CharAt(text, 10), 0u);
}

TEST(Utf8Test, SurvivesBadBytes) {
  const std::string bad = "\xFF\xE2\x82x\x80";
  std::string decoded;
  for (size_t i = 0; i < bad.size();) AppendChar(DecodeChar(bad, i), decoded);
  EXPECT_TRUE(IsValidUtf8(decoded));
  EXPECT_EQ(CountChars(decoded), 5u);
  EXPECT_EQ(PrevChar(bad, 5), 4u);
  std::string text;
  AppendChar(0xD800, text);
  AppendChar(0x110000, text);
  EXPECT_EQ(text, "\uFFFD\uFFFD");
}

TEST(Utf8Test, ChangesCase) {
  EXPECT_EQ(ToUpperUtf8("straße äöü éÿ żółć αβς жё"), "STRAßE ÄÖÜ ÉŸ ŻÓŁĆ ΑΒΣ ЖЁ");
  EXPECT_EQ(ToLowerUtf8("STRASSE ÄÖÜ ÉŸ ŻÓŁĆ ΑΒ ЖЁ İ"), "strasse äöü éÿ żółć αβ жё i");
  EXPECT_EQ(CapitalizeUtf8("école"), "École");
  EXPECT_EQ(CapitalizeUtf8(""), "");
  for (char32_t c = 0; c < 0x600; ++c) {
    EXPECT_EQ(ToLower(ToLower(c)), ToLower(c)) << uint32_t{c};
    if (IsUpper(c) && c != 0x130) EXPECT_EQ(ToUpper(ToLower(c)), c) << std::hex << uint32_t{c};
  }
}

TEST(Utf8Test, ClassifiesCharacters) {
  for (const char32_t c : U"aZéßжא語ñŁﬁ") {
    if (c != 0) EXPECT_TRUE(IsLetter(c)) << uint32_t{c};
  }
  for (const char32_t c : U"1 .-_'’“”«»—…×÷€™→😀、。") {
    if (c != 0) EXPECT_FALSE(IsLetter(c)) << uint32_t{c};
  }
  EXPECT_TRUE(IsSpace(0xA0));
  EXPECT_TRUE(IsSpace('\n'));
  EXPECT_FALSE(IsSpace('x'));
  EXPECT_TRUE(IsUpper(U'É'));
  EXPECT_FALSE(IsUpper(U'語'));
  EXPECT_TRUE(IsLower(U'ß'));
}

}  // namespace
}  // namespace intelligenced
