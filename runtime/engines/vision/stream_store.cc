#include "runtime/engines/vision/stream_store.h"

#include <utility>

namespace intelligenced {

std::unique_ptr<StreamState> StreamStore::Take(uint64_t id) {
  std::unique_ptr<StreamState> state;
  {
    absl::MutexLock lock(mutex_);
    if (!entries_.contains(id) && entries_.size() >= kMaxStreams) ForgetOldest();
    Entry& entry = entries_[id];
    entry.last_use = ++uses_;
    ++entry.lent;
    state = std::move(entry.state);
  }
  return state != nullptr ? std::move(state) : std::make_unique<StreamState>();
}

void StreamStore::GiveBack(uint64_t id, std::unique_ptr<StreamState> state) {
  absl::MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  --entry.lent;
  if (!entry.closed) {
    if (entry.state == nullptr) entry.state = std::move(state);
  } else if (entry.lent == 0) {
    entries_.erase(found);
  }
}

void StreamStore::Close(uint64_t id) {
  absl::MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.closed = true;
  if (found->second.lent == 0) entries_.erase(found);
}

size_t StreamStore::size() const {
  absl::MutexLock lock(mutex_);
  return entries_.size();
}

void StreamStore::ForgetOldest() {
  auto oldest = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->second.lent > 0) continue;
    if (oldest == entries_.end() || it->second.last_use < oldest->second.last_use) oldest = it;
  }
  if (oldest != entries_.end()) entries_.erase(oldest);
}

}  // namespace intelligenced
