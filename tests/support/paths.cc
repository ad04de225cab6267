#include "tests/support/paths.h"

namespace intelligenced {

std::string SourcePath(std::string_view path) {
  return std::string(INTELLIGENCED_SOURCE_FOLDER "/").append(path);
}

std::string BuildPath(std::string_view path) {
  return std::string(INTELLIGENCED_BUILD_FOLDER "/").append(path);
}

std::string WorkerDirectory() { return BuildPath("bin"); }

std::string TestdataPath(std::string_view path) {
  return SourcePath("../shared/testdata/").append(path);
}

}  // namespace intelligenced
