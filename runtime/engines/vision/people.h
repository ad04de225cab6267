// Faces and whole persons from the front, by OpenCV's detectors of before neural networks: Viola
// and Jones's cascade (the data is a file of the system) and Dalal and Triggs's histograms of
// gradients (inside the library).
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_PEOPLE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_PEOPLE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "runtime/engines/vision/picture.h"

namespace cv {
class CascadeClassifier;
}

namespace intelligenced {

// Thread-safe: each use has a classifier for itself.
class FaceDetector {
 public:
  // MODEL_LOAD_FAILED when the file is no cascade.
  static absl::StatusOr<std::unique_ptr<FaceDetector>> Open(std::string file);
  ~FaceDetector();

  vision_proto::Faces Detect(const View& view);

 private:
  explicit FaceDetector(std::string file);
  std::unique_ptr<cv::CascadeClassifier> Take();

  const std::string file_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<cv::CascadeClassifier>> idle_ ABSL_GUARDED_BY(mutex_);
};

// Scale by scale; `go_on` is asked between them.
vision_proto::Regions DetectHumans(const View& view, const GoOn& go_on);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_PEOPLE_H_
