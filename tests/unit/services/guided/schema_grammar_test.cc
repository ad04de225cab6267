// From JSON Schemas to grammars: whatever a grammar lets through validates, and what cannot be
// compiled is refused with its place.
#include "services/guided/schema_grammar.h"

#include <llama.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/grammar_check.h"
#include "tests/support/guided/grammar_walk.h"
#include "tests/support/guided/random_schema.h"
#include "tests/support/guided/schema_validator.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;

// The grammar, checked as the engine checks it and read by libllama.
std::string Compile(const std::string& schema) {
  const absl::StatusOr<std::string> grammar = CompileSchema(schema, "response_schema");
  EXPECT_TRUE(grammar.ok()) << schema << "\n" << grammar.status();
  if (!grammar.ok()) return "";
  EXPECT_TRUE(CheckGrammar(*grammar).ok()) << CheckGrammar(*grammar) << "\n" << schema;
  llama_sampler* sampler = llama_sampler_init_grammar(nullptr, grammar->c_str(), "root");
  EXPECT_NE(sampler, nullptr) << schema << "\n" << *grammar;
  if (sampler != nullptr) llama_sampler_free(sampler);
  return *grammar;
}

void ExpectSamplesValidate(const std::string& schema, std::mt19937_64& random, int samples) {
  const std::string grammar = Compile(schema);
  ASSERT_FALSE(grammar.empty());
  const GrammarWalk walk(grammar);
  for (int i = 0; i < samples; ++i) {
    const std::string text = walk.Draw(random, i % 2 == 0 ? 20 : 200);
    EXPECT_EQ(FindBreachInText(schema, text), "") << schema << "\n" << text;
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SchemaGrammarTest, WhatRandomSchemasLetThroughValidates) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 400 && !testing::Test::HasFailure(); ++i) {
    ExpectSamplesValidate(DrawSchema(random).dump(), random, 20);
  }
}

TEST(SchemaGrammarTest, TypicalSchemas) {
  const char* const schemas[] = {
      "true",
      "{}",
      R"({"type":"object"})",
      R"({"type":["integer","number","string"],"minimum":3})",
      R"({"type":"array"})",
      R"({"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false})",
      R"({"type":"string","format":"date-time"})",
      R"({"type":"string","format":"ipv4"})",
      R"({"type":"string","format":"uuid","title":"x","examples":[1]})",
      R"({"type":"string","minLength":5000})",
      R"({"type":"string","minLength":4097,"maxLength":65536})",
      R"({"allOf":[{"$ref":"#/definitions/a%20b"}],"definitions":{"a b":{"const":"x"}}})",
      R"({"minimum":-0.5,"exclusiveMaximum":0})",
      R"({"type":"integer","exclusiveMinimum":-1000000,"maximum":99})",
      R"({"type":"number","minimum":1e-9,"maximum":2e-9})",
      R"({"type":"array","maxItems":1024,"items":{"type":"boolean"}})",
      R"({"type":"object","minProperties":1})",
      R"({"type":"object","properties":{"t":{"$ref":"#"},"k":{"type":"array","maxItems":2,
          "items":{"$ref":"#/properties/t"}}}})",
      R"({"oneOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]})",
      R"({"oneOf":[{"type":"object","properties":{"a":{"type":"null"}},"required":["a"],
          "additionalProperties":false},{"type":"object","properties":{"b":{"type":"null"}},
          "required":["b"],"additionalProperties":false}]})"};
  std::mt19937_64 random(2);
  for (const char* schema : schemas) ExpectSamplesValidate(schema, random, 30);
}

TEST(SchemaGrammarTest, EveryPropertyOfAFullObjectCanComeAndStay) {
  const std::string schema =
      R"({"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"]})";
  const GrammarWalk walk(Compile(schema));
  std::mt19937_64 random(3);
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) {
    seen.insert(nlohmann::json::parse(walk.Draw(random, 0)).dump());
    seen.insert(nlohmann::json::parse(walk.Draw(random, 100)).dump());
  }
  EXPECT_EQ(seen, (std::set<std::string>{R"({"b":2})", R"({"a":1,"b":2})", R"({"b":2,"c":3})",
                                         R"({"a":1,"b":2,"c":3})"}));
}

TEST(SchemaGrammarTest, WhatIsRefusedIsNamedWithItsPlace) {
  struct Case {
    std::string schema;
    const char* pointer;
  };
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += R"({"items":)";
  std::string wide = R"({"properties":{)";
  for (int i = 0; i <= 200; ++i) absl::StrAppend(&wide, i ? "," : "", "\"p", i, "\":true");
  std::string values = R"({"enum":[0)";
  for (int i = 1; i <= 1000; ++i) absl::StrAppend(&values, ",", i);
  const Case cases[] = {
      {"", "#"},
      {"{", "#"},
      {"[]", "#"},
      {"\"string\"", "#"},
      {"\xFF", "#"},
      {std::string(65'537, ' '), "#"},
      {std::string(70'000, '['), "#"},
      {std::string(100, '[') + std::string(100, ']'), "#"},
      {deep + "true" + std::string(40, '}'), nullptr},
      {"false", "#"},
      {R"({"type":"text"})", "#/type"},
      {R"({"type":[]})", "#/type"},
      {R"({"type":"string","maximums":3})", "#/maximums"},
      {R"({"not":{}})", "#/not"},
      {R"({"if":true})", "#/if"},
      {R"({"patternProperties":{}})", "#/patternProperties"},
      {R"({"type":"array","uniqueItems":true})", "#/uniqueItems"},
      {R"({"type":"array","minItems":1000000000})", "#/minItems"},
      {R"({"type":"array","minItems":-1})", "#/minItems"},
      {R"({"type":"array","minItems":1.5})", "#/minItems"},
      {R"({"type":"array","minItems":"3"})", "#/minItems"},
      {R"({"type":"array","maxItems":1e300})", "#/maxItems"},
      {R"({"type":"array","minItems":3,"maxItems":2})", "#/minItems"},
      {R"({"type":"array","items":false,"minItems":1})", "#/minItems"},
      {R"({"type":"array","items":[true]})", "#/items"},
      {R"({"type":"array","items":false,"prefixItems":3})", "#/prefixItems"},
      {R"({"type":"array","items":{"type":"strin"}})", "#/items/type"},
      {R"({"properties":{"a/b":{"properties":{"~":{"maxLength":-3}}}}})",
       "#/properties/a~1b/properties/~0/maxLength"},
      {R"({"properties":{"a":false},"required":["a"]})", "#/properties/a"},
      {R"({"properties":{},"required":["a"],"additionalProperties":false})", "#/required/0"},
      {R"({"properties":{"a":true},"minProperties":1})", "#/minProperties"},
      {R"({"properties":{"a":true},"maxProperties":0})", "#/maxProperties"},
      {R"({"type":"object","minProperties":2})", "#/minProperties"},
      {R"({"properties":3})", "#/properties"},
      {R"({"required":"a"})", "#/required"},
      {wide + "}}", "#/properties"},
      {values + "]}", "#/enum"},
      {R"({"enum":[]})", "#/enum"},
      {R"({"enum":["a"],"type":"integer"})", "#/enum"},
      {R"({"enum":["a"],"minLength":2})", "#/minLength"},
      {R"({"anyOf":[]})", "#/anyOf"},
      {R"({"anyOf":[{"type":"string"}],"minLength":2})", "#/minLength"},
      {R"({"allOf":[true,true]})", "#/allOf"},
      {R"({"minLength":3,"maxLength":2})", "#/minLength"},
      {R"({"maxLength":65537})", "#/maxLength"},
      {R"({"pattern":"("})", "#"},
      {R"({"pattern":3})", "#/pattern"},
      {R"({"pattern":"^a$","minLength":2})", "#"},
      {R"({"pattern":"^a$","format":"date"})", "#/format"},
      {R"({"type":"string","format":"email"})", "#/format"},
      {R"({"minimum":2,"maximum":1})", "#"},
      {R"({"type":"integer","minimum":0.1,"maximum":0.9})", "#"},
      {R"({"exclusiveMinimum":1,"maximum":1})", "#"},
      {R"({"minimum":1e16})", "#/minimum"},
      {R"({"minimum":1e-10})", "#/minimum"},
      {R"({"minimum":0.12345678901})", "#/minimum"},
      {R"({"minimum":1e999})", "#"},
      {R"({"exclusiveMinimum":true})", "#/exclusiveMinimum"},
      {R"({"type":"number","multipleOf":0.5})", "#/multipleOf"},
      {R"({"$ref":"http://example.com/schema"})", "#/$ref"},
      {R"({"$ref":"#/$defs/none"})", "#/$ref"},
      {R"({"$ref":"#/%GG"})", "#/$ref"},
      {R"({"$ref":3})", "#/$ref"},
      {R"({"$ref":"#/$defs/a","type":"string","$defs":{"a":true}})", "#/type"},
      // Values without end, and references that lead nowhere else.
      {R"({"$ref":"#"})", "#"},
      {R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", "#"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})",
       "#/$defs/a"},
      {R"({"properties":{"next":{"$ref":"#"}},"required":["next"]})", nullptr},
      {R"({"type":"array","minItems":1,"items":{"$ref":"#"}})", nullptr},
      // Branches that cannot be told apart.
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "#/oneOf/1"},
      {R"({"oneOf":[{"properties":{"a":true}},{"properties":{"b":true}}]})", "#/oneOf/1"},
      {R"({"anyOf":[{"type":"array","items":{"$ref":"#"}},
                    {"type":"array","items":{"$ref":"#"},"maxItems":3},{"type":"null"}]})",
       nullptr},
  };
  for (const Case& one : cases) {
    const absl::Status status = CompileSchema(one.schema, "response_schema").status();
    const std::string shown = one.schema.substr(0, 200);
    if (one.schema == deep + "true" + std::string(40, '}')) {
      EXPECT_TRUE(status.ok()) << status;
      continue;
    }
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << shown << "\n" << status;
    EXPECT_EQ(FactsOf(status).field, "response_schema") << shown;
    const auto metadata = FactsOf(status).metadata;
    ASSERT_TRUE(metadata.contains("pointer")) << shown << "\n" << status;
    if (one.pointer != nullptr) EXPECT_EQ(metadata.at("pointer"), one.pointer) << shown;
    EXPECT_THAT(std::string(status.message()), HasSubstr(metadata.at("pointer")));
  }
}

TEST(SchemaGrammarTest, GrammarsStaySmall) {
  EXPECT_LT(Compile(R"({"type":"string"})").size(), 10'000u);
  EXPECT_LT(Compile(R"({"type":"string","maxLength":65536})").size(), 20'000u);
  // Two hundred optional properties, each a list.
  std::string wide = R"({"$defs":{"l":{"type":"array","items":{"type":"string"}}},"properties":{)";
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&wide, i ? "," : "", "\"property", i, R"(":{"$ref":"#/$defs/l"})");
  }
  EXPECT_LT(Compile(wide + "}}").size(), 60'000u);
  // What would not stay small is refused.
  std::string huge = R"({"properties":{)";
  for (int i = 0; i < 100; ++i) {
    absl::StrAppend(&huge, i ? "," : "", "\"", i, R"(":{"maxItems":1000,"items":{"const":)", i,
                    "}}");
  }
  EXPECT_TRUE(HasReason(CompileSchema(huge + "}}", "f").status(), Reason::kFieldInvalid));
}

TEST(ToolGrammarTest, CallsNameAToolAndCarryItsArguments) {
  const std::vector<ToolSchema> tools = {
      {.name = "add",
       .parameters = R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})",
       .field = "tools[0].parameters"},
      {.name = "add_more", .parameters = "", .field = "tools[1].parameters"}};
  const absl::StatusOr<std::string> required = CompileTools(tools, true);
  ASSERT_TRUE(required.ok()) << required.status();
  EXPECT_TRUE(CheckGrammar(*required).ok());
  const GrammarWalk walk(*required);
  std::mt19937_64 random(4);
  for (int i = 0; i < 100; ++i) {
    const nlohmann::json answer = nlohmann::json::parse(walk.Draw(random, 60));
    ASSERT_GE(answer["tool_calls"].size(), 1u);
    ASSERT_LE(answer["tool_calls"].size(), kMaxToolCalls);
    for (const auto& call : answer["tool_calls"]) {
      if (call["name"] == "add") {
        EXPECT_TRUE(call["arguments"]["a"].is_number_integer());
      } else {
        EXPECT_EQ(call["name"], "add_more");
        EXPECT_TRUE(call["arguments"].empty());
      }
    }
  }
  const absl::StatusOr<std::string> free = CompileTools(tools, false);
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_TRUE(CheckGrammar(*free).ok());
  bool called = false, spoke = false;
  for (int i = 0; i < 100; ++i) {
    const std::string text = GrammarWalk(*free).Draw(random, 10);
    const bool call = text.substr(text[0] == ' ').starts_with('{');
    called = called || call;
    spoke = spoke || !call;
    EXPECT_TRUE(!call || nlohmann::json::accept(text)) << text;
  }
  EXPECT_TRUE(called && spoke);
}

TEST(ToolGrammarTest, WrongToolsAreRefused) {
  const auto refused = [](const std::string& parameters) {
    return CompileTools({{.name = "x", .parameters = parameters, .field = "tools[0].parameters"}},
                        true)
        .status();
  };
  for (const char* parameters : {"[]", "{", R"({"type":"string"})", R"({"type":["object","null"]})",
                                 R"({"properties":{"a":{"not":{}}}})"}) {
    const absl::Status status = refused(parameters);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << parameters << status;
    EXPECT_EQ(FactsOf(status).field, "tools[0].parameters");
  }
}

}  // namespace
}  // namespace intelligenced
