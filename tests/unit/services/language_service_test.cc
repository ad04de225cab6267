// LanguageService over a real scheduler and server; the fake engine answers.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/intelligence/v1/language.grpc.pb.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kLinguist[] = R"({
  "name": "linguist", "engine": "fake", "title": "Knows language", "built_in": true,
  "capabilities": ["language.segment", "language.embed", "language.classify",
                   "language.classify-sentiment", "language.find-entities"],
  "parameters": {"context_tokens": "8"}, "files": []})";
constexpr char kSegmenter[] = R"({
  "name": "segmenter", "engine": "fake", "title": "Cuts", "built_in": true,
  "capabilities": ["language.segment"], "files": []})";

class LanguageServiceTest : public ServiceFixture {
 protected:
  explicit LanguageServiceTest(const ManifestsByName& models = {{"linguist", kLinguist}})
      : ServiceFixture(models) {}

  absl::Status Run(const v1::SegmentTextRequest& request) {
    grpc::ClientContext context;
    segments_.Clear();
    return StatusFromGrpc(stub_->SegmentText(&context, request, &segments_));
  }
  absl::Status Run(const v1::EmbedTextRequest& request) {
    grpc::ClientContext context;
    embeddings_.Clear();
    return StatusFromGrpc(stub_->EmbedText(&context, request, &embeddings_));
  }
  absl::Status Run(const v1::ClassifyTextRequest& request) {
    grpc::ClientContext context;
    classes_.Clear();
    return StatusFromGrpc(stub_->ClassifyText(&context, request, &classes_));
  }
  absl::Status Run(const v1::FindEntitiesRequest& request) {
    grpc::ClientContext context;
    entities_.Clear();
    return StatusFromGrpc(stub_->FindEntities(&context, request, &entities_));
  }
  template <typename Request>
  static Request Of(std::initializer_list<std::string> texts) {
    Request request;
    for (const std::string& text : texts) request.add_texts(text);
    return request;
  }
  template <typename Request>
  std::string FieldOf(const Request& request) {
    const absl::Status status = Run(request);
    EXPECT_FALSE(status.ok());
    return FactsOf(status).field;
  }

  const std::unique_ptr<v1::LanguageService::Stub> stub_ = v1::LanguageService::NewStub(channel_);
  v1::SegmentTextResponse segments_;
  v1::EmbedTextResponse embeddings_;
  v1::ClassifyTextResponse classes_;
  v1::FindEntitiesResponse entities_;
};

class OnlySegmentsTest : public LanguageServiceTest {
 protected:
  OnlySegmentsTest() : LanguageServiceTest({{"segmenter", kSegmenter}}) {}
};

TEST_F(LanguageServiceTest, SegmentsEachText) {
  const absl::Status status = Run(Of<v1::SegmentTextRequest>({"one two", "", "three"}));
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(segments_.texts_size(), 3);
  ASSERT_EQ(segments_.texts(0).segments_size(), 2);
  EXPECT_EQ(segments_.texts(0).segments(1).start(), 4U);
  EXPECT_EQ(segments_.texts(0).segments(1).end(), 7U);
  EXPECT_EQ(segments_.texts(1).segments_size(), 0);
  EXPECT_EQ(segments_.texts(2).segments_size(), 1);
  EXPECT_EQ(segments_.usage().model(), "models/linguist");
}

TEST_F(LanguageServiceTest, EmbedsInTheTextsOrder) {
  v1::EmbedTextRequest request = Of<v1::EmbedTextRequest>({"a statement", "a question?"});
  request.set_purpose(v1::EMBED_PURPOSE_QUERY);
  ASSERT_TRUE(Run(request).ok());
  ASSERT_EQ(embeddings_.embeddings_size(), 2);
  EXPECT_THAT(embeddings_.embeddings(0).values(), ElementsAre(-1, 0));
  EXPECT_THAT(embeddings_.embeddings(1).values(), ElementsAre(0, -1));
  EXPECT_EQ(embeddings_.embeddings(1).input_tokens(), 2U);
  EXPECT_EQ(embeddings_.usage().input_tokens(), 4U);
  request.set_dimensions(1);
  ASSERT_TRUE(Run(request).ok());
  EXPECT_EQ(embeddings_.embeddings(0).values_size(), 1);
  activity_.WaitFor(2);
  EXPECT_EQ(activity_.records()[0].method(), "LanguageService/EmbedText");
}

TEST_F(LanguageServiceTest, ClassifiesAndFindsNames) {
  v1::ClassifyTextRequest classify = Of<v1::ClassifyTextRequest>({"so bad", "so fine"});
  classify.set_classification(v1::TEXT_CLASSIFICATION_SENTIMENT);
  ASSERT_TRUE(Run(classify).ok());
  EXPECT_EQ(classes_.texts(0).labels(0).label(), "NEGATIVE");
  EXPECT_EQ(classes_.texts(1).labels(0).label(), "POSITIVE");
  EXPECT_FLOAT_EQ(classes_.texts(1).labels(1).confidence(), 0.1F);
  ASSERT_TRUE(Run(Of<v1::FindEntitiesRequest>({"then Ada met Grace", "nobody"})).ok());
  ASSERT_EQ(entities_.texts(0).entities_size(), 2);
  EXPECT_EQ(entities_.texts(0).entities(1).text(), "Grace");
  EXPECT_EQ(entities_.texts(0).entities(1).start(), 13U);
  EXPECT_EQ(entities_.texts(1).entities_size(), 0);
}

TEST_F(LanguageServiceTest, ClassesOfAModelThatIsNamed) {
  v1::ClassifyTextRequest request = Of<v1::ClassifyTextRequest>({"so fine"});
  EXPECT_EQ(FieldOf(request), "classification");
  request.mutable_options()->set_model("linguist");
  EXPECT_TRUE(Run(request).ok());
}

TEST_F(LanguageServiceTest, RefusesWhatBreaksTheBounds) {
  EXPECT_EQ(FieldOf(v1::EmbedTextRequest()), "texts");
  EXPECT_EQ(FieldOf(Of<v1::EmbedTextRequest>({"a", " \n"})), "texts[1]");
  EXPECT_EQ(FieldOf(Of<v1::FindEntitiesRequest>({std::string("a\0b", 3)})), "texts[0]");
  v1::SegmentTextRequest many;
  for (int i = 0; i < 1025; ++i) many.add_texts("a");
  EXPECT_EQ(FieldOf(many), "texts");
  v1::SegmentTextRequest unit = Of<v1::SegmentTextRequest>({"a"});
  unit.set_unit(static_cast<v1::SegmentUnit>(7));
  EXPECT_EQ(FieldOf(unit), "unit");
  unit.clear_unit();
  unit.set_language("no such language!");
  EXPECT_EQ(FieldOf(unit), "language");
  v1::EmbedTextRequest large;
  for (int i = 0; i < 5; ++i) large.add_texts(std::string(1 << 20, 'x'));
  const absl::Status status = Run(large);
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  v1::SegmentTextRequest words = Of<v1::SegmentTextRequest>({std::string((1 << 20) + 1, 'x')});
  EXPECT_TRUE(Run(words).ok());
  words.set_unit(v1::SEGMENT_UNIT_WORD);
  EXPECT_TRUE(HasReason(Run(words), Reason::kInputTooLarge));
  EXPECT_EQ(FactsOf(status).metadata.at("size_bytes"), "5242880");
}

TEST_F(LanguageServiceTest, InvalidUtf8IsNamed) {
  const absl::Status status =
      Run(Of<v1::EmbedTextRequest>({"b\xFF"
                                    "d"}));
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
}

TEST_F(LanguageServiceTest, TheModelsOwnRefusalsNameTheText) {
  const absl::Status status =
      Run(Of<v1::EmbedTextRequest>({"short", "one two three four five six seven eight nine"}));
  EXPECT_TRUE(HasReason(status, Reason::kContextWindowExceeded)) << status;
  EXPECT_EQ(FactsOf(status).field, "texts[1]");
  EXPECT_EQ(FactsOf(status).metadata.at("input_tokens"), "9");
  v1::EmbedTextRequest dimensions = Of<v1::EmbedTextRequest>({"short"});
  dimensions.set_dimensions(3);
  EXPECT_EQ(FieldOf(dimensions), "dimensions");
}

TEST_F(OnlySegmentsTest, WhatHasNoModelSaysSo) {
  EXPECT_TRUE(Run(Of<v1::SegmentTextRequest>({"a b"})).ok());
  v1::ClassifyTextRequest classify = Of<v1::ClassifyTextRequest>({"fine"});
  classify.set_classification(v1::TEXT_CLASSIFICATION_SENTIMENT);
  for (const auto& [status, capability] :
       {std::pair(Run(Of<v1::EmbedTextRequest>({"a"})), "language.embed"),
        std::pair(Run(classify), "language.classify-sentiment"),
        std::pair(Run(Of<v1::FindEntitiesRequest>({"Ada"})), "language.find-entities")}) {
    EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel)) << status;
    EXPECT_EQ(FactsOf(status).metadata.at("capability"), capability);
  }
}

}  // namespace
}  // namespace intelligenced
