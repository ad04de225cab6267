// Where pictures that were made are written.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_PICTURE_FILES_H_
#define INTELLIGENCED_CLIENTS_MLCTL_PICTURE_FILES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace intelligenced::mlctl {

// Words as a file's name: lower-case letters and figures of ASCII with hyphens between, at most 48
// of them; "picture" where nothing is left. Pure.
std::string NameFromWords(std::string_view words);

// "stem.png", or "stem-1.png" to "stem-4.png" and "stem-grid.png". Pure.
std::vector<std::string> PictureNames(const std::string& stem, const std::string& extension,
                                      size_t count);

// The names for `count` pictures of which none is there yet: of "stem", else of "stem-2", "stem-3"
// and so on. They are made, empty, so that nobody else takes them meanwhile. Errors: those of
// file.h; ALREADY_EXISTS where thousands are taken.
absl::StatusOr<std::vector<std::string>> ReserveNames(const std::string& stem,
                                                      const std::string& extension, size_t count);

// Removes what ReserveNames() made and nobody wrote to.
void ReleaseNames(const std::vector<std::string>& names);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_PICTURE_FILES_H_
