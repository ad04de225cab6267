#include "services/vision/frame_task.h"

namespace intelligenced {

namespace engine = ::intelligence::engine::v1;
namespace v1 = ::intelligence::v1;

bool IsTrackingRequest(const v1::VisionRequest& request) {
  switch (request.kind_case()) {
    case v1::VisionRequest::kTrackObject:
    case v1::VisionRequest::kTrackRectangle:
    case v1::VisionRequest::kTrackOpticalFlow:
    case v1::VisionRequest::kTrackTranslationalImageRegistration:
    case v1::VisionRequest::kTrackHomographicImageRegistration:
      return true;
    default:
      return false;
  }
}

void ToTask(const std::vector<FrameRequests::Placed>& requests, uint64_t stream_id,
            const TaskPicture& picture, engine::Task* task, Attachments* attachments) {
  engine::VisionTask& vision = *task->mutable_vision();
  PutPicture(picture, vision.mutable_image(), attachments);
  engine::FrameStream& stream = *vision.mutable_stream();
  stream.set_id(stream_id);
  for (const FrameRequests::Placed& placed : requests) {
    stream.add_request_ids(placed.place);
    Mirror(placed.request, vision.add_requests());
  }
}

}  // namespace intelligenced
