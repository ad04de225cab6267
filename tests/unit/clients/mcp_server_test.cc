#include "clients/mlctl/mcp_server.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "clients/mlctl/mcp_tools.h"

namespace intelligenced::mlctl {
namespace {

Json Parse(const std::string& text) { return Json::parse(text, nullptr, false); }

// A server with a few tools, and what it wrote.
class McpServerTest : public testing::Test {
 protected:
  McpServerTest() {
    McpServer::Options options{.version = "1", .instructions = "Hello."};
    options.tools = [this] {
      return std::vector<McpTool>{
          {.name = "echo",
           .title = "Echo",
           .description = "Says it again.",
           .input_schema = {{"type", "object"}},
           .read_only = true,
           .run = [](McpCall& call, const Json& arguments) -> absl::StatusOr<Json> {
             call.Progress(1, 2, "half");
             return McpText(Dump(arguments), arguments);
           }},
          {.name = "fail",
           .input_schema = {{"type", "object"}},
           .run = [](McpCall&, const Json&) -> absl::StatusOr<Json> {
             return absl::InternalError("The disk is full.");
           }},
          {.name = "wait",
           .input_schema = {{"type", "object"}},
           .run = [this](McpCall& call, const Json&) -> absl::StatusOr<Json> {
             waiting_.Notify();
             proceed_.WaitForNotification();
             return McpText(call.cancellation().cancelled() ? "cancelled" : "done");
           }},
          {.name = "ask",
           .input_schema = {{"type", "object"}},
           .run = [this](McpCall& call, const Json&) -> absl::StatusOr<Json> {
             const McpServer::Answer answer = server_->Ask("Really?", call.cancellation());
             return McpText(answer == McpServer::Answer::kAccepted   ? "yes"
                            : answer == McpServer::Answer::kDeclined ? "no"
                                                                     : "cannot ask");
           }},
      };
    };
    options.write = [this](const std::string& line) {
      absl::MutexLock lock(mutex_);
      EXPECT_EQ(line.find('\n'), std::string::npos);
      written_.push_back(Parse(line));
    };
    server_ = std::make_unique<McpServer>(std::move(options));
  }

  // What the server wrote since, once its calls have ended.
  std::vector<Json> Answers(const std::string& line) {
    server_->Receive(line);
    server_->Drain();
    absl::MutexLock lock(mutex_);
    return std::exchange(written_, {});
  }
  Json Answer(const std::string& line) {
    const std::vector<Json> answers = Answers(line);
    EXPECT_EQ(answers.size(), 1U) << line;
    return answers.empty() ? Json() : answers[0];
  }
  Json Initialize(const std::string& revision, const std::string& capabilities = "{}") {
    return Answer(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":")" +
                  revision + R"(","capabilities":)" + capabilities +
                  R"(,"clientInfo":{"name":"tester","version":"1"}}})")["result"];
  }
  // The next message that the server writes.
  Json NextWritten() {
    absl::MutexLock lock(mutex_);
    auto any = [this] { return !written_.empty(); };
    mutex_.Await(absl::Condition(&any));
    Json message = written_.front();
    written_.erase(written_.begin());
    return message;
  }

  absl::Mutex mutex_;
  std::vector<Json> written_;
  absl::Notification waiting_;
  absl::Notification proceed_;
  std::unique_ptr<McpServer> server_;
};

TEST_F(McpServerTest, AMessageOfAHundredThousandLevelsIsRefused) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(Answer(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",)"
                   R"("arguments":{"a":)" +
                   deep + "}}}")["error"]["code"],
            -32700);
  // Brackets in a text are none.
  EXPECT_EQ(Answer(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":")" +
                   std::string(1000, '[') + "\"}}")["result"],
            Json::object());
}

TEST_F(McpServerTest, AgreesOnARevision) {
  EXPECT_EQ(Initialize("2025-03-26")["protocolVersion"], "2025-03-26");
  const Json result = Initialize("2099-01-01");
  EXPECT_EQ(result["protocolVersion"], "2025-06-18");
  EXPECT_EQ(result["serverInfo"]["name"], "intelligenced");
  EXPECT_TRUE(result["capabilities"].contains("tools"));
  EXPECT_EQ(result["instructions"], "Hello.");
  EXPECT_EQ(server_->client_name(), "tester");
}

TEST_F(McpServerTest, ListsAndCallsTools) {
  const Json list = Answer(R"({"jsonrpc":"2.0","id":"a","method":"tools/list"})");
  EXPECT_EQ(list["id"], "a");
  ASSERT_EQ(list["result"]["tools"].size(), 4U);
  EXPECT_EQ(list["result"]["tools"][0]["annotations"]["readOnlyHint"], true);
  const std::vector<Json> answers =
      Answers(R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo",)"
              R"("arguments":{"x":"\u00e9"},"_meta":{"progressToken":"p"}}})");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0]["method"], "notifications/progress");
  EXPECT_EQ(answers[0]["params"]["progressToken"], "p");
  EXPECT_EQ(answers[0]["params"]["total"], 2);
  EXPECT_EQ(answers[1]["id"], 7);
  EXPECT_EQ(answers[1]["result"]["structuredContent"]["x"], "é");
  // Without a token nobody wants to know how far it is.
  EXPECT_EQ(
      Answers(R"({"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"echo"}})").size(),
      1U);
}

TEST_F(McpServerTest, AToolThatFailsIsAResult) {
  const Json answer =
      Answer(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fail"}})");
  EXPECT_EQ(answer["result"]["isError"], true);
  EXPECT_EQ(answer["result"]["content"][0]["text"], "The disk is full.");
}

TEST_F(McpServerTest, WhatIsNoRequestIsRefused) {
  auto code = [this](const std::string& line) { return Answer(line)["error"]["code"]; };
  EXPECT_EQ(code("{"), -32700);
  EXPECT_EQ(code("\xff\xfe"), -32700);
  EXPECT_EQ(code("[]"), -32600);
  EXPECT_EQ(code("7"), -32600);
  EXPECT_EQ(code(R"({"id":1,"method":"ping"})"), -32600);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1})"), -32600);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":[1],"method":"ping"})"), -32600);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"resources/list"})"), -32601);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/call"})"), -32602);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"none"}})"),
            -32602);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/call",)"
                 R"("params":{"name":"echo","arguments":[1]}})"),
            -32602);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"2"}})"),
            -32602);
  EXPECT_EQ(code(std::string(100'000, '[')), -32700);
  EXPECT_EQ(Answer(R"({"jsonrpc":"2.0","id":1,"method":"ping"})")["result"], Json::object());
}

TEST_F(McpServerTest, NotificationsAndStrayAnswersAreNotAnswered) {
  for (const std::string line :
       {R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}})",
        R"({"jsonrpc":"2.0","method":"notifications/cancelled"})",
        R"({"jsonrpc":"2.0","id":5,"result":{}})", R"({"jsonrpc":"2.0","id":"x","error":{}})", "",
        "  \r"}) {
    EXPECT_TRUE(Answers(line).empty()) << line;
  }
}

TEST_F(McpServerTest, ACancelledCallIsNotAnswered) {
  server_->Receive(R"({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"wait"}})");
  waiting_.WaitForNotification();
  // The id is taken while the call runs.
  server_->Receive(R"({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo"}})");
  EXPECT_EQ(NextWritten()["error"]["code"], -32600);
  server_->Receive(
      R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}})");
  proceed_.Notify();
  EXPECT_TRUE(Answers("").empty());
}

TEST_F(McpServerTest, QuestionsGoToThePerson) {
  const std::string call =
      R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask"}})";
  Initialize("2025-06-18");
  EXPECT_EQ(Answer(call)["result"]["content"][0]["text"], "cannot ask");
  Initialize("2025-06-18", R"({"elicitation":{}})");
  for (const auto& [answer, heard] : std::vector<std::pair<std::string, std::string>>{
           {R"("result":{"action":"accept","content":{"confirm":true}})", "yes"},
           {R"("result":{"action":"accept","content":{"confirm":false}})", "no"},
           {R"("result":{"action":"accept"})", "no"},
           {R"("result":{"action":"decline"})", "no"},
           {R"("result":{"action":"cancel","content":{"confirm":true}})", "no"},
           {R"("result":null)", "no"},
           {R"("error":{"code":-1,"message":"no"})", "no"}}) {
    server_->Receive(call);
    const Json question = NextWritten();
    EXPECT_EQ(question["method"], "elicitation/create");
    EXPECT_EQ(question["params"]["message"], "Really?");
    server_->Receive(R"({"jsonrpc":"2.0","id":)" + Dump(question["id"]) + "," + answer + "}");
    EXPECT_EQ(NextWritten()["result"]["content"][0]["text"], heard) << answer;
    server_->Drain();
  }
  // A call that is cancelled takes its question back.
  server_->Receive(call);
  const Json question = NextWritten();
  server_->Receive(
      R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})");
  EXPECT_EQ(NextWritten()["params"]["requestId"], question["id"]);
}

TEST(McpTools, ArgumentsAreCheckedBeforeAnybodyIsAsked) {
  bool connected = false;
  const std::vector<McpTool> tools =
      ServiceTools([&connected]() -> absl::StatusOr<intelligence::Client> {
        connected = true;
        return absl::UnavailableError("The daemon is not running.");
      });
  ASSERT_GE(tools.size(), 8U);
  class Quiet final : public McpCall {
   public:
    intelligence::Cancellation cancellation() const override { return {}; }
    std::string client_name() const override { return "test"; }
    void Progress(uint64_t, uint64_t, std::string_view) override {}
  } call;
  for (const McpTool& tool : tools) {
    EXPECT_FALSE(tool.run(call, Json::object()).ok()) << tool.name;
    EXPECT_FALSE(tool.run(call, {{"nothing", "like this"}}).ok()) << tool.name;
    EXPECT_EQ(tool.input_schema["type"], "object");
  }
  const McpTool& rewrite = tools[1];
  EXPECT_FALSE(rewrite.run(call, {{"text", 7}}).ok());
  EXPECT_FALSE(rewrite.run(call, {{"text", "x"}, {"style", "royal"}}).ok());
  EXPECT_FALSE(connected);
  EXPECT_EQ(rewrite.run(call, {{"text", "x"}, {"style", "friendly"}}).status().message(),
            "The daemon is not running.");
  EXPECT_TRUE(connected);
}

}  // namespace
}  // namespace intelligenced::mlctl
