#include "services/vision/frame_route.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/vision/capabilities.h"

namespace intelligenced {
namespace {

absl::Status AtField(const absl::Status& status, std::string_view field, int index) {
  const std::optional<Reason> reason = ReasonOf(status);
  if (reason != Reason::kNoCapableModel) return status;
  ErrorFacts facts = FactsOf(status);
  facts.field = absl::StrCat(field, "[", index, "]");
  return MakeError(*reason, status.message(), std::move(facts));
}

}  // namespace

absl::Status CheckServed(const Runtime& runtime, std::string_view model,
                         const VisionRequests& requests, std::string_view field) {
  for (int i = 0; i < requests.size(); ++i) {
    const absl::Status status =
        runtime.FindModel(VisionCapability(requests.Get(i)), model).status();
    if (!status.ok()) return AtField(status, field, i);
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> FindModelForAll(const Runtime& runtime, const VisionRequests& requests,
                                         std::string_view requested, std::string_view field) {
  if (!requested.empty()) {
    absl::Status status = CheckServed(runtime, requested, requests, field);
    if (!status.ok()) return status;
    return runtime.FindModel(VisionCapability(requests.Get(0)), requested);
  }
  // What would serve each by itself comes first, then everything that is installed.
  std::vector<Manifest> candidates;
  for (int i = 0; i < requests.size(); ++i) {
    absl::StatusOr<Manifest> best = runtime.FindModel(VisionCapability(requests.Get(i)), "");
    if (!best.ok()) return AtField(best.status(), field, i);
    candidates.push_back(*std::move(best));
  }
  const std::string first = candidates.front().name;
  std::vector<Manifest> installed = runtime.store().List();
  std::stable_sort(installed.begin(), installed.end(),
                   [](const Manifest& a, const Manifest& b) { return a.rank > b.rank; });
  candidates.insert(candidates.end(), installed.begin(), installed.end());
  for (const Manifest& candidate : candidates) {
    if (CheckServed(runtime, candidate.name, requests, field).ok()) return candidate;
  }
  absl::Status status = CheckServed(runtime, first, requests, field);
  ErrorFacts facts = FactsOf(status);
  return MakeError(Reason::kNoCapableModel,
                   absl::StrCat("No installed model serves all requests of the stream: ", first,
                                " lacks ", facts.metadata["capability"], ". Ask in two streams."),
                   std::move(facts));
}

}  // namespace intelligenced
