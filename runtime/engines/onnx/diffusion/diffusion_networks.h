// The networks of a model that makes pictures: numbers in, numbers out, whatever the export calls
// its ports and of whatever type they are.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_NETWORKS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_NETWORKS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/cancel.h"
#include "runtime/engines/onnx/network.h"
#include "runtime/engines/onnx/onnx_session.h"

namespace intelligenced {

struct DiffusionSessions {
  std::shared_ptr<OnnxSession> text_encoder;
  // unet or transformer.
  std::shared_ptr<OnnxSession> denoiser;
  // Null: the denoiser paints pixels.
  std::shared_ptr<OnnxSession> decoder;
  // Null: latent pictures can be decoded only.
  std::shared_ptr<OnnxSession> encoder;
};

// What configurations say of the networks; 0: nothing.
struct DiffusionShapes {
  int channels = 0;
  // Tokens of a window.
  size_t window = 77;
};

// One picture's part of a run of the denoiser.
struct DenoiserRow {
  // channels() × height × width.
  const float* sample = nullptr;
  // tokens × context_width().
  const float* context = nullptr;
};

// Used by one thread at a time.
class DiffusionNetworks {
 public:
  virtual ~DiffusionNetworks() = default;

  // MODEL_LOAD_FAILED with the part and the port: one that is missing, of another type or rank,
  // that nobody knows, or whose channels are not the others'.
  static absl::StatusOr<std::unique_ptr<DiffusionNetworks>> Make(DiffusionSessions sessions,
                                                                 const DiffusionShapes& shapes);

  // --- Constant ---
  virtual bool latent() const = 0;
  virtual bool has_encoder() const = 0;
  // Of the denoiser's samples.
  virtual int channels() const = 0;
  // The only extents of the samples that the denoiser takes; 0: any.
  virtual int fixed_height() const = 0;
  virtual int fixed_width() const = 0;
  // Rows of one run; 0: any.
  virtual int fixed_batch() const = 0;
  // Tokens that the denoiser takes; 0: any.
  virtual size_t fixed_tokens() const = 0;
  // The guidance is told to the denoiser (timestep_cond) in place of two runs.
  virtual bool embeds_guidance() const = 0;

  // --- Runs. Errors: CANCELLED, MEMORY_INSUFFICIENT, ENGINE_FAILURE (also for answers of another
  // shape, and for what is no number) ---

  // `tokens` are one window. Its states, one row for each token.
  virtual absl::StatusOr<Tensor> EncodeText(const std::vector<int64_t>& tokens,
                                            const CancelToken& cancel) = 0;

  struct Conditions {
    int height = 0;
    int width = 0;
    double timestep = 0;
    size_t tokens = 0;
    size_t context_width = 0;
    // Where embeds_guidance().
    float guidance = 1;
  };
  // As many answers as rows, one after another, each of the sample's size, in `answers`.
  virtual absl::Status Denoise(absl::Span<const DenoiserRow> rows, const Conditions& conditions,
                               const CancelToken& cancel, std::vector<float>& answers) = 0;

  // `sample` as the decoder takes it; gives 1×3×height×width, about −1 to 1.
  virtual absl::StatusOr<Tensor> Decode(const Tensor& sample, const CancelToken& cancel) = 0;
  // 1×3×height×width to 1×channels()×….
  virtual absl::StatusOr<Tensor> Encode(const Tensor& picture, const CancelToken& cancel) = 0;

  // What runs of the networks took at most beside the weights, since loading.
  virtual uint64_t denoiser_peak_bytes() const = 0;
  virtual uint64_t decoder_peak_bytes() const = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_NETWORKS_H_
