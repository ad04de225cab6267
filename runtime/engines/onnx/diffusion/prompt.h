// What a person asks for as the text encoder takes it: weights, and windows of tokens. Pure and
// thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_PROMPT_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_PROMPT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engines/onnx/diffusion/clip_tokenizer.h"

namespace intelligenced {

// A part of a prompt that counts more (above 1) or less than the others.
struct WeightedText {
  std::string text;
  float weight = 1;
};

// "(word:1.2)" weighs what is before the colon; inside one another they are multiplied. Weights are
// 0 to 10. "\(" and "\)" are brackets that mean nothing; so are brackets without a weight, or with
// one beyond the bounds. Parts without letters are kept: the texts together are the prompt.
std::vector<WeightedText> ParseWeights(std::string_view prompt);

struct PromptWindow {
  // As many as the tokenizer's window(): begin, the text's, end, padding.
  std::vector<int64_t> tokens;
  // One for each; 1 for marks.
  std::vector<float> weights;
};

struct TokenizedPrompt {
  // At least one.
  std::vector<PromptWindow> windows;
  // Of the text, without marks.
  size_t tokens = 0;
};

// Long prompts have several windows. All tokens are counted; no window beyond `most` is made.
TokenizedPrompt TokenizePrompt(const ClipTokenizer& tokenizer, std::string_view prompt,
                               size_t most);

// Puts empty windows behind, so that there are `count`.
void PadWindows(const ClipTokenizer& tokenizer, size_t count, TokenizedPrompt& prompt);

// Applies a window's weights to the text encoder's answer, a row of `width` numbers for each token:
// the rows are multiplied, and then all of them so that their mean stays what it was.
void ApplyWeights(const std::vector<float>& weights, size_t width, float* rows);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_PROMPT_H_
