#include "runtime/engines/llama/draft_source.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace intelligenced {
namespace {

// A letter is a token.
std::vector<int32_t> Tokens(std::string_view text) { return {text.begin(), text.end()}; }

std::string Text(absl::Span<const int32_t> tokens) { return {tokens.begin(), tokens.end()}; }

std::string ProposeAfter(std::string_view guide, std::string_view prompt, std::string_view output,
                         int most = 4) {
  DraftSource source(Tokens(guide), Tokens(prompt));
  for (const char token : output) source.Append(token);
  return Text(source.Propose(most));
}

TEST(DraftSourceTest, FollowsTheOutputThroughTheGuide) {
  constexpr std::string_view kGuide = "abcdefghijklmnopqrstuvwxyz";
  struct Case {
    const char* name;
    std::string_view output;
    std::string_view draft;
  };
  for (const Case& test : std::vector<Case>{
           {"nothing said yet", "", "abcd"},
           {"a copy so far", "abc", "defg"},
           {"replaced: lost", "abcX", ""},
           {"replaced, then on", "abcXe", "fghi"},
           {"inserted, then on", "abcXYZd", "efgh"},
           {"one left out", "abcdf", "ghij"},
           {"many left out: one token says little so far ahead", "abcs", ""},
           {"some left out: two say more", "abcdest", "uvwx"},
           {"said twice", "abcabc", "defg"},
           {"went back", "abcdefghijabc", "defg"},
           {"the first is replaced", "Xb", "cdef"},
           {"before the first", "XYa", "bcde"},
           {"all said", "abcdefghijklmnopqrstuvwxyz", ""},
           {"said more than all", "abcdefghijklmnopqrstuvwxyz!", ""},
       }) {
    EXPECT_EQ(ProposeAfter(kGuide, "", test.output), test.draft) << test.name;
  }
}

TEST(DraftSourceTest, TheNearestPlaceIsTaken) {
  // "the" stands in three places; the output has passed the first.
  constexpr std::string_view kGuide = "the cat and the dog and the fish";
  EXPECT_EQ(ProposeAfter(kGuide, "", "the cat or the"), " dog");
  EXPECT_EQ(ProposeAfter(kGuide, "", "the cat and the dog or the"), " fis");
}

TEST(DraftSourceTest, AFirmRunIsFoundFromAnywhere) {
  std::string guide(300, '.');
  guide += "xyz end";
  EXPECT_EQ(ProposeAfter(guide, "", ".z"), "") << "a single token that far away is chance";
  EXPECT_EQ(ProposeAfter(guide, "", ".yz"), "") << "so are two";
  EXPECT_EQ(ProposeAfter(guide, "", ".xyz"), " end");
  EXPECT_EQ(ProposeAfter("abcdefgh", "", "pqrstuvwabc"), "defg");
}

TEST(DraftSourceTest, AWrongPlaceDoesNotLeadAway) {
  // After "ab", "X" is found a little ahead by chance; what comes next is at the old place.
  constexpr std::string_view kGuide = "abcdefghiX123456789012345678901234567890";
  EXPECT_EQ(ProposeAfter(kGuide, "", "abcdX"), "1234");
  EXPECT_EQ(ProposeAfter(kGuide, "", "abcdXf"), "ghiX");
}

TEST(DraftSourceTest, WithoutAPlaceWhatFollowedBeforeIsProposed) {
  EXPECT_EQ(ProposeAfter("", "one two three", "two"), " thr");
  EXPECT_EQ(ProposeAfter("", "one two three", "tw"), "") << "two tokens are too few";
  EXPECT_EQ(ProposeAfter("", "ab1 ab2 ", "xyab1 "), "ab2 ");
  EXPECT_EQ(ProposeAfter("", "key=1;key=2;", "key"), "=2;k") << "the latest";
  EXPECT_EQ(ProposeAfter("", "", "abcXabc"), "Xabc") << "the output repeats itself";
  EXPECT_EQ(ProposeAfter("", "", "aaa"), "") << "a gram does not find itself";
  EXPECT_EQ(ProposeAfter("", "", "aaaa"), "a");
  EXPECT_EQ(ProposeAfter("guide", "name: value. guide", "Xname"), ": va");
}

TEST(DraftSourceTest, TheDraftIsAsLongAsAskedAndAsThereIs) {
  EXPECT_EQ(ProposeAfter("abcdef", "", "ab", 1), "c");
  EXPECT_EQ(ProposeAfter("abcdef", "", "ab", 100), "cdef");
  EXPECT_EQ(ProposeAfter("abcdef", "", "ab", 0), "");
  EXPECT_EQ(ProposeAfter("abcdef", "", "ab", -5), "");
  EXPECT_EQ(ProposeAfter("", "", "", 5), "");
  EXPECT_EQ(ProposeAfter("", "ab", "", 5), "") << "a prompt shorter than a gram";
}

TEST(DraftSourceTest, KindsSayHowCertainAGuessIs) {
  DraftSource source(Tokens("abcdefg"), Tokens("abcdefg xyz xyz"));
  EXPECT_EQ(source.KindAt(0), DraftKind::kGuideFresh);
  EXPECT_EQ(source.KindAt(2), DraftKind::kGuideFresh);
  EXPECT_EQ(source.KindAt(3), DraftKind::kGuide);
  EXPECT_EQ(source.KindAt(6), DraftKind::kGuide);
  EXPECT_EQ(source.KindAt(7), DraftKind::kNone);
  for (const char token : std::string_view("abc")) source.Append(token);
  EXPECT_EQ(source.KindAt(0), DraftKind::kGuide);
  source.Append('X');
  EXPECT_EQ(source.KindAt(0), DraftKind::kNone);
  source.Append('e');
  EXPECT_EQ(source.KindAt(0), DraftKind::kGuideFresh);
  EXPECT_EQ(source.KindAt(2), DraftKind::kNone) << "the guide ends";
  for (const char token : std::string_view("!xyz")) source.Append(token);
  EXPECT_EQ(source.KindAt(0), DraftKind::kRepeat);
}

TEST(DraftSourceTest, ManyTypingErrorsCostFewGuesses) {
  // Each twentieth token of the input is wrong and comes out right.
  std::string guide, output;
  for (int index = 0; index < 2000; ++index) {
    const char token = static_cast<char>('a' + (index * index + index / 7) % 26);
    output += token;
    guide += index % 20 == 10 ? '#' : token;
  }
  DraftSource source(Tokens(guide), {});
  int right = 0;
  for (const char token : output) {
    const absl::Span<const int32_t> guess = source.Propose(1);
    right += !guess.empty() && guess.front() == token;
    source.Append(token);
  }
  // One wrong guess and one token without a guess for each error.
  EXPECT_GE(right, 2000 - 2 * 100 - 20);
}

}  // namespace
}  // namespace intelligenced
