#include "services/vision/frame_requests.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

void FrameRequests::Start(
    const google::protobuf::RepeatedPtrField<intelligence::v1::VisionRequest>& requests) {
  std::vector<Placed> placed;
  for (const auto& request : requests) placed.push_back({next_place_++, request});
  snapshot_ = std::make_shared<std::vector<Placed>>(std::move(placed));
}

absl::Status FrameRequests::Apply(const intelligence::v1::ChangeRequests& change) {
  std::vector<Placed> placed = *snapshot_;
  for (int i = 0; i < change.remove_size(); ++i) {
    const auto found = std::find_if(placed.begin(), placed.end(), [&](const Placed& one) {
      return one.place == change.remove(i);
    });
    if (found == placed.end()) {
      return FieldError(
          absl::StrCat("change.remove[", i, "]"),
          absl::StrCat("There is no request at place ", change.remove(i), " (any more)."));
    }
    placed.erase(found);
  }
  if (placed.size() + static_cast<size_t>(change.add_size()) > kMaxVisionRequests) {
    return FieldError("change.add",
                      absl::StrCat("makes it ", placed.size() + change.add_size(),
                                   " requests; the most is ", kMaxVisionRequests, "."));
  }
  if (next_place_ + static_cast<uint32_t>(change.add_size()) > kMaxStreamRequests) {
    return FieldError("change.add", absl::StrCat("makes it more than ", kMaxStreamRequests,
                                                 " requests in the stream's life; begin another."));
  }
  for (const auto& request : change.add()) placed.push_back({next_place_++, request});
  snapshot_ = std::make_shared<std::vector<Placed>>(std::move(placed));
  return absl::OkStatus();
}

}  // namespace intelligenced
