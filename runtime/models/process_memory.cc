#include "runtime/models/process_memory.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/file.h"

#ifdef __APPLE__
#include <libproc.h>
#include <mach/mach.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#endif

namespace intelligenced {

uint64_t ParseKilobyteField(std::string_view text, std::string_view key) {
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, key) || !absl::ConsumePrefix(&line, ":")) continue;
    line = absl::StripSuffix(absl::StripAsciiWhitespace(line), " kB");
    uint64_t kilobytes = 0;
    return absl::SimpleAtoi(line, &kilobytes) ? kilobytes * 1024 : 0;
  }
  return 0;
}

MachineMemory ParseMeminfo(std::string_view meminfo) {
  MachineMemory memory;
  memory.total_bytes = ParseKilobyteField(meminfo, "MemTotal");
  memory.available_bytes = ParseKilobyteField(meminfo, "MemAvailable");
  return memory;
}

#ifdef __APPLE__

std::optional<ProcessUsage> ReadProcessUsage(pid_t pid) {
  rusage_info_v4 info;
  if (proc_pid_rusage(pid, RUSAGE_INFO_V4, reinterpret_cast<rusage_info_t*>(&info)) != 0) {
    return std::nullopt;
  }
  return ProcessUsage{info.ri_phys_footprint, info.ri_lifetime_max_phys_footprint};
}

MachineMemory ProbeMachineMemory() {
  MachineMemory memory;
  size_t size = sizeof(memory.total_bytes);
  sysctlbyname("hw.memsize", &memory.total_bytes, &size, nullptr, 0);
  vm_statistics64_data_t statistics;
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  const mach_port_t host = mach_host_self();
  if (host_statistics64(host, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&statistics),
                        &count) == KERN_SUCCESS) {
    memory.available_bytes =
        (uint64_t{statistics.free_count} + statistics.inactive_count + statistics.purgeable_count) *
        vm_kernel_page_size;
  }
  mach_port_deallocate(mach_task_self(), host);
  return memory;
}

#else

namespace {

constexpr uint64_t kMaxProcBytes = uint64_t{1} << 20;

std::string ReadOrEmpty(const std::string& path) {
  auto text = ReadFile(path, kMaxProcBytes);
  return text.ok() ? *std::move(text) : "";
}

std::optional<uint64_t> ReadCount(const std::string& path) {
  uint64_t value = 0;
  // "max" is no number: no limit.
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(ReadOrEmpty(path)), &value)) return std::nullopt;
  return value;
}

// A container or unit may have less than the machine: every control group from ours to the root can
// set a limit.
void ApplyControlGroups(MachineMemory& memory) {
  std::string path;
  for (std::string_view line : absl::StrSplit(ReadOrEmpty("/proc/self/cgroup"), '\n')) {
    if (absl::ConsumePrefix(&line, "0::")) path = std::string(line);
  }
  if (path.empty() || absl::StrContains(path, "..")) return;
  while (true) {
    const std::string group = absl::StrCat("/sys/fs/cgroup", path == "/" ? "" : path);
    const std::optional<uint64_t> limit = ReadCount(group + "/memory.max");
    const std::optional<uint64_t> current = ReadCount(group + "/memory.current");
    if (limit.has_value() && current.has_value()) {
      // Cached file pages count as taken but go when memory is wanted.
      uint64_t cached = 0;
      for (std::string_view line : absl::StrSplit(ReadOrEmpty(group + "/memory.stat"), '\n')) {
        if (absl::ConsumePrefix(&line, "inactive_file ")) {
          static_cast<void>(absl::SimpleAtoi(line, &cached));
        }
      }
      const uint64_t taken = *current - std::min(*current, cached);
      memory.total_bytes = std::min(memory.total_bytes, *limit);
      memory.available_bytes = std::min(memory.available_bytes, *limit - std::min(*limit, taken));
    }
    if (path.empty() || path == "/") return;
    path.resize(path.rfind('/'));
  }
}

}  // namespace

namespace {

// Of a worker whose work is done by programs (Apertium's), which its main thread starts.
uint64_t ReadChildren(const std::string& folder, pid_t pid) {
  uint64_t bytes = 0;
  const std::string children = ReadOrEmpty(absl::StrCat(folder, "/task/", pid, "/children"));
  for (std::string_view child : absl::StrSplit(children, ' ', absl::SkipWhitespace())) {
    bytes += ParseKilobyteField(ReadOrEmpty(absl::StrCat("/proc/", child, "/smaps_rollup")), "Pss");
  }
  return bytes;
}

}  // namespace

std::optional<ProcessUsage> ReadProcessUsage(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const std::string folder = absl::StrCat("/proc/", pid);
  const std::string status = ReadOrEmpty(folder + "/status");
  ProcessUsage usage;
  usage.peak_bytes = ParseKilobyteField(status, "VmHWM");
  usage.resident_bytes = ParseKilobyteField(ReadOrEmpty(folder + "/smaps_rollup"), "Pss");
  if (usage.resident_bytes == 0) usage.resident_bytes = ParseKilobyteField(status, "VmRSS");
  if (usage.resident_bytes == 0) return std::nullopt;
  usage.resident_bytes += ReadChildren(folder, pid);
  usage.peak_bytes = std::max(usage.peak_bytes, usage.resident_bytes);
  return usage;
}

MachineMemory ProbeMachineMemory() {
  MachineMemory memory = ParseMeminfo(ReadOrEmpty("/proc/meminfo"));
  ApplyControlGroups(memory);
  return memory;
}

#endif

}  // namespace intelligenced
