// What a process takes and what the machine has left, as the system says. Thread-safe.
#ifndef INTELLIGENCED_RUNTIME_MODELS_PROCESS_MEMORY_H_
#define INTELLIGENCED_RUNTIME_MODELS_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/models/model_manager.h"

namespace intelligenced {

// Linux: the proportional share (smaps_rollup), else the resident set; macOS: the physical
// footprint. With that of its children (Linux). Nothing when there is no such process or it may not
// be looked at.
std::optional<ProcessUsage> ReadProcessUsage(pid_t pid);

// For tests: the parts that read text. A missing field is 0.
MachineMemory ParseMeminfo(std::string_view meminfo);
// The value in bytes of a line "Key:   123 kB".
uint64_t ParseKilobyteField(std::string_view text, std::string_view key);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_PROCESS_MEMORY_H_
