// Text in pictures: Tesseract.
//
// What it reads of a picture is what the tesseract command reads (its automatic page segmentation,
// its default engine). A page that makes no sense as it lies is read again the right way round, as
// Tesseract's detection of orientation says, and the better of both is kept.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_TEXT_READER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_TEXT_READER_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "runtime/engines/vision/picture.h"

namespace tesseract {
class TessBaseAPI;
}

namespace intelligenced {

// Thread-safe: each reading has an instance of the library for itself; instances are kept.
class TextReader {
 public:
  // `folder`: where the *.traineddata files are. MODEL_LOAD_FAILED when there is none for English.
  static absl::StatusOr<std::unique_ptr<TextReader>> Open(std::string folder);
  ~TextReader();

  // LANGUAGE_UNSUPPORTED for one that there is no data for.
  absl::Status CheckLanguages(const vision_proto::RecognizeText& request) const;

  // `go_on` is asked about once a line. Errors: ENGINE_FAILURE, LANGUAGE_UNSUPPORTED. What is there
  // when `go_on` said no is of no use.
  absl::StatusOr<vision_proto::RecognizedText> Read(
      const View& view, const vision_proto::RecognizeText& request, float min_confidence,
      const GoOn& go_on, const std::function<void(int percent)>& on_progress);

  // Lines of text by their layout alone.
  absl::StatusOr<vision_proto::Regions> FindLines(const View& view);

  // BCP-47, sorted.
  std::vector<std::string> Languages() const;

 private:
  using Instance = std::unique_ptr<tesseract::TessBaseAPI>;
  class Reading;

  explicit TextReader(std::string folder);

  absl::StatusOr<std::string> LanguagesOf(const vision_proto::RecognizeText& request) const;
  absl::StatusOr<Instance> Take(const std::string& languages);
  void GiveBack(const std::string& languages, Instance instance);
  // Degrees by which the page must be turned clockwise; 0 when that is not sure.
  int DetectRotation(const View& view);

  const std::string folder_;
  std::set<std::string> names_;  // Tesseract's
  absl::Mutex mutex_;
  std::map<std::string, std::vector<Instance>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_TEXT_READER_H_
