#include "runtime/engines/text/language_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/engines/text/script_parts.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

class LanguageDetectorTest : public testing::Test {
 protected:
  std::string Best(std::string_view text) {
    found_ = detector_.Detect(text, 3);
    return found_.guesses.empty()
               ? ""
               : absl::StrCat(found_.guesses[0].language, "-", found_.guesses[0].script);
  }

  const LanguageDetector detector_;
  LanguageGuesses found_;
};

TEST_F(LanguageDetectorTest, ScriptsTellLanguages) {
  EXPECT_EQ(Best("Ευχαριστώ"), "el-Grek");
  EXPECT_EQ(Best("תודה"), "he-Hebr");
  EXPECT_EQ(Best("ขอบคุณ"), "th-Thai");
  EXPECT_EQ(Best("감사합니다"), "ko-Kore");
  EXPECT_EQ(Best("大韓民國은 민주공화국이다"), "ko-Kore");
  EXPECT_EQ(Best("მადლობა"), "ka-Geor");
  EXPECT_EQ(Best("நன்றி"), "ta-Taml");
  EXPECT_EQ(Best("ありがとう"), "ja-Jpan");
  EXPECT_EQ(Best("東京は晴れ"), "ja-Jpan");
  EXPECT_EQ(Best("这是一个问题"), "zh-Hans");
  EXPECT_EQ(Best("這是一個問題"), "zh-Hant");
  EXPECT_EQ(Best("山水"), "zh-Hani");
  EXPECT_EQ(Best("駅"), "ja-Jpan");
  EXPECT_FALSE(found_.guesses.empty());
  EXPECT_TRUE(found_.unreliable);
}

TEST_F(LanguageDetectorTest, ShortTexts) {
  EXPECT_EQ(Best("Guten Morgen"), "de-Latn");
  EXPECT_EQ(Best("buenos días"), "es-Latn");
  EXPECT_EQ(Best("je ne sais pas"), "fr-Latn");
  EXPECT_EQ(Best("dziękuję"), "pl-Latn");
  EXPECT_EQ(Best("спасибо"), "ru-Cyrl");
  EXPECT_EQ(Best("дякую"), "uk-Cyrl");
  EXPECT_EQ(Best("متشکرم"), "fa-Arab");
}

TEST_F(LanguageDetectorTest, NothingToTellByHasNoGuess) {
  for (const char* text : {"", " \n\t", "12345 67.8 %", "😀👩‍👩‍👧‍👦", "!?…",
                           "\u200b\u200e\u2067\u2069"}) {
    EXPECT_EQ(Best(text), "") << text;
    EXPECT_TRUE(found_.unreliable);
  }
  EXPECT_EQ(Best(std::string(100, '\0')), "");
}

TEST_F(LanguageDetectorTest, MixedTextsHaveShares) {
  Best("Der Vertrag wurde gestern unterschrieben. Договор был подписан вчера вечером.");
  ASSERT_GE(found_.guesses.size(), 2U);
  std::map<std::string, double> shares;
  double confidence = 0, share = 0;
  for (const LanguageGuess& guess : found_.guesses) {
    shares[guess.language] += guess.share;
    confidence += guess.confidence;
    share += guess.share;
  }
  EXPECT_NEAR(shares["de"], 0.55, 0.1);
  EXPECT_NEAR(shares["ru"], 0.45, 0.1);
  EXPECT_LE(confidence, 1.0001);
  EXPECT_LE(share, 1.0001);
  EXPECT_TRUE(found_.unreliable);
}

TEST_F(LanguageDetectorTest, ControlsAndAddressesDoNotMatter) {
  EXPECT_EQ(Best("\u202eVielen\u200b Dank\u202c für die\u2066 Hilfe\u2069"), "de-Latn");
  EXPECT_EQ(Best("Köszönöm szépen https://example.org/the/english/words/of/an/address"), "hu-Latn");
  EXPECT_EQ(Best("https://example.org/the-weather-of-today"), "en-Latn");
}

TEST_F(LanguageDetectorTest, LongTextsAreSampled) {
  std::string text;
  while (text.size() < (1U << 20))
    text += "Le chat dort sur le canapé pendant que la pluie tombe. ";
  EXPECT_EQ(Best(text), "fr-Latn");
  EXPECT_FALSE(found_.unreliable);
  EXPECT_EQ(Best(std::string(1 << 20, 'x')).size() > 2, true);
}

TEST_F(LanguageDetectorTest, NumberOfGuessesIsBounded) {
  EXPECT_EQ(detector_.Detect("no problem", 1).guesses.size(), 1U);
  EXPECT_LE(detector_.Detect("no problem", 5).guesses.size(), 5U);
}

// The measured figures are in `./dev bench language`; this is the floor below them.
TEST_F(LanguageDetectorTest, TwentyLanguages) {
  std::ifstream file(SourcePath("tests/data/languages/sentences.tsv"));
  std::string line;
  std::map<std::string, int> places;
  int right[2] = {}, all[2] = {};
  while (std::getline(file, line)) {
    const size_t tab = line.find('\t');
    if (line.starts_with('#') || tab == std::string::npos) continue;
    const std::string language = line.substr(0, tab);
    const int is_sentence = places[language]++ >= 8 ? 1 : 0;
    const LanguageGuesses found = detector_.Detect(std::string_view(line).substr(tab + 1), 3);
    ++all[is_sentence];
    if (!found.guesses.empty() && found.guesses[0].language == language) ++right[is_sentence];
  }
  EXPECT_GE(places.size(), 20U);
  EXPECT_GE(all[0], 160);
  EXPECT_GE(right[0], all[0] * 78 / 100);
  EXPECT_GE(right[1], all[1] * 97 / 100);
}

TEST(ScriptPartsTest, WordsOfAScriptStandTogether) {
  const auto parts = SplitByScript("Das Wort «мир» means peace, κόσμος!");
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].script, "Latn");
  EXPECT_EQ(parts[0].text, "Das Wort means peace ");
  EXPECT_EQ(parts[0].letters, 17U);
  EXPECT_EQ(parts[1].script, "Grek");
  EXPECT_EQ(parts[2].text, "мир ");
}

}  // namespace
}  // namespace intelligenced
