// PrepareTranslation with models that have to be downloaded first.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/models/http_server.h"
#include "tests/unit/models/test_files.h"
#include "tests/unit/services/translation_fixture.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kContent = "weights of a model that nobody reads";

// Two models to be had: of a pair of its own, and one whose file comes with another content.
constexpr std::string_view kCatalogue = R"({"models": [
  {"name": "swedish", "engine": "fake", "license": "CC-BY-4.0", "capabilities": ["translate:en>sv"],
   "files": [{"role": "model", "name": "m.bin", "size_bytes": SIZE, "sha256": "HASH",
              "url": "URL/good"}]},
  {"name": "broken", "engine": "fake", "license": "MIT", "capabilities": ["translate:en>fi"],
   "files": [{"role": "model", "name": "m.bin", "size_bytes": SIZE, "sha256": "HASH",
              "url": "URL/changed"}]},
  {"name": "gone", "engine": "fake", "license": "MIT", "capabilities": ["translate:en>da"],
   "files": [{"role": "model", "name": "m.bin", "size_bytes": SIZE, "sha256": "HASH",
              "url": "URL/gone"}]}]})";

// Runs before the stack is made, whose catalogue names it.
class WithServer {
 protected:
  std::string CatalogueText() const {
    return absl::StrReplaceAll(kCatalogue, {{"SIZE", absl::StrCat(kContent.size())},
                                            {"HASH", HashOf(kContent)},
                                            {"URL", server_.Url("")}});
  }
  TestHttpServer server_{[](const TestRequest& request) {
    if (request.path == "/good") return TestHttpServer::File(request, std::string(kContent));
    if (request.path == "/changed") {
      return TestHttpServer::File(request, std::string(kContent.size(), 'x'));
    }
    return TestAnswer{.code = 404, .headers = {}, .body = "not here"};
  }};
};

class TranslationPrepareTest : public WithServer, public ServiceFixture {
 protected:
  TranslationPrepareTest() : ServiceFixture(TranslationManifests(), CatalogueText()) {}

  absl::Status Prepare(const std::string& target, const std::vector<std::string>& licenses) {
    v1::PrepareTranslationRequest request;
    request.set_source_language("en");
    request.set_target_language(target);
    for (const std::string& license : licenses) request.add_accepted_licenses(license);
    responses_.clear();
    grpc::ClientContext context;
    auto reader = translation_->PrepareTranslation(&context, request);
    return Drain(*reader, &responses_);
  }
  std::string Kinds() const {
    std::string kinds;
    for (const v1::PrepareTranslationResponse& response : responses_) {
      const char kind =
          response.has_completed() ? 'c' : "?ldvm"[std::min<int>(response.event_case(), 4)];
      if (kinds.empty() || kinds.back() != kind) kinds += kind;
    }
    return kinds;
  }

  const std::unique_ptr<v1::TranslationService::Stub> translation_ =
      v1::TranslationService::NewStub(channel_);
  std::vector<v1::PrepareTranslationResponse> responses_;
};

TEST_F(TranslationPrepareTest, TheLicenceIsShownAndNothingIsLoadedBeforeItIsAccepted) {
  for (const std::vector<std::string>& accepted :
       {std::vector<std::string>{}, std::vector<std::string>{"MIT"}}) {
    const absl::Status status = Prepare("sv", accepted);
    EXPECT_TRUE(HasReason(status, Reason::kModelNotInstalled)) << status;
    EXPECT_EQ(FactsOf(status).field, "accepted_licenses");
    ASSERT_EQ(responses_.size(), 1U);
    const v1::LicenseNotice& notice = responses_[0].license();
    EXPECT_EQ(notice.license(), "CC-BY-4.0");
    EXPECT_EQ(notice.model(), "models/swedish");
    EXPECT_EQ(notice.size_bytes(), kContent.size());
    EXPECT_THAT(notice.origin(), HasSubstr("/good"));
  }
  EXPECT_THAT(server_.requests(), IsEmpty());
  EXPECT_FALSE(runtime_->store().Get("swedish").ok());
}

TEST_F(TranslationPrepareTest, WithConsentItIsInstalledAndLoadedAndTranslates) {
  const absl::Status status = Prepare("sv", {"CC-BY-4.0"});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(Kinds(), testing::EndsWith("mc"));
  EXPECT_THAT(Kinds(), HasSubstr("v"));
  EXPECT_EQ(responses_.back().completed().steps(0).model(), "models/swedish");
  EXPECT_TRUE(runtime_->store().Get("swedish").ok());
  EXPECT_EQ(runtime_->models().Get("swedish")->state, ModelState::kReady);
  v1::TranslateTextRequest request;
  request.set_text("hello");
  request.set_source_language("en");
  request.set_target_language("sv");
  grpc::ClientContext context;
  std::vector<v1::TranslateTextResponse> answers;
  auto reader = translation_->TranslateText(&context, request);
  ASSERT_TRUE(Drain(*reader, &answers).ok());
  EXPECT_EQ(answers.back().completed().translation().text(), "HELLO");
  // Again: it is there.
  ASSERT_TRUE(Prepare("sv", {}).ok());
  EXPECT_EQ(Kinds(), "c");
}

TEST_F(TranslationPrepareTest, WhatCannotBeInstalledLeavesNothing) {
  absl::Status status = Prepare("fi", {"MIT"});
  EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << status;
  EXPECT_FALSE(runtime_->store().Get("broken").ok());
  status = Prepare("da", {"MIT"});
  EXPECT_TRUE(HasReason(status, Reason::kDownloadFailed)) << status;
  EXPECT_FALSE(runtime_->store().Get("gone").ok());
  disk_.free_bytes = 1;
  status = Prepare("sv", {"CC-BY-4.0"});
  EXPECT_TRUE(HasReason(status, Reason::kDiskFull)) << status;
  status = Prepare("tlh", {"MIT"});
  EXPECT_TRUE(HasReason(status, Reason::kLanguageUnsupported)) << status;
}

TEST_F(TranslationPrepareTest, ListsSayWhatCanBeDownloaded) {
  v1::ListLanguagePairsRequest request;
  request.set_source_language("en");
  request.set_target_language("sv");
  v1::ListLanguagePairsResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(translation_->ListLanguagePairs(&context, request, &response).ok());
  ASSERT_EQ(response.pairs_size(), 1);
  EXPECT_EQ(response.pairs(0).availability(), v1::AVAILABILITY_DOWNLOADABLE);
  EXPECT_THAT(response.pairs(0).reason(), HasSubstr("swedish"));
}

}  // namespace
}  // namespace intelligenced
