#include "services/actions/resolve_messages.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "services/actions/values.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

resolve::ValueKind KindOf(const v1::ActionValueType& type) {
  using Kind = resolve::ValueKind;
  switch (type.kind_case()) {
    case v1::ActionValueType::kInteger:
      return Kind::kInteger;
    case v1::ActionValueType::kNumber:
      return Kind::kNumber;
    case v1::ActionValueType::kBoolean:
      return Kind::kBoolean;
    case v1::ActionValueType::kDateTime:
      return Kind::kDateTime;
    case v1::ActionValueType::kDate:
      return Kind::kDate;
    case v1::ActionValueType::kTime:
      return Kind::kTime;
    case v1::ActionValueType::kDuration:
      return Kind::kDuration;
    case v1::ActionValueType::kUrl:
      return Kind::kUrl;
    case v1::ActionValueType::kFile:
      return Kind::kFile;
    case v1::ActionValueType::kEnumeration:
      return Kind::kEnumeration;
    case v1::ActionValueType::kEntity:
      return Kind::kEntity;
    case v1::ActionValueType::kList:
      return Kind::kList;
    default:
      return Kind::kString;
  }
}

// What holds for the type itself and, in a list, for its items.
void Describe(const v1::ActionValueType& type, resolve::ParameterSpec* spec) {
  if (type.has_integer()) {
    if (type.integer().has_minimum()) spec->minimum = static_cast<double>(type.integer().minimum());
    if (type.integer().has_maximum()) spec->maximum = static_cast<double>(type.integer().maximum());
    spec->unit = type.integer().unit();
  } else if (type.has_number()) {
    if (type.number().has_minimum()) spec->minimum = type.number().minimum();
    if (type.number().has_maximum()) spec->maximum = type.number().maximum();
    spec->unit = type.number().unit();
  } else if (type.has_url()) {
    spec->schemes = {type.url().schemes().begin(), type.url().schemes().end()};
  } else if (type.has_entity()) {
    spec->entity_type = type.entity().id();
  } else if (type.has_enumeration()) {
    for (const v1::EnumerationCase& item : type.enumeration().cases()) {
      spec->cases.push_back({.id = item.id(),
                             .title = item.title().empty() ? item.id() : item.title(),
                             .synonyms = {item.synonyms().begin(), item.synonyms().end()}});
    }
  }
}

void SetDate(const absl::CivilSecond& civil, v1::CalendarDate* date) {
  date->set_year(static_cast<uint32_t>(civil.year()));
  date->set_month(static_cast<uint32_t>(civil.month()));
  date->set_day(static_cast<uint32_t>(civil.day()));
}

void SetTime(const absl::CivilSecond& civil, v1::TimeOfDay* time) {
  time->set_hours(static_cast<uint32_t>(civil.hour()));
  time->set_minutes(static_cast<uint32_t>(civil.minute()));
  time->set_seconds(static_cast<uint32_t>(civil.second()));
}

}  // namespace

resolve::ActionSpec ToSpec(const v1::Action& action) {
  resolve::ActionSpec spec;
  spec.id = action.name();
  spec.title = action.title();
  spec.phrases = {action.phrases().begin(), action.phrases().end()};
  for (const v1::ActionParameter& parameter : action.parameters()) {
    resolve::ParameterSpec& one = spec.parameters.emplace_back();
    one.name = parameter.id();
    one.kind = KindOf(parameter.type());
    one.required = !parameter.optional() && !parameter.has_default_value();
    if (parameter.type().has_list()) {
      one.item_kind = KindOf(parameter.type().list().item());
      Describe(parameter.type().list().item(), &one);
    } else {
      Describe(parameter.type(), &one);
    }
  }
  return spec;
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
bool ToMessage(const resolve::Value& value, const v1::ActionValueType& type,
               v1::ActionValue* message) {
  switch (type.kind_case()) {
    case v1::ActionValueType::kString:
      message->set_string_value(value.text);
      return true;
    case v1::ActionValueType::kInteger:
      if (value.kind == resolve::ValueKind::kNumber) {
        if (value.number != std::floor(value.number) || std::abs(value.number) > 9e15) return false;
        message->set_integer_value(static_cast<int64_t>(value.number));
      } else {
        message->set_integer_value(value.integer);
      }
      return true;
    case v1::ActionValueType::kNumber:
      message->set_number_value(value.kind == resolve::ValueKind::kInteger
                                    ? static_cast<double>(value.integer)
                                    : value.number);
      return true;
    case v1::ActionValueType::kBoolean:
      message->set_boolean_value(value.boolean);
      return true;
    case v1::ActionValueType::kDateTime: {
      const resolve::DateTimeValue& when = value.date_time;
      if (!when.has_date && !when.has_time) return false;
      v1::CalendarDateTime* out = message->mutable_date_time_value();
      SetDate(when.civil, out->mutable_date());
      if (when.has_time) {
        SetTime(when.civil, out->mutable_time());
      } else if (type.date_time().has_default_time()) {
        *out->mutable_time() = type.date_time().default_time();
      } else {
        // A day alone: the time is asked for.
        return false;
      }
      return true;
    }
    case v1::ActionValueType::kDate:
      SetDate(value.date_time.civil, message->mutable_date_value());
      return true;
    case v1::ActionValueType::kTime:
      SetTime(value.date_time.civil, message->mutable_time_value());
      return true;
    case v1::ActionValueType::kDuration:
      SetDuration(value.duration, message->mutable_duration_value());
      return true;
    case v1::ActionValueType::kUrl:
      message->set_url_value(value.text);
      return true;
    case v1::ActionValueType::kFile:
      message->mutable_file_value()->set_path(value.text);
      return true;
    case v1::ActionValueType::kEnumeration:
      message->set_enumeration_value(value.text);
      return true;
    case v1::ActionValueType::kEntity:
      message->mutable_entity_value()->set_type(type.entity().id());
      message->mutable_entity_value()->set_id(value.text);
      message->mutable_entity_value()->set_title(value.title);
      return true;
    case v1::ActionValueType::kList:
      message->mutable_list_value();
      for (const resolve::Value& item : value.items) {
        if (!ToMessage(item, type.list().item(), message->mutable_list_value()->add_items())) {
          return false;
        }
      }
      return true;
    case v1::ActionValueType::KIND_NOT_SET:
      break;
  }
  return false;
}

v1::ActionCandidate ToMessage(const resolve::Candidate& candidate,
                              const ActionRegistry::Found& found) {
  const v1::Action& action = *found.action;
  v1::ActionCandidate message;
  message.set_action(action.name());
  message.set_title(action.title());
  message.set_confidence(static_cast<float>(candidate.confidence));
  message.set_requires_confirmation(action.requires_confirmation());
  message.set_is_destructive(action.is_destructive());
  for (const v1::ActionParameter& parameter : action.parameters()) {
    bool there = false;
    for (const resolve::FilledParameter& one : candidate.parameters) {
      if (one.name != parameter.id()) continue;
      v1::FilledParameter filled;
      filled.set_parameter(parameter.id());
      filled.set_confidence(static_cast<float>(one.confidence));
      if (one.span.end > one.span.start) {
        filled.mutable_source()->set_start(static_cast<uint32_t>(one.span.start));
        filled.mutable_source()->set_end(static_cast<uint32_t>(one.span.end));
      }
      // What a parser made must be what the action declares, as from anybody else.
      if (!ToMessage(one.value, parameter.type(), filled.mutable_value()) ||
          !CheckValue("value", parameter.type(), filled.value(), *found.provider.declaration,
                      ValueOrigin::kCaller)
               .ok()) {
        continue;
      }
      if (one.value.date_time.half_open) {
        v1::Ambiguity* ambiguity = message.add_ambiguities();
        ambiguity->set_kind(v1::Ambiguity::KIND_VALUE);
        ambiguity->set_parameter(parameter.id());
        ambiguity->set_explanation(
            absl::StrCat("The other half of the day may be meant for ", parameter.title(), "."));
      }
      *message.add_filled() = std::move(filled);
      there = true;
    }
    if (!there && !parameter.optional() && !parameter.has_default_value()) {
      message.add_missing(parameter.id());
    }
  }
  return message;
}

}  // namespace intelligenced
