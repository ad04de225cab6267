// AnalyzeImage through the SDK, against a server with scripted answers.
#include <intelligence/client.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligence {
namespace {

namespace v1 = ::intelligence::v1;

class SdkVisionTest : public testing::Test {
 protected:
  Client Connect() { return *Client::Connect({.socket_path = daemon_.socket_path()}); }

  intelligenced::FakeDaemon daemon_;
};

TEST_F(SdkVisionTest, ResultsAreInTheOrderOfTheRequests) {
  v1::AnalyzeImageRequest asked;
  daemon_.scripts.analyze = [&](grpc::ServerContext*, const v1::AnalyzeImageRequest& request,
                                grpc::ServerWriter<v1::AnalyzeImageResponse>* writer) {
    asked = request;
    v1::AnalyzeImageResponse event;
    event.mutable_image()->set_width(640);
    writer->Write(event);
    event.mutable_result()->set_request_index(2);  // of a kind that nobody knows yet
    writer->Write(event);
    event.mutable_result()->set_request_index(1);
    event.mutable_result()->mutable_regions()->add_regions()->mutable_box()->set_width(0.5F);
    writer->Write(event);
    event.mutable_result()->set_request_index(0);
    event.mutable_result()->mutable_text()->set_text("Read");
    writer->Write(event);
    event.mutable_completed()->set_decodes(1);
    writer->Write(event);
    return grpc::Status::OK;
  };
  AnalyzeImageRequest request;
  request.image.pixels = PixelBuffer{
      .format = PixelFormat::kNv12, .width = 2, .height = 2, .stride = 4, .data = "abcdefgh"};
  request.image.orientation = ImageOrientation::kLeft;
  request.requests = {{.kind = RecognizeText{.languages = {"de"}}},
                      {.kind = DetectRectangles{.min_size = 0.25F},
                       .region_of_interest = Rect{.x = 0.5F, .y = 0, .width = 0.5F, .height = 1},
                       .min_confidence = 0.5F,
                       .max_results = 3},
                      {.kind = DetectHorizon{}}};
  std::vector<size_t> events;
  const absl::StatusOr<AnalyzeImageResult> result = Connect().AnalyzeImage(
      request, {.model = "vision-classic"},
      [&](const AnalyzeImageEvent& event) { events.push_back(event.index()); });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(events, (std::vector<size_t>{3, 4, 4, 4, 5}));
  EXPECT_EQ(result->image.width, 640);
  EXPECT_EQ(result->decodes, 1);
  ASSERT_EQ(result->results.size(), 3);
  EXPECT_EQ(std::get<RecognizedText>(result->results[0].kind).text, "Read");
  const Region& region = std::get<Regions>(result->results[1].kind).regions.at(0);
  EXPECT_EQ(region.corners.top_right.x, 0.5F);  // the box's, where there are no others
  EXPECT_TRUE(std::holds_alternative<std::monostate>(result->results[2].kind));

  EXPECT_EQ(asked.image().pixels().format(), v1::PIXEL_FORMAT_NV12);
  EXPECT_EQ(asked.image().pixels().stride(), 4);
  EXPECT_EQ(asked.image().orientation(), v1::IMAGE_ORIENTATION_LEFT);
  EXPECT_EQ(asked.requests(0).recognize_text().languages(0), "de");
  EXPECT_EQ(asked.requests(1).detect_rectangles().min_size(), 0.25F);
  EXPECT_EQ(asked.requests(1).region_of_interest().x(), 0.5F);
  EXPECT_EQ(asked.requests(1).max_results(), 3);
  EXPECT_EQ(asked.options().model(), "vision-classic");
}

TEST_F(SdkVisionTest, WhatNetworksAnswerIsTyped) {
  std::vector<v1::VisionRequest::KindCase> asked;
  daemon_.scripts.analyze = [&](grpc::ServerContext*, const v1::AnalyzeImageRequest& request,
                                grpc::ServerWriter<v1::AnalyzeImageResponse>* writer) {
    for (const v1::VisionRequest& one : request.requests()) asked.push_back(one.kind_case());
    v1::AnalyzeImageResponse event;
    v1::VisionResult& result = *event.mutable_result();
    v1::Landmark& eye = *result.mutable_faces()->add_faces()->add_landmarks();
    eye.set_name("left_eye");
    eye.set_depth(0.25F);
    writer->Write(event);
    result.set_request_index(1);
    result.mutable_classifications()->add_classifications()->set_identifier("tabby");
    writer->Write(event);
    result.set_request_index(2);
    v1::Pose& hand = *result.mutable_poses()->add_poses();
    hand.set_chirality("right");
    hand.set_confidence(0.5F);
    hand.mutable_box()->set_width(0.75F);
    hand.add_joints()->set_name("wrist");
    writer->Write(event);
    result.set_request_index(4);
    v1::Heatmap& mask = *result.mutable_segmentation()->mutable_mask();
    mask.set_width(2);
    mask.set_height(1);
    mask.set_values(std::string("\x00\xff", 2));
    writer->Write(event);
    event.mutable_completed()->set_decodes(1);
    writer->Write(event);
    return grpc::Status::OK;
  };
  AnalyzeImageRequest request;
  request.image.encoded = "picture";
  request.requests = {{.kind = DetectFaceLandmarks{}},
                      {.kind = ClassifyImage{}},
                      {.kind = DetectHumanHandPose{}},
                      {.kind = DetectHumanBodyPose{}},
                      {.kind = GeneratePersonSegmentation{}}};
  const absl::StatusOr<AnalyzeImageResult> result = Connect().AnalyzeImage(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(
      asked,
      (std::vector{v1::VisionRequest::kDetectFaceLandmarks, v1::VisionRequest::kClassifyImage,
                   v1::VisionRequest::kDetectHumanHandPose, v1::VisionRequest::kDetectHumanBodyPose,
                   v1::VisionRequest::kGeneratePersonSegmentation}));
  const auto& faces = std::get<Faces>(result->results[0].kind).faces;
  EXPECT_EQ(faces.at(0).landmarks.at(0).name, "left_eye");
  EXPECT_EQ(faces.at(0).landmarks.at(0).depth, 0.25F);
  EXPECT_EQ(std::get<Classifications>(result->results[1].kind).classifications.at(0).identifier,
            "tabby");
  const Pose& hand = std::get<Poses>(result->results[2].kind).poses.at(0);
  EXPECT_EQ(hand.chirality, "right");
  EXPECT_EQ(hand.confidence, 0.5F);
  EXPECT_EQ(hand.box.width, 0.75F);
  EXPECT_EQ(hand.joints.at(0).name, "wrist");
  const Heatmap& mask = std::get<PersonSegmentation>(result->results[4].kind).mask;
  EXPECT_EQ(mask.width, 2);
  EXPECT_EQ(mask.values, std::string("\x00\xff", 2));
}

// Where the daemon takes no descriptors.
TEST_F(SdkVisionTest, AttachmentsBecomeBytes) {
  v1::AnalyzeImageRequest asked;
  daemon_.scripts.analyze = [&](grpc::ServerContext*, const v1::AnalyzeImageRequest& request,
                                grpc::ServerWriter<v1::AnalyzeImageResponse>* writer) {
    asked = request;
    v1::AnalyzeImageResponse event;
    event.mutable_completed();
    writer->Write(event);
    return grpc::Status::OK;
  };
  const Client client = Connect();
  const intelligenced::TemporaryFolder folder;
  const std::string path = folder / "attachment";
  std::ofstream(path) << "file's bytes";
  absl::StatusOr<VisionImage> image = VisionImage::FromFile(path);
  ASSERT_TRUE(image.ok()) << image.status();
  // Several requests with one descriptor, whose position does not matter.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.AnalyzeImage({.image = *image}).ok());
    EXPECT_EQ(asked.image().encoded(), "file's bytes");
    EXPECT_EQ(asked.image().attachment(), "");
  }
  image = VisionImage::FromDescriptor(image->attachment->descriptor());
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_TRUE(client.AnalyzeImage({.image = *image}).ok());
  EXPECT_EQ(asked.image().encoded(), "file's bytes");

  absl::StatusOr<SharedMemory> memory = SharedMemory::Make(4);
  ASSERT_TRUE(memory.ok()) << memory.status();
  std::memcpy(memory->data(), "1234", 4);
  image = VisionImage::FromSharedMemory(
      *std::move(memory), {.format = PixelFormat::kGrey, .width = 2, .height = 2, .data = "x"});
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_TRUE(client.AnalyzeImage({.image = *image}).ok());
  EXPECT_EQ(asked.image().pixels().data(), "1234");
  EXPECT_EQ(asked.image().pixels().width(), 2);

  // An empty file is the daemon's to refuse.
  std::ofstream(path, std::ios::trunc).flush();
  image = VisionImage::FromFile(path);
  ASSERT_TRUE(image.ok());
  ASSERT_TRUE(client.AnalyzeImage({.image = *image}).ok());
  EXPECT_TRUE(asked.image().has_encoded());
  EXPECT_EQ(asked.image().encoded(), "");
}

TEST(AttachmentTest, WhatCannotBeOpenedSaysWhy) {
  EXPECT_TRUE(absl::IsNotFound(VisionImage::FromFile("/no/such/file").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(VisionImage::FromFile("/tmp").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(VisionImage::FromDescriptor(-1).status()));
}

TEST(SharedMemoryTest, IsSealedOnce) {
  absl::StatusOr<SharedMemory> memory = SharedMemory::Make(10);
  ASSERT_TRUE(memory.ok());
  SharedMemory moved = *std::move(memory);
  EXPECT_EQ(moved.size(), 10);
  moved.data()[9] = 1;
  EXPECT_TRUE(std::move(moved).Seal().ok());
  EXPECT_FALSE(std::move(moved).Seal().ok());  // NOLINT(bugprone-use-after-move)
}

TEST_F(SdkVisionTest, AStreamEndsWithCompleted) {
  daemon_.scripts.analyze = [](grpc::ServerContext*, const v1::AnalyzeImageRequest&,
                               grpc::ServerWriter<v1::AnalyzeImageResponse>* writer) {
    v1::AnalyzeImageResponse event;
    event.mutable_progress()->set_total(1000);
    writer->Write(event);
    event.mutable_completed()->set_decodes(2);
    writer->Write(event);
    return grpc::Status::OK;
  };
  Client client = Connect();
  Stream<AnalyzeImageEvent> stream = client.StreamAnalyzeImage({});
  EXPECT_TRUE(std::holds_alternative<WorkProgress>(*stream.Next()));
  EXPECT_EQ(std::get<AnalyzeImageCompleted>(*stream.Next()).decodes, 2);
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_TRUE(stream.status().ok());
}

TEST(FeaturePrintTest, DistanceIsEuclidean) {
  const FeaturePrint a = {.kind = "x-1", .values = {0, 0, 1}};
  EXPECT_EQ(Distance(a, a), 0);
  EXPECT_EQ(Distance(a, {.kind = "x-1", .values = {3, 4, 1}}), 5);
  EXPECT_EQ(Distance(a, {.kind = "x-2", .values = {3, 4, 1}}), std::nullopt);
  EXPECT_EQ(Distance(a, {.kind = "x-1", .values = {3}}), std::nullopt);
}

}  // namespace
}  // namespace intelligence
