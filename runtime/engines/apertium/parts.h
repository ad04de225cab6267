// Cuts a text into what a pipeline is given at a time. The programs' time and memory grow faster
// than a text does, and with the square of a word: what is bounded comes back soon, can be given
// up soon, and goes through several pipelines at once. Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PARTS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PARTS_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "protos/intelligence/engine/v1/language.pb.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

// Longer texts are cut.
inline constexpr size_t kMaxPartBytes = 4096;
// No dictionary has a word of that many bytes: it is nothing to translate.
inline constexpr size_t kLongWordBytes = 1024;

struct TextPart {
  ByteSpan span;
  // The pipeline is not asked: it comes back as it is.
  bool as_is = false;
  friend bool operator==(const TextPart&, const TextPart&) = default;
};

// Tiles the text: between paragraphs, else between sentences, else at white space, and around words
// of kLongWordBytes or more, each of which is a part of its own. Never inside one of `kept`, which
// are sorted and in bounds. One part where nothing needs to be cut; none for an empty text.
std::vector<TextPart> CutIntoParts(std::string_view text,
                                   const std::vector<intelligence::engine::v1::KeptSpan>& kept);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PARTS_H_
