#include "clients/mcp_provider/plain_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mcp {
namespace {

constexpr size_t kMaxIdentifier = 64;

std::string Clean(std::string_view text, bool lines) {
  std::string clean;
  clean.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const char32_t character = DecodeChar(text, i);
    if (character == '\r' && i < text.size() && text[i] == '\n') continue;
    const bool breaks = character == '\n' || character == '\t' || character == '\r';
    if (breaks) {
      clean += !lines ? ' ' : character == '\t' ? '\t' : '\n';
    } else if (character < 0x20 || character == 0x7F) {
      AppendChar(0xFFFD, clean);
    } else {
      AppendChar(character, clean);
    }
  }
  return clean;
}

}  // namespace

std::string PlainLine(std::string_view text, size_t max_bytes) {
  // A character grows to three bytes at most.
  const std::string clean = Clean(TruncateUtf8(text, max_bytes), false);
  return std::string(absl::StripAsciiWhitespace(TruncateUtf8(clean, max_bytes)));
}

std::string PlainLines(std::string_view text) { return Clean(text, true); }

std::string IdentifierOf(std::string_view name) {
  std::string id;
  bool was_lower = false;
  for (const char c : name) {
    if (absl::ascii_isupper(c) && was_lower) id += '-';
    was_lower = absl::ascii_islower(c) || absl::ascii_isdigit(c);
    if (absl::ascii_isalnum(c)) {
      id += absl::ascii_tolower(c);
    } else if (c == '_') {
      id += '_';
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
  }
  const size_t begin = id.find_first_not_of("-_");
  if (begin == std::string::npos) return "x";
  id = id.substr(begin, kMaxIdentifier);
  while (id.back() == '-') id.pop_back();
  return id;
}

std::string TitleOf(std::string_view name) {
  std::string words = absl::StrReplaceAll(IdentifierOf(name), {{"-", " "}, {"_", " "}});
  return CapitalizeUtf8(words);
}

}  // namespace intelligenced::mcp
