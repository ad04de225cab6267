// The SDK's sessions against a server with scripted answers.
#include <intelligence/session.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced {
namespace {

using intelligence::Client;
using intelligence::Role;
using intelligence::Session;
using intelligence::SessionInfo;
using testing::SizeIs;

v1::Session SomeSession(const std::string& name) {
  v1::Session session;
  session.set_name(name);
  session.set_model("models/stories");
  session.set_message_count(3);
  session.set_transcript_bytes(120);
  session.set_used_tokens(40);
  session.set_uncounted_messages(1);
  session.set_context_tokens(512);
  session.mutable_create_time()->set_seconds(1000);
  session.mutable_use_time()->set_seconds(2000);
  session.mutable_expire_time()->set_seconds(5600);
  session.mutable_expire_after()->set_seconds(3600);
  return session;
}

class SdkSessionTest : public testing::Test {
 protected:
  SdkSessionTest() : client_(*Client::Connect({.socket_path = daemon_.socket_path()})) {}

  FakeDaemon daemon_;
  Client client_;
};

TEST_F(SdkSessionTest, CreateSaysHowItIsToBe) {
  v1::CreateSessionRequest seen;
  daemon_.scripts.create_session = [&](const v1::CreateSessionRequest& request,
                                       v1::Session* session) {
    seen = request;
    *session = SomeSession("sessions/abc");
    return grpc::Status::OK;
  };
  const auto session = Session::Create(client_,
                                       {.instructions = "Be brief.",
                                        .messages = {{.role = Role::kUser, .text = "hi"},
                                                     {.role = Role::kAssistant, .text = "hello"}},
                                        .expire_after = absl::Minutes(5)},
                                       {.model = "stories"});
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->name(), "sessions/abc");
  EXPECT_EQ(seen.instructions(), "Be brief.");
  ASSERT_EQ(seen.messages_size(), 2);
  EXPECT_EQ(seen.messages(1).role(), v1::ROLE_ASSISTANT);
  EXPECT_EQ(seen.model(), "stories");
  EXPECT_EQ(seen.expire_after().seconds(), 300);

  ASSERT_TRUE(Session::Create(client_).ok());
  EXPECT_FALSE(seen.has_expire_after());
  EXPECT_EQ(Session::Create(client_, {.instructions = "\xFF"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SdkSessionTest, ATurnStreamsAndTellsOfTheSession) {
  v1::GenerateTextRequest seen;
  daemon_.scripts.generate = [&](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                 grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    seen = request;
    v1::GenerateTextResponse event;
    event.set_delta("well");
    writer->Write(event);
    event.mutable_completed()->set_text("well");
    event.mutable_completed()->set_context_tokens(512);
    *event.mutable_completed()->mutable_session() = SomeSession("sessions/abc");
    writer->Write(event);
    return grpc::Status::OK;
  };
  // Names are taken with and without "sessions/".
  const Session session = Session::Open(client_, "abc");
  EXPECT_EQ(Session::Open(client_, "sessions/abc").name(), session.name());
  int events = 0;
  const auto result =
      session.GenerateText({.input = "hello", .max_output_tokens = 5}, {},
                           [&](const intelligence::GenerateTextEvent&) { ++events; });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(events, 2);
  EXPECT_EQ(seen.session(), "sessions/abc");
  EXPECT_EQ(seen.prompt(), "hello");
  EXPECT_EQ(seen.max_output_tokens(), 5);
  EXPECT_EQ(result->context_tokens, 512);
  ASSERT_TRUE(result->session.has_value());
  EXPECT_EQ(result->session->used_tokens, 40);
  EXPECT_EQ(result->session->uncounted_messages, 1);
  EXPECT_EQ(result->session->context_tokens, 512);
  EXPECT_EQ(result->session->expire_time, absl::FromUnixSeconds(5600));

  // Nothing new: the transcript is answered as it stands.
  ASSERT_TRUE(session.GenerateText({}).ok());
  EXPECT_EQ(seen.input_case(), v1::GenerateTextRequest::INPUT_NOT_SET);
  ASSERT_TRUE(session.GenerateText({.input = intelligence::Conversation{}}).ok());
  EXPECT_EQ(seen.input_case(), v1::GenerateTextRequest::INPUT_NOT_SET);
  const intelligence::Conversation tool = {{{.role = Role::kTool, .text = "rain"}}};
  ASSERT_TRUE(session.GenerateText({.input = tool}).ok());
  EXPECT_EQ(seen.conversation().messages(0).role(), v1::ROLE_TOOL);

  // Without a session an empty prompt is one.
  ASSERT_TRUE(client_.GenerateText({}).ok());
  EXPECT_TRUE(seen.has_prompt());
  EXPECT_TRUE(seen.session().empty());
}

TEST_F(SdkSessionTest, GetBringsTheTranscript) {
  daemon_.scripts.get_session = [](const v1::GetSessionRequest& request, v1::Session* session) {
    *session = SomeSession(request.name());
    session->clear_expire_time();
    session->set_busy(true);
    for (const v1::Role role : {v1::ROLE_SYSTEM, v1::ROLE_USER, v1::ROLE_ASSISTANT}) {
      v1::Message* message = session->add_messages();
      message->set_role(role);
      message->set_text(v1::Role_Name(role));
    }
    return grpc::Status::OK;
  };
  const absl::StatusOr<SessionInfo> info = Session::Open(client_, "abc").Get();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name, "sessions/abc");
  EXPECT_EQ(info->model, "models/stories");
  EXPECT_TRUE(info->busy);
  EXPECT_FALSE(info->expire_time.has_value());
  EXPECT_EQ(info->expire_after, absl::Hours(1));
  EXPECT_EQ(info->create_time, absl::FromUnixSeconds(1000));
  EXPECT_EQ(info->use_time, absl::FromUnixSeconds(2000));
  ASSERT_THAT(info->messages, SizeIs(3));
  EXPECT_EQ(info->messages[0].role, Role::kSystem);
  EXPECT_EQ(info->messages[2].role, Role::kAssistant);
  EXPECT_EQ(info->messages[2].text, "ROLE_ASSISTANT");
}

TEST_F(SdkSessionTest, TheOtherMethods) {
  daemon_.scripts.append_to_session = [](const v1::AppendToSessionRequest& request,
                                         v1::Session* session) {
    *session = SomeSession(request.name());
    session->set_message_count(static_cast<uint32_t>(request.messages_size()));
    return grpc::Status::OK;
  };
  v1::ForkSessionRequest forked;
  daemon_.scripts.fork_session = [&](const v1::ForkSessionRequest& request, v1::Session* session) {
    forked = request;
    *session = SomeSession("sessions/fork");
    return grpc::Status::OK;
  };
  daemon_.scripts.prewarm_session = [](const v1::PrewarmSessionRequest& request,
                                       v1::PrewarmSessionResponse* response) {
    *response->mutable_session() = SomeSession(request.name());
    response->mutable_usage()->set_cached_tokens(7);
    return grpc::Status::OK;
  };
  v1::CountTokensRequest counted;
  daemon_.scripts.count_tokens = [&](const v1::CountTokensRequest& request,
                                     v1::CountTokensResponse* response) {
    counted = request;
    response->set_tokens(9);
    return grpc::Status::OK;
  };
  std::string deleted;
  daemon_.scripts.delete_session = [&](const v1::DeleteSessionRequest& request,
                                       v1::DeleteSessionResponse*) {
    deleted = request.name();
    return grpc::Status::OK;
  };
  daemon_.scripts.list_sessions = [](const v1::ListSessionsRequest&,
                                     v1::ListSessionsResponse* response) {
    *response->add_sessions() = SomeSession("sessions/a");
    *response->add_sessions() = SomeSession("sessions/b");
    return grpc::Status::OK;
  };
  const Session session = Session::Open(client_, "abc");
  EXPECT_EQ(session.Append({{.text = "a"}, {.text = "b"}})->message_count, 2);
  EXPECT_EQ(session.Fork({.message_count = 0})->name(), "sessions/fork");
  EXPECT_TRUE(forked.has_message_count());
  EXPECT_EQ(forked.name(), "sessions/abc");
  ASSERT_TRUE(session.Fork().ok());
  EXPECT_FALSE(forked.has_message_count());
  EXPECT_EQ(session.Prewarm()->usage.cached_tokens, 7);
  EXPECT_EQ(session.CountTokens()->tokens, 9);
  EXPECT_EQ(counted.session(), "sessions/abc");
  EXPECT_EQ(counted.input_case(), v1::CountTokensRequest::INPUT_NOT_SET);
  ASSERT_TRUE(session.CountTokens({.input = "more"}).ok());
  EXPECT_EQ(counted.text(), "more");
  EXPECT_TRUE(session.Delete().ok());
  EXPECT_EQ(deleted, "sessions/abc");
  EXPECT_THAT(*Session::List(client_), SizeIs(2));
}

TEST_F(SdkSessionTest, ErrorsHaveTheirReason) {
  daemon_.scripts.get_session = [](const v1::GetSessionRequest&, v1::Session*) {
    return StatusToGrpc(MakeError(Reason::kSessionNotFound, "Gone."));
  };
  const absl::Status status = Session::Open(client_, "abc").Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(intelligence::ErrorReason(status), "SESSION_NOT_FOUND");
  EXPECT_EQ(Session::Open(client_, "\xFF").Get().status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace intelligenced
