// ImageGenerationService: pictures from words, restyled pictures, other sizes of pictures.
#ifndef INTELLIGENCED_SERVICES_IMAGE_GENERATION_SERVICE_H_
#define INTELLIGENCED_SERVICES_IMAGE_GENERATION_SERVICE_H_

#include <memory>

#include "grpcpp/impl/service_type.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// The service, ready to be registered with a server. The environment's parts must outlive it.
std::unique_ptr<grpc::Service> MakeImageGenerationService(const ServiceEnvironment& environment);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_IMAGE_GENERATION_SERVICE_H_
