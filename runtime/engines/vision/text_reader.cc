#include "runtime/engines/vision/text_reader.h"

#include <tesseract/baseapi.h>
#include <tesseract/ocrclass.h>
#include <tesseract/resultiterator.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <opencv2/core.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/vision/languages.h"

namespace intelligenced {
namespace {

constexpr char kOrientationData[] = "osd";
// A page read the right way round is above this, one that lies on its side far below.
constexpr int kDoubtfulConfidence = 70;
// Of Tesseract's detection of orientation; it is right nearly always above 1.
constexpr float kSureOrientation = 1.0F;
// Instances of one language that are kept when nobody reads.
constexpr size_t kMaxIdle = 4;

std::string Own(char* text) {
  const std::unique_ptr<char[]> owned(text);
  return text == nullptr || !IsValidUtf8(text) ? "" : text;
}

// What is read: the view, turned clockwise.
class Page {
 public:
  Page(const View* view, int degrees) : view_(*view), degrees_(degrees) {
    const cv::Mat pixels = view->pixels();
    if (degrees == 90) cv::rotate(pixels, pixels_, cv::ROTATE_90_CLOCKWISE);
    if (degrees == 180) cv::rotate(pixels, pixels_, cv::ROTATE_180);
    if (degrees == 270) cv::rotate(pixels, pixels_, cv::ROTATE_90_COUNTERCLOCKWISE);
    if (degrees == 0) pixels_ = pixels;
  }

  void SetOn(tesseract::TessBaseAPI& api) const {
    api.SetImage(pixels_.data, pixels_.cols, pixels_.rows, pixels_.channels(),
                 static_cast<int>(pixels_.step[0]));
    const auto dots = static_cast<int>(view_.picture().dots_per_inch());
    if (dots > 0) api.SetSourceResolution(dots);
  }

  void SetBox(int left, int top, int right, int bottom, vision_proto::Rect* box) const {
    const cv::Point2f a = Back(static_cast<float>(left), static_cast<float>(top));
    const cv::Point2f b = Back(static_cast<float>(right), static_cast<float>(bottom));
    view_.SetRect(cv::Rect2f(a, b), box);
  }
  // Corners in the turned page, from the top left clockwise.
  void SetQuad(const cv::Point2f (&corners)[4], vision_proto::Quad* quad) const {
    cv::Point2f back[4];
    for (int i = 0; i < 4; ++i) back[i] = Back(corners[i].x, corners[i].y);
    view_.SetQuad(back, quad);
  }
  int degrees() const { return degrees_; }

 private:
  cv::Point2f Back(float x, float y) const {
    const auto width = static_cast<float>(pixels_.cols);
    const auto height = static_cast<float>(pixels_.rows);
    switch (degrees_) {
      case 90:
        return {y, width - x};
      case 180:
        return {width - x, height - y};
      case 270:
        return {height - y, x};
      default:
        return {x, y};
    }
  }

  const View& view_;
  const int degrees_;
  cv::Mat pixels_;
};

bool IsText(const tesseract::PageIterator& place) {
  return tesseract::PTIsTextType(place.BlockType());
}

// How many corners further a line's own top left is, for text that lies on its side.
int TurnOf(const tesseract::PageIterator& place) {
  tesseract::Orientation orientation = tesseract::ORIENTATION_PAGE_UP;
  tesseract::WritingDirection direction;
  tesseract::TextlineOrder order;
  float skew = 0;
  place.Orientation(&orientation, &direction, &order, &skew);
  switch (orientation) {
    case tesseract::ORIENTATION_PAGE_RIGHT:
      return 1;
    case tesseract::ORIENTATION_PAGE_DOWN:
      return 2;
    case tesseract::ORIENTATION_PAGE_LEFT:
      return 3;
    default:
      return 0;
  }
}

// An upright line lies between two slanted edges: as high as the box less what the slant adds.
void LineCorners(const tesseract::PageIterator& place, const Page& page, vision_proto::Quad* quad) {
  int left = 0, top = 0, right = 0, bottom = 0;
  place.BoundingBox(tesseract::RIL_TEXTLINE, &left, &top, &right, &bottom);
  const int turn = TurnOf(place);
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  float slant = 0;
  if (turn == 0 && place.Baseline(tesseract::RIL_TEXTLINE, &x1, &y1, &x2, &y2) && x2 > x1) {
    slant = static_cast<float>(y2 - y1) * static_cast<float>(right - left) /
            static_cast<float>(x2 - x1);
    const auto most = static_cast<float>(bottom - top) / 2;
    slant = std::clamp(slant, -most, most);
  }
  const float down_left = std::max(0.0F, -slant);
  const float down_right = std::max(0.0F, slant);
  const auto height = static_cast<float>(bottom - top) - std::abs(slant);
  const auto l = static_cast<float>(left);
  const auto r = static_cast<float>(right);
  const auto t = static_cast<float>(top);
  cv::Point2f corners[4] = {{l, t + down_left},
                            {r, t + down_right},
                            {r, t + down_right + height},
                            {l, t + down_left + height}};
  std::rotate(std::begin(corners), std::begin(corners) + turn, std::end(corners));
  page.SetQuad(corners, quad);
}

template <typename Message>
void SetBoxOf(const tesseract::PageIterator& place, tesseract::PageIteratorLevel level,
              const Page& page, Message* message) {
  int left = 0, top = 0, right = 0, bottom = 0;
  place.BoundingBox(level, &left, &top, &right, &bottom);
  page.SetBox(left, top, right, bottom, message->mutable_box());
}

void AddWord(const tesseract::ResultIterator& place, const Page& page, float min_confidence,
             vision_proto::TextLine* line) {
  const float confidence = place.Confidence(tesseract::RIL_WORD) / 100;
  std::string text = Own(place.GetUTF8Text(tesseract::RIL_WORD));
  if (text.empty() || confidence < min_confidence) return;
  vision_proto::TextWord* const word = line->add_words();
  word->set_text(std::move(text));
  word->set_confidence(std::clamp(confidence, 0.0F, 1.0F));
  SetBoxOf(place, tesseract::RIL_WORD, page, word);
  const char* const language = place.WordRecognitionLanguage();
  if (language != nullptr) word->set_language(LanguageTag(language));
}

// Drops what `min_confidence` left empty and puts line texts and confidences together.
void Finish(float min_confidence, vision_proto::RecognizedText* text) {
  vision_proto::RecognizedText kept;
  for (vision_proto::TextBlock& block : *text->mutable_blocks()) {
    vision_proto::TextBlock full;
    *full.mutable_box() = block.box();
    for (vision_proto::TextLine& line : *block.mutable_lines()) {
      if (line.words().empty()) continue;
      std::vector<std::string_view> words;
      float sum = 0;
      for (const vision_proto::TextWord& word : line.words()) {
        words.push_back(word.text());
        sum += word.confidence();
      }
      line.set_text(absl::StrJoin(words, " "));
      line.set_confidence(sum / static_cast<float>(line.words_size()));
      full.set_confidence(full.confidence() + line.confidence());
      full.mutable_lines()->Add(std::move(line));
    }
    if (full.lines().empty()) continue;
    full.set_confidence(full.confidence() / static_cast<float>(full.lines_size()));
    kept.mutable_blocks()->Add(std::move(full));
  }
  kept.set_page_rotation_degrees(text->page_rotation_degrees());
  if (min_confidence > 0) {
    for (const vision_proto::TextBlock& block : kept.blocks()) {
      for (const vision_proto::TextLine& line : block.lines()) {
        if (line.begins_paragraph() && !kept.text().empty()) kept.mutable_text()->append("\n");
        absl::StrAppend(kept.mutable_text(), line.text(), "\n");
      }
    }
  } else {
    // Tesseract's own knows of right-to-left text and of blanks.
    kept.set_text(std::move(*text->mutable_text()));
  }
  *text = std::move(kept);
}

vision_proto::RecognizedText Collect(tesseract::TessBaseAPI& api, const Page& page,
                                     float min_confidence) {
  vision_proto::RecognizedText text;
  text.set_page_rotation_degrees(static_cast<uint32_t>(page.degrees()));
  text.set_text(Own(api.GetUTF8Text()));
  const std::unique_ptr<tesseract::ResultIterator> place(api.GetIterator());
  if (place == nullptr) return text;
  vision_proto::TextBlock* block = nullptr;
  vision_proto::TextLine* line = nullptr;
  do {
    if (place->Empty(tesseract::RIL_WORD) || !IsText(*place)) continue;
    if (block == nullptr || place->IsAtBeginningOf(tesseract::RIL_BLOCK)) {
      block = text.add_blocks();
      line = nullptr;
      SetBoxOf(*place, tesseract::RIL_BLOCK, page, block);
    }
    if (line == nullptr || place->IsAtBeginningOf(tesseract::RIL_TEXTLINE)) {
      line = block->add_lines();
      line->set_begins_paragraph(place->IsAtBeginningOf(tesseract::RIL_PARA));
      SetBoxOf(*place, tesseract::RIL_TEXTLINE, page, line);
      LineCorners(*place, page, line->mutable_corners());
    }
    AddWord(*place, page, min_confidence, line);
  } while (place->Next(tesseract::RIL_WORD));
  Finish(min_confidence, &text);
  return text;
}

absl::Status Failed() {
  return MakeError(Reason::kEngineFailure, "Tesseract could not read the picture.");
}

}  // namespace

// One use of an instance.
class TextReader::Reading {
 public:
  Reading(TextReader* reader, std::string languages, Instance instance)
      : reader_(*reader), languages_(std::move(languages)), instance_(std::move(instance)) {}
  ~Reading() {
    instance_->Clear();
    instance_->ClearAdaptiveClassifier();
    reader_.GiveBack(languages_, std::move(instance_));
  }

  tesseract::TessBaseAPI& api() { return *instance_; }

  // False: it was told to stop, or failed.
  bool Recognize(const Page& page, const GoOn& go_on, const std::function<void(int)>& on_progress) {
    Watcher watcher{.go_on = go_on, .on_progress = on_progress};
    tesseract::ETEXT_DESC monitor;
    monitor.cancel = [](void* watcher, int) { return static_cast<Watcher*>(watcher)->Stop(); };
    monitor.cancel_this = &watcher;
    watcher.monitor = &monitor;
    page.SetOn(api());
    const bool read = api().Recognize(&monitor) == 0;
    return read && !watcher.stopped;
  }

 private:
  struct Watcher {
    const GoOn& go_on;
    const std::function<void(int)>& on_progress;
    tesseract::ETEXT_DESC* monitor = nullptr;
    bool stopped = false;

    bool Stop() {
      on_progress(monitor->progress);
      if (!stopped) stopped = !go_on();
      return stopped;
    }
  };

  TextReader& reader_;
  const std::string languages_;
  Instance instance_;
};

absl::StatusOr<std::unique_ptr<TextReader>> TextReader::Open(std::string folder) {
  auto reader = std::unique_ptr<TextReader>(new TextReader(std::move(folder)));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(reader->folder_, error)) {
    if (entry.path().extension() == ".traineddata") reader->names_.insert(entry.path().stem());
  }
  if (!reader->names_.contains("eng")) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("There is no eng.traineddata in ", reader->folder_,
                                  ". Install the package that has it (tesseract-ocr-eng)."));
  }
  // Also says at once whether the library takes the data.
  absl::StatusOr<Instance> first = reader->Take("eng");
  if (!first.ok()) return first.status();
  reader->GiveBack("eng", *std::move(first));
  return reader;
}

TextReader::TextReader(std::string folder) : folder_(std::move(folder)) {}

TextReader::~TextReader() = default;

std::vector<std::string> TextReader::Languages() const {
  std::vector<std::string> tags;
  for (const std::string& name : names_) {
    if (name != kOrientationData) tags.push_back(LanguageTag(name));
  }
  std::sort(tags.begin(), tags.end());
  return tags;
}

absl::StatusOr<std::string> TextReader::LanguagesOf(
    const vision_proto::RecognizeText& request) const {
  if (request.languages().empty()) return "eng";
  std::vector<std::string> names;
  for (const std::string& tag : request.languages()) {
    std::string name = TesseractLanguage(tag);
    if (name == kOrientationData || !names_.contains(name)) {
      ErrorFacts facts;
      facts.metadata["languages"] = absl::StrJoin(Languages(), ",");
      return MakeError(
          Reason::kLanguageUnsupported,
          absl::StrCat("There is no data to read \"", tag,
                       "\". What is there: ", absl::StrJoin(Languages(), ", "),
                       ". More languages are packages of the system (tesseract-ocr-…)."),
          facts);
    }
    names.push_back(std::move(name));
  }
  return absl::StrJoin(names, "+");
}

absl::Status TextReader::CheckLanguages(const vision_proto::RecognizeText& request) const {
  return LanguagesOf(request).status();
}

absl::StatusOr<TextReader::Instance> TextReader::Take(const std::string& languages) {
  {
    absl::MutexLock lock(mutex_);
    std::vector<Instance>& idle = idle_[languages];
    if (!idle.empty()) {
      Instance instance = std::move(idle.back());
      idle.pop_back();
      return instance;
    }
  }
  auto instance = std::make_unique<tesseract::TessBaseAPI>();
  if (instance->Init(folder_.c_str(), languages.c_str()) != 0) {
    return MakeError(Reason::kEngineFailure, absl::StrCat("Tesseract does not take its data for ",
                                                          languages, " in ", folder_, "."));
  }
  return instance;
}

void TextReader::GiveBack(const std::string& languages, Instance instance) {
  absl::MutexLock lock(mutex_);
  std::vector<Instance>& idle = idle_[languages];
  if (idle.size() < kMaxIdle) idle.push_back(std::move(instance));
}

int TextReader::DetectRotation(const View& view) {
  if (!names_.contains(kOrientationData)) return 0;
  absl::StatusOr<Instance> instance = Take(kOrientationData);
  if (!instance.ok()) return 0;
  Reading reading(this, kOrientationData, *std::move(instance));
  reading.api().SetPageSegMode(tesseract::PSM_OSD_ONLY);
  Page(&view, 0).SetOn(reading.api());
  int degrees = 0;
  float confidence = 0;
  const char* script = nullptr;
  float script_confidence = 0;
  if (!reading.api().DetectOrientationScript(&degrees, &confidence, &script, &script_confidence) ||
      confidence < kSureOrientation) {
    return 0;
  }
  return (360 - degrees) % 360;
}

absl::StatusOr<vision_proto::RecognizedText> TextReader::Read(
    const View& view, const vision_proto::RecognizeText& request, float min_confidence,
    const GoOn& go_on, const std::function<void(int percent)>& on_progress) {
  absl::StatusOr<std::string> languages = LanguagesOf(request);
  if (!languages.ok()) return languages.status();
  absl::StatusOr<Instance> instance = Take(*languages);
  if (!instance.ok()) return instance.status();
  Reading reading(this, *languages, *std::move(instance));
  reading.api().SetPageSegMode(tesseract::PSM_AUTO);
  const Page page(&view, 0);
  if (!reading.Recognize(page, go_on, on_progress)) return Failed();
  vision_proto::RecognizedText text = Collect(reading.api(), page, min_confidence);
  const int confidence = reading.api().MeanTextConf();
  if (request.assume_upright() || confidence >= kDoubtfulConfidence || !go_on()) return text;
  const int degrees = DetectRotation(view);
  if (degrees == 0 || !go_on()) return text;
  const Page turned(&view, degrees);
  if (!reading.Recognize(turned, go_on, on_progress)) return Failed();
  if (reading.api().MeanTextConf() <= confidence) return text;
  return Collect(reading.api(), turned, min_confidence);
}

absl::StatusOr<vision_proto::Regions> TextReader::FindLines(const View& view) {
  absl::StatusOr<Instance> instance = Take("eng");
  if (!instance.ok()) return instance.status();
  Reading reading(this, "eng", *std::move(instance));
  reading.api().SetPageSegMode(tesseract::PSM_AUTO);
  const Page page(&view, 0);
  page.SetOn(reading.api());
  const std::unique_ptr<tesseract::PageIterator> place(reading.api().AnalyseLayout());
  vision_proto::Regions regions;
  if (place == nullptr) return regions;
  do {
    if (place->Empty(tesseract::RIL_TEXTLINE) || !IsText(*place)) continue;
    vision_proto::Region* const region = regions.add_regions();
    SetBoxOf(*place, tesseract::RIL_TEXTLINE, page, region);
    LineCorners(*place, page, region->mutable_corners());
    region->set_confidence(1);
  } while (place->Next(tesseract::RIL_TEXTLINE));
  return regions;
}

}  // namespace intelligenced
