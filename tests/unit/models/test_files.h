// Helpers for the tests of runtime/models: GGUF headers made by hand, a
// disk that is full, a signal between threads.
#ifndef INTELLIGENCED_TESTS_UNIT_MODELS_TEST_FILES_H_
#define INTELLIGENCED_TESTS_UNIT_MODELS_TEST_FILES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "runtime/base/file.h"
#include "runtime/models/manifest.h"
#include "runtime/models/sha256.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {

inline void WriteTestFile(const std::string& path, std::string_view content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

inline std::string HashOf(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

// A manifest of one file with this content.
inline Manifest ManifestFor(std::string name, std::string_view content) {
  Manifest manifest;
  manifest.name = std::move(name);
  manifest.engine = "fake";
  manifest.capabilities = {"language.generate"};
  ManifestFile file;
  file.role = "model";
  file.name = "model.bin";
  file.size_bytes = content.size();
  file.sha256 = HashOf(content);
  manifest.files.push_back(file);
  return manifest;
}

// Writes a GGUF file, key by key.
class GgufBuilder {
 public:
  explicit GgufBuilder(uint32_t version = 3) : version_(version) {}

  template <typename T>
  static void Put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void PutText(std::string& out, std::string_view text) {
    Put<uint64_t>(out, text.size());
    out.append(text);
  }
  GgufBuilder& Text(std::string_view key, std::string_view value) {
    PutText(keys_, key);
    Put<uint32_t>(keys_, 8);
    PutText(keys_, value);
    ++key_count_;
    return *this;
  }
  GgufBuilder& Number(std::string_view key, uint32_t value) {
    PutText(keys_, key);
    Put<uint32_t>(keys_, 4);
    Put<uint32_t>(keys_, value);
    ++key_count_;
    return *this;
  }
  // An array of the given type; `count` need not be true.
  GgufBuilder& Array(std::string_view key, uint32_t type, uint64_t count, std::string_view bytes) {
    PutText(keys_, key);
    Put<uint32_t>(keys_, 9);
    Put<uint32_t>(keys_, type);
    Put<uint64_t>(keys_, count);
    keys_.append(bytes);
    ++key_count_;
    return *this;
  }
  GgufBuilder& Tensor(std::string_view name, std::vector<uint64_t> extents, uint32_t type,
                      uint64_t offset) {
    PutText(tensors_, name);
    Put<uint32_t>(tensors_, static_cast<uint32_t>(extents.size()));
    for (uint64_t extent : extents) Put<uint64_t>(tensors_, extent);
    Put<uint32_t>(tensors_, type);
    Put<uint64_t>(tensors_, offset);
    ++tensor_count_;
    return *this;
  }
  GgufBuilder& Counts(uint64_t tensors, uint64_t keys) {
    tensor_count_ = tensors;
    key_count_ = keys;
    return *this;
  }
  std::string Build(size_t data_bytes) const {
    std::string out = "GGUF";
    Put<uint32_t>(out, version_);
    Put<uint64_t>(out, tensor_count_);
    Put<uint64_t>(out, key_count_);
    out += keys_ + tensors_;
    out.resize((out.size() + 31) / 32 * 32);
    out.append(data_bytes, '\x01');
    return out;
  }

 private:
  const uint32_t version_;
  uint64_t key_count_ = 0;
  uint64_t tensor_count_ = 0;
  std::string keys_;
  std::string tensors_;
};

// A small, whole language model with a chat template: 2 × 1,024 weights in F16.
inline std::string SmallGguf(bool chat = true) {
  GgufBuilder builder;
  builder.Text("general.architecture", "llama")
      .Text("general.name", "Small")
      .Text("general.license", "MIT")
      .Number("general.file_type", 1)
      .Number("llama.context_length", 2048)
      .Text("tokenizer.ggml.model", "llama");
  if (chat) builder.Text("tokenizer.chat_template", "{{ messages }}");
  builder.Tensor("a", {32, 32}, 1, 0).Tensor("b", {1024}, 1, 2048);
  return builder.Build(4096);
}

// Something that happens once. As absl::Notification, which hides its lock from the thread
// sanitizer when the library is built without it.
class Signal {
 public:
  void Notify() {
    absl::MutexLock lock(mutex_);
    happened_ = true;
  }
  void Wait() {
    absl::MutexLock lock(mutex_);
    mutex_.Await(absl::Condition(&happened_));
  }

 private:
  absl::Mutex mutex_;
  bool happened_ = false;
};

// Has room for so many bytes, then says that the disk is full.
class SmallDisk : public FileSystem {
 public:
  explicit SmallDisk(uint64_t free, uint64_t room) : free_(free), room_(room) {}
  ssize_t Write(int fd, const void* data, size_t size) override {
    if (room_ == 0) {
      errno = ENOSPC;
      return -1;
    }
    const ssize_t put = FileSystem::Write(fd, data, std::min<uint64_t>(size, room_));
    if (put > 0) room_ -= static_cast<uint64_t>(put);
    return put;
  }
  absl::StatusOr<uint64_t> FreeBytes(const std::string&) override { return free_.load(); }

 private:
  std::atomic<uint64_t> free_;
  std::atomic<uint64_t> room_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_MODELS_TEST_FILES_H_
