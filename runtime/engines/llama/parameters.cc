#include "runtime/engines/llama/parameters.h"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr int kDefaultContext = 8192;
constexpr uint64_t kDefaultPoolBytes = uint64_t{256} << 20;
constexpr int kMaxPoolTokens = 1 << 22;
constexpr int kMinContext = 16;
constexpr int kMaxBatch = 64;
constexpr int kMaxThreads = 512;
constexpr uint64_t kSmallModelBytes = uint64_t{8} << 20;

absl::Status ParameterError(std::string_view name, std::string_view message) {
  return FieldError(absl::StrCat("parameters.", name),
                    absl::StrCat("The model parameter ", name, " ", message, "."));
}

absl::StatusOr<int> Number(std::string_view name, std::string_view text, int low, int high) {
  int value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < low || value > high) {
    return ParameterError(name, absl::StrCat("must be a whole number from ", low, " to ", high));
  }
  return value;
}

absl::StatusOr<bool> Truth(std::string_view name, std::string_view text) {
  bool value = false;
  if (!absl::SimpleAtob(text, &value)) return ParameterError(name, "must be true or false");
  return value;
}

template <typename Target, typename Value>
absl::Status Assign(Target& target, const absl::StatusOr<Value>& value) {
  if (value.ok()) target = *value;
  return value.status();
}

absl::Status SetParameter(LlamaParameters& parameters, const std::string& name,
                          const std::string& text) {
  if (name == "context_tokens") {
    return Assign(parameters.context_tokens, Number(name, text, kMinContext, kMaxPoolTokens));
  }
  if (name == "pool_tokens") {
    return Assign(parameters.pool_tokens, Number(name, text, kMinContext, kMaxPoolTokens));
  }
  if (name == "cache_tokens") {
    return Assign(parameters.cache_tokens, Number(name, text, 0, kMaxPoolTokens));
  }
  if (name == "max_batch") return Assign(parameters.max_batch, Number(name, text, 1, kMaxBatch));
  if (name == "gpu_layers") return Assign(parameters.gpu_layers, Number(name, text, 0, 1 << 16));
  if (name == "reproducible") return Assign(parameters.reproducible, Truth(name, text));
  if (name == "blas") return Assign(parameters.blas, Truth(name, text));
  if (name == "pooling") {
    if (text != "mean" && text != "cls" && text != "last") {
      return ParameterError(name, "must be mean, cls or last");
    }
    parameters.pooling = text;
    return absl::OkStatus();
  }
  for (const auto& [prefix, target] :
       {std::pair("query_prefix", &parameters.query_prefix),
        std::pair("document_prefix", &parameters.document_prefix),
        std::pair("similarity_prefix", &parameters.similarity_prefix)}) {
    if (name != prefix) continue;
    *target = text;
    return absl::OkStatus();
  }
  if (name == "chat_template") {
    parameters.chat_template = text;
    return absl::OkStatus();
  }
  return ParameterError(name, "is not known to the llama engine");
}

}  // namespace

absl::StatusOr<LlamaParameters> ParseLlamaParameters(
    const intelligence::engine::v1::ModelSpec& spec) {
  LlamaParameters parameters;
  for (const auto& [name, text] : spec.parameters()) {
    if (absl::StartsWith(name, "x-")) continue;
    if (absl::Status status = SetParameter(parameters, name, text); !status.ok()) return status;
  }
  parameters.threads = static_cast<int>(std::min<uint32_t>(spec.threads(), kMaxThreads));
  return parameters;
}

absl::StatusOr<PoolSize> ChoosePoolSize(const LlamaParameters& parameters,
                                        const ModelShape& shape) {
  PoolSize size;
  // A file that does not say how long a context it was trained for gets the default.
  const int trained = shape.trained_context > 0 ? shape.trained_context : kDefaultContext;
  if (parameters.context_tokens.value_or(0) > trained) {
    return ParameterError("context_tokens",
                          absl::StrCat("is ", *parameters.context_tokens,
                                       ", but the model was trained for ", trained, " tokens"));
  }
  size.context_tokens = parameters.context_tokens.value_or(std::min(trained, kDefaultContext));
  if (parameters.pool_tokens) {
    if (*parameters.pool_tokens < size.context_tokens) {
      return ParameterError("pool_tokens", absl::StrCat("must be at least the context length (",
                                                        size.context_tokens, " tokens)"));
    }
    size.pool_tokens = *parameters.pool_tokens;
    size.cache_tokens = parameters.cache_tokens.value_or(size.pool_tokens / 4);
    return size;
  }
  const int64_t affordable = kDefaultPoolBytes / std::max<uint64_t>(shape.cell_bytes, 1);
  const int64_t wanted = int64_t{size.context_tokens} * parameters.max_batch;
  size.pool_tokens =
      static_cast<int>(std::clamp<int64_t>(std::min(wanted, affordable), size.context_tokens,
                                           std::max(kMaxPoolTokens, size.context_tokens)));
  size.cache_tokens = parameters.cache_tokens.value_or(size.pool_tokens / 4);
  return size;
}

int ChooseThreads(const LlamaParameters& parameters, const ModelShape& shape, int physical_cores) {
  if (parameters.threads > 0) return parameters.threads;
  if (shape.weight_bytes < kSmallModelBytes) return 1;
  return std::max(1, physical_cores);
}

int CountPhysicalCores() {
  const int logical = std::max(1u, std::thread::hardware_concurrency());
  // Two hardware threads of one core share its arithmetic units.
  std::ifstream file("/sys/devices/system/cpu/smt/active");
  int active = 0;
  if (file >> active && active == 1) return std::max(1, logical / 2);
  return logical;
}

}  // namespace intelligenced
