// Keeps what is generated inside a grammar.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_CONSTRAINT_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_CONSTRAINT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engines/llama/llama_library.h"

namespace intelligenced {

// What the tokens of a vocabulary write. Made once for a model, shared by its constraints.
// Thread-safe.
class TokenTexts {
 public:
  explicit TokenTexts(const llama_vocab* vocab);

  int size() const { return static_cast<int>(ends_.size()); }
  // The bytes that `token` adds to the text; empty for one that adds none, as control tokens do.
  std::string_view text(llama_token token) const {
    const uint32_t begin = token == 0 ? 0 : ends_[token - 1];
    return std::string_view(bytes_).substr(begin, ends_[token] - begin);
  }
  bool ends_text(llama_token token) const { return ends_text_[token]; }
  // A token that writes just this byte; LLAMA_TOKEN_NULL where there is none.
  llama_token byte_token(uint8_t byte) const { return byte_tokens_[byte]; }

 private:
  std::string bytes_;
  std::vector<uint32_t> ends_;
  std::vector<bool> ends_text_;
  std::array<llama_token, 256> byte_tokens_;
};

// Where one text is in its grammar. Not thread-safe; one for each job.
class TokenConstraint {
 public:
  // FIELD_INVALID for a grammar that CheckGrammar() or libllama refuses. `vocab` and `texts`, which
  // are of the same model, must outlive the constraint.
  static absl::StatusOr<std::unique_ptr<TokenConstraint>> Create(const llama_vocab* vocab,
                                                                 const TokenTexts* texts,
                                                                 const std::string& grammar);

  // Whether the text may go on with `token`, or end with one that ends texts. What is allowed is
  // well-formed UTF-8, which a grammar of characters alone cannot say.
  bool Allows(llama_token token) const;

  // Takes out of `candidates` what Allows() refuses. Much faster than asking for each.
  void Filter(std::vector<llama_token_data>& candidates) const;

  // `token`, which is allowed and does not end the text, was chosen.
  void Accept(llama_token token);

 private:
  TokenConstraint(const TokenTexts* texts, LlamaSamplerPtr grammar)
      : texts_(texts), grammar_(std::move(grammar)) {}

  // Without asking the grammar.
  bool MayFollow(llama_token token) const;
  void ApplyGrammar(std::vector<llama_token_data>& candidates) const;

  const TokenTexts* const texts_;
  const LlamaSamplerPtr grammar_;
  // The bytes of a character that is not complete.
  std::string pending_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_CONSTRAINT_H_
