#include "runtime/engines/llama/chat_template.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

namespace engine_proto = ::intelligence::engine::v1;

const char* RoleName(engine_proto::Role role) {
  switch (role) {
    case engine_proto::ROLE_SYSTEM:
      return "system";
    case engine_proto::ROLE_USER:
      return "user";
    case engine_proto::ROLE_ASSISTANT:
      return "assistant";
    case engine_proto::ROLE_TOOL:
      return "tool";
    default:
      return nullptr;
  }
}

bool Recognised(const std::string& text) {
  const llama_chat_message probe = {"user", "x"};
  return llama_chat_apply_template(text.c_str(), &probe, 1, true, nullptr, 0) >= 0;
}

bool HasToken(const llama_vocab* vocab, std::string_view text) {
  const auto tokens = Tokenize(vocab, text, /*add_special=*/false, /*markup=*/true);
  return tokens.ok() && tokens->size() == 1 && llama_vocab_is_control(vocab, tokens->front());
}

// Stands for message `index` in a rendered prompt. Control characters that no template writes.
std::string Placeholder(size_t index) { return absl::StrCat("\x01", index, "\x02"); }

}  // namespace

absl::StatusOr<std::vector<llama_token>> Tokenize(const llama_vocab* vocab, std::string_view text,
                                                  bool add_special, bool markup) {
  // The library counts in 32 bits, and a token may take as little as one byte.
  if (text.size() > std::numeric_limits<int32_t>::max() - 16) {
    return MakeError(Reason::kInputTooLarge, "The text is too long to be split into tokens.");
  }
  const auto size = static_cast<int32_t>(text.size());
  std::vector<llama_token> tokens(text.size() / 2 + 16);
  int32_t count = llama_tokenize(vocab, text.data(), size, tokens.data(),
                                 static_cast<int32_t>(tokens.size()), add_special, markup);
  if (count < 0 && count != std::numeric_limits<int32_t>::min()) {
    tokens.resize(-count);
    count = llama_tokenize(vocab, text.data(), size, tokens.data(), -count, add_special, markup);
  }
  if (count < 0) return MakeError(Reason::kEngineFailure, "The text cannot be split into tokens.");
  tokens.resize(count);
  return tokens;
}

absl::StatusOr<std::optional<ChatTemplate>> ChatTemplate::Choose(const llama_model* model,
                                                                 const std::string& name) {
  if (!name.empty()) {
    if (!Recognised(name)) {
      return FieldError("parameters.chat_template",
                        absl::StrCat("The chat template ", name, " is not one of libllama's."));
    }
    return ChatTemplate(model, name, name);
  }
  const char* own = llama_model_chat_template(model, nullptr);
  if (own == nullptr || *own == '\0') return std::nullopt;
  if (Recognised(own)) return ChatTemplate(model, own, "its own chat template");
  const llama_vocab* vocab = llama_model_get_vocab(model);
  if (HasToken(vocab, "<|im_start|>") && HasToken(vocab, "<|im_end|>")) {
    return ChatTemplate(model, "chatml", "ChatML in place of its own chat template");
  }
  return std::nullopt;
}

ChatTemplate::ChatTemplate(const llama_model* model, std::string text, std::string name)
    : vocab_(llama_model_get_vocab(model)), text_(std::move(text)), name_(std::move(name)) {
  for (llama_token token = 0; token < llama_vocab_n_tokens(vocab_); ++token) {
    if (!llama_vocab_is_control(vocab_, token)) continue;
    std::string written = llama_vocab_get_text(vocab_, token);
    if (!written.empty()) control_texts_.push_back(std::move(written));
  }
}

bool ChatTemplate::HoldsControlText(std::string_view text) const {
  for (const std::string& control : control_texts_) {
    if (absl::StrContains(text, control)) return true;
  }
  return false;
}

absl::StatusOr<std::string> ChatTemplate::Render(
    const std::vector<llama_chat_message>& messages) const {
  const auto apply = [&](char* buffer, int32_t size) {
    return llama_chat_apply_template(text_.c_str(), messages.data(), messages.size(),
                                     /*add_ass=*/true, buffer, size);
  };
  const int32_t size = apply(nullptr, 0);
  if (size < 0) {
    return MakeError(Reason::kEngineFailure, "The chat template cannot be applied to this input.");
  }
  std::string rendered(size, '\0');
  apply(rendered.data(), size);
  return rendered;
}

absl::StatusOr<PromptParts> ChatTemplate::Parts(
    const engine_proto::Conversation& conversation) const {
  if (conversation.messages().empty()) {
    return FieldError("conversation.messages", "A conversation needs at least one message.");
  }
  std::vector<llama_chat_message> messages;
  bool holds_control_text = false;
  bool holds_pictures = false;
  uint64_t bytes = 0;
  for (const engine_proto::Message& message : conversation.messages()) {
    const char* role = RoleName(message.role());
    if (role == nullptr) {
      return FieldError("conversation.messages.role",
                        "Every message needs one of the known roles.");
    }
    if (absl::StrContains(message.text(), '\0')) {
      return FieldError("conversation.messages.text", "A message must not hold a NUL byte.");
    }
    bytes += message.text().size();
    holds_control_text = holds_control_text || HoldsControlText(message.text());
    holds_pictures = holds_pictures || message.images_size() > 0;
    messages.push_back({role, message.text().c_str()});
  }
  if (bytes > std::numeric_limits<int32_t>::max() / 4) {
    return MakeError(Reason::kInputTooLarge, "The conversation is too long to be made a prompt.");
  }
  std::vector<std::string> placeholders;
  if (holds_control_text || holds_pictures) {
    for (size_t index = 0; index < messages.size(); ++index) {
      placeholders.push_back(Placeholder(index));
    }
    for (size_t index = 0; index < messages.size(); ++index) {
      messages[index].content = placeholders[index].c_str();
    }
  }
  absl::StatusOr<std::string> rendered = Render(messages);
  if (!rendered.ok()) return rendered.status();

  PromptParts result;
  // A template that writes the beginning-of-text token itself must not get a second one.
  const llama_token bos = llama_vocab_bos(vocab_);
  result.add_special =
      bos == LLAMA_TOKEN_NULL || !absl::StartsWith(*rendered, llama_vocab_get_text(vocab_, bos));
  // Text that is split into tokens in the same way is split as one.
  const auto append = [&](std::string_view text, bool markup) {
    if (text.empty()) return;
    std::vector<PromptPart>& parts = result.parts;
    if (parts.empty() || parts.back().picture >= 0 || parts.back().markup != markup) {
      parts.push_back({.text = "", .markup = markup});
    }
    parts.back().text += text;
  };
  std::vector<int> first_picture;
  int pictures = 0;
  for (const engine_proto::Message& message : conversation.messages()) {
    first_picture.push_back(pictures);
    pictures += message.images_size();
  }
  std::string_view rest = *rendered;
  while (!rest.empty()) {
    size_t at = rest.size();
    size_t next = 0;
    for (size_t index = 0; index < placeholders.size(); ++index) {
      if (const size_t found = rest.find(placeholders[index]); found < at) {
        at = found;
        next = index;
      }
    }
    append(rest.substr(0, at), true);
    if (at == rest.size()) break;
    rest.remove_prefix(at + placeholders[next].size());
    const engine_proto::Message& message = conversation.messages(static_cast<int>(next));
    for (int index = 0; index < message.images_size(); ++index) {
      result.parts.push_back({.text = "", .picture = first_picture[next] + index});
    }
    // What looks like a control token in a message is none; without any, one split does for all.
    append(message.text(), !holds_control_text);
  }
  return result;
}

absl::StatusOr<std::vector<llama_token>> ChatTemplate::Apply(
    const engine_proto::Conversation& conversation) const {
  const absl::StatusOr<PromptParts> parts = Parts(conversation);
  if (!parts.ok()) return parts.status();
  std::vector<llama_token> tokens;
  for (const PromptPart& part : parts->parts) {
    if (part.picture >= 0) continue;
    auto more = Tokens(part.text, parts->add_special && tokens.empty(), part.markup);
    if (!more.ok()) return more;
    tokens.insert(tokens.end(), more->begin(), more->end());
  }
  return tokens;
}

absl::StatusOr<std::vector<llama_token>> ChatTemplate::Tokens(std::string_view text,
                                                              bool add_special, bool markup) const {
  return Tokenize(vocab_, text, add_special, markup);
}

}  // namespace intelligenced
