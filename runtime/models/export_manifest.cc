#include "runtime/models/export_manifest.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "runtime/base/file.h"
#include "runtime/base/onnx_file.h"
#include "runtime/base/published_languages.h"
#include "runtime/base/reasons.h"
#include "runtime/models/encoder_manifest.h"
#include "runtime/models/pipeline_manifest.h"
#include "runtime/models/translation_capability.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
// Beside "tensor.run" and what a person may add.
constexpr size_t kMaxPairs = 250;

// By the role that the engine knows it under.
using Roles = std::map<std::string, const ExportFile*, std::less<>>;

absl::Status Refused(std::string_view message) { return FieldError("file.name", message); }

// Empty: no file of a model that is known.
std::string RoleOf(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"config.json", "config"},
      {"generation_config.json", "generation-config"},
      {"tokenizer_config.json", "tokenizer-config"},
      {"special_tokens_map.json", "special-tokens"},
      {"vocab.json", "vocabulary"},
      {"source.spm", "source-pieces"},
      {"target.spm", "target-pieces"},
      {"sentencepiece.bpe.model", "pieces"},
  };
  for (const auto& [known, role] : kNames) {
    if (name == known) return std::string(role);
  }
  // "encoder_model.onnx", "encoder_model_quantized.onnx"; the longer names first.
  static constexpr std::pair<std::string_view, std::string_view> kNetworks[] = {
      {"decoder_with_past_model", "decoder-with-past"},
      {"decoder_model_merged", "decoder-merged"},
      {"decoder_model", "decoder"},
      {"encoder_model", "encoder"},
  };
  if (!absl::ConsumeSuffix(&name, ".onnx")) return "";
  for (const auto& [stem, role] : kNetworks) {
    if (name == stem || absl::StartsWith(name, absl::StrCat(stem, "_"))) return std::string(role);
  }
  return "";
}

absl::Status ReadObject(const Roles& roles, std::string_view role, Json& json) {
  json = Json::object();
  const auto found = roles.find(role);
  if (found == roles.end()) return absl::OkStatus();
  const absl::StatusOr<std::string> text = ReadFile(found->second->path, kMaxJsonBytes);
  if (!text.ok()) return text.status();
  json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return absl::OkStatus();
  return MakeError(Reason::kModelCorrupt,
                   absl::StrCat(found->second->file.name, " is no JSON object."));
}

std::string TextOf(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

absl::Status Require(const Roles& roles, std::string_view role, std::string_view name) {
  if (roles.contains(role)) return absl::OkStatus();
  return Refused(absl::StrCat("The model has no ", name, "."));
}

absl::Status CheckNetwork(const ExportFile& file) {
  const absl::StatusOr<OnnxSummary> summary = ReadOnnxFile(file.path);
  if (!summary.ok()) return summary.status();
  const absl::Status contained = CheckOnnxIsSelfContained(*summary);
  if (contained.ok()) return absl::OkStatus();
  return Refused(absl::StrCat(file.file.name, ": ", contained.message()));
}

absl::Status CheckNetworks(const Roles& roles) {
  if (absl::Status status = Require(roles, "encoder", "encoder_model.onnx"); !status.ok()) {
    return status;
  }
  if (!roles.contains("decoder-merged") &&
      !(roles.contains("decoder") && roles.contains("decoder-with-past"))) {
    return Refused(
        "The model has neither decoder_model_merged.onnx nor both decoder_model.onnx and "
        "decoder_with_past_model.onnx.");
  }
  for (const auto& [role, file] : roles) {
    if (!absl::EndsWith(file->file.name, ".onnx")) continue;
    if (absl::Status status = CheckNetwork(*file); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Languages of both sides in the name of an OPUS-MT model: "Helsinki-NLP/opus-mt-tc-big-en-es".
std::pair<std::string, std::string> SidesOfName(std::string_view name) {
  const size_t at = name.rfind("opus-mt-");
  if (at == std::string_view::npos) return {};
  const std::vector<std::string_view> parts =
      absl::StrSplit(name.substr(at + std::string_view("opus-mt-").size()), '-');
  if (parts.size() < 2) return {};
  return {std::string(parts[parts.size() - 2]), std::string(parts.back())};
}

// The vocabulary's ">>es<<".
absl::StatusOr<std::vector<std::string>> TargetsOfVocabulary(const Roles& roles) {
  Json vocabulary;
  absl::Status status = ReadObject(roles, "vocabulary", vocabulary);
  if (!status.ok()) return status;
  std::vector<std::string> codes;
  for (const auto& [word, number] : vocabulary.items()) {
    std::string_view code = word;
    if (absl::ConsumePrefix(&code, ">>") && absl::ConsumeSuffix(&code, "<<")) {
      codes.emplace_back(code);
    }
  }
  std::sort(codes.begin(), codes.end());
  std::vector<std::string> languages;
  for (const auto& [language, place] : PlacesOfLanguages(codes)) languages.push_back(language);
  return languages;
}

void AddPairs(const std::vector<std::string>& sources, const std::vector<std::string>& targets,
              Manifest& manifest) {
  std::vector<std::string> names;
  for (const std::string& source : sources) {
    for (const std::string& target : targets) {
      if (source != target) names.push_back(TranslationCapabilityName(source, target));
    }
  }
  if (names.size() > kMaxPairs) {
    // What both sides have, in the short form.
    const std::set<std::string> known(targets.begin(), targets.end());
    names.clear();
    for (const std::string& source : sources) {
      if (known.contains(source)) names.push_back(TranslationCapabilityName(source, "*"));
    }
  }
  std::sort(names.begin(), names.end());
  if (names.size() > kMaxPairs) names.resize(kMaxPairs);
  manifest.capabilities = std::move(names);
}

absl::Status DescribeMarian(const Roles& roles, const Json& config, Manifest& manifest) {
  for (const auto& [role, name] : {std::pair{"source-pieces", "source.spm"},
                                   {"target-pieces", "target.spm"},
                                   {"vocabulary", "vocab.json"}}) {
    if (absl::Status status = Require(roles, role, name); !status.ok()) return status;
  }
  auto targets = TargetsOfVocabulary(roles);
  if (!targets.ok()) return targets.status();
  Json tokenizer;
  if (absl::Status status = ReadObject(roles, "tokenizer-config", tokenizer); !status.ok()) {
    return status;
  }
  const auto [from, to] = SidesOfName(TextOf(config, "_name_or_path"));
  std::vector<std::string> sources = LanguagesOfPublishedCode(TextOf(tokenizer, "source_lang"));
  if (sources.empty()) sources = LanguagesOfPublishedCode(from);
  if (targets->empty()) *targets = LanguagesOfPublishedCode(TextOf(tokenizer, "target_lang"));
  if (targets->empty()) *targets = LanguagesOfPublishedCode(to);
  if (sources.empty() || targets->empty()) {
    return Refused(
        "Nothing says which languages the model translates between: neither source_lang and "
        "target_lang of tokenizer_config.json, nor _name_or_path of config.json.");
  }
  manifest.parameters["source_languages"] = absl::StrJoin(sources, ",");
  manifest.parameters["target_languages"] = absl::StrJoin(*targets, ",");
  manifest.title = "Translates (OPUS-MT)";
  AddPairs(sources, *targets, manifest);
  return absl::OkStatus();
}

absl::Status DescribeMultilingual(const Roles& roles, Manifest& manifest) {
  if (absl::Status status = Require(roles, "pieces", "sentencepiece.bpe.model"); !status.ok()) {
    return status;
  }
  const bool m2m100 = roles.contains("vocabulary");
  manifest.title = m2m100 ? "Translates (M2M100)" : "Translates (NLLB)";
  std::vector<std::string> codes;
  Json special;
  if (absl::Status status = ReadObject(roles, "special-tokens", special); !status.ok()) {
    return status;
  }
  const auto listed = special.find("additional_special_tokens");
  if (listed != special.end() && listed->is_array()) {
    for (const Json& item : *listed) {
      std::string code = item.is_string()   ? item.get<std::string>()
                         : item.is_object() ? TextOf(item, "content")
                                            : std::string();
      std::string_view bare = code;
      absl::ConsumePrefix(&bare, "__");
      absl::ConsumeSuffix(&bare, "__");
      codes.emplace_back(bare);
    }
  }
  if (codes.empty()) codes = m2m100 ? M2m100Codes() : Nllb200Codes();
  for (const auto& [language, place] : PlacesOfLanguages(codes)) {
    if (manifest.capabilities.size() >= kMaxPairs) break;
    manifest.capabilities.push_back(TranslationCapabilityName(language, "*"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> DescribeEncoder(const std::string& config,
                                         const std::vector<ExportFile>& files) {
  std::vector<ManifestFile> parts;
  for (const ExportFile& file : files) {
    parts.push_back(file.file);
    if (!absl::EndsWith(file.file.name, ".onnx")) continue;
    if (absl::Status status = CheckNetwork(file); !status.ok()) return status;
  }
  absl::StatusOr<Manifest> manifest = ManifestFromEncoder(config, std::move(parts));
  if (!manifest.ok() || manifest->family != "sentence-encoder") return manifest;
  Roles roles;
  for (const ExportFile& file : files) {
    if (file.file.name == "1_Pooling/config.json") roles.emplace("pooling", &file);
  }
  // Sentence Transformers' word on it, where it is there; else what is known of the name.
  Json pooling;
  if (absl::Status status = ReadObject(roles, "pooling", pooling); !status.ok()) return status;
  const auto is = [&](const char* key) {
    const auto found = pooling.find(key);
    return found != pooling.end() && found->is_boolean() && found->get<bool>();
  };
  if (is("pooling_mode_cls_token")) manifest->parameters["pooling"] = "cls";
  if (is("pooling_mode_mean_tokens")) manifest->parameters["pooling"] = "mean";
  return manifest;
}

}  // namespace

absl::StatusOr<Manifest> ManifestFromExport(const std::vector<ExportFile>& files) {
  Roles roles;
  for (const ExportFile& file : files) {
    if (file.file.name == "model_index.json") return ManifestFromPipeline(files);
    if (file.file.name != "config.json") continue;
    const absl::StatusOr<std::string> config = ReadFile(file.path, kMaxJsonBytes);
    if (!config.ok()) return config.status();
    if (IsEncoderConfig(*config)) return DescribeEncoder(*config, files);
  }
  for (const ExportFile& file : files) {
    const std::string role = RoleOf(file.file.name);
    if (role.empty()) continue;
    const auto [found, added] = roles.emplace(role, &file);
    if (!added) {
      return Refused(absl::StrCat("Two files are the same part of the model: ",
                                  found->second->file.name, " and ", file.file.name, "."));
    }
  }
  if (absl::Status status = Require(roles, "config", "config.json"); !status.ok()) return status;
  Json config;
  if (absl::Status status = ReadObject(roles, "config", config); !status.ok()) return status;
  const std::string kind = TextOf(config, "model_type");
  if (kind != "marian" && kind != "m2m_100") {
    return Refused(absl::StrCat("Models of the kind \"", kind,
                                "\" are not known; those of several files that are: marian "
                                "(OPUS-MT), m2m_100 (M2M100 and NLLB)."));
  }
  if (absl::Status status = CheckNetworks(roles); !status.ok()) return status;
  Manifest manifest;
  manifest.engine = "onnx";
  manifest.family = "seq2seq";
  manifest.license = "unknown";
  manifest.rank = 20;
  absl::Status status = kind == "marian" ? DescribeMarian(roles, config, manifest)
                                         : DescribeMultilingual(roles, manifest);
  if (!status.ok()) return status;
  // One decoder is enough, and the merged one takes half the memory.
  if (roles.contains("decoder-merged")) {
    roles.erase("decoder");
    roles.erase("decoder-with-past");
  }
  for (const auto& [role, file] : roles) {
    ManifestFile& added = manifest.files.emplace_back(file->file);
    added.role = role;
  }
  return manifest;
}

}  // namespace intelligenced
