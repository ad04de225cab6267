// Models that translate, and what calls of TranslationService gave.
#ifndef INTELLIGENCED_TESTS_UNIT_SERVICES_TRANSLATION_FIXTURE_H_
#define INTELLIGENCED_TESTS_UNIT_SERVICES_TRANSLATION_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "protos/intelligence/v1/translation.grpc.pb.h"
#include "runtime/base/utf8.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {

inline ManifestsByName TranslationManifests() {
  return {{"rules", R"({"name": "rules", "engine": "fake", "title": "Rules", "built_in": true,
      "capabilities": ["translate:en>es", "translate:es>en"], "files": [],
      "parameters": {"fail_word": "poison"}})"},
          {"network", R"({"name": "network", "engine": "fake", "title": "Network", "built_in": true,
      "capabilities": ["translate:en>es"], "rank": 20, "files": [],
      "parameters": {"sentences": "true", "lose_kept": "true"}})"},
          {"onward", R"({"name": "onward", "engine": "fake", "title": "Onward", "built_in": true,
      "capabilities": ["translate:es>pt"], "files": [], "parameters": {"pass_step": "true"}})"},
          {"small", R"({"name": "small", "engine": "fake", "title": "Small", "built_in": true,
      "capabilities": ["translate:en>es"], "rank": 1, "files": [],
      "parameters": {"context_tokens": "100"}})"},
          {"detector", R"({"name": "detector", "engine": "fake", "title": "Tells", "built_in": true,
      "capabilities": ["language.detect"], "rank": 99, "files": []})"}};
}

class TranslationFixture : public ServiceFixture {
 protected:
  TranslationFixture() : ServiceFixture(TranslationManifests()) {}

  static v1::TranslateTextRequest Request(std::string text, const std::string& source,
                                          const std::string& target) {
    v1::TranslateTextRequest request;
    request.set_text(std::move(text));
    request.set_source_language(source);
    request.set_target_language(target);
    return request;
  }
  absl::Status Translate(const v1::TranslateTextRequest& request) {
    responses_.clear();
    grpc::ClientContext context;
    auto reader = translation_->TranslateText(&context, request);
    return Drain(*reader, &responses_);
  }
  const v1::TranslateTextCompleted& completed() const { return responses_.back().completed(); }
  std::string deltas() const {
    std::string text;
    for (const v1::TranslateTextResponse& response : responses_) text += response.delta();
    return text;
  }
  int delta_count() const {
    int count = 0;
    for (const v1::TranslateTextResponse& response : responses_) count += response.has_delta();
    return count;
  }

  const std::unique_ptr<v1::TranslationService::Stub> translation_ =
      v1::TranslationService::NewStub(channel_);
  std::vector<v1::TranslateTextResponse> responses_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_SERVICES_TRANSLATION_FIXTURE_H_
