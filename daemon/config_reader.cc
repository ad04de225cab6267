#include "daemon/config_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace intelligenced {
namespace {

int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string Quoted(std::string_view word) { return absl::StrCat("'", word, "'"); }

std::string List(const std::vector<std::string>& words) {
  return absl::StrJoin(words, ", ", [](std::string* out, const std::string& word) {
    absl::StrAppend(out, Quoted(word));
  });
}

}  // namespace

std::optional<uint64_t> ParseSize(std::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  const size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view unit =
      digits == std::string_view::npos ? "" : absl::StripAsciiWhitespace(text.substr(digits));
  double number = 0;
  if (!absl::SimpleAtod(text.substr(0, digits), &number)) return std::nullopt;
  double factor = 1;
  if (unit.empty() || unit == "B") {
    factor = 1;
  } else if (unit == "KiB") {
    factor = 1024.0;
  } else if (unit == "MiB") {
    factor = 1024.0 * 1024;
  } else if (unit == "GiB") {
    factor = 1024.0 * 1024 * 1024;
  } else if (unit == "TiB") {
    factor = 1024.0 * 1024 * 1024 * 1024;
  } else if (unit == "kB") {
    factor = 1e3;
  } else if (unit == "MB") {
    factor = 1e6;
  } else if (unit == "GB") {
    factor = 1e9;
  } else if (unit == "TB") {
    factor = 1e12;
  } else {
    return std::nullopt;
  }
  const double bytes = number * factor;
  if (!std::isfinite(bytes) || bytes < 0 || bytes > 9e18) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

std::string Nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = 1 + static_cast<int>(std::max<size_t>(2, word.size() / 3));
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string ConfigReader::Name(std::string_view key) const {
  return section_.empty() ? Quoted(key) : absl::StrCat(Quoted(key), " in ", section_);
}

void ConfigReader::Complain(const toml::node& node, std::string message) {
  problems_->push_back({static_cast<int>(node.source().begin.line), std::move(message)});
}

const toml::node* ConfigReader::Find(std::string_view key) {
  known_.emplace_back(key);
  return table_->get(key);
}

void ConfigReader::Text(std::string_view key, std::string* out) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  if (!node->is_string()) {
    Complain(*node, absl::StrCat(Name(key), " must be text in quotation marks."));
    return;
  }
  *out = node->as_string()->get();
}

void ConfigReader::Path(std::string_view key, std::string* out) {
  std::string path;
  Text(key, &path);
  if (path.empty()) return;
  if (path.front() != '/') {
    Complain(*table_->get(key), absl::StrCat(Name(key), " is '", path,
                                             "', and must be an absolute path (no '~', no "
                                             "variables)."));
    return;
  }
  *out = std::move(path);
}

std::optional<std::vector<std::string>> ConfigReader::TextList(std::string_view key,
                                                               std::string_view allowed) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  const toml::array* array = node->as_array();
  bool good = array != nullptr;
  for (size_t i = 0; good && i < array->size(); ++i) {
    const toml::node& item = *array->get(i);
    good = item.is_string();
    if (good) texts.push_back(item.as_string()->get());
  }
  if (good) return texts;
  Complain(*node, absl::StrCat(Name(key), " must be a list of ", allowed, "."));
  return std::nullopt;
}

void ConfigReader::Paths(std::string_view key, std::optional<std::vector<std::string>>* out) {
  auto texts = TextList(key, "absolute paths, such as [\"/srv/models\"]");
  if (!texts.has_value()) return;
  for (const std::string& path : *texts) {
    if (!path.empty() && path.front() == '/') continue;
    Complain(*table_->get(key),
             absl::StrCat(Name(key), " has '", path, "', which is no absolute path."));
    return;
  }
  *out = std::move(texts);
}

void ConfigReader::Texts(std::string_view key, std::optional<std::vector<std::string>>* out,
                         const std::vector<std::string>& allowed) {
  auto texts =
      TextList(key, allowed.empty() ? "texts" : absl::StrCat("names, each one of ", List(allowed)));
  if (!texts.has_value()) return;
  for (const std::string& text : *texts) {
    if (allowed.empty()) break;
    if (std::find(allowed.begin(), allowed.end(), text) != allowed.end()) continue;
    Complain(*table_->get(key),
             absl::StrCat(Name(key), " has '", text, "'; allowed are ", List(allowed), "."));
    return;
  }
  *out = std::move(texts);
}

void ConfigReader::Boolean(std::string_view key, bool* out) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  if (!node->is_boolean()) {
    Complain(*node, absl::StrCat(Name(key), " must be true or false."));
    return;
  }
  *out = node->as_boolean()->get();
}

void ConfigReader::Number(std::string_view key, double minimum, double maximum, double* out) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  const std::optional<double> value =
      node->is_number() ? node->value<double>() : std::optional<double>();
  // Written so that a NaN is refused too.
  if (!value.has_value() || !(*value >= minimum && *value <= maximum)) {
    Complain(*node,
             absl::StrFormat("%s must be a number from %g to %g.", Name(key), minimum, maximum));
    return;
  }
  *out = *value;
}

std::optional<int64_t> ConfigReader::IntegerValue(std::string_view key, int64_t minimum,
                                                  int64_t maximum) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer() || node->as_integer()->get() < minimum ||
      node->as_integer()->get() > maximum) {
    Complain(*node, absl::StrCat(Name(key), " must be a whole number from ", minimum, " to ",
                                 maximum, "."));
    return std::nullopt;
  }
  return node->as_integer()->get();
}

void ConfigReader::Size(std::string_view key, uint64_t minimum, uint64_t* out) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  std::optional<uint64_t> bytes;
  if (node->is_string()) bytes = ParseSize(node->as_string()->get());
  if (node->is_integer() && node->as_integer()->get() >= 0) {
    bytes = static_cast<uint64_t>(node->as_integer()->get());
  }
  if (!bytes.has_value() || (*bytes != 0 && *bytes < minimum)) {
    Complain(
        *node,
        absl::StrCat(Name(key), " must be a size such as \"512 MiB\" or \"2 GiB\"",
                     minimum > 0 ? absl::StrCat(", 0 or at least ", minimum, " bytes") : "", "."));
    return;
  }
  *out = *bytes;
}

void ConfigReader::Duration(std::string_view key, absl::Duration minimum, absl::Duration maximum,
                            absl::Duration* out) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  absl::Duration value;
  const bool good = node->is_string() && absl::ParseDuration(node->as_string()->get(), &value);
  if (!good || value < minimum || value > maximum) {
    Complain(*node, absl::StrCat(Name(key), " must be a time such as \"30s\" or \"5m\", from ",
                                 absl::FormatDuration(minimum), " to ",
                                 absl::FormatDuration(maximum), "."));
    return;
  }
  *out = value;
}

std::optional<int> ConfigReader::Choice(std::string_view key,
                                        const std::vector<std::string>& choices) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (node->is_string()) {
    const auto found = std::find(choices.begin(), choices.end(), node->as_string()->get());
    if (found != choices.end()) return static_cast<int>(found - choices.begin());
  }
  Complain(*node, absl::StrCat(Name(key), " must be one of ", List(choices), "."));
  return std::nullopt;
}

void ConfigReader::Mode(std::string_view key, std::optional<mode_t>* out) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  unsigned mode = 0;
  bool good = node->is_string();
  if (good) {
    const std::string& text = node->as_string()->get();
    good = text.size() == 4 && text[0] == '0' &&
           text.find_first_not_of("01234567") == std::string::npos;
    for (size_t i = 0; good && i < text.size(); ++i) mode = mode * 8 + (text[i] - '0');
    // Without it the daemon's own user could not connect.
    good = good && (mode & 0600) == 0600 && (mode & 0111) == 0;
  }
  if (!good) {
    Complain(*node, absl::StrCat(Name(key),
                                 " must be a file mode in quotation marks such as "
                                 "\"0600\", \"0660\" or \"0666\"."));
    return;
  }
  *out = static_cast<mode_t>(mode);
}

void ConfigReader::Section(std::string_view key, const std::function<void(ConfigReader&)>& read) {
  const toml::node* node = Find(key);
  const std::string name =
      section_.empty() ? absl::StrCat("[", key, "]")
                       : absl::StrCat(section_.substr(0, section_.size() - 1), ".", key, "]");
  if (node != nullptr && !node->is_table()) {
    Complain(*node, absl::StrCat(Quoted(key), " must be a section: ", name, "."));
    return;
  }
  static const toml::table* const kEmpty = new toml::table;
  ConfigReader reader(node == nullptr ? kEmpty : node->as_table(), name, problems_);
  read(reader);
  reader.Finish();
}

void ConfigReader::Each(
    const std::function<void(const std::string& key, const toml::node& value)>& visit) {
  for (const auto& [key, value] : *table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    known_.push_back(name);
    visit(name, value);
  }
}

void ConfigReader::Finish() {
  for (const auto& [key, value] : *table_) {
    const std::string_view name = key.str();
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string nearest = Nearest(name, known_);
    const std::string place = section_.empty() ? "at the top level" : absl::StrCat("in ", section_);
    problems_->push_back(
        {static_cast<int>(key.source().begin.line),
         absl::StrCat("There is no ", Quoted(name), " ", place, ". ",
                      nearest.empty() ? absl::StrCat("Allowed are ", List(known_), ".")
                                      : absl::StrCat("Did you mean ", Quoted(nearest), "?"))});
  }
}

}  // namespace intelligenced
