#include "services/actions/resolving.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "services/actions/resolve_messages.h"
#include "services/actions/streams.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxDonationBytes = size_t{4} << 20;
constexpr absl::Duration kOldestDonation = absl::Hours(24 * 30);

// The moment that a request names, else now.
absl::StatusOr<resolve::Moment> MomentOf(std::string_view field, bool named,
                                         const v1::CalendarDateTime& now, absl::Time wall) {
  resolve::Moment moment;
  moment.zone = absl::LocalTimeZone();
  moment.now = wall;
  if (!named) return moment;
  v1::ActionValueType type;
  type.mutable_date_time();
  v1::ActionValue value;
  *value.mutable_date_time_value() = now;
  absl::Status status =
      CheckValue(field, type, value, v1::ProviderDeclaration(), ValueOrigin::kCaller);
  if (!status.ok()) return status;
  if (now.has_utc_offset_seconds()) moment.zone = absl::FixedTimeZone(now.utc_offset_seconds());
  moment.now = absl::FromCivil(
      absl::CivilSecond(now.date().year(), static_cast<int>(now.date().month()),
                        static_cast<int>(now.date().day()), static_cast<int>(now.time().hours()),
                        static_cast<int>(now.time().minutes()),
                        static_cast<int>(now.time().seconds())),
      moment.zone);
  return moment;
}

absl::Status CheckResolve(const v1::ResolveUtteranceRequest& request) {
  FieldChecker check;
  check.RequiredText("utterance", request.utterance(), resolve::kMaxUtteranceBytes);
  check.AtMost("max_candidates", request.max_candidates(), 16);
  check.Language("language_code", request.language_code());
  check.Enum("method", request.method(), v1::ResolveMethod_IsValid(request.method()));
  if (request.has_min_confidence()) {
    check.InRange("min_confidence", request.min_confidence(), 0, 1);
  }
  check.AtMost("providers", static_cast<uint64_t>(request.providers_size()), 256);
  check.Options(request.options());
  if (!check.status().ok()) return check.status();
  if (!request.language_code().empty() && request.language_code() != "en" &&
      !absl::StartsWith(request.language_code(), "en-")) {
    return MakeError(Reason::kLanguageUnsupported,
                     "Sentences are understood in English (“en”) only.");
  }
  if (request.method() == v1::RESOLVE_METHOD_MODEL) {
    ErrorFacts facts;
    facts.metadata = {{"capability", "actions.resolve"}};
    return MakeError(Reason::kNoCapableModel,
                     "Sentences are resolved by phrases here; leave method out.", std::move(facts));
  }
  return absl::OkStatus();
}

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

std::shared_ptr<const resolve::ActionIndex> ActionResolving::IndexOf(ActionExchange& exchange,
                                                                     uid_t user) {
  Index& index = indexes_[user];
  if (index.index != nullptr && index.generation == exchange.registry().generation()) {
    return index.index;
  }
  std::vector<resolve::ActionSpec> specs;
  for (const ProviderView& provider : exchange.registry().List(user)) {
    for (const v1::Action& action : provider.declaration->actions()) {
      specs.push_back(ToSpec(action));
    }
  }
  absl::StatusOr<std::shared_ptr<const resolve::ActionIndex>> built =
      resolve::ActionIndex::Build(std::move(specs));
  if (!built.ok()) {
    // Declarations were checked with the same rules.
    hub_->options().warn(absl::StrCat("actions cannot be indexed: ", built.status().message()));
    built = resolve::ActionIndex::Build({});
  }
  index = {.generation = exchange.registry().generation(), .index = *std::move(built)};
  return index.index;
}

absl::Status ActionResolving::Resolve(const std::shared_ptr<UnaryCall>& call,
                                      const v1::ResolveUtteranceRequest& request) {
  if (absl::Status status = CheckResolve(request); !status.ok()) return status;
  const absl::StatusOr<resolve::Moment> moment =
      MomentOf("now", request.has_now(), request.now(), call->runtime().clock().WallTime());
  if (!moment.ok()) return moment.status();
  hub_->Run([self = shared_from_this(), call, request, moment = *moment](ActionExchange& exchange,
                                                                         absl::Time) {
    const uid_t user = call->caller().user_id;
    const auto index = self->IndexOf(exchange, user);
    // The work is done beside the hub; what it finds is looked up inside again.
    self->hub_->runtime().blocking().Run([self, call, request, moment, index, user] {
      resolve::ResolveOptions options;
      options.moment = moment;
      if (request.max_candidates() > 0) options.max_candidates = request.max_candidates();
      if (request.has_min_confidence()) options.min_confidence = request.min_confidence();
      const std::set<std::string, std::less<>> providers(request.providers().begin(),
                                                         request.providers().end());
      if (!providers.empty()) {
        options.allowed = [&providers](const resolve::ActionSpec& action) {
          return providers.contains(std::string_view(action.id).substr(0, action.id.rfind('/')));
        };
      }
      absl::StatusOr<resolve::Resolution> resolution =
          resolve::Resolve(*index, request.utterance(), options);
      self->hub_->Run(
          [call, user, resolution = std::move(resolution)](ActionExchange& exchange, absl::Time) {
            if (!resolution.ok()) {
              call->Run([call, status = resolution.status()] { call->End(status); });
              return;
            }
            v1::ResolveUtteranceResponse response;
            response.set_method(v1::RESOLVE_METHOD_PHRASES);
            for (const resolve::Candidate& candidate : resolution->candidates) {
              const auto found = exchange.registry().FindAction(user, candidate.action);
              if (found.ok()) *response.add_candidates() = ToMessage(candidate, *found);
            }
            if (!resolution->rivals.empty() && response.candidates_size() > 0) {
              v1::Ambiguity* ambiguity = response.add_ambiguities();
              ambiguity->set_kind(v1::Ambiguity::KIND_ACTION);
              for (const std::string& rival : resolution->rivals)
                ambiguity->add_alternatives(rival);
              ambiguity->set_explanation("Another action fits nearly as well.");
            }
            call->Run([call, response = std::move(response)] { call->Respond(response); });
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
  const absl::StatusOr<resolve::Moment> moment =
      MomentOf("now", request.has_now(), request.now(), call->runtime().clock().WallTime());
  if (!moment.ok()) return moment.status();
  call->RecordFailureOnly();
  hub_->Run([self = shared_from_this(), call, moment = *moment,
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
