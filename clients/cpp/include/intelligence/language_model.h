// Text from a language model: what goes in and comes out.
#ifndef INTELLIGENCE_LANGUAGE_MODEL_H_
#define INTELLIGENCE_LANGUAGE_MODEL_H_

#include <intelligence/common.h>
#include <intelligence/vision.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace intelligence {

enum class Role { kSystem, kUser, kAssistant, kTool };

// What a model asks an app to do.
struct ToolCall {
  std::string id = {};         // unique in the conversation
  std::string name = {};       // one of the request's tools
  std::string arguments = {};  // a JSON object that validates against the tool's parameters
};

struct Message {
  Role role = Role::kUser;
  std::string text = {};
  // kAssistant: the tools it called. Each needs a kTool message with its result behind it.
  std::vector<ToolCall> tool_calls = {};
  // kTool: the ToolCall::id that `text` is the result of.
  std::string tool_call_id = {};
  // kTool: the tool's name; empty: the one in the call.
  std::string name = {};
  // kUser: pictures, shown to the model before the text. At most 16 in a conversation, together at
  // most 48 MiB (in a session 16 MiB); the model must take pictures (language.describe-image).
  std::vector<VisionImage> images = {};
};

// Goes through the model's chat template; the model answers as kAssistant.
struct Conversation {
  std::vector<Message> messages = {};  // 1 to 1,000
};

// A text that is continued as it stands, or a conversation.
using GenerateInput = std::variant<std::string, Conversation>;

// Unset: the model's own recommendation.
struct SamplingOptions {
  std::optional<float> temperature = {};  // 0 to 2; 0 is greedy
  std::optional<float> top_p = {};        // 0 to 1; 1 is off
  std::optional<uint32_t> top_k = {};     // 0 is off
  std::optional<float> min_p = {};        // 0 to 1; 0 is off
  std::optional<uint32_t> seed = {};      // same seed, input and options: same text
};

struct Tool {
  std::string name = {};         // 1 to 64 letters, digits, "_" and "-"
  std::string description = {};  // for the model to read; at most 4,096 bytes
  std::string parameters = {};   // a JSON Schema of an object; empty: no arguments
};

enum class ToolChoice {
  kUnspecified,  // kAuto
  kAuto,         // text or calls, as the model sees fit
  kNone,         // text only
  kRequired,     // at least one call
};

struct GenerateTextRequest {
  GenerateInput input = {};
  SamplingOptions sampling = {};
  // 0: until the model stops or its context is full.
  uint32_t max_output_tokens = 0;
  // At most 16, each 1 to 256 bytes. Generation ends before the first of them.
  std::vector<std::string> stop = {};
  // A JSON Schema that the answer validates against unless it is cut short; language_model.proto
  // says which keywords there are. The answer also comes as JsonSnapshot events. Not with `stop`.
  std::string response_schema = {};
  // What the model may call: at most 64, with a Conversation or in a session. Not with `stop` or
  // response_schema. The calls are in GenerateTextResult::tool_calls.
  std::vector<Tool> tools = {};
  ToolChoice tool_choice = ToolChoice::kUnspecified;
};

// With response_schema: the value as far as it is known, as JSON. It need not validate yet. Each
// replaces the one before; the last is the whole value.
struct JsonSnapshot {
  std::string json = {};
};

// A session (intelligence/session.h) as it was at a moment.
struct SessionInfo {
  std::string name = {};   // "sessions/{id}"
  std::string model = {};  // "models/{model}"
  // The transcript; only Session::Get() brings it.
  std::vector<Message> messages = {};
  uint32_t message_count = 0;
  uint64_t transcript_bytes = 0;
  // Tokens that the transcript took when last measured, 0 before; the last so many messages came
  // later and are not in it.
  uint32_t used_tokens = 0;
  uint32_t uncounted_messages = 0;
  // The longest input plus output that the model takes; 0 before it was ever loaded.
  uint32_t context_tokens = 0;
  bool busy = false;  // a turn runs
  absl::Time create_time = {};
  absl::Time use_time = {};
  std::optional<absl::Time> expire_time = {};  // if it is not used; unset while busy
  absl::Duration expire_after = {};
};

struct GenerateTextResult {
  // With response_schema and kStop: the value. Empty where the model called tools.
  std::string text = {};
  FinishReason finish_reason = FinishReason::kUnspecified;
  Usage usage = {};
  // The longest input plus output that the model takes; usage says how much of it is taken.
  uint32_t context_tokens = 0;
  // Of a turn: the session as it is now.
  std::optional<SessionInfo> session = {};
  // To go on, add a kAssistant message with these and a kTool message for each, and ask again; a
  // session has the calls already.
  std::vector<ToolCall> tool_calls = {};
};

using GenerateTextEvent =
    std::variant<Queued, ModelLoading, WorkProgress, TextDelta, GenerateTextResult, JsonSnapshot>;

struct CountTokensResult {
  uint32_t tokens = 0;
  // The longest input plus output that the model takes.
  uint32_t context_tokens = 0;
  std::string model = {};
};

}  // namespace intelligence

#endif  // INTELLIGENCE_LANGUAGE_MODEL_H_
