#include "runtime/engines/text/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const Token& token : Tokenize(text)) words.push_back(token.lower);
  return words;
}

TEST(TokensTest, CutsWordsNumbersAndMarks) {
  EXPECT_THAT(Words("I don’t pay 3.50, do I?"),
              ElementsAre("i", "don't", "pay", "3.50", ",", "do", "i", "?"));
  EXPECT_THAT(Words("well-known 3am 1980's"), ElementsAre("well", "-", "known", "3am", "1980's"));
  EXPECT_THAT(Words(""), ElementsAre());
  EXPECT_THAT(Words("'quoted'"), ElementsAre("'", "quoted", "'"));
}

TEST(TokensTest, NamesOfTheMachineAreOpaque) {
  const std::vector<Token> tokens = Tokenize("@who said snake_case in #42 twice");
  EXPECT_EQ(tokens[0].kind, TokenKind::kOpaque);
  EXPECT_EQ(tokens[2].kind, TokenKind::kOpaque);
  EXPECT_EQ(tokens[4].kind, TokenKind::kOpaque);
  EXPECT_FALSE(tokens[0].Is(""));
  const std::vector<ByteSpan> spans = {{4, 9}};
  const std::vector<Token> with_span = Tokenize("see `x y` now", spans);
  ASSERT_EQ(with_span.size(), 3u);
  EXPECT_EQ(with_span[1].kind, TokenKind::kOpaque);
}

TEST(TokensTest, KnowsCase) {
  const std::vector<Token> tokens = Tokenize("small Capital UPPER camelCase I");
  EXPECT_EQ(tokens[0].letter_case, LetterCase::kLower);
  EXPECT_EQ(tokens[1].letter_case, LetterCase::kCapitalized);
  EXPECT_EQ(tokens[2].letter_case, LetterCase::kUpper);
  EXPECT_EQ(tokens[3].letter_case, LetterCase::kMixed);
  EXPECT_EQ(tokens[4].letter_case, LetterCase::kCapitalized);
  EXPECT_FALSE(tokens[0].space_before);
  EXPECT_TRUE(tokens[1].space_before);
}

TEST(TokensTest, MatchesCase) {
  EXPECT_EQ(MatchCase("their", "there"), "there");
  EXPECT_EQ(MatchCase("Their", "there"), "There");
  EXPECT_EQ(MatchCase("THEIR", "there"), "THERE");
  EXPECT_EQ(MatchCase("Should Of", "should have"), "Should Have");
  EXPECT_EQ(MatchCase("", "there"), "there");
}

TEST(TokensTest, TilesWhatIsNoSpace) {
  const std::string text = "Ünï 'x' \xF0\x9F\x98\x80... a\0b" + std::string(1, '\0');
  size_t end = 0;
  for (const Token& token : Tokenize(text)) {
    EXPECT_GE(token.span.start, end);
    EXPECT_GT(token.span.end, token.span.start);
    end = token.span.end;
  }
  EXPECT_EQ(Tokenize(std::string(1'000'000, 'x')).size(), 1u);
}

}  // namespace
}  // namespace intelligenced
