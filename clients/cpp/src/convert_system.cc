#include <algorithm>
#include <optional>

#include "clients/cpp/src/convert.h"

namespace intelligence {
namespace {

InstallProgress FromProto(const v1::DownloadProgress& progress, InstallProgress::Phase phase) {
  InstallProgress out = {.phase = phase,
                         .bytes_done = progress.bytes_done(),
                         .bytes_total = progress.bytes_total(),
                         .bytes_per_second = progress.bytes_per_second(),
                         .estimated_completion = std::nullopt};
  if (progress.has_estimated_completion()) {
    out.estimated_completion = intelligence::FromProto(progress.estimated_completion());
  }
  return out;
}

}  // namespace

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void ToProto(absl::Duration duration, google::protobuf::Duration* out) {
  // The longest that a Duration message may hold.
  constexpr absl::Duration kLongest = absl::Seconds(315'576'000'000);
  duration = std::clamp(duration, -kLongest, kLongest);
  absl::Duration rest;
  out->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

Model FromProto(const v1::Model& model) {
  Model out = {.name = model.name(),
               .version = model.version(),
               .title = model.title(),
               .description = model.description(),
               .engine = model.engine(),
               .family = model.family(),
               .capabilities = {model.capabilities().begin(), model.capabilities().end()},
               .license = model.license(),
               .origin = model.origin(),
               .size_bytes = model.size_bytes(),
               .state = EnumFromProto(model.state(), ModelState::kFailed),
               .state_reason = model.state_reason(),
               .resident_bytes = model.resident_bytes(),
               .peak_bytes = model.peak_bytes(),
               .pinned = model.pinned(),
               .keep_alive = FromProto(model.keep_alive()),
               .leases = model.leases(),
               .worker_pid = model.worker_pid(),
               .context_tokens = model.context_tokens(),
               .device = model.device(),
               .last_used_time = std::nullopt,
               .last_load_time = FromProto(model.last_load_time()),
               .built_in = model.built_in(),
               .default_for = {model.default_for().begin(), model.default_for().end()},
               .functions = {}};
  for (const v1::ModelFunction& function : model.functions()) {
    out.functions.push_back(
        {.name = function.name(),
         .capabilities = {function.capabilities().begin(), function.capabilities().end()},
         .scale = function.scale(),
         .size_bytes = function.size_bytes()});
  }
  if (model.has_last_used_time()) out.last_used_time = FromProto(model.last_used_time());
  return out;
}

std::optional<InstallModelEvent> FromProto(const v1::InstallModelResponse& response) {
  switch (response.event_case()) {
    case v1::InstallModelResponse::kLicense:
      return LicenseNotice{.model = response.license().model(),
                           .license = response.license().license(),
                           .origin = response.license().origin(),
                           .size_bytes = response.license().size_bytes()};
    case v1::InstallModelResponse::kDownloading:
      return FromProto(response.downloading(), InstallProgress::Phase::kDownloading);
    case v1::InstallModelResponse::kVerifying:
      return FromProto(response.verifying(), InstallProgress::Phase::kVerifying);
    case v1::InstallModelResponse::kCompleted:
      return FromProto(response.completed());
    case v1::InstallModelResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

SystemStatus FromProto(const v1::SystemStatus& status) {
  SystemStatus out;
  out.version = status.version();
  out.state = EnumFromProto(status.state(), ServingState::kDraining);
  out.pid = status.pid();
  out.uptime = FromProto(status.uptime());
  out.memory = {.daemon_resident_bytes = status.memory().daemon_resident_bytes(),
                .models_resident_bytes = status.memory().models_resident_bytes(),
                .reserved_bytes = status.memory().reserved_bytes(),
                .ceiling_bytes = status.memory().ceiling_bytes(),
                .machine_total_bytes = status.memory().machine_total_bytes(),
                .machine_available_bytes = status.memory().machine_available_bytes()};
  for (const v1::Model& model : status.resident_models()) {
    out.resident_models.push_back(FromProto(model));
  }
  for (const v1::QueueStatus& queue : status.queues()) {
    out.queues.push_back(
        {.request_class = EnumFromProto(queue.request_class(), RequestClass::kBackground),
         .waiting = queue.waiting(),
         .running = queue.running(),
         .completed = queue.completed(),
         .refused = queue.refused()});
  }
  for (const v1::LaneStatus& lane : status.lanes()) {
    out.lanes.push_back({.device = lane.device(),
                         .capacity = lane.capacity(),
                         .in_use = lane.in_use(),
                         .utilization = lane.utilization()});
  }
  for (const v1::ClientStatus& client : status.clients()) {
    out.clients.push_back({.client = client.client(),
                           .user_id = client.user_id(),
                           .display_name = client.display_name(),
                           .waiting = client.waiting(),
                           .running = client.running(),
                           .recent_device_time = FromProto(client.recent_device_time()),
                           .total_device_time = FromProto(client.total_device_time()),
                           .output_tokens_per_second = client.output_tokens_per_second(),
                           .weight = client.weight(),
                           .requests = client.requests()});
  }
  out.socket_path = status.socket_path();
  return out;
}

ActivityRecord FromProto(const v1::ActivityRecord& record) {
  return {.time = FromProto(record.time()),
          .client = record.client(),
          .process_id = record.process_id(),
          .method = record.method(),
          .model = record.model(),
          .request_class = EnumFromProto(record.request_class(), RequestClass::kBackground),
          .action = record.action(),
          .outcome = record.outcome(),
          .duration = FromProto(record.duration()),
          .queue_time = FromProto(record.queue_time()),
          .compute_time = FromProto(record.compute_time()),
          .input_bytes = record.input_bytes(),
          .output_bytes = record.output_bytes(),
          .input_tokens = record.input_tokens(),
          .output_tokens = record.output_tokens()};
}

DiagnosticCheck FromProto(const v1::Check& check) {
  return {.name = check.name(),
          .result = EnumFromProto(check.result(), DiagnosticCheck::Result::kFailed),
          .finding = check.finding(),
          .advice = check.advice()};
}

}  // namespace intelligence
