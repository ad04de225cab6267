#include "services/actions/grants.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

}  // namespace

v1::GrantPolicy GrantTable::Find(const Key& key) const {
  const auto found = grants_.find(key);
  return found == grants_.end() ? v1::GRANT_POLICY_ASK_ONCE : found->second;
}

absl::Status GrantTable::Set(const Key& key, v1::GrantPolicy policy) {
  if (policy != v1::GRANT_POLICY_ALWAYS && policy != v1::GRANT_POLICY_NEVER) {
    grants_.erase(key);
    return absl::OkStatus();
  }
  if (!grants_.contains(key)) {
    const auto count = std::count_if(grants_.begin(), grants_.end(), [&](const auto& entry) {
      return entry.first.user_id == key.user_id;
    });
    if (static_cast<size_t>(count) >= kMaxOfUser) {
      ErrorFacts facts;
      facts.metadata = {{"quota", "grants"}};
      return MakeError(
          Reason::kClientQuotaExceeded,
          absl::StrCat("There are ", count, " grants, the most there may be; revoke some first."),
          std::move(facts));
    }
  }
  grants_[key] = policy;
  return absl::OkStatus();
}

bool GrantTable::Revoke(uid_t user, std::string_view caller, std::string_view provider) {
  return std::erase_if(grants_, [&](const auto& entry) {
           return entry.first.user_id == user && entry.first.caller == caller &&
                  entry.first.provider == provider;
         }) > 0;
}

std::vector<v1::ActionGrant> GrantTable::List(uid_t user, std::string_view caller) const {
  std::vector<v1::ActionGrant> list;
  for (const auto& [key, policy] : grants_) {
    if (key.user_id != user || (!caller.empty() && key.caller != caller)) continue;
    v1::ActionGrant& grant = list.emplace_back();
    grant.set_caller(key.caller);
    grant.set_provider(key.provider);
    grant.set_policy(policy);
  }
  return list;
}

std::string GrantTable::Serialize() const {
  nlohmann::ordered_json grants = nlohmann::ordered_json::array();
  for (const auto& [key, policy] : grants_) {
    grants.push_back({{"user", key.user_id},
                      {"caller", key.caller},
                      {"provider", key.provider},
                      {"owner", key.owner},
                      {"policy", policy == v1::GRANT_POLICY_ALWAYS ? "always" : "never"}});
  }
  return nlohmann::ordered_json{{"version", 1}, {"grants", std::move(grants)}}.dump(
             1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

absl::StatusOr<GrantTable> GrantTable::Parse(std::string_view text) {
  const auto broken = [] {
    return absl::DataLossError("is no list of grants; nothing is granted until it is set again");
  };
  const nlohmann::json root = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("grants") || !root["grants"].is_array()) return broken();
  GrantTable table;
  for (const nlohmann::json& item : root["grants"]) {
    const auto words = [&item](const char* key) {
      return item.contains(key) && item[key].is_string();
    };
    if (!item.is_object() || !words("caller") || !words("provider") || !words("owner") ||
        !words("policy") || !item.contains("user") || !item["user"].is_number_unsigned()) {
      return broken();
    }
    const std::string policy = item["policy"];
    if (policy != "always" && policy != "never") return broken();
    const Key key{item["user"], item["caller"], item["provider"], item["owner"]};
    absl::Status status =
        table.Set(key, policy == "always" ? v1::GRANT_POLICY_ALWAYS : v1::GRANT_POLICY_NEVER);
    if (!status.ok()) return status;
  }
  return table;
}

}  // namespace intelligenced
