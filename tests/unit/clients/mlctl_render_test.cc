// What mlctl prints, as pure functions.
#include <string>
#include <vector>

#include "clients/mlctl/diff.h"
#include "clients/mlctl/format.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/top_view.h"
#include "clients/mlctl/views.h"
#include "ftxui/screen/screen.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::Correction;
using intelligence::CorrectionType;
using testing::HasSubstr;
using testing::Not;

TEST(FormatTest, Bytes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1'048'575), "1.0 MiB") << "never 1024.0 KiB";
  EXPECT_EQ(FormatBytes(123ull << 20), "123 MiB");
  EXPECT_EQ(FormatBytes(5ull << 40), "5.0 TiB");
}

TEST(FormatTest, Durations) {
  EXPECT_EQ(DurationText(absl::ZeroDuration()), "0");
  EXPECT_EQ(DurationText(absl::Microseconds(400)), "0.4 ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(340)), "340 ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(999.7)), "1.0 s");
  EXPECT_EQ(DurationText(absl::Seconds(59.97)), "1m00s") << "never 60.0 s";
  EXPECT_EQ(DurationText(absl::Minutes(192)), "3h12m");
  EXPECT_EQ(DurationText(absl::Hours(99)), "4d3h");
  EXPECT_EQ(DurationText(-absl::Seconds(2)), "-2.0 s");
  EXPECT_EQ(DurationText(absl::InfiniteDuration()), "forever");
}

TEST(FormatTest, Counts) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
}

TEST(FormatTest, ColorFollowsTheChoiceTheTerminalAndNoColor) {
  EXPECT_TRUE(ChooseColor("auto", true, "", "xterm"));
  EXPECT_FALSE(ChooseColor("auto", false, "", "xterm"));
  EXPECT_FALSE(ChooseColor("auto", true, "1", "xterm"));
  EXPECT_FALSE(ChooseColor("auto", true, "", "dumb"));
  EXPECT_TRUE(ChooseColor("always", false, "1", "dumb"));
  EXPECT_FALSE(ChooseColor("never", true, "", "xterm"));
}

TEST(FormatTest, PaintEndsAtEveryLine) {
  EXPECT_EQ(Palette(true).Paint(Style::kGood, "a\n\nb"), "\033[32ma\033[0m\n\n\033[32mb\033[0m");
  EXPECT_EQ(Palette(false).Paint(Style::kGood, "a"), "a");
}

TEST(FormatTest, TerminalSafeTakesEscapesAndDirectionMarks) {
  EXPECT_EQ(TerminalSafe("a\033[2Jb"), "a\uFFFD[2Jb");
  EXPECT_EQ(TerminalSafe("tab\tline\nü€😀"), "tab\tline\nü€😀");
  EXPECT_EQ(TerminalSafe("\u202Eabc"), "\uFFFDabc");
  EXPECT_EQ(TerminalSafe("\u009Bm"), "\uFFFDm");
  EXPECT_EQ(TerminalSafe("\r\x7f"), "\uFFFD\uFFFD");
}

TEST(FormatTest, TablesAlignByCharactersAndCutTheLastColumn) {
  const std::vector<Column> columns = {
      {.title = "A"}, {.title = "N", .right = true}, {.title = "T"}};
  EXPECT_EQ(FormatTable(columns, {{"ü", "1", "x"}, {"bb", "22", ""}}, 0, Palette()),
            "A    N  T\n"
            "ü    1  x\n"
            "bb  22  -\n");
  EXPECT_EQ(FormatTable(columns, {{"a", "1", "a long text that goes on"}}, 20, Palette()),
            "A  N  T\n"
            "a  1  a long text t…\n");
  EXPECT_THAT(FormatTable(columns, {{"a\033[1m\nb", "", ""}}, 0, Palette()),
              HasSubstr("a\uFFFD[1m b"));
}

std::vector<Correction> Example() {
  return {{.start = 0,
           .end = 5,
           .original = "Their",
           .replacement = "There",
           .types = {CorrectionType::kGrammar},
           .explanation = "A place."},
          {.start = 11,
           .end = 15,
           .original = "eror",
           .replacement = "error",
           .types = {CorrectionType::kSpelling}},
          {.start = 15, .end = 15, .original = "", .replacement = "."}};
}

TEST(DiffTest, MarksByColorOrByBrackets) {
  EXPECT_EQ(RenderDiff("Their is a eror", Example(), Palette()),
            "[-Their-]{+There+} is a [-eror-]{+error+}{+.+}");
  EXPECT_EQ(RenderDiff("Their is a eror", Example(), Palette(true)),
            "\033[31;9mTheir\033[0m\033[32;1mThere\033[0m is a \033[31;9meror\033[0m"
            "\033[32;1merror\033[0m\033[32;1m.\033[0m");
  EXPECT_EQ(ApplyCorrections("Their is a eror", Example()), "There is a error.");
}

TEST(DiffTest, CorrectionsThatDoNotFitAreLeftOut) {
  std::vector<Correction> corrections = {{.start = 2, .end = 1, .replacement = "x"},
                                         {.start = 0, .end = 99, .replacement = "x"},
                                         {.start = 1, .end = 2, .replacement = "B"},
                                         {.start = 1, .end = 3, .replacement = "overlaps"}};
  EXPECT_EQ(RenderDiff("abc", corrections, Palette()), "a[-b-]{+B+}c");
  EXPECT_EQ(ApplyCorrections("abc", corrections), "aBc");
}

TEST(DiffTest, FindingsHaveLinesAndColumnsInCharacters) {
  const std::string text = "Grüße.\nüü teh end\n";
  const size_t teh = text.find("teh");
  const std::vector<Correction> corrections = {
      {.start = static_cast<uint32_t>(teh),
       .end = static_cast<uint32_t>(teh + 3),
       .original = "teh",
       .replacement = "the",
       .types = {CorrectionType::kSpelling, CorrectionType::kStyle},
       .explanation = "No such word."},
      {.start = static_cast<uint32_t>(text.size() - 1),
       .end = static_cast<uint32_t>(text.size() - 1),
       .replacement = "."}};
  EXPECT_EQ(RenderFindings("a.txt", text, corrections, Palette()),
            "a.txt:2:4: teh → the (spelling, style): No such word.\n"
            "a.txt:2:11: nothing → .\n");
}

TEST(DiffTest, FindPlace) {
  EXPECT_EQ(FindPlace("ab\ncd", 4).line, 2);
  EXPECT_EQ(FindPlace("ab\ncd", 4).column, 2);
  EXPECT_EQ(FindPlace("ab", 99).column, 3) << "beyond the end";
}

TEST(JsonTest, ProofreadingHasWhatMakesTheCorrectedText) {
  intelligence::ProofreadTextResult result;
  result.corrected_text = "There is a error.";
  result.corrections = Example();
  const Json json = Json::parse(Dump(ToJson(result)));
  std::string text = "Their is a eror";
  for (size_t i = json["corrections"].size(); i-- > 0;) {
    const Json& correction = json["corrections"][i];
    const size_t start = correction["start"];
    const size_t end = correction["end"];
    EXPECT_EQ(text.substr(start, end - start), correction["original"].get<std::string>());
    text.replace(start, end - start, correction["replacement"].get<std::string>());
  }
  EXPECT_EQ(text, json["corrected_text"].get<std::string>());
  EXPECT_EQ(json["corrections"][0]["types"][0], "GRAMMAR");
}

TEST(JsonTest, BadBytesDoNotFail) { EXPECT_THAT(Dump({{"a", "\xff"}}), HasSubstr("\uFFFD")); }

TEST(JsonTest, ErrorsCarryReasonAndFacts) {
  const Json json = ErrorToJson(MakeError(
      Reason::kModelNotInstalled, "Not here.",
      {.metadata = {{"install", "mlctl models install x"}}, .retry_delay = {}, .field = ""}));
  EXPECT_EQ(json["error"]["reason"], "MODEL_NOT_INSTALLED");
  EXPECT_EQ(json["error"]["code"], "FAILED_PRECONDITION");
  EXPECT_EQ(json["error"]["metadata"]["install"], "mlctl models install x");
}

intelligence::Model Resident() {
  return {.name = "models/stories",
          .size_bytes = 1 << 20,
          .state = intelligence::ModelState::kReady,
          .resident_bytes = 17 << 20,
          .peak_bytes = 24 << 20,
          .keep_alive = absl::Minutes(5),
          .leases = 0,
          .worker_pid = 4711,
          .device = "cpu",
          .last_used_time = absl::FromUnixSeconds(1000)};
}

TEST(ViewsTest, ResidentUntil) {
  const absl::Time now = absl::FromUnixSeconds(1060);
  intelligence::Model model = Resident();
  EXPECT_EQ(ResidentUntil(model, now), "4m00s");
  EXPECT_EQ(ResidentUntil(model, now + absl::Hours(1)), "idle");
  model.leases = 2;
  EXPECT_EQ(ResidentUntil(model, now), "in use");
  model.pinned = true;
  EXPECT_EQ(ResidentUntil(model, now), "pinned");
  model.state = intelligence::ModelState::kFailed;
  model.state_reason = "no memory";
  EXPECT_EQ(ResidentUntil(model, now), "no memory");
}

TEST(ViewsTest, PsShowsItsColumns) {
  EXPECT_EQ(RenderResident({Resident()}, absl::FromUnixSeconds(1000), 0, Palette()),
            "NAME     STATE  RESIDENT      PEAK  LEASES   PID  DEVICE  UNTIL\n"
            "stories  ready  17.0 MiB  24.0 MiB       0  4711  cpu     5m00s\n");
}

TEST(ViewsTest, ListMarksDefaults) {
  intelligence::Model model = Resident();
  model.capabilities = {"language.generate", "writing.compose"};
  model.default_for = {"writing.compose"};
  EXPECT_THAT(RenderModelList({model}, 0, Palette()),
              HasSubstr("language.generate writing.compose*"));
}

TEST(ViewsTest, ChecksSayWhatToDo) {
  const std::string text = RenderChecks({{.name = "disk",
                                          .result = intelligence::DiagnosticCheck::Result::kFailed,
                                          .finding = "full",
                                          .advice = "make room"}},
                                        Palette());
  EXPECT_THAT(text, HasSubstr("failed  disk  full\n"));
  EXPECT_THAT(text, HasSubstr("→ make room\n"));
}

TEST(ViewsTest, DownloadsShowRateAndTimeLeft) {
  intelligence::InstallProgress progress = {.bytes_done = 512 << 10,
                                            .bytes_total = 1 << 20,
                                            .bytes_per_second = 1 << 20,
                                            .estimated_completion = absl::Milliseconds(500)};
  EXPECT_EQ(RenderDownload(progress, 80),
            "Downloading  50 %  512 KiB of 1.0 MiB  1.0 MiB/s  500 ms left");
  EXPECT_THAT(RenderDownload(progress, 120), HasSubstr("[##########          ]"));
  progress.bytes_total = 0;
  EXPECT_THAT(RenderDownload(progress, 120), Not(HasSubstr("%")));
  // More than announced must not break the bar.
  progress.bytes_total = 1;
  EXPECT_THAT(RenderDownload(progress, 120), HasSubstr("100 %"));
}

TEST(TopTest, DrawsModelsQueuesDevicesAndApps) {
  intelligence::SystemStatus status;
  status.version = "1.2.3";
  status.state = intelligence::ServingState::kServing;
  status.memory.ceiling_bytes = 1 << 30;
  status.resident_models = {Resident()};
  status.queues = {{.request_class = intelligence::RequestClass::kUtility, .waiting = 12}};
  status.lanes = {{.device = "cpu", .capacity = 2, .in_use = 1, .utilization = 0.5}};
  status.clients = {{.client = "0:exe:/x",
                     .display_name = "editor\033[2J",
                     .recent_device_time = absl::Seconds(2),
                     .output_tokens_per_second = 31.5}};
  const ftxui::Element view = RenderTop(status, absl::FromUnixSeconds(1000), false);
  ftxui::Screen screen =
      ftxui::Screen::Create(ftxui::Dimension::Fixed(100), ftxui::Dimension::Fixed(24));
  ftxui::Render(screen, view);
  const std::string text = screen.ToString();
  for (const char* expected : {"intelligenced 1.2.3", "stories", "17.0 MiB", "utility", "12",
                               "50 % of the last minute, 1 of 2", "31.5", "2.0 s"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
  EXPECT_THAT(text, Not(HasSubstr("\033[2J")));
}

}  // namespace
}  // namespace intelligenced::mlctl
