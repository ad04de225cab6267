// The few bytes around a descriptor on its way to the daemon.
#include "protos/support/attachment_frame.h"

#include <string>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr size_t kHeader = kAttachmentReplyHeaderBytes;

absl::StatusOr<std::string> Parse(const std::string& reply) {
  return ParseAttachmentReply(reply.substr(0, kHeader), reply.substr(kHeader));
}

TEST(AttachmentFrameTest, TokensAndRefusalsComeThrough) {
  const std::string token = AttachmentReply(std::string("0123abcd"));
  EXPECT_EQ(AttachmentReplyBodyBytes(token.substr(0, kHeader)), 8u);
  EXPECT_EQ(*Parse(token), "0123abcd");
  const absl::Status full = MakeError(Reason::kClientQuotaExceeded, "Too much.\nReally.");
  const absl::Status refusal = Parse(AttachmentReply(full)).status();
  EXPECT_TRUE(HasReason(refusal, Reason::kClientQuotaExceeded)) << refusal;
  EXPECT_EQ(refusal.message(), "Too much.\nReally.");
}

TEST(AttachmentFrameTest, ALongSentenceIsCutBetweenCharacters) {
  std::string words = "a";
  for (int i = 0; i < 1000; ++i) words += "ü";
  const std::string reply = AttachmentReply(MakeError(Reason::kFieldInvalid, words));
  EXPECT_LE(reply.size(), kHeader + kMaxAttachmentReplyBodyBytes);
  const absl::Status refusal = Parse(reply).status();
  EXPECT_TRUE(words.starts_with(refusal.message()));
  EXPECT_GT(refusal.message().size(), 900u);
  EXPECT_EQ(refusal.message().size() % 2, 1u);
}

TEST(AttachmentFrameTest, OnlyRequestsAreRequests) {
  const std::string request = AttachmentRequest();
  EXPECT_EQ(request.size(), kAttachmentRequestBytes);
  EXPECT_TRUE(IsAttachmentRequest(request));
  for (size_t i = 0; i < request.size(); ++i) {
    std::string other = request;
    other[i] ^= 1;
    EXPECT_FALSE(IsAttachmentRequest(other)) << i;
  }
  EXPECT_FALSE(IsAttachmentRequest(request.substr(1)));
}

TEST(AttachmentFrameTest, HeadersThatAreNone) {
  const std::string good = AttachmentReply(std::string("token")).substr(0, kHeader);
  ASSERT_TRUE(AttachmentReplyBodyBytes(good).has_value());
  for (const size_t place : {0, 3, 4, 5, 7}) {
    std::string bad = good;
    bad[place] = '\x7f';
    EXPECT_FALSE(AttachmentReplyBodyBytes(bad).has_value()) << place;
  }
  EXPECT_FALSE(AttachmentReplyBodyBytes(good.substr(1)).has_value());
  EXPECT_FALSE(ParseAttachmentReply(good, "toke").ok());
}

TEST(AttachmentFrameTest, TheSocketIsBesideTheOther) {
  EXPECT_EQ(AttachmentSocketPath("/run/x/d.sock"), "/run/x/d.sock.fd");
}

}  // namespace
}  // namespace intelligenced
