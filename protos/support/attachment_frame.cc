#include "protos/support/attachment_frame.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr std::string_view kMagic("IAT\1", 4);
constexpr std::string_view kRequest("IAT\1\0\0\0\0", kAttachmentRequestBytes);
constexpr char kToken = 0;
constexpr char kRefusal = 1;

}  // namespace

std::string AttachmentSocketPath(std::string_view socket_path) {
  return absl::StrCat(socket_path, ".fd");
}

std::string AttachmentRequest() { return std::string(kRequest); }

bool IsAttachmentRequest(std::string_view bytes) { return bytes == kRequest; }

std::string AttachmentReply(const absl::StatusOr<std::string>& token) {
  std::string body;
  if (token.ok()) {
    body = *token;
  } else {
    const Reason reason = ReasonOf(token.status()).value_or(Reason::kFieldInvalid);
    body = std::string(ReasonName(reason));
    if (const auto delay = FactsOf(token.status()).retry_delay; delay.has_value()) {
      absl::StrAppend(&body, " ", absl::ToInt64Milliseconds(*delay));
    }
    absl::StrAppend(&body, "\n", token.status().message());
    if (body.size() > kMaxAttachmentReplyBodyBytes) {
      body.resize(kMaxAttachmentReplyBodyBytes);
      // Not in the middle of a character.
      body.resize(std::min(body.size(), FindInvalidUtf8(body)));
    }
  }
  std::string reply(kMagic);
  reply.push_back(token.ok() ? kToken : kRefusal);
  reply.push_back('\0');
  reply.push_back(static_cast<char>(body.size() & 0xff));
  reply.push_back(static_cast<char>(body.size() >> 8));
  return reply + body;
}

std::optional<size_t> AttachmentReplyBodyBytes(std::string_view header) {
  if (header.size() != kAttachmentReplyHeaderBytes || !header.starts_with(kMagic) ||
      (header[4] != kToken && header[4] != kRefusal) || header[5] != '\0') {
    return std::nullopt;
  }
  const size_t size =
      static_cast<uint8_t>(header[6]) + (size_t{static_cast<uint8_t>(header[7])} << 8);
  if (size > kMaxAttachmentReplyBodyBytes) return std::nullopt;
  return size;
}

absl::StatusOr<std::string> ParseAttachmentReply(std::string_view header, std::string_view body) {
  if (AttachmentReplyBodyBytes(header) != body.size()) {
    return MakeError(Reason::kFieldInvalid, "The daemon's answer to a descriptor is no answer.");
  }
  if (header[4] == kToken) return std::string(body);
  const size_t end = body.find('\n');
  const std::pair<std::string_view, std::string_view> head =
      absl::StrSplit(body.substr(0, end), absl::MaxSplits(' ', 1));
  const std::optional<Reason> reason = ReasonFromName(head.first);
  const std::string_view words = end == std::string_view::npos ? body : body.substr(end + 1);
  ErrorFacts facts;
  int64_t milliseconds = 0;
  if (absl::SimpleAtoi(head.second, &milliseconds) && milliseconds >= 0) {
    facts.retry_delay = absl::Milliseconds(milliseconds);
  }
  return MakeError(reason.value_or(Reason::kFieldInvalid), words, std::move(facts));
}

}  // namespace intelligenced
