// The translators of packaging/models/toy-translator, and what the plain reference makes of texts.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_SEQ2SEQ_TOY_TRANSLATORS_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_SEQ2SEQ_TOY_TRANSLATORS_H_

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "runtime/engine/engine.h"
#include "tests/support/paths.h"

namespace intelligenced {

inline constexpr char kOpusToy[] = "opus-mt-en-toy";
inline constexpr char kTinyM2m100[] = "tiny-m2m100";
inline constexpr char kTinyNllb[] = "tiny-nllb";

inline std::string ToyFolder() { return SourcePath("packaging/models/toy-translator"); }

// Files that there are, with their roles; either the two decoders or the merged one.
inline engine_proto::ModelSpec ToySpec(const std::string& model, bool merged = false,
                                       uint32_t threads = 1) {
  const std::pair<const char*, const char*> files[] = {
      {"config", "config.json"},
      {"generation-config", "generation_config.json"},
      {"tokenizer-config", "tokenizer_config.json"},
      {"special-tokens", "special_tokens_map.json"},
      {"vocabulary", "vocab.json"},
      {"source-pieces", "source.spm"},
      {"target-pieces", "target.spm"},
      {"pieces", "sentencepiece.bpe.model"},
      {"encoder", "encoder_model.onnx"},
      {"decoder", "decoder_model.onnx"},
      {"decoder-with-past", "decoder_with_past_model.onnx"},
      {"decoder-merged", "decoder_model_merged.onnx"},
  };
  engine_proto::ModelSpec spec;
  spec.set_name(model);
  spec.set_engine("onnx");
  spec.set_family("seq2seq");
  spec.set_threads(threads);
  for (const auto& [role, name] : files) {
    const std::string path = ToyFolder() + "/" + model + "/" + name;
    const bool is_merged = std::string_view(role) == "decoder-merged";
    const bool is_split = !is_merged && std::string_view(role).starts_with("decoder");
    if (!std::filesystem::exists(path) || (merged ? is_split : is_merged)) continue;
    engine_proto::ModelFile& file = *spec.add_files();
    file.set_role(role);
    file.set_path(path);
  }
  return spec;
}

struct GoldenRun {
  uint32_t beams = 1;
  float length_penalty = 1;
  std::vector<int64_t> tokens;
  std::string text;
};

struct GoldenCase {
  std::string model;
  std::string source;
  std::string target;
  std::string text;
  std::vector<int64_t> input;
  std::vector<GoldenRun> runs;
};

inline std::vector<GoldenCase> GoldenCases(const std::string& model) {
  std::ifstream file(ToyFolder() + "/golden.json");
  const nlohmann::json json = nlohmann::json::parse(file);
  std::vector<GoldenCase> cases;
  for (const auto& item : json) {
    if (item["model"] != model) continue;
    GoldenCase made = {item["model"], item["source"], item["target"],
                       item["text"],  item["input"],  {}};
    for (const auto& run : item["runs"]) {
      made.runs.push_back({run["beams"], run["length_penalty"], run["tokens"], run["text"]});
    }
    cases.push_back(std::move(made));
  }
  return cases;
}

inline engine_proto::Task TranslateToyTask(const std::vector<std::string>& texts,
                                           const std::string& target = "qaa",
                                           const std::string& source = "en") {
  engine_proto::Task task;
  engine_proto::TranslateTask& translate = *task.mutable_translate();
  translate.set_source_language(source);
  translate.set_target_language(target);
  for (const std::string& text : texts) translate.add_segments()->set_text(text);
  return task;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_SEQ2SEQ_TOY_TRANSLATORS_H_
