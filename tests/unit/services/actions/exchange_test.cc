// The way of a run: values, entities, confirmation, grants, ends.
#include <string>

#include "gmock/gmock.h"
#include "tests/unit/services/actions/action_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(ExchangeTest, RunsWithEntitiesFoundByTheirTitles) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(Start(7, person_,
                    "action: 'add' values { key: 'item' value { string_value: 'milk' } } "
                    "values { key: 'list' value { entity_value { type: 'list' title: 'shop' } } }")
                  .ok());
  EXPECT_TRUE(output_.caller[7].front().has_started());
  EXPECT_EQ(LastToProvider(1).entity_query().text(), "shop");
  AnswerQuery(1, {"shopping"});
  const v1::ProviderRun& run = LastToProvider(1).run();
  EXPECT_EQ(run.action(), "add");
  EXPECT_EQ(run.values().at("item").string_value(), "milk");
  EXPECT_EQ(run.values().at("list").entity_value().id(), "shopping");
  Provider(
      1, "progress { run_id: '" + run.run_id() + "' progress { done: 9 total: 2 } message: 'x' }");
  EXPECT_EQ(Last(7).progress().progress().done(), 2);
  Provider(1, "finished { run_id: '" + RunId(1) + "' result { dialog: 'Added.' } }");
  EXPECT_EQ(Last(7).completed().result().dialog(), "Added.");
  EXPECT_TRUE(Ended(7) && End(7).ok());
  EXPECT_THAT(output_.done, ElementsAre("org.example.Lists/add"));
  EXPECT_EQ(exchange_.runs(), 0);
  EXPECT_EQ(exchange_.NextDeadline(), absl::InfiniteFuture());
}

TEST_F(ExchangeTest, AnAnswerMayBeInWords) {
  ASSERT_TRUE(Register(1, lists_,
                       "id: 'org.example.Lamps' title: 'Lamps' actions { id: 'set' title: 'Set' "
                       "parameters { id: 'level' type { integer { maximum: 9 } } } "
                       "parameters { id: 'now' type { boolean {} } } }")
                  .ok());
  ASSERT_TRUE(Start(7, person_, "action: 'set'").ok());
  Caller(7, "value { string_value: 'a little' }");
  EXPECT_THAT(Last(7).needs_value().problem(), HasSubstr("must be an integer"));
  Caller(7, "value { string_value: 'seven' }");
  EXPECT_EQ(Last(7).needs_value().parameter(), "now");
  // What was read is checked like what was sent.
  Caller(7, "value { string_value: 'x' }");
  EXPECT_EQ(Last(7).needs_value().problem(), "The value must be true or false.");
  Caller(7, "value { boolean_value: true }");
  EXPECT_EQ(LastToProvider(1).run().values().at("level").integer_value(), 7);
}

TEST_F(ExchangeTest, ACommandThatIsShownIsSafeToCopy) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ActionActor odd = assistant_;
  odd.app = "exe:/tmp/it's; rm -rf ~";
  ASSERT_TRUE(Start(7, odd, "action: 'count'").ok());
  EXPECT_THAT(std::string(End(7).message()),
              HasSubstr("`mlctl actions grant 'exe:/tmp/it'\\''s; rm -rf ~' org.example.Lists`"));
}

TEST_F(ExchangeTest, AsksForWhatIsMissingAndWhichOneIsMeant) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(Start(7, person_,
                    "action: 'add' "
                    "values { key: 'list' value { entity_value { type: 'list' title: 'l' } } }")
                  .ok());
  AnswerQuery(1, {"a", "b"});
  ASSERT_TRUE(Last(7).has_disambiguation());
  EXPECT_EQ(Last(7).disambiguation().options_size(), 2);
  // One of the options: it is known, and not looked up again.
  Caller(7, "value { entity_value { type: 'list' id: 'b' title: 'List b' } }");
  ASSERT_TRUE(Last(7).has_needs_value());
  EXPECT_EQ(Last(7).needs_value().parameter(), "item");
  EXPECT_EQ(Last(7).needs_value().prompt(), "What?");
  Caller(7, "value { integer_value: 3 }");
  EXPECT_THAT(Last(7).needs_value().problem(), HasSubstr("must be a string"));
  Caller(7, "value { string_value: 'milk' }");
  EXPECT_EQ(LastToProvider(1).run().values().at("list").entity_value().id(), "b");
}

TEST_F(ExchangeTest, AnEntityThatIsNotThereIsAskedForAgainAndNotForEver) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(Start(7, person_,
                    "action: 'drop' values { key: 'list' value { entity_value { "
                    "type: 'list' title: 'x' } } }")
                  .ok());
  for (int i = 0; i < 5; ++i) {
    AnswerQuery(1, {});
    ASSERT_TRUE(Last(7).has_needs_value()) << i;
    EXPECT_THAT(Last(7).needs_value().problem(), HasSubstr("There is no list “x”"));
    Caller(7, "value { entity_value { type: 'list' title: 'x' } }");
  }
  AnswerQuery(1, {});
  EXPECT_TRUE(HasReason(End(7), Reason::kFieldInvalid)) << End(7);
}

TEST_F(ExchangeTest, WhatNobodyAnswersEndsTheRun) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(Start(7, person_, "action: 'drop'").ok());
  AnswerQuery(1, {"a", "b"});
  ASSERT_TRUE(Last(7).has_needs_value());
  EXPECT_EQ(Last(7).needs_value().options_size(), 2);
  exchange_.CallerHalfCloses(7, now_);
  EXPECT_TRUE(HasReason(End(7), Reason::kActionValueMissing)) << End(7);
  EXPECT_EQ(FactsOf(End(7)).metadata.at("parameter"), "list");
}

TEST_F(ExchangeTest, ValuesAreCheckedBeforeAnythingHappens) {
  ASSERT_TRUE(Register(1, lists_).ok());
  const size_t said = output_.provider[1].size();
  for (const char* values :
       {"values { key: 'item' value { integer_value: 3 } }",
        "values { key: 'item' value { string_value: 'much too long for twenty' } }",
        "values { key: 'item' value { string_value: 'two\\nlines' } }",
        "values { key: 'nothing' value { string_value: 'x' } }",
        "values { key: 'list' value { entity_value { type: 'other' id: 'a' } } }",
        "values { key: 'list' value { entity_value { type: 'list' } } }",
        "values { key: 'item' value { } }"}) {
    const absl::Status status = Start(7, person_, absl::StrCat("action: 'add' ", values));
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << values << status;
  }
  EXPECT_TRUE(HasReason(Start(7, person_, "action: 'fly'"), Reason::kActionNotFound));
  EXPECT_TRUE(HasReason(Start(7, App("x", false, 1001), "action: 'add'"), Reason::kActionNotFound));
  EXPECT_EQ(output_.provider[1].size(), said);
  EXPECT_EQ(exchange_.runs(), 0);
}

TEST_F(ExchangeTest, ACallerWithoutAGrantIsRefusedAndLearnsNothing) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(Start(7, assistant_,
                    "action: 'add' values { key: 'list' value { entity_value { "
                    "type: 'list' title: 'secret' } } }")
                  .ok());
  EXPECT_TRUE(HasReason(End(7), Reason::kCallerNotAuthorized)) << End(7);
  EXPECT_THAT(std::string(End(7).message()),
              HasSubstr("mlctl actions grant exe:/usr/bin/assistant"));
  // The provider was asked for nothing.
  EXPECT_EQ(output_.provider[1].size(), 1);
}

TEST_F(ExchangeTest, ThePersonIsAskedOnceAndTheAnswerIsKept) {
  ASSERT_TRUE(Register(1, lists_).ok());
  EXPECT_TRUE(
      HasReason(exchange_.ConfirmerConnects(20, assistant_, now_), Reason::kCallerNotAuthorized));
  ASSERT_TRUE(exchange_.ConfirmerConnects(21, person_, now_).ok());
  ASSERT_TRUE(Start(7, assistant_, "action: 'add'").ok());
  EXPECT_TRUE(Last(7).has_waiting_for_person());
  const v1::PersonQuestion question = output_.confirmer[21].back().question();
  EXPECT_EQ(question.caller(), "exe:/usr/bin/assistant");
  EXPECT_EQ(question.confirmation().kind(), v1::CONFIRMATION_KIND_GRANT);
  // The caller cannot say yes for the person.
  v1::AnswerConfirmationsRequest answer;
  answer.set_question_id(question.question_id());
  answer.set_decision(v1::CONFIRMATION_DECISION_ALLOW);
  ASSERT_TRUE(exchange_.ConfirmerSays(21, answer, now_).ok());
  EXPECT_EQ(output_.saved, 1);
  EXPECT_TRUE(Last(7).has_needs_value());
  // The second time nobody is asked.
  const size_t asked = output_.confirmer[21].size();
  StartedRun(8, assistant_);
  EXPECT_EQ(output_.confirmer[21].size(), asked);
}

TEST_F(ExchangeTest, ACallerDoesNotConfirmWhatItIsNotAskedFor) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(exchange_.ConfirmerConnects(21, person_, now_).ok());
  ASSERT_TRUE(Start(7, assistant_, "action: 'add'").ok());
  Caller(7, "confirmation: CONFIRMATION_DECISION_ALLOW");
  EXPECT_TRUE(HasReason(End(7), Reason::kFieldInvalid)) << End(7);
  EXPECT_TRUE(output_.confirmer[21].back().has_withdrawn_question_id());
  EXPECT_EQ(exchange_.grants().List(1000, "").size(), 0);
}

TEST_F(ExchangeTest, DestructiveActionsAskThePersonWhateverWasGranted) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(
      exchange_.grants()
          .Set({1000, assistant_.app, "org.example.Lists", lists_.app}, v1::GRANT_POLICY_ALWAYS)
          .ok());
  const std::string start =
      "action: 'drop' values { key: 'list' value { entity_value { type: 'list' id: 'a' } } }";
  ASSERT_TRUE(Start(7, assistant_, start).ok());
  AnswerQuery(1, {"a"});
  EXPECT_TRUE(HasReason(End(7), Reason::kActionNotConfirmed)) << End(7);
  // With the person there it is they who are asked, and their no counts.
  ASSERT_TRUE(exchange_.ConfirmerConnects(21, person_, now_).ok());
  ASSERT_TRUE(Start(8, assistant_, start).ok());
  AnswerQuery(1, {"a"});
  EXPECT_TRUE(Last(8).has_waiting_for_person());
  const v1::PersonQuestion& question = output_.confirmer[21].back().question();
  EXPECT_TRUE(question.confirmation().is_destructive());
  EXPECT_EQ(question.confirmation().prompt(), "Delete a list in Lists: list “List a”?");
  v1::AnswerConfirmationsRequest answer;
  answer.set_question_id(question.question_id());
  ASSERT_TRUE(exchange_.ConfirmerSays(21, answer, now_).ok());
  EXPECT_TRUE(HasReason(End(8), Reason::kActionNotConfirmed)) << End(8);
  // The person's own client is asked on its own stream.
  ASSERT_TRUE(Start(9, person_, start).ok());
  AnswerQuery(1, {"a"});
  ASSERT_TRUE(Last(9).has_needs_confirmation());
  Caller(9, "confirmation: CONFIRMATION_DECISION_ALLOW");
  EXPECT_TRUE(LastToProvider(1).has_run());
  // Somebody whom it acts for is not.
  ASSERT_TRUE(Start(10, person_, start + " on_behalf_of: 'mcp:x'").ok());
  EXPECT_TRUE(Last(10).has_waiting_for_person());
}

TEST_F(ExchangeTest, HarmlessConfirmationsMayBeAGrantedCallersOwn) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(
      exchange_.grants()
          .Set({1000, assistant_.app, "org.example.Lists", lists_.app}, v1::GRANT_POLICY_ALWAYS)
          .ok());
  ASSERT_TRUE(Start(7, assistant_, "action: 'count'").ok());
  ASSERT_TRUE(Last(7).has_needs_confirmation());
  Caller(7, "confirmation: CONFIRMATION_DECISION_ALLOW");
  EXPECT_EQ(LastToProvider(1).run().values().at("from").integer_value(), 1);
  Provider(1, "finished { run_id: '" + RunId(1) + "' result { value { integer_value: 4 } } }");
  EXPECT_EQ(Last(7).completed().result().value().integer_value(), 4);
}

TEST_F(ExchangeTest, AGrantIsForTheAppThatItWasGivenFor) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(
      exchange_.grants()
          .Set({1000, assistant_.app, "org.example.Lists", lists_.app}, v1::GRANT_POLICY_ALWAYS)
          .ok());
  exchange_.ProviderGone(1, now_);
  ASSERT_TRUE(Register(2, App("impostor")).ok());
  ASSERT_TRUE(Start(7, assistant_, "action: 'add'").ok());
  EXPECT_TRUE(HasReason(End(7), Reason::kCallerNotAuthorized)) << End(7);
}

TEST_F(ExchangeTest, AForbiddenCallerIsRefusedWithoutAQuestion) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(exchange_.ConfirmerConnects(21, person_, now_).ok());
  ASSERT_TRUE(Start(7, assistant_, "action: 'add'").ok());
  v1::AnswerConfirmationsRequest answer;
  answer.set_question_id(output_.confirmer[21].back().question().question_id());
  answer.set_decision(v1::CONFIRMATION_DECISION_NEVER);
  ASSERT_TRUE(exchange_.ConfirmerSays(21, answer, now_).ok());
  EXPECT_TRUE(HasReason(End(7), Reason::kCallerNotAuthorized));
  const size_t asked = output_.confirmer[21].size();
  ASSERT_TRUE(Start(8, assistant_, "action: 'add'").ok());
  EXPECT_TRUE(HasReason(End(8), Reason::kCallerNotAuthorized));
  EXPECT_EQ(output_.confirmer[21].size(), asked);
}

TEST_F(ExchangeTest, QuestionsAreTakenBackWhenNobodyIsThereAnyMore) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(exchange_.ConfirmerConnects(21, person_, now_).ok());
  ASSERT_TRUE(Start(7, assistant_, "action: 'add'").ok());
  // One that comes later is asked too; of another user is not.
  ASSERT_TRUE(exchange_.ConfirmerConnects(22, person_, now_).ok());
  ASSERT_TRUE(exchange_.ConfirmerConnects(23, App("mlctl", true, 1001), now_).ok());
  EXPECT_TRUE(output_.confirmer[22].back().has_question());
  EXPECT_TRUE(output_.confirmer[23].empty());
  exchange_.ConfirmerGone(21, now_);
  EXPECT_FALSE(Ended(7));
  exchange_.ConfirmerGone(22, now_);
  EXPECT_TRUE(HasReason(End(7), Reason::kCallerNotAuthorized)) << End(7);
}

TEST_F(ExchangeTest, TheSameRequestRunsOnce) {
  ASSERT_TRUE(Register(1, lists_).ok());
  const std::string start =
      "action: 'add' request_id: 'r' values { key: 'item' value { string_value: 'milk' } } "
      "values { key: 'list' value { entity_value { type: 'list' id: 'a' } } }";
  ASSERT_TRUE(Start(7, person_, start).ok());
  AnswerQuery(1, {"a"});
  // While it runs, a second call waits for the same end.
  ASSERT_TRUE(Start(8, person_, start).ok());
  EXPECT_EQ(exchange_.runs(), 1);
  const size_t said = output_.provider[1].size();
  Provider(1, "finished { run_id: '" + RunId(1) + "' result { dialog: 'Once.' } }");
  EXPECT_EQ(Last(7).completed().result().dialog(), "Once.");
  EXPECT_EQ(Last(8).completed().result().dialog(), "Once.");
  // And afterwards it gets it at once.
  ASSERT_TRUE(Start(9, person_, start).ok());
  EXPECT_EQ(Last(9).completed().result().dialog(), "Once.");
  EXPECT_TRUE(Ended(9));
  EXPECT_EQ(output_.provider[1].size(), said);
  // Other values under the same id are a mistake; another caller's id is its own.
  EXPECT_TRUE(
      HasReason(Start(10, person_, "action: 'add' request_id: 'r'"), Reason::kFieldInvalid));
  ASSERT_TRUE(Start(11, lists_, start).ok());
  EXPECT_EQ(exchange_.runs(), 1);
  now_ += absl::Minutes(11);
  ASSERT_TRUE(Start(12, person_, start).ok());
  EXPECT_EQ(exchange_.runs(), 2);
}

TEST_F(ExchangeTest, WhatIsKeptForRepetitionHasABound) {
  ASSERT_TRUE(Register(1, lists_).ok());
  for (uint64_t i = 0; i < 300; ++i) {
    ASSERT_TRUE(Start(100 + i, person_,
                      absl::StrCat("action: 'add' request_id: 'r", i,
                                   "' values { key: 'item' value { string_value: 'x' } } values { "
                                   "key: 'list' value { entity_value { type: 'list' id: 'a' } } }"))
                    .ok());
    AnswerQuery(1, {"a"});
    Provider(1, "finished { run_id: '" + RunId(1) + "' result { dialog: 'Done.' } }");
  }
  EXPECT_EQ(exchange_.kept(), 256);
  EXPECT_EQ(exchange_.runs(), 0);
}

TEST_F(ExchangeTest, ACallerHasSoManyRunsAtATime) {
  ASSERT_TRUE(Register(1, lists_).ok());
  for (uint64_t i = 0; i < 64; ++i) ASSERT_TRUE(Start(100 + i, person_, "action: 'drop'").ok());
  EXPECT_TRUE(HasReason(Start(7, person_, "action: 'drop'"), Reason::kClientQuotaExceeded));
  // Another caller is not in its way.
  EXPECT_TRUE(Start(8, lists_, "action: 'drop'").ok());
  for (uint64_t i = 0; i < 64; ++i) exchange_.CallerGone(100 + i, now_);
  EXPECT_EQ(exchange_.runs(), 1);
  EXPECT_EQ(exchange_.queries(), 1);
}

TEST_F(ExchangeTest, CancellingIsTheCallersAndThePersons) {
  ASSERT_TRUE(Register(1, lists_).ok());
  const std::string run = StartedRun(7, lists_);
  EXPECT_TRUE(HasReason(exchange_.Cancel(assistant_, run, now_), Reason::kActionRunNotFound));
  EXPECT_TRUE(
      HasReason(exchange_.Cancel(App("mlctl", true, 1001), run, now_), Reason::kActionRunNotFound));
  ASSERT_TRUE(exchange_.Cancel(person_, run, now_).ok());
  EXPECT_TRUE(HasReason(End(7), Reason::kCancelled));
  EXPECT_EQ(LastToProvider(1).cancelled().run_id(), run);
  EXPECT_TRUE(HasReason(exchange_.Cancel(person_, run, now_), Reason::kActionRunNotFound));
  // What the provider still says of it is no mistake.
  const size_t said = output_.provider[1].size();
  Provider(1, "finished { run_id: '" + run + "' }");
  EXPECT_EQ(output_.provider[1].size(), said);
}

}  // namespace
}  // namespace intelligenced
