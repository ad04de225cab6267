#include "clients/mlctl/action_values.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace intelligenced::mlctl {
namespace {

namespace actions = ::intelligence::actions;
using actions::Value;
using Kind = actions::ValueType::Kind;

absl::Status Wrong(std::string_view text, std::string_view example) {
  return absl::InvalidArgumentError(absl::StrCat("“", text, "” is not ", example));
}

std::string Clock(const actions::Time& time) {
  return time.seconds == 0
             ? absl::StrFormat("%02d:%02d", time.hours, time.minutes)
             : absl::StrFormat("%02d:%02d:%02d", time.hours, time.minutes, time.seconds);
}
std::string Day(const actions::Date& date) {
  return absl::StrFormat("%04d-%02d-%02d", date.year, date.month, date.day);
}

bool ParseDay(std::string_view text, actions::Date& date) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(text, &day)) return false;
  date = {.year = static_cast<int>(day.year()), .month = day.month(), .day = day.day()};
  return true;
}

bool ParseClock(std::string_view text, actions::Time& time) {
  const std::vector<std::string_view> parts = absl::StrSplit(text, ':');
  if (parts.size() < 2 || parts.size() > 3) return false;
  if (!absl::SimpleAtoi(parts[0], &time.hours) || !absl::SimpleAtoi(parts[1], &time.minutes)) {
    return false;
  }
  if (parts.size() == 3 && !absl::SimpleAtoi(parts[2], &time.seconds)) return false;
  return time.hours >= 0 && time.hours < 24 && time.minutes >= 0 && time.minutes < 60 &&
         time.seconds >= 0 && time.seconds < 60;
}

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
absl::StatusOr<Value> ParseActionValue(const actions::ValueType& type, std::string_view raw) {
  const std::string text(absl::StripAsciiWhitespace(raw));
  switch (type.kind) {
    case Kind::kString:
      return std::string(raw);
    case Kind::kInteger: {
      int64_t number = 0;
      if (!absl::SimpleAtoi(text, &number)) return Wrong(text, "a whole number, such as 3");
      return number;
    }
    case Kind::kNumber: {
      double number = 0;
      if (!absl::SimpleAtod(text, &number)) return Wrong(text, "a number, such as 2.5");
      return number;
    }
    case Kind::kBoolean: {
      bool flag = false;
      if (!absl::SimpleAtob(text, &flag)) return Wrong(text, "yes or no");
      return flag;
    }
    case Kind::kDateTime: {
      const size_t gap = text.find_first_of(" T");
      actions::DateTime when;
      const bool day = ParseDay(text.substr(0, gap), when.date);
      if (day && gap == std::string::npos && type.default_time.has_value()) {
        when.time = *type.default_time;
        return when;
      }
      if (!day || gap == std::string::npos || !ParseClock(text.substr(gap + 1), when.time)) {
        return Wrong(text, "a day and a time, such as 2026-11-24 09:00");
      }
      return when;
    }
    case Kind::kDate: {
      actions::Date date;
      if (!ParseDay(text, date)) return Wrong(text, "a day, such as 2026-11-24");
      return date;
    }
    case Kind::kTime: {
      actions::Time time;
      if (!ParseClock(text, time)) return Wrong(text, "a time, such as 09:00");
      return time;
    }
    case Kind::kDuration: {
      absl::Duration duration;
      if (!absl::ParseDuration(text, &duration)) return Wrong(text, "a duration, such as 45m");
      return duration;
    }
    case Kind::kUrl:
      return actions::Url{text};
    case Kind::kFile: {
      std::error_code error;
      return actions::File{.path = std::filesystem::absolute(text, error).string()};
    }
    case Kind::kEnumeration:
      for (const actions::ValueType::Case& one : type.cases) {
        if (one.id == text || absl::EqualsIgnoreCase(one.title, text) ||
            std::any_of(one.synonyms.begin(), one.synonyms.end(), [&text](const std::string& word) {
              return absl::EqualsIgnoreCase(word, text);
            })) {
          return actions::Choice{one.id};
        }
      }
      return Wrong(text, DescribeValueType(type));
    case Kind::kEntity: {
      actions::Entity entity{.type = type.entity};
      if (absl::StartsWith(text, "id:")) {
        entity.id = text.substr(3);
      } else {
        entity.title = text;
      }
      return entity;
    }
    case Kind::kList: {
      actions::List list;
      if (type.item == nullptr) return Wrong(text, "a list");
      for (const std::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
        absl::StatusOr<Value> item = ParseActionValue(*type.item, absl::StripAsciiWhitespace(part));
        if (!item.ok()) return item.status();
        list.push_back(*std::move(item));
      }
      return list;
    }
  }
  return Wrong(text, "of a type that this mlctl knows; update it");
}

bool IsSayable(const actions::ValueType& type) {
  switch (type.kind) {
    case Kind::kInteger:
    case Kind::kNumber:
    case Kind::kBoolean:
    case Kind::kDateTime:
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kDuration:
    case Kind::kEnumeration:
      return true;
    default:
      return false;
  }
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
std::string DescribeActionValue(const Value& value) {
  if (const auto* text = value.As<std::string>()) return *text;
  if (const auto* number = value.As<int64_t>()) return absl::StrCat(*number);
  if (const auto* number = value.As<double>()) return absl::StrCat(*number);
  if (const auto* flag = value.As<bool>()) return *flag ? "yes" : "no";
  if (const auto* when = value.As<actions::DateTime>()) {
    return absl::StrCat(Day(when->date), " ", Clock(when->time));
  }
  if (const auto* date = value.As<actions::Date>()) return Day(*date);
  if (const auto* time = value.As<actions::Time>()) return Clock(*time);
  if (const auto* duration = value.As<absl::Duration>()) return absl::FormatDuration(*duration);
  if (const auto* url = value.As<actions::Url>()) return url->text;
  if (const auto* file = value.As<actions::File>()) return file->path;
  if (const auto* choice = value.As<actions::Choice>()) return choice->id;
  if (const auto* entity = value.As<actions::Entity>()) {
    return entity->title.empty() ? entity->id : entity->title;
  }
  if (const auto* list = value.As<actions::List>()) {
    return absl::StrJoin(*list, ", ", [](std::string* out, const Value& item) {
      out->append(DescribeActionValue(item));
    });
  }
  return "";
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
Json ToJson(const Value& value) {
  if (const auto* number = value.As<int64_t>()) return *number;
  if (const auto* number = value.As<double>()) return *number;
  if (const auto* flag = value.As<bool>()) return *flag;
  if (const auto* when = value.As<actions::DateTime>()) {
    return absl::StrCat(Day(when->date), "T",
                        absl::StrFormat("%02d:%02d:%02d", when->time.hours, when->time.minutes,
                                        when->time.seconds));
  }
  if (const auto* duration = value.As<absl::Duration>()) return absl::ToDoubleSeconds(*duration);
  if (const auto* entity = value.As<actions::Entity>()) {
    return {{"type", entity->type}, {"id", entity->id}, {"title", entity->title}};
  }
  if (const auto* list = value.As<actions::List>()) {
    Json items = Json::array();
    for (const Value& item : *list) items.push_back(ToJson(item));
    return items;
  }
  if (value.empty()) return nullptr;
  return DescribeActionValue(value);
}

Json ToJson(const actions::ActionInfo& action) {
  Json parameters = Json::array();
  for (const actions::ParameterInfo& one : action.parameters) {
    parameters.push_back({{"id", one.id},
                          {"title", one.title},
                          {"description", one.description},
                          {"type", actions::KindName(one.type.kind)},
                          {"allowed", DescribeValueType(one.type)},
                          {"optional", one.optional},
                          {"default", ToJson(one.default_value)}});
  }
  return {{"name", action.name},
          {"title", action.title},
          {"description", action.description},
          {"provider", action.provider},
          {"parameters", std::move(parameters)},
          {"result", action.result.has_value() ? Json(actions::KindName(action.result->kind))
                                               : Json(nullptr)},
          {"phrases", action.phrases},
          {"requires_confirmation", action.requires_confirmation},
          {"is_destructive", action.is_destructive},
          {"available", action.available},
          {"startable", action.startable}};
}

Json ToJson(const actions::Candidate& candidate) {
  Json filled = Json::object();
  Json sources = Json::object();
  for (const actions::FilledParameter& one : candidate.filled) {
    filled[one.parameter] = ToJson(one.value);
    if (one.source.has_value()) {
      sources[one.parameter] = {{"start", one.source->start}, {"end", one.source->end}};
    }
  }
  return {{"action", candidate.action},         {"title", candidate.title},
          {"confidence", candidate.confidence}, {"values", std::move(filled)},
          {"sources", std::move(sources)},      {"missing", candidate.missing}};
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
std::string DescribeValueType(const actions::ValueType& type) {
  std::string bounds;
  if (type.minimum) absl::StrAppend(&bounds, " from ", *type.minimum);
  if (type.maximum) absl::StrAppend(&bounds, " to ", *type.maximum);
  if (!type.unit.empty()) absl::StrAppend(&bounds, " ", type.unit);
  switch (type.kind) {
    case Kind::kString:
      return "text";
    case Kind::kInteger:
      return "whole number" + bounds;
    case Kind::kNumber:
      return "number" + bounds;
    case Kind::kBoolean:
      return "yes or no";
    case Kind::kDateTime:
      return "day and time";
    case Kind::kDate:
      return "day";
    case Kind::kTime:
      return "time";
    case Kind::kDuration:
      return "duration";
    case Kind::kUrl:
      return "URL";
    case Kind::kFile:
      return "file";
    case Kind::kEnumeration:
      return absl::StrCat("one of: ",
                          absl::StrJoin(type.cases, ", ",
                                        [](std::string* out, const actions::ValueType::Case& one) {
                                          out->append(one.id);
                                        }));
    case Kind::kEntity:
      return absl::StrCat("a ", type.entity);
    case Kind::kList:
      return type.item == nullptr ? "list"
                                  : absl::StrCat("list of: ", DescribeValueType(*type.item));
  }
  return "";
}

std::string RenderActionList(const actions::ListResult& list, int width, const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const actions::ActionInfo& action : list.actions) {
    std::string parameters;
    for (const actions::ParameterInfo& one : action.parameters) {
      absl::StrAppend(&parameters, parameters.empty() ? "" : " ", one.optional ? "[" : "", one.id,
                      one.optional ? "]" : "");
    }
    rows.push_back({action.name,
                    action.available   ? "running"
                    : action.startable ? "started when needed"
                                       : "not running",
                    action.is_destructive          ? "always asks"
                    : action.requires_confirmation ? "asks"
                                                   : "",
                    parameters, action.title});
  }
  return FormatTable({{"ACTION"}, {"APP"}, {"CONFIRMATION"}, {"PARAMETERS"}, {"TITLE"}}, rows,
                     width, palette);
}

std::string RenderAction(const actions::ActionInfo& action, const Palette& palette) {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"action", action.name},
      {"title", action.title},
      {"description", action.description},
      {"app", action.available   ? "running"
              : action.startable ? "not running, started when needed"
                                 : "not running"},
      {"confirmation", action.is_destructive          ? "always: it cannot be undone"
                       : action.requires_confirmation ? "asked for"
                                                      : "none"}};
  for (const actions::ParameterInfo& one : action.parameters) {
    std::string words = DescribeValueType(one.type);
    if (one.optional) words += ", may be left out";
    if (!one.default_value.empty()) {
      absl::StrAppend(&words, ", default ", DescribeActionValue(one.default_value));
    }
    if (!one.description.empty()) absl::StrAppend(&words, " (", one.description, ")");
    pairs.emplace_back(absl::StrCat("  ", one.id), words);
  }
  if (action.result.has_value()) pairs.emplace_back("gives", DescribeValueType(*action.result));
  for (const std::string& phrase : action.phrases) pairs.emplace_back("said as", phrase);
  for (auto& [name, text] : pairs) text = TerminalSafe(text);
  return FormatPairs(pairs, palette);
}

}  // namespace intelligenced::mlctl
