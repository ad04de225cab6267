#include "runtime/engines/llama/token_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using intelligence::engine::v1::Sampling;

constexpr float kMaxTemperature = 100;
constexpr uint32_t kMaxTopK = 1 << 24;
// Asked first when the grammar refuses the model's choice.
constexpr size_t kFewCandidates = 64;

template <typename Set>
void ReadDefault(const llama_model* model, llama_model_meta_key key, const Set& set) {
  const char* name = llama_model_meta_key_str(key);
  if (name == nullptr) return;
  char text[64];
  const int32_t length = llama_model_meta_val_str(model, name, text, sizeof(text));
  float value = 0;
  if (length > 0 && length < static_cast<int32_t>(sizeof(text)) &&
      absl::SimpleAtof(std::string_view(text, length), &value)) {
    set(value);
  }
}

bool ValidTemperature(float value) { return value >= 0 && value <= kMaxTemperature; }
bool ValidTopP(float value) { return value > 0 && value <= 1; }
bool ValidMinP(float value) { return value >= 0 && value < 1; }

}  // namespace

SamplingOptions SamplingDefaults(const llama_model* model) {
  SamplingOptions options;
  ReadDefault(model, LLAMA_MODEL_META_KEY_SAMPLING_TEMP, [&](float value) {
    if (ValidTemperature(value)) options.temperature = value;
  });
  ReadDefault(model, LLAMA_MODEL_META_KEY_SAMPLING_TOP_P, [&](float value) {
    if (ValidTopP(value)) options.top_p = value;
  });
  ReadDefault(model, LLAMA_MODEL_META_KEY_SAMPLING_TOP_K, [&](float value) {
    if (value >= 0 && value <= kMaxTopK) options.top_k = static_cast<uint32_t>(value);
  });
  ReadDefault(model, LLAMA_MODEL_META_KEY_SAMPLING_MIN_P, [&](float value) {
    if (ValidMinP(value)) options.min_p = value;
  });
  return options;
}

absl::Status CheckSampling(const Sampling& sampling) {
  // Written so that NaN fails too.
  if (sampling.has_temperature() && !ValidTemperature(sampling.temperature())) {
    return FieldError("sampling.temperature", "The temperature must be from 0 to 100.");
  }
  if (sampling.has_top_p() && !ValidTopP(sampling.top_p())) {
    return FieldError("sampling.top_p", "top_p must be above 0 and at most 1.");
  }
  if (sampling.has_min_p() && !ValidMinP(sampling.min_p())) {
    return FieldError("sampling.min_p", "min_p must be at least 0 and below 1.");
  }
  if (sampling.has_top_k() && sampling.top_k() > kMaxTopK) {
    return FieldError("sampling.top_k", "top_k must be at most 16777216.");
  }
  return absl::OkStatus();
}

float LogProbability(absl::Span<const float> scores, llama_token token) {
  constexpr float kImpossible = -std::numeric_limits<float>::infinity();
  if (token < 0 || static_cast<size_t>(token) >= scores.size()) return kImpossible;
  if (!std::isfinite(scores[static_cast<size_t>(token)])) return kImpossible;
  const float most = *std::max_element(scores.begin(), scores.end());
  if (!std::isfinite(most)) return kImpossible;
  double sum = 0;
  for (const float score : scores) {
    if (std::isfinite(score)) sum += std::exp(score - most);
  }
  const float above = scores[static_cast<size_t>(token)] - most;
  return std::min(0.0f, above - static_cast<float>(std::log(sum)));
}

TokenSampler::TokenSampler(const llama_vocab* vocab, const SamplingOptions& defaults,
                           const Sampling& sampling, std::unique_ptr<TokenConstraint> constraint)
    : vocab_(vocab), constraint_(std::move(constraint)) {
  const float temperature =
      sampling.has_temperature() ? sampling.temperature() : defaults.temperature;
  if (temperature == 0) return;
  const float top_p = sampling.has_top_p() ? sampling.top_p() : defaults.top_p;
  const float min_p = sampling.has_min_p() ? sampling.min_p() : defaults.min_p;
  const uint32_t top_k = sampling.has_top_k() ? sampling.top_k() : defaults.top_k;
  uint32_t seed = sampling.has_seed() ? sampling.seed() : std::random_device()();
  // The library takes this one for "draw one".
  if (seed == LLAMA_DEFAULT_SEED) seed = LLAMA_DEFAULT_SEED - 1;

  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  chain_.reset(llama_sampler_chain_init(params));
  const auto add = [&](llama_sampler* sampler) { llama_sampler_chain_add(chain_.get(), sampler); };
  needed_ = top_k;
  if (top_k > 0) add(llama_sampler_init_top_k(static_cast<int32_t>(top_k)));
  if (top_p < 1) add(llama_sampler_init_top_p(top_p, 1));
  if (min_p > 0) add(llama_sampler_init_min_p(min_p, 1));
  add(llama_sampler_init_temp(temperature));
  add(llama_sampler_init_dist(seed));
}

absl::StatusOr<llama_token> TokenSampler::Choose(absl::Span<float> scores) {
  int32_t suppressed = 0;
  const llama_token* suppress = llama_vocab_get_suppress_tokens(vocab_, &suppressed);
  for (int32_t index = 0; index < suppressed; ++index) {
    if (suppress[index] >= 0 && static_cast<size_t>(suppress[index]) < scores.size()) {
      scores[suppress[index]] = -std::numeric_limits<float>::infinity();
    }
  }
  size_t best = 0;
  for (size_t token = 0; token < scores.size(); ++token) {
    if (std::isnan(scores[token])) {
      return MakeError(Reason::kEngineFailure,
                       "The model's scores are not numbers; its weights are damaged.");
    }
    if (scores[token] > scores[best]) best = token;
  }
  if (!std::isfinite(scores[best])) {
    return MakeError(Reason::kEngineFailure,
                     "The model's scores are not finite; its weights are damaged.");
  }
  auto token = static_cast<llama_token>(best);
  if (chain_ != nullptr) {
    TakeCandidates(scores);
    token = Draw();
  }
  // Usually the grammar agrees with the model; then it is asked about one token only.
  if (constraint_ != nullptr && token != LLAMA_TOKEN_NULL && !constraint_->Allows(token)) {
    TakeAllowed(scores);
    if (candidates_.empty()) {
      return MakeError(Reason::kEngineFailure,
                       "The model's vocabulary has no token that the grammar allows here.");
    }
    token = Draw();
  }
  if (token == LLAMA_TOKEN_NULL) {
    return MakeError(Reason::kEngineFailure, "No token could be chosen from the model's scores.");
  }
  if (chain_ != nullptr) llama_sampler_accept(chain_.get(), token);
  if (constraint_ != nullptr && !llama_vocab_is_eog(vocab_, token)) constraint_->Accept(token);
  return token;
}

llama_token TokenSampler::Draw() {
  if (chain_ == nullptr) {
    const auto best = std::max_element(
        candidates_.begin(), candidates_.end(), [](const auto& one, const auto& other) {
          return one.logit != other.logit ? one.logit < other.logit : one.id > other.id;
        });
    return best->id;
  }
  llama_token_data_array array = {candidates_.data(), candidates_.size(), -1, false};
  llama_sampler_apply(chain_.get(), &array);
  if (array.selected < 0 || static_cast<size_t>(array.selected) >= array.size) {
    return LLAMA_TOKEN_NULL;
  }
  return array.data[array.selected].id;
}

void TokenSampler::TakeCandidates(absl::Span<const float> scores) {
  candidates_.resize(scores.size());
  for (size_t token = 0; token < scores.size(); ++token) {
    candidates_[token] = {static_cast<llama_token>(token), scores[token], 0};
  }
}

void TokenSampler::TakeAllowed(absl::Span<const float> scores) {
  TakeCandidates(scores);
  const size_t few = std::min(std::max(kFewCandidates, 2 * needed_), candidates_.size());
  if (needed_ > 0) {
    std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(few),
                      candidates_.end(), [](const auto& one, const auto& other) {
                        return one.logit != other.logit ? one.logit > other.logit
                                                        : one.id < other.id;
                      });
    candidates_.resize(few);
    constraint_->Filter(candidates_);
    if (candidates_.size() >= needed_ || few == scores.size()) return;
    TakeCandidates(scores);
  }
  constraint_->Filter(candidates_);
}

}  // namespace intelligenced
