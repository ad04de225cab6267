// Pictures that are made, through a real daemon and real (fake-engine) workers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "intelligence/image_generation.h"
#include "tests/integration/daemon_process.h"
#include "tests/integration/test_client.h"

namespace intelligenced {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using intelligence::GenerateImageResult;
using intelligence::ImageGenerator;

class ImagesTest : public ::testing::Test {
 protected:
  ImagesTest() {
    sandbox_.AddModel("painter", {{"fail_word", "unlucky"}, {"crash_word", "cursed"}}, 10);
    // Two seconds for 40 steps.
    sandbox_.AddModel("slow-painter", {{"unit_us", "50000"}});
  }
  void Start(const std::string& config = "[daemon]\nactivity_records = 100\n") {
    sandbox_.SetConfig(config);
    daemon_ = std::make_unique<DaemonProcess>(sandbox_);
    ASSERT_TRUE(daemon_->ready()) << daemon_->Log();
    client_ = std::make_unique<TestClient>(sandbox_.socket());
    absl::StatusOr<intelligence::Client> sdk =
        intelligence::Client::Connect({.socket_path = sandbox_.socket()});
    ASSERT_TRUE(sdk.ok()) << sdk.status();
    generator_ = std::make_unique<ImageGenerator>(*sdk);
  }
  absl::StatusOr<GenerateImageResult> Draw(const std::string& prompt, const std::string& model) {
    return generator_->Generate({.prompt = prompt, .steps = 40, .seed = 3}, {.model = model});
  }

  Sandbox sandbox_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<TestClient> client_;
  std::unique_ptr<ImageGenerator> generator_;
};

TEST_F(ImagesTest, SourceAndMaskGoAsDescriptors) {
  Start();
  const std::string path = sandbox_.folder() + "/picture";
  std::ofstream(path, std::ios::binary) << std::string(300'000, 'p');
  const absl::StatusOr<intelligence::VisionImage> file = intelligence::VisionImage::FromFile(path);
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::StatusOr<GenerateImageResult> result = generator_->Generate(
      {.prompt = "a car", .source_image = *file, .mask = *file, .seed = 1}, {.model = "painter"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->images.at(0).data, HasSubstr("strength: 0.8"));
  std::ofstream(path, std::ios::binary) << "bad picture";
  const auto bad = intelligence::VisionImage::FromFile(path);
  EXPECT_EQ(intelligence::ErrorReason(
                generator_->Generate({.prompt = "x", .source_image = *bad}, {.model = "painter"})
                    .status()),
            "IMAGE_UNDECODABLE");
}

TEST_F(ImagesTest, WhatIsDrawnIsNeverLogged) {
  Start("[daemon]\nactivity_records = 100\n[logging]\nlevel = \"debug\"\n");
  EXPECT_TRUE(Draw("a secret garden", "painter").ok());
  EXPECT_EQ(intelligence::ErrorReason(Draw("an unlucky secret", "painter").status()),
            "ENGINE_FAILURE");
  EXPECT_EQ(intelligence::ErrorReason(Draw("a cursed secret", "painter").status()), "WORKER_LOST");
  EXPECT_FALSE(
      generator_->Generate({.prompt = "a secret", .style = "secret style"}, {.model = "painter"})
          .ok());
  EXPECT_FALSE(generator_->Generate({.prompt = std::string(20'000, 's') + "secret"}).ok());
  grpc::ClientContext context;
  api::ListActivityResponse activity;
  ASSERT_TRUE(client_->system->ListActivity(&context, {}, &activity).ok());
  EXPECT_GE(activity.records_size(), 5);
  EXPECT_THAT(activity.ShortDebugString(), Not(HasSubstr("secret")));
  EXPECT_THAT(daemon_->Log(), Not(HasSubstr("secret")));
}

TEST_F(ImagesTest, AWorkerKilledInTheMiddleOfADrawingIsMadeUpFor) {
  Start();
  const absl::StatusOr<GenerateImageResult> undisturbed = Draw("a tree", "slow-painter");
  ASSERT_TRUE(undisturbed.ok()) << undisturbed.status();
  const pid_t worker = client_->WorkerOf("slow-painter");
  ASSERT_GT(worker, 0);
  bool killed = false;
  const absl::StatusOr<GenerateImageResult> result =
      generator_->Generate({.prompt = "a tree", .steps = 40, .seed = 3}, {.model = "slow-painter"},
                           {.on_progress = [&](const intelligence::ImageProgress& progress) {
                             if (progress.step >= 3 && !std::exchange(killed, true))
                               kill(worker, SIGKILL);
                           }});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(killed);
  EXPECT_EQ(result->images.at(0).data, undisturbed->images.at(0).data);
}

TEST_F(ImagesTest, CancellingFreesTheModel) {
  Start();
  const intelligence::Cancellation cancellation;
  const absl::StatusOr<GenerateImageResult> result = generator_->Generate(
      {.prompt = "x", .steps = 1000}, {.model = "slow-painter", .cancellation = cancellation},
      {.on_progress = [&](const intelligence::ImageProgress&) { cancellation.Cancel(); }});
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
  EXPECT_TRUE(client_->WaitForStatus([](const api::SystemStatus& status) {
    return Running(status) == 0 && status.resident_models(0).leases() == 0;
  }));
}

// Two models of which the ceiling has room for one.
TEST_F(ImagesTest, TheIdleOneLeavesTheBusyOneNeverAndNoRequestFailsThatCanWait) {
  sandbox_.AddModel("talker", {{"reply", "said"}, {"resident_mb", "300"}});
  sandbox_.AddModel("painter", {{"unit_us", "50000"}, {"resident_mb", "300"}});
  Start("[memory]\nceiling = \"500 MiB\"\n");
  // Once each, so that what they take is known.
  for (const char* const model : {"talker", "painter"}) {
    ASSERT_TRUE(client_->Load(model).ok());
    grpc::ClientContext context;
    api::UnloadModelRequest request;
    request.set_name(std::string("models/") + model);
    api::Model unloaded;
    ASSERT_TRUE(client_->models->UnloadModel(&context, request, &unloaded).ok());
  }
  ASSERT_TRUE(Generate(*client_, "talker").ok());
  EXPECT_GT(client_->WorkerOf("talker"), 0);
  std::thread asks;
  absl::Status asked;
  std::string text;
  const absl::StatusOr<GenerateImageResult> result = generator_->Generate(
      {.prompt = "x", .steps = 40}, {.model = "painter"},
      {.on_progress = [&](const intelligence::ImageProgress& progress) {
        if (progress.step == 1) {
          // The idle one has left for it; now the other is asked, while this one is busy.
          EXPECT_EQ(client_->WorkerOf("talker"), 0);
          asks = std::thread([&] { asked = Generate(*client_, "talker", &text); });
        }
      }});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(asks.joinable());
  asks.join();
  EXPECT_TRUE(asked.ok()) << asked;
  EXPECT_EQ(text, "said");
  EXPECT_EQ(client_->WorkerOf("painter"), 0) << "it was idle by then";
}

}  // namespace
}  // namespace intelligenced
