// CheckAdapter and CheckProjector of gguf_metadata.h.
#include <map>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/models/gguf_metadata.h"

namespace intelligenced {
namespace {

constexpr std::string_view kDown = ".lora_a";
constexpr std::string_view kUp = ".lora_b";

// The two halves of what is added to one matrix.
struct Pair {
  const GgufTensor* down = nullptr;
  const GgufTensor* up = nullptr;
};

absl::Status Unfit(std::string_view what) {
  return FieldError("function.file", absl::StrCat("The adapter does not fit this model: ", what,
                                                  ". Use the base that it was trained on."));
}

std::string Shape(uint64_t columns, uint64_t rows) { return absl::StrCat(columns, " x ", rows); }

absl::Status CheckPair(std::string_view name, const Pair& pair, const GgufTensor& base) {
  if (pair.down == nullptr || pair.up == nullptr) {
    return Unfit(absl::StrCat("it has only one half of its change to ", name));
  }
  // What is looked up by row, not multiplied, is kept the other way round.
  const bool lookup = name == "token_embd.weight";
  const uint64_t columns = lookup ? pair.up->rows : pair.down->columns;
  const uint64_t rows = lookup ? pair.down->rows : pair.up->rows;
  if (columns != base.columns || rows != base.rows) {
    return Unfit(absl::StrCat(name, " is ", Shape(columns, rows), " in the adapter and ",
                              Shape(base.columns, base.rows), " in the model"));
  }
  if (!lookup && pair.down->rows != pair.up->columns) {
    return Unfit(absl::StrCat("the two halves of its change to ", name, " do not fit each other"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAdapter(const GgufMetadata& adapter, const GgufMetadata& base) {
  if (adapter.type != "adapter") {
    return FieldError("function.file",
                      absl::StrCat("The file is no adapter: it says that it is '",
                                   adapter.type.empty() ? "model" : adapter.type, "'."));
  }
  if (adapter.adapter_type != "lora") {
    return FieldError("function.file", absl::StrCat("Only LoRA adapters are known, not '",
                                                    adapter.adapter_type, "'."));
  }
  if (adapter.architecture != base.architecture) {
    return Unfit(absl::StrCat("it is for the architecture ", adapter.architecture,
                              ", the model is ", base.architecture));
  }
  std::map<std::string_view, const GgufTensor*> matrices;
  for (const GgufTensor& tensor : base.shapes) matrices[tensor.name] = &tensor;
  std::map<std::string_view, Pair> pairs;
  for (const GgufTensor& tensor : adapter.shapes) {
    std::string_view name = tensor.name;
    if (absl::ConsumeSuffix(&name, kDown)) {
      pairs[name].down = &tensor;
    } else if (absl::ConsumeSuffix(&name, kUp)) {
      pairs[name].up = &tensor;
    }
  }
  if (pairs.empty()) return Unfit("it changes nothing");
  for (const auto& [name, pair] : pairs) {
    const auto found = matrices.find(name);
    if (found == matrices.end()) return Unfit(absl::StrCat("the model has no matrix ", name));
    if (absl::Status status = CheckPair(name, pair, *found->second); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckProjector(const GgufMetadata& projector, const GgufMetadata& base) {
  if (projector.architecture != "clip") {
    return FieldError("projector.file",
                      absl::StrCat("This file is no projector: it is of the architecture '",
                                   projector.architecture, "'. Choose the model's mmproj file."));
  }
  if (!projector.sees) {
    return FieldError("projector.file", "This projector is not for pictures.");
  }
  uint64_t width = 0;
  for (const GgufTensor& tensor : base.shapes) {
    if (tensor.name == "token_embd.weight") width = tensor.columns;
  }
  // The last matrix, where it is known which one that is.
  for (const GgufTensor& tensor : projector.shapes) {
    uint64_t out = 0;
    if (tensor.name == "mm.2.weight" || tensor.name == "mm.model.fc.weight") out = tensor.rows;
    if (tensor.name == "mm.input_projection.weight") out = tensor.columns;
    if (out == 0 || width == 0 || out == width) continue;
    return FieldError("projector.file",
                      absl::StrCat("The projector does not fit this model: it gives rows of ", out,
                                   " numbers, the model takes ", width,
                                   ". Use the projector that came with the model."));
  }
  return absl::OkStatus();
}

}  // namespace intelligenced
