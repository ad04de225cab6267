// Streams of frames through the built-in vision model: what it remembers, and of whom.
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/vision/stream_store.h"
#include "runtime/engines/vision/vision_engine.h"
#include "tests/unit/engines/vision/pictures.h"
#include "tests/unit/engines/vision/synthetic_video.h"

namespace intelligenced {
namespace {

using engine_proto::VisionResult;

const cv::Size kSize(kFrameWidth, kFrameHeight);
const cv::Rect2d kHome(100, 120, 80, 80);

// Loaded once for all tests; each uses streams of its own.
Model& SharedModel() {
  static Model* const model = [] {
    static Engine* const engine = MakeVisionEngine().release();
    return (*engine->Load(VisionSpec(), {})).release();
  }();
  return *model;
}

uint64_t NewStream() {
  static uint64_t last = 1000;
  return ++last;
}

cv::Mat Shown(const cv::Rect2d& at) {
  cv::Mat frame = Background();
  Draw(Texture({80, 80}, 3, 2.5), CornersOf(at), &frame);
  return frame;
}

struct Answer {
  absl::Status status;
  std::vector<VisionResult> results;
  engine_proto::Completed completed;
  bool has_completed = false;
};

Answer Ask(const engine_proto::Task& task, CancelToken cancel = {}) {
  Answer answer;
  absl::StatusOr<std::unique_ptr<Job>> job = SharedModel().Start(task, cancel);
  answer.status = job.status();
  while (job.ok()) {
    Job* const one = job->get();
    const auto outputs = SharedModel().Step({&one, 1}, {.budget = absl::Milliseconds(20)});
    for (const engine_proto::Event& event : (*outputs)[0].events) {
      if (event.has_vision()) answer.results.push_back(event.vision());
      if (event.has_completed()) answer.completed = event.completed();
      answer.has_completed = answer.has_completed || event.has_completed();
    }
    if (!(*outputs)[0].done) continue;
    answer.status = (*outputs)[0].status;
    break;
  }
  return answer;
}

// A frame as raw pixels.
engine_proto::Task FrameOf(uint64_t stream, const cv::Mat& frame) {
  engine_proto::Task task;
  task.mutable_vision()->mutable_stream()->set_id(stream);
  engine_proto::PixelBuffer& pixels = *task.mutable_vision()->mutable_image()->mutable_pixels();
  pixels.set_format(engine_proto::PIXEL_FORMAT_GREY);
  pixels.set_width(static_cast<uint32_t>(frame.cols));
  pixels.set_height(static_cast<uint32_t>(frame.rows));
  const cv::Mat whole = frame.clone();
  pixels.set_data(whole.data, whole.total());
  return task;
}

engine_proto::VisionRequest* AddTo(engine_proto::Task& task, uint32_t id) {
  task.mutable_vision()->mutable_stream()->add_request_ids(id);
  return task.mutable_vision()->add_requests();
}

// Where request 7, which began at kHome, sees its thing.
engine_proto::TrackedObject Track(uint64_t stream, const cv::Mat& frame, uint32_t id = 7) {
  engine_proto::Task task = FrameOf(stream, frame);
  SetBox(kHome, kSize, AddTo(task, id)->mutable_track_object()->mutable_box());
  const Answer answer = Ask(task);
  EXPECT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.results.size(), 1);
  return answer.results.empty() ? engine_proto::TrackedObject()
                                : answer.results[0].tracked_object();
}

cv::Rect2d Right(double by) { return {kHome.x + by, kHome.y, kHome.width, kHome.height}; }

TEST(VisionStreamTest, TwoStreamsDoNotMix) {
  const uint64_t a = NewStream(), b = NewStream();
  for (int t = 0; t <= 10; ++t) {
    const cv::Rect2d right = Right(8.0 * t), left = Right(-5.0 * t);
    EXPECT_GE(Overlap(Track(a, Shown(right)).box(), right, kSize), 0.7) << t;
    EXPECT_GE(Overlap(Track(b, Shown(left)).box(), left, kSize), 0.7) << t;
  }
}

TEST(VisionStreamTest, ARequestIsKnownByItsIdWhateverItsPlace) {
  const uint64_t stream = NewStream();
  Track(stream, Shown(kHome));
  for (int t = 1; t <= 5; ++t) {
    engine_proto::Task task = FrameOf(stream, Shown(Right(9.0 * t)));
    if (t % 2 == 0) AddTo(task, 9)->mutable_detect_horizon();
    SetBox(kHome, kSize, AddTo(task, 7)->mutable_track_object()->mutable_box());
    if (t % 2 == 1) AddTo(task, 8)->mutable_track_translational_image_registration();
    const Answer answer = Ask(task);
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    EXPECT_EQ(answer.completed.images_decoded(), 1);
    for (const VisionResult& result : answer.results) {
      if (!result.has_tracked_object()) continue;
      EXPECT_EQ(result.request_index(), t % 2 == 0 ? 1 : 0);
      EXPECT_GE(Overlap(result.tracked_object().box(), Right(9.0 * t), kSize), 0.7) << t;
    }
  }
}

TEST(VisionStreamTest, WhatTellsOfChangesIsSilentOnTheFirstFrame) {
  const uint64_t stream = NewStream();
  for (int t = 0; t < 3; ++t) {
    engine_proto::Task task = FrameOf(stream, Shown(kHome));
    AddTo(task, 0)->mutable_track_optical_flow();
    AddTo(task, 1)->mutable_track_translational_image_registration();
    AddTo(task, 2)->mutable_track_homographic_image_registration();
    EXPECT_EQ(Ask(task).results.size(), t == 0 ? 0 : 3);
  }
}

TEST(VisionStreamTest, AnotherSizeBeginsAnew) {
  const uint64_t stream = NewStream();
  Track(stream, Shown(kHome));
  EXPECT_GE(Overlap(Track(stream, Shown(Right(20))).box(), Right(20), kSize), 0.7);
  cv::Mat half;
  cv::resize(Shown(Right(300)), half, kSize / 2, 0, 0, cv::INTER_AREA);
  // As in a first frame it is where the request says.
  const engine_proto::TrackedObject found = Track(stream, half);
  EXPECT_EQ(found.confidence(), 1);
  EXPECT_GE(Overlap(found.box(), kHome, kSize), 0.95);
}

TEST(VisionStreamTest, AClosedStreamIsForgotten) {
  const uint64_t stream = NewStream();
  Track(stream, Shown(kHome));
  EXPECT_GE(Overlap(Track(stream, Shown(Right(30))).box(), Right(30), kSize), 0.7);
  engine_proto::Task close;
  close.mutable_vision()->mutable_stream()->set_id(stream);
  close.mutable_vision()->mutable_stream()->set_close(true);
  for (int i = 0; i < 2; ++i) {
    const Answer answer = Ask(close);
    EXPECT_TRUE(answer.status.ok()) << answer.status;
    EXPECT_TRUE(answer.has_completed);
    EXPECT_EQ(answer.completed.images_decoded(), 0);
  }
  EXPECT_GE(Overlap(Track(stream, Shown(Right(30))).box(), kHome, kSize), 0.95);
}

TEST(VisionStreamTest, WhatIsNotAskedAnyMoreIsForgotten) {
  const uint64_t stream = NewStream();
  Track(stream, Shown(kHome));
  engine_proto::Task other = FrameOf(stream, Shown(Right(20)));
  AddTo(other, 8)->mutable_detect_horizon();
  ASSERT_TRUE(Ask(other).status.ok());
  EXPECT_GE(Overlap(Track(stream, Shown(Right(40))).box(), kHome, kSize), 0.95);
}

TEST(VisionStreamTest, AFrameThatDoesNotDecodeLeavesTheStreamAsItWas) {
  const uint64_t stream = NewStream();
  Track(stream, Shown(kHome));
  engine_proto::Task bad = TaskOn("no picture");
  bad.mutable_vision()->mutable_stream()->set_id(stream);
  SetBox(kHome, kSize, AddTo(bad, 7)->mutable_track_object()->mutable_box());
  EXPECT_TRUE(HasReason(Ask(bad).status, Reason::kImageUndecodable));
  EXPECT_GE(Overlap(Track(stream, Shown(Right(20))).box(), Right(20), kSize), 0.7);
}

TEST(VisionStreamTest, BadTasksAreRefused) {
  const auto field_of = [](const engine_proto::Task& task) {
    return FactsOf(SharedModel().Start(task, {}).status()).field;
  };
  // Of one picture there is nothing to follow.
  engine_proto::Task single = TaskOn("x");
  SetBox(kHome, kSize,
         single.mutable_vision()->add_requests()->mutable_track_object()->mutable_box());
  EXPECT_EQ(field_of(single), "requests[0].kind");
  engine_proto::Task ids = FrameOf(NewStream(), Shown(kHome));
  ids.mutable_vision()->add_requests()->mutable_detect_horizon();
  EXPECT_EQ(field_of(ids), "stream.request_ids");
  engine_proto::Task box = FrameOf(NewStream(), Shown(kHome));
  AddTo(box, 0)->mutable_track_object()->mutable_box()->set_width(2);
  EXPECT_EQ(field_of(box), "requests[0].track_object.box");
}

TEST(VisionStreamTest, ACancelledFrameGivesTheStreamBack) {
  const uint64_t stream = NewStream();
  Track(stream, Shown(kHome));
  CancelSource cancel;
  cancel.Cancel();
  engine_proto::Task task = FrameOf(stream, Shown(Right(20)));
  SetBox(kHome, kSize, AddTo(task, 7)->mutable_track_object()->mutable_box());
  EXPECT_TRUE(HasReason(Ask(task, cancel.token()).status, Reason::kCancelled));
  EXPECT_GE(Overlap(Track(stream, Shown(Right(20))).box(), Right(20), kSize), 0.7);
}

TEST(StreamStoreTest, TheLongestUnusedIsForgotten) {
  StreamStore store;
  const auto size_of = [&](uint64_t id) { return StreamStore::Loan(&store, id).state().size; };
  const auto remember = [&](uint64_t id) {
    StreamStore::Loan(&store, id).state().size = {static_cast<int>(id), 1};
  };
  for (uint64_t id = 1; id <= StreamStore::kMaxStreams; ++id) remember(id);
  EXPECT_EQ(size_of(1).width, 1);  // used again
  remember(100);
  EXPECT_EQ(store.size(), StreamStore::kMaxStreams);
  EXPECT_EQ(size_of(1).width, 1);
  EXPECT_EQ(size_of(100).width, 100);
  EXPECT_EQ(size_of(2).width, 0);
  EXPECT_EQ(store.size(), StreamStore::kMaxStreams);
}

TEST(StreamStoreTest, AStateIsLentToOneFrameAndCloseWaitsForIt) {
  StreamStore store;
  StreamStore::Loan(&store, 5).state().size = {5, 5};
  {
    StreamStore::Loan first(&store, 5);
    EXPECT_EQ(first.state().size.width, 5);
    EXPECT_EQ(StreamStore::Loan(&store, 5).state().size.width, 0);
    store.Close(5);
  }
  EXPECT_EQ(store.size(), 0);
  EXPECT_EQ(StreamStore::Loan(&store, 5).state().size.width, 0);
  store.Close(6);  // not known
}

}  // namespace
}  // namespace intelligenced
