// How every part of the picture moved.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <opencv2/video/tracking.hpp>

#include "runtime/engines/vision/tracker.h"

namespace intelligenced {
namespace {

constexpr uint32_t kDefaultGridSide = 64;
// The method works on patches in a pyramid.
constexpr int kMinSide = 64;
// Half of the frame's size: a quarter of the time, and cells are larger than what is lost.
constexpr int kFlowSide = 320;

class FlowTracker final : public Tracker {
 public:
  explicit FlowTracker(const vision_proto::TrackOpticalFlow& request)
      : grid_side_(request.grid_side() == 0 ? kDefaultGridSide : request.grid_side()) {}

  void Step(const cv::Mat& frame, vision_proto::VisionResult* result) override {
    const double factor = std::min(1.0, 1.0 * kFlowSide / std::max(frame.cols, frame.rows));
    const cv::Size size(std::max(kMinSide, cvRound(frame.cols * factor)),
                        std::max(kMinSide, cvRound(frame.rows * factor)));
    cv::Mat now = frame;
    if (size != frame.size()) cv::resize(frame, now, size, 0, 0, cv::INTER_AREA);
    if (!last_.empty()) Answer(now, frame.size(), result->mutable_optical_flow());
    last_ = now;
  }

 private:
  void Answer(const cv::Mat& now, cv::Size frame, vision_proto::OpticalFlow* out) {
    // Kroeger et al. 2016. Made for each use: it keeps buffers.
    cv::Mat flow;
    cv::DISOpticalFlow::create(cv::DISOpticalFlow::PRESET_FAST)->calc(last_, now, flow);
    const double longest = std::max(frame.width, frame.height);
    const cv::Size grid(
        std::max(1, static_cast<int>(std::lround(grid_side_ * frame.width / longest))),
        std::max(1, static_cast<int>(std::lround(grid_side_ * frame.height / longest))));
    cv::Mat cells;
    cv::resize(flow, cells, grid, 0, 0, cv::INTER_AREA);
    out->set_width(static_cast<uint32_t>(grid.width));
    out->set_height(static_cast<uint32_t>(grid.height));
    out->mutable_displacements()->Reserve(2 * grid.area());
    for (int y = 0; y < grid.height; ++y) {
      for (int x = 0; x < grid.width; ++x) {
        const auto moved = cells.at<cv::Vec2f>(y, x);
        out->add_displacements(moved[0] / static_cast<float>(now.cols));
        out->add_displacements(moved[1] / static_cast<float>(now.rows));
      }
    }
  }

  const uint32_t grid_side_;
  cv::Mat last_;
};

}  // namespace

std::unique_ptr<Tracker> MakeFlowTracker(const vision_proto::TrackOpticalFlow& request) {
  return std::make_unique<FlowTracker>(request);
}

}  // namespace intelligenced
