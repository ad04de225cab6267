#include "runtime/engines/llama/picture_projector.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/gguf_check.h"

namespace intelligenced {
namespace {

// Pictures whose numbers are remembered.
constexpr size_t kMaxNumbers = 1024;

absl::Status CannotLoad(const std::string& path, std::string_view why) {
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The projector ", path, " cannot be used: ", why));
}

// Three bytes a pixel.
std::vector<unsigned char> RgbOf(const Image& image) {
  const size_t pixels = size_t{1} * image.width() * image.height();
  std::vector<unsigned char> rgb(pixels * 3);
  if (image.channels() == 3) {
    std::memcpy(rgb.data(), image.data(), rgb.size());
    return rgb;
  }
  for (size_t index = 0; index < pixels; ++index) {
    std::fill_n(&rgb[3 * index], 3, image.data()[index]);
  }
  return rgb;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PictureProjector>> PictureProjector::Load(
    const intelligence::engine::v1::ModelSpec& spec, const llama_model* model,
    const Options& options, LlamaLibrary& library, const Clock* clock, const CancelToken& cancel) {
  std::string path;
  for (const intelligence::engine::v1::ModelFile& file : spec.files()) {
    if (file.role() != "projector") continue;
    if (!path.empty()) return CannotLoad(file.path(), "a model has one projector only.");
    path = file.path();
  }
  if (path.empty()) return nullptr;
  const absl::StatusOr<GgufSummary> summary = CheckGguf(path);
  if (!summary.ok()) return summary.status();
  if (summary->architecture != "clip") {
    return CannotLoad(path, absl::StrCat("it is of the architecture \"", summary->architecture,
                                         "\", not \"clip\"; choose the model's mmproj file."));
  }

  auto encoder = std::make_unique<PictureEncoder>(clock);
  mtmd_context_params params = mtmd_context_params_default();
  params.use_gpu = options.gpu;
  params.print_timings = false;
  params.n_threads = options.threads;
  params.cb_eval = &PictureEncoder::OnOperation;
  params.cb_eval_user_data = encoder.get();
  params.progress_callback = [](float, void* token) {
    return !static_cast<const CancelToken*>(token)->cancelled();
  };
  params.progress_callback_user_data = const_cast<CancelToken*>(&cancel);
  library.TakeErrors();
  mtmd::context_ptr context(mtmd_init_from_file(path.c_str(), model, params));
  if (cancel.cancelled()) return MakeError(Reason::kCancelled, "The loading was cancelled.");
  if (context == nullptr) {
    const std::string words = library.TakeErrors();
    return CannotLoad(path, words.empty() ? "libmtmd does not take it for this model." : words);
  }
  if (!mtmd_support_vision(context.get())) {
    return CannotLoad(path, "it is not for pictures.");
  }
  if (mtmd_decode_use_mrope(context.get())) {
    return CannotLoad(
        path,
        "its model places pictures in two dimensions (M-RoPE), which is not supported "
        "here. Install the model without the projector, or another one.");
  }
  return std::unique_ptr<PictureProjector>(
      new PictureProjector(std::move(context), std::move(encoder), llama_model_n_embd_inp(model),
                           options.max_rows, library));
}

absl::StatusOr<PicturePieces> PictureProjector::Split(const Image& image) const {
  const std::vector<unsigned char> rgb = RgbOf(image);
  const mtmd::bitmap_ptr bitmap(mtmd_bitmap_init(
      static_cast<uint32_t>(image.width()), static_cast<uint32_t>(image.height()), rgb.data()));
  const mtmd_input_part part = {.text = nullptr, .bitmap = bitmap.get()};
  const mtmd_input_part* const parts[] = {&part};
  PicturePieces result;
  result.chunks.reset(mtmd_input_chunks_init());
  library_.TakeErrors();
  int32_t code = -1;
  std::string why;
  try {
    const AssertionsThrow scope;
    code = mtmd_tokenize_from_parts(context_.get(), result.chunks.get(), parts, 1,
                                    /*add_special=*/false);
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (code != 0) {
    if (why.empty()) why = library_.TakeErrors();
    return MakeError(Reason::kImageUndecodable,
                     absl::StrCat("The model cannot look at a picture of ", image.width(), " × ",
                                  image.height(), " pixels", why.empty() ? "." : ": ", why));
  }
  for (size_t index = 0; index < mtmd_input_chunks_size(result.chunks.get()); ++index) {
    const mtmd_input_chunk* chunk = mtmd_input_chunks_get(result.chunks.get(), index);
    PicturePieces::Piece& piece = result.pieces.emplace_back();
    if (mtmd_input_chunk_get_type(chunk) == MTMD_INPUT_CHUNK_TYPE_TEXT) {
      size_t count = 0;
      const llama_token* tokens = mtmd_input_chunk_get_tokens_text(chunk, &count);
      piece.text.assign(tokens, tokens + count);
      piece.tokens = static_cast<int>(count);
    } else {
      piece.picture = chunk;
      piece.tokens = static_cast<int>(mtmd_input_chunk_get_n_tokens(chunk));
      piece.whole = mtmd_decode_use_non_causal(context_.get(), chunk);
      if (piece.whole && piece.tokens > max_rows_) {
        return MakeError(Reason::kModelLoadFailed,
                         absl::StrCat("The model's pictures have ", piece.tokens,
                                      " tokens that belong into one batch; the most is ", max_rows_,
                                      ". The model cannot be used for pictures here."));
      }
    }
    result.tokens += piece.tokens;
  }
  return result;
}

llama_token PictureProjector::NumberOf(const Image& image) {
  const std::string extent =
      absl::StrCat(image.width(), "x", image.height(), "x", image.channels());
  Digest digest = {};
  SHA256(image.data(), image.size_bytes(), digest.data());
  std::string both(reinterpret_cast<const char*>(digest.data()), digest.size());
  both += extent;
  SHA256(reinterpret_cast<const unsigned char*>(both.data()), both.size(), digest.data());
  const auto known = std::find_if(numbers_.begin(), numbers_.end(),
                                  [&](const auto& entry) { return entry.first == digest; });
  if (known != numbers_.end()) {
    std::rotate(known, known + 1, numbers_.end());
    return numbers_.back().second;
  }
  if (numbers_.size() == kMaxNumbers) numbers_.erase(numbers_.begin());
  numbers_.emplace_back(digest, next_number_);
  return next_number_--;
}

}  // namespace intelligenced
