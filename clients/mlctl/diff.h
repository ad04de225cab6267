// Corrections shown to a person. Pure functions.
//
// Corrections come from the daemon; those whose range does not fit the text are left out.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_DIFF_H_
#define INTELLIGENCED_CLIENTS_MLCTL_DIFF_H_

#include <intelligence/writing_tools.h>

#include <string>
#include <string_view>
#include <vector>

#include "clients/mlctl/format.h"

namespace intelligenced::mlctl {

// The text with what goes and what comes marked: by colour, or as [-this-]{+that+}.
std::string RenderDiff(std::string_view text,
                       const std::vector<intelligence::Correction>& corrections,
                       const Palette& palette);

// The text with the corrections applied. corrected_text says the same; this is for checking.
std::string ApplyCorrections(std::string_view text,
                             const std::vector<intelligence::Correction>& corrections);

struct Place {
  int line = 1;
  int column = 1;  // in characters
};
Place FindPlace(std::string_view text, size_t offset);

// "file:2:7: eror → error (spelling): The word is not in the dictionary." One line each.
std::string RenderFindings(std::string_view file, std::string_view text,
                           const std::vector<intelligence::Correction>& corrections,
                           const Palette& palette);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_DIFF_H_
