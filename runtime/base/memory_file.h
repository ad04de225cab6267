// Memory that can be handed to another process as a descriptor and can no longer change.
//
// Linux: a memfd with its size and content sealed, so that the reader may parse straight from the
// mapping: the sender can neither cut it short (which would be a SIGBUS) nor alter it meanwhile.
// Elsewhere there are no seals: an unlinked shared memory object, which the reader copies first.
#ifndef INTELLIGENCED_RUNTIME_BASE_MEMORY_FILE_H_
#define INTELLIGENCED_RUNTIME_BASE_MEMORY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/fd.h"

namespace intelligenced {

// A memory file of `size` zeros, which anybody who has it may change until it is sealed. Errors:
// MEMORY_INSUFFICIENT.
absl::StatusOr<UniqueFd> MakeMemoryFile(size_t size);
// There must be no writable mapping of it any more (MEMORY_INSUFFICIENT).
absl::Status SealMemoryFile(const UniqueFd& fd);

// Makes a memory file of `size` bytes, lets `fill` write them, and seals it. `fill` answers false
// when it failed. Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<UniqueFd> MakeSealedFile(size_t size,
                                        absl::FunctionRef<bool(absl::Span<uint8_t>)> fill);

// The same with a copy of `bytes`.
absl::StatusOr<UniqueFd> MakeSealedCopy(std::string_view bytes);

// True for a memory file whose bytes and length nobody can change any more. Memory of huge pages is
// none: reading a part of it that was never written can fail in a way that ends the process. False
// where there are no seals.
bool IsSealedMemory(int fd);

// Read access to a received memory file. Movable; unmaps when it goes.
class SealedMapping {
 public:
  // Errors: WORKER_LOST when `fd` is no sealed memory file of exactly `size` bytes (the other side
  // broke the protocol), MEMORY_INSUFFICIENT.
  static absl::StatusOr<SealedMapping> Open(const UniqueFd& fd, size_t size);

  SealedMapping(SealedMapping&& other) noexcept;
  SealedMapping& operator=(SealedMapping&&) = delete;
  ~SealedMapping();

  absl::Span<const uint8_t> bytes() const;

 private:
  SealedMapping() = default;

  void* address_ = nullptr;
  size_t size_ = 0;
  std::string copy_;  // where there are no seals
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_MEMORY_FILE_H_
