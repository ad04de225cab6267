// Tensors in files: NumPy's .npy format, versions 1 to 3
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_NPY_H_
#define INTELLIGENCED_CLIENTS_MLCTL_NPY_H_

#include <intelligence/tensor.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace intelligenced::mlctl {

// The array of a file, without a name. INVALID_ARGUMENT with what is wrong: no .npy, cut off,
// values of a kind that the API does not have (text, complex numbers, objects), the most
// significant byte first, columns before rows, or another number of bytes than the shape says.
absl::StatusOr<intelligence::Tensor> ParseNpy(std::string_view bytes);

// INVALID_ARGUMENT for strings, which the format has only with a fixed length.
absl::StatusOr<std::string> FormatNpy(const intelligence::Tensor& tensor);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_NPY_H_
