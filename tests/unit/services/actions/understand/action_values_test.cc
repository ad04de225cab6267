#include "services/actions/understand/action_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "google/protobuf/text_format.h"
#include "runtime/base/reasons.h"
#include "tests/unit/services/actions/understand/declared.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

v1::ResolveUtteranceResponse Find(const std::string& utterance) {
  v1::ResolveUtteranceRequest request;
  request.set_utterance(utterance);
  const auto library = DeclaredLibrary();
  const auto response = ResolveByPhrases(*library, request, DeclaredMoment(), "/home/me");
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *response : v1::ResolveUtteranceResponse();
}

v1::ActionCandidate First(const std::string& utterance) {
  const v1::ResolveUtteranceResponse response = Find(utterance);
  EXPECT_GT(response.candidates_size(), 0) << utterance;
  return response.candidates_size() > 0 ? response.candidates(0) : v1::ActionCandidate();
}

v1::ActionValue ValueOf(const v1::ActionCandidate& candidate, const std::string& parameter) {
  for (const v1::FilledParameter& filled : candidate.filled()) {
    if (filled.parameter() == parameter) return filled.value();
  }
  ADD_FAILURE() << parameter << " is not there\n" << candidate.DebugString();
  return {};
}

TEST(ActionValues, EveryTypeArrivesAsItself) {
  const v1::ActionCandidate remind = First("remind me to call Ana tomorrow at 9");
  EXPECT_EQ(remind.action(), "notes/remind");
  EXPECT_EQ(ValueOf(remind, "task").string_value(), "call Ana");
  const v1::CalendarDateTime when = ValueOf(remind, "when").date_time_value();
  EXPECT_EQ(when.date().day(), 24U);
  EXPECT_EQ(when.time().hours(), 9U);
  EXPECT_FALSE(when.has_utc_offset_seconds());
  EXPECT_EQ(remind.filled(0).source().start(), 13U);
  EXPECT_EQ(remind.filled(0).source().end(), 21U);

  EXPECT_EQ(ValueOf(First("what is on my agenda on Friday"), "day").date_value().day(), 27U);
  const v1::ActionValue items = ValueOf(First("add milk and eggs to my shopping list"), "items");
  ASSERT_EQ(items.list_value().items_size(), 2);
  EXPECT_EQ(items.list_value().items(1).string_value(), "eggs");
  const v1::ActionCandidate dim = First("dim the living room light to 40 percent");
  EXPECT_EQ(ValueOf(dim, "room").enumeration_value(), "living-room");
  EXPECT_EQ(ValueOf(dim, "level").integer_value(), 40);
  EXPECT_TRUE(dim.requires_confirmation());
  EXPECT_DOUBLE_EQ(
      ValueOf(First("set the temperature to 68 degrees fahrenheit"), "degrees").number_value(), 20);
  EXPECT_EQ(ValueOf(First("set a timer for 1h30m"), "duration").duration_value().seconds(), 5400);
  EXPECT_EQ(ValueOf(First("open example.org"), "page").url_value(), "https://example.org");
  EXPECT_EQ(ValueOf(First("show the file ~/a.txt"), "file").file_value().path(), "/home/me/a.txt");
  const v1::ActionCandidate remove = First("delete the groceries list");
  EXPECT_EQ(ValueOf(remove, "list").entity_value().title(), "groceries");
  EXPECT_EQ(ValueOf(remove, "list").entity_value().id(), "");
  EXPECT_TRUE(remove.is_destructive());
}

TEST(ActionValues, WhatTheTypeDoesNotAllowIsMissing) {
  // A day without a time, a text that is too long, a list that is too long.
  EXPECT_EQ(First("remind me to call Ana tomorrow").missing(0), "when");
  EXPECT_EQ(First("remind me to call every single friend of mine tomorrow at 9").missing(0),
            "task");
  EXPECT_EQ(First("buy milk, eggs, bread and rice").missing(0), "items");
  EXPECT_EQ(First("set a timer for three days").missing(0), "duration");
}

TEST(ActionValues, ADefaultTimeCompletesADay) {
  v1::ActionValueType type;
  type.mutable_date_time()->mutable_default_time()->set_hours(9);
  resolve::Value value;
  value.kind = resolve::ValueKind::kDateTime;
  value.date_time.civil = absl::CivilSecond(2026, 11, 24, 0, 0, 0);
  EXPECT_EQ(ToActionValue(value, type, "")->date_time_value().time().hours(), 9U);
  type.mutable_string();
  EXPECT_FALSE(ToActionValue(value, type, ""));
}

TEST(ActionValues, AnHourThatMayBeTwoIsNamed) {
  const v1::ResolveUtteranceResponse response = Find("remind me to call Ana tomorrow at 9");
  ASSERT_EQ(response.ambiguities_size(), 1);
  EXPECT_EQ(response.ambiguities(0).kind(), v1::Ambiguity::KIND_VALUE);
  EXPECT_EQ(response.ambiguities(0).values(0).date_time_value().time().hours(), 21U);
  EXPECT_EQ(Find("remind me to call Ana tomorrow at 9 am").ambiguities_size(), 0);
}

TEST(ActionValues, OnlyTheProvidersAskedFor) {
  v1::ResolveUtteranceRequest request;
  request.set_utterance("remind me to call Ana tomorrow at 9");
  request.add_providers("shop");
  const auto response = ResolveByPhrases(*DeclaredLibrary(), request, DeclaredMoment(), "");
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->candidates_size(), 0);
}

TEST(ActionValues, RequestsThatAreRefused) {
  auto field = [](auto change) {
    v1::ResolveUtteranceRequest request;
    request.set_utterance("remind me");
    change(request);
    return FactsOf(CheckResolveRequest(request)).field;
  };
  using Request = v1::ResolveUtteranceRequest;
  EXPECT_EQ(field([](Request&) {}), "");
  EXPECT_EQ(field([](Request& r) { r.clear_utterance(); }), "utterance");
  EXPECT_EQ(field([](Request& r) { r.set_utterance(std::string(1 << 20, 'a')); }), "utterance");
  EXPECT_EQ(field([](Request& r) { r.set_max_candidates(17); }), "max_candidates");
  EXPECT_EQ(field([](Request& r) { r.set_language_code("fr"); }), "language_code");
  EXPECT_EQ(field([](Request& r) { r.set_language_code("en-GB"); }), "");
  EXPECT_EQ(field([](Request& r) { r.set_min_confidence(1.5F); }), "min_confidence");
  EXPECT_EQ(field([](Request& r) { r.set_min_confidence(std::nanf("")); }), "min_confidence");
  EXPECT_EQ(field([](Request& r) { r.set_method(static_cast<v1::ResolveMethod>(9)); }), "method");
  EXPECT_EQ(field([](Request& r) {
              r.mutable_now()->mutable_date()->set_year(2026);
              r.mutable_now()->mutable_date()->set_month(2);
              r.mutable_now()->mutable_date()->set_day(30);
            }),
            "now.date");
  EXPECT_EQ(field([](Request& r) { r.mutable_now(); }), "now.date");
}

TEST(ActionValues, NowIsWhatTheRequestSays) {
  v1::ResolveUtteranceRequest request;
  v1::CalendarDateTime* now = request.mutable_now();
  now->mutable_date()->set_year(2027);
  now->mutable_date()->set_month(1);
  now->mutable_date()->set_day(1);
  now->set_utc_offset_seconds(-3600);
  const resolve::Moment moment = MomentOf(request, absl::UnixEpoch(), absl::UTCTimeZone());
  EXPECT_EQ(absl::FormatTime("%Y-%m-%dT%H:%M", moment.now, absl::UTCTimeZone()),
            "2027-01-01T01:00");
}

TEST(ActionValues, MalformedPhrases) {
  v1::Action action = DeclaredActions()[0];
  EXPECT_TRUE(CheckActionPhrases(action, "actions[0]").ok());
  action.add_phrases("remind {nobody}");
  EXPECT_EQ(FactsOf(CheckActionPhrases(action, "actions[0]")).field, "actions[0].phrases[1]");
  EXPECT_EQ(SpecOf(action).phrases.size(), 1U);
}

TEST(ActionValues, WhatIsSaidToAQuestionIsRead) {
  const auto read = [](const std::string& type, const std::string& said) {
    v1::ActionValueType proto;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(type, &proto)) << type;
    return ReadSaidValue(proto, said, DeclaredMoment());
  };
  const auto when = read("date_time {}", "tomorrow at 9 please");
  ASSERT_TRUE(when.has_value());
  EXPECT_EQ(when->date_time_value().date().day(), 24U);
  EXPECT_EQ(when->date_time_value().time().hours(), 9U);
  EXPECT_EQ(read("integer { maximum: 40 }", "twenty five")->integer_value(), 25);
  EXPECT_EQ(read("duration {}", "half an hour")->duration_value().seconds(), 1800);
  EXPECT_TRUE(read("boolean {}", "yes please")->boolean_value());
  EXPECT_EQ(read("enumeration { cases { id: 'high' title: 'Very high' } }", "very high")
                ->enumeration_value(),
            "high");
  // Out of bounds, more than a value, nothing, too much, or of a type that has no words.
  EXPECT_FALSE(read("integer { maximum: 40 }", "ninety"));
  EXPECT_FALSE(read("integer {}", "delete 7 files"));
  EXPECT_FALSE(read("integer {}", "7 files"));
  EXPECT_FALSE(read("integer {}", ""));
  EXPECT_FALSE(read("integer {}", " ,;\x01"));
  EXPECT_FALSE(read("integer {}", std::string(1 << 20, '7')));
  EXPECT_FALSE(read("string {}", "x"));
  EXPECT_FALSE(read("file {}", "/etc/passwd"));
  EXPECT_FALSE(read("list { item { integer {} } }", "7"));
  EXPECT_FALSE(read("entity { id: 'list' }", "shopping"));
}

}  // namespace
}  // namespace intelligenced
