// A table of TOML, read key by key: what is of another type, missing or not known is a mistake that
// says where it is.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_TOML_READER_H_
#define INTELLIGENCED_SERVICES_ACTIONS_TOML_READER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/actions/values.h"
#include "toml++/toml.hpp"

namespace intelligenced {

// One table. The first breach is kept; everything after it does nothing.
class TomlReader {
 public:
  TomlReader(const toml::table& table, std::string place, absl::Status* status)
      : table_(table), place_(std::move(place)), status_(status) {}

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, node] : table_) keys.emplace_back(key.str());
    return keys;
  }
  bool Has(std::string_view key) {
    known_.insert(std::string(key));
    return table_.contains(key);
  }
  std::string Text(std::string_view key) {
    const toml::node* node = Find(key);
    if (node == nullptr) return "";
    if (const auto* text = node->as_string()) return text->get();
    Fail(key, "must be text in quotes.");
    return "";
  }
  bool Boolean(std::string_view key) {
    const toml::node* node = Find(key);
    if (node == nullptr) return false;
    if (const auto* value = node->as_boolean()) return value->get();
    Fail(key, "must be true or false.");
    return false;
  }
  std::optional<int64_t> Integer(std::string_view key, int64_t least = INT64_MIN,
                                 int64_t most = INT64_MAX) {
    const toml::node* node = Find(key);
    if (node == nullptr) return std::nullopt;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < least || value->get() > most) {
      Fail(key, absl::StrCat("must be a whole number from ", least, " to ", most, "."));
      return std::nullopt;
    }
    return value->get();
  }
  std::optional<double> Number(std::string_view key) {
    const toml::node* node = Find(key);
    if (node == nullptr) return std::nullopt;
    if (const std::optional<double> value = node->value<double>();
        value.has_value() && (node->is_integer() || node->is_floating_point())) {
      return value;
    }
    Fail(key, "must be a number.");
    return std::nullopt;
  }
  std::vector<std::string> Texts(std::string_view key) {
    std::vector<std::string> texts;
    const toml::node* node = Find(key);
    if (node == nullptr) return texts;
    const toml::array* array = node->as_array();
    if (array == nullptr) {
      Fail(key, "must be a list of texts, such as [\"one\", \"two\"].");
      return texts;
    }
    for (const toml::node& item : *array) {
      if (const auto* text = item.as_string()) {
        texts.push_back(text->get());
      } else {
        Fail(key, "must hold texts only.");
      }
    }
    return texts;
  }
  void Section(std::string_view key, const std::function<void(TomlReader&)>& read) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    const toml::table* table = node->as_table();
    if (table == nullptr) return Fail(key, "must be a table.");
    TomlReader reader(*table, absl::StrCat(place_, place_.empty() ? "" : ".", key), status_);
    read(reader);
    reader.Finish();
  }
  void Sections(std::string_view key, const std::function<void(TomlReader&)>& read) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return Fail(key, "must be tables, written [[…]].");
    for (size_t i = 0; i < array->size(); ++i) {
      const toml::table* table = array->get(i)->as_table();
      if (table == nullptr) return Fail(key, "must hold tables only.");
      TomlReader reader(*table, absl::StrCat(place_, place_.empty() ? "" : ".", key, "[", i, "]"),
                        status_);
      read(reader);
      reader.Finish();
    }
  }
  const toml::node* Node(std::string_view key) { return Find(key); }

  void Finish() {
    for (const auto& [key, node] : table_) {
      if (!known_.contains(std::string(key.str()))) {
        return Fail(key.str(), "is not known here.");
      }
    }
  }
  void Fail(std::string_view key, std::string_view message) {
    if (!status_->ok()) return;
    *status_ = FieldError(absl::StrCat(place_, place_.empty() ? "" : ".", MakePlainLine(key, 64)),
                          message);
  }
  const std::string& place() const { return place_; }
  absl::Status* status() { return status_; }

 private:
  const toml::node* Find(std::string_view key) {
    known_.insert(std::string(key));
    return status_->ok() ? table_.get(key) : nullptr;
  }

  const toml::table& table_;
  const std::string place_;
  absl::Status* const status_;
  std::set<std::string> known_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_TOML_READER_H_
