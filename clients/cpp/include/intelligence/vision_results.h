// What vision requests answer. Coordinates are 0 to 1 from the top left of the picture as a person
// sees it, confidences 0 to 1.
#ifndef INTELLIGENCE_VISION_RESULTS_H_
#define INTELLIGENCE_VISION_RESULTS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace intelligence {

struct Point {
  float x = 0;
  float y = 0;
};

struct Rect {
  float x = 0;  // the corner at the top left
  float y = 0;
  float width = 0;
  float height = 0;
};

// In the thing's own upright position.
struct Quad {
  Point top_left = {};
  Point top_right = {};
  Point bottom_right = {};
  Point bottom_left = {};
};

struct Region {
  Rect box = {};
  Quad corners = {};
  float confidence = 0;
};

enum class BarcodeSymbology {
  kUnspecified,
  kAztec,
  kCodabar,
  kCode39,
  kCode93,
  kCode128,
  kDataBar,
  kDataBarExpanded,
  kDataBarLimited,
  kDataMatrix,
  kDxFilmEdge,
  kEan8,
  kEan13,
  kItf,
  kMaxiCode,
  kPdf417,
  kMicroPdf417,
  kQr,
  kMicroQr,
  kRmqr,
  kTelepen,
  kUpcA,
  kUpcE,
  kOther
};

struct TextWord {
  std::string text = {};
  Rect box = {};
  float confidence = 0;
  std::string language = {};
};
struct TextLine {
  std::string text = {};
  Rect box = {};
  Quad corners = {};
  float confidence = 0;
  std::vector<TextWord> words = {};
  bool begins_paragraph = false;
};
struct TextBlock {
  Rect box = {};
  float confidence = 0;
  std::vector<TextLine> lines = {};
};
// In reading order.
struct RecognizedText {
  std::vector<TextBlock> blocks = {};
  std::string text = {};
  uint32_t page_rotation_degrees = 0;
};
struct Regions {
  std::vector<Region> regions = {};
};
struct Barcode {
  BarcodeSymbology symbology = BarcodeSymbology::kUnspecified;
  std::string payload = {};
  std::string payload_bytes = {};
  Rect box = {};
  Quad corners = {};
  std::string content_type = {};
  std::string symbology_identifier = {};
  std::string symbology_name = {};
  bool is_inverted = false;
};
struct Barcodes {
  std::vector<Barcode> barcodes = {};
};
struct DocumentSegmentation {
  std::optional<Region> document = {};
  std::string corrected_png = {};
};
struct Contour {
  std::vector<Point> points = {};
  int32_t parent = -1;
};
struct Contours {
  std::vector<Contour> contours = {};
};
struct Horizon {
  bool found = false;
  float angle_degrees = 0;  // to be turned by, clockwise
  float confidence = 0;
};
struct Landmark {
  std::string name = {};  // "left_eye", "index_tip": left and right as the person shown would say
  Point position = {};
  float depth = 0;  // towards the viewer, in widths of the picture
  float confidence = 0;
};
struct Face {
  Rect box = {};
  float confidence = 0;
  std::vector<Landmark> landmarks = {};
};
struct Faces {
  std::vector<Face> faces = {};
};
// width × height values, row by row: 0 is 0.0, 255 is 1.0.
struct Heatmap {
  uint32_t width = 0;
  uint32_t height = 0;
  std::string values = {};
};
struct Saliency {
  Heatmap heatmap = {};
  std::vector<Region> regions = {};
};
struct FeaturePrint {
  std::string kind = {};
  std::vector<float> values = {};
};
// Measured by formulas, not learned.
struct AestheticsScores {
  float overall_score = 0;  // -1 to 1
  bool is_utility = false;
  float sharpness = 0;
  float exposure = 0;
  float contrast = 0;
  float colourfulness = 0;
  float composition = 0;
};
struct LensSmudge {
  float confidence = 0;
};
struct Classification {
  std::string identifier = {};  // the label as the model has it
  float confidence = 0;
};
struct Classifications {
  std::vector<Classification> classifications = {};
};
// A body or a hand.
struct Pose {
  Rect box = {};
  float confidence = 0;
  std::vector<Landmark> joints = {};
  std::string chirality = {};  // hands: "left" or "right"
};
struct Poses {
  std::vector<Pose> poses = {};
};
struct PersonSegmentation {
  Heatmap mask = {};  // 1.0: certainly a person
};
// What a language model says of the picture.
struct Description {
  std::string text = {};
};
struct TrackedObject {
  Rect box = {};  // where it was last seen
  float confidence = 0;
  bool lost = false;  // not in this frame; it is looked for in the next ones
};
struct TrackedRectangle {
  Quad corners = {};
  float confidence = 0;
  bool lost = false;
};
// A grid over the whole picture, row by row.
struct OpticalFlow {
  uint32_t width = 0;
  uint32_t height = 0;
  // How far what a cell shows has moved since the frame before, in widths and heights of the
  // picture.
  std::vector<Point> displacements = {};
};
struct ImageAlignment {
  // From places of this frame to those of the one before: row by row, (x', y', w') = m · (x, y, 1).
  // Nothing where the frames have too little in common.
  std::optional<std::array<float, 9>> transform = {};
  float confidence = 0;
};

// std::monostate: an answer that this version of the SDK does not know.
using VisionResultKind =
    std::variant<std::monostate, RecognizedText, Regions, Barcodes, DocumentSegmentation, Contours,
                 Horizon, Faces, Saliency, FeaturePrint, AestheticsScores, LensSmudge,
                 Classifications, Poses, PersonSegmentation, Description, TrackedObject,
                 TrackedRectangle, OpticalFlow, ImageAlignment>;

struct VisionResult {
  uint32_t request_index = 0;
  std::string model = {};
  VisionResultKind kind = {};
};

// Where a place of this frame was in the frame before. Nothing without a transform, and for places
// that it maps to infinity.
std::optional<Point> Mapped(const ImageAlignment& alignment, Point place);

// How much two pictures differ: 0 for the same. Nothing when the prints are of different kinds.
std::optional<float> Distance(const FeaturePrint& a, const FeaturePrint& b);

}  // namespace intelligence

#endif  // INTELLIGENCE_VISION_RESULTS_H_
