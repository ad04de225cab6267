// The network of an encoder: rows of tokens in, numbers out.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_ENCODER_NETWORK_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_ENCODER_NETWORK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/cancel.h"
#include "runtime/engines/onnx/network.h"
#include "runtime/engines/onnx/onnx_session.h"

namespace intelligenced {

class EncoderNetwork {
 public:
  // `outputs`: names in the order in which they are preferred; none of them there: the first output
  // of `dimensions` dimensions, or of any where that is 0. MODEL_LOAD_FAILED with what the network
  // takes or gives and should.
  static absl::StatusOr<EncoderNetwork> Make(std::shared_ptr<OnnxSession> session,
                                             absl::Span<const std::string_view> outputs,
                                             size_t dimensions);

  // Of the output.
  const std::vector<int64_t>& shape() const { return shape_; }

  // One row of the output for each of `rows`, the shorter ones padded. CANCELLED,
  // MEMORY_INSUFFICIENT, ENGINE_FAILURE.
  absl::StatusOr<Tensor> Run(absl::Span<const std::vector<int64_t>* const> rows, int64_t padding,
                             const CancelToken& cancel) const;

 private:
  std::shared_ptr<OnnxSession> session_;
  std::vector<std::string> inputs_;
  std::string output_;
  std::vector<int64_t> shape_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_ENCODER_NETWORK_H_
