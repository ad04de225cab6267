#include "runtime/engines/llama/parameters.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

absl::StatusOr<LlamaParameters> Parse(
    const std::vector<std::pair<std::string, std::string>>& values) {
  intelligence::engine::v1::ModelSpec spec;
  for (const auto& [name, value] : values) (*spec.mutable_parameters())[name] = value;
  return ParseLlamaParameters(spec);
}

TEST(LlamaParameters, Defaults) {
  const auto parameters = Parse({});
  ASSERT_TRUE(parameters.ok());
  EXPECT_EQ(parameters->max_batch, 16);
  EXPECT_TRUE(parameters->reproducible);
  EXPECT_FALSE(parameters->blas);
  EXPECT_FALSE(parameters->context_tokens.has_value());
}

TEST(LlamaParameters, AllAreRead) {
  const auto parameters = Parse({{"context_tokens", "1024"},
                                 {"pool_tokens", "4096"},
                                 {"max_batch", "4"},
                                 {"gpu_layers", "0"},
                                 {"reproducible", "false"},
                                 {"blas", "true"},
                                 {"chat_template", "chatml"},
                                 {"x-note", "for somebody else"}});
  ASSERT_TRUE(parameters.ok()) << parameters.status();
  EXPECT_EQ(parameters->context_tokens, 1024);
  EXPECT_EQ(parameters->pool_tokens, 4096);
  EXPECT_EQ(parameters->max_batch, 4);
  EXPECT_EQ(parameters->gpu_layers, 0);
  EXPECT_FALSE(parameters->reproducible);
  EXPECT_TRUE(parameters->blas);
  EXPECT_EQ(parameters->chat_template, "chatml");
}

TEST(LlamaParameters, WrongOnesAreNamed) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"context_tokens", "0"},
                                                        {"context_tokens", "-5"},
                                                        {"context_tokens", "many"},
                                                        {"context_tokens", "99999999999999999999"},
                                                        {"pool_tokens", "1e3"},
                                                        {"max_batch", "0"},
                                                        {"max_batch", "1000"},
                                                        {"blas", "perhaps"},
                                                        {"contxt_tokens", "512"}}) {
    const auto parameters = Parse({{name, value}});
    ASSERT_TRUE(HasReason(parameters.status(), Reason::kFieldInvalid)) << name << "=" << value;
    EXPECT_EQ(FactsOf(parameters.status()).field, "parameters." + name);
  }
}

TEST(ChoosePoolSize, TakesTheTrainedContextAndAPoolForAWholeBatch) {
  const auto size = ChoosePoolSize({}, {.trained_context = 512, .cell_bytes = 640});
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->context_tokens, 512);
  EXPECT_EQ(size->pool_tokens, 512 * 16);
}

TEST(ChoosePoolSize, IsBoundedByMemoryButHoldsOneRequest) {
  // 12 KiB for a token: 256 MiB hold 21,845.
  auto size = ChoosePoolSize({}, {.trained_context = 131072, .cell_bytes = 12288});
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->context_tokens, 8192);
  EXPECT_EQ(size->pool_tokens, 21845);
  EXPECT_EQ(size->cache_tokens, 21845 / 4);
  size = ChoosePoolSize({}, {.trained_context = 131072, .cell_bytes = 1 << 20});
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->pool_tokens, 8192);
}

TEST(ChoosePoolSize, TheCacheIsAQuarterOfThePoolUnlessToldOtherwise) {
  LlamaParameters parameters;
  parameters.context_tokens = 256;
  parameters.pool_tokens = 1000;
  EXPECT_EQ(ChoosePoolSize(parameters, {.trained_context = 512})->cache_tokens, 250);
  parameters.cache_tokens = 0;
  EXPECT_EQ(ChoosePoolSize(parameters, {.trained_context = 512})->cache_tokens, 0);
}

TEST(ChoosePoolSize, AFileWithoutAContextLengthGetsTheDefault) {
  const auto size = ChoosePoolSize({}, {});
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->context_tokens, 8192);
}

TEST(ChoosePoolSize, RefusesMoreThanTheModelWasTrainedForAndAPoolTooSmall) {
  LlamaParameters parameters;
  parameters.context_tokens = 1024;
  EXPECT_TRUE(HasReason(ChoosePoolSize(parameters, {.trained_context = 512}).status(),
                        Reason::kFieldInvalid));
  parameters.context_tokens = 256;
  parameters.pool_tokens = 255;
  EXPECT_TRUE(HasReason(ChoosePoolSize(parameters, {.trained_context = 512}).status(),
                        Reason::kFieldInvalid));
  parameters.pool_tokens = 256;
  EXPECT_TRUE(ChoosePoolSize(parameters, {.trained_context = 512}).ok());
}

TEST(ChooseThreads, SmallModelsTakeOneAndAnOrderIsObeyed) {
  EXPECT_EQ(ChooseThreads({}, {.weight_bytes = 1 << 20}, 8), 1);
  EXPECT_EQ(ChooseThreads({}, {.weight_bytes = uint64_t{1} << 30}, 8), 8);
  LlamaParameters parameters;
  parameters.threads = 3;
  EXPECT_EQ(ChooseThreads(parameters, {.weight_bytes = 1 << 20}, 8), 3);
  EXPECT_GE(CountPhysicalCores(), 1);
}

}  // namespace
}  // namespace intelligenced
