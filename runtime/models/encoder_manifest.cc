#include "runtime/models/encoder_manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxLine = 200;
// Among models of one capability: more than nothing, less than what a person chose.
constexpr int kRank = 20;

Json Parse(std::string_view config) {
  return Json::parse(config, nullptr, /*allow_exceptions=*/false);
}

std::string Architecture(const Json& json) {
  if (!json.is_object()) return "";
  const auto list = json.find("architectures");
  if (list == json.end() || !list->is_array() || list->empty() || !(*list)[0].is_string()) {
    return "";
  }
  return (*list)[0].get<std::string>();
}

std::string Text(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return "";
  std::string text = found->get<std::string>().substr(0, kMaxLine);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

std::string_view FamilyOf(std::string_view architecture) {
  if (absl::EndsWith(architecture, "ForSequenceClassification")) return "text-classifier";
  if (absl::EndsWith(architecture, "ForTokenClassification")) return "token-classifier";
  if (absl::EndsWith(architecture, "BertModel") || absl::EndsWith(architecture, "ForMaskedLM") ||
      architecture == "NewModel") {
    return "sentence-encoder";
  }
  return "";
}

// Labels that name moods.
bool AreMoods(const Json& json) {
  const auto labels = json.find("id2label");
  if (labels == json.end() || !labels->is_object()) return false;
  bool positive = false, negative = false;
  for (const auto& [id, label] : labels->items()) {
    if (!label.is_string()) return false;
    const std::string word = absl::AsciiStrToLower(label.get<std::string>());
    positive |= absl::StartsWith(word, "pos") || word == "5 stars" || word == "joy";
    negative |= absl::StartsWith(word, "neg") || word == "1 star" || word == "sadness";
  }
  return positive && negative;
}

absl::Status Missing(std::string_view what) {
  return FieldError("file", absl::StrCat("These files are no whole encoder of text: ", what, "."));
}

}  // namespace

bool IsEncoderConfig(std::string_view config) {
  return !FamilyOf(Architecture(Parse(config))).empty();
}

absl::StatusOr<Manifest> ManifestFromEncoder(std::string_view config,
                                             std::vector<ManifestFile> files) {
  const Json json = Parse(config);
  const std::string architecture = Architecture(json);
  Manifest manifest;
  manifest.engine = "onnx";
  manifest.family = std::string(FamilyOf(architecture));
  if (manifest.family.empty()) {
    return Missing(absl::StrCat("the architecture ",
                                architecture.empty() ? "is not named" : architecture,
                                architecture.empty() ? "" : " is not known", " in config.json"));
  }
  manifest.license = "unknown";
  manifest.rank = kRank;
  const std::string name = Text(json, "_name_or_path");
  manifest.description = absl::StrCat(architecture, name.empty() ? "" : ", made from ", name);
  if (manifest.family == "sentence-encoder") {
    manifest.title = "Turns texts into vectors";
    manifest.capabilities = {"language.embed"};
    // Published with the vector of the first token; others take the mean.
    const std::string known = absl::AsciiStrToLower(name);
    if (absl::StrContains(known, "bge") || absl::StrContains(known, "arctic-embed") ||
        absl::StrContains(known, "mxbai")) {
      manifest.parameters["pooling"] = "cls";
    }
  } else if (manifest.family == "text-classifier") {
    manifest.title = "Sorts texts into classes";
    manifest.capabilities = {"language.classify"};
    if (AreMoods(json)) manifest.capabilities.emplace_back("language.classify-sentiment");
  } else {
    manifest.title = "Finds names in texts";
    manifest.capabilities = {"language.find-entities"};
  }
  manifest.capabilities.emplace_back(kTensorCapability);
  const bool has_json =
      absl::c_any_of(files, [](const ManifestFile& file) { return file.name == "tokenizer.json"; });
  int networks = 0, tokenizers = 0, configs = 0;
  for (ManifestFile& file : files) {
    if (absl::EndsWith(file.name, ".onnx")) {
      file.role = "model";
      ++networks;
    } else if (file.name == "tokenizer.json" || (file.name == "vocab.txt" && !has_json)) {
      file.role = "tokenizer";
      ++tokenizers;
    } else if (file.name == "config.json") {
      file.role = "config";
      ++configs;
    } else if (file.name == "tokenizer_config.json") {
      file.role = "tokenizer-config";
    } else {
      continue;
    }
    manifest.files.push_back(std::move(file));
  }
  if (configs == 0) return Missing("config.json is missing");
  if (tokenizers == 0) return Missing("tokenizer.json or vocab.txt is missing");
  if (networks == 0) return Missing("the network (model.onnx) is missing");
  if (networks > 1) return Missing("there is more than one network; give the one to be used");
  return manifest;
}

}  // namespace intelligenced
