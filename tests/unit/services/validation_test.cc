// Every breach of a request's bounds, at the validators; and over the wire what gRPC makes of
// bytes.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "services/language_model/validate.h"
#include "services/models/validate.h"
#include "services/system/validate.h"
#include "services/vision/validate.h"
#include "services/writing_tools/validate.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

// Breaks a good request in one way and gives the field that must be named.
template <typename Request>
struct Breach {
  std::string field;
  std::function<void(Request&)> apply;
};

template <typename Request>
void ExpectBreaches(const Request& good, const std::vector<Breach<Request>>& breaches) {
  EXPECT_TRUE(Validate(good).ok()) << Validate(good);
  for (const Breach<Request>& breach : breaches) {
    Request request = good;
    breach.apply(request);
    const absl::Status status = Validate(request);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << breach.field << ": " << status;
    EXPECT_EQ(FactsOf(status).field, breach.field);
  }
}

TEST(ValidationTest, Proofread) {
  v1::ProofreadTextRequest good;
  good.set_text("Text.");
  ExpectBreaches<v1::ProofreadTextRequest>(
      good,
      {{"text", [](auto& r) { r.clear_text(); }},
       {"text", [](auto& r) { r.set_text(" \n"); }},
       {"text", [](auto& r) { r.set_text(std::string("a\0b", 3)); }},
       {"language", [](auto& r) { r.set_language("klingon language"); }},
       {"protected_ranges[0]", [](auto& r) { r.add_protected_ranges()->set_end(6); }},
       {"protected_ranges",
        [](auto& r) {
          for (int i = 0; i <= 10'000; ++i) r.add_protected_ranges();
        }},
       {"options.model", [](auto& r) { r.mutable_options()->set_model("No Such/Name"); }},
       {"options.request_class",
        [](auto& r) { r.mutable_options()->set_request_class(static_cast<v1::RequestClass>(7)); }},
       {"options.keep_alive",
        [](auto& r) { r.mutable_options()->mutable_keep_alive()->set_seconds(-1); }}});
}

TEST(ValidationTest, PicturesOfAConversation) {
  v1::GenerateTextRequest good;
  v1::Message* message = good.mutable_conversation()->add_messages();
  message->set_role(v1::ROLE_USER);
  message->add_images()->set_encoded("a file");
  const auto message_of = [](auto& r) { return r.mutable_conversation()->mutable_messages(0); };
  const std::string images = "conversation.messages[0].images";
  ExpectBreaches<v1::GenerateTextRequest>(
      good,
      {{images, [&](auto& r) { message_of(r)->set_role(v1::ROLE_SYSTEM); }},
       {images,
        [&](auto& r) {
          for (int i = 0; i < 16; ++i) message_of(r)->add_images()->set_encoded("x");
        }},
       {images + "[0]", [&](auto& r) { message_of(r)->mutable_images(0)->clear_content(); }},
       {images + "[0].attachment",
        [&](auto& r) { message_of(r)->mutable_images(0)->set_attachment("token"); }},
       {images + "[0].orientation",
        [&](auto& r) {
          message_of(r)->mutable_images(0)->set_orientation(static_cast<v1::ImageOrientation>(12));
        }},
       {images + "[0].pixels.format", [&](auto& r) {
          message_of(r)->mutable_images(0)->mutable_pixels()->set_width(1);
          message_of(r)->mutable_images(0)->mutable_pixels()->set_height(1);
        }}});
  v1::GenerateTextRequest request = good;
  request.mutable_conversation()->mutable_messages(0)->mutable_images(0)->set_encoded("");
  EXPECT_TRUE(HasReason(Validate(request), Reason::kImageUndecodable));
  const std::string large(size_t{25} << 20, 'x');
  request.mutable_conversation()->mutable_messages(0)->mutable_images(0)->set_encoded(large);
  EXPECT_TRUE(Validate(request).ok());
  request.mutable_conversation()->mutable_messages(0)->add_images()->set_encoded(large);
  EXPECT_TRUE(HasReason(Validate(request), Reason::kInputTooLarge));
}

TEST(ValidationTest, AnalyzeImage) {
  v1::AnalyzeImageRequest good;
  good.mutable_image()->set_encoded("a picture");
  good.add_requests()->mutable_recognize_text()->add_languages("de-AT");
  v1::Rect& region = *good.mutable_requests(0)->mutable_region_of_interest();
  region.set_x(0.25F);
  region.set_width(0.75F);
  region.set_height(1);
  const auto at = [](v1::AnalyzeImageRequest& r) { return r.mutable_requests(0); };
  ExpectBreaches<v1::AnalyzeImageRequest>(
      good,
      {{"image", [](auto& r) { r.clear_image(); }},
       {"image.orientation",
        [](auto& r) { r.mutable_image()->set_orientation(static_cast<v1::ImageOrientation>(9)); }},
       {"image.pixels.format", [](auto& r) { r.mutable_image()->mutable_pixels(); }},
       {"image.pixels.format",
        [](auto& r) {
          r.mutable_image()->mutable_pixels();
          r.mutable_image()->set_attachment("token");
        }},
       {"image.attachment", [](auto& r) { r.mutable_image()->set_attachment("token"); }},
       {"image.attachment",
        [](auto& r) {
          r.mutable_image()->clear_encoded();
          r.mutable_image()->set_attachment(std::string(65, 'x'));
        }},
       {"image.pixels.width",
        [](auto& r) {
          r.mutable_image()->mutable_pixels()->set_format(v1::PIXEL_FORMAT_RGB);
          r.mutable_image()->mutable_pixels()->set_width(65'536);
        }},
       {"requests", [](auto& r) { r.clear_requests(); }},
       {"requests",
        [](auto& r) {
          for (int i = 0; i < 32; ++i) r.add_requests()->mutable_detect_horizon();
        }},
       {"requests[1]", [](auto& r) { r.add_requests(); }},
       {"requests[0].min_confidence", [&](auto& r) { at(r)->set_min_confidence(1.5F); }},
       {"requests[0].region_of_interest.x",
        [&](auto& r) { at(r)->mutable_region_of_interest()->set_x(-0.1F); }},
       {"requests[0].region_of_interest.width",
        [&](auto& r) { at(r)->mutable_region_of_interest()->set_width(0.8F); }},
       {"requests[0].region_of_interest.y",
        [&](auto& r) { at(r)->mutable_region_of_interest()->set_y(std::nanf("")); }},
       {"requests[0].region_of_interest",
        [&](auto& r) { at(r)->mutable_region_of_interest()->set_height(0); }},
       {"requests[0].recognize_text.languages[1]",
        [&](auto& r) { at(r)->mutable_recognize_text()->add_languages("no language"); }},
       {"requests[0].recognize_text.languages",
        [&](auto& r) {
          for (int i = 0; i < 8; ++i) at(r)->mutable_recognize_text()->add_languages("en");
        }},
       {"requests[0].detect_barcodes.symbologies",
        [&](auto& r) {
          at(r)->mutable_detect_barcodes()->add_symbologies(v1::BARCODE_SYMBOLOGY_OTHER);
        }},
       {"requests[0].detect_contours.max_image_side",
        [&](auto& r) { at(r)->mutable_detect_contours()->set_max_image_side(63); }},
       {"requests[0].detect_rectangles.min_size",
        [&](auto& r) { at(r)->mutable_detect_rectangles()->set_min_size(2); }},
       {"options.model", [](auto& r) { r.mutable_options()->set_model("No Such/Name"); }}});
  v1::AnalyzeImageRequest bad = good;
  bad.mutable_image()->set_encoded("");
  EXPECT_TRUE(HasReason(Validate(bad), Reason::kImageUndecodable));
  bad.mutable_image()->set_encoded(std::string((48 << 20) + 1, 'x'));
  EXPECT_TRUE(HasReason(Validate(bad), Reason::kInputTooLarge));
  // In place of the bytes.
  bad.mutable_image()->clear_encoded();
  bad.mutable_image()->set_attachment("token");
  EXPECT_TRUE(Validate(bad).ok()) << Validate(bad);
}

TEST(ValidationTest, Rewrite) {
  v1::RewriteTextRequest good;
  good.set_text("Text.");
  ExpectBreaches<v1::RewriteTextRequest>(
      good, {{"text", [](auto& r) { r.clear_text(); }},
             {"style", [](auto& r) { r.set_style(static_cast<v1::RewriteStyle>(99)); }},
             {"tone", [](auto& r) { r.set_tone(static_cast<v1::Tone>(-1)); }},
             {"length", [](auto& r) { r.set_length(static_cast<v1::TextLength>(99)); }},
             {"instruction", [](auto& r) { r.set_style(v1::REWRITE_STYLE_CUSTOM); }},
             {"instruction", [](auto& r) { r.set_instruction("like a pirate"); }},
             {"instruction",
              [](auto& r) {
                r.set_style(v1::REWRITE_STYLE_CUSTOM);
                r.set_instruction(std::string(4097, 'x'));
              }},
             {"candidate_count", [](auto& r) { r.set_candidate_count(5); }},
             {"protected_ranges[0]", [](auto& r) { r.add_protected_ranges()->set_start(1); }},
             {"language", [](auto& r) { r.set_language("??"); }}});
  good.set_style(v1::REWRITE_STYLE_CUSTOM);
  good.set_instruction("like a pirate");
  good.set_candidate_count(4);
  EXPECT_TRUE(Validate(good).ok());
}

TEST(ValidationTest, SummarizeAndCompose) {
  v1::SummarizeTextRequest summarize;
  summarize.set_text("Text.");
  ExpectBreaches<v1::SummarizeTextRequest>(
      summarize,
      {{"text", [](auto& r) { r.clear_text(); }},
       {"type", [](auto& r) { r.set_type(static_cast<v1::SummaryType>(99)); }},
       {"length", [](auto& r) { r.set_length(static_cast<v1::SummaryLength>(99)); }},
       {"format", [](auto& r) { r.set_format(static_cast<v1::TextFormat>(99)); }},
       {"input_type", [](auto& r) { r.set_input_type(static_cast<v1::SummaryInputType>(99)); }},
       {"shared_context", [](auto& r) { r.set_shared_context(std::string(4097, 'x')); }}});
  v1::ComposeTextRequest compose;
  compose.set_instruction("Write.");
  ExpectBreaches<v1::ComposeTextRequest>(
      compose,
      {{"instruction", [](auto& r) { r.clear_instruction(); }},
       {"tone", [](auto& r) { r.set_tone(static_cast<v1::Tone>(99)); }},
       {"length", [](auto& r) { r.set_length(static_cast<v1::SummaryLength>(99)); }},
       {"format", [](auto& r) { r.set_format(static_cast<v1::TextFormat>(99)); }},
       {"shared_context", [](auto& r) { r.set_shared_context(std::string((1 << 20) + 1, 'x')); }},
       {"language", [](auto& r) { r.set_language("x"); }}});
  compose.set_instruction(std::string((64 << 10) + 1, 'x'));
  EXPECT_TRUE(HasReason(Validate(compose), Reason::kInputTooLarge));
}

TEST(ValidationTest, Generate) {
  v1::GenerateTextRequest good;
  good.set_prompt("");
  ExpectBreaches<v1::GenerateTextRequest>(
      good,
      {{"input", [](auto& r) { r.clear_input(); }},
       {"conversation.messages", [](auto& r) { r.mutable_conversation(); }},
       {"conversation.messages",
        [](auto& r) {
          for (int i = 0; i <= 1000; ++i) {
            r.mutable_conversation()->add_messages()->set_role(v1::ROLE_USER);
          }
        }},
       {"conversation.messages[0].role",
        [](auto& r) { r.mutable_conversation()->add_messages()->set_text("hi"); }},
       {"conversation.messages[0].role",
        [](auto& r) {
          r.mutable_conversation()->add_messages()->set_role(static_cast<v1::Role>(77));
        }},
       {"prompt", [](auto& r) { r.set_prompt(std::string("\0", 1)); }},
       {"sampling.temperature", [](auto& r) { r.mutable_sampling()->set_temperature(2.1F); }},
       {"sampling.temperature", [](auto& r) { r.mutable_sampling()->set_temperature(-0.1F); }},
       {"sampling.top_p", [](auto& r) { r.mutable_sampling()->set_top_p(1.1F); }},
       {"sampling.min_p", [](auto& r) { r.mutable_sampling()->set_min_p(-1); }},
       {"stop[0]", [](auto& r) { r.add_stop(""); }},
       {"stop[0]", [](auto& r) { r.add_stop(std::string(257, 'x')); }},
       {"stop", [](auto& r) {
          for (int i = 0; i < 17; ++i) r.add_stop("x");
        }}});
  good.set_prompt(std::string((4 << 20) + 1, 'x'));
  EXPECT_TRUE(HasReason(Validate(good), Reason::kInputTooLarge));
  v1::CountTokensRequest count;
  EXPECT_EQ(FactsOf(Validate(count)).field, "input");
  count.set_text("");
  EXPECT_TRUE(Validate(count).ok());
}

TEST(ValidationTest, TurnsOfASession) {
  v1::GenerateTextRequest good;
  good.set_session("sessions/0123456789abcdef");
  EXPECT_TRUE(Validate(good).ok()) << Validate(good);
  good.set_prompt("hello");
  ExpectBreaches<v1::GenerateTextRequest>(
      good, {{"session", [](auto& r) { r.set_session("sessions/"); }},
             {"session", [](auto& r) { r.set_session("models/x"); }},
             {"session", [](auto& r) { r.set_session("a/b"); }},
             {"session", [](auto& r) { r.set_session(std::string(65, 'a')); }},
             {"prompt", [](auto& r) { r.set_prompt(""); }},
             {"conversation.messages", [](auto& r) { r.mutable_conversation(); }},
             {"conversation.messages[0].role", [](auto& r) {
                r.mutable_conversation()->add_messages()->set_role(v1::ROLE_ASSISTANT);
              }}});
  v1::CountTokensRequest count;
  count.set_session("0123456789abcdef");
  ExpectBreaches<v1::CountTokensRequest>(
      count, {{"session", [](auto& r) { r.set_session("../x"); }},
              {"text", [](auto& r) { r.set_text(""); }},
              {"conversation.messages[0].role", [](auto& r) {
                 r.mutable_conversation()->add_messages()->set_role(v1::ROLE_SYSTEM);
               }}});
}

TEST(ValidationTest, Sessions) {
  v1::CreateSessionRequest create;
  create.set_instructions("Be brief.");
  ExpectBreaches<v1::CreateSessionRequest>(
      create,
      {{"instructions", [](auto& r) { r.set_instructions(std::string("\0", 1)); }},
       {"messages[0].role", [](auto& r) { r.add_messages(); }},
       {"messages[0].role", [](auto& r) { r.add_messages()->set_role(v1::ROLE_SYSTEM); }},
       {"messages",
        [](auto& r) {
          for (int i = 0; i <= 1000; ++i) r.add_messages()->set_role(v1::ROLE_USER);
        }},
       {"model", [](auto& r) { r.set_model("No Such/Name"); }},
       {"expire_after", [](auto& r) { r.mutable_expire_after()->set_nanos(999'999'999); }},
       {"expire_after", [](auto& r) { r.mutable_expire_after()->set_seconds(24 * 3600 + 1); }}});
  create.set_instructions(std::string((4 << 20) + 1, 'x'));
  EXPECT_TRUE(HasReason(Validate(create), Reason::kInputTooLarge));

  v1::GetSessionRequest get;
  EXPECT_EQ(FactsOf(Validate(get)).field, "name");
  get.set_name("sessions/abc");
  EXPECT_TRUE(Validate(get).ok());
  EXPECT_EQ(FactsOf(Validate(v1::DeleteSessionRequest())).field, "name");

  v1::AppendToSessionRequest append;
  append.set_name("abc");
  append.add_messages()->set_role(v1::ROLE_USER);
  ExpectBreaches<v1::AppendToSessionRequest>(
      append, {{"name", [](auto& r) { r.clear_name(); }},
               {"messages", [](auto& r) { r.clear_messages(); }},
               {"messages[1].role", [](auto& r) { r.add_messages(); }}});
  append.mutable_messages(0)->set_text(std::string((4 << 20) + 1, 'x'));
  EXPECT_TRUE(HasReason(Validate(append), Reason::kInputTooLarge));

  v1::ForkSessionRequest fork;
  fork.set_name("abc");
  ExpectBreaches<v1::ForkSessionRequest>(
      fork, {{"name", [](auto& r) { r.set_name("?"); }},
             {"expire_after", [](auto& r) { r.mutable_expire_after(); }}});
  v1::PrewarmSessionRequest prewarm;
  prewarm.set_name("abc");
  ExpectBreaches<v1::PrewarmSessionRequest>(
      prewarm, {{"name", [](auto& r) { r.clear_name(); }},
                {"options.model", [](auto& r) { r.mutable_options()->set_model("No/Name"); }}});
}

TEST(ValidationTest, Models) {
  v1::InstallModelRequest address;
  address.mutable_address()->set_url("https://models.example/m.gguf");
  address.mutable_address()->set_sha256(std::string(64, 'a'));
  address.mutable_address()->set_name("m");
  ExpectBreaches<v1::InstallModelRequest>(
      address,
      {{"source", [](auto& r) { r.clear_source(); }},
       {"catalogue_name", [](auto& r) { r.set_catalogue_name(""); }},
       {"catalogue_name", [](auto& r) { r.set_catalogue_name("../x"); }},
       {"address.url", [](auto& r) { r.mutable_address()->set_url("http://models.example/m"); }},
       {"address.url", [](auto& r) { r.mutable_address()->set_url("file:///etc/passwd"); }},
       {"address.sha256", [](auto& r) { r.mutable_address()->clear_sha256(); }},
       {"address.sha256", [](auto& r) { r.mutable_address()->set_sha256(std::string(64, 'g')); }},
       {"address.name", [](auto& r) { r.mutable_address()->set_name(".hidden"); }},
       {"accepted_license", [](auto& r) { r.set_accepted_license(std::string(257, 'x')); }}});
  v1::ImportHeader header;
  header.set_name("m");
  header.set_size_bytes(1);
  ExpectBreaches<v1::ImportHeader>(header,
                                   {{"header.name", [](auto& r) { r.set_name("a/b"); }},
                                    {"header.size_bytes", [](auto& r) { r.clear_size_bytes(); }},
                                    {"header.sha256", [](auto& r) { r.set_sha256("abc"); }}});
  v1::UpdateModelRequest update;
  update.set_name("models/m");
  ExpectBreaches<v1::UpdateModelRequest>(
      update, {{"name", [](auto& r) { r.clear_name(); }},
               {"keep_alive", [](auto& r) { r.mutable_keep_alive()->set_seconds(90'000); }},
               {"set_default_for", [](auto& r) { r.set_set_default_for("two words"); }}});
  v1::GetAvailabilityRequest availability;
  EXPECT_EQ(FactsOf(Validate(availability)).field, "capability");
}

TEST(ValidationTest, Addresses) {
  for (const auto* url : {"https://a.example/x", "http://localhost/x", "http://127.0.0.1:8080/x",
                          "http://[::1]:80/x"}) {
    EXPECT_TRUE(IsAllowedUrl(url)) << url;
  }
  for (const auto* url :
       {"", "https://", "http://a.example/x", "ftp://a/x", "http://localhost.example/x",
        "http://127.0.0.1.example/", "https://user:pw@a.example/", "http://localhost@a.example/",
        "https://a.example/ x", "https://a.example\\@b/", "http://[::1/x", "HTTPS://a.example/"}) {
    EXPECT_FALSE(IsAllowedUrl(url)) << url;
  }
}

TEST(ValidationTest, System) {
  v1::WatchStatusRequest watch;
  EXPECT_TRUE(Validate(watch).ok());
  watch.mutable_interval()->set_nanos(1000);
  EXPECT_EQ(FactsOf(Validate(watch)).field, "interval");
  watch.mutable_interval()->set_seconds(61);
  EXPECT_EQ(FactsOf(Validate(watch)).field, "interval");
  v1::ListActivityRequest activity;
  activity.set_page_size(1001);
  EXPECT_EQ(FactsOf(Validate(activity)).field, "page_size");
}

// What the client of a call with these bytes sees.
class WireTest : public ServiceFixture {
 protected:
  absl::Status CallWith(const std::string& method, const std::string& bytes) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, method, &queue);
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(reinterpret_cast<void*>(1));
    queue.Next(&tag, &ok);
    grpc::Slice slice(bytes);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), reinterpret_cast<void*>(2));
    queue.Next(&tag, &ok);
    grpc::Status status;
    call->Finish(&status, reinterpret_cast<void*>(3));
    queue.Next(&tag, &ok);
    return StatusFromGrpc(status);
  }
};

TEST_F(WireTest, InvalidUtf8IsAnErrorThatNamesTheField) {
  v1::ProofreadTextRequest request;
  request.set_text("good XXXX");
  std::string bytes = request.SerializeAsString();
  bytes.replace(bytes.find("XXXX"), 4, "\xFF\xFE\xFD\xFC");
  const absl::Status status = CallWith("/intelligence.v1.WritingToolsService/ProofreadText", bytes);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "text");
  const absl::Status unary = CallWith("/intelligence.v1.LanguageModelService/CountTokens",
                                      std::string("\x0A\x02\xC3(", 4));
  EXPECT_TRUE(HasReason(unary, Reason::kFieldInvalid)) << unary;
  EXPECT_EQ(FactsOf(unary).field, "text");
}

TEST_F(WireTest, BytesThatAreNoMessageAreAnError) {
  for (const auto* method :
       {"/intelligence.v1.WritingToolsService/SummarizeText",
        "/intelligence.v1.LanguageModelService/GenerateText",
        "/intelligence.v1.ModelService/InstallModel", "/intelligence.v1.ModelService/UpdateModel",
        "/intelligence.v1.ModelService/ImportModel",
        "/intelligence.v1.SystemService/ListActivity"}) {
    const absl::Status status = CallWith(method, "\xFF\xFF\xFF\xFF");
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << method << ": " << status;
  }
}

}  // namespace
}  // namespace intelligenced
