#include "services/system/status_source.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "services/rpc/model_message.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

bool IsWorthTelling(ModelState state) {
  return state == ModelState::kLoading || state == ModelState::kReady ||
         state == ModelState::kDraining || state == ModelState::kUnloading ||
         state == ModelState::kFailed;
}

uint32_t Count(int value) { return static_cast<uint32_t>(std::max(0, value)); }

void FillMemory(const ServiceEnvironment& environment, v1::MemoryStatus* memory) {
  const ModelManager::Memory models = environment.runtime->models().MemorySnapshot();
  if (environment.daemon.resident_bytes) {
    memory->set_daemon_resident_bytes(environment.daemon.resident_bytes());
  }
  memory->set_models_resident_bytes(models.resident_bytes);
  memory->set_reserved_bytes(models.reserved_bytes);
  memory->set_ceiling_bytes(models.ceiling_bytes);
  memory->set_machine_total_bytes(models.machine.total_bytes);
  memory->set_machine_available_bytes(models.machine.available_bytes);
}

void FillScheduler(SchedulerSnapshot snapshot, v1::SystemStatus& status) {
  for (const SchedulerSnapshot::Class& from : snapshot.classes) {
    v1::QueueStatus* queue = status.add_queues();
    queue->set_request_class(static_cast<v1::RequestClass>(from.request_class));
    queue->set_waiting(Count(from.waiting));
    queue->set_running(Count(from.running));
    queue->set_completed(from.completed);
    queue->set_refused(from.refused);
  }
  for (const SchedulerSnapshot::Lane& from : snapshot.lanes) {
    v1::LaneStatus* lane = status.add_lanes();
    lane->set_device(from.device);
    lane->set_capacity(Count(from.capacity));
    lane->set_in_use(Count(from.in_use));
    lane->set_utilization(from.utilization);
  }
  std::stable_sort(
      snapshot.clients.begin(), snapshot.clients.end(),
      [](const auto& a, const auto& b) { return a.recent_device_time > b.recent_device_time; });
  for (const SchedulerSnapshot::Client& from : snapshot.clients) {
    v1::ClientStatus* client = status.add_clients();
    client->set_client(from.client.id);
    client->set_user_id(from.client.user_id);
    client->set_display_name(from.client.display_name);
    client->set_waiting(Count(from.waiting));
    client->set_running(Count(from.running));
    SetDuration(from.recent_device_time, client->mutable_recent_device_time());
    SetDuration(from.total_device_time, client->mutable_total_device_time());
    client->set_output_tokens_per_second(from.output_tokens_per_second);
    client->set_weight(from.client.weight);
    client->set_requests(from.requests);
  }
}

}  // namespace

StatusSource::StatusSource(const ServiceEnvironment& environment)
    : environment_(environment),
      changed_(std::make_shared<std::atomic<bool>>(true)),
      watch_(environment.runtime->models().Watch(
          [changed = changed_](const ModelStatus&) { changed->store(true); })) {}

grpc::ByteBuffer StatusSource::Bytes() {
  const absl::Time now = environment_.runtime->clock().Now();
  {
    absl::MutexLock lock(mutex_);
    if (now - built_ < kMaxAge && !changed_->load()) return bytes_;
  }
  // Cleared before looking: a change that comes meanwhile makes the next answer new.
  changed_->store(false);
  grpc::ByteBuffer bytes = SerializeResponse(Build());
  absl::MutexLock lock(mutex_);
  if (built_ <= now) {
    built_ = now;
    bytes_ = bytes;
  }
  return bytes;
}

v1::SystemStatus StatusSource::Build() const {
  const Runtime& runtime = *environment_.runtime;
  const DaemonFacts& daemon = environment_.daemon;
  v1::SystemStatus status;
  status.set_version(daemon.version);
  const bool draining = daemon.draining && daemon.draining();
  status.set_state(draining ? v1::SERVING_STATE_DRAINING : v1::SERVING_STATE_SERVING);
  status.set_pid(static_cast<uint32_t>(getpid()));
  SetDuration(runtime.clock().Now() - daemon.start_time, status.mutable_uptime());
  FillMemory(environment_, status.mutable_memory());
  for (const ModelStatus& model : runtime.models().Snapshot()) {
    if (!IsWorthTelling(model.state)) continue;
    *status.add_resident_models() = ToModelMessage(model, runtime.clock());
  }
  FillScheduler(runtime.scheduler().Snapshot(), status);
  status.set_socket_path(daemon.socket_path);
  return status;
}

}  // namespace intelligenced
