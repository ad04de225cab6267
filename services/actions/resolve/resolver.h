// Which action a sentence means, with its values: no model, no threads, no clock of its own.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_RESOLVER_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_RESOLVER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/actions/resolve/action_index.h"
#include "services/actions/resolve/dates.h"
#include "services/actions/resolve/types.h"

namespace intelligenced::resolve {

inline constexpr size_t kMaxUtteranceBytes = 4096;
// Nothing below should be run.
inline constexpr double kRunConfidence = 0.7;
// Another action this near the best makes it uncertain which one is meant.
inline constexpr double kActionMargin = 0.04;

// Things of `entity_type` that `text` may mean, in any order; they are compared with it here. Names
// are data: they are compared, never read as phrases.
using EntityQuery = std::function<std::vector<EntityName>(
    const ActionSpec& action, const std::string& entity_type, const std::string& text)>;

struct ResolveOptions {
  Moment moment = {};
  size_t max_candidates = 3;
  // Candidates below are left out.
  double min_confidence = kRunConfidence;
  // Unset: entities keep the words that were said as their title, without an id.
  EntityQuery query = {};
  // Unset: all actions.
  std::function<bool(const ActionSpec&)> allowed = {};
};

struct Resolution {
  // The best first; none where the sentence means no action.
  std::vector<Candidate> candidates = {};
  // Actions nearly as likely as the first.
  std::vector<std::string> rivals = {};
};

// INPUT_TOO_LARGE (metadata: limit_bytes, bytes) beyond kMaxUtteranceBytes; FIELD_INVALID
// ("utterance") where it is empty or not UTF-8. Control characters are white space. A sentence that
// forbids ("don't add milk") means no action, but one whose phrase says so.
absl::StatusOr<Resolution> Resolve(const ActionIndex& index, std::string_view utterance,
                                   const ResolveOptions& options);

// The two checks alone.
absl::Status CheckUtterance(std::string_view utterance);

// How well a thing's names fit what was said, 0 to 1; 1: it is one of the names.
double NameLikeness(std::string_view said, const EntityName& name, const ActionSpec& action);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_RESOLVER_H_
