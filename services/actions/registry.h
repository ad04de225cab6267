// Which actions there are for a user: those of connected providers and those that files declare.
//
// Pure: a provider's stream is a number here. Not thread-safe.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_REGISTRY_H_
#define INTELLIGENCED_SERVICES_ACTIONS_REGISTRY_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/v1/action_types.pb.h"
#include "protos/intelligence/v1/actions.pb.h"
#include "services/actions/declaration.h"

namespace intelligenced {

// Who acts, as the kernel says.
struct ActionActor {
  uid_t user_id = 0;
  // "exe:/usr/bin/notes", "unit:…", "flatpak:…"; "unknown".
  std::string app;
  // Absolute path; empty where it could not be read, and for sandboxed apps, whose paths are their
  // own.
  std::string executable;
  std::string display_name;
  // One of the person's clients.
  bool trusted = false;
};

struct RegistryLimits {
  size_t providers_of_user = 256;
  size_t actions_of_user = 4096;
};

// What is known of one provider for one user. The declaration is shared, so that runs keep the one
// that they began with.
struct ProviderView {
  std::shared_ptr<const intelligence::v1::ProviderDeclaration> declaration;
  // The stream it is connected by; 0: it is not.
  uint64_t stream = 0;
  // The app that is connected, or would have to be ("exe:…"); what grants hold on to.
  std::string owner;
  // Null: it is not declared by a file.
  std::shared_ptr<const StaticProvider> file;

  bool startable() const { return file != nullptr && file->start.possible(); }
};

class ActionRegistry {
 public:
  using Key = std::pair<uid_t, std::string>;

  explicit ActionRegistry(RegistryLimits limits = {}) : limits_(limits) {}

  // What files declare, for all users. Replaces what was declared before.
  void SetStatic(std::vector<StaticProvider> providers);

  // What a provider of SetStatic() with `imports` said last; does nothing for any other.
  void SetImported(std::shared_ptr<const intelligence::v1::ProviderDeclaration> declaration);

  struct Registered {
    std::shared_ptr<const intelligence::v1::ProviderDeclaration> declaration;
    // The stream of the same app that this one replaces; 0: none.
    uint64_t replaced = 0;
    // The actions are known by this alone: the file leaves them to the provider.
    bool imported = false;
  };
  // FIELD_INVALID and INPUT_TOO_LARGE (the declaration), CALLER_NOT_AUTHORIZED (an app that the
  // kernel does not name), ACTION_OWNED_BY_OTHER, CLIENT_QUOTA_EXCEEDED.
  absl::StatusOr<Registered> Register(uint64_t stream, const ActionActor& actor,
                                      const intelligence::v1::ProviderDeclaration& declaration);
  // Does nothing for a stream that has none, or was replaced.
  void Unregister(uint64_t stream);

  std::optional<ProviderView> FindProvider(uid_t user, std::string_view id) const;

  struct Found {
    ProviderView provider;
    // Inside of provider.declaration.
    const intelligence::v1::Action* action = nullptr;
  };
  // "{provider}/{id}" or the id alone. ACTION_NOT_FOUND; FIELD_INVALID where several providers have
  // it.
  absl::StatusOr<Found> FindAction(uid_t user, std::string_view name) const;

  // By id.
  std::vector<ProviderView> List(uid_t user) const;

  // Changes whenever the actions of anybody do.
  uint64_t generation() const { return generation_; }
  size_t connected() const { return connected_.size(); }

 private:
  struct Connected {
    uint64_t stream = 0;
    std::string app;
    std::shared_ptr<const intelligence::v1::ProviderDeclaration> declaration;
  };
  ProviderView View(const Connected* connected, std::shared_ptr<const StaticProvider> file) const;

  const RegistryLimits limits_;
  std::map<std::string, std::shared_ptr<const StaticProvider>, std::less<>> static_;
  std::map<Key, Connected> connected_;
  std::map<uint64_t, Key> by_stream_;
  uint64_t generation_ = 1;
};

// The action with its availability, and the provider, as clients see them.
intelligence::v1::Action DescribeAction(const ProviderView& provider,
                                        const intelligence::v1::Action& action);
intelligence::v1::ActionProvider DescribeProvider(const ProviderView& provider);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_REGISTRY_H_
