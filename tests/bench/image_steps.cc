// What a denoising step costs in the engine against a plain loop of ONNX Runtime over the same
// network: the same shapes, the same number of threads, in turns, in one process.
//
// usage: image_steps FOLDER [STEPS]
// FOLDER is a model in the layout of runtime/engines/onnx/diffusion/README.md. Prints one line of
// JSON: the median step of both in milliseconds, their ratio, the whole picture's time, and the
// longest time from a cancel to the job's end.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/engines/onnx/onnx_engine.h"

namespace intelligenced {
namespace {

constexpr int kRounds = 5;

int Threads() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

engine_proto::ModelSpec SpecOf(const std::string& folder) {
  const std::pair<const char*, const char*> files[] = {
      {"model-index", "model_index.json"},
      {"vocabulary", "tokenizer/vocab.json"},
      {"merges", "tokenizer/merges.txt"},
      {"tokenizer-config", "tokenizer/tokenizer_config.json"},
      {"text-encoder", "text_encoder/model.onnx"},
      {"unet", "unet/model.onnx"},
      {"unet-config", "unet/config.json"},
      {"transformer", "transformer/model.onnx"},
      {"transformer-config", "transformer/config.json"},
      {"vae-decoder", "vae_decoder/model.onnx"},
      {"vae-decoder-config", "vae_decoder/config.json"},
      {"vae-encoder", "vae_encoder/model.onnx"},
      {"scheduler-config", "scheduler/scheduler_config.json"},
  };
  engine_proto::ModelSpec spec;
  spec.set_name("bench");
  spec.set_family("diffusion");
  spec.set_threads(static_cast<uint32_t>(Threads()));
  for (const auto& [role, name] : files) {
    if (!std::filesystem::exists(folder + "/" + name)) continue;
    engine_proto::ModelFile& file = *spec.add_files();
    file.set_role(role);
    file.set_path(folder + "/" + name);
  }
  return spec;
}

absl::Duration Median(std::vector<absl::Duration> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

engine_proto::Task TaskOf(uint32_t steps) {
  engine_proto::Task task;
  task.mutable_generate_image()->set_prompt("a red car under a yellow sun");
  task.mutable_generate_image()->set_steps(steps);
  task.mutable_generate_image()->set_guidance_scale(3);
  task.mutable_generate_image()->set_seed(1);
  return task;
}

[[noreturn]] void Fail(const absl::Status& status) {
  std::cerr << status << "\n";
  std::exit(1);
}

// Times of the units that were steps; `whole` is the picture's.
std::vector<absl::Duration> Generate(Model& model, uint32_t steps, absl::Duration& whole) {
  auto job = model.Start(TaskOf(steps), {});
  if (!job.ok()) Fail(job.status());
  Job* const jobs[] = {job->get()};
  std::vector<absl::Duration> times;
  const absl::Time start = absl::Now();
  while (true) {
    const absl::Time begin = absl::Now();
    auto outputs = model.Step(jobs, {.budget = absl::ZeroDuration()});
    if (!outputs.ok()) Fail(outputs.status());
    if (!outputs->front().status.ok()) Fail(outputs->front().status);
    times.push_back(absl::Now() - begin);
    if (outputs->front().done) break;
  }
  whole = absl::Now() - start;
  // Behind the steps comes one picture; before them reading, text and drawing noise.
  times.pop_back();
  return {times.end() - static_cast<ptrdiff_t>(steps), times.end()};
}

// From a cancel in the middle of a step to the end of the job.
absl::Duration CancelTime(Model& model, uint32_t steps, absl::Duration into) {
  CancelSource source;
  auto job = model.Start(TaskOf(steps), source.token());
  if (!job.ok()) Fail(job.status());
  Job* const jobs[] = {job->get()};
  absl::Time cancelled;
  std::thread canceller([&] {
    absl::SleepFor(into);
    cancelled = absl::Now();
    source.Cancel();
  });
  for (bool done = false; !done;) {
    auto outputs = model.Step(jobs, {.budget = absl::ZeroDuration()});
    done = !outputs.ok() || outputs->front().done;
  }
  const absl::Time end = absl::Now();
  canceller.join();
  return std::max(end - cancelled, absl::ZeroDuration());
}

// The network by itself, with made-up numbers of the same shapes.
class PlainLoop {
 public:
  // `states`: what the text encoder gives.
  PlainLoop(const std::string& path, const std::vector<int64_t>& states, int64_t height,
            int64_t width)
      : session_(env_, path.c_str(), Options()) {
    const Ort::AllocatorWithDefaultOptions allocator;
    for (size_t i = 0; i < session_.GetInputCount(); ++i) {
      names_.push_back(session_.GetInputNameAllocated(i, allocator).get());
      const auto type = session_.GetInputTypeInfo(i);
      const auto info = type.GetTensorTypeAndShapeInfo();
      std::vector<int64_t> shape = info.GetShape();
      if (names_.back() == "sample") {
        shape = {2, shape[1], height, width};
      } else if (names_.back() == "timestep") {
        for (int64_t& extent : shape) extent = extent > 0 ? extent : 1;
      } else {
        shape = {2, states[1] > 0 ? states[1] : 77, shape[2] > 0 ? shape[2] : states[2]};
      }
      values_.push_back(
          Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), info.GetElementType()));
      const size_t count = values_.back().GetTensorTypeAndShapeInfo().GetElementCount();
      if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
        float* const numbers = values_.back().GetTensorMutableData<float>();
        for (size_t n = 0; n < count; ++n) numbers[n] = static_cast<float>(n % 17) / 8 - 1;
      } else {
        auto* const numbers = values_.back().GetTensorMutableData<int64_t>();
        std::fill_n(numbers, count, 500);
      }
    }
    output_ = session_.GetOutputNameAllocated(0, allocator).get();
  }

  absl::Duration Run() {
    std::vector<const char*> names;
    for (const std::string& name : names_) names.push_back(name.c_str());
    const char* const outputs[] = {output_.c_str()};
    const absl::Time begin = absl::Now();
    session_.Run(Ort::RunOptions(), names.data(), values_.data(), values_.size(), outputs, 1);
    return absl::Now() - begin;
  }

 private:
  static Ort::SessionOptions Options() {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(Threads());
    options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    // As the engine's own: cores are shared with others.
    options.AddConfigEntry("session.intra_op.allow_spinning", "0");
    return options;
  }

  Ort::Env env_{ORT_LOGGING_LEVEL_ERROR, "plain"};
  Ort::Session session_;
  std::vector<std::string> names_;
  std::vector<Ort::Value> values_;
  std::string output_;
};

// Pixels that a VAE makes of one place of a sample: seen by running it.
int64_t Factor(Ort::Session& decoder) {
  const Ort::AllocatorWithDefaultOptions allocator;
  const auto type = decoder.GetInputTypeInfo(0);
  std::vector<int64_t> shape = type.GetTensorTypeAndShapeInfo().GetShape();
  const std::vector<int64_t> open = {1, 4, 8, 8};
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = shape[i] > 0 ? shape[i] : open[i];
  const auto input = Ort::Value::CreateTensor<float>(allocator, shape.data(), shape.size());
  const auto in = decoder.GetInputNameAllocated(0, allocator);
  const auto out = decoder.GetOutputNameAllocated(0, allocator);
  const char* const ins[] = {in.get()};
  const char* const outs[] = {out.get()};
  const auto outputs = decoder.Run(Ort::RunOptions(), ins, &input, 1, outs, 1);
  return outputs.front().GetTensorTypeAndShapeInfo().GetShape()[2] / shape[2];
}

int Measure(const std::string& folder, uint32_t steps) {
  const auto engine = MakeOnnxEngine();
  const auto model = engine->Load(SpecOf(folder), {});
  if (!model.ok()) Fail(model.status());
  const auto& info = (*model)->info().image_generation();

  // Shapes are read from the files themselves.
  Ort::Env env{ORT_LOGGING_LEVEL_ERROR, "shapes"};
  const Ort::Session text(env, (folder + "/text_encoder/model.onnx").c_str(),
                          Ort::SessionOptions());
  const auto type = text.GetOutputTypeInfo(0);
  const std::vector<int64_t> states = type.GetTensorTypeAndShapeInfo().GetShape();
  int64_t factor = 1;
  if (std::filesystem::exists(folder + "/vae_decoder/model.onnx")) {
    Ort::Session decoder(env, (folder + "/vae_decoder/model.onnx").c_str(), Ort::SessionOptions());
    factor = Factor(decoder);
  }
  const std::string unet =
      folder + (std::filesystem::exists(folder + "/unet/model.onnx") ? "/unet/model.onnx"
                                                                     : "/transformer/model.onnx");
  PlainLoop plain(unet, states, info.height() / factor, info.width() / factor);

  std::vector<absl::Duration> ours, theirs, wholes;
  for (uint32_t i = 0; i < 3; ++i) plain.Run();
  absl::Duration whole;
  Generate(**model, steps, whole);
  for (int round = 0; round < kRounds; ++round) {
    for (const absl::Duration time : Generate(**model, steps, whole)) ours.push_back(time);
    wholes.push_back(whole);
    for (uint32_t i = 0; i < steps; ++i) theirs.push_back(plain.Run());
  }
  absl::Duration longest;
  for (int i = 1; i <= 8; ++i) {
    longest = std::max(longest, CancelTime(**model, steps, Median(wholes) * i / 9));
  }
  const auto milliseconds = [](absl::Duration time) { return absl::ToDoubleMilliseconds(time); };
  std::printf(
      "{\"width\": %u, \"height\": %u, \"steps\": %u, \"threads\": %d, \"step_ms\": %.3f, "
      "\"plain_ms\": %.3f, \"ratio\": %.4f, \"picture_ms\": %.1f, \"cancel_ms\": %.1f}\n",
      info.width(), info.height(), steps, Threads(), milliseconds(Median(ours)),
      milliseconds(Median(theirs)), absl::FDivDuration(Median(ours), Median(theirs)),
      milliseconds(Median(wholes)), milliseconds(longest));
  return 0;
}

}  // namespace
}  // namespace intelligenced

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: image_steps FOLDER [STEPS]\n";
    return 2;
  }
  return intelligenced::Measure(argv[1], argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 20);
}
