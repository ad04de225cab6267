// Which caller may run which provider's actions: what the person decided. Pure; not thread-safe.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_GRANTS_H_
#define INTELLIGENCED_SERVICES_ACTIONS_GRANTS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/v1/action_types.pb.h"

namespace intelligenced {

class GrantTable {
 public:
  static constexpr size_t kMaxOfUser = 4096;

  // A grant holds for the app that owned the provider when it was given: another app that later
  // comes with the provider's identifier does not inherit it.
  struct Key {
    uid_t user_id = 0;
    std::string caller;
    std::string provider;
    std::string owner;
    auto operator<=>(const Key&) const = default;
  };

  // ASK_ONCE where nothing was decided.
  intelligence::v1::GrantPolicy Find(const Key& key) const;
  // ASK_ONCE takes the entry away. CLIENT_QUOTA_EXCEEDED.
  absl::Status Set(const Key& key, intelligence::v1::GrantPolicy policy);
  // Of all owners. Returns whether there was one.
  bool Revoke(uid_t user, std::string_view caller, std::string_view provider);
  // By caller and provider; `caller` empty: all of the user's.
  std::vector<intelligence::v1::ActionGrant> List(uid_t user, std::string_view caller) const;

  // JSON, for the disk. Parse() fails with words on what it did not write; then nothing is granted.
  std::string Serialize() const;
  static absl::StatusOr<GrantTable> Parse(std::string_view text);

 private:
  std::map<Key, intelligence::v1::GrantPolicy> grants_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_GRANTS_H_
