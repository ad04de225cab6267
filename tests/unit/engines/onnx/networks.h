// Networks for tests: computed by the test itself, made by hand as files, and published ones.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_NETWORKS_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_NETWORKS_H_

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/family.h"
#include "runtime/engines/onnx/network.h"
#include "tests/support/onnx_bytes.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {

// Answers what the test says and keeps what it was asked.
class ComputedNetwork final : public Network {
 public:
  using Answer = std::function<absl::StatusOr<std::vector<Tensor>>(const std::vector<Tensor>&)>;

  ComputedNetwork(std::vector<PortInfo> inputs, std::vector<PortInfo> outputs, Answer answer)
      : inputs_(std::move(inputs)), outputs_(std::move(outputs)), answer_(std::move(answer)) {}

  const std::vector<PortInfo>& inputs() const override { return inputs_; }
  const std::vector<PortInfo>& outputs() const override { return outputs_; }
  absl::StatusOr<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs,
                                          const CancelToken&) override {
    return answer_(inputs);
  }

 private:
  const std::vector<PortInfo> inputs_;
  const std::vector<PortInfo> outputs_;
  const Answer answer_;
};

inline Tensor Zeros(Shape shape) {
  Tensor tensor;
  tensor.values.assign(static_cast<size_t>(CountElements(shape)), 0.0F);
  tensor.shape = std::move(shape);
  return tensor;
}

inline FamilyParts PartsOf(std::unique_ptr<Network> network) {
  FamilyParts parts;
  parts.networks[kModelRole] = std::move(network);
  return parts;
}

inline Image GreyImage(int width, int height, uint8_t value = 128) {
  auto image = Image::Make(width, height, 1);
  std::fill(image->data(), image->data() + image->size_bytes(), value);
  return *std::move(image);
}

// A file of the test's own, which goes away with it.
class OnnxTestFile {
 public:
  explicit OnnxTestFile(const std::string& bytes, const std::string& name = "network.onnx") {
    path_ = folder_ / name;
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  OnnxTestFile(const OnnxTestFile&) = delete;
  OnnxTestFile& operator=(const OnnxTestFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  TemporaryFolder folder_;
  std::string path_;
};

// Has the ports of an ultralight network of 8×6 pixels with three boxes, and answers parts of its
// input: the first six numbers are the scores, the first twelve the boxes.
inline std::string UltralightBytes() {
  OnnxParts parts;
  parts.weights = {OnnxShapeWeight("flat", {144}),  OnnxShapeWeight("zero", {0}),
                   OnnxShapeWeight("six", {6}),     OnnxShapeWeight("twelve", {12}),
                   OnnxShapeWeight("s", {1, 3, 2}), OnnxShapeWeight("b", {1, 3, 4})};
  parts.nodes = {OnnxNode("Reshape", {"input", "flat"}, {"row"}),
                 OnnxNode("Slice", {"row", "zero", "six"}, {"s6"}),
                 OnnxNode("Slice", {"row", "zero", "twelve"}, {"b12"}),
                 OnnxNode("Reshape", {"s6", "s"}, {"scores"}),
                 OnnxNode("Reshape", {"b12", "b"}, {"boxes"})};
  parts.inputs = {OnnxPortBytes("input", {1, 3, 6, 8})};
  parts.outputs = {OnnxPortBytes("scores", {1, 3, 2}), OnnxPortBytes("boxes", {1, 3, 4})};
  return OnnxModelBytes(parts);
}

inline engine_proto::ModelSpec SpecFor(const std::string& family, const std::string& path,
                                       const std::string& role = "model") {
  engine_proto::ModelSpec spec;
  spec.set_name("test");
  spec.set_engine("onnx");
  spec.set_family(family);
  spec.set_threads(2);
  engine_proto::ModelFile& file = *spec.add_files();
  file.set_role(role);
  file.set_path(path);
  return spec;
}

inline engine_proto::Task TaskOn(const Image& image) {
  engine_proto::Task task;
  engine_proto::PixelBuffer& pixels = *task.mutable_vision()->mutable_image()->mutable_pixels();
  pixels.set_format(image.channels() == 1 ? engine_proto::PIXEL_FORMAT_GREY
                                          : engine_proto::PIXEL_FORMAT_RGB);
  pixels.set_width(static_cast<uint32_t>(image.width()));
  pixels.set_height(static_cast<uint32_t>(image.height()));
  pixels.set_data(reinterpret_cast<const char*>(image.data()), image.size_bytes());
  return task;
}

// Empty where the test data is not there.
inline std::string ReadTestdata(const std::string& path) {
  auto bytes = ReadFile(TestdataPath(path), uint64_t{64} << 20);
  return bytes.ok() ? *std::move(bytes) : std::string();
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_NETWORKS_H_
