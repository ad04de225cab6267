// From a conversation to the tokens that a model was trained to see for it.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_CHAT_TEMPLATE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_CHAT_TEMPLATE_H_

#include <llama.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/task.pb.h"

namespace intelligenced {

// Text to tokens. `markup` lets the names of control tokens in the text stand for those tokens;
// otherwise they are plain text. INPUT_TOO_LARGE for more than 2 GiB.
absl::StatusOr<std::vector<llama_token>> Tokenize(const llama_vocab* vocab, std::string_view text,
                                                  bool add_special, bool markup);

// A stretch of a prompt.
struct PromptPart {
  std::string text;
  // The names of control tokens in the text stand for them.
  bool markup = true;
  // In place of text: a picture, by its place among all of the conversation's.
  int picture = -1;
};

struct PromptParts {
  // The vocabulary's own beginning belongs in front of the first part.
  bool add_special = true;
  std::vector<PromptPart> parts;
};

class ChatTemplate {
 public:
  // Picks the template: `name` when given (one that libllama has built in), else the model's own.
  // libllama recognises the common templates by their shape and does not run Jinja. For one that it
  // does not recognise, a model whose vocabulary has both ChatML markers gets ChatML; any other has
  // no chat template here. FIELD_INVALID when `name` is not built in.
  static absl::StatusOr<std::optional<ChatTemplate>> Choose(const llama_model* model,
                                                            const std::string& name);

  // The prompt up to where the assistant's answer begins. What looks like a control token inside a
  // message is plain text: a message cannot end its own turn or open another's.
  // FIELD_INVALID: no message, a role that is not set, a NUL byte.
  absl::StatusOr<std::vector<llama_token>> Apply(
      const intelligence::engine::v1::Conversation& conversation) const;

  // The same prompt before it is split into tokens. A message's pictures stand in front of its
  // text.
  absl::StatusOr<PromptParts> Parts(
      const intelligence::engine::v1::Conversation& conversation) const;
  absl::StatusOr<std::vector<llama_token>> Tokens(std::string_view text, bool add_special,
                                                  bool markup) const;

  const std::string& name() const { return name_; }

 private:
  ChatTemplate(const llama_model* model, std::string text, std::string name);

  absl::StatusOr<std::string> Render(const std::vector<llama_chat_message>& messages) const;
  bool HoldsControlText(std::string_view text) const;

  const llama_vocab* vocab_;
  std::string text_;
  std::string name_;
  // How the control tokens are written.
  std::vector<std::string> control_texts_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_CHAT_TEMPLATE_H_
