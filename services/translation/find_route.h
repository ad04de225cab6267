// Routes over the models of this machine, and the errors where there is none.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_FIND_ROUTE_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_FIND_ROUTE_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/v1/translation.pb.h"
#include "runtime/core/runtime.h"
#include "services/translation/routes.h"

namespace intelligenced {

// What is installed and can run here; with `catalogue` also what could be installed.
RouteTable MakeRouteTable(const Runtime& runtime, bool catalogue);

// Languages are normalized. `requested` is options.model: only it, where it is not empty. Errors:
// LANGUAGE_UNSUPPORTED, NO_CAPABLE_MODEL, and those of Runtime::FindModel for `requested`.
absl::StatusOr<Route> FindRoute(const Runtime& runtime, std::string_view source,
                                std::string_view target, RouteStrategy strategy,
                                std::string_view requested);

// Of messages.
RouteStrategy ToRouteStrategy(intelligence::v1::TranslationStrategy strategy);
void AddSteps(const Route& route,
              google::protobuf::RepeatedPtrField<intelligence::v1::TranslationStep>* steps);

// The whole list of pairs, as asked for.
intelligence::v1::ListLanguagePairsResponse ListPairs(
    const Runtime& runtime, const intelligence::v1::ListLanguagePairsRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_FIND_ROUTE_H_
