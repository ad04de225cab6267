#include "daemon/callers.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  // Greedy with one step back: linear in practice, quadratic at worst, never exponential.
  size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

ClientPolicies::ClientPolicies(std::vector<ClientPolicy> policies)
    : policies_(std::move(policies)) {
  const auto rank = [](const ClientPolicy& policy) {
    const auto wildcards = std::count_if(policy.pattern.begin(), policy.pattern.end(),
                                         [](char c) { return c == '*' || c == '?'; });
    const auto fixed = static_cast<int64_t>(policy.pattern.size()) - wildcards;
    return std::make_tuple(wildcards > 0, -fixed, policy.pattern);
  };
  std::sort(policies_.begin(), policies_.end(),
            [&](const ClientPolicy& a, const ClientPolicy& b) { return rank(a) < rank(b); });
}

const ClientPolicy& ClientPolicies::For(std::string_view client_id) const {
  for (const ClientPolicy& policy : policies_) {
    if (MatchesPattern(policy.pattern, client_id)) return policy;
  }
  return default_;
}

TableCallerDirectory::TableCallerDirectory(const ConnectionTable* table, uid_t own_user,
                                           std::vector<ClientPolicy> policies,
                                           std::vector<std::string> trusted)
    : table_(table),
      own_user_(own_user),
      trusted_(std::move(trusted)),
      policies_(std::make_shared<const ClientPolicies>(std::move(policies))) {}

void TableCallerDirectory::SetPolicies(std::vector<ClientPolicy> policies) {
  auto fresh = std::make_shared<const ClientPolicies>(std::move(policies));
  absl::MutexLock lock(mutex_);
  policies_ = std::move(fresh);
}

absl::StatusOr<Caller> TableCallerDirectory::Resolve(std::string_view grpc_peer,
                                                     std::string_view service) const {
  const std::shared_ptr<const Identity> identity = table_->Find(grpc_peer);
  if (identity == nullptr) {
    return MakeError(Reason::kCallerNotAuthorized,
                     "The daemon does not know who is at the other end of this connection.");
  }
  std::shared_ptr<const ClientPolicies> policies;
  {
    absl::MutexLock lock(mutex_);
    policies = policies_;
  }
  Caller caller;
  caller.client.id = identity->id();
  const ClientPolicy& policy = policies->For(caller.client.id);
  if (policy.services.has_value() && std::find(policy.services->begin(), policy.services->end(),
                                               service) == policy.services->end()) {
    ErrorFacts facts;
    facts.metadata = {{"client", caller.client.id}, {"service", std::string(service)}};
    return MakeError(
        Reason::kCallerNotAuthorized,
        absl::StrCat("The configuration of this machine does not allow ", caller.client.id,
                     " to use ", service, " ([clients.\"", policy.pattern, "\"] services)."),
        std::move(facts));
  }
  caller.client.display_name = identity->display_name;
  caller.client.user_id = identity->user_id;
  caller.client.weight = policy.weight;
  caller.user_id = identity->user_id;
  caller.group_id = identity->group_id;
  caller.process_id = identity->process_id;
  caller.administrator = identity->user_id == 0 || identity->user_id == own_user_;
  caller.app = identity->app;
  caller.executable = identity->executable;
  for (const std::string& pattern : trusted_) {
    caller.trusted = caller.trusted || MatchesPattern(pattern, identity->app) ||
                     (!identity->executable.empty() &&
                      MatchesPattern(pattern, absl::StrCat("exe:", identity->executable)));
  }
  return caller;
}

}  // namespace intelligenced
