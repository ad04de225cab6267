#include "runtime/engines/llama/picture_prompt.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/task_image/task_image.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

int CountPictures(const engine_proto::Conversation& conversation) {
  int count = 0;
  for (const engine_proto::Message& message : conversation.messages()) {
    count += message.images_size();
  }
  return count;
}

absl::StatusOr<std::unique_ptr<PicturePrompt>> PicturePrompt::Create(
    PictureProjector* projector, PromptParts parts, const engine_proto::Conversation& conversation,
    const Attachments& attachments) {
  auto prompt =
      std::unique_ptr<PicturePrompt>(new PicturePrompt(projector, std::move(parts), attachments));
  for (int index = 0; index < conversation.messages_size(); ++index) {
    const engine_proto::Message& message = conversation.messages(index);
    const std::string field = absl::StrCat("conversation.messages[", index, "].images");
    if (message.images_size() > 0 && message.role() != engine_proto::ROLE_USER) {
      return FieldError(field, "Only a USER message may hold pictures.");
    }
    for (const engine_proto::VisionImage& image : message.images()) {
      if (image.content_case() == engine_proto::VisionImage::CONTENT_NOT_SET &&
          image.attachment().empty()) {
        return FieldError(field, "A picture has no content.");
      }
      prompt->pictures_.push_back(image);
    }
  }
  if (prompt->pictures_.size() > kMaxPictures) {
    return FieldError("conversation.messages.images",
                      absl::StrCat("The conversation has ", prompt->pictures_.size(),
                                   " pictures; the most is ", kMaxPictures, "."));
  }
  return prompt;
}

PicturePrompt::~PicturePrompt() {
  PictureEncoder& encoder = projector_->encoder();
  for (const Run& run : runs_) {
    if (encoder.busy() && encoder.chunk() == run.chunk) encoder.Abandon();
  }
}

absl::Status PicturePrompt::ReadNext(engine_proto::ImageInfo* info) {
  engine_proto::VisionImage& from = pictures_[pieces_.size()];
  const absl::StatusOr<Image> image = DecodeTaskImage(from, attachments_, info);
  from.Clear();
  if (pieces_.size() + 1 == pictures_.size()) attachments_.clear();
  if (!image.ok()) return image.status();
  absl::StatusOr<PicturePieces> pieces = projector_->Split(*image);
  if (!pieces.ok()) return pieces.status();
  numbers_.push_back(projector_->NumberOf(*image));
  pieces_.push_back(*std::move(pieces));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<llama_token>> PicturePrompt::Tokens(const ChatTemplate& chat_template) {
  std::vector<llama_token> tokens;
  bool add_special = parts_.add_special;
  runs_.clear();
  for (const PromptPart& part : parts_.parts) {
    if (part.picture < 0 || add_special) {
      absl::StatusOr<std::vector<llama_token>> text =
          chat_template.Tokens(part.text, add_special, part.markup);
      if (!text.ok()) return text;
      tokens.insert(tokens.end(), text->begin(), text->end());
      add_special = false;
    }
    if (part.picture < 0) continue;
    for (const PicturePieces::Piece& piece : pieces_[part.picture].pieces) {
      if (piece.picture == nullptr) {
        tokens.insert(tokens.end(), piece.text.begin(), piece.text.end());
        continue;
      }
      Run& run = runs_.emplace_back();
      run.first = static_cast<int>(tokens.size());
      run.count = piece.tokens;
      run.whole = piece.whole;
      run.chunk = piece.picture;
      tokens.insert(tokens.end(), piece.tokens, numbers_[part.picture]);
    }
  }
  return tokens;
}

PicturePrompt::Run* PicturePrompt::RunAt(int index) {
  for (Run& run : runs_) {
    if (index >= run.first && index < run.first + run.count) return &run;
  }
  return nullptr;
}

int PicturePrompt::TextFrom(int index) const {
  for (const Run& run : runs_) {
    if (index < run.first + run.count) return std::max(0, run.first - index);
  }
  return std::numeric_limits<int>::max();
}

int PicturePrompt::CutAt(int count) const {
  for (const Run& run : runs_) {
    if (run.whole && count > run.first && count < run.first + run.count) return run.first;
  }
  return count;
}

void PicturePrompt::Deliver(const mtmd_input_chunk* chunk,
                            absl::StatusOr<std::vector<float>>& rows) {
  for (Run& run : runs_) {
    if (run.chunk != chunk) continue;
    if (rows.ok()) {
      run.rows = *std::move(rows);
    } else {
      run.status = rows.status();
    }
  }
}

}  // namespace intelligenced
