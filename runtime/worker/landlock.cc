#include "runtime/worker/landlock.h"

#ifdef __linux__
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "runtime/base/fd.h"

namespace intelligenced {
namespace {

// The C library has no functions for these, and the headers of the build machine may be older than
// the kernel that runs: what newer versions added is spelled out.
constexpr uint64_t kRefer = uint64_t{1} << 13;           // version 2
constexpr uint64_t kTruncate = uint64_t{1} << 14;        // version 3
constexpr uint64_t kControlDevice = uint64_t{1} << 15;   // version 5
constexpr uint64_t kAllTcp = 3;                          // version 4: bind, connect
constexpr uint64_t kAbstractSockets = uint64_t{1} << 0;  // version 6
constexpr uint64_t kSignals = uint64_t{1} << 1;          // version 6
constexpr uint32_t kAllThreads = uint32_t{1} << 3;       // version 8

struct Ruleset {
  uint64_t files = 0;
  uint64_t network = 0;
  uint64_t scoped = 0;
};

Ruleset AllThatIsKnownTo(int64_t version) {
  Ruleset rules;
  rules.files = (uint64_t{1} << 13) - 1;
  if (version >= 2) rules.files |= kRefer;
  if (version >= 3) rules.files |= kTruncate;
  if (version >= 5) rules.files |= kControlDevice;
  if (version >= 4) rules.network = kAllTcp;
  if (version >= 6) rules.scoped = kAbstractSockets;
  return rules;
}

// Missing paths are no error: no machine has all of them.
void Allow(const UniqueFd& ruleset, const std::string& path, uint64_t access) {
  const UniqueFd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat found;
  if (!place.valid() || fstat(place.get(), &found) != 0) return;
  if (!S_ISDIR(found.st_mode)) access &= ~uint64_t{LANDLOCK_ACCESS_FS_READ_DIR};
  landlock_path_beneath_attr rule = {};
  rule.allowed_access = access;
  rule.parent_fd = place.get();
  syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

}  // namespace

bool ApplyLandlock(const LandlockRules& rules) {
  const int64_t version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  Ruleset all = AllThatIsKnownTo(version);
  if (version >= 6 && !rules.execute.empty()) all.scoped |= kSignals;
  const size_t size = version >= 6   ? sizeof(Ruleset)
                      : version >= 4 ? 2 * sizeof(uint64_t)
                                     : sizeof(uint64_t);
  const UniqueFd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &all, size, 0)));
  if (!ruleset.valid()) return false;
  constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  const uint64_t use = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | (all.files & kControlDevice);
  for (const std::string& path : rules.read) Allow(ruleset, path, kRead);
  for (const std::string& path : rules.devices) Allow(ruleset, path, use);
  for (const std::string& path : rules.execute) {
    Allow(ruleset, path, LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE);
  }
  if (version >= 8 && syscall(SYS_landlock_restrict_self, ruleset.get(), kAllThreads) == 0) {
    return true;
  }
  return syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0;
}

}  // namespace intelligenced
#endif  // __linux__
