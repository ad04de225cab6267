#include "services/actions/resolve/phrase_template.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/reasons.h"

namespace intelligenced::resolve {
namespace {

absl::StatusOr<std::vector<PhraseVariant>> Parse(std::string_view phrase) {
  return ParsePhrase(phrase, {"task", "when"}, "phrases[0]");
}

std::string Written(const PhraseVariant& variant) {
  std::string out;
  for (const PhraseElement& element : variant) {
    if (!out.empty()) out += ' ';
    out += element.parameter >= 0 ? "#" + std::to_string(element.parameter) : element.word;
  }
  return out;
}

TEST(PhraseTemplate, WordsAndPlaces) {
  const auto variants = Parse("Remind me to {task}, {when}!");
  ASSERT_TRUE(variants.ok());
  ASSERT_EQ(variants->size(), 1U);
  EXPECT_EQ(Written((*variants)[0]), "remind me to #0 #1");
}

TEST(PhraseTemplate, EveryWayToReadBrackets) {
  const auto variants = Parse("(set|make) [a|the] reminder [for {when}]");
  ASSERT_TRUE(variants.ok());
  EXPECT_EQ(variants->size(), 12U);
  EXPECT_EQ(Written(variants->front()), "set a reminder for #1");
  EXPECT_EQ(Written(variants->back()), "make reminder");
}

TEST(PhraseTemplate, MalformedPhrasesAreRefused) {
  std::string many;
  for (int i = 0; i < 7; ++i) many += "(a|b) ";
  for (const std::string& phrase : std::vector<std::string>{"",
                                                            " ",
                                                            "?!",
                                                            "{task}",
                                                            "[remind] {task}",
                                                            "remind {task",
                                                            "remind task}",
                                                            "remind {{task}}",
                                                            "remind {nobody}",
                                                            "remind {}",
                                                            "remind {task} {task}",
                                                            "remind [me",
                                                            "remind me]",
                                                            "(a|b",
                                                            "a|b",
                                                            "remind [me (to|on)]",
                                                            "a ) b",
                                                            std::string("remind \x01 me"),
                                                            std::string("remind \xff me"),
                                                            "remind\nme",
                                                            std::string(kMaxPhraseBytes + 1, 'a'),
                                                            many + "{task}"}) {
    const auto variants = Parse(phrase);
    ASSERT_FALSE(variants.ok()) << phrase;
    EXPECT_TRUE(HasReason(variants.status(), Reason::kFieldInvalid)) << phrase;
    EXPECT_EQ(FactsOf(variants.status()).field, "phrases[0]") << phrase;
  }
}

}  // namespace
}  // namespace intelligenced::resolve
