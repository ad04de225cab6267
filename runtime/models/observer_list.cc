#include "runtime/models/observer_list.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace intelligenced {

struct ObserverList::Entry {
  explicit Entry(Observer call) : observer(std::move(call)) {}

  void Call(const ModelStatus& status) {
    {
      absl::MutexLock lock(mutex);
      if (removed) return;
      running = true;
      runner = std::this_thread::get_id();
    }
    observer(status);
    absl::MutexLock lock(mutex);
    running = false;
  }

  void Remove() {
    absl::MutexLock lock(mutex);
    removed = true;
    if (running && runner == std::this_thread::get_id()) return;
    auto quiet = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex) { return !running; };
    mutex.Await(absl::Condition(&quiet));
  }

  bool IsRemoved() {
    absl::MutexLock lock(mutex);
    return removed;
  }

  const Observer observer;
  absl::Mutex mutex;
  bool removed ABSL_GUARDED_BY(mutex) = false;
  bool running ABSL_GUARDED_BY(mutex) = false;
  std::thread::id runner ABSL_GUARDED_BY(mutex);
};

std::shared_ptr<void> ObserverList::Add(Observer observer) {
  auto entry = std::make_shared<Entry>(std::move(observer));
  absl::MutexLock lock(mutex_);
  std::erase_if(entries_, [](const auto& old) { return old->IsRemoved(); });
  entries_.push_back(entry);
  // The handle does not refer to the list: it may be dropped after it.
  return std::shared_ptr<void>(entry.get(), [entry](void*) { entry->Remove(); });
}

void ObserverList::Enqueue(ModelStatus status) {
  absl::MutexLock lock(mutex_);
  if (!entries_.empty()) pending_.push_back(std::move(status));
}

void ObserverList::Deliver() {
  while (true) {
    ModelStatus status;
    std::vector<std::shared_ptr<Entry>> entries;
    {
      absl::MutexLock lock(mutex_);
      if (pending_.empty() || delivering_) return;
      delivering_ = true;
      status = std::move(pending_.front());
      pending_.pop_front();
      entries = entries_;
    }
    for (const auto& entry : entries) entry->Call(status);
    absl::MutexLock lock(mutex_);
    delivering_ = false;
  }
}

}  // namespace intelligenced
