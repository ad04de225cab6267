#include "clients/mlctl/contact_sheet.h"

#include <algorithm>
#include <cstring>

namespace intelligenced::mlctl {
namespace {

// Between two pictures.
constexpr int kGap = 4;

void Paste(const Image& picture, int left, int top, Image* sheet) {
  for (int y = 0; y < picture.height(); ++y) {
    uint8_t* to = sheet->row(top + y) + static_cast<ptrdiff_t>(3) * left;
    const uint8_t* const from = picture.row(y);
    for (int x = 0; x < picture.width(); ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        *to++ = picture.channels() == 3 ? from[3 * x + channel] : from[x];
      }
    }
  }
}

}  // namespace

absl::StatusOr<Image> ContactSheet(absl::Span<const Image> pictures) {
  const int count = static_cast<int>(pictures.size());
  int columns = 1;
  while (columns * columns < count) ++columns;
  const int rows = (count + columns - 1) / columns;
  int width = 1;
  int height = 1;
  for (const Image& picture : pictures) {
    width = std::max(width, picture.width());
    height = std::max(height, picture.height());
  }
  absl::StatusOr<Image> sheet =
      Image::Make(columns * (width + kGap) - kGap, rows * (height + kGap) - kGap, 3);
  if (!sheet.ok()) return sheet.status();
  std::memset(sheet->data(), 0xFF, sheet->size_bytes());
  for (int i = 0; i < count; ++i) {
    Paste(pictures[i], i % columns * (width + kGap), i / columns * (height + kGap), &*sheet);
  }
  return sheet;
}

}  // namespace intelligenced::mlctl
