// Pictures into files, with where they come from written into the file itself.
#ifndef INTELLIGENCED_RUNTIME_MEDIA_IMAGE_WRITE_H_
#define INTELLIGENCED_RUNTIME_MEDIA_IMAGE_WRITE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/media/image.h"

namespace intelligenced {

// How a picture came to be; values of IPTC's DigitalSourceType.
enum class ImageSource {
  kGenerated,  // "trainedAlgorithmicMedia": by a trained model, of words
  kComposite,  // "compositeWithTrainedAlgorithmicMedia": of another picture, by a trained model
  kEnhanced,   // "algorithmicallyEnhanced": another picture, by an algorithm
};

struct ImageOrigin {
  ImageSource source = ImageSource::kGenerated;
  // Its name; UTF-8. Empty: none.
  std::string model = {};
  std::optional<uint64_t> seed = {};
};

// The XMP packet that says it: DigitalSourceType, CreatorTool, and the model and seed.
std::string OriginXmp(const ImageOrigin& origin);

// A PNG file with the text chunks Software, Source ("generated", …), Model, Seed and the XMP
// packet. The same picture and origin give the same bytes. Errors: as EncodePng.
absl::StatusOr<std::string> WritePng(const Image& image, const ImageOrigin& origin);

// A WebP file without loss, with the XMP packet. Errors: MEMORY_INSUFFICIENT, INPUT_TOO_LARGE
// (beyond 16,383 pixels a side).
absl::StatusOr<std::string> WriteWebp(const Image& image, const ImageOrigin& origin);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MEDIA_IMAGE_WRITE_H_
