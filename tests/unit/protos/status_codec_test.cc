#include "protos/support/status_codec.h"

#include <optional>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/stubs/logging.h"
#include "gtest/gtest.h"
#include "protos/google/rpc/error_details.pb.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr Reason kAllReasons[] = {
    Reason::kFieldInvalid,
    Reason::kInputTooLarge,
    Reason::kContextWindowExceeded,
    Reason::kImageUndecodable,
    Reason::kLanguageUnsupported,
    Reason::kModelNotFound,
    Reason::kActionNotFound,
    Reason::kSessionNotFound,
    Reason::kModelNotInstalled,
    Reason::kNoCapableModel,
    Reason::kModelBusy,
    Reason::kSessionBusy,
    Reason::kQueueFull,
    Reason::kClientQuotaExceeded,
    Reason::kMemoryInsufficient,
    Reason::kDiskFull,
    Reason::kCallerNotAuthorized,
    Reason::kWorkerLost,
    Reason::kShuttingDown,
    Reason::kDownloadFailed,
    Reason::kJobPreempted,
    Reason::kSlowConsumer,
    Reason::kModelCorrupt,
    Reason::kModelLoadFailed,
    Reason::kEngineFailure,
    Reason::kCancelled,
    Reason::kDeadlineExceeded,
    Reason::kActionRunNotFound,
    Reason::kActionValueMissing,
    Reason::kActionOwnedByOther,
    Reason::kActionNotConfirmed,
    Reason::kActionProviderUnavailable,
    Reason::kActionProviderLost,
    Reason::kActionFailed,
    Reason::kActionResultInvalid,
    Reason::kActionTimedOut,
};

template <typename Detail>
std::optional<Detail> FindDetail(const grpc::Status& status) {
  google::rpc::Status decoded;
  EXPECT_TRUE(decoded.ParseFromString(status.error_details()));
  EXPECT_EQ(decoded.code(), status.error_code());
  EXPECT_EQ(decoded.message(), status.error_message());
  for (const auto& any : decoded.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

grpc::Status WithInfo(grpc::StatusCode code, const std::string& reason, const std::string& domain) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(domain);
  google::rpc::Status status;
  status.add_details()->PackFrom(info);
  return grpc::Status(code, "words", status.SerializeAsString());
}

TEST(StatusCodecTest, OkIsOk) {
  EXPECT_TRUE(StatusToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(StatusFromGrpc(grpc::Status::OK).ok());
}

TEST(StatusCodecTest, EveryReasonSurvivesTheRoundTrip) {
  for (const Reason reason : kAllReasons) {
    const absl::Status status = MakeError(reason, "Something is wrong; do this.",
                                          {.metadata = {{"model", "stories"}, {"count", "12"}},
                                           .retry_delay = absl::Milliseconds(1500),
                                           .field = "options.model"});
    const absl::Status back = StatusFromGrpc(StatusToGrpc(status));
    EXPECT_EQ(back.code(), status.code());
    EXPECT_EQ(back.message(), status.message());
    EXPECT_EQ(ReasonOf(back), reason) << ReasonName(reason);
    const ErrorFacts facts = FactsOf(back);
    EXPECT_EQ(facts.metadata, FactsOf(status).metadata);
    EXPECT_EQ(facts.retry_delay, absl::Milliseconds(1500));
    EXPECT_EQ(facts.field, "options.model");
  }
}

TEST(StatusCodecTest, WireCarriesTheStandardDetails) {
  const grpc::Status status = StatusToGrpc(
      MakeError(Reason::kClientQuotaExceeded, "Too many jobs.",
                {.metadata = {{"quota", "jobs"}}, .retry_delay = absl::Seconds(2), .field = ""}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const auto info = FindDetail<google::rpc::ErrorInfo>(status);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->reason(), "CLIENT_QUOTA_EXCEEDED");
  EXPECT_EQ(info->domain(), "intelligence.v1");
  EXPECT_EQ(info->metadata().at("quota"), "jobs");
  const auto retry = FindDetail<google::rpc::RetryInfo>(status);
  ASSERT_TRUE(retry.has_value());
  EXPECT_EQ(retry->retry_delay().seconds(), 2);
  const auto quota = FindDetail<google::rpc::QuotaFailure>(status);
  ASSERT_TRUE(quota.has_value());
  EXPECT_EQ(quota->violations(0).subject(), "jobs");
  EXPECT_FALSE(FindDetail<google::rpc::BadRequest>(status).has_value());

  const auto request =
      FindDetail<google::rpc::BadRequest>(StatusToGrpc(FieldError("text", "is empty")));
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->field_violations(0).field(), "text");
}

TEST(StatusCodecTest, StatusWithoutReasonKeepsCodeAndWords) {
  const absl::Status back = StatusFromGrpc(StatusToGrpc(absl::UnimplementedError("not here")));
  EXPECT_EQ(back, absl::UnimplementedError("not here"));
  EXPECT_FALSE(ReasonOf(back).has_value());
}

TEST(StatusCodecTest, GrpcsOwnCancelAndDeadlineGetTheirReason) {
  EXPECT_TRUE(
      HasReason(StatusFromGrpc(grpc::Status(grpc::StatusCode::CANCELLED, "")), Reason::kCancelled));
  EXPECT_TRUE(HasReason(StatusFromGrpc(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "late")),
                        Reason::kDeadlineExceeded));
}

TEST(StatusCodecTest, ReasonInFrontOfTheSentenceIsTakenWithoutDetails) {
  const absl::Status status = StatusFromGrpc(
      grpc::Status(grpc::StatusCode::ABORTED, "SLOW_CONSUMER: Read the stream as it comes."));
  EXPECT_TRUE(HasReason(status, Reason::kSlowConsumer));
  EXPECT_EQ(status.message(), "Read the stream as it comes.");
  // Of another code, or no reason: the sentence stays.
  for (const auto* words : {"QUEUE_FULL: x", "Note: x", ": x"}) {
    const absl::Status plain = StatusFromGrpc(grpc::Status(grpc::StatusCode::ABORTED, words));
    EXPECT_EQ(plain, absl::AbortedError(words));
    EXPECT_FALSE(ReasonOf(plain).has_value());
  }
}

TEST(StatusCodecTest, WhatIsSentIsBounded) {
  ErrorFacts facts;
  for (int i = 0; i < 500; ++i) facts.metadata[absl::StrCat("key", i)] = std::string(400, 'v');
  facts.metadata[std::string(5000, 'k')] = "v";
  facts.field = std::string(5000, 'f');
  facts.retry_delay = absl::InfiniteDuration();
  std::string euros;
  for (int i = 0; i < 1000; ++i) euros += "\xE2\x82\xAC";
  const grpc::Status status = StatusToGrpc(MakeError(Reason::kQueueFull, euros, facts));
  EXPECT_LE(status.error_message().size(), static_cast<size_t>(kMaxErrorMessageBytes));
  EXPECT_EQ(status.error_message().size() % 3, 0u);  // cut between characters
  EXPECT_LE(status.error_details().size(), static_cast<size_t>(kMaxErrorDetailBytes));
  const absl::Status back = StatusFromGrpc(status);
  EXPECT_TRUE(HasReason(back, Reason::kQueueFull));
  EXPECT_EQ(FactsOf(back).retry_delay, absl::Hours(24));
}

TEST(StatusCodecTest, InvalidUtf8IsReplaced) {
  const grpc::Status status = StatusToGrpc(
      MakeError(Reason::kEngineFailure, "bad \xFF byte",
                {.metadata = {{"k", "\xC3"}}, .retry_delay = std::nullopt, .field = ""}));
  EXPECT_EQ(status.error_message(), "bad \xEF\xBF\xBD byte");
  EXPECT_EQ(FactsOf(StatusFromGrpc(status)).metadata.at("k"), "\xEF\xBF\xBD");
}

TEST(StatusCodecTest, DetailsThatCannotBeTrustedAreIgnored) {
  using grpc::StatusCode;
  for (const grpc::Status& hostile : {
           WithInfo(StatusCode::UNAVAILABLE, "WORKER_LOST", "example.com"),
           WithInfo(StatusCode::UNAVAILABLE, "NO_SUCH_REASON", "intelligence.v1"),
           WithInfo(StatusCode::UNAVAILABLE, "MODEL_NOT_FOUND", "intelligence.v1"),
           grpc::Status(StatusCode::UNAVAILABLE, "words", std::string(1 << 20, '\x0A')),
           grpc::Status(StatusCode::UNAVAILABLE, "words", "\xFF\xFF\xFF"),
       }) {
    const absl::Status status = StatusFromGrpc(hostile);
    EXPECT_EQ(status, absl::UnavailableError("words"));
    EXPECT_FALSE(ReasonOf(status).has_value());
  }
  // No code, yet a value that the enumeration can hold.
  EXPECT_EQ(StatusFromGrpc(grpc::Status(static_cast<grpc::StatusCode>(31), "odd")).code(),
            absl::StatusCode::kUnknown);
}

TEST(StatusCodecTest, MutatedDetailsNeverBreakTheDecoder) {
  const grpc::Status good = StatusToGrpc(
      MakeError(Reason::kQueueFull, "Full.",
                {.metadata = {{"a", "b"}}, .retry_delay = absl::Seconds(1), .field = "x"}));
  const google::protobuf::LogSilencer silencer;
  std::mt19937 random(7);
  for (int round = 0; round < 5000; ++round) {
    std::string details = good.error_details();
    for (int flips = 0; flips < 3; ++flips) {
      details[random() % details.size()] = static_cast<char>(random());
    }
    details.resize(random() % (details.size() + 1));
    const absl::Status status = StatusFromGrpc(grpc::Status(good.error_code(), "Full.", details));
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace intelligenced
