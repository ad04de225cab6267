// What is kept of a text that is translated, whatever the engine does with it.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/utf8.h"
#include "services/translation/marks.h"
#include "services/translation/segment_check.h"
#include "services/translation/text_translation.h"

namespace intelligenced {
namespace {

namespace engine_proto = ::intelligence::engine::v1;

using testing::ElementsAre;
using testing::IsEmpty;

// A sentence in words and spans, each with the white space before it.
struct Token {
  std::string space;
  std::string text;
  int kept = -1;
};

std::vector<Token> TokensOf(const KeptText& source) {
  std::vector<Token> tokens;
  size_t i = 0, next = 0;
  std::string space;
  while (i < source.text.size()) {
    if (next < source.kept.size() && source.kept[next].start == i) {
      tokens.push_back(
          {std::exchange(space, ""), std::string(source.Kept(next)), static_cast<int>(next)});
      i = source.kept[next++].end;
      continue;
    }
    const size_t limit = next < source.kept.size() ? source.kept[next].start : source.text.size();
    if (source.text[i] == ' ') {
      space += source.text[i++];
      continue;
    }
    size_t end = i;
    while (end < limit && source.text[end] != ' ') ++end;
    tokens.push_back({std::exchange(space, ""), source.text.substr(i, end - i)});
    i = end;
  }
  return tokens;
}

engine_proto::TranslatedSegment Answer(const std::vector<Token>& tokens, size_t kept) {
  engine_proto::TranslatedSegment answer;
  std::map<int, std::pair<size_t, size_t>> places;
  std::string text;
  for (const Token& token : tokens) {
    text += token.space;
    if (token.kept >= 0) {
      places[token.kept] = {text.size(), text.size() + token.text.size()};
      text += token.text;
    } else {
      text += ToUpperUtf8(token.text);
    }
  }
  if (places.size() == kept) {
    for (const auto& [index, place] : places) {
      engine_proto::KeptSpan& span = *answer.add_kept();
      span.set_start(static_cast<uint32_t>(place.first));
      span.set_end(static_cast<uint32_t>(place.second));
    }
  }
  answer.set_text(text);
  return answer;
}

// An engine that puts words in capitals, and does what engines do wrong.
class Mischief {
 public:
  explicit Mischief(unsigned seed) : random_(seed) {}

  engine_proto::TranslatedSegment Translate(const KeptText& source) {
    std::vector<Token> tokens = TokensOf(source);
    switch (Below(8)) {
      case 0: {  // other order
        std::vector<std::string> spaces;
        for (Token& token : tokens) spaces.push_back(token.space.empty() ? " " : token.space);
        std::shuffle(tokens.begin(), tokens.end(), random_);
        for (size_t i = 0; i < tokens.size(); ++i) tokens[i].space = i == 0 ? "" : spaces[i];
        break;
      }
      case 1:  // a span is lost
        std::erase_if(tokens, [&](const Token& token) { return token.kept == 0; });
        break;
      case 2:  // a span comes twice
        for (size_t i = 0; i < tokens.size(); ++i) {
          if (tokens[i].kept < 0) continue;
          Token copy = tokens[i];
          copy.kept = -1;
          tokens.push_back(copy);
          break;
        }
        break;
      case 3: {  // a span is changed, and said to be where it is
        engine_proto::TranslatedSegment answer = Answer(tokens, source.kept.size());
        if (answer.kept_size() > 0) (*answer.mutable_text())[answer.kept(0).start()] = '?';
        return answer;
      }
      case 4: {  // nonsense about places
        engine_proto::TranslatedSegment answer = Answer(tokens, source.kept.size());
        for (engine_proto::KeptSpan& span : *answer.mutable_kept()) {
          span.set_start(static_cast<uint32_t>(Below(1000)));
          span.set_end(static_cast<uint32_t>(Below(1000)));
        }
        return answer;
      }
      case 5: {  // no text, no UTF-8
        engine_proto::TranslatedSegment answer;
        answer.set_text(Below(2) == 0 ? "" : "  ");
        return answer;
      }
      default:
        break;
    }
    return Answer(tokens, source.kept.size());
  }

  size_t Below(size_t limit) { return random_() % limit; }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
};

std::vector<Unit*> Taken(TextTranslation& text, std::vector<Unit*>* waiting) {
  for (Unit* unit : text.TakeReady()) waiting->push_back(unit);
  return *waiting;
}

TranslatedText TranslateBy(const std::string& text, TextMarkup markup,
                           const std::vector<ByteSpan>& given, const std::vector<StepLimits>& steps,
                           Mischief& engine) {
  TextTranslation translation(text, markup, given, &steps);
  std::vector<Unit*> waiting;
  std::string told(translation.TakeDelta());
  while (!Taken(translation, &waiting).empty()) {
    // In any order.
    std::swap(waiting[engine.Below(waiting.size())], waiting.back());
    Unit* const unit = waiting.back();
    waiting.pop_back();
    if (engine.Below(10) == 0 && translation.OnTooLong(unit)) continue;
    translation.OnAnswer(unit, engine.Translate(unit->text));
    told += translation.TakeDelta();
  }
  EXPECT_TRUE(translation.done());
  EXPECT_EQ(told, translation.result().text);
  EXPECT_EQ(translation.done_bytes(), text.size());
  return translation.result();
}

// What a good engine makes of a text.
std::string Capitals(const std::string& text, TextMarkup markup = TextMarkup::kPlain,
                     const std::vector<ByteSpan>& given = {}, bool sentences = false) {
  const std::vector<StepLimits> steps = {{.sentences = sentences, .max_bytes = 4096}};
  TextTranslation translation(text, markup, given, &steps);
  while (true) {
    const std::vector<Unit*> units = translation.TakeReady();
    if (units.empty()) break;
    for (Unit* unit : units) {
      translation.OnAnswer(unit, Answer(TokensOf(unit->text), unit->text.kept.size()));
    }
  }
  EXPECT_TRUE(translation.done());
  return translation.result().text;
}

std::vector<std::string> Units(const std::string& text, TextMarkup markup) {
  const std::vector<StepLimits> steps = {{}};
  TextTranslation translation(text, markup, {}, &steps);
  std::vector<std::string> units;
  for (const Unit* unit : translation.TakeReady()) units.push_back(unit->text.text);
  return units;
}

TEST(TranslationTextTest, LinesAndTheWhiteSpaceAroundThemStay) {
  EXPECT_EQ(Capitals("  one two \n\n\tthree\r\nfour  "), "  ONE TWO \n\n\tTHREE\r\nFOUR  ");
  EXPECT_EQ(Capitals(""), "");
  EXPECT_EQ(Capitals(" \n\t"), " \n\t");
  EXPECT_EQ(Capitals("123 -- 45%"), "123 -- 45%");
}

TEST(TranslationTextTest, PlaceholdersAndAddressesStay) {
  EXPECT_EQ(Capitals("hello %s, %1$d of %-5.2f {name} {0} ${x} {{ y }} $HOME %(user)s %{z} %@ %%"),
            "HELLO %s, %1$d OF %-5.2f {name} {0} ${x} {{ y }} $HOME %(user)s %{z} %@ %%");
  EXPECT_EQ(Capitals("see https://example.org/a?b=c, or mail me@example.org now"),
            "SEE https://example.org/a?b=c, OR MAIL me@example.org NOW");
  EXPECT_EQ(Capitals("100% done, cost $5 {not a placeholder"),
            "100% DONE, COST $5 {NOT A PLACEHOLDER");
}

TEST(TranslationTextTest, GivenRangesStayAndMayOverlap) {
  EXPECT_EQ(Capitals("the house of anna is old", TextMarkup::kPlain, {{13, 17}}),
            "THE HOUSE OF anna IS OLD");
  EXPECT_EQ(Capitals("the house of anna", TextMarkup::kPlain, {{0, 9}, {4, 12}, {4, 4}}),
            "the house of ANNA");
  // Across a line's end it is two lines' end and beginning.
  EXPECT_EQ(Capitals("one two\nthree four", TextMarkup::kPlain, {{4, 13}}), "ONE two\nthree FOUR");
}

TEST(TranslationTextTest, HtmlKeepsItsTagsAndLines) {
  EXPECT_EQ(Capitals("<p class=\"a\">hello <b>dear</b>\n  world</p><br>again", TextMarkup::kHtml),
            "<p class=\"a\">HELLO <b>DEAR</b>\n  WORLD</p><br>AGAIN");
  EXPECT_THAT(Units("<div><b>hello dear</b></div><!-- x --><i>a</i> b", TextMarkup::kHtml),
              ElementsAre("hello dear", "<i>a</i> b"));
  EXPECT_EQ(Capitals("<script>let a = '<p>';</script><pre>x\ny</pre>run <code>ls</code> now "
                     "<span translate=\"no\">as is</span>",
                     TextMarkup::kHtml),
            "<script>let a = '<p>';</script><pre>x\ny</pre>RUN <code>ls</code> NOW "
            "<span translate=\"no\">as is</span>");
}

TEST(TranslationTextTest, HtmlReferencesAndBareSignsStayText) {
  EXPECT_EQ(Capitals("a &lt; b &amp; caf&eacute; &#233;t&#xE9;&nbsp;x", TextMarkup::kHtml),
            "A &lt; B &amp; CAFÉ ÉTÉ&nbsp;X");
  EXPECT_EQ(Capitals("at&t < 3 is x", TextMarkup::kHtml), "AT&T < 3 IS X");
  // What an engine writes is no markup.
  const std::vector<StepLimits> steps = {{}};
  TextTranslation translation("hello", TextMarkup::kHtml, {}, &steps);
  engine_proto::TranslatedSegment answer;
  answer.set_text("<script> & co");
  translation.OnAnswer(translation.TakeReady().at(0), answer);
  EXPECT_EQ(translation.result().text, "&lt;script&gt; &amp; co");
}

TEST(TranslationTextTest, MarkupThatNeverEndsComesBackAsItCame) {
  for (const char* text :
       {"hello <b and more", "<p>hello", "hello <!-- world", "x <a href=\"y>hello</a> z",
        "</b></i>hello", "<<<<", "<", "&", "<script>never ends", "<pre>", "a<b<c<d"}) {
    const std::string out = Capitals(text, TextMarkup::kHtml);
    EXPECT_EQ(absl::AsciiStrToLower(out), absl::AsciiStrToLower(text));
  }
  EXPECT_EQ(Capitals("hello <b and more", TextMarkup::kHtml), "HELLO <b and more");
  for (const char* text : {"**bold", "`code", "```\ncode", "[link](http", "[a][", "![x", "* ",
                           "~~~", "_", "| a | b", "\\", "<a", "[^1]: x"}) {
    const std::string out = Capitals(text, TextMarkup::kMarkdown);
    EXPECT_EQ(absl::AsciiStrToLower(out), absl::AsciiStrToLower(text));
  }
}

TEST(TranslationTextTest, MarkdownKeepsItsSigns) {
  EXPECT_EQ(Capitals("# title\n\n- one **two** `x y`\n- [link *to*](http://a.b/c \"t\")\n\n"
                     "```\ncode here\n```\n> said so\n\n| a | b |\n|---|---|\n| c | d |\n",
                     TextMarkup::kMarkdown),
            "# TITLE\n\n- ONE **TWO** `x y`\n- [LINK *TO*](http://a.b/c \"t\")\n\n"
            "```\ncode here\n```\n> SAID SO\n\n| A | B |\n|---|---|\n| C | D |\n");
  EXPECT_EQ(
      Capitals("title\n=====\n\nline one\nline two  \nline three\n\n    code\n\n[id]: http://x\n",
               TextMarkup::kMarkdown),
      "TITLE\n=====\n\nLINE ONE\nLINE TWO  \nLINE THREE\n\n    code\n\n[id]: http://x\n");
  EXPECT_THAT(Units("line one\nline two  \nthree", TextMarkup::kMarkdown),
              ElementsAre("line one line two", "three"));
  EXPECT_EQ(Capitals("snake_case_name and 2 * 3 * 4 \\*x\\*", TextMarkup::kMarkdown),
            "SNAKE_CASE_NAME AND 2 * 3 * 4 \\*X\\*");
}

TEST(TranslationTextTest, SentencesGoOneByOneWhereTheModelWantsThem) {
  const std::vector<StepLimits> steps = {{.sentences = true, .max_bytes = 4096}};
  TextTranslation translation("One is here. Mr. Two {x} is not! 三。", TextMarkup::kPlain, {},
                              &steps);
  std::vector<std::string> texts;
  for (const Unit* unit : translation.TakeReady()) texts.push_back(unit->text.text);
  EXPECT_THAT(texts, ElementsAre("One is here.", "Mr. Two {x} is not!", "三。"));
  EXPECT_EQ(Capitals("one is.  two {x} is!", TextMarkup::kPlain, {}, true), "ONE IS.  TWO {x} IS!");
}

TEST(TranslationTextTest, WhatIsTooLongIsCutAndPutTogetherAgain) {
  std::string text;
  for (int i = 0; i < 3000; ++i) absl::StrAppend(&text, "word", i, i % 11 == 0 ? ". " : " ");
  text += std::string(9000, 'x');
  EXPECT_EQ(Capitals(text), absl::AsciiStrToUpper(text));
  const std::vector<StepLimits> steps = {{.sentences = false, .max_bytes = 500}};
  TextTranslation translation(text, TextMarkup::kPlain, {}, &steps);
  for (const Unit* unit : translation.TakeReady()) EXPECT_LE(unit->text.text.size(), 504U);
}

TEST(TranslationTextTest, TwoStepsAreTakenOneAfterTheOther) {
  const std::vector<StepLimits> steps = {{}, {.sentences = true, .max_bytes = 4096}};
  TextTranslation translation("a {x} b. C d.", TextMarkup::kPlain, {}, &steps);
  std::vector<Unit*> units = translation.TakeReady();
  ASSERT_EQ(units.size(), 1U);
  engine_proto::TranslatedSegment answer;
  answer.set_text("{x} eins. Zwei.");
  answer.add_kept()->set_end(3);
  translation.OnAnswer(units[0], answer);
  units = translation.TakeReady();
  ASSERT_EQ(units.size(), 2U);
  EXPECT_EQ(units[0]->step, 1U);
  for (Unit* unit : units) {
    translation.OnAnswer(unit, Answer(TokensOf(unit->text), unit->text.kept.size()));
  }
  EXPECT_TRUE(translation.done());
  EXPECT_EQ(translation.result().text, "{x} EINS. ZWEI.");
}

TEST(TranslationTextTest, UnknownWordsAreFoundInTheWholeText) {
  const std::vector<StepLimits> steps = {{}};
  TextTranslation translation("<p>x &amp; y</p>\n<p>z</p>", TextMarkup::kHtml, {}, &steps);
  for (Unit* unit : translation.TakeReady()) {
    engine_proto::TranslatedSegment answer = Answer(TokensOf(unit->text), unit->text.kept.size());
    const auto size = static_cast<uint32_t>(answer.text().size());
    answer.add_untranslated()->set_start(size - 1);
    answer.mutable_untranslated(0)->set_end(size);
    answer.add_untranslated()->set_start(size + 7);
    translation.OnAnswer(unit, answer);
  }
  const TranslatedText& result = translation.result();
  ASSERT_EQ(result.untranslated.size(), 2U);
  EXPECT_EQ(result.untranslated[0].In(result.text), "Y");
  EXPECT_EQ(result.untranslated[1].In(result.text), "Z");
}

TEST(SegmentCheckTest, MarkupMustStillOpenAndClose) {
  const KeptText source = {"<b>a</b> <i>c</i>", {{0, 3}, {4, 8}, {9, 12}, {13, 17}}};
  const auto answer = [](std::string text, const std::vector<ByteSpan>& kept) {
    engine_proto::TranslatedSegment made;
    made.set_text(std::move(text));
    for (const ByteSpan& span : kept) {
      engine_proto::KeptSpan& to = *made.add_kept();
      to.set_start(static_cast<uint32_t>(span.start));
      to.set_end(static_cast<uint32_t>(span.end));
    }
    return made;
  };
  // The two change places as wholes; one inside of the other; across; the wrong way round.
  EXPECT_TRUE(
      CheckTranslation(source, answer("<i>C</i> <b>A</b>", {{9, 12}, {13, 17}, {0, 3}, {4, 8}}))
          .has_value());
  EXPECT_TRUE(
      CheckTranslation(source, answer("<b><i>C</i>A</b>", {{0, 3}, {12, 16}, {3, 6}, {7, 11}}))
          .has_value());
  EXPECT_FALSE(
      CheckTranslation(source, answer("<b><i>C</b>A</i>", {{0, 3}, {7, 11}, {3, 6}, {12, 16}}))
          .has_value());
  EXPECT_FALSE(
      CheckTranslation(source, answer("</b>A<b> <i>C</i>", {{5, 8}, {0, 4}, {9, 12}, {13, 17}}))
          .has_value());
  EXPECT_FALSE(CheckTranslation({"x", {}}, answer("\xFF", {})).has_value());
}

// Words of many scripts, and what must stay, in any mixture.
class Writer {
 public:
  Writer(Mischief& random, TextMarkup markup) : random_(random), markup_(markup) {}

  std::string Write() {
    const size_t lines = 1 + random_.Below(6);
    for (size_t i = 0; i < lines; ++i) {
      if (i > 0)
        text_ += markup_ == TextMarkup::kPlain ? "\n" : random_.Below(2) == 0 ? "\n" : "\n\n";
      text_ += std::string(random_.Below(3), ' ');
      const size_t words = random_.Below(12);
      for (size_t j = 0; j < words; ++j) Add();
    }
    return text_;
  }
  std::vector<std::string> kept;
  std::vector<ByteSpan> given;

 private:
  void Add() {
    if (!text_.empty() && text_.back() != ' ' && text_.back() != '\n') text_ += ' ';
    const std::string number = absl::StrCat(kept.size());
    switch (random_.Below(7)) {
      case 0:
        return Keep(absl::StrCat("{name", number, "}"));
      case 1:
        return Keep(absl::StrCat("https://host", number, ".org/p?q"));
      case 2:
        return Keep(absl::StrCat("%", kept.size() + 1, "$s"));
      case 3:
        given.push_back({text_.size(), text_.size() + 6 + number.size()});
        return Keep(absl::StrCat("given#", number));
      case 4:
        if (markup_ == TextMarkup::kHtml) {
          Keep(absl::StrCat("<b id=", number, ">"));
          text_ += Word();
          text_ += random_.Below(5) == 0 ? "" : "</b>";
          return;
        }
        if (markup_ == TextMarkup::kMarkdown) return Keep(absl::StrCat("`code ", number, "`"));
        [[fallthrough]];
      default:
        text_ += Word();
    }
  }
  void Keep(const std::string& bytes) {
    kept.push_back(bytes);
    text_ += bytes;
  }
  std::string Word() {
    constexpr const char* kWords[] = {"house", "árbol", "дом",        "σπίτι",
                                      "家",    "naïve", "\u200Bzero", "\u202Ebidi\u202C",
                                      "été.",  "yes!",  "בית",        "a"};
    return kWords[random_.Below(std::size(kWords))];
  }

  Mischief& random_;
  const TextMarkup markup_;
  std::string text_;
};

TEST(TranslationTextTest, WhateverTheEngineDoesNothingKeptIsLostDoubledOrChanged) {
  for (const TextMarkup markup : {TextMarkup::kPlain, TextMarkup::kHtml, TextMarkup::kMarkdown}) {
    for (unsigned seed = 0; seed < 700; ++seed) {
      Mischief random(seed);
      Writer writer(random, markup);
      const std::string text = writer.Write();
      std::vector<StepLimits> steps = {
          {.sentences = random.Below(2) == 0, .max_bytes = 64 + random.Below(200)}};
      if (random.Below(3) == 0) steps.push_back({.sentences = random.Below(2) == 0});
      SCOPED_TRACE(absl::StrCat("seed ", seed, " markup ", static_cast<int>(markup), ":\n", text));
      const TranslatedText result = TranslateBy(text, markup, writer.given, steps, random);
      ASSERT_TRUE(IsValidUtf8(result.text));
      const auto count = [](std::string_view in, std::string_view part) {
        int found = 0;
        for (size_t i = in.find(part); i != std::string_view::npos; i = in.find(part, i + 1))
          ++found;
        return found;
      };
      for (const std::string& kept : writer.kept) {
        ASSERT_EQ(count(result.text, kept), count(text, kept)) << kept << "\n" << result.text;
      }
      ASSERT_EQ(std::count(result.text.begin(), result.text.end(), '\n'),
                std::count(text.begin(), text.end(), '\n'))
          << result.text;
      // The white space at both ends.
      ASSERT_EQ(result.text.substr(0, result.text.find_first_not_of(" \n")),
                text.substr(0, text.find_first_not_of(" \n")));
    }
  }
}

TEST(TranslationTextTest, HostileTextTakesNoTime) {
  for (const std::string& piece : {"<", "<a ", "<b>", "</b>", "[", "](", "`", "**", "{", "%", "&",
                                   "<!--", "<pre>", "{{", "$", "\\", "| ", "<a \"", "_a"}) {
    std::string text;
    while (text.size() < 60'000) text += piece;
    for (const TextMarkup markup : {TextMarkup::kPlain, TextMarkup::kHtml, TextMarkup::kMarkdown}) {
      EXPECT_EQ(absl::AsciiStrToLower(Capitals(text + "x", markup)),
                absl::AsciiStrToLower(text + "x"));
    }
  }
}

}  // namespace
}  // namespace intelligenced
