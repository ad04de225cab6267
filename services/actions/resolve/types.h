// What the resolver knows of actions and what it finds: plain values, no messages of the API.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_TYPES_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "runtime/base/byte_span.h"

namespace intelligenced::resolve {

enum class ValueKind {
  kString,
  kInteger,
  kNumber,
  kBoolean,
  kDateTime,  // with a time, or a day alone
  kDate,
  kTime,
  kDuration,
  kUrl,
  kFile,
  kEnumeration,
  kEntity,
  kList,
};

// One choice of an enumeration.
struct EnumCase {
  std::string id = {};
  std::string title = {};
  std::vector<std::string> synonyms = {};
};

struct ParameterSpec {
  std::string name = {};
  ValueKind kind = ValueKind::kString;
  // A value must be there before the action can run.
  bool required = true;
  // kList: what its items are; never kList.
  ValueKind item_kind = ValueKind::kString;
  // kEnumeration, also as items.
  std::vector<EnumCase> cases = {};
  // kUrl: allowed schemes, in lower case; empty: any. An e-mail address is a link with "mailto".
  std::vector<std::string> schemes = {};
  // kEntity, also as items: the provider's name of the type.
  std::string entity_type = {};
  // kInteger, kNumber: bounds, both included; numbers outside are no value.
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
  // kInteger, kNumber: what is counted ("percent", "kilometer"; numbers.h). A number said with
  // another unit of the same dimension is converted, with one of another dimension it is no value.
  // Empty: any unit is kept with the number.
  std::string unit = {};
};

struct ActionSpec {
  // Unique among the actions of an index.
  std::string id = {};
  std::string title = {};
  std::vector<ParameterSpec> parameters = {};
  // Phrase templates (phrase_template.h).
  std::vector<std::string> phrases = {};
};

// A day, a time of day or both, as they were said; `time` has what was left out filled in.
struct DateTimeValue {
  absl::CivilSecond civil = {};
  absl::Time time = {};
  bool has_date = false;
  bool has_time = false;
  // The other half of the day is as likely: "at 9".
  bool half_open = false;
};

struct Value {
  ValueKind kind = ValueKind::kString;
  // kString, kUrl, kFile; kEnumeration: the case's id; kEntity: the entity's id, empty
  // while only `title` is known.
  std::string text = {};
  // kEntity: its title, or what was said.
  std::string title = {};
  double number = 0;             // kNumber
  int64_t integer = 0;           // kInteger
  bool boolean = false;          // kBoolean
  std::string unit = {};         // kInteger, kNumber: what was said
  DateTimeValue date_time = {};  // kDateTime, kDate, kTime
  absl::Duration duration = {};
  std::vector<Value> items = {};
};

// Something a provider knows by name.
struct EntityName {
  std::string id = {};
  std::string title = {};
  std::vector<std::string> synonyms = {};
};

// A parameter that was said.
struct FilledParameter {
  std::string name = {};
  Value value = {};
  // Where in the utterance; bytes, on character borders.
  ByteSpan span = {};
  // From 0 to 1; under 1 where something was guessed.
  double confidence = 1;
};

// Entities that are as likely as each other.
struct Ambiguity {
  std::string parameter = {};
  ByteSpan span = {};
  std::string text = {};
  // The likeliest first, at least two.
  std::vector<EntityName> choices = {};
};

struct Candidate {
  std::string action = {};
  // From 0 to 1. kRunConfidence or more: what was meant, in all likelihood.
  double confidence = 0;
  std::vector<FilledParameter> parameters = {};
  // Required parameters without a value, in the order of the declaration. Ambiguous ones count.
  std::vector<std::string> missing = {};
  std::vector<Ambiguity> ambiguities = {};
};

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_TYPES_H_
