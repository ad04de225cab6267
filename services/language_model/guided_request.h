// Schemas and tools of a request: their bounds, their grammar, and how the model is told of them.
// Pure functions.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_GUIDED_REQUEST_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_GUIDED_REQUEST_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/language_model.pb.h"

namespace intelligenced {

using ToolList = google::protobuf::RepeatedPtrField<intelligence::v1::Tool>;

// The messages of a conversation or a transcript, which owns them.
using MessageRefs = std::vector<const intelligence::v1::Message*>;
inline const intelligence::v1::Message* RefOf(const intelligence::v1::Message& message) {
  return &message;
}
template <typename Pointer>
const intelligence::v1::Message* RefOf(const Pointer& message) {
  return message.get();
}
template <typename Messages>
MessageRefs RefsOf(const Messages& messages) {
  MessageRefs refs;
  for (const auto& message : messages) refs.push_back(RefOf(message));
  return refs;
}

// What a request asks of the answer. Points into the request.
struct OutputShape {
  const std::string& response_schema;
  const ToolList& tools;
  intelligence::v1::ToolChoice tool_choice;

  bool offers_tools() const {
    return !tools.empty() && tool_choice != intelligence::v1::TOOL_CHOICE_NONE;
  }
  bool guided() const { return offers_tools() || !response_schema.empty(); }
};
template <typename Request>
OutputShape ShapeOf(const Request& request) {
  return {request.response_schema(), request.tools(), request.tool_choice()};
}

// FIELD_INVALID for what does not need a compiler to be seen. `has_conversation`: the model reads
// one.
absl::Status CheckShape(const OutputShape& shape, bool has_conversation);

// The calls and results of some messages, each by itself. `list` is what errors call the field.
// FIELD_INVALID.
absl::Status CheckToolFields(const MessageRefs& messages, std::string_view list);
// The same messages are a whole conversation: every result has its call before it, every call its
// result before the next message of another role. FIELD_INVALID.
absl::Status CheckToolResults(const MessageRefs& messages, std::string_view list);

// The grammar of a guided() shape. Takes up to about a second for the worst that a client can send:
// not for a gRPC thread. FIELD_INVALID with the JSON pointer, as the API says.
absl::StatusOr<std::string> CompileShape(const OutputShape& shape);

// What the model is told of the shape; empty where there is nothing to tell. Depends on the shape
// alone, so that later rounds begin with the same text.
std::string Instructions(const OutputShape& shape);

// Adds what the model reads: the messages, calls and results written out, `instructions` in the
// SYSTEM message.
void AddMessages(const MessageRefs& messages, std::string_view instructions,
                 intelligence::engine::v1::Conversation* to);

// The highest N of all "call_N" in the messages, 0 where there is none: ids after it are new.
int LastCallNumber(const MessageRefs& messages);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_GUIDED_REQUEST_H_
