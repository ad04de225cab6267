// Brings a language model's summary into the shape that was asked for: points one on a line and not
// more than allowed, a headline of one line and so many words. Other types pass as they are.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_SUMMARY_SHAPE_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_SUMMARY_SHAPE_H_

#include <string>
#include <string_view>

#include "protos/intelligence/v1/writing_tools.pb.h"

namespace intelligenced {

// Works on a stream: what Push() and Finish() return, joined, is the summary. Not thread-safe.
class SummaryShape {
 public:
  SummaryShape(intelligence::v1::SummaryType type, intelligence::v1::SummaryLength length,
               intelligence::v1::TextFormat format);

  std::string Push(std::string_view text);
  std::string Finish();

 private:
  std::string TakeLine(std::string_view line);

  const intelligence::v1::SummaryType type_;
  const bool markdown_;
  // 0: no limit.
  const int max_lines_;
  const int max_words_;
  int lines_ = 0;
  std::string held_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_SUMMARY_SHAPE_H_
