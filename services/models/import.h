// ImportModel: the bytes of a model file, from the client to the store, one piece at a time.
#ifndef INTELLIGENCED_SERVICES_MODELS_IMPORT_H_
#define INTELLIGENCED_SERVICES_MODELS_IMPORT_H_

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "services/models/model_watch.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// `watchers` hears of the new model. All arguments outlive the call; the reactor owns itself.
grpc::ServerReadReactor<grpc::ByteBuffer>* ServeImport(const ServiceEnvironment& environment,
                                                       grpc::CallbackServerContext* context,
                                                       grpc::ByteBuffer* response,
                                                       ModelWatchers* watchers);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODELS_IMPORT_H_
