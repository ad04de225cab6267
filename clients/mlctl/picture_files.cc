#include "clients/mlctl/picture_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/fd.h"
#include "runtime/base/file.h"

namespace intelligenced::mlctl {
namespace {

constexpr size_t kMaxNameBytes = 48;
constexpr int kMaxTries = 10'000;

}  // namespace

std::string NameFromWords(std::string_view words) {
  std::string name;
  for (const char c : words) {
    if (name.size() >= kMaxNameBytes) break;
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      name.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    } else if (!name.empty() && name.back() != '-') {
      name.push_back('-');
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "picture" : name;
}

std::vector<std::string> PictureNames(const std::string& stem, const std::string& extension,
                                      size_t count) {
  if (count == 1) return {stem + extension};
  std::vector<std::string> names;
  for (size_t i = 1; i <= count; ++i) names.push_back(absl::StrCat(stem, "-", i, extension));
  names.push_back(stem + "-grid.png");
  return names;
}

absl::StatusOr<std::vector<std::string>> ReserveNames(const std::string& stem,
                                                      const std::string& extension, size_t count) {
  for (int attempt = 1; attempt <= kMaxTries; ++attempt) {
    const std::vector<std::string> names =
        PictureNames(attempt == 1 ? stem : absl::StrCat(stem, "-", attempt), extension, count);
    std::vector<std::string> made;
    int error = 0;
    for (const std::string& name : names) {
      const UniqueFd fd(open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
      if (!fd.valid()) {
        error = errno;
        break;
      }
      made.push_back(name);
    }
    if (error == 0) return names;
    ReleaseNames(made);
    if (error != EEXIST) return FileError(error, "cannot write", names[made.size()]);
  }
  return absl::AlreadyExistsError(
      absl::StrCat("There are too many files named ", stem, "; name another with --output."));
}

void ReleaseNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    struct stat status = {};
    if (stat(name.c_str(), &status) == 0 && status.st_size == 0) unlink(name.c_str());
  }
}

}  // namespace intelligenced::mlctl
