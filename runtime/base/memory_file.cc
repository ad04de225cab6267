#include "runtime/base/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

absl::Status NoMemory(size_t size) {
  return MakeError(Reason::kMemoryInsufficient,
                   absl::StrCat("There is no memory for a payload of ", size, " bytes."));
}

#ifdef __linux__
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

UniqueFd MakeEmptyFile() {
  constexpr unsigned int kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
#ifdef MFD_NOEXEC_SEAL
  UniqueFd fd(memfd_create("payload", kFlags | MFD_NOEXEC_SEAL));
  if (fd.valid() || errno != EINVAL) return fd;
#endif
  return UniqueFd(memfd_create("payload", kFlags));
}

bool Seal(const UniqueFd& fd) { return fcntl(fd.get(), F_ADD_SEALS, kSeals) == 0; }

bool IsSealed(const UniqueFd& fd) {
  const int seals = fcntl(fd.get(), F_GET_SEALS);
  constexpr int kNeeded = F_SEAL_SHRINK | F_SEAL_WRITE;
  return seals >= 0 && (seals & kNeeded) == kNeeded;
}
#else
UniqueFd MakeEmptyFile() {
  static std::atomic<unsigned> counter = 0;
  const std::string name = absl::StrCat("/intelligenced-", getpid(), "-", counter++);
  UniqueFd fd(shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  if (fd.valid()) {
    shm_unlink(name.c_str());
    fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  }
  return fd;
}

bool Seal(const UniqueFd&) { return true; }
#endif

}  // namespace

absl::StatusOr<UniqueFd> MakeMemoryFile(size_t size) {
  UniqueFd fd = MakeEmptyFile();
  if (!fd.valid() || ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return NoMemory(size);
  return fd;
}

absl::Status SealMemoryFile(const UniqueFd& fd) {
  if (Seal(fd)) return absl::OkStatus();
  return MakeError(Reason::kMemoryInsufficient, "The memory cannot be sealed: it is still in use.");
}

absl::StatusOr<UniqueFd> MakeSealedFile(size_t size,
                                        absl::FunctionRef<bool(absl::Span<uint8_t>)> fill) {
  absl::StatusOr<UniqueFd> file = MakeMemoryFile(size);
  if (!file.ok()) return file.status();
  UniqueFd fd = *std::move(file);
  void* const address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return NoMemory(size);
  const bool filled = fill(absl::MakeSpan(static_cast<uint8_t*>(address), size));
  // A writable mapping would keep the write seal off.
  munmap(address, size);
  if (!filled || !Seal(fd)) return NoMemory(size);
  return fd;
}

absl::StatusOr<UniqueFd> MakeSealedCopy(std::string_view bytes) {
#ifdef __linux__
  // Written, not mapped: saves a page fault and the clearing of every page.
  UniqueFd fd = MakeEmptyFile();
  if (!fd.valid()) return NoMemory(bytes.size());
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return NoMemory(bytes.size());
    done += static_cast<size_t>(written);
  }
  if (!Seal(fd)) return NoMemory(bytes.size());
  return fd;
#else
  return MakeSealedFile(bytes.size(), [&](absl::Span<uint8_t> memory) {
    memcpy(memory.data(), bytes.data(), bytes.size());
    return true;
  });
#endif
}

bool IsSealedMemory(int fd) {
#ifdef __linux__
  constexpr int kNeeded = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const int seals = fcntl(fd, F_GET_SEALS);
  struct statfs system;
  return seals >= 0 && (seals & kNeeded) == kNeeded && fstatfs(fd, &system) == 0 &&
         system.f_type == TMPFS_MAGIC;
#else
  static_cast<void>(fd);
  return false;
#endif
}

absl::StatusOr<SealedMapping> SealedMapping::Open(const UniqueFd& fd, size_t size) {
  struct stat file;
  if (fstat(fd.get(), &file) != 0 || file.st_size < 0 ||
      static_cast<uint64_t>(file.st_size) < size) {
    return MakeError(Reason::kWorkerLost, "The other process sent a payload of the wrong size.");
  }
  SealedMapping mapping;
  mapping.size_ = size;
#ifdef __linux__
  // The size counts only once it can no longer change.
  if (!IsSealed(fd) || fstat(fd.get(), &file) != 0 || static_cast<uint64_t>(file.st_size) != size) {
    return MakeError(Reason::kWorkerLost,
                     "The other process sent a payload that is not a sealed memory file.");
  }
#endif
  // Private: kernels before 6.7 refuse a shared mapping of a file that is sealed against writing.
  void* const address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) return NoMemory(size);
#ifdef __linux__
  mapping.address_ = address;
#else
  mapping.copy_.assign(static_cast<const char*>(address), size);
  munmap(address, size);
#endif
  return mapping;
}

SealedMapping::SealedMapping(SealedMapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)),
      size_(other.size_),
      copy_(std::move(other.copy_)) {}

SealedMapping::~SealedMapping() {
  if (address_ != nullptr) munmap(address_, size_);
}

absl::Span<const uint8_t> SealedMapping::bytes() const {
  if (address_ != nullptr) return {static_cast<const uint8_t*>(address_), size_};
  return {reinterpret_cast<const uint8_t*>(copy_.data()), copy_.size()};
}

}  // namespace intelligenced
