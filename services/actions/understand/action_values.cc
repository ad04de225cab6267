#include "services/actions/understand/action_values.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "services/actions/resolve/english.h"
#include "services/actions/resolve/phrase_template.h"
#include "services/actions/resolve/slots.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
using resolve::ValueKind;

constexpr uint32_t kDefaultCandidates = 3;
constexpr uint32_t kMaxCandidates = 16;
// Longer than any number, day or choice that is said.
constexpr size_t kMaxSaidBytes = 256;

ValueKind KindOf(const v1::ActionValueType& type) {
  switch (type.kind_case()) {
    case v1::ActionValueType::kInteger:
      return ValueKind::kInteger;
    case v1::ActionValueType::kNumber:
      return ValueKind::kNumber;
    case v1::ActionValueType::kBoolean:
      return ValueKind::kBoolean;
    case v1::ActionValueType::kDateTime:
      return ValueKind::kDateTime;
    case v1::ActionValueType::kDate:
      return ValueKind::kDate;
    case v1::ActionValueType::kTime:
      return ValueKind::kTime;
    case v1::ActionValueType::kDuration:
      return ValueKind::kDuration;
    case v1::ActionValueType::kUrl:
      return ValueKind::kUrl;
    case v1::ActionValueType::kFile:
      return ValueKind::kFile;
    case v1::ActionValueType::kEnumeration:
      return ValueKind::kEnumeration;
    case v1::ActionValueType::kEntity:
      return ValueKind::kEntity;
    case v1::ActionValueType::kList:
      return ValueKind::kList;
    case v1::ActionValueType::kString:
    case v1::ActionValueType::KIND_NOT_SET:
      break;
  }
  return ValueKind::kString;
}

// What the kind alone does not say.
void AddDetails(const v1::ActionValueType& type, resolve::ParameterSpec& spec) {
  if (type.has_integer()) {
    if (type.integer().has_minimum()) spec.minimum = static_cast<double>(type.integer().minimum());
    if (type.integer().has_maximum()) spec.maximum = static_cast<double>(type.integer().maximum());
    spec.unit = type.integer().unit();
  } else if (type.has_number()) {
    if (type.number().has_minimum()) spec.minimum = type.number().minimum();
    if (type.number().has_maximum()) spec.maximum = type.number().maximum();
    spec.unit = type.number().unit();
  } else if (type.has_url()) {
    spec.schemes.assign(type.url().schemes().begin(), type.url().schemes().end());
  } else if (type.has_enumeration()) {
    for (const v1::EnumerationCase& one : type.enumeration().cases()) {
      spec.cases.push_back({one.id(),
                            one.title().empty() ? one.id() : one.title(),
                            {one.synonyms().begin(), one.synonyms().end()}});
    }
  } else if (type.has_entity()) {
    spec.entity_type = type.entity().id();
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

bool FitsString(const std::string& text, const v1::StringType& type) {
  const size_t length = CountChars(text);
  if (length < type.min_length() || (type.max_length() > 0 && length > type.max_length())) {
    return false;
  }
  return std::none_of(text.begin(), text.end(), [&type](unsigned char c) {
    return (c < 0x20 || c == 0x7F) && !(type.multiline() && (c == '\n' || c == '\t'));
  });
}

bool FitsDuration(absl::Duration duration, const v1::DurationType& type) {
  auto bound = [](const google::protobuf::Duration& value) {
    return absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
  };
  return duration >= (type.has_minimum() ? bound(type.minimum()) : absl::ZeroDuration()) &&
         (!type.has_maximum() || duration <= bound(type.maximum()));
}

std::optional<v1::ActionValue> ToDateTime(const resolve::DateTimeValue& found,
                                          const v1::DateTimeType& type) {
  v1::ActionValue out;
  v1::CalendarDateTime* value = out.mutable_date_time_value();
  SetDate(found.civil, value->mutable_date());
  if (found.has_time) {
    SetTime(found.civil, value->mutable_time());
  } else if (type.has_default_time()) {
    *value->mutable_time() = type.default_time();
  } else {
    return std::nullopt;
  }
  return out;
}

std::optional<v1::ActionValue> ToList(const resolve::Value& value, const v1::ListType& type,
                                      const std::string& home) {
  v1::ActionValue out;
  const auto count = static_cast<uint32_t>(value.items.size());
  if (count < type.min_items() || (type.max_items() > 0 && count > type.max_items())) {
    return std::nullopt;
  }
  out.mutable_list_value();
  for (const resolve::Value& item : value.items) {
    std::optional<v1::ActionValue> one = ToActionValue(item, type.item(), home);
    if (!one) return std::nullopt;
    *out.mutable_list_value()->add_items() = *std::move(one);
  }
  return out;
}

v1::TextRange RangeOf(ByteSpan span) {
  v1::TextRange range;
  range.set_start(static_cast<uint32_t>(span.start));
  range.set_end(static_cast<uint32_t>(span.end));
  return range;
}

}  // namespace

resolve::ActionSpec SpecOf(const v1::Action& action) {
  resolve::ActionSpec spec{.id = action.name(), .title = action.title()};
  std::vector<std::string> names;
  for (const v1::ActionParameter& parameter : action.parameters()) {
    resolve::ParameterSpec one;
    one.name = parameter.id();
    one.kind = KindOf(parameter.type());
    one.required = !parameter.optional() && !parameter.has_default_value();
    AddDetails(parameter.type(), one);
    if (parameter.type().has_list()) {
      one.item_kind = KindOf(parameter.type().list().item());
      AddDetails(parameter.type().list().item(), one);
    }
    names.push_back(parameter.id());
    spec.parameters.push_back(std::move(one));
  }
  for (const std::string& phrase : action.phrases()) {
    if (resolve::ParsePhrase(phrase, names, "phrases").ok()) spec.phrases.push_back(phrase);
  }
  return spec;
}

std::optional<v1::ActionValue> ReadSaidValue(const v1::ActionValueType& type, std::string_view said,
                                             const resolve::Moment& moment) {
  if (said.size() > kMaxSaidBytes) return std::nullopt;
  resolve::ParameterSpec spec;
  spec.kind = KindOf(type);
  AddDetails(type, spec);
  const resolve::Slot slot(spec);
  resolve::Words words = resolve::SplitWords(said);
  while (words.size() > 1 &&
         resolve::english::IsIn(resolve::english::Fillers(), words.back().text)) {
    words.pop_back();
  }
  if (words.empty() || slot.open() || spec.kind == ValueKind::kUrl ||
      spec.kind == ValueKind::kFile) {
    return std::nullopt;
  }
  resolve::ValueReader reader(said, words, moment);
  const std::optional<resolve::SlotMatch> match = reader.Match(slot, 0);
  if (!match || match->words != words.size()) return std::nullopt;
  return ToActionValue(match->value, type, /*home=*/"");
}

absl::Status CheckActionPhrases(const v1::Action& action, const std::string& field) {
  std::vector<std::string> names;
  for (const v1::ActionParameter& parameter : action.parameters()) names.push_back(parameter.id());
  for (int index = 0; index < action.phrases_size(); ++index) {
    const auto parsed = resolve::ParsePhrase(action.phrases(index), names,
                                             absl::StrCat(field, ".phrases[", index, "]"));
    if (!parsed.ok()) return parsed.status();
  }
  return absl::OkStatus();
}

std::optional<v1::ActionValue> ToActionValue(const resolve::Value& value,
                                             const v1::ActionValueType& type,
                                             const std::string& home) {
  v1::ActionValue out;
  if (value.kind != KindOf(type)) return std::nullopt;
  switch (value.kind) {
    case ValueKind::kString:
      if (!FitsString(value.text, type.string())) return std::nullopt;
      out.set_string_value(value.text);
      break;
    case ValueKind::kInteger:
      out.set_integer_value(value.integer);
      break;
    case ValueKind::kNumber:
      out.set_number_value(value.number);
      break;
    case ValueKind::kBoolean:
      out.set_boolean_value(value.boolean);
      break;
    case ValueKind::kDateTime:
      return ToDateTime(value.date_time, type.date_time());
    case ValueKind::kDate:
      SetDate(value.date_time.civil, out.mutable_date_value());
      break;
    case ValueKind::kTime:
      SetTime(value.date_time.civil, out.mutable_time_value());
      break;
    case ValueKind::kDuration:
      if (!FitsDuration(value.duration, type.duration())) return std::nullopt;
      out.mutable_duration_value()->set_seconds(absl::ToInt64Seconds(value.duration));
      break;
    case ValueKind::kUrl:
      out.set_url_value(value.text);
      break;
    case ValueKind::kFile: {
      std::string path = value.text;
      if (absl::StartsWith(path, "~/") && !home.empty()) path = absl::StrCat(home, path.substr(1));
      if (!absl::StartsWith(path, "/")) return std::nullopt;
      out.mutable_file_value()->set_path(std::move(path));
      break;
    }
    case ValueKind::kEnumeration:
      out.set_enumeration_value(value.text);
      break;
    case ValueKind::kEntity: {
      if (!FitsString(value.title, {}) || value.title.size() > 256) return std::nullopt;
      out.mutable_entity_value()->set_type(type.entity().id());
      out.mutable_entity_value()->set_id(value.text);
      out.mutable_entity_value()->set_title(value.title);
      break;
    }
    case ValueKind::kList:
      return ToList(value, type.list(), home);
  }
  return out;
}

const v1::Action* ActionLibrary::Find(const std::string& name) const {
  const resolve::ActionSpec* spec = index->Find(name);
  return spec == nullptr ? nullptr : &actions[spec - index->actions().data()];
}

absl::StatusOr<std::shared_ptr<const ActionLibrary>> MakeActionLibrary(
    std::vector<v1::Action> actions) {
  auto library = std::make_shared<ActionLibrary>();
  std::vector<resolve::ActionSpec> specs;
  for (const v1::Action& action : actions) specs.push_back(SpecOf(action));
  library->actions = std::move(actions);
  auto index = resolve::ActionIndex::Build(std::move(specs));
  if (!index.ok()) return index.status();
  library->index = *std::move(index);
  return library;
}

absl::Status CheckResolveRequest(const v1::ResolveUtteranceRequest& request) {
  if (absl::Status status = resolve::CheckUtterance(request.utterance()); !status.ok()) {
    return status;
  }
  if (request.max_candidates() > kMaxCandidates) {
    return FieldError("max_candidates", absl::StrCat("is at most ", kMaxCandidates, "."));
  }
  const std::string language =
      ToLowerUtf8(request.language_code().substr(0, request.language_code().find_first_of("-_")));
  if (!language.empty() && language != "en") {
    ErrorFacts facts;
    facts.field = "language_code";
    facts.metadata = {{"supported", "en"}};
    return MakeError(Reason::kLanguageUnsupported,
                     "Sentences for actions are understood in English (\"en\") only.",
                     std::move(facts));
  }
  if (request.has_min_confidence() &&
      !(request.min_confidence() >= 0 && request.min_confidence() <= 1)) {
    return FieldError("min_confidence", "is a number from 0 to 1.");
  }
  if (!v1::ResolveMethod_IsValid(request.method())) {
    return FieldError("method", "is none that this daemon knows.");
  }
  if (!request.has_now()) return absl::OkStatus();
  const v1::CalendarDate& date = request.now().date();
  const v1::TimeOfDay& time = request.now().time();
  const absl::CivilDay day(date.year(), static_cast<int>(std::min(date.month(), 99U)),
                           static_cast<int>(std::min(date.day(), 99U)));
  if (date.year() < 1 || date.year() > 9999 || static_cast<uint32_t>(day.month()) != date.month() ||
      static_cast<uint32_t>(day.day()) != date.day()) {
    return FieldError("now.date", "is no day of the calendar.");
  }
  if (time.hours() > 23 || time.minutes() > 59 || time.seconds() > 59) {
    return FieldError("now.time", "is no time of a day.");
  }
  if (std::abs(request.now().utc_offset_seconds()) > 64'800) {
    return FieldError("now.utc_offset_seconds", "is at most 18 hours.");
  }
  return absl::OkStatus();
}

resolve::Moment MomentOf(const v1::ResolveUtteranceRequest& request, absl::Time now,
                         const absl::TimeZone& zone) {
  if (!request.has_now()) return {.now = now, .zone = zone};
  const v1::CalendarDateTime& said = request.now();
  const absl::TimeZone there =
      said.has_utc_offset_seconds() ? absl::FixedTimeZone(said.utc_offset_seconds()) : zone;
  const absl::CivilSecond civil(
      said.date().year(), static_cast<int>(said.date().month()),
      static_cast<int>(said.date().day()), static_cast<int>(said.time().hours()),
      static_cast<int>(said.time().minutes()), static_cast<int>(said.time().seconds()));
  return {.now = absl::FromCivil(civil, there), .zone = there};
}

absl::StatusOr<v1::ResolveUtteranceResponse> ResolveByPhrases(
    const ActionLibrary& library, const v1::ResolveUtteranceRequest& request,
    const resolve::Moment& moment, const std::string& home) {
  const std::set<std::string> providers(request.providers().begin(), request.providers().end());
  resolve::ResolveOptions options{.moment = moment};
  options.max_candidates =
      request.max_candidates() > 0 ? request.max_candidates() : kDefaultCandidates;
  if (request.has_min_confidence()) options.min_confidence = request.min_confidence();
  if (!providers.empty()) {
    options.allowed = [&providers](const resolve::ActionSpec& action) {
      return providers.contains(action.id.substr(0, action.id.find('/')));
    };
  }
  absl::StatusOr<resolve::Resolution> resolution =
      resolve::Resolve(*library.index, request.utterance(), options);
  if (!resolution.ok()) return resolution.status();
  v1::ResolveUtteranceResponse response;
  response.set_method(v1::RESOLVE_METHOD_PHRASES);
  for (const resolve::Candidate& found : resolution->candidates) {
    const v1::Action* action = library.Find(found.action);
    v1::ActionCandidate* candidate = response.add_candidates();
    candidate->set_action(found.action);
    candidate->set_title(action->title());
    candidate->set_confidence(static_cast<float>(found.confidence));
    candidate->set_requires_confirmation(action->requires_confirmation());
    candidate->set_is_destructive(action->is_destructive());
    for (const v1::ActionParameter& parameter : action->parameters()) {
      const auto said = std::find_if(
          found.parameters.begin(), found.parameters.end(),
          [&parameter](const resolve::FilledParameter& f) { return f.name == parameter.id(); });
      std::optional<v1::ActionValue> value;
      if (said != found.parameters.end()) {
        value = ToActionValue(said->value, parameter.type(), home);
      }
      if (value) {
        v1::FilledParameter* filled = candidate->add_filled();
        filled->set_parameter(parameter.id());
        *filled->mutable_value() = *std::move(value);
        *filled->mutable_source() = RangeOf(said->span);
        filled->set_confidence(static_cast<float>(said->confidence));
        if (said->value.date_time.half_open) {
          v1::Ambiguity* ambiguity = candidate->add_ambiguities();
          ambiguity->set_kind(v1::Ambiguity::KIND_VALUE);
          ambiguity->set_parameter(parameter.id());
          *ambiguity->mutable_source() = RangeOf(said->span);
          resolve::Value other = said->value;
          other.date_time.civil += other.date_time.civil.hour() < 12 ? 12 * 3600 : -12 * 3600;
          if (std::optional<v1::ActionValue> half = ToActionValue(other, parameter.type(), home)) {
            *ambiguity->add_values() = *std::move(half);
          }
          ambiguity->set_explanation("The hour could be of the morning or of the evening.");
        }
      } else if (!parameter.optional() && !parameter.has_default_value()) {
        candidate->add_missing(parameter.id());
      }
    }
  }
  if (response.candidates_size() > 0) {
    *response.mutable_ambiguities() = response.candidates(0).ambiguities();
    if (!resolution->rivals.empty()) {
      v1::Ambiguity* ambiguity = response.add_ambiguities();
      ambiguity->set_kind(v1::Ambiguity::KIND_ACTION);
      for (const std::string& rival : resolution->rivals) ambiguity->add_alternatives(rival);
      ambiguity->set_explanation("Another action fits nearly as well.");
    }
  }
  return response;
}

}  // namespace intelligenced
