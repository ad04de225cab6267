// The one catalogue of error reasons and the one function that makes an error.
//
// Every failure that can reach a client is an absl::Status made by MakeError(). It carries a
// Reason, a sentence a person can act on, and facts (metadata, retry delay, field) that
// protos/support/status_codec.h turns into google.rpc details on the wire and back.
#ifndef INTELLIGENCED_RUNTIME_BASE_REASONS_H_
#define INTELLIGENCED_RUNTIME_BASE_REASONS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace intelligenced {

enum class Reason {
  // INVALID_ARGUMENT
  kFieldInvalid,
  kInputTooLarge,
  kContextWindowExceeded,
  kImageUndecodable,
  kLanguageUnsupported,
  // NOT_FOUND
  kModelNotFound,
  kActionNotFound,
  kSessionNotFound,
  kActionRunNotFound,
  // FAILED_PRECONDITION
  kModelNotInstalled,
  kNoCapableModel,
  kModelBusy,
  kSessionBusy,
  kActionValueMissing,
  // RESOURCE_EXHAUSTED
  kQueueFull,
  kClientQuotaExceeded,
  kMemoryInsufficient,
  kDiskFull,
  // PERMISSION_DENIED
  kCallerNotAuthorized,
  kActionOwnedByOther,
  kActionNotConfirmed,
  // UNAVAILABLE
  kWorkerLost,
  kShuttingDown,
  kDownloadFailed,
  kActionProviderUnavailable,
  kActionProviderLost,
  // ABORTED
  kJobPreempted,
  kSlowConsumer,
  kActionFailed,
  // DATA_LOSS
  kModelCorrupt,
  // INTERNAL
  kModelLoadFailed,
  kEngineFailure,
  kActionResultInvalid,
  // CANCELLED
  kCancelled,
  // DEADLINE_EXCEEDED
  kActionTimedOut,
  kDeadlineExceeded,
};

// What goes with an error beside its sentence. All members are optional.
struct ErrorFacts {
  // Keys are lower_snake_case; values are short and never hold a user's text.
  std::map<std::string, std::string> metadata;
  // When trying again may succeed. Travels as google.rpc.RetryInfo.
  std::optional<absl::Duration> retry_delay;
  // The request field at fault, as a path ("options.model"). Travels as google.rpc.BadRequest.
  std::string field;
};

// "WORKER_LOST" and so on: the name in google.rpc.ErrorInfo.
std::string_view ReasonName(Reason reason);
std::optional<Reason> ReasonFromName(std::string_view name);

// The status code that belongs to a reason (design: "Errors").
absl::StatusCode ReasonCode(Reason reason);

// `message` is a sentence for a person: what is wrong and, where possible, what to do.
absl::Status MakeError(Reason reason, std::string_view message, ErrorFacts facts = {});

// Shorthand for the commonest: a request field that breaks its documented bounds.
absl::Status FieldError(std::string_view field, std::string_view message);

// Nothing for an OK status or one that MakeError() did not make.
std::optional<Reason> ReasonOf(const absl::Status& status);
// Empty facts for a status without any.
ErrorFacts FactsOf(const absl::Status& status);

// True when `status` was made with `reason`.
bool HasReason(const absl::Status& status, Reason reason);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_REASONS_H_
