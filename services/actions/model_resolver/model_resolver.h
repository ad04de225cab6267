// Sentences become actions on a language model: the job around understand/model_resolution.h.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_MODEL_RESOLVER_MODEL_RESOLVER_H_
#define INTELLIGENCED_SERVICES_ACTIONS_MODEL_RESOLVER_MODEL_RESOLVER_H_

#include <memory>
#include <optional>
#include <string>

#include "protos/intelligence/v1/actions.pb.h"
#include "runtime/core/runtime.h"
#include "runtime/models/manifest.h"
#include "services/actions/understand/model_resolution.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// Answers `call`: offers the model a shortlist of the library's actions, under their grammar, and
// turns its answer into the response. Returns at once; the grammar is compiled on
// Runtime::blocking(). Inside the call's Run(). `model` has language.generate, `request` has passed
// CheckResolveRequest().
void ResolveByModel(std::shared_ptr<UnaryCall> call, const Manifest& model,
                    std::shared_ptr<const ActionLibrary> library,
                    const intelligence::v1::ResolveUtteranceRequest& request,
                    const resolve::Moment& moment);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_MODEL_RESOLVER_MODEL_RESOLVER_H_
