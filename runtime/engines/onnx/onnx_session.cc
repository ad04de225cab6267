#include "runtime/engines/onnx/onnx_session.h"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/onnx_file.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/tensor_check.h"
#include "runtime/engines/onnx/border.h"
#include "runtime/engines/onnx/ort_values.h"
#include "runtime/engines/onnx/tensors.h"
#include "runtime/engines/onnx/weight_files.h"

namespace intelligenced {

struct OnnxLibrary::Core {
  Ort::Env env{ORT_LOGGING_LEVEL_ERROR, "worker-onnx"};
};

namespace {

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The request was cancelled."); }

absl::Status CheckAnswerSize(const std::vector<Ort::Value>& computed) {
  uint64_t bytes = 0, strings = 0;
  for (const Ort::Value& value : computed) bytes += CountBytes(value, &strings);
  if (bytes <= kMaxTensorBytes && strings <= kMaxTensorStrings) return absl::OkStatus();
  return FieldError("outputs",
                    absl::StrCat("The network's answer has ", bytes, " bytes and ", strings,
                                 " strings; at most ", kMaxTensorBytes, " and ", kMaxTensorStrings,
                                 " are sent. Ask for fewer outputs, or give smaller inputs."));
}

class Session final : public OnnxSession {
 public:
  Session(OnnxLibrary::Core& core, const std::string& path, const Ort::SessionOptions& options,
          WeightFiles weights)
      : weights_(std::move(weights)),
        session_(core.env, path.c_str(), options),
        memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)),
        arena_(session_, memory_) {
    const Ort::AllocatorWithDefaultOptions allocator;
    for (size_t i = 0; i < session_.GetInputCount(); ++i) {
      DescribeValue(session_.GetInputNameAllocated(i, allocator).get(),
                    session_.GetInputTypeInfo(i), signature_.add_inputs());
    }
    for (size_t i = 0; i < session_.GetOutputCount(); ++i) {
      DescribeValue(session_.GetOutputNameAllocated(i, allocator).get(),
                    session_.GetOutputTypeInfo(i), signature_.add_outputs());
    }
  }

  const engine_proto::ModelSignature& signature() const override { return signature_; }

  absl::StatusOr<engine_proto::TensorResult> RunTensors(const engine_proto::RunModelTask& task,
                                                        const CancelToken& cancel) override {
    const absl::StatusOr<TensorPlan> plan = PlanTensors(signature_, task);
    if (!plan.ok()) return plan.status();
    if (cancel.cancelled()) return Cancelled();
    auto result = GuardOnnx(Reason::kEngineFailure, [&] { return Compute(*plan, task, cancel); });
    // An aborted run fails with words of its own.
    if (cancel.cancelled()) return Cancelled();
    return result;
  }

  absl::StatusOr<std::vector<Tensor>> RunFloats(const std::vector<Tensor>& inputs,
                                                const CancelToken& cancel) override {
    if (cancel.cancelled()) return Cancelled();
    auto result = GuardOnnx(Reason::kEngineFailure, [&] { return ComputeFloats(inputs, cancel); });
    if (cancel.cancelled()) return Cancelled();
    return result;
  }

  absl::StatusOr<std::vector<Ort::Value>> RunValues(absl::Span<const char* const> input_names,
                                                    const std::vector<Ort::Value>& inputs,
                                                    absl::Span<const char* const> output_names,
                                                    const CancelToken& cancel) override {
    if (cancel.cancelled()) return Cancelled();
    auto result =
        GuardOnnx(Reason::kEngineFailure, [&]() -> absl::StatusOr<std::vector<Ort::Value>> {
          return Run({input_names.begin(), input_names.end()}, inputs,
                     {output_names.begin(), output_names.end()}, cancel);
        });
    if (cancel.cancelled()) return Cancelled();
    return result;
  }

  SessionMemory memory() const override {
    SessionMemory memory;
    GuardOnnx(Reason::kEngineFailure, [&]() -> absl::Status {
      const Ort::KeyValuePairs facts = arena_.GetStats();
      const auto number = [&](const char* key) -> uint64_t {
        const char* const text = facts.GetValue(key);
        uint64_t value = 0;
        return text != nullptr && absl::SimpleAtoi(text, &value) ? value : 0;
      };
      memory = {.in_use_bytes = number("InUse"), .peak_bytes = number("MaxInUse")};
      return absl::OkStatus();
    }).IgnoreError();
    return memory;
  }

  absl::StatusOr<std::string> EndProfile() override {
    return GuardOnnx(Reason::kEngineFailure, [&]() -> absl::StatusOr<std::string> {
      const Ort::AllocatorWithDefaultOptions allocator;
      return std::string(session_.EndProfilingAllocated(allocator).get());
    });
  }

 private:
  absl::StatusOr<engine_proto::TensorResult> Compute(const TensorPlan& plan,
                                                     const engine_proto::RunModelTask& task,
                                                     const CancelToken& cancel) {
    const Ort::AllocatorWithDefaultOptions allocator;
    std::vector<const char*> input_names, output_names;
    std::vector<Ort::Value> values;
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      input_names.push_back(signature_.inputs(static_cast<int>(i)).name().c_str());
      values.push_back(MakeValue(memory_, allocator, task.inputs(plan.inputs[i])));
    }
    for (const int place : plan.outputs) {
      output_names.push_back(signature_.outputs(place).name().c_str());
    }
    const std::vector<Ort::Value> computed = Run(input_names, values, output_names, cancel);
    if (absl::Status status = CheckAnswerSize(computed); !status.ok()) return status;
    engine_proto::TensorResult result;
    for (size_t i = 0; i < computed.size(); ++i) {
      engine_proto::Tensor& tensor = *result.add_outputs();
      tensor.set_name(output_names[i]);
      if (absl::Status status = TakeValue(computed[i], &tensor); !status.ok()) return status;
    }
    return result;
  }

  absl::StatusOr<std::vector<Tensor>> ComputeFloats(const std::vector<Tensor>& inputs,
                                                    const CancelToken& cancel) {
    std::vector<std::vector<Ort::Float16_t>> halves(inputs.size());
    std::vector<const char*> input_names, output_names;
    std::vector<Ort::Value> values;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& input = inputs[i];
      const engine_proto::TensorSpec& spec = signature_.inputs(static_cast<int>(i));
      input_names.push_back(spec.name().c_str());
      if (spec.type() == engine_proto::TENSOR_TYPE_FLOAT16) {
        halves[i].reserve(input.values.size());
        for (const float value : input.values) halves[i].emplace_back(value);
        values.push_back(Ort::Value::CreateTensor<Ort::Float16_t>(
            memory_, halves[i].data(), halves[i].size(), input.shape.data(), input.shape.size()));
      } else {
        // The library does not write to its inputs.
        values.push_back(Ort::Value::CreateTensor<float>(
            memory_, const_cast<float*>(input.values.data()), input.values.size(),
            input.shape.data(), input.shape.size()));
      }
    }
    for (const engine_proto::TensorSpec& spec : signature_.outputs()) {
      output_names.push_back(spec.name().c_str());
    }
    std::vector<Tensor> outputs;
    for (const Ort::Value& value : Run(input_names, values, output_names, cancel)) {
      outputs.push_back(TakeFloats(value));
    }
    return outputs;
  }

  std::vector<Ort::Value> Run(const std::vector<const char*>& input_names,
                              const std::vector<Ort::Value>& values,
                              const std::vector<const char*>& output_names,
                              const CancelToken& cancel) {
    Ort::RunOptions options;
    const CancelRegistration stop = cancel.OnCancel([&options] { options.SetTerminate(); });
    return session_.Run(options, input_names.data(), values.data(), values.size(),
                        output_names.data(), output_names.size());
  }

  static Tensor TakeFloats(const Ort::Value& value) {
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

  // The library may look at them as long as there is a session.
  const WeightFiles weights_;
  Ort::Session session_;
  const Ort::MemoryInfo memory_;
  const Ort::Allocator arena_;
  engine_proto::ModelSignature signature_;
};

// A session whose ports are all floats.
class FloatNetwork final : public Network {
 public:
  explicit FloatNetwork(std::shared_ptr<OnnxSession> session) : session_(std::move(session)) {
    Describe(session_->signature().inputs(), inputs_);
    Describe(session_->signature().outputs(), outputs_);
  }

  const std::vector<PortInfo>& inputs() const override { return inputs_; }
  const std::vector<PortInfo>& outputs() const override { return outputs_; }

  absl::StatusOr<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs,
                                          const CancelToken& cancel) override {
    if (inputs.size() != inputs_.size()) {
      return FieldError("inputs", absl::StrCat("The network has ", inputs_.size(), " inputs, not ",
                                               inputs.size(), "."));
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool whole =
          CountElements(inputs[i].shape) == static_cast<int64_t>(inputs[i].values.size());
      if (!ShapeFits(inputs[i].shape, inputs_[i].shape) || !whole) {
        return FieldError(
            absl::StrCat("inputs[", i, "]"),
            absl::StrCat("The input ", inputs_[i].name, " takes ", ShapeText(inputs_[i].shape),
                         " numbers, not ", ShapeText(inputs[i].shape), "."));
      }
    }
    return session_->RunFloats(inputs, cancel);
  }

 private:
  static void Describe(const google::protobuf::RepeatedPtrField<engine_proto::TensorSpec>& from,
                       std::vector<PortInfo>& to) {
    for (const engine_proto::TensorSpec& spec : from) {
      to.push_back({spec.name(), {spec.shape().begin(), spec.shape().end()}});
    }
  }

  const std::shared_ptr<OnnxSession> session_;
  std::vector<PortInfo> inputs_;
  std::vector<PortInfo> outputs_;
};

bool IsFloat(const engine_proto::TensorSpec& spec) {
  return spec.type() == engine_proto::TENSOR_TYPE_FLOAT32 ||
         spec.type() == engine_proto::TENSOR_TYPE_FLOAT16;
}

}  // namespace

OnnxLibrary::OnnxLibrary(std::unique_ptr<Core> core) : core_(std::move(core)) {}

OnnxLibrary::~OnnxLibrary() = default;

absl::StatusOr<std::unique_ptr<OnnxLibrary>> OnnxLibrary::Open() {
  return GuardOnnx(Reason::kModelLoadFailed, []() -> absl::StatusOr<std::unique_ptr<OnnxLibrary>> {
    return std::unique_ptr<OnnxLibrary>(new OnnxLibrary(std::make_unique<Core>()));
  });
}

absl::StatusOr<std::shared_ptr<OnnxSession>> OpenOnnxSession(OnnxLibrary& library,
                                                             const std::string& path,
                                                             const SessionOptions& options,
                                                             const CancelToken& cancel) {
  absl::StatusOr<OnnxSummary> summary = ReadOnnxFile(path);
  if (!summary.ok()) return summary.status();
  std::set<std::string> outside;
  if (!options.weight_files.empty()) outside.swap(summary->external_files);
  if (absl::Status status = CheckOnnxIsSelfContained(*summary); !status.ok()) return status;
  absl::StatusOr<WeightFiles> weights = WeightFiles::Map(outside, options.weight_files);
  if (!weights.ok()) return weights.status();
  if (cancel.cancelled()) return Cancelled();
  return GuardOnnx(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<std::shared_ptr<OnnxSession>> {
    Ort::SessionOptions wanted;
    wanted.SetIntraOpNumThreads(std::max(1, options.threads));
    wanted.SetInterOpNumThreads(1);
    wanted.SetExecutionMode(ORT_SEQUENTIAL);
    wanted.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    // Other models have the cores between two runs.
    wanted.AddConfigEntry("session.intra_op.allow_spinning", "0");
    // Whatever the file's name says.
    wanted.AddConfigEntry("session.load_model_format", "ONNX");
    if (!options.profile_prefix.empty()) wanted.EnableProfiling(options.profile_prefix.c_str());
    if (!outside.empty()) {
      wanted.AddExternalInitializersFromFilesInMemory(weights->names(), weights->bytes(),
                                                      weights->sizes());
    }
    return std::make_shared<Session>(library.core(), path, wanted, *std::move(weights));
  });
}

absl::StatusOr<std::unique_ptr<Network>> AsNetwork(std::shared_ptr<OnnxSession> session) {
  const engine_proto::ModelSignature& signature = session->signature();
  for (const auto* const specs : {&signature.inputs(), &signature.outputs()}) {
    for (const engine_proto::TensorSpec& spec : *specs) {
      if (IsFloat(spec)) continue;
      return MakeError(Reason::kModelLoadFailed, absl::StrCat("The network's ", spec.name(),
                                                              " holds no 32- or 16-bit floats."));
    }
  }
  return std::make_unique<FloatNetwork>(std::move(session));
}

absl::StatusOr<std::unique_ptr<Network>> LoadOnnxSession(OnnxLibrary& library,
                                                         const std::string& path,
                                                         const SessionOptions& options,
                                                         const CancelToken& cancel) {
  absl::StatusOr<std::shared_ptr<OnnxSession>> session =
      OpenOnnxSession(library, path, options, cancel);
  if (!session.ok()) return session.status();
  return AsNetwork(*std::move(session));
}

}  // namespace intelligenced
