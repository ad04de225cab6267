// A provider of lists, as text of its message.
#ifndef INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_ACTION_TEXTS_H_
#define INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_ACTION_TEXTS_H_

namespace intelligenced {

inline constexpr char kListsDeclaration[] = R"(
  id: "org.example.Lists" title: "Lists"
  entity_types { id: "list" title: "list" properties { id: "size" type { integer {} } } }
  actions {
    id: "add" title: "Add to a list" phrases: "add {item} to {list}"
    parameters { id: "item" type { string { max_length: 20 } } prompt: "What?" }
    parameters { id: "list" type { entity { id: "list" } } }
  }
  actions {
    id: "drop" title: "Delete a list" is_destructive: true
    parameters { id: "list" type { entity { id: "list" } } }
  }
  actions {
    id: "count" title: "Count" requires_confirmation: true
    parameters { id: "from" type { integer { minimum: 1 } } default_value { integer_value: 1 } }
    result { integer {} }
  }
)";

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_ACTION_TEXTS_H_
