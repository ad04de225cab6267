// WatchModels: the present models, then every change, to any number of watchers.
#ifndef INTELLIGENCED_SERVICES_MODELS_MODEL_WATCH_H_
#define INTELLIGENCED_SERVICES_MODELS_MODEL_WATCH_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "protos/intelligence/v1/models.pb.h"
#include "runtime/base/cancel.h"
#include "runtime/models/model_manager.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// One WatchModels call. A slow reader gets the newest state of each model when it reads on.
class ModelWatch final : public std::enable_shared_from_this<ModelWatch> {
 public:
  explicit ModelWatch(std::shared_ptr<StreamCall> call) : call_(std::move(call)) {}

  // Inside the call's Run().
  void Start();
  // From any thread.
  void Tell(const intelligence::v1::WatchModelsResponse& change);

 private:
  void Flush();
  void Stop();

  const std::shared_ptr<StreamCall> call_;
  std::shared_ptr<void> states_;
  CancelRegistration cancelled_;
  // By name, what was not written because the reader is slow.
  std::map<std::string, intelligence::v1::WatchModelsResponse> pending_;
  bool paused_ = false;
  // The call is what lives; it owns its watch until it ends.
  std::shared_ptr<ModelWatch> self_;
};

// Tells the watchers what the model manager does not see: installs and changed defaults.
// Thread-safe.
class ModelWatchers {
 public:
  void Add(const std::shared_ptr<ModelWatch>& watch);
  void Tell(const intelligence::v1::Model& model);

 private:
  absl::Mutex mutex_;
  std::vector<std::weak_ptr<ModelWatch>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODELS_MODEL_WATCH_H_
