#include "runtime/engines/onnx/seq2seq/row_moves.h"

namespace intelligenced {

std::vector<RowMove> PlanRowMoves(absl::Span<const size_t> order) {
  const size_t rows = order.size();
  // How many copies are still to be made of each row.
  std::vector<size_t> wanted(rows, 0);
  std::vector<size_t> free;
  for (size_t i = 0; i < rows; ++i) {
    if (order[i] != i) ++wanted[order[i]];
  }
  for (size_t i = 0; i < rows; ++i) {
    if (order[i] != i && wanted[i] == 0) free.push_back(i);
  }
  std::vector<RowMove> moves;
  std::vector<bool> moved(rows, false);
  // Rows that nobody wants any more are written over, which may make others free.
  const auto settle = [&] {
    while (!free.empty()) {
      const size_t to = free.back();
      free.pop_back();
      const size_t from = order[to];
      moves.push_back({.from = from, .to = to});
      moved[to] = true;
      if (--wanted[from] == 0 && order[from] != from && !moved[from]) free.push_back(from);
    }
  };
  settle();
  // What is left are rings, each row wanted once: one of each is put aside.
  for (size_t start = 0; start < rows; ++start) {
    if (order[start] == start || moved[start]) continue;
    moves.push_back({.from = start, .to = RowMove::kSpare});
    size_t to = start;
    for (; order[to] != start; to = order[to]) {
      moves.push_back({.from = order[to], .to = to});
      moved[to] = true;
    }
    moves.push_back({.from = RowMove::kSpare, .to = to});
    moved[to] = true;
  }
  return moves;
}

}  // namespace intelligenced
