// mlctl vision on the frames of a video, against a server with scripted answers.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "runtime/media/image.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using testing::HasSubstr;
using ServerStream = grpc::ServerReaderWriter<v1::AnalyzeFramesResponse, v1::AnalyzeFramesRequest>;

class FramesCommandTest : public testing::Test {
 protected:
  FramesCommandTest() {
    host_.environment = [](const char*) { return std::string(); };
    host_.read_input = [] { return std::string(); };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
    daemon_.scripts.frames = [this](ServerStream* stream) { return Answer(stream); };
    Image image = *Image::Make(200, 100, 1);
    std::fill(image.data(), image.data() + image.size_bytes(), uint8_t{255});
    frames_ = daemon_.folder() + "/frames";
    std::filesystem::create_directory(frames_);
    for (const char* name : {"b.png", "a.png", "c.png"}) {
      std::ofstream(absl::StrCat(frames_, "/", name), std::ios::binary) << *EncodePng(image);
    }
  }

  // A frame that begins with "bad" is dropped; the others move to the right.
  grpc::Status Answer(ServerStream* stream) {
    v1::AnalyzeFramesRequest request;
    uint64_t frame = 0, dropped = 0;
    while (stream->Read(&request)) {
      v1::AnalyzeFramesResponse response;
      if (request.has_start()) {
        start_ = request.start();
        response.mutable_model_loading()->set_model("models/vision-classic");
      } else if (request.frame().image().encoded().starts_with("bad")) {
        response.mutable_dropped()->set_first_frame(frame++);
        response.mutable_dropped()->set_count(1);
        response.mutable_dropped()->set_dropped_frames(++dropped);
      } else {
        v1::FrameResults& results = *response.mutable_frame();
        results.mutable_image()->set_width(200);
        results.mutable_image()->set_height(100);
        for (int i = 0; i < start_.requests_size(); ++i) {
          v1::VisionResult& result = *results.add_results();
          result.set_request_index(static_cast<uint32_t>(i));
          Fill(start_.requests(i), frame, &result);
        }
        results.set_frame(frame++);
        results.set_dropped_frames(dropped);
      }
      stream->Write(response);
    }
    v1::AnalyzeFramesResponse response;
    response.mutable_completed()->set_analyzed_frames(frame - dropped);
    stream->Write(response);
    return grpc::Status::OK;
  }

  static void Fill(const v1::VisionRequest& request, uint64_t frame, v1::VisionResult* result) {
    if (request.has_track_object()) {
      v1::TrackedObject& object = *result->mutable_tracked_object();
      object.mutable_box()->set_x(0.1F * static_cast<float>(frame + 1));
      object.mutable_box()->set_y(0.25F);
      object.mutable_box()->set_width(0.25F);
      object.mutable_box()->set_height(0.5F);
      object.set_confidence(0.9F);
      object.set_lost(frame == 2);
    } else if (request.has_track_rectangle()) {
      result->mutable_tracked_rectangle()->mutable_corners()->mutable_bottom_right()->set_x(1);
      result->mutable_tracked_rectangle()->set_confidence(0.8F);
    } else if (request.has_track_optical_flow()) {
      result->mutable_optical_flow()->set_width(1);
      result->mutable_optical_flow()->set_height(1);
      result->mutable_optical_flow()->add_displacements(0.02F);
      result->mutable_optical_flow()->add_displacements(0);
    } else if (request.has_track_homographic_image_registration()) {
      result->mutable_image_alignment()->set_confidence(0);
    } else {
      for (int i = 0; i < 9; ++i) {
        result->mutable_image_alignment()->add_transform(i % 4 == 0 ? 1 : i == 2 ? -0.02F : 0);
      }
      result->mutable_image_alignment()->set_confidence(0.75F);
    }
  }

  int Mlctl(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    host_.out = &out_;
    host_.err = &err_;
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }

  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_;
  std::ostringstream err_;
  v1::AnalyzeFramesStart start_;
  std::string frames_;
};

TEST_F(FramesCommandTest, AFolderIsItsFilesInOrder) {
  EXPECT_EQ(Mlctl({"vision", "--track", "0.1,0.25,0.25,0.5", frames_}), kDone) << err_.str();
  ASSERT_EQ(start_.requests_size(), 1);
  EXPECT_EQ(start_.requests(0).track_object().box().width(), 0.25F);
  EXPECT_EQ(out_.str(), absl::StrCat("==> ", frames_, "/a.png <==\nat 20,25, 50×50, 90 %\n",  //
                                     "==> ", frames_, "/b.png <==\nat 40,25, 50×50, 90 %\n",  //
                                     "==> ", frames_, "/c.png <==\nlost, last at 60,25, 50×50\n"));
}

TEST_F(FramesCommandTest, EverythingMayBeAskedTogether) {
  EXPECT_EQ(Mlctl({"vision", frames_ + "/a.png", "--track-rectangle", "0,0,1,0,1,1,0,1", "--flow",
                   "--register", "translation", "--json"}),
            kDone)
      << err_.str();
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["frame"], 0);
  EXPECT_EQ(json["dropped_frames"], 0);
  EXPECT_EQ(json["file"], frames_ + "/a.png");
  EXPECT_EQ(json["results"][0]["request"], "track_rectangle");
  EXPECT_EQ(json["results"][0]["corners"]["bottom_right"]["x"], 1);
  EXPECT_EQ(json["results"][1]["displacements"].size(), 2);
  EXPECT_EQ(json["results"][2]["request"], "track_translational_image_registration");
  EXPECT_EQ(json["results"][2]["transform"].size(), 9);
  EXPECT_EQ(Mlctl({"vision", frames_ + "/a.png", "--flow", "--register", "translation"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("track_optical_flow\nmoved by +4.0,+0.0 pixels"));
  EXPECT_THAT(out_.str(), HasSubstr("moved by +4.0,+0.0 pixels at its middle, 75 %"));
  EXPECT_EQ(Mlctl({"vision", frames_ + "/a.png", "--register", "homography"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("too little in common"));
}

TEST_F(FramesCommandTest, DrawnFramesAreWritten) {
  const std::string drawn = daemon_.folder() + "/drawn/here";
  EXPECT_EQ(Mlctl({"vision", "--track", "0.1,0.25,0.25,0.5", "--flow", "--register", "translation",
                   frames_, "--annotate", drawn}),
            kDone)
      << err_.str();
  for (const char* name : {"000000-a.png", "000001-b.png", "000002-c.png"}) {
    EXPECT_TRUE(std::filesystem::exists(absl::StrCat(drawn, "/", name))) << name;
  }
}

TEST_F(FramesCommandTest, WhatIsDroppedOrCannotBeReadIsNamed) {
  const std::string bad = daemon_.folder() + "/bad.png";
  std::ofstream(bad) << "bad";
  EXPECT_EQ(
      Mlctl({"vision", "--flow", frames_ + "/a.png", bad, "/nowhere.png", frames_ + "/b.png"}),
      kInputOutput);
  EXPECT_THAT(err_.str(), HasSubstr("bad.png"));
  EXPECT_THAT(err_.str(), HasSubstr("/nowhere.png"));
  EXPECT_THAT(out_.str(), HasSubstr("b.png <=="));
}

TEST_F(FramesCommandTest, ARefusalIsShown) {
  daemon_.scripts.frames = [](ServerStream*) {
    return StatusToGrpc(MakeError(Reason::kNoCapableModel, "Nobody follows things here."));
  };
  EXPECT_EQ(Mlctl({"vision", "--flow", frames_}), kRefused);
  EXPECT_THAT(err_.str(), HasSubstr("Nobody follows things here."));
}

TEST_F(FramesCommandTest, WrongCommandLines) {
  EXPECT_EQ(Mlctl({"vision", "--flow"}), kUsage);
  EXPECT_EQ(Mlctl({"vision", "--track", "0.1,0.2,x,1", frames_}), kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--track"));
  EXPECT_EQ(Mlctl({"vision", "--track-rectangle", "0,0,1,1", frames_}), kUsage);
  EXPECT_EQ(Mlctl({"vision", "--register", "magic", frames_}), kUsage);
  EXPECT_EQ(Mlctl({"vision", "--flow", frames_, "--corrected", "x.png"}), kUsage);
}

}  // namespace
}  // namespace intelligenced::mlctl
