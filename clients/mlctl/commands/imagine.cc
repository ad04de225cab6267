// mlctl imagine, restyle and upscale
#include <intelligence/image_generation.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/commands/picture_output.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/picture_files.h"
#include "runtime/base/file.h"
#include "runtime/media/image_decode.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::GenerateImageRequest;
using intelligence::ImageFileFormat;
using intelligence::ImageGenerator;
using intelligence::ImageModel;

constexpr uint64_t kMaxPictureBytes = uint64_t{48} << 20;
constexpr uint32_t kMaxSide = 8192;
// Previews in the life of a picture: a decoder's run each.
constexpr uint32_t kPreviews = 8;
constexpr uint32_t kPreviewInterval = 3;

struct Options {
  std::vector<std::string> words;
  std::vector<std::string> concepts;
  std::string negative;
  std::string style;
  std::optional<uint64_t> seed;
  uint32_t count = 1;
  std::string from;
  std::optional<float> strength;
  std::string mask;
  std::optional<uint32_t> steps;
  std::optional<float> guidance;
  std::string scheduler;
  std::string size;
  std::optional<double> scale;
  bool list = false;
  PictureOutputFlags output;
};

struct Size {
  uint32_t width = 0;
  uint32_t height = 0;
};

// "512x768", or "512" for both. With `open`, "512x" and "x768" leave one side open.
absl::StatusOr<Size> ParseSize(const std::string& text, bool open) {
  Size size;
  if (text.empty()) return size;
  const std::vector<std::string> parts = absl::StrSplit(absl::AsciiStrToLower(text), 'x');
  const auto side = [&](const std::string& part, uint32_t* value) {
    if (part.empty()) return open && parts.size() == 2;
    return absl::SimpleAtoi(part, value) && *value >= 1 && *value <= kMaxSide;
  };
  bool good = parts.size() <= 2 && side(parts[0], &size.width);
  if (parts.size() == 1) {
    size.height = size.width;
  } else {
    good = good && side(parts[1], &size.height);
  }
  if (!good || size.width + size.height == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--size takes pixels, at most ", kMaxSide, " a side, for example 512x768"));
  }
  return size;
}

absl::StatusOr<intelligence::VisionImage> OpenPicture(Session& session, const std::string& path) {
  if (path != "-") return intelligence::VisionImage::FromFile(path);
  absl::StatusOr<std::string> bytes = session.host().read_input();
  if (!bytes.ok()) return bytes.status();
  return intelligence::VisionImage{.encoded = *std::move(bytes)};
}

// The words of the command line, else of standard input.
absl::StatusOr<std::string> ReadPrompt(Session& session, const Options& options) {
  const bool from_input = options.words.size() == 1 && options.words[0] == "-";
  if (!from_input && !options.words.empty()) return absl::StrJoin(options.words, " ");
  if (!from_input && !options.concepts.empty()) return "";
  const absl::StatusOr<Input> input = ReadText(session, "-");
  if (!input.ok()) return input.status();
  return std::string(absl::StripAsciiWhitespace(input->text));
}

int ListModel(Session& session) {
  const absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const absl::StatusOr<ImageModel> model =
      ImageGenerator(*client).GetModel(intelligence::ImageTask::kGenerate, session.Call());
  if (!model.ok()) return session.Fail(model.status());
  if (session.options().json) {
    session.out() << Dump(Json{{"model", model->model},
                               {"width", model->width},
                               {"height", model->height},
                               {"size_multiple", model->size_multiple},
                               {"styles", model->styles},
                               {"schedulers", model->schedulers},
                               {"default_steps", model->default_steps},
                               {"default_guidance_scale", model->default_guidance_scale},
                               {"bytes_per_image", model->bytes_per_image},
                               {"takes_source_image", model->takes_source_image},
                               {"takes_mask", model->takes_mask},
                               {"fixed_size", model->fixed_size}})
                  << "\n";
    return kDone;
  }
  const auto names = [](const std::vector<std::string>& list) {
    return list.empty() ? std::string("none") : TerminalSafe(absl::StrJoin(list, ", "));
  };
  const std::string sizes =
      model->fixed_size ? " only" : absl::StrCat(", multiples of ", model->size_multiple);
  session.out() << FormatPairs({{"model", ShortName(model->model)},
                                {"styles", names(model->styles)},
                                {"size", absl::StrCat(model->width, "x", model->height, sizes)},
                                {"steps", absl::StrCat(model->default_steps)},
                                {"guidance", absl::StrCat(model->default_guidance_scale)},
                                {"schedulers", names(model->schedulers)},
                                {"--from", model->takes_source_image ? "yes" : "no"},
                                {"--mask", model->takes_mask ? "yes" : "no"}},
                               session.out_palette());
  return kDone;
}

absl::StatusOr<GenerateImageRequest> RequestFor(Session& session, const Options& options,
                                                const Size& size, std::string prompt) {
  GenerateImageRequest request;
  request.prompt = std::move(prompt);
  for (const std::string& words : options.concepts) request.concepts.push_back({.text = words});
  request.negative_prompt = options.negative;
  request.style = options.style;
  request.seed = options.seed;
  request.count = options.count;
  request.steps = options.steps;
  request.guidance_scale = options.guidance;
  request.scheduler = options.scheduler;
  request.width = size.width;
  request.height = size.height;
  request.strength = options.strength;
  request.format = options.output.format();
  if (options.output.shows_previews(session)) {
    request.preview_interval =
        options.steps.has_value() ? std::max(1U, *options.steps / kPreviews) : kPreviewInterval;
  }
  if (!options.from.empty()) {
    absl::StatusOr<intelligence::VisionImage> image = OpenPicture(session, options.from);
    if (!image.ok()) return image.status();
    request.source_image = *std::move(image);
  }
  if (!options.mask.empty()) {
    absl::StatusOr<intelligence::VisionImage> image = OpenPicture(session, options.mask);
    if (!image.ok()) return image.status();
    request.mask = *std::move(image);
  }
  return request;
}

int Imagine(Session& session, const Options& options) {
  if (options.list) return ListModel(session);
  if (options.from.empty() && (options.strength.has_value() || !options.mask.empty())) {
    return session.FailUsage("--strength and --mask need --from IMAGE");
  }
  const bool words_from_input =
      options.words.empty() ? options.concepts.empty() : options.words[0] == "-";
  if (words_from_input + (options.from == "-") + (options.mask == "-") > 1) {
    return session.FailUsage("standard input can be only one of prompt, --from and --mask");
  }
  const absl::StatusOr<Size> size = ParseSize(options.size, false);
  if (!size.ok()) return session.FailUsage(size.status().message());
  if (const std::string wrong = options.output.Problem(session, options.count); !wrong.empty()) {
    return session.FailUsage(wrong);
  }
  absl::StatusOr<std::string> prompt = ReadPrompt(session, options);
  if (!prompt.ok()) return session.Fail(prompt.status());
  std::vector<std::string> all = options.concepts;
  all.insert(all.begin(), *prompt);
  const std::string name = NameFromWords(absl::StrJoin(all, " "));
  absl::StatusOr<GenerateImageRequest> request =
      RequestFor(session, options, *size, *std::move(prompt));
  if (!request.ok()) {
    const int code = session.Fail(request.status());
    return code == kInterrupted ? code : kInputOutput;
  }
  const absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::GenerateImageResult> result;
  {
    PictureProgress progress(&session, options.output);
    result = ImageGenerator(*client).Generate(*request, session.Call(), progress.callbacks());
  }
  if (!result.ok()) return session.Fail(result.status());
  const int code = SavePictures(
      session, options.output, name,
      options.from.empty() ? ImageSource::kGenerated : ImageSource::kComposite, *result);
  if (code == kDone && !options.seed.has_value()) {
    session.Note(
        absl::StrCat("Seed ", result->seed, "; --seed ", result->seed, " draws the same again."));
  }
  return code;
}

// What restyle and upscale have in common once the picture is asked for.
template <typename Work>
int Change(Session& session, const Options& options, const std::string& name, Work work) {
  absl::StatusOr<intelligence::VisionImage> image = OpenPicture(session, options.from);
  if (!image.ok()) {
    const int code = session.Fail(image.status());
    return code == kInterrupted ? code : kInputOutput;
  }
  const absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::ChangedImageResult> result;
  {
    PictureProgress progress(&session, options.output);
    result = work(ImageGenerator(*client), *std::move(image), progress.callbacks());
  }
  if (!result.ok()) return session.Fail(result.status());
  intelligence::GenerateImageResult one;
  one.images.push_back(std::move(result->image));
  one.usage = std::move(result->usage);
  return SavePictures(session, options.output, name, ImageSource::kEnhanced, one);
}

std::string StemOf(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  return path == "-" || stem.empty() ? "picture" : stem;
}

int Restyle(Session& session, const Options& options) {
  if (const std::string wrong = options.output.Problem(session, 1); !wrong.empty()) {
    return session.FailUsage(wrong);
  }
  const std::string name =
      absl::StrCat(StemOf(options.from), "-",
                   options.style.empty() ? std::string("restyled") : NameFromWords(options.style));
  return Change(
      session, options, name,
      [&](const ImageGenerator& generator, intelligence::VisionImage image,
          const intelligence::ImageCallbacks& callbacks) {
        return generator.Restyle(
            {.image = std::move(image), .style = options.style, .format = options.output.format()},
            session.Call(), callbacks);
      });
}

// The picture's own size, times the factor.
absl::StatusOr<Size> ScaledSize(const std::string& path, double scale) {
  const absl::StatusOr<std::string> file = ReadFile(path, kMaxPictureBytes);
  if (!file.ok()) return file.status();
  absl::StatusOr<DecodedImage> decoded =
      DecodeImage({reinterpret_cast<const uint8_t*>(file->data()), file->size()});
  if (!decoded.ok()) return decoded.status();
  const absl::StatusOr<Image> image = Upright(std::move(decoded->image), decoded->orientation);
  if (!image.ok()) return image.status();
  const double width = std::round(image->width() * scale);
  const double height = std::round(image->height() * scale);
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide) {
    return absl::InvalidArgumentError(absl::StrCat("That would be ", width, " x ", height,
                                                   " pixels; a side has 1 to ", kMaxSide, "."));
  }
  return Size{.width = static_cast<uint32_t>(width), .height = static_cast<uint32_t>(height)};
}

int Upscale(Session& session, const Options& options) {
  if (options.size.empty() == !options.scale.has_value()) {
    return session.FailUsage("say how large: --scale FACTOR or --size WxH");
  }
  if (options.scale.has_value() && options.from == "-") {
    return session.FailUsage("--scale needs a file; with standard input give --size");
  }
  if (const std::string wrong = options.output.Problem(session, 1); !wrong.empty()) {
    return session.FailUsage(wrong);
  }
  absl::StatusOr<Size> size = ParseSize(options.size, true);
  if (!size.ok()) return session.FailUsage(size.status().message());
  if (options.scale.has_value()) size = ScaledSize(options.from, *options.scale);
  if (!size.ok()) {
    session.Fail(size.status());
    return kInputOutput;
  }
  return Change(session, options, StemOf(options.from) + "-large",
                [&](const ImageGenerator& generator, intelligence::VisionImage image,
                    const intelligence::ImageCallbacks& callbacks) {
                  return generator.Upscale({.image = std::move(image),
                                            .width = size->width,
                                            .height = size->height,
                                            .format = options.output.format()},
                                           session.Call(), callbacks);
                });
}

void AddImagine(CommandTree& tree) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      tree.Add(&tree.root(), "imagine",
               "Draw pictures from words.\n"
               "Without -o the file is named after the prompt, and nothing is overwritten;\n"
               "several pictures get a file each and one with all of them. The same model,\n"
               "seed and options give the same bytes.",
               {"mlctl imagine \"a red car under a yellow sun\"", "mlctl imagine --styles",
                "mlctl imagine --style sketch --count 4 \"two trees\" -o trees.png",
                "mlctl imagine --from photo.png --strength 0.5 \"a blue house\"",
                "mlctl imagine --from photo.png --mask hole.png \"a dog\"",
                "echo \"a small boat\" | mlctl imagine --seed 7 --json | jq -r '.images[].file'"},
               [options](Session& session) { return Imagine(session, *options); });
  app->add_option("prompt", options->words,
                  "What the picture shows; '-' or nothing: standard input")
      ->type_name("PROMPT");
  options->output.AddTo(app);
  app->add_option("--style", options->style, "One of the model's styles (default: its first)")
      ->type_name("STYLE");
  app->add_flag("--styles", options->list,
                "Say what the model has: styles, schedulers, sizes, defaults");
  app->add_option("--negative", options->negative, "What the picture shall not show")
      ->type_name("TEXT");
  app->add_option("--concept", options->concepts,
                  "Something else to show; joined to the prompt; may be given again")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  app->add_option("--seed", options->seed, "Same seed, same picture (default: drawn)")
      ->type_name("N");
  app->add_option("--count", options->count, "How many, 1 to 4; each has the next seed")
      ->check(CLI::Range(1, 4).description(""))
      ->type_name("N");
  app->add_option("--from", options->from, "A picture to begin with")->type_name(kFileType);
  app->add_option("--strength", options->strength,
                  "How much of it is lost: 0 keeps all, 1 nothing (default: 0.8)")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->type_name("NUMBER");
  app->add_option("--mask", options->mask,
                  "A picture of its size: what is white is drawn anew, the rest kept")
      ->type_name(kFileType);
  app->add_option("--steps", options->steps, "Denoising steps, 1 to 1000 (default: the model's)")
      ->check(CLI::Range(1, 1000).description(""))
      ->type_name("N");
  app->add_option("--guidance", options->guidance,
                  "How strongly the prompt is followed, 0 to 50; 1 is off")
      ->check(CLI::Range(0.0, 50.0).description(""))
      ->type_name("NUMBER");
  app->add_option("--scheduler", options->scheduler, "How noise is taken away, for example ddim")
      ->type_name("NAME");
  app->add_option("--size", options->size, "In pixels, for example 512x768 (default: the model's)")
      ->type_name("WxH");
}

}  // namespace

void AddImageGenerationCommands(CommandTree& tree) {
  AddImagine(tree);

  auto restyle = std::make_shared<Options>();
  CLI::App* app = tree.Add(
      &tree.root(), "restyle", "Make a picture look otherwise.",
      {"mlctl restyle photo.jpg --style mosaic", "mlctl restyle photo.jpg -m candy -o candy.png"},
      [restyle](Session& session) { return Restyle(session, *restyle); });
  app->add_option("picture", restyle->from, "The picture; '-': standard input")
      ->required()
      ->type_name(kFileType);
  app->add_option("--style", restyle->style, "One of the model's styles (default: its first)")
      ->type_name("STYLE");
  restyle->output.AddTo(app);

  auto upscale = std::make_shared<Options>();
  app = tree.Add(
      &tree.root(), "upscale",
      "Make a picture larger, or smaller, by Lanczos' filter: nothing is invented.",
      {"mlctl upscale small.png --scale 4", "mlctl upscale photo.jpg --size 1920x -o big.png"},
      [upscale](Session& session) { return Upscale(session, *upscale); });
  app->add_option("picture", upscale->from, "The picture; '-': standard input")
      ->required()
      ->type_name(kFileType);
  app->add_option("--scale", upscale->scale, "How many times larger")
      ->check(CLI::Range(0.01, 100.0).description(""))
      ->type_name("FACTOR");
  app->add_option("--size", upscale->size,
                  "In pixels, for example 1920x1080; 1920x or x1080 keeps the shape")
      ->type_name("WxH");
  upscale->output.AddTo(app);
}

}  // namespace intelligenced::mlctl
