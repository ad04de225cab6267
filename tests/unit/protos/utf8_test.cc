#include "protos/support/utf8.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace intelligenced {
namespace {

TEST(Utf8Test, ValidTextIsValidToItsEnd) {
  for (const std::string_view text :
       {"", "plain", "na\xC3\xAFve", "\xE2\x82\xAC", "\xF0\x9F\x98\x80 x", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(ValidUtf8Prefix(text), text.size()) << text;
    EXPECT_EQ(ToValidUtf8(text), text);
  }
  EXPECT_EQ(ValidUtf8Prefix(std::string_view("a\0b", 3)), 3u);
}

TEST(Utf8Test, EachKindOfInvalidByteIsFound) {
  for (const std::string_view bad : {
           "\x80",              // a continuation alone
           "\xC0\xAF",          // overlong
           "\xE0\x80\x80",      // overlong
           "\xF0\x80\x80\x80",  // overlong
           "\xED\xA0\x80",      // surrogate
           "\xF4\x90\x80\x80",  // beyond Unicode
           "\xFF",              // never occurs
           "\xE2\x82",          // cut off
       }) {
    const std::string text = "ok" + std::string(bad);
    EXPECT_EQ(ValidUtf8Prefix(text), 2u) << text;
    const std::string repaired = ToValidUtf8(text + "!");
    EXPECT_EQ(ValidUtf8Prefix(repaired), repaired.size());
    EXPECT_TRUE(repaired.starts_with("ok\xEF\xBF\xBD"));
    EXPECT_TRUE(repaired.ends_with("!"));
  }
}

TEST(Utf8Test, BordersAreBetweenCharacters) {
  const std::string_view text = "a\xE2\x82\xAC";
  EXPECT_TRUE(IsUtf8Border(text, 0));
  EXPECT_TRUE(IsUtf8Border(text, 1));
  EXPECT_FALSE(IsUtf8Border(text, 2));
  EXPECT_FALSE(IsUtf8Border(text, 3));
  EXPECT_TRUE(IsUtf8Border(text, 4));
  EXPECT_FALSE(IsUtf8Border(text, 5));
  EXPECT_EQ(Utf8Floor(text, 3), 1u);
  EXPECT_EQ(Utf8Floor(text, 99), 4u);
}

}  // namespace
}  // namespace intelligenced
