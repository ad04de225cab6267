// Variants of a GGUF file, made for one test and gone with it.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_GGUF_FILES_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_GGUF_FILES_H_

#include <ggml.h>
#include <gguf.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {

class ScratchFolder {
 public:
  std::string File(const std::string& name) const { return folder_ / name; }
  std::string Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(File(name), std::ios::binary) << bytes;
    return File(name);
  }

 private:
  TemporaryFolder folder_;
};

inline std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A copy of `source` with its keys changed by `change`.
inline void RewriteGguf(const std::string& source, const std::string& target,
                        const std::function<void(gguf_context*)>& change) {
  ggml_context* tensors = nullptr;
  gguf_context* original =
      gguf_init_from_file(source.c_str(), {.no_alloc = false, .ctx = &tensors});
  ASSERT_NE(original, nullptr);
  gguf_context* gguf = gguf_init_empty();
  gguf_set_kv(gguf, original);
  for (int64_t index = 0; index < gguf_get_n_tensors(original); ++index) {
    gguf_add_tensor(gguf, ggml_get_tensor(tensors, gguf_get_tensor_name(original, index)));
  }
  change(gguf);
  EXPECT_TRUE(gguf_write_to_file(gguf, target.c_str(), /*only_meta=*/false));
  gguf_free(gguf);
  gguf_free(original);
  ggml_free(tensors);
}

// A GGUF file written by hand, also one that no writer would write.
class GgufBytes {
 public:
  GgufBytes(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    bytes_ = "GGUF";
    Number(version).Number(tensors).Number(keys);
  }
  template <typename T>
  GgufBytes& Number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  GgufBytes& String(const std::string& text) {
    Number<uint64_t>(text.size());
    bytes_ += text;
    return *this;
  }
  GgufBytes& Key(const std::string& name, uint32_t type) { return String(name).Number(type); }
  GgufBytes& Tensor(const std::string& name, std::initializer_list<uint64_t> shape, uint32_t type,
                    uint64_t offset) {
    String(name).Number(static_cast<uint32_t>(shape.size()));
    for (uint64_t length : shape) Number(length);
    return Number(type).Number(offset);
  }
  GgufBytes& Fill(size_t size) {
    bytes_.append(size, '\0');
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// A copy of `source` with random weights of the size that trained ones have.
inline void WriteNoiseModel(const std::string& source, const std::string& target, unsigned seed) {
  ggml_context* tensors = nullptr;
  gguf_context* gguf = gguf_init_from_file(source.c_str(), {.no_alloc = false, .ctx = &tensors});
  ASSERT_NE(gguf, nullptr);
  gguf_context* copy = gguf_init_empty();
  gguf_set_kv(copy, gguf);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t index = 0; index < gguf_get_n_tensors(gguf); ++index) {
    ggml_tensor* tensor = ggml_get_tensor(tensors, gguf_get_tensor_name(gguf, index));
    if (tensor->type == GGML_TYPE_F32 && ggml_n_dims(tensor) > 1) {
      auto* values = static_cast<float*>(tensor->data);
      const float size = 1 / std::sqrt(static_cast<float>(tensor->ne[0]));
      for (int64_t i = 0; i < ggml_nelements(tensor); ++i) values[i] = size * normal(random);
    }
    gguf_add_tensor(copy, tensor);
  }
  EXPECT_TRUE(gguf_write_to_file(copy, target.c_str(), /*only_meta=*/false));
  gguf_free(copy);
  gguf_free(gguf);
  ggml_free(tensors);
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_LLAMA_GGUF_FILES_H_
