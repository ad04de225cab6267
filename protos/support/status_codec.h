// absl::Status, as MakeError() makes it, to a gRPC status with google.rpc details, and back.
//
// On the wire an error is its code, its sentence and, in grpc-status-details-bin, a
// google.rpc.Status with ErrorInfo (reason, domain "intelligence.v1", metadata), RetryInfo (a retry
// delay), BadRequest (a field at fault) and QuotaFailure (QUEUE_FULL, CLIENT_QUOTA_EXCEEDED).
//
// Both directions are total and thread-safe: they never fail and never trust what they get.
#ifndef INTELLIGENCED_PROTOS_SUPPORT_STATUS_CODEC_H_
#define INTELLIGENCED_PROTOS_SUPPORT_STATUS_CODEC_H_

#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace intelligenced {

// The domain in google.rpc.ErrorInfo.
inline constexpr std::string_view kErrorDomain = "intelligence.v1";

// A sentence longer than this many bytes is cut on a character border, and metadata that would make
// the details longer than kMaxErrorDetailBytes is left out: gRPC peers refuse trailers above 8 KiB.
inline constexpr int kMaxErrorMessageBytes = 768;
inline constexpr int kMaxErrorDetailBytes = 3072;

// Invalid UTF-8 is replaced by U+FFFD. A status that MakeError() did not make has no ErrorInfo.
grpc::Status StatusToGrpc(const absl::Status& status);

// Details of another domain, of an unknown reason, of a reason that does not belong to the code,
// or that do not parse are ignored: the code and sentence stay. CANCELLED and DEADLINE_EXCEEDED get
// their reason in any case, because gRPC itself makes them without details. So does a sentence that
// begins with a reason of its code ("SLOW_CONSUMER: …"): a stream that must be broken off at once
// cannot carry details.
absl::Status StatusFromGrpc(const grpc::Status& status);

}  // namespace intelligenced

#endif  // INTELLIGENCED_PROTOS_SUPPORT_STATUS_CODEC_H_
