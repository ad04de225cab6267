#include "runtime/engines/onnx/onnx_session.h"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/onnx_file.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/border.h"

namespace intelligenced {

struct OnnxLibrary::Core {
  Ort::Env env{ORT_LOGGING_LEVEL_ERROR, "worker-onnx"};
};

namespace {

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The request was cancelled."); }

bool IsFloat(ONNXTensorElementDataType type) {
  return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT ||
         type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
}

class OnnxSession final : public Network {
 public:
  OnnxSession(OnnxLibrary::Core& core, const std::string& path, const Ort::SessionOptions& options)
      : session_(core.env, path.c_str(), options),
        memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)) {}

  absl::Status Describe() {
    const Ort::AllocatorWithDefaultOptions allocator;
    for (size_t i = 0; i < session_.GetInputCount(); ++i) {
      const absl::Status status = Add(session_.GetInputNameAllocated(i, allocator).get(),
                                      session_.GetInputTypeInfo(i), inputs_, input_types_);
      if (!status.ok()) return status;
    }
    for (size_t i = 0; i < session_.GetOutputCount(); ++i) {
      const absl::Status status = Add(session_.GetOutputNameAllocated(i, allocator).get(),
                                      session_.GetOutputTypeInfo(i), outputs_, output_types_);
      if (!status.ok()) return status;
    }
    for (const PortInfo& port : inputs_) input_names_.push_back(port.name.c_str());
    for (const PortInfo& port : outputs_) output_names_.push_back(port.name.c_str());
    return absl::OkStatus();
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
    if (cancel.cancelled()) return Cancelled();
    auto result = GuardOnnx(Reason::kEngineFailure, [&] { return Compute(inputs, cancel); });
    // An aborted run fails with words of its own.
    if (cancel.cancelled()) return Cancelled();
    return result;
  }

 private:
  static absl::Status Add(const char* name, const Ort::TypeInfo& type, std::vector<PortInfo>& ports,
                          std::vector<ONNXTensorElementDataType>& types) {
    if (type.GetONNXType() != ONNX_TYPE_TENSOR) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The network's ", name, " is no tensor."));
    }
    const auto tensor = type.GetTensorTypeAndShapeInfo();
    if (!IsFloat(tensor.GetElementType())) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The network's ", name, " holds no 32- or 16-bit floats."));
    }
    ports.push_back({name, tensor.GetShape()});
    types.push_back(tensor.GetElementType());
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Tensor>> Compute(const std::vector<Tensor>& inputs,
                                              const CancelToken& cancel) {
    std::vector<std::vector<Ort::Float16_t>> halves(inputs.size());
    std::vector<Ort::Value> values;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& input = inputs[i];
      if (input_types_[i] == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16) {
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
    Ort::RunOptions options;
    const CancelRegistration stop = cancel.OnCancel([&options] { options.SetTerminate(); });
    const std::vector<Ort::Value> computed =
        session_.Run(options, input_names_.data(), values.data(), values.size(),
                     output_names_.data(), output_names_.size());
    std::vector<Tensor> outputs;
    for (const Ort::Value& value : computed) outputs.push_back(Take(value));
    return outputs;
  }

  static Tensor Take(const Ort::Value& value) {
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

  Ort::Session session_;
  const Ort::MemoryInfo memory_;
  std::vector<PortInfo> inputs_;
  std::vector<PortInfo> outputs_;
  std::vector<ONNXTensorElementDataType> input_types_;
  std::vector<ONNXTensorElementDataType> output_types_;
  // Of the ports above.
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
};

}  // namespace

OnnxLibrary::OnnxLibrary(std::unique_ptr<Core> core) : core_(std::move(core)) {}

OnnxLibrary::~OnnxLibrary() = default;

absl::StatusOr<std::unique_ptr<OnnxLibrary>> OnnxLibrary::Open() {
  return GuardOnnx(Reason::kModelLoadFailed, []() -> absl::StatusOr<std::unique_ptr<OnnxLibrary>> {
    return std::unique_ptr<OnnxLibrary>(new OnnxLibrary(std::make_unique<Core>()));
  });
}

absl::StatusOr<std::unique_ptr<Network>> LoadOnnxSession(OnnxLibrary& library,
                                                         const std::string& path,
                                                         const SessionOptions& options,
                                                         const CancelToken& cancel) {
  const absl::StatusOr<OnnxSummary> summary = ReadOnnxFile(path);
  if (!summary.ok()) return summary.status();
  if (absl::Status status = CheckOnnxIsSelfContained(*summary); !status.ok()) return status;
  if (cancel.cancelled()) return Cancelled();
  return GuardOnnx(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<std::unique_ptr<Network>> {
    Ort::SessionOptions wanted;
    wanted.SetIntraOpNumThreads(std::max(1, options.threads));
    wanted.SetInterOpNumThreads(1);
    wanted.SetExecutionMode(ORT_SEQUENTIAL);
    wanted.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    // Other models have the cores between two runs.
    wanted.AddConfigEntry("session.intra_op.allow_spinning", "0");
    // Whatever the file's name says.
    wanted.AddConfigEntry("session.load_model_format", "ONNX");
    auto session = std::make_unique<OnnxSession>(library.core(), path, wanted);
    if (absl::Status status = session->Describe(); !status.ok()) return status;
    return session;
  });
}

}  // namespace intelligenced
