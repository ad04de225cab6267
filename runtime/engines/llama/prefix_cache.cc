#include "runtime/engines/llama/prefix_cache.h"

#include <algorithm>
#include <map>
#include <utility>

namespace intelligenced {

int CommonPrefix(absl::Span<const llama_token> a, absl::Span<const llama_token> b, int limit) {
  const int size = std::min({static_cast<int>(a.size()), static_cast<int>(b.size()), limit});
  int count = 0;
  while (count < size && a[count] == b[count]) ++count;
  return count;
}

PrefixCache::Match PrefixCache::Find(const std::string& scope, absl::Span<const llama_token> tokens,
                                     int limit) {
  Match best;
  Entry* found = nullptr;
  for (Entry& entry : entries_) {
    if (entry.scope != scope) continue;
    // A state may have been lost since.
    const int common = CommonPrefix(entry.tokens, tokens, std::min(limit, entry.state->cells));
    if (common < kLeastReuse || common <= best.tokens) continue;
    best = {entry.state, common};
    found = &entry;
  }
  if (found != nullptr) found->used = ++uses_;
  return best;
}

bool PrefixCache::Covers(const std::string& scope, absl::Span<const llama_token> tokens) {
  const int size = static_cast<int>(tokens.size());
  for (Entry& entry : entries_) {
    if (entry.scope != scope || entry.state->cells < size ||
        CommonPrefix(entry.tokens, tokens, size) < size) {
      continue;
    }
    entry.used = ++uses_;
    return true;
  }
  return false;
}

bool PrefixCache::MakeSharedRoom() {
  int shared = 0;
  Position oldest = entries_.end();
  for (Position entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!entry->shared) continue;
    ++shared;
    if (entry->state.use_count() > 1) continue;
    if (oldest == entries_.end() || entry->used < oldest->used) oldest = entry;
  }
  if (shared < max_shared_) return true;
  if (oldest == entries_.end()) return false;
  Drop(oldest);
  return true;
}

void PrefixCache::AddShared(const std::string& scope, std::vector<llama_token> tokens,
                            std::shared_ptr<Sequence> state) {
  Add({.scope = scope, .shared = true, .tokens = std::move(tokens), .state = std::move(state)});
}

void PrefixCache::AddOwn(const std::string& scope, std::vector<llama_token> tokens,
                         std::shared_ptr<Sequence> state) {
  for (Position entry = entries_.begin(); entry != entries_.end();) {
    const Position next = std::next(entry);
    const int size = static_cast<int>(entry->tokens.size());
    if (entry->scope == scope && entry->state.use_count() == 1 &&
        CommonPrefix(entry->tokens, tokens, size) == size) {
      Drop(entry);
    }
    entry = next;
  }
  Add({.scope = scope, .tokens = std::move(tokens), .state = std::move(state)});
}

void PrefixCache::Add(Entry entry) {
  entry.used = ++uses_;
  tokens_ += (entry.size = static_cast<int>(entry.tokens.size()) - entry.state->base_cells);
  entries_.push_back(std::move(entry));
  Evict();
}

void PrefixCache::Drop(Position entry) {
  tokens_ -= entry->size;
  entries_.erase(entry);
}

void PrefixCache::Evict() {
  while (tokens_ > max_tokens_) {
    std::map<std::string, int> sizes;
    for (const Entry& entry : entries_) sizes[entry.scope] += entry.size;
    Position victim = entries_.end();
    for (Position entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->state.use_count() > 1) continue;
      if (victim == entries_.end()) {
        victim = entry;
        continue;
      }
      const int size = sizes[entry->scope];
      const int largest = sizes[victim->scope];
      if (size > largest || (size == largest && entry->used < victim->used)) victim = entry;
    }
    if (victim == entries_.end()) return;
    Drop(victim);
  }
}

void PrefixCache::Shrink(int cells, const std::function<bool(const Sequence*)>& needed) {
  std::vector<Entry*> idle;
  int resident = 0;
  for (Entry& entry : entries_) {
    if (!entry.state->resident() || needed(entry.state.get())) continue;
    idle.push_back(&entry);
    resident += entry.state->own_cells();
  }
  std::sort(idle.begin(), idle.end(),
            [](const Entry* a, const Entry* b) { return a->used < b->used; });
  for (Entry* entry : idle) {
    if (resident <= cells) return;
    resident -= entry->state->own_cells();
    pool_->Park(*entry->state);
  }
}

void PrefixCache::Clear() {
  // The newest first: an entry may hold an older one as its base.
  for (Position entry = entries_.end(); entry != entries_.begin();) {
    const Position previous = std::prev(entry);
    if (previous->state.use_count() > 1) {
      entry = previous;
    } else {
      Drop(previous);
    }
  }
}

}  // namespace intelligenced
