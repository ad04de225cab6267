#ifndef INTELLIGENCED_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
#define INTELLIGENCED_TESTS_SUPPORT_TEMPORARY_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace intelligenced {

// A folder of one test, gone with it. Tests run side by side in many processes: a fixed name in the
// temporary folder would be another's too (the lint rule "temporary-folder" keeps it out).
class TemporaryFolder {
 public:
  TemporaryFolder() {
    // Short: the path of a socket has at most 107 bytes.
    std::string pattern = testing::TempDir() + "/test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      ADD_FAILURE() << "no folder can be made in " << testing::TempDir();
    }
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
