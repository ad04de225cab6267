// Nothing that ONNX Runtime throws passes this engine's border.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_BORDER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_BORDER_H_

#include <exception>
#include <new>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

// Runs `body`, whose result can be made from an absl::Status, and answers an exception with
// `reason`, or MEMORY_INSUFFICIENT where memory ran out.
template <typename Body>
auto GuardOnnx(Reason reason, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return MakeError(Reason::kMemoryInsufficient, "There is not enough memory for the network.");
  } catch (const std::exception& error) {
    return MakeError(reason, absl::StrCat("ONNX Runtime failed: ", error.what()));
  }
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_BORDER_H_
