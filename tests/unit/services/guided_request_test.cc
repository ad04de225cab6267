#include "services/language_model/guided_request.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "services/language_model/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine_proto = ::intelligence::engine::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCity[] =
    R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})";

v1::Message* Add(v1::GenerateTextRequest& request, v1::Role role, const std::string& text) {
  v1::Message* message = request.mutable_conversation()->add_messages();
  message->set_role(role);
  message->set_text(text);
  return message;
}

void AddCall(v1::Message* message, const std::string& id, const std::string& name,
             const std::string& arguments) {
  v1::ToolCall* call = message->add_tool_calls();
  call->set_id(id);
  call->set_name(name);
  call->set_arguments(arguments);
}

void AddTool(v1::GenerateTextRequest& request, const std::string& name,
             const std::string& parameters = "") {
  v1::Tool* tool = request.add_tools();
  tool->set_name(name);
  tool->set_parameters(parameters);
}

// A question, a call, its result.
v1::GenerateTextRequest Rounds() {
  v1::GenerateTextRequest request;
  AddTool(request, "weather", kCity);
  Add(request, v1::ROLE_USER, "Is it raining in Paris?");
  AddCall(Add(request, v1::ROLE_ASSISTANT, ""), "call_1", "weather", R"({"city": "Paris"})");
  Add(request, v1::ROLE_TOOL, "rain")->set_tool_call_id("call_1");
  return request;
}

struct Breach {
  std::string field;
  std::function<void(v1::GenerateTextRequest&)> apply;
};

void ExpectBreaches(const v1::GenerateTextRequest& good, const std::vector<Breach>& breaches) {
  EXPECT_TRUE(Validate(good).ok()) << Validate(good);
  for (const Breach& breach : breaches) {
    v1::GenerateTextRequest request = good;
    breach.apply(request);
    const absl::Status status = Validate(request);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << breach.field << ": " << status;
    EXPECT_EQ(FactsOf(status).field, breach.field) << status;
  }
}

TEST(GuidedRequestTest, WhatASchemaAndToolsGoTogetherWith) {
  v1::GenerateTextRequest good;
  good.set_prompt("Paris:");
  good.set_response_schema(kCity);
  ExpectBreaches(
      good, {{"stop", [](auto& r) { r.add_stop("END"); }},
             {"response_schema", [](auto& r) { r.set_response_schema(std::string("{}\0", 3)); }},
             {"response_schema", [](auto& r) { r.set_response_schema(std::string(70'000, ' ')); }},
             {"tool_choice", [](auto& r) { r.set_tool_choice(v1::TOOL_CHOICE_REQUIRED); }},
             {"tool_choice", [](auto& r) { r.set_tool_choice(static_cast<v1::ToolChoice>(9)); }},
             {"tools", [](auto& r) { AddTool(r, "weather"); }}});
  // Tools that are not offered are in nobody's way.
  AddTool(good, "weather");
  good.set_tool_choice(v1::TOOL_CHOICE_NONE);
  EXPECT_TRUE(Validate(good).ok()) << Validate(good);
}

TEST(GuidedRequestTest, ToolsAreChecked) {
  ExpectBreaches(
      Rounds(),
      {{"response_schema", [](auto& r) { r.set_response_schema(kCity); }},
       {"stop", [](auto& r) { r.add_stop("END"); }},
       {"tools[1].name", [](auto& r) { AddTool(r, ""); }},
       {"tools[1].name", [](auto& r) { AddTool(r, "weather"); }},
       {"tools[1].name", [](auto& r) { AddTool(r, "the weather"); }},
       {"tools[1].name", [](auto& r) { AddTool(r, "wetter\xC3\xA4"); }},
       {"tools[1].name", [](auto& r) { AddTool(r, std::string(65, 'a')); }},
       {"tools[1].parameters", [](auto& r) { AddTool(r, "b", std::string(70'000, ' ')); }},
       {"tools[0].description",
        [](auto& r) { r.mutable_tools(0)->set_description(std::string(4097, 'x')); }},
       {"tools", [](auto& r) {
          for (int i = 0; i < kMaxTools; ++i) AddTool(r, absl::StrCat("tool", i));
        }}});
}

v1::Message* Last(v1::GenerateTextRequest& request, int from_end) {
  auto* messages = request.mutable_conversation()->mutable_messages();
  return messages->Mutable(messages->size() - 1 - from_end);
}

TEST(GuidedRequestTest, CallsAndResultsBelongTogether) {
  const std::string call = "conversation.messages[1].tool_calls[0]";
  const std::string result = "conversation.messages[2]";
  const auto edit = [](auto change) {
    return [change](v1::GenerateTextRequest& request) {
      change(*Last(request, 1)->mutable_tool_calls(0));
    };
  };
  ExpectBreaches(
      Rounds(),
      {// A result that never comes: at the end, and with the next message.
       {call, [](auto& r) { r.mutable_conversation()->mutable_messages()->RemoveLast(); }},
       {call,
        [](auto& r) {
          Last(r, 0)->set_role(v1::ROLE_USER);
          Last(r, 0)->clear_tool_call_id();
        }},
       {"conversation.messages[1].tool_calls[1]",
        [](auto& r) { AddCall(Last(r, 1), "call_2", "weather", "{}"); }},
       {"conversation.messages[1].tool_calls[1].id",
        [](auto& r) { AddCall(Last(r, 1), "call_1", "weather", "{}"); }},
       {call + ".id", edit([](auto& c) { c.clear_id(); })},
       {call + ".id", edit([](auto& c) { c.set_id(std::string(65, 'x')); })},
       {call + ".name", edit([](auto& c) { c.set_name("not a name"); })},
       {call + ".arguments", edit([](auto& c) { c.clear_arguments(); })},
       {call + ".arguments", edit([](auto& c) { c.set_arguments("[]"); })},
       {call + ".arguments", edit([](auto& c) { c.set_arguments("{\"city\": "); })},
       {call + ".arguments", edit([](auto& c) { c.set_arguments(std::string("{}\0x", 4)); })},
       {"conversation.messages[0].tool_calls",
        [](auto& r) { AddCall(Last(r, 2), "call_0", "weather", "{}"); }},
       {"conversation.messages[1].tool_calls",
        [](auto& r) {
          for (int i = 0; i < kMaxCallsInMessage; ++i) {
            AddCall(Last(r, 1), absl::StrCat("x", i), "weather", "{}");
          }
        }},
       {result + ".tool_call_id", [](auto& r) { Last(r, 0)->set_tool_call_id("call_9"); }},
       {result + ".name", [](auto& r) { Last(r, 0)->set_name("a b"); }},
       // A second result of the same call.
       {"conversation.messages[3].tool_call_id",
        [](auto& r) { Add(r, v1::ROLE_TOOL, "sun")->set_tool_call_id("call_1"); }},
       {"conversation.messages[0].tool_call_id",
        [](auto& r) { Last(r, 2)->set_tool_call_id("call_1"); }},
       {"conversation.messages[0].name", [](auto& r) { Last(r, 2)->set_name("weather"); }}});
}

TEST(GuidedRequestTest, ArgumentsMayNestDeep) {
  v1::GenerateTextRequest request = Rounds();
  Last(request, 1)
      ->mutable_tool_calls(0)
      ->set_arguments("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  EXPECT_TRUE(Validate(request).ok()) << Validate(request);
}

TEST(GuidedRequestTest, ArgumentsCountAsInput) {
  v1::GenerateTextRequest request = Rounds();
  Last(request, 1)
      ->mutable_tool_calls(0)
      ->set_arguments("{\"a\":\"" + std::string(kMaxTextBytes, 'x') + "\"}");
  EXPECT_TRUE(HasReason(Validate(request), Reason::kInputTooLarge)) << Validate(request);
}

TEST(GuidedRequestTest, ACountIsCheckedAlike) {
  v1::CountTokensRequest request;
  request.set_text("x");
  request.add_tools()->set_name("weather");
  EXPECT_EQ(FactsOf(Validate(request)).field, "tools");
  request.set_tool_choice(v1::TOOL_CHOICE_NONE);
  EXPECT_TRUE(Validate(request).ok()) << Validate(request);
}

std::string PointerOf(const absl::Status& status) {
  const ErrorFacts facts = FactsOf(status);
  const auto pointer = facts.metadata.find("pointer");
  return pointer == facts.metadata.end() ? "" : pointer->second;
}

TEST(GuidedRequestTest, SchemasThatCannotBeUsedNameThePlace) {
  struct Case {
    std::string schema;
    std::string pointer;
  };
  for (const Case& bad : std::vector<Case>{
           {"", ""},
           {"nonsense", "#"},
           {"{\"type\": \"object\"", "#"},
           {R"({"properties":{"a":{"$ref":"https://example.com/x"}}})", "#/properties/a"},
           {R"({"properties":{"a":{"$ref":"#/$defs/none"}}})", "#/properties/a"},
           {R"({"properties":{"a":{"not":{}}}})", "#/properties/a"},
           {R"({"type":"string","minLength":5,"maxLength":2})", "#"},
           {R"({"properties":{"a":false},"required":["a"]})", "#/properties/a"},
           // Needs itself inside, without end.
           {R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})", "#"}}) {
    v1::GenerateTextRequest request;
    request.set_prompt("x");
    request.set_response_schema(bad.schema);
    if (bad.schema.empty()) {
      EXPECT_FALSE(ShapeOf(request).guided());
      continue;
    }
    const absl::Status status = CompileShape(ShapeOf(request)).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << bad.schema << ": " << status;
    EXPECT_EQ(FactsOf(status).field, "response_schema") << status;
    EXPECT_THAT(PointerOf(status), testing::StartsWith(bad.pointer)) << status;
  }
}

TEST(GuidedRequestTest, RecursiveSchemasWithAWayOutCompile) {
  v1::GenerateTextRequest request;
  request.set_response_schema(
      R"({"properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#"}}},
          "required":["name"]})");
  const auto grammar = CompileShape(ShapeOf(request));
  ASSERT_TRUE(grammar.ok()) << grammar.status();
  EXPECT_THAT(*grammar, HasSubstr("children"));
}

TEST(GuidedRequestTest, BadParametersNameTheTool) {
  v1::GenerateTextRequest request = Rounds();
  AddTool(request, "list", R"({"type":"array"})");
  const absl::Status status = CompileShape(ShapeOf(request)).status();
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "tools[1].parameters");
}

engine_proto::Conversation Told(const v1::GenerateTextRequest& request) {
  engine_proto::Conversation told;
  AddMessages(RefsOf(request.conversation().messages()), Instructions(ShapeOf(request)), &told);
  return told;
}
std::vector<std::string> RolesOf(const engine_proto::Conversation& told) {
  std::vector<std::string> roles;
  for (const auto& message : told.messages()) {
    roles.push_back(engine_proto::Role_Name(message.role()).substr(5));
  }
  return roles;
}

TEST(GuidedRequestTest, TheModelIsToldOfToolsCallsAndResults) {
  v1::GenerateTextRequest request = Rounds();
  request.mutable_tools(0)->set_description("What the sky does.");
  AddCall(Last(request, 1), "x", "weather", R"({"city":"Rome"})");
  v1::Message* second = Add(request, v1::ROLE_TOOL, "sun");
  second->set_tool_call_id("x");
  second->set_name("skywatch");
  ASSERT_TRUE(Validate(request).ok()) << Validate(request);
  const engine_proto::Conversation told = Told(request);
  // Results are one message of a role that every template knows.
  ASSERT_THAT(RolesOf(told), ElementsAre("SYSTEM", "USER", "ASSISTANT", "USER"));
  EXPECT_THAT(told.messages(0).text(), HasSubstr("- weather: What the sky does.\n"));
  EXPECT_THAT(told.messages(0).text(), HasSubstr(kCity));
  EXPECT_EQ(told.messages(2).text(),
            R"({"tool_calls": [{"name": "weather", "arguments": {"city": "Paris"}}, )"
            R"({"name": "weather", "arguments": {"city":"Rome"}}]})");
  EXPECT_EQ(told.messages(3).text(), "Result of weather:\nrain\n\nResult of skywatch:\nsun");
}

TEST(GuidedRequestTest, LaterRoundsBeginWithTheSameText) {
  v1::GenerateTextRequest request = Rounds();
  const engine_proto::Conversation later = Told(request);
  request.mutable_conversation()->mutable_messages()->DeleteSubrange(1, 2);
  const engine_proto::Conversation first = Told(request);
  ASSERT_EQ(first.messages_size(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(first.messages(i).SerializeAsString(), later.messages(i).SerializeAsString());
  }
}

TEST(GuidedRequestTest, TheSchemaGoesBehindTheSystemMessage) {
  v1::GenerateTextRequest request;
  Add(request, v1::ROLE_SYSTEM, "Be brief.");
  Add(request, v1::ROLE_USER, "Where?");
  EXPECT_EQ(Told(request).messages(0).text(), "Be brief.");
  request.set_response_schema(kCity);
  const engine_proto::Conversation told = Told(request);
  ASSERT_THAT(RolesOf(told), ElementsAre("SYSTEM", "USER"));
  EXPECT_THAT(told.messages(0).text(), testing::StartsWith("Be brief.\n\n"));
  EXPECT_THAT(told.messages(0).text(), HasSubstr(kCity));
  EXPECT_EQ(told.messages(1).text(), "Where?");
}

TEST(GuidedRequestTest, ToolsThatAreNotOfferedAreNotTold) {
  v1::GenerateTextRequest request = Rounds();
  request.set_tool_choice(v1::TOOL_CHOICE_NONE);
  EXPECT_EQ(Instructions(ShapeOf(request)), "");
  request.set_tool_choice(v1::TOOL_CHOICE_AUTO);
  EXPECT_THAT(Instructions(ShapeOf(request)), HasSubstr("otherwise"));
  request.set_tool_choice(v1::TOOL_CHOICE_REQUIRED);
  EXPECT_THAT(Instructions(ShapeOf(request)), Not(HasSubstr("otherwise")));
}

TEST(GuidedRequestTest, NewIdsGoOnAfterTheHighest) {
  v1::GenerateTextRequest request;
  EXPECT_EQ(LastCallNumber(RefsOf(request.conversation().messages())), 0);
  request = Rounds();
  EXPECT_EQ(LastCallNumber(RefsOf(request.conversation().messages())), 1);
  // The beginning of the conversation was dropped; ids of others do not count.
  Last(request, 1)->mutable_tool_calls(0)->set_id("call_17");
  AddCall(Last(request, 1), "call_99999999999999999999", "weather", "{}");
  AddCall(Last(request, 1), "call_-3", "weather", "{}");
  AddCall(Last(request, 1), "toolu_44", "weather", "{}");
  EXPECT_EQ(LastCallNumber(RefsOf(request.conversation().messages())), 17);
}

}  // namespace
}  // namespace intelligenced
