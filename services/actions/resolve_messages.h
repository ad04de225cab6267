// The resolver's plain types to and from the API's messages. Pure.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_MESSAGES_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_MESSAGES_H_

#include <vector>

#include "protos/intelligence/v1/actions.pb.h"
#include "services/actions/registry.h"
#include "services/actions/resolve/resolver.h"

namespace intelligenced {

// The resolver's name of an action is its full name.
resolve::ActionSpec ToSpec(const intelligence::v1::Action& action);

// False: the value does not fit the type (a number with a fraction for an integer).
bool ToMessage(const resolve::Value& value, const intelligence::v1::ActionValueType& type,
               intelligence::v1::ActionValue* message);

// Values that their parameters' types do not allow are left out, and are missing then.
intelligence::v1::ActionCandidate ToMessage(const resolve::Candidate& candidate,
                                            const ActionRegistry::Found& found);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_MESSAGES_H_
