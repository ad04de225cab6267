#include "clients/mlctl/picture_view.h"

#include <chafa.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/media/image_decode.h"

namespace intelligenced::mlctl {
namespace {

// Of a terminal that does not say how wide it is.
constexpr int kDefaultColumns = 80;
// More than this is slow to write and no better to look at.
constexpr int kMaxColumns = 160;
// A character is about twice as high as wide.
constexpr float kFontRatio = 0.5F;
// In pixels, for the terminals that take them: what one character covers.
constexpr int kCellWidth = 10;
constexpr int kCellHeight = 20;

// What terminals are known by.
constexpr const char* kVariables[] = {"TERM",
                                      "COLORTERM",
                                      "CTX_BACKEND",
                                      "EAT_SHELL_INTEGRATION_DIR",
                                      "GHOSTTY_BIN_DIR",
                                      "KITTY_PID",
                                      "KONSOLE_VERSION",
                                      "LC_TERMINAL",
                                      "LF_LEVEL",
                                      "MLTERM",
                                      "NVIM",
                                      "NVIM_TUI_ENABLE_TRUE_COLOR",
                                      "TERMINAL_NAME",
                                      "TERM_PROGRAM",
                                      "TERM_PROGRAM_VERSION",
                                      "TMUX",
                                      "VTE_VERSION",
                                      "WEZTERM_EXECUTABLE",
                                      "XTERM_VERSION"};

template <auto kUnref>
struct Unref {
  template <typename T>
  void operator()(T* object) const {
    kUnref(object);
  }
};
template <typename T, auto kUnref>
using Owned = std::unique_ptr<T, Unref<kUnref>>;
using TermInfo = Owned<ChafaTermInfo, chafa_term_info_unref>;
using Config = Owned<ChafaCanvasConfig, chafa_canvas_config_unref>;
using Canvas = Owned<ChafaCanvas, chafa_canvas_unref>;
using SymbolMap = Owned<ChafaSymbolMap, chafa_symbol_map_unref>;

TermInfo DetectTerminal(const Host& host) {
  std::vector<std::string> lines;
  for (const char* const name : kVariables) {
    const std::string value = host.environment(name);
    if (!value.empty()) lines.push_back(absl::StrCat(name, "=", value));
  }
  std::vector<char*> environment;
  for (std::string& line : lines) environment.push_back(line.data());
  environment.push_back(nullptr);
  return TermInfo(chafa_term_db_detect(chafa_term_db_get_default(), environment.data()));
}

struct Extent {
  int columns;
  int rows;
};

Extent ExtentFor(const Host& host, const Image& image) {
  int columns = std::min(host.columns > 0 ? host.columns : kDefaultColumns, kMaxColumns);
  // A dot is not blown up to the whole screen.
  columns = std::min(columns, image.width());
  int rows = std::max(1, columns / 2);
  chafa_calc_canvas_geometry(image.width(), image.height(), &columns, &rows, kFontRatio,
                             /*zoom=*/TRUE, /*stretch=*/FALSE);
  return {std::max(1, columns), std::max(1, rows)};
}

// Half blocks keep the shape of things; without colours characters of all kinds have to do.
SymbolMap SymbolsFor(ChafaTermInfo* terminal, bool colored) {
  SymbolMap symbols(chafa_symbol_map_new());
  const ChafaSymbolTags blocks =
      static_cast<ChafaSymbolTags>(CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_VHALF);
  chafa_symbol_map_add_by_tags(symbols.get(),
                               colored ? blocks : chafa_term_info_get_safe_symbol_tags(terminal));
  return symbols;
}

}  // namespace

absl::Status CheckCanShowPictures(const Host& host) {
  if (!host.out_is_terminal) {
    return absl::FailedPreconditionError(
        "A picture can only be shown in a terminal, and standard output is none.");
  }
  const std::string term = host.environment("TERM");
  if (term.empty() || term == "dumb") {
    return absl::FailedPreconditionError(
        absl::StrCat("This terminal shows no pictures (TERM is \"", term, "\")."));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RenderPicture(const Host& host, const Image& image, bool colored) {
  if (absl::Status status = CheckCanShowPictures(host); !status.ok()) return status;
  const TermInfo terminal = DetectTerminal(host);
  const Extent extent = ExtentFor(host, image);
  const ChafaPixelMode pixels =
      colored ? chafa_term_info_get_best_pixel_mode(terminal.get()) : CHAFA_PIXEL_MODE_SYMBOLS;
  const Config config(chafa_canvas_config_new());
  chafa_canvas_config_set_geometry(config.get(), extent.columns, extent.rows);
  chafa_canvas_config_set_cell_geometry(config.get(), kCellWidth, kCellHeight);
  chafa_canvas_config_set_pixel_mode(config.get(), pixels);
  chafa_canvas_config_set_canvas_mode(
      config.get(),
      colored ? chafa_term_info_get_best_canvas_mode(terminal.get()) : CHAFA_CANVAS_MODE_FGBG);
  chafa_canvas_config_set_passthrough(
      config.get(), chafa_term_info_get_is_pixel_passthrough_needed(terminal.get(), pixels)
                        ? chafa_term_info_get_passthrough_type(terminal.get())
                        : CHAFA_PASSTHROUGH_NONE);
  const SymbolMap symbols = SymbolsFor(terminal.get(), colored);
  chafa_canvas_config_set_symbol_map(config.get(), symbols.get());

  // Shrunk first: of a camera's picture the library would look at every pixel.
  absl::StatusOr<Image> small = absl::CancelledError();
  const Image* shown = &image;
  const int most = std::max(extent.columns * kCellWidth, extent.rows * kCellHeight);
  if (const int side = std::max(image.width(), image.height()); side > most) {
    const double scale = static_cast<double>(most) / side;
    small = Resize(image, std::max(1, static_cast<int>(std::lround(image.width() * scale))),
                   std::max(1, static_cast<int>(std::lround(image.height() * scale))));
    if (!small.ok()) return small.status();
    shown = &*small;
  }
  std::vector<uint8_t> rgb;
  rgb.reserve(size_t{3} * shown->width() * shown->height());
  for (int y = 0; y < shown->height(); ++y) {
    const uint8_t* const row = shown->row(y);
    for (int x = 0; x < shown->width(); ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        rgb.push_back(shown->channels() == 3 ? row[3 * x + channel] : row[x]);
      }
    }
  }
  const Canvas canvas(chafa_canvas_new(config.get()));
  chafa_canvas_draw_all_pixels(canvas.get(), CHAFA_PIXEL_RGB8, rgb.data(), shown->width(),
                               shown->height(), 3 * shown->width());
  GString* const printed = chafa_canvas_print(canvas.get(), terminal.get());
  std::string text(printed->str, printed->len);
  g_string_free(printed, TRUE);
  return absl::StrCat(text, "\n");
}

absl::StatusOr<std::string> RenderPictureFile(const Host& host, std::string_view file,
                                              bool colored) {
  if (absl::Status status = CheckCanShowPictures(host); !status.ok()) return status;
  absl::StatusOr<DecodedImage> decoded =
      DecodeImage({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  if (!decoded.ok()) return decoded.status();
  const absl::StatusOr<Image> image = Upright(std::move(decoded->image), decoded->orientation);
  if (!image.ok()) return image.status();
  return RenderPicture(host, *image, colored);
}

}  // namespace intelligenced::mlctl
