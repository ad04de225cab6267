// Pictures in messages: their bounds, and how they reach the engine.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_PICTURES_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_PICTURES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/engine/v1/vision.pb.h"
#include "protos/intelligence/v1/common.pb.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "protos/intelligence/v1/vision_types.pb.h"
#include "runtime/base/attachment.h"
#include "runtime/core/runtime.h"
#include "runtime/models/manifest.h"
#include "services/language_model/guided_request.h"
#include "services/rpc/call.h"

namespace intelligenced {

using Messages = google::protobuf::RepeatedPtrField<intelligence::v1::Message>;

// FIELD_INVALID: a picture in a message that is not USER's, or without content; more than 16 of
// them. INPUT_TOO_LARGE: more than 48 MiB together, of bytes in the messages. IMAGE_UNDECODABLE: an
// empty file. `list` is what errors call the messages.
absl::Status CheckPictures(const MessageRefs& messages, std::string_view list);

// The model for some messages: the one that options name, else one for what they hold.
// NO_CAPABLE_MODEL; FIELD_INVALID for a named model that takes no pictures.
absl::StatusOr<Manifest> FindModelForMessages(const Runtime& runtime, const MessageRefs& messages,
                                              std::string_view list,
                                              const intelligence::v1::RequestOptions& options);

// FIELD_INVALID when there are pictures and the model, which the caller chose, takes none.
absl::Status CheckTakesPictures(const Manifest& model, const MessageRefs& messages,
                                std::string_view list);

// What the tokens of messages that CheckPictures() has passed stand for, each in the place that its
// image then names in place of the token. FIELD_INVALID: a token that is not known.
// INPUT_TOO_LARGE: more than 48 MiB of pictures together, those in the messages included.
absl::StatusOr<Attachments> TakeAttachments(Call& call, std::string_view list, Messages* messages);

// The same where the messages are kept: the bytes are copied into them. Also MEMORY_INSUFFICIENT.
absl::Status ReadAttachments(Call& call, std::string_view list, Messages* messages);

// Of those that are in the message.
uint64_t PictureBytes(const intelligence::v1::Message& message);

// An attachment's name stays as it is.
void PictureToTask(const intelligence::v1::VisionImage& from,
                   intelligence::engine::v1::VisionImage* to);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_PICTURES_H_
