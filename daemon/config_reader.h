// Reads typed values from a TOML table and collects everything that is wrong with it.
#ifndef INTELLIGENCED_DAEMON_CONFIG_READER_H_
#define INTELLIGENCED_DAEMON_CONFIG_READER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "daemon/config.h"
#include "toml++/toml.hpp"

namespace intelligenced {

// One table. Every key that a method asks for is known; Finish() complains about the others.
// A method leaves its output alone when the key is absent or its value is not allowed.
class ConfigReader {
 public:
  // `section` is how a person names the table: "[memory]", or "" for the top.
  ConfigReader(const toml::table* table, std::string section, std::vector<ConfigProblem>* problems)
      : table_(table), section_(std::move(section)), problems_(problems) {}

  void Text(std::string_view key, std::string* out);
  // An absolute path, or one beginning with "~/" is refused with words.
  void Path(std::string_view key, std::string* out);
  void Paths(std::string_view key, std::optional<std::vector<std::string>>* out);
  // Each one of `allowed`; empty: any.
  void Texts(std::string_view key, std::optional<std::vector<std::string>>* out,
             const std::vector<std::string>& allowed);
  void Boolean(std::string_view key, bool* out);
  void Number(std::string_view key, double minimum, double maximum, double* out);
  template <typename T>
  void Integer(std::string_view key, int64_t minimum, int64_t maximum, T* out) {
    if (auto value = IntegerValue(key, minimum, maximum)) *out = static_cast<T>(*value);
  }
  // Bytes: a whole number, or text such as "512 MiB".
  void Size(std::string_view key, uint64_t minimum, uint64_t* out);
  // Text such as "5m", "20ms", "1h30m".
  void Duration(std::string_view key, absl::Duration minimum, absl::Duration maximum,
                absl::Duration* out);
  // One of `choices`; returns its index.
  std::optional<int> Choice(std::string_view key, const std::vector<std::string>& choices);
  // A file mode as text, "0660".
  void Mode(std::string_view key, std::optional<mode_t>* out);
  // A table of its own, read by `read` (also when absent: with an empty one).
  void Section(std::string_view key, const std::function<void(ConfigReader&)>& read);

  // Every remaining key with its value as text, for tables whose keys are free.
  void Each(const std::function<void(const std::string& key, const toml::node& value)>& visit);
  // Complains about the keys that nobody asked for.
  void Finish();

  const std::string& section() const { return section_; }
  std::vector<ConfigProblem>* problems() const { return problems_; }
  void Complain(const toml::node& node, std::string message);

 private:
  const toml::node* Find(std::string_view key);
  std::string Name(std::string_view key) const;
  std::optional<int64_t> IntegerValue(std::string_view key, int64_t minimum, int64_t maximum);
  std::optional<std::vector<std::string>> TextList(std::string_view key, std::string_view allowed);

  const toml::table* const table_;
  const std::string section_;
  std::vector<ConfigProblem>* const problems_;
  std::vector<std::string> known_;
};

// "512 MiB", "2GiB", "1000", "1.5 GB" to bytes; nothing when it is no size.
std::optional<uint64_t> ParseSize(std::string_view text);

// The one of `candidates` that `word` is most likely a misspelling of; empty: none is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_CONFIG_READER_H_
