#ifndef INTELLIGENCED_TESTS_SUPPORT_PATHS_H_
#define INTELLIGENCED_TESTS_SUPPORT_PATHS_H_

#include <string>
#include <string_view>

namespace intelligenced {

// Where tests find things. Only paths.cc is compiled with folders of this machine in it, so that
// checkouts share what the compiler cache has of all other tests.

// `path` in the source tree: "packaging/catalogue".
std::string SourcePath(std::string_view path);

// `path` in the folder of this build: "bin/intelligenced".
std::string BuildPath(std::string_view path);

// Where the programs of this build are, worker-fake and others among them.
std::string WorkerDirectory();

// `path` in the test data beside the checkout: "llm/stories260K.gguf". It may be absent.
std::string TestdataPath(std::string_view path);

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_SUPPORT_PATHS_H_
