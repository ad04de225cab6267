// The little about UTF-8 that the border of the API needs. Pure functions.
#ifndef INTELLIGENCED_PROTOS_SUPPORT_UTF8_H_
#define INTELLIGENCED_PROTOS_SUPPORT_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace intelligenced {

// The number of leading bytes that are valid UTF-8 (no surrogates, no overlong forms).
// Equal to text.size() when all of it is.
size_t ValidUtf8Prefix(std::string_view text);

// `text` with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string ToValidUtf8(std::string_view text);

// True when `offset` is at most text.size() and not inside a character of valid UTF-8.
bool IsUtf8Border(std::string_view text, size_t offset);

// The greatest border at or below `offset`.
size_t Utf8Floor(std::string_view text, size_t offset);

}  // namespace intelligenced

#endif  // INTELLIGENCED_PROTOS_SUPPORT_UTF8_H_
