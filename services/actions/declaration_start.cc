#include "services/actions/declaration_start.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/actions/values.h"

namespace intelligenced {
namespace {

// The program is run as it is, without a shell; a name that only a shell would understand is a
// mistake, or worse.
void CheckCommand(TomlReader& reader, const std::vector<std::string>& command) {
  if (command.empty() || command.size() > 64) {
    return reader.Fail("command", "must be a list of 1 to 64: the program and its arguments.");
  }
  const std::string& program = command.front();
  if (program.empty() || program.front() != '/') {
    return reader.Fail("command", "must begin with the absolute path of a program.");
  }
  if (program.find_first_of("|&;<>()$`\\\"'*?[]{}!#~ \t") != std::string::npos) {
    return reader.Fail("command",
                       "names a program with characters of a shell. No shell runs it: give the "
                       "program's path first and each argument as a text of its own.");
  }
  for (const std::string& argument : command) {
    if (!IsPlainLine(argument, 4096)) {
      return reader.Fail("command", "holds control characters, or more than 4,096 bytes.");
    }
  }
}

bool IsBusName(std::string_view name) {
  return name.size() <= 255 && absl::StrContains(name, '.') && IsProviderIdentifier(name);
}

// A unit of the user's: "notes.service". No paths, no other kinds.
bool IsUnitName(std::string_view name) {
  return name.size() > 8 && name.size() <= 255 && absl::EndsWith(name, ".service") &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_' || c == '@' || c == ':';
         });
}

// What a variable is called. The daemon's own are not to be set.
bool IsVariableName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && !absl::ascii_isdigit(name.front()) &&
         !absl::StartsWith(name, "INTELLIGENCED_") &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

std::vector<std::string> ReadVariables(TomlReader& reader) {
  std::vector<std::string> variables;
  reader.Section("environment", [&variables](TomlReader& section) {
    for (const std::string& name : section.Keys()) {
      const std::string value = section.Text(name);
      if (!IsVariableName(name) || !IsPlainLine(value, 4096) || variables.size() == 64) {
        return section.Fail(name,
                            "must be a variable with one line of text; at most 64 of them, and "
                            "none of the daemon's own.");
      }
      variables.push_back(absl::StrCat(name, "=", value));
    }
  });
  return variables;
}

}  // namespace

void ReadStart(TomlReader& reader, ProviderStart* start) {
  const int ways = static_cast<int>(reader.Has("command")) +
                   static_cast<int>(reader.Has("dbus_name")) +
                   static_cast<int>(reader.Has("systemd_unit"));
  if (ways != 1) return reader.Fail("command", "or dbus_name or systemd_unit is required, once.");
  if (reader.Has("command")) {
    start->command = reader.Texts("command");
    CheckCommand(reader, start->command);
  }
  start->environment = ReadVariables(reader);
  start->dbus_name = reader.Text("dbus_name");
  if (reader.Has("dbus_name") && !IsBusName(start->dbus_name)) {
    reader.Fail("dbus_name", "is no well-known name of D-Bus, such as org.example.Notes.");
  }
  start->systemd_unit = reader.Text("systemd_unit");
  if (reader.Has("systemd_unit") && !IsUnitName(start->systemd_unit)) {
    reader.Fail("systemd_unit", "is no service of systemd, such as notes.service.");
  }
  start->timeout_seconds = static_cast<int>(reader.Integer("timeout_seconds", 1, 60).value_or(10));
}

void ReadOwner(TomlReader& reader, ProviderOwner* owner) {
  const int ways = static_cast<int>(reader.Has("executable")) +
                   static_cast<int>(reader.Has("systemd_unit")) +
                   static_cast<int>(reader.Has("flatpak")) + static_cast<int>(reader.Has("snap"));
  if (ways != 1) {
    return reader.Fail("executable", "or systemd_unit, flatpak or snap is required, once.");
  }
  if (reader.Has("executable")) {
    owner->executable = reader.Text("executable");
    if (owner->executable.empty() || owner->executable.front() != '/' ||
        !IsPlainLine(owner->executable, 4096)) {
      reader.Fail("executable", "must be an absolute path.");
    }
  }
  for (const auto& [key, prefix] : {std::pair<const char*, const char*>{"systemd_unit", "unit:"},
                                    {"flatpak", "flatpak:"},
                                    {"snap", "snap:"}}) {
    if (!reader.Has(key)) continue;
    const std::string name = reader.Text(key);
    if (name.empty() || !IsPlainLine(name, 255)) reader.Fail(key, "must be a name.");
    owner->app = absl::StrCat(prefix, name);
  }
}

void ReadMcp(TomlReader& reader, const std::string& program,
             const intelligence::v1::ProviderDeclaration& declaration, ProviderStart* start) {
  if (!reader.Has("command")) return reader.Fail("command", "is required: what starts the server.");
  const std::vector<std::string> server = reader.Texts("command");
  CheckCommand(reader, server);
  const std::vector<std::string> tools = reader.Texts("tools");
  if (tools.size() > 256 || !std::all_of(tools.begin(), tools.end(), [](const std::string& name) {
        return !name.empty() && IsPlainLine(name, 256);
      })) {
    return reader.Fail("tools", "must be at most 256 names of the server's tools.");
  }
  if (program.empty()) {
    return reader.Fail("command",
                       "needs the program that speaks to servers of the Model Context "
                       "Protocol, and this installation has none.");
  }
  start->environment = ReadVariables(reader);
  start->timeout_seconds = static_cast<int>(reader.Integer("timeout_seconds", 1, 60).value_or(30));
  start->command = {program, absl::StrCat("--id=", declaration.id()),
                    absl::StrCat("--title=", declaration.title())};
  for (const std::string& tool : tools) start->command.push_back(absl::StrCat("--tool=", tool));
  start->command.emplace_back("--");
  start->command.insert(start->command.end(), server.begin(), server.end());
}

}  // namespace intelligenced
