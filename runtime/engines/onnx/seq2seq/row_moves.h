// How rows of a table come into another order in place. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_ROW_MOVES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_ROW_MOVES_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"

namespace intelligenced {

// One row is copied over another.
struct RowMove {
  // Stands for a row outside the table.
  static constexpr size_t kSpare = static_cast<size_t>(-1);
  size_t from = 0;
  size_t to = 0;
  friend bool operator==(const RowMove&, const RowMove&) = default;
};

// The copies after which each row i of a table of order.size() rows holds what row order[i] held:
// one for each row that changes, and one into the spare row for each ring of rows that change
// places. The entries of `order` are below its size.
std::vector<RowMove> PlanRowMoves(absl::Span<const size_t> order);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_ROW_MOVES_H_
