#include "services/language_model/pictures.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/model_run.h"
#include "services/rpc/task_picture.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kCapability = "language.generate";

bool HoldsPictures(const MessageRefs& messages) {
  for (const v1::Message* message : messages) {
    if (message->images_size() > 0) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Manifest> FindModelForMessages(const Runtime& runtime, const MessageRefs& messages,
                                              std::string_view list,
                                              const v1::RequestOptions& options) {
  const bool pictures = options.model().empty() && HoldsPictures(messages);
  absl::StatusOr<Manifest> model =
      FindModelFor(runtime, pictures ? kDescribeImageCapability : kCapability, options);
  if (!model.ok()) return model;
  if (absl::Status status = CheckTakesPictures(*model, messages, list); !status.ok()) {
    return status;
  }
  return model;
}

absl::Status CheckPictures(const MessageRefs& messages, std::string_view list) {
  int count = 0;
  uint64_t bytes = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    const v1::Message& message = *messages[i];
    const std::string field = absl::StrCat(list, "[", i, "].images");
    if (message.images_size() > 0 && message.role() != v1::ROLE_USER) {
      return FieldError(field, "Only USER messages may hold pictures.");
    }
    count += message.images_size();
    bytes += PictureBytes(message);
    if (count > kMaxConversationImages) {
      return FieldError(field, absl::StrCat("makes more than ", kMaxConversationImages,
                                            " pictures in the conversation."));
    }
    if (bytes > kMaxConversationImageBytes) {
      return TooLargeError(field, bytes, kMaxConversationImageBytes);
    }
    for (int at = 0; at < message.images_size(); ++at) {
      absl::Status status = CheckPicture(absl::StrCat(field, "[", at, "]"), message.images(at));
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTakesPictures(const Manifest& model, const MessageRefs& messages,
                                std::string_view list) {
  if (!HoldsPictures(messages) || model.HasCapability(kDescribeImageCapability)) {
    return absl::OkStatus();
  }
  return FieldError(
      absl::StrCat(list, ".images"),
      absl::StrCat("The model ", model.name, " takes no pictures. Choose one with the capability ",
                   kDescribeImageCapability, ", or leave the pictures out."));
}

uint64_t PictureBytes(const v1::Message& message) {
  uint64_t bytes = 0;
  for (const v1::VisionImage& image : message.images()) {
    bytes += image.has_encoded() ? image.encoded().size() : image.pixels().data().size();
  }
  return bytes;
}

absl::StatusOr<Attachments> TakeAttachments(Call& call, std::string_view list, Messages* messages) {
  Attachments attachments;
  uint64_t bytes = 0;
  for (const v1::Message& message : *messages) bytes += PictureBytes(message);
  for (int i = 0; i < messages->size(); ++i) {
    v1::Message& message = *messages->Mutable(i);
    for (int at = 0; at < message.images_size(); ++at) {
      v1::VisionImage& image = *message.mutable_images(at);
      if (image.attachment().empty()) continue;
      auto attachment =
          TakeAttachment(call, absl::StrCat(list, "[", i, "].images[", at, "].attachment"),
                         image.attachment(), kMaxConversationImageBytes);
      if (!attachment.ok()) return attachment.status();
      bytes += (*attachment)->size();
      if (bytes > kMaxConversationImageBytes) {
        return TooLargeError(absl::StrCat(list, "[", i, "].images"), bytes,
                             kMaxConversationImageBytes);
      }
      image.set_attachment(absl::StrCat(attachments.size()));
      attachments.push_back(*std::move(attachment));
    }
  }
  return attachments;
}

absl::Status ReadAttachments(Call& call, std::string_view list, Messages* messages) {
  const absl::StatusOr<Attachments> attachments = TakeAttachments(call, list, messages);
  if (!attachments.ok()) return attachments.status();
  size_t next = 0;
  for (v1::Message& message : *messages) {
    for (v1::VisionImage& image : *message.mutable_images()) {
      if (image.attachment().empty()) continue;
      const absl::StatusOr<SealedMapping> mapping = (*attachments)[next++]->Map();
      if (!mapping.ok()) return mapping.status();
      image.clear_attachment();
      std::string& bytes =
          image.has_pixels() ? *image.mutable_pixels()->mutable_data() : *image.mutable_encoded();
      bytes.assign(mapping->bytes().begin(), mapping->bytes().end());
    }
  }
  return absl::OkStatus();
}

void PictureToTask(const v1::VisionImage& from, intelligence::engine::v1::VisionImage* to) {
  to->set_attachment(from.attachment());
  // The values of both enums are the same.
  to->set_orientation(static_cast<intelligence::engine::v1::ImageOrientation>(from.orientation()));
  if (from.has_encoded()) to->set_encoded(from.encoded());
  if (!from.has_pixels()) return;
  intelligence::engine::v1::PixelBuffer& pixels = *to->mutable_pixels();
  pixels.set_format(static_cast<intelligence::engine::v1::PixelFormat>(from.pixels().format()));
  pixels.set_width(from.pixels().width());
  pixels.set_height(from.pixels().height());
  pixels.set_stride(from.pixels().stride());
  pixels.set_data(from.pixels().data());
}

}  // namespace intelligenced
