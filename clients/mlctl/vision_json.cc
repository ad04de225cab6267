#include "clients/mlctl/vision_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/mlctl/format.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::ImageInfo;
using intelligence::Rect;

Json BoxJson(const Rect& box) {
  return {{"x", box.x}, {"y", box.y}, {"width", box.width}, {"height", box.height}};
}

Json PointJson(const intelligence::Point& point) { return {{"x", point.x}, {"y", point.y}}; }

Json QuadJson(const intelligence::Quad& quad) {
  return {{"top_left", PointJson(quad.top_left)},
          {"top_right", PointJson(quad.top_right)},
          {"bottom_right", PointJson(quad.bottom_right)},
          {"bottom_left", PointJson(quad.bottom_left)}};
}

Json RegionJson(const intelligence::Region& region) {
  return {{"box", BoxJson(region.box)},
          {"corners", QuadJson(region.corners)},
          {"confidence", region.confidence}};
}

template <typename List, typename Make>
Json ListJson(const List& list, Make make) {
  Json out = Json::array();
  for (const auto& one : list) out.push_back(make(one));
  return out;
}

Json Fields(const std::monostate&) { return Json::object(); }

Json Fields(const intelligence::RecognizedText& text) {
  Json blocks = ListJson(text.blocks, [](const intelligence::TextBlock& block) -> Json {
    Json lines = ListJson(block.lines, [](const intelligence::TextLine& line) -> Json {
      Json words = ListJson(line.words, [](const intelligence::TextWord& word) -> Json {
        return {{"text", word.text},
                {"box", BoxJson(word.box)},
                {"confidence", word.confidence},
                {"language", word.language}};
      });
      return {{"text", line.text},
              {"box", BoxJson(line.box)},
              {"corners", QuadJson(line.corners)},
              {"confidence", line.confidence},
              {"begins_paragraph", line.begins_paragraph},
              {"words", std::move(words)}};
    });
    return {
        {"box", BoxJson(block.box)}, {"confidence", block.confidence}, {"lines", std::move(lines)}};
  });
  return {{"text", text.text},
          {"page_rotation_degrees", text.page_rotation_degrees},
          {"blocks", std::move(blocks)}};
}

Json Fields(const intelligence::Regions& regions) {
  return {{"regions", ListJson(regions.regions, RegionJson)}};
}

Json Fields(const intelligence::Barcodes& barcodes) {
  return {{"barcodes", ListJson(barcodes.barcodes, [](const intelligence::Barcode& one) -> Json {
             return {{"symbology", Name(one.symbology)},
                     {"symbology_name", one.symbology_name},
                     {"payload", one.payload},
                     {"payload_bytes", absl::Base64Escape(one.payload_bytes)},
                     {"content_type", one.content_type},
                     {"symbology_identifier", one.symbology_identifier},
                     {"is_inverted", one.is_inverted},
                     {"box", BoxJson(one.box)},
                     {"corners", QuadJson(one.corners)}};
           })}};
}

Json Fields(const intelligence::DocumentSegmentation& document) {
  Json json = Json::object();
  json["document"] = document.document.has_value() ? RegionJson(*document.document) : Json(nullptr);
  if (!document.corrected_png.empty()) json["corrected_bytes"] = document.corrected_png.size();
  return json;
}

Json Fields(const intelligence::Contours& contours) {
  return {{"contours", ListJson(contours.contours, [](const intelligence::Contour& one) -> Json {
             return {{"parent", one.parent}, {"points", ListJson(one.points, PointJson)}};
           })}};
}

Json Fields(const intelligence::Horizon& horizon) {
  return {{"found", horizon.found},
          {"angle_degrees", horizon.angle_degrees},
          {"confidence", horizon.confidence}};
}

Json LandmarkJson(const intelligence::Landmark& one) {
  return {{"name", one.name},
          {"position", PointJson(one.position)},
          {"depth", one.depth},
          {"confidence", one.confidence}};
}

Json Fields(const intelligence::Faces& faces) {
  return {{"faces", ListJson(faces.faces, [](const intelligence::Face& face) -> Json {
             return {{"box", BoxJson(face.box)},
                     {"confidence", face.confidence},
                     {"landmarks", ListJson(face.landmarks, LandmarkJson)}};
           })}};
}

Json Fields(const intelligence::Classifications& classes) {
  return {{"classifications",
           ListJson(classes.classifications, [](const intelligence::Classification& one) -> Json {
             return {{"identifier", one.identifier}, {"confidence", one.confidence}};
           })}};
}

Json Fields(const intelligence::Poses& poses) {
  return {{"poses", ListJson(poses.poses, [](const intelligence::Pose& pose) -> Json {
             return {{"box", BoxJson(pose.box)},
                     {"confidence", pose.confidence},
                     {"chirality", pose.chirality},
                     {"joints", ListJson(pose.joints, LandmarkJson)}};
           })}};
}

// Values, unlike those of saliency: they are the answer.
Json Fields(const intelligence::PersonSegmentation& person) {
  return {{"mask",
           {{"width", person.mask.width},
            {"height", person.mask.height},
            {"values", absl::Base64Escape(person.mask.values)}}}};
}

Json Fields(const intelligence::Saliency& saliency) {
  return {{"heatmap", {{"width", saliency.heatmap.width}, {"height", saliency.heatmap.height}}},
          {"regions", ListJson(saliency.regions, RegionJson)}};
}

Json Fields(const intelligence::FeaturePrint& print) {
  return {{"kind", print.kind}, {"values", print.values}};
}

Json Fields(const intelligence::AestheticsScores& scores) {
  return {{"overall_score", scores.overall_score}, {"is_utility", scores.is_utility},
          {"sharpness", scores.sharpness},         {"exposure", scores.exposure},
          {"contrast", scores.contrast},           {"colourfulness", scores.colourfulness},
          {"composition", scores.composition}};
}

Json Fields(const intelligence::LensSmudge& smudge) { return {{"confidence", smudge.confidence}}; }
Json Fields(const intelligence::Description& description) { return {{"text", description.text}}; }

Json Fields(const intelligence::TrackedObject& object) {
  return {{"box", BoxJson(object.box)}, {"confidence", object.confidence}, {"lost", object.lost}};
}

Json Fields(const intelligence::TrackedRectangle& rectangle) {
  return {{"corners", QuadJson(rectangle.corners)},
          {"confidence", rectangle.confidence},
          {"lost", rectangle.lost}};
}

Json Fields(const intelligence::OpticalFlow& flow) {
  Json displacements = Json::array();
  for (const intelligence::Point& moved : flow.displacements) {
    displacements.push_back(moved.x);
    displacements.push_back(moved.y);
  }
  return {
      {"width", flow.width}, {"height", flow.height}, {"displacements", std::move(displacements)}};
}

Json Fields(const intelligence::ImageAlignment& alignment) {
  Json json = {{"confidence", alignment.confidence}};
  json["transform"] = alignment.transform.has_value() ? Json(*alignment.transform) : Json(nullptr);
  return json;
}

// "at 12,30, 200×40".
std::string Place(const Rect& box, const ImageInfo& image) {
  return absl::StrFormat("at %d,%d, %d×%d", std::lround(box.x * image.width),
                         std::lround(box.y * image.height), std::lround(box.width * image.width),
                         std::lround(box.height * image.height));
}

std::string Percent(float part) { return absl::StrFormat("%.0f %%", part * 100); }

template <typename List>
std::string RenderPlaces(const List& list, const ImageInfo& image) {
  if (list.empty()) return "nothing\n";
  std::string text;
  for (const auto& one : list) {
    absl::StrAppend(&text, Place(one.box, image), ", ", Percent(one.confidence), "\n");
  }
  return text;
}

std::string Render(const std::monostate&, const ImageInfo&) {
  return "an answer that this mlctl does not know\n";
}
std::string Render(const intelligence::RecognizedText& text, const ImageInfo&) {
  return text.text.empty() ? "no text\n" : text.text;
}
std::string Render(const intelligence::Regions& regions, const ImageInfo& image) {
  return RenderPlaces(regions.regions, image);
}
std::string Render(const intelligence::Barcodes& barcodes, const ImageInfo& image) {
  if (barcodes.barcodes.empty()) return "none\n";
  std::string text;
  for (const intelligence::Barcode& one : barcodes.barcodes) {
    const std::string payload = one.payload.empty()
                                    ? absl::StrCat("0x", absl::BytesToHexString(one.payload_bytes))
                                    : one.payload;
    absl::StrAppend(&text, one.symbology_name, ": ", payload, "  (", Place(one.box, image), ")\n");
  }
  return text;
}
std::string Render(const intelligence::DocumentSegmentation& document, const ImageInfo& image) {
  if (!document.document.has_value()) return "none\n";
  return RenderPlaces(std::array{*document.document}, image);
}
std::string Render(const intelligence::Contours& contours, const ImageInfo&) {
  return absl::StrCat(contours.contours.size(), " ",
                      Plural(contours.contours.size(), "contour", "contours"), "\n");
}
std::string Render(const intelligence::Horizon& horizon, const ImageInfo&) {
  if (!horizon.found) return "none\n";
  return absl::StrFormat("turn by %+.2f° clockwise, %s\n", horizon.angle_degrees,
                         Percent(horizon.confidence));
}
// "nose_tip at 12,30": points that have a name of their own.
std::string RenderLandmarks(const std::vector<intelligence::Landmark>& landmarks,
                            const ImageInfo& image) {
  std::string text;
  size_t unnamed = 0;
  for (const intelligence::Landmark& one : landmarks) {
    if (one.name.starts_with("mesh_")) {
      ++unnamed;
      continue;
    }
    absl::StrAppendFormat(&text, "  %s at %d,%d, %s\n", one.name,
                          std::lround(one.position.x * image.width),
                          std::lround(one.position.y * image.height), Percent(one.confidence));
  }
  if (unnamed > 0) absl::StrAppend(&text, "  and ", unnamed, " points of the face's mesh\n");
  return text;
}
std::string Render(const intelligence::Faces& faces, const ImageInfo& image) {
  if (faces.faces.empty()) return "nothing\n";
  std::string text;
  for (const intelligence::Face& face : faces.faces) {
    absl::StrAppend(&text, Place(face.box, image), ", ", Percent(face.confidence), "\n",
                    RenderLandmarks(face.landmarks, image));
  }
  return text;
}
std::string Render(const intelligence::Poses& poses, const ImageInfo& image) {
  if (poses.poses.empty()) return "nothing\n";
  std::string text;
  for (const intelligence::Pose& pose : poses.poses) {
    absl::StrAppend(&text, pose.chirality, pose.chirality.empty() ? "" : " hand ",
                    Place(pose.box, image), ", ", Percent(pose.confidence), "\n",
                    RenderLandmarks(pose.joints, image));
  }
  return text;
}
std::string Render(const intelligence::Classifications& classes, const ImageInfo&) {
  if (classes.classifications.empty()) return "nothing\n";
  std::string text;
  for (const intelligence::Classification& one : classes.classifications) {
    absl::StrAppend(&text, one.identifier, ", ", Percent(one.confidence), "\n");
  }
  return text;
}
std::string Render(const intelligence::PersonSegmentation& person, const ImageInfo&) {
  const std::string& values = person.mask.values;
  const auto inside = std::count_if(values.begin(), values.end(),
                                    [](char value) { return static_cast<uint8_t>(value) > 127; });
  return absl::StrCat(
      Percent(values.empty() ? 0 : static_cast<float>(inside) / static_cast<float>(values.size())),
      " of the picture is a person\n");
}
std::string Render(const intelligence::Saliency& saliency, const ImageInfo& image) {
  return RenderPlaces(saliency.regions, image);
}
std::string Render(const intelligence::FeaturePrint& print, const ImageInfo&) {
  return absl::StrCat(print.kind, ", ", print.values.size(), " values\n");
}
std::string Render(const intelligence::AestheticsScores& scores, const ImageInfo&) {
  return absl::StrFormat(
      "%+.2f%s: sharpness %.2f, exposure %.2f, contrast %.2f, colourfulness %.2f, composition "
      "%.2f\n",
      scores.overall_score, scores.is_utility ? " (a picture for use)" : "", scores.sharpness,
      scores.exposure, scores.contrast, scores.colourfulness, scores.composition);
}
std::string Render(const intelligence::LensSmudge& smudge, const ImageInfo&) {
  return absl::StrCat(Percent(smudge.confidence), "\n");
}
std::string Render(const intelligence::Description& description, const ImageInfo&) {
  return absl::StrCat(description.text, "\n");
}

std::string Render(const intelligence::TrackedObject& object, const ImageInfo& image) {
  if (object.lost) return absl::StrCat("lost, last ", Place(object.box, image), "\n");
  return absl::StrCat(Place(object.box, image), ", ", Percent(object.confidence), "\n");
}
std::string Render(const intelligence::TrackedRectangle& rectangle, const ImageInfo& image) {
  std::string text = rectangle.lost ? "lost, last at" : "at";
  const intelligence::Quad& quad = rectangle.corners;
  for (const intelligence::Point& corner :
       {quad.top_left, quad.top_right, quad.bottom_right, quad.bottom_left}) {
    absl::StrAppendFormat(&text, " %d,%d", std::lround(corner.x * image.width),
                          std::lround(corner.y * image.height));
  }
  return rectangle.lost ? text + "\n"
                        : absl::StrCat(text, ", ", Percent(rectangle.confidence), "\n");
}
std::string Render(const intelligence::OpticalFlow& flow, const ImageInfo& image) {
  double x = 0, y = 0, longest = 0;
  const double count = std::max<double>(1, static_cast<double>(flow.displacements.size()));
  for (const intelligence::Point& moved : flow.displacements) {
    const double dx = 1.0 * moved.x * image.width, dy = 1.0 * moved.y * image.height;
    x += dx / count;
    y += dy / count;
    longest = std::max(longest, std::hypot(dx, dy));
  }
  return absl::StrFormat("moved by %+.1f,%+.1f pixels in the mean, %.1f at most (%d×%d cells)\n", x,
                         y, longest, flow.width, flow.height);
}
std::string Render(const intelligence::ImageAlignment& alignment, const ImageInfo& image) {
  const intelligence::Point middle = {0.5F, 0.5F};
  const std::optional<intelligence::Point> was = intelligence::Mapped(alignment, middle);
  if (!was.has_value()) return "too little in common with the frame before\n";
  return absl::StrFormat("moved by %+.1f,%+.1f pixels at its middle, %s\n",
                         (middle.x - was->x) * static_cast<float>(image.width),
                         (middle.y - was->y) * static_cast<float>(image.height),
                         Percent(alignment.confidence));
}

std::string Html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

struct Pixels {
  long left, top, right, bottom;
};

Pixels PixelsOf(const Rect& box, const ImageInfo& image) {
  return {std::lround(box.x * image.width), std::lround(box.y * image.height),
          std::lround((box.x + box.width) * image.width),
          std::lround((box.y + box.height) * image.height)};
}

std::string BboxOf(const Rect& box, const ImageInfo& image) {
  const Pixels p = PixelsOf(box, image);
  return absl::StrFormat("bbox %d %d %d %d", p.left, p.top, p.right, p.bottom);
}

}  // namespace

std::string_view Name(intelligence::BarcodeSymbology value) {
  static constexpr std::string_view kNames[] = {
      "UNSPECIFIED",      "AZTEC",       "CODABAR",      "CODE_39",
      "CODE_93",          "CODE_128",    "DATA_BAR",     "DATA_BAR_EXPANDED",
      "DATA_BAR_LIMITED", "DATA_MATRIX", "DX_FILM_EDGE", "EAN_8",
      "EAN_13",           "ITF",         "MAXICODE",     "PDF_417",
      "MICRO_PDF_417",    "QR",          "MICRO_QR",     "RMQR",
      "TELEPEN",          "UPC_A",       "UPC_E",        "OTHER"};
  const auto index = static_cast<size_t>(value);
  return index < std::size(kNames) ? kNames[index] : "UNSPECIFIED";
}

std::string_view Name(const intelligence::VisionRequestKind& kind) {
  static constexpr std::string_view kNames[] = {"recognize_text",
                                                "detect_text_rectangles",
                                                "detect_barcodes",
                                                "detect_rectangles",
                                                "detect_document_segmentation",
                                                "detect_contours",
                                                "detect_horizon",
                                                "detect_face_rectangles",
                                                "detect_human_rectangles",
                                                "generate_attention_based_saliency_image",
                                                "generate_objectness_based_saliency_image",
                                                "generate_image_feature_print",
                                                "calculate_image_aesthetics_scores",
                                                "detect_lens_smudge",
                                                "detect_face_landmarks",
                                                "classify_image",
                                                "detect_human_hand_pose",
                                                "detect_human_body_pose",
                                                "generate_person_segmentation",
                                                "describe_image",
                                                "track_object",
                                                "track_rectangle",
                                                "track_optical_flow",
                                                "track_translational_image_registration",
                                                "track_homographic_image_registration"};
  static_assert(std::size(kNames) == std::variant_size_v<intelligence::VisionRequestKind>);
  return kNames[kind.index()];
}

Json FrameJson(const intelligence::AnalyzeImageRequest& request,
               const intelligence::AnalyzeImageResult& result) {
  Json json = Json::object();
  json["image"] = {{"width", result.image.width},
                   {"height", result.image.height},
                   {"format", result.image.format},
                   {"orientation", static_cast<int>(result.image.orientation)},
                   {"dots_per_inch", result.image.dots_per_inch}};
  Json results = Json::array();
  for (const intelligence::VisionResult& one : result.results) {
    Json entry = {{"request", Name(request.requests.at(one.request_index).kind)},
                  {"model", one.model}};
    entry.update(std::visit([](const auto& kind) { return Fields(kind); }, one.kind));
    results.push_back(std::move(entry));
  }
  json["results"] = std::move(results);
  return json;
}

Json ToJson(const intelligence::AnalyzeImageRequest& request,
            const intelligence::AnalyzeImageResult& result) {
  Json json = FrameJson(request, result);
  json["decodes"] = result.decodes;
  json["usage"] = ToJson(result.usage);
  return json;
}

std::string RenderVisionResult(const intelligence::VisionResult& result,
                               const intelligence::ImageInfo& image) {
  return std::visit([&](const auto& kind) { return Render(kind, image); }, result.kind);
}

std::string RenderHocr(std::string_view name, const intelligence::ImageInfo& image,
                       const intelligence::RecognizedText& text) {
  std::string out = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" "
      "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n"
      "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n<head>\n<title>",
      Html(name),
      "</title>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n"
      "<meta name=\"ocr-system\" content=\"intelligenced\"/>\n"
      "<meta name=\"ocr-capabilities\" content=\"ocr_page ocr_carea ocr_par ocr_line ocrx_word "
      "ocrp_wconf\"/>\n</head>\n<body>\n<div class=\"ocr_page\" id=\"page_1\" title='image \"",
      Html(name), "\"; bbox 0 0 ", image.width, " ", image.height, "; ppageno 0'>\n");
  int block_number = 0, paragraph = 0, line_number = 0, word_number = 0;
  for (const intelligence::TextBlock& block : text.blocks) {
    absl::StrAppendFormat(&out, "<div class=\"ocr_carea\" id=\"block_1_%d\" title=\"%s\">\n",
                          ++block_number, BboxOf(block.box, image));
    bool open = false;
    for (const intelligence::TextLine& line : block.lines) {
      if (!open || line.begins_paragraph) {
        if (open) out += "</p>\n";
        absl::StrAppendFormat(&out, "<p class=\"ocr_par\" id=\"par_1_%d\">\n", ++paragraph);
        open = true;
      }
      absl::StrAppendFormat(&out, "<span class=\"ocr_line\" id=\"line_1_%d\" title=\"%s\">",
                            ++line_number, BboxOf(line.box, image));
      for (const intelligence::TextWord& word : line.words) {
        absl::StrAppendFormat(
            &out,
            " <span class=\"ocrx_word\" id=\"word_1_%d\" title=\"%s; x_wconf %d\" "
            "lang=\"%s\">%s</span>",
            ++word_number, BboxOf(word.box, image), std::lround(word.confidence * 100),
            Html(word.language), Html(word.text));
      }
      out += "</span>\n";
    }
    if (open) out += "</p>\n";
    out += "</div>\n";
  }
  return out + "</div>\n</body>\n</html>\n";
}

std::string RenderTsv(const intelligence::ImageInfo& image,
                      const intelligence::RecognizedText& text) {
  std::string out =
      "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\t"
      "text\n";
  int block_number = 0, paragraph = 0, line_number = 0, word_number = 0;
  const auto row = [&](int level, const Rect& box, float confidence, std::string_view words) {
    const Pixels p = PixelsOf(box, image);
    absl::StrAppendFormat(&out, "%d\t1\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", level,
                          block_number, paragraph, line_number, word_number, p.left, p.top,
                          p.right - p.left, p.bottom - p.top,
                          confidence < 0 ? "-1" : absl::StrFormat("%.6f", confidence * 100), words);
  };
  row(1, {.x = 0, .y = 0, .width = 1, .height = 1}, -1, "");
  for (const intelligence::TextBlock& block : text.blocks) {
    ++block_number;
    paragraph = line_number = word_number = 0;
    row(2, block.box, -1, "");
    for (const intelligence::TextLine& line : block.lines) {
      if (paragraph == 0 || line.begins_paragraph) {
        ++paragraph;
        line_number = 0;
      }
      ++line_number;
      word_number = 0;
      row(4, line.box, -1, "");
      for (const intelligence::TextWord& word : line.words) {
        ++word_number;
        row(5, word.box, word.confidence, word.text);
      }
    }
  }
  return out;
}

}  // namespace intelligenced::mlctl
