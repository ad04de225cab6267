#include "runtime/engines/llama/token_constraint.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/base/reasons.h"
#include "runtime/engines/llama/grammar_check.h"
#include "runtime/engines/llama/text_stream.h"

namespace intelligenced {
namespace {

std::string PieceOf(const llama_vocab* vocab, llama_token token, bool special) {
  std::string piece(64, '\0');
  int32_t size = llama_token_to_piece(vocab, token, piece.data(),
                                      static_cast<int32_t>(piece.size()), 0, special);
  if (size < 0) {
    piece.resize(-size);
    size = llama_token_to_piece(vocab, token, piece.data(), -size, 0, special);
  }
  piece.resize(std::max(size, 0));
  return piece;
}

}  // namespace

TokenTexts::TokenTexts(const llama_vocab* vocab) {
  const int32_t count = llama_vocab_n_tokens(vocab);
  ends_.reserve(count);
  ends_text_.reserve(count);
  byte_tokens_.fill(LLAMA_TOKEN_NULL);
  for (llama_token token = 0; token < count; ++token) {
    std::string piece = PieceOf(vocab, token, /*special=*/false);
    // The grammar reads the written form of control tokens, which never reaches the text. It also
    // knows texts as C strings.
    if (piece != PieceOf(vocab, token, /*special=*/true) || piece.find('\0') != std::string::npos) {
      piece.clear();
    }
    ends_text_.push_back(llama_vocab_is_eog(vocab, token));
    if (ends_text_.back()) piece.clear();
    if (piece.size() == 1) byte_tokens_[static_cast<uint8_t>(piece[0])] = token;
    bytes_ += piece;
    ends_.push_back(static_cast<uint32_t>(bytes_.size()));
  }
}

absl::StatusOr<std::unique_ptr<TokenConstraint>> TokenConstraint::Create(
    const llama_vocab* vocab, const TokenTexts* texts, const std::string& grammar) {
  if (absl::Status status = CheckGrammar(grammar); !status.ok()) return status;
  LlamaSamplerPtr sampler(llama_sampler_init_grammar(vocab, grammar.c_str(), "root"));
  if (sampler == nullptr) {
    return FieldError("grammar", "The grammar cannot be used: libllama does not take it.");
  }
  return std::unique_ptr<TokenConstraint>(new TokenConstraint(texts, std::move(sampler)));
}

bool TokenConstraint::MayFollow(llama_token token) const {
  if (texts_->ends_text(token)) return pending_.empty();
  const std::string_view text = texts_->text(token);
  std::string pending = pending_;
  return !text.empty() && ExtendUtf8(pending, text);
}

void TokenConstraint::ApplyGrammar(std::vector<llama_token_data>& candidates) const {
  llama_token_data_array array = {candidates.data(), candidates.size(), -1, false};
  llama_sampler_apply(grammar_.get(), &array);
  candidates.resize(array.size);
  std::erase_if(candidates, [](const llama_token_data& one) { return std::isinf(one.logit); });
}

bool TokenConstraint::Allows(llama_token token) const {
  if (!MayFollow(token)) return false;
  std::vector<llama_token_data> one = {{token, 0, 0}};
  ApplyGrammar(one);
  return !one.empty();
}

void TokenConstraint::Filter(std::vector<llama_token_data>& candidates) const {
  // Most tokens fail with their first byte. There are few of those to ask about.
  std::array<bool, 256> begins;
  std::vector<llama_token_data> bytes;
  for (int byte = 0; byte < 256; ++byte) {
    const llama_token token = texts_->byte_token(static_cast<uint8_t>(byte));
    begins[byte] = token == LLAMA_TOKEN_NULL;
    if (!begins[byte] && MayFollow(token)) bytes.push_back({token, 0, 0});
  }
  ApplyGrammar(bytes);
  for (const llama_token_data& one : bytes) {
    begins[static_cast<uint8_t>(texts_->text(one.id)[0])] = true;
  }
  std::erase_if(candidates, [&](const llama_token_data& one) {
    const std::string_view text = texts_->text(one.id);
    if (!text.empty() && !begins[static_cast<uint8_t>(text[0])]) return true;
    return std::isinf(one.logit) || !MayFollow(one.id);
  });
  ApplyGrammar(candidates);
}

void TokenConstraint::Accept(llama_token token) {
  ExtendUtf8(pending_, texts_->text(token));
  llama_sampler_accept(grammar_.get(), token);
}

}  // namespace intelligenced
