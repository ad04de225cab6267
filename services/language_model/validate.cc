#include "services/language_model/validate.h"

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "runtime/models/manifest.h"
#include "services/language_model/guided_request.h"
#include "services/language_model/pictures.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// `field` names the repeated field; `whole` what is too large.
template <typename Messages>
absl::Status CheckMessages(std::string_view field, std::string_view whole,
                           const Messages& messages) {
  FieldChecker check;
  if (messages.size() > kMaxMessages) {
    check.Fail(field,
               absl::StrCat("has ", messages.size(), " messages; the most is ", kMaxMessages, "."));
  }
  size_t bytes = 0;
  for (int i = 0; i < messages.size() && check.status().ok(); ++i) {
    const v1::Message& message = messages.Get(i);
    const std::string name = absl::StrCat(field, "[", i, "]");
    if (message.role() == v1::ROLE_UNSPECIFIED) check.Fail(name + ".role", "is required.");
    check.Enum(name + ".role", message.role(), v1::Role_IsValid(message.role()));
    check.OptionalText(name + ".text", message.text(), static_cast<size_t>(-1));
    bytes += message.text().size();
    for (const v1::ToolCall& call : message.tool_calls()) bytes += call.arguments().size();
  }
  if (!check.status().ok()) return check.status();
  if (absl::Status pictures = CheckPictures(RefsOf(messages), field); !pictures.ok()) {
    return pictures;
  }
  if (bytes > kMaxTextBytes) return TooLargeError(whole, bytes, kMaxTextBytes);
  return CheckToolFields(RefsOf(messages), field);
}

// `whole`: nothing comes before it.
absl::Status CheckConversation(const v1::Conversation& conversation, bool whole) {
  if (conversation.messages().empty()) {
    return FieldError("conversation.messages", "needs at least one message.");
  }
  absl::Status status =
      CheckMessages("conversation.messages", "conversation", conversation.messages());
  if (status.ok() && whole) {
    status = CheckToolResults(RefsOf(conversation.messages()), "conversation.messages");
  }
  return status;
}

void CheckSessionName(std::string_view field, std::string_view name, FieldChecker& check) {
  const std::string_view id = absl::StripPrefix(name, "sessions/");
  bool good = !id.empty() && id.size() <= kMaxSessionIdBytes;
  for (const char c : id) good = good && absl::ascii_isalnum(static_cast<unsigned char>(c));
  if (!good) check.Fail(field, "is no session's name, \"sessions/{id}\" or the id alone.");
}

void CheckExpiry(const google::protobuf::Duration& value, FieldChecker& check) {
  check.Duration("expire_after", value, absl::ToDoubleSeconds(kMinSessionExpiry),
                 absl::ToDoubleSeconds(kMaxSessionExpiry));
}

template <typename Request>
absl::Status CheckName(const Request& request) {
  FieldChecker check;
  CheckSessionName("name", request.name(), check);
  return check.status();
}

// What a session takes as new: none, a text, or messages of which the last can be answered.
absl::Status CheckNew(std::string_view field, bool has_text, const std::string& text,
                      const v1::Conversation& conversation) {
  FieldChecker check;
  if (has_text && text.empty()) check.Fail(field, "is empty; leave it out, or say something.");
  if (conversation.messages_size() > 0) {
    const v1::Role last = conversation.messages().rbegin()->role();
    if (last != v1::ROLE_USER && last != v1::ROLE_TOOL) {
      check.Fail(absl::StrCat("conversation.messages[", conversation.messages_size() - 1, "].role"),
                 "must be USER or TOOL in the last message of a turn.");
    }
  }
  return check.status();
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
      input = CheckConversation(request.conversation(), request.session().empty());
      break;
    case v1::GenerateTextRequest::INPUT_NOT_SET:
      break;
  }
  if (!input.ok()) return input;
  FieldChecker check;
  if (!request.session().empty()) {
    CheckSessionName("session", request.session(), check);
    input = CheckNew("prompt", request.has_prompt(), request.prompt(), request.conversation());
    if (check.status().ok() && !input.ok()) return input;
  } else if (request.input_case() == v1::GenerateTextRequest::INPUT_NOT_SET) {
    check.Fail("input", "is required: a prompt or a conversation.");
  }
  CheckSampling(request.sampling(), check);
  if (!request.stop().empty() && ShapeOf(request).guided()) {
    check.Fail("stop", "cannot be given together with response_schema or tools.");
  }
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
  if (!check.status().ok()) return check.status();
  return CheckShape(ShapeOf(request), request.has_conversation() || !request.session().empty());
}

absl::Status Validate(const v1::CountTokensRequest& request) {
  absl::Status input;
  switch (request.input_case()) {
    case v1::CountTokensRequest::kText:
      input = CheckPrompt("text", request.text());
      break;
    case v1::CountTokensRequest::kConversation:
      input = CheckConversation(request.conversation(), request.session().empty());
      break;
    case v1::CountTokensRequest::INPUT_NOT_SET:
      break;
  }
  if (!input.ok()) return input;
  FieldChecker check;
  if (!request.session().empty()) {
    CheckSessionName("session", request.session(), check);
    input = CheckNew("text", request.has_text(), request.text(), request.conversation());
    if (check.status().ok() && !input.ok()) return input;
  } else if (request.input_case() == v1::CountTokensRequest::INPUT_NOT_SET) {
    check.Fail("input", "is required: a text or a conversation.");
  }
  check.Options(request.options());
  if (!check.status().ok()) return check.status();
  return CheckShape(ShapeOf(request), request.has_conversation() || !request.session().empty());
}

absl::Status Validate(const v1::CreateSessionRequest& request) {
  if (request.instructions().size() > kMaxTextBytes) {
    return TooLargeError("instructions", request.instructions().size(), kMaxTextBytes);
  }
  absl::Status messages = CheckMessages("messages", "messages", request.messages());
  if (!messages.ok()) return messages;
  FieldChecker check;
  check.OptionalText("instructions", request.instructions(), kMaxTextBytes);
  if (!request.instructions().empty() && request.messages_size() > 0 &&
      request.messages(0).role() == v1::ROLE_SYSTEM) {
    check.Fail("messages[0].role", "must not be SYSTEM beside instructions; put both in one.");
  }
  if (!request.model().empty()) {
    const absl::StatusOr<ModelReference> model = ParseModelReference("model", request.model());
    if (check.status().ok() && !model.ok()) return model.status();
  }
  if (request.has_expire_after()) CheckExpiry(request.expire_after(), check);
  return check.status();
}

absl::Status Validate(const v1::GetSessionRequest& request) { return CheckName(request); }
absl::Status Validate(const v1::DeleteSessionRequest& request) { return CheckName(request); }
absl::Status Validate(const v1::ListSessionsRequest&) { return absl::OkStatus(); }

absl::Status Validate(const v1::AppendToSessionRequest& request) {
  if (absl::Status status = CheckName(request); !status.ok()) return status;
  if (request.messages().empty()) return FieldError("messages", "needs at least one message.");
  return CheckMessages("messages", "messages", request.messages());
}

absl::Status Validate(const v1::ForkSessionRequest& request) {
  FieldChecker check;
  CheckSessionName("name", request.name(), check);
  if (request.has_expire_after()) CheckExpiry(request.expire_after(), check);
  return check.status();
}

absl::Status Validate(const v1::PrewarmSessionRequest& request) {
  FieldChecker check;
  CheckSessionName("name", request.name(), check);
  check.Options(request.options());
  return check.status();
}

}  // namespace intelligenced
