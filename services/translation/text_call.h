// TranslateText: one text, its translation in pieces as they are done.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_TEXT_CALL_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_TEXT_CALL_H_

#include <memory>

#include "absl/status/status.h"
#include "protos/intelligence/v1/translation.pb.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// Starts a validated request inside the call's Run(); refusals are returned.
absl::Status StartTranslateText(const std::shared_ptr<StreamCall>& call,
                                intelligence::v1::TranslateTextRequest request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_TEXT_CALL_H_
