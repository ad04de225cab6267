// The Model message from what the runtime knows.
#ifndef INTELLIGENCED_SERVICES_RPC_MODEL_MESSAGE_H_
#define INTELLIGENCED_SERVICES_RPC_MODEL_MESSAGE_H_

#include "protos/intelligence/v1/models.pb.h"
#include "runtime/core/runtime.h"
#include "runtime/models/manifest.h"
#include "runtime/models/model_manager.h"

namespace intelligenced {

// An installed or built-in model. `clock` turns its times into calendar times.
intelligence::v1::Model ToModelMessage(const ModelStatus& status, const Clock& clock);

// A model that is only in the catalogue. `downloading`: its bytes are coming.
intelligence::v1::Model ToModelMessage(const Manifest& manifest, bool downloading);

// MODEL_NOT_FOUND; a catalogue entry that is not installed is found too.
absl::StatusOr<intelligence::v1::Model> DescribeModel(const Runtime& runtime,
                                                      std::string_view name);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_MODEL_MESSAGE_H_
