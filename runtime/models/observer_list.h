// Tells observers of changes in the order in which they happened, without a lock held.
#ifndef INTELLIGENCED_RUNTIME_MODELS_OBSERVER_LIST_H_
#define INTELLIGENCED_RUNTIME_MODELS_OBSERVER_LIST_H_

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "runtime/models/model_manager.h"

namespace intelligenced {

// Thread-safe.
class ObserverList {
 public:
  using Observer = std::function<void(const ModelStatus&)>;

  // Dropping the handle ends the calls and waits for one that runs on another thread.
  std::shared_ptr<void> Add(Observer observer);
  // Quick; may be called with locks held.
  void Enqueue(ModelStatus status);
  // Calls the observers; call it without a lock held after Enqueue. When another thread is at it,
  // that one delivers ours too.
  void Deliver();

 private:
  struct Entry;
  absl::Mutex mutex_;
  std::deque<ModelStatus> pending_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
  bool delivering_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_OBSERVER_LIST_H_
