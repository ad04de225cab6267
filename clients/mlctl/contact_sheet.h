// Several pictures as one.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_CONTACT_SHEET_H_
#define INTELLIGENCED_CLIENTS_MLCTL_CONTACT_SHEET_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/media/image.h"

namespace intelligenced::mlctl {

// Pictures side by side on white, in rows as long as there are rows, or one longer; each at the top
// left of its cell. At least one picture. Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<Image> ContactSheet(absl::Span<const Image> pictures);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_CONTACT_SHEET_H_
