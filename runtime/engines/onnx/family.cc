#include "runtime/engines/onnx/family.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/families/body_pose.h"
#include "runtime/engines/onnx/families/face_mesh.h"
#include "runtime/engines/onnx/families/hand_pose.h"
#include "runtime/engines/onnx/families/ppocr_detection.h"
#include "runtime/engines/onnx/families/selfie_segmentation.h"
#include "runtime/engines/onnx/families/squeezenet.h"
#include "runtime/engines/onnx/families/ultralight.h"
#include "runtime/engines/onnx/families/yunet.h"

namespace intelligenced {
namespace {

constexpr FamilyEntry kFamilies[] = {
    {"face-mesh", MakeFaceMesh},
    {"mediapipe-handpose", MakeHandPose},
    {"mediapipe-pose", MakeBodyPose},
    {"ppocr-det", MakePpocrDetection},
    {"selfie-segmentation", MakeSelfieSegmentation},
    {"squeezenet", MakeSqueezenet},
    {"ultralight", MakeUltralight},
    {"yunet", MakeYunet},
};

std::string PortsText(const std::vector<PortInfo>& ports) {
  return absl::StrJoin(ports, ", ", [](std::string* out, const PortInfo& port) {
    absl::StrAppend(out, port.name, " ", ShapeText(port.shape));
  });
}

}  // namespace

absl::Span<const FamilyEntry> AllFamilies() { return kFamilies; }

absl::Status CheckInput(const Network& network, std::string_view family, const Shape& expected) {
  if (network.inputs().size() == 1 && ShapeFits(network.inputs()[0].shape, expected)) {
    return absl::OkStatus();
  }
  return MakeError(
      Reason::kModelLoadFailed,
      absl::StrCat("A network of the family ", family, " has one input of ", ShapeText(expected),
                   "; this one has ", PortsText(network.inputs()), "."));
}

absl::StatusOr<size_t> FindOutput(const Network& network, std::string_view family,
                                  std::string_view name, const Shape& expected) {
  const std::vector<PortInfo>& outputs = network.outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].name == name && ShapeFits(outputs[i].shape, expected)) return i;
  }
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("A network of the family ", family, " has an output ", name, " of ",
                                ShapeText(expected), "; this one has ", PortsText(outputs), "."));
}

absl::StatusOr<size_t> FindOutputOfShape(const Network& network, std::string_view family,
                                         const Shape& expected) {
  const std::vector<PortInfo>& outputs = network.outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (ShapeFits(outputs[i].shape, expected)) return i;
  }
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("A network of the family ", family, " has an output of ",
                                ShapeText(expected), "; this one has ", PortsText(outputs), "."));
}

absl::Status ExpectCount(const Tensor& tensor, int64_t count) {
  if (static_cast<int64_t>(tensor.values.size()) == count) return absl::OkStatus();
  return MakeError(Reason::kEngineFailure,
                   absl::StrCat("The network answered ", ShapeText(tensor.shape), " numbers where ",
                                count, " were to come."));
}

float MinConfidence(const vision_proto::VisionRequest& request, float own) {
  return request.min_confidence() > 0 ? request.min_confidence() : own;
}

}  // namespace intelligenced
