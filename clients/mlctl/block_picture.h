// Pictures as half blocks, two pixels a character: what every terminal shows, and a log file too.
// For pictures that are drawn over again, since how many lines they take is known.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_BLOCK_PICTURE_H_
#define INTELLIGENCED_CLIENTS_MLCTL_BLOCK_PICTURE_H_

#include <string>

#include "absl/status/statusor.h"
#include "clients/mlctl/host.h"
#include "runtime/media/image.h"

namespace intelligenced::mlctl {

// kNone: characters that grow denser with the picture's darkness.
enum class BlockColors { kNone, k256, kTrue };

// What COLORTERM says, where there are to be colours.
BlockColors ChooseBlockColors(const Host& host, bool colored);

struct BlockPicture {
  // Lines, each with its end.
  std::string text;
  int rows = 0;
};

// At most `max_columns` wide, and never larger than the picture. Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<BlockPicture> RenderBlocks(const Image& image, int max_columns, BlockColors colors);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_BLOCK_PICTURE_H_
