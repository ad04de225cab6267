#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "clients/cpp/src/convert.h"

namespace intelligence {
namespace {

void ToProto(const Point& from, v1::Point* to) {
  to->set_x(from.x);
  to->set_y(from.y);
}
void ToProto(const Rect& from, v1::Rect* to) {
  to->set_x(from.x);
  to->set_y(from.y);
  to->set_width(from.width);
  to->set_height(from.height);
}

void Fill(const RecognizeText& from, v1::VisionRequest* to) {
  v1::RecognizeText& out = *to->mutable_recognize_text();
  for (const std::string& language : from.languages) out.add_languages(language);
  out.set_assume_upright(from.assume_upright);
}
void Fill(const DetectTextRectangles&, v1::VisionRequest* to) {
  to->mutable_detect_text_rectangles();
}
void Fill(const DetectBarcodes& from, v1::VisionRequest* to) {
  v1::DetectBarcodes& out = *to->mutable_detect_barcodes();
  for (const BarcodeSymbology symbology : from.symbologies) {
    out.add_symbologies(EnumToProto<v1::BarcodeSymbology>(symbology));
  }
}
void Fill(const DetectRectangles& from, v1::VisionRequest* to) {
  v1::DetectRectangles& out = *to->mutable_detect_rectangles();
  out.set_min_aspect_ratio(from.min_aspect_ratio);
  out.set_max_aspect_ratio(from.max_aspect_ratio);
  out.set_min_size(from.min_size);
  out.set_angle_tolerance_degrees(from.angle_tolerance_degrees);
}
void Fill(const DetectDocumentSegmentation& from, v1::VisionRequest* to) {
  to->mutable_detect_document_segmentation()->set_correct_perspective(from.correct_perspective);
}
void Fill(const DetectContours& from, v1::VisionRequest* to) {
  v1::DetectContours& out = *to->mutable_detect_contours();
  out.set_max_image_side(from.max_image_side);
  out.set_light_on_dark(from.light_on_dark);
}
void Fill(const DetectHorizon&, v1::VisionRequest* to) { to->mutable_detect_horizon(); }
void Fill(const DetectFaceRectangles&, v1::VisionRequest* to) {
  to->mutable_detect_face_rectangles();
}
void Fill(const DetectHumanRectangles&, v1::VisionRequest* to) {
  to->mutable_detect_human_rectangles();
}
void Fill(const GenerateAttentionBasedSaliencyImage&, v1::VisionRequest* to) {
  to->mutable_generate_attention_based_saliency_image();
}
void Fill(const GenerateObjectnessBasedSaliencyImage&, v1::VisionRequest* to) {
  to->mutable_generate_objectness_based_saliency_image();
}
void Fill(const GenerateImageFeaturePrint&, v1::VisionRequest* to) {
  to->mutable_generate_image_feature_print();
}
void Fill(const CalculateImageAestheticsScores&, v1::VisionRequest* to) {
  to->mutable_calculate_image_aesthetics_scores();
}
void Fill(const DetectLensSmudge&, v1::VisionRequest* to) { to->mutable_detect_lens_smudge(); }
void Fill(const DetectFaceLandmarks&, v1::VisionRequest* to) {
  to->mutable_detect_face_landmarks();
}
void Fill(const ClassifyImage&, v1::VisionRequest* to) { to->mutable_classify_image(); }
void Fill(const DetectHumanHandPose&, v1::VisionRequest* to) {
  to->mutable_detect_human_hand_pose();
}
void Fill(const DetectHumanBodyPose&, v1::VisionRequest* to) {
  to->mutable_detect_human_body_pose();
}
void Fill(const GeneratePersonSegmentation&, v1::VisionRequest* to) {
  to->mutable_generate_person_segmentation();
}
void Fill(const DescribeImage& from, v1::VisionRequest* to) {
  v1::DescribeImage& out = *to->mutable_describe_image();
  out.set_detail(EnumToProto<v1::DescriptionDetail>(from.detail));
  out.set_language(from.language);
}
void Fill(const TrackObject& from, v1::VisionRequest* to) {
  ToProto(from.box, to->mutable_track_object()->mutable_box());
}
void Fill(const TrackRectangle& from, v1::VisionRequest* to) {
  v1::Quad& out = *to->mutable_track_rectangle()->mutable_corners();
  ToProto(from.corners.top_left, out.mutable_top_left());
  ToProto(from.corners.top_right, out.mutable_top_right());
  ToProto(from.corners.bottom_right, out.mutable_bottom_right());
  ToProto(from.corners.bottom_left, out.mutable_bottom_left());
}
void Fill(const TrackOpticalFlow& from, v1::VisionRequest* to) {
  to->mutable_track_optical_flow()->set_grid_side(from.grid_side);
}
void Fill(const TrackTranslationalImageRegistration&, v1::VisionRequest* to) {
  to->mutable_track_translational_image_registration();
}
void Fill(const TrackHomographicImageRegistration&, v1::VisionRequest* to) {
  to->mutable_track_homographic_image_registration();
}

Point FromProto(const v1::Point& point) { return {.x = point.x(), .y = point.y()}; }

Rect FromProto(const v1::Rect& rect) {
  return {.x = rect.x(), .y = rect.y(), .width = rect.width(), .height = rect.height()};
}

Quad FromProto(const v1::Quad& quad) {
  return {.top_left = FromProto(quad.top_left()),
          .top_right = FromProto(quad.top_right()),
          .bottom_right = FromProto(quad.bottom_right()),
          .bottom_left = FromProto(quad.bottom_left())};
}

Quad CornersOf(const Rect& box) {
  return {.top_left = {box.x, box.y},
          .top_right = {box.x + box.width, box.y},
          .bottom_right = {box.x + box.width, box.y + box.height},
          .bottom_left = {box.x, box.y + box.height}};
}

Region FromProto(const v1::Region& region) {
  const Rect box = FromProto(region.box());
  return {.box = box,
          .corners = region.has_corners() ? FromProto(region.corners()) : CornersOf(box),
          .confidence = region.confidence()};
}

TextWord FromProto(const v1::TextWord& word) {
  return {.text = word.text(),
          .box = FromProto(word.box()),
          .confidence = word.confidence(),
          .language = word.language()};
}

Barcode FromProto(const v1::Barcode& barcode) {
  return {.symbology = EnumFromProto(barcode.symbology(), BarcodeSymbology::kOther),
          .payload = barcode.payload(),
          .payload_bytes = barcode.payload_bytes(),
          .box = FromProto(barcode.box()),
          .corners = FromProto(barcode.corners()),
          .content_type = barcode.content_type(),
          .symbology_identifier = barcode.symbology_identifier(),
          .symbology_name = barcode.symbology_name(),
          .is_inverted = barcode.is_inverted()};
}

Landmark FromProto(const v1::Landmark& landmark) {
  return {.name = landmark.name(),
          .position = FromProto(landmark.position()),
          .depth = landmark.depth(),
          .confidence = landmark.confidence()};
}

TextLine FromProto(const v1::TextLine& line);
TextBlock FromProto(const v1::TextBlock& block);
Contour FromProto(const v1::Contour& contour);
Face FromProto(const v1::Face& face);
Pose FromProto(const v1::Pose& pose);
Classification FromProto(const v1::Classification& one);

template <typename To, typename List>
std::vector<To> ListFromProto(const List& list) {
  std::vector<To> out;
  out.reserve(static_cast<size_t>(list.size()));
  for (const auto& one : list) out.push_back(FromProto(one));
  return out;
}

TextLine FromProto(const v1::TextLine& line) {
  return {.text = line.text(),
          .box = FromProto(line.box()),
          .corners = FromProto(line.corners()),
          .confidence = line.confidence(),
          .words = ListFromProto<TextWord>(line.words()),
          .begins_paragraph = line.begins_paragraph()};
}

TextBlock FromProto(const v1::TextBlock& block) {
  return {.box = FromProto(block.box()),
          .confidence = block.confidence(),
          .lines = ListFromProto<TextLine>(block.lines())};
}

Contour FromProto(const v1::Contour& contour) {
  return {.points = ListFromProto<Point>(contour.points()), .parent = contour.parent()};
}

Face FromProto(const v1::Face& face) {
  return {.box = FromProto(face.box()),
          .confidence = face.confidence(),
          .landmarks = ListFromProto<Landmark>(face.landmarks())};
}

Pose FromProto(const v1::Pose& pose) {
  return {.box = FromProto(pose.box()),
          .confidence = pose.confidence(),
          .joints = ListFromProto<Landmark>(pose.joints()),
          .chirality = pose.chirality()};
}

Classification FromProto(const v1::Classification& one) {
  return {.identifier = one.identifier(), .confidence = one.confidence()};
}

Heatmap FromProto(const v1::Heatmap& map) {
  return {.width = map.width(), .height = map.height(), .values = map.values()};
}

DocumentSegmentation FromProto(const v1::DocumentSegmentation& document) {
  DocumentSegmentation out;
  if (document.has_document()) out.document = FromProto(document.document());
  out.corrected_png = document.corrected().png();
  return out;
}

Saliency FromProto(const v1::Saliency& saliency) {
  return {.heatmap = FromProto(saliency.heatmap()),
          .regions = ListFromProto<Region>(saliency.regions())};
}

AestheticsScores FromProto(const v1::AestheticsScores& scores) {
  return {.overall_score = scores.overall_score(),
          .is_utility = scores.is_utility(),
          .sharpness = scores.sharpness(),
          .exposure = scores.exposure(),
          .contrast = scores.contrast(),
          .colourfulness = scores.colourfulness(),
          .composition = scores.composition()};
}

OpticalFlow FromProto(const v1::OpticalFlow& flow) {
  OpticalFlow out = {.width = flow.width(), .height = flow.height()};
  for (int i = 0; i + 1 < flow.displacements_size(); i += 2) {
    out.displacements.push_back({.x = flow.displacements(i), .y = flow.displacements(i + 1)});
  }
  return out;
}

ImageAlignment FromProto(const v1::ImageAlignment& alignment) {
  ImageAlignment out = {.confidence = alignment.confidence()};
  if (alignment.transform_size() != 9) return out;
  std::copy(alignment.transform().begin(), alignment.transform().end(),
            out.transform.emplace().begin());
  return out;
}

VisionResultKind KindOf(const v1::VisionResult& result) {
  switch (result.kind_case()) {
    case v1::VisionResult::kText:
      return RecognizedText{.blocks = ListFromProto<TextBlock>(result.text().blocks()),
                            .text = result.text().text(),
                            .page_rotation_degrees = result.text().page_rotation_degrees()};
    case v1::VisionResult::kRegions:
      return Regions{.regions = ListFromProto<Region>(result.regions().regions())};
    case v1::VisionResult::kBarcodes:
      return Barcodes{.barcodes = ListFromProto<Barcode>(result.barcodes().barcodes())};
    case v1::VisionResult::kDocument:
      return FromProto(result.document());
    case v1::VisionResult::kContours:
      return Contours{.contours = ListFromProto<Contour>(result.contours().contours())};
    case v1::VisionResult::kHorizon:
      return Horizon{.found = result.horizon().found(),
                     .angle_degrees = result.horizon().angle_degrees(),
                     .confidence = result.horizon().confidence()};
    case v1::VisionResult::kFaces:
      return Faces{.faces = ListFromProto<Face>(result.faces().faces())};
    case v1::VisionResult::kSaliency:
      return FromProto(result.saliency());
    case v1::VisionResult::kFeaturePrint:
      return FeaturePrint{.kind = result.feature_print().kind(),
                          .values = {result.feature_print().values().begin(),
                                     result.feature_print().values().end()}};
    case v1::VisionResult::kAesthetics:
      return FromProto(result.aesthetics());
    case v1::VisionResult::kLensSmudge:
      return LensSmudge{.confidence = result.lens_smudge().confidence()};
    case v1::VisionResult::kClassifications:
      return Classifications{.classifications = ListFromProto<Classification>(
                                 result.classifications().classifications())};
    case v1::VisionResult::kPoses:
      return Poses{.poses = ListFromProto<Pose>(result.poses().poses())};
    case v1::VisionResult::kSegmentation:
      return PersonSegmentation{.mask = FromProto(result.segmentation().mask())};
    case v1::VisionResult::kDescription:
      return Description{.text = result.description().text()};
    case v1::VisionResult::kTrackedObject:
      return TrackedObject{.box = FromProto(result.tracked_object().box()),
                           .confidence = result.tracked_object().confidence(),
                           .lost = result.tracked_object().lost()};
    case v1::VisionResult::kTrackedRectangle:
      return TrackedRectangle{.corners = FromProto(result.tracked_rectangle().corners()),
                              .confidence = result.tracked_rectangle().confidence(),
                              .lost = result.tracked_rectangle().lost()};
    case v1::VisionResult::kOpticalFlow:
      return FromProto(result.optical_flow());
    case v1::VisionResult::kImageAlignment:
      return FromProto(result.image_alignment());
    default:
      return std::monostate{};
  }
}

}  // namespace

ImageInfo FromProto(const v1::ImageInfo& image) {
  return {.width = image.width(),
          .height = image.height(),
          .format = image.format(),
          .orientation = EnumFromProto(image.orientation(), ImageOrientation::kLeft),
          .dots_per_inch = image.dots_per_inch()};
}

Queued FromProto(const v1::Queued& queued) {
  Queued out = {.position = queued.position(), .expected_wait = std::nullopt};
  if (queued.has_expected_wait()) {
    out.expected_wait = intelligence::FromProto(queued.expected_wait());
  }
  return out;
}

VisionResult FromProto(const v1::VisionResult& result) {
  return {.request_index = result.request_index(), .model = result.model(), .kind = KindOf(result)};
}

void ToProto(const VisionImage& image, v1::VisionImage* out) {
  out->set_orientation(EnumToProto<v1::ImageOrientation>(image.orientation));
  if (!image.pixels.has_value()) {
    out->set_encoded(image.encoded);
    return;
  }
  const PixelBuffer& from = *image.pixels;
  v1::PixelBuffer& pixels = *out->mutable_pixels();
  pixels.set_format(EnumToProto<v1::PixelFormat>(from.format));
  pixels.set_width(from.width);
  pixels.set_height(from.height);
  pixels.set_stride(from.stride);
  pixels.set_data(from.data);
}

void ToProto(const VisionRequest& request, v1::VisionRequest* out) {
  std::visit([&](const auto& kind) { Fill(kind, out); }, request.kind);
  out->set_min_confidence(request.min_confidence);
  out->set_max_results(request.max_results);
  if (request.region_of_interest.has_value()) {
    ToProto(*request.region_of_interest, out->mutable_region_of_interest());
  }
}

VisionImage FromProto(const v1::VisionImage& image) {
  VisionImage out;
  out.orientation = EnumFromProto(image.orientation(), ImageOrientation::kLeft);
  if (!image.has_pixels()) {
    out.encoded = image.encoded();
    return out;
  }
  const v1::PixelBuffer& pixels = image.pixels();
  out.pixels = PixelBuffer{.format = EnumFromProto(pixels.format(), PixelFormat::kNv12),
                           .width = pixels.width(),
                           .height = pixels.height(),
                           .stride = pixels.stride(),
                           .data = pixels.data()};
  return out;
}

v1::AnalyzeImageRequest ToProto(const AnalyzeImageRequest& request, const CallOptions& options) {
  v1::AnalyzeImageRequest out;
  ToProto(request.image, out.mutable_image());
  for (const VisionRequest& one : request.requests) ToProto(one, out.add_requests());
  ToProto(options, out.mutable_options());
  return out;
}

std::optional<AnalyzeImageEvent> FromProto(const v1::AnalyzeImageResponse& response) {
  switch (response.event_case()) {
    case v1::AnalyzeImageResponse::kQueued:
      return FromProto(response.queued());
    case v1::AnalyzeImageResponse::kModelLoading:
      return ModelLoading{.model = response.model_loading().model()};
    case v1::AnalyzeImageResponse::kProgress:
      return WorkProgress{.done = response.progress().done(), .total = response.progress().total()};
    case v1::AnalyzeImageResponse::kImage:
      return FromProto(response.image());
    case v1::AnalyzeImageResponse::kResult:
      return FromProto(response.result());
    case v1::AnalyzeImageResponse::kCompleted:
      return AnalyzeImageCompleted{.decodes = response.completed().decodes(),
                                   .usage = FromProto(response.completed().usage())};
    default:
      return std::nullopt;
  }
}

}  // namespace intelligence
