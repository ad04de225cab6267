// Where exceptions end. Engines catch what their libraries throw; this catches what they missed.
#ifndef INTELLIGENCED_RUNTIME_WORKER_ENGINE_BORDER_H_
#define INTELLIGENCED_RUNTIME_WORKER_ENGINE_BORDER_H_

#include <exception>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/worker/wire_check.h"

namespace intelligenced {

// Runs `call`, which returns a Status or a StatusOr, and answers an error with `reason` when it
// throws; MEMORY_INSUFFICIENT when memory ran out.
template <typename Call>
auto AtEngineBorder(Reason reason, Call&& call) -> decltype(call()) {
  try {
    return std::forward<Call>(call)();
  } catch (const std::bad_alloc&) {
    return MakeError(Reason::kMemoryInsufficient, "The model ran out of the memory it may have.");
  } catch (const std::exception& error) {
    return MakeError(reason, absl::StrCat("The engine failed: ", ToUtf8(error.what()), "."));
  } catch (...) {
    return MakeError(reason, "The engine failed without saying why.");
  }
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_ENGINE_BORDER_H_
