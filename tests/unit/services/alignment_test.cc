#include "services/writing_tools/alignment.h"

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

std::vector<std::string> Describe(std::string_view original, const std::vector<TextEdit>& edits) {
  std::vector<std::string> out;
  for (const TextEdit& edit : edits) {
    out.push_back(std::string(edit.range.In(original)) + ">" + edit.replacement);
  }
  return out;
}

std::vector<std::string> Corrections(std::string_view original, std::string_view revised) {
  return Describe(original, CorrectionsOf(original, revised, {}));
}

TEST(AlignmentTest, EqualTextsHaveNoEdits) {
  for (const std::string_view text : {"", " ", "One two, three.", "äöü €"}) {
    const auto edits = AlignTexts(text, text);
    ASSERT_TRUE(edits.has_value());
    EXPECT_TRUE(edits->empty());
  }
}

TEST(AlignmentTest, EditsAreWordByWord) {
  EXPECT_THAT(Corrections("Their is a eror in this sentance, and and it dont look good.",
                          "There is an error in this sentence, and it doesn't look good."),
              testing::ElementsAre("Their>There", "a>an", "eror>error", "sentance>sentence",
                                   "and >", "dont>doesn't"));
  EXPECT_THAT(Corrections("I saw alot of it", "I saw a lot of it."),
              testing::ElementsAre("alot>a lot", ">."));
  EXPECT_THAT(Corrections("We can not go there", "We cannot go there"),
              testing::ElementsAre("can not>cannot"));
  EXPECT_THAT(Corrections("he go", "He goes."), testing::ElementsAre("he>He", "go>goes."));
}

TEST(AlignmentTest, FromAndToNothing) {
  EXPECT_EQ(ApplyEdits("", *AlignTexts("", "new words")), "new words");
  EXPECT_EQ(ApplyEdits("old words", *AlignTexts("old words", "")), "");
}

TEST(AlignmentTest, AnswerThatIsAnotherTextIsNoCorrection) {
  EXPECT_TRUE(Corrections("Please send me the report by Friday at noon.",
                          "Sure! I would be happy to help you with that, what is it about?")
                  .empty());
  EXPECT_TRUE(Corrections("Short.", std::string(5000, 'x')).empty());
  EXPECT_TRUE(Corrections("The whole of this sentence must stay.", "").empty());
}

TEST(AlignmentTest, WholeSentencesAreNeitherDroppedNorAdded) {
  const std::string original =
      "The quick brown fox jumps over the lazy dog near the river bank. It was a eror. "
      "Everybody saw it and nobody said anything about it for a long while afterwards.";
  const std::string dropped =
      "It was an error. "
      "Everybody saw it and nobody said anything about it for a long while afterwards.";
  EXPECT_THAT(Corrections(original, dropped), testing::ElementsAre("a>an", "eror>error"));
}

TEST(AlignmentTest, ProtectedSpansAreNotTouched) {
  const std::string original = "Call `recieve()` to recieve it from www.recieve.com now";
  const std::string revised = "Call `receive()` to receive it from www.receive.com now.";
  const auto edits = CorrectionsOf(original, revised, FindProtectedSpans(original));
  EXPECT_THAT(Describe(original, edits), testing::ElementsAre("recieve>receive", ">."));
  EXPECT_EQ(ApplyEdits(original, edits),
            "Call `recieve()` to receive it from www.recieve.com now.");
}

TEST(AlignmentTest, DistanceBeyondTheLimitIsAbandoned) {
  std::string a;
  std::string b;
  for (int i = 0; i < 300; ++i) {
    a += "a" + std::to_string(i) + " ";
    b += "b" + std::to_string(i) + " ";
  }
  EXPECT_FALSE(AlignTexts(a, b, 100).has_value());
  EXPECT_TRUE(AlignTexts(a, b, 10'000).has_value());
}

TEST(AlignmentTest, HostileTextIsBounded) {
  std::string a;
  std::string b;
  for (int i = 0; i < 100'000; ++i) {
    a += ".,";
    b += ",;.";
  }
  EXPECT_FALSE(AlignTexts(a, b).has_value());
  const std::string word(4 << 20, 'x');
  EXPECT_EQ(ApplyEdits(word, *AlignTexts(word, word + "y")), word + "y");
}

TEST(AlignmentTest, PlacesAreThoseOfTheRevisedText) {
  const std::string original = "Their is `teh` alot of of eror here";
  const std::string revised = "There is `the` a lot of error here.";
  const std::vector<ByteSpan> spans = {{9, 14}};
  std::vector<ByteSpan> places;
  const std::vector<TextEdit> edits = CorrectionsOf(original, revised, spans, &places);
  ASSERT_EQ(edits.size(), places.size());
  ASSERT_GE(edits.size(), 4u);
  for (size_t i = 0; i < edits.size(); ++i) {
    EXPECT_EQ(places[i].In(revised), edits[i].replacement) << i;
  }
  EXPECT_EQ(places[0], (ByteSpan{0, 5}));
}

TEST(AlignmentTest, InvalidUtf8IsHandledAsBytes) {
  const std::string a = "ok \xFF\xFE word \xC3";
  const std::string b = "ok \xFF word \xC3\xA9";
  EXPECT_EQ(ApplyEdits(a, *AlignTexts(a, b)), b);
}

// The heart of it: whatever the change, the edits give the revised text exactly, are sorted, apart,
// on character borders, and the accepted corrections are a subset that still applies.
TEST(AlignmentTest, RandomEditsApplyExactly) {
  const std::vector<std::string> words = {"the",  "a",  "naïve", "don't", "co-op", "€5",
                                          "x1",   ".",  ",",     "\n\n",  " ",     "  ",
                                          "日本", "😀", "\"",    "`a`"};
  std::mt19937 random(20240607);
  const auto pick = [&] { return words[random() % words.size()]; };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> tokens(random() % 40);
    for (std::string& token : tokens) token = pick();
    std::string original;
    for (const std::string& token : tokens) original += token + (random() % 2 ? " " : "");
    std::vector<std::string> changed = tokens;
    for (unsigned i = random() % 6; i > 0; --i) {
      const size_t at = changed.empty() ? 0 : random() % changed.size();
      const auto place = changed.begin() + static_cast<ptrdiff_t>(at);
      switch (changed.empty() ? 0 : random() % 3) {
        case 0:
          changed.insert(place, pick());
          break;
        case 1:
          changed.erase(place);
          break;
        default:
          *place = pick();
      }
    }
    std::string revised;
    for (const std::string& token : changed) revised += token + (random() % 2 ? " " : "");

    const auto edits = AlignTexts(original, revised);
    ASSERT_TRUE(edits.has_value());
    ASSERT_EQ(ApplyEdits(original, *edits), revised);
    for (size_t i = 0; i < edits->size(); ++i) {
      const TextEdit& edit = (*edits)[i];
      ASSERT_LE(edit.range.start, edit.range.end);
      ASSERT_TRUE(IsCharBorder(original, edit.range.start));
      ASSERT_TRUE(IsCharBorder(original, edit.range.end));
      ASSERT_TRUE(IsValidUtf8(edit.replacement));
      if (i > 0) ASSERT_GT(edit.range.start, (*edits)[i - 1].range.end);
      ASSERT_NE(edit.range.In(original), edit.replacement);
    }
    const std::vector<ByteSpan> spans = FindProtectedSpans(original);
    for (const TextEdit& edit : CorrectionsOf(original, revised, spans)) {
      ASSERT_FALSE(OverlapsAny(spans, edit.range));
    }
  }
}

}  // namespace
}  // namespace intelligenced
