#include "runtime/engines/onnx/diffusion/diffusion_networks.h"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/border.h"
#include "runtime/engines/onnx/ort_values.h"

namespace intelligenced {
namespace {

using Spec = engine_proto::TensorSpec;
using Specs = google::protobuf::RepeatedPtrField<Spec>;

absl::Status Unfit(std::string_view part, std::string_view why) {
  return MakeError(
      Reason::kModelLoadFailed,
      absl::StrCat("The model's ", part, " is not of the published layout: ", why, "."));
}

const Spec* Find(const Specs& specs, std::string_view name) {
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [&](const Spec& spec) { return spec.name() == name; });
  return found == specs.end() ? nullptr : &*found;
}

bool IsFloat(const Spec& spec) {
  return spec.type() == engine_proto::TENSOR_TYPE_FLOAT32 ||
         spec.type() == engine_proto::TENSOR_TYPE_FLOAT16;
}

bool IsWhole(const Spec& spec) {
  return spec.type() == engine_proto::TENSOR_TYPE_INT64 ||
         spec.type() == engine_proto::TENSOR_TYPE_INT32;
}

// What the shape fixes; 0: any.
int64_t Extent(const Spec& spec, int dimension) {
  return dimension < spec.shape_size() ? std::max<int64_t>(spec.shape(dimension), 0) : 0;
}

// An input of floats with four dimensions, or three.
absl::Status CheckFloats(std::string_view part, const Spec* spec, std::string_view name, int rank) {
  if (spec == nullptr) return Unfit(part, absl::StrCat("it has no ", name));
  if (IsFloat(*spec) && spec->shape_size() == rank) return absl::OkStatus();
  return Unfit(part, absl::StrCat("its ", name, " is not of ", rank, " dimensions of floats"));
}

// Values of one run. What the library is given refers to them.
class Inputs {
 public:
  Inputs() : memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)) {}

  // Refers to the numbers where they are 32-bit floats already.
  void Add(const Spec& spec, const float* values, size_t count, const Shape& shape) {
    names_.push_back(spec.name().c_str());
    switch (spec.type()) {
      case engine_proto::TENSOR_TYPE_FLOAT16: {
        auto& kept = halves_.emplace_back();
        kept.reserve(count);
        for (size_t i = 0; i < count; ++i) kept.emplace_back(values[i]);
        values_.push_back(Ort::Value::CreateTensor<Ort::Float16_t>(memory_, kept.data(), count,
                                                                   shape.data(), shape.size()));
        break;
      }
      case engine_proto::TENSOR_TYPE_INT64:
        AddWhole(longs_.emplace_back(values, values + count), shape);
        break;
      case engine_proto::TENSOR_TYPE_INT32:
        AddWhole(ints_.emplace_back(values, values + count), shape);
        break;
      default:
        // The library does not write to its inputs.
        values_.push_back(Ort::Value::CreateTensor<float>(memory_, const_cast<float*>(values),
                                                          count, shape.data(), shape.size()));
    }
  }

  void AddTokens(const Spec& spec, const std::vector<int64_t>& tokens, const Shape& shape) {
    names_.push_back(spec.name().c_str());
    if (spec.type() == engine_proto::TENSOR_TYPE_INT32) {
      AddWhole(ints_.emplace_back(tokens.begin(), tokens.end()), shape);
    } else {
      AddWhole(longs_.emplace_back(tokens), shape);
    }
  }

  absl::StatusOr<Tensor> Run(OnnxSession& session, const char* output, const CancelToken& cancel) {
    const char* const outputs[] = {output};
    auto values = session.RunValues(names_, values_, outputs, cancel);
    if (!values.ok()) return values.status();
    const Ort::Value& value = values->front();
    const auto info = value.GetTensorTypeAndShapeInfo();
    const size_t count = info.GetElementCount();
    Tensor tensor;
    tensor.shape = info.GetShape();
    tensor.values.resize(count);
    if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16) {
      const auto* const from = value.GetTensorData<Ort::Float16_t>();
      std::transform(from, from + count, tensor.values.begin(),
                     [](Ort::Float16_t half) { return half.ToFloat(); });
    } else {
      std::copy_n(value.GetTensorData<float>(), count, tensor.values.begin());
    }
    return tensor;
  }

 private:
  template <typename Number>
  void AddWhole(std::vector<Number>& kept, const Shape& shape) {
    values_.push_back(Ort::Value::CreateTensor<Number>(memory_, kept.data(), kept.size(),
                                                       shape.data(), shape.size()));
  }

  const Ort::MemoryInfo memory_;
  std::vector<const char*> names_;
  std::vector<Ort::Value> values_;
  // At most a few of each: a vector's own memory stays where it is when these grow.
  std::vector<std::vector<Ort::Float16_t>> halves_;
  std::vector<std::vector<int64_t>> longs_;
  std::vector<std::vector<int32_t>> ints_;
};

absl::Status CheckAnswer(const Tensor& tensor, const Shape& expected, std::string_view part) {
  if (!ShapeFits(tensor.shape, expected)) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("The ", part, " answered ", ShapeText(tensor.shape),
                                  " numbers where ", ShapeText(expected), " were to come."));
  }
  // A sum is finite when all of it is; one that only grows too large is looked at again.
  float sum = 0;
  for (const float value : tensor.values) sum += value;
  if (std::isfinite(sum)) return absl::OkStatus();
  if (std::all_of(tensor.values.begin(), tensor.values.end(),
                  [](float value) { return std::isfinite(value); })) {
    return absl::OkStatus();
  }
  return MakeError(
      Reason::kEngineFailure,
      absl::StrCat("The ", part,
                   " answered what is no number (NaN or infinity): the model is broken, "
                   "or too coarse for this size."));
}

// Ports by their place in the signature, as far as the part has them.
struct Ports {
  const Spec* sample = nullptr;
  const Spec* timestep = nullptr;
  const Spec* context = nullptr;
  const Spec* guidance = nullptr;
};

class Networks final : public DiffusionNetworks {
 public:
  Networks(DiffusionSessions sessions, const DiffusionShapes& shapes)
      : sessions_(std::move(sessions)), shapes_(shapes) {}

  absl::Status Check() {
    absl::Status status = CheckTextEncoder();
    if (status.ok()) status = CheckDenoiser();
    if (status.ok() && sessions_.decoder != nullptr) status = CheckDecoder();
    if (status.ok() && sessions_.encoder != nullptr) status = CheckEncoder();
    if (!status.ok()) return status;
    if (sessions_.decoder == nullptr && channels_ != 3) {
      return Unfit("denoiser",
                   absl::StrCat("it has no vae_decoder, so that its samples are pictures of 3 "
                                "channels, and not of ",
                                channels_));
    }
    denoiser_base_ = sessions_.denoiser->memory().in_use_bytes;
    if (sessions_.decoder != nullptr) decoder_base_ = sessions_.decoder->memory().in_use_bytes;
    return absl::OkStatus();
  }

  bool latent() const override { return sessions_.decoder != nullptr; }
  bool has_encoder() const override { return sessions_.encoder != nullptr; }
  int channels() const override { return channels_; }
  int fixed_height() const override { return static_cast<int>(Extent(*ports_.sample, 2)); }
  int fixed_width() const override { return static_cast<int>(Extent(*ports_.sample, 3)); }
  int fixed_batch() const override { return static_cast<int>(Extent(*ports_.sample, 0)); }
  size_t fixed_tokens() const override { return static_cast<size_t>(Extent(*ports_.context, 1)); }
  bool embeds_guidance() const override { return ports_.guidance != nullptr; }

  absl::StatusOr<Tensor> EncodeText(const std::vector<int64_t>& tokens,
                                    const CancelToken& cancel) override {
    return GuardOnnx(Reason::kEngineFailure, [&]() -> absl::StatusOr<Tensor> {
      const auto count = static_cast<int64_t>(tokens.size());
      const auto& signature = sessions_.text_encoder->signature();
      Inputs inputs;
      inputs.AddTokens(*Find(signature.inputs(), "input_ids"), tokens, {1, count});
      if (const Spec* const mask = Find(signature.inputs(), "attention_mask"); mask != nullptr) {
        inputs.AddTokens(*mask, std::vector<int64_t>(tokens.size(), 1), {1, count});
      }
      auto states = inputs.Run(*sessions_.text_encoder, "last_hidden_state", cancel);
      if (!states.ok()) return states.status();
      const int64_t width = std::max<int64_t>(Extent(*ports_.context, 2), 0);
      absl::Status status =
          CheckAnswer(*states, {1, count, width > 0 ? width : -1}, "text encoder");
      if (!status.ok()) return status;
      return states;
    });
  }

  absl::Status Denoise(absl::Span<const DenoiserRow> rows, const Conditions& conditions,
                       const CancelToken& cancel, std::vector<float>& answers) override {
    answers.clear();
    const size_t most = fixed_batch() > 0 ? static_cast<size_t>(fixed_batch()) : rows.size();
    for (size_t done = 0; done < rows.size(); done += most) {
      const auto part = rows.subspan(done, most);
      absl::Status status = GuardOnnx(Reason::kEngineFailure, [&]() -> absl::Status {
        return DenoiseTogether(part, most, conditions, cancel, answers);
      });
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Tensor> Decode(const Tensor& sample, const CancelToken& cancel) override {
    return RunPicture(*sessions_.decoder, decoder_input_, decoder_output_, sample, {1, 3, -1, -1},
                      "VAE decoder", cancel);
  }

  absl::StatusOr<Tensor> Encode(const Tensor& picture, const CancelToken& cancel) override {
    auto result = RunPicture(*sessions_.encoder, encoder_input_, encoder_output_, picture,
                             {1, encoder_channels_, -1, -1}, "VAE encoder", cancel);
    if (!result.ok() || encoder_channels_ == channels_) return result;
    // Of the distribution's mean and variance the mean.
    result->shape[1] = channels_;
    result->values.resize(result->values.size() / 2);
    return result;
  }

  uint64_t denoiser_peak_bytes() const override {
    const uint64_t peak = sessions_.denoiser->memory().peak_bytes;
    return peak - std::min(peak, denoiser_base_);
  }
  uint64_t decoder_peak_bytes() const override {
    if (sessions_.decoder == nullptr) return 0;
    const uint64_t peak = sessions_.decoder->memory().peak_bytes;
    return peak - std::min(peak, decoder_base_);
  }

 private:
  absl::Status CheckTextEncoder() {
    constexpr std::string_view kPart = "text encoder";
    const auto& signature = sessions_.text_encoder->signature();
    const Spec* const tokens = Find(signature.inputs(), "input_ids");
    if (tokens == nullptr) return Unfit(kPart, "it has no input_ids");
    if (!IsWhole(*tokens) || tokens->shape_size() != 2) {
      return Unfit(kPart, "its input_ids are not of 2 dimensions of whole numbers");
    }
    const int64_t fixed = Extent(*tokens, 1);
    if (fixed > 0 && fixed != static_cast<int64_t>(shapes_.window)) {
      return Unfit(kPart, absl::StrCat("it takes ", fixed, " tokens, and the tokenizer makes ",
                                       shapes_.window));
    }
    for (const Spec& input : signature.inputs()) {
      if (input.name() == "input_ids") continue;
      if (input.name() != "attention_mask" || !IsWhole(input)) {
        return Unfit(kPart, absl::StrCat("nobody knows what its ", input.name(), " is for"));
      }
    }
    return CheckFloats(kPart, Find(signature.outputs(), "last_hidden_state"), "last_hidden_state",
                       3);
  }

  absl::Status CheckDenoiser() {
    constexpr std::string_view kPart = "denoiser";
    const auto& signature = sessions_.denoiser->signature();
    for (const Spec& input : signature.inputs()) {
      if (input.name() == "sample" || input.name() == "hidden_states") {
        ports_.sample = &input;
      } else if (input.name() == "timestep") {
        ports_.timestep = &input;
      } else if (input.name() == "encoder_hidden_states") {
        ports_.context = &input;
      } else if (input.name() == "timestep_cond") {
        ports_.guidance = &input;
      } else {
        return Unfit(kPart, absl::StrCat("nobody knows what its ", input.name(), " is for"));
      }
    }
    absl::Status status = CheckFloats(kPart, ports_.sample, "sample", 4);
    if (status.ok()) status = CheckFloats(kPart, ports_.context, "encoder_hidden_states", 3);
    if (status.ok() && ports_.guidance != nullptr) {
      status = CheckFloats(kPart, ports_.guidance, "timestep_cond", 2);
      if (status.ok() && Extent(*ports_.guidance, 1) == 0) {
        status = Unfit(kPart, "its timestep_cond has no fixed width");
      }
    }
    if (!status.ok()) return status;
    if (ports_.timestep == nullptr) return Unfit(kPart, "it has no timestep");
    if (ports_.timestep->shape_size() > 1 ||
        !(IsFloat(*ports_.timestep) || IsWhole(*ports_.timestep))) {
      return Unfit(kPart, "its timestep is no number, nor a list of numbers");
    }
    const int64_t states =
        Extent(*Find(sessions_.text_encoder->signature().outputs(), "last_hidden_state"), 2);
    const int64_t width = Extent(*ports_.context, 2);
    if (states > 0 && width > 0 && states != width) {
      return Unfit(kPart, absl::StrCat("it takes states of ", width,
                                       " numbers, and the text encoder gives ", states));
    }
    const int64_t tokens = Extent(*ports_.context, 1);
    if (tokens > 0 && (tokens < static_cast<int64_t>(shapes_.window) ||
                       tokens % static_cast<int64_t>(shapes_.window) != 0)) {
      return Unfit(kPart,
                   absl::StrCat("it takes ", tokens, " tokens, and windows have ", shapes_.window));
    }
    const int64_t fixed = Extent(*ports_.sample, 1);
    channels_ = fixed > 0 ? static_cast<int>(fixed) : shapes_.channels;
    if (channels_ == 0) channels_ = sessions_.decoder == nullptr ? 3 : 4;
    if (shapes_.channels > 0 && shapes_.channels != channels_) {
      return Unfit(kPart, absl::StrCat("its sample has ", channels_,
                                       " channels, and its configuration says ", shapes_.channels));
    }
    for (const char* name : {"out_sample", "sample"}) {
      if (output_ == nullptr) output_ = Find(signature.outputs(), name);
    }
    if (output_ == nullptr && signature.outputs_size() == 1) output_ = &signature.outputs(0);
    status = CheckFloats(kPart, output_, "out_sample", 4);
    if (!status.ok()) return status;
    if (Extent(*output_, 1) > 0 && Extent(*output_, 1) != channels_) {
      return Unfit(
          kPart, absl::StrCat("it takes ", channels_, " channels and gives ", Extent(*output_, 1)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckDecoder() {
    constexpr std::string_view kPart = "VAE decoder";
    const auto& signature = sessions_.decoder->signature();
    decoder_input_ = Find(signature.inputs(), "latent_sample");
    decoder_output_ = Find(signature.outputs(), "sample");
    absl::Status status = CheckFloats(kPart, decoder_input_, "latent_sample", 4);
    if (status.ok()) status = CheckFloats(kPart, decoder_output_, "sample", 4);
    if (!status.ok()) return status;
    if (signature.inputs_size() != 1) return Unfit(kPart, "it has more than one input");
    return CheckChannels(kPart, *decoder_input_, channels_, *decoder_output_, 3);
  }

  absl::Status CheckEncoder() {
    constexpr std::string_view kPart = "VAE encoder";
    const auto& signature = sessions_.encoder->signature();
    encoder_input_ = Find(signature.inputs(), "sample");
    encoder_output_ = Find(signature.outputs(), "latent_sample");
    encoder_channels_ = channels_;
    if (encoder_output_ == nullptr) {
      encoder_output_ = Find(signature.outputs(), "latent_parameters");
      encoder_channels_ = 2 * channels_;
    }
    absl::Status status = CheckFloats(kPart, encoder_input_, "sample", 4);
    if (status.ok()) status = CheckFloats(kPart, encoder_output_, "latent_sample", 4);
    if (!status.ok()) return status;
    if (signature.inputs_size() != 1) return Unfit(kPart, "it has more than one input");
    return CheckChannels(kPart, *encoder_input_, 3, *encoder_output_, encoder_channels_);
  }

  static absl::Status CheckChannels(std::string_view part, const Spec& input, int64_t in,
                                    const Spec& output, int64_t out) {
    for (const auto& [spec, expected] : {std::pair(&input, in), std::pair(&output, out)}) {
      if (Extent(*spec, 1) > 0 && Extent(*spec, 1) != expected) {
        return Unfit(part, absl::StrCat("its ", spec->name(), " has ", Extent(*spec, 1),
                                        " channels where ", expected, " go with the denoiser"));
      }
    }
    return absl::OkStatus();
  }

  // `count` rows, of which those beyond `rows` are the last one again.
  absl::Status DenoiseTogether(absl::Span<const DenoiserRow> rows, size_t count,
                               const Conditions& conditions, const CancelToken& cancel,
                               std::vector<float>& answers) {
    const size_t sample_size = static_cast<size_t>(channels_) *
                               static_cast<size_t>(conditions.height) *
                               static_cast<size_t>(conditions.width);
    const size_t context_size = conditions.tokens * conditions.context_width;
    samples_.clear();
    contexts_.clear();
    for (size_t i = 0; i < count; ++i) {
      const DenoiserRow& row = rows[std::min(i, rows.size() - 1)];
      samples_.insert(samples_.end(), row.sample, row.sample + sample_size);
      contexts_.insert(contexts_.end(), row.context, row.context + context_size);
    }
    const auto batch = static_cast<int64_t>(count);
    const Shape shape = {batch, channels_, conditions.height, conditions.width};
    std::vector<float> times(TimestepCount(count), static_cast<float>(conditions.timestep));
    std::vector<float> guidance;
    Inputs inputs;
    inputs.Add(*ports_.sample, samples_.data(), samples_.size(), shape);
    inputs.Add(
        *ports_.timestep, times.data(), times.size(),
        ports_.timestep->shape_size() == 0 ? Shape{} : Shape{static_cast<int64_t>(times.size())});
    inputs.Add(*ports_.context, contexts_.data(), contexts_.size(),
               {batch, static_cast<int64_t>(conditions.tokens),
                static_cast<int64_t>(conditions.context_width)});
    if (ports_.guidance != nullptr) {
      const int64_t width = Extent(*ports_.guidance, 1);
      guidance = GuidanceEmbedding(conditions.guidance, width, count);
      inputs.Add(*ports_.guidance, guidance.data(), guidance.size(), {batch, width});
    }
    auto answer = inputs.Run(*sessions_.denoiser, output_->name().c_str(), cancel);
    if (!answer.ok()) return answer.status();
    if (absl::Status status = CheckAnswer(*answer, shape, "denoiser"); !status.ok()) return status;
    answers.insert(answers.end(), answer->values.begin(),
                   answer->values.begin() + static_cast<ptrdiff_t>(rows.size() * sample_size));
    return absl::OkStatus();
  }

  // One for all rows, unless the network fixes more or ties it to the rows by name.
  size_t TimestepCount(size_t rows) const {
    const Spec& spec = *ports_.timestep;
    if (spec.shape_size() == 0) return 1;
    if (Extent(spec, 0) > 0) return static_cast<size_t>(Extent(spec, 0));
    const bool tied = spec.dimension_names_size() > 0 && !spec.dimension_names(0).empty() &&
                      ports_.sample->dimension_names_size() > 0 &&
                      spec.dimension_names(0) == ports_.sample->dimension_names(0);
    return tied ? rows : 1;
  }

  // Waves of the guidance, as distilled models were trained with.
  static std::vector<float> GuidanceEmbedding(float guidance, int64_t width, size_t rows) {
    const int64_t half = width / 2;
    std::vector<float> row(static_cast<size_t>(width), 0.0F);
    for (int64_t i = 0; i < half; ++i) {
      const double frequency =
          std::exp(-std::log(10'000.0) * static_cast<double>(i) / std::max<double>(1, half - 1));
      const double angle = (guidance - 1.0) * 1000 * frequency;
      row[static_cast<size_t>(i)] = static_cast<float>(std::sin(angle));
      row[static_cast<size_t>(half + i)] = static_cast<float>(std::cos(angle));
    }
    std::vector<float> all;
    for (size_t i = 0; i < rows; ++i) all.insert(all.end(), row.begin(), row.end());
    return all;
  }

  static absl::StatusOr<Tensor> RunPicture(OnnxSession& session, const Spec* input,
                                           const Spec* output, const Tensor& tensor,
                                           const Shape& expected, std::string_view part,
                                           const CancelToken& cancel) {
    return GuardOnnx(Reason::kEngineFailure, [&]() -> absl::StatusOr<Tensor> {
      Inputs inputs;
      inputs.Add(*input, tensor.values.data(), tensor.values.size(), tensor.shape);
      auto result = inputs.Run(session, output->name().c_str(), cancel);
      if (!result.ok()) return result.status();
      if (absl::Status status = CheckAnswer(*result, expected, part); !status.ok()) return status;
      return result;
    });
  }

  const DiffusionSessions sessions_;
  const DiffusionShapes shapes_;
  Ports ports_;
  const Spec* output_ = nullptr;
  const Spec* decoder_input_ = nullptr;
  const Spec* decoder_output_ = nullptr;
  const Spec* encoder_input_ = nullptr;
  const Spec* encoder_output_ = nullptr;
  int channels_ = 0;
  int encoder_channels_ = 0;
  uint64_t denoiser_base_ = 0;
  uint64_t decoder_base_ = 0;
  // Of the last run, kept for their memory.
  std::vector<float> samples_;
  std::vector<float> contexts_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DiffusionNetworks>> DiffusionNetworks::Make(
    DiffusionSessions sessions, const DiffusionShapes& shapes) {
  auto networks = std::make_unique<Networks>(std::move(sessions), shapes);
  if (absl::Status status = networks->Check(); !status.ok()) return status;
  return networks;
}

}  // namespace intelligenced
