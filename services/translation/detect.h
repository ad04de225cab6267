// Which languages texts are in, asked of a model that can tell.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_DETECT_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_DETECT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/language.pb.h"
#include "protos/intelligence/v1/common.pb.h"
#include "services/rpc/call.h"

namespace intelligenced {

inline constexpr char kDetectCapability[] = "language.detect";

using DetectAnswer = absl::StatusOr<std::vector<intelligence::engine::v1::LanguagesResult>>;

// One result a text, in order. `then` is called once, inside the call's Run(), after the job has
// ended. NO_CAPABLE_MODEL and other refusals at once; ENGINE_FAILURE for a model that leaves a text
// out.
absl::Status DetectLanguages(const std::shared_ptr<Call>& call,
                             const intelligence::v1::RequestOptions& options,
                             const std::vector<std::string>& texts, uint32_t max_candidates,
                             absl::AnyInvocable<void(DetectAnswer)> then);

// The beginning of a text, as much as it takes to tell.
std::string_view DetectionSample(std::string_view text);

// Whether there is a letter in it.
bool HasLetters(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_DETECT_H_
