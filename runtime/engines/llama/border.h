// Nothing that a library throws passes an engine's border.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_BORDER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_BORDER_H_

#include <exception>
#include <new>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

// Runs `body`, whose result can be made from an absl::Status, and answers an exception with
// `reason`, or MEMORY_INSUFFICIENT where memory ran out.
template <typename Body>
auto GuardBorder(Reason reason, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return MakeError(Reason::kMemoryInsufficient, "There is not enough memory for the model.");
  } catch (const std::exception& error) {
    return MakeError(reason, absl::StrCat("libllama failed: ", error.what()));
  } catch (...) {
    return MakeError(reason, "libllama failed without saying why.");
  }
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_BORDER_H_
