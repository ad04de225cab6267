#include "runtime/worker/output_lines.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/worker/process_usage.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;

class OutputLinesTest : public testing::Test {
 protected:
  void Append(std::string_view data) {
    lines_.Append(data, now_, [this](std::string line) { got_.push_back(std::move(line)); });
  }
  void Finish() {
    lines_.Finish(now_, [this](std::string line) { got_.push_back(std::move(line)); });
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  OutputLines lines_;
  std::vector<std::string> got_;
};

TEST_F(OutputLinesTest, PutsLinesTogether) {
  Append("one\ntw");
  Append("o\n\nthree");
  EXPECT_THAT(got_, ElementsAre("one", "two"));
  Finish();
  EXPECT_THAT(got_, ElementsAre("one", "two", "three"));
}

TEST_F(OutputLinesTest, LeavesKnownNoiseOut) {
  Append("Schema error: Trying to register schema with name X\nreal\n");
  EXPECT_THAT(got_, ElementsAre("real"));
}

TEST_F(OutputLinesTest, MakesLinesSafeToShow) {
  Append("\x1b[31mred\x1b[0m\tcaf\xe9\r\n");
  EXPECT_THAT(got_, ElementsAre(" [31mred [0m caf?"));
}

TEST_F(OutputLinesTest, CutsLongLines) {
  for (int i = 0; i < 100; ++i) Append(std::string(10'000, 'x'));
  Append("\nnext\n");
  ASSERT_EQ(got_.size(), 2u);
  EXPECT_LT(got_[0].size(), 2100u);
  EXPECT_TRUE(got_[0].ends_with(" …"));
  EXPECT_EQ(got_[1], "next");
}

TEST_F(OutputLinesTest, DropsAFloodAndSaysSo) {
  for (int i = 0; i < 1000; ++i) Append("again\n");
  EXPECT_EQ(got_.size(), 200u);
  now_ += absl::Seconds(11);
  Append("later\n");
  EXPECT_EQ(got_[200], "(800 lines dropped)");
  EXPECT_EQ(got_[201], "later");
}

TEST(ProcessUsageTest, ReadsFieldsOfProc) {
  constexpr std::string_view kText = "Name:\tx\nVmHWM:\t  1234 kB\nVmRSS:\t 99 kB\nPss: bad kB\n";
  EXPECT_EQ(KilobyteField(kText, "VmHWM"), 1234u * 1024);
  EXPECT_EQ(KilobyteField(kText, "VmRSS"), 99u * 1024);
  EXPECT_EQ(KilobyteField(kText, "Vm"), 0u);
  EXPECT_EQ(KilobyteField(kText, "Pss"), 0u);
  EXPECT_EQ(KilobyteField("", "Pss"), 0u);
}

TEST(ProcessUsageTest, MeasuresThisProcess) {
  const auto usage = MeasureProcess();
  EXPECT_GT(usage.resident_bytes(), 100'000u);
  EXPECT_GE(usage.peak_bytes(), usage.resident_bytes());
}

}  // namespace
}  // namespace intelligenced
