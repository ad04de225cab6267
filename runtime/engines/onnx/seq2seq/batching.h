// How segments are put together into groups that go through the network at once. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_BATCHING_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_BATCHING_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace intelligenced {

struct GroupLimits {
  // Segments times beams.
  size_t rows = 64;
  // Segments times the longest one's tokens.
  size_t source_tokens = 2048;
  // What is kept of a group's tokens from step to step.
  uint64_t cache_bytes = uint64_t{256} << 20;
};

struct GroupShape {
  size_t beams = 1;
  // What is kept of one token of one row, source or answer.
  uint64_t cache_bytes_per_token = 0;
};

// How many of the segments, whose lengths come sorted with the shortest first, go into the next
// group: at least one, and none that is much longer than the first, which would only be padded.
size_t NextGroup(absl::Span<const size_t> lengths, const GroupShape& shape,
                 const GroupLimits& limits);

// Learns how long runs take, and answers how large a group may be for one to last about as long as
// it should.
class Pace {
 public:
  // `encoder`: tokens with their padding. `decoder`: rows. Runs without a measurable time teach
  // nothing.
  void SawEncoder(size_t tokens, absl::Duration time);
  void SawDecoder(size_t rows, absl::Duration time);

  GroupLimits Limits(absl::Duration unit) const;

 private:
  // What one token or row takes in a group that is large enough for it to matter. Zero: not known.
  absl::Duration per_token_;
  absl::Duration per_row_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_BATCHING_H_
