// ONNX files made by hand, field by field: small networks, and broken ones.
#ifndef INTELLIGENCED_TESTS_SUPPORT_ONNX_BYTES_H_
#define INTELLIGENCED_TESTS_SUPPORT_ONNX_BYTES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace intelligenced {

inline std::string OnnxVarint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

inline std::string OnnxNumber(int field, uint64_t value) {
  return OnnxVarint(static_cast<uint64_t>(field) << 3) + OnnxVarint(value);
}

inline std::string OnnxBytes(int field, std::string_view bytes) {
  return OnnxVarint(static_cast<uint64_t>(field) << 3 | 2) + OnnxVarint(bytes.size()) +
         std::string(bytes);
}

// An input or output; -1 in the shape: any extent. 1: 32-bit floats.
inline std::string OnnxPortBytes(std::string_view name, const std::vector<int64_t>& shape,
                                 int element_type = 1) {
  std::string dimensions;
  for (const int64_t extent : shape) {
    dimensions += OnnxBytes(1, extent < 0 ? OnnxBytes(2, "n") : OnnxNumber(1, extent));
  }
  const std::string tensor = OnnxNumber(1, element_type) + OnnxBytes(2, dimensions);
  return OnnxBytes(1, name) + OnnxBytes(2, OnnxBytes(1, tensor));
}

inline std::string OnnxNode(std::string_view op, std::initializer_list<std::string_view> inputs,
                            std::initializer_list<std::string_view> outputs,
                            std::string_view domain = "", std::string_view attributes = "") {
  std::string node;
  for (const std::string_view input : inputs) node += OnnxBytes(1, input);
  for (const std::string_view output : outputs) node += OnnxBytes(2, output);
  node += OnnxBytes(4, op);
  node += attributes;
  if (!domain.empty()) node += OnnxBytes(7, domain);
  return node;
}

// Weights: whole numbers of 64 bits (a shape), or floats that lie in the file `external`.
inline std::string OnnxShapeWeight(std::string_view name, const std::vector<int64_t>& values) {
  std::string packed;
  for (const int64_t value : values) packed += OnnxVarint(static_cast<uint64_t>(value));
  return OnnxNumber(1, values.size()) + OnnxNumber(2, 7) + OnnxBytes(7, packed) +
         OnnxBytes(8, name);
}
inline std::string OnnxExternalWeight(std::string_view name, std::string_view external) {
  return OnnxNumber(1, 1) + OnnxNumber(2, 1) + OnnxBytes(8, name) +
         OnnxBytes(13, OnnxBytes(1, "location") + OnnxBytes(2, external)) + OnnxNumber(14, 1);
}

struct OnnxParts {
  std::vector<std::string> nodes;
  std::vector<std::string> weights;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  // Domains beside ONNX's own.
  std::vector<std::string> domains;
  std::string rest;
};

inline std::string OnnxModelBytes(const OnnxParts& parts) {
  std::string graph;
  for (const std::string& node : parts.nodes) graph += OnnxBytes(1, node);
  graph += OnnxBytes(2, "graph");
  for (const std::string& weight : parts.weights) graph += OnnxBytes(5, weight);
  for (const std::string& input : parts.inputs) graph += OnnxBytes(11, input);
  for (const std::string& output : parts.outputs) graph += OnnxBytes(12, output);
  std::string model = OnnxNumber(1, 8) + OnnxBytes(2, "by hand") + OnnxBytes(7, graph);
  model += OnnxBytes(8, OnnxBytes(1, "") + OnnxNumber(2, 13));
  for (const std::string& domain : parts.domains) {
    model += OnnxBytes(8, OnnxBytes(1, domain) + OnnxNumber(2, 1));
  }
  return model + parts.rest;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_SUPPORT_ONNX_BYTES_H_
