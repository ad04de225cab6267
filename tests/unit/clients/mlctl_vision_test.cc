// mlctl vision and mlctl ocr against a server with scripted answers; what they ask, show and write.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "runtime/media/image.h"
#include "runtime/media/image_decode.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void SetBox(v1::Rect* box, float x, float y, float width, float height) {
  box->set_x(x);
  box->set_y(y);
  box->set_width(width);
  box->set_height(height);
}

void AddJoint(const char* name, float x, float y, v1::Pose* pose) {
  v1::Landmark* const joint = pose->add_joints();
  joint->set_name(name);
  joint->set_confidence(1);
  joint->mutable_position()->set_x(x);
  joint->mutable_position()->set_y(y);
}

// Two lines; the second begins a paragraph.
void FillText(v1::RecognizedText* text) {
  text->set_text("Fish & chips\n\nToday\n");
  v1::TextBlock* const block = text->add_blocks();
  SetBox(block->mutable_box(), 0, 0, 1, 1);
  for (const char* line_text : {"Fish & chips", "Today"}) {
    v1::TextLine* const line = block->add_lines();
    line->set_text(line_text);
    line->set_begins_paragraph(true);
    SetBox(line->mutable_box(), 0.1F, 0.2F, 0.5F, 0.1F);
    line->mutable_corners()->mutable_bottom_right()->set_x(0.6F);
    std::istringstream words(line_text);
    for (std::string word; words >> word;) {
      v1::TextWord* const added = line->add_words();
      added->set_text(word);
      added->set_language("en");
      added->set_confidence(0.95F);
      SetBox(added->mutable_box(), 0.1F, 0.2F, 0.1F, 0.1F);
    }
  }
}

class VisionCommandTest : public testing::Test {
 protected:
  VisionCommandTest() {
    host_.environment = [this](const char* name) {
      const std::string variable = name;
      return variable == "TERM" ? term_ : variable == "COLORTERM" ? "truecolor" : "";
    };
    host_.read_input = [this] { return input_; };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
    daemon_.scripts.analyze = [this](grpc::ServerContext*, const v1::AnalyzeImageRequest& request,
                                     grpc::ServerWriter<v1::AnalyzeImageResponse>* writer) {
      asked_ = request;
      return Answer(request, writer);
    };
    Image image = *Image::Make(200, 100, 1);
    std::fill(image.data(), image.data() + image.size_bytes(), uint8_t{255});
    picture_ = *EncodePng(image);
    path_ = daemon_.folder() + "/picture.png";
    std::ofstream(path_, std::ios::binary) << picture_;
  }

  // Answers come in another order than the requests.
  static grpc::Status Answer(const v1::AnalyzeImageRequest& request,
                             grpc::ServerWriter<v1::AnalyzeImageResponse>* writer) {
    if (request.image().encoded().starts_with("bad")) {
      return StatusToGrpc(MakeError(Reason::kImageUndecodable, "This is no picture."));
    }
    v1::AnalyzeImageResponse event;
    event.mutable_image()->set_width(200);
    event.mutable_image()->set_height(100);
    event.mutable_image()->set_format("png");
    writer->Write(event);
    for (int i = request.requests_size() - 1; i >= 0; --i) {
      event.Clear();
      v1::VisionResult& result = *event.mutable_result();
      result.set_request_index(static_cast<uint32_t>(i));
      result.set_model("models/vision-classic");
      if (request.requests(i).has_recognize_text()) {
        FillText(result.mutable_text());
      } else if (request.requests(i).has_detect_barcodes()) {
        v1::Barcode* const barcode = result.mutable_barcodes()->add_barcodes();
        barcode->set_symbology(v1::BARCODE_SYMBOLOGY_EAN_13);
        barcode->set_symbology_name("EAN-13");
        barcode->set_payload("4006381333931");
        SetBox(barcode->mutable_box(), 0.5F, 0.5F, 0.25F, 0.25F);
      } else if (request.requests(i).has_detect_face_rectangles()) {
        v1::Face* const face = result.mutable_faces()->add_faces();
        face->set_confidence(0.9F);
        SetBox(face->mutable_box(), 0.25F, 0.25F, 0.25F, 0.5F);
      } else if (request.requests(i).has_detect_document_segmentation()) {
        SetBox(result.mutable_document()->mutable_document()->mutable_box(), 0, 0, 1, 1);
        result.mutable_document()->mutable_corrected()->set_png("PNG bytes");
      } else if (request.requests(i).has_detect_human_hand_pose()) {
        v1::Pose* const hand = result.mutable_poses()->add_poses();
        hand->set_confidence(0.75F);
        hand->set_chirality("left");
        SetBox(hand->mutable_box(), 0.25F, 0.25F, 0.5F, 0.5F);
        AddJoint("wrist", 0.25F, 0.9F, hand);
        AddJoint("thumb_cmc", 0.75F, 0.9F, hand);
        AddJoint("thumb_mcp", 99, 99, hand);
      } else if (request.requests(i).has_generate_person_segmentation()) {
        v1::Heatmap* const mask = result.mutable_segmentation()->mutable_mask();
        mask->set_width(2);
        mask->set_height(1);
        mask->set_values(std::string("\x00\xff", 2));
      } else if (request.requests(i).has_classify_image()) {
        v1::Classification* const one = result.mutable_classifications()->add_classifications();
        one->set_identifier("tabby");
        one->set_confidence(0.625F);
      } else {
        result.mutable_horizon()->set_found(true);
        result.mutable_horizon()->set_angle_degrees(-1.5F);
      }
      writer->Write(event);
    }
    event.Clear();
    event.mutable_completed()->set_decodes(1);
    event.mutable_completed()->mutable_usage()->set_model("models/vision-classic");
    writer->Write(event);
    return grpc::Status::OK;
  }

  int Mlctl(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    host_.out = &out_;
    host_.err = &err_;
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }

  std::string ReadBack(const std::string& name) {
    std::ostringstream content;
    content << std::ifstream(daemon_.folder() + "/" + name, std::ios::binary).rdbuf();
    return content.str();
  }

  FakeDaemon daemon_;
  Host host_;
  std::string term_;
  std::ostringstream out_;
  std::ostringstream err_;
  absl::StatusOr<std::string> input_ = "";
  v1::AnalyzeImageRequest asked_;
  std::string picture_;
  std::string path_;
};

TEST_F(VisionCommandTest, AsksWhatTheFlagsSay) {
  EXPECT_EQ(Mlctl({"vision", "--faces", "--text", "--language", "de", "--language", "en", path_,
                   "--region", "0,0.5,1,0.5"}),
            kDone)
      << err_.str();
  EXPECT_EQ(asked_.image().encoded(), picture_);
  ASSERT_EQ(asked_.requests_size(), 2);
  EXPECT_THAT(asked_.requests(0).recognize_text().languages(), ElementsAre("de", "en"));
  EXPECT_TRUE(asked_.requests(1).has_detect_face_rectangles());
  EXPECT_EQ(asked_.requests(1).region_of_interest().y(), 0.5F);
  EXPECT_EQ(out_.str(),
            "recognize_text\nFish & chips\n\nToday\n"
            "detect_face_rectangles\nat 50,25, 50×50, 90 %\n");
}

TEST_F(VisionCommandTest, JsonHoldsEverything) {
  EXPECT_EQ(Mlctl({"vision", path_, "--barcodes", "--horizon", "--json"}), kDone);
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["file"], path_);
  EXPECT_EQ(json["image"]["width"], 200);
  EXPECT_EQ(json["decodes"], 1);
  EXPECT_EQ(json["results"][0]["request"], "detect_barcodes");
  EXPECT_EQ(json["results"][0]["barcodes"][0]["symbology"], "EAN_13");
  EXPECT_EQ(json["results"][0]["barcodes"][0]["payload"], "4006381333931");
  EXPECT_EQ(json["results"][1]["angle_degrees"], -1.5);
}

TEST_F(VisionCommandTest, AnnotatedPicturesShowWhatWasFound) {
  const std::string out = daemon_.folder() + "/found.png";
  EXPECT_EQ(Mlctl({"vision", path_, "--faces", "--annotate", out}), kDone) << err_.str();
  const std::string png = ReadBack("found.png");
  const absl::StatusOr<DecodedImage> decoded =
      DecodeImage({reinterpret_cast<const uint8_t*>(png.data()), png.size()});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const Image& image = decoded->image;
  ASSERT_EQ(image.width(), 200);
  // On the face's border it is coloured, beside it as before.
  EXPECT_NE(image.row(50)[3 * 50 + 2], 255);
  EXPECT_EQ(image.row(50)[3 * 60 + 2], 255);
}

TEST_F(VisionCommandTest, ThePictureIsShownInTheTerminal) {
  // Nobody asks the daemon for what cannot be shown.
  EXPECT_EQ(Mlctl({"vision", path_, "--faces", "--preview"}), kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("standard output is none"));
  EXPECT_THAT(err_.str(), HasSubstr("--annotate"));
  EXPECT_EQ(asked_.requests_size(), 0);
  host_.out_is_terminal = true;
  host_.columns = 50;
  EXPECT_EQ(Mlctl({"vision", path_, "--faces", "--preview"}), kUsage);
  term_ = "xterm-256color";
  EXPECT_EQ(Mlctl({"vision", path_, "--faces", "--preview"}), kDone) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("38;2;"));
  // White around the face's border.
  EXPECT_THAT(out_.str(), HasSubstr("255;255;255"));
  const std::string shown = out_.str();
  EXPECT_GE(std::count(shown.begin(), shown.end(), '\n'), 12);
  EXPECT_EQ(Mlctl({"vision", path_, "--faces", "--preview", "--json"}), kUsage);
  EXPECT_EQ(Mlctl({"vision", path_, "--flow", "--preview"}), kUsage);
}

TEST_F(VisionCommandTest, NetworksAnswersAreShown) {
  EXPECT_EQ(Mlctl({"vision", path_, "--hands", "--classify", "--segment", "--top", "3"}), kDone)
      << err_.str();
  ASSERT_EQ(asked_.requests_size(), 3);
  EXPECT_EQ(asked_.requests(1).max_results(), 3);
  EXPECT_EQ(out_.str(),
            "classify_image\ntabby, 62 %\n"
            "detect_human_hand_pose\nleft hand at 50,25, 100×50, 75 %\n"
            "  wrist at 50,90, 100 %\n  thumb_cmc at 150,90, 100 %\n"
            "  thumb_mcp at 19800,9900, 100 %\n"
            "generate_person_segmentation\n50 % of the picture is a person\n");
  EXPECT_EQ(Mlctl({"vision", path_, "--hands", "--classify", "--segment", "--json"}), kDone);
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["results"][1]["poses"][0]["chirality"], "left");
  EXPECT_EQ(json["results"][1]["poses"][0]["joints"][0]["name"], "wrist");
  EXPECT_EQ(json["results"][0]["classifications"][0]["identifier"], "tabby");
  EXPECT_EQ(json["results"][2]["mask"]["values"], "AP8=");
  EXPECT_EQ(Mlctl({"vision", path_, "--landmarks", "--body"}), kDone);
  EXPECT_TRUE(asked_.requests(0).has_detect_face_landmarks());
  EXPECT_TRUE(asked_.requests(1).has_detect_human_body_pose());
}

TEST_F(VisionCommandTest, SkeletonsAndMasksAreDrawn) {
  const std::string out = daemon_.folder() + "/hand.png";
  EXPECT_EQ(Mlctl({"vision", path_, "--hands", "--segment", "--annotate", out}), kDone)
      << err_.str();
  const std::string png = ReadBack("hand.png");
  const absl::StatusOr<DecodedImage> decoded =
      DecodeImage({reinterpret_cast<const uint8_t*>(png.data()), png.size()});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const Image& image = decoded->image;
  // Between the two joints that a bone joins; above it as before on the left, tinted on the right.
  EXPECT_NE(image.row(90)[3 * 80], 255);
  EXPECT_EQ(image.row(70)[3 * 80], 255);
  EXPECT_NE(image.row(70)[3 * 120], 255);
}

TEST_F(VisionCommandTest, ACorrectedDocumentIsWritten) {
  const std::string out = daemon_.folder() + "/page.png";
  EXPECT_EQ(Mlctl({"vision", path_, "--document", "--corrected", out}), kDone) << err_.str();
  EXPECT_TRUE(asked_.requests(0).detect_document_segmentation().correct_perspective());
  EXPECT_EQ(ReadBack("page.png"), "PNG bytes");
  EXPECT_NE(Mlctl({"vision", path_, "--faces", "--corrected", out}), kDone);
}

TEST_F(VisionCommandTest, OneBadPictureDoesNotStopTheOthers) {
  const std::string bad = daemon_.folder() + "/bad.png";
  std::ofstream(bad) << "bad";
  EXPECT_EQ(Mlctl({"vision", bad, path_, "/nowhere.png", "--horizon"}), kInputOutput);
  EXPECT_THAT(err_.str(), HasSubstr("bad.png"));
  EXPECT_THAT(err_.str(), HasSubstr("/nowhere.png"));
  EXPECT_THAT(out_.str(), HasSubstr("turn by -1.50°"));
}

TEST_F(VisionCommandTest, WrongCommandLines) {
  EXPECT_EQ(Mlctl({"vision", path_}), kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--barcodes"));
  EXPECT_EQ(Mlctl({"vision", path_, "--text", "--region", "0,1"}), kUsage);
  EXPECT_EQ(Mlctl({"vision", path_, path_, "--text", "--annotate", "x.png"}), kUsage);
  EXPECT_EQ(Mlctl({"ocr", path_, "--format", "pdf"}), kUsage);
}

TEST_F(VisionCommandTest, OcrFromStandardInput) {
  input_ = picture_;
  EXPECT_EQ(Mlctl({"ocr"}), kDone) << err_.str();
  EXPECT_EQ(asked_.image().encoded(), picture_);
  EXPECT_EQ(out_.str(), "Fish & chips\n\nToday\n");
}

TEST_F(VisionCommandTest, HocrHoldsPlacesAndEscapesText) {
  EXPECT_EQ(Mlctl({"ocr", path_, "--format", "hocr"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("bbox 0 0 200 100; ppageno 0"));
  EXPECT_THAT(out_.str(), HasSubstr("title=\"bbox 20 20 120 30\""));
  EXPECT_THAT(out_.str(), HasSubstr("x_wconf 95\" lang=\"en\">&amp;</span>"));
  EXPECT_THAT(out_.str(), HasSubstr("id=\"par_1_2\""));
}

TEST_F(VisionCommandTest, TsvHasTesseractsColumns) {
  EXPECT_EQ(Mlctl({"ocr", path_, "--format", "tsv"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft"
                                    "\ttop\twidth\theight\tconf\ttext\n"));
  EXPECT_THAT(out_.str(), HasSubstr("1\t1\t0\t0\t0\t0\t0\t0\t200\t100\t-1\t\n"));
  EXPECT_THAT(out_.str(), HasSubstr("5\t1\t1\t1\t1\t3\t20\t20\t20\t10\t95.000000\tchips\n"));
  EXPECT_THAT(out_.str(), HasSubstr("5\t1\t1\t2\t1\t1\t20\t20\t20\t10\t95.000000\tToday\n"));
}

}  // namespace
}  // namespace intelligenced::mlctl
