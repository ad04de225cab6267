// What actions are made of: values, their types, and what an app declares with them.
#ifndef INTELLIGENCE_ACTION_VALUES_H_
#define INTELLIGENCE_ACTION_VALUES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace intelligence::actions {

struct Date {
  int year = 1;
  int month = 1;
  int day = 1;
  auto operator<=>(const Date&) const = default;
};

struct Time {
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  auto operator<=>(const Time&) const = default;
};

// Where the person is, unless an offset says otherwise.
struct DateTime {
  Date date = {};
  Time time = {};
  std::optional<int> utc_offset_seconds = {};
  auto operator<=>(const DateTime&) const = default;
};

struct Url {
  std::string text = {};
  bool operator==(const Url&) const = default;
};

// By name; whoever reads it needs the right to.
struct File {
  std::string path = {};        // absolute
  std::string media_type = {};  // empty: not known
  bool operator==(const File&) const = default;
};

// One case of an enumeration.
struct Choice {
  std::string id = {};
  bool operator==(const Choice&) const = default;
};

struct Value;

// A thing of a provider's. As an argument it may have a title alone: it is looked for then.
struct Entity {
  std::string type = {};
  std::string id = {};
  std::string title = {};
  std::string subtitle = {};
  std::vector<std::string> synonyms = {};
  std::map<std::string, Value> properties = {};
  bool operator==(const Entity&) const;
};

using List = std::vector<Value>;

// A value of one kind. Never converted to another.
struct Value {
  std::variant<std::monostate, std::string, int64_t, double, bool, DateTime, Date, Time,
               absl::Duration, Url, File, Choice, Entity, List>
      kind = {};

  Value() = default;
  template <typename T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, Value>)
  Value(T&& value) {  // NOLINT(google-explicit-constructor): a value is what it holds
    using Plain = std::remove_cvref_t<T>;
    if constexpr (std::is_same_v<Plain, bool>) {
      kind = value;
    } else if constexpr (std::is_integral_v<Plain>) {
      kind = static_cast<int64_t>(value);
    } else if constexpr (std::is_floating_point_v<Plain>) {
      kind = static_cast<double>(value);
    } else if constexpr (std::is_convertible_v<T, std::string>) {
      kind = std::string(std::forward<T>(value));
    } else {
      kind = std::forward<T>(value);
    }
  }
  // Null for a value of another kind.
  template <typename T>
  const T* As() const {
    return std::get_if<T>(&kind);
  }
  bool empty() const { return kind.index() == 0; }
  bool operator==(const Value&) const = default;
};

inline bool Entity::operator==(const Entity&) const = default;

using Values = std::map<std::string, Value>;

// Which values are allowed. Bounds that are not set are none.
struct ValueType {
  enum class Kind {
    kString,
    kInteger,
    kNumber,
    kBoolean,
    kDateTime,
    kDate,
    kTime,
    kDuration,
    kUrl,
    kFile,
    kEnumeration,
    kEntity,
    kList,
  };
  struct Case {
    std::string id = {};
    std::string title = {};
    std::vector<std::string> synonyms = {};
  };

  Kind kind = Kind::kString;
  std::optional<double> minimum = {};  // integers, numbers, characters, items, seconds
  std::optional<double> maximum = {};
  std::string unit = {};                       // of numbers
  bool multiline = false;                      // strings
  std::optional<Time> default_time = {};       // kDateTime where only a day was said
  std::vector<std::string> schemes = {};       // kUrl, kFile: schemes, media types
  std::vector<Case> cases = {};                // kEnumeration
  std::string entity = {};                     // kEntity: the type's id
  std::shared_ptr<const ValueType> item = {};  // kList
};

// "string", "date_time", …: the words of the API.
std::string KindName(ValueType::Kind kind);

// The type of what a program holds: TypeOf<Date>() and so on.
template <typename T>
ValueType TypeOf() {
  using Kind = ValueType::Kind;
  if constexpr (std::is_same_v<T, bool>) return {.kind = Kind::kBoolean};
  if constexpr (std::is_integral_v<T>) return {.kind = Kind::kInteger};
  if constexpr (std::is_floating_point_v<T>) return {.kind = Kind::kNumber};
  if constexpr (std::is_same_v<T, std::string>) return {.kind = Kind::kString};
  if constexpr (std::is_same_v<T, DateTime>) return {.kind = Kind::kDateTime};
  if constexpr (std::is_same_v<T, Date>) return {.kind = Kind::kDate};
  if constexpr (std::is_same_v<T, Time>) return {.kind = Kind::kTime};
  if constexpr (std::is_same_v<T, absl::Duration>) return {.kind = Kind::kDuration};
  if constexpr (std::is_same_v<T, Url>) return {.kind = Kind::kUrl};
  if constexpr (std::is_same_v<T, File>) return {.kind = Kind::kFile};
}
inline ValueType EntityOf(std::string type) {
  return {.kind = ValueType::Kind::kEntity, .entity = std::move(type)};
}
inline ValueType OneOf(std::vector<ValueType::Case> cases) {
  return {.kind = ValueType::Kind::kEnumeration, .cases = std::move(cases)};
}
inline ValueType ListOf(ValueType item) {
  return {.kind = ValueType::Kind::kList,
          .item = std::make_shared<const ValueType>(std::move(item))};
}

struct ParameterInfo {
  std::string id = {};
  std::string title = {};
  std::string description = {};
  ValueType type = {};
  bool optional = false;
  Value default_value = {};  // empty: none
  std::string prompt = {};
};

struct ActionInfo {
  std::string name = {};  // "PROVIDER/ID"
  std::string id = {};
  std::string provider = {};
  std::string title = {};
  std::string description = {};
  std::vector<ParameterInfo> parameters = {};
  std::optional<ValueType> result = {};
  std::vector<std::string> phrases = {};
  bool requires_confirmation = false;
  bool is_destructive = false;
  bool available = false;  // its provider is connected
  bool startable = false;
};

struct Snippet {
  std::string markdown = {};
  std::string picture = {};  // encoded
  std::string picture_media_type = {};
};

// What an action gives back: the app's words, not the daemon's.
struct Result {
  Value value = {};  // empty: none
  std::string dialog = {};
  Snippet snippet = {};
};

}  // namespace intelligence::actions

#endif  // INTELLIGENCE_ACTION_VALUES_H_
