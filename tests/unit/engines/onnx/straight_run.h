// ONNX Runtime's own API, with nothing of the engine between.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_STRAIGHT_RUN_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_STRAIGHT_RUN_H_

#include <onnxruntime_cxx_api.h>

#include <string>
#include <vector>

#include "runtime/engines/onnx/network.h"

namespace intelligenced {

// All outputs of a network with one input of floats.
inline std::vector<std::vector<float>> StraightRun(const std::string& path, const Tensor& input) {
  Ort::Env env(ORT_LOGGING_LEVEL_ERROR, "straight");
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  Ort::Session session(env, path.c_str(), options);
  const Ort::AllocatorWithDefaultOptions allocator;
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<float> values = input.values;
  const auto input_name = session.GetInputNameAllocated(0, allocator);
  const char* const input_names[] = {input_name.get()};
  const Ort::Value value = Ort::Value::CreateTensor<float>(memory, values.data(), values.size(),
                                                           input.shape.data(), input.shape.size());
  std::vector<Ort::AllocatedStringPtr> names;
  std::vector<const char*> output_names;
  for (size_t i = 0; i < session.GetOutputCount(); ++i) {
    names.push_back(session.GetOutputNameAllocated(i, allocator));
    output_names.push_back(names.back().get());
  }
  std::vector<std::vector<float>> outputs;
  for (const Ort::Value& output : session.Run(Ort::RunOptions(), input_names, &value, 1,
                                              output_names.data(), output_names.size())) {
    const float* const from = output.GetTensorData<float>();
    outputs.emplace_back(from, from + output.GetTensorTypeAndShapeInfo().GetElementCount());
  }
  return outputs;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_STRAIGHT_RUN_H_
