#include "daemon/attachment_intake.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#else
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "runtime/base/memory_file.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

absl::Status Refused(std::string_view message) { return MakeError(Reason::kFieldInvalid, message); }

std::string_view KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "A folder";
  if (S_ISSOCK(mode)) return "A socket";
  if (S_ISFIFO(mode)) return "A pipe";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "A device";
  return "This kind of descriptor";
}

// False where a read may wait for another program or machine, or is made up by the kernel.
bool IsPlainFileSystem(int fd) {
  struct statfs system;
  if (fstatfs(fd, &system) != 0) return false;
#ifdef __linux__
  // Not all of them have a name in the headers: FUSE, SMB twice, Ceph, AFS twice, GFS2, Lustre.
  constexpr uint32_t kForeign[] = {
      0x65735546,      0xff534d42,       0xfe534d42,      0x00c36400,       AFS_FS_MAGIC,
      AFS_SUPER_MAGIC, 0x01161970,       0x0bd00bd0,      NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,
      V9FS_MAGIC,      CODA_SUPER_MAGIC, NCP_SUPER_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC,
      DEBUGFS_MAGIC,   TRACEFS_MAGIC,    HUGETLBFS_MAGIC, BPF_FS_MAGIC,     SECURITYFS_MAGIC};
  const auto type = static_cast<uint32_t>(system.f_type);
  return std::find(std::begin(kForeign), std::end(kForeign), type) == std::end(kForeign);
#else
  return (system.f_flags & MNT_LOCAL) != 0;
#endif
}

}  // namespace

absl::StatusOr<OfferedFile> InspectDescriptor(int fd) {
  struct stat file;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &file) != 0) return Refused("The descriptor cannot be looked at.");
  if (!S_ISREG(file.st_mode)) {
    return Refused(absl::StrCat(KindOf(file.st_mode),
                                " cannot be attached: sealed memory and regular files can."));
  }
#ifdef O_PATH
  if ((flags & O_PATH) != 0) return Refused("The descriptor is not open for reading.");
#endif
  if ((flags & O_ACCMODE) == O_WRONLY) return Refused("The descriptor is not open for reading.");
  if (!IsPlainFileSystem(fd)) {
    return Refused(
        "The file is in a file system that is not this machine's own; hand over a copy in sealed "
        "memory.");
  }
  if (file.st_size <= 0) return Refused("There is nothing in the file.");
  const OfferedFile offered = {.size = static_cast<uint64_t>(file.st_size),
                               .sealed = IsSealedMemory(fd)};
  const uint64_t limit = offered.sealed ? kMaxAttachmentBytes : kMaxCopiedAttachmentBytes;
  if (offered.size > limit) {
    ErrorFacts facts;
    facts.metadata = {{"size_bytes", absl::StrCat(offered.size)},
                      {"limit_bytes", absl::StrCat(limit)}};
    return MakeError(Reason::kInputTooLarge,
                     absl::StrCat(offered.sealed ? "The memory" : "The file", " has ", offered.size,
                                  " bytes; the most is ", limit, "."),
                     std::move(facts));
  }
  return offered;
}

absl::StatusOr<std::shared_ptr<const Attachment>> CopyFile(int fd, uint64_t size) {
  bool readable = true;
  absl::StatusOr<UniqueFd> copy = MakeSealedFile(size, [&](absl::Span<uint8_t> memory) {
    size_t done = 0;
    while (done < memory.size()) {
      const ssize_t got =
          pread(fd, memory.data() + done, memory.size() - done, static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    readable = done == memory.size();
    return readable;
  });
  if (!readable) return Refused("The file cannot be read, or became shorter while it was read.");
  if (!copy.ok()) return copy.status();
  return Attachment::Take(*std::move(copy));
}

}  // namespace intelligenced
