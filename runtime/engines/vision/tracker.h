// Things that are followed from frame to frame of a video. What each tracker does and where its
// method comes from: README.md.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_TRACKER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_TRACKER_H_

#include <memory>
#include <opencv2/core.hpp>

#include "absl/status/status.h"
#include "runtime/engines/vision/picture.h"

namespace intelligenced {

// Of the frame that trackers work on: the picture made smaller to so many pixels a side at most.
inline constexpr int kTrackSide = 640;

// Grey and upright, in memory of its own. All trackers of a stream share it.
cv::Mat MakeTrackFrame(const Picture& picture);

// What is known of one request of one stream. Not thread-safe; may move between threads.
class Tracker {
 public:
  virtual ~Tracker() = default;

  // The next frame: all of a tracker's frames have one size. It may be kept, and is not changed by
  // anybody. `result` gets the answer, and no kind where there is none for this frame.
  virtual void Step(const cv::Mat& frame, vision_proto::VisionResult* result) = 0;
};

// Whether the request needs the frames before this one.
bool IsTracking(const vision_proto::VisionRequest& request);

// FIELD_INVALID for places outside the picture, shapes that are none, and a region of interest.
absl::Status CheckTracking(const vision_proto::VisionRequest& request);

// For a request that IsTracking() and that CheckTracking() found good.
std::unique_ptr<Tracker> MakeTracker(const vision_proto::VisionRequest& request);

// One file each.
std::unique_ptr<Tracker> MakeObjectTracker(const vision_proto::TrackObject& request,
                                           float min_confidence);
std::unique_ptr<Tracker> MakeRectangleTracker(const vision_proto::TrackRectangle& request,
                                              float min_confidence);
std::unique_ptr<Tracker> MakeFlowTracker(const vision_proto::TrackOpticalFlow& request);
std::unique_ptr<Tracker> MakeTranslationTracker(float min_confidence);
std::unique_ptr<Tracker> MakeHomographyTracker(float min_confidence);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_TRACKER_H_
