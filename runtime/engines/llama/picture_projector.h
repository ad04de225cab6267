// The part of a model that sees: a projector (mmproj file) through libmtmd.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_PROJECTOR_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_PROJECTOR_H_

#include <mtmd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/picture_encoder.h"
#include "runtime/media/image.h"

namespace intelligenced {

// What a picture is for the model, in order: tokens of text that frame it, and parts of the picture
// itself. Most models have one part, some cut large pictures into several.
struct PicturePieces {
  struct Piece {
    // Text, where `picture` is null.
    std::vector<llama_token> text;
    const mtmd_input_chunk* picture = nullptr;
    int tokens = 0;
    // The rows of a part look at each other in both directions: they belong into one batch.
    bool whole = false;
  };
  mtmd::input_chunks_ptr chunks;
  std::vector<Piece> pieces;
  int tokens = 0;
};

// Not thread-safe. Must be destroyed before the model it was loaded for.
class PictureProjector {
 public:
  struct Options {
    int threads = 1;
    bool gpu = false;
    // Rows of the model's largest batch.
    int max_rows = 0;
  };

  // The file of the role "projector" of `spec`; null when there is none.
  //   MODEL_CORRUPT      it is cut short or contradicts itself
  //   MODEL_LOAD_FAILED  there are several; it is for sound only; it does not fit the model; it
  //                      places its tokens in two dimensions (M-RoPE), which the pool cannot keep
  //   CANCELLED
  // `library` and `clock` must outlive the projector.
  static absl::StatusOr<std::unique_ptr<PictureProjector>> Load(
      const intelligence::engine::v1::ModelSpec& spec, const llama_model* model,
      const Options& options, LlamaLibrary& library, const Clock* clock, const CancelToken& cancel);

  // Scales and cuts the picture as the model wants it; it is not looked at yet.
  // IMAGE_UNDECODABLE: the library does not take it (sides of wildly different length).
  // MODEL_LOAD_FAILED: a part that belongs into one batch is larger than any.
  absl::StatusOr<PicturePieces> Split(const Image& image) const;

  // A number for the picture: the same for the same pixels, never the same for others. Negative,
  // below all tokens. Of the pictures of long ago nothing is remembered; they get a new one.
  llama_token NumberOf(const Image& image);

  // Numbers a token of a picture has.
  int width() const { return width_; }
  mtmd_context* context() const { return context_.get(); }
  PictureEncoder& encoder() { return *encoder_; }

 private:
  using Digest = std::array<unsigned char, 32>;

  PictureProjector(mtmd::context_ptr context, std::unique_ptr<PictureEncoder> encoder, int width,
                   int max_rows, LlamaLibrary& library)
      : context_(std::move(context)),
        encoder_(std::move(encoder)),
        width_(width),
        max_rows_(max_rows),
        library_(library) {}

  const mtmd::context_ptr context_;
  // Goes first: it may be working on the context.
  const std::unique_ptr<PictureEncoder> encoder_;
  const int width_;
  const int max_rows_;
  LlamaLibrary& library_;
  // The newest last.
  std::vector<std::pair<Digest, llama_token>> numbers_;
  llama_token next_number_ = -2;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PICTURE_PROJECTOR_H_
