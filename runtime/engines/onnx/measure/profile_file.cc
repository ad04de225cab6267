#include "runtime/engines/onnx/measure/profile_file.h"

#ifdef __linux__
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"

namespace {

constexpr uint64_t kMostBytes = uint64_t{256} << 20;

#ifdef __linux__
// No folder of this name can be on a machine: the name is never looked up.
constexpr char kMemoryPrefix[] = "/intelligenced memory file/";

using Open = FILE* (*)(const char*, const char*);

FILE* OpenOrPassOn(const char* path, const char* mode, const char* function) {
  constexpr size_t kLength = sizeof(kMemoryPrefix) - 1;
  if (path != nullptr && std::strncmp(path, kMemoryPrefix, kLength) == 0) {
    const int file = std::atoi(path + kLength);
    const int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? nullptr : fdopen(copy, mode);
  }
  const auto next = reinterpret_cast<Open>(dlsym(RTLD_NEXT, function));
  if (next != nullptr) return next(path, mode);
  errno = ENOSYS;
  return nullptr;
}
#endif

}  // namespace

#ifdef __linux__
// Under names of their own here, since the C library's headers may rename one to the other.
extern "C" __attribute__((visibility("default"))) FILE* IntelligencedFopen(
    const char* path, const char* mode) __asm__("fopen");
extern "C" __attribute__((visibility("default"))) FILE* IntelligencedFopen64(
    const char* path, const char* mode) __asm__("fopen64");

extern "C" FILE* IntelligencedFopen(const char* path, const char* mode) {
  return OpenOrPassOn(path, mode, "fopen");
}
extern "C" FILE* IntelligencedFopen64(const char* path, const char* mode) {
  return OpenOrPassOn(path, mode, "fopen64");
}
#endif

namespace intelligenced {

ProfileFile::ProfileFile(UniqueFd file) : file_(std::move(file)) {
#ifdef __linux__
  prefix_ = absl::StrCat(kMemoryPrefix, file_.get(), "/profile");
#else
  std::error_code error;
  prefix_ = absl::StrCat(std::filesystem::temp_directory_path(error).string(),
                         "/intelligenced-profile-", getpid());
#endif
}

ProfileFile::~ProfileFile() {
  std::error_code error;
  if (!written_.empty()) std::filesystem::remove(written_, error);
}

absl::StatusOr<std::unique_ptr<ProfileFile>> ProfileFile::Make() {
#ifdef __linux__
  UniqueFd file(memfd_create("profile", MFD_CLOEXEC));
  if (!file.valid()) {
    return MakeError(Reason::kMemoryInsufficient, "There is no memory for a profile.");
  }
  return std::unique_ptr<ProfileFile>(new ProfileFile(std::move(file)));
#else
  return std::unique_ptr<ProfileFile>(new ProfileFile(UniqueFd()));
#endif
}

absl::StatusOr<std::string> ProfileFile::Read(const std::string& name) {
#ifdef __linux__
  static_cast<void>(name);
  struct stat facts = {};
  if (fstat(file_.get(), &facts) != 0 || facts.st_size <= 0 ||
      static_cast<uint64_t>(facts.st_size) > kMostBytes) {
    return MakeError(Reason::kEngineFailure, "ONNX Runtime's profiler has written nothing.");
  }
  std::string content(static_cast<size_t>(facts.st_size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t count =
        pread(file_.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<size_t>(count);
  }
  content.resize(done);
  return content;
#else
  written_ = name;
  return ReadFile(name, kMostBytes);
#endif
}

}  // namespace intelligenced
