// The requests of a stream as they change, and what may be sent at all.
#include "services/vision/frame_requests.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "services/vision/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
using testing::ElementsAre;

std::vector<uint32_t> Places(const FrameRequests& requests) {
  std::vector<uint32_t> places;
  for (const auto& placed : *requests.snapshot()) places.push_back(placed.place);
  return places;
}

FrameRequests Started(int count) {
  v1::AnalyzeFramesStart start;
  for (int i = 0; i < count; ++i) start.add_requests()->mutable_detect_barcodes();
  FrameRequests requests;
  requests.Start(start.requests());
  return requests;
}

v1::ChangeRequests Change(int add, const std::vector<uint32_t>& remove) {
  v1::ChangeRequests change;
  for (int i = 0; i < add; ++i) change.add_add()->mutable_detect_horizon();
  for (const uint32_t place : remove) change.add_remove(place);
  return change;
}

TEST(FrameRequestsTest, PlacesAreNeverUsedAgain) {
  FrameRequests requests = Started(3);
  const FrameRequests::Snapshot before = requests.snapshot();
  EXPECT_TRUE(requests.Apply(Change(1, {1})).ok());
  EXPECT_THAT(Places(requests), ElementsAre(0, 2, 3));
  EXPECT_TRUE((*requests.snapshot())[2].request.has_detect_horizon());
  EXPECT_TRUE(requests.Apply(Change(2, {3, 0})).ok());
  EXPECT_THAT(Places(requests), ElementsAre(2, 4, 5));
  // What frames began with stays as it was.
  EXPECT_EQ(before->size(), 3);
}

TEST(FrameRequestsTest, AChangeIsMadeAsAWholeOrNotAtAll) {
  FrameRequests requests = Started(2);
  absl::Status status = requests.Apply(Change(1, {0, 7}));
  EXPECT_EQ(FactsOf(status).field, "change.remove[1]");
  status = requests.Apply(Change(0, {1, 1}));
  EXPECT_EQ(FactsOf(status).field, "change.remove[1]");
  // A request that the same change adds has no place before.
  EXPECT_EQ(FactsOf(requests.Apply(Change(1, {2}))).field, "change.remove[0]");
  EXPECT_THAT(Places(requests), ElementsAre(0, 1));
}

TEST(FrameRequestsTest, NoMoreAtATimeAndInAllThanTheLimits) {
  FrameRequests requests = Started(kMaxVisionRequests);
  EXPECT_EQ(FactsOf(requests.Apply(Change(1, {}))).field, "change.add");
  EXPECT_TRUE(requests.Apply(Change(1, {0})).ok());
  uint32_t made = kMaxVisionRequests + 1;
  while (made < kMaxStreamRequests) {
    ASSERT_TRUE(requests.Apply(Change(1, {Places(requests).front()})).ok());
    ++made;
  }
  EXPECT_EQ(FactsOf(requests.Apply(Change(1, {Places(requests).front()}))).field, "change.add");
  EXPECT_TRUE(requests.Apply(Change(0, {Places(requests).front()})).ok());
}

std::string FieldOf(const v1::AnalyzeFramesStart& start) { return FactsOf(Validate(start)).field; }

TEST(FrameValidationTest, StartHasBounds) {
  v1::AnalyzeFramesStart start;
  EXPECT_TRUE(Validate(start).ok());
  start.set_max_pending_frames(8);
  start.mutable_max_frame_age()->set_nanos(1);
  EXPECT_TRUE(Validate(start).ok());
  start.set_max_pending_frames(9);
  EXPECT_EQ(FieldOf(start), "start.max_pending_frames");
  start.set_max_pending_frames(0);
  for (const int64_t seconds : {int64_t{-1}, int64_t{0}, int64_t{61}, int64_t{1} << 60}) {
    start.mutable_max_frame_age()->set_nanos(0);
    start.mutable_max_frame_age()->set_seconds(seconds);
    EXPECT_EQ(FieldOf(start), "start.max_frame_age") << seconds;
  }
  start.clear_max_frame_age();
  for (int i = 0; i <= kMaxVisionRequests; ++i) start.add_requests()->mutable_detect_horizon();
  EXPECT_EQ(FieldOf(start), "start.requests");
}

TEST(FrameValidationTest, TrackersHaveBounds) {
  v1::ChangeRequests change;
  v1::VisionRequest& request = *change.add_add();
  const auto field = [&] { return FactsOf(Validate(change)).field; };
  EXPECT_EQ(field(), "change.add[0]");  // asks nothing
  request.mutable_describe_image();
  EXPECT_EQ(field(), "change.add[0]");
  v1::Rect& box = *request.mutable_track_object()->mutable_box();
  EXPECT_EQ(field(), "change.add[0].track_object.box");
  box.set_width(0.5F);
  box.set_height(std::nanf(""));
  EXPECT_EQ(field(), "change.add[0].track_object.box.height");
  box.set_height(0.5F);
  EXPECT_TRUE(Validate(change).ok());
  box.set_x(0.6F);
  EXPECT_EQ(field(), "change.add[0].track_object.box.width");
  box.set_x(0);
  request.mutable_region_of_interest()->set_width(1);
  request.mutable_region_of_interest()->set_height(1);
  EXPECT_EQ(field(), "change.add[0].region_of_interest");
  request.clear_region_of_interest();
  request.set_min_confidence(2);
  EXPECT_EQ(field(), "change.add[0].min_confidence");
  request.set_min_confidence(0);
  v1::Quad& quad = *request.mutable_track_rectangle()->mutable_corners();
  EXPECT_EQ(field(), "change.add[0].track_rectangle.corners");
  quad.mutable_top_right()->set_x(1);
  quad.mutable_bottom_right()->set_x(1);
  quad.mutable_bottom_right()->set_y(1);
  quad.mutable_bottom_left()->set_y(1);
  EXPECT_TRUE(Validate(change).ok());
  std::swap(*quad.mutable_top_right(), *quad.mutable_bottom_left());
  EXPECT_EQ(field(), "change.add[0].track_rectangle.corners");
  quad.mutable_top_right()->set_x(1.5F);
  EXPECT_EQ(field(), "change.add[0].track_rectangle.corners.top_right.x");
  request.mutable_track_optical_flow()->set_grid_side(300);
  EXPECT_EQ(field(), "change.add[0].track_optical_flow.grid_side");
  request.mutable_track_optical_flow()->set_grid_side(256);
  EXPECT_TRUE(Validate(change).ok());
}

TEST(FrameValidationTest, FramesArePictures) {
  v1::VideoFrame frame;
  EXPECT_EQ(FactsOf(Validate(frame)).field, "frame.image");
  frame.mutable_image()->mutable_pixels();
  EXPECT_EQ(FactsOf(Validate(frame)).field, "frame.image.pixels.format");
}

}  // namespace
}  // namespace intelligenced
