// Sentences a second of a translating model in ONNX, one request of 16 sentences against 16
// requests of one, greedy and with four beams.
//
// usage: seq2seq_batch FOLDER [TARGET]
// FOLDER is one of packaging/models/toy-translator, or another OPUS-MT export from English. Prints
// both figures, their ratio, and the longest step.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/engines/onnx/onnx_engine.h"

namespace intelligenced {
namespace {

constexpr int kSentences = 16;
constexpr int kRounds = 12;

engine_proto::ModelSpec SpecOf(const std::string& folder) {
  const std::pair<const char*, const char*> files[] = {
      {"config", "config.json"},
      {"generation-config", "generation_config.json"},
      {"tokenizer-config", "tokenizer_config.json"},
      {"vocabulary", "vocab.json"},
      {"source-pieces", "source.spm"},
      {"target-pieces", "target.spm"},
      {"encoder", "encoder_model.onnx"},
      {"decoder-merged", "decoder_model_merged.onnx"},
  };
  engine_proto::ModelSpec spec;
  spec.set_family("seq2seq");
  for (const auto& [role, name] : files) {
    if (!std::filesystem::exists(folder + "/" + name)) continue;
    engine_proto::ModelFile& file = *spec.add_files();
    file.set_role(role);
    file.set_path(folder + "/" + name);
  }
  return spec;
}

// Sentences of six to sixteen words.
std::vector<std::string> Sentences() {
  const char* const kNouns[] = {"king", "dog",   "garden", "teacher",
                                "ship", "river", "door",   "song"};
  const char* const kVerbs[] = {"sees", "follows", "hears", "paints"};
  std::vector<std::string> sentences;
  for (int i = 0; i < kSentences; ++i) {
    std::string text = std::string("The old ") + kNouns[i % 8] + " " + kVerbs[i % 4] + " the big " +
                       kNouns[(i + 3) % 8];
    if (i % 3 == 0) text += std::string(" near the ") + kNouns[(i + 5) % 8];
    if (i % 4 == 1) text += std::string(" and a child ") + kVerbs[(i + 1) % 4] + " the cat";
    sentences.push_back(text + ".");
  }
  return sentences;
}

// Runs the task to its end and gives the longest step.
absl::Duration Run(Model& model, const engine_proto::Task& task) {
  auto job = model.Start(task, {});
  absl::Duration longest;
  Job* const jobs[] = {job.ok() ? job->get() : nullptr};
  for (bool done = !job.ok(); !done;) {
    const absl::Time begin = absl::Now();
    auto outputs = model.Step(jobs, {.budget = absl::ZeroDuration()});
    longest = std::max(longest, absl::Now() - begin);
    done = !outputs.ok() || outputs->front().done;
    if (!outputs.ok() || !outputs->front().status.ok()) std::cerr << "the model failed\n";
  }
  return longest;
}

int Measure(const std::string& folder, const std::string& target) {
  const auto engine = MakeOnnxEngine();
  const auto model = engine->Load(SpecOf(folder), {});
  if (!model.ok()) {
    std::cerr << model.status().message() << "\n";
    return 1;
  }
  const std::vector<std::string> sentences = Sentences();
  for (const int beams : {1, 4}) {
    engine_proto::Task all;
    std::vector<engine_proto::Task> single(kSentences);
    for (int i = 0; i < kSentences; ++i) {
      for (engine_proto::Task* task : {&all, &single[i]}) {
        engine_proto::TranslateTask& translate = *task->mutable_translate();
        translate.set_source_language("en");
        translate.set_target_language(target);
        translate.set_beam_size(beams);
        translate.add_segments()->set_text(sentences[i]);
      }
    }
    // In turns, so that other load of the machine meets both; the best of each.
    absl::Duration one_by_one = absl::InfiniteDuration(), batch = absl::InfiniteDuration(), longest;
    for (int round = 0; round < kRounds; ++round) {
      absl::Time begin = absl::Now();
      for (const engine_proto::Task& task : single) Run(**model, task);
      one_by_one = std::min(one_by_one, absl::Now() - begin);
      begin = absl::Now();
      longest = std::max(longest, Run(**model, all));
      batch = std::min(batch, absl::Now() - begin);
    }
    std::printf(
        "%d beam%s: %d requests of one %.0f sentences/s, one of %d %.0f sentences/s: %.1f "
        "times; longest step %.1f ms\n",
        beams, beams == 1 ? "" : "s", kSentences, kSentences / absl::ToDoubleSeconds(one_by_one),
        kSentences, kSentences / absl::ToDoubleSeconds(batch),
        absl::FDivDuration(one_by_one, batch), absl::ToDoubleMilliseconds(longest));
  }
  return 0;
}

}  // namespace
}  // namespace intelligenced

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: seq2seq_batch FOLDER [TARGET]\n";
    return 2;
  }
  return intelligenced::Measure(argv[1], argc > 2 ? argv[2] : "qaa");
}
