#include "services/language_model/guided_request.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "protos/support/limits.h"
#include "services/guided/schema_grammar.h"
#include "services/guided/schema_graph.h"
#include "services/language_model/pictures.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine_proto = ::intelligence::engine::v1;

bool IsToolName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxToolNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
         });
}

std::string ToolField(int index, std::string_view name) {
  return absl::StrCat("tools[", index, "].", name);
}

// Reads it without a deep stack and keeps nothing.
bool IsObject(std::string_view json) {
  return absl::StripLeadingAsciiWhitespace(json).starts_with('{') && nlohmann::json::accept(json);
}

// As the model wrote them. Arguments are JSON of any depth and stay as they are.
std::string CallsText(const v1::Message& message) {
  std::string text = R"({"tool_calls": [)";
  for (const v1::ToolCall& call : message.tool_calls()) {
    if (text.back() == '}') text += ", ";
    absl::StrAppend(&text, R"({"name": ")", call.name(), R"(", "arguments": )", call.arguments(),
                    "}");
  }
  return text + "]}";
}

}  // namespace

absl::Status CheckShape(const OutputShape& shape, bool has_conversation) {
  FieldChecker check;
  check.Enum("tool_choice", shape.tool_choice, v1::ToolChoice_IsValid(shape.tool_choice));
  check.OptionalText("response_schema", shape.response_schema, kMaxSchemaBytes);
  if (shape.tools.size() > kMaxTools) {
    check.Fail("tools",
               absl::StrCat("has ", shape.tools.size(), " tools; the most is ", kMaxTools, "."));
  }
  if (shape.tools.empty() && shape.tool_choice == v1::TOOL_CHOICE_REQUIRED) {
    check.Fail("tool_choice", "asks for a call, but there are no tools.");
  }
  if (shape.offers_tools() && !has_conversation) {
    check.Fail("tools", "need a conversation in place of a prompt.");
  }
  if (shape.offers_tools() && !shape.response_schema.empty()) {
    check.Fail("response_schema",
               "cannot be given together with tools. Ask for it in a round of its own, with "
               "tool_choice NONE.");
  }
  std::set<std::string_view> names;
  for (int i = 0; i < shape.tools.size() && check.status().ok(); ++i) {
    const v1::Tool& tool = shape.tools[i];
    if (!IsToolName(tool.name())) {
      check.Fail(ToolField(i, "name"), "must be 1 to 64 letters, digits, \"_\" and \"-\".");
    } else if (!names.insert(tool.name()).second) {
      check.Fail(ToolField(i, "name"), "is the name of another tool too.");
    }
    check.OptionalText(ToolField(i, "description"), tool.description(), kMaxToolDescriptionBytes);
    check.OptionalText(ToolField(i, "parameters"), tool.parameters(), kMaxSchemaBytes);
  }
  return check.status();
}

absl::Status CheckToolFields(const MessageRefs& messages, std::string_view list) {
  FieldChecker check;
  for (size_t i = 0; i < messages.size() && check.status().ok(); ++i) {
    const v1::Message& message = *messages[i];
    const std::string field = absl::StrCat(list, "[", i, "]");
    if (!message.tool_calls().empty() && message.role() != v1::ROLE_ASSISTANT) {
      check.Fail(field + ".tool_calls", "belong to messages of the ASSISTANT.");
    }
    if (message.tool_calls_size() > kMaxCallsInMessage) {
      check.Fail(field + ".tool_calls", absl::StrCat("are ", message.tool_calls_size(),
                                                     "; the most is ", kMaxCallsInMessage, "."));
    }
    for (int j = 0; j < message.tool_calls_size() && check.status().ok(); ++j) {
      const v1::ToolCall& call = message.tool_calls(j);
      const std::string place = absl::StrCat(field, ".tool_calls[", j, "]");
      if (call.id().empty()) check.Fail(place + ".id", "is required.");
      check.OptionalText(place + ".id", call.id(), kMaxToolCallIdBytes);
      if (!IsToolName(call.name())) check.Fail(place + ".name", "is not the name of a tool.");
      // The JSON reader takes a NUL for the end.
      check.OptionalText(place + ".arguments", call.arguments(), kMaxTextBytes);
      if (!IsObject(call.arguments())) check.Fail(place + ".arguments", "is not a JSON object.");
    }
    if (message.role() == v1::ROLE_TOOL) {
      check.OptionalText(field + ".tool_call_id", message.tool_call_id(), kMaxToolCallIdBytes);
      if (!message.name().empty() && !IsToolName(message.name())) {
        check.Fail(field + ".name", "is not the name of a tool.");
      }
    } else if (!message.tool_call_id().empty()) {
      check.Fail(field + ".tool_call_id", "belongs to messages of a TOOL.");
    } else if (!message.name().empty()) {
      check.Fail(field + ".name", "belongs to messages of a TOOL.");
    }
  }
  return check.status();
}

absl::Status CheckToolResults(const MessageRefs& messages, std::string_view list) {
  FieldChecker check;
  std::set<std::string_view> ids;
  // Calls without a result yet, in their order, and where they stand.
  std::vector<std::pair<std::string_view, std::string>> open;
  const auto nothing_open = [&] {
    if (open.empty()) return;
    check.Fail(open.front().second,
               "has no result: add a TOOL message with its id as tool_call_id.");
  };
  for (size_t i = 0; i < messages.size() && check.status().ok(); ++i) {
    const v1::Message& message = *messages[i];
    const std::string field = absl::StrCat(list, "[", i, "]");
    if (message.role() != v1::ROLE_TOOL) nothing_open();
    for (int j = 0; j < message.tool_calls_size(); ++j) {
      const std::string place = absl::StrCat(field, ".tool_calls[", j, "]");
      if (!ids.insert(message.tool_calls(j).id()).second) {
        check.Fail(place + ".id", "is that of another call too.");
      }
      open.emplace_back(message.tool_calls(j).id(), place);
    }
    if (!message.tool_call_id().empty() && std::erase_if(open, [&](const auto& call) {
                                             return call.first == message.tool_call_id();
                                           }) == 0) {
      check.Fail(field + ".tool_call_id", "names no call before it that waits for a result.");
    }
  }
  nothing_open();
  return check.status();
}

absl::StatusOr<std::string> CompileShape(const OutputShape& shape) {
  if (!shape.offers_tools()) return CompileSchema(shape.response_schema, "response_schema");
  std::vector<ToolSchema> tools;
  for (int i = 0; i < shape.tools.size(); ++i) {
    tools.push_back({.name = shape.tools[i].name(),
                     .parameters = shape.tools[i].parameters(),
                     .field = ToolField(i, "parameters")});
  }
  return CompileTools(tools, shape.tool_choice == v1::TOOL_CHOICE_REQUIRED);
}

std::string Instructions(const OutputShape& shape) {
  std::string text;
  if (shape.offers_tools()) {
    text = "You can call these tools:\n";
    for (const v1::Tool& tool : shape.tools) {
      absl::StrAppend(&text, "- ", tool.name());
      if (!tool.description().empty()) absl::StrAppend(&text, ": ", tool.description());
      text += '\n';
      if (!tool.parameters().empty()) {
        absl::StrAppend(&text, "  arguments (JSON Schema): ", tool.parameters(), "\n");
      }
    }
    absl::StrAppend(
        &text,
        shape.tool_choice == v1::TOOL_CHOICE_REQUIRED
            ? "Answer by calling tools, with nothing but JSON of this form:\n"
            : "To call tools, answer with nothing but JSON of this form; otherwise answer in "
              "text:\n",
        R"({"tool_calls": [{"name": "NAME", "arguments": {}}]})",
        "\nYou are then told the results.");
  } else if (!shape.response_schema.empty()) {
    text = absl::StrCat("Answer with JSON only, of this JSON Schema:\n", shape.response_schema);
  }
  return text;
}

void AddMessages(const MessageRefs& messages, std::string_view instructions,
                 engine_proto::Conversation* to) {
  const bool has_system = !messages.empty() && messages[0]->role() == v1::ROLE_SYSTEM;
  if (!instructions.empty() && !has_system) {
    engine_proto::Message* system = to->add_messages();
    system->set_role(engine_proto::ROLE_SYSTEM);
    system->set_text(std::string(instructions));
  }
  std::map<std::string_view, std::string_view> names;
  // The message that results are being added to.
  engine_proto::Message* results = nullptr;
  for (const v1::Message* message : messages) {
    for (const v1::ToolCall& call : message->tool_calls()) names.emplace(call.id(), call.name());
    if (!message->tool_call_id().empty()) {
      // Templates without tools know no such role; all of them know the user's.
      if (results == nullptr) {
        results = to->add_messages();
        results->set_role(engine_proto::ROLE_USER);
      } else {
        results->mutable_text()->append("\n\n");
      }
      const std::string_view name = message->name().empty() ? names[message->tool_call_id()]
                                                            : std::string_view(message->name());
      absl::StrAppend(results->mutable_text(), "Result of ", name, ":\n", message->text());
      continue;
    }
    results = nullptr;
    engine_proto::Message* added = to->add_messages();
    // The values of both enums are the same.
    added->set_role(static_cast<engine_proto::Role>(message->role()));
    added->set_text(message->text());
    for (const v1::VisionImage& image : message->images()) {
      PictureToTask(image, added->add_images());
    }
    if (message == messages[0] && has_system && !instructions.empty()) {
      absl::StrAppend(added->mutable_text(), message->text().empty() ? "" : "\n\n", instructions);
    }
    if (!message->tool_calls().empty()) {
      absl::StrAppend(added->mutable_text(), message->text().empty() ? "" : "\n",
                      CallsText(*message));
    }
  }
}

int LastCallNumber(const MessageRefs& messages) {
  int last = 0;
  for (const v1::Message* message : messages) {
    for (const v1::ToolCall& call : message->tool_calls()) {
      std::string_view digits = call.id();
      int number = 0;
      // Nine digits leave room for more calls.
      if (absl::ConsumePrefix(&digits, "call_") && digits.size() <= 9 &&
          absl::SimpleAtoi(digits, &number)) {
        last = std::max(last, number);
      }
    }
  }
  return last;
}

}  // namespace intelligenced
