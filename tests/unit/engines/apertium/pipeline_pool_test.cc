// The pool with programs of the test's own: what happens when one of them misbehaves.
#include "runtime/engines/apertium/pipeline_pool.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/engines/apertium/apertium_programs.h"

namespace intelligenced {
namespace {

// Repeats each text; some make it die, be silent, or never end.
constexpr char kProgram[] = R"(#!/usr/bin/python3
import os, select, signal, sys
pending = b''
while True:
    data = os.read(0, 65536)
    if not data: sys.exit(0)
    pending += data
    while b'\0' in pending:
        text, pending = pending.split(b'\0', 1)
        if b'poison' in text: os.kill(os.getpid(), signal.SIGKILL)
        if b'silence' in text: signal.pause()
        while b'endless' in text and sys.argv[-1] == 'c': os.write(1, b'x' * 65536)
        while b'drip' in text:
            os.write(1, b'x')
            select.select([], [], [], 0.05)
        if b'twice' in text: os.write(1, text + b'\0')
        text += b'\0'
        while text: text = text[os.write(1, text):]
)";

class PipelinePoolTest : public testing::Test {
 protected:
  PipelinePoolTest() {
    signal(SIGPIPE, SIG_IGN);
    std::ofstream(folder_ + "/lt-proc") << kProgram;
    chmod((folder_ + "/lt-proc").c_str(), 0755);
    std::ofstream(folder_ + "/eng-spa.mode") << "lt-proc a | lt-proc b | lt-proc $1 c";
    std::ofstream(folder_ + "/spa-eng.mode") << "lt-proc a | lt-proc $1 c";
    std::ofstream(folder_ + "/bad.mode") << "sh -c x | lt-proc $1";
    std::ofstream(folder_ + "/gone.mode") << "apertium-gone x | lt-proc $1";
    options_ = {.modes_folder = folder_,
                .program_folder = folder_,
                .pipelines_of_a_pair = 2,
                .pipelines = 4,
                .hang = absl::Seconds(20)};
  }
  ~PipelinePoolTest() override { pool_.reset(); }
  void SetUp() override {
    if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no Python here";
    pool_ = std::make_unique<PipelinePool>(options_, &clock_);
  }

  static Piece PieceOf(uint64_t ticket, std::string stream, uint64_t owner = 1,
                       std::string mode = "eng-spa") {
    return {.ticket = ticket,
            .owner = owner,
            .sender = {},
            .mode = std::move(mode),
            .marked = false,
            .stream = std::move(stream),
            .losses = 0};
  }

  // Takes and advances until all are back. Each must come back once.
  void RunAll(std::vector<Piece> pieces) {
    size_t next = 0;
    size_t back = 0;
    const size_t all = pieces.size();
    while (back < all) {
      while (next < all && pool_->Take(pieces[next])) ++next;
      std::vector<PieceResult> results;
      pool_->Advance(absl::Milliseconds(50), &results);
      for (PieceResult& result : results) {
        EXPECT_TRUE(results_.try_emplace(result.ticket, std::move(result)).second) << "doubled";
        ++back;
      }
    }
    EXPECT_TRUE(pool_->idle());
  }
  std::vector<Piece> Page(size_t count, uint64_t owner = 1) {
    std::vector<Piece> pieces;
    for (size_t i = 1; i <= count; ++i) {
      pieces.push_back(PieceOf(i, absl::StrCat("text ", i, std::string(i % 50, 'x')), owner));
    }
    return pieces;
  }

  const SystemClock clock_;
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  PipelinePool::Options options_;
  std::unique_ptr<PipelinePool> pool_;
  std::map<uint64_t, PieceResult> results_;
  size_t kills_ = 0;
};

TEST_F(PipelinePoolTest, EveryTextComesBackAsItself) {
  RunAll(Page(500));
  for (const auto& [ticket, result] : results_) {
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_TRUE(absl::StartsWith(result.output.stream, absl::StrCat("text ", ticket)));
    EXPECT_EQ(result.output.stream, result.output.lexical_units);
  }
}

TEST_F(PipelinePoolTest, AnOwnerLeavesAPipelineToOthers) {
  uint64_t ticket = 1;
  for (Piece piece = PieceOf(1, "flood"); pool_->Take(piece); piece = PieceOf(ticket, "flood")) {
    ASSERT_LT(++ticket, 1000u) << "no bound";
  }
  EXPECT_EQ(Children().size(), 3u);
  Piece other = PieceOf(5000, "a sentence", 2);
  EXPECT_TRUE(pool_->Take(other));
  EXPECT_EQ(Children().size(), 6u);
}

TEST_F(PipelinePoolTest, ASenderOfSeveralJobsLeavesAPipelineToOthers) {
  uint64_t ticket = 0;
  const auto take = [&](uint64_t owner, const std::string& sender) {
    Piece piece = PieceOf(++ticket, "flood", owner);
    piece.sender = sender;
    return pool_->Take(piece);
  };
  // Four jobs in turn, until nothing more is taken of any.
  for (uint64_t refused = 0; refused < 4;) {
    ASSERT_LT(ticket, 1000u) << "no bound";
    refused = take(ticket % 4, "app/background") ? 0 : refused + 1;
  }
  EXPECT_EQ(Children().size(), 3u);
  EXPECT_TRUE(take(5, "app/interactive"));
  EXPECT_EQ(Children().size(), 6u);
}

TEST_F(PipelinePoolTest, ATextThatKillsFailsByNameAndTheOthersAreTranslated) {
  std::vector<Piece> pieces = Page(60);
  pieces[30].stream = "poison";
  pieces[40].stream = "poison too";
  RunAll(std::move(pieces));
  for (const auto& [ticket, result] : results_) {
    const bool poison = ticket == 31 || ticket == 41;
    EXPECT_EQ(result.status.ok(), !poison) << ticket << ": " << result.status;
    if (poison) EXPECT_TRUE(HasReason(result.status, Reason::kEngineFailure));
  }
}

TEST_F(PipelinePoolTest, AKilledProgramCostsNothing) {
  std::vector<Piece> pieces = Page(400);
  size_t next = 0;
  std::set<uint64_t> back;
  while (back.size() < pieces.size()) {
    while (next < pieces.size() && pool_->Take(pieces[next])) ++next;
    std::vector<PieceResult> results;
    pool_->Advance(absl::Seconds(5), &results);
    for (const PieceResult& result : results) {
      EXPECT_TRUE(result.status.ok()) << result.status;
      EXPECT_TRUE(back.insert(result.ticket).second) << "doubled";
    }
    // One program, another each time, twice in all.
    if (back.size() > 100 && kills_ < 2 && back.size() > 100 * (kills_ + 1)) {
      const std::vector<pid_t> children = Children();
      ASSERT_FALSE(children.empty());
      kill(children[kills_++ % children.size()], SIGKILL);
    }
  }
  EXPECT_EQ(kills_, 2u);
}

TEST_F(PipelinePoolTest, AHangingTextFailsAndTheOthersAreTranslated) {
  options_.hang = absl::Milliseconds(300);
  SetUp();
  std::vector<Piece> pieces = Page(20);
  pieces[5].stream = "silence";
  RunAll(std::move(pieces));
  for (const auto& [ticket, result] : results_)
    EXPECT_EQ(result.status.ok(), ticket != 6) << ticket;
}

TEST_F(PipelinePoolTest, ATextThatNeverComesToAnEndFails) {
  // Longer than programs take to start on a busy machine.
  options_.most_for_a_text = absl::Seconds(2);
  SetUp();
  std::vector<Piece> pieces = Page(20);
  pieces[5].stream = "drip";
  RunAll(std::move(pieces));
  for (const auto& [ticket, result] : results_) {
    EXPECT_EQ(result.status.ok(), ticket != 6) << ticket;
    if (ticket == 6) EXPECT_TRUE(HasReason(result.status, Reason::kEngineFailure));
  }
}

TEST_F(PipelinePoolTest, OutputWithoutEndIsCutOff) {
  std::vector<Piece> pieces = Page(3);
  pieces[1].stream = "endless";
  RunAll(std::move(pieces));
  EXPECT_FALSE(results_[2].status.ok());
  EXPECT_TRUE(results_[1].status.ok() && results_[3].status.ok());
}

TEST_F(PipelinePoolTest, ASecondAnswerIsNotTakenForTheNextTexts) {
  std::vector<Piece> pieces = Page(30);
  pieces[2].stream = "twice";
  RunAll(std::move(pieces));
  for (const auto& [ticket, result] : results_) {
    // Its own answer is good or refused.
    if (ticket == 3) continue;
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_TRUE(absl::StartsWith(result.output.stream, absl::StrCat("text ", ticket)));
  }
}

TEST_F(PipelinePoolTest, WhatCannotBeStartedIsToldForEachText) {
  RunAll({PieceOf(1, "a", 1, "bad"), PieceOf(2, "a", 1, "gone"), PieceOf(3, "a", 1, "missing"),
          PieceOf(4, "a")});
  for (const uint64_t ticket : {1, 2, 3}) EXPECT_FALSE(results_[ticket].status.ok()) << ticket;
  EXPECT_TRUE(results_[4].status.ok());
}

TEST_F(PipelinePoolTest, PipelinesOfOtherPairsMakeRoom) {
  options_.pipelines = 1;
  SetUp();
  RunAll({PieceOf(1, "a")});
  RunAll({PieceOf(2, "b", 1, "spa-eng")});
  EXPECT_EQ(Children().size(), 2u);
}

TEST_F(PipelinePoolTest, WhatNobodyWantsIsNotGivenBack) {
  Piece longer = PieceOf(1, std::string(200'000, 'x'), 1);
  Piece shorter = PieceOf(2, "short", 2);
  ASSERT_TRUE(pool_->Take(longer));
  ASSERT_TRUE(pool_->Take(shorter));
  pool_->Abandon(1);
  std::vector<PieceResult> results;
  while (results.empty()) pool_->Advance(absl::Seconds(5), &results);
  EXPECT_EQ(results[0].ticket, 2u);
  EXPECT_TRUE(pool_->idle());
}

TEST_F(PipelinePoolTest, ProgramsEndWithThePool) {
  RunAll({PieceOf(1, "a")});
  EXPECT_EQ(Children().size(), 3u);
  pool_.reset();
  EXPECT_TRUE(Children().empty());
}

}  // namespace
}  // namespace intelligenced
