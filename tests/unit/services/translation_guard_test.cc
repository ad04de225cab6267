// Answers that are none: nothing of a text is lost silently, and nothing goes round.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/utf8.h"
#include "services/translation/answer_guard.h"
#include "services/translation/text_translation.h"

namespace intelligenced {
namespace {

namespace engine_proto = ::intelligence::engine::v1;

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

AnswerFault Fault(const std::string& source, const std::string& answer) {
  return FindFault({source, {}}, {.text = answer, .kept = {}, .untranslated = {}, .truncated = {}});
}

std::string Times(int count, const std::string& text) {
  std::string made;
  for (int i = 0; i < count; ++i) absl::StrAppend(&made, i == 0 ? "" : " ", text);
  return made;
}

constexpr char kSentence[] =
    "The old man opened the window of the kitchen, and the cold wind came in from the dark sea.";
constexpr char kTranslation[] =
    "El viejo abrió la ventana de la cocina, y el viento frío entró desde el oscuro mar.";

TEST(AnswerGuardTest, ATranslationIsOne) {
  EXPECT_EQ(Fault(kSentence, kTranslation), AnswerFault::kNone);
  EXPECT_EQ(Fault(kTranslation, kSentence), AnswerFault::kNone);
  EXPECT_EQ(Fault("Internationalization and localization", "国际化和本地化"), AnswerFault::kNone);
  EXPECT_EQ(Fault("国际化和本地化", "Internationalization and localization"), AnswerFault::kNone);
  EXPECT_EQ(Fault("Yes.", "Sí."), AnswerFault::kNone);
  EXPECT_EQ(Fault("A", "Ein sehr langes Wort für etwas, das im Original nur ein Buchstabe ist"),
            AnswerFault::kNone);
  // What the source repeats, its translation may; about as often.
  EXPECT_EQ(Fault(Times(9, "very"), Times(9, "muy")), AnswerFault::kNone);
  EXPECT_EQ(Fault(Times(7, "ha"), Times(8, "ja")), AnswerFault::kNone);
  EXPECT_EQ(Fault(Times(30, "0 1"), Times(30, "0 1")), AnswerFault::kNone);
  EXPECT_EQ(Fault("no, no, no, no", "no no no no"), AnswerFault::kNone);
}

TEST(AnswerGuardTest, MostOfItIsLost) {
  EXPECT_EQ(Fault(kSentence, "El viejo."), AnswerFault::kLost);
  EXPECT_EQ(Fault(kSentence, "..."), AnswerFault::kLost);
  EXPECT_EQ(Fault(Times(12, "house"), "a"), AnswerFault::kLost);
  // Too short to say.
  EXPECT_EQ(Fault("Would you mind it?", "No"), AnswerFault::kNone);
}

TEST(AnswerGuardTest, FarMoreThanTheSource) {
  std::string endless;
  for (int i = 0; i < 120; ++i) absl::StrAppend(&endless, "palabra", i, " ");
  EXPECT_EQ(Fault(kSentence, endless), AnswerFault::kGrown);
}

TEST(AnswerGuardTest, TheSameAgainAndAgain) {
  EXPECT_EQ(Fault(kSentence, "El viejo " + Times(8, "abrió")), AnswerFault::kRepeats);
  EXPECT_EQ(Fault(kSentence, Times(4, "el viento y") + " el mar"), AnswerFault::kRepeats);
  EXPECT_EQ(Fault(kSentence, "El viejo " + Times(3, "abrió la ventana y")), AnswerFault::kNone);
  // In the middle of it.
  EXPECT_EQ(Fault(kSentence, "Entró " + Times(9, "muy") + " frío desde el mar en la cocina"),
            AnswerFault::kRepeats);
}

std::vector<std::string> Copied(const std::string& source, const std::string& answer) {
  std::vector<std::string> parts;
  const TranslatedText made = {.text = answer, .kept = {}, .untranslated = {}, .truncated = {}};
  for (const ByteSpan& span : FindCopied({source, {}}, made)) {
    parts.emplace_back(span.In(answer));
  }
  return parts;
}

TEST(AnswerGuardTest, WhatStandsAsItWasIsFound) {
  EXPECT_THAT(Copied(kSentence, kTranslation), IsEmpty());
  EXPECT_THAT(Copied(kSentence, kSentence), ElementsAre(kSentence));
  EXPECT_THAT(Copied(kSentence, "El viejo opened the window of the kitchen, y entró el viento"),
              ElementsAre("opened the window of the kitchen,"));
  // Names; few words; words of both languages.
  EXPECT_THAT(Copied("Windows XP Professional Service Pack Two Update",
                     "Windows XP Professional Service Pack Two Update"),
              IsEmpty());
  EXPECT_THAT(Copied("see the house", "see the house"), ElementsAre("see the house"));
  EXPECT_THAT(Copied("la casa de la madre es grande", "a casa de la madre é grande"), IsEmpty());
  EXPECT_THAT(Copied("", ""), IsEmpty());
  // Kept spans are no words.
  const KeptText source = {"open {file} in the {editor} now", {{5, 11, true}, {19, 27, true}}};
  const TranslatedText same = {
      .text = source.text, .kept = {{5, 11}, {19, 27}}, .untranslated = {}, .truncated = {}};
  EXPECT_THAT(FindCopied(source, same), IsEmpty());
}

// What becomes of a text where an engine answers so, and how many answers that took.
struct Outcome {
  TranslatedText translation;
  int answers = 0;

  std::vector<std::string> untranslated() const {
    std::vector<std::string> parts;
    for (const ByteSpan& span : translation.untranslated) {
      parts.emplace_back(span.In(translation.text));
    }
    return parts;
  }
};

using Engine = std::function<engine_proto::TranslatedSegment(const KeptText&)>;

Outcome Translate(const std::string& text, const Engine& engine,
                  std::vector<StepLimits> steps = {{.sentences = true, .max_bytes = 4096}},
                  TextMarkup markup = TextMarkup::kPlain) {
  TextTranslation translation(text, markup, {}, &steps);
  Outcome outcome;
  for (std::vector<Unit*> units = translation.TakeReady(); !units.empty();
       units = translation.TakeReady()) {
    for (Unit* unit : units) {
      ++outcome.answers;
      translation.OnAnswer(unit, engine(unit->text));
    }
  }
  EXPECT_TRUE(translation.done());
  outcome.translation = translation.result();
  return outcome;
}

engine_proto::TranslatedSegment Says(const std::string& text) {
  engine_proto::TranslatedSegment answer;
  answer.set_text(text);
  return answer;
}

TEST(HostileEngineTest, WhatLosesLongSentencesGetsHalves) {
  // As a small network does: what is long it ends early.
  const Outcome outcome = Translate(kSentence, [](const KeptText& source) {
    return Says(source.text.size() > 60 ? "EL" : ToUpperUtf8(source.text));
  });
  EXPECT_EQ(outcome.translation.text, ToUpperUtf8(kSentence));
  EXPECT_THAT(outcome.translation.untranslated, IsEmpty());
  EXPECT_EQ(outcome.answers, 3);
}

TEST(HostileEngineTest, WhatLosesEverythingLosesNothing) {
  for (const char* nothing : {"", " ", ".", "x"}) {
    const std::string text = absl::StrCat("  ", kSentence, " ", kSentence, "\n\n");
    const Outcome outcome = Translate(text, [&](const KeptText&) { return Says(nothing); });
    // Two halves of each.
    EXPECT_THAT(outcome.untranslated(), SizeIs(4)) << nothing;
    EXPECT_EQ(outcome.translation.text, text) << nothing;
    EXPECT_EQ(outcome.answers, 6);
  }
}

TEST(HostileEngineTest, WhatGoesRoundIsNotShown) {
  const Outcome outcome = Translate(kSentence, [](const KeptText& source) {
    return Says(ToUpperUtf8(source.text) + " " + Times(20, "Y OTRA VEZ"));
  });
  EXPECT_EQ(outcome.translation.text, kSentence);
  EXPECT_THAT(outcome.untranslated(), SizeIs(2));
  EXPECT_EQ(outcome.answers, 3);
}

TEST(HostileEngineTest, WhatItsGuardCutOffIsAskedForInPartsAndToldWhereThatDoesNotHelp) {
  const auto cut_off = [](const KeptText& source) {
    engine_proto::TranslatedSegment answer = Says(ToUpperUtf8(source.text));
    answer.set_truncated(true);
    return answer;
  };
  const Outcome outcome = Translate(kSentence, cut_off);
  EXPECT_EQ(outcome.translation.text, ToUpperUtf8(kSentence));
  EXPECT_THAT(outcome.translation.truncated, SizeIs(2));
  EXPECT_EQ(outcome.answers, 3);
  // Too short to be cut.
  const Outcome little = Translate("a few words", cut_off);
  EXPECT_THAT(little.translation.truncated, SizeIs(1));
  EXPECT_EQ(little.answers, 1);
}

TEST(HostileEngineTest, WhatItCopiesIsTold) {
  const Outcome outcome =
      Translate(kSentence, [](const KeptText& source) { return Says(source.text); });
  EXPECT_EQ(outcome.translation.text, kSentence);
  EXPECT_THAT(outcome.untranslated(), ElementsAre(kSentence));
  EXPECT_EQ(outcome.answers, 1);
}

TEST(HostileEngineTest, MarkupAndPlaceholdersOutliveIt) {
  const std::string text =
      "<p>The old <b>man</b> opened the {window} of the kitchen, and the wind came <i>in</i>.</p>";
  for (const char* answer : {"", "x", "opened opened opened opened opened opened opened opened"}) {
    const Outcome outcome =
        Translate(text, [&](const KeptText&) { return Says(answer); }, {{}}, TextMarkup::kHtml);
    for (const char* part : {"<p>", "<b>", "</b>", "{window}", "<i>", "</i>", "</p>"}) {
      EXPECT_THAT(outcome.translation.text, testing::HasSubstr(part)) << answer;
    }
    EXPECT_LE(outcome.answers, 12) << answer;
  }
}

TEST(HostileEngineTest, EachStepOfTwoHasItsGuard) {
  std::vector<size_t> lengths;
  const std::vector<StepLimits> steps = {{}, {}};
  TextTranslation translation(kSentence, TextMarkup::kPlain, {}, &steps);
  for (std::vector<Unit*> units = translation.TakeReady(); !units.empty();
       units = translation.TakeReady()) {
    for (Unit* unit : units) {
      const bool lost = unit->step == 1 && unit->text.text.size() > 60;
      translation.OnAnswer(unit, Says(lost ? "x" : ToUpperUtf8(unit->text.text)));
    }
  }
  EXPECT_EQ(translation.result().text, ToUpperUtf8(kSentence));
}

}  // namespace
}  // namespace intelligenced
