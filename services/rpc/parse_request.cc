#include "services/rpc/parse_request.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

// Deeper than any message of the API.
constexpr int kMaxDepth = 16;

// Finds the string field that is not UTF-8 in a message that was read without its schema.
absl::Status FindInvalidText(const UnknownFieldSet& fields, const Descriptor& type,
                             const std::string& path, int depth) {
  for (int i = 0; i < fields.field_count() && depth < kMaxDepth; ++i) {
    const UnknownField& field = fields.field(i);
    if (field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    const FieldDescriptor* schema = type.FindFieldByNumber(field.number());
    if (schema == nullptr) continue;
    const std::string name = absl::StrCat(path, path.empty() ? "" : ".", schema->name());
    if (schema->type() == FieldDescriptor::TYPE_STRING) {
      const size_t bad = FindInvalidUtf8(field.length_delimited());
      if (bad != std::string_view::npos) {
        return FieldError(name, absl::StrCat("is not valid UTF-8: byte ", bad,
                                             " belongs to no character. Convert the text first."));
      }
    } else if (schema->type() == FieldDescriptor::TYPE_MESSAGE) {
      UnknownFieldSet inner;
      if (!inner.ParseFromString(field.length_delimited())) continue;
      absl::Status status = FindInvalidText(inner, *schema->message_type(), name, depth + 1);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ExplainFailure(const google::protobuf::Empty& raw, bool readable,
                            const Descriptor& type) {
  if (readable) {
    absl::Status status =
        FindInvalidText(raw.GetReflection()->GetUnknownFields(raw), type, std::string(), 0);
    if (!status.ok()) return status;
  }
  return MakeError(Reason::kFieldInvalid,
                   absl::StrCat("The request's bytes are no ", type.full_name(), " message."));
}

}  // namespace

absl::Status ParseRequest(std::string_view bytes, google::protobuf::Message& message) {
  // protobuf writes what it does not like to standard error; the caller is told instead.
  const google::protobuf::LogSilencer silencer;
  const int size = static_cast<int>(bytes.size());
  if (message.ParseFromArray(bytes.data(), size)) return absl::OkStatus();
  google::protobuf::Empty raw;
  const bool readable = raw.ParseFromArray(bytes.data(), size);
  return ExplainFailure(raw, readable, *message.GetDescriptor());
}

absl::Status ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  const google::protobuf::LogSilencer silencer;
  grpc::ByteBuffer copy(bytes);  // shares the slices
  {
    grpc::ProtoBufferReader reader(&copy);
    if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  }
  google::protobuf::Empty raw;
  grpc::ByteBuffer again(bytes);
  grpc::ProtoBufferReader reader(&again);
  const bool readable = reader.status().ok() && raw.ParseFromZeroCopyStream(&reader);
  return ExplainFailure(raw, readable, *message.GetDescriptor());
}

grpc::ByteBuffer SerializeResponse(const google::protobuf::MessageLite& message) {
  grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace intelligenced
