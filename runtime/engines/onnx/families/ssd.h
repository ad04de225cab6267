// MediaPipe's single-shot detectors (BlazeFace, BlazePalm, BlazePose): their anchors and the
// decoding of what they say of each. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SSD_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SSD_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/boxes.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

// A grid of cells of so many pixels, and how many anchors each cell has.
struct SsdGrid {
  int stride = 0;
  int anchors = 0;
};
inline constexpr SsdGrid kSsdShortRange[] = {{8, 2}, {16, 6}};

// Centres of the anchors in parts of a square input, grid by grid and row by row.
std::vector<PointF> SsdAnchors(int input_side, absl::Span<const SsdGrid> grids = kSsdShortRange);

// Appends what has at least `min_score`, in pixels of the input. `scores` has one number an anchor,
// before the sigmoid; `boxes` four (centre from the anchor, size) and two for each of the points.
std::vector<Detection> DecodeSsd(absl::Span<const PointF> anchors, absl::Span<const float> scores,
                                 absl::Span<const float> boxes, int points, int input_side,
                                 float min_score);

// A detector's network with its place for everything.
class SsdDetector {
 public:
  struct Kind {
    std::string_view family;
    int input_side = 0;
    int points = 0;
    // Values of the input run from this to 1.
    float least = 0;
    float min_score = 0.5F;
    absl::Span<const SsdGrid> grids = kSsdShortRange;
  };

  // MODEL_LOAD_FAILED for a network of other shapes.
  static absl::StatusOr<SsdDetector> Make(std::unique_ptr<Network> network, const Kind& kind);

  // In pixels of the view, the surest first. Overlapping ones are blended.
  absl::StatusOr<std::vector<Detection>> Detect(const View& view, const CancelToken& cancel) const;

 private:
  SsdDetector() = default;

  std::unique_ptr<Network> network_;
  Kind kind_;
  std::vector<PointF> anchors_;
  size_t scores_ = 0;
  size_t boxes_ = 0;
};

// A square around what was found, turned so that it is upright there.
struct TurnedSquare {
  PointF centre;
  float side = 0;
  float radians = 0;
};

// The box's longer side, times `scale`, turned by `radians`; first moved by `down` of its height in
// its own direction.
TurnedSquare SquareAround(const BoxF& box, float radians, float scale, float down);

// How far the line from `from` to `to` is turned clockwise from `target` (radians, mathematically:
// 0 points right, π/2 up), between -π and π.
float TurnOf(PointF from, PointF to, float target);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SSD_H_
