#include "services/actions/registry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "services/actions/values.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

bool Owns(const ProviderOwner& owner, const ActionActor& actor) {
  if (!owner.app.empty() && owner.app == actor.app) return true;
  return !owner.executable.empty() && owner.executable == actor.executable;
}

std::string OwnerName(const ProviderOwner& owner) {
  return owner.app.empty() ? absl::StrCat("exe:", owner.executable) : owner.app;
}

absl::Status QuotaError(std::string_view quota, std::string_view message) {
  ErrorFacts facts;
  facts.metadata = {{"quota", std::string(quota)}};
  return MakeError(Reason::kClientQuotaExceeded, message, std::move(facts));
}

}  // namespace

void ActionRegistry::SetStatic(std::vector<StaticProvider> providers) {
  static_.clear();
  for (StaticProvider& provider : providers) {
    std::string id = provider.declaration.id();
    static_.emplace(std::move(id), std::make_shared<const StaticProvider>(std::move(provider)));
  }
  ++generation_;
}

void ActionRegistry::SetImported(std::shared_ptr<const v1::ProviderDeclaration> declaration) {
  const auto file = static_.find(declaration->id());
  if (file == static_.end() || !file->second->imports) return;
  StaticProvider provider = *file->second;
  provider.declaration = *declaration;
  file->second = std::make_shared<const StaticProvider>(std::move(provider));
  ++generation_;
}

absl::StatusOr<ActionRegistry::Registered> ActionRegistry::Register(
    uint64_t stream, const ActionActor& actor, const v1::ProviderDeclaration& declaration) {
  if (absl::Status status = CheckDeclaration(declaration); !status.ok()) return status;
  if (actor.app.empty() || actor.app == "unknown") {
    return MakeError(
        Reason::kCallerNotAuthorized,
        "The system does not say which app this is, and an action must have an owner.");
  }
  const auto refuse = [&](std::string_view owner) {
    ErrorFacts facts;
    facts.metadata = {{"provider", declaration.id()}, {"owner", std::string(owner)}};
    return MakeError(Reason::kActionOwnedByOther,
                     absl::StrCat("The provider ", declaration.id(), " belongs to ", owner,
                                  ", and this is ", actor.app, "."),
                     std::move(facts));
  };
  const auto file = static_.find(declaration.id());
  if (file != static_.end() && !Owns(file->second->owner, actor)) {
    return refuse(OwnerName(file->second->owner));
  }
  const Key key(actor.user_id, declaration.id());
  const auto present = connected_.find(key);
  Registered registered;
  if (present != connected_.end()) {
    if (present->second.app != actor.app) return refuse(present->second.app);
    registered.replaced = present->second.stream;
  }
  size_t providers = 0, actions = 0;
  for (auto it = connected_.lower_bound({actor.user_id, ""});
       it != connected_.end() && it->first.first == actor.user_id; ++it) {
    if (it->first == key) continue;
    ++providers;
    actions += static_cast<size_t>(it->second.declaration->actions_size());
  }
  if (providers >= limits_.providers_of_user) {
    return QuotaError("providers", absl::StrCat("There are ", providers,
                                                " providers of this user already, the most there "
                                                "may be."));
  }
  if (actions + static_cast<size_t>(declaration.actions_size()) > limits_.actions_of_user) {
    return QuotaError("actions",
                      absl::StrCat("There are ", actions, " actions of this user already; at most ",
                                   limits_.actions_of_user, " may be."));
  }
  registered.declaration =
      std::make_shared<const v1::ProviderDeclaration>(CompleteDeclaration(declaration));
  registered.imported = file != static_.end() && file->second->imports;
  if (registered.replaced != 0) by_stream_.erase(registered.replaced);
  connected_[key] = {stream, actor.app, registered.declaration};
  by_stream_[stream] = key;
  ++generation_;
  return registered;
}

void ActionRegistry::Unregister(uint64_t stream) {
  const auto found = by_stream_.find(stream);
  if (found == by_stream_.end()) return;
  connected_.erase(found->second);
  by_stream_.erase(found);
  ++generation_;
}

ProviderView ActionRegistry::View(const Connected* connected,
                                  std::shared_ptr<const StaticProvider> file) const {
  ProviderView view;
  if (file != nullptr) {
    view.declaration = std::shared_ptr<const v1::ProviderDeclaration>(file, &file->declaration);
    view.owner = OwnerName(file->owner);
    view.file = std::move(file);
  }
  if (connected != nullptr) {
    view.declaration = connected->declaration;
    view.stream = connected->stream;
    if (view.owner.empty()) view.owner = connected->app;
  }
  return view;
}

std::optional<ProviderView> ActionRegistry::FindProvider(uid_t user, std::string_view id) const {
  const auto connected = connected_.find(Key(user, std::string(id)));
  const auto file = static_.find(id);
  if (connected == connected_.end() && file == static_.end()) return std::nullopt;
  return View(connected == connected_.end() ? nullptr : &connected->second,
              file == static_.end() ? nullptr : file->second);
}

std::vector<ProviderView> ActionRegistry::List(uid_t user) const {
  std::map<std::string_view, ProviderView> views;
  for (const auto& [id, file] : static_) views[id] = View(nullptr, file);
  for (auto it = connected_.lower_bound({user, ""});
       it != connected_.end() && it->first.first == user; ++it) {
    const auto file = static_.find(it->first.second);
    views[it->first.second] = View(&it->second, file == static_.end() ? nullptr : file->second);
  }
  std::vector<ProviderView> list;
  list.reserve(views.size());
  for (auto& [id, view] : views) list.push_back(std::move(view));
  return list;
}

absl::StatusOr<ActionRegistry::Found> ActionRegistry::FindAction(uid_t user,
                                                                 std::string_view name) const {
  const size_t slash = name.rfind('/');
  std::vector<Found> found;
  const auto look = [&](ProviderView provider, std::string_view id) {
    for (const v1::Action& action : provider.declaration->actions()) {
      if (action.id() == id) found.push_back({provider, &action});
    }
  };
  if (slash != std::string_view::npos) {
    if (std::optional<ProviderView> provider = FindProvider(user, name.substr(0, slash))) {
      look(*std::move(provider), name.substr(slash + 1));
    }
  } else {
    for (ProviderView& provider : List(user)) look(std::move(provider), name);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return MakeError(Reason::kActionNotFound,
                     absl::StrCat("There is no action “", MakePlainLine(name, 200),
                                  "”; `mlctl actions list` shows those there are."));
  }
  return FieldError("action",
                    absl::StrCat("“", MakePlainLine(name, 64), "” is offered by several: ",
                                 absl::StrJoin(found, ", ",
                                               [](std::string* out, const Found& one) {
                                                 out->append(one.action->name());
                                               }),
                                 "."));
}

v1::Action DescribeAction(const ProviderView& provider, const v1::Action& action) {
  v1::Action described = action;
  described.set_available(provider.stream != 0);
  described.set_startable(provider.startable());
  return described;
}

v1::ActionProvider DescribeProvider(const ProviderView& provider) {
  v1::ActionProvider described;
  described.set_id(provider.declaration->id());
  described.set_title(provider.declaration->title());
  described.set_connected(provider.stream != 0);
  described.set_startable(provider.startable());
  described.set_declared(provider.file != nullptr);
  described.set_owner(provider.owner);
  *described.mutable_entity_types() = provider.declaration->entity_types();
  return described;
}

}  // namespace intelligenced
