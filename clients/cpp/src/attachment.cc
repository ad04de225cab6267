#include <fcntl.h>
#include <intelligence/attachment.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/fd.h"
#include "runtime/base/file.h"
#include "runtime/base/memory_file.h"
#include "runtime/base/reasons.h"

namespace intelligence {

class Attachment::Descriptor {
 public:
  explicit Descriptor(intelligenced::UniqueFd fd) : fd_(std::move(fd)) {}
  int get() const { return fd_.get(); }

 private:
  const intelligenced::UniqueFd fd_;
};

Attachment::Attachment(std::shared_ptr<const Descriptor> descriptor)
    : descriptor_(std::move(descriptor)) {}

int Attachment::descriptor() const { return descriptor_->get(); }

absl::StatusOr<Attachment> Attachment::FromFile(const std::string& path) {
  // Not waiting for the other end of a pipe.
  intelligenced::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat file;
  if (!fd.valid() || fstat(fd.get(), &file) != 0) {
    return intelligenced::FileError(errno, "cannot open", path);
  }
  if (!S_ISREG(file.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no regular file"));
  }
  return Attachment(std::make_shared<const Descriptor>(std::move(fd)));
}

absl::StatusOr<Attachment> Attachment::FromDescriptor(int fd) {
  intelligenced::UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return absl::InvalidArgumentError("The descriptor is not open.");
  return Attachment(std::make_shared<const Descriptor>(std::move(copy)));
}

absl::StatusOr<SharedMemory> SharedMemory::Make(size_t size) {
  absl::StatusOr<intelligenced::UniqueFd> fd = intelligenced::MakeMemoryFile(size);
  if (!fd.ok()) return fd.status();
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
  if (data == MAP_FAILED) {
    return intelligenced::MakeError(intelligenced::Reason::kMemoryInsufficient,
                                    absl::StrCat("There is no memory for ", size, " bytes."));
  }
  SharedMemory memory;
  memory.fd_ = fd->release();
  memory.data_ = static_cast<uint8_t*>(data);
  memory.size_ = size;
  return memory;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept { *this = std::move(other); }

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  if (this == &other) return *this;
  Unmap();
  if (fd_ >= 0) close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SharedMemory::~SharedMemory() {
  Unmap();
  if (fd_ >= 0) close(fd_);
}

void SharedMemory::Unmap() {
  if (data_ != nullptr) munmap(std::exchange(data_, nullptr), size_);
}

absl::StatusOr<Attachment> SharedMemory::Seal() && {
  if (fd_ < 0) return absl::FailedPreconditionError("The memory was handed over already.");
  // A writable mapping would keep the seal off.
  Unmap();
  intelligenced::UniqueFd fd(std::exchange(fd_, -1));
  if (absl::Status status = intelligenced::SealMemoryFile(fd); !status.ok()) return status;
  return Attachment(std::make_shared<const Attachment::Descriptor>(std::move(fd)));
}

}  // namespace intelligence
