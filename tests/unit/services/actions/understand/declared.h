// Declared actions with every type of value.
#ifndef INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_UNDERSTAND_DECLARED_H_
#define INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_UNDERSTAND_DECLARED_H_

#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "services/actions/understand/action_values.h"

namespace intelligenced {

inline intelligence::v1::Action ParseAction(const std::string& text) {
  intelligence::v1::Action action;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &action)) << text;
  return action;
}

inline std::vector<intelligence::v1::Action> DeclaredActions() {
  return {
      ParseAction(R"(name: "notes/remind" title: "Create a reminder"
          parameters { id: "task" type { string { max_length: 24 } } }
          parameters { id: "when" type { date_time {} } }
          phrases: "remind me to {task} {when}")"),
      ParseAction(R"(name: "notes/agenda" title: "Show the agenda"
          parameters { id: "day" type { date {} } optional: true }
          parameters { id: "from" type { time {} } optional: true }
          phrases: "what is on my agenda {day}")"),
      ParseAction(R"(name: "shop/add" title: "Add to the shopping list"
          parameters { id: "items" type { list { item { string { max_length: 12 } } max_items: 3 } } }
          parameters { id: "list" type { entity { id: "list" } } optional: true }
          phrases: "add {items} to my shopping list" phrases: "buy {items}")"),
      ParseAction(R"(name: "shop/delete" title: "Delete a list" is_destructive: true
          parameters { id: "list" type { entity { id: "list" } } }
          phrases: "delete the {list} list")"),
      ParseAction(R"(name: "home/dim" title: "Dim a light" requires_confirmation: true
          parameters { id: "room" type { enumeration {
              cases { id: "kitchen" } cases { id: "living-room" title: "Living room" } } } }
          parameters { id: "level" type { integer { minimum: 0 maximum: 100 unit: "%" } } }
          parameters { id: "slowly" type { boolean {} } optional: true }
          phrases: "dim the {room} light to {level}")"),
      ParseAction(R"(name: "home/heat" title: "Set the temperature"
          parameters { id: "degrees" type { number { minimum: 5 maximum: 30 unit: "°C" } } }
          phrases: "set the temperature to {degrees}")"),
      ParseAction(R"(name: "clock/timer" title: "Start a timer"
          parameters { id: "duration" type { duration { maximum { seconds: 86400 } } } }
          phrases: "set a timer for {duration}")"),
      ParseAction(R"(name: "web/open" title: "Open a page"
          parameters { id: "page" type { url { schemes: "https" } } } phrases: "open {page}")"),
      ParseAction(R"(name: "files/show" title: "Show a file"
          parameters { id: "file" type { file {} } } phrases: "show the file {file}")"),
  };
}

inline std::shared_ptr<const ActionLibrary> DeclaredLibrary() {
  auto library = MakeActionLibrary(DeclaredActions());
  EXPECT_TRUE(library.ok()) << library.status();
  return library.ok() ? *library : nullptr;
}

// Monday 2026-11-23 08:15.
inline resolve::Moment DeclaredMoment() {
  const absl::TimeZone zone = absl::FixedTimeZone(3600);
  return {.now = absl::FromCivil(absl::CivilSecond(2026, 11, 23, 8, 15, 0), zone), .zone = zone};
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_UNDERSTAND_DECLARED_H_
