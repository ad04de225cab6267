// Programs that run as children of this process, joined by pipes.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PROGRAMS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PROGRAMS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/fd.h"

namespace intelligenced {

// A row of running programs, each one's output the next one's input. Destroying it kills them and
// waits for their ends. Not thread-safe.
class Programs {
 public:
  // Starts them from `folder` with an environment of their own, without this process's descriptors,
  // and without their standard error, on which some of them print people's words. On Linux they die
  // with the thread that calls this. Errors: ENGINE_FAILURE when a program is not there or cannot
  // be started (metadata "program").
  static absl::StatusOr<Programs> Start(absl::Span<const std::vector<std::string>> programs,
                                        const std::string& folder);
  Programs(Programs&& other) noexcept;
  Programs& operator=(Programs&& other) noexcept;
  ~Programs();

  // Neither end blocks. The first program's input, the last one's output.
  UniqueFd& input() { return input_; }
  UniqueFd& output() { return output_; }

 private:
  Programs() = default;
  void Kill();

  std::vector<pid_t> pids_;
  UniqueFd input_;
  UniqueFd output_;
};

// What a program prints until its end, at most `max_bytes` of it. Errors: those of
// Programs::Start(); ENGINE_FAILURE when it prints more or nothing.
absl::StatusOr<std::string> OutputOf(const std::vector<std::string>& program,
                                     const std::string& folder, size_t max_bytes);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PROGRAMS_H_
