// A JSON text that is still being written, completed to a whole value of what is known so far.
#ifndef INTELLIGENCED_SERVICES_GUIDED_PARTIAL_JSON_H_
#define INTELLIGENCED_SERVICES_GUIDED_PARTIAL_JSON_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace intelligenced {

// Strings are closed where they stand; open arrays and objects are closed; a name without its
// value, a number that may go on, and half a word are left out. Never recursive, and Append() looks
// at each byte once. Not thread-safe.
class PartialJson {
 public:
  // More of the text, which is the beginning of a JSON value; anything else gives some snapshots
  // that are not JSON, and nothing worse.
  void Append(std::string_view text);

  // The text ends here by itself: a number at its end is whole.
  void Finish() {
    if (state_ == State::kScalar) EndValue(text_.size());
  }

  // Valid JSON; nothing while no part of the value is known. O(length).
  std::optional<std::string> Snapshot() const;

  const std::string& text() const { return text_; }

 private:
  enum class State { kValue, kName, kColon, kAfter, kString, kScalar };
  struct Container {
    char close;
    // Up to here its members are whole.
    size_t safe;
  };

  void Take(char c, size_t at);
  void TakeInString(char c, size_t at);
  void EndValue(size_t end);

  std::string text_;
  std::vector<Container> open_;
  State state_ = State::kValue;
  bool in_name_ = false;  // the string is a member's name
  // In a string: bytes of an escape still to come, and the end of the last whole character.
  int escape_ = 0;
  bool escape_begins_ = false;
  std::string escape_digits_;
  bool half_surrogate_ = false;
  size_t string_safe_ = 0;
  // The whole value has been read.
  bool complete_ = false;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_PARTIAL_JSON_H_
