// Schemas and tools through the SDK, against a server with scripted answers.
#include <intelligence/client.h>

#include <string>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;

class SdkGuidedTest : public testing::Test {
 protected:
  SdkGuidedTest() {
    daemon_.scripts.generate = [this](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                      grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
      seen_ = request;
      for (const v1::GenerateTextResponse& event : events_) writer->Write(event);
      return grpc::Status::OK;
    };
  }
  intelligence::Client Connect() {
    return *intelligence::Client::Connect({.socket_path = daemon_.socket_path()});
  }

  FakeDaemon daemon_;
  v1::GenerateTextRequest seen_;
  std::vector<v1::GenerateTextResponse> events_;
};

TEST_F(SdkGuidedTest, ASchemaGoesOutAndSnapshotsComeIn) {
  for (const char* snapshot : {"{}", R"({"a":1})"}) {
    events_.emplace_back().set_snapshot(snapshot);
  }
  events_.emplace_back().mutable_completed()->set_text(R"({"a":1})");
  std::vector<std::string> snapshots;
  const auto result = Connect().GenerateText(
      {.input = "x", .response_schema = "{\"type\":\"object\"}"}, {},
      [&](const intelligence::GenerateTextEvent& event) {
        if (const auto* snapshot = std::get_if<intelligence::JsonSnapshot>(&event)) {
          snapshots.push_back(snapshot->json);
        }
      });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(seen_.response_schema(), "{\"type\":\"object\"}");
  EXPECT_THAT(snapshots, ElementsAre("{}", R"({"a":1})"));
  EXPECT_EQ(result->text, R"({"a":1})");
}

TEST_F(SdkGuidedTest, ToolsCallsAndResults) {
  v1::ToolCall* call = events_.emplace_back().mutable_completed()->add_tool_calls();
  call->set_id("call_2");
  call->set_name("weather");
  call->set_arguments(R"({"city":"Rome"})");
  intelligence::Conversation conversation = {
      .messages = {{.text = "Paris or Rome?"},
                   {.role = intelligence::Role::kAssistant,
                    .tool_calls = {{.id = "call_1", .name = "weather", .arguments = "{}"}}},
                   {.role = intelligence::Role::kTool,
                    .text = "rain",
                    .tool_call_id = "call_1",
                    .name = "sky"}}};
  const auto result = Connect().GenerateText(
      {.input = conversation,
       .tools = {{.name = "weather", .description = "The weather.", .parameters = "{}"}},
       .tool_choice = intelligence::ToolChoice::kRequired});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->tool_calls.size(), 1u);
  EXPECT_EQ(result->tool_calls[0].id, "call_2");
  EXPECT_EQ(result->tool_calls[0].name, "weather");
  EXPECT_EQ(result->tool_calls[0].arguments, R"({"city":"Rome"})");
  ASSERT_EQ(seen_.tools_size(), 1);
  EXPECT_EQ(seen_.tools(0).name(), "weather");
  EXPECT_EQ(seen_.tools(0).description(), "The weather.");
  EXPECT_EQ(seen_.tools(0).parameters(), "{}");
  EXPECT_EQ(seen_.tool_choice(), v1::TOOL_CHOICE_REQUIRED);
  EXPECT_EQ(seen_.conversation().messages(1).tool_calls(0).id(), "call_1");
  EXPECT_EQ(seen_.conversation().messages(2).tool_call_id(), "call_1");
  EXPECT_EQ(seen_.conversation().messages(2).name(), "sky");
}

TEST_F(SdkGuidedTest, WhatIsNotUtf8IsNotSent) {
  const std::string bad = "caf\xe9";
  const auto refused = [&](const intelligence::GenerateTextRequest& request) {
    const absl::Status status = Connect().GenerateText(request).status();
    return absl::IsInvalidArgument(status) && status.message().find("UTF-8") != std::string::npos;
  };
  EXPECT_TRUE(refused({.input = "x", .response_schema = bad}));
  EXPECT_TRUE(refused({.input = "x", .tools = {{.name = "a", .parameters = bad}}}));
  EXPECT_TRUE(refused({.input = intelligence::Conversation{
                           .messages = {{.tool_calls = {{.id = "a", .arguments = bad}}}}}}));
  EXPECT_TRUE(refused({.input = intelligence::Conversation{.messages = {{.tool_call_id = bad}}}}));
}

}  // namespace
}  // namespace intelligenced
