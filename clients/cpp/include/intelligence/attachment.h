// Bytes that go to the daemon as a descriptor instead of in a message: a picture of many megabytes
// is then not copied on its way.
#ifndef INTELLIGENCE_ATTACHMENT_H_
#define INTELLIGENCE_ATTACHMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace intelligence {

// An open file, or memory that can no longer change. Copies share the descriptor, which is closed
// with the last; good for any number of requests. Thread-safe.
//
// What is in sealed memory (SharedMemory, or a memory file with F_SEAL_SHRINK, F_SEAL_GROW and
// F_SEAL_WRITE of the program's own making) reaches the model without a copy. A file is copied
// once, by the daemon, when a request is made; it may be changed afterwards.
class Attachment {
 public:
  // Errors: NOT_FOUND, PERMISSION_DENIED, INTERNAL, with the path.
  static absl::StatusOr<Attachment> FromFile(const std::string& path);
  // A duplicate of `fd`, which stays the caller's. INVALID_ARGUMENT when it is not open.
  static absl::StatusOr<Attachment> FromDescriptor(int fd);

  int descriptor() const;

 private:
  class Descriptor;
  explicit Attachment(std::shared_ptr<const Descriptor> descriptor);
  friend class SharedMemory;

  std::shared_ptr<const Descriptor> descriptor_;
};

// Memory to be filled, with a camera's frame for example, and then handed over. Movable.
class SharedMemory {
 public:
  // Zeros. RESOURCE_EXHAUSTED when there is no memory.
  static absl::StatusOr<SharedMemory> Make(size_t size);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  // Nobody can write to it from now on; data() is gone.
  absl::StatusOr<Attachment> Seal() &&;

 private:
  SharedMemory() = default;
  void Unmap();

  int fd_ = -1;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_ATTACHMENT_H_
