#include "runtime/engines/onnx/diffusion/memory_plan.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace intelligenced {
namespace {

constexpr uint64_t kUnknown = uint64_t{1} << 62;

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

MemoryGrowth MemoryGrowth::Fit(double places, double bytes, double more_places, double more_bytes) {
  if (more_places <= places || places <= 0) return {.linear = bytes / std::max(1.0, places)};
  MemoryGrowth growth;
  growth.quadratic = (more_bytes / more_places - bytes / places) / (more_places - places);
  growth.linear = bytes / places - growth.quadratic * places;
  if (growth.quadratic < 0) return {.linear = more_bytes / more_places};
  if (growth.linear < 0) return {.quadratic = more_bytes / (more_places * more_places)};
  return growth;
}

uint64_t MemoryGrowth::Bytes(double places) const {
  const double bytes = linear * places + quadratic * places * places;
  return bytes >= static_cast<double>(kUnknown) ? kUnknown
                                                : static_cast<uint64_t>(std::max(0.0, bytes));
}

uint64_t ParseMeminfo(std::string_view meminfo, std::string_view key) {
  const size_t at = meminfo.find(key);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = meminfo.substr(at + key.size());
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(0, rest.find('\n')));
  rest = rest.substr(0, rest.find(' '));
  uint64_t kilobytes = 0;
  return absl::SimpleAtoi(rest, &kilobytes) ? kilobytes * 1024 : 0;
}

uint64_t ReadMemoryRoom() {
  uint64_t room = kUnknown;
  const uint64_t available = ParseMeminfo(ReadAll("/proc/meminfo"), "MemAvailable:");
  if (available > 0) room = available;
  rlimit limit = {};
  if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const uint64_t taken = ParseMeminfo(ReadAll("/proc/self/status"), "VmData:");
    room = std::min<uint64_t>(room, limit.rlim_cur - std::min<uint64_t>(limit.rlim_cur, taken));
  }
  return room;
}

}  // namespace intelligenced
