// Actions of a handful of imagined apps, and the things those apps know.
#ifndef INTELLIGENCED_TESTS_SUPPORT_ACTIONS_RESOLVE_ACTIONS_H_
#define INTELLIGENCED_TESTS_SUPPORT_ACTIONS_RESOLVE_ACTIONS_H_

#include <string>
#include <vector>

#include "services/actions/resolve/resolver.h"

namespace intelligenced::resolve {

std::vector<ActionSpec> TestActions();

// Everything the apps know of a type, whatever the text.
std::vector<EntityName> TestEntities(const ActionSpec& action, const std::string& entity_type,
                                     const std::string& text);

// Monday 2026-11-23 08:15, one hour east of Greenwich.
Moment TestMoment();

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_TESTS_SUPPORT_ACTIONS_RESOLVE_ACTIONS_H_
