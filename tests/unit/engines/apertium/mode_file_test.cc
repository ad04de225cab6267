#include "runtime/engines/apertium/mode_file.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

TEST(ModeFileTest, TakesACommandLineApart) {
  const auto mode = ParseMode(
      "lt-proc -w '/usr/share/a b/x.bin' |cg-proc \"/y\\\"z.bin\"|\tapertium-tagger -g $2 '/p' | "
      "lt-proc $1 -b /g.bin | lt-proc -p a\\ b\n",
      "-n");
  ASSERT_TRUE(mode.ok()) << mode.status();
  EXPECT_THAT(mode->programs, ElementsAre(ElementsAre("lt-proc", "-w", "/usr/share/a b/x.bin"),
                                          ElementsAre("cg-proc", "/y\"z.bin"),
                                          ElementsAre("apertium-tagger", "-g", "/p"),
                                          ElementsAre("lt-proc", "-n", "-b", "/g.bin"),
                                          ElementsAre("lt-proc", "-p", "a b")));
  EXPECT_EQ(mode->generator, 3u);
}

TEST(ModeFileTest, QuotedNothingStaysAnArgument) {
  const auto mode = ParseMode("lt-proc '' \"$2\" | lt-proc x$1", "-g");
  ASSERT_TRUE(mode.ok()) << mode.status();
  EXPECT_THAT(mode->programs,
              ElementsAre(ElementsAre("lt-proc", "", ""), ElementsAre("lt-proc", "x-g")));
}

TEST(ModeFileTest, RunsNothingThatAShellWouldDoMore) {
  for (const char* text : {"",
                           "\n",
                           "|",
                           "lt-proc a",
                           "lt-proc $1",
                           "lt-proc a | | lt-proc $1",
                           "lt-proc a | lt-proc $1 |",
                           "lt-proc a; lt-proc b | lt-proc $1",
                           "lt-proc a && x | lt-proc $1",
                           "lt-proc a | lt-proc $1 > /tmp/x",
                           "lt-proc < a | lt-proc $1",
                           "lt-proc `id` | lt-proc $1",
                           "lt-proc \"`id`\" | lt-proc $1",
                           "lt-proc $(id) | lt-proc $1",
                           "lt-proc $HOME | lt-proc $1",
                           "lt-proc $3 | lt-proc $1",
                           "lt-proc $12 | lt-proc $1",
                           "lt-proc $",
                           "lt-proc *.bin | lt-proc $1",
                           "lt-proc 'a | lt-proc $1",
                           "lt-proc \"a | lt-proc $1",
                           "lt-proc a | lt-proc $1 \\",
                           "lt-proc a | lt-proc $1\nlt-proc b",
                           "sh -c x | lt-proc $1",
                           "/usr/bin/lt-proc a | lt-proc $1",
                           "lt-proc a | lt-proc/../sh $1",
                           "lt-proc ~ | lt-proc $1",
                           "lt-proc '\x01' | lt-proc $1",
                           "X=1 lt-proc a | lt-proc $1",
                           "lt-proc # | lt-proc $1",
                           "! lt-proc a | lt-proc $1",
                           "'' a | lt-proc $1"}) {
    const auto mode = ParseMode(text, "-n");
    EXPECT_TRUE(HasReason(mode.status(), Reason::kModelLoadFailed)) << text;
  }
  EXPECT_FALSE(ParseMode(std::string(70'000, ' ') + "lt-proc a | lt-proc $1", "-n").ok());
  std::string many = "lt-proc a";
  for (int i = 0; i < 100; ++i) many += " | lt-proc $1";
  EXPECT_FALSE(ParseMode(many, "-n").ok());
}

TEST(ModeFileTest, WhateverComesIsRefusedOrHarmless) {
  std::mt19937 random(7);
  constexpr std::string_view kPieces[] = {"lt-proc", " ",  "|", "'", "\"", "$1", "$2",  "\\",
                                          "a",       "\n", ";", "$", "-",  "*",  "\xff"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text = "lt-proc ";
    for (uint32_t i = random() % 16; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
    const auto mode = ParseMode(text, "-n");
    if (!mode.ok()) continue;
    EXPECT_GE(mode->generator, 1u);
    for (const auto& program : mode->programs) EXPECT_TRUE(IsApertiumProgram(program.at(0)));
  }
}

TEST(ModeFileTest, EveryProgramAnswersAtNul) {
  auto mode =
      ParseMode("lt-proc -z a | apertium-wblank-attach | cg-proc -g b | lt-proc $1 c", "-n");
  ASSERT_TRUE(mode.ok()) << mode.status();
  AddNullFlush(&*mode);
  EXPECT_THAT(mode->programs,
              ElementsAre(ElementsAre("lt-proc", "-z", "a"), ElementsAre("apertium-wblank-attach"),
                          ElementsAre("cg-proc", "-z", "-g", "b"),
                          ElementsAre("lt-proc", "-z", "-n", "c")));
}

}  // namespace
}  // namespace intelligenced
