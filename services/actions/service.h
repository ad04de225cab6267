// ActionService.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_SERVICE_H_
#define INTELLIGENCED_SERVICES_ACTIONS_SERVICE_H_

#include <memory>

#include "grpcpp/impl/service_type.h"
#include "services/actions/hub.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// `environment`'s parts outlive the service and its calls.
std::unique_ptr<grpc::Service> MakeActionService(const ServiceEnvironment& environment,
                                                 std::shared_ptr<ActionHub> hub);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_SERVICE_H_
