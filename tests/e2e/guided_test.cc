// Answers inside schemas, from the SDK through the daemon to a small model that never learnt JSON.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "intelligence/client.h"
#include "tests/support/guided/random_schema.h"
#include "tests/support/guided/schema_validator.h"

namespace intelligence {
namespace {

Client Connect() {
  absl::StatusOr<Client> client = Client::Connect();
  if (!client.ok()) {
    ADD_FAILURE() << client.status();
    std::abort();
  }
  return *std::move(client);
}

TEST(GuidedE2eTest, AnswersToRandomSchemasValidateAndSoDoTheirSnapshotsAsJson) {
  const Client client = Connect();
  std::mt19937_64 random(7);
  int whole = 0;
  for (int i = 0; i < 20 && !testing::Test::HasFailure(); ++i) {
    const std::string schema = intelligenced::DrawSchema(random).dump();
    std::string last;
    const auto result =
        client.GenerateText({.input = "The sea",
                             .sampling = {.temperature = i % 2 == 0 ? 0.0f : 1.0f, .seed = 7},
                             .max_output_tokens = 300,
                             .response_schema = schema},
                            {.model = "tiny-prose"}, [&](const GenerateTextEvent& event) {
                              if (const auto* snapshot = std::get_if<JsonSnapshot>(&event)) {
                                last = snapshot->json;
                                EXPECT_TRUE(nlohmann::json::accept(last)) << schema << "\n" << last;
                              }
                            });
    ASSERT_TRUE(result.ok()) << result.status() << "\n" << schema;
    EXPECT_NE(last, "");
    if (result->finish_reason != FinishReason::kStop) continue;
    ++whole;
    EXPECT_EQ(last, result->text);
    EXPECT_EQ(intelligenced::FindBreachInText(schema, result->text), "") << schema << "\n"
                                                                         << result->text;
  }
  EXPECT_GT(whole, 12) << "most must end by themselves, else this shows nothing";
}

TEST(GuidedE2eTest, ASchemaThatNothingMatchesIsRefusedWithThePlace) {
  const auto result = Connect().GenerateText(
      {.input = "x", .response_schema = R"({"properties":{"a":false},"required":["a"]})"},
      {.model = "tiny-prose"});
  EXPECT_EQ(ErrorReason(result.status()), "FIELD_INVALID");
  EXPECT_THAT(std::string(result.status().message()), testing::HasSubstr("#/properties/a"));
}

}  // namespace
}  // namespace intelligence
