// VisionService over a real scheduler and server; the models are the fake engine.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "services/vision/capabilities.h"
#include "services/vision/describe.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

// Two models share what can be asked of a picture; both answer as the fake engine does.
constexpr char kReaderManifest[] = R"({
  "name": "reader", "engine": "fake", "title": "Reads", "built_in": true,
  "capabilities": ["vision.recognize-text", "vision.detect-barcodes"], "files": []})";
constexpr char kFinderManifest[] = R"({
  "name": "finder", "engine": "fake", "title": "Finds", "built_in": true, "rank": 5,
  "capabilities": ["vision.detect-rectangles", "vision.detect-barcodes"], "files": []})";

v1::AnalyzeImageRequest Request() {
  v1::AnalyzeImageRequest request;
  request.mutable_image()->set_encoded("written on it");
  return request;
}

class VisionServiceTest : public ServiceFixture {
 protected:
  VisionServiceTest()
      : ServiceFixture({{"reader", kReaderManifest}, {"finder", kFinderManifest}}) {}

  std::vector<v1::VisionResult> Results() const {
    std::vector<v1::VisionResult> results(32);
    size_t count = 0;
    for (const auto& response : analyze_) {
      if (!response.has_result()) continue;
      results.at(response.result().request_index()) = response.result();
      ++count;
    }
    results.resize(count);
    return results;
  }
  const v1::AnalyzeImageCompleted& completed() const { return analyze_.back().completed(); }
};

TEST_F(VisionServiceTest, OneModelDecodesOnceForAllItsRequests) {
  v1::AnalyzeImageRequest request = Request();
  for (int i = 0; i < 3; ++i) request.add_requests()->mutable_recognize_text();
  const absl::Status status = Analyze(request);
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<v1::VisionResult> results = Results();
  ASSERT_EQ(results.size(), 3);
  for (const v1::VisionResult& result : results) {
    EXPECT_EQ(result.text().text(), "written on it");
    EXPECT_EQ(result.model(), "models/reader");
  }
  EXPECT_EQ(completed().decodes(), 1);
  EXPECT_EQ(completed().usage().model(), "models/reader");
  // What the picture is comes first, and once.
  const auto is_image = [](const auto& response) { return response.has_image(); };
  const auto is_result = [](const auto& response) { return response.has_result(); };
  EXPECT_EQ(std::count_if(analyze_.begin(), analyze_.end(), is_image), 1);
  EXPECT_LT(std::find_if(analyze_.begin(), analyze_.end(), is_image),
            std::find_if(analyze_.begin(), analyze_.end(), is_result));
}

TEST_F(VisionServiceTest, EachRequestGoesToTheModelThatCan) {
  v1::AnalyzeImageRequest request = Request();
  request.add_requests()->mutable_detect_rectangles();
  request.add_requests()->mutable_recognize_text();
  request.add_requests()->mutable_detect_barcodes();  // both can: the higher rank
  request.add_requests()->mutable_recognize_text();
  const absl::Status status = Analyze(request);
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<v1::VisionResult> results = Results();
  ASSERT_EQ(results.size(), 4);
  EXPECT_EQ(results[0].model(), "models/finder");
  EXPECT_EQ(results[1].model(), "models/reader");
  EXPECT_EQ(results[2].model(), "models/finder");
  EXPECT_EQ(results[3].model(), "models/reader");
  EXPECT_TRUE(results[0].has_regions());
  EXPECT_EQ(results[3].text().text(), "written on it");
  EXPECT_EQ(completed().decodes(), 2);
  const auto is_image = [](const auto& response) { return response.has_image(); };
  EXPECT_EQ(std::count_if(analyze_.begin(), analyze_.end(), is_image), 1);
}

TEST_F(VisionServiceTest, ARequestThatNobodyCanServeIsNamed) {
  v1::AnalyzeImageRequest request = Request();
  request.add_requests()->mutable_recognize_text();
  request.add_requests()->mutable_detect_human_hand_pose();
  const absl::Status status = Analyze(request);
  EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel)) << status;
  EXPECT_EQ(FactsOf(status).field, "requests[1]");
  EXPECT_EQ(FactsOf(status).metadata.at("capability"), "vision.detect-human-hand-pose");
  EXPECT_TRUE(analyze_.empty());
}

TEST_F(VisionServiceTest, APictureThatIsNoneEndsTheCall) {
  v1::AnalyzeImageRequest request = Request();
  request.mutable_image()->set_encoded("bad picture");
  request.add_requests()->mutable_recognize_text();
  request.add_requests()->mutable_detect_rectangles();
  const absl::Status status = Analyze(request);
  EXPECT_TRUE(HasReason(status, Reason::kImageUndecodable)) << status;
  EXPECT_TRUE(std::none_of(analyze_.begin(), analyze_.end(),
                           [](const auto& response) { return response.has_completed(); }));
}

TEST_F(VisionServiceTest, RawPixelsAndOrientationReachTheEngine) {
  v1::AnalyzeImageRequest request;
  v1::PixelBuffer& pixels = *request.mutable_image()->mutable_pixels();
  pixels.set_format(v1::PIXEL_FORMAT_GREY);
  pixels.set_width(2);
  pixels.set_height(2);
  pixels.set_data("1234");
  request.mutable_image()->set_orientation(v1::IMAGE_ORIENTATION_LEFT);
  request.add_requests()->mutable_detect_rectangles();
  EXPECT_TRUE(Analyze(request).ok());
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].method(), "VisionService/AnalyzeImage");
  EXPECT_GT(activity_.records()[0].input_bytes(), 4);
}

TEST_F(VisionServiceTest, AnAttachmentStandsForThePictureForEveryModel) {
  attachments_.Add("token", "written in memory");
  v1::AnalyzeImageRequest request;
  request.mutable_image()->set_attachment("token");
  request.add_requests()->mutable_detect_rectangles();
  request.add_requests()->mutable_recognize_text();
  absl::Status status = Analyze(request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(completed().decodes(), 2);
  EXPECT_EQ(Results().at(1).text().text(), "written in memory");
  // Once.
  analyze_.clear();
  status = Analyze(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "image.attachment");
}

TEST_F(VisionServiceTest, WhatIsRefusedUsesItsTokenUpToo) {
  const auto refused = attachments_.Add("token", "written in memory");
  v1::AnalyzeImageRequest request;
  request.mutable_image()->set_attachment("token");
  request.add_requests()->mutable_detect_human_hand_pose();
  EXPECT_TRUE(HasReason(Analyze(request), Reason::kNoCapableModel));
  EXPECT_TRUE(refused.expired());
  // What is not even valid, too.
  const auto invalid = attachments_.Add("token", "written in memory");
  request.clear_requests();
  EXPECT_TRUE(HasReason(Analyze(request), Reason::kFieldInvalid));
  EXPECT_TRUE(invalid.expired());
}

TEST_F(VisionServiceTest, ManyBytesGoTheWayOfAttachments) {
  v1::AnalyzeImageRequest request;
  const std::string text(300'000, 'y');
  request.mutable_image()->set_encoded(text);
  request.add_requests()->mutable_recognize_text();
  const absl::Status status = Analyze(request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Results().at(0).text().text(), text);
}

TEST_F(VisionServiceTest, ATooLargeFileIsRefusedAsAnAttachmentToo) {
  attachments_.Add("token", std::string((48 << 20) + 1, 'x'));
  v1::AnalyzeImageRequest request;
  request.mutable_image()->set_attachment("token");
  request.add_requests()->mutable_recognize_text();
  EXPECT_TRUE(HasReason(Analyze(request), Reason::kInputTooLarge));
}

TEST(VisionCapabilityTest, NamesAreTheRequests) {
  v1::VisionRequest request;
  EXPECT_EQ(VisionCapability(request), "");
  request.mutable_recognize_text();
  EXPECT_EQ(VisionCapability(request), "vision.recognize-text");
  request.mutable_generate_attention_based_saliency_image();
  EXPECT_EQ(VisionCapability(request), "vision.generate-attention-based-saliency-image");
}

// A language model with eyes; it says what the script says.
constexpr char kDescriberManifest[] = R"({
  "name": "describer", "engine": "script", "title": "Describes", "built_in": true,
  "capabilities": ["language.generate", "language.describe-image"], "files": []})";

class DescribeImageTest : public ServiceFixture {
 protected:
  DescribeImageTest()
      : ServiceFixture({{"reader", kReaderManifest}, {"describer", kDescriberManifest}}) {}

  // What the model was asked, by the answers it gave.
  std::vector<engine_proto::GenerateTask> Asked(const v1::AnalyzeImageRequest& request,
                                                const std::string& answer) {
    std::vector<engine_proto::GenerateTask> asked;
    absl::Mutex mutex;
    script_.answer = [&](const engine_proto::GenerateTask& task) {
      absl::MutexLock lock(mutex);
      asked.push_back(task);
      return answer;
    };
    status_ = Analyze(request);
    return asked;
  }

  absl::Status status_;
};

TEST_F(DescribeImageTest, AsksALanguageModelBesideTheOthers) {
  v1::AnalyzeImageRequest request = Request();
  request.add_requests()->mutable_recognize_text();
  request.add_requests()->mutable_describe_image();
  v1::DescribeImage* other = request.add_requests()->mutable_describe_image();
  other->set_detail(v1::DESCRIPTION_DETAIL_ACCESSIBLE);
  other->set_language("de");
  const std::vector<engine_proto::GenerateTask> asked = Asked(request, "  A cat.\n");
  ASSERT_TRUE(status_.ok()) << status_;
  ASSERT_EQ(asked.size(), 2);
  for (const engine_proto::GenerateTask& task : asked) {
    ASSERT_EQ(task.conversation().messages_size(), 2);
    const engine_proto::Message& question = task.conversation().messages(1);
    ASSERT_EQ(question.images_size(), 1);
    EXPECT_EQ(question.images(0).encoded(), "written on it");
    EXPECT_EQ(task.shared_messages(), 1);
    EXPECT_EQ(task.sampling().temperature(), 0);
    EXPECT_GT(task.max_output_tokens(), 0);
    EXPECT_EQ(question.text().find("\"de\"") != std::string::npos,
              task.conversation().messages(0).text().find("cannot see") != std::string::npos);
  }
  int answers = 0;
  for (const auto& response : analyze_) {
    if (!response.has_result()) continue;
    ++answers;
    if (response.result().request_index() == 0) {
      EXPECT_EQ(response.result().model(), "models/reader");
      continue;
    }
    EXPECT_EQ(response.result().model(), "models/describer");
    EXPECT_EQ(response.result().description().text(), "A cat.");
  }
  EXPECT_EQ(answers, 3);
  EXPECT_TRUE(analyze_.back().has_completed());
}

v1::GenerateTextRequest AskAbout(const std::vector<std::string>& tokens) {
  v1::GenerateTextRequest request;
  v1::Message* message = request.mutable_conversation()->add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_text("What is this?");
  for (const std::string& token : tokens) message->add_images()->set_attachment(token);
  return request;
}

TEST_F(DescribeImageTest, PicturesOfAConversationMayBeDescriptors) {
  attachments_.Add("a", "first");
  attachments_.Add("b", "second");
  std::vector<std::string> seen;
  absl::Mutex mutex;
  script_.answer = [&](const engine_proto::GenerateTask& task) {
    absl::MutexLock lock(mutex);
    seen.clear();
    for (const auto& message : task.conversation().messages()) {
      for (const auto& image : message.images()) seen.push_back(image.encoded());
    }
    return "It is.";
  };
  v1::GenerateTextRequest request = AskAbout({"a", "b"});
  request.mutable_conversation()->mutable_messages(0)->add_images()->set_encoded("third");
  absl::Status status = Generate(request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, (std::vector<std::string>{"first", "second", "third"}));
  EXPECT_EQ(script_.attachments_seen, 2);
  // Once; nor does the engine's own name of one open anything.
  for (const char* const token : {"a", "0"}) {
    status = Generate(AskAbout({token}));
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_EQ(FactsOf(status).field, "conversation.messages[0].images[0].attachment");
  }
  // Together with those in the message they have the bounds of a conversation.
  attachments_.Add("large", std::string(25 << 20, 'x'));
  attachments_.Add("larger", std::string(25 << 20, 'x'));
  status = Generate(AskAbout({"large", "larger"}));
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  attachments_.Add("counted", "x");
  v1::CountTokensRequest count;
  *count.mutable_conversation() = AskAbout({"counted"}).conversation();
  grpc::ClientContext context;
  v1::CountTokensResponse counted;
  status = StatusFromGrpc(language_->CountTokens(&context, count, &counted));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(script_.attachments_seen, 3);
}

TEST_F(DescribeImageTest, ASessionKeepsWhatADescriptorHolds) {
  v1::CreateSessionRequest create;
  create.set_model("describer");
  v1::Session session;
  {
    grpc::ClientContext context;
    const absl::Status status =
        StatusFromGrpc(language_->CreateSession(&context, create, &session));
    ASSERT_TRUE(status.ok()) << status;
  }
  attachments_.Add("a", "shown");
  int pictures = 0;
  script_.answer = [&](const engine_proto::GenerateTask& task) {
    pictures = 0;
    for (const auto& message : task.conversation().messages()) {
      for (const auto& image : message.images()) pictures += image.encoded() == "shown" ? 1 : 0;
    }
    return "It is.";
  };
  v1::GenerateTextRequest request = AskAbout({"a"});
  request.set_session(session.name());
  absl::Status status = Generate(request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(pictures, 1);
  // Later turns still have it.
  request.clear_conversation();
  request.set_prompt("And now?");
  status = Generate(request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(pictures, 1);
  attachments_.Add("b", "shown");
  v1::AppendToSessionRequest append;
  append.set_name(session.name());
  *append.mutable_messages() = AskAbout({"b"}).conversation().messages();
  {
    grpc::ClientContext context;
    status = StatusFromGrpc(language_->AppendToSession(&context, append, &session));
    ASSERT_TRUE(status.ok()) << status;
  }
  grpc::ClientContext context;
  v1::GetSessionRequest get;
  get.set_name(session.name());
  status = StatusFromGrpc(language_->GetSession(&context, get, &session));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(session.messages().rbegin()->images(0).encoded(), "shown");
  EXPECT_EQ(session.messages().rbegin()->images(0).attachment(), "");
}

TEST_F(DescribeImageTest, AModelThatSaysNothingIsAnError) {
  v1::AnalyzeImageRequest request = Request();
  request.add_requests()->mutable_describe_image();
  Asked(request, " \n");
  EXPECT_TRUE(HasReason(status_, Reason::kEngineFailure)) << status_;
}

TEST_F(DescribeImageTest, BadRequests) {
  v1::AnalyzeImageRequest request = Request();
  request.add_requests()->mutable_describe_image()->set_language("no language at all");
  EXPECT_TRUE(HasReason(Analyze(request), Reason::kFieldInvalid));
  request.mutable_requests(0)->mutable_describe_image()->clear_language();
  v1::Rect& region = *request.mutable_requests(0)->mutable_region_of_interest();
  region.set_width(1);
  region.set_height(0.5);
  const absl::Status status = Analyze(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "requests[0].region_of_interest");
}

TEST_F(VisionServiceTest, WithoutALanguageModelItSaysWhatToInstall) {
  v1::AnalyzeImageRequest request = Request();
  request.add_requests()->mutable_describe_image();
  const absl::Status status = Analyze(request);
  EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel)) << status;
  EXPECT_EQ(FactsOf(status).field, "requests[0]");
  EXPECT_EQ(FactsOf(status).metadata.at("capability"), "language.describe-image");
  EXPECT_NE(FactsOf(status).metadata.at("install").find("--projector"), std::string::npos);
}

TEST(DescriptionTest, WhatWasCutShortEndsWithASentence) {
  EXPECT_EQ(DescriptionOf(" A cat. It sl", true), "A cat.");
  EXPECT_EQ(DescriptionOf(" A cat. It sl", false), "A cat. It sl");
  EXPECT_EQ(DescriptionOf("A cat of 3.5 kg", true), "A cat of 3.5 kg");
  EXPECT_EQ(DescriptionOf("A sign: \"Stop!\" It", true), "A sign: \"Stop!\"");
  EXPECT_EQ(DescriptionOf("\n ", true), "");
}

}  // namespace
}  // namespace intelligenced
