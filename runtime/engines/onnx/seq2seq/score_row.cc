#include "runtime/engines/onnx/seq2seq/score_row.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace intelligenced {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();
// Scores that are looked at together; loops of this length are what the compiler makes vectors of.
constexpr size_t kLanes = 16;
// So many are added up as floats before they go into a double.
constexpr size_t kBlock = 512;

// Of x from -87 to 0, to some units of the last place; below -87 something that is next to nothing.
// In steps that vectors have.
inline float ExpOfNegative(float x) {
  constexpr float kLog2E = 1.44269504F;
  // ln 2 in two parts, of which the first is exact in a product with a small whole number.
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  // Adding it rounds to a whole number, which then stands in the lowest bits.
  constexpr float kRounder = 12582912.0F;
  x = x < -87.0F ? -87.0F : x;
  const float shifted = x * kLog2E + kRounder;
  const float whole = shifted - kRounder;
  const float rest = (x - whole * kLn2High) - whole * kLn2Low;
  float power = 1.9875691500e-4F;
  power = power * rest + 1.3981999507e-3F;
  power = power * rest + 8.3334519073e-3F;
  power = power * rest + 4.1665795894e-2F;
  power = power * rest + 1.6666665459e-1F;
  power = power * rest + 5.0000001201e-1F;
  power = power * rest * rest + rest + 1.0F;
  const uint32_t exponent = std::bit_cast<uint32_t>(shifted) << 23;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(power) + exponent);
}

inline float LargestOf(const float* scores) {
  std::array<float, kLanes / 4> best = {kNothing, kNothing, kNothing, kNothing};
  for (size_t i = 0; i < kLanes; i += best.size()) {
    for (size_t lane = 0; lane < best.size(); ++lane) {
      const float score = scores[i + lane];
      best[lane] = score > best[lane] ? score : best[lane];
    }
  }
  return std::max(std::max(best[0], best[1]), std::max(best[2], best[3]));
}

}  // namespace

float LargestScore(absl::Span<const float> scores) {
  std::array<float, kLanes> best;
  best.fill(kNothing);
  size_t i = 0;
  for (; i + kLanes <= scores.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float score = scores[i + lane];
      best[lane] = score > best[lane] ? score : best[lane];
    }
  }
  float largest = kNothing;
  for (const float one : best) largest = one > largest ? one : largest;
  for (; i < scores.size(); ++i) largest = scores[i] > largest ? scores[i] : largest;
  return largest;
}

double SumOfLikelihoods(absl::Span<const float> scores, float largest) {
  double sum = 0;
  size_t i = 0;
  while (i + kLanes <= scores.size()) {
    std::array<float, kLanes> part = {};
    const size_t end = std::min(scores.size() - kLanes, i + kBlock - kLanes);
    for (; i <= end; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        part[lane] += ExpOfNegative(scores[i + lane] - largest);
      }
    }
    for (const float one : part) sum += static_cast<double>(one);
  }
  for (; i < scores.size(); ++i) sum += static_cast<double>(ExpOfNegative(scores[i] - largest));
  return sum;
}

std::vector<std::pair<float, int64_t>> HighestScores(absl::Span<const float> scores, size_t count,
                                                     absl::Span<const int64_t> banned) {
  // A heap with the lowest of them in front.
  std::vector<std::pair<float, int64_t>> best;
  if (count == 0) return best;
  const auto lower = [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  };
  const auto look = [&](size_t place) {
    const float score = scores[place];
    if (!(score > kNothing) || (best.size() == count && !(score > best.front().first))) return;
    const auto token = static_cast<int64_t>(place);
    if (std::find(banned.begin(), banned.end(), token) != banned.end()) return;
    if (best.size() == count) {
      std::pop_heap(best.begin(), best.end(), lower);
      best.pop_back();
    }
    best.emplace_back(score, token);
    std::push_heap(best.begin(), best.end(), lower);
  };
  size_t i = 0;
  for (; i + kLanes <= scores.size(); i += kLanes) {
    // Most of a vocabulary is far below the best few.
    if (best.size() == count && !(LargestOf(scores.data() + i) > best.front().first)) continue;
    for (size_t lane = 0; lane < kLanes; ++lane) look(i + lane);
  }
  for (; i < scores.size(); ++i) look(i);
  std::sort(best.begin(), best.end(), lower);
  return best;
}

}  // namespace intelligenced
