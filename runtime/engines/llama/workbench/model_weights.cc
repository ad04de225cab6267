#include "runtime/engines/llama/workbench/model_weights.h"

#include <gguf.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

absl::StatusOr<ModelWeights> ReadWeights(const std::string& path) {
  ggml_context* made = nullptr;
  const std::unique_ptr<gguf_context, decltype(&gguf_free)> file(
      gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = &made}), &gguf_free);
  const std::unique_ptr<ggml_context, decltype(&ggml_free)> tensors(made, &ggml_free);
  if (file == nullptr) {
    return MakeError(Reason::kModelCorrupt,
                     absl::StrCat("The weights of ", path, " cannot be read."));
  }
  ModelWeights weights;
  std::map<ggml_type, uint64_t> by_type;
  uint64_t embeddings = 0;
  bool has_output = false;
  for (ggml_tensor* tensor = ggml_get_first_tensor(tensors.get()); tensor != nullptr;
       tensor = ggml_get_next_tensor(tensors.get(), tensor)) {
    const std::string_view name = ggml_get_name(tensor);
    const auto elements = static_cast<uint64_t>(ggml_nelements(tensor));
    const uint64_t bytes = ggml_nbytes(tensor);
    weights.bytes += bytes;
    if (name == "token_embd.weight") {
      embeddings = bytes;
      continue;
    }
    weights.token_bytes += bytes;
    if (name == "output.weight") {
      has_output = true;
    } else if (tensor->ne[1] > 1) {
      weights.prompt_elements += elements;
      by_type[tensor->type] += elements;
    }
  }
  // Without an output of its own a model uses the embeddings for it.
  if (!has_output) weights.token_bytes += embeddings;
  const auto most =
      std::max_element(by_type.begin(), by_type.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != by_type.end()) weights.type = most->first;
  return weights;
}

}  // namespace intelligenced
