#include "runtime/engines/onnx/onnx_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/onnx_session.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;

class OnnxEngineTest : public testing::Test {
 protected:
  absl::Status LoadError(const std::string& bytes, const std::string& family = "ultralight") {
    const OnnxTestFile file(bytes);
    return engine_->Load(SpecFor(family, file.path()), {}).status();
  }

  // All outputs of one job.
  JobOutput Run(Model& model, const engine_proto::Task& task) {
    JobOutput all;
    auto job = model.Start(task, {});
    if (!job.ok()) {
      all.status = job.status();
      return all;
    }
    Job* const jobs[] = {job->get()};
    for (int step = 0; step < 100 && !all.done; ++step) {
      auto outputs = model.Step(jobs, {.budget = absl::ZeroDuration()});
      if (!outputs.ok()) {
        all.status = outputs.status();
        return all;
      }
      JobOutput& output = outputs->front();
      for (auto& event : output.events) all.events.push_back(std::move(event));
      all.done = output.done;
      all.status = output.status;
    }
    return all;
  }

  static OnnxParts Simple() {
    OnnxParts parts;
    parts.nodes = {OnnxNode("Relu", {"x"}, {"y"})};
    parts.inputs = {OnnxPortBytes("x", {1, 2, -1})};
    parts.outputs = {OnnxPortBytes("y", {1, 2, -1})};
    return parts;
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
};

TEST_F(OnnxEngineTest, AnswersEachRequestOfAHandMadeNetwork) {
  const OnnxTestFile file(UltralightBytes());
  auto model = engine_->Load(SpecFor("ultralight", file.path()), {});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->info().width(), 2U);
  EXPECT_THAT((*model)->info().description(), HasSubstr("ultralight"));
  // All pixels 255: (255 - 127) / 128 is 1, so that every score is 1 and every box without extent.
  engine_proto::Task task = TaskOn(GreyImage(80, 60, 255));
  task.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  auto* const second = task.mutable_vision()->add_requests();
  second->mutable_detect_face_rectangles();
  second->set_max_results(2);
  second->mutable_region_of_interest()->set_width(0.5);
  second->mutable_region_of_interest()->set_height(0.5);
  const JobOutput output = Run(**model, task);
  ASSERT_TRUE(output.status.ok()) << output.status;
  ASSERT_EQ(output.events.size(), 4U);
  EXPECT_EQ(output.events[0].image().width(), 80U);
  EXPECT_EQ(output.events[0].image().format(), "pixels");
  EXPECT_EQ(output.events[1].vision().request_index(), 0U);
  EXPECT_EQ(output.events[1].vision().faces().faces_size(), 3);
  EXPECT_FLOAT_EQ(output.events[1].vision().faces().faces(0).box().x(), 1);
  EXPECT_EQ(output.events[2].vision().request_index(), 1U);
  EXPECT_EQ(output.events[2].vision().faces().faces_size(), 2);
  EXPECT_NEAR(output.events[2].vision().faces().faces(0).box().x(), 0.5, 1e-5);
  EXPECT_EQ(output.events[3].completed().images_decoded(), 1U);
  // Black pixels score below 0.
  engine_proto::Task black = TaskOn(GreyImage(8, 6, 0));
  black.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  const JobOutput none = Run(**model, black);
  ASSERT_TRUE(none.status.ok()) << none.status;
  EXPECT_TRUE(none.events[1].vision().has_faces());
  EXPECT_EQ(none.events[1].vision().faces().faces_size(), 0);
}

TEST_F(OnnxEngineTest, BadTasksNameTheField) {
  const OnnxTestFile file(UltralightBytes());
  auto model = engine_->Load(SpecFor("ultralight", file.path()), {});
  ASSERT_TRUE(model.ok()) << model.status();
  engine_proto::Task good = TaskOn(GreyImage(4, 4));
  good.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  const auto field_of = [&](const engine_proto::Task& task) {
    const absl::Status status = Run(**model, task).status;
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    return FactsOf(status).field;
  };
  engine_proto::Task bad;
  bad.mutable_generate()->set_prompt("x");
  EXPECT_EQ(field_of(bad), "kind");
  bad = good;
  bad.mutable_vision()->add_requests()->mutable_detect_barcodes();
  EXPECT_EQ(field_of(bad), "requests[1].kind");
  bad = good;
  bad.mutable_vision()->mutable_requests(0)->set_min_confidence(1.5);
  EXPECT_EQ(field_of(bad), "requests[0].min_confidence");
  bad = good;
  bad.mutable_vision()->mutable_requests(0)->mutable_region_of_interest()->set_x(0.5);
  EXPECT_EQ(field_of(bad), "requests[0].region_of_interest");
  bad = good;
  bad.mutable_vision()->clear_requests();
  EXPECT_EQ(field_of(bad), "requests");
  bad = good;
  bad.mutable_vision()->clear_image();
  EXPECT_EQ(field_of(bad), "image");
  bad = good;
  bad.mutable_vision()->mutable_image()->set_orientation(
      static_cast<engine_proto::ImageOrientation>(77));
  EXPECT_EQ(field_of(bad), "image.orientation");
  bad = good;
  bad.mutable_vision()->mutable_image()->mutable_pixels()->clear_format();
  EXPECT_EQ(field_of(bad), "image.pixels.format");
  bad = good;
  bad.mutable_vision()->mutable_image()->set_encoded("no picture");
  EXPECT_TRUE(HasReason(Run(**model, bad).status, Reason::kImageUndecodable));
  bad = good;
  bad.mutable_vision()->mutable_image()->mutable_pixels()->set_stride(1);
  EXPECT_TRUE(HasReason(Run(**model, bad).status, Reason::kImageUndecodable));
}

TEST_F(OnnxEngineTest, FilesThatAreNoNetworksAreCorrupt) {
  const std::string whole = UltralightBytes();
  EXPECT_TRUE(HasReason(LoadError(""), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(LoadError("GGUF and more"), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(LoadError(whole.substr(0, whole.size() / 2)), Reason::kModelCorrupt));
  EXPECT_FALSE(engine_->Load(SpecFor("yunet", "/no/such/file"), {}).ok());
}

TEST_F(OnnxEngineTest, BitFlipsAreErrorsOrHarmless) {
  const std::string whole = UltralightBytes();
  for (size_t i = 0; i < whole.size(); i += 3) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    const absl::Status status = LoadError(flipped);
    EXPECT_TRUE(status.ok() || ReasonOf(status).has_value()) << i << ": " << status;
  }
}

TEST_F(OnnxEngineTest, WhatCannotBeLoadedIsSaidInWords) {
  OnnxParts parts = Simple();
  parts.nodes.push_back(OnnxNode("Mystery", {"x"}, {"z"}, "org.example"));
  parts.domains = {"org.example"};
  absl::Status status = LoadError(OnnxModelBytes(parts));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("org.example"));

  parts = Simple();
  parts.weights.push_back(OnnxExternalWeight("w", "../weights.bin"));
  status = LoadError(OnnxModelBytes(parts));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("../weights.bin"));

  parts = Simple();
  parts.nodes = {OnnxNode("NoSuchOperator", {"x"}, {"y"})};
  status = LoadError(OnnxModelBytes(parts));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("NoSuchOperator"));

  parts = Simple();
  parts.inputs = {OnnxPortBytes("x", {1, 2, -1}, 7)};
  parts.outputs = {OnnxPortBytes("y", {1, 2, -1}, 7)};
  parts.nodes = {OnnxNode("Abs", {"x"}, {"y"})};
  status = LoadError(OnnxModelBytes(parts));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("floats"));

  status = LoadError(OnnxModelBytes(Simple()));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("1×2×?")) << "shapes of another family";

  const OnnxTestFile file(UltralightBytes());
  status = engine_->Load(SpecFor("ultralight", file.path(), "other"), {}).status();
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  engine_proto::ModelSpec spec = SpecFor("ultralight", file.path());
  const OnnxTestFile labels("\xff\xfe", "labels.txt");
  spec.add_files()->set_role("labels");
  spec.mutable_files(1)->set_path(labels.path());
  EXPECT_TRUE(HasReason(engine_->Load(spec, {}).status(), Reason::kModelCorrupt));
}

TEST_F(OnnxEngineTest, ACancelledLoadAndJobSaySo) {
  const OnnxTestFile file(UltralightBytes());
  CancelSource source;
  auto model = engine_->Load(SpecFor("ultralight", file.path()), source.token());
  ASSERT_TRUE(model.ok());
  engine_proto::Task task = TaskOn(GreyImage(4, 4));
  task.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  auto job = (*model)->Start(task, source.token());
  ASSERT_TRUE(job.ok());
  Job* const jobs[] = {job->get()};
  ASSERT_TRUE((*model)->Step(jobs, {.budget = absl::ZeroDuration()}).ok());
  source.Cancel();
  auto outputs = (*model)->Step(jobs, {.budget = absl::ZeroDuration()});
  ASSERT_TRUE(outputs.ok());
  EXPECT_TRUE(outputs->front().done);
  EXPECT_TRUE(HasReason(outputs->front().status, Reason::kCancelled));
  EXPECT_TRUE(HasReason(engine_->Load(SpecFor("ultralight", file.path()), source.token()).status(),
                        Reason::kCancelled));
}

TEST(OnnxSessionTest, ChecksWhatGoesIn) {
  auto library = OnnxLibrary::Open();
  ASSERT_TRUE(library.ok()) << library.status();
  OnnxParts parts;
  parts.nodes = {OnnxNode("Relu", {"x"}, {"y"})};
  parts.inputs = {OnnxPortBytes("x", {1, 2, -1})};
  parts.outputs = {OnnxPortBytes("y", {1, 2, -1})};
  const OnnxTestFile file(OnnxModelBytes(parts));
  auto session = LoadOnnxSession(**library, file.path(), {}, {});
  ASSERT_TRUE(session.ok()) << session.status();
  const Tensor good = {.shape = {1, 2, 2}, .values = {1, -2, 3, -4}};
  const auto answer = (*session)->Run({good}, {});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ((*answer)[0].shape, good.shape);
  EXPECT_THAT((*answer)[0].values, testing::ElementsAre(1, 0, 3, 0));
  const Tensor bad[] = {{.shape = {1, 3, 2}, .values = std::vector<float>(6)},
                        {.shape = {1, 2}, .values = {1, 2}},
                        {.shape = {1, 2, 2}, .values = {1}},
                        {.shape = {1, 2, int64_t{1} << 62}, .values = {1}},
                        {.shape = {1, 2, -5}, .values = {1}}};
  for (const Tensor& tensor : bad) {
    const auto refused = (*session)->Run({tensor}, {});
    EXPECT_TRUE(HasReason(refused.status(), Reason::kFieldInvalid)) << ShapeText(tensor.shape);
  }
  EXPECT_TRUE(HasReason((*session)->Run({}, {}).status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason((*session)->Run({good, good}, {}).status(), Reason::kFieldInvalid));
  CancelSource source;
  source.Cancel();
  EXPECT_TRUE(HasReason((*session)->Run({good}, source.token()).status(), Reason::kCancelled));
}

// Products of matrices that take minutes: only the cancel ends them soon.
TEST(OnnxSessionTest, ACancelEndsARunningNetwork) {
  auto library = OnnxLibrary::Open();
  ASSERT_TRUE(library.ok());
  OnnxParts parts;
  std::string last = "x";
  for (int i = 0; i < 1000; ++i) {
    const std::string next = i == 999 ? "y" : "t" + std::to_string(i);
    parts.nodes.push_back(OnnxNode("MatMul", {last, "x"}, {next}));
    last = next;
  }
  parts.inputs = {OnnxPortBytes("x", {1024, 1024})};
  parts.outputs = {OnnxPortBytes("y", {1024, 1024})};
  const OnnxTestFile file(OnnxModelBytes(parts));
  auto session = LoadOnnxSession(**library, file.path(), {}, {});
  ASSERT_TRUE(session.ok()) << session.status();
  const CancelSource source;
  std::thread canceller([&] { source.Cancel(); });
  const auto answer = (*session)->Run({Zeros({1024, 1024})}, source.token());
  canceller.join();
  EXPECT_TRUE(HasReason(answer.status(), Reason::kCancelled)) << answer.status();
}

}  // namespace
}  // namespace intelligenced
