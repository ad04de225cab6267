#include "services/rpc/task_picture.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine = ::intelligence::engine::v1;

// More than this costs less in memory of its own than in the copies of messages.
constexpr size_t kMaxBytesInMessage = size_t{64} << 10;

std::string Path(std::string_view field, std::string_view part) {
  return absl::StrCat(field, ".", part);
}

// The attachment stands where the message's bytes would.
absl::Status CheckAttachmentField(std::string_view field, const v1::VisionImage& image) {
  const std::string name = Path(field, "attachment");
  if (image.attachment().size() > kMaxAttachmentTokenBytes) {
    return FieldError(name, "There is no such attachment.");
  }
  if (!image.encoded().empty() || !image.pixels().data().empty()) {
    return FieldError(name, "It stands in place of bytes, and there are bytes.");
  }
  return absl::OkStatus();
}

absl::Status CheckBytes(std::string_view field, const v1::VisionImage& image) {
  switch (image.content_case()) {
    case v1::VisionImage::kEncoded:
      if (image.encoded().size() > kMaxImageBytes) {
        return TooLargeError(Path(field, "encoded"), image.encoded().size(), kMaxImageBytes);
      }
      if (image.encoded().empty()) {
        return MakeError(Reason::kImageUndecodable, "The picture is empty.");
      }
      break;
    case v1::VisionImage::kPixels:
      if (image.pixels().data().size() > kMaxImageBytes) {
        return TooLargeError(Path(field, "pixels.data"), image.pixels().data().size(),
                             kMaxImageBytes);
      }
      break;
    case v1::VisionImage::CONTENT_NOT_SET:
      return FieldError(field, "A picture is required: encoded, pixels, or an attachment.");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPicture(std::string_view field, const v1::VisionImage& image) {
  absl::Status status =
      image.attachment().empty() ? CheckBytes(field, image) : CheckAttachmentField(field, image);
  if (!status.ok()) return status;
  FieldChecker check;
  check.Enum(Path(field, "orientation"), image.orientation(),
             v1::ImageOrientation_IsValid(image.orientation()));
  if (image.has_pixels()) {
    const v1::PixelBuffer& pixels = image.pixels();
    const std::string format = Path(field, "pixels.format");
    check.Enum(format, pixels.format(), v1::PixelFormat_IsValid(pixels.format()));
    if (pixels.format() == v1::PIXEL_FORMAT_UNSPECIFIED) check.Fail(format, "is required.");
    check.InRange(Path(field, "pixels.width"), pixels.width(), 1, kMaxImageSide);
    check.InRange(Path(field, "pixels.height"), pixels.height(), 1, kMaxImageSide);
  }
  return check.status();
}

void NotePictures(Call& call, const google::protobuf::Message& message) {
  if (message.GetDescriptor() == v1::VisionImage::descriptor()) {
    const auto& image = static_cast<const v1::VisionImage&>(message);
    if (!image.attachment().empty()) call.NoteAttachment(image.attachment());
    return;
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      NotePictures(call, reflection.GetMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      NotePictures(call, reflection.GetRepeatedMessage(message, field, i));
    }
  }
}

absl::StatusOr<std::shared_ptr<const Attachment>> TakeAttachment(Call& call, std::string_view field,
                                                                 std::string_view token,
                                                                 uint64_t limit) {
  auto attachment = call.TakeAttachment(token);
  if (!attachment.ok()) return FieldError(field, attachment.status().message());
  call.NoteInput((*attachment)->size());
  if ((*attachment)->size() > limit) return TooLargeError(field, (*attachment)->size(), limit);
  return attachment;
}

absl::StatusOr<TaskPicture> TakePicture(Call& call, std::string_view field,
                                        v1::VisionImage&& from) {
  TaskPicture picture;
  picture.image.set_orientation(static_cast<engine::ImageOrientation>(from.orientation()));
  std::string bytes;
  if (from.has_pixels()) {
    engine::PixelBuffer& pixels = *picture.image.mutable_pixels();
    pixels.set_format(static_cast<engine::PixelFormat>(from.pixels().format()));
    pixels.set_width(from.pixels().width());
    pixels.set_height(from.pixels().height());
    pixels.set_stride(from.pixels().stride());
    bytes = std::move(*from.mutable_pixels()->mutable_data());
  } else if (from.has_encoded()) {
    bytes = std::move(*from.mutable_encoded());
  }

  if (!from.attachment().empty()) {
    auto attachment = TakeAttachment(call, Path(field, "attachment"), from.attachment(),
                                     from.has_pixels() ? kMaxAttachmentBytes : kMaxImageBytes);
    if (!attachment.ok()) return attachment.status();
    picture.attachment = *std::move(attachment);
    return picture;
  }

  picture.input_bytes = bytes.size();
  if (bytes.size() > kMaxBytesInMessage) {
    auto attachment = Attachment::Copy(bytes);
    if (!attachment.ok()) return attachment.status();
    picture.attachment = *std::move(attachment);
  } else if (from.has_pixels()) {
    picture.image.mutable_pixels()->set_data(std::move(bytes));
  } else {
    picture.image.set_encoded(std::move(bytes));
  }
  return picture;
}

void PutPicture(const TaskPicture& picture, engine::VisionImage* to, Attachments* attachments) {
  *to = picture.image;
  if (picture.attachment == nullptr) return;
  to->set_attachment(absl::StrCat(attachments->size()));
  attachments->push_back(picture.attachment);
}

}  // namespace intelligenced
