// The built-in vision model on pictures that the test draws.
#include "runtime/engines/vision/vision_engine.h"

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/vision/languages.h"
#include "tests/unit/engines/vision/pictures.h"

namespace intelligenced {
namespace {

using engine_proto::VisionResult;
using ZXing::BarcodeFormat;

// Loaded once for all tests: nothing in it changes.
Model& SharedModel() {
  static Model* const model = [] {
    static Engine* const engine = MakeVisionEngine().release();
    return (*engine->Load(VisionSpec(), {})).release();
  }();
  return *model;
}

struct Answer {
  absl::Status status;
  engine_proto::ImageInfo image;
  std::map<int, VisionResult> results;
  engine_proto::Completed completed;
  int steps = 0;
};

Answer Ask(const engine_proto::Task& task, absl::Duration budget = absl::Seconds(10),
           const std::function<void(int step)>& after_step = nullptr, CancelToken cancel = {},
           const Attachments& attachments = {}) {
  Answer answer;
  absl::StatusOr<std::unique_ptr<Job>> job = SharedModel().StartWith(task, attachments, cancel);
  answer.status = job.status();
  while (job.ok()) {
    Job* const one = job->get();
    const auto outputs = SharedModel().Step({&one, 1}, {.budget = budget});
    ++answer.steps;
    for (const engine_proto::Event& event : (*outputs)[0].events) {
      if (event.has_image()) answer.image = event.image();
      if (event.has_vision()) answer.results[event.vision().request_index()] = event.vision();
      if (event.has_completed()) answer.completed = event.completed();
    }
    if (after_step) after_step(answer.steps);
    if (!(*outputs)[0].done) continue;
    answer.status = (*outputs)[0].status;
    break;
  }
  return answer;
}

engine_proto::VisionRequest* AddTo(engine_proto::Task& task) {
  return task.mutable_vision()->add_requests();
}

TEST(VisionEngineTest, ReadsWordsLinesAndPlaces) {
  engine_proto::Task task =
      TaskOn(PngOf(PageOf({"The quick brown fox", "jumps over the lazy dog"})));
  AddTo(task)->mutable_recognize_text()->add_languages("en-GB");
  const Answer answer = Ask(task);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.image.width(), 900);
  EXPECT_EQ(answer.image.format(), "png");
  EXPECT_EQ(answer.completed.images_decoded(), 1);
  const engine_proto::RecognizedText& text = answer.results.at(0).text();
  EXPECT_EQ(text.text(), "The quick brown fox\njumps over the lazy dog\n");
  EXPECT_EQ(text.page_rotation_degrees(), 0);
  std::vector<engine_proto::TextLine> lines;
  for (const auto& block : text.blocks()) {
    lines.insert(lines.end(), block.lines().begin(), block.lines().end());
  }
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines[1].text(), "jumps over the lazy dog");
  ASSERT_EQ(lines[1].words_size(), 5);
  EXPECT_EQ(lines[1].words(4).text(), "dog");
  EXPECT_EQ(lines[1].words(4).language(), "en");
  EXPECT_GT(lines[1].words(4).confidence(), 0.7);
  // The second line stands around y = 110 of 160, its first word at x = 40 of 900.
  EXPECT_NEAR(lines[1].box().x(), 40 / 900.0, 0.01);
  EXPECT_GT(lines[1].box().y(), 0.5);
  EXPECT_LT(lines[1].box().y() + lines[1].box().height(), 0.9);
  EXPECT_NEAR(lines[1].corners().top_left().x(), lines[1].box().x(), 1e-3);
}

TEST(VisionEngineTest, TurnsAPageThatLiesOnItsSide) {
  const std::vector<std::string> lines = {
      "It was the best of times, it was the",  "worst of times, it was the age of",
      "wisdom, it was the age of foolishness", "it was the epoch of belief, it was",
      "the epoch of incredulity, it was the",  "season of Light, it was the season"};
  for (const auto [turn, degrees] :
       {std::pair(cv::ROTATE_90_CLOCKWISE, 270), std::pair(cv::ROTATE_180, 180),
        std::pair(cv::ROTATE_90_COUNTERCLOCKWISE, 90)}) {
    cv::Mat page;
    cv::rotate(PageOf(lines), page, turn);
    engine_proto::Task task = TaskOn(PngOf(page));
    AddTo(task)->mutable_recognize_text();
    const Answer answer = Ask(task);
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    const engine_proto::RecognizedText& text = answer.results.at(0).text();
    // Tesseract's layout knows by itself of lines that run down or up a page.
    if (degrees == 180) EXPECT_EQ(text.page_rotation_degrees(), 180);
    EXPECT_TRUE(absl::StrContains(text.text(), "the age of")) << text.text();
    // The first line's first letter is at the corner where the turned page has it.
    const engine_proto::Point& first = text.blocks(0).lines(0).corners().top_left();
    EXPECT_EQ(first.x() > 0.5, degrees != 90) << first.ShortDebugString();
    EXPECT_EQ(first.y() > 0.5, degrees != 270) << first.ShortDebugString();
  }
}

TEST(VisionEngineTest, ALanguageWithoutDataIsRefusedAtOnce) {
  engine_proto::Task task = TaskOn(PngOf(PageOf({"Text"})));
  AddTo(task)->mutable_recognize_text()->add_languages("tlh");
  const Answer answer = Ask(task);
  EXPECT_TRUE(HasReason(answer.status, Reason::kLanguageUnsupported)) << answer.status;
  EXPECT_TRUE(absl::StrContains(FactsOf(answer.status).metadata.at("languages"), "en"));
  EXPECT_EQ(answer.steps, 0);
}

TEST(VisionEngineTest, LanguageNames) {
  EXPECT_EQ(TesseractLanguage("en-GB"), "eng");
  EXPECT_EQ(TesseractLanguage("zh-Hant-TW"), "chi_tra");
  EXPECT_EQ(TesseractLanguage("zh"), "chi_sim");
  EXPECT_EQ(TesseractLanguage("frk"), "frk");
  EXPECT_EQ(TesseractLanguage("../x"), "");
  EXPECT_EQ(LanguageTag("deu"), "de");
}

TEST(VisionEngineTest, BarcodesOfSeveralKinds) {
  cv::Mat page(500, 900, CV_8UC1, cv::Scalar(255));
  const auto put = [&](const cv::Mat& code, int x, int y) {
    code.copyTo(page(cv::Rect({x, y}, code.size())));
  };
  put(BarcodeOf("https://example.org/", BarcodeFormat::QRCode, 4), 40, 40);
  put(BarcodeOf("4006381333931", BarcodeFormat::EAN13, 3), 400, 60);
  put(BarcodeOf("Grüße", BarcodeFormat::DataMatrix, 5), 600, 320);
  engine_proto::Task task = TaskOn(PngOf(page));
  AddTo(task)->mutable_detect_barcodes();
  AddTo(task)->mutable_detect_barcodes()->add_symbologies(engine_proto::BARCODE_SYMBOLOGY_EAN_13);
  engine_proto::VisionRequest* const part = AddTo(task);
  part->mutable_detect_barcodes();
  part->mutable_region_of_interest()->set_y(0.55F);
  part->mutable_region_of_interest()->set_width(1);
  part->mutable_region_of_interest()->set_height(0.45F);
  const Answer answer = Ask(task);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.completed.images_decoded(), 1);
  std::map<int, engine_proto::Barcode> found;
  for (const auto& barcode : answer.results.at(0).barcodes().barcodes()) {
    found[barcode.symbology()] = barcode;
  }
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[engine_proto::BARCODE_SYMBOLOGY_QR].payload(), "https://example.org/");
  EXPECT_NEAR(found[engine_proto::BARCODE_SYMBOLOGY_QR].corners().top_left().x(), 40 / 900.0, 0.03);
  EXPECT_EQ(found[engine_proto::BARCODE_SYMBOLOGY_EAN_13].payload(), "4006381333931");
  EXPECT_EQ(found[engine_proto::BARCODE_SYMBOLOGY_DATA_MATRIX].payload(), "Grüße");
  ASSERT_EQ(answer.results.at(1).barcodes().barcodes_size(), 1);
  EXPECT_EQ(answer.results.at(1).barcodes().barcodes(0).payload(), "4006381333931");
  // In the coordinates of the whole picture, whatever the region was.
  ASSERT_EQ(answer.results.at(2).barcodes().barcodes_size(), 1);
  EXPECT_NEAR(answer.results.at(2).barcodes().barcodes(0).corners().top_left().y(),
              found[engine_proto::BARCODE_SYMBOLOGY_DATA_MATRIX].corners().top_left().y(), 0.01);
}

// A light sheet, seen from the side, on a dark table.
cv::Mat Sheet() {
  cv::Mat picture(480, 640, CV_8UC3, cv::Scalar(60, 40, 30));
  const std::vector<cv::Point> corners = {{150, 80}, {500, 110}, {540, 400}, {110, 380}};
  cv::fillConvexPoly(picture, corners, cv::Scalar(240, 240, 235), cv::LINE_AA);
  return picture;
}

TEST(VisionEngineTest, ADocumentIsFoundAndFlattened) {
  engine_proto::Task task = TaskOn(PngOf(Sheet()));
  AddTo(task)->mutable_detect_document_segmentation()->set_correct_perspective(true);
  AddTo(task)->mutable_detect_rectangles();
  AddTo(task)->mutable_detect_contours()->set_light_on_dark(true);
  const Answer answer = Ask(task);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  const engine_proto::DocumentSegmentation& document = answer.results.at(0).document();
  ASSERT_TRUE(document.has_document());
  const engine_proto::Quad& corners = document.document().corners();
  EXPECT_NEAR(corners.top_left().x(), 150 / 640.0, 0.01);
  EXPECT_NEAR(corners.top_left().y(), 80 / 480.0, 0.01);
  EXPECT_NEAR(corners.bottom_right().x(), 540 / 640.0, 0.01);
  EXPECT_NEAR(corners.bottom_left().y(), 380 / 480.0, 0.01);
  EXPECT_NEAR(document.corrected().width(), 430, 12);
  EXPECT_TRUE(absl::StartsWith(document.corrected().png(), "\x89PNG"));
  ASSERT_EQ(answer.results.at(1).regions().regions_size(), 1);
  EXPECT_GT(answer.results.at(1).regions().regions(0).confidence(), 0.5);
  ASSERT_GE(answer.results.at(2).contours().contours_size(), 1);
  EXPECT_EQ(answer.results.at(2).contours().contours(0).parent(), -1);
}

TEST(VisionEngineTest, NothingToFindIsNoError) {
  engine_proto::Task task = TaskOn(PngOf(cv::Mat(200, 300, CV_8UC3, cv::Scalar(90, 90, 90))));
  AddTo(task)->mutable_recognize_text();
  AddTo(task)->mutable_detect_text_rectangles();
  AddTo(task)->mutable_detect_barcodes();
  AddTo(task)->mutable_detect_rectangles();
  AddTo(task)->mutable_detect_document_segmentation();
  AddTo(task)->mutable_detect_contours();
  AddTo(task)->mutable_detect_horizon();
  AddTo(task)->mutable_detect_face_rectangles();
  AddTo(task)->mutable_detect_human_rectangles();
  AddTo(task)->mutable_generate_attention_based_saliency_image();
  AddTo(task)->mutable_generate_objectness_based_saliency_image();
  AddTo(task)->mutable_generate_image_feature_print();
  AddTo(task)->mutable_calculate_image_aesthetics_scores();
  AddTo(task)->mutable_detect_lens_smudge();
  const Answer answer = Ask(task);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  ASSERT_EQ(answer.results.size(), 14);
  EXPECT_EQ(answer.completed.images_decoded(), 1);
  EXPECT_EQ(answer.results.at(0).text().text(), "");
  EXPECT_EQ(answer.results.at(2).barcodes().barcodes_size(), 0);
  EXPECT_FALSE(answer.results.at(4).document().has_document());
  EXPECT_FALSE(answer.results.at(6).horizon().found());
  EXPECT_EQ(answer.results.at(7).faces().faces_size(), 0);
  EXPECT_EQ(answer.results.at(8).regions().regions_size(), 0);
  EXPECT_EQ(answer.results.at(9).saliency().regions_size(), 0);
  EXPECT_EQ(answer.results.at(10).saliency().regions_size(), 0);
  EXPECT_EQ(answer.results.at(11).feature_print().values_size(), 63 + 48);
  EXPECT_TRUE(answer.results.at(12).aesthetics().is_utility());
}

TEST(VisionEngineTest, OnePixelSurvivesEveryRequest) {
  for (const int side : {1, 2, 5}) {
    engine_proto::Task task = TaskOn(PngOf(cv::Mat(1, side, CV_8UC3, cv::Scalar(9, 9, 9))));
    const auto* const kinds = engine_proto::VisionRequest::descriptor()->FindOneofByName("kind");
    for (int i = 0; i < 14; ++i) {
      engine_proto::VisionRequest* const request = AddTo(task);
      request->GetReflection()->MutableMessage(request, kinds->field(i));
    }
    const Answer answer = Ask(task);
    EXPECT_TRUE(answer.status.ok()) << side << ": " << answer.status;
    EXPECT_EQ(answer.results.size(), 14);
  }
}

TEST(VisionEngineTest, TheHorizonIsLevelled) {
  for (const int rise : {-40, 0, 60}) {
    cv::Mat picture(480, 640, CV_8UC3, cv::Scalar(200, 220, 250));
    const std::vector<cv::Point> sea = {{0, 240 + rise}, {640, 240 - rise}, {640, 480}, {0, 480}};
    cv::fillConvexPoly(picture, sea, cv::Scalar(30, 70, 110), cv::LINE_AA);
    engine_proto::Task task = TaskOn(PngOf(picture));
    AddTo(task)->mutable_detect_horizon();
    const Answer answer = Ask(task);
    ASSERT_TRUE(answer.results.at(0).horizon().found());
    EXPECT_NEAR(answer.results.at(0).horizon().angle_degrees(),
                std::atan2(2.0 * rise, 640) * 180 / M_PI, 0.6);
  }
}

TEST(VisionEngineTest, WhatStandsOutIsSalient) {
  cv::Mat picture(400, 600, CV_8UC3, cv::Scalar(40, 90, 40));
  cv::circle(picture, {450, 120}, 40, cv::Scalar(230, 40, 40), cv::FILLED, cv::LINE_AA);
  engine_proto::Task task = TaskOn(PngOf(picture));
  AddTo(task)->mutable_generate_attention_based_saliency_image();
  AddTo(task)->mutable_generate_objectness_based_saliency_image();
  const Answer answer = Ask(task);
  for (int i = 0; i < 2; ++i) {
    const engine_proto::Saliency& saliency = answer.results.at(i).saliency();
    EXPECT_EQ(saliency.heatmap().values().size(),
              saliency.heatmap().width() * saliency.heatmap().height());
    ASSERT_GE(saliency.regions_size(), 1) << i;
    const engine_proto::Rect& box = saliency.regions(0).box();
    EXPECT_LT(box.x(), 0.75);
    EXPECT_GT(box.x() + box.width(), 0.75);
    EXPECT_LT(box.y(), 0.3);
    EXPECT_GT(box.y() + box.height(), 0.3);
  }
}

std::vector<float> PrintOf(const cv::Mat& picture) {
  engine_proto::Task task = TaskOn(PngOf(picture));
  AddTo(task)->mutable_generate_image_feature_print();
  const Answer answer = Ask(task);
  const auto& values = answer.results.at(0).feature_print().values();
  return {values.begin(), values.end()};
}

double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

TEST(VisionEngineTest, FeaturePrintsOrderNearDuplicates) {
  const cv::Mat picture = Sheet();
  cv::Mat smaller, brighter, mirrored;
  cv::resize(picture, smaller, cv::Size(), 0.4, 0.4, cv::INTER_AREA);
  picture.convertTo(brighter, -1, 1.0, 20);
  cv::flip(picture, mirrored, 0);
  const std::vector<float> print = PrintOf(picture);
  const double same = Distance(print, PrintOf(picture));
  const double small = Distance(print, PrintOf(smaller));
  const double bright = Distance(print, PrintOf(brighter));
  const double other = Distance(print, PrintOf(mirrored));
  EXPECT_EQ(same, 0);
  EXPECT_LT(small, 0.05);
  EXPECT_LT(small, bright);
  EXPECT_LT(bright, other);
}

TEST(VisionEngineTest, ScoresFollowWhatTheyMeasure) {
  cv::Mat noise(120, 160, CV_8UC3), sharp;
  cv::RNG random(3);
  random.fill(noise, cv::RNG::UNIFORM, cv::Scalar::all(0), cv::Scalar::all(255));
  cv::resize(noise, sharp, cv::Size(640, 480), 0, 0, cv::INTER_NEAREST);
  cv::Mat blurred, veiled;
  cv::GaussianBlur(sharp, blurred, cv::Size(31, 31), 12);
  blurred.convertTo(veiled, -1, 0.3, 150);
  const auto ask = [](const cv::Mat& picture) {
    engine_proto::Task task = TaskOn(PngOf(picture));
    AddTo(task)->mutable_calculate_image_aesthetics_scores();
    AddTo(task)->mutable_detect_lens_smudge();
    return Ask(task);
  };
  const Answer good = ask(sharp), soft = ask(blurred), smudged = ask(veiled);
  EXPECT_GT(good.results.at(0).aesthetics().sharpness(),
            soft.results.at(0).aesthetics().sharpness() + 0.3);
  EXPECT_GT(good.results.at(0).aesthetics().contrast(),
            smudged.results.at(0).aesthetics().contrast());
  EXPECT_GT(good.results.at(0).aesthetics().overall_score(),
            smudged.results.at(0).aesthetics().overall_score());
  EXPECT_LT(good.results.at(1).lens_smudge().confidence(), 0.1);
  EXPECT_GT(smudged.results.at(1).lens_smudge().confidence(), 0.7);
}

TEST(VisionEngineTest, ReadingIsCutIntoStepsAndTheSame) {
  const std::string page = PngOf(PageOf(
      {"One line of a long text", "and another line of it", "and the third one", "the end of it"}));
  engine_proto::Task task = TaskOn(page);
  AddTo(task)->mutable_recognize_text();
  const Answer whole = Ask(task);
  const Answer cut = Ask(task, absl::ZeroDuration());
  EXPECT_EQ(whole.steps, 1);
  EXPECT_GT(cut.steps, 4);
  EXPECT_EQ(cut.results.at(0).SerializeAsString(), whole.results.at(0).SerializeAsString());
}

TEST(VisionEngineTest, CancelReachesTesseract) {
  engine_proto::Task task = TaskOn(PngOf(PageOf(std::vector<std::string>(12, "A line of text"))));
  AddTo(task)->mutable_recognize_text();
  const CancelSource source;
  const Answer answer = Ask(
      task, absl::ZeroDuration(),
      [&](int step) {
        if (step == 3) source.Cancel();
      },
      source.token());
  EXPECT_TRUE(absl::IsCancelled(answer.status)) << answer.status;
  EXPECT_LE(answer.steps, 5);
  EXPECT_TRUE(answer.results.empty());
}

TEST(VisionEngineTest, WhatIsWrongIsSaid) {
  engine_proto::Task task = TaskOn("not a picture");
  AddTo(task)->mutable_detect_horizon();
  EXPECT_TRUE(HasReason(Ask(task).status, Reason::kImageUndecodable));
  task.mutable_vision()->mutable_requests(0)->mutable_detect_human_hand_pose();
  EXPECT_EQ(FactsOf(Ask(task).status).field, "requests[0].kind");
  task.mutable_vision()->mutable_requests(0)->mutable_region_of_interest()->set_width(2);
  EXPECT_EQ(FactsOf(Ask(task).status).field, "requests[0].region_of_interest");
  task.mutable_vision()->clear_requests();
  EXPECT_EQ(FactsOf(Ask(task).status).field, "requests");
  task.mutable_vision()->clear_image();
  EXPECT_EQ(FactsOf(Ask(task).status).field, "image");
}

TEST(VisionEngineTest, RawPixelsWithAnOrientation) {
  cv::Mat page;
  cv::rotate(PageOf({"Sideways text here"}), page, cv::ROTATE_90_COUNTERCLOCKWISE);
  engine_proto::Task task;
  engine_proto::PixelBuffer& pixels = *task.mutable_vision()->mutable_image()->mutable_pixels();
  pixels.set_format(engine_proto::PIXEL_FORMAT_GREY);
  pixels.set_width(static_cast<uint32_t>(page.cols));
  pixels.set_height(static_cast<uint32_t>(page.rows));
  pixels.set_data(page.data, page.total());
  task.mutable_vision()->mutable_image()->set_orientation(engine_proto::IMAGE_ORIENTATION_RIGHT);
  AddTo(task)->mutable_recognize_text();
  const Answer answer = Ask(task);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.image.format(), "pixels");
  EXPECT_EQ(answer.image.width(), 900);
  EXPECT_EQ(answer.results.at(0).text().text(), "Sideways text here\n");
}

// A barcode in the middle of a wide stride, as each raw format has it.
struct RawFrame {
  engine_proto::PixelFormat format;
  uint32_t stride = 0;
  std::string bytes = {};
};

std::vector<RawFrame> RawFrames(const cv::Mat& grey) {
  const auto even = cv::Rect(0, 0, grey.cols & ~1, grey.rows & ~1);
  const cv::Mat picture = grey(even);
  std::vector<RawFrame> frames;
  for (const auto& [format, conversion, channels] :
       {std::tuple(engine_proto::PIXEL_FORMAT_GREY, -1, 1),
        std::tuple(engine_proto::PIXEL_FORMAT_RGB, static_cast<int>(cv::COLOR_GRAY2RGB), 3),
        std::tuple(engine_proto::PIXEL_FORMAT_RGBA, static_cast<int>(cv::COLOR_GRAY2RGBA), 4),
        std::tuple(engine_proto::PIXEL_FORMAT_BGRA, static_cast<int>(cv::COLOR_GRAY2BGRA), 4)}) {
    cv::Mat pixels = picture;
    if (conversion >= 0) cv::cvtColor(picture, pixels, conversion);
    RawFrame frame = {.format = format,
                      .stride = static_cast<uint32_t>(pixels.cols * channels + 13)};
    frame.bytes.assign(size_t{frame.stride} * pixels.rows, '\x5a');
    for (int y = 0; y < pixels.rows; ++y) {
      std::memcpy(frame.bytes.data() + size_t{frame.stride} * y, pixels.ptr(y),
                  static_cast<size_t>(pixels.cols) * channels);
    }
    frames.push_back(std::move(frame));
  }
  // NV12: luma in video range, then chroma without colour.
  RawFrame nv12 = {.format = engine_proto::PIXEL_FORMAT_NV12,
                   .stride = static_cast<uint32_t>(picture.cols + 14)};
  nv12.bytes.assign(size_t{nv12.stride} * picture.rows * 3 / 2, '\x80');
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      nv12.bytes[size_t{nv12.stride} * y + x] =
          static_cast<char>(16 + picture.at<uint8_t>(y, x) * 219 / 255);
    }
  }
  frames.push_back(std::move(nv12));
  return frames;
}

engine_proto::Task AttachedTask(const RawFrame& frame, const cv::Mat& picture) {
  engine_proto::Task task;
  engine_proto::VisionImage& image = *task.mutable_vision()->mutable_image();
  image.mutable_pixels()->set_format(frame.format);
  image.mutable_pixels()->set_width(static_cast<uint32_t>(picture.cols & ~1));
  image.mutable_pixels()->set_height(static_cast<uint32_t>(picture.rows & ~1));
  image.mutable_pixels()->set_stride(frame.stride);
  image.set_attachment("0");
  AddTo(task)->mutable_detect_barcodes();
  return task;
}

TEST(VisionEngineTest, AttachedPixelsOfEveryFormatAreRead) {
  const cv::Mat picture = BarcodeOf("attached", BarcodeFormat::QRCode, 4);
  for (const RawFrame& frame : RawFrames(picture)) {
    const engine_proto::Task task = AttachedTask(frame, picture);
    const Attachments attachments = {*Attachment::Copy(frame.bytes)};
    const Answer answer = Ask(task, absl::Seconds(10), nullptr, {}, attachments);
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    ASSERT_EQ(answer.results.at(0).barcodes().barcodes_size(), 1) << frame.format;
    EXPECT_EQ(answer.results.at(0).barcodes().barcodes(0).payload(), "attached");
    // The job keeps none of it when it is done.
    EXPECT_EQ(attachments[0].use_count(), 1);
  }
}

TEST(VisionEngineTest, EveryRequestWorksOnPixelsThatCannotBeWrittenTo) {
  const cv::Mat picture = PageOf({"Read only memory", "is no place to draw"});
  for (const RawFrame& frame : RawFrames(picture)) {
    if (frame.format != engine_proto::PIXEL_FORMAT_GREY &&
        frame.format != engine_proto::PIXEL_FORMAT_RGB) {
      continue;
    }
    engine_proto::Task task = AttachedTask(frame, picture);
    AddTo(task)->mutable_recognize_text();
    AddTo(task)->mutable_detect_text_rectangles();
    AddTo(task)->mutable_detect_rectangles();
    AddTo(task)->mutable_detect_document_segmentation()->set_correct_perspective(true);
    AddTo(task)->mutable_detect_contours();
    AddTo(task)->mutable_detect_horizon();
    AddTo(task)->mutable_detect_face_rectangles();
    AddTo(task)->mutable_detect_human_rectangles();
    AddTo(task)->mutable_generate_attention_based_saliency_image();
    AddTo(task)->mutable_generate_objectness_based_saliency_image();
    AddTo(task)->mutable_generate_image_feature_print();
    AddTo(task)->mutable_calculate_image_aesthetics_scores();
    AddTo(task)->mutable_detect_lens_smudge();
    engine_proto::Task with_bytes = task;
    with_bytes.mutable_vision()->mutable_image()->clear_attachment();
    with_bytes.mutable_vision()->mutable_image()->mutable_pixels()->set_data(frame.bytes);
    const Answer attached =
        Ask(task, absl::Seconds(10), nullptr, {}, {*Attachment::Copy(frame.bytes)});
    const Answer sent = Ask(with_bytes);
    ASSERT_TRUE(attached.status.ok()) << attached.status;
    ASSERT_EQ(attached.results.size(), sent.results.size());
    for (const auto& [index, result] : sent.results) {
      EXPECT_EQ(attached.results.at(index).SerializeAsString(), result.SerializeAsString())
          << index;
    }
  }
}

TEST(VisionEngineTest, AttachedFilesAreDecodedAndPartsOfThemAskedFor) {
  const std::string file = PngOf(BarcodeOf("in a file", BarcodeFormat::QRCode, 4));
  engine_proto::Task task;
  task.mutable_vision()->mutable_image()->set_attachment("1");
  AddTo(task)->mutable_detect_barcodes();
  engine_proto::VisionRequest& part = *AddTo(task);
  part.mutable_generate_image_feature_print();
  part.mutable_region_of_interest()->set_width(0.1F);
  part.mutable_region_of_interest()->set_height(0.1F);
  const Attachments attachments = {*Attachment::Copy("another"), *Attachment::Copy(file)};
  const Answer answer = Ask(task, absl::Seconds(10), nullptr, {}, attachments);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.image.format(), "png");
  EXPECT_EQ(answer.results.at(0).barcodes().barcodes(0).payload(), "in a file");
}

TEST(VisionEngineTest, AttachmentsThatAreNotThereOrTooShort) {
  const cv::Mat picture = BarcodeOf("short", BarcodeFormat::QRCode, 4);
  const RawFrame frame = RawFrames(picture)[1];
  engine_proto::Task task = AttachedTask(frame, picture);
  const Attachments whole = {*Attachment::Copy(frame.bytes)};
  for (const char* place : {"1", "-1", "x", "00000000000000000000001"}) {
    task.mutable_vision()->mutable_image()->set_attachment(place);
    const Answer answer = Ask(task, absl::Seconds(10), nullptr, {}, whole);
    EXPECT_TRUE(HasReason(answer.status, Reason::kFieldInvalid)) << place << answer.status;
    EXPECT_EQ(FactsOf(answer.status).field, "image.attachment");
  }
  task.mutable_vision()->mutable_image()->set_attachment("0");
  EXPECT_TRUE(HasReason(Ask(task).status, Reason::kFieldInvalid));
  const Attachments half = {*Attachment::Copy(frame.bytes.substr(frame.bytes.size() / 2))};
  EXPECT_TRUE(
      HasReason(Ask(task, absl::Seconds(10), nullptr, {}, half).status, Reason::kImageUndecodable));
  const Attachments double_size = {*Attachment::Copy(frame.bytes + frame.bytes)};
  EXPECT_TRUE(HasReason(Ask(task, absl::Seconds(10), nullptr, {}, double_size).status,
                        Reason::kImageUndecodable));
}

TEST(VisionEngineTest, LoadingSaysWhatIsMissing) {
  const auto engine = MakeVisionEngine();
  engine_proto::ModelSpec spec = VisionSpec();
  spec.mutable_files(0)->set_path("/nowhere/eng.traineddata");
  EXPECT_TRUE(HasReason(engine->Load(spec, {}).status(), Reason::kModelLoadFailed));
  spec = VisionSpec();
  spec.mutable_files(1)->set_path("/dev/null");
  EXPECT_TRUE(HasReason(engine->Load(spec, {}).status(), Reason::kModelLoadFailed));
  spec.clear_files();
  EXPECT_TRUE(HasReason(engine->Load(spec, {}).status(), Reason::kModelLoadFailed));
}

}  // namespace
}  // namespace intelligenced
