#include "services/actions/declaration.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/reasons.h"
#include "services/actions/resolve/phrase_template.h"
#include "services/actions/values.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxDeclarationBytes = size_t{1} << 20;
constexpr size_t kMaxTitle = 128;
constexpr size_t kMaxDescription = 1024;
constexpr size_t kMaxPrompt = 256;

absl::Status CheckWords(const std::string& field, std::string_view title,
                        std::string_view description, bool title_required) {
  if (title_required && title.empty()) {
    return FieldError(absl::StrCat(field, ".title"), "is required.");
  }
  if (!IsPlainLine(title, kMaxTitle)) {
    return FieldError(absl::StrCat(field, ".title"),
                      "must be one line of at most 128 bytes without control characters.");
  }
  if (!IsPlainLine(description, kMaxDescription)) {
    return FieldError(absl::StrCat(field, ".description"),
                      "must be one line of at most 1,024 bytes without control characters.");
  }
  return absl::OkStatus();
}

absl::Status CheckId(const std::string& field, const std::string& id,
                     std::set<std::string_view>& seen) {
  if (!IsActionIdentifier(id)) {
    return FieldError(absl::StrCat(field, ".id"),
                      "must be 1 to 64 of a-z, 0-9, '-' and '_', beginning with one of the first.");
  }
  if (!seen.insert(id).second) {
    return FieldError(absl::StrCat(field, ".id"), absl::StrCat("“", id, "” comes twice."));
  }
  return absl::OkStatus();
}

absl::Status CheckAction(const std::string& field, const v1::Action& action,
                         const v1::ProviderDeclaration& provider) {
  if (absl::Status status = CheckWords(field, action.title(), action.description(), true);
      !status.ok()) {
    return status;
  }
  if (action.parameters_size() > 32) {
    return FieldError(absl::StrCat(field, ".parameters"), "must be at most 32.");
  }
  std::set<std::string_view> seen;
  for (int i = 0; i < action.parameters_size(); ++i) {
    const v1::ActionParameter& parameter = action.parameters(i);
    const std::string place = absl::StrCat(field, ".parameters[", i, "]");
    absl::Status status = CheckId(place, parameter.id(), seen);
    if (status.ok()) {
      status = CheckWords(place, parameter.title(), parameter.description(), false);
    }
    if (status.ok()) {
      status = CheckValueType(absl::StrCat(place, ".type"), parameter.type(), provider);
    }
    if (status.ok() && !IsPlainLine(parameter.prompt(), kMaxPrompt)) {
      status = FieldError(absl::StrCat(place, ".prompt"), "must be one line of at most 256 bytes.");
    }
    if (status.ok() && parameter.has_default_value()) {
      status = CheckValue(absl::StrCat(place, ".default_value"), parameter.type(),
                          parameter.default_value(), provider, ValueOrigin::kProvider);
    }
    if (!status.ok()) return status;
  }
  if (action.has_result()) {
    absl::Status status = CheckValueType(absl::StrCat(field, ".result"), action.result(), provider);
    if (!status.ok()) return status;
  }
  if (action.phrases_size() > 64) {
    return FieldError(absl::StrCat(field, ".phrases"), "must be at most 64.");
  }
  std::vector<std::string> parameters;
  for (const v1::ActionParameter& parameter : action.parameters()) {
    parameters.push_back(parameter.id());
  }
  for (int i = 0; i < action.phrases_size(); ++i) {
    const auto parsed = resolve::ParsePhrase(action.phrases(i), parameters,
                                             absl::StrCat(field, ".phrases[", i, "]"));
    if (!parsed.ok()) return parsed.status();
  }
  return absl::OkStatus();
}

// The entity type that a type names, through lists; empty: none.
std::string_view EntityOf(const v1::ActionValueType& type) {
  if (type.has_entity()) return type.entity().id();
  if (type.has_list()) return EntityOf(type.list().item());
  return "";
}

// Finds a way back. `path` holds the types from the first to this one.
absl::Status CheckCycle(const v1::ProviderDeclaration& provider, const v1::EntityType& type,
                        std::vector<std::string_view>& path, std::set<std::string_view>& done) {
  if (done.contains(type.id())) return absl::OkStatus();
  for (const std::string_view above : path) {
    if (above == type.id()) {
      return FieldError("declaration.entity_types",
                        absl::StrCat("lead back to themselves: ", absl::StrJoin(path, " → "), " → ",
                                     type.id(), "."));
    }
  }
  path.push_back(type.id());
  for (const v1::EntityProperty& property : type.properties()) {
    const std::string_view below = EntityOf(property.type());
    if (below.empty()) continue;
    const v1::EntityType* next = FindEntityType(provider, below);
    if (next == nullptr) continue;
    if (absl::Status status = CheckCycle(provider, *next, path, done); !status.ok()) return status;
  }
  path.pop_back();
  done.insert(type.id());
  return absl::OkStatus();
}

absl::Status CheckEntityTypes(const v1::ProviderDeclaration& declaration) {
  std::set<std::string_view> seen;
  for (int i = 0; i < declaration.entity_types_size(); ++i) {
    const v1::EntityType& type = declaration.entity_types(i);
    const std::string place = absl::StrCat("declaration.entity_types[", i, "]");
    absl::Status status = CheckId(place, type.id(), seen);
    if (status.ok()) status = CheckWords(place, type.title(), type.description(), true);
    if (!status.ok()) return status;
    if (type.properties_size() > 32) {
      return FieldError(absl::StrCat(place, ".properties"), "must be at most 32.");
    }
    std::set<std::string_view> properties;
    for (int j = 0; j < type.properties_size(); ++j) {
      const v1::EntityProperty& property = type.properties(j);
      const std::string below = absl::StrCat(place, ".properties[", j, "]");
      status = CheckId(below, property.id(), properties);
      if (status.ok()) status = CheckWords(below, property.title(), "", false);
      if (status.ok()) {
        status = CheckValueType(absl::StrCat(below, ".type"), property.type(), declaration);
      }
      if (!status.ok()) return status;
    }
  }
  std::set<std::string_view> done;
  for (const v1::EntityType& type : declaration.entity_types()) {
    std::vector<std::string_view> path;
    if (absl::Status status = CheckCycle(declaration, type, path, done); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDeclaration(const v1::ProviderDeclaration& declaration) {
  if (declaration.ByteSizeLong() > kMaxDeclarationBytes) {
    return TooLargeError("declaration", declaration.ByteSizeLong(), kMaxDeclarationBytes);
  }
  if (!IsProviderIdentifier(declaration.id())) {
    return FieldError("declaration.id",
                      "must be 1 to 128 of letters, digits, '.', '-' and '_', such as "
                      "org.example.Notes.");
  }
  absl::Status status = CheckWords("declaration", declaration.title(), "", true);
  if (!status.ok()) return status;
  if (declaration.actions_size() > 256) {
    return FieldError("declaration.actions", "must be at most 256.");
  }
  if (declaration.entity_types_size() > 64) {
    return FieldError("declaration.entity_types", "must be at most 64.");
  }
  status = CheckEntityTypes(declaration);
  if (!status.ok()) return status;
  std::set<std::string_view> seen;
  for (int i = 0; i < declaration.actions_size(); ++i) {
    const std::string place = absl::StrCat("declaration.actions[", i, "]");
    status = CheckId(place, declaration.actions(i).id(), seen);
    if (status.ok()) status = CheckAction(place, declaration.actions(i), declaration);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

v1::ProviderDeclaration CompleteDeclaration(v1::ProviderDeclaration declaration) {
  for (v1::Action& action : *declaration.mutable_actions()) {
    action.set_name(absl::StrCat(declaration.id(), "/", action.id()));
    action.set_provider(declaration.id());
    action.clear_available();
    action.clear_startable();
    for (v1::ActionParameter& parameter : *action.mutable_parameters()) {
      if (parameter.title().empty()) {
        parameter.set_title(absl::StrReplaceAll(parameter.id(), {{"-", " "}, {"_", " "}}));
      }
      if (parameter.prompt().empty()) {
        parameter.set_prompt(absl::StrCat("Which ", parameter.title(), "?"));
      }
    }
  }
  return declaration;
}

}  // namespace intelligenced
