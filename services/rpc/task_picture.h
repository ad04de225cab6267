// Pictures of a request on their way into the tasks of a model.
//
// What a client handed over as a descriptor goes on as one, and so do bytes that came in the
// message when there are many: they are copied once, into sealed memory, and never again on the way
// to the worker.
#ifndef INTELLIGENCED_SERVICES_RPC_TASK_PICTURE_H_
#define INTELLIGENCED_SERVICES_RPC_TASK_PICTURE_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "protos/intelligence/engine/v1/vision.pb.h"
#include "protos/intelligence/v1/vision_types.pb.h"
#include "runtime/base/attachment.h"
#include "services/rpc/call.h"

namespace intelligenced {

// The bounds that vision_types.proto states, as far as they can be checked without looking at the
// picture. `field` is the picture's path in the request ("image"). Errors: FIELD_INVALID,
// INPUT_TOO_LARGE, IMAGE_UNDECODABLE (no bytes). Pure.
absl::Status CheckPicture(std::string_view field, const intelligence::v1::VisionImage& image);

// One picture, ready for any number of tasks.
struct TaskPicture {
  // Without the name of its attachment, which is the task's to give.
  intelligence::engine::v1::VisionImage image;
  // Null: the message holds the bytes.
  std::shared_ptr<const Attachment> attachment;
  // For the limits on a client's unfinished input: what came in the message. What was handed over
  // is counted by who gave the token, for as long as the attachment lives.
  uint64_t input_bytes = 0;
};

// Tells the call which attachments the pictures anywhere in a message name: a request that is
// refused uses them up as one that is served does, and nothing counts against the app any more.
// Right after the message is parsed.
void NotePictures(Call& call, const google::protobuf::Message& message);

// What an image's token stands for, which is used up by it; the call's activity record counts it as
// input. `limit` in bytes. `field` is the token's own ("image.attachment"). Errors: FIELD_INVALID
// (a token that is not known), INPUT_TOO_LARGE.
absl::StatusOr<std::shared_ptr<const Attachment>> TakeAttachment(Call& call, std::string_view field,
                                                                 std::string_view token,
                                                                 uint64_t limit);

// Takes a picture that CheckPicture() has passed out of a request; a token is used up by it.
// Errors: those of TakeAttachment(), MEMORY_INSUFFICIENT.
absl::StatusOr<TaskPicture> TakePicture(Call& call, std::string_view field,
                                        intelligence::v1::VisionImage&& from);

// Puts a picture into a task whose attachments are `attachments`.
void PutPicture(const TaskPicture& picture, intelligence::engine::v1::VisionImage* to,
                Attachments* attachments);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_TASK_PICTURE_H_
