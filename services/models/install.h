// InstallModel: shows the licence, downloads, verifies and installs, telling how far it is.
#ifndef INTELLIGENCED_SERVICES_MODELS_INSTALL_H_
#define INTELLIGENCED_SERVICES_MODELS_INSTALL_H_

#include <memory>

#include "absl/status/status.h"
#include "protos/intelligence/v1/models.pb.h"
#include "services/models/model_watch.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// Starts an install whose request is validated, inside the call's Run(). MODEL_NOT_FOUND and
// MODEL_BUSY at once, other errors end the call. `watchers` outlives the call.
absl::Status StartInstall(const std::shared_ptr<StreamCall>& call,
                          const intelligence::v1::InstallModelRequest& request,
                          ModelWatchers* watchers);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODELS_INSTALL_H_
