// Sessions over the wire: real scheduler and service, scripted model.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "protos/support/limits.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class SessionServiceTest : public ServiceFixture {
 protected:
  // A unary call: method(context, request, response).
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(grpc::Status (v1::LanguageModelService::Stub::*method)(
                                    grpc::ClientContext*, const Request&, Response*),
                                const Request& request) {
    grpc::ClientContext context;
    Response response;
    const absl::Status status =
        StatusFromGrpc((language_.get()->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  using Stub = v1::LanguageModelService::Stub;

  std::string Create(const std::string& instructions = "") {
    v1::CreateSessionRequest request;
    request.set_instructions(instructions);
    const auto session = Call(&Stub::CreateSession, request);
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? session->name() : "";
  }
  absl::StatusOr<v1::Session> Get(const std::string& name) {
    v1::GetSessionRequest request;
    request.set_name(name);
    return Call(&Stub::GetSession, request);
  }
  absl::StatusOr<v1::Session> Append(const std::string& name, v1::Role role,
                                     const std::string& text) {
    v1::AppendToSessionRequest request;
    request.set_name(name);
    request.add_messages()->set_role(role);
    request.mutable_messages(0)->set_text(text);
    return Call(&Stub::AppendToSession, request);
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteSessionRequest request;
    request.set_name(name);
    return Call(&Stub::DeleteSession, request).status();
  }
  absl::Status Turn(const std::string& name, const std::string& prompt) {
    v1::GenerateTextRequest request;
    request.set_session(name);
    request.set_prompt(prompt);
    return Generate(request);
  }
  // "USER: hello", in order.
  std::vector<std::string> TranscriptOf(const std::string& name) {
    const auto session = Get(name);
    EXPECT_TRUE(session.ok()) << session.status();
    std::vector<std::string> lines;
    if (!session.ok()) return lines;
    for (const v1::Message& message : session->messages()) {
      lines.push_back(absl::StrCat(v1::Role_Name(message.role()).substr(5), ": ", message.text()));
    }
    return lines;
  }
  // The task that the model was last given.
  void KeepTasks() {
    script_.answer = [this](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
      absl::MutexLock lock(mutex_);
      task_ = task;
      return absl::StrCat("answer to ", TextOf(task));
    };
  }
  engine_proto::GenerateTask task() {
    absl::MutexLock lock(mutex_);
    return task_;
  }

  absl::Mutex mutex_;
  engine_proto::GenerateTask task_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(SessionServiceTest, ATurnSendsTheWholeConversationAndKeepsTheAnswer) {
  KeepTasks();
  const std::string name = Create("Be brief.");
  EXPECT_THAT(name, StartsWith("sessions/"));
  ASSERT_TRUE(Turn(name, "one").ok());
  EXPECT_EQ(generate_.back().completed().text(), "answer to one");
  ASSERT_TRUE(Turn(name, "two").ok());
  EXPECT_EQ(task().conversation().messages_size(), 4);
  EXPECT_EQ(task().conversation().messages(2).role(), engine_proto::ROLE_ASSISTANT);
  EXPECT_EQ(task().conversation().messages(2).text(), "answer to one");
  EXPECT_EQ(task().cache_key(), "user:1000/test");
  EXPECT_FALSE(task().prefill_only());
  EXPECT_THAT(TranscriptOf(name),
              ElementsAre("SYSTEM: Be brief.", "USER: one", "ASSISTANT: answer to one", "USER: two",
                          "ASSISTANT: answer to two"));
}

TEST_F(SessionServiceTest, ATurnSaysHowMuchOfTheContextIsUsed) {
  const std::string name = Create("Be brief.");
  ASSERT_TRUE(Turn(name, "one").ok());
  const v1::GenerateTextCompleted& completed = generate_.back().completed();
  EXPECT_EQ(completed.context_tokens(), 4096);
  EXPECT_EQ(completed.session().name(), name);
  EXPECT_EQ(completed.session().model(), "models/script");
  EXPECT_EQ(completed.session().message_count(), 3);
  EXPECT_THAT(completed.session().messages(), IsEmpty());
  // The script says 10 in and 5 out.
  EXPECT_EQ(completed.session().used_tokens(), 15);
  EXPECT_EQ(completed.session().uncounted_messages(), 0);
  EXPECT_EQ(completed.session().context_tokens(), 4096);
  EXPECT_FALSE(completed.session().busy());

  const auto appended = Append(name, v1::ROLE_USER, "two");
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(appended->used_tokens(), 15);
  EXPECT_EQ(appended->uncounted_messages(), 1);
}

TEST_F(SessionServiceTest, WithoutNewInputTheTranscriptIsAnswered) {
  KeepTasks();
  const std::string name = Create();
  v1::GenerateTextRequest request;
  request.set_session(name);
  // Nothing there that could be answered.
  absl::Status status = Generate(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "input");
  EXPECT_FALSE(Get(name)->busy());

  ASSERT_TRUE(Append(name, v1::ROLE_USER, "hello").ok());
  EXPECT_TRUE(Generate(request).ok());
  EXPECT_THAT(TranscriptOf(name), ElementsAre("USER: hello", "ASSISTANT: answer to hello"));
  // An answer is not answered.
  EXPECT_TRUE(HasReason(Generate(request), Reason::kFieldInvalid));
}

TEST_F(SessionServiceTest, ATurnMayBringSeveralMessages) {
  KeepTasks();
  const std::string name = Create();
  v1::GenerateTextRequest request;
  request.set_session(name);
  for (const auto& [role, text] :
       std::vector<std::pair<v1::Role, std::string>>{{v1::ROLE_USER, "What is the weather?"},
                                                     {v1::ROLE_ASSISTANT, "(asks)"},
                                                     {v1::ROLE_TOOL, "rain"}}) {
    v1::Message* message = request.mutable_conversation()->add_messages();
    message->set_role(role);
    message->set_text(text);
  }
  ASSERT_TRUE(Generate(request).ok());
  EXPECT_EQ(task().conversation().messages(2).role(), engine_proto::ROLE_TOOL);
  EXPECT_THAT(TranscriptOf(name), ElementsAre("USER: What is the weather?", "ASSISTANT: (asks)",
                                              "TOOL: rain", "ASSISTANT: answer to rain"));
}

TEST_F(SessionServiceTest, AFailedTurnLeavesTheTranscript) {
  const std::string name = Create("Be brief.");
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    return MakeError(Reason::kContextWindowExceeded, "Too long.",
                     {.metadata = {{"input_tokens", "5000"}, {"context_tokens", "4096"}},
                      .retry_delay = std::nullopt,
                      .field = ""});
  };
  const absl::Status status = Turn(name, "one");
  EXPECT_TRUE(HasReason(status, Reason::kContextWindowExceeded)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("input_tokens"), "5000");
  EXPECT_EQ(FactsOf(status).metadata.at("context_tokens"), "4096");
  EXPECT_THAT(TranscriptOf(name), ElementsAre("SYSTEM: Be brief."));
  script_.answer = nullptr;
  EXPECT_TRUE(Turn(name, "two").ok());
  EXPECT_THAT(TranscriptOf(name), ElementsAre("SYSTEM: Be brief.", "USER: two", "ASSISTANT: two"));
}

TEST_F(SessionServiceTest, ACancelledTurnLeavesTheTranscriptAndFreesTheSession) {
  const std::string name = Create();
  script_.held = true;
  grpc::ClientContext context;
  v1::GenerateTextRequest request;
  request.set_session(name);
  request.set_prompt("one");
  const auto reader = language_->GenerateText(&context, request);
  WaitUntil([&] { return script_.jobs_alive == 1; });
  EXPECT_TRUE(Get(name)->busy());
  EXPECT_FALSE(Get(name)->has_expire_time());

  // A second turn, or another message, meanwhile.
  const absl::Status second = Turn(name, "two");
  EXPECT_TRUE(HasReason(second, Reason::kSessionBusy)) << second;
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(HasReason(Append(name, v1::ROLE_USER, "x").status(), Reason::kSessionBusy));

  context.TryCancel();
  std::vector<v1::GenerateTextResponse> rest;
  EXPECT_TRUE(absl::IsCancelled(Drain(*reader, &rest)));
  WaitUntil([&] { return !Get(name)->busy(); });
  script_.held = false;
  EXPECT_THAT(TranscriptOf(name), IsEmpty());
  WaitUntil([&] { return script_.jobs_alive == 0; });
  EXPECT_TRUE(Turn(name, "three").ok());
  EXPECT_THAT(TranscriptOf(name), ElementsAre("USER: three", "ASSISTANT: three"));
}

TEST_F(SessionServiceTest, DeletingEndsTheTurn) {
  const std::string name = Create();
  script_.held = true;
  grpc::ClientContext context;
  v1::GenerateTextRequest request;
  request.set_session(name);
  request.set_prompt("one");
  const auto reader = language_->GenerateText(&context, request);
  WaitUntil([&] { return script_.jobs_alive == 1; });
  EXPECT_TRUE(Delete(name).ok());
  std::vector<v1::GenerateTextResponse> rest;
  const absl::Status status = Drain(*reader, &rest);
  EXPECT_TRUE(HasReason(status, Reason::kSessionNotFound)) << status;
  WaitUntil([&] { return script_.jobs_alive == 0; });
  EXPECT_TRUE(HasReason(Delete(name), Reason::kSessionNotFound));
}

TEST_F(SessionServiceTest, OtherAppsSeeNothingOfIt) {
  const std::string name = Create("secret");
  v1::ListSessionsRequest list;
  EXPECT_EQ(Call(&Stub::ListSessions, list)->sessions_size(), 1);
  other_app_ = true;
  EXPECT_EQ(Call(&Stub::ListSessions, list)->sessions_size(), 0);
  const Reason none = Reason::kSessionNotFound;
  EXPECT_TRUE(HasReason(Get(name).status(), none));
  EXPECT_TRUE(HasReason(Append(name, v1::ROLE_USER, "x").status(), none));
  EXPECT_TRUE(HasReason(Turn(name, "x"), none));
  EXPECT_TRUE(HasReason(Delete(name), none));
  v1::ForkSessionRequest fork;
  fork.set_name(name);
  EXPECT_TRUE(HasReason(Call(&Stub::ForkSession, fork).status(), none));
  v1::PrewarmSessionRequest prewarm;
  prewarm.set_name(name);
  EXPECT_TRUE(HasReason(Call(&Stub::PrewarmSession, prewarm).status(), none));
  v1::CountTokensRequest count;
  count.set_session(name);
  const absl::Status status = Call(&Stub::CountTokens, count).status();
  EXPECT_TRUE(HasReason(status, none));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(script_.jobs_started, 0);
  other_app_ = false;
  EXPECT_THAT(TranscriptOf(name), ElementsAre("SYSTEM: secret"));
}

TEST_F(SessionServiceTest, AForkGoesOnFromAnEarlierMessage) {
  const std::string name = Create();
  ASSERT_TRUE(Turn(name, "one").ok());
  ASSERT_TRUE(Turn(name, "two").ok());
  v1::ForkSessionRequest request;
  request.set_name(name);
  request.set_message_count(2);
  const auto fork = Call(&Stub::ForkSession, request);
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_EQ(fork->message_count(), 2);
  ASSERT_TRUE(Turn(fork->name(), "three").ok());
  EXPECT_THAT(TranscriptOf(fork->name()),
              ElementsAre("USER: one", "ASSISTANT: one", "USER: three", "ASSISTANT: three"));
  EXPECT_EQ(TranscriptOf(name).size(), 4);
  request.set_message_count(5);
  EXPECT_EQ(FactsOf(Call(&Stub::ForkSession, request).status()).field, "message_count");
}

TEST_F(SessionServiceTest, CountTokensCountsWhatTheNextTurnWouldFeed) {
  const std::string name = Create("12345");
  v1::CountTokensRequest request;
  request.set_session(name);
  // The script's tokens are bytes.
  const auto alone = Call(&Stub::CountTokens, request);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->tokens(), 5);
  EXPECT_EQ(alone->context_tokens(), 4096);
  EXPECT_EQ(alone->model(), "models/script");
  EXPECT_EQ(Get(name)->used_tokens(), 5);
  EXPECT_EQ(Get(name)->context_tokens(), 4096);

  request.set_text("678");
  EXPECT_EQ(Call(&Stub::CountTokens, request)->tokens(), 8);
  request.mutable_conversation()->add_messages()->set_role(v1::ROLE_USER);
  request.mutable_conversation()->mutable_messages(0)->set_text("6789");
  EXPECT_EQ(Call(&Stub::CountTokens, request)->tokens(), 9);
  // What is not part of the transcript is not noted.
  EXPECT_EQ(Get(name)->used_tokens(), 5);
  EXPECT_EQ(Get(name)->message_count(), 1);
}

TEST_F(SessionServiceTest, PrewarmOnlyComputesTheTranscript) {
  KeepTasks();
  const std::string name = Create("Be brief.");
  v1::PrewarmSessionRequest request;
  request.set_name(name);
  const auto response = Call(&Stub::PrewarmSession, request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->session().name(), name);
  EXPECT_EQ(response->session().used_tokens(), 10);
  EXPECT_EQ(response->session().context_tokens(), 4096);
  EXPECT_EQ(response->usage().input_tokens(), 10);
  EXPECT_EQ(script_.jobs_started, 1);
  // The script was not asked for an answer, and the transcript is what it was.
  EXPECT_THAT(task().conversation().messages(), IsEmpty());
  EXPECT_THAT(TranscriptOf(name), ElementsAre("SYSTEM: Be brief."));

  // An empty one only has its model loaded.
  request.set_name(Create());
  const auto empty = Call(&Stub::PrewarmSession, request);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->session().used_tokens(), 0);
}

TEST_F(SessionServiceTest, ASessionKeepsItsModel) {
  v1::CreateSessionRequest create;
  create.set_model("offered");
  EXPECT_TRUE(HasReason(Call(&Stub::CreateSession, create).status(), Reason::kModelNotInstalled));
  create.set_model("none-such");
  EXPECT_TRUE(HasReason(Call(&Stub::CreateSession, create).status(), Reason::kModelNotFound));
  create.set_model("native");
  EXPECT_TRUE(HasReason(Call(&Stub::CreateSession, create).status(), Reason::kNoCapableModel));

  const std::string name = Create();
  v1::GenerateTextRequest request;
  request.set_session(name);
  request.set_prompt("hello");
  request.mutable_options()->set_model("native");
  const absl::Status status = Generate(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "options.model");
  request.mutable_options()->set_model("models/script");
  EXPECT_TRUE(Generate(request).ok());
}

TEST_F(SessionServiceTest, ASessionKeepsItsFunction) {
  auto adapter = runtime_->store().NewBlob(5, "");
  ASSERT_TRUE(adapter.ok()) << adapter.status();
  ASSERT_TRUE((*adapter)->Append("hello").ok());
  const auto sha256 = (*adapter)->Commit();
  ASSERT_TRUE(sha256.ok()) << sha256.status();
  Manifest tuned;
  tuned.name = "tuned";
  tuned.engine = "script";
  tuned.capabilities = {"language.generate"};
  tuned.files.resize(1);
  tuned.files[0].role = "adapter";
  tuned.files[0].name = "formal.gguf";
  tuned.files[0].size_bytes = 5;
  tuned.files[0].sha256 = *sha256;
  tuned.functions.resize(1);
  tuned.functions[0].name = "formal";
  tuned.functions[0].file = "formal.gguf";
  const absl::Status put = runtime_->store().Put(tuned);
  ASSERT_TRUE(put.ok()) << put;

  KeepTasks();
  v1::CreateSessionRequest create;
  create.set_model("tuned/formal");
  const auto session = Call(&Stub::CreateSession, create);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->model(), "models/tuned/functions/formal");
  ASSERT_TRUE(Turn(session->name(), "hello").ok());
  EXPECT_EQ(task().function(), "formal");
  EXPECT_EQ(generate_.back().completed().usage().model(), "models/tuned/functions/formal");
  v1::PrewarmSessionRequest prewarm;
  prewarm.set_name(session->name());
  prewarm.mutable_options()->set_model(session->model());
  const auto warm = Call(&Stub::PrewarmSession, prewarm);
  ASSERT_TRUE(warm.ok()) << warm.status();
  EXPECT_EQ(warm->usage().model(), "models/tuned/functions/formal");
  // The base alone is another model.
  prewarm.mutable_options()->set_model("tuned");
  EXPECT_EQ(FactsOf(Call(&Stub::PrewarmSession, prewarm).status()).field, "options.model");
  create.set_model("tuned");
  const auto base = Call(&Stub::CreateSession, create);
  ASSERT_TRUE(base.ok()) << base.status();
  EXPECT_EQ(base->model(), "models/tuned");
  ASSERT_TRUE(Turn(base->name(), "hello").ok());
  EXPECT_EQ(task().function(), "");
}

TEST_F(SessionServiceTest, SessionsOfOneAppAreLimited) {
  std::vector<std::string> names;
  for (size_t i = 0; i < kMaxSessionsPerClient; ++i) names.push_back(Create());
  const absl::Status status = Call(&Stub::CreateSession, v1::CreateSessionRequest()).status();
  EXPECT_TRUE(HasReason(status, Reason::kClientQuotaExceeded)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("quota"), "sessions");
  EXPECT_TRUE(Delete(names[0]).ok());
  Create();
}

TEST_F(SessionServiceTest, TheActivityHasNoWordOfIt) {
  const std::string name = Create("SECRET");
  ASSERT_TRUE(Turn(name, "SECRET").ok());
  ASSERT_TRUE(Append(name, v1::ROLE_USER, "SECRET").ok());
  activity_.WaitFor(3);
  for (const v1::ActivityRecord& record : activity_.records()) {
    EXPECT_EQ(record.DebugString().find("SECRET"), std::string::npos);
    EXPECT_EQ(record.model(), "models/script");
    EXPECT_EQ(record.DebugString().find(name.substr(name.find('/') + 1)), std::string::npos);
  }
}

}  // namespace
}  // namespace intelligenced
