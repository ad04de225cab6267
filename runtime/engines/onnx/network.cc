#include "runtime/engines/onnx/network.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace intelligenced {

std::string ShapeText(const Shape& shape) {
  return absl::StrJoin(shape, "×", [](std::string* out, int64_t extent) {
    if (extent < 0) {
      out->append("?");
    } else {
      absl::StrAppend(out, extent);
    }
  });
}

bool ShapeFits(const Shape& shape, const Shape& expected) {
  if (shape.size() != expected.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0 && expected[i] >= 0 && shape[i] != expected[i]) return false;
  }
  return true;
}

int64_t CountElements(const Shape& shape) {
  constexpr int64_t kMost = int64_t{1} << 40;
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0) return -1;
    if (extent == 0) return 0;
    if (count > kMost / extent) return -1;
    count *= extent;
  }
  return count;
}

}  // namespace intelligenced
