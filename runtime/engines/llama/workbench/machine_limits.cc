#include "runtime/engines/llama/workbench/machine_limits.h"

#include <algorithm>
#include <cmath>
#include <thread>

namespace intelligenced {
namespace {

// A matrix that stays in the second-level cache, and as many columns as a prompt's batch has.
constexpr int64_t kRows = 512;
constexpr int64_t kDepth = 1024;
constexpr int64_t kColumns = 128;

struct Free {
  void operator()(ggml_backend* backend) const { ggml_backend_free(backend); }
  void operator()(ggml_backend_buffer* buffer) const { ggml_backend_buffer_free(buffer); }
  void operator()(ggml_context* context) const { ggml_free(context); }
};

// Layouts that the backend keeps weights in beside the plain one; it tries them in this order.
std::vector<ggml_backend_buffer_type_t> WeightBuffers(ggml_backend_dev_t device) {
  std::vector<ggml_backend_buffer_type_t> types;
  auto* extra =
      reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(ggml_backend_reg_get_proc_address(
          ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts"));
  if (extra != nullptr) {
    for (ggml_backend_buffer_type_t* type = extra(device); type != nullptr && *type != nullptr;
         ++type) {
      types.push_back(*type);
    }
  }
  types.push_back(ggml_backend_dev_buffer_type(device));
  return types;
}

}  // namespace

ReadProbe::ReadProbe(size_t bytes, int threads, const Clock* clock)
    : threads_(std::max(1, threads)), clock_(clock), block_(bytes / sizeof(uint64_t), 1) {}

void ReadProbe::Run() {
  const size_t share = block_.size() / threads_;
  std::vector<uint64_t> sums(threads_);
  const absl::Time begin = clock_->Now();
  std::vector<std::thread> threads;
  const auto add_up = [&](int index) {
    const uint64_t* from = block_.data() + index * share;
    // Several sums at a time: one would wait for itself.
    uint64_t sum[8] = {};
    for (size_t i = 0; i + 8 <= share; i += 8) {
      for (size_t j = 0; j < 8; ++j) sum[j] += from[i + j];
    }
    for (uint64_t part : sum) sums[index] += part;
  };
  for (int index = 1; index < threads_; ++index) threads.emplace_back(add_up, index);
  add_up(0);
  for (std::thread& thread : threads) thread.join();
  const double seconds = absl::ToDoubleSeconds(clock_->Now() - begin);
  // Kept, so that no compiler finds the reading unnecessary.
  for (uint64_t sum : sums) sum_ += sum;
  const double bytes = static_cast<double>(share * threads_ * sizeof(uint64_t));
  if (seconds > 0 && sum_ > 0) best_ = std::max(best_, bytes / seconds);
}

struct MultiplyProbe::Parts {
  std::unique_ptr<ggml_backend, Free> backend;
  std::unique_ptr<ggml_context, Free> weights_context;
  std::unique_ptr<ggml_context, Free> context;
  std::unique_ptr<ggml_backend_buffer, Free> weights_buffer;
  std::unique_ptr<ggml_backend_buffer, Free> buffer;
  ggml_cgraph* graph = nullptr;
};

MultiplyProbe::MultiplyProbe(ggml_type type, int threads, const Clock* clock) : clock_(clock) {
  ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device == nullptr) return;
  for (ggml_backend_buffer_type_t buffer : WeightBuffers(device)) {
    parts_ = std::make_unique<Parts>();
    parts_->backend.reset(ggml_backend_dev_init(device, nullptr));
    if (parts_->backend != nullptr && SetUp(type, threads, buffer)) return;
  }
  parts_.reset();
}

MultiplyProbe::~MultiplyProbe() = default;

bool MultiplyProbe::SetUp(ggml_type type, int threads, ggml_backend_buffer_type_t weights_buffer) {
  ggml_backend_dev_t device = ggml_backend_get_device(parts_->backend.get());
  if (auto* set = reinterpret_cast<ggml_backend_set_n_threads_t>(ggml_backend_reg_get_proc_address(
          ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"))) {
    set(parts_->backend.get(), threads);
  }
  const ggml_init_params params = {.mem_size = 16 * ggml_tensor_overhead() + ggml_graph_overhead(),
                                   .mem_buffer = nullptr,
                                   .no_alloc = true};
  parts_->weights_context.reset(ggml_init(params));
  parts_->context.reset(ggml_init(params));
  ggml_tensor* weights = ggml_new_tensor_2d(parts_->weights_context.get(), type, kDepth, kRows);
  ggml_tensor* columns = ggml_new_tensor_2d(parts_->context.get(), GGML_TYPE_F32, kDepth, kColumns);
  // The backend looks at where the weights lie when it is asked what it can do.
  parts_->weights_buffer.reset(
      ggml_backend_alloc_ctx_tensors_from_buft(parts_->weights_context.get(), weights_buffer));
  if (parts_->weights_buffer == nullptr) return false;
  ggml_tensor* product = ggml_mul_mat(parts_->context.get(), weights, columns);
  if (!ggml_backend_dev_supports_op(device, product)) return false;
  parts_->buffer.reset(
      ggml_backend_alloc_ctx_tensors(parts_->context.get(), parts_->backend.get()));
  if (parts_->buffer == nullptr) return false;

  std::vector<float> values(kDepth * std::max(kRows, kColumns));
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  std::vector<uint8_t> packed(ggml_nbytes(weights));
  if (type == GGML_TYPE_F32) {
    ggml_backend_tensor_set(weights, values.data(), 0, ggml_nbytes(weights));
  } else {
    // Some types want to know which columns matter: all alike.
    const std::vector<float> importance(kDepth, 1);
    ggml_quantize_chunk(type, values.data(), packed.data(), 0, kRows, kDepth, importance.data());
    ggml_backend_tensor_set(weights, packed.data(), 0, packed.size());
  }
  ggml_backend_tensor_set(columns, values.data(), 0, ggml_nbytes(columns));
  parts_->graph = ggml_new_graph(parts_->context.get());
  ggml_build_forward_expand(parts_->graph, product);
  return true;
}

void MultiplyProbe::Run() {
  if (parts_ == nullptr) return;
  const absl::Time begin = clock_->Now();
  if (ggml_backend_graph_compute(parts_->backend.get(), parts_->graph) != GGML_STATUS_SUCCESS) {
    return;
  }
  const double seconds = absl::ToDoubleSeconds(clock_->Now() - begin);
  if (seconds > 0) best_ = std::max(best_, 2.0 * kRows * kDepth * kColumns / seconds);
}

}  // namespace intelligenced
