// A half-open range of bytes in a text: what every text helper speaks in.
#ifndef INTELLIGENCED_RUNTIME_BASE_BYTE_SPAN_H_
#define INTELLIGENCED_RUNTIME_BASE_BYTE_SPAN_H_

#include <cstddef>
#include <string_view>

namespace intelligenced {

struct ByteSpan {
  size_t start = 0;
  size_t end = 0;

  size_t size() const { return end - start; }
  bool empty() const { return start == end; }
  bool Overlaps(const ByteSpan& other) const { return start < other.end && other.start < end; }
  std::string_view In(std::string_view text) const { return text.substr(start, end - start); }
  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_BYTE_SPAN_H_
