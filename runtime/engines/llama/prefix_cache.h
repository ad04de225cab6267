// What is kept of prompts and answers, so that nobody computes the same beginning of a text twice.
//
// Every entry belongs to a scope, and is found from within it only: the scope of what the daemon
// itself wrote, which all clients share, or one client's own. How soon a first token comes tells
// whether a beginning was known, so an entry that could be met from another scope would let one
// client guess at another's text. README.md says what remains.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PREFIX_CACHE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PREFIX_CACHE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/engines/llama/token_pool.h"

namespace intelligenced {

// Fewer tokens are sooner computed than found again.
inline constexpr int kLeastReuse = 8;

// Tokens that both begin with, at most `limit`.
int CommonPrefix(absl::Span<const llama_token> a, absl::Span<const llama_token> b, int limit);

// Not thread-safe. Entries that someone else holds (a running sequence's base) are never dropped.
class PrefixCache {
 public:
  struct Match {
    // Null: nothing of use.
    std::shared_ptr<Sequence> state;
    int tokens = 0;
  };

  // Keeps at most `max_tokens` tokens, and at most `max_shared` entries in shared scopes. `pool`
  // must outlive the cache.
  PrefixCache(TokenPool* pool, int max_tokens, int max_shared)
      : pool_(pool), max_tokens_(max_tokens), max_shared_(max_shared) {}

  // The entry of the scope that has most of the beginning of `tokens`, at most `limit` of them.
  Match Find(const std::string& scope, absl::Span<const llama_token> tokens, int limit);

  // True when an entry of the scope begins with all of `tokens`; it counts as used.
  bool Covers(const std::string& scope, absl::Span<const llama_token> tokens);

  // Makes room for one more shared entry; false when all are in use.
  bool MakeSharedRoom();
  // A beginning that all clients share. `state` has as many cells as there are tokens.
  void AddShared(const std::string& scope, std::vector<llama_token> tokens,
                 std::shared_ptr<Sequence> state);
  // What a client's own job leaves. `state` is out of the pool. Entries of the scope that `tokens`
  // continues are replaced.
  void AddOwn(const std::string& scope, std::vector<llama_token> tokens,
              std::shared_ptr<Sequence> state);

  // Moves shared entries that are not `needed` out of the pool, the longest unused first, until
  // those that are left there have at most `cells`.
  void Shrink(int cells, const std::function<bool(const Sequence*)>& needed);

  // Drops all that nobody holds.
  void Clear();

  int max_tokens() const { return max_tokens_; }
  int entries() const { return static_cast<int>(entries_.size()); }
  int tokens() const { return tokens_; }

 private:
  struct Entry {
    std::string scope;
    bool shared = false;
    std::vector<llama_token> tokens;
    std::shared_ptr<Sequence> state;
    // Tokens without those of the base.
    int size = 0;
    uint64_t used = 0;
  };
  using Position = std::list<Entry>::iterator;

  void Add(Entry entry);
  void Drop(Position entry);
  // Drops until the bound holds: of the scope that has most tokens the entry longest unused, so
  // that one busy client does not push out everybody else's.
  void Evict();

  TokenPool* const pool_;
  const int max_tokens_;
  const int max_shared_;
  std::list<Entry> entries_;
  // Tokens whose state is kept, bases counted once.
  int tokens_ = 0;
  uint64_t uses_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PREFIX_CACHE_H_
