// The process-wide parts of libllama: its plug-in backends and its log.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_LIBRARY_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_LIBRARY_H_

#include <ggml.h>
#include <llama.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace intelligenced {

struct LlamaDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
  void operator()(llama_context* context) const { llama_free(context); }
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
  void operator()(llama_adapter_lora* adapter) const { llama_adapter_lora_free(adapter); }
};
using LlamaModelPtr = std::unique_ptr<llama_model, LlamaDeleter>;
using LlamaContextPtr = std::unique_ptr<llama_context, LlamaDeleter>;
using LlamaAdapterPtr = std::unique_ptr<llama_adapter_lora, LlamaDeleter>;
using LlamaSamplerPtr = std::unique_ptr<llama_sampler, LlamaDeleter>;

// While it lives, the library's assertions on this thread are std::runtime_error with its words
// instead of the end of the process. Only for loading: what a file says is checked there, the
// library is not computing on other threads, and what it had half built is left alone.
class AssertionsThrow {
 public:
  AssertionsThrow();
  ~AssertionsThrow();
  AssertionsThrow(const AssertionsThrow&) = delete;
  AssertionsThrow& operator=(const AssertionsThrow&) = delete;

 private:
  const bool outer_;
};

// Loads the ggml backends that the system has installed, once a process, and takes the library's
// log: errors go to standard error, the rest nowhere. The library has one log for the
// whole process, so of several LlamaLibrary the newest has it. Thread-safe.
class LlamaLibrary {
 public:
  LlamaLibrary();
  ~LlamaLibrary();
  LlamaLibrary(const LlamaLibrary&) = delete;
  LlamaLibrary& operator=(const LlamaLibrary&) = delete;

  // What the library said of its latest errors since the last call, in one line; may be empty.
  std::string TakeErrors();

  // While muted nothing is printed or kept: a computation that is stopped on purpose is reported by
  // the library as a row of errors.
  void Mute(bool muted) { muted_.store(muted); }

  // Takes the BLAS backend out of the process, if it is there. For models loaded from then on.
  static void DropBlas();

 private:
  static void Log(ggml_log_level level, const char* text, void* self);

  std::atomic<bool> muted_ = false;
  absl::Mutex mutex_;
  std::string errors_ ABSL_GUARDED_BY(mutex_);
  // A continued line belongs to the level of the line it continues.
  ggml_log_level level_ ABSL_GUARDED_BY(mutex_) = GGML_LOG_LEVEL_NONE;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_LIBRARY_H_
