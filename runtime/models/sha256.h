// SHA-256, a piece at a time.
#ifndef INTELLIGENCED_RUNTIME_MODELS_SHA256_H_
#define INTELLIGENCED_RUNTIME_MODELS_SHA256_H_

#include <memory>
#include <string>
#include <string_view>

namespace intelligenced {

// Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(std::string_view bytes);
  // 64 lower-case hex digits. Once, last.
  std::string Finish();

 private:
  struct Context;
  const std::unique_ptr<Context> context_;
};

// 64 of 0-9 and a-f.
bool IsSha256(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_SHA256_H_
