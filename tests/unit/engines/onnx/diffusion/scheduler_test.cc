#include "runtime/engines/onnx/diffusion/scheduler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr size_t kPictures = 4;
constexpr size_t kValues = 192;  // 3×8×8

// torch.randn on a processor, for a number of values that 16 divides: blocks of 16 uniform numbers
// of 24 bits, the first half the radii and the second half the angles of Box and Muller's pairs.
class TorchNoise {
 public:
  std::vector<float> Draw(size_t count) {
    std::vector<float> values(count);
    for (float& value : values) {
      value = static_cast<float>(engine_() & 0xFFFFFF) / static_cast<float>(1 << 24);
    }
    for (size_t block = 0; block < count; block += 16) {
      for (size_t i = block; i < block + 8; ++i) {
        const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(values[i])));
        const double angle = 2 * std::numbers::pi * values[i + 8];
        values[i] = static_cast<float>(radius * std::cos(angle));
        values[i + 8] = static_cast<float>(radius * std::sin(angle));
      }
    }
    return values;
  }

 private:
  std::mt19937 engine_{0};
};

// One of diffusers' own tests and what it expects.
struct Published {
  const char* name;
  const char* test;
  // Beside the class.
  const char* config;
  int steps;
  // The first step; before it noise is added.
  int begin;
  // 0 where the test does not say.
  double sum;
  double mean;
};

constexpr char kDdim[] = R"("_class_name":"DDIMScheduler","num_train_timesteps":1000)";
constexpr char kEuler[] = R"("_class_name":"EulerDiscreteScheduler","num_train_timesteps":1100)";
constexpr char kAncestral[] =
    R"("_class_name":"EulerAncestralDiscreteScheduler","num_train_timesteps":1100)";
constexpr char kDpm[] =
    R"("_class_name":"DPMSolverMultistepScheduler","solver_order":2,"lower_order_final":false,)"
    R"("final_sigmas_type":"sigma_min","algorithm_type":"dpmsolver++","solver_type":"midpoint")";
constexpr char kLcm[] = R"("_class_name":"LCMScheduler","beta_start":0.00085,"beta_end":0.012,)"
                        R"("beta_schedule":"scaled_linear")";
constexpr char kV[] = R"("prediction_type":"v_prediction")";

struct Case {
  const char* base;
  Published published;
};

const Case kCases[] = {
    {kDdim, {"DDIMScheduler", "test_full_loop_no_noise", "", 10, 0, 172.0067, 0.223967}},
    {kDdim, {"DDIMScheduler", "test_full_loop_with_v_prediction", kV, 10, 0, 52.5302, 0.0684}},
    {kDdim,
     {"DDIMScheduler", "test_full_loop_with_set_alpha_to_one",
      R"("set_alpha_to_one":true,"beta_start":0.01)", 10, 0, 149.8295, 0.1951}},
    {kDdim,
     {"DDIMScheduler", "test_full_loop_with_no_set_alpha_to_one",
      R"("set_alpha_to_one":false,"beta_start":0.01)", 10, 0, 149.0784, 0.1941}},
    {kDdim, {"DDIMScheduler", "test_full_loop_with_noise", "", 10, 8, 354.5418, 0.4616}},
    {kEuler, {"EulerDiscreteScheduler", "test_full_loop_no_noise", "", 10, 0, 10.0807, 0.0131}},
    {kEuler,
     {"EulerDiscreteScheduler", "test_full_loop_with_v_prediction", kV, 10, 0, 0.0002, 2.2676e-06}},
    {kEuler,
     {"EulerDiscreteScheduler", "test_full_loop_device_karras_sigmas",
      R"("use_karras_sigmas":true)", 10, 0, 124.522995, 0.162139}},
    {kEuler,
     {"EulerDiscreteScheduler", "test_full_loop_with_noise", "", 10, 8, 57062.9297, 74.3007}},
    {kAncestral,
     {"EulerAncestralDiscreteScheduler", "test_full_loop_no_noise", "", 10, 0, 152.3192, 0.1983}},
    {kAncestral,
     {"EulerAncestralDiscreteScheduler", "test_full_loop_with_v_prediction", kV, 10, 0, 108.4439,
      0.1412}},
    {kAncestral,
     {"EulerAncestralDiscreteScheduler", "test_full_loop_with_noise", "", 10, 8, 56163.0508,
      73.129}},
    {kDpm, {"DPMSolverMultistepScheduler", "test_full_loop_no_noise", "", 10, 0, 0, 0.3301}},
    {kDpm,
     {"DPMSolverMultistepScheduler", "test_full_loop_with_noise", "", 10, 5, 318.4111, 0.4146}},
    {kDpm,
     {"DPMSolverMultistepScheduler", "test_full_loop_no_noise_thres",
      R"("thresholding":true,"dynamic_thresholding_ratio":0.87,"sample_max_value":0.5)", 10, 0, 0,
      1.1364}},
    {kDpm,
     {"DPMSolverMultistepScheduler", "test_full_loop_with_v_prediction", kV, 10, 0, 0, 0.2251}},
    {kDpm,
     {"DPMSolverMultistepScheduler", "test_full_loop_with_karras_and_v_prediction",
      R"("prediction_type":"v_prediction","use_karras_sigmas":true)", 10, 0, 0, 0.2096}},
    {kDpm,
     {"DPMSolverMultistepScheduler", "test_full_loop_with_lu_and_v_prediction",
      R"("prediction_type":"v_prediction","use_lu_lambdas":true)", 10, 0, 0, 0.1554}},
    {kLcm, {"LCMScheduler", "test_full_loop_onestep", "", 1, 0, 18.7097, 0.0244}},
    {kLcm, {"LCMScheduler", "test_full_loop_multistep", "", 10, 0, 197.7616, 0.2575}},
};

std::string ConfigText(const char* base, const char* more) {
  return std::string("{") + base + (*more != 0 ? "," : "") + more + "}";
}

// The loop of those tests: the dummy network answers sample × t / (t + 1), and the scaled sample
// takes the sample's place.
std::pair<double, double> RunPublished(const Case& one) {
  const Published& test = one.published;
  const auto config = ParseSchedulerConfig(ConfigText(one.base, test.config));
  EXPECT_TRUE(config.ok()) << config.status();
  std::vector<std::unique_ptr<Scheduler>> schedulers;
  std::vector<std::vector<float>> samples(kPictures, std::vector<float>(kValues));
  for (size_t p = 0; p < kPictures; ++p) {
    auto scheduler = Scheduler::Make(*config, test.steps);
    EXPECT_TRUE(scheduler.ok()) << scheduler.status();
    const double scale = (*scheduler)->initial_scale();
    const NoiseLevel level = (*scheduler)->level(test.begin);
    for (size_t i = 0; i < kValues; ++i) {
      const auto place = static_cast<double>(i * kPictures + p);
      constexpr double kAll = kValues * kPictures;
      double value = place / kAll * scale;
      if (test.begin > 0) value = level.signal * value + level.noise * (kAll - 1 - place) / kAll;
      samples[p][i] = static_cast<float>(value);
    }
    schedulers.push_back(*std::move(scheduler));
  }
  TorchNoise torch;
  for (int step = test.begin; step < test.steps; ++step) {
    const std::vector<float> noise = torch.Draw(kPictures * kValues);
    for (size_t p = 0; p < kPictures; ++p) {
      Scheduler& scheduler = *schedulers[p];
      const double t = scheduler.timestep(step);
      std::vector<float> answer, denoised(kValues);
      for (float& value : samples[p]) {
        value = static_cast<float>(value * scheduler.input_scale(step));
        answer.push_back(static_cast<float>(value * t / (t + 1)));
      }
      absl::Span<const float> own = noise;
      own = scheduler.takes_noise(step) ? own.subspan(p * kValues, kValues) : own.subspan(0, 0);
      scheduler.Step(step, answer, own, absl::MakeSpan(samples[p]), absl::MakeSpan(denoised));
    }
  }
  double sum = 0;
  for (const auto& sample : samples) {
    for (const float value : sample) sum += std::abs(value);
  }
  return {sum, sum / (kPictures * kValues)};
}

TEST(SchedulerTest, GivesThePublishedDigits) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(std::string(one.published.name) + " " + one.published.test);
    const auto [sum, mean] = RunPublished(one);
    if (one.published.sum != 0) EXPECT_NEAR(sum, one.published.sum, 1e-2);
    EXPECT_NEAR(mean, one.published.mean, 1e-3);
  }
}

// The same against the file that holds what the tests say, with its own tolerances.
TEST(SchedulerTest, AgreesWithTheFileOfPublishedDigits) {
  const auto text = ReadFile(TestdataPath("diffusion/scheduler_golden.json"), uint64_t{16} << 20);
  if (!text.ok()) GTEST_SKIP() << "no test data";
  const Json golden = Json::parse(*text);
  int compared = 0;
  for (const Json& test : golden["tests"]) {
    for (const Case& one : kCases) {
      std::string name = test["test"];
      // Asks for the same once more.
      if (name == "test_full_loop_device") name = "test_full_loop_no_noise";
      if (test["scheduler"] != one.published.name || name != one.published.test) continue;
      SCOPED_TRACE(std::string(one.published.name) + " " + name);
      const auto [sum, mean] = RunPublished(one);
      for (const Json& expected : test["expect"]) {
        EXPECT_NEAR(expected["what"] == "sum" ? sum : mean, expected["value"].get<double>(),
                    expected["tol"].get<double>());
      }
      ++compared;
    }
  }
  EXPECT_GE(compared, static_cast<int>(std::size(kCases)));
}

struct Kind {
  std::string scheduler;
  std::string config;
};

// Where the network knows the picture, every scheduler that adds no noise of its own ends with it.
TEST(SchedulerTest, ANetworkThatKnowsThePictureGivesIt) {
  for (const SchedulerName& named : AllSchedulers()) {
    for (const std::string prediction : {"epsilon", "v_prediction", "sample", "flow"}) {
      const bool flow = named.kind == SchedulerKind::kFlowEuler;
      if (flow != (prediction == "flow")) continue;
      const std::string text =
          flow ? R"({"_class_name":"FlowMatchEulerDiscreteScheduler","shift":3.0})"
               : R"({"_class_name":"DDIMScheduler","clip_sample":false,"prediction_type":")" +
                     prediction + "\"}";
      auto config = ParseSchedulerConfig(text, named.kind);
      ASSERT_TRUE(config.ok()) << config.status();
      for (const int steps : {1, 2, 7, 30}) {
        SCOPED_TRACE(std::string(named.name) + " " + prediction + " " + std::to_string(steps));
        auto made = Scheduler::Make(*config, steps);
        ASSERT_TRUE(made.ok()) << made.status();
        Scheduler& scheduler = **made;
        const std::vector<float> picture = {-0.75F, -0.1F, 0.0F, 0.5F, 0.9F};
        const std::vector<float> noise = {0.3F, -1.2F, 2.0F, -0.4F, 0.7F};
        const NoiseLevel first = scheduler.level(0);
        std::vector<float> sample, denoised(picture.size());
        for (size_t i = 0; i < picture.size(); ++i) {
          sample.push_back(static_cast<float>(first.signal * picture[i] + first.noise * noise[i]));
        }
        for (int step = 0; step < steps; ++step) {
          const NoiseLevel level = scheduler.level(step);
          // The same with squares that add up to 1, as the network sees it.
          const double scale = flow ? 1 : std::hypot(level.signal, level.noise);
          std::vector<float> answer;
          for (size_t i = 0; i < picture.size(); ++i) {
            const double epsilon = (sample[i] - level.signal * picture[i]) / level.noise;
            answer.push_back(static_cast<float>(
                prediction == "sample"    ? picture[i]
                : prediction == "epsilon" ? epsilon
                : flow                    ? epsilon - picture[i]
                       : (level.signal * epsilon - level.noise * picture[i]) / scale));
          }
          const bool takes = scheduler.takes_noise(step);
          scheduler.Step(step, answer, takes ? noise : std::vector<float>(), absl::MakeSpan(sample),
                         absl::MakeSpan(denoised));
          for (size_t i = 0; i < picture.size(); ++i) {
            ASSERT_NEAR(denoised[i], picture[i], 5e-3) << step;
          }
        }
        for (size_t i = 0; i < picture.size(); ++i) EXPECT_NEAR(sample[i], picture[i], 5e-3);
        EXPECT_EQ(scheduler.level(steps).noise, 0);
      }
    }
  }
}

TEST(SchedulerTest, TimesAreThoseOfTheSpacing) {
  const auto times = [](const std::string& more, int steps) {
    const auto config = ParseSchedulerConfig("{" + more + "}");
    EXPECT_TRUE(config.ok()) << config.status();
    const auto scheduler = Scheduler::Make(*config, steps);
    EXPECT_TRUE(scheduler.ok()) << scheduler.status();
    std::vector<double> result;
    // Fractions of a millionth are how sums round.
    for (int i = 0; i < steps; ++i) {
      result.push_back(std::round((*scheduler)->timestep(i) * 1e6) / 1e6);
    }
    return result;
  };
  using Times = std::vector<double>;
  EXPECT_EQ(times(kDdim, 4), (Times{750, 500, 250, 0}));
  EXPECT_EQ(times(std::string(kDdim) + R"(,"steps_offset":1)", 4), (Times{751, 501, 251, 1}));
  EXPECT_EQ(times(std::string(kDdim) + R"(,"timestep_spacing":"trailing")", 4),
            (Times{999, 749, 499, 249}));
  EXPECT_EQ(times(std::string(kDdim) + R"(,"timestep_spacing":"linspace")", 4),
            (Times{999, 666, 333, 0}));
  EXPECT_EQ(times(R"("_class_name":"DPMSolverMultistepScheduler")", 4),
            (Times{999, 749, 500, 250}));
  // As diffusers' own test of LCM's default times.
  EXPECT_EQ(times(kLcm, 1), (Times{999}));
  EXPECT_EQ(times(kLcm, 4), (Times{999, 759, 499, 259}));
  // Without a shift: from 1 to 1/1000, evenly.
  EXPECT_EQ(times(R"("_class_name":"FlowMatchEulerDiscreteScheduler")", 4),
            (Times{1000, 667, 334, 1}));
}

// By hand: sigmas 1, 0.5005 and 0.001 shifted by 3 twice where the ends are concerned.
TEST(SchedulerTest, FlowStepsGoAlongTheAnswer) {
  const auto config =
      ParseSchedulerConfig(R"({"_class_name":"FlowMatchEulerDiscreteScheduler","shift":3.0})");
  ASSERT_TRUE(config.ok());
  const auto made = Scheduler::Make(*config, 2);
  ASSERT_TRUE(made.ok());
  Scheduler& scheduler = **made;
  const double least = 0.003 / 1.002;
  EXPECT_DOUBLE_EQ(scheduler.level(0).noise, 1);
  EXPECT_NEAR(scheduler.level(1).noise, 3 * least / (1 + 2 * least), 1e-12);
  EXPECT_NEAR(scheduler.timestep(1), 1000 * scheduler.level(1).noise, 1e-9);
  EXPECT_EQ(scheduler.initial_scale(), 1);
  std::vector<float> sample = {1}, denoised = {0};
  scheduler.Step(0, std::vector<float>{2}, {}, absl::MakeSpan(sample), absl::MakeSpan(denoised));
  EXPECT_NEAR(denoised[0], -1, 1e-6);
  EXPECT_NEAR(sample[0], 1 + 2 * (scheduler.level(1).noise - 1), 1e-6);
}

TEST(SchedulerTest, StepsOutsideTheTrainingAreRefused) {
  const auto refused = [](const std::string& text, int steps) {
    const auto config = ParseSchedulerConfig(text);
    ASSERT_TRUE(config.ok()) << config.status();
    const auto scheduler = Scheduler::Make(*config, steps);
    ASSERT_FALSE(scheduler.ok());
    EXPECT_EQ(FactsOf(scheduler.status()).field, "steps");
  };
  for (const int steps : {0, -1, 1001, 10'000, std::numeric_limits<int>::max()}) {
    refused(ConfigText(kDdim, ""), steps);
  }
  refused(ConfigText(kDpm, ""), 1000);
  refused(ConfigText(kLcm, ""), 51);
  for (const SchedulerName& named : AllSchedulers()) {
    const bool flow = named.kind == SchedulerKind::kFlowEuler;
    auto config = ParseSchedulerConfig(
        flow ? R"({"_class_name":"FlowMatchEulerDiscreteScheduler"})" : ConfigText(kDdim, ""),
        named.kind);
    ASSERT_TRUE(config.ok()) << config.status();
    const int most = named.kind == SchedulerKind::kLcm ? 50 : flow ? 1000 : 999;
    EXPECT_TRUE(Scheduler::Make(*config, most).ok()) << named.name;
  }
}

TEST(SchedulerConfigTest, BrokenAndUnknownOnesAreRefusedByName) {
  const auto refused = [](const std::string& text, Reason reason, const std::string& word) {
    const auto config = ParseSchedulerConfig(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_TRUE(HasReason(config.status(), reason)) << config.status();
    EXPECT_NE(config.status().message().find(word), std::string::npos) << config.status();
  };
  refused("", Reason::kModelCorrupt, "JSON");
  refused("[]", Reason::kModelCorrupt, "JSON");
  refused("{}", Reason::kModelCorrupt, "_class_name");
  refused(R"({"_class_name":3})", Reason::kModelCorrupt, "_class_name");
  refused(R"({"_class_name":"FutureScheduler"})", Reason::kModelLoadFailed, "FutureScheduler");
  refused(ConfigText(kDdim, R"("prediction_type":"guess")"), Reason::kModelLoadFailed, "guess");
  refused(ConfigText(kDdim, R"("beta_schedule":"wavy")"), Reason::kModelLoadFailed, "wavy");
  refused(ConfigText(kDdim, R"("timestep_spacing":7)"), Reason::kModelCorrupt, "timestep_spacing");
  refused(ConfigText(kDdim, R"("beta_end":"much")"), Reason::kModelCorrupt, "beta_end");
  refused(ConfigText(kDdim, R"("beta_end":7)"), Reason::kModelCorrupt, "beta_end");
  refused(ConfigText(kDdim, R"("clip_sample":1)"), Reason::kModelCorrupt, "clip_sample");
  refused(ConfigText(kDdim, R"("steps_offset":0.5)"), Reason::kModelCorrupt, "steps_offset");
  refused(ConfigText(kDdim, R"("steps_offset":1000)"), Reason::kModelCorrupt, "steps_offset");
  refused(R"({"_class_name":"DDIMScheduler","num_train_timesteps":0})", Reason::kModelCorrupt,
          "num_train_timesteps");
  refused(R"({"_class_name":"DDIMScheduler","num_train_timesteps":1e9})", Reason::kModelCorrupt,
          "num_train_timesteps");
  refused(ConfigText(kDdim, R"("trained_betas":[0.5])"), Reason::kModelCorrupt, "trained_betas");
  refused(ConfigText(kDdim, R"("trained_betas":"x")"), Reason::kModelCorrupt, "trained_betas");
  refused(ConfigText(kEuler, R"("use_beta_sigmas":true)"), Reason::kModelLoadFailed,
          "use_beta_sigmas");
  refused(ConfigText(kEuler, R"("prediction_type":"flow_prediction")"), Reason::kModelLoadFailed,
          "flow_prediction");
}

TEST(SchedulerConfigTest, RelationsTakeTheirPlace) {
  const auto pndm = ParseSchedulerConfig(
      R"({"_class_name":"PNDMScheduler","beta_start":0.00085,"beta_end":0.012,)"
      R"("beta_schedule":"scaled_linear","clip_sample":false,"set_alpha_to_one":false,)"
      R"("skip_prk_steps":true,"steps_offset":1,"trained_betas":null})");
  ASSERT_TRUE(pndm.ok()) << pndm.status();
  EXPECT_EQ(pndm->kind, SchedulerKind::kDpm2m);
  EXPECT_EQ(pndm->steps_offset, 1);
  EXPECT_FALSE(CanUse(*pndm, SchedulerKind::kFlowEuler));
  EXPECT_TRUE(CanUse(*pndm, SchedulerKind::kLcm));
  EXPECT_EQ(FindScheduler("dpm++-2m-karras"), SchedulerKind::kDpm2mKarras);
  EXPECT_EQ(FindScheduler("Euler"), std::nullopt);
  EXPECT_EQ(NameOfScheduler(SchedulerKind::kLcm), "lcm");
}

}  // namespace
}  // namespace intelligenced
