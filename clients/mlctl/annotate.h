// A picture with what was found in it drawn on it.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_ANNOTATE_H_
#define INTELLIGENCED_CLIENTS_MLCTL_ANNOTATE_H_

#include <intelligence/client.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/media/image.h"

namespace intelligenced::mlctl {

// The picture of a file, upright, with the corners of everything that has a place, in a colour for
// each kind of answer; poses as skeletons, persons' masks as a tint. Errors: IMAGE_UNDECODABLE,
// MEMORY_INSUFFICIENT.
absl::StatusOr<Image> Annotated(std::string_view file,
                                const intelligence::AnalyzeImageResult& result);

// The same as a PNG file.
absl::StatusOr<std::string> Annotate(std::string_view file,
                                     const intelligence::AnalyzeImageResult& result);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_ANNOTATE_H_
