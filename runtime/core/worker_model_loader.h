// Loads models into worker processes.
#ifndef INTELLIGENCED_RUNTIME_CORE_WORKER_MODEL_LOADER_H_
#define INTELLIGENCED_RUNTIME_CORE_WORKER_MODEL_LOADER_H_

#include "runtime/models/model_manager.h"
#include "runtime/worker/worker_model.h"

namespace intelligenced {

// Thread-safe. The launcher must outlive it and every model it loaded.
class WorkerModelLoader final : public ModelLoader {
 public:
  explicit WorkerModelLoader(WorkerLauncher* launcher) : launcher_(launcher) {}

  // Errors: those of WorkerLauncher::Launch.
  absl::StatusOr<LoadedModel> Load(const engine_proto::ModelSpec& spec, CancelToken cancel,
                                   absl::AnyInvocable<void()> on_lost) override;

 private:
  WorkerLauncher* const launcher_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_CORE_WORKER_MODEL_LOADER_H_
