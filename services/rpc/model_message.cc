#include "services/rpc/model_message.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/rpc/call.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

void FillManifest(const Manifest& manifest, v1::Model& model) {
  model.set_name(ModelResourceName(manifest.name));
  model.set_version(manifest.version);
  model.set_title(manifest.title);
  model.set_description(manifest.description);
  model.set_engine(manifest.engine);
  model.set_family(manifest.family);
  for (const std::string& capability : manifest.capabilities) model.add_capabilities(capability);
  model.set_license(manifest.license);
  model.set_origin(manifest.origin);
  model.set_size_bytes(manifest.size_bytes());
  model.set_built_in(manifest.built_in);
  for (const ManifestFunction& function : manifest.functions) {
    v1::ModelFunction& to = *model.add_functions();
    to.set_name(absl::StrCat(ModelResourceName(manifest.name), "/functions/", function.name));
    for (const std::string& capability : function.capabilities) to.add_capabilities(capability);
    to.set_scale(function.scale);
    for (const ManifestFile& file : manifest.files) {
      if (file.role == kAdapterRole && file.name == function.file) {
        to.set_size_bytes(file.size_bytes);
      }
    }
  }
}

}  // namespace

v1::Model ToModelMessage(const ModelStatus& status, const Clock& clock) {
  v1::Model model;
  FillManifest(status.manifest, model);
  // The values of both enums are the same.
  model.set_state(static_cast<v1::ModelState>(status.state));
  if (!status.failure.ok()) model.set_state_reason(std::string(status.failure.message()));
  if (status.worker_pid != 0 || status.state == ModelState::kReady) {
    model.set_resident_bytes(status.resident_bytes);
    model.set_peak_bytes(status.peak_bytes);
  }
  model.set_pinned(status.pinned);
  SetDuration(status.keep_alive, model.mutable_keep_alive());
  model.set_leases(static_cast<uint32_t>(std::max(0, status.leases)));
  model.set_worker_pid(static_cast<uint32_t>(status.worker_pid));
  model.set_context_tokens(status.info.context_tokens());
  model.set_device(status.info.device());
  if (status.last_used > absl::InfinitePast()) {
    SetTimestamp(clock.WallTime() - (clock.Now() - status.last_used),
                 model.mutable_last_used_time());
  }
  if (status.last_load_time > absl::ZeroDuration()) {
    SetDuration(status.last_load_time, model.mutable_last_load_time());
  }
  for (const std::string& capability : status.default_for) model.add_default_for(capability);
  return model;
}

v1::Model ToModelMessage(const Manifest& manifest, bool downloading) {
  v1::Model model;
  FillManifest(manifest, model);
  model.set_state(downloading ? v1::MODEL_STATE_DOWNLOADING : v1::MODEL_STATE_NOT_INSTALLED);
  return model;
}

absl::StatusOr<v1::Model> DescribeModel(const Runtime& runtime, std::string_view name) {
  const absl::StatusOr<ModelStatus> status = runtime.models().Get(name);
  if (status.ok()) return ToModelMessage(*status, runtime.clock());
  if (!HasReason(status.status(), Reason::kModelNotFound)) return status.status();
  const Manifest* manifest = runtime.catalogue().Find(name);
  if (manifest == nullptr) return status.status();
  const std::vector<std::string> coming = runtime.installer().InProgress();
  return ToModelMessage(*manifest, std::find(coming.begin(), coming.end(), name) != coming.end());
}

}  // namespace intelligenced
