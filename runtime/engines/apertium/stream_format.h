// Text in and out of Apertium's stream format. What comes out of a pipeline for text without kept
// spans equals what `apertium` prints: escaping, blanks and the full stop that ends a paragraph for
// the rules, and is taken away again, are those of apertium-destxt and apertium-retxt.
//
// Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_STREAM_FORMAT_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_STREAM_FORMAT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protos/intelligence/engine/v1/language.pb.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

// How a kept span travels.
enum class KeptAs {
  // Spans of kind WORD as words that no dictionary has, so that the rules see a word there; the
  // others as blanks.
  kWords,
  // All as blanks, which the rules carry along.
  kBlanks,
};

// True where there is nothing to translate: white space only.
bool IsBlankText(std::string_view text);

// True when the text has no letters that a stand-in for a word could be mistaken for.
bool HasRoomForWords(std::string_view text);

// The text as a pipeline's first program takes it, without the NUL that ends it. `kept` is sorted
// and in bounds. A NUL in the text travels as a blank.
std::string ToStream(std::string_view text,
                     const std::vector<intelligence::engine::v1::KeptSpan>& kept, KeptAs as);

struct FromStreamResult {
  std::string text;
  // Where each kept span stands now, in their order. Empty when one is lost or doubled.
  std::vector<ByteSpan> kept;
  // True when every kept span was found exactly once.
  bool complete = false;
};

// What the last program wrote, as text; `source` and `kept` as ToStream() was given them. `marked`:
// the generator put an asterisk before each unknown word; that of a stand-in is taken away.
FromStreamResult FromStream(std::string_view stream, std::string_view source,
                            const std::vector<intelligence::engine::v1::KeptSpan>& kept, KeptAs as,
                            bool marked);

// The words that the dictionaries do not have, in order, from what the generator is given
// ("^*zorglub$"). Stand-ins for words are left out where `as` is kWords.
std::vector<std::string> UnknownWords(std::string_view lexical_units, KeptAs as);

// Where `words` stand in `text`, in their order; those that are not found are left out.
std::vector<ByteSpan> FindWords(std::string_view text, const std::vector<std::string>& words);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_STREAM_FORMAT_H_
