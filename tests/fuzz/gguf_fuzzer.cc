// A GGUF header may say anything: the reader answers with a manifest that the store would take, or
// with an error; it never allocates what a count claims.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "runtime/models/gguf_metadata.h"
#include "runtime/models/manifest.h"

namespace intelligenced {
namespace {

class MemorySource : public ByteSource {
 public:
  MemorySource(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, char* out, size_t size) const override {
    // Reading beyond the end would be the reader's mistake.
    if (offset > size_ || size > size_ - offset) abort();
    if (size > 0) memcpy(out, data_ + offset, size);
    return absl::OkStatus();
  }

 private:
  const uint8_t* const data_;
  const size_t size_;
};

}  // namespace
}  // namespace intelligenced

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace intelligenced;
  const auto metadata = ReadGgufMetadata(MemorySource(data, size));
  if (!metadata.ok()) return 0;
  ManifestFile file;
  file.name = "model.gguf";
  file.size_bytes = size;
  file.sha256 = std::string(64, '0');
  auto manifest = ManifestFromGguf(*metadata, file);
  if (!manifest.ok()) return 0;
  manifest->name = "fuzzed";
  if (!ParseManifest(ManifestToJson(*manifest), ManifestPlace::kInstalled).ok()) abort();
  return 0;
}
