#include "clients/mcp_provider/imported_tool.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/mcp_provider/plain_text.h"
#include "clients/mcp_provider/tool_phrases.h"

namespace intelligenced::mcp {
namespace {

using Kind = actions::ValueType::Kind;

constexpr size_t kMaxTitle = 128;
constexpr size_t kMaxDescription = 1024;
// Below the limits of the registry.
constexpr size_t kMaxValue = size_t{200} << 10;
constexpr size_t kMaxDialog = 4096;
constexpr size_t kMaxMarkdown = size_t{64} << 10;
constexpr size_t kMaxPicture = size_t{2} << 20;
constexpr size_t kMaxFailure = 1000;

std::string UniqueId(std::string_view name, std::set<std::string>& taken) {
  std::string id = IdentifierOf(name);
  for (int number = 2; !taken.insert(id).second; ++number) {
    const std::string tail = absl::StrCat("-", number);
    id = absl::StrCat(IdentifierOf(name).substr(0, 64 - tail.size()), tail);
  }
  return id;
}

bool IsTrue(const Json& object, const char* name) { return Member(object, name) == true; }

std::string DescriptionOf(const Json& schema, const ValueShape& shape) {
  std::string text = TextMember(schema, "description");
  const Json& initial = Member(schema, "default");
  if (!initial.is_null() && !initial.is_structured()) {
    absl::StrAppend(&text, text.empty() ? "" : " ", "(Default: ", DumpJson(initial), ".)");
  }
  if (shape.json) absl::StrAppend(&text, text.empty() ? "" : " ", "(JSON.)");
  return PlainLine(text, kMaxDescription);
}

// False: the tool needs more than an action takes.
bool ReadParameters(const Json& schema, ImportedTool* tool) {
  const Json& properties = Member(schema, "properties");
  if (!properties.is_object()) return true;
  std::set<std::string> required;
  for (const Json& name : Member(schema, "required")) {
    if (name.is_string()) required.insert(name.get<std::string>());
  }
  std::set<std::string> taken;
  for (const bool first : {true, false}) {
    for (const auto& [name, property] : properties.items()) {
      if (required.contains(name) != first) continue;
      if (tool->parameters.size() == kMaxParameters) {
        if (first) return false;
        continue;
      }
      ImportedTool::Argument argument{
          .parameter = UniqueId(name, taken), .property = name, .shape = ShapeOf(property)};
      const std::string title = PlainLine(TextMember(property, "title"), kMaxTitle);
      tool->parameters.push_back(
          {.id = argument.parameter,
           .title = title.empty() ? PlainLine(TitleOf(name), kMaxTitle) : title,
           .description = DescriptionOf(property, argument.shape),
           .type = argument.shape.type,
           .optional = !first});
      tool->arguments.push_back(std::move(argument));
    }
  }
  return true;
}

void ReadResult(const Json& schema, ImportedTool* tool) {
  tool->result = {.type = {.kind = Kind::kString, .multiline = true}};
  const Json& properties = Member(schema, "properties");
  if (!properties.is_object() || properties.size() != 1) return;
  ValueShape shape = ShapeOf(properties.begin().value());
  const ValueShape& single = shape.item == nullptr ? shape : *shape.item;
  const Kind kind = single.type.kind;
  if (shape.json || single.item != nullptr || kind == Kind::kDateTime || kind == Kind::kDate ||
      kind == Kind::kUrl) {
    return;
  }
  // The server keeps to its bounds or does not: they are not checked a second time.
  const auto unbounded = [](actions::ValueType type) {
    type.minimum.reset();
    type.maximum.reset();
    return type;
  };
  shape.type = unbounded(std::move(shape.type));
  if (shape.item != nullptr) {
    shape.type.item = std::make_shared<const actions::ValueType>(unbounded(shape.item->type));
  }
  tool->result = std::move(shape);
  tool->result_property = properties.begin().key();
}

void ReadAnnotations(const Json& annotations, ImportedTool* tool) {
  if (IsTrue(annotations, "readOnlyHint")) return;
  tool->is_destructive = IsTrue(annotations, "destructiveHint");
  tool->requires_confirmation = Member(annotations, "destructiveHint") != false;
}

struct Content {
  std::string text;
  actions::Snippet picture;
};

void AddText(std::string_view text, Content* content) {
  absl::StrAppend(&content->text, content->text.empty() ? "" : "\n", text);
}

void AddPicture(const Json& item, Content* content) {
  const std::string media = TextMember(item, "mimeType");
  std::string bytes;
  const bool shown = (media == "image/png" || media == "image/jpeg" || media == "image/webp") &&
                     content->picture.picture.empty() &&
                     absl::Base64Unescape(TextMember(item, "data"), &bytes) && !bytes.empty() &&
                     bytes.size() <= kMaxPicture;
  if (!shown) return AddText(absl::StrCat("[A picture (", PlainLine(media, 64), ")]"), content);
  content->picture.picture = std::move(bytes);
  content->picture.picture_media_type = media;
}

Content ReadContent(const Json& items) {
  Content content;
  if (!items.is_array()) return content;
  for (const Json& item : items) {
    const std::string type = TextMember(item, "type");
    if (type == "text") {
      AddText(TextMember(item, "text"), &content);
    } else if (type == "image") {
      AddPicture(item, &content);
    } else if (type == "resource") {
      const Json& resource = Member(item, "resource");
      const std::string text = TextMember(resource, "text");
      AddText(text.empty() ? TextMember(resource, "uri") : text, &content);
    } else if (type == "resource_link") {
      AddText(TextMember(item, "uri"), &content);
    } else {
      AddText(absl::StrCat("[", PlainLine(type, 64), "]"), &content);
    }
  }
  content.text = PlainLines(content.text);
  return content;
}

}  // namespace

ImportedTools ImportTools(const std::vector<Json>& listed, const std::set<std::string>& wanted) {
  ImportedTools imported;
  std::set<std::string> names;
  std::set<std::string> taken;
  for (const Json& json : listed) {
    ImportedTool tool;
    tool.name = TextMember(json, "name");
    const std::string shown = PlainLine(tool.name, 64);
    if (tool.name.empty()) {
      imported.problems.emplace_back("A tool without a name is left out.");
      continue;
    }
    if (!wanted.empty() && !wanted.contains(tool.name)) continue;
    if (!names.insert(tool.name).second) {
      imported.problems.push_back(absl::StrCat("A second tool “", shown, "” is left out."));
      continue;
    }
    if (imported.tools.size() == kMaxTools) {
      imported.problems.push_back(
          absl::StrCat("There are more than ", kMaxTools, " tools; the rest is left out."));
      break;
    }
    if (!ReadParameters(Member(json, "inputSchema"), &tool)) {
      imported.problems.push_back(absl::StrCat("The tool “", shown, "” needs more than ",
                                               kMaxParameters, " arguments and is left out."));
      continue;
    }
    tool.id = UniqueId(tool.name, taken);
    const Json& annotations = Member(json, "annotations");
    for (const std::string& title :
         {TextMember(json, "title"), TextMember(annotations, "title"), TitleOf(tool.name)}) {
      if (tool.title.empty()) tool.title = PlainLine(title, kMaxTitle);
    }
    tool.description = PlainLine(TextMember(json, "description"), kMaxDescription);
    ReadAnnotations(annotations, &tool);
    ReadResult(Member(json, "outputSchema"), &tool);
    tool.phrases = PhrasesOf(tool);
    imported.tools.push_back(std::move(tool));
  }
  for (const std::string& name : wanted) {
    if (!names.contains(name)) {
      imported.problems.push_back(
          absl::StrCat("The server has no tool “", PlainLine(name, 64), "”."));
    }
  }
  return imported;
}

absl::StatusOr<Json> ArgumentsOf(const ImportedTool& tool, const actions::Values& values) {
  Json arguments = Json::object();
  for (size_t i = 0; i < tool.arguments.size(); ++i) {
    const ImportedTool::Argument& argument = tool.arguments[i];
    const auto value = values.find(argument.parameter);
    if (value == values.end()) continue;
    absl::StatusOr<Json> json = ToJson(argument.shape, value->second);
    if (!json.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(tool.parameters[i].title, " ", json.status().message()));
    }
    arguments[argument.property] = *std::move(json);
  }
  return arguments;
}

absl::StatusOr<actions::Result> ResultOf(const ImportedTool& tool, const Json& json) {
  const Json& items = Member(json, "content");
  const Json& structured = Member(json, "structuredContent");
  if (!items.is_array() && !structured.is_object()) {
    return absl::InternalError("The server's answer holds no content.");
  }
  Content content = ReadContent(items);
  if (IsTrue(json, "isError")) {
    const std::string words = PlainLine(content.text, kMaxFailure);
    return absl::AbortedError(words.empty() ? "The tool failed and does not say why." : words);
  }
  if (content.text.size() > kMaxValue) {
    return absl::InternalError(absl::StrCat("The tool answered with ", content.text.size(),
                                            " bytes of text; at most ", kMaxValue,
                                            " can be passed on."));
  }
  actions::Result result;
  if (tool.result_property.empty()) {
    result.value = content.text;
  } else {
    const Json& said = Member(structured, tool.result_property);
    std::optional<actions::Value> value = FromJson(tool.result, said);
    if (!value.has_value() || DumpJson(said).size() > kMaxValue) {
      return absl::InternalError("The tool answered with another kind of value than it declares.");
    }
    result.value = *std::move(value);
  }
  if (content.text.find('\n') == std::string::npos && content.text.size() <= kMaxDialog) {
    result.dialog = PlainLine(content.text, kMaxDialog);
  } else if (content.text.size() <= kMaxMarkdown) {
    result.snippet.markdown = std::move(content.text);
  }
  result.snippet.picture = std::move(content.picture.picture);
  result.snippet.picture_media_type = std::move(content.picture.picture_media_type);
  return result;
}

}  // namespace intelligenced::mcp
