#include "runtime/engines/apertium/stream_format.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/engines/apertium/apertium_programs.h"

namespace intelligenced {
namespace {

using intelligence::engine::v1::KEPT_KIND_MARKUP;
using intelligence::engine::v1::KEPT_KIND_WORD;
using intelligence::engine::v1::KeptKind;
using intelligence::engine::v1::KeptSpan;
using testing::ElementsAre;
using testing::IsEmpty;

KeptSpan Span(size_t start, size_t end, KeptKind kind) {
  KeptSpan span;
  span.set_start(static_cast<uint32_t>(start));
  span.set_end(static_cast<uint32_t>(end));
  span.set_kind(kind);
  return span;
}

std::string RandomText(std::mt19937& random, uint32_t length) {
  constexpr std::string_view kPieces[] = {"a",    "the",         "\xc3\xa9", "\xf0\x9f\x99\x82",
                                          " ",    " ",           "  ",       "\n",
                                          "\n\n", "\r\n",        "\t",       ".",
                                          "?",    "[",           "]",        "{",
                                          "}",    "^",           "$",        "\\",
                                          "/",    "@",           "<",        ">",
                                          "*",    "~",           "#",        "+",
                                          "-",    "_",           ".[]",      "[z]",
                                          "[k0]", "\xe2\x80\x8b"};
  std::string text;
  for (uint32_t i = random() % length; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
  return text;
}

TEST(StreamFormatTest, EscapesAndEndsAsDestxtDoes) {
  EXPECT_EQ(ToStream("Hello world", {}, KeptAs::kWords), "Hello world.[]");
  EXPECT_EQ(ToStream("Hello.  You\n", {}, KeptAs::kWords), "Hello.[  ]You.[][\n]");
  EXPECT_EQ(ToStream("one\ntwo\n\nthree ", {}, KeptAs::kWords), "one[\n]two.[][\n\n]three.[] ");
  EXPECT_EQ(ToStream("[^$]\\/@<>{}*~", {}, KeptAs::kWords),
            "\\[\\^\\$\\]\\\\\\/\\@\\<\\>\\{\\}*.[][~]");
  EXPECT_EQ(ToStream(std::string_view("a\0b", 3), {}, KeptAs::kWords), "a[z]b.[]");
}

TEST(StreamFormatTest, EqualsDestxt) {
  if (access("/usr/bin/apertium-destxt", X_OK) != 0) GTEST_SKIP() << "Apertium is not installed";
  std::mt19937 random(3);
  for (int round = 0; round < 150; ++round) {
    const std::string text = RandomText(random, 24);
    EXPECT_EQ(ToStream(text, {}, KeptAs::kWords), OutputOfCommand("apertium-destxt", text))
        << "text: " << text;
  }
}

TEST(StreamFormatTest, WhatIsNotTranslatedComesBackByteForByte) {
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    std::string text = RandomText(random, 40);
    if (round % 7 == 0) text.insert(random() % (text.size() + 1), 1, '\0');
    const FromStreamResult back =
        FromStream(ToStream(text, {}, KeptAs::kWords), text, {}, KeptAs::kWords, false);
    EXPECT_EQ(back.text, text);
    EXPECT_TRUE(back.complete);
    // Nothing of the text passes for a command of the format.
    EXPECT_THAT(UnknownWords(ToStream(text, {}, KeptAs::kWords), KeptAs::kWords), IsEmpty());
  }
}

TEST(StreamFormatTest, KeptSpansComeBackByteForByte) {
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    std::vector<KeptSpan> kept;
    std::vector<std::string> originals;
    for (uint32_t i = random() % 40; i > 0; --i) {
      absl::StrAppend(&text, RandomText(random, 6));
      const std::string original = RandomText(random, 8) + "k";
      const KeptKind kind = random() % 2 == 0 ? KEPT_KIND_MARKUP : KEPT_KIND_WORD;
      kept.push_back(Span(text.size(), text.size() + original.size(), kind));
      text += original;
      originals.push_back(original);
    }
    for (const KeptAs as : {KeptAs::kWords, KeptAs::kBlanks}) {
      const FromStreamResult back = FromStream(ToStream(text, kept, as), text, kept, as, false);
      EXPECT_TRUE(back.complete);
      EXPECT_EQ(back.text, text);
      ASSERT_EQ(back.kept.size(), kept.size());
      for (size_t i = 0; i < kept.size(); ++i) {
        EXPECT_EQ(back.kept[i].In(back.text), originals[i]);
      }
    }
  }
}

TEST(StreamFormatTest, ALostOrDoubledSpanIsTold) {
  const std::vector<KeptSpan> kept = {Span(0, 3, KEPT_KIND_MARKUP), Span(4, 8, KEPT_KIND_WORD)};
  const std::string text = "<b> %dog";
  const auto from = [&](std::string_view stream) {
    return FromStream(stream, text, kept, KeptAs::kWords, false);
  };
  EXPECT_TRUE(from("[k0] Xqbqx.[]").complete);
  EXPECT_EQ(from("el XQBQX[k0].[]").text, "el %dog<b>");
  EXPECT_FALSE(from("[k0] .[]").complete);
  EXPECT_FALSE(from("[k0] Xqbqx Xqbqx.[]").complete);
  EXPECT_FALSE(from("Xqbqx.[]").complete);
  EXPECT_THAT(from("Xqbqx").kept, IsEmpty());
  // Numbers that no span has are text.
  EXPECT_EQ(from("[k7] Xqcqx [k] [kx] Xqqx [k99999999999999999999]").text,
            "k7 Xqcqx k kx Xqqx k99999999999999999999");
}

TEST(StreamFormatTest, TheMarkOfAStandInIsTakenAwayAndNoOther) {
  const std::vector<KeptSpan> kept = {Span(1, 4, KEPT_KIND_WORD)};
  const std::string text = "*{x}*";
  EXPECT_EQ(ToStream(text, kept, KeptAs::kWords), "*Xqaqx*.[]");
  EXPECT_EQ(FromStream("*Xqaqx*.[]", text, kept, KeptAs::kWords, false).text, "*{x}*");
  EXPECT_EQ(FromStream("**Xqaqx*.[]", text, kept, KeptAs::kWords, true).text, "*{x}*");
}

TEST(StreamFormatTest, BrokenStreamsAreReadWithoutHarm) {
  const std::vector<KeptSpan> kept = {Span(0, 1, KEPT_KIND_WORD)};
  for (const char* stream :
       {"\\", "[", "[k0", "[\\", "x", "xq", "Xqa", "Xqaq", ".[", "]", "^*", "^*\\", "^*a"}) {
    EXPECT_FALSE(FromStream(stream, "{", {kept}, KeptAs::kBlanks, true).text.size() > 8);
    UnknownWords(stream, KeptAs::kBlanks);
  }
}

TEST(StreamFormatTest, UnknownWordsAreFoundWhereTheyStand) {
  const std::string units = "^el<det>$ [^*no$]^*zorglub$ \\^*x ^*Xqaqx$ ^*l\\/a$^.<sent>$[]";
  EXPECT_THAT(UnknownWords(units, KeptAs::kWords), ElementsAre("zorglub", "l/a"));
  EXPECT_THAT(UnknownWords(units, KeptAs::kBlanks), ElementsAre("zorglub", "Xqaqx", "l/a"));
  EXPECT_THAT(FindWords("zorglubs el zorglub, zorglub", {"zorglub", "nix", "zorglub"}),
              ElementsAre(ByteSpan{12, 19}, ByteSpan{21, 28}));
  EXPECT_THAT(FindWords("*na\xc3\xafve", {"na\xc3\xafve", "v"}), ElementsAre(ByteSpan{1, 7}));
}

}  // namespace
}  // namespace intelligenced
