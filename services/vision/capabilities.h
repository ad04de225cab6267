// What a model must be capable of to serve a vision request. Pure.
#ifndef INTELLIGENCED_SERVICES_VISION_CAPABILITIES_H_
#define INTELLIGENCED_SERVICES_VISION_CAPABILITIES_H_

#include <string>

#include "protos/intelligence/v1/vision_types.pb.h"

namespace intelligenced {

// "vision." and the name of the request's kind in the API, with hyphens: "vision.recognize-text";
// DescribeImage is a language model's: "language.describe-image".
// Empty for a request without a kind.
std::string VisionCapability(const intelligence::v1::VisionRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_CAPABILITIES_H_
