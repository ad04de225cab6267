// Pictures made larger or smaller by Lanczos' window of three lobes.
#ifndef INTELLIGENCED_RUNTIME_MEDIA_LANCZOS_H_
#define INTELLIGENCED_RUNTIME_MEDIA_LANCZOS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/media/image.h"

namespace intelligenced {

// One change of size, in pieces. Sharper than Resize() and slower: each pixel is a sum over six by
// six of the picture's, or as many more as there are to one where it becomes smaller. Borders are
// repeated. Used by one thread at a time; the picture must outlive it.
class LanczosResizer {
 public:
  // Both sides above 0. Errors: MEMORY_INSUFFICIENT.
  static absl::StatusOr<std::unique_ptr<LanczosResizer>> Make(const Image* image, int width,
                                                              int height);
  virtual ~LanczosResizer() = default;

  // Makes at most so many rows more (in either pass); true when all are there.
  virtual bool Advance(int rows) = 0;
  // 0 to 1.
  virtual double done() const = 0;
  // Once, when all are there.
  virtual Image Take() = 0;
};

// All at once.
absl::StatusOr<Image> ResizeLanczos(const Image& image, int width, int height);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MEDIA_LANCZOS_H_
