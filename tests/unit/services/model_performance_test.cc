// ModelPerformanceService over a socket, on a workbench that says what the test tells it to.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/onnx_bytes.h"
#include "tests/unit/models/test_files.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A model's file whose weights are "in" a layout.
std::string FileIn(const std::string& layout) {
  return GgufBuilder()
      .Text("general.architecture", "llama")
      .Text("general.name", "Small")
      .Text("general.license", "MIT")
      .Text("test.layout", "<" + layout + ">")
      .Number("general.file_type", 1)
      .Number("llama.context_length", 2048)
      .Text("tokenizer.ggml.model", "llama")
      .Text("tokenizer.chat_template", "{{ messages }}")
      .Tensor("a", {32, 32}, 1, 0)
      .Build(2048);
}

struct Speed {
  double prompt = 0;
  double output = 0;
  double perplexity = 0;
};

class ModelPerformanceTest : public ServiceFixture {
 protected:
  void SetUp() override {
    bench_.convert = [](const std::string& layout) { return FileIn(layout); };
    bench_.measure = [this](const std::string& bytes) -> absl::StatusOr<engine_proto::Measurement> {
      for (const auto& [layout, speed] : speeds_) {
        if (!absl::StrContains(bytes, "<" + layout + ">")) continue;
        engine_proto::Measurement measurement;
        measurement.set_layout(layout);
        measurement.set_prefill_tokens_per_second(speed.prompt);
        measurement.set_decode_tokens_per_second(speed.output);
        measurement.set_perplexity(speed.perplexity);
        return measurement;
      }
      return absl::InternalError("a file of no layout");
    };
    ASSERT_TRUE(Install("base", FileIn("F16")).ok());
    blobs_before_ = Files("blobs");
  }

  absl::Status Install(const std::string& name, const std::string& bytes) {
    auto blob = runtime_->store().NewBlob(bytes.size(), "");
    if (!blob.ok()) return blob.status();
    if (absl::Status status = (*blob)->Append(bytes); !status.ok()) return status;
    const absl::StatusOr<std::string> sha256 = (*blob)->Commit();
    if (!sha256.ok()) return sha256.status();
    return runtime_->installer().PutBlobAsModel(name, *sha256, {.origin = "a test"}).status();
  }

  absl::Status Optimize(const v1::OptimizeModelRequest& request) {
    responses_.clear();
    grpc::ClientContext context;
    const auto reader = performance_->OptimizeModel(&context, request);
    return Drain(*reader, &responses_);
  }
  static v1::OptimizeModelRequest Base() {
    v1::OptimizeModelRequest request;
    request.set_name("models/base");
    return request;
  }
  const v1::OptimizeModelCompleted& completed() const { return responses_.back().completed(); }

  std::vector<std::string> Files(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/store/" + folder)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> Installed() const {
    std::vector<std::string> names;
    for (const Manifest& manifest : runtime_->store().List()) {
      if (!manifest.built_in) names.push_back(manifest.name);
    }
    return names;
  }
  void ExpectNothingLeft() {
    EXPECT_EQ(Files("blobs"), blobs_before_);
    EXPECT_THAT(Files("partial"), IsEmpty());
    EXPECT_THAT(Installed(), ElementsAre("base"));
  }

  // Q8_0 is the fastest that is good enough by default; Q4_0 is the fastest.
  std::map<std::string, Speed> speeds_ = {{"F16", {100, 10, 8}},
                                          {"Q8_0", {200, 20, 8.01}},
                                          {"Q4_K_M", {90, 30, 8.1}},
                                          {"Q4_0", {300, 30, 8.6}}};
  std::vector<std::string> blobs_before_;
  std::vector<v1::OptimizeModelResponse> responses_;
};

TEST_F(ModelPerformanceTest, AReportComesWithoutMakingTheModelResident) {
  v1::MeasureModelRequest request;
  request.set_name("models/base");
  grpc::ClientContext context;
  std::vector<v1::MeasureModelResponse> responses;
  const auto reader = performance_->MeasureModel(&context, request);
  ASSERT_TRUE(Drain(*reader, &responses).ok());
  EXPECT_TRUE(responses.front().has_progress());
  const v1::ModelReport& report = responses.back().completed();
  EXPECT_EQ(report.model(), "models/base");
  EXPECT_EQ(report.prompt_tokens_per_second(), 100);
  EXPECT_EQ(report.perplexity(), 8);
  EXPECT_EQ(runtime_->models().Get("base")->state, ModelState::kInstalled);
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records().front().method(), "ModelPerformanceService/MeasureModel");
}

TEST_F(ModelPerformanceTest, ANetworkIsMeasuredByItsOwnEngine) {
  OnnxParts parts;
  parts.nodes = {OnnxNode("Relu", {"x"}, {"y"})};
  parts.inputs = {OnnxPortBytes("x", {1, 2})};
  parts.outputs = {OnnxPortBytes("y", {1, 2})};
  ASSERT_TRUE(Install("net", OnnxModelBytes(parts)).ok());
  bench_.measure = [](const std::string&) -> absl::StatusOr<engine_proto::Measurement> {
    engine_proto::Measurement measurement;
    measurement.set_runs(20);
    measurement.set_run_microseconds(1500);
    measurement.set_working_bytes(4096);
    engine_proto::Partition& partition = *measurement.add_partitions();
    partition.set_provider("CPUExecutionProvider");
    partition.set_operations(1);
    partition.set_share(1);
    engine_proto::OperationTime& operation = *measurement.add_operations();
    operation.set_phase("run");
    operation.set_operation("Relu");
    operation.set_provider("CPUExecutionProvider");
    return measurement;
  };
  v1::MeasureModelRequest request;
  request.set_name("net");
  grpc::ClientContext context;
  std::vector<v1::MeasureModelResponse> responses;
  const absl::Status status = Drain(*performance_->MeasureModel(&context, request), &responses);
  ASSERT_TRUE(status.ok()) << status;
  const v1::ModelReport& report = responses.back().completed();
  EXPECT_EQ(report.runs(), 20);
  EXPECT_EQ(report.run_time().nanos(), 1'500'000);
  EXPECT_EQ(report.working_bytes(), 4096);
  EXPECT_EQ(report.partitions(0).provider(), "CPUExecutionProvider");
  EXPECT_EQ(report.operations(0).provider(), "CPUExecutionProvider");
  v1::OptimizeModelRequest optimize;
  optimize.set_name("net");
  EXPECT_EQ(FactsOf(Optimize(optimize)).field, "name");
}

TEST_F(ModelPerformanceTest, OtherModelsAreNotMeasured) {
  const auto measure = [&](const std::string& name) {
    v1::MeasureModelRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    std::vector<v1::MeasureModelResponse> responses;
    return Drain(*performance_->MeasureModel(&context, request), &responses);
  };
  const absl::Status other = measure("native");
  EXPECT_EQ(FactsOf(other).field, "name");
  EXPECT_THAT(std::string(other.message()), HasSubstr("engine fake"));
  EXPECT_TRUE(HasReason(measure("nowhere"), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(measure(""), Reason::kFieldInvalid));
  v1::OptimizeModelRequest request;
  request.set_name("native");
  EXPECT_EQ(FactsOf(Optimize(request)).field, "name");
}

TEST_F(ModelPerformanceTest, AModelInSeveralFilesIsRefused) {
  ASSERT_TRUE(runtime_->store()
                  .Change("base",
                          [](Manifest& manifest) {
                            manifest.files.push_back(manifest.files.front());
                            manifest.files.back().name = "second.gguf";
                            return absl::OkStatus();
                          })
                  .ok());
  const absl::Status status = Optimize(Base());
  EXPECT_EQ(FactsOf(status).field, "name");
  EXPECT_THAT(std::string(status.message()), HasSubstr("several files"));
}

TEST_F(ModelPerformanceTest, TheBestLayoutIsInstalledBesideTheSource) {
  ASSERT_TRUE(runtime_->store()
                  .Change("base",
                          [](Manifest& manifest) {
                            manifest.title = "A person's title";
                            manifest.rank = 7;
                            return absl::OkStatus();
                          })
                  .ok());
  ASSERT_TRUE(Optimize(Base()).ok());
  std::vector<std::string> layouts;
  for (const v1::LayoutResult& result : completed().results()) layouts.push_back(result.layout());
  EXPECT_THAT(layouts, ElementsAre("F16", "Q8_0", "Q4_K_M", "Q4_0"));
  EXPECT_TRUE(completed().results(0).is_source());
  EXPECT_EQ(completed().results(1).size_bytes(), FileIn("Q8_0").size());
  EXPECT_TRUE(completed().results(1).within_bound());
  EXPECT_FALSE(completed().results(3).within_bound());
  EXPECT_EQ(completed().best_layout(), "Q8_0");
  EXPECT_EQ(completed().model().name(), "models/base-q8_0");
  EXPECT_THAT(completed().model().origin(), HasSubstr("models/base: F16 to Q8_0"));
  EXPECT_THAT(Installed(), ElementsAre("base", "base-q8_0"));
  const absl::StatusOr<Manifest> manifest = runtime_->store().Get("base-q8_0");
  EXPECT_EQ(manifest->title, "A person's title");
  EXPECT_EQ(manifest->capabilities, runtime_->store().Get("base")->capabilities);
  EXPECT_GT(manifest->rank, 7) << "it goes before the source";
  EXPECT_EQ(Files("blobs").size(), blobs_before_.size() + 1) << "the others are gone";
  // What a layout gave is told as soon as it is known.
  int told = 0;
  for (const v1::OptimizeModelResponse& response : responses_) told += response.has_layout();
  EXPECT_EQ(told, 4);

  // Again: the same model, and no second one.
  ASSERT_TRUE(Optimize(Base()).ok());
  EXPECT_EQ(completed().model().name(), "models/base-q8_0");
  EXPECT_THAT(Installed(), ElementsAre("base", "base-q8_0"));
  EXPECT_EQ(Files("blobs").size(), blobs_before_.size() + 1);
  // It goes like any model, and takes its weights along.
  ASSERT_TRUE(runtime_->models().Remove("base-q8_0").ok());
  ExpectNothingLeft();
}

TEST_F(ModelPerformanceTest, WhatIsCloseIsMeasuredAgain) {
  // The machine was busy when the source was measured, and when Q4_K_M was for the second time.
  speeds_ = {{"F16", {100, 10, 8}},
             {"Q8_0", {120, 12, 8}},
             {"Q4_K_M", {110, 11, 8}},
             {"Q4_0", {50, 5, 8}}};
  std::map<std::string, int> measured;
  const auto measure = bench_.measure;
  bench_.measure = [&](const std::string& bytes) {
    absl::StatusOr<engine_proto::Measurement> measurement = measure(bytes);
    if (!measurement.ok()) return measurement;
    const std::string layout = measurement->layout();
    const int time = ++measured[layout];
    if (layout == "F16" && time > 1) measurement->set_decode_tokens_per_second(13);
    if (layout == "Q4_K_M" && time == 2) measurement->set_decode_tokens_per_second(1);
    return measurement;
  };
  ASSERT_TRUE(Optimize(Base()).ok());
  EXPECT_THAT(measured, testing::ElementsAre(testing::Pair("F16", 3), testing::Pair("Q4_0", 1),
                                             testing::Pair("Q4_K_M", 3), testing::Pair("Q8_0", 3)));
  EXPECT_EQ(completed().results(0).output_tokens_per_second(), 13);
  EXPECT_EQ(completed().results(2).output_tokens_per_second(), 11);
  EXPECT_EQ(completed().best_layout(), "F16");
  ExpectNothingLeft();
}

TEST_F(ModelPerformanceTest, ANameThatIsAnothersIsNotTaken) {
  ASSERT_TRUE(Install("base-q8_0", FileIn("else")).ok());
  ASSERT_TRUE(Optimize(Base()).ok());
  EXPECT_EQ(completed().model().name(), "models/base-q8_0-2");
  v1::OptimizeModelRequest request = Base();
  request.set_new_name("base-q8_0");
  bench_.conversions = 0;
  const absl::Status status = Optimize(request);
  EXPECT_TRUE(HasReason(status, Reason::kModelBusy)) << status;
  EXPECT_EQ(FactsOf(status).field, "new_name");
  EXPECT_EQ(bench_.conversions, 0) << "it is told before the work, not after it";
  request.set_new_name("quick");
  ASSERT_TRUE(Optimize(request).ok());
  EXPECT_EQ(completed().model().name(), "models/quick");
}

TEST_F(ModelPerformanceTest, ADryRunInstallsNothing) {
  v1::OptimizeModelRequest request = Base();
  request.set_dry_run(true);
  request.set_max_perplexity_increase(0.1);
  ASSERT_TRUE(Optimize(request).ok());
  EXPECT_EQ(completed().best_layout(), "Q4_0");
  EXPECT_FALSE(completed().has_model());
  ExpectNothingLeft();
}

TEST_F(ModelPerformanceTest, ASourceThatIsTheBestStaysAlone) {
  speeds_["F16"] = {1000, 100, 8};
  ASSERT_TRUE(Optimize(Base()).ok());
  EXPECT_EQ(completed().best_layout(), "F16");
  EXPECT_FALSE(completed().has_model());
  ExpectNothingLeft();
}

TEST_F(ModelPerformanceTest, TheSourcesOwnLayoutIsRefused) {
  v1::OptimizeModelRequest request = Base();
  request.add_layouts("Q8_0");
  request.add_layouts("F16");
  const absl::Status status = Optimize(request);
  EXPECT_EQ(FactsOf(status).field, "layouts");
  EXPECT_THAT(std::string(status.message()), HasSubstr("F16 already"));
  EXPECT_EQ(bench_.conversions, 0);
  ExpectNothingLeft();
}

TEST_F(ModelPerformanceTest, AFullDiskIsTold) {
  disk_.free_bytes = 100;
  const absl::Status status = Optimize(Base());
  EXPECT_TRUE(HasReason(status, Reason::kDiskFull)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("available_bytes"), "100");
  ExpectNothingLeft();
}

TEST_F(ModelPerformanceTest, TooLittleMemoryIsTold) {
  memory_available_ = 100 << 20;
  // The machine is asked again only after a while.
  WaitUntil([&] {
    return runtime_->models().MemorySnapshot().machine.available_bytes == memory_available_;
  });
  const absl::Status status = Optimize(Base());
  EXPECT_TRUE(HasReason(status, Reason::kMemoryInsufficient)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("100 MiB are free"));
}

TEST_F(ModelPerformanceTest, WhatTheEngineSaysOfAFailureComesThrough) {
  bench_.convert = [](const std::string& layout) -> absl::StatusOr<std::string> {
    if (layout == "Q8_0") return FileIn(layout);
    return MakeError(Reason::kEngineFailure, "The weights cannot be converted.");
  };
  const absl::Status status = Optimize(Base());
  EXPECT_TRUE(HasReason(status, Reason::kEngineFailure)) << status;
  ExpectNothingLeft();
}

TEST_F(ModelPerformanceTest, CancelledHalfWayNothingIsLeft) {
  bench_.held = true;
  grpc::ClientContext context;
  const auto reader = performance_->OptimizeModel(&context, Base());
  WaitUntil([&] { return bench_.half_way == 1; });
  // One at a time.
  const absl::Status second = Optimize(Base());
  EXPECT_TRUE(HasReason(second, Reason::kQueueFull)) << second;
  EXPECT_TRUE(FactsOf(second).retry_delay.has_value());
  context.TryCancel();
  std::vector<v1::OptimizeModelResponse> responses;
  EXPECT_EQ(Drain(*reader, &responses).code(), absl::StatusCode::kCancelled);
  activity_.WaitFor(2);
  ExpectNothingLeft();
  // The next one may begin.
  bench_.held = false;
  EXPECT_TRUE(Optimize(Base()).ok());
}

TEST_F(ModelPerformanceTest, ASourceRemovedMeanwhileLeavesNothing) {
  bench_.held = true;
  grpc::ClientContext context;
  const auto reader = performance_->OptimizeModel(&context, Base());
  WaitUntil([&] { return bench_.half_way == 1; });
  ASSERT_TRUE(runtime_->models().Remove("base").ok());
  bench_.held = false;
  std::vector<v1::OptimizeModelResponse> responses;
  const absl::Status status = Drain(*reader, &responses);
  EXPECT_TRUE(HasReason(status, Reason::kModelNotFound)) << status;
  EXPECT_THAT(Installed(), IsEmpty());
  EXPECT_THAT(Files("blobs"), IsEmpty());
}

TEST_F(ModelPerformanceTest, APinnedModelThatServesIsOptimizedToo) {
  ASSERT_TRUE(runtime_->models().SetPinned("base", true).ok());
  ASSERT_TRUE(Optimize(Base()).ok());
  EXPECT_EQ(completed().model().name(), "models/base-q8_0");
  EXPECT_FALSE(runtime_->store().Record("base-q8_0").pinned) << "that is the person's to say";
  EXPECT_TRUE(runtime_->store().Record("base").pinned);
}

}  // namespace
}  // namespace intelligenced
