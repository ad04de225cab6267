// Rewriting as far as rules do it honestly: fewer words for wordy phrases, contractions undone or
// made, and a plain or a familiar word for a formal one. Everything else is left as it was.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_REWRITER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_REWRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/base/byte_span.h"
#include "runtime/engines/text/lexicon.h"
#include "runtime/engines/text/rules.h"

namespace intelligenced {

enum class RewriteBook { kConcise, kFormal, kCasual };

// Which books do what the task asks for, in order. NO_CAPABLE_MODEL for what rules cannot do
// (rephrasing, elaborating, emoji, instructions, longer texts), with what to install.
absl::StatusOr<std::vector<RewriteBook>> BooksForRewrite(
    const ::intelligence::engine::v1::RewriteTask& task);

// Immutable, thread-safe. Keeps a pointer to the lexicon.
class Rewriter {
 public:
  // ENGINE_FAILURE when the built-in rules do not parse.
  static absl::StatusOr<std::unique_ptr<Rewriter>> Load(const Lexicon* lexicon);

  // One sentence, rewritten; protected spans (sorted, in its bytes) come back as they are.
  std::string Rewrite(std::string_view sentence, absl::Span<const ByteSpan> protected_spans,
                      absl::Span<const RewriteBook> books) const;

  const RuleBook& book(RewriteBook book) const { return *books_[static_cast<size_t>(book)]; }

 private:
  Rewriter() = default;
  std::vector<std::unique_ptr<RuleBook>> books_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_REWRITER_H_
