// TranslateBatch: many texts in one call.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_BATCH_CALL_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_BATCH_CALL_H_

#include <memory>

#include "services/rpc/serve_duplex.h"

namespace intelligenced {

std::shared_ptr<DuplexHandler> MakeBatchHandler(std::shared_ptr<StreamCall> call);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_BATCH_CALL_H_
