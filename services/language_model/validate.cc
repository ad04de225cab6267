#include "services/language_model/validate.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

absl::Status CheckConversation(const v1::Conversation& conversation) {
  FieldChecker check;
  if (conversation.messages().empty()) {
    check.Fail("conversation.messages", "needs at least one message.");
  }
  if (conversation.messages_size() > kMaxMessages) {
    check.Fail("conversation.messages", absl::StrCat("has ", conversation.messages_size(),
                                                     " messages; the most is ", kMaxMessages, "."));
  }
  size_t bytes = 0;
  for (int i = 0; i < conversation.messages_size() && check.status().ok(); ++i) {
    const v1::Message& message = conversation.messages(i);
    const std::string field = absl::StrCat("conversation.messages[", i, "]");
    if (message.role() == v1::ROLE_UNSPECIFIED) check.Fail(field + ".role", "is required.");
    check.Enum(field + ".role", message.role(), v1::Role_IsValid(message.role()));
    check.OptionalText(field + ".text", message.text(), static_cast<size_t>(-1));
    bytes += message.text().size();
  }
  if (!check.status().ok()) return check.status();
  if (bytes > kMaxTextBytes) return TooLargeError("conversation", bytes, kMaxTextBytes);
  return absl::OkStatus();
}

absl::Status CheckPrompt(std::string_view field, const std::string& text) {
  if (text.size() > kMaxTextBytes) return TooLargeError(field, text.size(), kMaxTextBytes);
  FieldChecker check;
  check.OptionalText(field, text, kMaxTextBytes);
  return check.status();
}

void CheckSampling(const v1::SamplingOptions& sampling, FieldChecker& check) {
  if (sampling.has_temperature()) {
    check.InRange("sampling.temperature", sampling.temperature(), 0, kMaxTemperature);
  }
  if (sampling.has_top_p()) check.InRange("sampling.top_p", sampling.top_p(), 0, 1);
  if (sampling.has_min_p()) check.InRange("sampling.min_p", sampling.min_p(), 0, 1);
}

}  // namespace

absl::Status Validate(const v1::GenerateTextRequest& request) {
  absl::Status input;
  switch (request.input_case()) {
    case v1::GenerateTextRequest::kPrompt:
      input = CheckPrompt("prompt", request.prompt());
      break;
    case v1::GenerateTextRequest::kConversation:
      input = CheckConversation(request.conversation());
      break;
    case v1::GenerateTextRequest::INPUT_NOT_SET:
      break;
  }
  if (!input.ok()) return input;
  FieldChecker check;
  if (request.input_case() == v1::GenerateTextRequest::INPUT_NOT_SET) {
    check.Fail("input", "is required: a prompt or a conversation.");
  }
  CheckSampling(request.sampling(), check);
  if (request.stop_size() > kMaxStopStrings) {
    check.Fail("stop", absl::StrCat("has ", request.stop_size(), " strings; the most is ",
                                    kMaxStopStrings, "."));
  }
  for (int i = 0; i < request.stop_size() && check.status().ok(); ++i) {
    const std::string field = absl::StrCat("stop[", i, "]");
    if (request.stop(i).empty()) check.Fail(field, "is empty.");
    check.OptionalText(field, request.stop(i), kMaxStopBytes);
  }
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::CountTokensRequest& request) {
  absl::Status input;
  switch (request.input_case()) {
    case v1::CountTokensRequest::kText:
      input = CheckPrompt("text", request.text());
      break;
    case v1::CountTokensRequest::kConversation:
      input = CheckConversation(request.conversation());
      break;
    case v1::CountTokensRequest::INPUT_NOT_SET:
      break;
  }
  if (!input.ok()) return input;
  FieldChecker check;
  if (request.input_case() == v1::CountTokensRequest::INPUT_NOT_SET) {
    check.Fail("input", "is required: a text or a conversation.");
  }
  check.Options(request.options());
  return check.status();
}

}  // namespace intelligenced
