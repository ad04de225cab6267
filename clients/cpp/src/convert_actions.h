// Actions between the SDK's types and the API's.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_ACTIONS_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_ACTIONS_H_

#include <intelligence/action_provider.h>
#include <intelligence/actions.h>

#include "protos/intelligence/v1/actions.pb.h"

namespace intelligence::actions {

namespace v1 = ::intelligence::v1;
using ProtoValues = google::protobuf::Map<std::string, v1::ActionValue>;

void ToProto(const Value& value, v1::ActionValue* proto);
Value FromProto(const v1::ActionValue& proto);
void ToProto(const Values& values, ProtoValues* proto);
Values FromProto(const ProtoValues& proto);
void ToProto(const Entity& entity, v1::EntityReference* proto);
void ToProto(const ValueType& type, v1::ActionValueType* proto);
ValueType FromProto(const v1::ActionValueType& proto);
void ToProto(const ActionInfo& action, v1::Action* proto);
ActionInfo FromProto(const v1::Action& proto);
void ToProto(const Result& result, v1::ActionResult* proto);
Result FromProto(const v1::ActionResult& proto);
Confirmation FromProto(const v1::NeedsConfirmation& proto);
v1::ConfirmationDecision ToProto(Decision decision);

// INVALID_ARGUMENT with the parameter when a text is not UTF-8, which Protobuf would not send.
absl::Status CheckTexts(const Value& value);

}  // namespace intelligence::actions

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_ACTIONS_H_
