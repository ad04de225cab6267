#include "runtime/models/store_state.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "nlohmann/json.hpp"
#include "runtime/base/reasons.h"
#include "runtime/models/manifest.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

uint64_t Unsigned(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

}  // namespace

absl::StatusOr<StoreState> ParseStoreState(std::string_view json) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  const absl::Status corrupt =
      MakeError(Reason::kModelCorrupt, "The store's state.json is not what this program writes.");
  if (!root.is_object()) return corrupt;
  StoreState state;
  if (const auto records = root.find("models"); records != root.end()) {
    if (!records->is_object()) return corrupt;
    for (const auto& [name, item] : records->items()) {
      if (!IsValidModelName(name) || !item.is_object()) return corrupt;
      ModelRecord record;
      const auto pinned = item.find("pinned");
      record.pinned = pinned != item.end() && pinned->is_boolean() && pinned->get<bool>();
      if (const auto keep = item.find("keep_alive_ms"); keep != item.end()) {
        if (!keep->is_number_unsigned()) return corrupt;
        // Infinity is written as the largest number.
        const uint64_t value = keep->get<uint64_t>();
        record.keep_alive = value > INT64_MAX ? absl::InfiniteDuration()
                                              : absl::Milliseconds(static_cast<int64_t>(value));
      }
      record.resident_bytes = Unsigned(item, "resident_bytes");
      record.peak_bytes = Unsigned(item, "peak_bytes");
      record.load_time = absl::Milliseconds(
          static_cast<int64_t>(Unsigned(item, "load_time_ms") & uint64_t{INT64_MAX}));
      state.records[name] = record;
    }
  }
  if (const auto defaults = root.find("defaults"); defaults != root.end()) {
    if (!defaults->is_object()) return corrupt;
    for (const auto& [capability, model] : defaults->items()) {
      if (!model.is_string() || !IsValidModelName(model.get_ref<const std::string&>())) {
        return corrupt;
      }
      state.defaults[capability] = model.get<std::string>();
    }
  }
  return state;
}

std::string StoreStateToJson(const StoreState& state) {
  Json root = Json::object();
  root["models"] = Json::object();
  for (const auto& [name, record] : state.records) {
    Json item = Json::object();
    if (record.pinned) item["pinned"] = true;
    if (record.keep_alive.has_value()) {
      item["keep_alive_ms"] = *record.keep_alive == absl::InfiniteDuration()
                                  ? UINT64_MAX
                                  : static_cast<uint64_t>(std::max<int64_t>(
                                        0, absl::ToInt64Milliseconds(*record.keep_alive)));
    }
    item["resident_bytes"] = record.resident_bytes;
    item["peak_bytes"] = record.peak_bytes;
    item["load_time_ms"] =
        static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Milliseconds(record.load_time)));
    root["models"][name] = std::move(item);
  }
  root["defaults"] = state.defaults;
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace intelligenced
