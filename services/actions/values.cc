#include "services/actions/values.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxLineBytes = 256;
constexpr size_t kMaxLongBytes = 4096;
constexpr int kMaxListItems = 1000;
constexpr int kMaxListDepth = 2;
constexpr int kMaxPropertyDepth = 8;

absl::Status Fail(std::string_view field, std::string_view message) {
  return FieldError(field, message);
}

bool HasControl(std::string_view text, bool lines) {
  return std::any_of(text.begin(), text.end(), [lines](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !(lines && (c == '\n' || c == '\t'))) || byte == 0x7F;
  });
}

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

bool IsTimeOfDay(const v1::TimeOfDay& time) {
  return time.hours() < 24 && time.minutes() < 60 && time.seconds() < 60;
}

bool IsDate(const v1::CalendarDate& date) {
  if (date.year() < 1 || date.year() > 9999 || date.month() < 1 || date.month() > 12 ||
      date.day() < 1 || date.day() > 31) {
    return false;
  }
  const absl::CivilDay day(date.year(), static_cast<int>(date.month()),
                           static_cast<int>(date.day()));
  return day.month() == static_cast<int>(date.month());
}

bool IsDuration(const google::protobuf::Duration& duration) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;
  return std::abs(duration.seconds()) <= kMaxSeconds && std::abs(duration.nanos()) <= 999'999'999 &&
         !(duration.seconds() > 0 && duration.nanos() < 0) &&
         !(duration.seconds() < 0 && duration.nanos() > 0);
}

bool IsScheme(std::string_view scheme) {
  return !scheme.empty() && scheme.size() <= 32 && absl::ascii_islower(scheme[0]) &&
         std::all_of(scheme.begin(), scheme.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '+' || c == '-' ||
                  c == '.';
         });
}

absl::Status CheckType(std::string_view field, const v1::ActionValueType& type,
                       const v1::ProviderDeclaration& provider, int list_depth) {
  switch (type.kind_case()) {
    case v1::ActionValueType::kString:
      if (type.string().max_length() > 0 &&
          type.string().min_length() > type.string().max_length()) {
        return Fail(absl::StrCat(field, ".string"), "has a min_length above its max_length.");
      }
      return absl::OkStatus();
    case v1::ActionValueType::kInteger: {
      const v1::IntegerType& bounds = type.integer();
      if (bounds.has_minimum() && bounds.has_maximum() && bounds.minimum() > bounds.maximum()) {
        return Fail(absl::StrCat(field, ".integer"), "has a minimum above its maximum.");
      }
      if (!IsPlainLine(bounds.unit(), 16)) return Fail(field, "has a unit that is too long.");
      return absl::OkStatus();
    }
    case v1::ActionValueType::kNumber: {
      const v1::NumberType& bounds = type.number();
      if ((bounds.has_minimum() && !std::isfinite(bounds.minimum())) ||
          (bounds.has_maximum() && !std::isfinite(bounds.maximum())) ||
          (bounds.has_minimum() && bounds.has_maximum() && bounds.minimum() > bounds.maximum())) {
        return Fail(absl::StrCat(field, ".number"), "has bounds that no number is in.");
      }
      if (!IsPlainLine(bounds.unit(), 16)) return Fail(field, "has a unit that is too long.");
      return absl::OkStatus();
    }
    case v1::ActionValueType::kDateTime:
      if (!IsTimeOfDay(type.date_time().default_time())) {
        return Fail(absl::StrCat(field, ".date_time.default_time"), "is no time of a day.");
      }
      return absl::OkStatus();
    case v1::ActionValueType::kBoolean:
    case v1::ActionValueType::kDate:
    case v1::ActionValueType::kTime:
      return absl::OkStatus();
    case v1::ActionValueType::kDuration: {
      const v1::DurationType& bounds = type.duration();
      if (!IsDuration(bounds.minimum()) || !IsDuration(bounds.maximum()) ||
          (bounds.has_maximum() && GetDuration(bounds.minimum()) > GetDuration(bounds.maximum()))) {
        return Fail(absl::StrCat(field, ".duration"), "has bounds that no duration is in.");
      }
      return absl::OkStatus();
    }
    case v1::ActionValueType::kUrl:
      if (type.url().schemes_size() > 8 ||
          !std::all_of(type.url().schemes().begin(), type.url().schemes().end(), IsScheme)) {
        return Fail(absl::StrCat(field, ".url.schemes"), "takes at most 8 schemes such as https.");
      }
      return absl::OkStatus();
    case v1::ActionValueType::kFile:
      if (type.file().media_types_size() > 16 ||
          !std::all_of(type.file().media_types().begin(), type.file().media_types().end(),
                       [](const std::string& media) {
                         return IsPlainLine(media, 128) && absl::StrContains(media, '/');
                       })) {
        return Fail(absl::StrCat(field, ".file.media_types"),
                    "takes at most 16 types such as image/png or image/*.");
      }
      return absl::OkStatus();
    case v1::ActionValueType::kEnumeration: {
      const std::string cases = absl::StrCat(field, ".enumeration.cases");
      if (type.enumeration().cases_size() < 1 || type.enumeration().cases_size() > 256) {
        return Fail(cases, "must be 1 to 256.");
      }
      std::set<std::string_view> seen;
      for (const v1::EnumerationCase& item : type.enumeration().cases()) {
        if (!IsActionIdentifier(item.id())) {
          return Fail(cases, "has an id that is not of a-z, 0-9, '-' and '_'.");
        }
        if (!seen.insert(item.id()).second) {
          return Fail(cases, absl::StrCat("has the id ", item.id(), " twice."));
        }
        if (!IsPlainLine(item.title(), 128) || item.synonyms_size() > 16 ||
            !std::all_of(item.synonyms().begin(), item.synonyms().end(),
                         [](const std::string& word) { return IsPlainLine(word, 128); })) {
          return Fail(cases, "has a title or synonyms beyond 128 bytes, or more than 16.");
        }
      }
      return absl::OkStatus();
    }
    case v1::ActionValueType::kEntity:
      if (FindEntityType(provider, type.entity().id()) == nullptr) {
        return Fail(absl::StrCat(field, ".entity.id"), "names no entity type of this provider.");
      }
      return absl::OkStatus();
    case v1::ActionValueType::kList:
      if (list_depth >= kMaxListDepth) return Fail(field, "nests lists more than 2 deep.");
      if (type.list().min_items() > kMaxListItems || type.list().max_items() > kMaxListItems ||
          (type.list().max_items() > 0 && type.list().min_items() > type.list().max_items())) {
        return Fail(absl::StrCat(field, ".list"), "has bounds that no list is in.");
      }
      return CheckType(absl::StrCat(field, ".list.item"), type.list().item(), provider,
                       list_depth + 1);
    case v1::ActionValueType::KIND_NOT_SET:
      break;
  }
  return Fail(field, "is required, and of a kind that this daemon knows.");
}

absl::Status CheckOne(std::string_view field, const v1::ActionValueType& type,
                      const v1::ActionValue& value, const v1::ProviderDeclaration& provider,
                      ValueOrigin origin, int depth);

absl::Status CheckEntityDeep(std::string_view field, std::string_view type,
                             const v1::EntityReference& entity,
                             const v1::ProviderDeclaration& provider, ValueOrigin origin,
                             int depth) {
  if (depth > kMaxPropertyDepth) return Fail(field, "holds entities in entities too deep.");
  if (entity.type() != type) {
    return Fail(absl::StrCat(field, ".type"), absl::StrCat("must be ", type, "."));
  }
  const v1::EntityType* declared = FindEntityType(provider, type);
  if (declared == nullptr) return Fail(field, "is of a type that this provider does not have.");
  if (entity.id().empty() && (origin == ValueOrigin::kProvider || entity.title().empty())) {
    return Fail(absl::StrCat(field, ".id"), "is required.");
  }
  if (entity.title().empty() && origin == ValueOrigin::kProvider) {
    return Fail(absl::StrCat(field, ".title"), "is required.");
  }
  for (const auto* text : {&entity.id(), &entity.title(), &entity.subtitle()}) {
    if (!IsPlainLine(*text, kMaxLineBytes)) {
      return Fail(field, "has a text beyond 256 bytes or with control characters.");
    }
  }
  if (entity.synonyms_size() > 16 ||
      !std::all_of(entity.synonyms().begin(), entity.synonyms().end(),
                   [](const std::string& word) { return IsPlainLine(word, kMaxLineBytes); })) {
    return Fail(absl::StrCat(field, ".synonyms"), "takes at most 16 of 256 bytes.");
  }
  for (const auto& [id, property] : entity.properties()) {
    const auto found = std::find_if(declared->properties().begin(), declared->properties().end(),
                                    [&id](const v1::EntityProperty& p) { return p.id() == id; });
    if (found == declared->properties().end()) {
      return Fail(absl::StrCat(field, ".properties"), "has one that its type does not declare.");
    }
    absl::Status status = CheckOne(absl::StrCat(field, ".properties[", id, "]"), found->type(),
                                   property, provider, origin, depth + 1);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckUrl(std::string_view field, const v1::UrlType& type, const std::string& url) {
  if (url.size() > kMaxLongBytes || HasControl(url, false) || absl::StrContains(url, ' ')) {
    return Fail(field, "is no URL: at most 4,096 bytes, no spaces or control characters.");
  }
  const size_t colon = url.find(':');
  if (colon == std::string::npos || colon + 1 == url.size()) {
    return Fail(field, "is no absolute URL with a scheme.");
  }
  const std::string scheme = absl::AsciiStrToLower(url.substr(0, colon));
  if (!IsScheme(scheme)) return Fail(field, "is no absolute URL with a scheme.");
  if (!type.schemes().empty() &&
      std::find(type.schemes().begin(), type.schemes().end(), scheme) == type.schemes().end()) {
    return Fail(field,
                absl::StrCat("must begin with one of: ", absl::StrJoin(type.schemes(), ", "), "."));
  }
  return absl::OkStatus();
}

absl::Status CheckFile(std::string_view field, const v1::FileType& type,
                       const v1::FileReference& file) {
  if (file.path().empty() || file.path().front() != '/' || file.path().size() > kMaxLongBytes ||
      absl::StrContains(file.path(), '\0')) {
    return Fail(absl::StrCat(field, ".path"), "must be an absolute path of at most 4,096 bytes.");
  }
  if (!IsPlainLine(file.media_type(), 128)) {
    return Fail(absl::StrCat(field, ".media_type"), "is no media type.");
  }
  if (file.media_type().empty() || type.media_types().empty()) return absl::OkStatus();
  for (const std::string& allowed : type.media_types()) {
    if (allowed == file.media_type()) return absl::OkStatus();
    if (absl::EndsWith(allowed, "/*") &&
        absl::StartsWith(file.media_type(), allowed.substr(0, allowed.size() - 1))) {
      return absl::OkStatus();
    }
  }
  return Fail(absl::StrCat(field, ".media_type"), "is none that is taken.");
}

absl::Status CheckOne(std::string_view field, const v1::ActionValueType& type,
                      const v1::ActionValue& value, const v1::ProviderDeclaration& provider,
                      ValueOrigin origin, int depth) {
  const auto wrong = [&](std::string_view kind) {
    return Fail(field, absl::StrCat("must be ", kind, "."));
  };
  switch (type.kind_case()) {
    case v1::ActionValueType::kString: {
      if (!value.has_string_value()) return wrong("a string");
      const size_t length = CountCharacters(value.string_value());
      if (length < type.string().min_length()) {
        return Fail(field,
                    absl::StrCat("needs at least ", type.string().min_length(), " characters."));
      }
      if (type.string().max_length() > 0 && length > type.string().max_length()) {
        return Fail(field,
                    absl::StrCat("takes at most ", type.string().max_length(), " characters."));
      }
      if (HasControl(value.string_value(), type.string().multiline())) {
        return Fail(field, "holds control characters or line breaks.");
      }
      return absl::OkStatus();
    }
    case v1::ActionValueType::kInteger:
      if (!value.has_integer_value()) return wrong("an integer");
      if (type.integer().has_minimum() && value.integer_value() < type.integer().minimum()) {
        return wrong(absl::StrCat("at least ", type.integer().minimum()));
      }
      if (type.integer().has_maximum() && value.integer_value() > type.integer().maximum()) {
        return wrong(absl::StrCat("at most ", type.integer().maximum()));
      }
      return absl::OkStatus();
    case v1::ActionValueType::kNumber:
      if (!value.has_number_value() || !std::isfinite(value.number_value())) {
        return wrong("a finite number");
      }
      if (type.number().has_minimum() && value.number_value() < type.number().minimum()) {
        return wrong(absl::StrCat("at least ", type.number().minimum()));
      }
      if (type.number().has_maximum() && value.number_value() > type.number().maximum()) {
        return wrong(absl::StrCat("at most ", type.number().maximum()));
      }
      return absl::OkStatus();
    case v1::ActionValueType::kBoolean:
      return value.has_boolean_value() ? absl::OkStatus() : wrong("true or false");
    case v1::ActionValueType::kDateTime: {
      const v1::CalendarDateTime& when = value.date_time_value();
      if (!value.has_date_time_value() || !IsDate(when.date()) || !IsTimeOfDay(when.time()) ||
          std::abs(when.utc_offset_seconds()) > 64'800) {
        return wrong("a date that exists, with a time");
      }
      return absl::OkStatus();
    }
    case v1::ActionValueType::kDate:
      return value.has_date_value() && IsDate(value.date_value()) ? absl::OkStatus()
                                                                  : wrong("a date that exists");
    case v1::ActionValueType::kTime:
      return value.has_time_value() && IsTimeOfDay(value.time_value()) ? absl::OkStatus()
                                                                       : wrong("a time of a day");
    case v1::ActionValueType::kDuration: {
      if (!value.has_duration_value() || !IsDuration(value.duration_value())) {
        return wrong("a duration");
      }
      const absl::Duration duration = GetDuration(value.duration_value());
      if (duration < GetDuration(type.duration().minimum())) return wrong("longer");
      if (type.duration().has_maximum() && duration > GetDuration(type.duration().maximum())) {
        return wrong("shorter");
      }
      return absl::OkStatus();
    }
    case v1::ActionValueType::kUrl:
      return value.kind_case() == v1::ActionValue::kUrlValue
                 ? CheckUrl(field, type.url(), value.url_value())
                 : wrong("a URL");
    case v1::ActionValueType::kFile:
      return value.has_file_value() ? CheckFile(field, type.file(), value.file_value())
                                    : wrong("a file");
    case v1::ActionValueType::kEnumeration: {
      const auto& cases = type.enumeration().cases();
      const bool known =
          value.kind_case() == v1::ActionValue::kEnumerationValue &&
          std::any_of(cases.begin(), cases.end(), [&value](const v1::EnumerationCase& item) {
            return item.id() == value.enumeration_value();
          });
      if (known) return absl::OkStatus();
      return wrong(absl::StrCat(
          "one of: ",
          absl::StrJoin(cases, ", ", [](std::string* out, const v1::EnumerationCase& item) {
            out->append(item.id());
          })));
    }
    case v1::ActionValueType::kEntity:
      return value.has_entity_value()
                 ? CheckEntityDeep(field, type.entity().id(), value.entity_value(), provider,
                                   origin, depth)
                 : wrong("an entity");
    case v1::ActionValueType::kList: {
      if (!value.has_list_value()) return wrong("a list");
      const int count = value.list_value().items_size();
      const int most =
          type.list().max_items() > 0 ? static_cast<int>(type.list().max_items()) : kMaxListItems;
      if (count < static_cast<int>(type.list().min_items()) || count > most) {
        return Fail(field,
                    absl::StrCat("must have ", type.list().min_items(), " to ", most, " items."));
      }
      for (int i = 0; i < count; ++i) {
        absl::Status status = CheckOne(absl::StrCat(field, ".items[", i, "]"), type.list().item(),
                                       value.list_value().items(i), provider, origin, depth);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    }
    case v1::ActionValueType::KIND_NOT_SET:
      break;
  }
  return Fail(field, "has no type.");
}

std::string Clock(const v1::TimeOfDay& time) {
  return time.seconds() == 0
             ? absl::StrFormat("%02d:%02d", time.hours(), time.minutes())
             : absl::StrFormat("%02d:%02d:%02d", time.hours(), time.minutes(), time.seconds());
}

std::string Day(const v1::CalendarDate& date) {
  return absl::StrFormat("%04d-%02d-%02d", date.year(), date.month(), date.day());
}

std::string Describe(const v1::ActionValue& value) {
  switch (value.kind_case()) {
    case v1::ActionValue::kStringValue:
      return value.string_value();
    case v1::ActionValue::kIntegerValue:
      return absl::StrCat(value.integer_value());
    case v1::ActionValue::kNumberValue:
      return absl::StrCat(value.number_value());
    case v1::ActionValue::kBooleanValue:
      return value.boolean_value() ? "yes" : "no";
    case v1::ActionValue::kDateTimeValue:
      return absl::StrCat(Day(value.date_time_value().date()), " ",
                          Clock(value.date_time_value().time()));
    case v1::ActionValue::kDateValue:
      return Day(value.date_value());
    case v1::ActionValue::kTimeValue:
      return Clock(value.time_value());
    case v1::ActionValue::kDurationValue:
      return absl::FormatDuration(GetDuration(value.duration_value()));
    case v1::ActionValue::kUrlValue:
      return value.url_value();
    case v1::ActionValue::kFileValue:
      return value.file_value().path();
    case v1::ActionValue::kEnumerationValue:
      return value.enumeration_value();
    case v1::ActionValue::kEntityValue:
      return value.entity_value().title().empty() ? value.entity_value().id()
                                                  : value.entity_value().title();
    case v1::ActionValue::kListValue: {
      std::string text;
      for (const v1::ActionValue& item : value.list_value().items()) {
        absl::StrAppend(&text, text.empty() ? "" : ", ", Describe(item));
        if (text.size() > 80) break;
      }
      return text;
    }
    case v1::ActionValue::KIND_NOT_SET:
      break;
  }
  return "";
}

}  // namespace

bool IsActionIdentifier(std::string_view id) {
  if (id.empty() || id.size() > 64 || id[0] == '-' || id[0] == '_') return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_';
  });
}

bool IsProviderIdentifier(std::string_view id) {
  if (id.empty() || id.size() > 128 || !absl::ascii_isalnum(id[0]) || absl::StrContains(id, "..")) {
    return false;
  }
  return std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
  });
}

bool IsPlainLine(std::string_view text, size_t limit) {
  return text.size() <= limit && !HasControl(text, false);
}

std::string MakePlainLine(std::string_view text, size_t limit) {
  std::string line;
  bool cut = false;
  for (size_t i = 0; i < text.size();) {
    size_t length = 1;
    while (i + length < text.size() &&
           (static_cast<unsigned char>(text[i + length]) & 0xC0U) == 0x80U) {
      ++length;
    }
    const std::string_view piece = HasControl(text.substr(i, 1), false)
                                       ? std::string_view("\xEF\xBF\xBD")
                                       : text.substr(i, length);
    if (line.size() + piece.size() > limit) {
      cut = true;
      break;
    }
    line += piece;
    i += length;
  }
  if (cut && limit > 8) {
    while (!line.empty() && line.size() + 3 > limit) {
      while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0U) == 0x80U) {
        line.pop_back();
      }
      if (!line.empty()) line.pop_back();
    }
    line += "…";
  }
  return line;
}

absl::Status CheckValueType(std::string_view field, const v1::ActionValueType& type,
                            const v1::ProviderDeclaration& provider) {
  return CheckType(field, type, provider, 0);
}

absl::Status CheckValue(std::string_view field, const v1::ActionValueType& type,
                        const v1::ActionValue& value, const v1::ProviderDeclaration& provider,
                        ValueOrigin origin) {
  if (value.ByteSizeLong() > kMaxActionValueBytes) {
    return TooLargeError(field, value.ByteSizeLong(), kMaxActionValueBytes);
  }
  return CheckOne(field, type, value, provider, origin, 0);
}

absl::Status CheckEntity(std::string_view field, std::string_view type,
                         const v1::EntityReference& entity, const v1::ProviderDeclaration& provider,
                         ValueOrigin origin) {
  return CheckEntityDeep(field, type, entity, provider, origin, 0);
}

absl::Status CheckValues(const v1::Action& action, const ActionValues& values,
                         const v1::ProviderDeclaration& provider, ValueOrigin origin) {
  size_t bytes = 0;
  for (const auto& [id, value] : values) {
    const v1::ActionParameter* parameter = FindParameter(action, id);
    if (parameter == nullptr) {
      return Fail("values", absl::StrCat("has “", MakePlainLine(id, 64), "”, and the action ",
                                         action.id(), " has no such parameter."));
    }
    bytes += value.ByteSizeLong();
    if (bytes > kMaxActionValueBytes) {
      return TooLargeError("values", bytes, kMaxActionValueBytes);
    }
    absl::Status status =
        CheckOne(absl::StrCat("values[", id, "]"), parameter->type(), value, provider, origin, 0);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string DescribeValue(const v1::ActionValue& value) {
  return MakePlainLine(Describe(value), 80);
}

const v1::ActionParameter* FindParameter(const v1::Action& action, std::string_view id) {
  for (const v1::ActionParameter& parameter : action.parameters()) {
    if (parameter.id() == id) return &parameter;
  }
  return nullptr;
}

const v1::EntityType* FindEntityType(const v1::ProviderDeclaration& provider, std::string_view id) {
  for (const v1::EntityType& type : provider.entity_types()) {
    if (type.id() == id) return &type;
  }
  return nullptr;
}

}  // namespace intelligenced
