// Sessions of a real daemon with a real (fake-engine) worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/integration/daemon_process.h"
#include "tests/integration/test_client.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Event = api::GenerateTextResponse;

// A turn in progress.
class StartedTurn {
 public:
  StartedTurn(const TestClient& client, const std::string& session) {
    api::GenerateTextRequest request;
    request.set_session(session);
    request.set_prompt("go");
    reader_ = client.language->GenerateText(&context_, request);
  }
  bool ReadUntil(Event::EventCase wanted) {
    Event event;
    while (reader_->Read(&event)) {
      if (event.event_case() == wanted) return true;
    }
    return false;
  }
  void Cancel() { context_.TryCancel(); }
  absl::Status Finish() {
    Event event;
    while (reader_->Read(&event)) {
    }
    return StatusFromGrpc(reader_->Finish());
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Event>> reader_;
};

class SessionsTest : public ::testing::Test {
 protected:
  SessionsTest() {
    // A token is a word; the answer is the last message.
    sandbox_.AddModel("echo", {{"context_tokens", "20"}}, 10);
    std::string words;
    for (int i = 0; i < 1000; ++i) words += "word ";
    sandbox_.AddModel("slow", {{"reply", words}, {"unit_us", "20000"}});
    sandbox_.AddModel("single", {{"reply", words}, {"unit_us", "20000"}, {"max_batch", "1"}});
    sandbox_.AddModel("late", {{"load_ms", "3000"}});
    Start();
  }
  void Start() {
    daemon_ = std::make_unique<DaemonProcess>(sandbox_);
    EXPECT_TRUE(daemon_->ready()) << daemon_->Log();
    client_ = std::make_unique<TestClient>(sandbox_.socket());
  }

  std::string Create(const std::string& model = "echo", int expire_seconds = 3600) {
    api::CreateSessionRequest request;
    request.set_model(model);
    request.mutable_expire_after()->set_seconds(expire_seconds);
    grpc::ClientContext context;
    api::Session session;
    const absl::Status status =
        StatusFromGrpc(client_->language->CreateSession(&context, request, &session));
    EXPECT_TRUE(status.ok()) << status;
    return session.name();
  }
  absl::StatusOr<api::Session> Get(const std::string& name) {
    api::GetSessionRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    api::Session session;
    const absl::Status status =
        StatusFromGrpc(client_->language->GetSession(&context, request, &session));
    if (!status.ok()) return status;
    return session;
  }
  std::vector<std::string> TextsOf(const std::string& name) {
    std::vector<std::string> texts;
    const auto session = Get(name);
    EXPECT_TRUE(session.ok()) << session.status();
    if (!session.ok()) return texts;
    for (const api::Message& message : session->messages()) texts.push_back(message.text());
    return texts;
  }
  absl::Status Turn(const std::string& name, const std::string& prompt,
                    api::GenerateTextCompleted* completed = nullptr) {
    api::GenerateTextRequest request;
    request.set_session(name);
    request.set_prompt(prompt);
    grpc::ClientContext context;
    const auto reader = client_->language->GenerateText(&context, request);
    api::GenerateTextResponse response;
    while (reader->Read(&response)) {
      if (response.has_completed() && completed != nullptr) *completed = response.completed();
    }
    return StatusFromGrpc(reader->Finish());
  }

  Sandbox sandbox_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(SessionsTest, AConversationOverSeveralConnectionsUntilTheContextIsFull) {
  const std::string name = Create();
  api::GenerateTextCompleted completed;
  ASSERT_TRUE(Turn(name, "one two three", &completed).ok());
  EXPECT_EQ(completed.text(), "one two three");
  EXPECT_EQ(completed.session().used_tokens(), 6);
  EXPECT_EQ(completed.session().context_tokens(), 20);

  // The identity counts, not the connection.
  client_ = std::make_unique<TestClient>(sandbox_.socket());
  ASSERT_TRUE(Turn(name, "four five six", &completed).ok());
  EXPECT_EQ(completed.session().used_tokens(), 12);
  EXPECT_THAT(TextsOf(name),
              ElementsAre("one two three", "one two three", "four five six", "four five six"));

  // What would be too much can be known before.
  api::CountTokensRequest count;
  count.set_session(name);
  count.set_text("a b c d e f g h i");
  grpc::ClientContext context;
  api::CountTokensResponse counted;
  ASSERT_TRUE(client_->language->CountTokens(&context, count, &counted).ok());
  EXPECT_EQ(counted.tokens(), 21);
  EXPECT_EQ(counted.context_tokens(), 20);
  const absl::Status status = Turn(name, count.text());
  EXPECT_TRUE(HasReason(status, Reason::kContextWindowExceeded)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("input_tokens"), "21");
  EXPECT_EQ(FactsOf(status).metadata.at("context_tokens"), "20");
  EXPECT_EQ(TextsOf(name).size(), 4);
}

TEST_F(SessionsTest, ALostWorkerLeavesTheTranscript) {
  const std::string name = Create("slow");
  StartedTurn turn(*client_, name);
  ASSERT_TRUE(turn.ReadUntil(Event::kDelta));
  ASSERT_EQ(::kill(client_->WorkerOf("slow"), SIGKILL), 0);
  const absl::Status status = turn.Finish();
  EXPECT_TRUE(HasReason(status, Reason::kWorkerLost)) << status;
  EXPECT_FALSE(Get(name)->busy());
  EXPECT_THAT(TextsOf(name), IsEmpty());
}

TEST_F(SessionsTest, ACancelInAnyPhaseFreesTheSessionAndLeavesTheTranscript) {
  const auto cancel_in = [&](const std::string& model, Event::EventCase phase) {
    const std::string name = Create(model);
    StartedTurn turn(*client_, name);
    ASSERT_TRUE(turn.ReadUntil(phase));
    EXPECT_TRUE(HasReason(Turn(name, "meanwhile"), Reason::kSessionBusy));
    turn.Cancel();
    EXPECT_EQ(turn.Finish().code(), absl::StatusCode::kCancelled);
    EXPECT_TRUE(Eventually([&] { return !Get(name)->busy(); }));
    EXPECT_THAT(TextsOf(name), IsEmpty());
  };
  {
    SCOPED_TRACE("loading");
    cancel_in("late", Event::kModelLoading);
  }
  {
    SCOPED_TRACE("decoding");
    cancel_in("slow", Event::kDelta);
  }
  SCOPED_TRACE("queued");
  StartedTurn ahead(*client_, Create("single"));
  ASSERT_TRUE(ahead.ReadUntil(Event::kDelta));
  cancel_in("single", Event::kQueued);
  ahead.Cancel();
  EXPECT_EQ(ahead.Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(client_->WaitForStatus(
      [](const api::SystemStatus& status) { return Waiting(status) + Running(status) == 0; }));
}

TEST_F(SessionsTest, ADeadlineInATurnLeavesTheTranscript) {
  const std::string name = Create("slow");
  api::GenerateTextRequest request;
  request.set_session(name);
  request.set_prompt("go");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  const auto reader = client_->language->GenerateText(&context, request);
  Event event;
  while (reader->Read(&event)) {
  }
  EXPECT_EQ(StatusFromGrpc(reader->Finish()).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(Eventually([&] { return !Get(name)->busy(); }));
  EXPECT_THAT(TextsOf(name), IsEmpty());
}

TEST_F(SessionsTest, AnExpiredSessionIsGone) {
  const std::string name = Create("echo", 1);
  EXPECT_TRUE(Eventually([&] { return !Get(name).ok(); }));
  EXPECT_TRUE(HasReason(Turn(name, "hello"), Reason::kSessionNotFound));
}

TEST_F(SessionsTest, SessionsEndWithTheDaemon) {
  const std::string name = Create();
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->WaitForExit(), 0);
  Start();
  EXPECT_TRUE(HasReason(Turn(name, "hello"), Reason::kSessionNotFound));
}

}  // namespace
}  // namespace intelligenced
