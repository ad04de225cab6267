// An ONNX file may say anything: the reader answers with a manifest that the store would take, or
// with an error; it never allocates what a length claims.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "runtime/base/onnx_file.h"
#include "runtime/models/manifest.h"
#include "runtime/models/onnx_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace intelligenced;
  // The reader reads files.
  FILE* const file = std::tmpfile();
  if (file == nullptr) return 0;
  const int descriptor = fileno(file);
  if (write(descriptor, data, size) != static_cast<ssize_t>(size)) abort();
  const auto summary = ReadOnnxFile("/dev/fd/" + std::to_string(descriptor));
  std::fclose(file);
  if (!summary.ok()) return 0;
  ManifestFile entry;
  entry.name = "model.onnx";
  entry.size_bytes = size;
  entry.sha256 = std::string(64, '0');
  auto manifest = ManifestFromOnnx(*summary, entry);
  // What lies outside the file is refused, and nothing else.
  if (manifest.ok() != CheckOnnxIsSelfContained(*summary).ok()) abort();
  if (!manifest.ok()) return 0;
  manifest->name = "fuzzed";
  if (!ParseManifest(ManifestToJson(*manifest), ManifestPlace::kInstalled).ok()) abort();
  return 0;
}
