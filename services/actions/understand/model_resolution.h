// Sentences become actions with a language model: what it is told, the grammar that binds it, and
// what its answer means. Pure functions.
//
// The grammar lets through exactly one of the offered actions, with arguments of their types: the
// model cannot name what does not exist. The declarations and the sentence are data in the prompt;
// whatever they say, the answer stays inside of the grammar.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_UNDERSTAND_MODEL_RESOLUTION_H_
#define INTELLIGENCED_SERVICES_ACTIONS_UNDERSTAND_MODEL_RESOLUTION_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/intelligence/v1/actions.pb.h"
#include "services/actions/resolve/dates.h"
#include "services/actions/understand/action_values.h"

namespace intelligenced {

// Actions that a model is offered at once.
inline constexpr size_t kMaxOfferedActions = 8;
// A bound for the answer; the grammar ends it sooner.
inline constexpr uint32_t kMaxAnswerTokens = 512;

// The actions that share most with the sentence, best first.
std::vector<const intelligence::v1::Action*> OfferedActions(
    const ActionLibrary& library, const intelligence::v1::ResolveUtteranceRequest& request);

// The JSON Schema of the answer: {"action": NAME, "arguments": {…}} of one of `offered`, or
// {"action": "none"}.
std::string AnswerSchema(const std::vector<const intelligence::v1::Action*>& offered);

// Its grammar (services/guided). Takes up to about a second: not for a gRPC thread. FIELD_INVALID.
absl::StatusOr<std::string> AnswerGrammar(
    const std::vector<const intelligence::v1::Action*>& offered);

// What the model is told, as a system message; the sentence follows as the user's.
std::string AnswerInstructions(const std::vector<const intelligence::v1::Action*>& offered,
                               const resolve::Moment& moment);

// The answer as a response: one candidate, or none for "none" and for what is not whole JSON (the
// text was cut). Values that were said in the sentence have their place in it; the confidence
// falls with every value that was not.
// Nothing of the model's text reaches the response but values of their types.
intelligence::v1::ResolveUtteranceResponse ReadAnswer(
    std::string_view answer, const std::vector<const intelligence::v1::Action*>& offered,
    const intelligence::v1::ResolveUtteranceRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_UNDERSTAND_MODEL_RESOLUTION_H_
