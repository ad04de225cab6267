#include "runtime/models/onnx_manifest.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using Extents = std::vector<int64_t>;

// Of networks that nobody here knows to show pictures to.
constexpr char kTensorFamily[] = "tensor";

// -1 in `expected` is any extent.
bool Fits(const Extents& shape, const Extents& expected) {
  if (shape.size() != expected.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (expected[i] >= 0 && shape[i] >= 0 && shape[i] != expected[i]) return false;
  }
  return true;
}

bool HasInput(const OnnxSummary& network, const Extents& expected) {
  return network.inputs.size() == 1 && Fits(network.inputs[0].shape, expected);
}

bool HasOutput(const OnnxSummary& network, std::string_view name, const Extents& expected) {
  const OnnxPort* const port = network.FindOutput(name);
  return port != nullptr && Fits(port->shape, expected);
}

bool IsYunet(const OnnxSummary& network) {
  return HasInput(network, {1, 3, -1, -1}) && HasOutput(network, "cls_8", {1, -1, 1}) &&
         HasOutput(network, "obj_32", {1, -1, 1}) && HasOutput(network, "bbox_16", {1, -1, 4}) &&
         HasOutput(network, "kps_8", {1, -1, 10});
}

bool IsUltralight(const OnnxSummary& network) {
  // Without the exponential the boxes are not decoded inside the network.
  return HasInput(network, {1, 3, -1, -1}) && HasOutput(network, "scores", {1, -1, -1}) &&
         HasOutput(network, "boxes", {1, -1, 4}) && network.operators.contains("Exp");
}

bool IsFaceMesh(const OnnxSummary& network) {
  return HasInput(network, {1, 192, 192, 3}) && network.outputs.size() == 2 &&
         Fits(network.outputs[0].shape, {1, 1, 1, 1404}) &&
         Fits(network.outputs[1].shape, {1, 1, 1, 1});
}

bool IsHandPose(const OnnxSummary& network) {
  return HasInput(network, {1, 224, 224, 3}) && HasOutput(network, "Identity", {1, 63}) &&
         HasOutput(network, "Identity_1", {1, 1}) && HasOutput(network, "Identity_2", {1, 1});
}

bool IsPpocrDetection(const OnnxSummary& network) {
  // Other networks that make a map of a picture have these shapes too: the exporter's names count.
  if (!HasInput(network, {-1, 3, -1, -1}) || network.inputs[0].name != "x") return false;
  if (network.outputs.size() != 1 || !Fits(network.outputs[0].shape, {-1, 1, -1, -1})) return false;
  const std::string& name = network.outputs[0].name;
  return name.starts_with("sigmoid_0.tmp_") || name.starts_with("save_infer_model/scale_0");
}

bool IsSelfieSegmentation(const OnnxSummary& network) {
  if (!HasInput(network, {1, -1, -1, 3}) || network.outputs.size() != 1) return false;
  const Extents& input = network.inputs[0].shape;
  const Extents& output = network.outputs[0].shape;
  return HasOutput(network, "segment_back", {1, -1, -1, 1}) && input[1] > 0 && input[2] > 0 &&
         output[1] == input[1] && output[2] == input[2];
}

bool IsSqueezenet(const OnnxSummary& network) {
  return HasInput(network, {1, 3, 224, 224}) && network.inputs[0].name == "data_0" &&
         HasOutput(network, "softmaxout_1", {1, 1000, 1, 1});
}

struct KnownFamily {
  const char* name;
  const char* title;
  bool (*is)(const OnnxSummary&);
  std::vector<std::string> capabilities;
  // Among models of one capability; those of the catalogue have 10 to 30.
  int rank;
};

std::vector<KnownFamily> KnownFamilies() {
  return {
      {"yunet",
       "Finds faces (YuNet)",
       IsYunet,
       {"vision.detect-face-rectangles", "vision.detect-face-landmarks"},
       30},
      {"face-mesh",
       "Finds 468 points of a face (MediaPipe)",
       IsFaceMesh,
       {"vision.detect-face-landmarks"},
       20},
      {"mediapipe-handpose",
       "Finds the joints of a hand (MediaPipe)",
       IsHandPose,
       {"vision.detect-human-hand-pose"},
       20},
      {"ppocr-det",
       "Finds lines of text (PP-OCR)",
       IsPpocrDetection,
       {"vision.detect-text-rectangles"},
       20},
      {"selfie-segmentation",
       "Cuts out people (MediaPipe)",
       IsSelfieSegmentation,
       {"vision.generate-person-segmentation"},
       30},
      {"squeezenet",
       "Says what a picture shows (SqueezeNet)",
       IsSqueezenet,
       {"vision.classify-image"},
       10},
      {"ultralight",
       "Finds faces (Ultra-Light)",
       IsUltralight,
       {"vision.detect-face-rectangles"},
       20},
  };
}

std::string PortsText(const std::vector<OnnxPort>& ports) {
  // A network with hundreds of them is told by the first.
  constexpr size_t kMost = 8;
  std::string text;
  for (size_t i = 0; i < ports.size() && i < kMost; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", ports[i].name, " ",
                    absl::StrJoin(ports[i].shape, "×", [](std::string* out, int64_t extent) {
                      absl::StrAppend(out, extent < 0 ? std::string("?") : absl::StrCat(extent));
                    }));
  }
  return ports.size() > kMost ? text + ", …" : text;
}

void BecomeFamily(const KnownFamily& family, Manifest& manifest) {
  manifest.title = family.title;
  manifest.family = family.name;
  manifest.capabilities = family.capabilities;
  manifest.rank = family.rank;
}

absl::StatusOr<KnownFamily> FindFamily(std::string_view name) {
  std::vector<KnownFamily> families = KnownFamilies();
  for (KnownFamily& family : families) {
    if (family.name == name) return std::move(family);
  }
  return FieldError(
      "header.family",
      absl::StrCat("There is no family ", name, " of networks in one file. There are: ",
                   absl::StrJoin(families, ", ",
                                 [](std::string* out, const KnownFamily& family) {
                                   out->append(family.name);
                                 }),
                   "."));
}

Manifest NetworkManifest(ManifestFile file) {
  Manifest manifest;
  manifest.title = "A network to be run on tensors";
  manifest.engine = "onnx";
  manifest.family = kTensorFamily;
  manifest.license = "unknown";
  file.role = "model";
  manifest.files.push_back(std::move(file));
  return manifest;
}

}  // namespace

absl::StatusOr<Manifest> ManifestFromOnnx(const OnnxSummary& summary, ManifestFile file,
                                          std::string_view family) {
  const absl::Status contained = CheckOnnxIsSelfContained(summary);
  if (!contained.ok()) return FieldError("file", contained.message());
  Manifest manifest = NetworkManifest(std::move(file));
  manifest.description = absl::StrCat("ONNX, takes ", PortsText(summary.inputs), "; gives ",
                                      PortsText(summary.outputs));
  if (family.empty()) {
    for (const KnownFamily& known : KnownFamilies()) {
      if (!known.is(summary)) continue;
      BecomeFamily(known, manifest);
      break;
    }
  } else if (family != kTensorFamily) {
    const absl::StatusOr<KnownFamily> known = FindFamily(family);
    if (!known.ok()) return known.status();
    BecomeFamily(*known, manifest);
  }
  manifest.capabilities.emplace_back(kTensorCapability);
  return manifest;
}

absl::StatusOr<Manifest> ManifestOfFamily(std::string_view family, ManifestFile file) {
  if (family.empty()) {
    return FieldError("header.family",
                      "A network in TensorFlow Lite's format does not tell what it is: name its "
                      "family, for example face-mesh (mlctl models import --family).");
  }
  const absl::StatusOr<KnownFamily> known = FindFamily(family);
  if (!known.ok()) return known.status();
  Manifest manifest = NetworkManifest(std::move(file));
  manifest.description = "TensorFlow Lite";
  BecomeFamily(*known, manifest);
  return manifest;
}

}  // namespace intelligenced
