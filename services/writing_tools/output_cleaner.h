// Takes off a language model's answer what is not the answer: reasoning in front of it, "Sure, here
// is the text:", quotation marks and code fences around it, white space at both ends.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_OUTPUT_CLEANER_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_OUTPUT_CLEANER_H_

#include <string>
#include <string_view>

namespace intelligenced {

// Works on a stream: what Push() and Finish() return, joined, is the clean answer. Holds back only
// what may still turn out to be wrapping. Not thread-safe.
class OutputCleaner {
 public:
  // `source` is the text that the model works on: quotation marks that it has itself are kept.
  explicit OutputCleaner(std::string_view source);

  std::string Push(std::string_view delta);
  std::string Finish();

 private:
  enum class State { kStart, kReasoning, kBody };
  // Moves from the start to the body when what has come allows it. False: more must come.
  bool Begin(bool final);
  std::string TakeBody(bool final);

  const bool keep_quotes_;
  const bool keep_fences_;
  State state_ = State::kStart;
  std::string held_;
  std::string closing_;  // what closes the wrapping that was opened: a quotation mark, a fence
};

// The same for a whole answer.
std::string CleanOutput(std::string_view source, std::string_view answer);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_OUTPUT_CLEANER_H_
