#include "runtime/engines/vision/people.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr int kFaceSide = 1024;
constexpr int kSmallestFace = 30;
constexpr int kHumanSide = 640;
constexpr size_t kMaxIdle = 4;
// Boxes that overlap by more than this part are one.
constexpr float kSame = 0.45F;
// The detector's margin that the best window of a person reaches; below, most are posts and trees.
constexpr double kHumanMargin = 0.8;
// Windows above no margin at all that must agree, as in OpenCV's own grouping.
constexpr int kHumanWindows = 3;
constexpr double kHumanScale = 1.1;

// The grey view at most `side` large, and the factor back.
float Shrink(const View& view, int side, cv::Mat* out) {
  const cv::Mat grey = view.grey();
  const int longest = std::max(grey.cols, grey.rows);
  if (longest <= side) {
    *out = grey;
    return 1;
  }
  const double scale = static_cast<double>(side) / longest;
  cv::resize(grey, *out, cv::Size(), scale, scale, cv::INTER_AREA);
  return static_cast<float>(grey.cols) / static_cast<float>(out->cols);
}

struct Found {
  cv::Rect2f box;
  double weight = 0;
};

float Common(const Found& a, const Found& b) { return (a.box & b.box).area(); }

// A person is found at several places and scales nearby, what only looks like one mostly once.
std::vector<Found> WithSupport(const std::vector<Found>& found, int least) {
  std::vector<Found> kept;
  for (const Found& one : found) {
    const auto near = std::count_if(found.begin(), found.end(), [&](const Found& other) {
      return Common(one, other) > 0.5F * std::max(one.box.area(), other.box.area());
    });
    if (near >= least) kept.push_back(one);
  }
  return kept;
}

// The best of each place.
std::vector<Found> BestOfEach(std::vector<Found> found) {
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.weight > b.weight; });
  std::vector<Found> kept;
  for (const Found& one : found) {
    const bool known = std::any_of(kept.begin(), kept.end(), [&](const Found& other) {
      return Common(one, other) > kSame * std::min(one.box.area(), other.box.area());
    });
    if (!known) kept.push_back(one);
  }
  return kept;
}

cv::Rect2f Scaled(const cv::Rect2f& box, float by) {
  return {box.x * by, box.y * by, box.width * by, box.height * by};
}

// A margin above 0 as a confidence below 1.
float Squash(double margin, double half) {
  return static_cast<float>(margin <= 0 ? 0 : margin / (margin + half));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FaceDetector>> FaceDetector::Open(std::string file) {
  auto detector = std::unique_ptr<FaceDetector>(new FaceDetector(std::move(file)));
  auto first = detector->Take();
  if (first->empty()) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("OpenCV cannot read the cascade ", detector->file_,
                                  ". Install the package that has it (opencv-data)."));
  }
  absl::MutexLock lock(detector->mutex_);
  detector->idle_.push_back(std::move(first));
  return detector;
}

FaceDetector::FaceDetector(std::string file) : file_(std::move(file)) {}

FaceDetector::~FaceDetector() = default;

std::unique_ptr<cv::CascadeClassifier> FaceDetector::Take() {
  {
    absl::MutexLock lock(mutex_);
    if (!idle_.empty()) {
      auto classifier = std::move(idle_.back());
      idle_.pop_back();
      return classifier;
    }
  }
  return std::make_unique<cv::CascadeClassifier>(file_);
}

vision_proto::Faces FaceDetector::Detect(const View& view) {
  cv::Mat grey;
  const float scale = Shrink(view, kFaceSide, &grey);
  cv::Mat even;
  cv::equalizeHist(grey, even);
  auto classifier = Take();
  std::vector<cv::Rect> boxes;
  std::vector<int> levels;
  std::vector<double> weights;
  classifier->detectMultiScale(even, boxes, levels, weights, 1.1, 6, 0,
                               cv::Size(kSmallestFace, kSmallestFace), cv::Size(), true);
  {
    absl::MutexLock lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(classifier));
  }
  std::vector<Found> found;
  for (size_t i = 0; i < boxes.size(); ++i) {
    found.push_back({Scaled(cv::Rect2f(boxes[i]), scale), weights[i]});
  }
  vision_proto::Faces faces;
  for (const Found& one : BestOfEach(std::move(found))) {
    vision_proto::Face* const face = faces.add_faces();
    view.SetRect(one.box, face->mutable_box());
    face->set_confidence(Squash(one.weight, 1));
  }
  return faces;
}

vision_proto::Regions DetectHumans(const View& view, const GoOn& go_on) {
  cv::Mat grey;
  const float scale = Shrink(view, kHumanSide, &grey);
  cv::HOGDescriptor descriptor;
  descriptor.setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
  std::vector<Found> found;
  cv::Mat level = grey;
  for (double factor = 1; go_on(); factor *= kHumanScale) {
    if (factor > 1) cv::resize(grey, level, cv::Size(), 1 / factor, 1 / factor, cv::INTER_AREA);
    const cv::Size window = descriptor.winSize;
    if (level.cols < window.width || level.rows < window.height) break;
    std::vector<cv::Point> places;
    std::vector<double> weights;
    descriptor.detect(level, places, weights, 0, cv::Size(8, 8));
    for (size_t i = 0; i < places.size(); ++i) {
      const cv::Rect2f box{cv::Point2f(places[i]), cv::Size2f(window)};
      found.push_back({Scaled(box, static_cast<float>(factor) * scale), weights[i]});
    }
  }
  vision_proto::Regions regions;
  for (const Found& one : BestOfEach(WithSupport(found, kHumanWindows))) {
    if (one.weight < kHumanMargin) continue;
    // The window has a margin of an eighth around the person.
    const float dx = one.box.width / 8;
    const float dy = one.box.height / 16;
    const cv::Rect2f person(one.box.x + dx, one.box.y + dy, one.box.width - 2 * dx,
                            one.box.height - 2 * dy);
    vision_proto::Region* const region = regions.add_regions();
    view.SetRect(person, region->mutable_box());
    region->set_confidence(Squash(one.weight, 0.5));
  }
  return regions;
}

}  // namespace intelligenced
