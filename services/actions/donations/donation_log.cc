#include "services/actions/donations/donation_log.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/crc/crc32c.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::string_view kMagic = "intelligenced donations 1\n";
constexpr size_t kChecksumBytes = 8;

constexpr double kHalfLifeDays = 14;
// Minutes from which on another time of day counts little.
constexpr double kNearMinutes = 75;
constexpr double kAnyTimeShare = 0.2;
constexpr double kOtherKindOfDay = 0.6;
// Of an action, so that one app's does not fill the answer.
constexpr size_t kMaxOfAction = 2;
// Values that came only once say nothing about the next time.
constexpr int kLeastRepeats = 2;

std::string SerializedValues(const DonationLog::Values& values) {
  v1::DonateActionRequest holder;
  for (const auto& [name, value] : values) {
    if (value.has_date_time_value() || value.has_date_value()) continue;
    (*holder.mutable_values())[name] = value;
  }
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    holder.SerializeToCodedStream(&coded);
  }
  return out;
}

std::string Checksum(std::string_view bytes) {
  return absl::StrCat(
      absl::Hex(static_cast<uint32_t>(absl::ComputeCrc32c(bytes)), absl::kZeroPad8));
}

bool IsWorkday(absl::CivilDay day) {
  const absl::Weekday weekday = absl::GetWeekday(day);
  return weekday != absl::Weekday::saturday && weekday != absl::Weekday::sunday;
}

double MinutesApart(absl::CivilSecond a, absl::CivilSecond b) {
  const int first = a.hour() * 60 + a.minute();
  const int second = b.hour() * 60 + b.minute();
  const int apart = std::abs(first - second);
  return std::min(apart, 24 * 60 - apart);
}

struct Group {
  double score = 0;
  double near = 0;  // at about this time of day
  int count = 0;
  int near_count = 0;
  absl::Time last = absl::InfinitePast();
};

}  // namespace

void DonationLog::Add(std::string_view action, const Values& values, absl::Time time) {
  Entry entry{.action = std::string(action), .time = time, .values = SerializedValues(values)};
  if (entry.values.size() > limits_.bytes) entry.values.clear();
  Insert(std::move(entry));
}

void DonationLog::Insert(Entry entry) {
  bytes_ += entry.values.size();
  // Nearly always at the end.
  auto place = entries_.end();
  while (place != entries_.begin() && std::prev(place)->time > entry.time) --place;
  entries_.insert(place, std::move(entry));
  while (entries_.size() > limits_.count || bytes_ > limits_.bytes) {
    bytes_ -= entries_.front().values.size();
    entries_.pop_front();
  }
}

size_t DonationLog::Erase(std::string_view provider) {
  const std::string prefix = absl::StrCat(provider, "/");
  return std::erase_if(entries_, [&](const Entry& entry) {
    if (!provider.empty() && !absl::StartsWith(entry.action, prefix)) return false;
    bytes_ -= entry.values.size();
    return true;
  });
}

std::vector<ActionSuggestion> DonationLog::Suggest(
    absl::Time now, const absl::TimeZone& zone, size_t max,
    absl::FunctionRef<bool(const std::string&)> known) const {
  const absl::CivilSecond civil_now = absl::ToCivilSecond(now, zone);
  // By action and values; the action with no values gathers all of its entries.
  std::map<std::pair<std::string, std::string>, Group> groups;
  for (const Entry& entry : entries_) {
    const double age = std::max(0.0, absl::ToDoubleHours(now - entry.time) / 24);
    const absl::CivilSecond civil = absl::ToCivilSecond(entry.time, zone);
    const double distance = MinutesApart(civil, civil_now) / kNearMinutes;
    const double near = std::exp(-distance * distance / 2);
    const bool same_kind = IsWorkday(absl::CivilDay(civil)) == IsWorkday(absl::CivilDay(civil_now));
    const double weight = std::exp2(-age / kHalfLifeDays) * (same_kind ? 1 : kOtherKindOfDay);
    auto count = [&](Group& group) {
      group.score += weight * (kAnyTimeShare + (1 - kAnyTimeShare) * near);
      group.near += weight * near;
      group.count += 1;
      if (distance <= 1) group.near_count += 1;
      group.last = std::max(group.last, entry.time);
    };
    count(groups[{entry.action, ""}]);
    if (!entry.values.empty()) count(groups[{entry.action, entry.values}]);
  }
  std::vector<std::pair<const std::pair<std::string, std::string>*, const Group*>> ranked;
  for (const auto& [key, group] : groups) {
    if (!key.second.empty() && group.count < kLeastRepeats) continue;
    if (known(key.first)) ranked.emplace_back(&key, &group);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    if (a.second->score != b.second->score) return a.second->score > b.second->score;
    // Said with the same values each time: then with them.
    return a.first->second.size() > b.first->second.size();
  });
  std::vector<ActionSuggestion> out;
  std::map<std::string_view, size_t> taken;
  std::map<std::string_view, double> explained;
  for (const auto& [key, group] : ranked) {
    if (out.size() == max) break;
    const auto& [action, values] = *key;
    // Without values only for what its values do not explain already.
    if (values.empty() && explained[action] > 0.5 * group->score) continue;
    if (taken[action] == kMaxOfAction) continue;
    ++taken[action];
    explained[action] += group->score;
    ActionSuggestion suggestion{.action = action, .values = {}, .score = 0, .explanation = {}};
    v1::DonateActionRequest holder;
    if (!values.empty() && holder.ParseFromString(values)) {
      suggestion.values = std::move(*holder.mutable_values());
    }
    suggestion.score = group->score / (group->score + 1);
    suggestion.explanation = group->near_count >= 3                ? "often at this time of day"
                             : now - group->last < absl::Hours(24) ? "recently"
                             : group->count >= 3                   ? "often"
                                                                   : "before";
    out.push_back(std::move(suggestion));
  }
  return out;
}

std::string DonationLog::Serialize() const {
  std::string out(kMagic);
  {
    google::protobuf::io::StringOutputStream stream(&out);
    CodedOutputStream coded(&stream);
    coded.WriteVarint32(static_cast<uint32_t>(entries_.size()));
    auto write = [&coded](const std::string& text) {
      coded.WriteVarint32(static_cast<uint32_t>(text.size()));
      coded.WriteString(text);
    };
    for (const Entry& entry : entries_) {
      write(entry.action);
      coded.WriteVarint64(static_cast<uint64_t>(absl::ToUnixMillis(entry.time)));
      write(entry.values);
    }
  }
  out += Checksum(out);
  return out;
}

absl::StatusOr<DonationLog> DonationLog::Parse(std::string_view bytes, DonationLimits limits) {
  const absl::Status broken =
      absl::DataLossError("The file is damaged, or of a newer version of the daemon.");
  if (!absl::StartsWith(bytes, kMagic) || bytes.size() < kMagic.size() + kChecksumBytes) {
    return broken;
  }
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (bytes.substr(content.size()) != Checksum(content)) return broken;
  const std::string_view entries = content.substr(kMagic.size());
  CodedInputStream coded(reinterpret_cast<const uint8_t*>(entries.data()),
                         static_cast<int>(entries.size()));
  uint32_t count = 0;
  if (!coded.ReadVarint32(&count)) return broken;
  DonationLog log(limits);
  auto read = [&coded, &entries](std::string& text) {
    uint32_t size = 0;
    return coded.ReadVarint32(&size) && size <= entries.size() &&
           coded.ReadString(&text, static_cast<int>(size));
  };
  for (uint32_t index = 0; index < count; ++index) {
    Entry entry;
    uint64_t milliseconds = 0;
    if (!read(entry.action) || !coded.ReadVarint64(&milliseconds) || !read(entry.values)) {
      return broken;
    }
    entry.time = absl::FromUnixMillis(static_cast<int64_t>(milliseconds));
    v1::DonateActionRequest holder;
    if (entry.values.size() > limits.bytes || !holder.ParseFromString(entry.values)) return broken;
    log.Insert(std::move(entry));
  }
  return log;
}

}  // namespace intelligenced
