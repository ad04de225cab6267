// Parsing, field checks, the strand and times.
#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "protos/intelligence/v1/writing_tools.pb.h"
#include "runtime/base/reasons.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/proto_time.h"
#include "services/rpc/strand.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// A message with a string field that protobuf's own setters would take but its parser refuses.
std::string WithInvalidText() {
  v1::ProofreadTextRequest request;
  request.set_text("good XXXX");
  std::string bytes = request.SerializeAsString();
  bytes.replace(bytes.find("XXXX"), 4, "\xFF\xFE\xFD\xFC");
  return bytes;
}

TEST(ParseRequestTest, GoodBytesBecomeTheMessage) {
  v1::ProofreadTextRequest request;
  request.set_text("text");
  v1::ProofreadTextRequest parsed;
  EXPECT_TRUE(ParseRequest(request.SerializeAsString(), parsed).ok());
  EXPECT_EQ(parsed.text(), "text");
  grpc::ByteBuffer buffer = SerializeResponse(request);
  v1::ProofreadTextRequest again;
  EXPECT_TRUE(ParseRequest(buffer, again).ok());
  EXPECT_EQ(again.text(), "text");
  EXPECT_TRUE(ParseRequest(SerializeResponse(v1::ProofreadTextRequest()), again).ok());
  EXPECT_TRUE(again.text().empty());
}

TEST(ParseRequestTest, InvalidUtf8NamesFieldAndPlace) {
  v1::ProofreadTextRequest parsed;
  const absl::Status status = ParseRequest(WithInvalidText(), parsed);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid));
  EXPECT_EQ(FactsOf(status).field, "text");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("byte 5"));

  const std::string bytes = WithInvalidText();
  grpc::Slice slice(bytes.data(), bytes.size());
  EXPECT_EQ(FactsOf(ParseRequest(grpc::ByteBuffer(&slice, 1), parsed)).field, "text");
}

TEST(ParseRequestTest, InvalidUtf8InsideAMessageNamesThePath) {
  v1::GenerateTextRequest request;
  request.mutable_conversation()->add_messages()->set_text("XXXX");
  std::string bytes = request.SerializeAsString();
  bytes.replace(bytes.find("XXXX"), 4, "\xC0\x80\xC0\x80");
  v1::GenerateTextRequest parsed;
  EXPECT_EQ(FactsOf(ParseRequest(bytes, parsed)).field, "conversation.messages.text");
}

TEST(ParseRequestTest, BytesThatAreNoMessageAreTold) {
  v1::ProofreadTextRequest parsed;
  for (const std::string_view bytes : {"\x0A\xFF", "\xFF\xFF\xFF", "\x0A"}) {
    const absl::Status status = ParseRequest(bytes, parsed);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid));
    EXPECT_THAT(std::string(status.message()),
                testing::HasSubstr("intelligence.v1.ProofreadTextRequest"));
  }
}

TEST(FieldCheckerTest, RequiredText) {
  const auto check = [](std::string_view text) {
    FieldChecker checker;
    checker.RequiredText("text", text, 10);
    return checker.status();
  };
  EXPECT_TRUE(check("fine").ok());
  EXPECT_TRUE(check("ten bytes.").ok());
  for (const std::string_view bad : {std::string_view(""), std::string_view(" \n\t"),
                                     std::string_view("\xC2\xA0"), std::string_view("a\0b", 3)}) {
    EXPECT_TRUE(HasReason(check(bad), Reason::kFieldInvalid));
    EXPECT_EQ(FactsOf(check(bad)).field, "text");
  }
  const absl::Status large = check("eleven byte");
  EXPECT_TRUE(HasReason(large, Reason::kInputTooLarge));
  EXPECT_EQ(FactsOf(large).metadata.at("size_bytes"), "11");
  EXPECT_EQ(FactsOf(large).metadata.at("limit_bytes"), "10");
}

TEST(FieldCheckerTest, FirstBreachStays) {
  FieldChecker checker;
  checker.AtMost("first", 5, 4);
  checker.AtMost("second", 5, 4);
  EXPECT_EQ(FactsOf(checker.status()).field, "first");
}

TEST(FieldCheckerTest, Languages) {
  const auto good = [](std::string_view tag) {
    FieldChecker checker;
    checker.Language("language", tag);
    return checker.status().ok();
  };
  for (const auto* tag : {"", "en", "en-GB", "zh-Hant-TW", "de-1996"})
    EXPECT_TRUE(good(tag)) << tag;
  for (const auto* tag : {"e", "english please", "en_GB", "-en", "en-", "en--GB", "12", "abcdefghi",
                          "\xC3\xA9\xC3\xA9"}) {
    EXPECT_FALSE(good(tag)) << tag;
  }
  EXPECT_FALSE(good(std::string(100, 'a')));
}

TEST(FieldCheckerTest, NumbersAndDurations) {
  FieldChecker nan;
  nan.InRange("x", std::numeric_limits<double>::quiet_NaN(), 0, 1);
  EXPECT_FALSE(nan.status().ok());
  FieldChecker edge;
  edge.InRange("x", 1, 0, 1);
  edge.AtMost("x", 4, 4);
  edge.Enum("x", 3, true);
  EXPECT_TRUE(edge.status().ok());
  FieldChecker unknown;
  unknown.Enum("style", 99, false);
  EXPECT_EQ(FactsOf(unknown.status()).field, "style");
  google::protobuf::Duration duration;
  duration.set_seconds(-1);
  FieldChecker negative;
  negative.Duration("keep_alive", duration, 0, 10);
  EXPECT_FALSE(negative.status().ok());
}

TEST(FieldCheckerTest, Ranges) {
  const auto check = [](std::vector<std::pair<uint32_t, uint32_t>> ranges) {
    google::protobuf::RepeatedPtrField<v1::TextRange> message;
    for (const auto& [start, end] : ranges) {
      v1::TextRange* range = message.Add();
      range->set_start(start);
      range->set_end(end);
    }
    FieldChecker checker;
    checker.Ranges("protected_ranges", message, "a\xE2\x82\xAC", 3);  // a€
    return FactsOf(checker.status()).field;
  };
  EXPECT_EQ(check({}), "");
  EXPECT_EQ(check({{1, 4}, {0, 1}, {2 - 1, 1}}), "");
  EXPECT_EQ(check({{0, 1}, {1, 0}}), "protected_ranges[1]");
  EXPECT_EQ(check({{0, 5}}), "protected_ranges[0]");
  EXPECT_EQ(check({{4'000'000'000, 4'294'967'295}}), "protected_ranges[0]");
  EXPECT_EQ(check({{2, 4}}), "protected_ranges[0]");
  EXPECT_EQ(check({{0, 0}, {0, 0}, {0, 0}, {0, 0}}), "protected_ranges");
}

TEST(FieldCheckerTest, Options) {
  const auto field = [](const v1::RequestOptions& options) {
    FieldChecker checker;
    checker.Options(options);
    return FactsOf(checker.status()).field;
  };
  v1::RequestOptions options;
  EXPECT_EQ(field(options), "");
  options.set_model("models/stories");
  options.set_request_class(v1::REQUEST_CLASS_BACKGROUND);
  options.mutable_keep_alive()->set_seconds(86400);
  EXPECT_EQ(field(options), "");
  options.mutable_keep_alive()->set_nanos(1);
  EXPECT_EQ(field(options), "options.keep_alive");
  options.clear_keep_alive();
  options.set_request_class(static_cast<v1::RequestClass>(9));
  EXPECT_EQ(field(options), "options.request_class");
  options.set_model("../../etc/passwd");
  EXPECT_EQ(field(options), "options.model");
}

TEST(StrandTest, WorkFromInsideRunsAfterwards) {
  Strand strand;
  std::string order;
  strand.Run([&] {
    strand.Run([&] { order += "b"; });
    order += "a";
  });
  EXPECT_EQ(order, "ab");
}

TEST(StrandTest, StrandMayBeDestroyedByItsOwnWork) {
  auto strand = std::make_unique<Strand>();
  Strand* raw = strand.get();
  int runs = 0;
  raw->Run([&] {
    raw->Run([&] { ++runs; });
    strand.reset();
    ++runs;
  });
  EXPECT_EQ(runs, 2);
}

TEST(StrandTest, ThreadsNeverRunTogether) {
  Strand strand;
  int count = 0;  // unguarded: TSan would see two at once
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) strand.Run([&] { ++count; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  strand.Run([&] { EXPECT_EQ(count, 4000); });
}

TEST(ProtoTimeTest, DurationsAndTimesSurvive) {
  google::protobuf::Duration duration;
  SetDuration(absl::Milliseconds(1500), &duration);
  EXPECT_EQ(duration.seconds(), 1);
  EXPECT_EQ(duration.nanos(), 500'000'000);
  EXPECT_EQ(GetDuration(duration), absl::Milliseconds(1500));
  SetDuration(absl::InfiniteDuration(), &duration);
  EXPECT_GT(duration.seconds(), 0);
  google::protobuf::Timestamp time;
  SetTimestamp(absl::FromUnixMillis(1'700'000'000'250), &time);
  EXPECT_EQ(time.seconds(), 1'700'000'000);
  EXPECT_EQ(time.nanos(), 250'000'000);
  SetTimestamp(absl::InfinitePast(), &time);
  EXPECT_LT(time.seconds(), 0);
}

}  // namespace
}  // namespace intelligenced
