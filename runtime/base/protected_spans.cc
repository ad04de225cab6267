#include "runtime/base/protected_spans.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kLongestTag = 4096;

const std::unordered_set<std::string_view>& FileExtensions() {
  static const auto* const set = new std::unordered_set<std::string_view>{
      "txt",  "md",    "cc",   "cpp",  "hpp",  "py",   "js",   "mjs",  "ts",    "tsx",  "jsx",
      "json", "yml",   "yaml", "xml",  "toml", "html", "htm",  "css",  "scss",  "png",  "jpg",
      "jpeg", "gif",   "svg",  "webp", "pdf",  "exe",  "dll",  "zip",  "gz",    "xz",   "zst",
      "tar",  "bz2",   "sh",   "bat",  "rs",   "go",   "java", "kt",   "swift", "rb",   "php",
      "csv",  "tsv",   "log",  "conf", "cfg",  "ini",  "doc",  "docx", "xls",   "xlsx", "ppt",
      "pptx", "odt",   "mp3",  "mp4",  "wav",  "mov",  "iso",  "deb",  "rpm",   "jar",  "lua",
      "sql",  "proto", "lock", "env",  "bin",  "gguf", "c",    "h",    "o",     "so",   "a"};
  return *set;
}

const std::unordered_set<std::string_view>& TopDomains() {
  static const auto* const set = new std::unordered_set<std::string_view>{
      "com", "org", "net", "io", "dev", "edu", "gov", "app", "info", "eu", "uk", "de", "fr"};
  return *set;
}

bool IsWordByte(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }
bool IsMailByte(char c) { return IsWordByte(c) || c == '.' || c == '%' || c == '+'; }

// Without the punctuation that a sentence puts around an address.
ByteSpan StripPunctuation(std::string_view text, ByteSpan span) {
  constexpr std::string_view kOpeners = "([{<\"'*_|";
  constexpr std::string_view kClosers = ".,;:!?'\"*_]}>|";
  while (!span.empty() && kOpeners.find(text[span.start]) != kNone) ++span.start;
  while (!span.empty()) {
    const char last = text[span.end - 1];
    if (kClosers.find(last) != kNone || (last == ')' && span.In(text).find('(') == kNone)) {
      --span.end;
    } else {
      break;
    }
  }
  return span;
}

class Finder {
 public:
  Finder(std::string_view text, const ProtectedSpanOptions& options)
      : text_(text), options_(options) {}

  std::vector<ByteSpan> Find() {
    for (size_t start = 0; start < text_.size();) {
      const size_t end = ParagraphEnd(text_, start);
      const ByteSpan trimmed = TrimSpan(text_, {start, end});
      const std::string_view content = trimmed.In(text_);
      const bool fence = absl::StartsWith(content, "```") || absl::StartsWith(content, "~~~");
      if (fence && IsFenceLine(content)) {
        spans_.push_back(trimmed);
      } else {
        FindMarkup(trimmed);
        FindAddresses(trimmed);
        if (options_.quotations) FindQuotations(trimmed);
      }
      start = end;
    }
    return MergeSpans(std::move(spans_));
  }

 private:
  // "``` a ```" is a code span, not a fence.
  static bool IsFenceLine(std::string_view content) {
    if (content[0] == '~') return true;
    const size_t after = content.find_first_not_of('`');
    if (after == kNone) return true;
    return content.substr(after, content.find('\n', after) - after).find('`') == kNone;
  }

  struct Run {
    size_t start;
    size_t length;
    size_t closer;  // index of the next run of this length
  };

  std::vector<Run> BacktickRuns(ByteSpan part) const {
    std::vector<Run> runs;
    for (size_t i = text_.find('`', part.start); i < part.end; i = text_.find('`', i)) {
      size_t end = i;
      while (end < part.end && text_[end] == '`') ++end;
      runs.push_back({i, end - i, kNone});
      i = end;
    }
    std::unordered_map<size_t, size_t> next;
    for (size_t r = runs.size(); r-- > 0;) {
      const auto [known, fresh] = next.try_emplace(runs[r].length, r);
      if (!fresh) {
        runs[r].closer = known->second;
        known->second = r;
      }
    }
    return runs;
  }

  // Code spans, tags, comments and link targets, whichever comes first.
  void FindMarkup(ByteSpan part) {
    const std::vector<Run> runs = BacktickRuns(part);
    size_t run = 0;
    for (size_t i = part.start; i < part.end;) {
      const char c = text_[i];
      if (c == '`') {
        while (run < runs.size() && runs[run].start < i) ++run;
        const bool escaped = i > part.start && text_[i - 1] == '\\';
        if (run < runs.size() && runs[run].start == i) {
          if (!escaped && runs[run].closer != kNone) {
            const Run& closer = runs[runs[run].closer];
            spans_.push_back({i, closer.start + closer.length});
            i = closer.start + closer.length;
          } else {
            i += runs[run].length;
          }
          continue;
        }
      } else if (c == '<') {
        if (const size_t end = TagEnd(i, part.end); end != kNone) {
          spans_.push_back({i, end});
          i = end;
          continue;
        }
      } else if (c == ']' && i + 1 < part.end && text_[i + 1] == '(') {
        const size_t end = text_.find_first_of(") \t\n([", i + 2);
        if (end < part.end && text_[end] == ')' && end > i + 2) {
          spans_.push_back({i + 2, end});
          i = end;
          continue;
        }
      }
      ++i;
    }
  }

  size_t TagEnd(size_t start, size_t limit) {
    if (text_.substr(start, 4) == "<!--") {
      // Once no comment ends any more, none needs to be looked for again.
      if (no_comment_end_) return kNone;
      const size_t end = text_.find("-->", start + 4);
      if (end == kNone) no_comment_end_ = true;
      return end != kNone && end + 3 <= limit ? end + 3 : kNone;
    }
    size_t i = start + 1;
    if (i < limit && text_[i] == '/') ++i;
    if (i >= limit || !absl::ascii_isalpha(text_[i])) return kNone;
    limit = std::min(limit, start + kLongestTag);
    for (; i < limit; ++i) {
      if (text_[i] == '>') return i + 1;
      if (text_[i] == '<' || text_[i] == '`') return kNone;
    }
    return kNone;
  }

  void FindAddresses(ByteSpan part) {
    for (size_t i = part.start; i < part.end;) {
      while (i < part.end && absl::ascii_isspace(text_[i])) ++i;
      size_t end = i;
      while (end < part.end && !absl::ascii_isspace(text_[end])) ++end;
      if (end > i) ClassifyToken({i, end});
      i = end;
    }
  }

  void ClassifyToken(ByteSpan token) {
    const ByteSpan core = StripPunctuation(text_, token);
    if (core.size() < 3) return;
    const std::string_view word = core.In(text_);
    if (const size_t scheme = word.find("://"); scheme != kNone) {
      FindUrls(core);
    } else if (word.find('@') != kNone) {
      FindMail(core);
    } else if (absl::StartsWithIgnoreCase(word, "www.") || IsDomain(word) || IsPath(word)) {
      spans_.push_back(core);
    }
  }

  void FindUrls(ByteSpan core) {
    size_t i = core.start;
    while (i < core.end) {
      const size_t colon = text_.find("://", i);
      if (colon == kNone || colon >= core.end) return;
      size_t start = colon;
      while (start > i && absl::ascii_isalnum(text_[start - 1])) --start;
      size_t end = text_.find_first_of("<>\"`|", colon + 3);
      end = std::min(end, core.end);
      if (start < colon) spans_.push_back(StripPunctuation(text_, {start, end}));
      i = std::max(end, colon + 3);
    }
  }

  void FindMail(ByteSpan core) {
    for (size_t at = text_.find('@', core.start); at < core.end; at = text_.find('@', at + 1)) {
      size_t start = at;
      while (start > core.start && IsMailByte(text_[start - 1])) --start;
      size_t end = at + 1;
      while (end < core.end && (IsWordByte(text_[end]) || text_[end] == '.')) ++end;
      while (end > at + 1 && text_[end - 1] == '.') --end;
      const std::string_view domain = text_.substr(at + 1, end - at - 1);
      const size_t dot = domain.find('.');
      if (start < at && dot != kNone && dot > 0) spans_.push_back({start, end});
    }
  }

  static bool IsDomain(std::string_view word) {
    const std::string_view host = word.substr(0, word.find('/'));
    const size_t dot = host.rfind('.');
    if (dot == kNone || dot == 0 || !TopDomains().contains(host.substr(dot + 1))) return false;
    return std::all_of(host.begin(), host.end(), [](char c) { return IsWordByte(c) || c == '.'; });
  }

  static bool IsPath(std::string_view word) {
    const auto word_at = [&](size_t i) { return i < word.size() && IsWordByte(word[i]); };
    if (word[0] == '/' && word_at(1)) return true;
    if (absl::StartsWith(word, "./") || absl::StartsWith(word, "../") ||
        absl::StartsWith(word, "~/")) {
      return true;
    }
    if (absl::ascii_isalpha(word[0]) && word[1] == ':' && word[2] == '\\') return true;
    if (!std::all_of(word.begin(), word.end(), [](char c) {
          return IsWordByte(c) || c == '.' || c == '/' || c == '\\' || c == '~' || c == '+';
        })) {
      return false;
    }
    const size_t dot = word.rfind('.');
    const bool has_extension = dot != kNone && dot > 0 && IsWordByte(word[dot - 1]) &&
                               FileExtensions().contains(word.substr(dot + 1));
    if (has_extension) return true;
    const auto slashes =
        std::count_if(word.begin(), word.end(), [](char c) { return c == '/' || c == '\\'; });
    return slashes >= 2;
  }

  // One pass with what is open, so that marks without a partner cost nothing.
  void FindQuotations(ByteSpan part) {
    size_t straight = kNone, curly = kNone, angle = kNone;
    for (size_t i = part.start; i < part.end;) {
      const size_t start = i;
      const char32_t c = DecodeChar(text_, i);
      if (c == '"') {
        const char32_t before = start == part.start ? ' ' : CharBefore(text_, start);
        if (straight != kNone) {
          spans_.push_back({straight, i});
          straight = kNone;
        } else if (!IsLetter(before) && !IsDigit(before)) {
          straight = start;
        }
      } else if (c == 0x201E || (c == 0x201C && curly == kNone)) {
        curly = start;
      } else if ((c == 0x201D || c == 0x201C) && curly != kNone) {
        spans_.push_back({curly, i});
        curly = kNone;
      } else if (c == 0xAB) {
        angle = start;
      } else if (c == 0xBB && angle != kNone) {
        spans_.push_back({angle, i});
        angle = kNone;
      }
    }
  }

  const std::string_view text_;
  const ProtectedSpanOptions options_;
  bool no_comment_end_ = false;
  std::vector<ByteSpan> spans_;
};

}  // namespace

std::vector<ByteSpan> FindProtectedSpans(std::string_view text,
                                         const ProtectedSpanOptions& options) {
  return Finder(text, options).Find();
}

std::vector<ByteSpan> MergeSpans(std::vector<ByteSpan> spans) {
  std::erase_if(spans, [](const ByteSpan& span) { return span.end <= span.start; });
  std::sort(spans.begin(), spans.end(),
            [](const ByteSpan& a, const ByteSpan& b) { return a.start < b.start; });
  std::vector<ByteSpan> merged;
  for (const ByteSpan& span : spans) {
    if (!merged.empty() && span.start <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, span.end);
    } else {
      merged.push_back(span);
    }
  }
  return merged;
}

bool OverlapsAny(absl::Span<const ByteSpan> spans, ByteSpan range) {
  const auto next =
      std::upper_bound(spans.begin(), spans.end(), range.start,
                       [](size_t offset, const ByteSpan& span) { return offset < span.end; });
  if (next == spans.end()) return false;
  if (range.empty()) return next->start < range.start;
  return next->start < range.end;
}

}  // namespace intelligenced
