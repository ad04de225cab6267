#include "services/actions/service.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/actions.grpc.pb.h"
#include "runtime/base/reasons.h"
#include "services/actions/resolving.h"
#include "services/actions/streams.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve_duplex.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "ActionService";
constexpr std::string_view kAppKinds[] = {"exe:/", "unit:", "flatpak:", "snap:"};

using Service = v1::ActionService;
using Streams = Service::WithRawCallbackMethod_Provide<Service::WithRawCallbackMethod_RunAction<
    Service::WithRawCallbackMethod_AnswerConfirmations<Service::Service>>>;
using Looking = Service::WithRawCallbackMethod_ListActions<
    Service::WithRawCallbackMethod_GetAction<Service::WithRawCallbackMethod_ResolveUtterance<
        Service::WithRawCallbackMethod_CancelAction<Streams>>>>;
using Donating =
    Service::WithRawCallbackMethod_DonateAction<Service::WithRawCallbackMethod_SuggestActions<
        Service::WithRawCallbackMethod_DeleteDonations<Looking>>>;
using Base = Service::WithRawCallbackMethod_ListGrants<
    Service::WithRawCallbackMethod_SetGrant<Service::WithRawCallbackMethod_RevokeGrant<Donating>>>;

absl::Status PersonOnly(const ActionActor& actor) {
  ErrorFacts facts;
  facts.metadata = {{"client", actor.app}};
  return MakeError(Reason::kCallerNotAuthorized,
                   absl::StrCat("Only the person's clients change grants, and ", actor.app,
                                " is none of them ([actions] trusted_clients)."),
                   std::move(facts));
}

absl::Status CheckGrantNames(const std::string& caller, const std::string& provider) {
  // daemon/identity.h: what the kernel can vouch for.
  const bool named =
      std::any_of(std::begin(kAppKinds), std::end(kAppKinds),
                  [&caller](std::string_view kind) { return absl::StartsWith(caller, kind); });
  if (!named || !IsPlainLine(caller, 4096)) {
    return FieldError("caller",
                      "must be an app as the daemon names it, such as "
                      "exe:/usr/bin/assistant; `mlctl activity` shows them.");
  }
  if (!IsProviderIdentifier(provider)) {
    return FieldError("provider", "must be a provider's identifier, such as org.example.Notes.");
  }
  return absl::OkStatus();
}

class ActionService final : public Base {
 public:
  ActionService(const ServiceEnvironment& environment, std::shared_ptr<ActionHub> hub)
      : environment_(environment),
        hub_(std::move(hub)),
        resolving_(std::make_shared<ActionResolving>(hub_)) {
    resolving_->Bind();
  }

  using ByteReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;
  ByteReactor* Provide(grpc::CallbackServerContext* context) override {
    return ServeDuplex(
        environment_, context, kService, "Provide",
        [this](const std::shared_ptr<StreamCall>& call) { return MakeProvideHandler(call, hub_); });
  }
  ByteReactor* RunAction(grpc::CallbackServerContext* context) override {
    return ServeDuplex(
        environment_, context, kService, "RunAction",
        [this](const std::shared_ptr<StreamCall>& call) { return MakeRunHandler(call, hub_); });
  }
  ByteReactor* AnswerConfirmations(grpc::CallbackServerContext* context) override {
    return ServeDuplex(
        environment_, context, kService, "AnswerConfirmations",
        [this](const std::shared_ptr<StreamCall>& call) { return MakeConfirmHandler(call, hub_); });
  }

  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;

  grpc::ServerUnaryReactor* ListActions(Context* context, const Bytes* bytes,
                                        Bytes* response) override {
    return Answer<v1::ListActionsRequest, v1::ListActionsResponse>(
        context, bytes, response, "ListActions", Noted::kFailures,
        [](ActionExchange& exchange, const ActionActor& actor,
           const v1::ListActionsRequest& request,
           absl::Time) -> absl::StatusOr<v1::ListActionsResponse> {
          v1::ListActionsResponse answer;
          for (const ProviderView& provider : exchange.registry().List(actor.user_id)) {
            if (!request.provider().empty() && provider.declaration->id() != request.provider()) {
              continue;
            }
            *answer.add_providers() = DescribeProvider(provider);
            for (const v1::Action& action : provider.declaration->actions()) {
              *answer.add_actions() = DescribeAction(provider, action);
            }
          }
          return answer;
        });
  }

  grpc::ServerUnaryReactor* GetAction(Context* context, const Bytes* bytes,
                                      Bytes* response) override {
    return Answer<v1::GetActionRequest, v1::GetActionResponse>(
        context, bytes, response, "GetAction", Noted::kFailures,
        [](ActionExchange& exchange, const ActionActor& actor, const v1::GetActionRequest& request,
           absl::Time) -> absl::StatusOr<v1::GetActionResponse> {
          if (request.name().empty()) return FieldError("name", "is required.");
          const absl::StatusOr<ActionRegistry::Found> found =
              exchange.registry().FindAction(actor.user_id, request.name());
          if (!found.ok()) return found.status();
          v1::GetActionResponse answer;
          *answer.mutable_action() = DescribeAction(found->provider, *found->action);
          *answer.mutable_provider() = DescribeProvider(found->provider);
          return answer;
        });
  }

  grpc::ServerUnaryReactor* CancelAction(Context* context, const Bytes* bytes,
                                         Bytes* response) override {
    return Answer<v1::CancelActionRequest, v1::CancelActionResponse>(
        context, bytes, response, "CancelAction", Noted::kAlways,
        [](ActionExchange& exchange, const ActionActor& actor,
           const v1::CancelActionRequest& request,
           absl::Time now) -> absl::StatusOr<v1::CancelActionResponse> {
          if (request.run_id().empty()) return FieldError("run_id", "is required.");
          absl::Status status = exchange.Cancel(actor, request.run_id(), now);
          if (!status.ok()) return status;
          return v1::CancelActionResponse();
        });
  }

  grpc::ServerUnaryReactor* ListGrants(Context* context, const Bytes* bytes,
                                       Bytes* response) override {
    return Answer<v1::ListGrantsRequest, v1::ListGrantsResponse>(
        context, bytes, response, "ListGrants", Noted::kFailures,
        [](ActionExchange& exchange, const ActionActor& actor, const v1::ListGrantsRequest&,
           absl::Time) -> absl::StatusOr<v1::ListGrantsResponse> {
          v1::ListGrantsResponse answer;
          answer.set_caller(actor.app);
          for (v1::ActionGrant& grant :
               exchange.grants().List(actor.user_id, actor.trusted ? "" : actor.app)) {
            *answer.add_grants() = std::move(grant);
          }
          return answer;
        });
  }

  grpc::ServerUnaryReactor* SetGrant(Context* context, const Bytes* bytes,
                                     Bytes* response) override {
    return Answer<v1::SetGrantRequest, v1::ActionGrant>(
        context, bytes, response, "SetGrant", Noted::kAlways,
        [hub = hub_](ActionExchange& exchange, const ActionActor& actor,
                     const v1::SetGrantRequest& request,
                     absl::Time now) -> absl::StatusOr<v1::ActionGrant> {
          const v1::ActionGrant& grant = request.grant();
          if (!actor.trusted) return PersonOnly(actor);
          absl::Status status = CheckGrantNames(grant.caller(), grant.provider());
          if (!status.ok()) return status;
          if (grant.policy() != v1::GRANT_POLICY_ASK_ONCE &&
              grant.policy() != v1::GRANT_POLICY_ALWAYS &&
              grant.policy() != v1::GRANT_POLICY_NEVER) {
            return FieldError("grant.policy", "must be ASK_ONCE, ALWAYS or NEVER.");
          }
          const std::optional<ProviderView> provider =
              exchange.registry().FindProvider(actor.user_id, grant.provider());
          if (!provider.has_value()) {
            return MakeError(Reason::kActionNotFound,
                             absl::StrCat("There is no provider ", grant.provider(),
                                          "; `mlctl actions list` shows those there are."));
          }
          status = exchange.grants().Set(
              {actor.user_id, grant.caller(), grant.provider(), provider->owner}, grant.policy());
          if (!status.ok()) return status;
          hub->SaveGrants();
          exchange.GrantsChanged(actor.user_id, now);
          return grant;
        });
  }

  grpc::ServerUnaryReactor* RevokeGrant(Context* context, const Bytes* bytes,
                                        Bytes* response) override {
    return Answer<v1::RevokeGrantRequest, v1::RevokeGrantResponse>(
        context, bytes, response, "RevokeGrant", Noted::kAlways,
        [hub = hub_](ActionExchange& exchange, const ActionActor& actor,
                     const v1::RevokeGrantRequest& request,
                     absl::Time) -> absl::StatusOr<v1::RevokeGrantResponse> {
          if (!actor.trusted) return PersonOnly(actor);
          absl::Status status = CheckGrantNames(request.caller(), request.provider());
          if (!status.ok()) return status;
          if (exchange.grants().Revoke(actor.user_id, request.caller(), request.provider())) {
            hub->SaveGrants();
          }
          return v1::RevokeGrantResponse();
        });
  }

  grpc::ServerUnaryReactor* ResolveUtterance(Context* context, const Bytes* bytes,
                                             Bytes* response) override {
    return Resolving<v1::ResolveUtteranceRequest>(context, bytes, response, "ResolveUtterance",
                                                  &ActionResolving::Resolve);
  }
  grpc::ServerUnaryReactor* DonateAction(Context* context, const Bytes* bytes,
                                         Bytes* response) override {
    return Resolving<v1::DonateActionRequest>(context, bytes, response, "DonateAction",
                                              &ActionResolving::Donate);
  }
  grpc::ServerUnaryReactor* SuggestActions(Context* context, const Bytes* bytes,
                                           Bytes* response) override {
    return Resolving<v1::SuggestActionsRequest>(context, bytes, response, "SuggestActions",
                                                &ActionResolving::Suggest);
  }
  grpc::ServerUnaryReactor* DeleteDonations(Context* context, const Bytes* bytes,
                                            Bytes* response) override {
    return Resolving<v1::DeleteDonationsRequest>(context, bytes, response, "DeleteDonations",
                                                 &ActionResolving::Delete);
  }

 private:
  // Parses and calls start(call, request).
  template <typename Request, typename Start>
  grpc::ServerUnaryReactor* Later(Context* context, const Bytes* bytes, Bytes* response,
                                  std::string_view method, Start start) {
    return ServeUnary(environment_, context, response, kService, method,
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        call->NoteInput(bytes->Length());
                        Request request;
                        absl::Status status = ParseRequest(*bytes, request);
                        if (!status.ok()) return status;
                        return start(call, request);
                      });
  }

  template <typename Request>
  grpc::ServerUnaryReactor* Resolving(
      Context* context, const Bytes* bytes, Bytes* response, std::string_view method,
      absl::Status (ActionResolving::*start)(const std::shared_ptr<UnaryCall>&, const Request&)) {
    return Later<Request>(context, bytes, response, method,
                          [resolving = resolving_, start](const std::shared_ptr<UnaryCall>& call,
                                                          const Request& request) {
                            return (*resolving.*start)(call, request);
                          });
  }

  // Which calls the activity record has: looking around is noted only where it fails.
  enum class Noted { kAlways, kFailures };

  // work(exchange, actor, request, now) inside the hub.
  template <typename Request, typename Response, typename Work>
  grpc::ServerUnaryReactor* Answer(Context* context, const Bytes* bytes, Bytes* response,
                                   std::string_view method, Noted noted, Work work) {
    return Later<Request>(
        context, bytes, response, method,
        [hub = hub_, noted, work = std::move(work)](const std::shared_ptr<UnaryCall>& call,
                                                    const Request& request) {
          if (noted == Noted::kFailures) call->RecordFailureOnly();
          hub->Run([call, request, work](ActionExchange& exchange, absl::Time now) {
            absl::StatusOr<Response> answer = work(exchange, ActorOf(*call), request, now);
            call->Run([call, answer = std::move(answer)] {
              if (answer.ok()) {
                call->Respond(*answer);
              } else {
                call->End(answer.status());
              }
            });
          });
          return absl::OkStatus();
        });
  }

  const ServiceEnvironment environment_;
  const std::shared_ptr<ActionHub> hub_;
  const std::shared_ptr<ActionResolving> resolving_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeActionService(const ServiceEnvironment& environment,
                                                 std::shared_ptr<ActionHub> hub) {
  return std::make_unique<ActionService>(environment, std::move(hub));
}

}  // namespace intelligenced
