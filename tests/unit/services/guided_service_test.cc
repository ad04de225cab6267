// Schemas and tools over the wire: real scheduler and service, a model that says what it is told
// to.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPerson[] =
    R"({"properties":{"name":{"type":"string"},"born":{"type":"integer"}},"required":["name"]})";
constexpr char kWeather[] =
    R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})";

class GuidedServiceTest : public ServiceFixture {
 protected:
  GuidedServiceTest() {
    script_.answer = [this](const engine_proto::GenerateTask& task) {
      absl::MutexLock lock(mutex_);
      tasks_.push_back(task);
      return answers_.at(tasks_.size() - 1);
    };
  }

  std::vector<engine_proto::GenerateTask> tasks() {
    absl::MutexLock lock(mutex_);
    return tasks_;
  }
  void Script(std::vector<std::string> answers) {
    absl::MutexLock lock(mutex_);
    answers_ = std::move(answers);
    tasks_.clear();
  }
  const v1::GenerateTextCompleted& completed() const { return generate_.back().completed(); }
  std::vector<std::string> snapshots() const {
    std::vector<std::string> all;
    for (const auto& event : generate_) {
      if (event.event_case() == v1::GenerateTextResponse::kSnapshot) {
        all.push_back(event.snapshot());
      }
    }
    return all;
  }
  std::string deltas() const {
    std::string text;
    for (const auto& event : generate_) text += event.delta();
    return text;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<engine_proto::GenerateTask> tasks_ ABSL_GUARDED_BY(mutex_);
};

v1::GenerateTextRequest AskWeather() {
  v1::GenerateTextRequest request;
  v1::Tool* tool = request.add_tools();
  tool->set_name("weather");
  tool->set_description("The weather in a city.");
  tool->set_parameters(kWeather);
  v1::Message* message = request.mutable_conversation()->add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_text("Paris or Rome?");
  return request;
}

void AddResult(const std::string& id, const std::string& text, v1::Conversation* to) {
  v1::Message* message = to->add_messages();
  message->set_role(v1::ROLE_TOOL);
  message->set_tool_call_id(id);
  message->set_text(text);
}

std::string CallText(const std::string& city) {
  return absl::StrCat(R"({"tool_calls": [{"name": "weather", "arguments": {"city": ")", city,
                      R"("}}]})");
}

TEST_F(GuidedServiceTest, ASchemaGivesAGrammarAndSnapshots) {
  const std::string answer = R"({"name": "Ada Lovelace", "born": 1815})";
  Script({answer});
  script_.delta_bytes = 7;
  v1::GenerateTextRequest request;
  request.set_prompt("Who wrote the first program?");
  request.set_response_schema(kPerson);
  ASSERT_TRUE(Generate(request).ok());
  EXPECT_THAT(tasks().at(0).grammar(), HasSubstr("root"));
  EXPECT_EQ(tasks().at(0).prompt(), request.prompt()) << "a prompt stays as it stands";
  EXPECT_EQ(deltas(), answer);
  EXPECT_EQ(completed().text(), answer);
  EXPECT_EQ(completed().finish_reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(completed().usage().output_tokens(), 5u);
  ASSERT_GE(snapshots().size(), 3u);
  for (const std::string& snapshot : snapshots()) {
    EXPECT_TRUE(nlohmann::json::accept(snapshot)) << snapshot;
  }
  EXPECT_EQ(snapshots().front(), "{}");
  EXPECT_EQ(snapshots().back(), answer);
}

TEST_F(GuidedServiceTest, ASchemaThatNothingMatchesNeverReachesTheModel) {
  v1::GenerateTextRequest request;
  request.set_prompt("x");
  for (const char* schema : {"{", R"({"properties":{"a":false},"required":["a"]})",
                             R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})"}) {
    request.set_response_schema(schema);
    const absl::Status status = Generate(request);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_EQ(FactsOf(status).field, "response_schema");
    EXPECT_EQ(FactsOf(status).metadata.count("pointer"), 1u) << status;
    EXPECT_THAT(generate_, IsEmpty());
  }
  EXPECT_EQ(script_.jobs_started, 0);
}

TEST_F(GuidedServiceTest, ToolsOverSeveralRounds) {
  Script({CallText("Paris"), CallText("Rome"), "Rome."});
  v1::GenerateTextRequest request = AskWeather();
  for (const char* weather : {"rain", "sun"}) {
    ASSERT_TRUE(Generate(request).ok());
    EXPECT_EQ(deltas(), "") << "calls are not text";
    EXPECT_EQ(completed().text(), "");
    ASSERT_EQ(completed().tool_calls_size(), 1);
    const v1::ToolCall call = completed().tool_calls(0);
    EXPECT_EQ(call.name(), "weather");
    v1::Message* answer = request.mutable_conversation()->add_messages();
    answer->set_role(v1::ROLE_ASSISTANT);
    *answer->add_tool_calls() = call;
    AddResult(call.id(), weather, request.mutable_conversation());
  }
  ASSERT_TRUE(Generate(request).ok());
  EXPECT_EQ(completed().text(), "Rome.");
  EXPECT_THAT(completed().tool_calls(), IsEmpty());
  EXPECT_EQ(request.conversation().messages(1).tool_calls(0).id(), "call_1");
  EXPECT_EQ(request.conversation().messages(3).tool_calls(0).id(), "call_2");
  // What the model read last: what it wrote itself, and the results.
  const engine_proto::Conversation told = tasks().back().conversation();
  ASSERT_EQ(told.messages_size(), 6);
  EXPECT_THAT(told.messages(0).text(), HasSubstr("- weather: The weather in a city."));
  EXPECT_EQ(told.messages(2).text(), CallText("Paris"));
  EXPECT_EQ(told.messages(3).text(), "Result of weather:\nrain");
  EXPECT_EQ(told.messages(5).text(), "Result of weather:\nsun");
  EXPECT_THAT(tasks().back().grammar(), HasSubstr("tool_calls"));
}

TEST_F(GuidedServiceTest, AResultThatNeverComesIsAskedFor) {
  v1::GenerateTextRequest request = AskWeather();
  v1::Message* answer = request.mutable_conversation()->add_messages();
  answer->set_role(v1::ROLE_ASSISTANT);
  v1::ToolCall* call = answer->add_tool_calls();
  call->set_id("call_1");
  call->set_name("weather");
  call->set_arguments("{}");
  const absl::Status status = Generate(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "conversation.messages[1].tool_calls[0]");
  EXPECT_EQ(script_.jobs_started, 0);
}

TEST_F(GuidedServiceTest, BadParametersNameTheTool) {
  v1::GenerateTextRequest request = AskWeather();
  request.mutable_tools(0)->set_parameters(R"({"type":"string"})");
  const absl::Status status = Generate(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "tools[0].parameters");
}

class GuidedSessionTest : public GuidedServiceTest {
 protected:
  GuidedSessionTest() {
    grpc::ClientContext context;
    EXPECT_TRUE(language_->CreateSession(&context, {}, &session_).ok());
  }
  v1::Session Get() {
    grpc::ClientContext context;
    v1::GetSessionRequest request;
    request.set_name(session_.name());
    v1::Session session;
    EXPECT_TRUE(language_->GetSession(&context, request, &session).ok());
    return session;
  }
  v1::GenerateTextRequest Turn() {
    v1::GenerateTextRequest request = AskWeather();
    request.clear_input();
    request.set_session(session_.name());
    return request;
  }

  v1::Session session_;
};

TEST_F(GuidedSessionTest, ASessionKeepsTheCallsAndTakesTheResults) {
  Script({CallText("Paris"), "Rain."});
  v1::GenerateTextRequest request = Turn();
  request.set_prompt("Paris?");
  ASSERT_TRUE(Generate(request).ok());
  ASSERT_EQ(completed().tool_calls_size(), 1);
  ASSERT_EQ(Get().messages_size(), 2);
  EXPECT_EQ(Get().messages(1).tool_calls(0).arguments(), R"({"city": "Paris"})");

  // Something else in the place of the result.
  request = Turn();
  request.set_prompt("Never mind.");
  const absl::Status status = Generate(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "session.messages[1].tool_calls[0]");
  EXPECT_EQ(Get().messages_size(), 2) << "a turn that fails leaves the transcript as it was";
  EXPECT_FALSE(Get().busy());

  request = Turn();
  AddResult("call_1", "rain", request.mutable_conversation());
  ASSERT_TRUE(Generate(request).ok());
  EXPECT_EQ(completed().text(), "Rain.");
  EXPECT_EQ(Get().messages_size(), 4);
  EXPECT_EQ(tasks().back().conversation().messages_size(), 4);
}

TEST_F(GuidedSessionTest, ABadSchemaEndsTheTurnAndNotTheSession) {
  Script({R"({"name": "Ada"})"});
  v1::GenerateTextRequest request;
  request.set_session(session_.name());
  request.set_prompt("Who?");
  request.set_response_schema("[");
  EXPECT_TRUE(HasReason(Generate(request), Reason::kFieldInvalid));
  request.set_response_schema(kPerson);
  ASSERT_TRUE(Generate(request).ok());
  EXPECT_EQ(Get().messages(1).text(), R"({"name": "Ada"})");
  EXPECT_THAT(tasks().back().conversation().messages(0).text(), HasSubstr(kPerson))
      << "a session's prompt is a message, so that the schema is shown";
  EXPECT_EQ(Get().messages_size(), 2) << "the transcript has no instructions";
}

TEST_F(GuidedServiceTest, ACountHasTheToolsInIt) {
  v1::CountTokensRequest request;
  *request.mutable_conversation() = AskWeather().conversation();
  v1::CountTokensResponse without;
  v1::CountTokensResponse with;
  grpc::ClientContext first;
  ASSERT_TRUE(language_->CountTokens(&first, request, &without).ok());
  *request.mutable_tools() = AskWeather().tools();
  grpc::ClientContext second;
  ASSERT_TRUE(language_->CountTokens(&second, request, &with).ok());
  EXPECT_GT(with.tokens(), without.tokens() + sizeof(kWeather));
}

}  // namespace
}  // namespace intelligenced
