// One model for all requests of a stream of frames.
#ifndef INTELLIGENCED_SERVICES_VISION_FRAME_ROUTE_H_
#define INTELLIGENCED_SERVICES_VISION_FRAME_ROUTE_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/v1/vision.pb.h"
#include "runtime/core/runtime.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

using VisionRequests = google::protobuf::RepeatedPtrField<intelligence::v1::VisionRequest>;

// Whether the model serves them all: else the error of the first that it does not, with the field
// "{field}[i]".
absl::Status CheckServed(const Runtime& runtime, std::string_view model,
                         const VisionRequests& requests, std::string_view field);

// `requested`, or the best model that serves all requests, of which there is at least one.
// NO_CAPABLE_MODEL with the field of a request that no model serves, or none serves beside the
// others; and those of Runtime::FindModel.
absl::StatusOr<Manifest> FindModelForAll(const Runtime& runtime, const VisionRequests& requests,
                                         std::string_view requested, std::string_view field);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_FRAME_ROUTE_H_
