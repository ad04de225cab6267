#include "runtime/engines/onnx/families/face_mesh.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/engines/onnx/families/ssd.h"

namespace intelligenced {
namespace {

constexpr std::string_view kName = "face-mesh";
constexpr char kDetectorRole[] = "face-detector";
constexpr char kIrisRole[] = "iris";
constexpr std::array kServes = {Family::RequestKind::kDetectFaceLandmarks};
constexpr SsdDetector::Kind kFace = {.family = kName, .input_side = 128, .points = 6, .least = -1};
constexpr int kSide = 192;
constexpr int kIrisSide = 64;
constexpr int64_t kPoints = 468;
constexpr int64_t kIrisPoints = 5;
constexpr int64_t kEyePoints = 71;
constexpr float kMinPresence = 0.5F;
constexpr size_t kMostFaces = 10;
constexpr float kCropOverFace = 1.5F;
constexpr float kCropOverEye = 2.3F;
// Places in the network's list that have names of their own (MediaPipe's canonical face).
struct NamedPoint {
  size_t index;
  std::string_view name;
};
constexpr NamedPoint kNamed[] = {{1, "nose_tip"},
                                 {33, "right_eye_outer"},
                                 {133, "right_eye_inner"},
                                 {263, "left_eye_outer"},
                                 {362, "left_eye_inner"},
                                 {61, "right_mouth_corner"},
                                 {291, "left_mouth_corner"},
                                 {13, "upper_lip"},
                                 {14, "lower_lip"},
                                 {152, "chin"},
                                 {10, "forehead"}};
constexpr std::array<std::string_view, kIrisPoints> kIrisNames = {"centre", "edge_1", "edge_2",
                                                                  "edge_3", "edge_4"};

struct Point3 {
  PointF place;
  float depth = 0;
};

class FaceMesh final : public Family {
 public:
  struct Networks {
    std::unique_ptr<Network> mesh;
    size_t points = 0;
    size_t presence = 0;
    std::optional<SsdDetector> detector;
    std::unique_ptr<Network> iris;
    size_t iris_points = 0;
  };

  explicit FaceMesh(Networks networks) : networks_(std::move(networks)) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    result->mutable_faces();
    if (!networks_.detector.has_value()) {
      const BoxF all = {0, 0, view.width(), view.height()};
      return AddFace(view, SquareAround(all, 0, 1, 0), request, cancel, result);
    }
    auto faces = networks_.detector->Detect(view, cancel);
    if (!faces.ok()) return faces.status();
    for (size_t i = 0; i < std::min(faces->size(), kMostFaces); ++i) {
      const Detection& face = (*faces)[i];
      // The detector's first two points are the eyes, the viewer's left one first.
      const float turn = TurnOf(face.points[0], face.points[1], 0);
      const TurnedSquare crop = SquareAround(face.box, turn, kCropOverFace, 0);
      if (absl::Status status = AddFace(view, crop, request, cancel, result); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  static Tensor Crop(const View& view, const TurnedSquare& square, int side, Affine* map) {
    SampleOptions options = {.width = side, .height = side};
    options.to_picture = *map = Turned(square.centre, square.side, square.side, square.radians,
                                       static_cast<float>(side), static_cast<float>(side));
    options.planar = false;
    options.scale = {1.0F / 255, 1.0F / 255, 1.0F / 255};
    return view.Sample(options);
  }

  absl::Status AddFace(const View& view, const TurnedSquare& crop,
                       const vision_proto::VisionRequest& request, const CancelToken& cancel,
                       vision_proto::VisionResult* result) {
    Affine map;
    std::vector<Tensor> inputs;
    inputs.push_back(Crop(view, crop, kSide, &map));
    auto outputs = networks_.mesh->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    const Tensor& points = (*outputs)[networks_.points];
    const Tensor& presence = (*outputs)[networks_.presence];
    absl::Status status = ExpectCount(points, kPoints * 3);
    if (status.ok()) status = ExpectCount(presence, 1);
    if (!status.ok()) return status;
    const float sure = 1 / (1 + std::exp(-presence.values[0]));
    if (!(sure >= MinConfidence(request, kMinPresence))) return absl::OkStatus();
    vision_proto::Face& face = *result->mutable_faces()->add_faces();
    face.set_confidence(sure);
    std::vector<Point3> mesh;
    BoxF box;
    for (int64_t i = 0; i < kPoints; ++i) {
      const float* const point = &points.values[static_cast<size_t>(i) * 3];
      const PointF place = map({point[0], point[1]});
      // The network's depth grows away from the viewer.
      mesh.push_back({place, -point[2] * crop.side / kSide});
      if (i == 0) box = {place.x, place.y, place.x, place.y};
      box = {std::min(box.left, place.x), std::min(box.top, place.y), std::max(box.right, place.x),
             std::max(box.bottom, place.y)};
    }
    view.SetBox(box, face.mutable_box());
    for (const NamedPoint& named : kNamed) Add(view, named.name, mesh[named.index], face);
    for (size_t i = 0; i < mesh.size(); ++i) Add(view, absl::StrCat("mesh_", i), mesh[i], face);
    if (networks_.iris == nullptr) return absl::OkStatus();
    // The network knows eyes like the person's right one; the other is mirrored for it.
    status = AddIris(view, "right", mesh[33].place, mesh[133].place, false, cancel, face);
    if (!status.ok()) return status;
    return AddIris(view, "left", mesh[362].place, mesh[263].place, true, cancel, face);
  }

  static void Add(const View& view, std::string_view name, const Point3& point,
                  vision_proto::Face& face) {
    view.AddLandmark(name, point.place, point.depth, face.confidence(), face.mutable_landmarks());
  }

  absl::Status AddIris(const View& view, std::string_view side, PointF from, PointF to,
                       bool mirrored, const CancelToken& cancel, vision_proto::Face& face) {
    const BoxF eye = {std::min(from.x, to.x), std::min(from.y, to.y), std::max(from.x, to.x),
                      std::max(from.y, to.y)};
    const TurnedSquare square = SquareAround(eye, TurnOf(from, to, 0), kCropOverEye, 0);
    Affine map;
    std::vector<Tensor> inputs;
    inputs.push_back(Crop(view, square, kIrisSide, &map));
    if (mirrored) Mirror(inputs[0].values);
    auto outputs = networks_.iris->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    const Tensor& points = (*outputs)[networks_.iris_points];
    if (absl::Status status = ExpectCount(points, kIrisPoints * 3); !status.ok()) return status;
    for (size_t i = 0; i < kIrisNames.size(); ++i) {
      const float* const point = &points.values[i * 3];
      const float x = mirrored ? kIrisSide - point[0] : point[0];
      Add(view, absl::StrCat(side, "_iris_", kIrisNames[i]),
          {map({x, point[1]}), -point[2] * square.side / kIrisSide}, face);
    }
    return absl::OkStatus();
  }

  // Each row of pixels from right to left.
  static void Mirror(std::vector<float>& pixels) {
    for (int y = 0; y < kIrisSide; ++y) {
      float* const row = &pixels[static_cast<size_t>(y) * kIrisSide * 3];
      for (int left = 0, right = kIrisSide - 1; left < right; ++left, --right) {
        std::swap_ranges(row + left * 3, row + left * 3 + 3, row + right * 3);
      }
    }
  }

  const Networks networks_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Family>> MakeFaceMesh(FamilyParts parts) {
  FaceMesh::Networks networks;
  networks.mesh = std::move(parts.networks[kModelRole]);
  absl::Status status = CheckInput(*networks.mesh, kName, {1, kSide, kSide, 3});
  if (!status.ok()) return status;
  const auto points = FindOutputOfShape(*networks.mesh, kName, {1, 1, 1, kPoints * 3});
  if (!points.ok()) return points.status();
  const auto presence = FindOutputOfShape(*networks.mesh, kName, {1, 1, 1, 1});
  if (!presence.ok()) return presence.status();
  networks.points = *points;
  networks.presence = *presence;
  if (const auto found = parts.networks.find(kDetectorRole); found != parts.networks.end()) {
    auto detector = SsdDetector::Make(std::move(found->second), kFace);
    if (!detector.ok()) return detector.status();
    networks.detector = *std::move(detector);
  }
  if (const auto found = parts.networks.find(kIrisRole); found != parts.networks.end()) {
    networks.iris = std::move(found->second);
    status = CheckInput(*networks.iris, kName, {1, kIrisSide, kIrisSide, 3});
    if (!status.ok()) return status;
    if (auto eye = FindOutputOfShape(*networks.iris, kName, {1, kEyePoints * 3}); !eye.ok()) {
      return eye.status();
    }
    const auto iris = FindOutputOfShape(*networks.iris, kName, {1, kIrisPoints * 3});
    if (!iris.ok()) return iris.status();
    networks.iris_points = *iris;
  }
  return std::make_unique<FaceMesh>(std::move(networks));
}

}  // namespace intelligenced
