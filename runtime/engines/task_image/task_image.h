// The picture of a vision task, and what every vision engine checks of such a task. Shared by the
// engines that look at pictures. Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TASK_IMAGE_TASK_IMAGE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TASK_IMAGE_TASK_IMAGE_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/engine/v1/vision.pb.h"
#include "runtime/base/attachment.h"
#include "runtime/media/image.h"

namespace intelligenced {

namespace vision_proto = ::intelligence::engine::v1;

inline constexpr int kMaxVisionRequests = 32;

// The task as a whole, then each request: its region, and what `check` says of it, whose
// FIELD_INVALID gets the request's place before its field. FIELD_INVALID for a task of another
// kind.
absl::Status CheckVisionTask(
    const vision_proto::Task& task,
    absl::FunctionRef<absl::Status(const vision_proto::VisionRequest&)> check);

// Puts "requests[index]" before the field of a FIELD_INVALID; other statuses stay as they are.
absl::Status AtRequest(int index, const absl::Status& status);

// Decodes, or takes raw pixels, and turns upright; fills `info`. `attachments` are the task's.
// Upright grey and RGB pixels of an attachment are looked at where they are. Errors:
// IMAGE_UNDECODABLE, MEMORY_INSUFFICIENT, FIELD_INVALID (no content, or an attachment that is not
// there).
absl::StatusOr<Image> DecodeTaskImage(const vision_proto::VisionImage& image,
                                      const Attachments& attachments,
                                      vision_proto::ImageInfo* info);

// The same for a task without attachments.
inline absl::StatusOr<Image> DecodeTaskImage(const vision_proto::VisionImage& image,
                                             vision_proto::ImageInfo* info) {
  return DecodeTaskImage(image, {}, info);
}

// Of faces, regions, poses and classifications: keeps what is as sure as the request wants, the
// surest first, and the best so many. Other results stay as they are.
void LimitResult(const vision_proto::VisionRequest& request, vision_proto::VisionResult* result);

// Whole pixels.
struct PixelBox {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// The request's region of interest; all of the picture when it has none. It has been checked; a
// sliver keeps one pixel.
PixelBox RegionOf(const vision_proto::VisionRequest& request, int width, int height);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TASK_IMAGE_TASK_IMAGE_H_
