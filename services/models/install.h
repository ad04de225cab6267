// InstallModel: shows the licence, downloads, verifies and installs, telling how far it is.
#ifndef INTELLIGENCED_SERVICES_MODELS_INSTALL_H_
#define INTELLIGENCED_SERVICES_MODELS_INSTALL_H_

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "protos/intelligence/v1/models.pb.h"
#include "services/models/model_watch.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// Installs that may run at a time: each keeps a thread of Runtime::blocking() for as long as its
// download takes, and others need some too.
inline constexpr int kMaxInstalls = 8;

// Starts an install whose request is validated, inside the call's Run(). MODEL_NOT_FOUND,
// MODEL_BUSY and QUEUE_FULL at once, other errors end the call. `watchers` and `running`, which
// counts the installs, outlive the call.
absl::Status StartInstall(const std::shared_ptr<StreamCall>& call,
                          const intelligence::v1::InstallModelRequest& request,
                          ModelWatchers* watchers, std::atomic<int>* running);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODELS_INSTALL_H_
