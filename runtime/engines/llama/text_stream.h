// From token bytes to text that can be shown: whole UTF-8 characters only, ended by stop strings.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TEXT_STREAM_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TEXT_STREAM_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace intelligenced {

// Tokens of a byte-level vocabulary end anywhere, also inside a character, and a stop string may
// span several tokens. The stream holds back what is not decided yet:
//  - the bytes of a character that is not complete;
//  - a tail that may become a stop string.
// Bytes that cannot be UTF-8 become U+FFFD, one for each ill-formed part, as Unicode recommends.
class TextStream {
 public:
  // `stops` must not hold an empty string.
  explicit TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // Takes the bytes of the next token and returns the text that is now certain; may be empty.
  // Once stopped() the rest is dropped.
  std::string Append(std::string_view bytes);

  // The end of generation: returns what was held back. An incomplete character becomes U+FFFD.
  std::string Finish();

  // A stop string has been found. The text returned so far ends just before it.
  bool stopped() const { return stopped_; }

 private:
  // Moves what of `bytes_` is decided into `text_`; with `final` all of it.
  void Decode(bool final);
  // Takes out of `text_` what cannot become part of a stop string any more.
  std::string TakeCertain();

  const std::vector<std::string> stops_;
  std::string bytes_;  // The start of an incomplete character.
  std::string text_;   // Valid UTF-8 that may be the start of a stop string.
  bool stopped_ = false;
};

// Adds `bytes` to a text of which `pending` is the end, the start of an incomplete character or
// nothing, and leaves there the new one. False: the text cannot become UTF-8; `pending` is then
// undefined.
bool ExtendUtf8(std::string& pending, std::string_view bytes);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TEXT_STREAM_H_
