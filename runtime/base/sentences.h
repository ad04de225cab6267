// Cuts plain text and Markdown into paragraphs and sentences, by rules that need no model: for
// splitting long inputs, for proofreading sentence by sentence, for choosing summary sentences.
//
// Both kinds of pieces tile the text: the first starts at 0, each next one where the one before
// ended, the last ends at text.size(); white space after a piece belongs to it. A piece therefore
// never splits a character of valid UTF-8. Time is linear in the text, also for hostile input.
#ifndef INTELLIGENCED_RUNTIME_BASE_SENTENCES_H_
#define INTELLIGENCED_RUNTIME_BASE_SENTENCES_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/base/byte_span.h"

namespace intelligenced {

// A sentence longer than this is cut at white space (or else at a character border).
inline constexpr size_t kMaxSentenceBytes = 16 * 1024;

// The end of the paragraph that starts at `start`: behind the empty line or lines after it. A list
// item, heading, table row or quotation line of Markdown is a paragraph of its own; a fenced code
// block is one, up to its closing fence.
size_t ParagraphEnd(std::string_view text, size_t start);
std::vector<ByteSpan> SplitParagraphs(std::string_view text);

// The end of the sentence that starts at `start`, which must be a sentence's or paragraph's start.
// Looks no further than the paragraph's end and `max_bytes`. A full stop in an abbreviation, an
// initial, a decimal number, an address or an ellipsis that goes on in lower case ends nothing;
// closing quotes and brackets after the stop belong to the sentence. Text without a stop ends with
// its paragraph. A fenced code block is one sentence, up to `max_bytes`.
size_t SentenceEnd(std::string_view text, size_t start, size_t max_bytes = kMaxSentenceBytes);
std::vector<ByteSpan> SplitSentences(std::string_view text, size_t max_bytes = kMaxSentenceBytes);

// Pieces of at most about `max_bytes`, cut where it hurts least: between paragraphs, else between
// sentences, else as SentenceEnd() cuts an overlong one. They tile the text.
std::vector<ByteSpan> SplitIntoParts(std::string_view text, size_t max_bytes);

// Without the white space at both ends.
ByteSpan TrimSpan(std::string_view text, ByteSpan span);

// The bytes of list marker, heading or quotation marks ("- ", "3. ", "## ", "> ") that the line at
// `start` begins with, leading blanks included; 0 when there are none.
size_t LineMarkerLength(std::string_view text, size_t start);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_SENTENCES_H_
