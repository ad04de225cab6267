// What a model's config.json and generation_config.json say of its shape and of how it is searched.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_GENERATION_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_GENERATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligenced {

enum class EarlyStopping {
  // When no running text can become better than the worst that has ended, at its length now.
  kHeuristic,
  // As soon as as many have ended as there are beams.
  kAtOnce,
  // As kHeuristic, at whatever length.
  kNever,
};

struct SearchSettings {
  int64_t start = 0;
  int64_t end = 0;
  int64_t padding = 0;
  // The last token where a text is as long as it may be.
  std::optional<int64_t> forced_end = {};
  // Never chosen.
  std::vector<int64_t> banned = {};
  // Scores are logarithms of what is left when the banned are away.
  bool renormalize = false;
  // 1: greedy.
  int beams = 1;
  double length_penalty = 1;
  EarlyStopping early = EarlyStopping::kHeuristic;
  // Tokens of an answer with the start.
  int max_length = 512;
};

struct Seq2SeqConfig {
  // "marian", "m2m_100".
  std::string model_type;
  int64_t vocabulary = 0;
  // Of an input with its ends. 0: not said.
  int max_positions = 0;
  // Of the decoder's attention; 0: not said.
  int64_t heads = 0;
  int64_t head_width = 0;
  SearchSettings search;
};

inline constexpr int kMaxBeams = 8;

// `generation` may be empty; what it says goes before what `config` says. MODEL_CORRUPT for what is
// no JSON or has values out of range; MODEL_LOAD_FAILED for a model of another kind.
absl::StatusOr<Seq2SeqConfig> ParseSeq2SeqConfig(std::string_view config,
                                                 std::string_view generation);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_GENERATION_H_
