#include "services/actions/kept_runs.h"

namespace intelligenced {

const KeptRuns::End* KeptRuns::Find(const Key& key, absl::Time now) const {
  const auto found = kept_.find(key);
  return found == kept_.end() || found->second.until <= now ? nullptr : &found->second.end;
}

std::deque<KeptRuns::Key>::iterator KeptRuns::Forget(std::deque<Key>::iterator place) {
  if (const auto old = kept_.find(*place); old != kept_.end()) {
    bytes_ -= old->second.bytes;
    kept_.erase(old);
  }
  return order_.erase(place);
}

void KeptRuns::Keep(const Key& key, End end, absl::Time now) {
  Kept kept;
  kept.bytes = end.fingerprint.size() + end.completed.ByteSizeLong() + 256;
  kept.until = now + limits_.time;
  kept.end = std::move(end);
  size_t of_caller = 0;
  for (auto it = order_.begin(); it != order_.end();) {
    const auto old = kept_.find(*it);
    if (old == kept_.end() || old->second.until <= now || *it == key) {
      it = Forget(it);
    } else {
      of_caller += it->first == key.first ? 1 : 0;
      ++it;
    }
  }
  for (auto it = order_.begin(); it != order_.end() && of_caller >= limits_.of_caller;) {
    if (it->first == key.first) {
      --of_caller;
      it = Forget(it);
    } else {
      ++it;
    }
  }
  while (!order_.empty() && bytes_ + kept.bytes > limits_.bytes) Forget(order_.begin());
  bytes_ += kept.bytes;
  kept_[key] = std::move(kept);
  order_.push_back(key);
}

}  // namespace intelligenced
