#include "services/translation/validate.h"

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "services/rpc/field_checker.h"
#include "services/translation/languages.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// What TranslateTextRequest and TranslateBatchStart have alike.
template <typename Request>
void CheckHow(const Request& request, FieldChecker& check) {
  check.Language("source_language", request.source_language());
  check.Language("target_language", request.target_language());
  if (request.target_language().empty()) check.Fail("target_language", "is required.");
  if (NormalizeLanguage(request.source_language()) ==
      NormalizeLanguage(request.target_language())) {
    check.Fail("target_language", "is the source language; there is nothing to translate.");
  }
  check.Enum("strategy", request.strategy(), v1::TranslationStrategy_IsValid(request.strategy()));
  check.Options(request.options());
}

}  // namespace

absl::Status Validate(const v1::TranslateTextRequest& request) {
  FieldChecker check;
  check.RequiredText("text", request.text(), kMaxTextBytes);
  CheckHow(request, check);
  check.Enum("format", request.format(), v1::TranslationFormat_IsValid(request.format()));
  check.Ranges("do_not_translate", request.do_not_translate(), request.text(), kMaxProtectedRanges);
  return check.status();
}

absl::Status Validate(const v1::TranslateBatchStart& start) {
  FieldChecker check;
  CheckHow(start, check);
  check.Enum("format", start.format(), v1::TranslationFormat_IsValid(start.format()));
  check.Enum("order", start.order(), v1::BatchOrder_IsValid(start.order()));
  return check.status();
}

absl::Status Validate(const v1::TranslateItem& item) {
  if (item.text().size() > kMaxBatchItemBytes) {
    return TooLargeError("text", item.text().size(), kMaxBatchItemBytes);
  }
  FieldChecker check;
  check.OptionalText("client_identifier", item.client_identifier(), kMaxClientIdentifierBytes);
  check.OptionalText("text", item.text(), kMaxBatchItemBytes);
  check.Ranges("do_not_translate", item.do_not_translate(), item.text(), kMaxProtectedRanges);
  return check.status();
}

absl::Status Validate(const v1::DetectLanguageRequest& request) {
  FieldChecker check;
  if (request.texts().empty()) check.Fail("texts", "must have 1 to 1024 texts.");
  check.AtMost("texts", static_cast<uint64_t>(request.texts_size()), kMaxDetectedTexts);
  uint64_t bytes = 0;
  for (int i = 0; i < request.texts_size(); ++i) {
    bytes += request.texts(i).size();
    if (bytes > kMaxTextBytes) {
      if (check.status().ok()) return TooLargeError("texts", bytes, kMaxTextBytes);
      break;
    }
    check.OptionalText(absl::StrCat("texts[", i, "]"), request.texts(i), kMaxTextBytes);
  }
  check.AtMost("max_candidates", request.max_candidates(), kMaxLanguageCandidates);
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::ListLanguagePairsRequest& request) {
  FieldChecker check;
  check.Language("source_language", request.source_language());
  check.Language("target_language", request.target_language());
  return check.status();
}

absl::Status Validate(const v1::PrepareTranslationRequest& request) {
  FieldChecker check;
  CheckHow(request, check);
  if (request.source_language().empty()) check.Fail("source_language", "is required.");
  check.AtMost("accepted_licenses", static_cast<uint64_t>(request.accepted_licenses_size()), 16);
  for (int i = 0; i < request.accepted_licenses_size(); ++i) {
    check.OptionalText(absl::StrCat("accepted_licenses[", i, "]"), request.accepted_licenses(i),
                       kMaxLicenseBytes);
  }
  return check.status();
}

}  // namespace intelligenced
