// Declarations of the API as the resolver reads them, and what it found as values of the API. Pure.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_UNDERSTAND_ACTION_VALUES_H_
#define INTELLIGENCED_SERVICES_ACTIONS_UNDERSTAND_ACTION_VALUES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/actions.pb.h"
#include "services/actions/resolve/resolver.h"

namespace intelligenced {

// The action under its full name. Phrases that ParsePhrase() refuses are left out: registration
// tells their author (CheckActionPhrases()).
resolve::ActionSpec SpecOf(const intelligence::v1::Action& action);

// FIELD_INVALID ("{field}.phrases[2]") for a phrase that is malformed.
absl::Status CheckActionPhrases(const intelligence::v1::Action& action, const std::string& field);

// A value that was found, as one of `type`. Nothing where it is none of the type: a day without a
// time where the type has no default time, a file without an absolute path (`home` stands for
// "~"; empty: there is none), a text outside the bounds.
std::optional<intelligence::v1::ActionValue> ToActionValue(
    const resolve::Value& value, const intelligence::v1::ActionValueType& type,
    const std::string& home);

// The actions of a user, indexed. Immutable.
struct ActionLibrary {
  std::vector<intelligence::v1::Action> actions;
  std::shared_ptr<const resolve::ActionIndex> index;

  // Null for a name that is none.
  const intelligence::v1::Action* Find(const std::string& name) const;
};
// `actions` have their names set, each once.
absl::StatusOr<std::shared_ptr<const ActionLibrary>> MakeActionLibrary(
    std::vector<intelligence::v1::Action> actions);

// FIELD_INVALID, INPUT_TOO_LARGE and LANGUAGE_UNSUPPORTED as ResolveUtteranceRequest says.
absl::Status CheckResolveRequest(const intelligence::v1::ResolveUtteranceRequest& request);

// What was said when a value was asked for ("tomorrow at 9", "half an hour", "yes please"), for
// types that are more than text: numbers, yes and no, days, times, durations, choices. Nothing for
// other types, and where it says no value of the type or something else too.
std::optional<intelligence::v1::ActionValue> ReadSaidValue(
    const intelligence::v1::ActionValueType& type, std::string_view said,
    const resolve::Moment& moment);

// When and where the sentence is said: `request.now`, else `now` in `zone`.
resolve::Moment MomentOf(const intelligence::v1::ResolveUtteranceRequest& request, absl::Time now,
                         const absl::TimeZone& zone);

// The answer without a model. `request` has passed CheckResolveRequest(). A long sentence among
// thousands of actions takes tens of milliseconds.
absl::StatusOr<intelligence::v1::ResolveUtteranceResponse> ResolveByPhrases(
    const ActionLibrary& library, const intelligence::v1::ResolveUtteranceRequest& request,
    const resolve::Moment& moment, const std::string& home);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_UNDERSTAND_ACTION_VALUES_H_
