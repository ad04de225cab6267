// The ONNX engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>
#include <utility>

#include "runtime/engines/onnx/onnx_engine.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/conformance/places.h"
#include "tests/unit/engines/onnx/diffusion/random_models.h"
#include "tests/unit/engines/onnx/networks.h"
#include "tests/unit/engines/onnx/seq2seq/toy_translators.h"

namespace intelligenced {
namespace {

engine_proto::Task Faces(int requests, uint8_t value) {
  engine_proto::Task task = TaskOn(GreyImage(64, 48, value));
  for (int i = 0; i < requests; ++i) {
    task.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  }
  return task;
}

ConformanceCase OnnxCase() {
  ConformanceCase result;
  result.task = Faces(3, 255);
  result.more_tasks = {Faces(1, 255), Faces(5, 200), Faces(2, 0)};
  result.long_task = Faces(32, 255);
  result.task_of_attached = Faces(1, 255);
  result.attached = result.task_of_attached.vision().image().pixels().data();
  result.attached_task = result.task_of_attached;
  result.attached_task->mutable_vision()->mutable_image()->mutable_pixels()->clear_data();
  result.attached_task->mutable_vision()->mutable_image()->set_attachment("0");
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  result.failing_task = Faces(1, 255);
  result.failing_task->mutable_vision()->mutable_image()->set_encoded("no picture");
  return result;
}

ConformanceCase TranslatorCase() {
  const std::string sentence = "The old king sees the big dog in the garden.";
  ConformanceCase result;
  result.task = TranslateToyTask({sentence, "Anna sees Boris."});
  result.more_tasks = {TranslateToyTask({"Anna sees Boris."}, "qab"),
                       TranslateToyTask({sentence, "", sentence}),
                       TranslateToyTask(std::vector<std::string>(5, sentence), "qab")};
  result.long_task = TranslateToyTask(std::vector<std::string>(300, sentence));
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  // Longer than the model; the first unit says so.
  result.failing_task = TranslateToyTask({std::string(600, '7')});
  return result;
}

INSTANTIATE_TEST_SUITE_P(Translator, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             TranslatorCase(),
                             [] { return PlacedSpec{ToySpec(kOpusToy), nullptr}; },
                             [] { return MakeOnnxEngine(); })),
                         ConformanceCase::NameOf);

engine_proto::Task Embed(int texts) {
  engine_proto::Task task;
  for (int i = 0; i < texts; ++i) {
    task.mutable_embed_text()->add_texts(i % 2 == 0 ? "the cat sat" : "a dog ran to paris");
  }
  return task;
}

ConformanceCase EncoderCase() {
  ConformanceCase result;
  result.task = Embed(3);
  result.more_tasks = {Embed(1), Embed(40), Embed(7)};
  result.long_task = Embed(4000);
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  result.failing_task = Embed(1);
  result.failing_task->mutable_embed_text()->add_texts(std::string(50, 'a') + std::string(50, '.'));
  // How many texts a run takes depends on how long others took, and with it how sums round.
  result.deterministic = false;
  return result;
}

engine_proto::ModelSpec EncoderSpec() {
  const std::string folder = BuildPath("tests/unit/engines/onnx/sentence-encoder/");
  engine_proto::ModelSpec spec = SpecFor("sentence-encoder", folder + "model.onnx");
  for (const auto& [role, name] :
       {std::pair("tokenizer", "vocab.txt"), {"config", "config.json"}}) {
    engine_proto::ModelFile& file = *spec.add_files();
    file.set_role(role);
    file.set_path(folder + name);
  }
  return spec;
}

INSTANTIATE_TEST_SUITE_P(Encoder, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             EncoderCase(), [] { return PlacedSpec{EncoderSpec(), nullptr}; },
                             [] { return MakeOnnxEngine(); })),
                         ConformanceCase::NameOf);

ConformanceCase DiffusionCase() {
  ConformanceCase result;
  result.task = Imagine("a red car");
  result.more_tasks = {Imagine("two dogs", 3), Imagine("a house (far:1.2) away", 4)};
  result.more_tasks[0].mutable_generate_image()->set_count(2);
  result.more_tasks[1].mutable_generate_image()->set_steps(7);
  result.long_task = Imagine("a red car");
  result.long_task->mutable_generate_image()->set_steps(900);
  result.task_of_attached = Imagine("a red car");
  engine_proto::VisionImage& source =
      *result.task_of_attached.mutable_generate_image()->mutable_source_image();
  source = TaskOn(GreyImage(16, 16, 77)).vision().image();
  result.attached = source.pixels().data();
  result.attached_task = result.task_of_attached;
  engine_proto::VisionImage& attached =
      *result.attached_task->mutable_generate_image()->mutable_source_image();
  attached.mutable_pixels()->clear_data();
  attached.set_attachment("0");
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  result.failing_task = Imagine("a red car");
  result.failing_task->mutable_generate_image()->mutable_source_image()->set_encoded("no picture");
  return result;
}

INSTANTIATE_TEST_SUITE_P(Diffusion, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             DiffusionCase(),
                             [] {
                               auto files = std::make_shared<RandomModel>("pixel");
                               return PlacedSpec{files->Spec(), files};
                             },
                             [] { return MakeOnnxEngine(); })),
                         ConformanceCase::NameOf);

INSTANTIATE_TEST_SUITE_P(Onnx, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             OnnxCase(),
                             [] {
                               auto file = std::make_shared<OnnxTestFile>(UltralightBytes());
                               return PlacedSpec{SpecFor("ultralight", file->path()), file};
                             },
                             [] { return MakeOnnxEngine(); })),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
