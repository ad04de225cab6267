// Streams of frames through the SDK, against a server with scripted answers.
#include <intelligence/frames.h>

#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligence {
namespace {

namespace v1 = ::intelligence::v1;
using ServerStream = grpc::ServerReaderWriter<v1::AnalyzeFramesResponse, v1::AnalyzeFramesRequest>;

class SdkFramesTest : public testing::Test {
 protected:
  SdkFramesTest() {
    // Answers every frame until the half-close.
    daemon_.scripts.frames = [this](ServerStream* stream) {
      v1::AnalyzeFramesRequest request;
      uint64_t frames = 0;
      while (stream->Read(&request)) {
        asked_.push_back(request);
        if (!request.has_frame()) continue;
        v1::AnalyzeFramesResponse response;
        response.mutable_frame()->set_frame(frames++);
        *response.mutable_frame()->mutable_time() = request.frame().time();
        response.mutable_frame()->mutable_image()->set_width(640);
        Fill(response.mutable_frame());
        stream->Write(response);
      }
      v1::AnalyzeFramesResponse response;
      response.mutable_dropped()->set_first_frame(7);
      response.mutable_dropped()->set_count(2);
      response.mutable_dropped()->set_dropped_frames(2);
      stream->Write(response);
      response.mutable_completed()->set_analyzed_frames(frames);
      response.mutable_completed()->set_dropped_frames(2);
      response.mutable_completed()->mutable_usage()->set_model("models/eyes");
      stream->Write(response);
      return grpc::Status::OK;
    };
  }

  static void Fill(v1::FrameResults* frame) {
    v1::VisionResult* result = frame->add_results();
    result->set_model("models/eyes");
    result->mutable_tracked_object()->mutable_box()->set_width(0.25F);
    result->mutable_tracked_object()->set_lost(true);
    result = frame->add_results();
    result->set_request_index(1);
    result->mutable_tracked_rectangle()->mutable_corners()->mutable_top_right()->set_x(0.5F);
    result->mutable_tracked_rectangle()->set_confidence(0.75F);
    result = frame->add_results();
    result->mutable_optical_flow()->set_width(1);
    result->mutable_optical_flow()->set_height(2);
    for (const float value : {0.1F, 0.2F, 0.3F, 0.4F}) {
      result->mutable_optical_flow()->add_displacements(value);
    }
    result = frame->add_results();
    for (int i = 0; i < 9; ++i) {
      result->mutable_image_alignment()->add_transform(i % 4 == 0 ? 1 : i == 2 ? 0.5F : 0);
    }
    frame->add_results()->mutable_image_alignment()->set_confidence(0.1F);
    frame->set_dropped_frames(1);
  }

  Client Connect() { return *Client::Connect({.socket_path = daemon_.socket_path()}); }

  std::vector<v1::AnalyzeFramesRequest> asked_;
  intelligenced::FakeDaemon daemon_;
};

TEST_F(SdkFramesTest, WhatIsAskedAndAnsweredIsTyped) {
  FrameStream stream = FrameStream::Open(
      Connect(),
      {.requests = {{.kind =
                         TrackObject{.box = {.x = 0.1F, .y = 0.2F, .width = 0.3F, .height = 0.4F}},
                     .min_confidence = 0.5F},
                    {.kind = TrackRectangle{.corners = {.bottom_right = {0.5F, 1}}}},
                    {.kind = TrackOpticalFlow{.grid_side = 16}},
                    {.kind = TrackTranslationalImageRegistration{}},
                    {.kind = TrackHomographicImageRegistration{}}},
       .max_pending_frames = 3,
       .max_frame_age = absl::Milliseconds(250)},
      {.model = "eyes"});
  VideoFrame frame = {.time = absl::Seconds(4)};
  frame.image.encoded = "JPEG";
  EXPECT_EQ(stream.SendFrame(frame), SendResult::kTaken);
  const std::optional<AnalyzeFramesEvent> event = stream.Next();
  ASSERT_TRUE(event.has_value()) << stream.status();
  const auto& results = std::get<FrameResults>(*event);
  EXPECT_EQ(results.frame, 0);
  EXPECT_EQ(results.time, absl::Seconds(4));
  EXPECT_EQ(results.image.width, 640);
  EXPECT_EQ(results.dropped_frames, 1);
  ASSERT_EQ(results.results.size(), 5);
  EXPECT_EQ(std::get<TrackedObject>(results.results[0].kind).box.width, 0.25F);
  EXPECT_TRUE(std::get<TrackedObject>(results.results[0].kind).lost);
  EXPECT_EQ(std::get<TrackedRectangle>(results.results[1].kind).corners.top_right.x, 0.5F);
  EXPECT_EQ(results.results[1].request_index, 1);
  const auto& flow = std::get<OpticalFlow>(results.results[2].kind);
  ASSERT_EQ(flow.displacements.size(), 2);
  EXPECT_EQ(flow.displacements[1].y, 0.4F);
  const auto& moved = std::get<ImageAlignment>(results.results[3].kind);
  EXPECT_FLOAT_EQ(Mapped(moved, {0.25F, 0.5F})->x, 0.75F);
  const auto& nothing = std::get<ImageAlignment>(results.results[4].kind);
  EXPECT_FALSE(nothing.transform.has_value());
  EXPECT_FALSE(Mapped(nothing, {0, 0}).has_value());

  EXPECT_TRUE(stream.Change({.add = {{.kind = DetectBarcodes{}}}, .remove = {0, 2}}));
  EXPECT_TRUE(stream.Finish());
  EXPECT_EQ(stream.SendFrame(frame), SendResult::kEnded);
  EXPECT_EQ(std::get<FramesDropped>(*stream.Next()).count, 2);
  EXPECT_EQ(std::get<AnalyzeFramesCompleted>(*stream.Next()).usage.model, "models/eyes");
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_TRUE(stream.status().ok());

  ASSERT_EQ(asked_.size(), 3);
  const v1::AnalyzeFramesStart& start = asked_[0].start();
  ASSERT_EQ(start.requests_size(), 5);
  EXPECT_EQ(start.requests(0).track_object().box().height(), 0.4F);
  EXPECT_EQ(start.requests(0).min_confidence(), 0.5F);
  EXPECT_EQ(start.requests(1).track_rectangle().corners().bottom_right().y(), 1);
  EXPECT_EQ(start.requests(2).track_optical_flow().grid_side(), 16);
  EXPECT_TRUE(start.requests(3).has_track_translational_image_registration());
  EXPECT_TRUE(start.requests(4).has_track_homographic_image_registration());
  EXPECT_EQ(start.max_pending_frames(), 3);
  EXPECT_EQ(start.max_frame_age().nanos(), 250'000'000);
  EXPECT_EQ(start.options().model(), "eyes");
  EXPECT_EQ(asked_[1].frame().image().encoded(), "JPEG");
  EXPECT_TRUE(asked_[2].change().add(0).has_detect_barcodes());
  EXPECT_EQ(asked_[2].change().remove(1), 2);
}

TEST_F(SdkFramesTest, ABusyStreamSaysSo) {
  FrameStream stream = FrameStream::Open(Connect(), {.max_unanswered_frames = 2});
  EXPECT_EQ(stream.SendFrame({}), SendResult::kTaken);
  EXPECT_EQ(stream.SendFrame({}), SendResult::kTaken);
  EXPECT_EQ(stream.SendFrame({}), SendResult::kBusy);
  EXPECT_TRUE(stream.Next().has_value());
  EXPECT_EQ(stream.SendFrame({}), SendResult::kTaken);
  EXPECT_EQ(stream.SendFrame({}), SendResult::kBusy);
  stream.Cancel();
  while (stream.Next().has_value()) {
  }
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(SdkFramesTest, ARefusalIsTheStatus) {
  daemon_.scripts.frames = [](ServerStream*) {
    return intelligenced::StatusToGrpc(intelligenced::MakeError(
        intelligenced::Reason::kNoCapableModel, "Nobody can.",
        {.metadata = {}, .retry_delay = std::nullopt, .field = "start.requests[0]"}));
  };
  FrameStream stream = FrameStream::Open(Connect(), {});
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_TRUE(intelligenced::HasReason(stream.status(), intelligenced::Reason::kNoCapableModel))
      << stream.status();
  EXPECT_EQ(stream.SendFrame({}), SendResult::kEnded);
}

TEST_F(SdkFramesTest, WithoutADaemonNothingHangs) {
  const Client client = Connect();
  daemon_.Stop();
  FrameStream stream = FrameStream::Open(client, {});
  stream.SendFrame({});
  stream.Finish();
  while (stream.Next().has_value()) {
  }
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kUnavailable) << stream.status();
}

TEST_F(SdkFramesTest, AStreamThatIsDroppedIsCancelled) {
  std::atomic<bool> cancelled = false;
  daemon_.scripts.frames = [&](ServerStream* stream) {
    v1::AnalyzeFramesResponse response;
    response.mutable_model_loading();
    stream->Write(response);
    v1::AnalyzeFramesRequest request;
    while (stream->Read(&request)) {
    }
    cancelled = true;
    return grpc::Status::OK;
  };
  {
    FrameStream stream = FrameStream::Open(Connect(), {});
    stream.SendFrame({});
    EXPECT_TRUE(std::holds_alternative<ModelLoading>(*stream.Next()));
    const FrameStream moved = std::move(stream);
  }
  daemon_.Stop();
  EXPECT_TRUE(cancelled);
}

}  // namespace
}  // namespace intelligence
