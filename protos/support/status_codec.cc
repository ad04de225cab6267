#include "protos/support/status_codec.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "protos/google/rpc/error_details.pb.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kMaxKeyBytes = 64;
constexpr size_t kMaxValueBytes = 512;
constexpr size_t kMaxFieldBytes = 256;
// Larger details than any this project sends are not even parsed.
constexpr size_t kMaxParsedBytes = 64 << 10;
constexpr int kMaxParsedDetails = 64;
constexpr absl::Duration kMaxRetryDelay = absl::Hours(24);

// At most `limit` bytes; every byte that belongs to no character becomes U+FFFD.
std::string Clean(std::string_view text, size_t limit) {
  text = TruncateUtf8(text, limit);
  std::string valid;
  for (size_t bad = FindInvalidUtf8(text); bad != std::string_view::npos;
       bad = FindInvalidUtf8(text)) {
    valid.append(text.substr(0, bad)).append("\xEF\xBF\xBD");
    text.remove_prefix(bad + 1);
  }
  valid.append(text);
  return std::string(TruncateUtf8(valid, limit));
}

template <typename Detail>
void AddDetail(const Detail& detail, google::rpc::Status& to) {
  to.add_details()->PackFrom(detail);
}

google::rpc::Status Encode(const absl::Status& status, Reason reason, const std::string& message) {
  const ErrorFacts facts = FactsOf(status);
  google::rpc::Status encoded;
  encoded.set_code(static_cast<int>(status.code()));
  encoded.set_message(message);
  if (facts.retry_delay.has_value()) {
    const absl::Duration delay =
        std::clamp(*facts.retry_delay, absl::ZeroDuration(), kMaxRetryDelay);
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(delay));
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(delay - absl::Seconds(absl::ToInt64Seconds(delay)))));
    AddDetail(retry, encoded);
  }
  if (!facts.field.empty()) {
    google::rpc::BadRequest request;
    auto* violation = request.add_field_violations();
    violation->set_field(Clean(facts.field, kMaxFieldBytes));
    // The sentence stands in the status already; here a client finds which field it is about.
    violation->set_description(Clean(message, kMaxFieldBytes));
    AddDetail(request, encoded);
  }
  if (reason == Reason::kClientQuotaExceeded || reason == Reason::kQueueFull) {
    const auto quota = facts.metadata.find("quota");
    google::rpc::QuotaFailure failure;
    auto* violation = failure.add_violations();
    violation->set_subject(quota != facts.metadata.end() ? Clean(quota->second, kMaxKeyBytes)
                                                         : "queue");
    violation->set_description(Clean(message, kMaxFieldBytes));
    AddDetail(failure, encoded);
  }
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(ReasonName(reason)));
  info.set_domain(std::string(kErrorDomain));
  // 128: what wrapping in an Any and the length prefixes take.
  size_t left = kMaxErrorDetailBytes - encoded.ByteSizeLong() - info.ByteSizeLong() - 128;
  for (const auto& [key, value] : facts.metadata) {
    if (key.size() > kMaxKeyBytes) continue;
    const std::string clean_key = Clean(key, kMaxKeyBytes);
    const std::string clean_value = Clean(value, kMaxValueBytes);
    const size_t cost = clean_key.size() + clean_value.size() + 16;
    if (cost > left) continue;
    left -= cost;
    (*info.mutable_metadata())[clean_key] = clean_value;
  }
  AddDetail(info, encoded);
  return encoded;
}

// A status without details that can be used.
absl::Status Plain(absl::StatusCode code, std::string_view message) {
  const size_t colon = message.find(": ");
  if (colon != std::string_view::npos) {
    const std::optional<Reason> reason = ReasonFromName(message.substr(0, colon));
    if (reason.has_value() && ReasonCode(*reason) == code) {
      return MakeError(*reason, message.substr(colon + 2));
    }
  }
  if (code == absl::StatusCode::kCancelled) {
    return MakeError(Reason::kCancelled, message.empty() ? "The call was cancelled." : message);
  }
  if (code == absl::StatusCode::kDeadlineExceeded) {
    return MakeError(Reason::kDeadlineExceeded,
                     message.empty() ? "The call's deadline has passed." : message);
  }
  return absl::Status(code, message);
}

}  // namespace

grpc::Status StatusToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message = Clean(status.message(), kMaxErrorMessageBytes);
  const std::optional<Reason> reason = ReasonOf(status);
  if (!reason.has_value()) return grpc::Status(code, message);
  return grpc::Status(code, message, Encode(status, *reason, message).SerializeAsString());
}

absl::Status StatusFromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code < absl::StatusCode::kCancelled || code > absl::StatusCode::kUnauthenticated) {
    code = absl::StatusCode::kUnknown;
  }
  const std::string& message = status.error_message();
  const std::string details = status.error_details();
  google::rpc::Status decoded;
  if (details.empty() || details.size() > kMaxParsedBytes || !decoded.ParseFromString(details)) {
    return Plain(code, message);
  }
  std::optional<Reason> reason;
  ErrorFacts facts;
  const int count = std::min(decoded.details_size(), kMaxParsedDetails);
  for (int i = 0; i < count; ++i) {
    const google::protobuf::Any& detail = decoded.details(i);
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    google::rpc::BadRequest request;
    if (detail.UnpackTo(&info)) {
      if (info.domain() != kErrorDomain) continue;
      reason = ReasonFromName(info.reason());
      for (const auto& [key, value] : info.metadata()) facts.metadata[key] = value;
    } else if (detail.UnpackTo(&retry)) {
      facts.retry_delay = std::clamp(absl::Seconds(retry.retry_delay().seconds()) +
                                         absl::Nanoseconds(retry.retry_delay().nanos()),
                                     absl::ZeroDuration(), kMaxRetryDelay);
    } else if (detail.UnpackTo(&request) && request.field_violations_size() > 0) {
      facts.field = request.field_violations(0).field();
    }
  }
  if (!reason.has_value() || ReasonCode(*reason) != code) return Plain(code, message);
  return MakeError(*reason, message, std::move(facts));
}

}  // namespace intelligenced
