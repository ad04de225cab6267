#include "clients/mlctl/commands/picture_output.h"

#include <algorithm>
#include <ostream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/mlctl/block_picture.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/contact_sheet.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/picture_files.h"
#include "clients/mlctl/picture_view.h"
#include "runtime/base/file.h"
#include "runtime/media/image_decode.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::GeneratedImage;
using intelligence::GenerateImageResult;
using intelligence::ImageFileFormat;

constexpr uint32_t kBarCells = 24;
// Small enough to be drawn again and again.
constexpr int kPreviewColumns = 32;
constexpr int kShownColumns = 64;

bool HasSuffix(const std::string& path, std::string_view suffix) {
  return absl::EndsWithIgnoreCase(path, suffix);
}

bool IsPicture(const std::string& path) {
  return HasSuffix(path, ".png") || HasSuffix(path, ".webp");
}

std::string WithoutSuffix(const std::string& path) {
  return IsPicture(path) ? path.substr(0, path.rfind('.')) : path;
}

absl::StatusOr<Image> Decode(const std::string& file) {
  absl::StatusOr<DecodedImage> decoded =
      DecodeImage({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  if (!decoded.ok()) return decoded.status();
  return std::move(decoded->image);
}

// The one picture, or all of them side by side.
absl::StatusOr<Image> Sheet(const GenerateImageResult& result) {
  std::vector<Image> pictures;
  for (const GeneratedImage& image : result.images) {
    absl::StatusOr<Image> decoded = Decode(image.data);
    if (!decoded.ok()) return decoded.status();
    pictures.push_back(*std::move(decoded));
  }
  if (pictures.size() == 1) return std::move(pictures[0]);
  return ContactSheet(pictures);
}

std::string_view FormatName(ImageFileFormat format) {
  return format == ImageFileFormat::kWebp ? "WEBP" : "PNG";
}

// Each picture, then the sheet where there is one, which comes from where they come from.
absl::Status WriteFiles(const std::vector<std::string>& names, const GenerateImageResult& result,
                        ImageSource source, const Image* sheet) {
  FileSystem files;
  for (size_t i = 0; i < result.images.size(); ++i) {
    const absl::Status status = WriteFileAtomically(files, names[i], result.images[i].data, 0644);
    if (!status.ok()) return status;
  }
  if (sheet == nullptr) return absl::OkStatus();
  std::string_view model = result.usage.model;
  absl::ConsumePrefix(&model, "models/");
  const absl::StatusOr<std::string> png =
      WritePng(*sheet, {.source = source, .model = std::string(model), .seed = result.seed});
  if (!png.ok()) return png.status();
  return WriteFileAtomically(files, names.back(), *png, 0644);
}

void PrintJson(Session& session, const std::vector<std::string>& names,
               const GenerateImageResult& result) {
  Json images = Json::array();
  for (size_t i = 0; i < result.images.size(); ++i) {
    const GeneratedImage& image = result.images[i];
    images.push_back({{"file", names[i]},
                      {"seed", image.seed},
                      {"width", image.width},
                      {"height", image.height},
                      {"format", FormatName(image.format)},
                      {"size_bytes", image.data.size()}});
  }
  Json json = {{"images", std::move(images)}};
  if (names.size() > result.images.size()) json["grid"] = names.back();
  json["seed"] = result.seed;
  json["usage"] = ToJson(result.usage);
  session.out() << Dump(json) << "\n";
}

void Show(Session& session, const std::string& show, const Image& sheet) {
  const bool colored = session.out_palette().colored();
  absl::StatusOr<std::string> text = RenderPicture(session.host(), sheet, colored);
  if (!text.ok() && show == "always") {
    const absl::StatusOr<BlockPicture> blocks =
        RenderBlocks(sheet, kShownColumns, ChooseBlockColors(session.host(), colored));
    text = blocks.ok() ? absl::StatusOr<std::string>(blocks->text) : blocks.status();
  }
  // Where nothing can be shown the file is there all the same.
  if (text.ok()) session.out() << *text;
}

}  // namespace

void PictureOutputFlags::AddTo(CLI::App* app) {
  app->add_option("-o,--output", output,
                  "Write it there; several: FILE-1, FILE-2, … and FILE-grid.png; '-': standard "
                  "output")
      ->type_name(kFileType);
  AddChoice(app, "--format", format_name, {"png", "webp"},
            "The files' format (default: as the name of --output says, else png)");
  AddChoice(app, "--show", show, {"auto", "always", "never"},
            "Show it in the terminal, as pixels or blocks (default: auto)");
}

std::string PictureOutputFlags::Problem(Session& session, size_t count) const {
  if (output == "-") {
    if (count > 1) return "standard output takes one picture; name a file for several";
    if (session.options().json) return "--json and the picture cannot both go to standard output";
    if (show == "always") return "the picture and its view cannot both go to standard output";
    if (session.host().out_is_terminal) return "a terminal takes no file; name one with -o";
    return "";
  }
  if (!output.empty() && !format_name.empty() && IsPicture(output) &&
      !HasSuffix(output, extension())) {
    return absl::StrCat("--format ", format_name, " and the name ", output,
                        " say different things");
  }
  return "";
}

intelligence::ImageFileFormat PictureOutputFlags::format() const {
  if (!format_name.empty()) {
    return format_name == "webp" ? ImageFileFormat::kWebp : ImageFileFormat::kPng;
  }
  return HasSuffix(output, ".webp") ? ImageFileFormat::kWebp : ImageFileFormat::kPng;
}

std::string PictureOutputFlags::extension() const {
  return format() == ImageFileFormat::kWebp ? ".webp" : ".png";
}

bool PictureOutputFlags::shows_previews(const Session& session) const {
  return session.shows_progress() && show != "never";
}

intelligence::ImageCallbacks PictureProgress::callbacks() {
  return {
      .on_queued = [this](const intelligence::Queued& queued) { progress_(queued); },
      .on_model_loading = [this](const intelligence::ModelLoading& loading) { progress_(loading); },
      .on_progress = [this](const intelligence::ImageProgress& now) { ShowBar(now); },
      .on_preview = [this](const std::string& png, uint32_t) { ShowPreview(png); },
      .on_image = {}};
}

PictureProgress::~PictureProgress() {
  progress_.Clear();
  if (rows_ > 0) *session_->host().err << "\033[" << rows_ << "A\r\033[J" << std::flush;
}

void PictureProgress::ShowBar(const intelligence::ImageProgress& progress) {
  if (progress.steps == 0) return progress_.Show("Drawing …");
  const uint32_t step = std::min(progress.step, progress.steps);
  const uint32_t full = kBarCells * step / progress.steps;
  std::string line =
      absl::StrCat("Drawing [", std::string(full, '#'), std::string(kBarCells - full, '-'), "] ",
                   step, " of ", progress.steps);
  if (progress.expected_remaining.value_or(absl::ZeroDuration()) > absl::ZeroDuration()) {
    absl::StrAppend(&line, ", ", DurationText(*progress.expected_remaining), " left");
  }
  progress_.Show(line);
}

void PictureProgress::ShowPreview(const std::string& png) {
  if (!flags_.shows_previews(*session_)) return;
  const std::string term = session_->host().environment("TERM");
  if (term.empty() || term == "dumb") return;
  const absl::StatusOr<Image> image = Decode(png);
  if (!image.ok()) return;
  const int columns = session_->host().columns;
  const absl::StatusOr<BlockPicture> blocks =
      RenderBlocks(*image, columns > 0 ? std::min(columns, kPreviewColumns) : kPreviewColumns,
                   ChooseBlockColors(session_->host(), session_->err_palette().colored()));
  if (!blocks.ok()) return;
  progress_.Clear();
  std::ostream& err = *session_->host().err;
  if (rows_ > 0) err << "\033[" << rows_ << "A\r\033[J";
  err << blocks->text << std::flush;
  rows_ = blocks->rows;
}

int SavePictures(Session& session, const PictureOutputFlags& flags, const std::string& stem,
                 ImageSource source, const GenerateImageResult& result) {
  const auto fail = [&](const absl::Status& status) {
    session.Fail(status);
    return kInputOutput;
  };
  if (flags.output == "-") {
    session.out() << result.images.at(0).data << std::flush;
    session.ReportUsage(result.usage);
    return kDone;
  }
  const size_t count = result.images.size();
  const bool shows =
      flags.show == "always" || (flags.show != "never" && session.host().out_is_terminal &&
                                 !session.options().json && !session.options().quiet);
  absl::StatusOr<Image> sheet = absl::CancelledError();
  if (count > 1 || shows) {
    sheet = Sheet(result);
    if (!sheet.ok()) return session.Fail(sheet.status());
  }
  absl::StatusOr<std::vector<std::string>> names;
  if (flags.output.empty()) {
    names = ReserveNames(stem, flags.extension(), count);
    if (!names.ok()) return fail(names.status());
  } else if (count == 1) {
    names = std::vector<std::string>{flags.output};
  } else {
    names = PictureNames(WithoutSuffix(flags.output), flags.extension(), count);
  }
  const absl::Status written = WriteFiles(*names, result, source, count > 1 ? &*sheet : nullptr);
  if (!written.ok()) {
    if (flags.output.empty()) ReleaseNames(*names);
    return fail(written);
  }
  if (session.options().json) {
    PrintJson(session, *names, result);
  } else {
    if (shows) Show(session, flags.show, *sheet);
    for (const std::string& name : *names) session.out() << TerminalSafe(name) << "\n";
  }
  session.out().flush();
  session.ReportUsage(result.usage);
  return kDone;
}

}  // namespace intelligenced::mlctl
