#include "runtime/engines/onnx/seq2seq/batching.h"

#include <algorithm>

namespace intelligenced {
namespace {

constexpr size_t kMaxRows = 256;
constexpr size_t kMaxSourceTokens = 8192;
// Lengths within one group: the longest is at most half as long again as the shortest, and this.
constexpr size_t kSpare = 8;
// Answers are as long as their sources, or half as long again.
constexpr size_t kAnswerHalves = 3;

// A run of a small group is mostly overhead: it is only believed when it shows less than was known,
// or when the group was as large as it may be.
void Learn(absl::Duration& known, size_t count, absl::Duration time, size_t allowed) {
  if (count == 0 || time <= absl::ZeroDuration()) return;
  const absl::Duration each = time / static_cast<double>(count);
  if (known == absl::ZeroDuration() || each < known || 2 * count >= allowed) {
    known = known == absl::ZeroDuration() ? each : (known * 3 + each) / 4;
  }
}

size_t Allowed(absl::Duration each, absl::Duration unit, size_t least, size_t otherwise,
               size_t most) {
  if (each <= absl::ZeroDuration()) return otherwise;
  const double count = absl::FDivDuration(unit, each);
  return std::clamp(static_cast<size_t>(std::min(count, 1e6)), least, most);
}

}  // namespace

size_t NextGroup(absl::Span<const size_t> lengths, const GroupShape& shape,
                 const GroupLimits& limits) {
  const size_t longest = lengths.front() + lengths.front() / 2 + kSpare;
  size_t count = 1;
  while (count < lengths.size()) {
    const size_t length = lengths[count];
    const size_t segments = count + 1;
    const uint64_t cache = shape.cache_bytes_per_token * segments * shape.beams *
                           (length + length * kAnswerHalves / 2);
    if (length > longest || segments * shape.beams > limits.rows ||
        segments * length > limits.source_tokens || cache > limits.cache_bytes) {
      break;
    }
    count = segments;
  }
  return count;
}

void Pace::SawEncoder(size_t tokens, absl::Duration time) {
  Learn(per_token_, tokens, time, Limits(absl::Milliseconds(50)).source_tokens);
}

void Pace::SawDecoder(size_t rows, absl::Duration time) {
  Learn(per_row_, rows, time, Limits(absl::Milliseconds(50)).rows);
}

GroupLimits Pace::Limits(absl::Duration unit) const {
  GroupLimits limits;
  limits.rows = Allowed(per_row_, unit, 1, limits.rows, kMaxRows);
  limits.source_tokens = Allowed(per_token_, unit, 16, limits.source_tokens, kMaxSourceTokens);
  return limits;
}

}  // namespace intelligenced
