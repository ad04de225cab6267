#include "runtime/engines/onnx/tflite_network.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#ifdef INTELLIGENCED_TFLITE
#include <tensorflow/lite/c/c_api.h>
#include <tensorflow/lite/c/c_api_experimental.h>
#endif

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {

bool IsTfliteFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char bytes[8] = {};
  return file.valid() && pread(file.get(), bytes, sizeof(bytes), 0) == sizeof(bytes) &&
         std::string_view(bytes + 4, 4) == "TFL3";
}

#ifndef INTELLIGENCED_TFLITE
absl::StatusOr<std::unique_ptr<Network>> LoadTfliteNetwork(const std::string&, int,
                                                           const CancelToken&) {
  return MakeError(Reason::kModelLoadFailed,
                   "The network is in TensorFlow Lite's format, and this program was built "
                   "without that library.");
}
#else
namespace {

constexpr size_t kMostWords = 2048;

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The request was cancelled."); }

// What the library complains of.
class Complaints {
 public:
  static void Report(void* self, const char* format, va_list arguments) {
    char line[512] = {};
    std::vsnprintf(line, sizeof(line), format, arguments);
    std::string& words = static_cast<Complaints*>(self)->words_;
    if (words.size() < kMostWords) {
      absl::StrAppend(&words, words.empty() ? "" : " ", TruncateUtf8(line, sizeof(line)));
    }
  }
  std::string Take() {
    std::string words = std::exchange(words_, "");
    return words.empty() || !IsValidUtf8(words) ? "no reason given." : words;
  }

 private:
  std::string words_;
};

struct DeleteModel {
  void operator()(TfLiteModel* model) const { TfLiteModelDelete(model); }
};
struct DeleteOptions {
  void operator()(TfLiteInterpreterOptions* options) const {
    TfLiteInterpreterOptionsDelete(options);
  }
};
struct DeleteInterpreter {
  void operator()(TfLiteInterpreter* interpreter) const { TfLiteInterpreterDelete(interpreter); }
};

class TfliteNetwork final : public Network {
 public:
  absl::Status Load(const std::string& path, int threads) {
    model_.reset(TfLiteModelCreateFromFileWithErrorReporter(path.c_str(), &Complaints::Report,
                                                            &complaints_));
    if (model_ == nullptr) {
      return MakeError(
          Reason::kModelCorrupt,
          absl::StrCat("The file is not a whole TensorFlow Lite model: ", complaints_.Take()));
    }
    const std::unique_ptr<TfLiteInterpreterOptions, DeleteOptions> options(
        TfLiteInterpreterOptionsCreate());
    TfLiteInterpreterOptionsSetNumThreads(options.get(), threads);
    TfLiteInterpreterOptionsSetErrorReporter(options.get(), &Complaints::Report, &complaints_);
    TfLiteInterpreterOptionsEnableCancellation(options.get(), true);
    absl::MutexLock lock(mutex_);
    interpreter_.reset(TfLiteInterpreterCreate(model_.get(), options.get()));
    if (interpreter_ == nullptr ||
        TfLiteInterpreterAllocateTensors(interpreter_.get()) != kTfLiteOk) {
      return Refused();
    }
    for (int i = 0; i < TfLiteInterpreterGetInputTensorCount(interpreter_.get()); ++i) {
      absl::Status status =
          Describe(TfLiteInterpreterGetInputTensor(interpreter_.get(), i), inputs_);
      if (!status.ok()) return status;
    }
    for (int i = 0; i < TfLiteInterpreterGetOutputTensorCount(interpreter_.get()); ++i) {
      absl::Status status =
          Describe(TfLiteInterpreterGetOutputTensor(interpreter_.get(), i), outputs_);
      if (!status.ok()) return status;
    }
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
      if (inputs[i].shape == inputs_[i].shape &&
          CountElements(inputs[i].shape) == static_cast<int64_t>(inputs[i].values.size())) {
        continue;
      }
      return FieldError(
          absl::StrCat("inputs[", i, "]"),
          absl::StrCat("The input ", inputs_[i].name, " takes ", ShapeText(inputs_[i].shape),
                       " numbers, not ", ShapeText(inputs[i].shape), "."));
    }
    if (cancel.cancelled()) return Cancelled();
    absl::MutexLock lock(mutex_);
    TfLiteInterpreter* const interpreter = interpreter_.get();
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::vector<float>& values = inputs[i].values;
      if (TfLiteTensorCopyFromBuffer(
              TfLiteInterpreterGetInputTensor(interpreter, static_cast<int>(i)), values.data(),
              values.size() * sizeof(float)) != kTfLiteOk) {
        return Failed();
      }
    }
    TfLiteStatus invoked = kTfLiteOk;
    {
      // One that comes before the run begins has no effect there: the run goes to its end.
      const CancelRegistration stop =
          cancel.OnCancel([interpreter] { TfLiteInterpreterCancel(interpreter); });
      invoked = TfLiteInterpreterInvoke(interpreter);
    }
    if (cancel.cancelled()) return Cancelled();
    if (invoked != kTfLiteOk) return Failed();
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      Tensor tensor;
      tensor.shape = outputs_[i].shape;
      tensor.values.resize(static_cast<size_t>(CountElements(tensor.shape)));
      if (TfLiteTensorCopyToBuffer(
              TfLiteInterpreterGetOutputTensor(interpreter, static_cast<int>(i)),
              tensor.values.data(), tensor.values.size() * sizeof(float)) != kTfLiteOk) {
        return Failed();
      }
      outputs.push_back(std::move(tensor));
    }
    return outputs;
  }

 private:
  absl::Status Describe(const TfLiteTensor* tensor, std::vector<PortInfo>& ports) const {
    const char* const name = tensor == nullptr ? nullptr : TfLiteTensorName(tensor);
    PortInfo port;
    port.name = name == nullptr || !IsValidUtf8(name) ? "" : name;
    if (tensor == nullptr || TfLiteTensorType(tensor) != kTfLiteFloat32) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The network's ", port.name, " holds no 32-bit floats."));
    }
    for (int i = 0; i < TfLiteTensorNumDims(tensor); ++i) {
      port.shape.push_back(TfLiteTensorDim(tensor, i));
    }
    const int64_t count = CountElements(port.shape);
    if (count <= 0 || static_cast<size_t>(count) * sizeof(float) != TfLiteTensorByteSize(tensor)) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The network's ", port.name, " has no fixed shape."));
    }
    ports.push_back(std::move(port));
    return absl::OkStatus();
  }

  absl::Status Refused() {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("TensorFlow Lite does not take the network: ", complaints_.Take()));
  }
  absl::Status Failed() {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("TensorFlow Lite failed: ", complaints_.Take()));
  }

  // The interpreter refers to what stands before it.
  Complaints complaints_;
  std::unique_ptr<TfLiteModel, DeleteModel> model_;
  absl::Mutex mutex_;
  std::unique_ptr<TfLiteInterpreter, DeleteInterpreter> interpreter_ ABSL_GUARDED_BY(mutex_);
  std::vector<PortInfo> inputs_;
  std::vector<PortInfo> outputs_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Network>> LoadTfliteNetwork(const std::string& path, int threads,
                                                           const CancelToken& cancel) {
  if (cancel.cancelled()) return Cancelled();
  auto network = std::make_unique<TfliteNetwork>();
  if (absl::Status status = network->Load(path, threads); !status.ok()) return status;
  return network;
}
#endif

}  // namespace intelligenced
