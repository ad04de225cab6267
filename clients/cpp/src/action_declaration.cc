// A provider as a static declaration: TOML that the daemon reads.
#include <intelligence/action_provider.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace intelligence::actions {
namespace {

using Kind = ValueType::Kind;

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&quoted, "\\", std::string(1, c));
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&quoted, "\\u%04X", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string Quote(const std::vector<std::string>& texts) {
  return absl::StrCat(
      "[",
      absl::StrJoin(texts, ", ",
                    [](std::string* out, const std::string& text) { out->append(Quote(text)); }),
      "]");
}

std::string Clock(const Time& time) {
  return absl::StrFormat("%02d:%02d:%02d", time.hours, time.minutes, time.seconds);
}

std::string Float(double value) {
  const std::string text = absl::StrCat(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

// "key = value" pairs of a type.
std::vector<std::string> TypeKeys(const ValueType& type) {
  std::vector<std::string> keys = {absl::StrCat("type = ", Quote(KindName(type.kind)))};
  const auto whole = [&](const char* least, const char* most) {
    if (type.minimum) {
      keys.push_back(absl::StrCat(least, " = ", static_cast<int64_t>(*type.minimum)));
    }
    if (type.maximum) {
      keys.push_back(absl::StrCat(most, " = ", static_cast<int64_t>(*type.maximum)));
    }
  };
  switch (type.kind) {
    case Kind::kString:
      whole("min_length", "max_length");
      if (type.multiline) keys.emplace_back("multiline = true");
      break;
    case Kind::kInteger:
      whole("minimum", "maximum");
      break;
    case Kind::kNumber:
      if (type.minimum) keys.push_back(absl::StrCat("minimum = ", Float(*type.minimum)));
      if (type.maximum) keys.push_back(absl::StrCat("maximum = ", Float(*type.maximum)));
      break;
    case Kind::kDateTime:
      if (type.default_time) {
        keys.push_back(absl::StrCat("default_time = ", Clock(*type.default_time)));
      }
      break;
    case Kind::kDuration:
      if (type.minimum) {
        keys.push_back(
            absl::StrCat("minimum = ", Quote(absl::FormatDuration(absl::Seconds(*type.minimum)))));
      }
      if (type.maximum) {
        keys.push_back(
            absl::StrCat("maximum = ", Quote(absl::FormatDuration(absl::Seconds(*type.maximum)))));
      }
      break;
    case Kind::kUrl:
      if (!type.schemes.empty()) keys.push_back(absl::StrCat("schemes = ", Quote(type.schemes)));
      break;
    case Kind::kFile:
      if (!type.schemes.empty()) {
        keys.push_back(absl::StrCat("media_types = ", Quote(type.schemes)));
      }
      break;
    case Kind::kEnumeration:
      keys.push_back(absl::StrCat("cases = [",
                                  absl::StrJoin(type.cases, ", ",
                                                [](std::string* out, const ValueType::Case& one) {
                                                  absl::StrAppend(
                                                      out, "{ id = ", Quote(one.id),
                                                      ", title = ", Quote(one.title),
                                                      ", synonyms = ", Quote(one.synonyms), " }");
                                                }),
                                  "]"));
      break;
    case Kind::kEntity:
      keys.push_back(absl::StrCat("entity = ", Quote(type.entity)));
      break;
    case Kind::kList:
      whole("min_items", "max_items");
      if (type.item != nullptr) {
        keys.push_back(absl::StrCat("item = { ", absl::StrJoin(TypeKeys(*type.item), ", "), " }"));
      }
      break;
    case Kind::kBoolean:
    case Kind::kDate:
    case Kind::kTime:
      break;
  }
  if (!type.unit.empty()) keys.push_back(absl::StrCat("unit = ", Quote(type.unit)));
  return keys;
}

// Empty for what a file cannot say: entities and lists have no default in it.
std::string DefaultOf(const Value& value) {
  if (const auto* text = value.As<std::string>()) return Quote(*text);
  if (const auto* number = value.As<int64_t>()) return absl::StrCat(*number);
  if (const auto* number = value.As<double>()) return Float(*number);
  if (const auto* flag = value.As<bool>()) return *flag ? "true" : "false";
  if (const auto* time = value.As<Time>()) return Clock(*time);
  if (const auto* date = value.As<Date>()) {
    return absl::StrFormat("%04d-%02d-%02d", date->year, date->month, date->day);
  }
  if (const auto* duration = value.As<absl::Duration>()) {
    return Quote(absl::FormatDuration(*duration));
  }
  if (const auto* url = value.As<Url>()) return Quote(url->text);
  if (const auto* file = value.As<File>()) return Quote(file->path);
  if (const auto* choice = value.As<Choice>()) return Quote(choice->id);
  return "";
}

void AppendText(std::string& out, std::string_view key, std::string_view text) {
  if (!text.empty()) absl::StrAppend(&out, key, " = ", Quote(text), "\n");
}

}  // namespace

std::string Provider::DeclarationFile(const std::vector<std::string>& command) const {
  std::string out = absl::StrCat("id = ", Quote(id_), "\ntitle = ", Quote(title_), "\n");
  if (!command.empty()) absl::StrAppend(&out, "\n[start]\ncommand = ", Quote(command), "\n");
  for (const EntityKind& kind : kinds_) {
    absl::StrAppend(&out, "\n[[entity_types]]\nid = ", Quote(kind.id()),
                    "\ntitle = ", Quote(kind.title()), "\n");
    for (const auto& [id, type] : kind.properties()) {
      absl::StrAppend(&out, "\n[[entity_types.properties]]\nid = ", Quote(id), "\n",
                      absl::StrJoin(TypeKeys(type), "\n"), "\n");
    }
  }
  for (const Action& action : actions_) {
    const ActionInfo& info = action.info();
    absl::StrAppend(&out, "\n[[actions]]\nid = ", Quote(info.id), "\n");
    AppendText(out, "title", info.title);
    AppendText(out, "description", info.description);
    if (info.requires_confirmation) absl::StrAppend(&out, "requires_confirmation = true\n");
    if (info.is_destructive) absl::StrAppend(&out, "is_destructive = true\n");
    if (!info.phrases.empty()) {
      absl::StrAppend(&out, "phrases = [\n  ",
                      absl::StrJoin(info.phrases, ",\n  ",
                                    [](std::string* text, const std::string& phrase) {
                                      text->append(Quote(phrase));
                                    }),
                      "\n]\n");
    }
    if (info.result.has_value()) {
      absl::StrAppend(&out, "result = { ", absl::StrJoin(TypeKeys(*info.result), ", "), " }\n");
    }
    for (const ParameterInfo& parameter : info.parameters) {
      absl::StrAppend(&out, "\n[[actions.parameters]]\nid = ", Quote(parameter.id), "\n");
      AppendText(out, "title", parameter.title);
      AppendText(out, "description", parameter.description);
      AppendText(out, "prompt", parameter.prompt);
      absl::StrAppend(&out, absl::StrJoin(TypeKeys(parameter.type), "\n"), "\n");
      if (parameter.optional) absl::StrAppend(&out, "optional = true\n");
      const std::string value = DefaultOf(parameter.default_value);
      if (!value.empty()) absl::StrAppend(&out, "default = ", value, "\n");
    }
  }
  return out;
}

}  // namespace intelligence::actions
