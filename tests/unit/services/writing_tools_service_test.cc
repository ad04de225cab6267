// The WritingToolsService over a socket: on a language model (scripted) and on a native one (fake).
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;

std::string Apply(const std::string& text, const v1::ProofreadTextCompleted& completed) {
  std::string result = text;
  for (auto it = completed.corrections().rbegin(); it != completed.corrections().rend(); ++it) {
    EXPECT_EQ(text.substr(it->start(), it->end() - it->start()), it->original());
    result.replace(it->start(), it->end() - it->start(), it->replacement());
  }
  return result;
}

std::string LongText(int sentences) {
  std::string text;
  for (int i = 0; i < sentences; ++i) {
    absl::StrAppend(&text, "Sentence number ", i, " has a eror in it, and says something more. ");
    if (i % 9 == 8) text += "\n\n";
  }
  return text;
}

absl::StatusOr<std::string> FixErors(const engine_proto::GenerateTask& task) {
  return absl::StrReplaceAll(TextOf(task), {{"a eror", "an error"}});
}

class WritingToolsServiceTest : public ServiceFixture {
 protected:
  v1::ProofreadTextRequest ProofreadOf(std::string text) {
    v1::ProofreadTextRequest request;
    request.set_text(std::move(text));
    return request;
  }
};

TEST_F(WritingToolsServiceTest, ProofreadOnALanguageModelGivesCorrections) {
  script_.answer = FixErors;
  ASSERT_TRUE(Proofread(ProofreadOf("There is a eror here.")).ok());
  const v1::ProofreadTextCompleted& completed = proofread_.back().completed();
  EXPECT_EQ(completed.corrected_text(), "There is an error here.");
  ASSERT_EQ(completed.corrections_size(), 2);
  EXPECT_EQ(completed.corrections(1).original(), "eror");
  EXPECT_EQ(completed.corrections(1).types(0), v1::CORRECTION_TYPE_SPELLING);
  EXPECT_FALSE(completed.corrections(1).explanation().empty());
  EXPECT_EQ(Apply("There is a eror here.", completed), completed.corrected_text());
  EXPECT_EQ(completed.usage().model(), "models/script");
  EXPECT_EQ(completed.usage().output_tokens(), 5u);
  activity_.WaitFor(1);
  const v1::ActivityRecord record = activity_.records()[0];
  EXPECT_EQ(record.method(), "WritingToolsService/ProofreadText");
  EXPECT_EQ(record.client(), "user:1000/test");
  EXPECT_EQ(record.model(), "models/script");
  EXPECT_EQ(record.outcome(), "OK");
  EXPECT_EQ(record.request_class(), v1::REQUEST_CLASS_INTERACTIVE);
  EXPECT_GT(record.input_bytes(), 0u);
  EXPECT_GT(record.output_bytes(), 0u);
  EXPECT_THAT(record.ShortDebugString(), testing::Not(HasSubstr("eror here")));
}

TEST_F(WritingToolsServiceTest, PromptsSayWhatMayBeSharedAndWhoseTheRestIs) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    EXPECT_EQ(task.shared_messages(), 5);
    EXPECT_EQ(task.cache_key(), "user:1000/test");
    return FixErors(task);
  };
  EXPECT_TRUE(Proofread(ProofreadOf("There is a eror here.")).ok());
}

TEST_F(WritingToolsServiceTest, LongTextIsSplitAndComesBackInOrder) {
  script_.answer = FixErors;
  const std::string text = LongText(300);
  ASSERT_TRUE(Proofread(ProofreadOf(text)).ok());
  EXPECT_GT(script_.jobs_started, 10);
  const v1::ProofreadTextCompleted& completed = proofread_.back().completed();
  EXPECT_EQ(completed.corrections_size(), 600);
  EXPECT_EQ(completed.corrected_text(), absl::StrReplaceAll(text, {{"a eror", "an error"}}));
  EXPECT_EQ(Apply(text, completed), completed.corrected_text());
  uint32_t last = 0;
  int streamed = 0;
  for (const v1::ProofreadTextResponse& response : proofread_) {
    if (!response.has_correction()) continue;
    EXPECT_GE(response.correction().start(), last);
    last = response.correction().start();
    ++streamed;
  }
  EXPECT_EQ(streamed, 600);
}

TEST_F(WritingToolsServiceTest, PartThatDoesNotFitTheContextIsSplitFurther) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    if (TextOf(task).size() > 400) {
      return MakeError(Reason::kContextWindowExceeded, "too long",
                       {.metadata = {{"input_tokens", "900"}, {"context_tokens", "512"}},
                        .retry_delay = std::nullopt,
                        .field = ""});
    }
    return FixErors(task);
  };
  const std::string text = LongText(60);
  ASSERT_TRUE(Proofread(ProofreadOf(text)).ok());
  EXPECT_EQ(proofread_.back().completed().corrected_text(),
            absl::StrReplaceAll(text, {{"a eror", "an error"}}));
}

TEST_F(WritingToolsServiceTest, ModelThatTakesNothingIsAnError) {
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    return MakeError(Reason::kContextWindowExceeded, "too long");
  };
  EXPECT_TRUE(HasReason(Proofread(ProofreadOf(LongText(60))), Reason::kContextWindowExceeded));
}

TEST_F(WritingToolsServiceTest, ProtectedPartsAreNotTouched) {
  script_.answer = [](const engine_proto::GenerateTask& task) {
    return absl::StrReplaceAll(TextOf(task), {{"teh", "the"}});
  };
  v1::ProofreadTextRequest request = ProofreadOf("teh one `teh two` \"teh three\" teh four.");
  request.set_protect_quotations(true);
  v1::TextRange* range = request.add_protected_ranges();
  range->set_start(30);
  range->set_end(33);
  ASSERT_EQ(request.text().substr(30, 3), "teh");
  ASSERT_TRUE(Proofread(request).ok());
  EXPECT_EQ(proofread_.back().completed().corrected_text(),
            "the one `teh two` \"teh three\" teh four.");
  request.mutable_options()->set_model("models/native");
  ASSERT_TRUE(Proofread(request).ok());
  EXPECT_EQ(proofread_.back().completed().corrected_text(),
            "the one `teh two` \"teh three\" teh four.");
}

TEST_F(WritingToolsServiceTest, NativeModelTakesTheWholeText) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "We recieve teh mail. ";
  v1::ProofreadTextRequest request = ProofreadOf(text);
  request.mutable_options()->set_model("native");
  ASSERT_TRUE(Proofread(request).ok());
  const v1::ProofreadTextCompleted& completed = proofread_.back().completed();
  EXPECT_EQ(completed.corrections_size(), 1000);
  EXPECT_EQ(Apply(text, completed), completed.corrected_text());
  EXPECT_EQ(completed.language(), "en");
}

TEST_F(WritingToolsServiceTest, TextOfProtectedPartsAloneNeedsNoModel) {
  ASSERT_TRUE(Proofread(ProofreadOf("`only code`")).ok());
  EXPECT_EQ(script_.jobs_started, 0);
  EXPECT_EQ(proofread_.back().completed().corrected_text(), "`only code`");
}

TEST_F(WritingToolsServiceTest, AnswerAboutSomethingElseChangesNothing) {
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    return "I am sorry, but I cannot help with whatever it is that you want of me today.";
  };
  const std::string text = "The meeting starts at nine and ends at ten.";
  ASSERT_TRUE(Proofread(ProofreadOf(text)).ok());
  EXPECT_EQ(proofread_.back().completed().corrected_text(), text);
  EXPECT_EQ(proofread_.back().completed().corrections_size(), 0);
}

TEST_F(WritingToolsServiceTest, RewriteStreamsCandidates) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    return absl::StrCat("Sure, here is the rewritten text:\n\nVersion with ",
                        task.sampling().temperature(), " of ", TextOf(task));
  };
  v1::RewriteTextRequest request;
  request.set_text("  my words\n");
  request.set_style(v1::REWRITE_STYLE_FRIENDLY);
  request.set_candidate_count(3);
  ASSERT_TRUE(Rewrite(request).ok());
  const v1::RewriteTextCompleted& completed = rewrite_.back().completed();
  ASSERT_EQ(completed.candidates_size(), 3);
  std::map<uint32_t, std::string> streamed;
  for (const v1::RewriteTextResponse& response : rewrite_) {
    if (response.has_delta()) streamed[response.delta().candidate()] += response.delta().text();
  }
  std::set<std::string> different;
  for (int i = 0; i < 3; ++i) {
    const std::string& text = completed.candidates(i).text();
    EXPECT_EQ(streamed[static_cast<uint32_t>(i)], text);
    EXPECT_TRUE(absl::StartsWith(text, "  Version with")) << text;
    EXPECT_TRUE(absl::EndsWith(text, " of my words\n")) << text;
    EXPECT_EQ(completed.candidates(i).finish_reason(), v1::FINISH_REASON_STOP);
    different.insert(text);
  }
  EXPECT_EQ(different.size(), 3u);
}

TEST_F(WritingToolsServiceTest, LongRewriteIsJoinedInOrder) {
  script_.delta_bytes = 7;
  const std::string text = LongText(200);
  v1::RewriteTextRequest request;
  request.set_text(text);
  ASSERT_TRUE(Rewrite(request).ok());
  EXPECT_GT(script_.jobs_started, 2);
  EXPECT_EQ(rewrite_.back().completed().candidates(0).text(), text);
}

TEST_F(WritingToolsServiceTest, RewriteKeepsProtectedPartsOrThePart) {
  v1::RewriteTextRequest request;
  request.set_text("Call Dr. Strange now");
  v1::TextRange* range = request.add_protected_ranges();
  range->set_start(5);
  range->set_end(16);
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    EXPECT_THAT(TextOf(task), testing::Not(HasSubstr("Strange")));
    return "Please phone [[1]] at once";
  };
  ASSERT_TRUE(Rewrite(request).ok());
  EXPECT_EQ(rewrite_.back().completed().candidates(0).text(), "Please phone Dr. Strange at once");
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    return "Please phone someone";
  };
  ASSERT_TRUE(Rewrite(request).ok());
  EXPECT_EQ(rewrite_.back().completed().candidates(0).text(), "Call Dr. Strange now");
}

TEST_F(WritingToolsServiceTest, NativeRewriteAndSummary) {
  v1::RewriteTextRequest rewrite;
  rewrite.set_text("teh end");
  rewrite.mutable_options()->set_model("native");
  rewrite.set_candidate_count(4);
  ASSERT_TRUE(Rewrite(rewrite).ok());
  ASSERT_EQ(rewrite_.back().completed().candidates_size(), 1);
  EXPECT_EQ(rewrite_.back().completed().candidates(0).text(), "the end");
  v1::SummarizeTextRequest summarize;
  summarize.set_text("The first sentence. The second one.");
  summarize.mutable_options()->set_model("native");
  ASSERT_TRUE(Summarize(summarize).ok());
  EXPECT_THAT(summarize_.back().completed().summary(), HasSubstr("first sentence"));
  EXPECT_EQ(summarize_.back().completed().parts(), 1u);
}

TEST_F(WritingToolsServiceTest, SummaryThatFitsIsOneJob) {
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    return "1. First point.\n2. Second point.\n\n- Third.\n* Fourth is too many.\n";
  };
  v1::SummarizeTextRequest request;
  request.set_text(LongText(10));
  request.set_type(v1::SUMMARY_TYPE_KEY_POINTS);
  request.set_format(v1::TEXT_FORMAT_MARKDOWN);
  ASSERT_TRUE(Summarize(request).ok());
  EXPECT_EQ(summarize_.back().completed().summary(), "- First point.\n- Second point.\n- Third.");
  EXPECT_EQ(summarize_.back().completed().parts(), 1u);
  EXPECT_EQ(script_.jobs_started, 1);
  request.set_type(v1::SUMMARY_TYPE_HEADLINE);
  script_.answer = [](const engine_proto::GenerateTask&) -> absl::StatusOr<std::string> {
    return "\"One two three four five six seven eight nine ten eleven twelve thirteen\"";
  };
  ASSERT_TRUE(Summarize(request).ok());
  EXPECT_EQ(summarize_.back().completed().summary(),
            "One two three four five six seven eight nine ten eleven twelve");
}

TEST_F(WritingToolsServiceTest, LongSummaryIsMadeFromNotesOnItsParts) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    if (absl::StrContains(RulesOf(task), "You take notes")) {
      return absl::StrCat("Note on ", TextOf(task).substr(0, 20), ".");
    }
    EXPECT_THAT(RulesOf(task), HasSubstr("notes on its parts"));
    const std::string notes = TextOf(task);
    // In the order of the text.
    EXPECT_LT(notes.find("Sentence number 0 "), notes.find("Note on", 10));
    return "The whole of it.";
  };
  v1::SummarizeTextRequest request;
  request.set_text(LongText(800));
  ASSERT_TRUE(Summarize(request).ok());
  const v1::SummarizeTextCompleted& completed = summarize_.back().completed();
  EXPECT_EQ(completed.summary(), "The whole of it.");
  EXPECT_GT(completed.parts(), 5u);
  EXPECT_EQ(completed.usage().output_tokens(), 5 * (completed.parts() + 1));
  std::string streamed;
  for (const auto& response : summarize_) streamed += response.delta();
  EXPECT_EQ(streamed, completed.summary());
}

TEST_F(WritingToolsServiceTest, NotesThatNeverGetShorterEnd) {
  script_.delta_bytes = 1 << 20;
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    return TextOf(task);
  };
  v1::SummarizeTextRequest request;
  request.set_text(LongText(300));
  const absl::Status status = Summarize(request);
  EXPECT_TRUE(HasReason(status, Reason::kContextWindowExceeded)) << status;
  EXPECT_EQ(FactsOf(status).metadata.count("context_tokens"), 1u);
}

TEST_F(WritingToolsServiceTest, ComposeStreamsAText) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    EXPECT_THAT(TextOf(task), HasSubstr("Decline"));
    return "Here is the text:\n\nDear all, I cannot come.";
  };
  v1::ComposeTextRequest request;
  request.set_instruction("Decline the invitation.");
  ASSERT_TRUE(Compose(request).ok());
  EXPECT_EQ(compose_.back().completed().text(), "Dear all, I cannot come.");
}

TEST_F(WritingToolsServiceTest, ModelsThatCannotAreRefused) {
  v1::ComposeTextRequest compose;
  compose.set_instruction("Write.");
  compose.mutable_options()->set_model("native");
  const absl::Status incapable = Compose(compose);
  EXPECT_TRUE(HasReason(incapable, Reason::kNoCapableModel)) << incapable;
  EXPECT_EQ(FactsOf(incapable).metadata.at("capability"), "writing.compose");
  EXPECT_FALSE(FactsOf(incapable).metadata.at("install").empty());
  compose.mutable_options()->set_model("models/nobody");
  EXPECT_TRUE(HasReason(Compose(compose), Reason::kModelNotFound));
  compose.mutable_options()->set_model("offered");
  EXPECT_TRUE(HasReason(Compose(compose), Reason::kModelNotInstalled));
  activity_.WaitFor(3);
  EXPECT_EQ(activity_.records()[1].outcome(), "MODEL_NOT_FOUND");
}

TEST_F(WritingToolsServiceTest, CallersWithoutRightAreRefused) {
  refuse_callers_ = true;
  EXPECT_TRUE(HasReason(Proofread(ProofreadOf("text")), Reason::kCallerNotAuthorized));
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].outcome(), "CALLER_NOT_AUTHORIZED");
}

TEST_F(WritingToolsServiceTest, FourMegabytesAreTakenAndTenAreRefused) {
  const absl::Status status = Proofread(ProofreadOf(std::string(10 << 20, 'x')));
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("size_bytes"), absl::StrCat(10 << 20));
  EXPECT_EQ(FactsOf(status).metadata.at("limit_bytes"), absl::StrCat(4 << 20));
  v1::ProofreadTextRequest request = ProofreadOf(std::string(4 << 20, 'x'));  // all one word
  script_.delta_bytes = 1 << 20;
  EXPECT_TRUE(Proofread(request).ok());
  EXPECT_EQ(proofread_.back().completed().corrected_text(), request.text());
}

TEST_F(WritingToolsServiceTest, CancelledCallEndsItsJobs) {
  script_.held = true;
  grpc::ClientContext context;
  const auto reader = writing_->ProofreadText(&context, ProofreadOf(LongText(100)));
  WaitUntil([&] { return script_.jobs_alive > 0; });
  context.TryCancel();
  std::vector<v1::ProofreadTextResponse> responses;
  EXPECT_TRUE(HasReason(Drain(*reader, &responses), Reason::kCancelled));
  WaitUntil([&] { return script_.jobs_alive == 0; });
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].outcome(), "CANCELLED");
}

TEST_F(WritingToolsServiceTest, FailureOfOnePartEndsTheCallOnce) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    if (absl::StrContains(TextOf(task), "number 40 ")) {
      return MakeError(Reason::kEngineFailure, "It broke.");
    }
    return FixErors(task);
  };
  EXPECT_TRUE(HasReason(Proofread(ProofreadOf(LongText(200))), Reason::kEngineFailure));
  for (const v1::ProofreadTextResponse& response : proofread_) {
    EXPECT_FALSE(response.has_completed());
  }
  WaitUntil([&] { return script_.jobs_alive == 0; });
}

}  // namespace
}  // namespace intelligenced
