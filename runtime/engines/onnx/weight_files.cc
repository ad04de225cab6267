#include "runtime/engines/onnx/weight_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/fd.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

absl::StatusOr<WeightFiles> WeightFiles::Map(const std::set<std::string>& names,
                                             const std::vector<std::string>& paths) {
  if (names.size() != paths.size()) {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("The network keeps weights in ", names.size(), " other files (",
                     absl::StrJoin(names, ", "), "), and the model has ", paths.size(),
                     " of them (their role is the network's with \"-weights\" behind it)."));
  }
  WeightFiles files;
  auto name = names.begin();
  for (const std::string& path : paths) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts = {};
    if (!fd.valid() || fstat(fd.get(), &facts) != 0) return FileError(errno, "cannot open", path);
    const auto size = static_cast<size_t>(facts.st_size);
    if (size == 0) {
      return MakeError(Reason::kModelCorrupt,
                       absl::StrCat("The network's weights ", *name, " are an empty file."));
    }
    void* const address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (address == MAP_FAILED) {
      return MakeError(Reason::kMemoryInsufficient,
                       "There is not enough room for the network's weights.");
    }
    files.names_.push_back(*name++);
    files.bytes_.push_back(static_cast<char*>(address));
    files.sizes_.push_back(size);
  }
  return files;
}

WeightFiles::WeightFiles(WeightFiles&& other) noexcept
    : names_(std::exchange(other.names_, {})),
      bytes_(std::exchange(other.bytes_, {})),
      sizes_(std::exchange(other.sizes_, {})) {}

WeightFiles::~WeightFiles() {
  for (size_t i = 0; i < bytes_.size(); ++i) munmap(bytes_[i], sizes_[i]);
}

}  // namespace intelligenced
