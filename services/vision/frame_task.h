// A frame and its requests as a task of the engine. Pure.
#ifndef INTELLIGENCED_SERVICES_VISION_FRAME_TASK_H_
#define INTELLIGENCED_SERVICES_VISION_FRAME_TASK_H_

#include <cstdint>
#include <vector>

#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/vision.pb.h"
#include "runtime/base/attachment.h"
#include "services/rpc/task_picture.h"
#include "services/vision/frame_requests.h"

namespace intelligenced {

// The API's messages and the engine's are the same field by field.
template <typename From, typename To>
void Mirror(const From& from, To* to) {
  to->ParseFromString(from.SerializeAsString());
}

// Follows something from frame to frame, so that single pictures have nothing to answer.
bool IsTrackingRequest(const intelligence::v1::VisionRequest& request);

// `attachments` are the task's.
void ToTask(const std::vector<FrameRequests::Placed>& requests, uint64_t stream_id,
            const TaskPicture& picture, intelligence::engine::v1::Task* task,
            Attachments* attachments);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_FRAME_TASK_H_
