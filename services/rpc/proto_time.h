// Durations and times to and from their messages.
#ifndef INTELLIGENCED_SERVICES_RPC_PROTO_TIME_H_
#define INTELLIGENCED_SERVICES_RPC_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace intelligenced {

// Infinite and absurd durations become the greatest that the message allows (10,000 years).
void SetDuration(absl::Duration duration, google::protobuf::Duration* message);
absl::Duration GetDuration(const google::protobuf::Duration& message);

// Times outside the years 1 to 9999 become their nearest.
void SetTimestamp(absl::Time time, google::protobuf::Timestamp* message);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_PROTO_TIME_H_
