// Videos that the test draws, through the SDK, a real daemon and the real worker. Started by
// run_with_daemon.py, which sets INTELLIGENCED_SOCKET.
#include <intelligence/frames.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/engines/vision/synthetic_video.h"

namespace intelligence {
namespace {

using intelligenced::Background;
using intelligenced::HasReason;
using intelligenced::kFrameHeight;
using intelligenced::kFrameWidth;
using intelligenced::Reason;
using intelligenced::Texture;

const cv::Rect2d kHome(100, 120, 80, 80);
const cv::Size kSize(kFrameWidth, kFrameHeight);

Client Connect() {
  absl::StatusOr<Client> client = Client::Connect();
  if (!client.ok()) {
    ADD_FAILURE() << client.status();
    std::abort();
  }
  return *std::move(client);
}

cv::Rect2d Right(double by) { return {kHome.x + by, kHome.y, kHome.width, kHome.height}; }

VideoFrame RawFrame(const cv::Mat& frame) {
  const cv::Mat whole = frame.clone();
  VideoFrame out;
  out.image.pixels =
      PixelBuffer{.format = PixelFormat::kGrey,
                  .width = static_cast<uint32_t>(whole.cols),
                  .height = static_cast<uint32_t>(whole.rows),
                  .data = {reinterpret_cast<const char*>(whole.data), whole.total()}};
  return out;
}

VideoFrame Shown(const cv::Rect2d& at) {
  cv::Mat frame = Background();
  intelligenced::Draw(Texture({80, 80}, 3, 2.5), intelligenced::CornersOf(at), &frame);
  return RawFrame(frame);
}

VisionRequest Tracker() {
  return {.kind = TrackObject{.box = {.x = static_cast<float>(kHome.x / kSize.width),
                                      .y = static_cast<float>(kHome.y / kSize.height),
                                      .width = static_cast<float>(kHome.width / kSize.width),
                                      .height = static_cast<float>(kHome.height / kSize.height)}}};
}

double OverlapOf(const VisionResult& result, const cv::Rect2d& truth) {
  const auto* found = std::get_if<TrackedObject>(&result.kind);
  if (found == nullptr || found->lost) return 0;
  intelligence::engine::v1::Rect box;
  box.set_x(found->box.x);
  box.set_y(found->box.y);
  box.set_width(found->box.width);
  box.set_height(found->box.height);
  return intelligenced::Overlap(box, truth, kSize);
}

// The next frame's results or drop; nothing at the end.
std::optional<AnalyzeFramesEvent> NextOf(FrameStream& stream) {
  while (std::optional<AnalyzeFramesEvent> event = stream.Next()) {
    if (!std::holds_alternative<Queued>(*event) && !std::holds_alternative<ModelLoading>(*event)) {
      return event;
    }
  }
  return std::nullopt;
}

FrameResults Ask(FrameStream& stream, const VideoFrame& frame) {
  EXPECT_EQ(stream.SendFrame(frame), SendResult::kTaken);
  const std::optional<AnalyzeFramesEvent> event = NextOf(stream);
  if (!event.has_value() || !std::holds_alternative<FrameResults>(*event)) {
    ADD_FAILURE() << "no results: " << stream.status();
    return {};
  }
  return std::get<FrameResults>(*event);
}

// Whether nobody holds a model any more, soon.
bool BecomesFree(const Client& client) {
  for (int i = 0; i < 2000; ++i) {
    const absl::StatusOr<SystemStatus> status = client.GetStatus();
    bool held = false;
    for (const auto& model : status->resident_models) held = held || model.leases > 0;
    if (!held) return true;
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
  return false;
}

TEST(FramesE2eTest, TwoStreamsSideBySideDoNotMix) {
  const Client client = Connect();
  FrameStream a = FrameStream::Open(client, {.requests = {Tracker()}});
  FrameStream b = FrameStream::Open(client, {.requests = {Tracker()}});
  for (int t = 0; t < 12; ++t) {
    EXPECT_EQ(a.SendFrame(Shown(Right(9.0 * t))), SendResult::kTaken);
    EXPECT_EQ(b.SendFrame(Shown(Right(-6.0 * t))), SendResult::kTaken);
    for (const auto& [stream, truth] : {std::pair(&a, Right(9.0 * t)), {&b, Right(-6.0 * t)}}) {
      const std::optional<AnalyzeFramesEvent> event = NextOf(*stream);
      ASSERT_TRUE(event.has_value()) << stream->status();
      const auto& results = std::get<FrameResults>(*event);
      EXPECT_EQ(results.frame, t);
      EXPECT_EQ(results.image.width, kFrameWidth);
      ASSERT_EQ(results.results.size(), 1);
      EXPECT_GE(OverlapOf(results.results[0], truth), 0.7) << t;
    }
  }
  for (FrameStream* stream : {&a, &b}) {
    EXPECT_TRUE(stream->Finish());
    const std::optional<AnalyzeFramesEvent> end = NextOf(*stream);
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(std::get<AnalyzeFramesCompleted>(*end).analyzed_frames, 12);
    EXPECT_FALSE(stream->Next().has_value());
    EXPECT_TRUE(stream->status().ok()) << stream->status();
  }
  EXPECT_TRUE(BecomesFree(client));
}

// More of them than an app may have at a time: what is answered gives its room back.
TEST(FramesE2eTest, FramesMayBeSharedMemory) {
  const Client client = Connect();
  FrameStream stream = FrameStream::Open(client, {.requests = {Tracker()}});
  for (int t = 0; t < 40; ++t) {
    VideoFrame frame = Shown(Right(3.0 * t));
    PixelBuffer layout = *std::move(frame.image.pixels);
    absl::StatusOr<SharedMemory> memory = SharedMemory::Make(layout.data.size());
    ASSERT_TRUE(memory.ok()) << memory.status();
    std::copy(layout.data.begin(), layout.data.end(), memory->data());
    absl::StatusOr<VisionImage> image =
        VisionImage::FromSharedMemory(*std::move(memory), std::move(layout));
    ASSERT_TRUE(image.ok()) << image.status();
    frame.image = *std::move(image);
    const FrameResults results = Ask(stream, frame);
    ASSERT_EQ(results.results.size(), 1);
    EXPECT_GE(OverlapOf(results.results[0], Right(3.0 * t)), 0.7) << t;
  }
  // What cannot be handed over ends the stream with its error: a file of more than 64 MiB.
  const intelligenced::TemporaryFolder folder;
  const std::string path = folder / "large";
  std::ofstream(path).flush();
  std::filesystem::resize_file(path, uintmax_t{65} << 20);
  absl::StatusOr<VisionImage> large = VisionImage::FromFile(path);
  ASSERT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(stream.SendFrame({.image = *std::move(large)}), SendResult::kEnded);
  while (stream.Next().has_value()) {
  }
  EXPECT_TRUE(HasReason(stream.status(), Reason::kInputTooLarge)) << stream.status();
}

TEST(FramesE2eTest, RequestsComeAndGo) {
  const Client client = Connect();
  FrameStream stream = FrameStream::Open(client, {.requests = {Tracker()}});
  EXPECT_EQ(Ask(stream, Shown(kHome)).results.size(), 1);
  EXPECT_TRUE(stream.Change(
      {.add = {{.kind = TrackTranslationalImageRegistration{}}, {.kind = DetectBarcodes{}}}}));
  // The registration has nothing to compare with yet.
  FrameResults results = Ask(stream, Shown(Right(8)));
  ASSERT_EQ(results.results.size(), 2);
  EXPECT_EQ(results.results[1].request_index, 2);
  results = Ask(stream, Shown(Right(16)));
  ASSERT_EQ(results.results.size(), 3);
  EXPECT_GE(OverlapOf(results.results[0], Right(16)), 0.7);
  EXPECT_TRUE(std::get<ImageAlignment>(results.results[1].kind).transform.has_value());
  EXPECT_TRUE(stream.Change({.remove = {0, 2}}));
  results = Ask(stream, Shown(Right(24)));
  ASSERT_EQ(results.results.size(), 1);
  EXPECT_EQ(results.results[0].request_index, 1);
  EXPECT_TRUE(stream.Change({.remove = {0}}));
  while (stream.Next().has_value()) {
  }
  EXPECT_TRUE(HasReason(stream.status(), Reason::kFieldInvalid)) << stream.status();
}

TEST(FramesE2eTest, AnotherSizeInTheMiddleBeginsAnew) {
  const Client client = Connect();
  FrameStream stream = FrameStream::Open(client, {.requests = {Tracker()}});
  Ask(stream, Shown(kHome));
  EXPECT_GE(OverlapOf(Ask(stream, Shown(Right(20))).results.at(0), Right(20)), 0.7);
  const FrameResults small = Ask(stream, RawFrame(Texture(kSize / 2, 4, 2)));
  EXPECT_EQ(small.image.width, kFrameWidth / 2);
  EXPECT_GE(OverlapOf(small.results.at(0), kHome), 0.9);
}

TEST(FramesE2eTest, FramesThatDoNotDecodeAreDropped) {
  const Client client = Connect();
  FrameStream stream = FrameStream::Open(client, {.requests = {Tracker()}});
  Ask(stream, Shown(kHome));
  VideoFrame bad;
  bad.image.encoded = "no picture";
  EXPECT_EQ(stream.SendFrame(bad), SendResult::kTaken);
  const std::optional<AnalyzeFramesEvent> event = NextOf(stream);
  ASSERT_TRUE(event.has_value()) << stream.status();
  EXPECT_EQ(std::get<FramesDropped>(*event).first_frame, 1);
  EXPECT_GE(OverlapOf(Ask(stream, Shown(Right(15))).results.at(0), Right(15)), 0.7);
  // So are bytes that cannot be the frame they claim to be.
  VideoFrame wrong = Shown(kHome);
  wrong.image.pixels->stride = 7;
  EXPECT_EQ(stream.SendFrame(wrong), SendResult::kTaken);
  const std::optional<AnalyzeFramesEvent> dropped = NextOf(stream);
  ASSERT_TRUE(dropped.has_value()) << stream.status();
  EXPECT_EQ(std::get<FramesDropped>(*dropped).first_frame, 3);
  // What says nothing of its bytes is a mistake.
  wrong.image.pixels->format = PixelFormat::kUnspecified;
  stream.SendFrame(wrong);
  while (stream.Next().has_value()) {
  }
  EXPECT_TRUE(HasReason(stream.status(), Reason::kFieldInvalid)) << stream.status();
}

TEST(FramesE2eTest, AKilledWorkerEndsTheStream) {
  const Client client = Connect();
  FrameStream stream = FrameStream::Open(client, {.requests = {Tracker()}});
  Ask(stream, Shown(kHome));
  const absl::StatusOr<Model> model = client.GetModel("vision-classic");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_GT(model->worker_pid, 0);
  ASSERT_EQ(kill(static_cast<pid_t>(model->worker_pid), SIGKILL), 0);
  stream.SendFrame(Shown(Right(10)));
  while (stream.Next().has_value()) {
  }
  EXPECT_TRUE(HasReason(stream.status(), Reason::kWorkerLost)) << stream.status();
  EXPECT_EQ(stream.SendFrame(Shown(kHome)), SendResult::kEnded);
  // Another one begins in a new process.
  FrameStream again = FrameStream::Open(client, {.requests = {Tracker()}});
  EXPECT_EQ(Ask(again, Shown(kHome)).results.size(), 1);
}

TEST(FramesE2eTest, ALeavingClientFreesTheModel) {
  const Client client = Connect();
  {
    FrameStream stream = FrameStream::Open(client, {.requests = {Tracker()}});
    Ask(stream, Shown(kHome));
    for (int i = 0; i < 5; ++i) stream.SendFrame(Shown(Right(5.0 * i)));
  }
  EXPECT_TRUE(BecomesFree(client));
}

TEST(FramesE2eTest, ABusyStreamTakesNoMore) {
  const Client client = Connect();
  FrameStream stream = FrameStream::Open(
      client, {.requests = {Tracker()}, .max_pending_frames = 4, .max_unanswered_frames = 3});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.SendFrame(Shown(kHome)), SendResult::kTaken);
  EXPECT_EQ(stream.SendFrame(Shown(kHome)), SendResult::kBusy);
  ASSERT_TRUE(NextOf(stream).has_value());
  EXPECT_EQ(stream.SendFrame(Shown(kHome)), SendResult::kTaken);
  EXPECT_TRUE(stream.Finish());
  uint64_t answered = 1;
  while (const std::optional<AnalyzeFramesEvent> event = NextOf(stream)) {
    answered += std::holds_alternative<FrameResults>(*event) ? 1 : 0;
    EXPECT_FALSE(std::holds_alternative<FramesDropped>(*event));
  }
  EXPECT_EQ(answered, 4);
}

}  // namespace
}  // namespace intelligence
