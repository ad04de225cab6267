// Questions about a picture: what goes in and comes out. Limits and the methods behind the answers
// are those of protos/intelligence/v1/vision_types.proto.
//
//   auto result = client->AnalyzeImage({.image = {.encoded = bytes},
//                                       .requests = {RecognizeText{}, DetectBarcodes{}}});
//
// A large picture is best handed over without copies: VisionImage::FromFile(), or pixels written
// into SharedMemory.
//
// Coordinates are 0 to 1 from the top left of the picture as a person sees it, confidences 0 to 1.
#ifndef INTELLIGENCE_VISION_H_
#define INTELLIGENCE_VISION_H_

#include <intelligence/attachment.h>
#include <intelligence/common.h>
#include <intelligence/vision_results.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace intelligence {

enum class PixelFormat { kUnspecified, kRgb, kRgba, kBgra, kGrey, kNv12 };

// How the stored picture must be turned to be upright: EXIF's values.
enum class ImageOrientation {
  kDefault,  // as the file says
  kUp,
  kUpMirrored,
  kDown,
  kDownMirrored,
  kLeftMirrored,
  kRight,
  kRightMirrored,
  kLeft
};

struct PixelBuffer {
  PixelFormat format = PixelFormat::kUnspecified;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t stride = 0;  // bytes from row to row; 0: no gaps
  std::string data = {};
};

// One of `encoded`, `pixels` and `attachment` is required.
struct VisionImage {
  // A JPEG, PNG, WebP, BMP, TIFF or HEIC file.
  std::string encoded = {};
  std::optional<PixelBuffer> pixels = {};
  ImageOrientation orientation = ImageOrientation::kDefault;
  // In place of bytes: a file's, or with `pixels`, whose data is then empty, the pixels. They go to
  // the daemon as a descriptor; or as bytes where it takes none.
  std::optional<Attachment> attachment = {};

  // A file as it is on disk. Errors: NOT_FOUND, PERMISSION_DENIED, INTERNAL, with the path.
  static absl::StatusOr<VisionImage> FromFile(const std::string& path);
  // The same for an open descriptor, which stays the caller's.
  static absl::StatusOr<VisionImage> FromDescriptor(int fd);
  // Pixels that lie in `memory` as `layout` says; its data is not looked at.
  static absl::StatusOr<VisionImage> FromSharedMemory(SharedMemory memory, PixelBuffer layout);
};

// What can be asked. Each member has the API's default where it is empty or 0.
struct RecognizeText {
  std::vector<std::string> languages = {};  // BCP-47, the likeliest first
  bool assume_upright = false;
};
struct DetectTextRectangles {};
struct DetectBarcodes {
  std::vector<BarcodeSymbology> symbologies = {};
};
struct DetectRectangles {
  float min_aspect_ratio = 0;
  float max_aspect_ratio = 0;
  float min_size = 0;
  float angle_tolerance_degrees = 0;
};
struct DetectDocumentSegmentation {
  bool correct_perspective = false;
};
struct DetectContours {
  uint32_t max_image_side = 0;
  bool light_on_dark = false;
};
struct DetectHorizon {};
struct DetectFaceRectangles {};
struct DetectHumanRectangles {};
struct GenerateAttentionBasedSaliencyImage {};
struct GenerateObjectnessBasedSaliencyImage {};
struct GenerateImageFeaturePrint {};
struct CalculateImageAestheticsScores {};
struct DetectLensSmudge {};
// What follows needs a model that was installed.
struct DetectFaceLandmarks {};
struct ClassifyImage {};
struct DetectHumanHandPose {};
struct DetectHumanBodyPose {};
struct GeneratePersonSegmentation {};
enum class DescriptionDetail {
  kDefault,     // kBrief
  kBrief,       // one sentence
  kDetailed,    // a paragraph
  kAccessible,  // for somebody who does not see the picture
};
// Of the whole picture, by a language model that takes pictures (language.describe-image).
struct DescribeImage {
  DescriptionDetail detail = DescriptionDetail::kDefault;
  std::string language = {};  // BCP-47; empty: "en"
};
// Of the frames of a video only (intelligence/frames.h). Places are those in the first frame that
// the request sees.
struct TrackObject {
  Rect box = {};
};
struct TrackRectangle {
  Quad corners = {};
};
struct TrackOpticalFlow {
  uint32_t grid_side = 0;  // cells along the longer side, 8 to 256; 0: 64
};
struct TrackTranslationalImageRegistration {};
struct TrackHomographicImageRegistration {};

using VisionRequestKind = std::variant<
    RecognizeText, DetectTextRectangles, DetectBarcodes, DetectRectangles,
    DetectDocumentSegmentation, DetectContours, DetectHorizon, DetectFaceRectangles,
    DetectHumanRectangles, GenerateAttentionBasedSaliencyImage,
    GenerateObjectnessBasedSaliencyImage, GenerateImageFeaturePrint, CalculateImageAestheticsScores,
    DetectLensSmudge, DetectFaceLandmarks, ClassifyImage, DetectHumanHandPose, DetectHumanBodyPose,
    GeneratePersonSegmentation, DescribeImage, TrackObject, TrackRectangle, TrackOpticalFlow,
    TrackTranslationalImageRegistration, TrackHomographicImageRegistration>;

struct VisionRequest {
  VisionRequestKind kind = {};
  std::optional<Rect> region_of_interest = {};
  float min_confidence = 0;
  uint32_t max_results = 0;
};

struct AnalyzeImageRequest {
  VisionImage image = {};
  std::vector<VisionRequest> requests = {};  // 1 to 32
};

struct ImageInfo {
  uint32_t width = 0;  // in pixels, upright
  uint32_t height = 0;
  std::string format = {};
  ImageOrientation orientation = ImageOrientation::kDefault;
  uint32_t dots_per_inch = 0;
};

struct AnalyzeImageResult {
  ImageInfo image = {};
  std::vector<VisionResult> results = {};  // in the order of the requests
  uint32_t decodes = 0;
  Usage usage = {};
};

// The last event of a stream; the results came before it.
struct AnalyzeImageCompleted {
  uint32_t decodes = 0;
  Usage usage = {};
};

using AnalyzeImageEvent = std::variant<Queued, ModelLoading, WorkProgress, ImageInfo, VisionResult,
                                       AnalyzeImageCompleted>;

}  // namespace intelligence

#endif  // INTELLIGENCE_VISION_H_
