// Who may do what: connections joined to the configuration's [clients] policies.
#ifndef INTELLIGENCED_DAEMON_CALLERS_H_
#define INTELLIGENCED_DAEMON_CALLERS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/config.h"
#include "daemon/connection_table.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// '*' stands for any run of characters, '?' for any one.
bool MatchesPattern(std::string_view pattern, std::string_view text);

// The policies of one configuration. The most specific pattern wins: no wildcard before wildcards,
// then more fixed characters, then the alphabet. Immutable.
class ClientPolicies {
 public:
  explicit ClientPolicies(std::vector<ClientPolicy> policies);
  // The default policy (weight 1, all services) when no pattern matches.
  const ClientPolicy& For(std::string_view client_id) const;

 private:
  std::vector<ClientPolicy> policies_;
  const ClientPolicy default_;
};

// Thread-safe. `table` must outlive it.
class TableCallerDirectory final : public CallerDirectory {
 public:
  // Administrators are root and `own_user`. `trusted` are patterns of the person's clients
  // ("exe:/usr/bin/mlctl").
  TableCallerDirectory(const ConnectionTable* table, uid_t own_user,
                       std::vector<ClientPolicy> policies, std::vector<std::string> trusted = {});

  absl::StatusOr<Caller> Resolve(std::string_view grpc_peer,
                                 std::string_view service) const override;

  // Calls in progress keep what they began with.
  void SetPolicies(std::vector<ClientPolicy> policies);

 private:
  const ConnectionTable* const table_;
  const uid_t own_user_;
  const std::vector<std::string> trusted_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const ClientPolicies> policies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_CALLERS_H_
