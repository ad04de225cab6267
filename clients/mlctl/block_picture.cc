#include "clients/mlctl/block_picture.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace intelligenced::mlctl {
namespace {

using Rgb = std::array<uint8_t, 3>;

constexpr std::string_view kRamp = "@%#*+=-:. ";

Rgb PixelAt(const Image& image, int x, int y) {
  const uint8_t* const row = image.row(y);
  if (image.channels() == 1) return {row[x], row[x], row[x]};
  return {row[3 * x], row[3 * x + 1], row[3 * x + 2]};
}

std::string Code(const Rgb& pixel, bool background, BlockColors colors) {
  const char* const plane = background ? "48" : "38";
  if (colors == BlockColors::kTrue) {
    return absl::StrCat(plane, ";2;", pixel[0], ";", pixel[1], ";", pixel[2]);
  }
  // The cube of 6 x 6 x 6 colours begins at 16.
  const auto level = [](uint8_t value) { return (value * 5 + 127) / 255; };
  return absl::StrCat(plane, ";5;",
                      16 + 36 * level(pixel[0]) + 6 * level(pixel[1]) + level(pixel[2]));
}

char Dark(const Rgb& above, const Rgb& below) {
  int sum = 0;
  for (const Rgb& pixel : {above, below}) sum += 3 * pixel[0] + 6 * pixel[1] + pixel[2];
  return kRamp[static_cast<size_t>(sum) * (kRamp.size() - 1) / (2 * 10 * 255)];
}

}  // namespace

BlockColors ChooseBlockColors(const Host& host, bool colored) {
  if (!colored) return BlockColors::kNone;
  const std::string value = host.environment("COLORTERM");
  return value == "truecolor" || value == "24bit" ? BlockColors::kTrue : BlockColors::k256;
}

absl::StatusOr<BlockPicture> RenderBlocks(const Image& image, int max_columns, BlockColors colors) {
  absl::StatusOr<Image> small = absl::CancelledError();
  const Image* shown = &image;
  if (max_columns > 0 && image.width() > max_columns) {
    const int height = static_cast<int>(int64_t{image.height()} * max_columns / image.width());
    small = Resize(image, max_columns, std::max(1, height));
    if (!small.ok()) return small.status();
    shown = &*small;
  }
  BlockPicture picture;
  for (int y = 0; y < shown->height(); y += 2) {
    std::string last;
    for (int x = 0; x < shown->width(); ++x) {
      const Rgb above = PixelAt(*shown, x, y);
      const Rgb below = PixelAt(*shown, x, std::min(y + 1, shown->height() - 1));
      if (colors == BlockColors::kNone) {
        picture.text.push_back(Dark(above, below));
        continue;
      }
      const std::string code =
          absl::StrCat("\033[", Code(above, false, colors), ";", Code(below, true, colors), "m");
      if (code != last) picture.text += code;
      last = code;
      picture.text += "▀";
    }
    picture.text += colors == BlockColors::kNone ? "\n" : "\033[0m\n";
    ++picture.rows;
  }
  return picture;
}

}  // namespace intelligenced::mlctl
