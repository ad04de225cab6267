#include "runtime/base/executor.h"

#include <pthread.h>

#include <algorithm>

namespace intelligenced {
namespace {
void NameThread(const std::string& name) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
#elif defined(__APPLE__)
  pthread_setname_np(name.c_str());
#endif
}
}  // namespace

ThreadPool::ThreadPool(std::string name, int max_threads)
    : name_(std::move(name)), max_threads_(std::max(1, max_threads)) {}

ThreadPool::~ThreadPool() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void ThreadPool::Run(absl::AnyInvocable<void()> work) {
  absl::MutexLock lock(mutex_);
  queue_.push_back(std::move(work));
  if (static_cast<int>(queue_.size()) > idle_ && static_cast<int>(threads_.size()) < max_threads_ &&
      !stopping_) {
    threads_.emplace_back([this] { Loop(); });
  }
}

void ThreadPool::Loop() {
  NameThread(name_);
  while (true) {
    absl::AnyInvocable<void()> work;
    {
      absl::MutexLock lock(mutex_);
      ++idle_;
      auto ready = [this]()
                       ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !queue_.empty() || stopping_; };
      mutex_.Await(absl::Condition(&ready));
      --idle_;
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

ThreadTimer::ThreadTimer(const Clock* clock) : clock_(clock), thread_([this] { Loop(); }) {}

ThreadTimer::~ThreadTimer() {
  {
    absl::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

Timer::Id ThreadTimer::Schedule(absl::Time when, absl::AnyInvocable<void()> work) {
  absl::MutexLock lock(mutex_);
  const Id id = next_id_++;
  pending_.emplace(std::pair(when, id), std::move(work));
  if (pending_.begin()->first.second == id) changed_.Signal();
  return id;
}

bool ThreadTimer::Cancel(Id id) {
  absl::AnyInvocable<void()> dropped;  // destroyed outside the lock
  absl::MutexLock lock(mutex_);
  for (auto it = pending_.begin(); it != pending_.end(); ++it) {
    if (it->first.second != id) continue;
    dropped = std::move(it->second);
    pending_.erase(it);
    return true;
  }
  return false;
}

void ThreadTimer::Loop() {
  NameThread("timer");
  while (true) {
    absl::AnyInvocable<void()> work;
    {
      absl::MutexLock lock(mutex_);
      while (true) {
        if (stopping_) return;
        if (pending_.empty()) {
          changed_.Wait(&mutex_);
          continue;
        }
        const absl::Duration left = pending_.begin()->first.first - clock_->Now();
        if (left <= absl::ZeroDuration()) break;
        changed_.WaitWithTimeout(&mutex_, left);
      }
      work = std::move(pending_.begin()->second);
      pending_.erase(pending_.begin());
    }
    work();
  }
}

void ManualExecutor::Run(absl::AnyInvocable<void()> work) {
  absl::MutexLock lock(mutex_);
  queue_.push_back(std::move(work));
}

Timer::Id ManualExecutor::Schedule(absl::Time when, absl::AnyInvocable<void()> work) {
  absl::MutexLock lock(mutex_);
  const Id id = next_id_++;
  timers_.emplace(std::pair(when, id), std::move(work));
  return id;
}

bool ManualExecutor::Cancel(Id id) {
  absl::AnyInvocable<void()> dropped;  // destroyed outside the lock
  absl::MutexLock lock(mutex_);
  for (auto it = timers_.begin(); it != timers_.end(); ++it) {
    if (it->first.second != id) continue;
    dropped = std::move(it->second);
    timers_.erase(it);
    return true;
  }
  return false;
}

bool ManualExecutor::RunOne() {
  absl::AnyInvocable<void()> work;
  {
    absl::MutexLock lock(mutex_);
    if (!queue_.empty()) {
      work = std::move(queue_.front());
      queue_.pop_front();
    } else if (!timers_.empty() && timers_.begin()->first.first <= clock_->Now()) {
      work = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
    } else {
      return false;
    }
  }
  work();
  return true;
}

int ManualExecutor::RunUntilIdle() {
  int count = 0;
  while (RunOne()) ++count;
  return count;
}

void ManualExecutor::Advance(absl::Duration duration) {
  const absl::Time end = clock_->Now() + duration;
  RunUntilIdle();
  while (true) {
    absl::Time next = end;
    {
      absl::MutexLock lock(mutex_);
      if (!timers_.empty()) next = std::min(end, timers_.begin()->first.first);
    }
    clock_->Advance(std::max(absl::ZeroDuration(), next - clock_->Now()));
    if (RunUntilIdle() == 0 && clock_->Now() >= end) return;
  }
}

}  // namespace intelligenced
