#include "services/writing_tools/validate.h"

#include "protos/support/limits.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {

namespace v1 = ::intelligence::v1;

absl::Status Validate(const v1::ProofreadTextRequest& request) {
  FieldChecker check;
  check.RequiredText("text", request.text(), kMaxTextBytes);
  check.Language("language", request.language());
  check.Ranges("protected_ranges", request.protected_ranges(), request.text(), kMaxProtectedRanges);
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::RewriteTextRequest& request) {
  FieldChecker check;
  check.RequiredText("text", request.text(), kMaxTextBytes);
  check.Enum("style", request.style(), v1::RewriteStyle_IsValid(request.style()));
  check.Enum("tone", request.tone(), v1::Tone_IsValid(request.tone()));
  check.Enum("length", request.length(), v1::TextLength_IsValid(request.length()));
  check.OptionalText("instruction", request.instruction(), kMaxInstructionBytes);
  const bool custom = request.style() == v1::REWRITE_STYLE_CUSTOM;
  if (custom && request.instruction().empty()) {
    check.Fail("instruction", "is required with the style CUSTOM.");
  }
  if (!custom && !request.instruction().empty()) {
    check.Fail("instruction", "is only taken with the style CUSTOM.");
  }
  check.AtMost("candidate_count", request.candidate_count(), kMaxCandidates);
  check.Language("language", request.language());
  check.Ranges("protected_ranges", request.protected_ranges(), request.text(), kMaxProtectedRanges);
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::SummarizeTextRequest& request) {
  FieldChecker check;
  check.RequiredText("text", request.text(), kMaxTextBytes);
  check.Enum("type", request.type(), v1::SummaryType_IsValid(request.type()));
  check.Enum("length", request.length(), v1::SummaryLength_IsValid(request.length()));
  check.Enum("format", request.format(), v1::TextFormat_IsValid(request.format()));
  check.Enum("input_type", request.input_type(),
             v1::SummaryInputType_IsValid(request.input_type()));
  check.OptionalText("shared_context", request.shared_context(), kMaxSharedContextBytes);
  check.Language("language", request.language());
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::ComposeTextRequest& request) {
  FieldChecker check;
  check.RequiredText("instruction", request.instruction(), kMaxComposeInstructionBytes);
  check.Enum("tone", request.tone(), v1::Tone_IsValid(request.tone()));
  check.Enum("length", request.length(), v1::SummaryLength_IsValid(request.length()));
  check.Enum("format", request.format(), v1::TextFormat_IsValid(request.format()));
  check.OptionalText("shared_context", request.shared_context(), kMaxComposeContextBytes);
  check.Language("language", request.language());
  check.Options(request.options());
  return check.status();
}

}  // namespace intelligenced
