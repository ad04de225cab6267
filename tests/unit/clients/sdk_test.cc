// The SDK against a server with scripted answers.
#include <intelligence/client.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced {
namespace {

using intelligence::Client;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SdkTest : public testing::Test {
 protected:
  Client Connect() {
    absl::StatusOr<Client> client = Client::Connect({.socket_path = daemon_.socket_path()});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  // Three words and a result.
  void ScriptGeneration() {
    daemon_.scripts.generate = [](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                  grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
      v1::GenerateTextResponse event;
      event.mutable_queued()->set_position(2);
      event.mutable_queued()->mutable_expected_wait()->set_seconds(3);
      writer->Write(event);
      event.mutable_model_loading()->set_model("models/x");
      writer->Write(event);
      event.mutable_progress()->set_done(1);
      writer->Write(event);
      for (const char* word : {"one ", "two ", "three"}) {
        event.set_delta(word);
        writer->Write(event);
      }
      event.mutable_completed()->set_text(request.prompt() + "one two three");
      event.mutable_completed()->set_finish_reason(v1::FINISH_REASON_LENGTH);
      event.mutable_completed()->mutable_usage()->set_output_tokens(3);
      event.mutable_completed()->mutable_usage()->mutable_compute_time()->set_nanos(500'000'000);
      writer->Write(event);
      return grpc::Status::OK;
    };
  }

  FakeDaemon daemon_;
};

std::string Kinds(const std::vector<intelligence::GenerateTextEvent>& events) {
  std::string kinds;
  for (const auto& event : events) kinds += static_cast<char>('0' + event.index());
  return kinds;
}

TEST_F(SdkTest, StreamsByIterator) {
  ScriptGeneration();
  auto stream = Connect().StreamGenerateText({.input = "> "});
  std::vector<intelligence::GenerateTextEvent> events;
  while (auto event = stream.Next()) events.push_back(*std::move(event));
  EXPECT_TRUE(stream.status().ok()) << stream.status();
  EXPECT_EQ(Kinds(events), "0123334");
  const auto& queued = std::get<intelligence::Queued>(events[0]);
  EXPECT_EQ(queued.position, 2u);
  EXPECT_EQ(queued.expected_wait, absl::Seconds(3));
  EXPECT_EQ(std::get<intelligence::GenerateTextResult>(events[6]).text, "> one two three");
  EXPECT_EQ(stream.Next(), std::nullopt) << "an ended stream stays ended";
}

TEST_F(SdkTest, StreamsByCallbackAndReturnsTheResult) {
  ScriptGeneration();
  std::vector<intelligence::GenerateTextEvent> events;
  auto result = Connect().GenerateText(
      {.input = "> "}, {},
      [&](const intelligence::GenerateTextEvent& event) { events.push_back(event); });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->finish_reason, intelligence::FinishReason::kLength);
  EXPECT_EQ(result->usage.output_tokens, 3u);
  EXPECT_EQ(result->usage.compute_time, absl::Milliseconds(500));
  EXPECT_EQ(Kinds(events), "0123334");
}

TEST_F(SdkTest, SendsEveryOption) {
  v1::GenerateTextRequest seen;
  daemon_.scripts.generate = [&](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                 grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    seen = request;
    v1::GenerateTextResponse event;
    event.mutable_completed();
    writer->Write(event);
    return grpc::Status::OK;
  };
  intelligence::Conversation conversation = {
      .messages = {{.role = intelligence::Role::kSystem, .text = "be brief"},
                   {.role = intelligence::Role::kUser, .text = "hello"}}};
  auto result = Connect().GenerateText({.input = conversation,
                                        .sampling = {.temperature = 0, .top_k = 7, .seed = 0},
                                        .max_output_tokens = 60,
                                        .stop = {"\n", "END"}},
                                       {.model = "stories",
                                        .request_class = intelligence::RequestClass::kBackground,
                                        .keep_alive = absl::Milliseconds(1500)});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(seen.conversation().messages_size(), 2);
  EXPECT_EQ(seen.conversation().messages(0).role(), v1::ROLE_SYSTEM);
  EXPECT_EQ(seen.conversation().messages(1).role(), v1::ROLE_USER);
  EXPECT_TRUE(seen.sampling().has_temperature()) << "0 is not the same as unset";
  EXPECT_TRUE(seen.sampling().has_seed());
  EXPECT_FALSE(seen.sampling().has_top_p());
  EXPECT_EQ(seen.sampling().top_k(), 7u);
  EXPECT_EQ(seen.max_output_tokens(), 60u);
  EXPECT_THAT(seen.stop(), ElementsAre("\n", "END"));
  EXPECT_EQ(seen.options().model(), "stories");
  EXPECT_EQ(seen.options().request_class(), v1::REQUEST_CLASS_BACKGROUND);
  EXPECT_EQ(seen.options().keep_alive().seconds(), 1);
  EXPECT_EQ(seen.options().keep_alive().nanos(), 500'000'000);
}

TEST_F(SdkTest, AnEmptyPromptIsAPrompt) {
  bool has_prompt = false;
  daemon_.scripts.generate = [&](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                 grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    has_prompt = request.input_case() == v1::GenerateTextRequest::kPrompt;
    v1::GenerateTextResponse event;
    event.mutable_completed();
    writer->Write(event);
    return grpc::Status::OK;
  };
  EXPECT_TRUE(Connect().GenerateText({.input = ""}).ok());
  EXPECT_TRUE(has_prompt);
}

TEST_F(SdkTest, DecodesReasonsAndFacts) {
  daemon_.scripts.generate = [](grpc::ServerContext*, const v1::GenerateTextRequest&,
                                grpc::ServerWriter<v1::GenerateTextResponse>*) {
    return StatusToGrpc(MakeError(
        Reason::kClientQuotaExceeded, "Too many requests wait.",
        {.metadata = {{"quota", "queued_jobs"}}, .retry_delay = absl::Seconds(2), .field = ""}));
  };
  const absl::Status status = Connect().GenerateText({.input = "x"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "Too many requests wait.");
  EXPECT_EQ(intelligence::ErrorReason(status), "CLIENT_QUOTA_EXCEEDED");
  const intelligence::ErrorDetails details = intelligence::GetErrorDetails(status);
  EXPECT_EQ(details.retry_delay, absl::Seconds(2));
  EXPECT_EQ(details.metadata.at("quota"), "queued_jobs");
}

TEST_F(SdkTest, ErrorsWithoutDetailsHaveNoReason) {
  EXPECT_THAT(intelligence::ErrorReason(absl::InternalError("x")), IsEmpty());
  EXPECT_THAT(intelligence::ErrorReason(absl::OkStatus()), IsEmpty());
}

TEST_F(SdkTest, UnknownMethodSaysThatTheDaemonIsOlder) {
  const absl::Status status = Connect().GetStatus().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("older"));
}

TEST_F(SdkTest, AStreamWithoutResultIsAnError) {
  daemon_.scripts.summarize = [](grpc::ServerContext*, const v1::SummarizeTextRequest&,
                                 grpc::ServerWriter<v1::SummarizeTextResponse>* writer) {
    v1::SummarizeTextResponse event;
    event.set_delta("half of ");
    writer->Write(event);
    return grpc::Status::OK;
  };
  const absl::Status status = Connect().SummarizeText({.text = "x"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr("without a result"));
}

// Writes until the call has gone.
grpc::Status WriteForever(grpc::ServerContext*, const v1::GenerateTextRequest&,
                          grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
  v1::GenerateTextResponse event;
  event.set_delta("x");
  while (writer->Write(event)) {
  }
  return grpc::Status::OK;
}

TEST_F(SdkTest, StreamCancelsFromAnotherThread) {
  daemon_.scripts.generate = WriteForever;
  auto stream = Connect().StreamGenerateText({.input = ""});
  ASSERT_TRUE(stream.Next().has_value());
  std::thread canceller([&] { stream.Cancel(); });
  while (stream.Next()) {
  }
  canceller.join();
  EXPECT_EQ(intelligence::ErrorReason(stream.status()), "CANCELLED");
}

TEST_F(SdkTest, DestroyingAStreamEndsTheCall) {
  absl::Notification ended;
  daemon_.scripts.generate = [&](grpc::ServerContext* context,
                                 const v1::GenerateTextRequest& request,
                                 grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    const grpc::Status status = WriteForever(context, request, writer);
    ended.Notify();
    return status;
  };
  {
    auto stream = Connect().StreamGenerateText({.input = ""});
    ASSERT_TRUE(stream.Next().has_value());
  }
  EXPECT_TRUE(ended.WaitForNotificationWithTimeout(absl::Seconds(10)));
}

TEST_F(SdkTest, CancellationEndsABlockingCall) {
  daemon_.scripts.generate = WriteForever;
  const intelligence::Cancellation cancellation;
  int events = 0;
  auto result = Connect().GenerateText({.input = ""}, {.cancellation = cancellation},
                                       [&](const intelligence::GenerateTextEvent&) {
                                         if (++events == 3) cancellation.Cancel();
                                       });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(result.status().message(), "The call was cancelled.");
}

TEST_F(SdkTest, ACancelledCancellationCancelsCallsToCome) {
  daemon_.scripts.generate = WriteForever;
  const intelligence::Cancellation cancellation;
  cancellation.Cancel();
  EXPECT_TRUE(cancellation.cancelled());
  const absl::Status status =
      Connect().GenerateText({.input = ""}, {.cancellation = cancellation}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

TEST_F(SdkTest, DeadlineEndsACall) {
  absl::Notification done;
  daemon_.scripts.status = [&](const v1::GetStatusRequest&, v1::SystemStatus*) {
    done.WaitForNotification();
    return grpc::Status::OK;
  };
  const absl::Status status = Connect().GetStatus({.timeout = absl::Milliseconds(20)}).status();
  done.Notify();
  // The script's end, before what it uses goes.
  daemon_.Stop();
  EXPECT_EQ(intelligence::ErrorReason(status), "DEADLINE_EXCEEDED");
  EXPECT_THAT(status.message(), HasSubstr("20ms"));
}

TEST_F(SdkTest, AnExpiredDeadlineIsNotSent) {
  bool called = false;
  daemon_.scripts.status = [&](const v1::GetStatusRequest&, v1::SystemStatus*) {
    called = true;
    return grpc::Status::OK;
  };
  const absl::Status status = Connect().GetStatus({.timeout = absl::ZeroDuration()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(called);
}

TEST_F(SdkTest, AReaderThatPausesPausesTheWriter) {
  std::atomic<size_t> written = 0;
  daemon_.scripts.generate = [&](grpc::ServerContext*, const v1::GenerateTextRequest&,
                                 grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    v1::GenerateTextResponse event;
    event.set_delta(std::string(4096, 'x'));
    while (writer->Write(event)) written += 4096;
    return grpc::Status::OK;
  };
  daemon_.scripts.status = [](const v1::GetStatusRequest&, v1::SystemStatus*) {
    return grpc::Status::OK;
  };
  const Client client = Connect();
  auto stream = client.StreamGenerateText({.input = ""});
  ASSERT_TRUE(stream.Next().has_value());
  // Round trips give the writer its chance: it wrote megabytes by then if nothing held it.
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(client.GetStatus().ok());
  EXPECT_LT(written, 512u << 10);
  daemon_.Stop();
}

TEST_F(SdkTest, NoDaemonSaysHowToStartOne) {
  daemon_.Stop();
  const absl::Status status = Client::Connect({.socket_path = daemon_.socket_path()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("systemctl --user start intelligenced"));
  EXPECT_THAT(status.message(), HasSubstr(daemon_.socket_path()));
}

TEST_F(SdkTest, RefusesPathsThatCannotBeSockets) {
  EXPECT_EQ(Client::Connect({.socket_path = std::string(200, 'x')}).status().code(),
            absl::StatusCode::kInvalidArgument);
  const std::string file = daemon_.folder() + "/file";
  std::ofstream(file) << "x";
  EXPECT_EQ(Client::Connect({.socket_path = file}).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(SdkTest, ConnectsAgainWhenTheDaemonComesBack) {
  daemon_.scripts.status = [](const v1::GetStatusRequest&, v1::SystemStatus* status) {
    status->set_version("1.2.3");
    return grpc::Status::OK;
  };
  const Client client = Connect();
  ASSERT_TRUE(client.GetStatus().ok());
  daemon_.Stop();
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = client.GetStatus().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr("not running"));
  }
  daemon_.Start();
  // The first call already: no waiting for gRPC's back-off.
  absl::StatusOr<intelligence::SystemStatus> status = client.GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->version, "1.2.3");
}

TEST_F(SdkTest, ADaemonThatDiesInMidAnswerIsUnavailable) {
  absl::Notification started;
  daemon_.scripts.generate = [&](grpc::ServerContext* context,
                                 const v1::GenerateTextRequest& request,
                                 grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    if (!started.HasBeenNotified()) started.Notify();
    return WriteForever(context, request, writer);
  };
  auto stream = Connect().StreamGenerateText({.input = ""});
  std::thread killer([&] {
    started.WaitForNotification();
    daemon_.Stop();
  });
  while (stream.Next()) {
  }
  killer.join();
  EXPECT_THAT(stream.status().code(),
              testing::AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kCancelled));
}

TEST_F(SdkTest, RefusesTextThatIsNotUtf8) {
  const Client client = Connect();
  const absl::Status status = client.ProofreadText({.text = "ab\xff"}).status();
  EXPECT_EQ(intelligence::ErrorReason(status), "FIELD_INVALID");
  EXPECT_EQ(intelligence::GetErrorDetails(status).field, "text");
  EXPECT_THAT(status.message(), HasSubstr("byte 2"));
  EXPECT_FALSE(client.GenerateText({.input = "\xc3"}).ok());
  EXPECT_FALSE(client.CountTokens({.input = "\xed\xa0\x80"}).ok());
  EXPECT_FALSE(client.ComposeText({.instruction = "x", .shared_context = "\xff"}).ok());
}

TEST_F(SdkTest, ImportsAFileInOrderedChunks) {
  const std::string file = daemon_.folder() + "/model.gguf";
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += std::to_string(i);
  std::ofstream(file) << content;
  v1::ImportHeader header;
  std::string received;
  daemon_.scripts.import = [&](grpc::ServerReader<v1::ImportModelRequest>* reader,
                               v1::ImportModelResponse* response) {
    v1::ImportModelRequest message;
    while (reader->Read(&message)) {
      if (message.has_header()) header = message.header();
      EXPECT_LE(message.chunk().size(), 1u << 20);
      received += message.chunk();
    }
    response->mutable_model()->set_name("models/stories");
    return grpc::Status::OK;
  };
  uint64_t last = 0;
  auto model =
      Connect().ImportModel({.path = file, .name = "stories", .license = "MIT", .family = "mesh"},
                            {}, [&](uint64_t sent, uint64_t total) {
                              EXPECT_GT(sent, last);
                              EXPECT_EQ(total, content.size());
                              last = sent;
                            });
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->name, "models/stories");
  EXPECT_EQ(header.name(), "stories");
  EXPECT_EQ(header.license(), "MIT");
  EXPECT_EQ(header.family(), "mesh");
  EXPECT_EQ(header.size_bytes(), content.size());
  EXPECT_EQ(received, content);
  EXPECT_EQ(last, content.size());
}

TEST_F(SdkTest, ImportsFunctionsAfterTheirBaseOrAlone) {
  const std::string base = daemon_.folder() + "/base.gguf", adapter = daemon_.folder() + "/a.gguf";
  std::ofstream(base) << "base";
  std::ofstream(adapter) << "adapter";
  std::vector<std::string> received;
  daemon_.scripts.import = [&](grpc::ServerReader<v1::ImportModelRequest>* reader,
                               v1::ImportModelResponse* response) {
    v1::ImportModelRequest message;
    while (reader->Read(&message)) received.push_back(message.ShortDebugString());
    v1::ModelFunction* function = response->mutable_model()->add_functions();
    function->set_name("models/m/functions/fix");
    function->set_scale(0.5);
    function->add_capabilities("x");
    return grpc::Status::OK;
  };
  intelligence::ImportModelRequest request = {
      .path = base,
      .name = "m",
      .functions = {{.name = "fix", .path = adapter, .scale = 0.5, .capabilities = {"x"}}}};
  auto model = Connect().ImportModel(request);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(received, ElementsAre(HasSubstr("header { name: \"m\""), HasSubstr("chunk: \"base\""),
                                    HasSubstr("function { name: \"fix\" size_bytes: 7 scale: 0.5"),
                                    HasSubstr("chunk: \"adapter\"")));
  ASSERT_EQ(model->functions.size(), 1u);
  EXPECT_EQ(model->functions[0].name, "models/m/functions/fix");
  EXPECT_EQ(model->functions[0].scale, 0.5);
  EXPECT_THAT(model->functions[0].capabilities, ElementsAre("x"));
  received.clear();
  request.path.clear();
  ASSERT_TRUE(Connect().ImportModel(request).ok());
  EXPECT_THAT(received, ElementsAre(HasSubstr("function { model: \"m\" name: \"fix\""),
                                    HasSubstr("chunk: \"adapter\"")));
  request.functions[0].path = daemon_.folder() + "/none.gguf";
  EXPECT_FALSE(Connect().ImportModel(request).ok());
  EXPECT_FALSE(Connect().ImportModel({.name = "m"}).ok());
}

TEST_F(SdkTest, ImportStopsSendingWhenTheDaemonRefuses) {
  const std::string file = daemon_.folder() + "/model.gguf";
  std::ofstream(file) << std::string(20 << 20, 'x');
  daemon_.scripts.import = [&](grpc::ServerReader<v1::ImportModelRequest>* reader,
                               v1::ImportModelResponse*) {
    v1::ImportModelRequest message;
    reader->Read(&message);
    return StatusToGrpc(MakeError(Reason::kModelBusy, "The name is taken."));
  };
  const absl::Status status = Connect().ImportModel({.path = file, .name = "stories"}).status();
  EXPECT_EQ(intelligence::ErrorReason(status), "MODEL_BUSY");
}

TEST_F(SdkTest, ImportNamesTheFileThatCannotBeRead) {
  const Client client = Connect();
  const absl::Status missing =
      client.ImportModel({.path = daemon_.folder() + "/none", .name = "x"}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("/none"));
  EXPECT_EQ(client.ImportModel({.path = daemon_.folder(), .name = "x"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SdkTest, UnknownEnumerationValuesBecomeUnspecified) {
  daemon_.scripts.get_model = [](const v1::GetModelRequest&, v1::Model* model) {
    model->set_state(static_cast<v1::ModelState>(99));
    return grpc::Status::OK;
  };
  auto model = Connect().GetModel("x");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->state, intelligence::ModelState::kUnspecified);
}

TEST_F(SdkTest, WatchesModels) {
  daemon_.scripts.watch_models = [](grpc::ServerContext*, const v1::WatchModelsRequest&,
                                    grpc::ServerWriter<v1::WatchModelsResponse>* writer) {
    v1::WatchModelsResponse change;
    change.mutable_model()->set_name("models/a");
    writer->Write(change);
    change.set_removed(true);
    writer->Write(change);
    return grpc::Status::OK;
  };
  auto stream = Connect().WatchModels();
  EXPECT_FALSE(stream.Next()->removed);
  EXPECT_TRUE(stream.Next()->removed);
  EXPECT_FALSE(stream.Next().has_value());
}

TEST_F(SdkTest, ManyThreadsShareAClient) {
  ScriptGeneration();
  const Client client = Connect();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&client, &good] {
      for (int call = 0; call < 5; ++call) {
        if (client.GenerateText({.input = ""}).ok()) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
}

TEST(SocketPathTest, PrefersTheVariableThenTheUsersThenTheSystems) {
  FakeDaemon daemon;
  const char* const names[] = {"INTELLIGENCED_SOCKET", "XDG_RUNTIME_DIR"};
  std::vector<std::optional<std::string>> before;
  for (const char* name : names) {
    const char* value = std::getenv(name);
    before.push_back(value == nullptr ? std::nullopt : std::optional<std::string>(value));
  }
  setenv("INTELLIGENCED_SOCKET", "/named/socket", 1);
  EXPECT_EQ(intelligence::DefaultSocketPath(), "/named/socket");
  unsetenv("INTELLIGENCED_SOCKET");
  const std::string user = daemon.folder() + "/intelligenced/intelligenced.sock";
  std::filesystem::create_directories(daemon.folder() + "/intelligenced");
  std::ofstream(user) << "";
  setenv("XDG_RUNTIME_DIR", daemon.folder().c_str(), 1);
  EXPECT_EQ(intelligence::DefaultSocketPath(), user);
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].has_value()) {
      setenv(names[i], before[i]->c_str(), 1);
    } else {
      unsetenv(names[i]);
    }
  }
}

}  // namespace
}  // namespace intelligenced
