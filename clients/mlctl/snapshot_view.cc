#include "clients/mlctl/snapshot_view.h"

#include <algorithm>
#include <ostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/mlctl/json.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mlctl {
namespace {

// Writing JSON takes stack for every level.
constexpr int kMaxDepth = 200;
constexpr size_t kMaxLines = 12;

int DepthOf(std::string_view json) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

std::string PrettyJson(std::string_view json) {
  if (DepthOf(json) > kMaxDepth) return std::string(json);
  const Json value = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::string(json);
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

void SnapshotView::Show(std::string_view json) {
  if (!session_->shows_progress()) return;
  Clear();
  Host& host = session_->host();
  const std::string text = TerminalSafe(PrettyJson(json));
  std::vector<std::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.size() > kMaxLines) {
    lines.erase(lines.begin(), lines.end() - kMaxLines);
    lines[0] = "…";
  }
  std::string block;
  for (std::string_view line : lines) {
    if (host.columns > 1) line = TruncateUtf8(line, host.columns - 1);
    absl::StrAppend(&block, block.empty() ? "" : "\n", line);
  }
  *host.err << session_->err_palette().Paint(Style::kDim, block) << std::flush;
  lines_ = static_cast<int>(lines.size());
}

void SnapshotView::Clear() {
  if (lines_ == 0) return;
  std::ostream& err = *session_->host().err;
  err << "\r";
  if (lines_ > 1) err << "\033[" << lines_ - 1 << "A";
  err << "\033[J" << std::flush;
  lines_ = 0;
}

}  // namespace intelligenced::mlctl
