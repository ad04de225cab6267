// What kind of correction an edit is, by simple rules about its characters, and how to say it.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_CORRECTION_KIND_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_CORRECTION_KIND_H_

#include <string>
#include <string_view>
#include <vector>

#include "protos/intelligence/v1/writing_tools.pb.h"

namespace intelligenced {

struct CorrectionKind {
  // Most important first; at least one.
  std::vector<intelligence::v1::CorrectionType> types;
  // One sentence, in English.
  std::string explanation;
  // Language models do not say how sure they are: this is how often such an edit is right.
  float confidence = 0;
};

// `before` is the text in front of the edit: a repeated word is seen by it. Pure.
CorrectionKind KindOfCorrection(std::string_view original, std::string_view replacement,
                                std::string_view before);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_CORRECTION_KIND_H_
