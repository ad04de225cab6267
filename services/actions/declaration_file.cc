// Static declarations: TOML to messages.
#include <dirent.h>
#include <stdlib.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "services/actions/declaration.h"
#include "services/actions/declaration_start.h"
#include "services/actions/toml_reader.h"
#include "services/actions/values.h"
#include "services/rpc/proto_time.h"
#include "toml++/toml.hpp"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxFiles = 256;

void SetTime(const toml::time& time, v1::TimeOfDay* out) {
  out->set_hours(time.hour);
  out->set_minutes(time.minute);
  out->set_seconds(time.second);
}

void SetDate(const toml::date& date, v1::CalendarDate* out) {
  out->set_year(date.year);
  out->set_month(date.month);
  out->set_day(date.day);
}

void ReadDuration(TomlReader& reader, std::string_view key,
                  const std::function<google::protobuf::Duration*()>& out) {
  if (!reader.Has(key)) return;
  absl::Duration duration;
  if (!absl::ParseDuration(reader.Text(key), &duration)) {
    return reader.Fail(key, "must be a duration such as \"15m\" or \"1h30m\".");
  }
  SetDuration(duration, out());
}

void ReadCases(TomlReader& reader, v1::EnumerationType* type) {
  const toml::node* node = reader.Node("cases");
  const toml::array* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr) return reader.Fail("cases", "must be a list.");
  for (const toml::node& item : *array) {
    v1::EnumerationCase* added = type->add_cases();
    if (const auto* text = item.as_string()) {
      added->set_id(text->get());
    } else if (const toml::table* table = item.as_table()) {
      TomlReader one(*table, absl::StrCat(reader.place(), ".cases"), reader.status());
      added->set_id(one.Text("id"));
      added->set_title(one.Text("title"));
      for (const std::string& word : one.Texts("synonyms")) added->add_synonyms(word);
      one.Finish();
    } else {
      reader.Fail("cases", "must hold texts or tables with id, title and synonyms.");
    }
  }
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest; CheckDeclaration() bounds it, and so does TOML.
void ReadType(TomlReader& reader, v1::ActionValueType* type) {
  const std::string kind = reader.Text("type");
  if (kind == "string") {
    type->mutable_string()->set_min_length(
        static_cast<uint32_t>(reader.Integer("min_length", 0, UINT32_MAX).value_or(0)));
    type->mutable_string()->set_max_length(
        static_cast<uint32_t>(reader.Integer("max_length", 0, UINT32_MAX).value_or(0)));
    type->mutable_string()->set_multiline(reader.Boolean("multiline"));
  } else if (kind == "integer") {
    if (const auto value = reader.Integer("minimum")) type->mutable_integer()->set_minimum(*value);
    if (const auto value = reader.Integer("maximum")) type->mutable_integer()->set_maximum(*value);
    type->mutable_integer()->set_unit(reader.Text("unit"));
  } else if (kind == "number") {
    if (const auto value = reader.Number("minimum")) type->mutable_number()->set_minimum(*value);
    if (const auto value = reader.Number("maximum")) type->mutable_number()->set_maximum(*value);
    type->mutable_number()->set_unit(reader.Text("unit"));
  } else if (kind == "boolean") {
    type->mutable_boolean();
  } else if (kind == "date_time") {
    type->mutable_date_time();
    if (const toml::node* node = reader.Node("default_time")) {
      if (const auto* time = node->as_time()) {
        SetTime(time->get(), type->mutable_date_time()->mutable_default_time());
      } else {
        reader.Fail("default_time", "must be a time such as 09:00:00.");
      }
    }
  } else if (kind == "date") {
    type->mutable_date();
  } else if (kind == "time") {
    type->mutable_time();
  } else if (kind == "duration") {
    type->mutable_duration();
    ReadDuration(reader, "minimum", [type] { return type->mutable_duration()->mutable_minimum(); });
    ReadDuration(reader, "maximum", [type] { return type->mutable_duration()->mutable_maximum(); });
  } else if (kind == "url") {
    type->mutable_url();
    for (const std::string& scheme : reader.Texts("schemes")) {
      type->mutable_url()->add_schemes(scheme);
    }
  } else if (kind == "file") {
    type->mutable_file();
    for (const std::string& media : reader.Texts("media_types")) {
      type->mutable_file()->add_media_types(media);
    }
  } else if (kind == "enumeration") {
    ReadCases(reader, type->mutable_enumeration());
  } else if (kind == "entity") {
    type->mutable_entity()->set_id(reader.Text("entity"));
  } else if (kind == "list") {
    type->mutable_list()->set_min_items(
        static_cast<uint32_t>(reader.Integer("min_items", 0, 1000).value_or(0)));
    type->mutable_list()->set_max_items(
        static_cast<uint32_t>(reader.Integer("max_items", 0, 1000).value_or(0)));
    if (!reader.Has("item")) reader.Fail("item", "is required for a list.");
    reader.Section(
        "item", [type](TomlReader& item) { ReadType(item, type->mutable_list()->mutable_item()); });
  } else {
    reader.Fail("type",
                "must be string, integer, number, boolean, date_time, date, time, duration, url, "
                "file, enumeration, entity or list.");
  }
}

void ReadDefault(TomlReader& reader, const v1::ActionValueType& type, v1::ActionValue* value) {
  const toml::node* node = reader.Node("default");
  if (node == nullptr) return;
  const auto wrong = [&] { reader.Fail("default", "is of another type than its parameter."); };
  if (type.has_string() && node->is_string()) {
    value->set_string_value(node->as_string()->get());
  } else if (type.has_url() && node->is_string()) {
    value->set_url_value(node->as_string()->get());
  } else if (type.has_enumeration() && node->is_string()) {
    value->set_enumeration_value(node->as_string()->get());
  } else if (type.has_file() && node->is_string()) {
    value->mutable_file_value()->set_path(node->as_string()->get());
  } else if (type.has_integer() && node->is_integer()) {
    value->set_integer_value(node->as_integer()->get());
  } else if (type.has_number() && (node->is_integer() || node->is_floating_point())) {
    value->set_number_value(node->value<double>().value_or(0));
  } else if (type.has_boolean() && node->is_boolean()) {
    value->set_boolean_value(node->as_boolean()->get());
  } else if (type.has_date() && node->is_date()) {
    SetDate(node->as_date()->get(), value->mutable_date_value());
  } else if (type.has_time() && node->is_time()) {
    SetTime(node->as_time()->get(), value->mutable_time_value());
  } else if (type.has_date_time() && node->is_date_time()) {
    const toml::date_time& when = node->as_date_time()->get();
    SetDate(when.date, value->mutable_date_time_value()->mutable_date());
    SetTime(when.time, value->mutable_date_time_value()->mutable_time());
    if (when.offset.has_value()) {
      value->mutable_date_time_value()->set_utc_offset_seconds(when.offset->minutes * 60);
    }
  } else if (type.has_duration() && node->is_string()) {
    absl::Duration duration;
    if (!absl::ParseDuration(node->as_string()->get(), &duration)) return wrong();
    SetDuration(duration, value->mutable_duration_value());
  } else {
    wrong();
  }
}

void ReadAction(TomlReader& reader, v1::Action* action) {
  action->set_id(reader.Text("id"));
  action->set_title(reader.Text("title"));
  action->set_description(reader.Text("description"));
  action->set_requires_confirmation(reader.Boolean("requires_confirmation"));
  action->set_is_destructive(reader.Boolean("is_destructive"));
  for (const std::string& phrase : reader.Texts("phrases")) action->add_phrases(phrase);
  reader.Section("result",
                 [action](TomlReader& type) { ReadType(type, action->mutable_result()); });
  reader.Sections("parameters", [action](TomlReader& one) {
    v1::ActionParameter* parameter = action->add_parameters();
    parameter->set_id(one.Text("id"));
    parameter->set_title(one.Text("title"));
    parameter->set_description(one.Text("description"));
    parameter->set_prompt(one.Text("prompt"));
    parameter->set_optional(one.Boolean("optional"));
    ReadType(one, parameter->mutable_type());
    if (one.Has("default")) ReadDefault(one, parameter->type(), parameter->mutable_default_value());
  });
}

// FNV-1a, the same in every run: tells a changed file, and guards nothing.
std::string Fingerprint(const ProviderStart& start) {
  uint64_t hash = 14695981039346656037U;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    hash = (hash ^ 0xFFU) * 1099511628211U;
  };
  for (const std::string& argument : start.command) add(argument);
  for (const std::string& variable : start.environment) add(variable);
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

// Links resolved, as the kernel will name it; the path itself where that fails.
std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), free);
  return real == nullptr ? path : std::string(real.get());
}

std::vector<std::string> FilesOf(const std::string& folder) {
  std::vector<std::string> files;
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return files;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own.
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name.front() != '.' && absl::EndsWith(name, ".toml")) {
      files.push_back(absl::StrCat(folder, "/", name));
    }
  }
  closedir(directory);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<StaticProvider> ParseDeclarationFile(std::string_view text, const std::string& path,
                                                    const std::string& mcp_program) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return FieldError(absl::StrCat("line ", error.source().begin.line), error.description());
  }
  StaticProvider provider;
  provider.path = path;
  absl::Status status;
  TomlReader reader(table, "", &status);
  v1::ProviderDeclaration& declaration = provider.declaration;
  declaration.set_id(reader.Text("id"));
  declaration.set_title(reader.Text("title"));
  reader.Section("mcp", [&](TomlReader& section) {
    ReadMcp(section, mcp_program, declaration, &provider.start);
    provider.imports = true;
    for (const char* other : {"start", "owner", "actions", "entity_types"}) {
      if (reader.Has(other)) reader.Fail(other, "is not for a server: its tools are the actions.");
    }
  });
  reader.Section("start", [&](TomlReader& section) { ReadStart(section, &provider.start); });
  reader.Section("owner", [&](TomlReader& section) { ReadOwner(section, &provider.owner); });
  reader.Sections("entity_types", [&](TomlReader& section) {
    v1::EntityType* type = declaration.add_entity_types();
    type->set_id(section.Text("id"));
    type->set_title(section.Text("title"));
    type->set_description(section.Text("description"));
    section.Sections("properties", [type](TomlReader& one) {
      v1::EntityProperty* property = type->add_properties();
      property->set_id(one.Text("id"));
      property->set_title(one.Text("title"));
      ReadType(one, property->mutable_type());
    });
  });
  reader.Sections("actions",
                  [&](TomlReader& section) { ReadAction(section, declaration.add_actions()); });
  reader.Finish();
  if (status.ok() && !reader.Has("owner")) {
    // What is started is what answers.
    if (!provider.start.command.empty()) {
      provider.owner.executable = provider.start.command.front();
    } else if (!provider.start.systemd_unit.empty()) {
      provider.owner.app = absl::StrCat("unit:", provider.start.systemd_unit);
    } else {
      status = FieldError("owner", "is required: who may answer for this provider.");
    }
  }
  if (status.ok()) status = CheckDeclaration(declaration);
  if (!status.ok()) return status;
  declaration = CompleteDeclaration(std::move(declaration));
  if (provider.imports) provider.fingerprint = Fingerprint(provider.start);
  return provider;
}

LoadedDeclarations LoadDeclarations(const std::vector<std::string>& folders,
                                    const std::string& mcp_program) {
  LoadedDeclarations loaded;
  size_t files = 0;
  for (const std::string& folder : folders) {
    for (const std::string& path : FilesOf(folder)) {
      if (++files > kMaxFiles) {
        loaded.problems.push_back(absl::StrCat(path, ": there are more than ", kMaxFiles,
                                               " declarations; this one is left out."));
        return loaded;
      }
      absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
      absl::StatusOr<StaticProvider> provider =
          text.ok() ? ParseDeclarationFile(*text, path, mcp_program) : text.status();
      if (!provider.ok()) {
        loaded.problems.push_back(absl::StrCat(path, ": ", provider.status().message()));
        continue;
      }
      const bool taken = std::any_of(loaded.providers.begin(), loaded.providers.end(),
                                     [&](const StaticProvider& other) {
                                       return other.declaration.id() == provider->declaration.id();
                                     });
      if (taken) {
        loaded.problems.push_back(absl::StrCat(path, ": the provider ", provider->declaration.id(),
                                               " is declared by an earlier file already."));
        continue;
      }
      if (!provider->owner.executable.empty()) {
        provider->owner.executable = RealPath(provider->owner.executable);
      }
      loaded.providers.push_back(*std::move(provider));
    }
  }
  return loaded;
}

}  // namespace intelligenced
