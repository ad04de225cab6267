#include "runtime/engines/llama/workbench/quantizer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// Elements of one piece: 8 MiB as F32, about 20 ms on one core.
constexpr int64_t kPieceElements = int64_t{2} << 20;

struct Layout {
  std::string_view name;
  ggml_type type;
  // llama_ftype: what a file says of itself.
  uint32_t file_type;
};
constexpr Layout kLayouts[] = {{"F16", GGML_TYPE_F16, 1},
                               {"Q8_0", GGML_TYPE_Q8_0, 7},
                               {"Q4_K_M", GGML_TYPE_Q4_K, 15},
                               {"Q4_0", GGML_TYPE_Q4_0, 2}};

const Layout* FindLayout(std::string_view name) {
  for (const Layout& layout : kLayouts) {
    if (layout.name == name) return &layout;
  }
  return nullptr;
}

double BitsOf(ggml_type type) {
  return 8.0 * static_cast<double>(ggml_type_size(type)) /
         static_cast<double>(ggml_blck_size(type));
}

// "blk.12.attn_v.weight": 12; -1 without a layer.
int LayerOf(std::string_view name) {
  int layer = -1;
  if (!absl::ConsumePrefix(&name, "blk.")) return -1;
  return absl::SimpleAtoi(name.substr(0, name.find('.')), &layer) ? layer : -1;
}

// Small tables that are looked up, added or convolved instead of multiplied, and routers, which
// decide and must not be coarse.
bool StaysAsItIs(std::string_view name) {
  for (const std::string_view part :
       {"_norm", "ffn_gate_inp", "position_embd", "token_types", "attn_rel_b", "ssm_conv1d",
        "shortconv.conv", "time_mix_", "altup", "laurel", "per_layer_model_proj"}) {
    if (absl::StrContains(name, part)) return true;
  }
  return false;
}

// Which layers get finer weights where a layout has a finer and a coarser type: the first and last
// eighths and every third between, because errors there cost most.
bool IsSensitive(int layer, int layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

}  // namespace

ggml_type ChooseTensorType(std::string_view layout, std::string_view name, ggml_type from,
                           int64_t row_elements, int64_t rows, int layer, int layers,
                           bool has_output) {
  const Layout* wanted = FindLayout(layout);
  // Vectors are small and matter.
  if (wanted == nullptr || rows <= 1 || !absl::EndsWith(name, "weight") || StaysAsItIs(name)) {
    return from;
  }
  ggml_type type = wanted->type;
  // The last matrix decides between words; without one the embeddings take its place.
  const bool last = name == "output.weight" || (name == "token_embd.weight" && !has_output);
  if (type == GGML_TYPE_Q4_0 && last) type = GGML_TYPE_Q8_0;
  if (type == GGML_TYPE_Q4_K &&
      (last || ((absl::StrContains(name, "attn_v.") || absl::StrContains(name, "ffn_down")) &&
                IsSensitive(layer, layers)))) {
    type = GGML_TYPE_Q6_K;
  }
  // Rows that are no multiple of a block: the next simpler type that fits.
  for (const ggml_type simpler : {type, GGML_TYPE_Q8_0, GGML_TYPE_F16}) {
    if (row_elements % ggml_blck_size(simpler) == 0) {
      type = simpler;
      break;
    }
  }
  // Finer than the source would only be larger.
  return BitsOf(type) > BitsOf(from) && type != GGML_TYPE_Q8_0 ? from : type;
}

absl::StatusOr<std::unique_ptr<Quantizer>> Quantizer::Open(const std::string& path,
                                                           const std::string& layout, int threads) {
  if (FindLayout(layout) == nullptr) {
    return FieldError("layout", absl::StrCat("There is no layout ", layout,
                                             "; there are F16, Q8_0, Q4_K_M and Q4_0."));
  }
  std::unique_ptr<Quantizer> quantizer(new Quantizer());
  quantizer->threads_ = std::max(1, threads);
  quantizer->source_.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!quantizer->source_.valid()) {
    return MakeError(Reason::kModelCorrupt, absl::StrCat("The file ", path, " cannot be read."));
  }
  if (absl::Status status = quantizer->Plan(path, layout); !status.ok()) return status;
  return quantizer;
}

Quantizer::~Quantizer() = default;

absl::Status Quantizer::Plan(const std::string& path, const std::string& layout) {
  ggml_context* made = nullptr;
  const std::unique_ptr<gguf_context, decltype(&gguf_free)> from(
      gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = &made}), &gguf_free);
  const std::unique_ptr<ggml_context, decltype(&ggml_free)> context(made, &ggml_free);
  if (from == nullptr) {
    return MakeError(Reason::kModelCorrupt, absl::StrCat("The file ", path, " cannot be read."));
  }
  const std::unique_ptr<gguf_context, decltype(&gguf_free)> to(gguf_init_empty(), &gguf_free);
  gguf_set_kv(to.get(), from.get());
  // The new file has the usual alignment: gguf_get_meta_data() lays tensors out by no other.
  gguf_remove_key(to.get(), "general.alignment");
  gguf_set_val_u32(to.get(), "general.file_type", FindLayout(layout)->file_type);
  gguf_set_val_u32(to.get(), "general.quantization_version", GGML_QNT_VERSION);
  alignment_ = gguf_get_alignment(to.get());

  const int64_t count = gguf_get_n_tensors(from.get());
  int layers = 0;
  for (int64_t index = 0; index < count; ++index) {
    layers = std::max(layers, LayerOf(gguf_get_tensor_name(from.get(), index)) + 1);
  }
  const bool has_output = gguf_find_tensor(from.get(), "output.weight") >= 0;
  for (int64_t index = 0; index < count; ++index) {
    TensorPlan plan;
    plan.name = gguf_get_tensor_name(from.get(), index);
    ggml_tensor* tensor = ggml_get_tensor(context.get(), plan.name.c_str());
    plan.from = tensor->type;
    plan.row_elements = tensor->ne[0];
    plan.rows = ggml_nrows(tensor);
    plan.offset = gguf_get_data_offset(from.get()) + gguf_get_tensor_offset(from.get(), index);
    plan.to = ChooseTensorType(layout, plan.name, plan.from, plan.row_elements, plan.rows,
                               LayerOf(plan.name), layers, has_output);
    if (plan.to != plan.from && plan.from != GGML_TYPE_F32 &&
        ggml_get_type_traits(plan.from)->to_float == nullptr) {
      return FieldError("layout",
                        absl::StrCat("The tensor ", plan.name, " has the type ",
                                     ggml_type_name(plan.from), ", which cannot be converted."));
    }
    gguf_add_tensor(to.get(), tensor);
    gguf_set_tensor_type(to.get(), plan.name.c_str(), plan.to);
    const uint64_t bytes = ggml_row_size(plan.to, plan.row_elements) * plan.rows;
    size_bytes_ += (bytes + alignment_ - 1) / alignment_ * alignment_;
    tensors_.push_back(std::move(plan));
  }
  header_.resize(gguf_get_meta_size(to.get()));
  gguf_get_meta_data(to.get(), header_.data());
  size_bytes_ += header_.size();
  return absl::OkStatus();
}

absl::StatusOr<bool> Quantizer::Next(std::string& out) {
  const size_t before = out.size();
  if (!header_done_) {
    out += header_;
    header_done_ = true;
  } else if (tensor_ < tensors_.size()) {
    const TensorPlan& tensor = tensors_[tensor_];
    const int64_t rows = std::clamp<int64_t>(
        kPieceElements / std::max<int64_t>(1, tensor.row_elements), 1, tensor.rows - row_);
    if (absl::Status status = Convert(tensor, rows, out); !status.ok()) return status;
    row_ += rows;
    if (row_ == tensor.rows) {
      // Every tensor begins on a border.
      const size_t size = ggml_row_size(tensor.to, tensor.row_elements) * tensor.rows;
      out.append((alignment_ - size % alignment_) % alignment_, '\0');
      ++tensor_;
      row_ = 0;
    }
  }
  written_bytes_ += out.size() - before;
  return tensor_ < tensors_.size();
}

absl::Status Quantizer::Convert(const TensorPlan& tensor, int64_t rows, std::string& out) {
  const size_t from_row = ggml_row_size(tensor.from, tensor.row_elements);
  const size_t to_row = ggml_row_size(tensor.to, tensor.row_elements);
  std::string source(from_row * rows, '\0');
  size_t have = 0;
  while (have < source.size()) {
    const ssize_t got = pread(source_.get(), source.data() + have, source.size() - have,
                              static_cast<off_t>(tensor.offset + row_ * from_row + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return MakeError(Reason::kEngineFailure,
                       absl::StrCat("The weights of ", tensor.name, " cannot be read."));
    }
    have += static_cast<size_t>(got);
  }
  if (tensor.from == tensor.to) {
    out += source;
    return absl::OkStatus();
  }
  const size_t start = out.size();
  out.resize(start + to_row * rows);
  std::atomic<bool> bad = false;
  const auto convert = [&](int64_t first, int64_t count) {
    std::vector<float> values(tensor.row_elements * count);
    const char* bytes = source.data() + from_row * first;
    if (tensor.from == GGML_TYPE_F32) {
      std::copy_n(reinterpret_cast<const float*>(bytes), values.size(), values.data());
    } else {
      ggml_get_type_traits(tensor.from)
          ->to_float(bytes, values.data(), static_cast<int64_t>(values.size()));
    }
    char* target = out.data() + start + to_row * first;
    ggml_quantize_chunk(tensor.to, values.data(), target, 0, count, tensor.row_elements, nullptr);
    if (!ggml_validate_row_data(tensor.to, target, to_row * count)) bad = true;
  };
  std::vector<std::thread> threads;
  const int64_t share = (rows + threads_ - 1) / threads_;
  // Tables are built on first use, which several threads must not do at once.
  ggml_quantize_init(tensor.to);
  for (int64_t first = share; first < rows; first += share) {
    threads.emplace_back(convert, first, std::min(share, rows - first));
  }
  convert(0, std::min(share, rows));
  for (std::thread& thread : threads) thread.join();
  if (bad) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("The weights of ", tensor.name,
                                  " hold numbers that cannot be converted (not finite)."));
  }
  return absl::OkStatus();
}

}  // namespace intelligenced
