#include "services/vision/frame_task.h"

#include <string>
#include <utility>

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
            v1::VisionImage& image, engine::Task* task) {
  engine::VisionTask& vision = *task->mutable_vision();
  engine::VisionImage& to = *vision.mutable_image();
  to.set_orientation(static_cast<engine::ImageOrientation>(image.orientation()));
  if (image.has_encoded()) {
    to.set_encoded(std::move(*image.mutable_encoded()));
  } else {
    v1::PixelBuffer& from = *image.mutable_pixels();
    engine::PixelBuffer& pixels = *to.mutable_pixels();
    pixels.set_format(static_cast<engine::PixelFormat>(from.format()));
    pixels.set_width(from.width());
    pixels.set_height(from.height());
    pixels.set_stride(from.stride());
    pixels.set_data(std::move(*from.mutable_data()));
  }
  engine::FrameStream& stream = *vision.mutable_stream();
  stream.set_id(stream_id);
  for (const FrameRequests::Placed& placed : requests) {
    stream.add_request_ids(placed.place);
    Mirror(placed.request, vision.add_requests());
  }
}

}  // namespace intelligenced
