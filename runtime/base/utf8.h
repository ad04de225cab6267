// UTF-8: checking, walking and cutting text at character borders, and case for the alphabets that
// have it (Latin, Greek, Cyrillic, Armenian). "Character" is a code point throughout.
//
// Functions are pure and thread-safe. Those that walk expect valid UTF-8 but are memory-safe on
// anything: a byte that belongs to no character counts as one character, U+FFFD.
#ifndef INTELLIGENCED_RUNTIME_BASE_UTF8_H_
#define INTELLIGENCED_RUNTIME_BASE_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace intelligenced {

// Offset of the first byte that is not part of well-formed UTF-8 (overlong forms, surrogates and
// values above U+10FFFF are not); std::string_view::npos when all is well.
size_t FindInvalidUtf8(std::string_view text);
bool IsValidUtf8(std::string_view text);

// True when no character has bytes on both sides of `offset`. False beyond the end.
bool IsCharBorder(std::string_view text, size_t offset);

// The border after the character at `offset`; text.size() at or beyond the end.
size_t NextChar(std::string_view text, size_t offset);
// The border before the character that ends at `offset`; 0 at the start.
size_t PrevChar(std::string_view text, size_t offset);
// The nearest border at or before `offset`.
size_t FloorToCharBorder(std::string_view text, size_t offset);
// The longest beginning of `text` of at most `max_bytes` that ends on a border.
std::string_view TruncateUtf8(std::string_view text, size_t max_bytes);

// The character at `offset`, which is moved behind it. U+FFFD for a bad byte; 0 at the end.
char32_t DecodeChar(std::string_view text, size_t& offset);
// The character at or before a border, without moving. 0 where there is none.
char32_t CharAt(std::string_view text, size_t offset);
char32_t CharBefore(std::string_view text, size_t offset);
void AppendChar(char32_t character, std::string& text);
size_t CountChars(std::string_view text);

// Letters of any script, ideographs included. Symbols, emoji and punctuation are none.
bool IsLetter(char32_t character);
bool IsUpper(char32_t character);
bool IsLower(char32_t character);
// ASCII digits only.
bool IsDigit(char32_t character);
// White space, line breaks included.
bool IsSpace(char32_t character);

char32_t ToUpper(char32_t character);
char32_t ToLower(char32_t character);
std::string ToUpperUtf8(std::string_view text);
std::string ToLowerUtf8(std::string_view text);
// The first character in upper case, the rest as it was.
std::string CapitalizeUtf8(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_UTF8_H_
