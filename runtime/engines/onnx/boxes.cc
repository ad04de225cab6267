#include "runtime/engines/onnx/boxes.h"

#include <algorithm>
#include <utility>

namespace intelligenced {
namespace {

void SortAndCut(std::vector<Detection>& found, size_t limit) {
  std::stable_sort(found.begin(), found.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  if (found.size() > limit) found.resize(limit);
}

Detection Blend(const std::vector<const Detection*>& heap) {
  Detection sum = *heap.front();
  float weight = sum.score;
  for (float* const side : {&sum.box.left, &sum.box.top, &sum.box.right, &sum.box.bottom}) {
    *side *= sum.score;
  }
  for (PointF& point : sum.points) point = {point.x * sum.score, point.y * sum.score};
  for (size_t i = 1; i < heap.size(); ++i) {
    const Detection& other = *heap[i];
    weight += other.score;
    sum.box.left += other.box.left * other.score;
    sum.box.top += other.box.top * other.score;
    sum.box.right += other.box.right * other.score;
    sum.box.bottom += other.box.bottom * other.score;
    for (size_t p = 0; p < sum.points.size(); ++p) {
      sum.points[p].x += other.points[p].x * other.score;
      sum.points[p].y += other.points[p].y * other.score;
    }
  }
  for (float* const side : {&sum.box.left, &sum.box.top, &sum.box.right, &sum.box.bottom}) {
    *side /= weight;
  }
  for (PointF& point : sum.points) point = {point.x / weight, point.y / weight};
  return sum;
}

}  // namespace

float Overlap(const BoxF& a, const BoxF& b) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (!(width > 0 && height > 0)) return 0;
  const float both = width * height;
  return both / (a.width() * a.height() + b.width() * b.height() - both);
}

std::vector<Detection> SuppressOverlaps(std::vector<Detection> found, float most, size_t limit) {
  SortAndCut(found, limit);
  std::vector<Detection> kept;
  for (Detection& candidate : found) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Detection& better) {
      return Overlap(better.box, candidate.box) > most;
    });
    if (!covered) kept.push_back(std::move(candidate));
  }
  return kept;
}

std::vector<Detection> BlendOverlaps(std::vector<Detection> found, float most, size_t limit) {
  SortAndCut(found, limit);
  std::vector<bool> taken(found.size(), false);
  std::vector<Detection> blended;
  for (size_t i = 0; i < found.size(); ++i) {
    if (taken[i]) continue;
    std::vector<const Detection*> heap = {&found[i]};
    for (size_t j = i + 1; j < found.size(); ++j) {
      if (taken[j] || Overlap(found[i].box, found[j].box) <= most) continue;
      taken[j] = true;
      heap.push_back(&found[j]);
    }
    blended.push_back(Blend(heap));
  }
  return blended;
}

}  // namespace intelligenced
