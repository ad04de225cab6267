#include "runtime/base/utf8.h"

#include <algorithm>
#include <cstdint>

namespace intelligenced {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// Length of the well-formed character at `offset`, 0 when there is none.
size_t WellFormedLength(std::string_view text, size_t offset) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[offset + i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80, high = 0xBF;  // bounds of the second byte
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() - offset < length || byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsContinuation(text[offset + i])) return 0;
  }
  return length;
}

struct CharRange {
  char32_t first;
  char32_t last;
};

// Above ASCII: what is no letter. Everything else counts as one.
constexpr CharRange kNotLetters[] = {
    {0x80, 0xA9},       {0xAB, 0xB4},       {0xB6, 0xB9},     {0xBB, 0xBF},     {0xD7, 0xD7},
    {0xF7, 0xF7},       {0x2C2, 0x2DF},     {0x37E, 0x37E},   {0x387, 0x387},   {0x55A, 0x55F},
    {0x589, 0x58A},     {0x5BE, 0x5BE},     {0x60C, 0x61F},   {0x660, 0x66D},   {0x6D4, 0x6D4},
    {0x964, 0x965},     {0x1680, 0x1680},   {0x2000, 0x2070}, {0x2074, 0x207E}, {0x2080, 0x208E},
    {0x20A0, 0x20CF},   {0x2100, 0x2101},   {0x2116, 0x2117}, {0x2120, 0x2123}, {0x2150, 0x2BFF},
    {0x2E00, 0x2E7F},   {0x3000, 0x3004},   {0x3007, 0x3030}, {0x30FB, 0x30FB}, {0xD800, 0xF8FF},
    {0xFE00, 0xFE6F},   {0xFEFF, 0xFF20},   {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF},
    {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF}};

// Pairs that lie side by side, upper case on the even or odd code point.
bool IsPairedEven(char32_t c) {
  return (c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
         (c >= 0x1DE && c <= 0x1EF) || (c >= 0x1F8 && c <= 0x21F) || (c >= 0x222 && c <= 0x233) ||
         (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) ||
         (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF);
}
bool IsPairedOdd(char32_t c) {
  return (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E) || (c >= 0x1CD && c <= 0x1DC) ||
         (c >= 0x4C1 && c <= 0x4CE);
}

template <typename Map>
std::string MapChars(std::string_view text, Map map) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const char32_t c = DecodeChar(text, i);
    const char32_t mapped = map(c, start == 0);
    if (mapped == c) {
      result.append(text.substr(start, i - start));
    } else {
      AppendChar(mapped, result);
    }
  }
  return result;
}

}  // namespace

size_t FindInvalidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = WellFormedLength(text, i);
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

bool IsValidUtf8(std::string_view text) { return FindInvalidUtf8(text) == std::string_view::npos; }

bool IsCharBorder(std::string_view text, size_t offset) {
  if (offset >= text.size()) return offset == text.size();
  return FloorToCharBorder(text, offset) == offset;
}

size_t NextChar(std::string_view text, size_t offset) {
  if (offset >= text.size()) return text.size();
  return offset + std::max<size_t>(1, WellFormedLength(text, offset));
}

size_t PrevChar(std::string_view text, size_t offset) {
  if (offset == 0) return 0;
  return FloorToCharBorder(text, std::min(offset, text.size()) - 1);
}

size_t FloorToCharBorder(std::string_view text, size_t offset) {
  if (offset >= text.size()) return text.size();
  // A character has at most four bytes: look back at most three.
  for (size_t back = 0; back <= 3 && back <= offset; ++back) {
    const size_t start = offset - back;
    if (IsContinuation(text[start])) continue;
    const size_t length = WellFormedLength(text, start);
    return start + length > offset ? start : offset;
  }
  return offset;
}

std::string_view TruncateUtf8(std::string_view text, size_t max_bytes) {
  return text.substr(0, FloorToCharBorder(text, max_bytes));
}

char32_t DecodeChar(std::string_view text, size_t& offset) {
  if (offset >= text.size()) return 0;
  const size_t length = WellFormedLength(text, offset);
  const auto first = static_cast<uint8_t>(text[offset]);
  if (length == 0) {
    ++offset;
    return kReplacement;
  }
  char32_t c = length == 1 ? first : first & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    c = (c << 6) | (static_cast<uint8_t>(text[offset + i]) & 0x3F);
  }
  offset += length;
  return c;
}

char32_t CharAt(std::string_view text, size_t offset) { return DecodeChar(text, offset); }

char32_t CharBefore(std::string_view text, size_t offset) {
  return offset == 0 ? 0 : CharAt(text, PrevChar(text, offset));
}

void AppendChar(char32_t c, std::string& text) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacement;
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | (c >> 6));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | (c >> 12));
    text += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | (c >> 18));
    text += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    text += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

size_t CountChars(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); i = NextChar(text, i)) ++count;
  return count;
}

bool IsLetter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return std::none_of(std::begin(kNotLetters), std::end(kNotLetters),
                      [c](const CharRange& range) { return c >= range.first && c <= range.last; });
}

bool IsUpper(char32_t c) { return c < 0x80 ? c >= 'A' && c <= 'Z' : ToLower(c) != c; }

bool IsLower(char32_t c) { return c < 0x80 ? c >= 'a' && c <= 'z' : ToUpper(c) != c || c == 0xDF; }

bool IsDigit(char32_t c) { return c >= '0' && c <= '9'; }

bool IsSpace(char32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

char32_t ToUpper(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  if ((c >= 0xE0 && c <= 0xFE && c != 0xF7)) return c - 32;
  if (c == 0xFF) return 0x178;
  if (IsPairedEven(c) && c % 2 == 1 && c != 0x131) return c - 1;
  if (IsPairedOdd(c) && c % 2 == 0) return c - 1;
  if (c == 0x3AC) return 0x386;
  if (c >= 0x3AD && c <= 0x3AF) return c - 37;
  if (c == 0x3C2) return 0x3A3;  // final sigma
  if (c >= 0x3B1 && c <= 0x3CB) return c - 32;
  if (c >= 0x430 && c <= 0x44F) return c - 32;
  if (c >= 0x450 && c <= 0x45F) return c - 80;
  if (c >= 0x561 && c <= 0x586) return c - 48;
  return c;
}

char32_t ToLower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if (c == 0x178) return 0xFF;
  if (c == 0x130) return 'i';
  if (IsPairedEven(c) && c % 2 == 0) return c + 1;
  if (IsPairedOdd(c) && c % 2 == 1) return c + 1;
  if (c == 0x386) return 0x3AC;
  if (c >= 0x388 && c <= 0x38A) return c + 37;
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if (c >= 0x531 && c <= 0x556) return c + 48;
  return c;
}

std::string ToUpperUtf8(std::string_view text) {
  return MapChars(text, [](char32_t c, bool) { return ToUpper(c); });
}

std::string ToLowerUtf8(std::string_view text) {
  return MapChars(text, [](char32_t c, bool) { return ToLower(c); });
}

std::string CapitalizeUtf8(std::string_view text) {
  return MapChars(text, [](char32_t c, bool first) { return first ? ToUpper(c) : c; });
}

}  // namespace intelligenced
