#include "runtime/engines/onnx/seq2seq/translator.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/seq2seq/translate_job.h"

namespace intelligenced {
namespace {

constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;
// Jobs of one step take turns; each has groups of its own.
constexpr uint32_t kMaxJobs = 16;
// Rows with which it is seen, after loading, how long runs take.
constexpr size_t kWarmUpRows = 8;

class Translator final : public TextFamily {
 public:
  explicit Translator(TranslatorCore core) : core_(std::move(core)) {}

  void Describe(engine_proto::ModelInfo* info) const override {
    info->add_task_kinds(engine_proto::TASK_KIND_TRANSLATE);
    info->set_max_batch(kMaxJobs);
    engine_proto::TranslationInfo& translation = *info->mutable_translation();
    for (auto& [source, target] : core_.tokenizer->Pairs()) {
      engine_proto::LanguagePair& pair = *translation.add_pairs();
      pair.set_source_language(source);
      pair.set_target_language(target);
    }
    translation.set_sentences(true);
    translation.set_max_segment_tokens(core_.config.max_positions);
  }

  bool Serves(engine_proto::Task::KindCase kind) const override {
    return kind == engine_proto::Task::kTranslate;
  }

  absl::StatusOr<std::unique_ptr<OnnxJob>> Start(const engine_proto::Task& task,
                                                 CancelToken cancel) override {
    return MakeTranslateJob(&core_, task.translate(), std::move(cancel));
  }

  // Two tokens of answer for some empty texts.
  absl::Status WarmUp(const CancelToken& cancel) {
    const std::vector<std::vector<int64_t>> sources(kWarmUpRows, {core_.config.search.end});
    absl::Time begin = core_.clock->Now();
    auto batch = core_.networks->Encode(sources, cancel);
    if (!batch.ok()) return batch.status();
    std::vector<SearchRow> rows;
    for (size_t i = 0; i < kWarmUpRows; ++i) {
      rows.push_back({.before = i, .token = core_.config.search.start});
    }
    for (int step = 0; step < 2; ++step) {
      begin = core_.clock->Now();
      if (absl::Status status = (*batch)->Step(rows, cancel); !status.ok()) return status;
    }
    core_.pace.SawDecoder(rows.size(), core_.clock->Now() - begin);
    return absl::OkStatus();
  }

 private:
  TranslatorCore core_;
};

std::vector<std::string> ListOf(const TextFamilyParts& parts, std::string_view parameter) {
  std::vector<std::string> words;
  const auto found = parts.parameters.find(parameter);
  if (found == parts.parameters.end()) return words;
  for (const std::string_view word : absl::StrSplit(found->second, ',', absl::SkipWhitespace())) {
    words.emplace_back(absl::StripAsciiWhitespace(word));
  }
  return words;
}

absl::StatusOr<Seq2SeqConfig> ReadConfig(const TextFamilyParts& parts) {
  const auto config = parts.paths.find("config");
  if (config == parts.paths.end()) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model has no file with the role \"config\" (config.json in the published "
                     "layout).");
  }
  const absl::StatusOr<std::string> text = ReadFile(config->second, kMaxConfigBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::string> generation = std::string();
  if (const auto more = parts.paths.find("generation-config"); more != parts.paths.end()) {
    generation = ReadFile(more->second, kMaxConfigBytes);
    if (!generation.ok()) return generation.status();
  }
  return ParseSeq2SeqConfig(*text, *generation);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextFamily>> MakeTranslator(TextFamilyParts parts) {
  auto config = ReadConfig(parts);
  if (!config.ok()) return config.status();
  TranslatorCore core;
  core.config = *std::move(config);
  core.clock = parts.clock;
  const TokenizerParts tokenizer_parts = {.paths = parts.paths,
                                          .end = core.config.search.end,
                                          .padding = core.config.search.padding,
                                          .sources = ListOf(parts, "source_languages"),
                                          .targets = ListOf(parts, "target_languages")};
  auto tokenizer = core.config.model_type == "marian" ? LoadMarianTokenizer(tokenizer_parts)
                                                      : LoadMultilingualTokenizer(tokenizer_parts);
  if (!tokenizer.ok()) return tokenizer.status();
  core.tokenizer = *std::move(tokenizer);
  if (core.tokenizer->size() > core.config.vocabulary) {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("The tokenizer knows ", core.tokenizer->size(), " tokens and the network ",
                     core.config.vocabulary, ": they are not of one model."));
  }
  const auto session = [&](std::string_view role) {
    const auto found = parts.sessions.find(role);
    return found == parts.sessions.end() ? nullptr : found->second;
  };
  auto networks = TranslationNetworks::Make({.encoder = session("encoder"),
                                             .decoder = session("decoder"),
                                             .with_past = session("decoder-with-past"),
                                             .merged = session("decoder-merged")},
                                            core.config);
  if (!networks.ok()) return networks.status();
  core.networks = *std::move(networks);
  auto translator = std::make_unique<Translator>(std::move(core));
  const absl::Status warm = translator->WarmUp(parts.cancel);
  if (!warm.ok() && !parts.cancel.cancelled()) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The networks load, but do not do their work: ", warm.message()));
  }
  if (!warm.ok()) return warm;
  return translator;
}

}  // namespace intelligenced
