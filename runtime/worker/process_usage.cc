#include "runtime/worker/process_usage.h"

#ifdef __APPLE__
#include <mach/mach.h>
#endif
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/fd.h"

namespace intelligenced {

uint64_t KilobyteField(std::string_view text, std::string_view name) {
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, name) || !absl::ConsumePrefix(&line, ":")) continue;
    absl::ConsumeSuffix(&line, "kB");
    uint64_t kilobytes = 0;
    return absl::SimpleAtoi(absl::StripAsciiWhitespace(line), &kilobytes) ? kilobytes * 1024 : 0;
  }
  return 0;
}

#ifdef __APPLE__
intelligence::engine::v1::ResourceUsage MeasureProcess() {
  intelligence::engine::v1::ResourceUsage usage;
  task_vm_info_data_t info = {};
  mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
  if (task_info(mach_task_self(), TASK_VM_INFO, reinterpret_cast<task_info_t>(&info), &count) ==
      KERN_SUCCESS) {
    usage.set_resident_bytes(info.phys_footprint);
    usage.set_peak_bytes(std::max<uint64_t>(info.phys_footprint, info.resident_size_peak));
  }
  return usage;
}
#else
namespace {

std::string ReadSmallFile(const char* path) {
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
  std::string text(16 << 10, '\0');
  size_t length = 0;
  while (file.valid() && length < text.size()) {
    const ssize_t got = read(file.get(), text.data() + length, text.size() - length);
    if (got <= 0) break;
    length += static_cast<size_t>(got);
  }
  text.resize(length);
  return text;
}

}  // namespace

intelligence::engine::v1::ResourceUsage MeasureProcess() {
  intelligence::engine::v1::ResourceUsage usage;
  const std::string status = ReadSmallFile("/proc/self/status");
  uint64_t resident = KilobyteField(ReadSmallFile("/proc/self/smaps_rollup"), "Pss");
  if (resident == 0) resident = KilobyteField(status, "VmRSS");
  usage.set_resident_bytes(resident);
  usage.set_peak_bytes(std::max(resident, KilobyteField(status, "VmHWM")));
  return usage;
}
#endif

}  // namespace intelligenced
