#include "services/writing_tools/summary_shape.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/sentences.h"
#include "services/writing_tools/prompts.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

bool HasLines(v1::SummaryType type) {
  return type == v1::SUMMARY_TYPE_KEY_POINTS || type == v1::SUMMARY_TYPE_LIST;
}

// "1) point", "• point", "- point", "**point**" without what stands around the words.
std::string_view StripMarkers(std::string_view line) {
  line = absl::StripAsciiWhitespace(line);
  line.remove_prefix(LineMarkerLength(line, 0));
  for (const std::string_view bullet : {"• ", "– ", "— ", "* "}) {
    if (line.starts_with(bullet)) line.remove_prefix(bullet.size());
  }
  line = absl::StripAsciiWhitespace(line);
  if (line.size() > 4 && line.starts_with("**") && line.ends_with("**")) {
    line = line.substr(2, line.size() - 4);
  }
  return line;
}

std::string_view FirstWords(std::string_view line, int count) {
  size_t at = 0;
  while (at < line.size()) {
    const size_t end = std::min(line.find(' ', at), line.size());
    if (end > at && count-- == 0) return absl::StripTrailingAsciiWhitespace(line.substr(0, at));
    at = end == line.size() ? end : end + 1;
  }
  return line;
}

}  // namespace

SummaryShape::SummaryShape(v1::SummaryType type, v1::SummaryLength length, v1::TextFormat format)
    : type_(type),
      markdown_(format == v1::TEXT_FORMAT_MARKDOWN),
      max_lines_(type == v1::SUMMARY_TYPE_KEY_POINTS ? MaxKeyPoints(length)
                 : type == v1::SUMMARY_TYPE_HEADLINE ? 1
                                                     : 0),
      max_words_(type == v1::SUMMARY_TYPE_HEADLINE ? MaxHeadlineWords(length) : 0) {}

std::string SummaryShape::TakeLine(std::string_view line) {
  std::string_view words = StripMarkers(line);
  if (words.empty() || (max_lines_ > 0 && lines_ >= max_lines_)) return std::string();
  if (max_words_ > 0) words = FirstWords(words, max_words_);
  const std::string_view between = lines_++ > 0 ? "\n" : "";
  return absl::StrCat(between, HasLines(type_) && markdown_ ? "- " : "", words);
}

std::string SummaryShape::Push(std::string_view text) {
  if (!HasLines(type_) && type_ != v1::SUMMARY_TYPE_HEADLINE) return std::string(text);
  held_.append(text);
  std::string ready;
  for (size_t end = held_.find('\n'); end != std::string::npos; end = held_.find('\n')) {
    ready += TakeLine(std::string_view(held_).substr(0, end));
    held_.erase(0, end + 1);
  }
  return ready;
}

std::string SummaryShape::Finish() {
  const std::string last = std::move(held_);
  held_.clear();
  return TakeLine(last);
}

}  // namespace intelligenced
