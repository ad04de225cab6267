// absl::Status to and from the message that crosses the border between daemon and worker. Reasons,
// metadata, delay and field survive the trip.
#ifndef INTELLIGENCED_RUNTIME_ENGINE_STATUS_PROTO_H_
#define INTELLIGENCED_RUNTIME_ENGINE_STATUS_PROTO_H_

#include "absl/status/status.h"
#include "protos/intelligence/engine/v1/worker.pb.h"

namespace intelligenced {

intelligence::engine::v1::Status StatusToProto(const absl::Status& status);

// A code that is none of gRPC's becomes UNKNOWN.
absl::Status StatusFromProto(const intelligence::engine::v1::Status& proto);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINE_STATUS_PROTO_H_
