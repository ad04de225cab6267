// Identifiers, types and values of actions against their rules (action_types.proto). Pure.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_VALUES_H_
#define INTELLIGENCED_SERVICES_ACTIONS_VALUES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/map.h"
#include "protos/intelligence/v1/action_types.pb.h"

namespace intelligenced {

using ActionValues = google::protobuf::Map<std::string, intelligence::v1::ActionValue>;

inline constexpr size_t kMaxActionValueBytes = size_t{256} << 10;

// [a-z0-9][a-z0-9_-]{0,63}.
bool IsActionIdentifier(std::string_view id);
// [A-Za-z0-9][A-Za-z0-9._-]{0,127} without "..".
bool IsProviderIdentifier(std::string_view id);

// Whether people may be shown it as one line: no control characters, at most `limit` bytes.
bool IsPlainLine(std::string_view text, size_t limit);
// Cuts at a character's border and puts U+FFFD for control characters: for words that are shown
// although their sender breaks the rules.
std::string MakePlainLine(std::string_view text, size_t limit);

// Whether the type is one that this daemon knows, with bounds that make sense. Entity types must be
// those of `provider`. FIELD_INVALID with `field` and what is below it.
absl::Status CheckValueType(std::string_view field, const intelligence::v1::ActionValueType& type,
                            const intelligence::v1::ProviderDeclaration& provider);

enum class ValueOrigin {
  // An entity may be a title without a key.
  kCaller,
  // Entities have keys.
  kProvider,
};

// Whether `value` is one of `type`, which CheckValueType() has passed. FIELD_INVALID with `field`
// and what is below it; the value itself is in no message.
absl::Status CheckValue(std::string_view field, const intelligence::v1::ActionValueType& type,
                        const intelligence::v1::ActionValue& value,
                        const intelligence::v1::ProviderDeclaration& provider, ValueOrigin origin);

// Values of an action's parameters, not necessarily all of them. FIELD_INVALID
// ("values[PARAMETER]"), INPUT_TOO_LARGE.
absl::Status CheckValues(const intelligence::v1::Action& action, const ActionValues& values,
                         const intelligence::v1::ProviderDeclaration& provider, ValueOrigin origin);

// An entity as an answer of the provider: keys, lengths, properties.
absl::Status CheckEntity(std::string_view field, std::string_view type,
                         const intelligence::v1::EntityReference& entity,
                         const intelligence::v1::ProviderDeclaration& provider, ValueOrigin origin);

// "milk", "tomorrow"-free: a value in a few words for a person, one line of at most 80 bytes.
std::string DescribeValue(const intelligence::v1::ActionValue& value);

const intelligence::v1::ActionParameter* FindParameter(const intelligence::v1::Action& action,
                                                       std::string_view id);
const intelligence::v1::EntityType* FindEntityType(
    const intelligence::v1::ProviderDeclaration& provider, std::string_view id);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_VALUES_H_
