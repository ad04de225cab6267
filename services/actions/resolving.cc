#include "services/actions/resolving.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "services/actions/model_resolver/model_resolver.h"
#include "services/actions/streams.h"
#include "services/rpc/model_run.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxDonationBytes = size_t{4} << 20;
constexpr absl::Duration kOldestDonation = absl::Hours(24 * 30);

}  // namespace

void ActionResolving::Bind() {
  hub_->OnRunDone(
      [weak = weak_from_this()](uid_t user, const std::string& action, const ActionValues& values) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->LogOf(user).Add(action, values, self->hub_->runtime().clock().WallTime());
        self->Save(user);
      });
}

std::shared_ptr<const ActionLibrary> ActionResolving::LibraryOf(ActionExchange& exchange,
                                                                uid_t user) {
  Library& kept = libraries_[user];
  if (kept.library != nullptr && kept.generation == exchange.registry().generation()) {
    return kept.library;
  }
  std::vector<v1::Action> all;
  for (const ProviderView& provider : exchange.registry().List(user)) {
    for (const v1::Action& action : provider.declaration->actions()) {
      all.push_back(DescribeAction(provider, action));
    }
  }
  absl::StatusOr<std::shared_ptr<const ActionLibrary>> made = MakeActionLibrary(std::move(all));
  if (!made.ok()) {
    // Declarations were checked with the same rules.
    hub_->options().warn(absl::StrCat("actions cannot be indexed: ", made.status().message()));
    made = MakeActionLibrary({});
  }
  kept = {.generation = exchange.registry().generation(), .library = *std::move(made)};
  return kept.library;
}

absl::Status ActionResolving::Resolve(const std::shared_ptr<UnaryCall>& call,
                                      const v1::ResolveUtteranceRequest& request) {
  if (absl::Status status = CheckResolveRequest(request); !status.ok()) return status;
  std::optional<Manifest> model;
  if (request.method() == v1::RESOLVE_METHOD_MODEL) {
    absl::StatusOr<Manifest> found =
        FindModelFor(call->runtime(), "language.generate", request.options());
    if (!found.ok()) return found.status();
    model = *std::move(found);
  }
  const resolve::Moment moment =
      MomentOf(request, call->runtime().clock().WallTime(), absl::LocalTimeZone());
  hub_->Run([self = shared_from_this(), call, request, moment, model = std::move(model)](
                ActionExchange& exchange, absl::Time) {
    const auto library = self->LibraryOf(exchange, call->caller().user_id);
    if (model.has_value()) {
      call->Run([call, model, library, request, moment] {
        ResolveByModel(call, *model, library, request, moment);
      });
      return;
    }
    self->hub_->runtime().blocking().Run([call, request, moment, library] {
      const absl::StatusOr<v1::ResolveUtteranceResponse> response =
          ResolveByPhrases(*library, request, moment, /*home=*/"");
      call->Run([call, response] {
        if (response.ok()) {
          call->Respond(*response);
        } else {
          call->End(response.status());
        }
      });
    });
  });
  return absl::OkStatus();
}

std::string ActionResolving::PathOf(uid_t user) const {
  return absl::StrCat(hub_->options().state_folder, "/donations-", user);
}

DonationLog& ActionResolving::LogOf(uid_t user) {
  const auto found = logs_.find(user);
  if (found != logs_.end()) return found->second;
  DonationLog log;
  if (!hub_->options().state_folder.empty()) {
    const absl::StatusOr<std::string> bytes = ReadFile(PathOf(user), kMaxDonationBytes);
    if (bytes.ok()) {
      absl::StatusOr<DonationLog> parsed = DonationLog::Parse(*bytes);
      if (parsed.ok()) {
        log = *std::move(parsed);
      } else {
        hub_->options().warn(absl::StrCat(PathOf(user), ": ", parsed.status().message()));
      }
    } else if (!absl::IsNotFound(bytes.status())) {
      hub_->options().warn(absl::StrCat(PathOf(user), ": ", bytes.status().message()));
    }
  }
  return logs_.emplace(user, std::move(log)).first->second;
}

void ActionResolving::Save(uid_t user) {
  if (hub_->options().state_folder.empty()) return;
  if (!saving_.insert(user).second) {
    dirty_.insert(user);
    return;
  }
  hub_->runtime().blocking().Run(
      [self = shared_from_this(), user, bytes = LogOf(user).Serialize()] {
        absl::Status status = CreateDirectories(self->hub_->options().state_folder, 0700);
        FileSystem files;
        if (status.ok()) status = WriteFileAtomically(files, self->PathOf(user), bytes, 0600);
        if (!status.ok()) {
          self->hub_->options().warn(absl::StrCat("what was done is not kept: ", status.message()));
        }
        self->hub_->Run([self, user](ActionExchange&, absl::Time) {
          self->saving_.erase(user);
          if (self->dirty_.erase(user) > 0) self->Save(user);
        });
      });
}

absl::Status ActionResolving::Donate(const std::shared_ptr<UnaryCall>& call,
                                     const v1::DonateActionRequest& request) {
  if (request.action().empty()) return FieldError("action", "is required.");
  const absl::Time now = call->runtime().clock().WallTime();
  absl::Time time = now;
  if (request.has_time()) {
    time =
        absl::FromUnixSeconds(request.time().seconds()) + absl::Nanoseconds(request.time().nanos());
    if (time > now + absl::Minutes(1) || time < now - kOldestDonation) {
      return FieldError("time", "must not be in the future, nor more than 30 days ago.");
    }
  }
  hub_->Run([self = shared_from_this(), call, request, time](ActionExchange& exchange, absl::Time) {
    const ActionActor actor = ActorOf(*call);
    const absl::StatusOr<ActionRegistry::Found> found =
        exchange.registry().FindAction(actor.user_id, request.action());
    absl::Status status = found.status();
    if (status.ok() && !actor.trusted && actor.app != found->provider.owner &&
        absl::StrCat("exe:", actor.executable) != found->provider.owner) {
      status = MakeError(Reason::kCallerNotAuthorized,
                         "Only the provider's own app and the person's clients donate actions.");
    }
    if (status.ok()) {
      status = CheckValues(*found->action, request.values(), *found->provider.declaration,
                           ValueOrigin::kCaller);
    }
    if (status.ok()) {
      self->LogOf(actor.user_id).Add(found->action->name(), request.values(), time);
      self->Save(actor.user_id);
      call->NoteAction(found->action->name());
    }
    call->Run([call, status] {
      if (status.ok()) {
        call->Respond(v1::DonateActionResponse());
      } else {
        call->End(status);
      }
    });
  });
  return absl::OkStatus();
}

absl::Status ActionResolving::Suggest(const std::shared_ptr<UnaryCall>& call,
                                      const v1::SuggestActionsRequest& request) {
  if (request.max_suggestions() > 32) {
    return FieldError("max_suggestions", "must be at most 32.");
  }
  v1::ResolveUtteranceRequest said;
  said.set_utterance("now");
  if (request.has_now()) *said.mutable_now() = request.now();
  if (absl::Status status = CheckResolveRequest(said); !status.ok()) return status;
  const resolve::Moment moment =
      MomentOf(said, call->runtime().clock().WallTime(), absl::LocalTimeZone());
  call->RecordFailureOnly();
  hub_->Run([self = shared_from_this(), call, moment,
             max = request.max_suggestions() == 0 ? 5 : request.max_suggestions()](
                ActionExchange& exchange, absl::Time) {
    const uid_t user = call->caller().user_id;
    v1::SuggestActionsResponse response;
    const auto known = [&](const std::string& action) {
      return exchange.registry().FindAction(user, action).ok();
    };
    for (const ActionSuggestion& one :
         self->LogOf(user).Suggest(moment.now, moment.zone, max, known)) {
      const auto found = exchange.registry().FindAction(user, one.action);
      v1::ActionSuggestion* suggestion = response.add_suggestions();
      suggestion->set_action(one.action);
      suggestion->set_title(found.ok() ? found->action->title() : one.action);
      *suggestion->mutable_values() = one.values;
      suggestion->set_score(static_cast<float>(one.score));
      suggestion->set_explanation(one.explanation);
    }
    call->Run([call, response = std::move(response)] { call->Respond(response); });
  });
  return absl::OkStatus();
}

absl::Status ActionResolving::Delete(const std::shared_ptr<UnaryCall>& call,
                                     const v1::DeleteDonationsRequest& request) {
  hub_->Run([self = shared_from_this(), call, request](ActionExchange& exchange, absl::Time) {
    const ActionActor actor = ActorOf(*call);
    absl::Status status;
    if (!actor.trusted) {
      const auto provider = exchange.registry().FindProvider(actor.user_id, request.provider());
      if (!provider.has_value() || (provider->owner != actor.app &&
                                    provider->owner != absl::StrCat("exe:", actor.executable))) {
        status = MakeError(Reason::kCallerNotAuthorized,
                           "An app may only forget what was done with its own provider.");
      }
    }
    v1::DeleteDonationsResponse response;
    if (status.ok()) {
      response.set_deleted(
          static_cast<uint32_t>(self->LogOf(actor.user_id).Erase(request.provider())));
      self->Save(actor.user_id);
    }
    call->Run([call, status, response] {
      if (status.ok()) {
        call->Respond(response);
      } else {
        call->End(status);
      }
    });
  });
  return absl::OkStatus();
}

}  // namespace intelligenced
