// Pictures in a terminal, as well as it can show them: as pixels where it takes them (kitty's
// protocol, sixels), else as half blocks in its colours, else as characters.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_PICTURE_VIEW_H_
#define INTELLIGENCED_CLIENTS_MLCTL_PICTURE_VIEW_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/mlctl/host.h"
#include "runtime/media/image.h"

namespace intelligenced::mlctl {

// FAILED_PRECONDITION with a sentence for a person: standard output is no terminal, or one that
// shows no pictures (TERM=dumb). Asked before there is a picture, so that nobody waits for one.
absl::Status CheckCanShowPictures(const Host& host);

// What shows the picture when it is written to the terminal, with a newline at its end: at most as
// wide as the terminal and about as high as that is wide, and never larger than the picture itself
// where that is tiny. What the terminal can do is known from the environment. Without `colored`
// only characters are used. Errors: as CheckCanShowPictures(), MEMORY_INSUFFICIENT.
absl::StatusOr<std::string> RenderPicture(const Host& host, const Image& image, bool colored);

// The same for a file of any format that runtime/media reads, upright. Also IMAGE_UNDECODABLE.
absl::StatusOr<std::string> RenderPictureFile(const Host& host, std::string_view file,
                                              bool colored);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_PICTURE_VIEW_H_
