// Translator and LanguageTools against a server with scripted answers.
#include <intelligence/language.h>
#include <intelligence/translation.h>

#include <atomic>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced {
namespace {

using intelligence::Translator;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using BatchStream = grpc::ServerReaderWriter<v1::TranslateBatchResponse, v1::TranslateBatchRequest>;

class SdkTranslationTest : public testing::Test {
 protected:
  SdkTranslationTest()
      : client_(*intelligence::Client::Connect({.socket_path = daemon_.socket_path()})),
        translator_(client_),
        tools_(client_) {}

  // Answers each item at once, "bad" by an error; what has come is kept.
  void ScriptBatch() {
    daemon_.scripts.translate_batch = [this](BatchStream* stream) {
      v1::TranslateBatchRequest request;
      v1::TranslateBatchResponse response;
      uint64_t index = 0;
      uint64_t failed = 0;
      while (stream->Read(&request)) {
        if (request.has_start()) {
          start_ = request.start();
          response.mutable_started()->set_source_language("en");
          response.mutable_started()->set_pivot_language("fr");
          stream->Write(response);
          continue;
        }
        const v1::TranslateItem& item = request.item();
        v1::TranslateBatchResult& result = *response.mutable_result();
        result.Clear();
        result.set_index(index++);
        result.set_client_identifier(item.client_identifier());
        if (item.text() == "bad") {
          ++failed;
          result.mutable_error()->set_reason("WORKER_LOST");
          result.mutable_error()->set_message("It was lost.");
        } else {
          result.mutable_translation()->set_text(absl::StrCat("<", item.text(), ">"));
        }
        stream->Write(response);
      }
      response.mutable_completed()->set_items(index);
      response.mutable_completed()->set_failed_items(failed);
      stream->Write(response);
      return grpc::Status::OK;
    };
  }
  // Gives the texts with identifiers.
  static std::function<std::optional<intelligence::TranslateItem>()> Items(
      std::vector<std::string> texts) {
    return [texts = std::move(texts),
            at = size_t{0}]() mutable -> std::optional<intelligence::TranslateItem> {
      if (at == texts.size()) return std::nullopt;
      intelligence::TranslateItem item{.client_identifier = absl::StrCat("id", at),
                                       .text = texts[at]};
      ++at;
      return item;
    };
  }

  FakeDaemon daemon_;
  const intelligence::Client client_;
  const Translator translator_;
  const intelligence::LanguageTools tools_;
  v1::TranslateBatchStart start_;
};

TEST_F(SdkTranslationTest, ATextGoesOutAndComesBackWhole) {
  v1::TranslateTextRequest got;
  daemon_.scripts.translate = [&](grpc::ServerContext*, const v1::TranslateTextRequest& request,
                                  grpc::ServerWriter<v1::TranslateTextResponse>* writer) {
    got = request;
    v1::TranslateTextResponse event;
    event.mutable_queued()->set_position(1);
    writer->Write(event);
    event.mutable_model_loading()->set_model("models/x");
    writer->Write(event);
    event.mutable_progress()->set_done(5);
    writer->Write(event);
    event.set_delta("Hola");
    writer->Write(event);
    v1::TranslateTextCompleted& completed = *event.mutable_completed();
    completed.mutable_translation()->set_text("Hola zorglub");
    completed.mutable_translation()->add_untranslated()->set_start(5);
    completed.mutable_translation()->mutable_untranslated(0)->set_end(12);
    completed.mutable_translation()->add_truncated()->set_end(4);
    completed.set_source_language("en");
    completed.set_source_detected(true);
    completed.set_pivot_language("fr");
    completed.add_steps()->set_model("models/a");
    completed.add_steps()->set_model("models/b");
    writer->Write(event);
    return grpc::Status::OK;
  };
  std::string kinds;
  const auto result = translator_.Translate(
      {.text = "Hello zorglub",
       .source_language = "en",
       .target_language = "es",
       .strategy = intelligence::TranslationStrategy::kHighFidelity,
       .format = intelligence::TranslationFormat::kMarkdown,
       .do_not_translate = {{.start = 6, .end = 13}},
       .mark_unknown = true},
      {.model = "mine"},
      [&](const intelligence::TranslateTextEvent& event) { kinds += absl::StrCat(event.index()); });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(kinds, "01234");
  EXPECT_EQ(got.text(), "Hello zorglub");
  EXPECT_EQ(got.source_language(), "en");
  EXPECT_EQ(got.target_language(), "es");
  EXPECT_EQ(got.strategy(), v1::TRANSLATION_STRATEGY_HIGH_FIDELITY);
  EXPECT_EQ(got.format(), v1::TRANSLATION_FORMAT_MARKDOWN);
  EXPECT_EQ(got.do_not_translate(0).start(), 6U);
  EXPECT_TRUE(got.mark_unknown());
  EXPECT_EQ(got.options().model(), "mine");
  EXPECT_EQ(result->translation.text, "Hola zorglub");
  ASSERT_THAT(result->translation.untranslated, SizeIs(1));
  EXPECT_EQ(result->translation.untranslated[0].end, 12U);
  EXPECT_THAT(result->translation.truncated, SizeIs(1));
  EXPECT_TRUE(result->route.source_detected);
  EXPECT_EQ(result->route.pivot_language, "fr");
  ASSERT_THAT(result->route.steps, SizeIs(2));
  EXPECT_EQ(result->route.steps[1].model, "models/b");
}

TEST_F(SdkTranslationTest, WhatIsNoUtf8IsNotSent) {
  bool asked = false;
  daemon_.scripts.translate = [&](auto&&...) {
    asked = true;
    return grpc::Status::OK;
  };
  const absl::Status status =
      translator_.Translate({.text = "a\xff", .target_language = "es"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(asked);
  // A stream that ends without its last word is no success.
  EXPECT_FALSE(translator_.Translate({.text = "a", .target_language = "es"}).ok());
}

TEST_F(SdkTranslationTest, ABatchAnswersEachItem) {
  ScriptBatch();
  std::vector<std::string> got;
  std::string pivot;
  const auto result = translator_.Batch(
      {.source_language = "en",
       .target_language = "es",
       .format = intelligence::TranslationFormat::kHtml,
       .order = intelligence::BatchOrder::kAsSent},
      Items({"one", "bad", "three"}), [&](const intelligence::TranslateBatchEvent& event) {
        if (const auto* item = std::get_if<intelligence::TranslateItemResult>(&event)) {
          got.push_back(absl::StrCat(item->client_identifier, " ", item->index, " ",
                                     item->translation.text, item->error_reason));
        } else if (const auto* route = std::get_if<intelligence::TranslationRoute>(&event)) {
          pivot = route->pivot_language;
        }
      });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(got, ElementsAre("id0 0 <one>", "id1 1 WORKER_LOST", "id2 2 <three>"));
  EXPECT_EQ(result->items, 3U);
  EXPECT_EQ(result->failed_items, 1U);
  EXPECT_EQ(pivot, "fr");
  EXPECT_EQ(start_.format(), v1::TRANSLATION_FORMAT_HTML);
  EXPECT_EQ(start_.order(), v1::BATCH_ORDER_AS_SENT);
}

TEST_F(SdkTranslationTest, ThousandsOfItemsAreReadWhileTheyAreSent) {
  ScriptBatch();
  const std::string text(500, 'x');
  size_t got = 0;
  const auto result =
      translator_.Batch({.target_language = "es"}, Items(std::vector<std::string>(5000, text)),
                        [&](const intelligence::TranslateBatchEvent& event) {
                          got += std::holds_alternative<intelligence::TranslateItemResult>(event);
                        });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(got, 5000U);
}

TEST_F(SdkTranslationTest, ABatchEndsWithTheDaemonsWord) {
  daemon_.scripts.translate_batch = [](BatchStream* stream) {
    // The options, and the first item.
    v1::TranslateBatchRequest request;
    stream->Read(&request);
    stream->Read(&request);
    return StatusToGrpc(MakeError(Reason::kLanguageUnsupported, "Nobody translates that."));
  };
  std::atomic<int> given = 0;
  const absl::Status status =
      translator_
          .Batch(
              {.target_language = "tlh"},
              [&]() -> std::optional<intelligence::TranslateItem> {
                ++given;
                return intelligence::TranslateItem{.text = std::string(1000, 'x')};
              },
              nullptr)
          .status();
  EXPECT_EQ(intelligence::ErrorReason(status), "LANGUAGE_UNSUPPORTED");
  EXPECT_GT(given, 0);
}

TEST_F(SdkTranslationTest, AnItemThatIsNoUtf8EndsTheBatch) {
  ScriptBatch();
  const absl::Status status =
      translator_.Batch({.target_language = "es"}, Items({"fine", "\xff"}), nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("text"));
}

TEST_F(SdkTranslationTest, ABatchByHandMayBeDroppedHalfWay) {
  ScriptBatch();
  auto batch = intelligence::TranslationBatch::Open(client_, {.target_language = "es"});
  ASSERT_TRUE(batch.Send({.client_identifier = "a", .text = "one"}).ok());
  std::optional<intelligence::TranslateBatchEvent> event = batch.Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_TRUE(std::holds_alternative<intelligence::TranslationRoute>(*event));
  event = batch.Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(std::get<intelligence::TranslateItemResult>(*event).translation.text, "<one>");
  auto other = std::move(batch);
  other.Cancel();
  while (other.Next().has_value()) {
  }
  EXPECT_EQ(other.status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(other.Send({.text = "two"}).ok());
  // Closed by its destructor with an item under way.
  auto third = intelligence::TranslationBatch::Open(client_, {.target_language = "es"});
  EXPECT_TRUE(third.Send({.text = "one"}).ok());
}

TEST_F(SdkTranslationTest, DetectsAndListsAndPrepares) {
  daemon_.scripts.detect = [](const v1::DetectLanguageRequest& request,
                              v1::DetectLanguageResponse* response) {
    EXPECT_EQ(request.max_candidates(), 2U);
    for (const std::string& text : request.texts()) {
      v1::DetectedLanguages& one = *response->add_results();
      one.set_unreliable(text.empty());
      if (text.empty()) continue;
      one.add_candidates()->set_language_code("de");
      one.mutable_candidates(0)->set_script("Latn");
      one.mutable_candidates(0)->set_confidence(0.5F);
    }
    return grpc::Status::OK;
  };
  const auto detected = translator_.Detect({.texts = {"Guten Tag", ""}, .max_candidates = 2});
  ASSERT_TRUE(detected.ok()) << detected.status();
  ASSERT_THAT(detected->results, SizeIs(2));
  EXPECT_EQ(detected->results[0].candidates[0].language_code, "de");
  EXPECT_EQ(detected->results[0].candidates[0].script, "Latn");
  EXPECT_THAT(detected->results[1].candidates, IsEmpty());
  EXPECT_TRUE(detected->results[1].unreliable);

  daemon_.scripts.language_pairs = [](const v1::ListLanguagePairsRequest& request,
                                      v1::ListLanguagePairsResponse* response) {
    EXPECT_TRUE(request.available_only());
    v1::LanguagePair& pair = *response->add_pairs();
    pair.set_source_language("en");
    pair.set_target_language("es");
    pair.set_availability(v1::AVAILABILITY_DOWNLOADABLE);
    pair.set_reason("Install it.");
    pair.add_steps()->set_model("models/a");
    pair.set_engine("onnx");
    response->add_general_models("models/g");
    return grpc::Status::OK;
  };
  const auto pairs = translator_.Pairs({.available_only = true});
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  ASSERT_THAT(pairs->pairs, SizeIs(1));
  EXPECT_EQ(pairs->pairs[0].availability, intelligence::Availability::kDownloadable);
  EXPECT_EQ(pairs->pairs[0].reason, "Install it.");
  EXPECT_EQ(pairs->pairs[0].steps[0].model, "models/a");
  EXPECT_THAT(pairs->general_models, ElementsAre("models/g"));

  daemon_.scripts.prepare_translation =
      [](grpc::ServerContext*, const v1::PrepareTranslationRequest& request,
         grpc::ServerWriter<v1::PrepareTranslationResponse>* writer) {
        EXPECT_EQ(request.accepted_licenses(0), "MIT");
        v1::PrepareTranslationResponse event;
        event.mutable_license()->set_license("MIT");
        writer->Write(event);
        event.mutable_downloading()->set_bytes_total(10);
        writer->Write(event);
        event.mutable_verifying()->set_bytes_total(10);
        writer->Write(event);
        event.mutable_model_loading()->set_model("models/a");
        writer->Write(event);
        event.mutable_completed()->add_steps()->set_model("models/a");
        writer->Write(event);
        return grpc::Status::OK;
      };
  std::string kinds;
  const auto prepared = translator_.Prepare(
      {.source_language = "en", .target_language = "es", .accepted_licenses = {"MIT"}}, {},
      [&](const intelligence::PrepareTranslationEvent& event) {
        kinds += absl::StrCat(event.index());
      });
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(kinds, "01123");
  EXPECT_EQ(prepared->steps[0].model, "models/a");
}

TEST_F(SdkTranslationTest, LanguageToolsCarryTheirAnswers) {
  daemon_.scripts.segment = [](const v1::SegmentTextRequest& request,
                               v1::SegmentTextResponse* response) {
    EXPECT_EQ(request.unit(), v1::SEGMENT_UNIT_WORD);
    EXPECT_EQ(request.language(), "th");
    response->add_texts()->add_segments()->set_end(3);
    response->add_texts();
    return grpc::Status::OK;
  };
  const auto segments = tools_.Segment(
      {.texts = {"abc", ""}, .unit = intelligence::SegmentUnit::kWord, .language = "th"});
  ASSERT_TRUE(segments.ok()) << segments.status();
  ASSERT_THAT(segments->segments, SizeIs(2));
  EXPECT_EQ(segments->segments[0][0].end, 3U);
  EXPECT_THAT(segments->segments[1], IsEmpty());

  daemon_.scripts.embed = [](const v1::EmbedTextRequest& request, v1::EmbedTextResponse* response) {
    EXPECT_EQ(request.purpose(), v1::EMBED_PURPOSE_QUERY);
    EXPECT_EQ(request.dimensions(), 2U);
    EXPECT_EQ(request.options().model(), "bert");
    v1::TextEmbedding& one = *response->add_embeddings();
    one.add_values(0.6F);
    one.add_values(0.8F);
    one.set_input_tokens(4);
    return grpc::Status::OK;
  };
  const auto embedded =
      tools_.Embed({.texts = {"a"}, .purpose = intelligence::EmbedPurpose::kQuery, .dimensions = 2},
                   {.model = "bert"});
  ASSERT_TRUE(embedded.ok()) << embedded.status();
  EXPECT_THAT(embedded->embeddings[0].values, ElementsAre(0.6F, 0.8F));
  EXPECT_EQ(embedded->embeddings[0].input_tokens, 4U);

  daemon_.scripts.classify = [](const v1::ClassifyTextRequest& request,
                                v1::ClassifyTextResponse* response) {
    EXPECT_EQ(request.classification(), v1::TEXT_CLASSIFICATION_SENTIMENT);
    v1::TextLabel& label = *response->add_texts()->add_labels();
    label.set_label("POSITIVE");
    label.set_confidence(0.75F);
    return grpc::Status::OK;
  };
  const auto classified = tools_.Classify(
      {.texts = {"a"}, .classification = intelligence::TextClassification::kSentiment});
  ASSERT_TRUE(classified.ok()) << classified.status();
  EXPECT_EQ(classified->labels[0][0].label, "POSITIVE");

  daemon_.scripts.find_entities = [](const v1::FindEntitiesRequest&,
                                     v1::FindEntitiesResponse* response) {
    v1::NamedEntity& entity = *response->add_texts()->add_entities();
    entity.set_start(1);
    entity.set_end(4);
    entity.set_text("Ada");
    entity.set_label("PER");
    return grpc::Status::OK;
  };
  const auto found = tools_.FindEntities({.texts = {" Ada"}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->entities[0][0].text, "Ada");
  EXPECT_EQ(found->entities[0][0].label, "PER");

  EXPECT_EQ(tools_.Embed({.texts = {"\xff"}}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace intelligenced
