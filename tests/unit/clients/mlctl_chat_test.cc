// mlctl chat and sessions against a server that keeps transcripts as the daemon does.
#include <deque>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ChatTest : public testing::Test {
 protected:
  ChatTest() {
    host_.environment = [](const char*) { return std::string(); };
    host_.read_input = [] { return std::string(); };
    host_.read_line = [this]() -> absl::StatusOr<std::optional<std::string>> {
      if (lines_.empty()) return std::nullopt;
      absl::StatusOr<std::optional<std::string>> line = lines_.front();
      lines_.pop_front();
      return line;
    };
    host_.renew_interruption = [this] {
      host_.interruption = intelligence::Cancellation();
      return may_go_on_;
    };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
    Script();
  }

  int Mlctl(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    host_.out = &out_;
    host_.err = &err_;
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }
  void OnATerminal() {
    host_.in_is_terminal = true;
    host_.out_is_terminal = true;
  }

  static grpc::Status Gone() {
    return StatusToGrpc(MakeError(Reason::kSessionNotFound, "It has expired."));
  }
  v1::Session* Add(const std::string& model) {
    const std::string name = absl::StrCat("sessions/", ++last_);
    v1::Session& session = sessions_[name];
    session.set_name(name);
    session.set_model("models/" + model);
    session.set_context_tokens(100);
    session.mutable_use_time()->set_seconds(940);
    session.mutable_expire_time()->set_seconds(4540);
    return &session;
  }
  v1::Session* Find(const std::string& name) {
    const auto found = sessions_.find(name);
    return found == sessions_.end() ? nullptr : &found->second;
  }

  void Script() {
    daemon_.scripts.create_session = [this](const v1::CreateSessionRequest& request,
                                            v1::Session* response) {
      v1::Session* session = Add(request.model().empty() ? "best" : request.model());
      if (!request.instructions().empty()) {
        v1::Message* message = session->add_messages();
        message->set_role(v1::ROLE_SYSTEM);
        message->set_text(request.instructions());
      }
      *response = *session;
      return grpc::Status::OK;
    };
    daemon_.scripts.get_session = [this](const v1::GetSessionRequest& request,
                                         v1::Session* response) {
      if (Find(request.name()) == nullptr) return Gone();
      *response = *Find(request.name());
      response->set_message_count(static_cast<uint32_t>(response->messages_size()));
      return grpc::Status::OK;
    };
    daemon_.scripts.list_sessions = [this](const v1::ListSessionsRequest&,
                                           v1::ListSessionsResponse* response) {
      for (const auto& [name, session] : sessions_) *response->add_sessions() = session;
      return grpc::Status::OK;
    };
    daemon_.scripts.fork_session = [this](const v1::ForkSessionRequest& request,
                                          v1::Session* response) {
      const v1::Session from = *Find(request.name());
      v1::Session* fork = Add("best");
      for (uint32_t i = 0; i < request.message_count(); ++i) {
        *fork->add_messages() = from.messages(static_cast<int>(i));
      }
      *response = *fork;
      return grpc::Status::OK;
    };
    daemon_.scripts.delete_session = [this](const v1::DeleteSessionRequest& request,
                                            v1::DeleteSessionResponse*) {
      return sessions_.erase(request.name()) == 1 ? grpc::Status::OK : Gone();
    };
    daemon_.scripts.count_tokens = [this](const v1::CountTokensRequest& request,
                                          v1::CountTokensResponse* response) {
      Find(request.session())->set_used_tokens(33);
      response->set_tokens(33);
      return grpc::Status::OK;
    };
    daemon_.scripts.generate = [this](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                      grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
      v1::Session* session = Find(request.session());
      if (session == nullptr) return Gone();
      turns_.push_back(request);
      v1::GenerateTextResponse event;
      if (request.prompt() == "interrupt me") {
        event.set_delta("Half an ");
        writer->Write(event);
        host_.interruption.Cancel();
        return StatusToGrpc(MakeError(Reason::kCancelled, "cancelled"));
      }
      if (request.prompt() == "too long") {
        return StatusToGrpc(MakeError(Reason::kContextWindowExceeded, "Too long."));
      }
      v1::Message* message = session->add_messages();
      message->set_role(v1::ROLE_USER);
      message->set_text(request.prompt());
      message = session->add_messages();
      message->set_role(v1::ROLE_ASSISTANT);
      message->set_text("re: " + request.prompt());
      event.set_delta(message->text());
      writer->Write(event);
      session->set_used_tokens(used_);
      event.mutable_completed()->set_text(message->text());
      *event.mutable_completed()->mutable_session() = *session;
      event.mutable_completed()->mutable_session()->clear_messages();
      writer->Write(event);
      return grpc::Status::OK;
    };
  }

  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::deque<absl::StatusOr<std::optional<std::string>>> lines_;
  bool may_go_on_ = true;
  std::map<std::string, v1::Session> sessions_;
  std::vector<v1::GenerateTextRequest> turns_;
  int last_ = 0;
  uint32_t used_ = 10;
};

TEST_F(ChatTest, InAPipeEveryLineIsATurn) {
  lines_ = {"one", "", "/help is text here", "two"};
  EXPECT_EQ(Mlctl({"--model", "stories", "chat", "--temperature", "0", "--stop", "."}), kDone);
  EXPECT_EQ(out_.str(), "re: one\nre: /help is text here\nre: two\n");
  EXPECT_THAT(err_.str(), IsEmpty());
  ASSERT_EQ(turns_.size(), 3);
  EXPECT_EQ(turns_[0].session(), turns_[2].session());
  EXPECT_EQ(turns_[0].sampling().temperature(), 0);
  EXPECT_THAT(turns_[0].stop(), ElementsAre("."));
  // The session's model answers; what the chat made it takes away.
  EXPECT_THAT(turns_[0].options().model(), IsEmpty());
  EXPECT_THAT(sessions_, IsEmpty());
}

TEST_F(ChatTest, InAPipeTheFirstErrorEndsIt) {
  lines_ = {"one", "too long", "never"};
  EXPECT_EQ(Mlctl({"chat"}), kRefused);
  EXPECT_EQ(out_.str(), "re: one\n");
  EXPECT_THAT(err_.str(), HasSubstr("Too long."));
  EXPECT_EQ(turns_.size(), 2);
  EXPECT_THAT(sessions_, IsEmpty());
}

TEST_F(ChatTest, InAPipeAnInterruptionEndsIt) {
  lines_ = {"interrupt me", "never"};
  EXPECT_EQ(Mlctl({"chat"}), kInterrupted);
  EXPECT_EQ(turns_.size(), 1);
  // Even then.
  EXPECT_THAT(sessions_, IsEmpty());
}

TEST_F(ChatTest, AnInterruptionStopsTheAnswerAndNotTheChat) {
  OnATerminal();
  lines_ = {"interrupt me", absl::CancelledError("interrupted"), "two"};
  EXPECT_EQ(Mlctl({"chat"}), kDone);
  // What had been said when it was stopped may or may not have come.
  EXPECT_THAT(out_.str(), EndsWith("re: two\n"));
  EXPECT_THAT(err_.str(), HasSubstr("Stopped"));
}

TEST_F(ChatTest, ASignalThatEndsTheProgramEndsTheChat) {
  OnATerminal();
  may_go_on_ = false;
  lines_ = {absl::CancelledError("terminated"), "never"};
  EXPECT_EQ(Mlctl({"chat"}), kInterrupted);
  EXPECT_THAT(turns_, IsEmpty());
}

TEST_F(ChatTest, AnErrorAtATerminalIsToldAndTheChatGoesOn) {
  OnATerminal();
  lines_ = {"too long", "two"};
  EXPECT_EQ(Mlctl({"chat"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("Too long."));
  EXPECT_THAT(err_.str(), HasSubstr("/undo"));
  EXPECT_THAT(out_.str(), HasSubstr("re: two\n"));
}

TEST_F(ChatTest, TheEndOfTheContextIsToldBeforeItComes) {
  OnATerminal();
  lines_ = {"one"};
  used_ = 79;
  EXPECT_EQ(Mlctl({"chat"}), kDone);
  EXPECT_THAT(err_.str(), Not(HasSubstr("nearly full")));
  lines_ = {"one"};
  used_ = 80;
  EXPECT_EQ(Mlctl({"chat"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("nearly full: 80 of 100 tokens used (80 %)"));
}

TEST_F(ChatTest, CommandsOfTheChat) {
  OnATerminal();
  lines_ = {"/help", "/nonsense", "/undo", "one",    "two",
            "/undo", "/tokens",   "three", "/reset", "four"};
  EXPECT_EQ(Mlctl({"chat", "--system", "Be brief.", "--keep"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("/reset   begin anew"));
  EXPECT_THAT(err_.str(), HasSubstr("There is no /nonsense"));
  EXPECT_THAT(err_.str(), HasSubstr("There is nothing to take back."));
  EXPECT_THAT(err_.str(), HasSubstr("Taken back: two"));
  EXPECT_THAT(err_.str(), HasSubstr("33 of 100 tokens used (33 %)"));
  EXPECT_EQ(out_.str(), "re: one\nre: two\nre: three\nre: four\n");
  // The last session is left, as asked, with the instructions of the first.
  ASSERT_EQ(sessions_.size(), 1);
  const v1::Session& left = sessions_.begin()->second;
  EXPECT_THAT(err_.str(), HasSubstr("mlctl chat --session " + left.name()));
  ASSERT_EQ(left.messages_size(), 3);
  EXPECT_EQ(left.messages(0).text(), "Be brief.");
  EXPECT_EQ(left.messages(1).text(), "four");
}

TEST_F(ChatTest, APictureGoesWithTheNextQuestionOnly) {
  OnATerminal();
  const TemporaryFolder folder;
  const std::string file = folder / "picture";
  std::ofstream(file) << "picture";
  lines_ = {"/image /nowhere/at/all", "/image " + file, "what?", "and?"};
  EXPECT_EQ(Mlctl({"chat"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("The picture is not read"));
  ASSERT_EQ(turns_.size(), 2);
  ASSERT_EQ(turns_[0].conversation().messages_size(), 1);
  EXPECT_EQ(turns_[0].conversation().messages(0).text(), "what?");
  ASSERT_EQ(turns_[0].conversation().messages(0).images_size(), 1);
  EXPECT_EQ(turns_[0].conversation().messages(0).images(0).encoded(), "picture");
  EXPECT_EQ(turns_[1].prompt(), "and?");
}

TEST_F(ChatTest, ASessionIsGoneOnWithAndKept) {
  Add("stories");
  lines_ = {"one"};
  EXPECT_EQ(Mlctl({"chat", "--session", "1"}), kDone);
  EXPECT_EQ(turns_[0].session(), "sessions/1");
  EXPECT_EQ(sessions_.size(), 1);
  EXPECT_EQ(Mlctl({"chat", "--session", "9"}), kRefused);
  EXPECT_THAT(err_.str(), HasSubstr("It has expired."));
  EXPECT_EQ(Mlctl({"--model", "other", "chat", "--session", "1"}), kUsage);
  EXPECT_EQ(Mlctl({"chat", "--session", "1", "--system", "x"}), kUsage);
}

TEST_F(ChatTest, AnExpiredSessionCanBeBegunAnew) {
  OnATerminal();
  lines_ = {"one", "two", "/reset", "three"};
  int calls = 0;
  const auto generate = daemon_.scripts.generate;
  daemon_.scripts.generate = [&](grpc::ServerContext* context,
                                 const v1::GenerateTextRequest& request,
                                 grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    if (++calls == 2) sessions_.clear();
    return generate(context, request, writer);
  };
  EXPECT_EQ(Mlctl({"chat"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("/reset begins anew"));
  EXPECT_EQ(out_.str(), "re: one\nre: three\n");
}

TEST_F(ChatTest, JsonIsAnObjectATurn) {
  lines_ = {"one"};
  EXPECT_EQ(Mlctl({"--json", "chat"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("\"text\":\"re: one\""));
  EXPECT_THAT(out_.str(), HasSubstr("\"used_tokens\":10"));
}

TEST_F(ChatTest, ALineThatIsNotUtf8IsRefused) {
  lines_ = {"\xFF", "two"};
  EXPECT_EQ(Mlctl({"chat"}), kInputOutput);
  OnATerminal();
  lines_ = {"\xFF", "two"};
  EXPECT_EQ(Mlctl({"chat"}), kDone);
  EXPECT_EQ(out_.str(), "re: two\n");
}

TEST_F(ChatTest, SessionsAreListedShownAndDeleted) {
  EXPECT_EQ(Mlctl({"sessions", "list"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("No sessions"));
  v1::Session* session = Add("stories");
  session->set_message_count(1);
  session->set_used_tokens(5);
  session->add_messages()->set_role(v1::ROLE_USER);
  session->mutable_messages(0)->set_text("Hello\033[2J");
  Add("stories")->clear_expire_time();
  EXPECT_EQ(Mlctl({"sessions", "list"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("sessions/1"));
  EXPECT_THAT(out_.str(), HasSubstr("5 / 100"));
  EXPECT_THAT(out_.str(), HasSubstr("1m00s ago"));
  EXPECT_THAT(out_.str(), HasSubstr("in 59m"));
  EXPECT_THAT(out_.str(), HasSubstr("in use"));
  EXPECT_EQ(Mlctl({"-q", "sessions", "list"}), kDone);
  EXPECT_EQ(out_.str(), "sessions/1\nsessions/2\n");
  EXPECT_EQ(Mlctl({"sessions", "show", "1"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("\nuser\nHello\uFFFD[2J\n"));
  EXPECT_EQ(Mlctl({"--json", "sessions", "show", "1"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("\"role\":\"USER\""));
  EXPECT_EQ(Mlctl({"sessions", "delete", "sessions/1"}), kDone);
  EXPECT_EQ(sessions_.size(), 1);
  EXPECT_EQ(Mlctl({"sessions", "delete", "1"}), kRefused);
  EXPECT_EQ(Mlctl({"sessions", "delete"}), kUsage);
  EXPECT_EQ(Mlctl({"sessions", "delete", "2", "--all"}), kUsage);
  EXPECT_EQ(Mlctl({"sessions", "delete", "--all"}), kDone);
  EXPECT_THAT(sessions_, IsEmpty());
}

}  // namespace
}  // namespace intelligenced::mlctl
