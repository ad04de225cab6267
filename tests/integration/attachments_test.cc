// Pictures that come as descriptors, through a real daemon to a real worker. The fake engine gives
// a picture's bytes back as the text in it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "clients/cpp/src/attachment_channel.h"
#include "intelligence/client.h"
#include "protos/intelligence/v1/vision.grpc.pb.h"
#include "protos/support/attachment_frame.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/integration/daemon_process.h"
#include "tests/integration/test_client.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

#ifdef INTELLIGENCED_SANITIZER
constexpr int kRequests = 200;
#else
constexpr int kRequests = 1000;
#endif

using intelligence::Attachment;

Attachment Sealed(const std::string& text) {
  absl::StatusOr<intelligence::SharedMemory> memory = intelligence::SharedMemory::Make(text.size());
  EXPECT_TRUE(memory.ok()) << memory.status();
  memcpy(memory->data(), text.data(), text.size());
  return *(*std::move(memory)).Seal();
}

class AttachmentsTest : public ::testing::Test {
 protected:
  AttachmentsTest() {
    sandbox_.AddModel("reader", {});
    // A second until its first word.
    sandbox_.AddModel("slow-reader", {{"unit_us", "1000000"}}, -1);
    sandbox_.SetConfig("[daemon]\nactivity_records = 100\n");
    daemon_ = std::make_unique<DaemonProcess>(sandbox_);
    EXPECT_TRUE(daemon_->ready()) << daemon_->Log();
    client_ = std::make_unique<TestClient>(sandbox_.socket());
    vision_ = api::VisionService::NewStub(client_->channel);
    channel_ = std::make_unique<intelligence::AttachmentChannel>(socket());
  }
  std::string socket() const { return AttachmentSocketPath(sandbox_.socket()); }

  api::AnalyzeImageRequest Request(const std::string& token, const std::string& model = "reader") {
    api::AnalyzeImageRequest request;
    request.mutable_image()->set_attachment(token);
    request.add_requests()->mutable_recognize_text();
    request.mutable_options()->set_model(model);
    return request;
  }
  // The text, or what went wrong.
  absl::StatusOr<std::string> Read(const api::AnalyzeImageRequest& request) {
    grpc::ClientContext context;
    const auto reader = vision_->AnalyzeImage(&context, request);
    std::string text;
    api::AnalyzeImageResponse response;
    while (reader->Read(&response)) text += response.result().text().text();
    const absl::Status status = StatusFromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return text;
  }
  std::string Token(const Attachment& attachment) {
    api::VisionImage image;
    const absl::Status status = channel_->Attach(attachment, &image);
    EXPECT_TRUE(status.ok()) << status;
    return image.attachment();
  }
  absl::StatusOr<std::string> ReadAttached(const Attachment& attachment,
                                           const std::string& model = "reader") {
    return Read(Request(Token(attachment), model));
  }
  std::string MakeFile(const std::string& content) {
    const std::string path = sandbox_.folder() + "/picture";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  Sandbox sandbox_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<TestClient> client_;
  std::unique_ptr<api::VisionService::Stub> vision_;
  std::unique_ptr<intelligence::AttachmentChannel> channel_;
};

TEST_F(AttachmentsTest, TheSocketIsBesideTheOtherWithTheSameMode) {
  struct stat first{}, second{};
  ASSERT_EQ(stat(sandbox_.socket().c_str(), &first), 0);
  ASSERT_EQ(stat(socket().c_str(), &second), 0);
  EXPECT_TRUE(S_ISSOCK(second.st_mode));
  EXPECT_EQ(first.st_mode, second.st_mode);
  EXPECT_EQ(first.st_uid, second.st_uid);
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->WaitForExit(), 0);
  EXPECT_NE(stat(socket().c_str(), &second), 0);
}

TEST_F(AttachmentsTest, FilesAndMemoryReachTheWorker) {
  const std::string large(5'000'000, 'm');
  EXPECT_EQ(ReadAttached(Sealed(large)).value_or("-"), large);
  const std::string path = MakeFile("in a file");
  const Attachment file = *Attachment::FromFile(path);
  EXPECT_EQ(ReadAttached(file).value_or("-"), "in a file");
  // What becomes of the file after it was handed over does not matter.
  const std::string token = Token(file);
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  EXPECT_EQ(Read(Request(token)).value_or("-"), "in a file");
}

TEST_F(AttachmentsTest, TheSdkHandsOverFilesDescriptorsAndMemory) {
  const auto client = intelligence::Client::Connect({.socket_path = sandbox_.socket()});
  ASSERT_TRUE(client.ok()) << client.status();
  const auto read = [&](const absl::StatusOr<intelligence::VisionImage>& image) -> std::string {
    if (!image.ok()) return std::string(image.status().message());
    const auto result = client->AnalyzeImage(
        {.image = *image, .requests = {{.kind = intelligence::RecognizeText{}}}},
        {.model = "reader"});
    if (!result.ok()) return std::string(result.status().message());
    return std::get<intelligence::RecognizedText>(result->results.at(0).kind).text;
  };
  const std::string path = MakeFile("in a file");
  EXPECT_EQ(read(intelligence::VisionImage::FromFile(path)), "in a file");
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(read(intelligence::VisionImage::FromDescriptor(file.get())), "in a file");
  const auto memory_of = [](size_t size) {
    auto memory = intelligence::SharedMemory::Make(size);
    EXPECT_TRUE(memory.ok()) << memory.status();
    memset(memory->data(), 'm', size);
    return *std::move(memory);
  };
  const intelligence::PixelBuffer layout = {
      .format = intelligence::PixelFormat::kGrey, .width = 300, .height = 200};
  EXPECT_EQ(read(intelligence::VisionImage::FromSharedMemory(memory_of(60'000), layout)),
            std::string(60'000, 'm'));

  // More than any message may hold, and than the bytes of a client's unfinished requests: it is the
  // app's own memory.
  const auto large = intelligence::VisionImage::FromSharedMemory(
      memory_of(size_t{100} << 20),
      {.format = intelligence::PixelFormat::kGrey, .width = 10240, .height = 10240});
  ASSERT_TRUE(large.ok()) << large.status();
  for (int i = 0; i < 3; ++i) {
    const auto result = client->AnalyzeImage(
        {.image = *large, .requests = {{.kind = intelligence::DetectRectangles{}}}},
        {.model = "reader"});
    EXPECT_TRUE(result.ok()) << result.status();
  }
  // Two of them are with the daemon at a time; the last request's may be for a moment longer.
  int held = 0;
  api::VisionImage image;
  EXPECT_TRUE(Eventually([&] {
    held += channel_->Attach(*large->attachment, &image).ok() ? 1 : 0;
    return held == 2;
  }));
  EXPECT_TRUE(
      HasReason(channel_->Attach(*large->attachment, &image), Reason::kClientQuotaExceeded));
}

TEST_F(AttachmentsTest, ATokenIsGoodOnce) {
  const std::string token = Token(Sealed("picture"));
  EXPECT_EQ(Read(Request(token)).value_or("-"), "picture");
  for (const std::string& bad : {token, std::string("nonsense"), std::string(32, '0')}) {
    const absl::Status status = Read(Request(bad)).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_EQ(FactsOf(status).field, "image.attachment");
  }
}

TEST_F(AttachmentsTest, AnotherAppsTokenIsNone) {
  const std::string command =
      BuildPath("bin/integration_client") + " --hand-over " + sandbox_.socket();
  FILE* const pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string token(64, '\0');
  token.resize(fread(token.data(), 1, token.size(), pipe));
  ASSERT_EQ(pclose(pipe), 0);
  ASSERT_EQ(token.size(), 32u);
  const absl::Status status = Read(Request(token)).status();
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
}

TEST_F(AttachmentsTest, AnAppHasNoMoreThanItsShare) {
  const Attachment picture = Sealed("picture");
  std::vector<std::string> tokens;
  absl::Status status;
  while (tokens.size() < 100) {
    api::VisionImage image;
    status = channel_->Attach(picture, &image);
    if (!status.ok()) break;
    tokens.push_back(image.attachment());
  }
  EXPECT_EQ(tokens.size(), 32u);
  EXPECT_TRUE(HasReason(status, Reason::kClientQuotaExceeded)) << status;
  EXPECT_EQ(Read(Request(tokens[0])).value_or("-"), "picture");
  // When that request is over, which its client may hear of first.
  EXPECT_TRUE(Eventually([&] {
    api::VisionImage image;
    return channel_->Attach(picture, &image).ok();
  }));
}

TEST_F(AttachmentsTest, WhatARequestLooksAtCountsUntilItsEnd) {
  const Attachment picture = Sealed("picture");
  for (int i = 0; i < 31; ++i) Token(picture);
  absl::StatusOr<std::string> text;
  std::thread call([&, token = Token(picture)] { text = Read(Request(token, "slow-reader")); });
  EXPECT_TRUE(
      client_->WaitForStatus([](const api::SystemStatus& status) { return Running(status) == 1; }));
  api::VisionImage image;
  const absl::Status status = channel_->Attach(picture, &image);
  EXPECT_TRUE(HasReason(status, Reason::kClientQuotaExceeded)) << status;
  EXPECT_TRUE(FactsOf(status).retry_delay.has_value());
  call.join();
  EXPECT_EQ(text.value_or("-"), "picture");
  EXPECT_TRUE(Eventually([&] { return channel_->Attach(picture, &image).ok(); }));
}

TEST_F(AttachmentsTest, AWorkerThatDiesIsReplacedAndGetsTheDescriptorToo) {
  ASSERT_TRUE(client_->Load("slow-reader").ok());
  const pid_t worker = client_->WorkerOf("slow-reader");
  ASSERT_GT(worker, 0);
  const std::string token = Token(Sealed("in spite of all"));
  absl::StatusOr<std::string> text;
  std::thread call([&] { text = Read(Request(token, "slow-reader")); });
  EXPECT_TRUE(
      client_->WaitForStatus([](const api::SystemStatus& status) { return Running(status) == 1; }));
  kill(worker, SIGKILL);
  call.join();
  EXPECT_EQ(text.value_or(std::string(text.status().message())), "in spite of all");
  EXPECT_NE(client_->WorkerOf("slow-reader"), worker);
}

TEST_F(AttachmentsTest, NothingIsLeftOpen) {
  const std::string picture(100'000, 'p');
  const Attachment memory = Sealed(picture);
  const Attachment file = *Attachment::FromFile(MakeFile(picture));
  const auto some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(ReadAttached(i % 4 == 0 ? file : memory).value_or("-"), picture);
    }
  };
  some(20);
  const pid_t worker = client_->WorkerOf("reader");
  const size_t descriptors = daemon_->CountDescriptors();
  const size_t of_worker = CountDescriptorsOf(worker);
  some(kRequests);
  printf("%d requests: descriptors of the daemon %zu -> %zu, of the worker %zu -> %zu\n", kRequests,
         descriptors, daemon_->CountDescriptors(), of_worker, CountDescriptorsOf(worker));
  EXPECT_TRUE(Eventually([&] { return daemon_->CountDescriptors() <= descriptors; }));
  EXPECT_TRUE(Eventually([&] { return CountDescriptorsOf(worker) <= of_worker; }));
  EXPECT_EQ(client_->WorkerOf("reader"), worker);
}

TEST_F(AttachmentsTest, ThousandsOfConnectionsThatSayNothingHarmNobody) {
  const size_t before = daemon_->CountDescriptors();
  {
    std::vector<UniqueFd> connections;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, socket().data(), socket().size());
    for (int i = 0; i < 2000; ++i) {
      UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (!fd.valid()) break;
      if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        continue;
      }
      // Most are closed by the daemon at once: they need not stay open here.
      if (connections.size() < 400) connections.push_back(std::move(fd));
    }
    // Bytes still come.
    api::AnalyzeImageRequest request = Request("");
    request.mutable_image()->set_encoded("bytes");
    EXPECT_EQ(Read(request).value_or("-"), "bytes");
    EXPECT_LE(daemon_->CountDescriptors(), before + 400);
  }
  EXPECT_TRUE(Eventually([&] {
    api::VisionImage image;
    return channel_->Attach(Sealed("after"), &image).ok() && !image.attachment().empty();
  }));
}

}  // namespace
}  // namespace intelligenced
