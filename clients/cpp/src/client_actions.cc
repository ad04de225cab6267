// Calling actions.
#include <intelligence/actions.h>

#include <utility>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert_actions.h"

namespace intelligence::actions {
namespace {

v1::GrantPolicy ToProto(GrantPolicy policy) {
  switch (policy) {
    case GrantPolicy::kAlways:
      return v1::GRANT_POLICY_ALWAYS;
    case GrantPolicy::kNever:
      return v1::GRANT_POLICY_NEVER;
    case GrantPolicy::kAskOnce:
      break;
  }
  return v1::GRANT_POLICY_ASK_ONCE;
}

GrantPolicy FromProto(v1::GrantPolicy policy) {
  if (policy == v1::GRANT_POLICY_ALWAYS) return GrantPolicy::kAlways;
  if (policy == v1::GRANT_POLICY_NEVER) return GrantPolicy::kNever;
  return GrantPolicy::kAskOnce;
}

Ambiguity FromProto(const v1::Ambiguity& proto) {
  Ambiguity ambiguity{.parameter = proto.parameter(),
                      .alternatives = {proto.alternatives().begin(), proto.alternatives().end()},
                      .explanation = proto.explanation()};
  if (v1::Ambiguity::Kind_IsValid(proto.kind())) {
    ambiguity.kind = static_cast<Ambiguity::Kind>(proto.kind());
  }
  for (const v1::ActionValue& value : proto.values()) {
    ambiguity.values.push_back(actions::FromProto(value));
  }
  return ambiguity;
}

Candidate FromProto(const v1::ActionCandidate& proto) {
  Candidate candidate{.action = proto.action(),
                      .title = proto.title(),
                      .confidence = proto.confidence(),
                      .missing = {proto.missing().begin(), proto.missing().end()},
                      .requires_confirmation = proto.requires_confirmation(),
                      .is_destructive = proto.is_destructive()};
  for (const v1::FilledParameter& one : proto.filled()) {
    FilledParameter& filled = candidate.filled.emplace_back();
    filled.parameter = one.parameter();
    filled.value = actions::FromProto(one.value());
    filled.confidence = one.confidence();
    if (one.has_source()) {
      filled.source = TextRange{.start = one.source().start(), .end = one.source().end()};
    }
  }
  for (const v1::Ambiguity& one : proto.ambiguities()) {
    candidate.ambiguities.push_back(FromProto(one));
  }
  return candidate;
}

absl::Status CheckAll(const Values& values) {
  for (const auto& [id, value] : values) {
    if (absl::Status status = CheckUtf8("values", id); !status.ok()) return status;
    if (absl::Status status = CheckTexts(value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

// One RunAction, on the calling thread.
class RunningCall {
 public:
  RunningCall(Client::Connection& connection, const RunHandlers& handlers)
      : connection_(connection), handlers_(handlers) {}

  absl::StatusOr<Result> Run(const RunRequest& request, const CallOptions& options) {
    if (absl::Status status = connection_.Prepare(options, call_); !status.ok()) return status;
    stream_ = connection_.actions->RunAction(&call_.context);
    v1::RunActionRequest first;
    first.mutable_start()->set_action(request.action);
    ToProto(request.values, first.mutable_start()->mutable_values());
    first.mutable_start()->set_request_id(request.request_id);
    first.mutable_start()->set_on_behalf_of(request.on_behalf_of);
    stream_->Write(first);
    if (!handlers_.value && !handlers_.confirm) stream_->WritesDone();
    absl::Status failed;
    std::optional<Result> result;
    v1::RunActionResponse response;
    while (stream_->Read(&response)) {
      if (failed.ok()) failed = Take(response, result);
      if (!failed.ok()) call_.context.TryCancel();
    }
    const absl::Status status = connection_.Decode(stream_->Finish(), call_);
    if (!failed.ok()) return failed;
    if (!status.ok()) return status;
    if (!result.has_value()) {
      return absl::InternalError("The daemon ended the run without a result; look at its log.");
    }
    return *std::move(result);
  }

 private:
  absl::Status Take(const v1::RunActionResponse& response, std::optional<Result>& result) {
    switch (response.event_case()) {
      case v1::RunActionResponse::kStarted:
        if (handlers_.started) handlers_.started(response.started().run_id());
        return absl::OkStatus();
      case v1::RunActionResponse::kProviderStarting:
        if (handlers_.provider_starting) {
          handlers_.provider_starting(response.provider_starting().provider());
        }
        return absl::OkStatus();
      case v1::RunActionResponse::kNeedsValue: {
        const v1::NeedsValue& asked = response.needs_value();
        ValueQuestion question{.parameter = asked.parameter(),
                               .type = FromProtoType(asked.type()),
                               .prompt = asked.prompt(),
                               .problem = asked.problem()};
        for (const v1::ActionValue& option : asked.options()) {
          question.options.push_back(actions::FromProto(option));
        }
        return Answer(question);
      }
      case v1::RunActionResponse::kDisambiguation: {
        const v1::Disambiguation& asked = response.disambiguation();
        ValueQuestion question{.parameter = asked.parameter(),
                               .type = {.kind = ValueType::Kind::kEntity},
                               .prompt = asked.prompt(),
                               .problem = asked.problem(),
                               .disambiguates = true};
        for (const v1::ActionValue& option : asked.options()) {
          question.options.push_back(actions::FromProto(option));
          question.type.entity = option.entity_value().type();
        }
        return Answer(question);
      }
      case v1::RunActionResponse::kNeedsConfirmation: {
        if (!handlers_.confirm) {
          stream_->WritesDone();
          return absl::OkStatus();
        }
        const absl::StatusOr<Decision> decision =
            handlers_.confirm(actions::FromProto(response.needs_confirmation()));
        if (!decision.ok()) return decision.status();
        v1::RunActionRequest request;
        request.set_confirmation(actions::ToProto(*decision));
        stream_->Write(request);
        return absl::OkStatus();
      }
      case v1::RunActionResponse::kWaitingForPerson:
        if (handlers_.waiting_for_person) handlers_.waiting_for_person();
        return absl::OkStatus();
      case v1::RunActionResponse::kProgress:
        if (handlers_.progress) {
          handlers_.progress({.done = response.progress().progress().done(),
                              .total = response.progress().progress().total(),
                              .message = response.progress().message()});
        }
        return absl::OkStatus();
      case v1::RunActionResponse::kCompleted:
        result = actions::FromProto(response.completed().result());
        return absl::OkStatus();
      case v1::RunActionResponse::EVENT_NOT_SET:
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  static ValueType FromProtoType(const v1::ActionValueType& type) {
    return actions::FromProto(type);
  }

  absl::Status Answer(const ValueQuestion& question) {
    if (!handlers_.value) {
      stream_->WritesDone();
      return absl::OkStatus();
    }
    const absl::StatusOr<Value> value = handlers_.value(question);
    if (!value.ok()) return value.status();
    if (absl::Status status = CheckTexts(*value); !status.ok()) return status;
    v1::RunActionRequest request;
    request.mutable_value();
    ToProto(*value, request.mutable_value());
    stream_->Write(request);
    return absl::OkStatus();
  }

  Client::Connection& connection_;
  const RunHandlers& handlers_;
  CallContext call_;
  std::unique_ptr<grpc::ClientReaderWriterInterface<v1::RunActionRequest, v1::RunActionResponse>>
      stream_;
};

absl::StatusOr<ListResult> Caller::List(const std::string& provider,
                                        const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("provider", provider); !status.ok()) return status;
  v1::ListActionsRequest request;
  request.set_provider(provider);
  const auto response = CallUnary<v1::ListActionsResponse>(
      *client_.connection_, options, [&](auto* context, auto* answer) {
        return client_.connection_->actions->ListActions(context, request, answer);
      });
  if (!response.ok()) return response.status();
  ListResult result;
  for (const v1::Action& action : response->actions()) {
    result.actions.push_back(FromProto(action));
  }
  for (const v1::ActionProvider& one : response->providers()) {
    result.providers.push_back({.id = one.id(),
                                .title = one.title(),
                                .connected = one.connected(),
                                .startable = one.startable(),
                                .declared = one.declared(),
                                .owner = one.owner()});
  }
  return result;
}

absl::StatusOr<ActionInfo> Caller::Get(const std::string& name, const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("name", name); !status.ok()) return status;
  v1::GetActionRequest request;
  request.set_name(name);
  const auto response = CallUnary<v1::GetActionResponse>(
      *client_.connection_, options, [&](auto* context, auto* answer) {
        return client_.connection_->actions->GetAction(context, request, answer);
      });
  if (!response.ok()) return response.status();
  return FromProto(response->action());
}

absl::StatusOr<ResolveResult> Caller::Resolve(const ResolveRequest& request,
                                              const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("utterance", request.utterance); !status.ok()) return status;
  v1::ResolveUtteranceRequest proto;
  proto.set_utterance(request.utterance);
  proto.set_max_candidates(request.max_candidates);
  proto.set_language_code(request.language_code);
  if (request.now.has_value()) {
    v1::ActionValue now;
    ToProto(Value(*request.now), &now);
    *proto.mutable_now() = now.date_time_value();
  }
  for (const std::string& provider : request.providers) proto.add_providers(provider);
  proto.set_method(static_cast<v1::ResolveMethod>(request.method));
  if (request.min_confidence.has_value()) proto.set_min_confidence(*request.min_confidence);
  proto.mutable_options()->set_model(options.model);
  const auto response = CallUnary<v1::ResolveUtteranceResponse>(
      *client_.connection_, options, [&](auto* context, auto* answer) {
        return client_.connection_->actions->ResolveUtterance(context, proto, answer);
      });
  if (!response.ok()) return response.status();
  ResolveResult result;
  for (const v1::ActionCandidate& one : response->candidates()) {
    result.candidates.push_back(FromProto(one));
  }
  for (const v1::Ambiguity& one : response->ambiguities()) {
    result.ambiguities.push_back(FromProto(one));
  }
  if (v1::ResolveMethod_IsValid(response->method())) {
    result.method = static_cast<ResolveMethod>(response->method());
  }
  return result;
}

absl::StatusOr<Result> Caller::Run(const RunRequest& request, const RunHandlers& handlers,
                                   const CallOptions& options) const {
  for (const std::string* text : {&request.action, &request.request_id, &request.on_behalf_of}) {
    if (absl::Status status = CheckUtf8("start", *text); !status.ok()) return status;
  }
  if (absl::Status status = CheckAll(request.values); !status.ok()) return status;
  return RunningCall(*client_.connection_, handlers).Run(request, options);
}

absl::Status Caller::Cancel(const std::string& run_id, const CallOptions& options) const {
  v1::CancelActionRequest request;
  request.set_run_id(run_id);
  return CallUnary<v1::CancelActionResponse>(*client_.connection_, options,
                                             [&](auto* context, auto* answer) {
                                               return client_.connection_->actions->CancelAction(
                                                   context, request, answer);
                                             })
      .status();
}

absl::Status Caller::Donate(const std::string& action, const Values& values,
                            const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("action", action); !status.ok()) return status;
  if (absl::Status status = CheckAll(values); !status.ok()) return status;
  v1::DonateActionRequest request;
  request.set_action(action);
  ToProto(values, request.mutable_values());
  return CallUnary<v1::DonateActionResponse>(*client_.connection_, options,
                                             [&](auto* context, auto* answer) {
                                               return client_.connection_->actions->DonateAction(
                                                   context, request, answer);
                                             })
      .status();
}

absl::StatusOr<std::vector<Suggestion>> Caller::Suggest(uint32_t max_suggestions,
                                                        const CallOptions& options) const {
  v1::SuggestActionsRequest request;
  request.set_max_suggestions(max_suggestions);
  const auto response = CallUnary<v1::SuggestActionsResponse>(
      *client_.connection_, options, [&](auto* context, auto* answer) {
        return client_.connection_->actions->SuggestActions(context, request, answer);
      });
  if (!response.ok()) return response.status();
  std::vector<Suggestion> suggestions;
  for (const v1::ActionSuggestion& one : response->suggestions()) {
    suggestions.push_back({.action = one.action(),
                           .title = one.title(),
                           .values = FromProto(one.values()),
                           .score = one.score(),
                           .explanation = one.explanation()});
  }
  return suggestions;
}

absl::StatusOr<uint32_t> Caller::DeleteDonations(const std::string& provider,
                                                 const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("provider", provider); !status.ok()) return status;
  v1::DeleteDonationsRequest request;
  request.set_provider(provider);
  const auto response = CallUnary<v1::DeleteDonationsResponse>(
      *client_.connection_, options, [&](auto* context, auto* answer) {
        return client_.connection_->actions->DeleteDonations(context, request, answer);
      });
  if (!response.ok()) return response.status();
  return response->deleted();
}

absl::StatusOr<std::vector<Grant>> Caller::ListGrants(const CallOptions& options) const {
  const auto response = CallUnary<v1::ListGrantsResponse>(
      *client_.connection_, options, [&](auto* context, auto* answer) {
        return client_.connection_->actions->ListGrants(context, v1::ListGrantsRequest(), answer);
      });
  if (!response.ok()) return response.status();
  std::vector<Grant> grants;
  for (const v1::ActionGrant& one : response->grants()) {
    grants.push_back(
        {.caller = one.caller(), .provider = one.provider(), .policy = FromProto(one.policy())});
  }
  return grants;
}

absl::Status Caller::SetGrant(const Grant& grant, const CallOptions& options) const {
  for (const std::string* text : {&grant.caller, &grant.provider}) {
    if (absl::Status status = CheckUtf8("grant", *text); !status.ok()) return status;
  }
  v1::SetGrantRequest request;
  request.mutable_grant()->set_caller(grant.caller);
  request.mutable_grant()->set_provider(grant.provider);
  request.mutable_grant()->set_policy(ToProto(grant.policy));
  return CallUnary<v1::ActionGrant>(*client_.connection_, options,
                                    [&](auto* context, auto* answer) {
                                      return client_.connection_->actions->SetGrant(
                                          context, request, answer);
                                    })
      .status();
}

absl::Status Caller::RevokeGrant(const std::string& caller, const std::string& provider,
                                 const CallOptions& options) const {
  for (const std::string* text : {&caller, &provider}) {
    if (absl::Status status = CheckUtf8("grant", *text); !status.ok()) return status;
  }
  v1::RevokeGrantRequest request;
  request.set_caller(caller);
  request.set_provider(provider);
  return CallUnary<v1::RevokeGrantResponse>(*client_.connection_, options,
                                            [&](auto* context, auto* answer) {
                                              return client_.connection_->actions->RevokeGrant(
                                                  context, request, answer);
                                            })
      .status();
}

absl::Status Caller::AnswerConfirmations(
    const std::function<std::optional<Decision>(const PersonQuestion&)>& decide,
    const CallOptions& options) const {
  CallContext call;
  if (absl::Status status = client_.connection_->Prepare(options, call); !status.ok()) {
    return status;
  }
  const auto stream = client_.connection_->actions->AnswerConfirmations(&call.context);
  stream->Write(v1::AnswerConfirmationsRequest());
  v1::AnswerConfirmationsResponse response;
  while (stream->Read(&response)) {
    if (!response.has_question()) continue;
    const v1::PersonQuestion& asked = response.question();
    const std::optional<Decision> decision =
        decide({.caller = asked.caller(),
                .caller_display_name = asked.caller_display_name(),
                .action = asked.action(),
                .confirmation = FromProto(asked.confirmation())});
    if (!decision.has_value()) continue;
    v1::AnswerConfirmationsRequest request;
    request.set_question_id(asked.question_id());
    request.set_decision(actions::ToProto(*decision));
    stream->Write(request);
  }
  return client_.connection_->Decode(stream->Finish(), call);
}

}  // namespace intelligence::actions
