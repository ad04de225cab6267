#include "runtime/worker/output_lines.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/worker/wire_check.h"

namespace intelligenced {
namespace {
constexpr size_t kMaxLine = 2048;
constexpr int kWindowLines = 200;
constexpr absl::Duration kWindow = absl::Seconds(10);

bool IsNoise(std::string_view line) { return absl::StartsWith(line, "Schema error"); }
}  // namespace

void OutputLines::Append(std::string_view data, absl::Time now,
                         absl::FunctionRef<void(std::string)> emit) {
  for (const char c : data) {
    if (c == '\n') {
      EmitLine(now, emit);
    } else if (line_.size() < kMaxLine) {
      line_.push_back(c);
    } else {
      overlong_ = true;
    }
  }
}

void OutputLines::Finish(absl::Time now, absl::FunctionRef<void(std::string)> emit) {
  EmitLine(now, emit);
  if (dropped_ > 0) emit(absl::StrCat("(", std::exchange(dropped_, 0), " lines dropped)"));
}

void OutputLines::EmitLine(absl::Time now, absl::FunctionRef<void(std::string)> emit) {
  std::string line = ToUtf8(std::exchange(line_, {}));
  if (std::exchange(overlong_, false)) line += " …";
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.empty() || IsNoise(line)) return;
  if (now - window_start_ >= kWindow) {
    window_start_ = now;
    window_lines_ = 0;
    if (dropped_ > 0) emit(absl::StrCat("(", std::exchange(dropped_, 0), " lines dropped)"));
  }
  if (window_lines_ >= kWindowLines) {
    ++dropped_;
    return;
  }
  ++window_lines_;
  emit(std::move(line));
}

}  // namespace intelligenced
