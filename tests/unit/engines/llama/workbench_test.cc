// The workbench: converting weights, and measuring models.
#include "runtime/engines/llama/workbench/workbench.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/gguf_check.h"
#include "runtime/engines/llama/workbench/model_weights.h"
#include "runtime/engines/llama/workbench/quantizer.h"
#include "tests/unit/engines/llama/gguf_files.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

const char kSample[] =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high. Lily's mom "
    "said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. She said, \"I "
    "want to play with you too.\" They played together all day and were very happy.";

TEST(TensorTypeTest, LayoutsChooseByName) {
  const auto type = [](const char* layout, const char* name, ggml_type from = GGML_TYPE_F16,
                       int64_t columns = 1024, int64_t rows = 1024, int layer = 5,
                       bool has_output = true) {
    return ChooseTensorType(layout, name, from, columns, rows, layer, 24, has_output);
  };
  EXPECT_EQ(type("Q4_0", "blk.5.ffn_up.weight"), GGML_TYPE_Q4_0);
  EXPECT_EQ(type("Q8_0", "blk.5.ffn_up.weight"), GGML_TYPE_Q8_0);
  EXPECT_EQ(type("F16", "blk.5.ffn_up.weight", GGML_TYPE_F32), GGML_TYPE_F16);
  EXPECT_EQ(type("Q4_K_M", "blk.5.ffn_up.weight"), GGML_TYPE_Q4_K);
  EXPECT_EQ(type("Q4_K_M", "blk.5.attn_v.weight"), GGML_TYPE_Q6_K) << "every third layer";
  EXPECT_EQ(type("Q4_K_M", "blk.6.attn_v.weight", GGML_TYPE_F16, 1024, 1024, 6), GGML_TYPE_Q4_K);
  EXPECT_EQ(type("Q4_K_M", "blk.0.ffn_down.weight", GGML_TYPE_F16, 1024, 1024, 0), GGML_TYPE_Q6_K);
  EXPECT_EQ(type("Q4_0", "output.weight"), GGML_TYPE_Q8_0) << "the last matrix is finer";
  EXPECT_EQ(type("Q4_0", "token_embd.weight"), GGML_TYPE_Q4_0);
  EXPECT_EQ(type("Q4_0", "token_embd.weight", GGML_TYPE_F16, 1024, 1024, -1, false), GGML_TYPE_Q8_0)
      << "it is the last matrix as well";
  // What stays as it is.
  EXPECT_EQ(type("Q4_0", "blk.5.attn_norm.weight", GGML_TYPE_F32, 1024, 1), GGML_TYPE_F32);
  EXPECT_EQ(type("Q4_0", "blk.5.ffn_gate_inp.weight", GGML_TYPE_F32), GGML_TYPE_F32);
  EXPECT_EQ(type("Q4_0", "blk.5.attn_q.bias", GGML_TYPE_F32), GGML_TYPE_F32);
  EXPECT_EQ(type("F16", "blk.5.ffn_up.weight", GGML_TYPE_Q4_K), GGML_TYPE_Q4_K);
  EXPECT_EQ(type("Q8_0", "blk.5.ffn_up.weight", GGML_TYPE_Q4_K), GGML_TYPE_Q8_0);
  // Rows that are no multiple of a block.
  EXPECT_EQ(type("Q4_K_M", "blk.5.ffn_up.weight", GGML_TYPE_F16, 288), GGML_TYPE_Q8_0);
  EXPECT_EQ(type("Q4_0", "blk.5.ffn_up.weight", GGML_TYPE_F32, 100), GGML_TYPE_F16);
}

// A file's tensors with their types.
std::map<std::string, ggml_type> TypesOf(const std::string& path) {
  gguf_context* file = gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr});
  std::map<std::string, ggml_type> types;
  for (int64_t i = 0; i < gguf_get_n_tensors(file); ++i) {
    types[gguf_get_tensor_name(file, i)] = gguf_get_tensor_type(file, i);
  }
  gguf_free(file);
  return types;
}

class WorkbenchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HaveStories()) GTEST_SKIP() << "stories260K.gguf is not here";
  }

  std::string Convert(const std::string& from, const std::string& layout, int threads = 2) {
    auto quantizer = Quantizer::Open(from, layout, threads);
    EXPECT_TRUE(quantizer.ok()) << quantizer.status();
    std::string bytes;
    while (true) {
      const absl::StatusOr<bool> more = (*quantizer)->Next(bytes);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) break;
    }
    EXPECT_EQ(bytes.size(), (*quantizer)->size_bytes());
    EXPECT_EQ(bytes.size(), (*quantizer)->written_bytes());
    return bytes;
  }

  std::unique_ptr<Model> Load(const std::string& path) {
    engine_proto::ModelSpec spec = SpecOf(path);
    spec.set_engine("llama-workbench");
    auto model = engine_->Load(spec, {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  static engine_proto::Task MeasureTask(bool details = false, const std::string& sample = kSample) {
    engine_proto::Task task;
    task.mutable_measure()->set_sample(sample);
    task.mutable_measure()->set_prefill_tokens(64);
    task.mutable_measure()->set_decode_tokens(8);
    task.mutable_measure()->set_perplexity_tokens(60);
    task.mutable_measure()->set_details(details);
    return task;
  }

  absl::StatusOr<engine_proto::Measurement> Measure(const std::string& path,
                                                    const engine_proto::Task& task) {
    const std::unique_ptr<Model> model = Load(path);
    absl::StatusOr<std::unique_ptr<Job>> job = model->Start(task, {});
    if (!job.ok()) return job.status();
    Job* const jobs[] = {job->get()};
    engine_proto::Measurement measurement;
    for (int step = 0; step < 5000; ++step) {
      auto outputs = model->Step(jobs, {});
      if (!outputs.ok()) return outputs.status();
      for (const engine_proto::Event& event : outputs->front().events) {
        if (event.has_measurement()) measurement = event.measurement();
      }
      if (!outputs->front().status.ok()) return outputs->front().status;
      if (outputs->front().done) return measurement;
    }
    return absl::InternalError("the measurement does not end");
  }

  const std::unique_ptr<Engine> engine_ = MakeLlamaWorkbench();
  const ScratchFolder folder_;
};

TEST_F(WorkbenchTest, AConvertedFileIsWholeAndSaysTheSame) {
  const std::string path = folder_.Write("q8.gguf", Convert(StoriesPath(), "Q8_0"));
  ASSERT_TRUE(CheckGguf(path).ok()) << CheckGguf(path).status();
  const auto types = TypesOf(path);
  EXPECT_EQ(types.at("blk.0.attn_q.weight"), GGML_TYPE_Q8_0);
  EXPECT_EQ(types.at("blk.0.attn_norm.weight"), GGML_TYPE_F32);
  EXPECT_EQ(types.size(), TypesOf(StoriesPath()).size());
  Session session(path), source(StoriesPath());
  EXPECT_EQ(session.Run(Greedy("Once upon", 20)).text, source.Run(Greedy("Once upon", 20)).text)
      << "eight bits are enough for the first words";
}

TEST_F(WorkbenchTest, ThreadsChangeNothing) {
  EXPECT_EQ(Convert(StoriesPath(), "Q4_0", 1), Convert(StoriesPath(), "Q4_0", 3));
}

TEST_F(WorkbenchTest, ConvertedWeightsCanBeConvertedAgain) {
  const std::string coarse = folder_.Write("q4.gguf", Convert(StoriesPath(), "Q4_0"));
  const std::string again = folder_.Write("q8.gguf", Convert(coarse, "Q8_0"));
  EXPECT_TRUE(CheckGguf(again).ok()) << CheckGguf(again).status();
  EXPECT_FALSE(Session(again).Run(Greedy("Once upon", 10)).text.empty());
}

TEST_F(WorkbenchTest, BadLayoutsAndFiles) {
  EXPECT_TRUE(HasReason(Quantizer::Open(StoriesPath(), "Q9_9", 1).status(), Reason::kFieldInvalid));
  EXPECT_TRUE(
      HasReason(Quantizer::Open(folder_.File("none"), "Q8_0", 1).status(), Reason::kModelCorrupt));
  const std::string text = folder_.Write("text", "no model at all");
  EXPECT_TRUE(HasReason(Quantizer::Open(text, "Q8_0", 1).status(), Reason::kModelCorrupt));
  engine_proto::ModelSpec spec = SpecOf(text);
  EXPECT_TRUE(HasReason(engine_->Load(spec, {}).status(), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(engine_->Load({}, {}).status(), Reason::kModelLoadFailed));
}

TEST_F(WorkbenchTest, WeightsThatAreNoNumbersAreTold) {
  std::string bytes = ReadBytes(StoriesPath());
  // The last tensor's end; its weights are F32.
  const float bad = std::numeric_limits<float>::quiet_NaN();
  for (size_t at = bytes.size() - 4096; at + 4 <= bytes.size(); at += 4) {
    bytes.replace(at, 4, reinterpret_cast<const char*>(&bad), 4);
  }
  auto quantizer = Quantizer::Open(folder_.Write("nan.gguf", bytes), "F16", 2);
  ASSERT_TRUE(quantizer.ok()) << quantizer.status();
  absl::StatusOr<bool> more = true;
  std::string out;
  while (more.ok() && *more) more = (*quantizer)->Next(out);
  EXPECT_TRUE(HasReason(more.status(), Reason::kEngineFailure)) << more.status();
}

TEST_F(WorkbenchTest, MeasuresAModel) {
  const auto measurement = Measure(StoriesPath(), MeasureTask(/*details=*/true));
  ASSERT_TRUE(measurement.ok()) << measurement.status();
  EXPECT_EQ(measurement->layout(), "F32");
  EXPECT_GT(measurement->prefill_tokens_per_second(), 0);
  EXPECT_GT(measurement->decode_tokens_per_second(), 0);
  EXPECT_GT(measurement->weight_bytes(), 1'000'000u);
  EXPECT_GT(measurement->resident_bytes(), 1'000'000u);
  EXPECT_EQ(measurement->threads(), 1u);
  EXPECT_GT(measurement->read_bytes_per_second(), 1e8);
  EXPECT_GT(measurement->operations_per_second(), 1e8);
  EXPECT_EQ(measurement->perplexity_tokens(), 60u);
  // The model knows such text; a uniform guess would be its 512 words.
  EXPECT_GT(measurement->perplexity(), 1);
  EXPECT_LT(measurement->perplexity(), 20);
  std::map<std::string, double> shares;
  for (const auto& operation : measurement->operations()) {
    shares[operation.phase()] += operation.share();
  }
  ASSERT_EQ(shares.size(), 2u);
  for (const auto& [phase, share] : shares) {
    EXPECT_GT(share, 0.5) << phase;
    EXPECT_LE(share, 1.0001) << phase;
  }
}

TEST_F(WorkbenchTest, PerplexityTellsLayoutsApart) {
  const auto perplexity = [&](const std::string& path) {
    const auto measurement = Measure(path, MeasureTask());
    EXPECT_TRUE(measurement.ok()) << measurement.status();
    return measurement.ok() ? measurement->perplexity() : 0;
  };
  const double source = perplexity(StoriesPath());
  const double fine = perplexity(folder_.Write("q8.gguf", Convert(StoriesPath(), "Q8_0")));
  const double coarse = perplexity(folder_.Write("q4.gguf", Convert(StoriesPath(), "Q4_0")));
  EXPECT_NEAR(fine / source, 1, 0.02);
  EXPECT_GT(std::abs(coarse / source - 1), std::abs(fine / source - 1));
  EXPECT_EQ(perplexity(StoriesPath()), source) << "it is a property of the file";
}

TEST_F(WorkbenchTest, WeightsAreCountedByUse) {
  const auto weights = ReadWeights(StoriesPath());
  ASSERT_TRUE(weights.ok());
  EXPECT_EQ(weights->type, GGML_TYPE_F32);
  // 5 layers of 64 wide: attention 64×64×2 + 64×32×2, feed-forward 64×172×3.
  EXPECT_EQ(weights->prompt_elements, 5u * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 172));
  EXPECT_GT(weights->token_bytes, 4 * weights->prompt_elements);
  EXPECT_LE(weights->token_bytes, weights->bytes);
}

TEST_F(WorkbenchTest, RefusesWhatItCannotMeasure) {
  EXPECT_TRUE(HasReason(Measure(StoriesPath(), MeasureTask(false, "Too short.")).status(),
                        Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(Measure(StoriesPath(), Greedy("x", 1)).status(), Reason::kFieldInvalid));
  engine_proto::Task much = MeasureTask();
  much.mutable_measure()->set_decode_tokens(4'000'000'000u);
  EXPECT_TRUE(HasReason(Measure(StoriesPath(), much).status(), Reason::kFieldInvalid));
}

TEST_F(WorkbenchTest, IsCancelledBetweenPieces) {
  const std::unique_ptr<Model> model = Load(StoriesPath());
  engine_proto::Task convert;
  convert.mutable_quantize()->set_layout("Q8_0");
  for (const engine_proto::Task& task : {MeasureTask(), convert}) {
    CancelSource cancel;
    auto job = model->Start(task, cancel.token());
    ASSERT_TRUE(job.ok()) << job.status();
    Job* const jobs[] = {job->get()};
    ASSERT_TRUE(model->Step(jobs, {.budget = absl::ZeroDuration()}).ok());
    cancel.Cancel();
    auto outputs = model->Step(jobs, {});
    ASSERT_TRUE(outputs.ok());
    EXPECT_TRUE(outputs->front().done);
    EXPECT_TRUE(HasReason(outputs->front().status, Reason::kCancelled)) << outputs->front().status;
  }
}

}  // namespace
}  // namespace intelligenced
