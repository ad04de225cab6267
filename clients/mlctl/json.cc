#include "clients/mlctl/json.h"

#include "absl/time/time.h"

namespace intelligenced::mlctl {
namespace {

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }

std::string Time(absl::Time time) { return absl::FormatTime(time, absl::UTCTimeZone()); }

template <typename Values>
Json List(const Values& values) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(ToJson(value));
  return list;
}

}  // namespace

std::string_view Name(intelligence::RequestClass value) {
  switch (value) {
    case intelligence::RequestClass::kDefault:
      return "UNSPECIFIED";
    case intelligence::RequestClass::kInteractive:
      return "INTERACTIVE";
    case intelligence::RequestClass::kUtility:
      return "UTILITY";
    case intelligence::RequestClass::kBackground:
      return "BACKGROUND";
  }
  return "UNSPECIFIED";
}

std::string_view Name(intelligence::FinishReason value) {
  switch (value) {
    case intelligence::FinishReason::kUnspecified:
      return "UNSPECIFIED";
    case intelligence::FinishReason::kStop:
      return "STOP";
    case intelligence::FinishReason::kLength:
      return "LENGTH";
    case intelligence::FinishReason::kRefusal:
      return "REFUSAL";
    case intelligence::FinishReason::kCancelledByLimit:
      return "CANCELLED_BY_LIMIT";
  }
  return "UNSPECIFIED";
}

std::string_view Name(intelligence::Role value) {
  switch (value) {
    case intelligence::Role::kSystem:
      return "SYSTEM";
    case intelligence::Role::kUser:
      return "USER";
    case intelligence::Role::kAssistant:
      return "ASSISTANT";
    case intelligence::Role::kTool:
      return "TOOL";
  }
  return "USER";
}

std::string_view Name(intelligence::CorrectionType value) {
  switch (value) {
    case intelligence::CorrectionType::kUnspecified:
      return "UNSPECIFIED";
    case intelligence::CorrectionType::kSpelling:
      return "SPELLING";
    case intelligence::CorrectionType::kPunctuation:
      return "PUNCTUATION";
    case intelligence::CorrectionType::kCapitalization:
      return "CAPITALIZATION";
    case intelligence::CorrectionType::kGrammar:
      return "GRAMMAR";
    case intelligence::CorrectionType::kStyle:
      return "STYLE";
  }
  return "UNSPECIFIED";
}

std::string_view Name(intelligence::ModelState value) {
  switch (value) {
    case intelligence::ModelState::kUnspecified:
      return "UNSPECIFIED";
    case intelligence::ModelState::kNotInstalled:
      return "NOT_INSTALLED";
    case intelligence::ModelState::kDownloading:
      return "DOWNLOADING";
    case intelligence::ModelState::kInstalled:
      return "INSTALLED";
    case intelligence::ModelState::kLoading:
      return "LOADING";
    case intelligence::ModelState::kReady:
      return "READY";
    case intelligence::ModelState::kDraining:
      return "DRAINING";
    case intelligence::ModelState::kUnloading:
      return "UNLOADING";
    case intelligence::ModelState::kFailed:
      return "FAILED";
  }
  return "UNSPECIFIED";
}

std::string_view Name(intelligence::Availability value) {
  switch (value) {
    case intelligence::Availability::kUnspecified:
      return "UNSPECIFIED";
    case intelligence::Availability::kUnavailable:
      return "UNAVAILABLE";
    case intelligence::Availability::kDownloadable:
      return "DOWNLOADABLE";
    case intelligence::Availability::kDownloading:
      return "DOWNLOADING";
    case intelligence::Availability::kAvailable:
      return "AVAILABLE";
  }
  return "UNSPECIFIED";
}

std::string_view Name(intelligence::ServingState value) {
  switch (value) {
    case intelligence::ServingState::kUnspecified:
      return "UNSPECIFIED";
    case intelligence::ServingState::kServing:
      return "SERVING";
    case intelligence::ServingState::kDraining:
      return "DRAINING";
  }
  return "UNSPECIFIED";
}

std::string_view Name(intelligence::DiagnosticCheck::Result value) {
  switch (value) {
    case intelligence::DiagnosticCheck::Result::kUnspecified:
      return "UNSPECIFIED";
    case intelligence::DiagnosticCheck::Result::kOk:
      return "OK";
    case intelligence::DiagnosticCheck::Result::kWarning:
      return "WARNING";
    case intelligence::DiagnosticCheck::Result::kFailed:
      return "FAILED";
  }
  return "UNSPECIFIED";
}

Json ToJson(const intelligence::Usage& usage) {
  return {{"input_tokens", usage.input_tokens},
          {"cached_tokens", usage.cached_tokens},
          {"output_tokens", usage.output_tokens},
          {"queue_time_seconds", Seconds(usage.queue_time)},
          {"load_time_seconds", Seconds(usage.load_time)},
          {"compute_time_seconds", Seconds(usage.compute_time)},
          {"model", usage.model},
          {"device", usage.device}};
}

Json ToJson(const intelligence::Correction& correction) {
  Json types = Json::array();
  for (const intelligence::CorrectionType type : correction.types) types.push_back(Name(type));
  return {{"start", correction.start},
          {"end", correction.end},
          {"original", correction.original},
          {"replacement", correction.replacement},
          {"alternatives", correction.alternatives},
          {"types", types},
          {"explanation", correction.explanation},
          {"confidence", correction.confidence}};
}

Json ToJson(const intelligence::ProofreadTextResult& result) {
  return {{"corrected_text", result.corrected_text},
          {"corrections", List(result.corrections)},
          {"language", result.language},
          {"usage", ToJson(result.usage)}};
}

Json ToJson(const intelligence::RewriteTextResult& result) {
  Json candidates = Json::array();
  for (const intelligence::RewriteCandidate& candidate : result.candidates) {
    candidates.push_back(
        {{"text", candidate.text}, {"finish_reason", Name(candidate.finish_reason)}});
  }
  return {{"candidates", candidates}, {"usage", ToJson(result.usage)}};
}

Json ToJson(const intelligence::SummarizeTextResult& result) {
  return {{"summary", result.summary},
          {"finish_reason", Name(result.finish_reason)},
          {"parts", result.parts},
          {"usage", ToJson(result.usage)}};
}

Json ToJson(const intelligence::ComposeTextResult& result) {
  return {{"text", result.text},
          {"finish_reason", Name(result.finish_reason)},
          {"usage", ToJson(result.usage)}};
}

Json ToJson(const intelligence::ToolCall& call) {
  return {{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}};
}

Json ToJson(const intelligence::Message& message) {
  Json json = {{"role", Name(message.role)}, {"text", message.text}};
  if (!message.images.empty()) {
    Json images = Json::array();
    for (const intelligence::VisionImage& image : message.images) {
      images.push_back({{"size_bytes", image.pixels.has_value() ? image.pixels->data.size()
                                                                : image.encoded.size()}});
    }
    json["images"] = std::move(images);
  }
  for (const intelligence::ToolCall& call : message.tool_calls) {
    json["tool_calls"].push_back(ToJson(call));
  }
  if (!message.tool_call_id.empty()) json["tool_call_id"] = message.tool_call_id;
  if (!message.name.empty()) json["name"] = message.name;
  return json;
}

Json ToJson(const intelligence::GenerateTextResult& result) {
  Json json = {{"text", result.text},
               {"finish_reason", Name(result.finish_reason)},
               {"usage", ToJson(result.usage)},
               {"context_tokens", result.context_tokens}};
  for (const intelligence::ToolCall& call : result.tool_calls) {
    json["tool_calls"].push_back(ToJson(call));
  }
  if (result.session.has_value()) json["session"] = ToJson(*result.session);
  return json;
}

Json ToJson(const intelligence::SessionInfo& session) {
  Json json = {{"name", session.name},
               {"model", session.model},
               {"message_count", session.message_count},
               {"transcript_bytes", session.transcript_bytes},
               {"used_tokens", session.used_tokens},
               {"uncounted_messages", session.uncounted_messages},
               {"context_tokens", session.context_tokens},
               {"busy", session.busy},
               {"create_time", Time(session.create_time)},
               {"use_time", Time(session.use_time)},
               {"expire_after_seconds", Seconds(session.expire_after)}};
  if (session.expire_time.has_value()) json["expire_time"] = Time(*session.expire_time);
  for (const intelligence::Message& message : session.messages) {
    json["messages"].push_back(ToJson(message));
  }
  return json;
}

Json ToJson(const intelligence::CountTokensResult& result) {
  return {{"tokens", result.tokens},
          {"context_tokens", result.context_tokens},
          {"model", result.model}};
}

Json ToJson(const intelligence::Model& model) {
  Json json = {{"name", model.name},
               {"version", model.version},
               {"title", model.title},
               {"description", model.description},
               {"engine", model.engine},
               {"family", model.family},
               {"capabilities", model.capabilities},
               {"license", model.license},
               {"origin", model.origin},
               {"size_bytes", model.size_bytes},
               {"state", Name(model.state)},
               {"state_reason", model.state_reason},
               {"resident_bytes", model.resident_bytes},
               {"peak_bytes", model.peak_bytes},
               {"pinned", model.pinned},
               {"keep_alive_seconds", Seconds(model.keep_alive)},
               {"leases", model.leases},
               {"worker_pid", model.worker_pid},
               {"context_tokens", model.context_tokens},
               {"device", model.device},
               {"last_load_time_seconds", Seconds(model.last_load_time)},
               {"built_in", model.built_in},
               {"default_for", model.default_for}};
  Json functions = Json::array();
  for (const intelligence::ModelFunction& function : model.functions) {
    functions.push_back({{"name", function.name},
                         {"capabilities", function.capabilities},
                         {"scale", function.scale},
                         {"size_bytes", function.size_bytes}});
  }
  json["functions"] = std::move(functions);
  if (model.last_used_time.has_value()) json["last_used_time"] = Time(*model.last_used_time);
  return json;
}

Json ToJson(const intelligence::SystemStatus& status) {
  Json queues = Json::array();
  for (const intelligence::QueueStatus& queue : status.queues) {
    queues.push_back({{"request_class", Name(queue.request_class)},
                      {"waiting", queue.waiting},
                      {"running", queue.running},
                      {"completed", queue.completed},
                      {"refused", queue.refused}});
  }
  Json lanes = Json::array();
  for (const intelligence::LaneStatus& lane : status.lanes) {
    lanes.push_back({{"device", lane.device},
                     {"capacity", lane.capacity},
                     {"in_use", lane.in_use},
                     {"utilization", lane.utilization}});
  }
  Json clients = Json::array();
  for (const intelligence::ClientStatus& client : status.clients) {
    clients.push_back({{"client", client.client},
                       {"user_id", client.user_id},
                       {"display_name", client.display_name},
                       {"waiting", client.waiting},
                       {"running", client.running},
                       {"recent_device_time_seconds", Seconds(client.recent_device_time)},
                       {"total_device_time_seconds", Seconds(client.total_device_time)},
                       {"output_tokens_per_second", client.output_tokens_per_second},
                       {"weight", client.weight},
                       {"requests", client.requests}});
  }
  const intelligence::MemoryStatus& memory = status.memory;
  return {{"version", status.version},
          {"state", Name(status.state)},
          {"pid", status.pid},
          {"uptime_seconds", Seconds(status.uptime)},
          {"socket_path", status.socket_path},
          {"memory",
           {{"daemon_resident_bytes", memory.daemon_resident_bytes},
            {"models_resident_bytes", memory.models_resident_bytes},
            {"reserved_bytes", memory.reserved_bytes},
            {"ceiling_bytes", memory.ceiling_bytes},
            {"machine_total_bytes", memory.machine_total_bytes},
            {"machine_available_bytes", memory.machine_available_bytes}}},
          {"resident_models", List(status.resident_models)},
          {"queues", queues},
          {"lanes", lanes},
          {"clients", clients}};
}

Json ToJson(const intelligence::ActivityRecord& record) {
  return {{"time", Time(record.time)},
          {"client", record.client},
          {"process_id", record.process_id},
          {"method", record.method},
          {"model", record.model},
          {"request_class", Name(record.request_class)},
          {"action", record.action},
          {"outcome", record.outcome},
          {"duration_seconds", Seconds(record.duration)},
          {"queue_time_seconds", Seconds(record.queue_time)},
          {"compute_time_seconds", Seconds(record.compute_time)},
          {"input_bytes", record.input_bytes},
          {"output_bytes", record.output_bytes},
          {"input_tokens", record.input_tokens},
          {"output_tokens", record.output_tokens}};
}

Json ToJson(const intelligence::DiagnosticCheck& check) {
  return {{"name", check.name},
          {"result", Name(check.result)},
          {"finding", check.finding},
          {"advice", check.advice}};
}

Json ErrorToJson(const absl::Status& status) {
  const intelligence::ErrorDetails details = intelligence::GetErrorDetails(status);
  Json json = {{"code", absl::StatusCodeToString(status.code())},
               {"reason", details.reason},
               {"message", std::string(status.message())},
               {"metadata", details.metadata}};
  if (!details.field.empty()) json["field"] = details.field;
  if (details.retry_delay.has_value()) json["retry_delay_seconds"] = Seconds(*details.retry_delay);
  return {{"error", json}};
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace intelligenced::mlctl
