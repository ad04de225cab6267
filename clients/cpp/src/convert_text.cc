#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "clients/cpp/src/convert.h"

namespace intelligence {
namespace {

Queued FromProto(const v1::Queued& queued) {
  Queued out = {.position = queued.position(), .expected_wait = std::nullopt};
  if (queued.has_expected_wait()) {
    out.expected_wait = intelligence::FromProto(queued.expected_wait());
  }
  return out;
}

Correction FromProto(const v1::Correction& correction) {
  Correction out = {
      .start = correction.start(),
      .end = correction.end(),
      .original = correction.original(),
      .replacement = correction.replacement(),
      .alternatives = {correction.alternatives().begin(), correction.alternatives().end()},
      .types = {},
      .explanation = correction.explanation(),
      .confidence = correction.confidence()};
  for (const int type : correction.types()) {
    out.types.push_back(EnumFromProto(type, CorrectionType::kStyle));
  }
  return out;
}

FinishReason FromProto(v1::FinishReason reason) {
  return EnumFromProto(reason, FinishReason::kCancelledByLimit);
}

template <typename Repeated>
void AddRanges(const std::vector<TextRange>& ranges, Repeated* out) {
  for (const TextRange& range : ranges) {
    auto* added = out->Add();
    added->set_start(range.start);
    added->set_end(range.end);
  }
}

v1::Conversation ToProto(const Conversation& conversation) {
  v1::Conversation out;
  for (const Message& message : conversation.messages) {
    *out.add_messages() = intelligence::ToProto(message);
  }
  return out;
}

// A session's new input may be nothing at all.
bool IsNothing(const GenerateInput& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return text->empty();
  return std::get<Conversation>(input).messages.empty();
}

template <typename Repeated>
std::vector<ToolCall> CallsFromProto(const Repeated& calls) {
  std::vector<ToolCall> out;
  for (const v1::ToolCall& call : calls) {
    out.push_back({.id = call.id(), .name = call.name(), .arguments = call.arguments()});
  }
  return out;
}

// The events that every stream of work has. `Proto` is any of its response messages.
template <typename Event, typename Proto>
std::optional<Event> CommonEvent(const Proto& response) {
  if (response.has_queued()) return Event(FromProto(response.queued()));
  if (response.has_model_loading()) {
    return Event(ModelLoading{.model = response.model_loading().model()});
  }
  if (response.has_progress()) {
    return Event(
        WorkProgress{.done = response.progress().done(), .total = response.progress().total()});
  }
  return std::nullopt;
}

}  // namespace

Usage FromProto(const v1::Usage& usage) {
  return {.input_tokens = usage.input_tokens(),
          .cached_tokens = usage.cached_tokens(),
          .output_tokens = usage.output_tokens(),
          .queue_time = FromProto(usage.queue_time()),
          .load_time = FromProto(usage.load_time()),
          .compute_time = FromProto(usage.compute_time()),
          .model = usage.model(),
          .device = usage.device()};
}

void ToProto(const CallOptions& options, v1::RequestOptions* out) {
  out->set_model(options.model);
  out->set_request_class(EnumToProto<v1::RequestClass>(options.request_class));
  if (options.keep_alive.has_value()) ToProto(*options.keep_alive, out->mutable_keep_alive());
}

v1::ProofreadTextRequest ToProto(const ProofreadTextRequest& request, const CallOptions& options) {
  v1::ProofreadTextRequest out;
  out.set_text(request.text);
  out.set_language(request.language);
  AddRanges(request.protected_ranges, out.mutable_protected_ranges());
  out.set_protect_quotations(request.protect_quotations);
  ToProto(options, out.mutable_options());
  return out;
}

v1::RewriteTextRequest ToProto(const RewriteTextRequest& request, const CallOptions& options) {
  v1::RewriteTextRequest out;
  out.set_text(request.text);
  out.set_style(EnumToProto<v1::RewriteStyle>(request.style));
  out.set_tone(EnumToProto<v1::Tone>(request.tone));
  out.set_length(EnumToProto<v1::TextLength>(request.length));
  out.set_instruction(request.instruction);
  out.set_candidate_count(request.candidate_count);
  out.set_language(request.language);
  AddRanges(request.protected_ranges, out.mutable_protected_ranges());
  ToProto(options, out.mutable_options());
  return out;
}

v1::SummarizeTextRequest ToProto(const SummarizeTextRequest& request, const CallOptions& options) {
  v1::SummarizeTextRequest out;
  out.set_text(request.text);
  out.set_type(EnumToProto<v1::SummaryType>(request.type));
  out.set_length(EnumToProto<v1::SummaryLength>(request.length));
  out.set_format(EnumToProto<v1::TextFormat>(request.format));
  out.set_input_type(EnumToProto<v1::SummaryInputType>(request.input_type));
  out.set_shared_context(request.shared_context);
  out.set_language(request.language);
  ToProto(options, out.mutable_options());
  return out;
}

v1::ComposeTextRequest ToProto(const ComposeTextRequest& request, const CallOptions& options) {
  v1::ComposeTextRequest out;
  out.set_instruction(request.instruction);
  out.set_tone(EnumToProto<v1::Tone>(request.tone));
  out.set_length(EnumToProto<v1::SummaryLength>(request.length));
  out.set_format(EnumToProto<v1::TextFormat>(request.format));
  out.set_shared_context(request.shared_context);
  out.set_language(request.language);
  ToProto(options, out.mutable_options());
  return out;
}

v1::Message ToProto(const Message& message) {
  v1::Message out;
  out.set_role(static_cast<v1::Role>(static_cast<int>(message.role) + 1));
  out.set_text(message.text);
  for (const ToolCall& call : message.tool_calls) {
    v1::ToolCall* added = out.add_tool_calls();
    added->set_id(call.id);
    added->set_name(call.name);
    added->set_arguments(call.arguments);
  }
  out.set_tool_call_id(message.tool_call_id);
  out.set_name(message.name);
  for (const VisionImage& image : message.images) ToProto(image, out.add_images());
  return out;
}

// What the answer is held to, in a request that has such fields.
template <typename Proto>
void AddGuide(const GenerateTextRequest& request, Proto& out) {
  out.set_response_schema(request.response_schema);
  for (const Tool& tool : request.tools) {
    v1::Tool* added = out.add_tools();
    added->set_name(tool.name);
    added->set_description(tool.description);
    added->set_parameters(tool.parameters);
  }
  out.set_tool_choice(EnumToProto<v1::ToolChoice>(request.tool_choice));
}

v1::GenerateTextRequest ToProto(const GenerateTextRequest& request, const std::string& session,
                                const CallOptions& options) {
  v1::GenerateTextRequest out;
  out.set_session(session);
  if (!session.empty() && IsNothing(request.input)) {
    out.clear_input();
  } else if (const auto* prompt = std::get_if<std::string>(&request.input)) {
    out.set_prompt(*prompt);
  } else {
    *out.mutable_conversation() = ToProto(std::get<Conversation>(request.input));
  }
  const SamplingOptions& sampling = request.sampling;
  if (sampling.temperature) out.mutable_sampling()->set_temperature(*sampling.temperature);
  if (sampling.top_p) out.mutable_sampling()->set_top_p(*sampling.top_p);
  if (sampling.top_k) out.mutable_sampling()->set_top_k(*sampling.top_k);
  if (sampling.min_p) out.mutable_sampling()->set_min_p(*sampling.min_p);
  if (sampling.seed) out.mutable_sampling()->set_seed(*sampling.seed);
  out.set_max_output_tokens(request.max_output_tokens);
  for (const std::string& stop : request.stop) out.add_stop(stop);
  AddGuide(request, out);
  ToProto(options, out.mutable_options());
  return out;
}

v1::CountTokensRequest ToCountProto(const GenerateTextRequest& request, const std::string& session,
                                    const CallOptions& options) {
  v1::CountTokensRequest out;
  out.set_session(session);
  if (!session.empty() && IsNothing(request.input)) {
    out.clear_input();
  } else if (const auto* text = std::get_if<std::string>(&request.input)) {
    out.set_text(*text);
  } else {
    *out.mutable_conversation() = ToProto(std::get<Conversation>(request.input));
  }
  AddGuide(request, out);
  ToProto(options, out.mutable_options());
  return out;
}

std::optional<ProofreadTextEvent> FromProto(const v1::ProofreadTextResponse& response) {
  if (response.has_correction()) return FromProto(response.correction());
  if (!response.has_completed()) return CommonEvent<ProofreadTextEvent>(response);
  const v1::ProofreadTextCompleted& completed = response.completed();
  ProofreadTextResult result = {.corrected_text = completed.corrected_text(),
                                .corrections = {},
                                .language = completed.language(),
                                .usage = FromProto(completed.usage())};
  for (const v1::Correction& correction : completed.corrections()) {
    result.corrections.push_back(FromProto(correction));
  }
  return result;
}

std::optional<RewriteTextEvent> FromProto(const v1::RewriteTextResponse& response) {
  if (response.has_delta()) {
    return CandidateDelta{.candidate = response.delta().candidate(),
                          .text = response.delta().text()};
  }
  if (!response.has_completed()) return CommonEvent<RewriteTextEvent>(response);
  RewriteTextResult result = {.candidates = {}, .usage = FromProto(response.completed().usage())};
  for (const auto& candidate : response.completed().candidates()) {
    result.candidates.push_back(
        {.text = candidate.text(), .finish_reason = FromProto(candidate.finish_reason())});
  }
  return result;
}

std::optional<SummarizeTextEvent> FromProto(const v1::SummarizeTextResponse& response) {
  if (response.has_delta()) return TextDelta{.text = response.delta()};
  if (!response.has_completed()) return CommonEvent<SummarizeTextEvent>(response);
  const v1::SummarizeTextCompleted& completed = response.completed();
  return SummarizeTextResult{.summary = completed.summary(),
                             .finish_reason = FromProto(completed.finish_reason()),
                             .parts = completed.parts(),
                             .usage = FromProto(completed.usage())};
}

std::optional<ComposeTextEvent> FromProto(const v1::ComposeTextResponse& response) {
  if (response.has_delta()) return TextDelta{.text = response.delta()};
  if (!response.has_completed()) return CommonEvent<ComposeTextEvent>(response);
  const v1::ComposeTextCompleted& completed = response.completed();
  return ComposeTextResult{.text = completed.text(),
                           .finish_reason = FromProto(completed.finish_reason()),
                           .usage = FromProto(completed.usage())};
}

std::optional<GenerateTextEvent> FromProto(const v1::GenerateTextResponse& response) {
  if (response.has_delta()) return TextDelta{.text = response.delta()};
  if (response.has_snapshot()) return JsonSnapshot{.json = response.snapshot()};
  if (!response.has_completed()) return CommonEvent<GenerateTextEvent>(response);
  const v1::GenerateTextCompleted& completed = response.completed();
  GenerateTextResult result = {.text = completed.text(),
                               .finish_reason = FromProto(completed.finish_reason()),
                               .usage = FromProto(completed.usage()),
                               .context_tokens = completed.context_tokens(),
                               .session = std::nullopt,
                               .tool_calls = CallsFromProto(completed.tool_calls())};
  if (completed.has_session()) result.session = FromProto(completed.session());
  return result;
}

SessionInfo FromProto(const v1::Session& session) {
  SessionInfo out = {.name = session.name(),
                     .model = session.model(),
                     .messages = {},
                     .message_count = session.message_count(),
                     .transcript_bytes = session.transcript_bytes(),
                     .used_tokens = session.used_tokens(),
                     .uncounted_messages = session.uncounted_messages(),
                     .context_tokens = session.context_tokens(),
                     .busy = session.busy(),
                     .create_time = FromProto(session.create_time()),
                     .use_time = FromProto(session.use_time()),
                     .expire_time = std::nullopt,
                     .expire_after = FromProto(session.expire_after())};
  if (session.has_expire_time()) out.expire_time = FromProto(session.expire_time());
  for (const v1::Message& message : session.messages()) {
    // A role of a later version of the API is shown as the commonest.
    const bool known = message.role() >= v1::ROLE_SYSTEM && message.role() <= v1::ROLE_TOOL;
    out.messages.push_back(
        {.role = known ? static_cast<Role>(static_cast<int>(message.role()) - 1) : Role::kUser,
         .text = message.text(),
         .tool_calls = CallsFromProto(message.tool_calls()),
         .tool_call_id = message.tool_call_id(),
         .name = message.name()});
    for (const v1::VisionImage& image : message.images()) {
      out.messages.back().images.push_back(FromProto(image));
    }
  }
  return out;
}

}  // namespace intelligence
