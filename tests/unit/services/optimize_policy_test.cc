#include "services/model_performance/optimize_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/models/manifest.h"
#include "services/model_performance/measurement.h"
#include "services/model_performance/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

v1::LayoutResult Result(std::string layout, double prompt, double output, double perplexity) {
  v1::LayoutResult result;
  result.set_layout(std::move(layout));
  result.set_prompt_tokens_per_second(prompt);
  result.set_output_tokens_per_second(output);
  result.set_perplexity(perplexity);
  return result;
}

std::string Best(std::vector<v1::LayoutResult> results, double bound = 0.02) {
  results.front().set_is_source(true);
  const v1::LayoutResult source = results.front();
  for (v1::LayoutResult& result : results) Judge(source, bound, result);
  return results[BestLayout(results, Contenders(results))].layout();
}

TEST(OptimizePolicyTest, TheFastestWithinTheBound) {
  const v1::LayoutResult source = Result("F16", 100, 10, 8.0);
  EXPECT_EQ(Best({source, Result("Q8_0", 200, 20, 8.01), Result("Q4_0", 300, 40, 8.5)}), "Q8_0");
  EXPECT_EQ(Best({source, Result("Q8_0", 200, 20, 8.01), Result("Q4_0", 300, 40, 8.5)}, 0.1),
            "Q4_0");
  // Better than the source is within every bound.
  EXPECT_EQ(Best({source, Result("Q4_0", 300, 40, 7.9)}, 0), "Q4_0");
  EXPECT_EQ(Best({source, Result("Q4_0", 300, 40, 8.0001)}, 0), "F16");
}

TEST(OptimizePolicyTest, PromptAndAnswerCountTogether) {
  // 512/100 + 128/10 = 17.9 s against 512/60 + 128/20 = 14.9 s.
  EXPECT_EQ(Best({Result("F16", 100, 10, 8), Result("Q8_0", 60, 20, 8)}), "Q8_0");
  EXPECT_NEAR(TypicalSeconds(Result("", 100, 10, 8)), 17.92, 1e-9);
  EXPECT_EQ(TypicalSeconds(Result("", 0, 10, 8)), 0);
}

TEST(OptimizePolicyTest, ACopyMustBeWorthItsRoom) {
  EXPECT_EQ(Best({Result("Q4_0", 100, 10, 8), Result("Q8_0", 102, 10.2, 8)}), "Q4_0");
  EXPECT_EQ(Best({Result("Q4_0", 100, 10, 8), Result("Q8_0", 104, 10.4, 8)}), "Q8_0");
}

TEST(OptimizePolicyTest, WhatWasNotMeasuredIsNotBest) {
  EXPECT_EQ(Best({Result("F16", 100, 10, 8), Result("Q8_0", 0, 0, 8)}), "F16");
  EXPECT_EQ(Best({Result("F16", 100, 10, 8), Result("Q8_0", 900, 90, 0)}), "F16");
  EXPECT_EQ(Best({Result("F16", 100, 10, 0), Result("Q8_0", 900, 90, 8)}), "F16");
}

TEST(OptimizePolicyTest, WhatOneMeasurementDoesNotSettle) {
  std::vector<v1::LayoutResult> results = {
      Result("F16", 100, 10, 8),     Result("Q8_0", 200, 20, 8.01), Result("Q5_0", 160, 16, 8.01),
      Result("Q5_1", 150, 15, 8.01), Result("Q4_0", 400, 40, 9),    Result("none", 0, 0, 8)};
  results.front().set_is_source(true);
  const v1::LayoutResult source = results.front();
  for (v1::LayoutResult& result : results) Judge(source, 0.02, result);
  EXPECT_THAT(Contenders(results), testing::ElementsAre(0, 1, 2)) << "Q5_1 takes a third longer";
  // Out of the race whatever the others do then.
  results[1].set_typical_seconds(100);
  results[2].set_typical_seconds(100);
  EXPECT_EQ(BestLayout(results, {0, 1, 2}), 0);
  results.resize(1);
  EXPECT_THAT(Contenders(results), testing::ElementsAre(0));
}

TEST(OptimizePolicyTest, Names) {
  EXPECT_EQ(OptimizedName("models/base", "Q4_0"), "base-q4_0");
  EXPECT_TRUE(IsValidModelName(OptimizedName(std::string(63, 'a'), "Q4_K_M")));
}

TEST(OptimizePolicyTest, Candidates) {
  using Layouts = std::vector<std::string>;
  EXPECT_EQ(CandidateLayouts("F16"), (Layouts{"Q8_0", "Q4_K_M", "Q4_0"}));
  EXPECT_EQ(CandidateLayouts("F32"), (Layouts{"F16", "Q8_0", "Q4_K_M", "Q4_0"}));
  EXPECT_EQ(CandidateLayouts("Q8_0"), (Layouts{"Q4_K_M", "Q4_0"}));
  EXPECT_EQ(CandidateLayouts("Q4_K"), (Layouts{"Q8_0", "Q4_0"}));
  EXPECT_EQ(CandidateLayouts("Q4_0"), (Layouts{"Q8_0"}));
}

TEST(OptimizePolicyTest, LayoutsThatWinNothing) {
  EXPECT_TRUE(CheckLayouts("base", "F16", {"Q8_0", "Q4_0"}).ok());
  EXPECT_TRUE(CheckLayouts("base", "F32", {"F16"}).ok());
  // Eight bits hold what four have, and may be faster.
  EXPECT_TRUE(CheckLayouts("base", "Q4_K", {"Q8_0", "Q4_0"}).ok());
  const absl::Status same = CheckLayouts("base", "Q4_0", {"Q8_0", "Q4_0"});
  EXPECT_EQ(FactsOf(same).field, "layouts");
  EXPECT_THAT(std::string(same.message()), testing::HasSubstr("base are Q4_0 already"));
  EXPECT_EQ(FactsOf(CheckLayouts("base", "Q4_K", {"Q4_K_M"})).field, "layouts");
  EXPECT_EQ(FactsOf(CheckLayouts("base", "Q8_0", {"F16"})).field, "layouts");
}

TEST(OptimizePolicyTest, ReportsShares) {
  engine_proto::Measurement measurement;
  measurement.set_prefill_tokens_per_second(100);
  measurement.set_operations_per_prompt_token(8e8);
  measurement.set_operations_per_second(1e11);
  measurement.set_decode_tokens_per_second(20);
  measurement.set_bytes_per_output_token(3e8);
  measurement.set_read_bytes_per_second(1e10);
  v1::ModelReport report = ToReport(measurement, "base");
  EXPECT_EQ(report.model(), "models/base");
  EXPECT_NEAR(report.arithmetic_share(), 0.8, 1e-9);
  EXPECT_NEAR(report.memory_share(), 0.6, 1e-9);
  // Not on the processor: nothing is known of the limits.
  measurement.clear_operations_per_second();
  measurement.clear_read_bytes_per_second();
  report = ToReport(measurement, "base");
  EXPECT_EQ(report.arithmetic_share(), 0);
  EXPECT_EQ(report.memory_share(), 0);
}

TEST(OptimizePolicyTest, Requests) {
  v1::OptimizeModelRequest request;
  EXPECT_EQ(FactsOf(Validate(request)).field, "name");
  request.set_name("base/fix");
  EXPECT_EQ(FactsOf(Validate(request)).field, "name") << "a function has no weights of its own";
  request.set_name("models/base");
  EXPECT_TRUE(Validate(request).ok());
  request.add_layouts("Q4_0");
  EXPECT_TRUE(Validate(request).ok());
  request.add_layouts("Q4_0");
  EXPECT_EQ(FactsOf(Validate(request)).field, "layouts");
  request.set_layouts(1, "Q3_K");
  EXPECT_EQ(FactsOf(Validate(request)).field, "layouts");
  request.clear_layouts();
  request.set_max_perplexity_increase(-0.1);
  EXPECT_EQ(FactsOf(Validate(request)).field, "max_perplexity_increase");
  request.set_max_perplexity_increase(0);
  request.set_new_name("models/x");
  EXPECT_EQ(FactsOf(Validate(request)).field, "new_name");
  v1::MeasureModelRequest measure;
  EXPECT_EQ(FactsOf(Validate(measure)).field, "name");
  measure.set_name("base");
  measure.set_request_class(static_cast<v1::RequestClass>(9));
  EXPECT_EQ(FactsOf(Validate(measure)).field, "request_class");
}

}  // namespace
}  // namespace intelligenced
