// The requests of a stream of frames as they change. Pure.
#ifndef INTELLIGENCED_SERVICES_VISION_FRAME_REQUESTS_H_
#define INTELLIGENCED_SERVICES_VISION_FRAME_REQUESTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/v1/vision.pb.h"

namespace intelligenced {

// Requests have places in the list that are never used again.
class FrameRequests {
 public:
  struct Placed {
    uint32_t place = 0;
    intelligence::v1::VisionRequest request;
  };
  // What holds for one frame, by place. Never changes.
  using Snapshot = std::shared_ptr<const std::vector<Placed>>;

  // The first ones. They have been checked.
  void Start(const google::protobuf::RepeatedPtrField<intelligence::v1::VisionRequest>& requests);

  // All of a change or, with an error, nothing of it: FIELD_INVALID with "change.remove[i]" for a
  // place that is not there, "change.add" for more than may be.
  absl::Status Apply(const intelligence::v1::ChangeRequests& change);

  const Snapshot& snapshot() const { return snapshot_; }

 private:
  uint32_t next_place_ = 0;
  Snapshot snapshot_ = std::make_shared<std::vector<Placed>>();
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_FRAME_REQUESTS_H_
