// AnalyzeFrames over a real scheduler and server; the model is scripted.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kEyesManifest[] = R"({
  "name": "eyes", "engine": "script", "title": "Sees", "built_in": true, "rank": 1,
  "capabilities": ["vision.track-object", "vision.detect-barcodes", "vision.recognize-text"],
  "files": []})";
// Reads text better, and follows nothing.
constexpr char kReaderManifest[] = R"({
  "name": "reader", "engine": "script", "title": "Reads", "built_in": true, "rank": 9,
  "capabilities": ["vision.recognize-text", "vision.detect-horizon"], "files": []})";

using Stream = grpc::ClientReaderWriter<v1::AnalyzeFramesRequest, v1::AnalyzeFramesResponse>;

// One call.
class Frames {
 public:
  explicit Frames(v1::VisionService::Stub& stub) : stream_(stub.AnalyzeFrames(&context)) {}

  static v1::AnalyzeFramesRequest StartOf(int trackers) {
    v1::AnalyzeFramesRequest request;
    request.mutable_start();
    for (int i = 0; i < trackers; ++i) AddTracker(*request.mutable_start()->add_requests());
    return request;
  }
  static void AddTracker(v1::VisionRequest& request) {
    request.mutable_track_object()->mutable_box()->set_width(0.5F);
    request.mutable_track_object()->mutable_box()->set_height(0.5F);
  }

  bool Write(const v1::AnalyzeFramesRequest& request) { return stream_->Write(request); }
  void Start(int trackers = 1) { Write(StartOf(trackers)); }
  void Send(const std::string& picture) {
    v1::AnalyzeFramesRequest request;
    request.mutable_frame()->mutable_image()->set_encoded(picture);
    request.mutable_frame()->mutable_time()->set_seconds(++sent);
    Write(request);
  }
  void SendAttached(const std::string& token) {
    v1::AnalyzeFramesRequest request;
    request.mutable_frame()->mutable_image()->set_attachment(token);
    Write(request);
  }
  void Change(int add, const std::vector<uint32_t>& remove) {
    v1::AnalyzeFramesRequest request;
    for (int i = 0; i < add; ++i) AddTracker(*request.mutable_change()->add_add());
    for (const uint32_t place : remove) request.mutable_change()->add_remove(place);
    Write(request);
  }
  void HalfClose() { stream_->WritesDone(); }

  // The next event that is a frame, a drop or the end; loading and queueing are passed over.
  v1::AnalyzeFramesResponse Next() {
    v1::AnalyzeFramesResponse response;
    while (stream_->Read(&response)) {
      if (response.has_frame() || response.has_dropped() || response.has_completed()) {
        return response;
      }
    }
    return {};
  }
  // Reads the rest.
  absl::Status Finish() {
    for (v1::AnalyzeFramesResponse response; stream_->Read(&response);) last = response;
    return StatusFromGrpc(stream_->Finish());
  }

  grpc::ClientContext context;
  v1::AnalyzeFramesResponse last;
  int sent = 0;

 private:
  std::unique_ptr<Stream> stream_;
};

class FramesServiceTest : public ServiceFixture {
 protected:
  FramesServiceTest() : ServiceFixture({{"eyes", kEyesManifest}, {"reader", kReaderManifest}}) {
    script_.look = [this](const engine_proto::VisionTask& task)
        -> absl::StatusOr<std::vector<engine_proto::VisionResult>> {
      absl::MutexLock lock(mutex_);
      tasks_.push_back(task);
      if (task.image().encoded().starts_with("bad")) {
        return MakeError(Reason::kImageUndecodable, "The script takes this for no picture.");
      }
      std::vector<engine_proto::VisionResult> results;
      // The last first: the service puts them in order.
      for (int i = task.requests_size() - 1; i >= 0; --i) {
        results.emplace_back().set_request_index(static_cast<uint32_t>(i));
        results.back().mutable_text()->set_text(task.image().encoded());
      }
      return results;
    };
  }

  std::vector<engine_proto::VisionTask> tasks() {
    absl::MutexLock lock(mutex_);
    return tasks_;
  }
  // Blocks until a frame is with the model that is held.
  void WaitForJob() {
    WaitUntil([this] { return script_.jobs_alive > 0; });
  }
  bool HasLease() {
    for (const ModelStatus& model : runtime_->models().Snapshot()) {
      if (model.leases > 0) return true;
    }
    return false;
  }

  absl::Mutex mutex_;
  std::vector<engine_proto::VisionTask> tasks_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(FramesServiceTest, EveryFrameIsAnsweredInOrder) {
  Frames frames(*vision_);
  frames.Start(2);
  for (int i = 0; i < 3; ++i) {
    frames.Send(absl::StrCat("frame ", i));
    const v1::FrameResults answer = frames.Next().frame();
    EXPECT_EQ(answer.frame(), i);
    EXPECT_EQ(answer.time().seconds(), i + 1);
    EXPECT_EQ(answer.image().width(), 640);
    ASSERT_EQ(answer.results_size(), 2);
    EXPECT_EQ(answer.results(0).request_index(), 0);
    EXPECT_EQ(answer.results(1).request_index(), 1);
    EXPECT_EQ(answer.results(1).text().text(), absl::StrCat("frame ", i));
    EXPECT_EQ(answer.results(1).model(), "models/eyes");
  }
  frames.HalfClose();
  const v1::AnalyzeFramesCompleted completed = frames.Next().completed();
  EXPECT_EQ(completed.analyzed_frames(), 3);
  EXPECT_EQ(completed.dropped_frames(), 0);
  EXPECT_EQ(completed.usage().model(), "models/eyes");
  EXPECT_TRUE(frames.Finish().ok());
  // The model hears that the stream is over, and is let go.
  WaitUntil([this] { return tasks().size() == 4; });
  EXPECT_TRUE(tasks()[3].stream().close());
  EXPECT_EQ(tasks()[3].stream().id(), tasks()[0].stream().id());
  EXPECT_THAT(tasks()[0].stream().request_ids(), ElementsAre(0, 1));
  WaitUntil([this] { return !HasLease(); });
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].method(), "VisionService/AnalyzeFrames");
  EXPECT_EQ(activity_.records()[0].outcome(), "OK");
  EXPECT_GT(activity_.records()[0].input_bytes(), 20);
}

TEST_F(FramesServiceTest, WhatComesTooFastIsDroppedAndCounted) {
  script_.held = true;
  Frames frames(*vision_);
  frames.Start();
  frames.Send("frame 0");
  WaitForJob();
  for (int i = 1; i < 5; ++i) frames.Send(absl::StrCat("frame ", i));
  uint64_t dropped = 0;
  while (dropped < 3) {
    const v1::FramesDropped drop = frames.Next().dropped();
    EXPECT_EQ(drop.first_frame(), dropped + 1);
    ASSERT_GT(drop.count(), 0);
    dropped += drop.count();
    EXPECT_EQ(drop.dropped_frames(), dropped);
  }
  EXPECT_EQ(dropped, 3);
  script_.held = false;
  EXPECT_EQ(frames.Next().frame().frame(), 0);
  const v1::FrameResults newest = frames.Next().frame();
  EXPECT_EQ(newest.frame(), 4);
  EXPECT_EQ(newest.dropped_frames(), 3);
  frames.HalfClose();
  const v1::AnalyzeFramesCompleted completed = frames.Next().completed();
  EXPECT_EQ(completed.analyzed_frames(), 2);
  EXPECT_EQ(completed.dropped_frames(), 3);
  EXPECT_TRUE(frames.Finish().ok());
}

TEST_F(FramesServiceTest, FramesMayBeDescriptors) {
  attachments_.Add("token", "in shared memory");
  Frames frames(*vision_);
  frames.Start();
  frames.SendAttached("token");
  v1::FrameResults answer = frames.Next().frame();
  ASSERT_EQ(answer.results_size(), 1);
  EXPECT_EQ(answer.results(0).text().text(), "in shared memory");
  EXPECT_EQ(script_.attachments_seen, 1);
  // Many bytes of a message go the same way; a few stay in it.
  const std::string large(100'000, 'l');
  frames.Send(large);
  EXPECT_EQ(frames.Next().frame().results(0).text().text(), large);
  EXPECT_EQ(script_.attachments_seen, 2);
  frames.Send("small");
  EXPECT_EQ(frames.Next().frame().results(0).text().text(), "small");
  EXPECT_EQ(script_.attachments_seen, 2);
  // A token that is used up is a mistake of the sender.
  frames.SendAttached("token");
  const absl::Status status = frames.Finish();
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "frame.image.attachment");
  activity_.WaitFor(1);
  EXPECT_GE(activity_.records()[0].input_bytes(), large.size() + 16);
}

TEST_F(FramesServiceTest, ADroppedFrameLetsGoOfItsDescriptor) {
  const auto first = attachments_.Add("first", "first");
  const auto second = attachments_.Add("second", "second");
  script_.held = true;
  Frames frames(*vision_);
  frames.Start();
  frames.Send("frame");
  WaitForJob();
  frames.SendAttached("first");
  frames.SendAttached("second");
  EXPECT_EQ(frames.Next().dropped().first_frame(), 1);
  WaitUntil([&] { return first.expired(); });
  EXPECT_FALSE(second.expired());
  script_.held = false;
  EXPECT_EQ(frames.Next().frame().frame(), 0);
  EXPECT_EQ(frames.Next().frame().results(0).text().text(), "second");
  WaitUntil([&] { return second.expired(); });
}

TEST_F(FramesServiceTest, SeveralMayWaitAndTheLastIsComputedAfterTheHalfClose) {
  script_.held = true;
  Frames frames(*vision_);
  v1::AnalyzeFramesRequest start = Frames::StartOf(1);
  start.mutable_start()->set_max_pending_frames(8);
  frames.Write(start);
  for (int i = 0; i < 9; ++i) {
    frames.Send(absl::StrCat("frame ", i));
    if (i == 0) WaitForJob();
  }
  frames.HalfClose();
  script_.held = false;
  for (uint64_t i = 0; i < 9; ++i) EXPECT_EQ(frames.Next().frame().frame(), i);
  EXPECT_EQ(frames.Next().completed().analyzed_frames(), 9);
  EXPECT_TRUE(frames.Finish().ok());
}

TEST_F(FramesServiceTest, WhatWaitsTooLongIsDroppedWhereverItWaits) {
  // The model is busy with another's frame, so that this stream's first one never begins.
  script_.held = true;
  std::vector<std::unique_ptr<Frames>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(std::make_unique<Frames>(*vision_));
    others.back()->Start();
    others.back()->Send("other");
  }
  WaitUntil([this] { return script_.jobs_alive == 4; });
  Frames frames(*vision_);
  v1::AnalyzeFramesRequest start = Frames::StartOf(1);
  start.mutable_start()->mutable_max_frame_age()->set_nanos(30'000'000);
  start.mutable_start()->mutable_options()->set_request_class(v1::REQUEST_CLASS_BACKGROUND);
  frames.Write(start);
  frames.Send("frame 0");
  frames.Send("frame 1");
  uint64_t dropped = 0;
  while (dropped < 2) {
    const uint64_t count = frames.Next().dropped().count();
    ASSERT_GT(count, 0);
    dropped += count;
  }
  frames.HalfClose();
  EXPECT_EQ(frames.Next().completed().dropped_frames(), 2);
  EXPECT_TRUE(frames.Finish().ok());
  script_.held = false;
  for (const auto& other : others) {
    other->HalfClose();
    EXPECT_TRUE(other->Finish().ok());
  }
}

TEST_F(FramesServiceTest, ChangesHoldFromTheNextFrameOn) {
  script_.held = true;
  Frames frames(*vision_);
  frames.Start(2);
  frames.Send("frame 0");
  WaitForJob();
  frames.Send("frame 1");
  frames.Change(1, {0});
  script_.held = false;
  EXPECT_EQ(frames.Next().frame().results(0).request_index(), 0);
  EXPECT_EQ(frames.Next().frame().results(0).request_index(), 0);
  frames.Send("frame 2");
  const v1::FrameResults answer = frames.Next().frame();
  ASSERT_EQ(answer.results_size(), 2);
  EXPECT_EQ(answer.results(0).request_index(), 1);
  EXPECT_EQ(answer.results(1).request_index(), 2);
  EXPECT_THAT(tasks()[2].stream().request_ids(), ElementsAre(1, 2));
  // Without a request there is nothing to compute.
  frames.Change(0, {1, 2});
  frames.Send("frame 3");
  EXPECT_EQ(frames.Next().frame().results_size(), 0);
  EXPECT_EQ(tasks().size(), 3);
  frames.HalfClose();
  EXPECT_TRUE(frames.Finish().ok());
}

TEST_F(FramesServiceTest, AStreamMayBeginWithoutRequests) {
  Frames frames(*vision_);
  frames.Start(0);
  frames.Send("frame 0");
  EXPECT_EQ(frames.Next().frame().frame(), 0);
  frames.Change(1, {});
  frames.Send("frame 1");
  EXPECT_EQ(frames.Next().frame().results_size(), 1);
  frames.HalfClose();
  EXPECT_EQ(frames.Next().completed().usage().model(), "models/eyes");
  EXPECT_TRUE(frames.Finish().ok());
}

TEST_F(FramesServiceTest, OneModelServesAllRequests) {
  Frames frames(*vision_);
  v1::AnalyzeFramesRequest start = Frames::StartOf(1);
  start.mutable_start()->add_requests()->mutable_recognize_text();  // the reader's by itself
  frames.Write(start);
  frames.Send("frame 0");
  EXPECT_EQ(frames.Next().frame().results(1).model(), "models/eyes");
  v1::AnalyzeFramesRequest change;
  change.mutable_change()->add_add()->mutable_detect_horizon();
  frames.Write(change);
  const absl::Status status = frames.Finish();
  EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel)) << status;
  EXPECT_EQ(FactsOf(status).field, "change.add[0]");
}

TEST_F(FramesServiceTest, RequestsThatNoModelServesTogetherAreNamed) {
  Frames frames(*vision_);
  v1::AnalyzeFramesRequest start = Frames::StartOf(1);
  start.mutable_start()->add_requests()->mutable_detect_horizon();
  frames.Write(start);
  absl::Status status = frames.Finish();
  EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel)) << status;
  EXPECT_EQ(FactsOf(status).field, "start.requests[1]");
  EXPECT_THAT(std::string(status.message()), HasSubstr("two streams"));
  Frames unknown(*vision_);
  start.mutable_start()->mutable_requests(1)->mutable_detect_human_hand_pose();
  unknown.Write(start);
  status = unknown.Finish();
  EXPECT_EQ(FactsOf(status).field, "start.requests[1]");
  EXPECT_EQ(FactsOf(status).metadata.at("capability"), "vision.detect-human-hand-pose");
}

TEST_F(FramesServiceTest, DamagedFramesAreDroppedButNotForEver) {
  Frames frames(*vision_);
  frames.Start();
  frames.Send("frame 0");
  EXPECT_EQ(frames.Next().frame().frame(), 0);
  for (uint64_t i = 1; i <= 7; ++i) {
    frames.Send("bad");
    EXPECT_EQ(frames.Next().dropped().first_frame(), i);
  }
  frames.Send("frame 8");
  EXPECT_EQ(frames.Next().frame().dropped_frames(), 7);
  for (int i = 0; i < 7; ++i) {
    frames.Send("bad");
    frames.Next();
  }
  frames.Send("bad");
  const absl::Status status = frames.Finish();
  EXPECT_TRUE(HasReason(status, Reason::kImageUndecodable)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("Frame 16"));
}

TEST_F(FramesServiceTest, AFirstFrameThatIsNoPictureEndsTheStream) {
  Frames frames(*vision_);
  frames.Start();
  frames.Send("bad");
  EXPECT_TRUE(HasReason(frames.Finish(), Reason::kImageUndecodable));
  WaitUntil([this] { return !HasLease(); });
}

TEST_F(FramesServiceTest, ALostWorkerEndsTheStream) {
  Frames frames(*vision_);
  frames.Start();
  frames.Send("frame 0");
  EXPECT_EQ(frames.Next().frame().frame(), 0);
  script_.lost = true;
  frames.Send("frame 1");
  const absl::Status status = frames.Finish();
  EXPECT_TRUE(HasReason(status, Reason::kWorkerLost)) << status;
  EXPECT_TRUE(FactsOf(status).retry_delay.has_value());
  // It was not tried elsewhere: the trackers would have begun anew without a word.
  EXPECT_EQ(tasks().size(), 1);
  WaitUntil([this] { return !HasLease(); });
}

TEST_F(FramesServiceTest, AClientThatLeavesFreesEverything) {
  script_.held = true;
  {
    Frames frames(*vision_);
    frames.Start();
    frames.Send("frame 0");
    WaitForJob();
    frames.Send("frame 1");
    frames.context.TryCancel();
    EXPECT_EQ(frames.Finish().code(), absl::StatusCode::kCancelled);
  }
  script_.held = false;
  // The frame ends (looked at, if it was let go before the daemon heard of the client's leaving),
  // and the model hears of the end of the stream.
  WaitUntil([this] { return !tasks().empty() && tasks().back().stream().close(); });
  WaitUntil([this] { return script_.jobs_alive == 0 && !HasLease(); });
  // An idle stream too.
  Frames idle(*vision_);
  idle.Start();
  WaitUntil([this] { return HasLease(); });
  idle.context.TryCancel();
  idle.Finish().IgnoreError();
  WaitUntil([this] { return !HasLease(); });
}

TEST_F(FramesServiceTest, ASlowReaderDoesNotMakeMemoryGrow) {
  script_.look = [](const engine_proto::VisionTask&)
      -> absl::StatusOr<std::vector<engine_proto::VisionResult>> {
    std::vector<engine_proto::VisionResult> results(1);
    results[0].mutable_text()->set_text(std::string(1 << 20, 'x'));
    return results;
  };
  Frames frames(*vision_);
  frames.Start();
  // The transport takes some MiB that nobody reads; beyond that frames are dropped.
  const int count = 48;
  for (int i = 0; i < count; ++i) {
    const int started = script_.jobs_started;
    frames.Send("frame");
    // One at a time, as long as any is computed at all.
    for (int look = 0; look < 20 && script_.jobs_started == started; ++look) {
      absl::Notification never;
      never.WaitForNotificationWithTimeout(absl::Milliseconds(1));
    }
  }
  frames.HalfClose();
  uint64_t answered = 0, dropped = 0;
  v1::AnalyzeFramesResponse response;
  while (!response.has_completed()) {
    response = frames.Next();
    answered += response.has_frame() ? 1 : 0;
    dropped += response.dropped().count();
    ASSERT_NE(response.event_case(), v1::AnalyzeFramesResponse::EVENT_NOT_SET);
  }
  EXPECT_TRUE(frames.Finish().ok());
  EXPECT_EQ(answered + dropped, count);
  EXPECT_GT(dropped, count / 4);
  EXPECT_EQ(response.completed().analyzed_frames(), answered);
  EXPECT_EQ(response.completed().dropped_frames(), dropped);
}

TEST_F(FramesServiceTest, MessagesOutOfOrderAreRefused) {
  const auto field_of = [this](const std::vector<v1::AnalyzeFramesRequest>& requests) {
    Frames frames(*vision_);
    for (const auto& request : requests) frames.Write(request);
    frames.HalfClose();
    const absl::Status status = frames.Finish();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    return FactsOf(status).field;
  };
  v1::AnalyzeFramesRequest frame, change, empty, bad_remove, bad_add, no_picture;
  frame.mutable_frame()->mutable_image()->set_encoded("x");
  change.mutable_change();
  bad_remove.mutable_change()->add_remove(5);
  bad_add.mutable_change()->add_add();
  no_picture.mutable_frame();
  EXPECT_EQ(field_of({}), "start");
  EXPECT_EQ(field_of({frame}), "start");
  EXPECT_EQ(field_of({change}), "start");
  EXPECT_EQ(field_of({empty}), "start");
  EXPECT_EQ(field_of({Frames::StartOf(1), Frames::StartOf(1)}), "start");
  EXPECT_EQ(field_of({Frames::StartOf(1), empty}), "message");
  EXPECT_EQ(field_of({Frames::StartOf(1), bad_remove}), "change.remove[0]");
  EXPECT_EQ(field_of({Frames::StartOf(1), bad_add}), "change.add[0]");
  EXPECT_EQ(field_of({Frames::StartOf(1), no_picture}), "frame.image");
  EXPECT_EQ(field_of({Frames::StartOf(33)}), "start.requests");
}

TEST_F(FramesServiceTest, WhatTheEngineRefusesNamesTheRequestInTheStream) {
  script_.look = [](const engine_proto::VisionTask&)
      -> absl::StatusOr<std::vector<engine_proto::VisionResult>> {
    return FieldError("requests[0].track_object.box", "is too small.");
  };
  Frames frames(*vision_);
  frames.Start(3);
  frames.Change(0, {0, 1});
  frames.Send("frame 0");
  EXPECT_EQ(FactsOf(frames.Finish()).field, "requests[2].track_object.box");
}

TEST_F(FramesServiceTest, TrackersAreNotForSinglePictures) {
  v1::AnalyzeImageRequest request;
  request.mutable_image()->set_encoded("x");
  Frames::AddTracker(*request.add_requests());
  const absl::Status status = Analyze(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "requests[0]");
}

TEST_F(FramesServiceTest, AnAppHasSoManyStreams) {
  std::vector<std::unique_ptr<Frames>> open;
  for (int i = 0; i < 16; ++i) {
    open.push_back(std::make_unique<Frames>(*vision_));
    open.back()->Start(0);
    open.back()->Send("x");
    EXPECT_TRUE(open.back()->Next().has_frame());
  }
  Frames more(*vision_);
  more.Start(0);
  EXPECT_TRUE(HasReason(more.Finish(), Reason::kClientQuotaExceeded));
  other_app_ = true;
  Frames other(*vision_);
  other.Start(0);
  other.HalfClose();
  EXPECT_TRUE(other.Finish().ok());
  open.front()->HalfClose();
  EXPECT_TRUE(open.front()->Finish().ok());
  other_app_ = false;
  Frames again(*vision_);
  again.Start(0);
  again.HalfClose();
  EXPECT_TRUE(again.Finish().ok());
  for (size_t i = 1; i < open.size(); ++i) open[i]->context.TryCancel();
  for (size_t i = 1; i < open.size(); ++i) open[i]->Finish().IgnoreError();
}

}  // namespace
}  // namespace intelligenced
