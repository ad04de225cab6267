// Tells the thread sanitizer about Abseil's synchronization. The system's Abseil is built without
// the sanitizer, so its own annotations are empty and every lock would look like a race. Linked
// into every program built with -fsanitize=thread (packaging/cmake/targets.cmake), these
// definitions come before the library's, for gRPC's calls too, say what happens, and call them.
// Nothing else in the project may define what a library defines.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <typeinfo>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace {

// The library's function with this mangled suffix in class `type`.
template <typename Function>
Function Real(const std::type_info& type, const char* suffix, bool is_const = false) {
  std::string name = std::string(is_const ? "_ZNK" : "_ZN") + (type.name() + 1);
  name.pop_back();  // the E that ends a nested name
  name += suffix;
  void* const symbol = dlsym(RTLD_NEXT, name.c_str());
  if (symbol == nullptr) {
    std::fprintf(stderr, "thread_sanitizer: no %s in the Abseil library\n", name.c_str());
    std::abort();
  }
  return reinterpret_cast<Function>(symbol);
}

using OnMutex = void (*)(absl::Mutex*);
using Timeout = absl::synchronization_internal::KernelTimeout;

// Waiting gives the lock up and takes it again. What the library does in between, other threads'
// conditions included, is its own affair: the sanitizer ignores it.
void BeforeWait(absl::Mutex* mutex) {
  __tsan_mutex_pre_unlock(mutex, 0);
  __tsan_mutex_post_unlock(mutex, 0);
  __tsan_mutex_pre_lock(mutex, 0);
}
void AfterWait(absl::Mutex* mutex) { __tsan_mutex_post_lock(mutex, 0, 0); }

// __tsan_acquire and __tsan_release take a plain pointer.
template <typename Object>
void* Address(const Object* object) {
  return const_cast<Object*>(object);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

// The stack's next mutex may lie where this one lay.
void Mutex::Dtor() {
  static const auto real = Real<OnMutex>(typeid(Mutex), "4DtorEv");
  real(this);
  __tsan_mutex_destroy(this, 0);
}

void Mutex::lock() {
  static const auto real = Real<OnMutex>(typeid(Mutex), "4lockEv");
  __tsan_mutex_pre_lock(this, 0);
  real(this);
  __tsan_mutex_post_lock(this, 0, 0);
}

bool Mutex::try_lock() {
  static const auto real = Real<bool (*)(Mutex*)>(typeid(Mutex), "8try_lockEv");
  __tsan_mutex_pre_lock(this, __tsan_mutex_try_lock);
  const bool locked = real(this);
  __tsan_mutex_post_lock(this, __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed),
                         0);
  return locked;
}

void Mutex::unlock() {
  static const auto real = Real<OnMutex>(typeid(Mutex), "6unlockEv");
  __tsan_mutex_pre_unlock(this, 0);
  real(this);
  __tsan_mutex_post_unlock(this, 0);
}

void Mutex::lock_shared() {
  static const auto real = Real<OnMutex>(typeid(Mutex), "11lock_sharedEv");
  __tsan_mutex_pre_lock(this, __tsan_mutex_read_lock);
  real(this);
  __tsan_mutex_post_lock(this, __tsan_mutex_read_lock, 0);
}

void Mutex::unlock_shared() {
  static const auto real = Real<OnMutex>(typeid(Mutex), "13unlock_sharedEv");
  __tsan_mutex_pre_unlock(this, __tsan_mutex_read_lock);
  real(this);
  __tsan_mutex_post_unlock(this, __tsan_mutex_read_lock);
}

bool Mutex::LockWhenCommon(const Condition& condition, Timeout timeout, bool write) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Timeout, bool)>(
      typeid(Mutex),
      "14LockWhenCommonERKNS0_9ConditionENS0_24synchronization_internal13KernelTimeoutEb");
  const unsigned kind = write ? 0 : __tsan_mutex_read_lock;
  __tsan_mutex_pre_lock(this, kind);
  const bool result = real(this, condition, timeout, write);
  __tsan_mutex_post_lock(this, kind, 0);
  return result;
}

bool Mutex::AwaitCommon(const Condition& condition, Timeout timeout) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Timeout)>(
      typeid(Mutex),
      "11AwaitCommonERKNS0_9ConditionENS0_24synchronization_internal13KernelTimeoutE");
  BeforeWait(this);
  const bool result = real(this, condition, timeout);
  AfterWait(this);
  return result;
}

bool CondVar::WaitCommon(Mutex* mutex, Timeout timeout) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Timeout)>(
      typeid(CondVar), "10WaitCommonEPNS0_5MutexENS0_24synchronization_internal13KernelTimeoutE");
  BeforeWait(mutex);
  const bool result = real(this, mutex, timeout);
  AfterWait(mutex);
  return result;
}

// A notification and a counter that are already there are seen without their lock.
void Notification::Notify() {
  static const auto real = Real<void (*)(Notification*)>(typeid(Notification), "6NotifyEv");
  __tsan_release(this);
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      Real<void (*)(const Notification*)>(typeid(Notification), "19WaitForNotificationEv", true);
  real(this);
  __tsan_acquire(Address(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto real = Real<bool (*)(const Notification*, Duration)>(
      typeid(Notification), "30WaitForNotificationWithTimeoutENS0_8DurationE", true);
  const bool notified = real(this, timeout);
  if (notified) __tsan_acquire(Address(this));
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  static const auto real = Real<bool (*)(const Notification*, Time)>(
      typeid(Notification), "31WaitForNotificationWithDeadlineENS0_4TimeE", true);
  const bool notified = real(this, deadline);
  if (notified) __tsan_acquire(Address(this));
  return notified;
}

bool BlockingCounter::DecrementCount() {
  static const auto real =
      Real<bool (*)(BlockingCounter*)>(typeid(BlockingCounter), "14DecrementCountEv");
  __tsan_release(this);
  const bool last = real(this);
  if (last) __tsan_acquire(this);
  return last;
}

void BlockingCounter::Wait() {
  static const auto real = Real<void (*)(BlockingCounter*)>(typeid(BlockingCounter), "4WaitEv");
  real(this);
  __tsan_acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
