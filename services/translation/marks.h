// Finds what of a text is not to be translated: markup, placeholders, addresses, and what the
// caller said. Pure and thread-safe; time is linear in the text, also for hostile input. Markup is
// read as it comes, not as it should be: a tag that never ends is one mark to the end of the text.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_MARKS_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_MARKS_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

enum class TextMarkup { kPlain, kHtml, kMarkdown };

enum class MarkKind {
  // A line's end inside of a sentence (HTML, Markdown): a space to the model.
  kSoftBreak,
  // Beside the words, no word itself: an inline tag, emphasis.
  kMarkup,
  // In the place of a word: a placeholder, an address, a name.
  kWord,
  // Nothing goes on across it: a block's tag, the end of a line that stands for itself, code.
  kBreak,
};

struct Mark {
  size_t start = 0;
  size_t end = 0;
  MarkKind kind = MarkKind::kWord;

  bool operator==(const Mark&) const = default;
};

// Sorted, not overlapping, not empty, on character borders. `given` are ranges of the text, in any
// order.
std::vector<Mark> FindMarks(std::string_view text, TextMarkup markup,
                            absl::Span<const ByteSpan> given);

// The pieces of FindMarks(). Each adds marks of `text`, sorted and not overlapping, to `marks`.
void FindPlainMarks(std::string_view text, std::vector<Mark>* marks);
void FindHtmlMarks(std::string_view text, std::vector<Mark>* marks);
void FindMarkdownMarks(std::string_view text, std::vector<Mark>* marks);
// Placeholders, URLs, e-mail addresses, file names and code in backticks within `part`.
void FindWordMarks(std::string_view text, ByteSpan part, std::vector<Mark>* marks);

// A tag, comment or declaration that begins at `start`, where a '<' stands.
struct Tag {
  size_t end = 0;         // behind its '>', or the text's end when it has none
  std::string_view name;  // without case; empty: a comment or declaration
  bool closing = false;
  bool complete = false;      // has its '>'
  bool self_closing = false;  // "<x/>", or one that never has content ("<br>")
  bool inline_level = false;  // part of a sentence
  bool no_translate = false;  // says so of its content
};
// Nothing but an end of 0: no markup begins there.
Tag ReadTag(std::string_view text, size_t start);

// Which of the kept strings of a sentence open and close each other: the place of the partner; -1:
// it needs none; -2: it lacks one.
std::vector<int> PairMarkup(absl::Span<const std::string_view> kept);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_MARKS_H_
