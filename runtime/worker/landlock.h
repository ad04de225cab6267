// Landlock: what a process may open, decided by path (Linux 5.13 and later).
#ifndef INTELLIGENCED_RUNTIME_WORKER_LANDLOCK_H_
#define INTELLIGENCED_RUNTIME_WORKER_LANDLOCK_H_

#include <string>
#include <vector>

namespace intelligenced {

struct LandlockRules {
  // Files, and folders with all that is in them, that may be read. Those that do not exist are
  // passed over.
  std::vector<std::string> read;
  // Devices, and folders of them, that may be read, written and controlled.
  std::vector<std::string> devices;
  // Programs that may be run. Where there are any, signals reach only processes that are confined
  // as this one (Linux 6.12 and later).
  std::vector<std::string> execute = {};
};

// Confines the calling thread and those it starts: what the rules do not name cannot be opened, and
// nothing can be made, renamed, removed or, but for the programs named, executed; no TCP either,
// where the kernel's version of Landlock knows it. Rules add up: each call can only take away.
// Needs no_new_privs. False when the kernel has no Landlock.
bool ApplyLandlock(const LandlockRules& rules);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_LANDLOCK_H_
