#include "clients/cpp/src/convert_actions.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cpp/src/connection.h"

namespace intelligence::actions {
namespace {

using Kind = ValueType::Kind;

void SetDuration(absl::Duration duration, google::protobuf::Duration* proto) {
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto->set_nanos(
      static_cast<int32_t>(absl::IDivDuration(duration, absl::Nanoseconds(1), &duration)));
}
absl::Duration GetDuration(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

// Fields of calendars are unsigned; what is below zero exists in none and is refused by the daemon.
uint32_t Part(int value) { return value < 0 ? UINT32_MAX : static_cast<uint32_t>(value); }

void Set(const Date& date, v1::CalendarDate* proto) {
  proto->set_year(Part(date.year));
  proto->set_month(Part(date.month));
  proto->set_day(Part(date.day));
}
void Set(const Time& time, v1::TimeOfDay* proto) {
  proto->set_hours(Part(time.hours));
  proto->set_minutes(Part(time.minutes));
  proto->set_seconds(Part(time.seconds));
}
Date Get(const v1::CalendarDate& proto) {
  return {.year = static_cast<int>(proto.year()),
          .month = static_cast<int>(proto.month()),
          .day = static_cast<int>(proto.day())};
}
Time Get(const v1::TimeOfDay& proto) {
  return {.hours = static_cast<int>(proto.hours()),
          .minutes = static_cast<int>(proto.minutes()),
          .seconds = static_cast<int>(proto.seconds())};
}

struct ValueWriter {
  v1::ActionValue* proto;
  void operator()(const std::monostate&) const {}
  void operator()(const std::string& value) const { proto->set_string_value(value); }
  void operator()(int64_t value) const { proto->set_integer_value(value); }
  void operator()(double value) const { proto->set_number_value(value); }
  void operator()(bool value) const { proto->set_boolean_value(value); }
  void operator()(const DateTime& value) const {
    Set(value.date, proto->mutable_date_time_value()->mutable_date());
    Set(value.time, proto->mutable_date_time_value()->mutable_time());
    if (value.utc_offset_seconds.has_value()) {
      proto->mutable_date_time_value()->set_utc_offset_seconds(*value.utc_offset_seconds);
    }
  }
  void operator()(const Date& value) const { Set(value, proto->mutable_date_value()); }
  void operator()(const Time& value) const { Set(value, proto->mutable_time_value()); }
  void operator()(absl::Duration value) const {
    SetDuration(value, proto->mutable_duration_value());
  }
  void operator()(const Url& value) const { proto->set_url_value(value.text); }
  void operator()(const File& value) const {
    proto->mutable_file_value()->set_path(value.path);
    proto->mutable_file_value()->set_media_type(value.media_type);
  }
  void operator()(const Choice& value) const { proto->set_enumeration_value(value.id); }
  void operator()(const Entity& value) const { ToProto(value, proto->mutable_entity_value()); }
  void operator()(const List& value) const {
    proto->mutable_list_value();
    for (const Value& item : value) ToProto(item, proto->mutable_list_value()->add_items());
  }
};

Entity FromProto(const v1::EntityReference& proto) {
  Entity entity{.type = proto.type(),
                .id = proto.id(),
                .title = proto.title(),
                .subtitle = proto.subtitle(),
                .synonyms = {proto.synonyms().begin(), proto.synonyms().end()}};
  for (const auto& [id, value] : proto.properties()) {
    entity.properties[id] = actions::FromProto(value);
  }
  return entity;
}

}  // namespace

std::string KindName(Kind kind) {
  switch (kind) {
    case Kind::kString:
      return "string";
    case Kind::kInteger:
      return "integer";
    case Kind::kNumber:
      return "number";
    case Kind::kBoolean:
      return "boolean";
    case Kind::kDateTime:
      return "date_time";
    case Kind::kDate:
      return "date";
    case Kind::kTime:
      return "time";
    case Kind::kDuration:
      return "duration";
    case Kind::kUrl:
      return "url";
    case Kind::kFile:
      return "file";
    case Kind::kEnumeration:
      return "enumeration";
    case Kind::kEntity:
      return "entity";
    case Kind::kList:
      return "list";
  }
  return "unknown";
}

void ToProto(const Entity& entity, v1::EntityReference* proto) {
  proto->set_type(entity.type);
  proto->set_id(entity.id);
  proto->set_title(entity.title);
  proto->set_subtitle(entity.subtitle);
  for (const std::string& word : entity.synonyms) proto->add_synonyms(word);
  for (const auto& [id, value] : entity.properties) {
    ToProto(value, &(*proto->mutable_properties())[id]);
  }
}

void ToProto(const Value& value, v1::ActionValue* proto) {
  std::visit(ValueWriter{proto}, value.kind);
}

Value FromProto(const v1::ActionValue& proto) {
  switch (proto.kind_case()) {
    case v1::ActionValue::kStringValue:
      return proto.string_value();
    case v1::ActionValue::kIntegerValue:
      return proto.integer_value();
    case v1::ActionValue::kNumberValue:
      return proto.number_value();
    case v1::ActionValue::kBooleanValue:
      return proto.boolean_value();
    case v1::ActionValue::kDateTimeValue: {
      DateTime value{.date = Get(proto.date_time_value().date()),
                     .time = Get(proto.date_time_value().time())};
      if (proto.date_time_value().has_utc_offset_seconds()) {
        value.utc_offset_seconds = proto.date_time_value().utc_offset_seconds();
      }
      return value;
    }
    case v1::ActionValue::kDateValue:
      return Get(proto.date_value());
    case v1::ActionValue::kTimeValue:
      return Get(proto.time_value());
    case v1::ActionValue::kDurationValue:
      return GetDuration(proto.duration_value());
    case v1::ActionValue::kUrlValue:
      return Url{proto.url_value()};
    case v1::ActionValue::kFileValue:
      return File{.path = proto.file_value().path(), .media_type = proto.file_value().media_type()};
    case v1::ActionValue::kEnumerationValue:
      return Choice{proto.enumeration_value()};
    case v1::ActionValue::kEntityValue:
      return FromProto(proto.entity_value());
    case v1::ActionValue::kListValue: {
      List list;
      for (const v1::ActionValue& item : proto.list_value().items()) {
        list.push_back(FromProto(item));
      }
      return list;
    }
    case v1::ActionValue::KIND_NOT_SET:
      break;
  }
  return {};
}

void ToProto(const Values& values, ProtoValues* proto) {
  for (const auto& [id, value] : values) ToProto(value, &(*proto)[id]);
}

Values FromProto(const ProtoValues& proto) {
  Values values;
  for (const auto& [id, value] : proto) values[id] = FromProto(value);
  return values;
}

void ToProto(const ValueType& type, v1::ActionValueType* proto) {
  switch (type.kind) {
    case Kind::kString:
      proto->mutable_string()->set_multiline(type.multiline);
      if (type.minimum) {
        proto->mutable_string()->set_min_length(static_cast<uint32_t>(*type.minimum));
      }
      if (type.maximum) {
        proto->mutable_string()->set_max_length(static_cast<uint32_t>(*type.maximum));
      }
      return;
    case Kind::kInteger:
      proto->mutable_integer()->set_unit(type.unit);
      if (type.minimum) proto->mutable_integer()->set_minimum(std::llround(*type.minimum));
      if (type.maximum) proto->mutable_integer()->set_maximum(std::llround(*type.maximum));
      return;
    case Kind::kNumber:
      proto->mutable_number()->set_unit(type.unit);
      if (type.minimum) proto->mutable_number()->set_minimum(*type.minimum);
      if (type.maximum) proto->mutable_number()->set_maximum(*type.maximum);
      return;
    case Kind::kBoolean:
      proto->mutable_boolean();
      return;
    case Kind::kDateTime:
      proto->mutable_date_time();
      if (type.default_time) {
        Set(*type.default_time, proto->mutable_date_time()->mutable_default_time());
      }
      return;
    case Kind::kDate:
      proto->mutable_date();
      return;
    case Kind::kTime:
      proto->mutable_time();
      return;
    case Kind::kDuration:
      proto->mutable_duration();
      if (type.minimum) {
        SetDuration(absl::Seconds(*type.minimum), proto->mutable_duration()->mutable_minimum());
      }
      if (type.maximum) {
        SetDuration(absl::Seconds(*type.maximum), proto->mutable_duration()->mutable_maximum());
      }
      return;
    case Kind::kUrl:
      proto->mutable_url();
      for (const std::string& scheme : type.schemes) proto->mutable_url()->add_schemes(scheme);
      return;
    case Kind::kFile:
      proto->mutable_file();
      for (const std::string& media : type.schemes) proto->mutable_file()->add_media_types(media);
      return;
    case Kind::kEnumeration:
      proto->mutable_enumeration();
      for (const ValueType::Case& one : type.cases) {
        v1::EnumerationCase* added = proto->mutable_enumeration()->add_cases();
        added->set_id(one.id);
        added->set_title(one.title);
        for (const std::string& word : one.synonyms) added->add_synonyms(word);
      }
      return;
    case Kind::kEntity:
      proto->mutable_entity()->set_id(type.entity);
      return;
    case Kind::kList:
      proto->mutable_list();
      if (type.minimum) proto->mutable_list()->set_min_items(static_cast<uint32_t>(*type.minimum));
      if (type.maximum) proto->mutable_list()->set_max_items(static_cast<uint32_t>(*type.maximum));
      if (type.item != nullptr) ToProto(*type.item, proto->mutable_list()->mutable_item());
      return;
  }
}

ValueType FromProto(const v1::ActionValueType& proto) {
  ValueType type;
  switch (proto.kind_case()) {
    case v1::ActionValueType::kString:
      type.multiline = proto.string().multiline();
      if (proto.string().min_length() > 0) type.minimum = proto.string().min_length();
      if (proto.string().max_length() > 0) type.maximum = proto.string().max_length();
      break;
    case v1::ActionValueType::kInteger:
      type.kind = Kind::kInteger;
      type.unit = proto.integer().unit();
      if (proto.integer().has_minimum()) {
        type.minimum = static_cast<double>(proto.integer().minimum());
      }
      if (proto.integer().has_maximum()) {
        type.maximum = static_cast<double>(proto.integer().maximum());
      }
      break;
    case v1::ActionValueType::kNumber:
      type.kind = Kind::kNumber;
      type.unit = proto.number().unit();
      if (proto.number().has_minimum()) type.minimum = proto.number().minimum();
      if (proto.number().has_maximum()) type.maximum = proto.number().maximum();
      break;
    case v1::ActionValueType::kBoolean:
      type.kind = Kind::kBoolean;
      break;
    case v1::ActionValueType::kDateTime:
      type.kind = Kind::kDateTime;
      if (proto.date_time().has_default_time()) {
        type.default_time = Get(proto.date_time().default_time());
      }
      break;
    case v1::ActionValueType::kDate:
      type.kind = Kind::kDate;
      break;
    case v1::ActionValueType::kTime:
      type.kind = Kind::kTime;
      break;
    case v1::ActionValueType::kDuration:
      type.kind = Kind::kDuration;
      if (proto.duration().has_minimum()) {
        type.minimum = absl::ToDoubleSeconds(GetDuration(proto.duration().minimum()));
      }
      if (proto.duration().has_maximum()) {
        type.maximum = absl::ToDoubleSeconds(GetDuration(proto.duration().maximum()));
      }
      break;
    case v1::ActionValueType::kUrl:
      type.kind = Kind::kUrl;
      type.schemes = {proto.url().schemes().begin(), proto.url().schemes().end()};
      break;
    case v1::ActionValueType::kFile:
      type.kind = Kind::kFile;
      type.schemes = {proto.file().media_types().begin(), proto.file().media_types().end()};
      break;
    case v1::ActionValueType::kEnumeration:
      type.kind = Kind::kEnumeration;
      for (const v1::EnumerationCase& one : proto.enumeration().cases()) {
        type.cases.push_back({.id = one.id(),
                              .title = one.title(),
                              .synonyms = {one.synonyms().begin(), one.synonyms().end()}});
      }
      break;
    case v1::ActionValueType::kEntity:
      type.kind = Kind::kEntity;
      type.entity = proto.entity().id();
      break;
    case v1::ActionValueType::kList:
      type.kind = Kind::kList;
      if (proto.list().min_items() > 0) type.minimum = proto.list().min_items();
      if (proto.list().max_items() > 0) type.maximum = proto.list().max_items();
      type.item = std::make_shared<const ValueType>(FromProto(proto.list().item()));
      break;
    case v1::ActionValueType::KIND_NOT_SET:
      break;
  }
  return type;
}

void ToProto(const ActionInfo& action, v1::Action* proto) {
  proto->set_id(action.id);
  proto->set_title(action.title);
  proto->set_description(action.description);
  for (const ParameterInfo& one : action.parameters) {
    v1::ActionParameter* parameter = proto->add_parameters();
    parameter->set_id(one.id);
    parameter->set_title(one.title);
    parameter->set_description(one.description);
    ToProto(one.type, parameter->mutable_type());
    parameter->set_optional(one.optional);
    if (!one.default_value.empty()) ToProto(one.default_value, parameter->mutable_default_value());
    parameter->set_prompt(one.prompt);
  }
  if (action.result.has_value()) ToProto(*action.result, proto->mutable_result());
  for (const std::string& phrase : action.phrases) proto->add_phrases(phrase);
  proto->set_requires_confirmation(action.requires_confirmation);
  proto->set_is_destructive(action.is_destructive);
}

ActionInfo FromProto(const v1::Action& proto) {
  ActionInfo action{.name = proto.name(),
                    .id = proto.id(),
                    .provider = proto.provider(),
                    .title = proto.title(),
                    .description = proto.description(),
                    .phrases = {proto.phrases().begin(), proto.phrases().end()},
                    .requires_confirmation = proto.requires_confirmation(),
                    .is_destructive = proto.is_destructive(),
                    .available = proto.available(),
                    .startable = proto.startable()};
  for (const v1::ActionParameter& one : proto.parameters()) {
    action.parameters.push_back({.id = one.id(),
                                 .title = one.title(),
                                 .description = one.description(),
                                 .type = FromProto(one.type()),
                                 .optional = one.optional(),
                                 .default_value = FromProto(one.default_value()),
                                 .prompt = one.prompt()});
  }
  if (proto.has_result()) action.result = FromProto(proto.result());
  return action;
}

void ToProto(const Result& result, v1::ActionResult* proto) {
  if (!result.value.empty()) ToProto(result.value, proto->mutable_value());
  proto->set_dialog(result.dialog);
  if (!result.snippet.markdown.empty() || !result.snippet.picture.empty()) {
    proto->mutable_snippet()->set_markdown(result.snippet.markdown);
    proto->mutable_snippet()->set_picture(result.snippet.picture);
    proto->mutable_snippet()->set_picture_media_type(result.snippet.picture_media_type);
  }
}

Result FromProto(const v1::ActionResult& proto) {
  return {.value = FromProto(proto.value()),
          .dialog = proto.dialog(),
          .snippet = {.markdown = proto.snippet().markdown(),
                      .picture = proto.snippet().picture(),
                      .picture_media_type = proto.snippet().picture_media_type()}};
}

Confirmation FromProto(const v1::NeedsConfirmation& proto) {
  Confirmation confirmation{.prompt = proto.prompt(), .is_destructive = proto.is_destructive()};
  if (proto.kind() == v1::CONFIRMATION_KIND_GRANT) confirmation.kind = ConfirmationKind::kGrant;
  if (proto.kind() == v1::CONFIRMATION_KIND_RUN) confirmation.kind = ConfirmationKind::kRun;
  if (proto.kind() == v1::CONFIRMATION_KIND_PROVIDER) {
    confirmation.kind = ConfirmationKind::kProvider;
  }
  return confirmation;
}

v1::ConfirmationDecision ToProto(Decision decision) {
  switch (decision) {
    case Decision::kAllow:
      return v1::CONFIRMATION_DECISION_ALLOW;
    case Decision::kNever:
      return v1::CONFIRMATION_DECISION_NEVER;
    case Decision::kDecline:
      break;
  }
  return v1::CONFIRMATION_DECISION_DECLINE;
}

absl::Status CheckTexts(const Value& value) {
  std::vector<std::string> texts;
  if (const auto* text = value.As<std::string>()) texts = {*text};
  if (const auto* url = value.As<Url>()) texts = {url->text};
  if (const auto* file = value.As<File>()) texts = {file->path, file->media_type};
  if (const auto* choice = value.As<Choice>()) texts = {choice->id};
  if (const auto* entity = value.As<Entity>()) {
    texts = {entity->type, entity->id, entity->title, entity->subtitle};
    for (const auto& [id, property] : entity->properties) {
      if (absl::Status status = CheckTexts(property); !status.ok()) return status;
    }
  }
  if (const auto* list = value.As<List>()) {
    for (const Value& item : *list) {
      if (absl::Status status = CheckTexts(item); !status.ok()) return status;
    }
  }
  for (const std::string& text : texts) {
    if (absl::Status status = CheckUtf8("values", text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace intelligence::actions
