// A conversation with pictures in it, on its way to the tokens of a job.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_PROMPT_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_PROMPT_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/base/attachment.h"
#include "runtime/engines/llama/chat_template.h"
#include "runtime/engines/llama/picture_projector.h"

namespace intelligenced {

inline constexpr int kMaxPictures = 16;

int CountPictures(const intelligence::engine::v1::Conversation& conversation);

// Pictures are decoded one by one, in steps of the job, for a large one takes long. Then a
// picture's tokens stand in the job's prompt as the picture's number (PictureProjector::NumberOf),
// once for each: prompts are the same where their tokens and pictures are.
//
// Not thread-safe. The projector must outlive it.
class PicturePrompt {
 public:
  // A part of a picture in the prompt, whose rows come from the projector.
  struct Run {
    int first = 0;
    int count = 0;
    bool whole = false;
    const mtmd_input_chunk* chunk = nullptr;
    // `count` rows, once encoded and until they are computed.
    std::vector<float> rows;
    absl::Status status;
    // The library found no room for it in an empty pool.
    bool no_room = false;
  };

  // `attachments` are the task's. FIELD_INVALID: too many pictures, one in a message that is not
  // USER's, one without content.
  static absl::StatusOr<std::unique_ptr<PicturePrompt>> Create(
      PictureProjector* projector, PromptParts parts,
      const intelligence::engine::v1::Conversation& conversation, const Attachments& attachments);
  // Ends the encoding of its pictures.
  ~PicturePrompt();
  PicturePrompt(const PicturePrompt&) = delete;
  PicturePrompt& operator=(const PicturePrompt&) = delete;

  // All pictures are decoded.
  int pictures() const { return static_cast<int>(pictures_.size()); }
  bool read() const { return pieces_.size() == pictures_.size(); }
  // Decodes the next one. IMAGE_UNDECODABLE, MEMORY_INSUFFICIENT, FIELD_INVALID (an attachment that
  // is not there) and the errors of Split().
  // `info` is told of it.
  absl::Status ReadNext(intelligence::engine::v1::ImageInfo* info);
  // Once all are read: the prompt. Makes the runs.
  absl::StatusOr<std::vector<llama_token>> Tokens(const ChatTemplate& chat_template);

  // The part of a picture that token `index` of the prompt belongs to; null: it is text.
  Run* RunAt(int index);
  // Tokens from `index` on up to the next picture.
  int TextFrom(int index) const;
  // The most tokens of the first `count` after which a prompt may be cut: not inside of what
  // belongs into one batch.
  int CutAt(int count) const;
  // The rows of `chunk`, or why there are none, if it is one of the prompt's.
  void Deliver(const mtmd_input_chunk* chunk, absl::StatusOr<std::vector<float>>& rows);

  // What decides what the job may begin with, for when its tokens are known; without pictures.
  intelligence::engine::v1::GenerateTask reuse;

 private:
  PicturePrompt(PictureProjector* projector, PromptParts parts, Attachments attachments)
      : projector_(projector), parts_(std::move(parts)), attachments_(std::move(attachments)) {}

  PictureProjector* const projector_;
  const PromptParts parts_;
  // Until all pictures are read.
  Attachments attachments_;
  // Empty from when they are read.
  std::vector<intelligence::engine::v1::VisionImage> pictures_;
  std::vector<PicturePieces> pieces_;
  std::vector<llama_token> numbers_;
  std::vector<Run> runs_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_PROMPT_H_
