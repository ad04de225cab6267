#include "services/vision/describe.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

struct Detail {
  std::string_view instructions;
  std::string_view question;
  uint32_t max_output_tokens;
};

Detail DetailOf(v1::DescriptionDetail detail) {
  switch (detail) {
    case v1::DESCRIPTION_DETAIL_DETAILED:
      return {
          "You describe pictures in one paragraph. Say what is where, what it looks like and "
          "what happens; name colours; quote text that can be read. Say only what can be "
          "seen, and do not guess who somebody is.",
          "Describe this picture in detail.", 400};
    case v1::DESCRIPTION_DETAIL_ACCESSIBLE:
      return {
          "You describe pictures to somebody who cannot see them. Begin with what matters most "
          "in the picture; then say what else is needed to understand it, and quote text that "
          "can be read. Never begin with words like \"this picture shows\". Use two or three "
          "plain sentences. Say only what can be seen, and do not guess who somebody is.",
          "Tell me what is in this picture.", 200};
    default:
      return {
          "You describe pictures in one short sentence. Say only what can be seen, and do not "
          "guess who somebody is.",
          "Describe this picture in one sentence.", 80};
  }
}

bool EndsSentence(std::string_view text, size_t at) {
  const char c = text[at];
  if (c != '.' && c != '!' && c != '?') return false;
  return at + 1 == text.size() || absl::ascii_isspace(static_cast<unsigned char>(text[at + 1])) ||
         text[at + 1] == '"';
}

}  // namespace

engine_proto::GenerateTask DescriptionTask(const v1::DescribeImage& request) {
  const Detail detail = DetailOf(request.detail());
  engine_proto::GenerateTask task;
  engine_proto::Message* system = task.mutable_conversation()->add_messages();
  system->set_role(engine_proto::ROLE_SYSTEM);
  system->set_text(std::string(detail.instructions));
  engine_proto::Message* user = task.mutable_conversation()->add_messages();
  user->set_role(engine_proto::ROLE_USER);
  user->set_text(std::string(detail.question));
  if (!request.language().empty() && request.language() != "en") {
    absl::StrAppend(user->mutable_text(), " Answer in the language with the code \"",
                    request.language(), "\" (BCP 47).");
  }
  // The instructions are the daemon's own; the question holds the client's language.
  task.set_shared_messages(1);
  task.set_max_output_tokens(detail.max_output_tokens);
  // The same picture gets the same words.
  task.mutable_sampling()->set_temperature(0);
  return task;
}

std::string DescriptionOf(std::string_view answer, bool cut_short) {
  std::string_view text = absl::StripAsciiWhitespace(answer);
  if (cut_short) {
    for (size_t at = text.size(); at > 0; --at) {
      if (!EndsSentence(text, at - 1)) continue;
      text = text.substr(0, at < text.size() && text[at] == '"' ? at + 1 : at);
      break;
    }
  }
  return std::string(text);
}

}  // namespace intelligenced
