// The trackers on videos that the test draws.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/vision/tracker.h"
#include "runtime/engines/vision/tracking_shapes.h"
#include "tests/unit/engines/vision/synthetic_video.h"

namespace intelligenced {
namespace {

using vision_proto::VisionRequest;
using vision_proto::VisionResult;

const cv::Size kSize(kFrameWidth, kFrameHeight);

VisionResult StepOnce(Tracker& tracker, const cv::Mat& frame) {
  // As in the engine.
  static const bool one_thread = [] {
    cv::setNumThreads(1);
    return true;
  }();
  EXPECT_TRUE(one_thread);
  VisionResult result;
  tracker.Step(frame, &result);
  return result;
}

// --- TrackObject -------------------------------------------------------------------------------

std::unique_ptr<Tracker> ObjectAt(const cv::Rect2d& box, cv::Size size = kSize) {
  VisionRequest request;
  SetBox(box, size, request.mutable_track_object()->mutable_box());
  EXPECT_TRUE(CheckTracking(request).ok());
  return MakeTracker(request);
}

// A thing that is at `place(t)` for every frame t from 0; the worst overlap.
template <typename Place>
double WorstOverlap(int frames, Place place, double noise = 4,
                    const cv::Mat& thing = Texture({90, 70}, 3, 2.5)) {
  const cv::Mat background = Background();
  const std::unique_ptr<Tracker> tracker = ObjectAt(place(0));
  double worst = 1;
  for (int t = 0; t < frames; ++t) {
    cv::Mat frame = background.clone();
    Draw(thing, CornersOf(place(t)), &frame);
    const vision_proto::TrackedObject found =
        StepOnce(*tracker, WithNoise(frame, t + 1, noise)).tracked_object();
    EXPECT_FALSE(found.lost()) << t << " " << found.confidence();
    worst = std::min(worst, Overlap(found.box(), place(t), kSize));
  }
  return worst;
}

TEST(TrackObjectTest, FollowsWhatMoves) {
  EXPECT_GE(WorstOverlap(50,
                         [](int t) {
                           return cv::Rect2d(40 + 5.5 * t, 180 + 120 * std::sin(t / 9.0), 90, 70);
                         }),
            0.7);
}

TEST(TrackObjectTest, FollowsWhatComesNearerAndGoesAway) {
  EXPECT_GE(WorstOverlap(50,
                         [](int t) {
                           const double scale = 1 + 0.6 * std::sin(t / 12.0);
                           return cv::Rect2d(300 - 45 * scale + t, 240 - 35 * scale, 90 * scale,
                                             70 * scale);
                         }),
            0.7);
}

TEST(TrackObjectTest, FollowsAPlainThingByItsOutline) {
  EXPECT_GE(WorstOverlap(
                60, [](int t) { return cv::Rect2d(100 + 4.0 * t, 120 + 2.0 * t, 60, 60); }, 4,
                cv::Mat(60, 60, CV_8U, 240)),
            0.7);
}

TEST(TrackObjectTest, FollowsASmallFastThing) {
  EXPECT_GE(WorstOverlap(
                40, [](int t) { return cv::Rect2d(30 + 14.0 * t, 400 - 8.0 * t, 24, 24); }, 4,
                Texture({24, 24}, 9, 1.5)),
            0.7);
}

// Fine spots on fine spots: what is followed inside the box is often what lies behind it.
TEST(TrackObjectTest, FollowsWhatLooksAsTheGroundDoes) {
  const auto spots = [](cv::Size size, uint64_t seed) {
    cv::Mat out;
    cv::resize(Texture(size / 4, seed, 0), out, size, 0, 0, cv::INTER_CUBIC);
    return out;
  };
  const cv::Mat ground = spots({320, 240}, 1), thing = spots({64, 64}, 2);
  const auto place = [](int t) { return cv::Rect2d(40 + 12 * t, 80 + 3 * t, 64, 64); };
  const std::unique_ptr<Tracker> tracker = ObjectAt(place(0), ground.size());
  for (int t = 0; t < 15; ++t) {
    cv::Mat frame = ground.clone();
    Draw(thing, CornersOf(place(t)), &frame);
    const vision_proto::TrackedObject found = StepOnce(*tracker, frame).tracked_object();
    EXPECT_FALSE(found.lost()) << t << " " << found.confidence();
    EXPECT_GE(Overlap(found.box(), place(t), frame.size()), 0.7) << t;
  }
}

TEST(TrackObjectTest, FindsAgainWhatLeftAndCameBack) {
  const cv::Mat thing = Texture({90, 70}, 3, 2.5), background = Background();
  const auto place = [](int t) { return cv::Rect2d(450 + 190 * std::sin(t / 10.0), 200, 90, 70); };
  const std::unique_ptr<Tracker> tracker = ObjectAt(place(0));
  int lost = 0, found_again = 0;
  bool was_out = false;
  for (int t = 0; t < 60; ++t) {
    cv::Mat frame = background.clone();
    Draw(thing, CornersOf(place(t)), &frame);
    const vision_proto::TrackedObject found =
        StepOnce(*tracker, WithNoise(frame, t + 1, 4)).tracked_object();
    const double visible = (place(t) & cv::Rect2d({}, cv::Size2d(kSize))).area() / place(t).area();
    if (visible < 0.1) {
      EXPECT_TRUE(found.lost()) << t;
      was_out = true;
      ++lost;
    } else if (visible > (was_out ? 0.99 : 0.5)) {
      // Coming back it is known when it is whole.
      EXPECT_FALSE(found.lost()) << t << " visible " << visible << " " << found.confidence();
      EXPECT_GE(Overlap(found.box(), place(t), kSize), 0.7) << t;
      found_again += was_out ? 1 : 0;
    }
  }
  EXPECT_GT(lost, 3);
  EXPECT_GT(found_again, 20);
}

TEST(TrackObjectTest, FindsAgainAfterACut) {
  const cv::Mat thing = Texture({80, 80}, 3, 2.5), background = Background();
  const std::unique_ptr<Tracker> tracker = ObjectAt({100, 100, 80, 80});
  const auto show = [&](double x, double y, int seed) {
    cv::Mat frame = background.clone();
    if (x >= 0) Draw(thing, CornersOf({x, y, 80, 80}), &frame);
    return StepOnce(*tracker, WithNoise(frame, seed, 4)).tracked_object();
  };
  EXPECT_FALSE(show(100, 100, 1).lost());
  EXPECT_TRUE(show(-1, -1, 2).lost());
  EXPECT_TRUE(show(-1, -1, 3).lost());
  const vision_proto::TrackedObject found = show(480, 330, 4);
  EXPECT_FALSE(found.lost()) << found.confidence();
  EXPECT_GE(Overlap(found.box(), {480, 330, 80, 80}, kSize), 0.7);
}

TEST(TrackObjectTest, SeesNothingInNoise) {
  const std::unique_ptr<Tracker> tracker = ObjectAt({200, 150, 100, 100});
  StepOnce(*tracker, Texture(kSize, 1, 2.5));
  for (int t = 2; t < 12; ++t) {
    const vision_proto::TrackedObject found =
        StepOnce(*tracker, Texture(kSize, static_cast<uint64_t>(t), 2.5)).tracked_object();
    EXPECT_TRUE(found.lost()) << t << " " << found.confidence();
    EXPECT_LT(found.confidence(), 0.6);
  }
}

TEST(TrackObjectTest, WhatIsNotSureEnoughIsLost) {
  VisionRequest request;
  SetBox({100, 100, 90, 70}, kSize, request.mutable_track_object()->mutable_box());
  request.set_min_confidence(1);
  const std::unique_ptr<Tracker> tracker = MakeTracker(request);
  const cv::Mat thing = Texture({90, 70}, 3, 2.5);
  cv::Mat frame = Background();
  Draw(thing, CornersOf({100, 100, 90, 70}), &frame);
  EXPECT_FALSE(StepOnce(*tracker, frame).tracked_object().lost());
  EXPECT_TRUE(StepOnce(*tracker, WithNoise(frame, 1, 20)).tracked_object().lost());
}

// --- TrackRectangle ----------------------------------------------------------------------------

double WorstCorner(const vision_proto::Quad& found, const Corners& truth) {
  const Corners corners = CornersFrom(found, kSize);
  double worst = 0;
  for (size_t i = 0; i < 4; ++i) worst = std::max(worst, cv::norm(corners[i] - truth[i]));
  return worst;
}

std::unique_ptr<Tracker> RectangleAt(const Corners& corners) {
  VisionRequest request;
  SetQuad(corners, kSize, request.mutable_track_rectangle()->mutable_corners());
  EXPECT_TRUE(CheckTracking(request).ok());
  return MakeTracker(request);
}

// Turns, comes nearer, and leans away.
Corners Card(int t) {
  const double angle = t * 0.03, scale = 1 + 0.3 * std::sin(t / 15.0);
  const double lean = 0.25 * std::sin(t / 20.0);
  const cv::Point2d centre(320 + 60 * std::sin(t / 11.0), 240 + 30 * std::cos(t / 13.0));
  Corners corners = {cv::Point2d(-100, -70), {100, -70}, {100, 70}, {-100, 70}};
  for (cv::Point2d& corner : corners) {
    const double depth = 1 + lean * corner.x / 100;
    const cv::Point2d at = corner * (scale / depth);
    corner = centre + cv::Point2d(std::cos(angle) * at.x - std::sin(angle) * at.y,
                                  std::sin(angle) * at.x + std::cos(angle) * at.y);
  }
  return corners;
}

TEST(TrackRectangleTest, FollowsACardInSpace) {
  const cv::Mat card = Texture({300, 210}, 5, 3), background = Background();
  const std::unique_ptr<Tracker> tracker = RectangleAt(Card(0));
  for (int t = 0; t < 50; ++t) {
    cv::Mat frame = background.clone();
    Draw(card, Card(t), &frame);
    const vision_proto::TrackedRectangle found =
        StepOnce(*tracker, WithNoise(frame, t + 1, 4)).tracked_rectangle();
    ASSERT_FALSE(found.lost()) << t << " " << found.confidence();
    EXPECT_LT(WorstCorner(found.corners(), Card(t)), 3) << t;
  }
}

TEST(TrackRectangleTest, FollowsAWhiteSheet) {
  cv::Mat sheet(210, 300, CV_8U, 235);
  const std::unique_ptr<Tracker> tracker = RectangleAt(Card(0));
  for (int t = 0; t < 40; ++t) {
    cv::Mat frame(kSize, CV_8U, 70);
    Draw(sheet, Card(t), &frame);
    const vision_proto::TrackedRectangle found =
        StepOnce(*tracker, WithNoise(frame, t + 1, 3)).tracked_rectangle();
    ASSERT_FALSE(found.lost()) << t << " " << found.confidence();
    EXPECT_LT(WorstCorner(found.corners(), Card(t)), 4) << t;
  }
}

TEST(TrackRectangleTest, IsLostAndFoundAgain) {
  const cv::Mat card = Texture({300, 210}, 5, 3), background = Background();
  const std::unique_ptr<Tracker> tracker = RectangleAt(Card(0));
  Corners elsewhere = Card(0);
  for (cv::Point2d& corner : elsewhere) corner += cv::Point2d(-120, 70);
  cv::Mat shown = background.clone(), moved = background.clone();
  Draw(card, Card(0), &shown);
  Draw(card, elsewhere, &moved);
  EXPECT_FALSE(StepOnce(*tracker, WithNoise(shown, 1, 4)).tracked_rectangle().lost());
  for (int t = 2; t < 5; ++t) {
    EXPECT_TRUE(StepOnce(*tracker, WithNoise(background, t, 4)).tracked_rectangle().lost()) << t;
  }
  const vision_proto::TrackedRectangle found =
      StepOnce(*tracker, WithNoise(moved, 6, 4)).tracked_rectangle();
  EXPECT_FALSE(found.lost()) << found.confidence();
  EXPECT_LT(WorstCorner(found.corners(), elsewhere), 3);
}

// --- Registration ------------------------------------------------------------------------------

// A large scene, of which frames show parts.
cv::Mat Scene() {
  static const cv::Mat scene = [] {
    cv::Mat out = Texture({1400, 1200}, 11, 3);
    cv::Mat coarse = Texture({1400, 1200}, 12, 20);
    cv::addWeighted(out, 0.5, coarse, 0.5, 0, out);
    return out;
  }();
  return scene;
}

// What a camera sees whose picture point p shows the scene's map * p.
cv::Mat Seen(const cv::Matx33d& map, cv::Size size = kSize) {
  cv::Mat frame;
  cv::warpPerspective(Scene(), frame, map, size, cv::INTER_LINEAR | cv::WARP_INVERSE_MAP);
  return frame;
}

cv::Matx33d Moved(double x, double y) { return {1, 0, 400 + x, 0, 1, 350 + y, 0, 0, 1}; }

cv::Matx33d MapFrom(const vision_proto::ImageAlignment& alignment, cv::Size size) {
  const cv::Matx33d to_parts(1.0 / size.width, 0, 0.5 / size.width, 0, 1.0 / size.height,
                             0.5 / size.height, 0, 0, 1);
  cv::Matx33d map;
  for (int i = 0; i < 9; ++i) map.val[i] = alignment.transform(i);
  return to_parts.inv() * map * to_parts;
}

// Of this frame's corners in the one before.
double CornerError(const vision_proto::ImageAlignment& found, const cv::Matx33d& truth,
                   cv::Size size = kSize) {
  const double right = size.width - 1, bottom = size.height - 1;
  double worst = 0;
  for (const cv::Point2d& p : {cv::Point2d(0, 0), cv::Point2d(right, 0), cv::Point2d(right, bottom),
                               cv::Point2d(0, bottom)}) {
    worst = std::max(worst, cv::norm(Map(MapFrom(found, size), p) - Map(truth, p)));
  }
  return worst;
}

vision_proto::ImageAlignment Align(VisionRequest request, const cv::Mat& before,
                                   const cv::Mat& now) {
  EXPECT_TRUE(CheckTracking(request).ok());
  const std::unique_ptr<Tracker> tracker = MakeTracker(request);
  EXPECT_EQ(StepOnce(*tracker, before).kind_case(), VisionResult::KIND_NOT_SET);
  const VisionResult result = StepOnce(*tracker, now);
  EXPECT_TRUE(result.has_image_alignment());
  return result.image_alignment();
}

VisionRequest Translation() {
  VisionRequest request;
  request.mutable_track_translational_image_registration();
  return request;
}
VisionRequest Homography() {
  VisionRequest request;
  request.mutable_track_homographic_image_registration();
  return request;
}

TEST(TranslationTest, FindsWholeAndPartPixels) {
  for (const auto& [x, y] : {std::pair(0.0, 0.0), std::pair(3.3, -7.6), std::pair(-40.25, 12.5),
                             std::pair(0.5, 0.25), std::pair(110.0, -60.4)}) {
    const vision_proto::ImageAlignment found = Align(
        Translation(), WithNoise(Seen(Moved(0, 0)), 1, 4), WithNoise(Seen(Moved(x, y)), 2, 4));
    ASSERT_EQ(found.transform_size(), 9) << x << " " << y << " " << found.confidence();
    // What is at p now shows the scene's p + (x, y), which was at p + (x, y) before.
    EXPECT_LT(CornerError(found, {1, 0, x, 0, 1, y, 0, 0, 1}), 0.5) << x << " " << y;
    EXPECT_GT(found.confidence(), 0.7);
  }
}

TEST(TranslationTest, LargePicturesAreMeasuredToTheSamePartOfThem) {
  const cv::Size size(1280, 960);
  const cv::Mat before = Seen({1, 0, 20, 0, 1, 20, 0, 0, 1}, size);
  const cv::Mat now = Seen({1, 0, 27, 0, 1, 14, 0, 0, 1}, size);
  cv::Mat small_before, small_now;
  cv::resize(before, small_before, kSize, 0, 0, cv::INTER_AREA);
  cv::resize(now, small_now, kSize, 0, 0, cv::INTER_AREA);
  const vision_proto::ImageAlignment found = Align(Translation(), small_before, small_now);
  ASSERT_EQ(found.transform_size(), 9);
  EXPECT_LT(CornerError(found, {1, 0, 7, 0, 1, -6, 0, 0, 1}, size), 1);
}

TEST(TranslationTest, NothingInCommonIsNoAnswer) {
  for (const auto& [before, now] :
       {std::pair(Texture(kSize, 1, 0), Texture(kSize, 2, 0)),
        std::pair(Texture(kSize, 1, 3), Texture(kSize, 2, 3)),
        std::pair(cv::Mat(kSize, CV_8U, cv::Scalar(80)), cv::Mat(kSize, CV_8U, cv::Scalar(80))),
        std::pair(cv::Mat(1, 1, CV_8U, cv::Scalar(80)), cv::Mat(1, 1, CV_8U, cv::Scalar(90)))}) {
    for (const VisionRequest& request : {Translation(), Homography()}) {
      const vision_proto::ImageAlignment found = Align(request, before, now);
      EXPECT_EQ(found.transform_size(), 0);
      EXPECT_LT(found.confidence(), 0.3);
    }
  }
}

TEST(HomographyTest, FindsTurnsAndPerspective) {
  const cv::Mat before = WithNoise(Seen(Moved(0, 0)), 1, 4);
  const cv::Matx33d base = Moved(0, 0);
  for (const cv::Matx33d& change :
       {cv::Matx33d::eye(), cv::Matx33d(1, 0, 6.5, 0, 1, -3.25, 0, 0, 1),
        cv::Matx33d(0.99, -0.08, 25, 0.08, 0.99, -18, 0, 0, 1),
        cv::Matx33d(1.06, 0.02, -12, -0.01, 1.04, 4, 5e-5, -4e-5, 1)}) {
    // What is at p now is at change * p before.
    const vision_proto::ImageAlignment found =
        Align(Homography(), before, WithNoise(Seen(base * change), 2, 4));
    ASSERT_EQ(found.transform_size(), 9) << found.confidence();
    EXPECT_LT(CornerError(found, change), 2);
    EXPECT_GT(found.confidence(), 0.5);
  }
}

TEST(HomographyTest, FindsFarMoves) {
  const vision_proto::ImageAlignment found = Align(Homography(), WithNoise(Seen(Moved(0, 0)), 1, 4),
                                                   WithNoise(Seen(Moved(190, -120)), 2, 4));
  ASSERT_EQ(found.transform_size(), 9) << found.confidence();
  EXPECT_LT(CornerError(found, {1, 0, 190, 0, 1, -120, 0, 0, 1}), 2);
}

// --- Optical flow ------------------------------------------------------------------------------

TEST(OpticalFlowTest, EveryCellIsAnswered) {
  VisionRequest request;
  request.mutable_track_optical_flow()->set_grid_side(32);
  const std::unique_ptr<Tracker> tracker = MakeTracker(request);
  EXPECT_EQ(StepOnce(*tracker, Seen(Moved(0, 0))).kind_case(), VisionResult::KIND_NOT_SET);
  // Turned by one degree and a half about the middle.
  const double a = 1.5 * CV_PI / 180;
  const cv::Point2d c(319.5, 239.5);
  const cv::Matx33d turn(std::cos(a), -std::sin(a), c.x - std::cos(a) * c.x + std::sin(a) * c.y,
                         std::sin(a), std::cos(a), c.y - std::sin(a) * c.x - std::cos(a) * c.y, 0,
                         0, 1);
  // What is at p now was at turn * p: what was at q moved to its inverse.
  const VisionResult result = StepOnce(*tracker, Seen(Moved(0, 0) * turn));
  const vision_proto::OpticalFlow& flow = result.optical_flow();
  ASSERT_EQ(flow.width(), 32);
  ASSERT_EQ(flow.height(), 24);
  ASSERT_EQ(flow.displacements_size(), 2 * 32 * 24);
  const cv::Matx33d back = turn.inv();
  double sum = 0;
  int count = 0;
  // The rim is left out: what leaves the picture is not seen.
  for (int y = 2; y < 22; ++y) {
    for (int x = 2; x < 30; ++x, ++count) {
      const cv::Point2d at((x + 0.5) * 20 - 0.5, (y + 0.5) * 20 - 0.5);
      const cv::Point2d moved(flow.displacements(2 * (y * 32 + x)) * kFrameWidth,
                              flow.displacements(2 * (y * 32 + x) + 1) * kFrameHeight);
      sum += cv::norm(moved - (Map(back, at) - at));
    }
  }
  EXPECT_LT(sum / count, 0.5);
}

TEST(OpticalFlowTest, PicturesOfAnyShapeHaveOne) {
  for (const cv::Size& size : {cv::Size(1, 1), cv::Size(640, 1), cv::Size(3, 640)}) {
    const std::unique_ptr<Tracker> tracker = [] {
      VisionRequest request;
      request.mutable_track_optical_flow();
      return MakeTracker(request);
    }();
    StepOnce(*tracker, Texture(size, 1, 0));
    const VisionResult result = StepOnce(*tracker, Texture(size, 2, 0));
    const vision_proto::OpticalFlow& flow = result.optical_flow();
    EXPECT_GE(flow.width(), 1);
    EXPECT_GE(flow.height(), 1);
    EXPECT_EQ(flow.displacements_size(), 2 * static_cast<int>(flow.width() * flow.height()));
    for (const float value : flow.displacements()) EXPECT_TRUE(std::isfinite(value));
  }
}

// --- What is refused, and what must not break --------------------------------------------------

TEST(TrackerTest, PicturesOfAnyShapeBreakNothing) {
  VisionRequest object, rectangle;
  SetBox({0, 0, 1, 1}, {1, 1}, object.mutable_track_object()->mutable_box());
  SetQuad(CornersOf({0, 0, 1, 1}), {1, 1}, rectangle.mutable_track_rectangle()->mutable_corners());
  for (const cv::Size& size :
       {cv::Size(1, 1), cv::Size(640, 1), cv::Size(2, 640), cv::Size(17, 16)}) {
    for (const VisionRequest& request : {object, rectangle, Translation(), Homography()}) {
      const std::unique_ptr<Tracker> tracker = MakeTracker(request);
      for (uint64_t t = 0; t < 4; ++t) {
        const VisionResult result = StepOnce(*tracker, Texture(size, t, 1));
        EXPECT_TRUE(t == 0 || result.kind_case() != VisionResult::KIND_NOT_SET);
      }
    }
  }
}

TEST(TrackerTest, ShapesOutsideThePictureAreRefused) {
  const auto field_of = [](const VisionRequest& request) {
    return FactsOf(CheckTracking(request)).field;
  };
  const float nan = std::nanf("");
  for (const auto& [x, y, w, h] : std::vector<std::array<float, 4>>{{0.5F, 0.5F, 0.6F, 0.1F},
                                                                    {-0.1F, 0, 0.5F, 0.5F},
                                                                    {0, 0, 0, 0.5F},
                                                                    {nan, 0, 1, 1},
                                                                    {0, 0, nan, 1},
                                                                    {0, 0, 1e30F, 1}}) {
    VisionRequest request;
    SetBox({x, y, w, h}, {1, 1}, request.mutable_track_object()->mutable_box());
    EXPECT_EQ(field_of(request), "track_object.box");
  }
  VisionRequest nothing;
  nothing.mutable_track_object();
  EXPECT_EQ(field_of(nothing), "track_object.box");
  for (const std::vector<float>& v :
       std::vector<std::vector<float>>{{0, 0, 1, 0, 1, 1, 0, 1.1F},  // outside
                                       {0, 0, 0, 1, 1, 1, 1, 0},     // the other way round
                                       {0, 0, 1, 1, 1, 0, 0, 1},     // crossed
                                       {0, 0, 0.5F, 0, 1, 0, 0, 1},  // three in a line
                                       {0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F},
                                       {nan, 0, 1, 0, 1, 1, 0, 1}}) {
    VisionRequest request;
    vision_proto::Quad& quad = *request.mutable_track_rectangle()->mutable_corners();
    vision_proto::Point* const points[] = {quad.mutable_top_left(), quad.mutable_top_right(),
                                           quad.mutable_bottom_right(), quad.mutable_bottom_left()};
    for (size_t i = 0; i < 4; ++i) {
      points[i]->set_x(v[2 * i]);
      points[i]->set_y(v[2 * i + 1]);
    }
    EXPECT_EQ(field_of(request), "track_rectangle.corners");
  }
  VisionRequest flow;
  flow.mutable_track_optical_flow()->set_grid_side(7);
  EXPECT_EQ(field_of(flow), "track_optical_flow.grid_side");
  flow.mutable_track_optical_flow()->set_grid_side(257);
  EXPECT_EQ(field_of(flow), "track_optical_flow.grid_side");
  VisionRequest part = Translation();
  part.mutable_region_of_interest()->set_width(1);
  EXPECT_EQ(field_of(part), "region_of_interest");
}

TEST(TrackingShapesTest, AMapIsFoundAmongFalsePairs) {
  cv::RNG random(5);
  const cv::Matx33d truth(1.1, 0.1, -20, -0.05, 0.95, 12, 1e-4, -5e-5, 1);
  std::vector<cv::Point2f> from, to;
  for (int i = 0; i < 100; ++i) {
    from.emplace_back(random.uniform(0.F, 640.F), random.uniform(0.F, 480.F));
    to.emplace_back(i % 5 < 3
                        ? cv::Point2f(Map(truth, from.back()))
                        : cv::Point2f(random.uniform(0.F, 640.F), random.uniform(0.F, 480.F)));
  }
  const std::optional<MapFit> fit = FitMap(from, to, 1);
  ASSERT_TRUE(fit.has_value());
  EXPECT_GE(fit->count, 60);
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(fit->map.val[i], truth.val[i], 0.05) << i;
  EXPECT_FALSE(FitMap({from.begin(), from.begin() + 3}, {to.begin(), to.begin() + 3}, 1));
  const std::vector<cv::Point2f> same(20, {5, 5});
  EXPECT_FALSE(FitMap(same, same, 1));
}

}  // namespace
}  // namespace intelligenced
