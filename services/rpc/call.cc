#include "services/rpc/call.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {

void UsageTotal::Add(const JobUsage& usage) {
  input_tokens_ += usage.completed.input_tokens();
  cached_tokens_ += usage.completed.cached_tokens();
  output_tokens_ += usage.completed.output_tokens();
  queue_time_ = std::max(queue_time_, usage.queue_time);
  load_time_ = std::max(load_time_, usage.load_time);
  compute_time_ += usage.device_time;
  if (!usage.model.empty()) model_ = usage.model;
  if (!usage.device.empty()) device_ = usage.device;
}

intelligence::v1::Usage UsageTotal::ToProto() const {
  intelligence::v1::Usage usage;
  usage.set_input_tokens(input_tokens_);
  usage.set_cached_tokens(cached_tokens_);
  usage.set_output_tokens(output_tokens_);
  SetDuration(queue_time_, usage.mutable_queue_time());
  SetDuration(load_time_, usage.mutable_load_time());
  SetDuration(compute_time_, usage.mutable_compute_time());
  if (!model_.empty()) {
    usage.set_model(function_.empty()
                        ? ModelResourceName(model_)
                        : absl::StrCat(ModelResourceName(model_), "/functions/", function_));
  }
  usage.set_device(device_);
  return usage;
}

Call::Call(const ServiceEnvironment& environment, const CallOrigin& origin)
    : environment_(environment),
      started_(environment.runtime->clock().Now()),
      deadline_(absl::InfiniteFuture()) {
  const Clock& clock = environment.runtime->clock();
  if (origin.wall_deadline != absl::InfiniteFuture()) {
    deadline_ = started_ + (origin.wall_deadline - clock.WallTime());
  }
  SetTimestamp(clock.WallTime(), record_.mutable_time());
  record_.set_method(absl::StrCat(origin.service, "/", origin.method));
  absl::StatusOr<Caller> caller = environment.callers->Resolve(origin.peer, origin.service);
  if (!caller.ok()) {
    admission_ = caller.status();
    return;
  }
  caller_ = *std::move(caller);
  record_.set_client(caller_.client.id);
  record_.set_process_id(static_cast<uint32_t>(caller_.process_id));
  if (deadline_ <= started_) {
    admission_ =
        MakeError(Reason::kDeadlineExceeded, "The call's deadline had passed when it arrived.");
  }
}

JobRequest Call::MakeJob(const intelligence::v1::RequestOptions& options, std::string_view model) {
  JobRequest request;
  request.client = caller_.client;
  request.request_class = ToRequestClass(options.request_class());
  request.deadline = deadline_;
  request.model = std::string(model);
  request.cancel = cancel_.token();
  if (options.has_keep_alive()) request.keep_alive = GetDuration(options.keep_alive());
  NoteModel(model);
  NoteRequestClass(request.request_class);
  return request;
}

void Call::NoteModel(std::string_view model) { record_.set_model(ModelResourceName(model)); }

void Call::NoteRequestClass(RequestClass request_class) {
  record_.set_request_class(static_cast<intelligence::v1::RequestClass>(request_class));
}

absl::StatusOr<std::shared_ptr<const Attachment>> Call::TakeAttachment(std::string_view token) {
  if (const auto noted = attachments_.find(token); noted != attachments_.end()) {
    attachments_.erase(noted);
  }
  if (environment_.attachments == nullptr) {
    return MakeError(Reason::kFieldInvalid, "This daemon takes no descriptors.");
  }
  return environment_.attachments->Take(caller_.client.id, token);
}

void Call::Record(const absl::Status& status) {
  if (std::exchange(recorded_, true)) return;
  while (!attachments_.empty()) {
    TakeAttachment(std::string(*attachments_.begin())).status().IgnoreError();
  }
  if (failure_only_ && (status.ok() || absl::IsCancelled(status))) return;
  const std::optional<Reason> reason = ReasonOf(status);
  if (status.ok()) {
    record_.set_outcome("OK");
  } else if (reason.has_value()) {
    record_.set_outcome(std::string(ReasonName(*reason)));
  } else {
    record_.set_outcome(absl::StatusCodeToString(status.code()));
  }
  SetDuration(environment_.runtime->clock().Now() - started_, record_.mutable_duration());
  SetDuration(usage_.queue_time(), record_.mutable_queue_time());
  SetDuration(usage_.compute_time(), record_.mutable_compute_time());
  record_.set_input_tokens(usage_.input_tokens());
  record_.set_output_tokens(usage_.output_tokens());
  environment_.activity->Add(std::move(record_), caller_.user_id);
}

std::string ModelResourceName(std::string_view model) { return absl::StrCat("models/", model); }

RequestClass ToRequestClass(intelligence::v1::RequestClass value) {
  switch (value) {
    case intelligence::v1::REQUEST_CLASS_UTILITY:
      return RequestClass::kUtility;
    case intelligence::v1::REQUEST_CLASS_BACKGROUND:
      return RequestClass::kBackground;
    default:
      return RequestClass::kInteractive;
  }
}

}  // namespace intelligenced
