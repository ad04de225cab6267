#include "tests/support/actions/resolve_actions.h"

#include <utility>

#include "absl/time/civil_time.h"

namespace intelligenced::resolve {
namespace {

ParameterSpec Parameter(std::string name, ValueKind kind, bool required = true) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.kind = kind;
  spec.required = required;
  return spec;
}
ParameterSpec Entity(std::string name, std::string type) {
  ParameterSpec spec = Parameter(std::move(name), ValueKind::kEntity);
  spec.entity_type = std::move(type);
  return spec;
}
ParameterSpec Percent(std::string name) {
  ParameterSpec spec = Parameter(std::move(name), ValueKind::kInteger);
  spec.minimum = 0;
  spec.maximum = 100;
  spec.unit = "%";
  return spec;
}
ParameterSpec Room() {
  ParameterSpec spec = Parameter("room", ValueKind::kEnumeration);
  spec.cases = {{"kitchen", "Kitchen", {}},
                {"living-room", "Living room", {"lounge", "sitting room"}},
                {"bedroom", "Bedroom", {}},
                {"office", "Office", {"study"}},
                {"hallway", "Hallway", {"corridor", "hall"}}};
  return spec;
}

std::vector<ActionSpec> NotesAndReminders() {
  return {
      {"create-reminder",
       "Create a reminder",
       {Parameter("task", ValueKind::kString), Parameter("when", ValueKind::kDateTime, false)},
       {"remind me to {task} {when}", "remind me {when} to {task}", "remind me about {task}",
        "[set|create] [a] reminder to {task} {when}", "don't let me forget to {task}",
        "reminder {task}"}},
      {"complete-reminder",
       "Complete a reminder",
       {Entity("reminder", "reminder")},
       {"mark [the reminder] {reminder} as done", "complete [the reminder] {reminder}",
        "tick off {reminder}", "I have finished {reminder}"}},
      {"list-reminders",
       "List reminders",
       {Parameter("day", ValueKind::kDate, false)},
       {"show my reminders", "list [my|the] reminders for {day}",
        "what are my reminders [for] {day}", "do I have reminders {day}"}},
      {"create-note",
       "Create a note",
       {Parameter("text", ValueKind::kString)},
       {"take a note {text}", "make a note [that says] {text}", "write down {text}",
        "note that {text}", "note to self {text}"}},
      {"find-notes",
       "Find notes",
       {Parameter("query", ValueKind::kString)},
       {"find [my] notes about {query}", "search [my] notes for {query}",
        "are there notes about {query}"}},
      {"delete-note",
       "Delete a note",
       {Entity("note", "note")},
       {"delete [the|my] note [called] {note}", "delete [the|my] {note} note"}},
  };
}

std::vector<ActionSpec> Shopping() {
  ParameterSpec items = Parameter("items", ValueKind::kList);
  return {
      {"add-to-shopping-list",
       "Add to the shopping list",
       {items},
       {"add {items} to (my|the) shopping list", "put {items} on the grocery list", "buy {items}",
        "shopping list {items}", "I need {items} on the shopping list"}},
      {"remove-from-shopping-list",
       "Remove from the shopping list",
       {items},
       {"remove {items} from (my|the) shopping list", "take {items} off my shopping list",
        "cross {items} off the list"}},
      {"show-shopping-list",
       "Show the shopping list",
       {},
       {"what's on my shopping list", "show [me] my shopping list", "what do I have to buy"}},
      {"clear-shopping-list",
       "Clear the shopping list",
       {},
       {"clear my shopping list", "empty the shopping list",
        "remove everything from the shopping list"}},
  };
}

std::vector<ActionSpec> ClockAndMusic() {
  return {
      {"start-timer",
       "Start a timer",
       {Parameter("duration", ValueKind::kDuration), Parameter("label", ValueKind::kString, false)},
       {"set a timer for {duration}", "start a {duration} timer", "timer {duration}",
        "set a {label} timer for {duration}", "count down {duration}"}},
      {"stop-timer", "Stop the timer", {}, {"stop the timer", "cancel the timer"}},
      {"set-alarm",
       "Set an alarm",
       {Parameter("time", ValueKind::kDateTime)},
       {"set an alarm for {time}", "wake me up at {time}", "alarm {time}", "get me up {time}"}},
      {"play-song",
       "Play a song",
       {Entity("song", "song")},
       {"play [the song] {song}", "listen to {song}", "put on {song}", "I want to hear {song}"}},
      {"pause-music", "Pause the music", {}, {"pause the music", "stop playing", "music off"}},
      {"set-volume",
       "Set the volume",
       {Percent("level")},
       {"set the volume to {level}", "volume {level}", "turn the volume (up|down) to {level}"}},
  };
}

std::vector<ActionSpec> Lights() {
  ParameterSpec color = Parameter("color", ValueKind::kEnumeration);
  color.cases = {{"red", "Red", {}},
                 {"green", "Green", {}},
                 {"blue", "Blue", {}},
                 {"purple", "Purple", {"violet"}},
                 {"warm-white", "Warm white", {"cosy"}}};
  return {
      {"set-light",
       "Switch a light",
       {Room(), Parameter("state", ValueKind::kBoolean)},
       {"turn {state} the {room} light", "turn the {room} light {state}",
        "lights {state} in the {room}", "turn {state} the light in the {room}"}},
      {"set-brightness",
       "Set the brightness",
       {Room(), Percent("level")},
       {"set the {room} brightness to {level}", "dim the {room} light to {level}",
        "brightness of the {room} light {level}", "set the {room} light to {level}"}},
      {"set-light-color",
       "Set the color of a light",
       {Room(), color},
       {"make the {room} light {color}", "set the color of the {room} light to {color}"}},
  };
}

std::vector<ActionSpec> MailCalendarAndWeb() {
  return {
      {"send-mail",
       "Send an e-mail",
       {Entity("recipient", "contact"), Parameter("subject", ValueKind::kString, false),
        Parameter("body", ValueKind::kString, false)},
       {"send [a|an] email to {recipient} saying {body}", "email {recipient} about {subject}",
        "email {recipient} that {body}", "send {recipient} [a|an] message",
        "message {recipient} {body}"}},
      {"search-mail",
       "Search mail",
       {Parameter("query", ValueKind::kString)},
       {"search [my] mail for {query}", "find emails about {query}",
        "look in my inbox for {query}"}},
      {"create-event",
       "Create an event",
       {Parameter("title", ValueKind::kString), Parameter("start", ValueKind::kDateTime),
        Parameter("duration", ValueKind::kDuration, false)},
       {"schedule [a|an] {title} {start}", "add {title} to my calendar {start}",
        "create an event [called] {title} {start}", "new appointment {title} {start}"}},
      {"show-agenda",
       "Show the agenda",
       {Parameter("day", ValueKind::kDate, false)},
       {"what's on my calendar {day}", "show my agenda for {day}", "do I have anything {day}",
        "what am I doing {day}", "am I busy {day}"}},
      {"open-page",
       "Open a web page",
       {[] {
         ParameterSpec spec = Parameter("address", ValueKind::kUrl);
         spec.schemes = {"http", "https"};
         return spec;
       }()},
       {"open {address}", "go to {address}"}},
      {"open-file",
       "Open a file",
       {Parameter("file", ValueKind::kFile)},
       {"open [the file] {file}", "show {file}"}},
  };
}

}  // namespace

std::vector<ActionSpec> TestActions() {
  std::vector<ActionSpec> out;
  for (auto group :
       {NotesAndReminders(), Shopping(), ClockAndMusic(), Lights(), MailCalendarAndWeb()}) {
    for (ActionSpec& action : group) out.push_back(std::move(action));
  }
  return out;
}

std::vector<EntityName> TestEntities(const ActionSpec&, const std::string& entity_type,
                                     const std::string&) {
  if (entity_type == "reminder") {
    return {{"r1", "Pay rent", {}}, {"r2", "Call the dentist", {}}, {"r3", "Water the plants", {}}};
  }
  if (entity_type == "note") {
    return {{"n1", "Lisbon trip", {}},
            {"n2", "Groceries budget", {}},
            {"n3", "Meeting with Bob", {}},
            {"n4", "Meeting with the landlord", {}}};
  }
  if (entity_type == "song") {
    return {{"s1", "Bohemian Rhapsody", {}},
            {"s2", "Yellow Submarine", {}},
            {"s3", "Blue Moon", {}},
            {"s4", "Blue Monday", {}}};
  }
  if (entity_type == "contact") {
    return {{"c1", "Ana Lopez", {}},
            {"c2", "Bob Smith", {"Bobby"}},
            {"c3", "Carla Gomez", {}},
            {"c4", "Dan Brown", {}},
            {"c5", "Ana Silva", {}}};
  }
  return {};
}

Moment TestMoment() {
  const absl::TimeZone zone = absl::FixedTimeZone(3600);
  return {.now = absl::FromCivil(absl::CivilSecond(2026, 11, 23, 8, 15, 0), zone), .zone = zone};
}

}  // namespace intelligenced::resolve
