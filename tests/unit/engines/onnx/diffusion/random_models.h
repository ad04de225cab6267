// The models of random weights that the build makes (packaging/models/random_diffusion.py), whole
// or with files changed.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_DIFFUSION_RANDOM_MODELS_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_DIFFUSION_RANDOM_MODELS_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {

// A copy of one of them, which goes away with it.
class RandomModel {
 public:
  // "pixel", "external" or "latent".
  explicit RandomModel(const std::string& kind) {
    std::filesystem::copy(BuildPath("tests/unit/engines/onnx/diffusion/" + kind), folder_,
                          std::filesystem::copy_options::recursive);
  }
  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

  void Put(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
  }
  // Replaces text in a file that has it.
  void Change(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = *ReadFile(folder_ + "/" + name, uint64_t{1} << 24);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << name << ": " << from;
    Put(name, text.replace(at, from.size(), to));
  }
  void Remove(const std::string& name) const {
    ASSERT_TRUE(std::filesystem::remove(folder_ + "/" + name)) << name;
  }

  // Of the files that are there.
  engine_proto::ModelSpec Spec() const {
    const std::pair<const char*, const char*> files[] = {
        {"model-index", "model_index.json"},
        {"vocabulary", "tokenizer/vocab.json"},
        {"merges", "tokenizer/merges.txt"},
        {"tokenizer-config", "tokenizer/tokenizer_config.json"},
        {"text-encoder", "text_encoder/model.onnx"},
        {"unet", "unet/model.onnx"},
        {"unet-weights", "unet/model.onnx_data"},
        {"unet-config", "unet/config.json"},
        {"vae-decoder", "vae_decoder/model.onnx"},
        {"vae-decoder-config", "vae_decoder/config.json"},
        {"vae-encoder", "vae_encoder/model.onnx"},
        {"scheduler-config", "scheduler/scheduler_config.json"},
    };
    engine_proto::ModelSpec spec;
    spec.set_name("random");
    spec.set_engine("onnx");
    spec.set_family("diffusion");
    spec.set_threads(2);
    for (const auto& [role, name] : files) {
      if (!std::filesystem::exists(folder_ + "/" + name)) continue;
      engine_proto::ModelFile& file = *spec.add_files();
      file.set_role(role);
      file.set_path(folder_ + "/" + name);
    }
    return spec;
  }

 private:
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

inline engine_proto::Task Imagine(const std::string& prompt, uint64_t seed = 7) {
  engine_proto::Task task;
  task.mutable_generate_image()->set_prompt(prompt);
  task.mutable_generate_image()->set_seed(seed);
  return task;
}

// What a job says until it ends.
struct Told {
  std::vector<engine_proto::ImageStep> steps;
  std::vector<engine_proto::GeneratedImage> images;
  bool completed = false;
  absl::Status status;
  int units = 0;
};

// One unit at a time; cancels `source` before the unit of that number.
inline Told RunJob(Model& model, const engine_proto::Task& task, int cancel_at = -1,
                   const Attachments& attachments = {}) {
  Told told;
  CancelSource source;
  auto job = model.StartWith(task, attachments, source.token());
  if (!job.ok()) {
    told.status = job.status();
    return told;
  }
  Job* const jobs[] = {job->get()};
  while (true) {
    if (told.units == cancel_at) source.Cancel();
    auto outputs = model.Step(jobs, {.budget = absl::ZeroDuration()});
    ++told.units;
    if (!outputs.ok()) {
      told.status = outputs.status();
      return told;
    }
    for (engine_proto::Event& event : outputs->front().events) {
      if (event.has_image_step()) told.steps.push_back(*event.mutable_image_step());
      if (event.has_generated_image()) told.images.push_back(*event.mutable_generated_image());
      told.completed |= event.has_completed();
    }
    told.status = outputs->front().status;
    if (outputs->front().done) return told;
  }
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_ONNX_DIFFUSION_RANDOM_MODELS_H_
