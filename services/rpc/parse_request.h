// Request bytes to a message, with an error a person can act on.
//
// Methods are registered raw (bytes in, bytes out) because gRPC answers a request that does not
// parse with UNIMPLEMENTED and no words, and a proto3 string with invalid UTF-8 does not parse.
#ifndef INTELLIGENCED_SERVICES_RPC_PARSE_REQUEST_H_
#define INTELLIGENCED_SERVICES_RPC_PARSE_REQUEST_H_

#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"

namespace intelligenced {

// FIELD_INVALID: the text field that is not valid UTF-8 is named with the offset of its first bad
// byte; bytes that are no such message at all name no field. Pure; thread-safe.
absl::Status ParseRequest(std::string_view bytes, google::protobuf::Message& message);
absl::Status ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

// The message's bytes in one slice.
grpc::ByteBuffer SerializeResponse(const google::protobuf::MessageLite& message);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_PARSE_REQUEST_H_
