// What a person did before, and what they may therefore want now. One user's; pure, no clock.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_DONATIONS_DONATION_LOG_H_
#define INTELLIGENCED_SERVICES_ACTIONS_DONATIONS_DONATION_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/map.h"
#include "protos/intelligence/v1/actions.pb.h"

namespace intelligenced {

struct DonationLimits {
  size_t count = 2000;
  // Of all values together, as they are on disk.
  size_t bytes = size_t{512} << 10;
};

struct ActionSuggestion {
  std::string action;
  google::protobuf::Map<std::string, intelligence::v1::ActionValue> values;
  double score = 0;  // 0 to 1
  // "often at this time of day", "recently", "often".
  std::string explanation;
};

// Not thread-safe.
class DonationLog {
 public:
  using Values = google::protobuf::Map<std::string, intelligence::v1::ActionValue>;

  explicit DonationLog(DonationLimits limits = {}) : limits_(limits) {}

  // The oldest make room. One that is larger than everything that may be kept is kept without its
  // values.
  void Add(std::string_view action, const Values& values, absl::Time time);

  // Those of a provider ("org.example.Notes"); all for an empty name. How many there were.
  size_t Erase(std::string_view provider);

  // Best first. Each thing that was done counts by how long ago it was (half after two weeks), how
  // near its time of day is to now's, and whether both are on a working day or not; the same action
  // with the same values counts together. Dates among the values are left out: they were about
  // then. `known`: the action still exists; the others are not suggested.
  std::vector<ActionSuggestion> Suggest(absl::Time now, const absl::TimeZone& zone, size_t max,
                                        absl::FunctionRef<bool(const std::string&)> known) const;

  // For the disk: a version, the entries, a checksum.
  std::string Serialize() const;
  // DATA_LOSS (not a reason of the API: nobody but the log is told) for what Serialize() did not
  // write, or a newer version did. More than the limits allow is cut as by Add().
  static absl::StatusOr<DonationLog> Parse(std::string_view bytes, DonationLimits limits = {});

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string action;
    absl::Time time;
    // Serialized deterministically, dates left out.
    std::string values;
  };
  void Insert(Entry entry);

  DonationLimits limits_;
  // By time.
  std::deque<Entry> entries_;
  size_t bytes_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_DONATIONS_DONATION_LOG_H_
