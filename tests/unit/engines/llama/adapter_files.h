// Random adapters for the engine's tests, made from the shapes of a model file.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_ADAPTER_FILES_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_ADAPTER_FILES_H_

#include <ggml.h>
#include <gguf.h>

#include <cmath>
#include <random>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace intelligenced {

struct AdapterOptions {
  unsigned seed = 1;
  int rank = 4;
  // Added to the width of every matrix: not the base's shape.
  int wider = 0;
  // 1: as large as the weights.
  float strength = 0.5f;
  std::string architecture = "llama";
};

// Writes a random LoRA adapter for the attention matrices of `base`.
inline void WriteAdapter(const std::string& base, const std::string& path,
                         const AdapterOptions& options = {}) {
  ggml_context* shapes = nullptr;
  gguf_context* model = gguf_init_from_file(base.c_str(), {.no_alloc = true, .ctx = &shapes});
  ASSERT_NE(model, nullptr);
  gguf_context* file = gguf_init_empty();
  gguf_set_val_str(file, "general.architecture", options.architecture.c_str());
  gguf_set_val_str(file, "general.type", "adapter");
  gguf_set_val_str(file, "adapter.type", "lora");
  gguf_set_val_f32(file, "adapter.lora.alpha", static_cast<float>(options.rank));
  ggml_context* weights =
      ggml_init({.mem_size = size_t{16} << 20, .mem_buffer = nullptr, .no_alloc = false});
  std::mt19937 random(options.seed);
  std::normal_distribution<float> normal;
  const auto add = [&](const std::string& name, int64_t columns, int64_t rows, float scale) {
    ggml_tensor* tensor = ggml_new_tensor_2d(weights, GGML_TYPE_F32, columns, rows);
    ggml_set_name(tensor, name.c_str());
    auto* values = static_cast<float*>(tensor->data);
    for (int64_t i = 0; i < columns * rows; ++i) values[i] = scale * normal(random);
    gguf_add_tensor(file, tensor);
  };
  for (ggml_tensor* tensor = ggml_get_first_tensor(shapes); tensor != nullptr;
       tensor = ggml_get_next_tensor(shapes, tensor)) {
    const std::string name = ggml_get_name(tensor);
    if (!absl::StrContains(name, "attn_q.weight") && !absl::StrContains(name, "attn_v.weight")) {
      continue;
    }
    const int64_t columns = tensor->ne[0] + options.wider;
    add(absl::StrCat(name, ".lora_a"), columns, options.rank, 1);
    add(absl::StrCat(name, ".lora_b"), options.rank, tensor->ne[1],
        options.strength / std::sqrt(static_cast<float>(columns * options.rank)));
  }
  EXPECT_TRUE(gguf_write_to_file(file, path.c_str(), /*only_meta=*/false));
  ggml_free(weights);
  ggml_free(shapes);
  gguf_free(file);
  gguf_free(model);
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_ADAPTER_FILES_H_
