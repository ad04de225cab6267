// TranslationService over a real scheduler and server; the fake engine puts texts in capitals.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/services/translation_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TranslationServiceTest : public TranslationFixture {};

TEST_F(TranslationServiceTest, TranslatesATextAndSaysHow) {
  v1::TranslateTextRequest request = Request("hello {name}, 1st time\n\n  bye ", "en", "es");
  const absl::Status status = Translate(request);
  ASSERT_TRUE(status.ok()) << status;
  const v1::TranslateTextCompleted& done = completed();
  EXPECT_EQ(done.translation().text(), "HELLO {name}, 1st TIME\n\n  BYE ");
  ASSERT_EQ(done.translation().untranslated_size(), 1);
  EXPECT_EQ(done.translation().text().substr(done.translation().untranslated(0).start(), 3), "1st");
  EXPECT_EQ(done.source_language(), "en");
  EXPECT_FALSE(done.source_detected());
  ASSERT_EQ(done.steps_size(), 1);
  EXPECT_EQ(done.steps(0).model(), "models/rules");
  EXPECT_EQ(done.pivot_language(), "");
  EXPECT_EQ(done.usage().model(), "models/rules");
  EXPECT_EQ(deltas(), done.translation().text());
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].method(), "TranslationService/TranslateText");
  EXPECT_THAT(activity_.records()[0].DebugString(), testing::Not(HasSubstr("hello")));
}

TEST_F(TranslationServiceTest, FindsTheLanguageItself) {
  ASSERT_TRUE(Translate(Request("en hello", "", "es")).ok());
  EXPECT_EQ(completed().source_language(), "en");
  EXPECT_TRUE(completed().source_detected());
  EXPECT_EQ(completed().translation().text(), "EN HELLO");
  // In the target language already.
  ASSERT_TRUE(Translate(Request("es hola", "", "es-MX")).ok());
  EXPECT_EQ(completed().translation().text(), "es hola");
  EXPECT_EQ(completed().steps_size(), 0);
  EXPECT_EQ(deltas(), "es hola");
  const absl::Status status = Translate(Request("123 456", "", "es"));
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "source_language");
}

TEST_F(TranslationServiceTest, GoesThroughAThirdLanguageAndSaysSo) {
  v1::TranslateTextRequest request = Request("a {x} 2nd", "en", "pt-BR");
  request.set_mark_unknown(true);
  ASSERT_TRUE(Translate(request).ok());
  ASSERT_EQ(completed().steps_size(), 2);
  EXPECT_EQ(completed().pivot_language(), "es");
  EXPECT_EQ(completed().steps(1).source_language(), "es");
  EXPECT_EQ(completed().steps(1).target_language(), "pt");
  EXPECT_EQ(completed().steps(1).model(), "models/onward");
  EXPECT_EQ(completed().translation().text(), "es>pt: A {x} *2nd");
}

TEST_F(TranslationServiceTest, TheStrategyAndTheNameChooseTheModel) {
  v1::TranslateTextRequest request = Request("hello", "en", "es");
  request.set_strategy(v1::TRANSLATION_STRATEGY_HIGH_FIDELITY);
  ASSERT_TRUE(Translate(request).ok());
  EXPECT_EQ(completed().steps(0).model(), "models/network");
  request.clear_strategy();
  request.mutable_options()->set_model("network");
  ASSERT_TRUE(Translate(request).ok());
  EXPECT_EQ(completed().steps(0).model(), "models/network");
  request.mutable_options()->set_model("nobody");
  EXPECT_TRUE(HasReason(Translate(request), Reason::kModelNotFound));
  request.mutable_options()->set_model("onward");
  EXPECT_TRUE(HasReason(Translate(request), Reason::kNoCapableModel));
}

TEST_F(TranslationServiceTest, ALanguageModelTranslatesWhereNothingElseDoes) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    EXPECT_THAT(RulesOf(task), HasSubstr("from English to German"));
    EXPECT_EQ(task.shared_messages(), 1U);
    return TextOf(task) == "hello [[1]]" ? "Here it is:\n\n\"[[1]] hallo\"" : "lost";
  };
  ASSERT_TRUE(Translate(Request("  hello {name}\n", "en", "de")).ok());
  EXPECT_EQ(completed().translation().text(), "  {name} hallo\n");
  EXPECT_EQ(completed().steps(0).model(), "models/script");
  // One that loses the mark gets the pieces.
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    return TextOf(task) == "hello" ? "hallo" : TextOf(task) == "dear" ? "Lieber" : "nothing";
  };
  ASSERT_TRUE(Translate(Request("hello {name} dear", "en", "de")).ok());
  EXPECT_EQ(completed().translation().text(), "hallo {name} Lieber");
}

TEST_F(TranslationServiceTest, ALanguageModelThatGoesRoundIsCutOff) {
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    std::string text = "Hallo";
    for (int i = 0; i < 20; ++i) text += " und so weiter";
    return text;
  };
  ASSERT_TRUE(Translate(Request("hello", "en", "de")).ok());
  EXPECT_LT(completed().translation().text().size(), 40U);
  EXPECT_THAT(completed().translation().text(), HasSubstr("Hallo"));
  ASSERT_EQ(completed().translation().truncated_size(), 1);
}

TEST_F(TranslationServiceTest, WhatALanguageModelLeavesOutComesBackAndIsTold) {
  std::vector<std::string> asked;
  script_.answer = [&](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    asked.push_back(TextOf(task));
    return "So ist es.";
  };
  const std::string text =
      "The house near the river was sold last year, and nobody has lived in it.";
  ASSERT_TRUE(Translate(Request(text, "en", "de")).ok());
  // The halves are short enough for anything.
  EXPECT_THAT(asked, ElementsAre(text, "The house near the river was sold last year,",
                                 "and nobody has lived in it."));
  EXPECT_EQ(completed().translation().text(),
            "The house near the river was sold last year, So ist es.");
  ASSERT_EQ(completed().translation().untranslated_size(), 1);
  EXPECT_EQ(completed().translation().untranslated(0).start(), 0U);
  EXPECT_EQ(completed().translation().untranslated(0).end(), 44U);
}

TEST_F(TranslationServiceTest, WhatIsTooLongForTheModelIsCut) {
  std::string text;
  for (int i = 0; i < 2000; ++i) absl::StrAppend(&text, "word ");
  v1::TranslateTextRequest request = Request(text, "en", "es");
  request.mutable_options()->set_model("small");
  ASSERT_TRUE(Translate(request).ok());
  EXPECT_EQ(completed().translation().text(), ToUpperUtf8(text));
  // A megabyte goes in parts, and comes in pieces.
  text.clear();
  while (text.size() < (1 << 20)) absl::StrAppend(&text, "Some words, and a stop.\n");
  ASSERT_TRUE(Translate(Request(text, "en", "es")).ok());
  EXPECT_EQ(completed().translation().text(), ToUpperUtf8(text));
  EXPECT_GT(delta_count(), 10);
}

TEST_F(TranslationServiceTest, BadRequestsAreRefusedByName) {
  const auto field = [&](const v1::TranslateTextRequest& request) {
    const absl::Status status = Translate(request);
    EXPECT_FALSE(status.ok());
    return FactsOf(status).field;
  };
  EXPECT_EQ(field(Request("", "en", "es")), "text");
  EXPECT_EQ(field(Request("x", "en", "")), "target_language");
  EXPECT_EQ(field(Request("x", "en", "EN")), "target_language");
  EXPECT_EQ(field(Request("x", "not a tag", "es")), "source_language");
  v1::TranslateTextRequest request = Request("é", "en", "es");
  request.add_do_not_translate()->set_end(1);
  EXPECT_EQ(field(request), "do_not_translate[0]");
  request = Request("x", "en", "es");
  request.set_strategy(static_cast<v1::TranslationStrategy>(9));
  EXPECT_EQ(field(request), "strategy");
  EXPECT_TRUE(HasReason(Translate(Request(std::string((4 << 20) + 1, 'x'), "en", "es")),
                        Reason::kInputTooLarge));
}

TEST_F(TranslationServiceTest, WhatNobodyHasIsSaidWithWhatThereIs) {
  absl::Status status = Translate(Request("x", "en", "tlh"));
  EXPECT_TRUE(HasReason(status, Reason::kLanguageUnsupported)) << status;
  EXPECT_THAT(FactsOf(status).metadata.at("available"), HasSubstr("en>es"));
  EXPECT_EQ(FactsOf(status).metadata.at("target"), "tlh");
}

TEST_F(TranslationServiceTest, InvisibleCharactersAndDirectionsComeBack) {
  const std::string text = "a\u200Bb \u202Ehello\u202C \u2067x\u2069";
  ASSERT_TRUE(Translate(Request(text, "en", "es")).ok());
  EXPECT_EQ(completed().translation().text(), ToUpperUtf8(text));
}

TEST_F(TranslationServiceTest, MarkupThatNeverEndsComesBack) {
  for (const char* text :
       {"<p>the <b>house", "the <a href=\"x", "</b></b>", "<!-- the house", "<"}) {
    v1::TranslateTextRequest request = Request(text, "en", "es");
    request.set_format(v1::TRANSLATION_FORMAT_HTML);
    ASSERT_TRUE(Translate(request).ok()) << text;
    const std::string& out = completed().translation().text();
    EXPECT_EQ(ToLowerUtf8(out), text) << out;
  }
}

TEST_F(TranslationServiceTest, WhatIsNoUtf8IsRefused) {
  for (const absl::Status& status :
       {Translate(Request("x\xFF", "en", "es")), Translate(Request("x", "e\xFF", "es")),
        Translate(Request("x", "en", "\xC0\x80"))}) {
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  }
}

TEST_F(TranslationServiceTest, DetectsManyTextsAtOnce) {
  v1::DetectLanguageRequest request;
  request.add_texts("en hello");
  request.add_texts("");
  request.add_texts("fr salut");
  v1::DetectLanguageResponse response;
  grpc::ClientContext context;
  const absl::Status status =
      StatusFromGrpc(translation_->DetectLanguage(&context, request, &response));
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).candidates(0).language_code(), "en");
  EXPECT_EQ(response.results(1).candidates_size(), 0);
  EXPECT_EQ(response.results(2).candidates(0).language_code(), "fr");
  grpc::ClientContext second;
  EXPECT_EQ(FactsOf(StatusFromGrpc(translation_->DetectLanguage(
                        &second, v1::DetectLanguageRequest(), &response)))
                .field,
            "texts");
}

TEST_F(TranslationServiceTest, ListsWhatThereIsAndWhatCouldBe) {
  const auto list = [&](const v1::ListLanguagePairsRequest& request) {
    v1::ListLanguagePairsResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(translation_->ListLanguagePairs(&context, request, &response).ok());
    return response;
  };
  v1::ListLanguagePairsRequest request;
  request.set_source_language("en");
  const v1::ListLanguagePairsResponse all = list(request);
  std::vector<std::string> pairs;
  for (const v1::LanguagePair& pair : all.pairs()) {
    pairs.push_back(absl::StrCat(pair.source_language(), ">", pair.target_language(), " ",
                                 v1::Availability_Name(pair.availability()), " ",
                                 pair.pivot_language()));
  }
  EXPECT_THAT(pairs, ElementsAre("en>ca AVAILABILITY_UNAVAILABLE ", "en>es AVAILABILITY_AVAILABLE ",
                                 "en>pt AVAILABILITY_AVAILABLE es"));
  EXPECT_THAT(all.pairs(0).reason(), HasSubstr("apt install apertium-eng-cat"));
  EXPECT_EQ(all.pairs(1).high_fidelity_steps(0).model(), "models/network");
  EXPECT_THAT(std::vector<std::string>(all.general_models().begin(), all.general_models().end()),
              testing::Contains("models/script"));
  request.set_available_only(true);
  request.set_direct_only(true);
  EXPECT_EQ(list(request).pairs_size(), 1);
}

TEST_F(TranslationServiceTest, PreparingLoadsWhatWouldServe) {
  v1::PrepareTranslationRequest request;
  request.set_source_language("en");
  request.set_target_language("pt");
  std::vector<v1::PrepareTranslationResponse> responses;
  grpc::ClientContext context;
  auto reader = translation_->PrepareTranslation(&context, request);
  const absl::Status status = Drain(*reader, &responses);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_GE(responses.size(), 1U);
  EXPECT_EQ(responses.back().completed().pivot_language(), "es");
  EXPECT_EQ(runtime_->models().Get("onward")->state, ModelState::kReady);
  EXPECT_EQ(runtime_->models().Get("rules")->state, ModelState::kReady);
}

}  // namespace
}  // namespace intelligenced
