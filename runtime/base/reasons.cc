#include "runtime/base/reasons.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace intelligenced {
namespace {

// The payload is lines "key=value", both C-escaped, so that it also reads well in a log.
constexpr std::string_view kPayloadType = "intelligenced/error";

struct Entry {
  Reason reason;
  std::string_view name;
  absl::StatusCode code;
};

constexpr std::array kCatalogue = {
    Entry{Reason::kFieldInvalid, "FIELD_INVALID", absl::StatusCode::kInvalidArgument},
    Entry{Reason::kInputTooLarge, "INPUT_TOO_LARGE", absl::StatusCode::kInvalidArgument},
    Entry{Reason::kContextWindowExceeded, "CONTEXT_WINDOW_EXCEEDED",
          absl::StatusCode::kInvalidArgument},
    Entry{Reason::kImageUndecodable, "IMAGE_UNDECODABLE", absl::StatusCode::kInvalidArgument},
    Entry{Reason::kLanguageUnsupported, "LANGUAGE_UNSUPPORTED", absl::StatusCode::kInvalidArgument},
    Entry{Reason::kModelNotFound, "MODEL_NOT_FOUND", absl::StatusCode::kNotFound},
    Entry{Reason::kActionNotFound, "ACTION_NOT_FOUND", absl::StatusCode::kNotFound},
    Entry{Reason::kSessionNotFound, "SESSION_NOT_FOUND", absl::StatusCode::kNotFound},
    Entry{Reason::kActionRunNotFound, "ACTION_RUN_NOT_FOUND", absl::StatusCode::kNotFound},
    Entry{Reason::kModelNotInstalled, "MODEL_NOT_INSTALLED", absl::StatusCode::kFailedPrecondition},
    Entry{Reason::kNoCapableModel, "NO_CAPABLE_MODEL", absl::StatusCode::kFailedPrecondition},
    Entry{Reason::kModelBusy, "MODEL_BUSY", absl::StatusCode::kFailedPrecondition},
    Entry{Reason::kSessionBusy, "SESSION_BUSY", absl::StatusCode::kFailedPrecondition},
    Entry{Reason::kActionValueMissing, "ACTION_VALUE_MISSING",
          absl::StatusCode::kFailedPrecondition},
    Entry{Reason::kQueueFull, "QUEUE_FULL", absl::StatusCode::kResourceExhausted},
    Entry{Reason::kClientQuotaExceeded, "CLIENT_QUOTA_EXCEEDED",
          absl::StatusCode::kResourceExhausted},
    Entry{Reason::kMemoryInsufficient, "MEMORY_INSUFFICIENT", absl::StatusCode::kResourceExhausted},
    Entry{Reason::kDiskFull, "DISK_FULL", absl::StatusCode::kResourceExhausted},
    Entry{Reason::kCallerNotAuthorized, "CALLER_NOT_AUTHORIZED",
          absl::StatusCode::kPermissionDenied},
    Entry{Reason::kActionOwnedByOther, "ACTION_OWNED_BY_OTHER",
          absl::StatusCode::kPermissionDenied},
    Entry{Reason::kActionNotConfirmed, "ACTION_NOT_CONFIRMED", absl::StatusCode::kPermissionDenied},
    Entry{Reason::kWorkerLost, "WORKER_LOST", absl::StatusCode::kUnavailable},
    Entry{Reason::kShuttingDown, "SHUTTING_DOWN", absl::StatusCode::kUnavailable},
    Entry{Reason::kDownloadFailed, "DOWNLOAD_FAILED", absl::StatusCode::kUnavailable},
    Entry{Reason::kActionProviderUnavailable, "ACTION_PROVIDER_UNAVAILABLE",
          absl::StatusCode::kUnavailable},
    Entry{Reason::kActionProviderLost, "ACTION_PROVIDER_LOST", absl::StatusCode::kUnavailable},
    Entry{Reason::kJobPreempted, "JOB_PREEMPTED", absl::StatusCode::kAborted},
    Entry{Reason::kSlowConsumer, "SLOW_CONSUMER", absl::StatusCode::kAborted},
    Entry{Reason::kActionFailed, "ACTION_FAILED", absl::StatusCode::kAborted},
    Entry{Reason::kModelCorrupt, "MODEL_CORRUPT", absl::StatusCode::kDataLoss},
    Entry{Reason::kModelLoadFailed, "MODEL_LOAD_FAILED", absl::StatusCode::kInternal},
    Entry{Reason::kEngineFailure, "ENGINE_FAILURE", absl::StatusCode::kInternal},
    Entry{Reason::kActionResultInvalid, "ACTION_RESULT_INVALID", absl::StatusCode::kInternal},
    Entry{Reason::kCancelled, "CANCELLED", absl::StatusCode::kCancelled},
    Entry{Reason::kActionTimedOut, "ACTION_TIMED_OUT", absl::StatusCode::kDeadlineExceeded},
    Entry{Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", absl::StatusCode::kDeadlineExceeded},
};

const Entry& Find(Reason reason) {
  for (const Entry& entry : kCatalogue) {
    if (entry.reason == reason) return entry;
  }
  return kCatalogue.back();
}

void AppendLine(std::string& out, std::string_view key, std::string_view value) {
  absl::StrAppend(&out, absl::CEscape(key), "=", absl::CEscape(value), "\n");
}

// Calls visit(key, value) for every line of the payload.
template <typename Visitor>
void VisitPayload(const absl::Status& status, Visitor visit) {
  std::optional<absl::Cord> payload = status.GetPayload(kPayloadType);
  if (!payload.has_value()) return;
  const std::string text(*payload);
  for (std::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string_view, std::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    std::string key;
    std::string value;
    if (absl::CUnescape(parts.first, &key) && absl::CUnescape(parts.second, &value)) {
      visit(key, value);
    }
  }
}

}  // namespace

std::string_view ReasonName(Reason reason) { return Find(reason).name; }

std::optional<Reason> ReasonFromName(std::string_view name) {
  for (const Entry& entry : kCatalogue) {
    if (entry.name == name) return entry.reason;
  }
  return std::nullopt;
}

absl::StatusCode ReasonCode(Reason reason) { return Find(reason).code; }

absl::Status MakeError(Reason reason, std::string_view message, ErrorFacts facts) {
  absl::Status status(ReasonCode(reason), message);
  std::string payload;
  AppendLine(payload, "reason", ReasonName(reason));
  if (!facts.field.empty()) AppendLine(payload, "field", facts.field);
  if (facts.retry_delay.has_value()) {
    AppendLine(payload, "retry_ns", absl::StrCat(absl::ToInt64Nanoseconds(*facts.retry_delay)));
  }
  for (const auto& [key, value] : facts.metadata) {
    AppendLine(payload, absl::StrCat("metadata.", key), value);
  }
  status.SetPayload(kPayloadType, absl::Cord(payload));
  return status;
}

absl::Status FieldError(std::string_view field, std::string_view message) {
  return MakeError(Reason::kFieldInvalid, absl::StrCat(field, ": ", message),
                   {.metadata = {}, .retry_delay = std::nullopt, .field = std::string(field)});
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  std::optional<Reason> reason;
  VisitPayload(status, [&](std::string_view key, std::string_view value) {
    if (key == "reason") reason = ReasonFromName(value);
  });
  return reason;
}

ErrorFacts FactsOf(const absl::Status& status) {
  ErrorFacts facts;
  VisitPayload(status, [&](std::string_view key, std::string_view value) {
    if (key == "field") {
      facts.field = value;
    } else if (key == "retry_ns") {
      if (int64_t nanoseconds = 0; absl::SimpleAtoi(value, &nanoseconds)) {
        facts.retry_delay = absl::Nanoseconds(nanoseconds);
      }
    } else if (key.starts_with("metadata.")) {
      facts.metadata[std::string(key.substr(sizeof("metadata.") - 1))] = value;
    }
  });
  return facts;
}

bool HasReason(const absl::Status& status, Reason reason) {
  return !status.ok() && ReasonOf(status) == reason;
}

}  // namespace intelligenced
