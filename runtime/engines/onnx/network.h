// A network as families see it: tensors in, tensors out. Tests put computed answers in its place.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_NETWORK_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_NETWORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/cancel.h"

namespace intelligenced {

using Shape = std::vector<int64_t>;

// Numbers, row by row. Half-precision networks get and give them converted.
struct Tensor {
  Shape shape;
  std::vector<float> values;
};

struct PortInfo {
  std::string name;
  // -1: any extent.
  Shape shape;
};

class Network {
 public:
  virtual ~Network() = default;

  // In the order in which Run() takes and gives them. Constant.
  virtual const std::vector<PortInfo>& inputs() const = 0;
  virtual const std::vector<PortInfo>& outputs() const = 0;

  // Blocks; stops soon after `cancel`. Errors: FIELD_INVALID (number or shapes of the inputs),
  // CANCELLED, MEMORY_INSUFFICIENT, ENGINE_FAILURE with the library's words. Thread-safe.
  virtual absl::StatusOr<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs,
                                                  const CancelToken& cancel) = 0;
};

// "1×3×?×?"
std::string ShapeText(const Shape& shape);

// Whether a tensor of `shape` may stand where `expected` is; -1 on either side is any extent.
bool ShapeFits(const Shape& shape, const Shape& expected);

// Extents multiplied; -1 for one that is not known or beyond 2^40.
int64_t CountElements(const Shape& shape);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_NETWORK_H_
