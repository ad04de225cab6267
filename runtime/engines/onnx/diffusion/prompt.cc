#include "runtime/engines/onnx/diffusion/prompt.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"

namespace intelligenced {
namespace {

constexpr float kMostWeight = 10;
constexpr size_t kNone = std::string_view::npos;
// "(((…" of a hostile prompt.
constexpr int kMaxDepth = 16;

bool IsEscaped(std::string_view text, size_t at) {
  return text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '(' || text[at + 1] == ')');
}

// For every "(" the place of its ")"; kNone elsewhere and where there is none.
std::vector<size_t> MatchBrackets(std::string_view text) {
  std::vector<size_t> partner(text.size(), kNone);
  std::vector<size_t> open;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsEscaped(text, i)) {
      ++i;
    } else if (text[i] == '(') {
      open.push_back(i);
    } else if (text[i] == ')' && !open.empty()) {
      partner[open.back()] = i;
      open.pop_back();
    }
  }
  return partner;
}

class WeightParser {
 public:
  explicit WeightParser(std::string_view text) : text_(text), partner_(MatchBrackets(text)) {}

  void Parse(size_t begin, size_t end, float weight, int depth) {
    for (size_t i = begin; i < end; ++i) {
      if (IsEscaped(text_, i)) {
        Add(text_[++i], weight);
        continue;
      }
      float own = 1;
      const size_t close = text_[i] == '(' ? partner_[i] : kNone;
      const size_t colon = close < end && depth < kMaxDepth ? WeightAt(i, close, own) : kNone;
      if (colon == kNone) {
        Add(text_[i], weight);
        continue;
      }
      Parse(i + 1, colon, weight * own, depth + 1);
      i = close;
    }
  }

  std::vector<WeightedText> Take() { return std::move(parts_); }

 private:
  // Where the colon of a weight is, which ends at `close`.
  size_t WeightAt(size_t open, size_t close, float& weight) const {
    size_t colon = close;
    while (colon > open + 1 && text_[colon - 1] != ':') {
      // A number has few letters.
      if (close - colon > 16) return kNone;
      --colon;
    }
    // Nothing before it is nothing to weigh.
    if (colon <= open + 2) return kNone;
    const std::string_view number = text_.substr(colon, close - colon);
    if (!absl::SimpleAtof(number, &weight)) return kNone;
    // Written so that NaN fails.
    if (!(weight >= 0 && weight <= kMostWeight)) return kNone;
    return colon - 1;
  }

  void Add(char letter, float weight) {
    weight = std::min(weight, kMostWeight);
    if (parts_.empty() || parts_.back().weight != weight) parts_.push_back({"", weight});
    parts_.back().text.push_back(letter);
  }

  const std::string_view text_;
  const std::vector<size_t> partner_;
  std::vector<WeightedText> parts_;
};

PromptWindow EmptyWindow(const ClipTokenizer& tokenizer) {
  PromptWindow window;
  window.tokens = {tokenizer.begin()};
  window.weights = {1};
  return window;
}

void Close(const ClipTokenizer& tokenizer, PromptWindow& window) {
  window.tokens.push_back(tokenizer.end());
  window.tokens.resize(tokenizer.window(), tokenizer.padding());
  window.weights.resize(tokenizer.window(), 1);
}

}  // namespace

std::vector<WeightedText> ParseWeights(std::string_view prompt) {
  WeightParser parser(prompt);
  parser.Parse(0, prompt.size(), 1, 0);
  return parser.Take();
}

TokenizedPrompt TokenizePrompt(const ClipTokenizer& tokenizer, std::string_view prompt,
                               size_t most) {
  TokenizedPrompt result;
  result.windows.push_back(EmptyWindow(tokenizer));
  for (const WeightedText& part : ParseWeights(prompt)) {
    for (const int64_t token : tokenizer.Encode(part.text)) {
      ++result.tokens;
      if (result.windows.back().tokens.size() + 1 >= tokenizer.window()) {
        if (result.windows.size() >= most) continue;
        result.windows.push_back(EmptyWindow(tokenizer));
      }
      result.windows.back().tokens.push_back(token);
      result.windows.back().weights.push_back(part.weight);
    }
  }
  for (PromptWindow& window : result.windows) Close(tokenizer, window);
  return result;
}

void PadWindows(const ClipTokenizer& tokenizer, size_t count, TokenizedPrompt& prompt) {
  while (prompt.windows.size() < count) {
    PromptWindow window = EmptyWindow(tokenizer);
    Close(tokenizer, window);
    prompt.windows.push_back(std::move(window));
  }
}

void ApplyWeights(const std::vector<float>& weights, size_t width, float* rows) {
  if (std::all_of(weights.begin(), weights.end(), [](float weight) { return weight == 1; })) return;
  double before = 0, behind = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    for (float* value = rows + i * width; value != rows + (i + 1) * width; ++value) {
      before += *value;
      *value *= weights[i];
      behind += *value;
    }
  }
  // A mean of almost nothing says nothing of the size.
  const double ratio = behind != 0 ? before / behind : 1;
  if (!(std::abs(ratio) < 100 && std::abs(ratio) > 0.01)) return;
  for (float* value = rows; value != rows + weights.size() * width; ++value) {
    *value = static_cast<float>(*value * ratio);
  }
}

}  // namespace intelligenced
