// Providers that misbehave, die, or have to be started.
#include <string>

#include "gmock/gmock.h"
#include "tests/unit/services/actions/action_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(ExchangeTest, ADeadProvidersCallersLearnExactlyThat) {
  ASSERT_TRUE(Register(1, lists_).ok());
  StartedRun(7, person_);
  ASSERT_TRUE(Start(8, person_, "action: 'drop'").ok());   // waits for entities
  ASSERT_TRUE(Start(9, person_, "action: 'count'").ok());  // waits for the person
  exchange_.ProviderGone(1, now_);
  EXPECT_TRUE(HasReason(End(7), Reason::kActionProviderLost)) << End(7);
  EXPECT_EQ(FactsOf(End(7)).metadata.at("started"), "true");
  EXPECT_THAT(std::string(End(7).message()), HasSubstr("in the middle of the action"));
  EXPECT_TRUE(HasReason(End(8), Reason::kActionProviderLost));
  EXPECT_EQ(FactsOf(End(8)).metadata.at("started"), "false");
  // Nothing of this one is lost yet; its provider is not there when it is confirmed.
  EXPECT_FALSE(Ended(9));
  Caller(9, "confirmation: CONFIRMATION_DECISION_ALLOW");
  EXPECT_TRUE(HasReason(End(9), Reason::kActionNotFound) ||
              HasReason(End(9), Reason::kActionProviderUnavailable))
      << End(9);
  EXPECT_EQ(exchange_.runs(), 0);
  EXPECT_EQ(exchange_.queries(), 0);
}

TEST_F(ExchangeTest, NobodyAnswersForAnothersRun) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(Register(2, App("other"), "id: 'org.example.Other' title: 'Other'").ok());
  const std::string run = StartedRun(7, person_);
  for (const std::string& text :
       {"finished { run_id: '" + run + "' result { dialog: 'Stolen.' } }",
        "failed { run_id: '" + run + "' }", "progress { run_id: '" + run + "' }",
        "value_question { run_id: '" + run + "' parameter: 'item' }",
        "confirmation_question { run_id: '" + run + "' prompt: 'x' }"}) {
    Provider(2, text);
    EXPECT_EQ(LastToProvider(2).rejected().reason(), "ACTION_RUN_NOT_FOUND") << text;
  }
  EXPECT_FALSE(Ended(7));
  // Nor for another's query.
  ASSERT_TRUE(Start(8, person_, "action: 'drop'").ok());
  const std::string query = LastToProvider(1).entity_query().query_id();
  Provider(2, "entity_answer { query_id: '" + query +
                  "' entities { type: 'list' id: 'evil' title: 'Evil' } }");
  EXPECT_EQ(LastToProvider(2).rejected().reason(), "ACTION_RUN_NOT_FOUND");
  EXPECT_FALSE(Last(8).has_needs_value());
}

TEST_F(ExchangeTest, AnsweringTwiceIsRejectedAndTooManyMistakesEndTheStream) {
  ASSERT_TRUE(Register(1, lists_).ok());
  const std::string run = StartedRun(7, person_);
  const std::string finished = "finished { run_id: '" + run + "' result { dialog: 'One.' } }";
  Provider(1, finished);
  EXPECT_EQ(Last(7).completed().result().dialog(), "One.");
  const size_t told = output_.caller[7].size();
  Provider(1, finished);
  EXPECT_EQ(LastToProvider(1).rejected().reason(), "ACTION_RUN_NOT_FOUND");
  EXPECT_EQ(output_.caller[7].size(), told);
  StartedRun(8, person_);
  for (int i = 0; i < 70; ++i) Provider(1, finished);
  EXPECT_TRUE(HasReason(output_.provider_end[1], Reason::kFieldInvalid)) << output_.provider_end[1];
  EXPECT_TRUE(HasReason(End(8), Reason::kActionProviderLost));
  EXPECT_EQ(exchange_.registry().connected(), 0);
}

TEST_F(ExchangeTest, AResultOfTheWrongTypeIsNoResult) {
  ASSERT_TRUE(Register(1, lists_).ok());
  for (const char* result :
       {"result { value { string_value: '4' } }", "result { }",
        "result { value { integer_value: 4 } dialog: 'two\\nlines' }",
        "result { value { integer_value: 4 } snippet { picture: 'x' picture_media_type: 'a/b' } }",
        "result { value { integer_value: 4 } snippet { markdown: '\\x1b[2J' } }"}) {
    output_.caller_end.erase(7);
    ASSERT_TRUE(Start(7, lists_, "action: 'count'").ok());
    Caller(7, "confirmation: CONFIRMATION_DECISION_ALLOW");
    Provider(1, absl::StrCat("finished { run_id: '", RunId(1), "' ", result, " }"));
    EXPECT_TRUE(HasReason(End(7), Reason::kActionResultInvalid)) << result << End(7);
    EXPECT_EQ(LastToProvider(1).rejected().reason(), "ACTION_RESULT_INVALID");
  }
  // A value that nobody declared.
  StartedRun(8, person_);
  Provider(1, "finished { run_id: '" + RunId(1) + "' result { value { integer_value: 1 } } }");
  EXPECT_TRUE(HasReason(End(8), Reason::kActionResultInvalid));
}

TEST_F(ExchangeTest, EntitiesOfTheWrongShapeAreNone) {
  ASSERT_TRUE(Register(1, lists_).ok());
  for (const char* entities :
       {"entities { type: 'note' id: 'a' title: 'A' }", "entities { type: 'list' title: 'A' }",
        "entities { type: 'list' id: 'a' }",
        "entities { type: 'list' id: 'a' title: 'A' } entities { type: 'list' id: 'a' title: 'B' }",
        "entities { type: 'list' id: 'a' title: '\\x1b[31mred' }",
        ("entities { type: 'list' id: 'a' title: 'A' properties { key: 'size' value { "
         "string_value: '3' } } }"),
        "entities { type: 'list' id: 'a' title: 'A' properties { key: 'new' value { } } }"}) {
    output_.caller_end.erase(7);
    ASSERT_TRUE(Start(7, person_, "action: 'drop'").ok());
    Provider(1, absl::StrCat("entity_answer { query_id: '",
                             LastToProvider(1).entity_query().query_id(), "' ", entities, " }"));
    EXPECT_TRUE(HasReason(End(7), Reason::kActionResultInvalid)) << entities << End(7);
  }
  // The one with a key is that one, and no other.
  output_.caller_end.erase(7);
  ASSERT_TRUE(Start(7, person_,
                    "action: 'drop' values { key: 'list' value { entity_value { "
                    "type: 'list' id: 'mine' } } }")
                  .ok());
  AnswerQuery(1, {"theirs"});
  EXPECT_TRUE(HasReason(End(7), Reason::kActionResultInvalid));
}

TEST_F(ExchangeTest, SilenceHasALimit) {
  ASSERT_TRUE(Register(1, lists_).ok());
  const std::string run = StartedRun(7, person_);
  now_ += absl::Seconds(29);
  exchange_.Tick(now_);
  Provider(1, "progress { run_id: '" + run + "' }");
  now_ += absl::Seconds(29);
  exchange_.Tick(now_);
  EXPECT_FALSE(Ended(7));
  EXPECT_EQ(exchange_.NextDeadline(), now_ + absl::Seconds(1));
  now_ += absl::Seconds(1);
  exchange_.Tick(now_);
  EXPECT_TRUE(HasReason(End(7), Reason::kActionTimedOut)) << End(7);
  EXPECT_EQ(FactsOf(End(7)).metadata.at("waiting_for"), "progress");
  EXPECT_EQ(LastToProvider(1).cancelled().run_id(), run);
  // Late: nobody waits, and nobody is told off.
  const size_t said = output_.provider[1].size();
  Provider(1, "finished { run_id: '" + run + "' }");
  EXPECT_EQ(output_.provider[1].size(), said);

  ASSERT_TRUE(Start(8, person_, "action: 'drop'").ok());
  now_ += absl::Seconds(10);
  exchange_.Tick(now_);
  EXPECT_EQ(FactsOf(End(8)).metadata.at("waiting_for"), "entities");
  ASSERT_TRUE(Start(9, person_, "action: 'count'").ok());
  now_ += absl::Minutes(10);
  exchange_.Tick(now_);
  EXPECT_EQ(FactsOf(End(9)).metadata.at("waiting_for"), "confirmation");
  EXPECT_EQ(exchange_.NextDeadline(), absl::InfiniteFuture());
}

TEST_F(ExchangeTest, AProviderAsksInMidAction) {
  ASSERT_TRUE(Register(1, lists_).ok());
  const std::string run = StartedRun(7, person_);
  Provider(1, "value_question { run_id: '" + run + "' parameter: 'item' prompt: 'Which milk?' }");
  EXPECT_EQ(Last(7).needs_value().prompt(), "Which milk?");
  // One question at a time.
  Provider(1, "confirmation_question { run_id: '" + run + "' prompt: 'Sure?' }");
  EXPECT_EQ(LastToProvider(1).rejected().reason(), "FIELD_INVALID");
  Caller(7, "value { string_value: 'oat milk' }");
  EXPECT_EQ(LastToProvider(1).answer().value().string_value(), "oat milk");
  Provider(1, "confirmation_question { run_id: '" + run + "' prompt: 'Sure?' }");
  EXPECT_EQ(Last(7).needs_confirmation().prompt(), "Lists: Sure?");
  EXPECT_EQ(Last(7).needs_confirmation().kind(), v1::CONFIRMATION_KIND_PROVIDER);
  Caller(7, "confirmation: CONFIRMATION_DECISION_DECLINE");
  EXPECT_TRUE(HasReason(End(7), Reason::kActionNotConfirmed));
  EXPECT_TRUE(LastToProvider(1).has_cancelled());
}

TEST_F(ExchangeTest, ARefusalOfTheProvidersComesWithItsWords) {
  ASSERT_TRUE(Register(1, lists_).ok());
  StartedRun(7, person_);
  Provider(1, "failed { run_id: '" + RunId(1) + "' code: 'list-full' message: 'It is\\nfull.' }");
  EXPECT_TRUE(HasReason(End(7), Reason::kActionFailed));
  EXPECT_EQ(FactsOf(End(7)).metadata.at("code"), "list-full");
  EXPECT_EQ(End(7).message(),
            "It is\xEF\xBF\xBD"
            "full.");
}

TEST_F(ExchangeTest, ASecondConnectionOfTheSameAppTakesOver) {
  ASSERT_TRUE(Register(1, lists_).ok());
  StartedRun(7, person_);
  ASSERT_TRUE(Register(2, lists_).ok());
  EXPECT_TRUE(HasReason(output_.provider_end[1], Reason::kCancelled));
  EXPECT_TRUE(HasReason(End(7), Reason::kActionProviderLost));
  // The old one's end changes nothing.
  exchange_.ProviderGone(1, now_);
  EXPECT_EQ(exchange_.registry().connected(), 1);
}

class StartedProviderTest : public ExchangeTest {
 protected:
  StartedProviderTest() {
    StaticProvider provider;
    provider.declaration = CompleteDeclaration(Declaration(kListsDeclaration));
    provider.owner.executable = "/usr/bin/lists";
    provider.start.command = {"/usr/bin/lists"};
    exchange_.registry().SetStatic({provider});
  }
  const std::string start_ =
      "action: 'add' values { key: 'item' value { string_value: 'milk' } } "
      "values { key: 'list' value { entity_value { type: 'list' id: 'a' } } }";
};

TEST_F(StartedProviderTest, AnAppThatIsNotRunningIsStartedOnce) {
  ASSERT_TRUE(Start(7, person_, start_).ok());
  ASSERT_TRUE(Start(8, person_, start_).ok());
  EXPECT_EQ(Last(7).provider_starting().provider(), "org.example.Lists");
  EXPECT_THAT(output_.started, ElementsAre("org.example.Lists"));
  ASSERT_TRUE(Register(1, lists_).ok());
  // Both go on.
  EXPECT_EQ(output_.provider[1].size(), 3);
  AnswerQuery(1, {"a"});
  EXPECT_TRUE(LastToProvider(1).has_run());
}

TEST_F(StartedProviderTest, OnlyTheOwnerMayAnswer) {
  ASSERT_TRUE(Start(7, person_, start_).ok());
  const absl::Status status = Register(1, App("thief"));
  EXPECT_TRUE(HasReason(status, Reason::kActionOwnedByOther)) << status;
  EXPECT_FALSE(Ended(7));
  EXPECT_EQ(exchange_.registry().connected(), 0);
}

TEST_F(StartedProviderTest, AnAppThatDoesNotComeHasALimitAndCanBeTriedAgain) {
  ASSERT_TRUE(Start(7, person_, start_).ok());
  now_ += absl::Seconds(10);
  EXPECT_EQ(exchange_.NextDeadline(), now_);
  exchange_.Tick(now_);
  EXPECT_TRUE(HasReason(End(7), Reason::kActionProviderUnavailable)) << End(7);
  ASSERT_TRUE(Start(8, person_, start_).ok());
  EXPECT_EQ(output_.started.size(), 2);
  // What is told of the first start does not touch the second.
  exchange_.ProviderStartFailed(1000, "org.example.Lists", output_.last_start - 1,
                                absl::UnavailableError("Old."), now_);
  EXPECT_FALSE(Ended(8));
  exchange_.ProviderStartFailed(1000, "org.example.Lists", output_.last_start,
                                absl::UnavailableError("No such file."), now_);
  EXPECT_TRUE(HasReason(End(8), Reason::kActionProviderUnavailable));
  EXPECT_EQ(End(8).message(), "No such file.");
  EXPECT_EQ(exchange_.runs(), 0);
}

TEST_F(StartedProviderTest, AProgramThatFailsBeforeItConnectsIsNoticedAtOnce) {
  ASSERT_TRUE(Start(7, person_, start_).ok());
  ASSERT_TRUE(Start(8, person_, start_).ok());
  exchange_.ProviderExited(1000, "org.example.Lists", output_.last_start, {.status = 3}, now_);
  for (const uint64_t call : {7, 8}) {
    EXPECT_TRUE(HasReason(End(call), Reason::kActionProviderUnavailable)) << End(call);
    EXPECT_EQ(FactsOf(End(call)).metadata.at("exit_status"), "3");
    EXPECT_EQ(FactsOf(End(call)).metadata.at("provider"), "org.example.Lists");
  }
  EXPECT_THAT(std::string(End(7).message()), HasSubstr("exited with status 3 before it connected"));
  EXPECT_EQ(exchange_.NextDeadline(), absl::InfiniteFuture());
  // The next run starts it anew, and the old one's end is told but once.
  const uint64_t first = output_.last_start;
  ASSERT_TRUE(Start(9, person_, start_).ok());
  EXPECT_THAT(output_.started, SizeIs(2));
  exchange_.ProviderExited(1000, "org.example.Lists", first, {.status = 3}, now_);
  EXPECT_FALSE(Ended(9));
  exchange_.ProviderExited(1000, "org.example.Lists", output_.last_start, {.signal = 11}, now_);
  EXPECT_EQ(FactsOf(End(9)).metadata.at("signal"), "11");
  EXPECT_THAT(std::string(End(9).message()), HasSubstr("was ended by signal 11"));
  EXPECT_EQ(exchange_.runs(), 0);
}

TEST_F(StartedProviderTest, AProgramThatExitsWellMayHaveHandedOver) {
  ASSERT_TRUE(Start(7, person_, start_).ok());
  exchange_.ProviderExited(1000, "org.example.Lists", output_.last_start, {}, now_);
  EXPECT_FALSE(Ended(7));
  ASSERT_TRUE(Register(1, lists_).ok());
  EXPECT_TRUE(LastToProvider(1).has_entity_query());
  // The end of one that is connected shows by its stream.
  exchange_.ProviderExited(1000, "org.example.Lists", output_.last_start, {.status = 1}, now_);
  EXPECT_FALSE(Ended(7));
  exchange_.ProviderGone(1, now_);
  ASSERT_TRUE(Start(8, person_, start_).ok());
  exchange_.ProviderExited(1000, "org.example.Lists", output_.last_start, {}, now_);
  now_ += absl::Seconds(10);
  exchange_.Tick(now_);
  EXPECT_THAT(std::string(End(8).message()),
              HasSubstr("exited without a failure and has not connected in time"));
}

TEST_F(StartedProviderTest, AnActionThatTheAppDoesNotOfferAnyMoreIsNotRun) {
  ASSERT_TRUE(Start(7, person_, start_).ok());
  ASSERT_TRUE(Register(1, lists_, "id: 'org.example.Lists' title: 'Lists'").ok());
  EXPECT_TRUE(HasReason(End(7), Reason::kActionNotFound)) << End(7);
}

TEST_F(StartedProviderTest, AStrangerStartsNothing) {
  ASSERT_TRUE(Start(7, assistant_, start_).ok());
  EXPECT_TRUE(HasReason(End(7), Reason::kCallerNotAuthorized));
  EXPECT_TRUE(output_.started.empty());
}

TEST_F(ExchangeTest, AStormOfProvidersLeavesNothing) {
  for (uint64_t i = 1; i <= 2000; ++i) {
    const std::string id = absl::StrCat("org.example.P", i % 50);
    ASSERT_TRUE(Register(i, App(absl::StrCat("app", i % 50)),
                         absl::StrCat("id: '", id, "' title: 'P' actions { id: 'go' title: 'Go' }"))
                    .ok());
    ASSERT_TRUE(Start(10'000 + i, person_, absl::StrCat("action: '", id, "/go'")).ok());
    exchange_.ProviderGone(i, now_);
    EXPECT_TRUE(HasReason(End(10'000 + i), Reason::kActionProviderLost));
  }
  EXPECT_EQ(exchange_.runs(), 0);
  EXPECT_EQ(exchange_.queries(), 0);
  EXPECT_EQ(exchange_.kept(), 0);
  EXPECT_EQ(exchange_.registry().connected(), 0);
  EXPECT_TRUE(exchange_.registry().List(1000).empty());
}

}  // namespace
}  // namespace intelligenced
