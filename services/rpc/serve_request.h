// A unary method whose request is parsed and validated before it is served.
#ifndef INTELLIGENCED_SERVICES_RPC_SERVE_REQUEST_H_
#define INTELLIGENCED_SERVICES_RPC_SERVE_REQUEST_H_

#include <memory>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"
#include "services/rpc/task_picture.h"

namespace intelligenced {

// As ServeUnary(), with start(call, request); the request is start's to keep. `validate` says what
// is wrong with it.
template <typename Request>
grpc::ServerUnaryReactor* ServeRequest(
    const ServiceEnvironment& environment, grpc::CallbackServerContext* context,
    const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response, std::string_view service,
    std::string_view method, absl::FunctionRef<absl::Status(const Request&)> validate,
    absl::FunctionRef<absl::Status(const std::shared_ptr<UnaryCall>&, Request&)> start) {
  return ServeUnary(environment, context, response, service, method,
                    [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                      call->NoteInput(bytes->Length());
                      Request request;
                      absl::Status status = ParseRequest(*bytes, request);
                      NotePictures(*call, request);
                      if (status.ok()) status = validate(request);
                      return status.ok() ? start(call, request) : status;
                    });
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_SERVE_REQUEST_H_
