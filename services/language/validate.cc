#include "services/language/validate.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/support/limits.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Of all texts that are cut into words or characters.
constexpr uint64_t kMaxWordsBytes = uint64_t{1} << 20;

void CheckTexts(const google::protobuf::RepeatedPtrField<std::string>& texts, bool may_be_empty,
                FieldChecker& check) {
  if (texts.empty()) check.Fail("texts", "needs at least one text.");
  if (texts.size() > kMaxTexts) {
    check.Fail("texts", absl::StrCat("has ", texts.size(), " texts; the most is ", kMaxTexts,
                                     ". Send them in several requests."));
  }
  uint64_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  for (int i = 0; i < texts.size() && check.status().ok(); ++i) {
    const std::string field = absl::StrCat("texts[", i, "]");
    if (may_be_empty) {
      check.OptionalText(field, texts.Get(i), bytes);
    } else {
      check.RequiredText(field, texts.Get(i), bytes);
    }
  }
}

// INPUT_TOO_LARGE for all texts together.
template <typename Request>
absl::Status Check(const Request& request, bool may_be_empty, FieldChecker check,
                   uint64_t limit = kMaxTextBytes) {
  uint64_t bytes = 0;
  for (const std::string& text : request.texts()) bytes += text.size();
  if (bytes > limit) return TooLargeError("texts", bytes, limit);
  CheckTexts(request.texts(), may_be_empty, check);
  check.Options(request.options());
  return check.status();
}

}  // namespace

absl::Status Validate(const v1::SegmentTextRequest& request) {
  FieldChecker check;
  check.Enum("unit", request.unit(), v1::SegmentUnit_IsValid(request.unit()));
  check.Language("language", request.language());
  // Every one is a message of its own in the answer.
  const bool small =
      request.unit() == v1::SEGMENT_UNIT_WORD || request.unit() == v1::SEGMENT_UNIT_CHARACTER;
  return Check(request, /*may_be_empty=*/true, check, small ? kMaxWordsBytes : kMaxTextBytes);
}

absl::Status Validate(const v1::EmbedTextRequest& request) {
  FieldChecker check;
  check.Enum("purpose", request.purpose(), v1::EmbedPurpose_IsValid(request.purpose()));
  return Check(request, /*may_be_empty=*/false, check);
}

absl::Status Validate(const v1::ClassifyTextRequest& request) {
  FieldChecker check;
  check.Enum("classification", request.classification(),
             v1::TextClassification_IsValid(request.classification()));
  if (request.classification() == v1::TEXT_CLASSIFICATION_UNSPECIFIED &&
      request.options().model().empty()) {
    check.Fail("classification",
               "is required where no model is named: which classes are asked for?");
  }
  return Check(request, /*may_be_empty=*/false, check);
}

absl::Status Validate(const v1::FindEntitiesRequest& request) {
  return Check(request, /*may_be_empty=*/false, {});
}

}  // namespace intelligenced
