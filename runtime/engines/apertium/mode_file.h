// Apertium's mode files: the command lines that translate, taken apart without a shell. Pure and
// thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_MODE_FILE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_MODE_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligenced {

// The programs of a mode, each the input of the next.
struct Mode {
  // Arguments; the first is the program's plain name.
  std::vector<std::vector<std::string>> programs;
  // The place of the first program that writes words of the target language ("lt-proc $1 …"), which
  // marks what is not known or does not. At least 1.
  size_t generator = 0;
};

// Takes apart what a shell would run: words in single or double quotes, backslashes, '|', and
// the parameters $1 and $2, which become `generation` ("-n", "-g") and nothing. The file is the
// package's, but what it says becomes programs that run: whatever else a shell would understand
// (redirections, other variables, several commands) is refused, and so is a program that is not
// Apertium's by its name (IsApertiumProgram). Errors: MODEL_LOAD_FAILED, with what was found.
absl::StatusOr<Mode> ParseMode(std::string_view text, std::string_view generation);

// "lt-proc", "cg-proc", "apertium-…", "lrx-proc", … Never a path.
bool IsApertiumProgram(std::string_view name);

// Adds "-z" to each program that needs it to answer at each NUL instead of at the end of its input.
void AddNullFlush(Mode* mode);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_MODE_FILE_H_
