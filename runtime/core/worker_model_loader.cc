#include "runtime/core/worker_model_loader.h"

#include <memory>
#include <utility>

namespace intelligenced {

absl::StatusOr<LoadedModel> WorkerModelLoader::Load(const engine_proto::ModelSpec& spec,
                                                    CancelToken cancel,
                                                    absl::AnyInvocable<void()> on_lost) {
  absl::StatusOr<std::unique_ptr<WorkerModel>> worker =
      launcher_->Launch(spec, std::move(cancel), std::move(on_lost));
  if (!worker.ok()) return worker.status();
  LoadedModel loaded;
  loaded.worker_pid = (*worker)->pid();
  loaded.protections = (*worker)->protections();
  loaded.model = std::move(*worker);
  return loaded;
}

}  // namespace intelligenced
