// MediaPipe Face Mesh (Kartynnik et al. 2019): 468 points of a face.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_FACE_MESH_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_FACE_MESH_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

// "model" finds the points, "face-detector" (BlazeFace, short range) the faces, "iris" refines the
// eyes. Without the detector the request's region is taken for one upright face.
absl::StatusOr<std::unique_ptr<Family>> MakeFaceMesh(FamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_FACE_MESH_H_
