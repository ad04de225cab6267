// Tells the thread sanitizer about absl::Mutex. The system's Abseil is built without the sanitizer,
// so its own annotations are empty and every lock would look like a race. Linked into programs
// built with -fsanitize=thread, these definitions come before the library's, say what happens, and
// call them. Nothing else in the project may define what a library defines.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <typeinfo>

#include "absl/synchronization/mutex.h"

namespace {

// The library's function with this mangled suffix in class `type`.
template <typename Function>
Function Real(const std::type_info& type, const char* suffix) {
  std::string name = std::string("_Z") + type.name();
  name.pop_back();  // the E that ends a nested name
  name += suffix;
  void* const symbol = dlsym(RTLD_NEXT, name.c_str());
  if (symbol == nullptr) {
    std::fprintf(stderr, "tsan_mutex: no %s in the Abseil library\n", name.c_str());
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

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::lock() {
  static const auto real = Real<OnMutex>(typeid(Mutex), "4lockEv");
  __tsan_mutex_pre_lock(this, 0);
  real(this);
  __tsan_mutex_post_lock(this, 0, 0);
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

ABSL_NAMESPACE_END
}  // namespace absl
