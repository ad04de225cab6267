// Pictures of the fake engine: files that any reader takes, of one colour.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_IMAGE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_IMAGE_H_

#include "absl/status/statusor.h"
#include "runtime/engines/fake/fake_script.h"

namespace intelligenced {

// What the fake says that it can draw: 64 x 64 in multiples of 8, in 4 steps, the styles
// illustration, sketch and animation, the schedulers ddim and euler, 1 MiB a picture.
engine_proto::ImageGenerationInfo FakeImageInfo(const FakeAnswers& answers);

// GENERATE_IMAGE: an ImageStep for each step, with a preview where one is due, another for the
// decoder, then the pictures. RESTYLE_IMAGE and UPSCALE_IMAGE: one step and one picture. The colour
// follows from the task and the seed; the PNG has the task, without its pictures, as text
// ("parameters") in its metadata. WebP is asked for in vain: it is PNG still. A picture that begins
// with "bad" is IMAGE_UNDECODABLE; a mask of raw pixels with another size than the source's is
// FIELD_INVALID.
absl::StatusOr<FakeScript> MakeFakePictures(const engine_proto::Task& task,
                                            const FakeAnswers& answers);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_IMAGE_H_
