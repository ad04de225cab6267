#include "runtime/engines/llama/llama_library.h"

#include <ggml-backend.h>
#include <mtmd.h>

#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace intelligenced {
namespace {

constexpr size_t kMaxErrorBytes = 600;

// The library's callback takes no argument of ours.
thread_local bool assertions_throw = false;

void OnAbort(const char* message) {
  if (assertions_throw) throw std::runtime_error(message);
  std::fprintf(stderr, "%s\n", message);
}

}  // namespace

AssertionsThrow::AssertionsThrow() : outer_(std::exchange(assertions_throw, true)) {}
AssertionsThrow::~AssertionsThrow() { assertions_throw = outer_; }

LlamaLibrary::LlamaLibrary() {
  llama_log_set(&LlamaLibrary::Log, this);
  mtmd_log_set(&LlamaLibrary::Log, this);
  ggml_set_abort_callback(&OnAbort);
  // Debian's ggml finds the variant for this processor, and every accelerator installed, as
  // plug-ins. Loading them twice would register each device twice.
  if (ggml_backend_reg_by_name("CPU") == nullptr) ggml_backend_load_all();
  llama_backend_init();
}

LlamaLibrary::~LlamaLibrary() {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  mtmd_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
}

void LlamaLibrary::DropBlas() {
  if (ggml_backend_reg_t blas = ggml_backend_reg_by_name("BLAS")) ggml_backend_unload(blas);
}

std::string LlamaLibrary::TakeErrors() {
  absl::MutexLock lock(mutex_);
  const std::string errors = std::exchange(errors_, "");
  return absl::StrReplaceAll(absl::StripAsciiWhitespace(errors), {{"\n", "; "}});
}

void LlamaLibrary::Log(ggml_log_level level, const char* text, void* self) {
  auto* library = static_cast<LlamaLibrary*>(self);
  absl::MutexLock lock(library->mutex_);
  if (level == GGML_LOG_LEVEL_CONT) {
    level = library->level_;
  } else {
    library->level_ = level;
  }
  if (level != GGML_LOG_LEVEL_ERROR || library->muted_.load()) return;
  std::fputs(text, stderr);
  if (library->errors_.size() < kMaxErrorBytes) {
    library->errors_ += text;
  }
}

}  // namespace intelligenced
