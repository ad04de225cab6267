// What mlctl models report and optimize show.
#include "clients/mlctl/performance_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced::mlctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

intelligence::ModelReport Report() {
  return {.model = "models/base",
          .layout = "Q4_0",
          .weight_bytes = 250 << 20,
          .threads = 2,
          .load_time = absl::Milliseconds(80),
          .resident_bytes = 300 << 20,
          .prompt_tokens_per_second = 287.4,
          .prompt_batch_tokens = 16,
          .output_tokens_per_second = 53.24,
          .perplexity = 12.3456,
          .perplexity_tokens = 512,
          .memory_bytes_per_second = 20e9,
          .operations_per_second = 150e9,
          .memory_share = 0.62,
          .arithmetic_share = 0.81,
          .operations = {{.phase = "prompt",
                          .operation = "MUL_MAT ffn_up",
                          .share = 0.31,
                          .count = 24,
                          .time = absl::Milliseconds(12)}}};
}

TEST(PerformanceViewTest, Report) {
  const std::string text = RenderReport(Report(), Palette());
  EXPECT_THAT(text, AllOf(HasSubstr("287 tokens/s in batches of 16"), HasSubstr("53.2 tokens/s"),
                          HasSubstr("12.346 on 512 tokens"), HasSubstr("mostly Q4_0")));
  EXPECT_THAT(text, AllOf(HasSubstr("20.0 GB/s read; generation uses 62 % of it"),
                          HasSubstr("150.0 G operations/s with Q4_0; the prompt uses 81 % of it"),
                          HasSubstr("MUL_MAT ffn_up"), HasSubstr("31 %")));
  intelligence::ModelReport gpu = Report();
  gpu.memory_bytes_per_second = gpu.operations_per_second = 0;
  gpu.operations.clear();
  EXPECT_THAT(RenderReport(gpu, Palette()),
              AllOf(Not(HasSubstr("limit")), Not(HasSubstr("PHASE"))));
  intelligence::ModelReport small = Report();
  small.memory_share = 1.7;
  EXPECT_THAT(RenderReport(small, Palette()), HasSubstr("stays in the cache"));
  const Json json = ToJson(Report());
  EXPECT_EQ(json["memory_share"], 0.62);
  EXPECT_EQ(json["load_time_seconds"], 0.08);
  EXPECT_EQ(json["operations"][0]["operation"], "MUL_MAT ffn_up");
}

TEST(PerformanceViewTest, Layouts) {
  intelligence::OptimizeModelResult result;
  result.results = {{.layout = "F16",
                     .is_source = true,
                     .size_bytes = 800 << 20,
                     .prompt_tokens_per_second = 80,
                     .output_tokens_per_second = 20,
                     .perplexity = 10,
                     .within_bound = true,
                     .typical_seconds = 12.8},
                    {.layout = "Q8_0",
                     .size_bytes = 420 << 20,
                     .prompt_tokens_per_second = 200,
                     .output_tokens_per_second = 40,
                     .perplexity = 10.01,
                     .perplexity_increase = 0.001,
                     .within_bound = true,
                     .typical_seconds = 5.76},
                    {.layout = "Q4_0",
                     .size_bytes = 250 << 20,
                     .prompt_tokens_per_second = 280,
                     .output_tokens_per_second = 60,
                     .perplexity = 11,
                     .perplexity_increase = 0.1,
                     .typical_seconds = 3.96}};
  result.best_layout = "Q8_0";
  const std::string text = RenderLayouts(result, Palette());
  EXPECT_THAT(text, AllOf(HasSubstr("as it is"), HasSubstr("best"), HasSubstr("+10.0 %"),
                          HasSubstr("too much lost"), HasSubstr("5.76 s")));
  EXPECT_FALSE(ToJson(result).contains("model"));
  result.model = intelligence::Model{.name = "models/base-q8_0"};
  EXPECT_EQ(ToJson(result)["model"]["name"], "models/base-q8_0");
  EXPECT_EQ(ToJson(result)["results"][2]["within_bound"], false);
}

TEST(PerformanceViewTest, Progress) {
  using Phase = intelligence::OptimizeProgress::Phase;
  EXPECT_EQ(RenderProgress({.phase = Phase::kConverting, .layout = "Q4_0", .done = 2, .total = 5}),
            "Converting to Q4_0 … 40 %");
  EXPECT_EQ(RenderProgress({.phase = Phase::kMeasuring}), "Measuring as it is …");
}

}  // namespace
}  // namespace intelligenced::mlctl
