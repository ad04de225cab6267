#include "runtime/engines/onnx/diffusion/noise.h"

#include <cmath>
#include <cstddef>
#include <numbers>

namespace intelligenced {

std::array<uint32_t, 4> Philox(uint64_t seed, const std::array<uint32_t, 4>& counter) {
  constexpr int kRounds = 10;
  std::array<uint32_t, 4> words = counter;
  auto low_key = static_cast<uint32_t>(seed);
  auto high_key = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t first = uint64_t{0xD2511F53} * words[0];
    const uint64_t second = uint64_t{0xCD9E8D57} * words[2];
    words = {
        static_cast<uint32_t>(second >> 32) ^ words[1] ^ low_key, static_cast<uint32_t>(second),
        static_cast<uint32_t>(first >> 32) ^ words[3] ^ high_key, static_cast<uint32_t>(first)};
    low_key += 0x9E3779B9;
    high_key += 0xBB67AE85;
  }
  return words;
}

void DrawNoise(uint64_t seed, uint32_t stream, absl::Span<float> values) {
  constexpr double kWords = 4294967296.0;
  for (size_t i = 0; i < values.size(); i += 4) {
    const uint64_t block = i / 4;
    const std::array<uint32_t, 4> words =
        Philox(seed, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), stream, 0});
    for (size_t pair = 0; pair < 4; pair += 2) {
      const double radius = std::sqrt(-2 * std::log((words[pair] + 1.0) / kWords));
      const double angle = 2 * std::numbers::pi * words[pair + 1] / kWords;
      if (i + pair < values.size()) {
        values[i + pair] = static_cast<float>(radius * std::cos(angle));
      }
      if (i + pair + 1 < values.size()) {
        values[i + pair + 1] = static_cast<float>(radius * std::sin(angle));
      }
    }
  }
}

}  // namespace intelligenced
