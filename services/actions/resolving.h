// Sentences to actions, and what a person may want now: joins the registry to the resolver and to
// the record of what was done.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVING_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVING_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "services/actions/donations/donation_log.h"
#include "services/actions/hub.h"
#include "services/actions/understand/action_values.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// Owned by a shared_ptr. Thread-safe: everything that is kept is used inside of the hub.
class ActionResolving final : public std::enable_shared_from_this<ActionResolving> {
 public:
  // `hub` tells of runs that ended well once Bind() was called.
  explicit ActionResolving(std::shared_ptr<ActionHub> hub) : hub_(std::move(hub)) {}
  void Bind();

  // Each answers the call, or returns why it is refused.
  absl::Status Resolve(const std::shared_ptr<UnaryCall>& call,
                       const intelligence::v1::ResolveUtteranceRequest& request);
  absl::Status Donate(const std::shared_ptr<UnaryCall>& call,
                      const intelligence::v1::DonateActionRequest& request);
  absl::Status Suggest(const std::shared_ptr<UnaryCall>& call,
                       const intelligence::v1::SuggestActionsRequest& request);
  absl::Status Delete(const std::shared_ptr<UnaryCall>& call,
                      const intelligence::v1::DeleteDonationsRequest& request);

 private:
  struct Library {
    uint64_t generation = 0;
    std::shared_ptr<const ActionLibrary> library;
  };
  // Of one user, built anew when the registry has changed.
  std::shared_ptr<const ActionLibrary> LibraryOf(ActionExchange& exchange, uid_t user);
  DonationLog& LogOf(uid_t user);
  std::string PathOf(uid_t user) const;
  void Save(uid_t user);

  const std::shared_ptr<ActionHub> hub_;
  std::map<uid_t, Library> libraries_;
  std::map<uid_t, DonationLog> logs_;
  std::set<uid_t> saving_;
  std::set<uid_t> dirty_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVING_H_
