// The system's Apertium, where there is one, for tests that compare with it.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_APERTIUM_APERTIUM_PROGRAMS_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_APERTIUM_APERTIUM_PROGRAMS_H_

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace intelligenced {

inline constexpr char kModesFolder[] = "/usr/share/apertium/modes";

inline bool HasMode(const std::string& name) {
  return access((std::string(kModesFolder) + "/" + name + ".mode").c_str(), R_OK) == 0;
}

// What a command prints for `input`, which travels through files; the arguments are the test's own.
inline std::string OutputOfCommand(const std::string& command, const std::string& input) {
  const TemporaryFolder folder;
  std::ofstream(folder / "in", std::ios::binary) << input;
  const std::string line =
      "LC_ALL=C.UTF-8 " + command + " < " + folder / "in" + " > " + folder / "out";
  if (std::system(line.c_str()) != 0) return "the command failed: " + command;
  std::ostringstream output;
  output << std::ifstream(folder / "out", std::ios::binary).rdbuf();
  return output.str();
}

// The processes that this one's main thread has started and that still run.
inline std::vector<pid_t> Children() {
  std::ifstream file("/proc/self/task/" + std::to_string(getpid()) + "/children");
  std::vector<pid_t> children;
  for (pid_t pid = 0; file >> pid;) children.push_back(pid);
  return children;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_APERTIUM_APERTIUM_PROGRAMS_H_
