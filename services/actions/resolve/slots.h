// Typed values at a place of a sentence. Pure functions.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_SLOTS_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_SLOTS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/actions/resolve/dates.h"
#include "services/actions/resolve/numbers.h"
#include "services/actions/resolve/text.h"
#include "services/actions/resolve/types.h"

namespace intelligenced::resolve {

struct SlotMatch {
  size_t words = 0;
  Value value = {};
  double quality = 1;
};

// A parameter, ready to be looked for. Immutable, thread-safe.
class Slot {
 public:
  // `spec` is one of an index and outlives it.
  explicit Slot(const ParameterSpec& spec);

  const ParameterSpec& spec() const { return *spec_; }
  // Free text, a name or a list of things: anything can be one.
  bool open() const;
  // Says what it is by itself: it is found wherever it stands in a sentence.
  bool telling() const;

  // The case of an enumeration that begins with word `at`.
  std::optional<SlotMatch> MatchCase(const Words& words, size_t at) const;

 private:
  const ParameterSpec* spec_;
  // Normalized titles, identifiers and synonyms, to the index of the case.
  absl::flat_hash_map<std::string, size_t> cases_;
  size_t longest_case_ = 0;
};

// What stands in one sentence, each place looked at once. Not thread-safe. Refers to its arguments.
class ValueReader {
 public:
  ValueReader(std::string_view text, const Words& words, const Moment& moment);

  // The longest value for a parameter that is not open, from word `at`.
  std::optional<SlotMatch> Match(const Slot& slot, size_t at);
  // A parameter that is open, from exactly these words. Nothing where nothing is left of them.
  std::optional<SlotMatch> Read(const Slot& slot, size_t begin, size_t end, ByteSpan& span);

 private:
  std::optional<SlotMatch> MatchNumeric(const ParameterSpec& spec, size_t at) const;
  std::optional<SlotMatch> MatchTime(ValueKind kind, size_t at);
  std::optional<SlotMatch> MatchAddress(const ParameterSpec& spec, size_t at) const;
  std::optional<Value> ReadItem(const Slot& slot, size_t begin, size_t end);
  // Determiners and words that only lead to a value are cut off.
  std::pair<size_t, size_t> Trim(const ParameterSpec& spec, size_t begin, size_t end) const;

  const std::string_view text_;
  const Words& words_;
  const Moment& moment_;
  // By place; the outer says whether it was looked at.
  std::vector<std::optional<std::optional<DateTimeMatch>>> times_;
  std::vector<std::optional<std::optional<DurationMatch>>> durations_;
};

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_SLOTS_H_
