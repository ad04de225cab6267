// What all calls of the SDK share.
//
// Text is UTF-8; offsets are bytes on character borders, start included and end not. A zero value
// (empty, 0, kDefault) leaves the choice to the daemon. Every member has an initializer, so that
// designated initializers may leave any out without a compiler's warning.
#ifndef INTELLIGENCE_COMMON_H_
#define INTELLIGENCE_COMMON_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace intelligence {

// How urgent a request is. The daemon serves classes in this order, and starves none.
enum class RequestClass {
  kDefault,      // interactive
  kInteractive,  // a person waits for the answer
  kUtility,      // started by a person who does not wait for it
  kBackground,   // nobody knows that it runs
};

// Why a generation ended well.
enum class FinishReason {
  kUnspecified,
  kStop,              // the model came to its end, or to a stop string
  kLength,            // max_output_tokens or the context window was reached
  kRefusal,           // the model declined
  kCancelledByLimit,  // ended by the daemon's policy; the text so far is valid
};

// Ends calls from another thread. Copies share one cancellation; thread-safe. Once cancelled it
// stays so: use a new one for the next call.
class Cancellation {
 public:
  Cancellation();
  // Every call made with this cancellation ends with CANCELLED, those still to be made too.
  void Cancel() const;
  bool cancelled() const;

  struct State;
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

// How a call is to be run. Calls that use no model ignore what is said about one.
struct CallOptions {
  // The call ends with DEADLINE_EXCEEDED after this time; work that waits is never started then.
  absl::Duration timeout = absl::InfiniteDuration();
  // "models/{model}" or the model's name, or "models/{model}/functions/{function}" or
  // "{model}/{function}". Empty: the user's default, else the best installed.
  std::string model = {};
  RequestClass request_class = RequestClass::kDefault;
  // How long the model stays resident afterwards, at most 24 h. Unset: the model's own setting.
  std::optional<absl::Duration> keep_alive = {};
  // Set to be able to end the call from another thread.
  std::optional<Cancellation> cancellation = {};
};

// What a request took.
struct Usage {
  uint32_t input_tokens = 0;
  uint32_t cached_tokens = 0;  // of input_tokens: taken from a cache
  uint32_t output_tokens = 0;
  absl::Duration queue_time = {};
  absl::Duration load_time = {};
  absl::Duration compute_time = {};  // device time charged to the request
  std::string model = {};            // "models/{model}"
  std::string device = {};
};

// Events that every stream of work can bring before its result.

// The request waits. Comes at once when it must, and again as its place changes.
struct Queued {
  uint32_t position = 0;  // jobs ahead; 0: next
  std::optional<absl::Duration> expected_wait = {};
};

// The model is being loaded for this request.
struct ModelLoading {
  std::string model = {};
};

// How far the work is, in units of its own.
struct WorkProgress {
  uint64_t done = 0;
  uint64_t total = 0;  // 0: not known
};

// More text: whole characters.
struct TextDelta {
  std::string text = {};
};

struct TextRange {
  uint32_t start = 0;
  uint32_t end = 0;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_COMMON_H_
