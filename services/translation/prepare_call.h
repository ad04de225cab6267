// PrepareTranslation: installs what is missing, once its licence was accepted, and loads it.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_PREPARE_CALL_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_PREPARE_CALL_H_

#include <memory>

#include "absl/status/status.h"
#include "protos/intelligence/v1/translation.pb.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// Starts a validated request inside the call's Run(); refusals are returned.
absl::Status StartPrepareTranslation(const std::shared_ptr<StreamCall>& call,
                                     const intelligence::v1::PrepareTranslationRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_PREPARE_CALL_H_
