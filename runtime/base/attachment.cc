#include "runtime/base/attachment.h"

#include <sys/stat.h>

#include <cstdint>
#include <utility>

#include "runtime/base/reasons.h"

namespace intelligenced {

absl::StatusOr<std::shared_ptr<const Attachment>> Attachment::Take(UniqueFd fd) {
  struct stat file;
  bool good = fstat(fd.get(), &file) == 0 && file.st_size > 0;
#ifdef __linux__
  // The size counts only once it can no longer change.
  good = good && IsSealedMemory(fd.get()) && fstat(fd.get(), &file) == 0;
#endif
  if (!good) {
    return MakeError(Reason::kFieldInvalid,
                     "The descriptor is no sealed memory file, or there is nothing in it.");
  }
  return std::shared_ptr<const Attachment>(
      new Attachment(std::move(fd), static_cast<size_t>(file.st_size)));
}

absl::StatusOr<std::shared_ptr<const Attachment>> Attachment::Copy(std::string_view bytes) {
  if (bytes.empty()) return MakeError(Reason::kFieldInvalid, "There is nothing to attach.");
  absl::StatusOr<UniqueFd> file = MakeSealedCopy(bytes);
  if (!file.ok()) return file.status();
  return Take(*std::move(file));
}

absl::StatusOr<SealedMapping> Attachment::Map() const { return SealedMapping::Open(fd_, size_); }

}  // namespace intelligenced
