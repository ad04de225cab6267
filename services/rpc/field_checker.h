// Checks the fields of a request against their documented bounds; the first breach is the answer.
//
// That text is valid UTF-8 is ParseRequest's business: protobuf refuses a message otherwise.
#ifndef INTELLIGENCED_SERVICES_RPC_FIELD_CHECKER_H_
#define INTELLIGENCED_SERVICES_RPC_FIELD_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/v1/common.pb.h"

namespace intelligenced {

// Not thread-safe. Every check does nothing once one has failed.
class FieldChecker {
 public:
  // OK, FIELD_INVALID with the field, or INPUT_TOO_LARGE with size_bytes and limit_bytes.
  const absl::Status& status() const { return status_; }

  // A text that people write: not empty (white space alone counts as empty), without NUL (C
  // libraries behind the engines would end there), at most `limit` bytes (INPUT_TOO_LARGE).
  void RequiredText(std::string_view field, std::string_view value, size_t limit);
  // May be empty; else as above, but too long is FIELD_INVALID.
  void OptionalText(std::string_view field, std::string_view value, size_t limit);
  // Empty, or the shape of a BCP-47 tag.
  void Language(std::string_view field, std::string_view value);

  // `valid` is the generated X_IsValid(value).
  void Enum(std::string_view field, int value, bool valid);
  void AtMost(std::string_view field, uint64_t value, uint64_t limit);
  void InRange(std::string_view field, double value, double low, double high);
  void Duration(std::string_view field, const google::protobuf::Duration& value, double low_seconds,
                double high_seconds);
  // Each inside the text, on character borders, start not behind end.
  void Ranges(std::string_view field,
              const google::protobuf::RepeatedPtrField<intelligence::v1::TextRange>& ranges,
              std::string_view text, int max_count);
  // options.model's form, request_class, keep_alive.
  void Options(const intelligence::v1::RequestOptions& options);

  // A breach found by the caller.
  void Fail(std::string_view field, std::string_view message);

 private:
  void Text(std::string_view field, std::string_view value);

  absl::Status status_;
};

// INPUT_TOO_LARGE with size_bytes and limit_bytes.
absl::Status TooLargeError(std::string_view field, uint64_t size_bytes, uint64_t limit_bytes);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_FIELD_CHECKER_H_
