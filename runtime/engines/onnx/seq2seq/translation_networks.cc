#include "runtime/engines/onnx/seq2seq/translation_networks.h"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/border.h"
#include "runtime/engines/onnx/ort_values.h"
#include "runtime/engines/onnx/seq2seq/row_moves.h"

namespace intelligenced {
namespace {

constexpr char kIds[] = "input_ids";
constexpr char kMask[] = "attention_mask";
constexpr char kSourceMask[] = "encoder_attention_mask";
constexpr char kHidden[] = "encoder_hidden_states";
constexpr char kLastHidden[] = "last_hidden_state";
constexpr char kLogits[] = "logits";
constexpr char kUseCache[] = "use_cache_branch";
constexpr std::string_view kPast = "past_key_values.";
constexpr std::string_view kPresent = "present.";

absl::Status Unfit(std::string_view network, std::string_view what) {
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The ", network, " is not of the published layout: ", what, "."));
}

absl::Status Unexpected(std::string_view what) {
  return MakeError(Reason::kEngineFailure, absl::StrCat("The network's answer has ", what, "."));
}

const engine_proto::TensorSpec* Find(
    const google::protobuf::RepeatedPtrField<engine_proto::TensorSpec>& specs,
    std::string_view name) {
  for (const engine_proto::TensorSpec& spec : specs) {
    if (spec.name() == name) return &spec;
  }
  return nullptr;
}

bool IsFloat(engine_proto::TensorType type) {
  return type == engine_proto::TENSOR_TYPE_FLOAT32 || type == engine_proto::TENSOR_TYPE_FLOAT16;
}

// What goes into one input of a network.
struct Slot {
  enum Kind { kTokens, kSourceMaskSlot, kHiddenSlot, kUseCacheSlot, kCacheSlot } kind = kTokens;
  size_t cache = 0;
};

// One network of the decoder, with the order of what goes in and comes out.
struct Decoder {
  std::shared_ptr<OnnxSession> session;
  std::vector<std::string> input_names;
  std::vector<Slot> slots;
  // The scores, then what is kept anew: places in `kept`.
  std::vector<std::string> output_names;
  std::vector<size_t> kept;
};

// Keys or values of one layer, of the text so far or of the source.
struct Cache {
  std::string name;
  bool of_source = false;
  int64_t heads = 0;
  int64_t width = 0;
  engine_proto::TensorType type = engine_proto::TENSOR_TYPE_FLOAT32;
};

struct Layout {
  std::shared_ptr<OnnxSession> encoder;
  Decoder first;
  Decoder next;
  std::vector<Cache> caches;
  bool keeps_hidden = false;
  int64_t vocabulary = 0;
  int64_t padding = 0;
};

std::vector<const char*> Pointers(const std::vector<std::string>& names) {
  std::vector<const char*> pointers;
  for (const std::string& name : names) pointers.push_back(name.c_str());
  return pointers;
}

size_t ElementBytes(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return 4;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      return 2;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return 8;
    default:
      return 0;
  }
}

// Rows of a value in another order and number. Throws what the library throws.
Ort::Value Gather(const Ort::Value& from, absl::Span<const size_t> rows) {
  const auto info = from.GetTensorTypeAndShapeInfo();
  std::vector<int64_t> shape = info.GetShape();
  size_t row_bytes = ElementBytes(info.GetElementType());
  for (size_t i = 1; i < shape.size(); ++i) row_bytes *= shape[i];
  shape[0] = static_cast<int64_t>(rows.size());
  const Ort::AllocatorWithDefaultOptions allocator;
  Ort::Value to =
      Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), info.GetElementType());
  const auto* const source = static_cast<const char*>(from.GetTensorRawData());
  auto* const target = static_cast<char*>(to.GetTensorMutableRawData());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(target + i * row_bytes, source + rows[i] * row_bytes, row_bytes);
  }
  return to;
}

// Makes the moves among a value's rows; `spare` keeps its memory for the next. Throws what the
// library throws.
void MoveRows(Ort::Value& value, absl::Span<const RowMove> moves, std::string& spare) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const std::vector<int64_t> shape = info.GetShape();
  size_t row_bytes = ElementBytes(info.GetElementType());
  for (size_t i = 1; i < shape.size(); ++i) row_bytes *= shape[i];
  spare.resize(std::max(spare.size(), row_bytes));
  auto* const rows = static_cast<char*>(value.GetTensorMutableRawData());
  const auto at = [&](size_t row) {
    return row == RowMove::kSpare ? spare.data() : rows + row * row_bytes;
  };
  for (const RowMove& move : moves) std::memcpy(at(move.to), at(move.from), row_bytes);
}

bool IsIdentity(absl::Span<const size_t> rows, size_t before) {
  if (rows.size() != before) return false;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] != i) return false;
  }
  return true;
}

class Batch final : public DecodingBatch {
 public:
  Batch(const Layout* layout, Ort::Value mask, Ort::Value hidden, size_t sources)
      : layout_(*layout),
        memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)),
        mask_(std::move(mask)),
        hidden_(std::move(hidden)),
        source_of_row_(sources) {
    std::iota(source_of_row_.begin(), source_of_row_.end(), size_t{0});
  }

  absl::Status Step(absl::Span<const SearchRow> rows, const CancelToken& cancel) override {
    return GuardOnnx(Reason::kEngineFailure, [&] { return Advance(rows, cancel); });
  }

  const float* scores(size_t row) const override {
    const float* const all = halves_.empty() ? scores_.GetTensorData<float>() : halves_.data();
    return all + row * layout_.vocabulary;
  }

 private:
  absl::Status Advance(absl::Span<const SearchRow> rows, const CancelToken& cancel) {
    Reorder(rows);
    tokens_.clear();
    for (const SearchRow& row : rows) tokens_.push_back(row.token);
    const bool first = caches_.empty();
    const Decoder& decoder = first ? layout_.first : layout_.next;
    std::vector<Ort::Value> inputs;
    for (const Slot& slot : decoder.slots) inputs.push_back(ValueOf(slot, first));
    auto outputs = decoder.session->RunValues(Pointers(decoder.input_names), inputs,
                                              Pointers(decoder.output_names), cancel);
    if (!outputs.ok()) return outputs.status();
    if (absl::Status status = TakeScores(std::move(outputs->front())); !status.ok()) return status;
    while (first && caches_.size() < layout_.caches.size()) caches_.emplace_back(nullptr);
    for (size_t i = 0; i < decoder.kept.size(); ++i) {
      Ort::Value& value = (*outputs)[i + 1];
      const std::vector<int64_t> shape = value.GetTensorTypeAndShapeInfo().GetShape();
      if (shape.size() != 4 || shape[0] != static_cast<int64_t>(rows.size())) {
        return Unexpected(
            absl::StrCat("the shape ", ShapeText(shape), " for ", decoder.output_names[i + 1]));
      }
      caches_[decoder.kept[i]] = std::move(value);
    }
    if (first && !layout_.keeps_hidden) hidden_ = Ort::Value(nullptr);
    return absl::OkStatus();
  }

  // Brings what is kept of the text into another order. Where as many rows go on, as they mostly do
  // in a beam search, only those that change are copied.
  void ReorderCaches(absl::Span<const size_t> order) {
    if (IsIdentity(order, source_of_row_.size())) return;
    const bool in_place = order.size() == source_of_row_.size();
    const std::vector<RowMove> moves = in_place ? PlanRowMoves(order) : std::vector<RowMove>();
    for (size_t i = 0; i < caches_.size(); ++i) {
      if (layout_.caches[i].of_source) continue;
      if (in_place) {
        MoveRows(caches_[i], moves, spare_row_);
      } else {
        caches_[i] = Gather(caches_[i], order);
      }
    }
  }

  // Brings what is kept into the order of the rows that go on.
  void Reorder(absl::Span<const SearchRow> rows) {
    std::vector<size_t> order, sources;
    for (const SearchRow& row : rows) {
      order.push_back(row.before);
      sources.push_back(source_of_row_[row.before]);
    }
    ReorderCaches(order);
    // Texts of one source look at the same: their order among themselves changes nothing.
    if (sources == source_of_row_) return;
    for (size_t i = 0; i < caches_.size(); ++i) {
      if (layout_.caches[i].of_source) caches_[i] = Gather(caches_[i], order);
    }
    mask_ = Gather(mask_, order);
    if (hidden_) hidden_ = Gather(hidden_, order);
    source_of_row_ = std::move(sources);
  }

  // Refers to what this object holds.
  Ort::Value ValueOf(const Slot& slot, bool first) {
    switch (slot.kind) {
      case Slot::kTokens: {
        const int64_t shape[] = {static_cast<int64_t>(tokens_.size()), 1};
        return Ort::Value::CreateTensor<int64_t>(memory_, tokens_.data(), tokens_.size(), shape, 2);
      }
      case Slot::kSourceMaskSlot:
        return View(mask_);
      case Slot::kHiddenSlot:
        return View(hidden_);
      case Slot::kUseCacheSlot: {
        use_cache_ = !first;
        const int64_t shape[] = {1};
        return Ort::Value::CreateTensor<bool>(memory_, &use_cache_, 1, shape, 1);
      }
      case Slot::kCacheSlot:
        break;
    }
    if (!first) return View(caches_[slot.cache]);
    // The branch without a past does not look at it.
    const Cache& cache = layout_.caches[slot.cache];
    const int64_t shape[] = {static_cast<int64_t>(tokens_.size()), cache.heads, 0, cache.width};
    const Ort::AllocatorWithDefaultOptions allocator;
    return Ort::Value::CreateTensor(allocator, shape, 4, ToElementType(cache.type));
  }

  Ort::Value View(Ort::Value& value) const {
    const auto info = value.GetTensorTypeAndShapeInfo();
    const std::vector<int64_t> shape = info.GetShape();
    const size_t bytes = info.GetElementCount() * ElementBytes(info.GetElementType());
    return Ort::Value::CreateTensor(memory_, value.GetTensorMutableRawData(), bytes, shape.data(),
                                    shape.size(), info.GetElementType());
  }

  absl::Status TakeScores(Ort::Value value) {
    const auto info = value.GetTensorTypeAndShapeInfo();
    const std::vector<int64_t> shape = info.GetShape();
    const Shape expected = {static_cast<int64_t>(tokens_.size()), 1, layout_.vocabulary};
    if (shape != expected) {
      return Unexpected(absl::StrCat("scores of ", ShapeText(shape), " where ", ShapeText(expected),
                                     " were to come"));
    }
    halves_.clear();
    if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16) {
      const auto* const from = value.GetTensorData<Ort::Float16_t>();
      halves_.resize(info.GetElementCount());
      std::transform(from, from + halves_.size(), halves_.begin(),
                     [](Ort::Float16_t half) { return half.ToFloat(); });
    }
    scores_ = std::move(value);
    return absl::OkStatus();
  }

  const Layout& layout_;
  const Ort::MemoryInfo memory_;
  Ort::Value mask_;
  Ort::Value hidden_;
  // By the places of Layout::caches; none before the first step.
  std::vector<Ort::Value> caches_;
  std::vector<size_t> source_of_row_;
  std::vector<int64_t> tokens_;
  bool use_cache_ = false;
  std::string spare_row_;
  Ort::Value scores_{nullptr};
  // The scores of a network of 16-bit floats.
  std::vector<float> halves_;
};

class Networks final : public TranslationNetworks {
 public:
  explicit Networks(Layout layout) : layout_(std::move(layout)) {}

  absl::StatusOr<std::unique_ptr<DecodingBatch>> Encode(
      const std::vector<std::vector<int64_t>>& sources, const CancelToken& cancel) override {
    return GuardOnnx(Reason::kEngineFailure,
                     [&]() -> absl::StatusOr<std::unique_ptr<DecodingBatch>> {
                       return EncodeAll(sources, cancel);
                     });
  }

  uint64_t cache_bytes_per_token() const override {
    uint64_t bytes = 0;
    for (const Cache& cache : layout_.caches) {
      // Of keys and values, one half is of the source's tokens, the other of the answer's.
      if (!cache.of_source) {
        bytes +=
            cache.heads * cache.width * (cache.type == engine_proto::TENSOR_TYPE_FLOAT16 ? 2 : 4);
      }
    }
    return bytes;
  }

 private:
  absl::StatusOr<std::unique_ptr<DecodingBatch>> EncodeAll(
      const std::vector<std::vector<int64_t>>& sources, const CancelToken& cancel) {
    size_t longest = 0;
    for (const auto& source : sources) longest = std::max(longest, source.size());
    const Ort::AllocatorWithDefaultOptions allocator;
    const int64_t shape[] = {static_cast<int64_t>(sources.size()), static_cast<int64_t>(longest)};
    std::vector<Ort::Value> inputs;
    for (int i = 0; i < 2; ++i) {
      inputs.push_back(Ort::Value::CreateTensor<int64_t>(allocator, shape, 2));
    }
    auto* const ids = inputs[0].GetTensorMutableData<int64_t>();
    auto* const mask = inputs[1].GetTensorMutableData<int64_t>();
    std::fill_n(ids, sources.size() * longest, layout_.padding);
    std::fill_n(mask, sources.size() * longest, 0);
    for (size_t row = 0; row < sources.size(); ++row) {
      std::copy(sources[row].begin(), sources[row].end(), ids + row * longest);
      std::fill_n(mask + row * longest, sources[row].size(), 1);
    }
    const char* const input_names[] = {kIds, kMask};
    const char* const output_names[] = {kLastHidden};
    auto outputs = layout_.encoder->RunValues(input_names, inputs, output_names, cancel);
    if (!outputs.ok()) return outputs.status();
    const std::vector<int64_t> made = outputs->front().GetTensorTypeAndShapeInfo().GetShape();
    if (made.size() != 3 || made[0] != shape[0] || made[1] != shape[1]) {
      return Unexpected(absl::StrCat("the shape ", ShapeText(made), " for the encoder's states"));
    }
    return std::make_unique<Batch>(&layout_, std::move(inputs[1]), std::move(outputs->front()),
                                   sources.size());
  }

  const Layout layout_;
};

// Fills in the inputs and outputs; `caches` are known by name.
absl::Status Arrange(std::string_view what, bool first, const std::vector<Cache>& caches,
                     Decoder& decoder) {
  const engine_proto::ModelSignature& signature = decoder.session->signature();
  bool tokens = false, mask = false;
  for (const engine_proto::TensorSpec& input : signature.inputs()) {
    Slot slot;
    engine_proto::TensorType type = engine_proto::TENSOR_TYPE_INT64;
    std::string_view rest = input.name();
    if (rest == kIds) {
      tokens = true;
    } else if (rest == kSourceMask) {
      mask = true;
      slot.kind = Slot::kSourceMaskSlot;
    } else if (rest == kHidden) {
      slot.kind = Slot::kHiddenSlot;
      type = input.type();
    } else if (rest == kUseCache) {
      slot.kind = Slot::kUseCacheSlot;
      type = engine_proto::TENSOR_TYPE_BOOL;
    } else {
      const bool past = absl::ConsumePrefix(&rest, kPast);
      const auto found = std::find_if(caches.begin(), caches.end(),
                                      [&](const Cache& cache) { return cache.name == rest; });
      if (!past || found == caches.end()) {
        return Unfit(what, absl::StrCat("nobody knows what its input ", input.name(), " is for"));
      }
      slot.kind = Slot::kCacheSlot;
      slot.cache = found - caches.begin();
      type = found->type;
    }
    if (input.type() != type) {
      return Unfit(what, absl::StrCat("its input ", input.name(), " is of another type"));
    }
    decoder.input_names.push_back(input.name());
    decoder.slots.push_back(slot);
  }
  if (!tokens || !mask) {
    return Unfit(what, absl::StrCat("it has no input ", tokens ? kSourceMask : kIds));
  }
  const engine_proto::TensorSpec* const logits = Find(signature.outputs(), kLogits);
  if (logits == nullptr || !IsFloat(logits->type())) {
    return Unfit(what, "it has no output logits of floats");
  }
  decoder.output_names.emplace_back(kLogits);
  for (size_t i = 0; i < caches.size(); ++i) {
    // What is kept of the source stays as the first step made it.
    if (!first && caches[i].of_source) continue;
    std::string name = absl::StrCat(kPresent, caches[i].name);
    if (Find(signature.outputs(), name) == nullptr) {
      return Unfit(what, absl::StrCat("it has no output ", name));
    }
    decoder.output_names.push_back(std::move(name));
    decoder.kept.push_back(i);
  }
  return absl::OkStatus();
}

absl::Status FindCaches(std::string_view what, const OnnxSession& session,
                        const Seq2SeqConfig& config, std::vector<Cache>& caches) {
  for (const engine_proto::TensorSpec& input : session.signature().inputs()) {
    std::string_view name = input.name();
    if (!absl::ConsumePrefix(&name, kPast)) continue;
    Cache cache;
    cache.name = std::string(name);
    cache.of_source = absl::StrContains(name, ".encoder.");
    cache.type = input.type();
    if (input.shape_size() != 4 || !IsFloat(cache.type)) {
      return Unfit(
          what, absl::StrCat("its input ", input.name(), " is not of four dimensions of floats"));
    }
    cache.heads = input.shape(1) > 0 ? input.shape(1) : config.heads;
    cache.width = input.shape(3) > 0 ? input.shape(3) : config.head_width;
    if (cache.heads <= 0 || cache.width <= 0) {
      return Unfit(what, absl::StrCat("nothing says how large its input ", input.name(), " is"));
    }
    caches.push_back(std::move(cache));
  }
  const auto of_source = [](const Cache& cache) { return cache.of_source; };
  if (std::none_of(caches.begin(), caches.end(), of_source) ||
      std::all_of(caches.begin(), caches.end(), of_source)) {
    return Unfit(what, "it has no inputs past_key_values for the text and for the source");
  }
  return absl::OkStatus();
}

absl::Status CheckEncoder(const OnnxSession* encoder) {
  if (encoder == nullptr) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model has no file with the role \"encoder\" (encoder_model.onnx in the "
                     "published layout).");
  }
  const engine_proto::ModelSignature& signature = encoder->signature();
  for (const char* name : {kIds, kMask}) {
    const engine_proto::TensorSpec* const input = Find(signature.inputs(), name);
    if (input == nullptr || input->type() != engine_proto::TENSOR_TYPE_INT64) {
      return Unfit("encoder", absl::StrCat("it has no input ", name, " of whole numbers"));
    }
  }
  if (signature.inputs_size() != 2) return Unfit("encoder", "it has more than two inputs");
  const engine_proto::TensorSpec* const output = Find(signature.outputs(), kLastHidden);
  if (output == nullptr || !IsFloat(output->type())) {
    return Unfit("encoder", absl::StrCat("it has no output ", kLastHidden));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TranslationNetworks>> TranslationNetworks::Make(
    Sessions sessions, const Seq2SeqConfig& config) {
  if (absl::Status status = CheckEncoder(sessions.encoder.get()); !status.ok()) return status;
  const bool merged = sessions.merged != nullptr;
  if (!merged && (sessions.decoder == nullptr || sessions.with_past == nullptr)) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model has neither a file with the role \"decoder-merged\" "
                     "(decoder_model_merged.onnx) nor both \"decoder\" and \"decoder-with-past\".");
  }
  Layout layout;
  layout.encoder = std::move(sessions.encoder);
  layout.vocabulary = config.vocabulary;
  layout.padding = config.search.padding;
  layout.first.session = merged ? sessions.merged : std::move(sessions.decoder);
  layout.next.session = merged ? sessions.merged : std::move(sessions.with_past);
  const std::string_view next = merged ? "merged decoder" : "decoder with a past";
  absl::Status status = FindCaches(next, *layout.next.session, config, layout.caches);
  if (status.ok()) {
    status = Arrange(merged ? next : "decoder", /*first=*/true, layout.caches, layout.first);
  }
  if (status.ok()) status = Arrange(next, /*first=*/false, layout.caches, layout.next);
  if (!status.ok()) return status;
  if (merged && Find(sessions.merged->signature().inputs(), kUseCache) == nullptr) {
    return Unfit(next, absl::StrCat("it has no input ", kUseCache));
  }
  layout.keeps_hidden =
      std::any_of(layout.next.slots.begin(), layout.next.slots.end(),
                  [](const Slot& slot) { return slot.kind == Slot::kHiddenSlot; });
  return std::make_unique<Networks>(std::move(layout));
}

}  // namespace intelligenced
