// mlctl vision and mlctl ocr
#include <intelligence/client.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/mlctl/annotate.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/commands/vision_frames.h"
#include "clients/mlctl/picture_view.h"
#include "clients/mlctl/vision_json.h"
#include "runtime/base/file.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::AnalyzeImageRequest;
using intelligence::AnalyzeImageResult;
using intelligence::DescriptionDetail;
using intelligence::VisionRequestKind;

constexpr size_t kMaxPictureBytes = size_t{48} << 20;

struct Options {
  std::vector<std::string> files;
  std::vector<VisionRequestKind> kinds;
  std::vector<std::string> languages;
  std::string region;
  std::string annotate;
  bool preview = false;
  std::string corrected;
  std::string format;
  uint32_t max_results = 0;
  std::string describe;
  FrameOptions frames;
};

// A file goes to the daemon as it is, as a descriptor.
absl::StatusOr<intelligence::VisionImage> OpenPicture(Session& session, const std::string& path) {
  if (path != "-") return intelligence::VisionImage::FromFile(path);
  absl::StatusOr<std::string> bytes = session.host().read_input();
  if (!bytes.ok()) return bytes.status();
  return intelligence::VisionImage{.encoded = *std::move(bytes)};
}

absl::StatusOr<intelligence::Rect> ParseRegion(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  float values[4] = {};
  bool good = parts.size() == 4;
  for (size_t i = 0; good && i < 4; ++i) good = absl::SimpleAtof(parts[i], &values[i]);
  if (!good) {
    return absl::InvalidArgumentError(
        "--region takes four numbers from 0 to 1: x,y,width,height, for example 0,0.5,1,0.5");
  }
  return intelligence::Rect{
      .x = values[0], .y = values[1], .width = values[2], .height = values[3]};
}

// Asks about one picture and shows progress meanwhile.
absl::StatusOr<AnalyzeImageResult> Ask(Session& session, const intelligence::Client& client,
                                       const AnalyzeImageRequest& request) {
  Progress progress(&session);
  return client.AnalyzeImage(request, session.Call(),
                             [&](const intelligence::AnalyzeImageEvent& event) {
                               std::visit(
                                   [&](const auto& value) {
                                     if constexpr (std::is_invocable_v<Progress&, decltype(value)>)
                                       progress(value);
                                   },
                                   event);
                             });
}

// Each file in turn; one that cannot be read or decoded does not keep the others from being done.
int ForEach(Session& session, Options& options,
            const std::function<absl::Status(const intelligence::Client&, const std::string& file,
                                             const intelligence::VisionImage&)>& handle) {
  if (options.files.empty()) options.files.push_back("-");
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  int code = kDone;
  for (const std::string& file : options.files) {
    const absl::StatusOr<intelligence::VisionImage> image = OpenPicture(session, file);
    if (!image.ok()) {
      if (const int failed = session.Fail(image.status()); failed == kInterrupted) return failed;
      code = kInputOutput;
      continue;
    }
    const absl::Status status = handle(*client, file, *image);
    if (status.ok()) continue;
    const int failed =
        session.Fail(options.files.size() > 1
                         ? absl::Status(status.code(), absl::StrCat(file, ": ", status.message()))
                         : status);
    if (failed != kRefused) return failed;
    code = failed;
  }
  return code;
}

AnalyzeImageRequest RequestFor(const Options& options, const intelligence::VisionImage& image,
                               const std::optional<intelligence::Rect>& region) {
  AnalyzeImageRequest request;
  request.image = image;
  for (VisionRequestKind kind : options.kinds) {
    if (auto* text = std::get_if<intelligence::RecognizeText>(&kind)) {
      text->languages = options.languages;
    }
    auto* describe = std::get_if<intelligence::DescribeImage>(&kind);
    if (describe != nullptr && !options.languages.empty()) {
      describe->language = options.languages.front();
    }
    if (auto* document = std::get_if<intelligence::DetectDocumentSegmentation>(&kind)) {
      document->correct_perspective = !options.corrected.empty();
    }
    request.requests.push_back({.kind = std::move(kind),
                                .region_of_interest = region,
                                .max_results = options.max_results});
  }
  return request;
}

void Show(Session& session, const std::string& file, const AnalyzeImageRequest& request,
          const AnalyzeImageResult& result, bool several) {
  const Palette palette = session.out_palette();
  if (several) {
    session.out() << palette.Paint(Style::kBold, absl::StrCat("==> ", file, " <==")) << "\n";
  }
  for (const intelligence::VisionResult& one : result.results) {
    const VisionRequestKind& asked = request.requests[one.request_index].kind;
    std::string text = RenderVisionResult(one, result.image);
    if (session.host().out_is_terminal) text = TerminalSafe(text);
    if (request.requests.size() > 1) {
      session.out() << palette.Paint(Style::kBold, Name(asked)) << "\n";
    }
    session.out() << text;
  }
  session.out().flush();
}

absl::Status WriteCorrected(const AnalyzeImageResult& result, const std::string& path) {
  for (const intelligence::VisionResult& one : result.results) {
    const auto* document = std::get_if<intelligence::DocumentSegmentation>(&one.kind);
    if (document == nullptr || document->corrected_png.empty()) continue;
    FileSystem files;
    return WriteFileAtomically(files, path, document->corrected_png, 0644);
  }
  return absl::NotFoundError("There is no document in the picture to be corrected.");
}

// In the terminal, in a file, or both.
absl::Status ShowAnnotated(Session& session, const Options& options, const std::string& file,
                           const intelligence::VisionImage& image,
                           const AnalyzeImageResult& result) {
  absl::StatusOr<std::string> bytes = image.encoded;
  if (file != "-") bytes = ReadFile(file, kMaxPictureBytes);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<Image> annotated = Annotated(*bytes, result);
  if (!annotated.ok()) return annotated.status();
  if (options.preview) {
    const absl::StatusOr<std::string> text =
        RenderPicture(session.host(), *annotated, session.out_palette().colored());
    if (!text.ok()) return text.status();
    session.out() << *text << std::flush;
  }
  if (options.annotate.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> png = EncodePng(*annotated);
  if (!png.ok()) return png.status();
  FileSystem files;
  return WriteFileAtomically(files, options.annotate, *png, 0644);
}

// Everything is asked of every file, as one video.
int Video(Session& session, const Options& options) {
  if (!options.corrected.empty()) return session.FailUsage("--corrected takes one picture");
  if (options.preview)
    return session.FailUsage("--preview takes pictures, not the frames of a video");
  absl::StatusOr<std::vector<intelligence::VisionRequest>> requests = FrameRequests(options.frames);
  if (!requests.ok()) return session.FailUsage(requests.status().message());
  std::optional<intelligence::Rect> region;
  if (!options.region.empty()) {
    absl::StatusOr<intelligence::Rect> parsed = ParseRegion(options.region);
    if (!parsed.ok()) return session.FailUsage(parsed.status().message());
    region = *parsed;
  }
  for (intelligence::VisionRequest& one : RequestFor(options, {}, region).requests) {
    requests->push_back(std::move(one));
  }
  return AnalyzeFrames(session, options.files, *std::move(requests), options.annotate);
}

int Vision(Session& session, Options& options) {
  if (options.frames.any()) return Video(session, options);
  if (!options.describe.empty()) {
    const DescriptionDetail detail = ChoiceOf<DescriptionDetail>(
        options.describe, {{"brief", DescriptionDetail::kBrief},
                           {"detailed", DescriptionDetail::kDetailed},
                           {"accessible", DescriptionDetail::kAccessible}});
    if (detail == DescriptionDetail::kDefault) {
      return session.FailUsage("--describe takes brief, detailed or accessible");
    }
    options.kinds.push_back(intelligence::DescribeImage{.detail = detail});
  }
  if (options.kinds.empty()) {
    return session.FailUsage("say what to look for: --text, --barcodes, --faces, …");
  }
  if (options.preview) {
    if (session.options().json) return session.FailUsage("--preview and --json exclude each other");
    // Before anybody waits for an answer.
    const absl::Status status = CheckCanShowPictures(session.host());
    if (!status.ok()) {
      return session.FailUsage(
          absl::StrCat(status.message(), " --annotate FILE writes it as PNG."));
    }
  }
  const bool one_file = options.files.size() <= 1;
  if (!one_file && !(options.annotate.empty() && options.corrected.empty())) {
    return session.FailUsage("--annotate and --corrected take one picture");
  }
  std::optional<intelligence::Rect> region;
  if (!options.region.empty()) {
    absl::StatusOr<intelligence::Rect> parsed = ParseRegion(options.region);
    if (!parsed.ok()) return session.FailUsage(parsed.status().message());
    region = *parsed;
  }
  return ForEach(session, options,
                 [&](const intelligence::Client& client, const std::string& file,
                     const intelligence::VisionImage& image) -> absl::Status {
                   const AnalyzeImageRequest request = RequestFor(options, image, region);
                   absl::StatusOr<AnalyzeImageResult> result = Ask(session, client, request);
                   if (!result.ok()) return result.status();
                   if (session.options().json) {
                     Json json = {{"file", file}};
                     json.update(ToJson(request, *result));
                     session.out() << Dump(json) << "\n";
                   } else {
                     Show(session, file, request, *result, !one_file);
                   }
                   session.ReportUsage(result->usage);
                   if (options.preview || !options.annotate.empty()) {
                     absl::Status status = ShowAnnotated(session, options, file, image, *result);
                     if (!status.ok()) return status;
                   }
                   return options.corrected.empty() ? absl::OkStatus()
                                                    : WriteCorrected(*result, options.corrected);
                 });
}

int Ocr(Session& session, Options& options) {
  options.kinds = {intelligence::RecognizeText{}};
  return ForEach(session, options,
                 [&](const intelligence::Client& client, const std::string& file,
                     const intelligence::VisionImage& image) -> absl::Status {
                   const AnalyzeImageRequest request = RequestFor(options, image, std::nullopt);
                   absl::StatusOr<AnalyzeImageResult> result = Ask(session, client, request);
                   if (!result.ok()) return result.status();
                   const auto* text =
                       std::get_if<intelligence::RecognizedText>(&result->results[0].kind);
                   if (text == nullptr)
                     return absl::InternalError("The model answered something else.");
                   if (session.options().json) {
                     Json json = {{"file", file}};
                     json.update(ToJson(request, *result));
                     session.out() << Dump(json) << "\n";
                   } else if (options.format == "hocr") {
                     session.out() << RenderHocr(file, result->image, *text);
                   } else if (options.format == "tsv") {
                     session.out() << RenderTsv(result->image, *text);
                   } else {
                     session.WriteText(text->text);
                   }
                   session.out().flush();
                   session.ReportUsage(result->usage);
                   return absl::OkStatus();
                 });
}

void AddFiles(CLI::App* app, Options& options) {
  app->add_option("files", options.files, "The pictures; '-' or nothing: standard input")
      ->type_name(kFileType);
}

void AddLanguages(CLI::App* app, Options& options) {
  app->add_option("--language", options.languages,
                  "A language of the text, for example de; may be given again (default: en)")
      ->allow_extra_args(false)  // a file may follow
      ->type_name("LANGUAGE");
}

}  // namespace

void AddVisionCommands(CommandTree& tree) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      tree.Add(&tree.root(), "vision",
               "Find things in pictures: one look, many questions.\n"
               "Pictures are JPEG, PNG, WebP, BMP, TIFF or HEIC files. With --track,\n"
               "--track-rectangle, --flow or --register they are the frames of a video, in order;\n"
               "a folder stands for its files by name.",
               {"mlctl vision ticket.jpg --text --barcodes",
                "mlctl vision *.jpg --faces --json | jq -r 'select(.results[0].faces != []).file'",
                "mlctl vision photo.jpg --faces --text --annotate found.png",
                "mlctl vision photo.jpg --faces --preview",
                "mlctl vision dance.jpg --body --hands --segment --annotate figure.png",
                "mlctl vision desk.jpg --document --corrected page.png",
                "mlctl vision photo.jpg --describe=accessible --language de",
                "mlctl vision --track 0.4,0.4,0.1,0.2 frames/ --annotate drawn/",
                "mlctl vision --register translation frame-*.png --json"},
               [options](Session& session) { return Vision(session, *options); });
  AddFiles(app, *options);
  const auto add = [&](const std::string& name, VisionRequestKind kind,
                       const std::string& description) {
    app->add_flag_callback(
        name, [options, kind = std::move(kind)] { options->kinds.push_back(kind); }, description);
  };
  add("--text", intelligence::RecognizeText{}, "Read text");
  add("--text-places", intelligence::DetectTextRectangles{}, "Where lines of text are");
  add("--barcodes", intelligence::DetectBarcodes{}, "Read barcodes of all kinds");
  add("--faces", intelligence::DetectFaceRectangles{}, "Find faces");
  add("--humans", intelligence::DetectHumanRectangles{}, "Find whole persons");
  add("--rectangles", intelligence::DetectRectangles{}, "Find sheets, screens and cards");
  add("--document", intelligence::DetectDocumentSegmentation{}, "Find a document");
  add("--contours", intelligence::DetectContours{}, "Follow the outlines of dark things");
  add("--horizon", intelligence::DetectHorizon{}, "By how much the picture must be turned");
  add("--attention", intelligence::GenerateAttentionBasedSaliencyImage{},
      "Where a look goes first");
  add("--objects", intelligence::GenerateObjectnessBasedSaliencyImage{},
      "What stands out as a thing");
  add("--print", intelligence::GenerateImageFeaturePrint{},
      "A feature print, to find near-duplicates");
  add("--scores", intelligence::CalculateImageAestheticsScores{},
      "Sharpness, exposure and other measured scores");
  add("--smudge", intelligence::DetectLensSmudge{}, "How likely the lens was dirty");
  // These need a network; the daemon says which one to install.
  add("--landmarks", intelligence::DetectFaceLandmarks{}, "Eyes, nose, mouth and mesh of faces");
  add("--classify", intelligence::ClassifyImage{}, "What the picture shows");
  add("--hands", intelligence::DetectHumanHandPose{}, "Joints of hands");
  add("--body", intelligence::DetectHumanBodyPose{}, "Joints of persons");
  add("--segment", intelligence::GeneratePersonSegmentation{}, "Which part is a person");
  app->add_option("--top", options->max_results, "At most so many of each, the best")
      ->type_name("COUNT");
  app->add_flag("--describe{brief}", options->describe,
                "Say what it shows: brief (a sentence), --describe=detailed, or "
                "--describe=accessible for somebody who does not see it");
  const auto add_places = [&](const std::string& name, std::vector<std::string>& places,
                              const std::string& description) {
    app->add_option(name, places, description)->allow_extra_args(false)->type_name("REGION");
  };
  add_places(
      "--track", options->frames.track,
      "Follow what is here in the first frame: x,y,width,height, 0 to 1; may be given again");
  add_places("--track-rectangle", options->frames.track_rectangle,
             "Follow the flat rectangle with these corners: x,y,x,y,x,y,x,y, clockwise from the "
             "top left; may be given again");
  app->add_flag("--flow", options->frames.flow, "How each part of the frames moved");
  AddChoice(app, "--register", options->frames.registration, {"translation", "homography"},
            "How each frame lies upon the one before");
  AddLanguages(app, *options);
  app->add_option("--region", options->region, "Look at this part only: x,y,width,height, 0 to 1")
      ->type_name("REGION");
  app->add_option("--annotate", options->annotate,
                  "Write the picture with what was found as PNG; of frames, into this folder")
      ->type_name(kFileType);
  app->add_flag("--preview", options->preview,
                "Show the picture with what was found in the terminal");
  app->add_option("--corrected", options->corrected,
                  "With --document: write it as PNG, seen from above")
      ->type_name(kFileType);

  auto ocr_options = std::make_shared<Options>();
  CLI::App* ocr = tree.Add(&tree.root(), "ocr",
                           "Read the text in pictures.\n"
                           "Pages that lie on their side or upside down are turned first.",
                           {"mlctl ocr scan.png", "mlctl ocr --format hocr page-*.tif > pages.html",
                            "mlctl ocr --language de --language en brief.jpg"},
                           [ocr_options](Session& session) { return Ocr(session, *ocr_options); });
  AddFiles(ocr, *ocr_options);
  AddLanguages(ocr, *ocr_options);
  AddChoice(ocr, "--format", ocr_options->format, {"text", "hocr", "tsv"},
            "Plain text, hOCR or tab-separated places (default: text)");
}

}  // namespace intelligenced::mlctl
