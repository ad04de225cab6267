// Texts to vectors, against libllama driven by hand: one text at a time, pooled by the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/embedding_prefix.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/chat_template.h"
#include "runtime/engines/llama/llama_engine.h"
#include "runtime/engines/llama/llama_library.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

using Vector = std::vector<float>;

std::string FileOf(const std::string& name) {
  return BuildPath("tests/unit/engines/llama/embedding-" + name + ".gguf");
}

const std::vector<std::string> kTexts = {"the cat sat on the mat",
                                         "a",
                                         "dogs run",
                                         "numbers 12 and 34 in between some more words here",
                                         "über größe",
                                         "😀 \u200b"};

// The values of each token of one text, then the mean, the first or the last of them, of length 1.
Vector ByHand(const std::string& path, const std::string& text, const std::string& pooling) {
  LlamaLibrary library;
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  const LlamaModelPtr model(llama_model_load_from_file(path.c_str(), model_params));
  auto tokens = Tokenize(llama_model_get_vocab(model.get()), text, true, false);
  EXPECT_TRUE(tokens.ok());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 128;
  params.n_threads = params.n_threads_batch = 1;
  params.embeddings = true;
  params.pooling_type = LLAMA_POOLING_TYPE_NONE;
  const LlamaContextPtr context(llama_init_from_model(model.get(), params));
  const int count = static_cast<int>(tokens->size());
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (int i = 0; i < count; ++i) {
    batch.token[i] = (*tokens)[static_cast<size_t>(i)];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  EXPECT_EQ(llama_get_memory(context.get()) == nullptr ? llama_encode(context.get(), batch)
                                                       : llama_decode(context.get(), batch),
            0);
  const int width = llama_model_n_embd(model.get());
  Vector sum(static_cast<size_t>(width), 0);
  for (int i = 0; i < count; ++i) {
    if (pooling == "cls" && i > 0) continue;
    if (pooling == "last" && i + 1 < count) continue;
    const float* row = llama_get_embeddings_ith(context.get(), i);
    for (int j = 0; j < width; ++j) sum[static_cast<size_t>(j)] += row[j];
  }
  llama_batch_free(batch);
  double square = 0;
  for (const float value : sum) square += static_cast<double>(value) * value;
  for (float& value : sum) value = static_cast<float>(value / std::sqrt(square));
  return sum;
}

engine_proto::Task TaskOf(const std::vector<std::string>& texts, uint32_t dimensions = 0) {
  engine_proto::Task task;
  for (const std::string& text : texts) task.mutable_embed_text()->add_texts(text);
  task.mutable_embed_text()->set_dimensions(dimensions);
  return task;
}

class EmbeddingTest : public testing::Test {
 protected:
  std::unique_ptr<Model> Load(const std::string& name,
                              const std::map<std::string, std::string>& parameters = {}) {
    auto model = engine_->Load(SpecOf(FileOf(name), parameters), {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  struct Answer {
    std::map<uint32_t, Vector> vectors;
    std::map<uint32_t, uint32_t> tokens;
    absl::Status status;
    bool completed = false;
  };
  static std::vector<Answer> Run(Model& model, const std::vector<engine_proto::Task>& tasks) {
    std::vector<std::unique_ptr<Job>> jobs;
    std::vector<Answer> answers(tasks.size());
    std::vector<size_t> running;
    for (size_t i = 0; i < tasks.size(); ++i) {
      auto job = model.Start(tasks[i], {});
      answers[i].status = job.status();
      jobs.push_back(job.ok() ? *std::move(job) : nullptr);
      if (job.ok()) running.push_back(i);
    }
    while (!running.empty()) {
      std::vector<Job*> batch;
      for (const size_t i : running) batch.push_back(jobs[i].get());
      auto outputs = model.Step(batch, {.budget = absl::ZeroDuration()});
      EXPECT_TRUE(outputs.ok()) << outputs.status();
      if (!outputs.ok()) break;
      std::vector<size_t> left;
      for (size_t b = 0; b < running.size(); ++b) {
        Answer& answer = answers[running[b]];
        for (const engine_proto::Event& event : (*outputs)[b].events) {
          if (event.has_completed()) answer.completed = true;
          if (!event.has_embedding()) continue;
          const engine_proto::EmbeddingResult& one = event.embedding();
          EXPECT_FALSE(answer.vectors.contains(one.index()));
          answer.vectors[one.index()] = {one.values().begin(), one.values().end()};
          answer.tokens[one.index()] = one.input_tokens();
        }
        answer.status = (*outputs)[b].status;
        if (!(*outputs)[b].done) left.push_back(running[b]);
      }
      running = left;
    }
    return answers;
  }
  static Answer Run(Model& model, const engine_proto::Task& task) {
    return Run(model, std::vector<engine_proto::Task>{task}).front();
  }
  static double Difference(const Vector& a, const Vector& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0;
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
      most = std::max<double>(most, std::abs(a[i] - b[i]));
    }
    return most;
  }

  const std::unique_ptr<Engine> engine_ = MakeLlamaEngine();
};

class EmbeddingFilesTest : public EmbeddingTest, public testing::WithParamInterface<const char*> {};

TEST_P(EmbeddingFilesTest, VectorsAreThoseComputedByHand) {
  const std::string name = GetParam();
  const std::string pooling = name.substr(name.find('-') + 1);
  const std::unique_ptr<Model> model = Load(name);
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->info().embedding_dimensions(), 64U);
  const Answer answer = Run(*model, TaskOf(kTexts));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_TRUE(answer.completed);
  ASSERT_EQ(answer.vectors.size(), kTexts.size());
  for (uint32_t i = 0; i < kTexts.size(); ++i) {
    EXPECT_LT(Difference(answer.vectors.at(i), ByHand(FileOf(name), kTexts[i], pooling)), 2e-3)
        << kTexts[i];
  }
}

TEST_P(EmbeddingFilesTest, CompanyDoesNotChangeAVector) {
  const std::unique_ptr<Model> model = Load(GetParam());
  ASSERT_NE(model, nullptr);
  std::vector<engine_proto::Task> tasks;
  for (const std::string& text : kTexts) tasks.push_back(TaskOf({text}));
  tasks.push_back(TaskOf(std::vector<std::string>(200, "many more of them")));
  const std::vector<Answer> together = Run(*model, tasks);
  ASSERT_EQ(together.back().vectors.size(), 200U);
  for (size_t i = 0; i < kTexts.size(); ++i) {
    const Answer alone = Run(*model, tasks[i]);
    EXPECT_LT(Difference(alone.vectors.at(0), together[i].vectors.at(0)), 2e-3) << kTexts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Files, EmbeddingFilesTest,
                         testing::Values("bert-mean", "bert-cls", "llama-last", "llama-mean"),
                         [](const auto& info) {
                           std::string name = info.param;
                           name.replace(name.find('-'), 1, "_");
                           return name;
                         });

TEST_F(EmbeddingTest, FewerDimensionsHaveLengthOneAgain) {
  const std::unique_ptr<Model> model = Load("bert-mean");
  const Vector all = Run(*model, TaskOf({kTexts[0]})).vectors.at(0);
  const Vector few = Run(*model, TaskOf({kTexts[0]}, 8)).vectors.at(0);
  ASSERT_EQ(few.size(), 8U);
  double square = 0;
  for (const float value : few) square += static_cast<double>(value) * value;
  EXPECT_NEAR(square, 1, 1e-5);
  EXPECT_NEAR(few[0] / few[1], all[0] / all[1], 1e-3);
}

TEST_F(EmbeddingTest, PrefixesStandBeforeTheText) {
  const std::unique_ptr<Model> model =
      Load("bert-mean", {{"query_prefix", "query: "}, {"document_prefix", "passage: "}});
  engine_proto::Task query = TaskOf({"cats"});
  query.mutable_embed_text()->set_purpose(engine_proto::EMBEDDING_PURPOSE_QUERY);
  engine_proto::Task document = TaskOf({"cats"});
  document.mutable_embed_text()->set_purpose(engine_proto::EMBEDDING_PURPOSE_DOCUMENT);
  const auto answers =
      Run(*model, {query, TaskOf({"query: cats"}), document, TaskOf({"passage: cats"})});
  EXPECT_LT(Difference(answers[0].vectors.at(0), answers[1].vectors.at(0)), 2e-3);
  EXPECT_LT(Difference(answers[2].vectors.at(0), answers[3].vectors.at(0)), 2e-3);
  EXPECT_GT(Difference(answers[0].vectors.at(0), answers[2].vectors.at(0)), 2e-2);
}

TEST_F(EmbeddingTest, PublishedModelsHaveTheirPrefixes) {
  EXPECT_EQ(FindEmbeddingPrefixes("nomic-embed-text-v1.5").query, "search_query: ");
  EXPECT_EQ(FindEmbeddingPrefixes("intfloat/multilingual-e5-small").document, "passage: ");
  EXPECT_EQ(FindEmbeddingPrefixes("BGE Small EN v1.5").document, "");
  EXPECT_FALSE(FindEmbeddingPrefixes("bge-small-en-v1.5").query.empty());
  EXPECT_EQ(FindEmbeddingPrefixes("all-MiniLM-L6-v2").query, "");
  EXPECT_EQ(FindEmbeddingPrefixes("multilingual-e5-large-instruct").query, "");
}

TEST_F(EmbeddingTest, WhatIsTooLongIsRefusedWithItsPlace) {
  const std::unique_ptr<Model> model = Load("bert-mean");
  std::string text;
  for (int i = 0; i < 300; ++i) text += "ab ";
  const Answer answer = Run(*model, TaskOf({"short", text}));
  EXPECT_TRUE(HasReason(answer.status, Reason::kContextWindowExceeded)) << answer.status;
  EXPECT_EQ(FactsOf(answer.status).field, "texts[1]");
  EXPECT_EQ(FactsOf(answer.status).metadata.at("context_tokens"), "128");
  EXPECT_EQ(FactsOf(answer.status).metadata.at("input_tokens"), "302");
  const Answer huge = Run(*Load("llama-last"), TaskOf({std::string(1 << 20, 'x')}));
  EXPECT_TRUE(HasReason(huge.status, Reason::kContextWindowExceeded)) << huge.status;
}

TEST_F(EmbeddingTest, RefusesWhatItCannotDo) {
  const std::unique_ptr<Model> model = Load("bert-mean");
  EXPECT_EQ(FactsOf(Run(*model, TaskOf({"a"}, 65)).status).field, "dimensions");
  EXPECT_EQ(FactsOf(Run(*model, TaskOf({"a", "\xFF"})).status).field, "texts[1]");
  EXPECT_EQ(FactsOf(Run(*model, Greedy("Once", 1)).status).field, "kind");
  EXPECT_TRUE(Run(*model, TaskOf({})).completed);
  EXPECT_TRUE(
      HasReason(engine_->Load(SpecOf(FileOf("bert-mean"), {{"pooling", "best"}}), {}).status(),
                Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(
      engine_->Load(SpecOf(FileOf("bert-mean"), {{"context_tokens", "4096"}}), {}).status(),
      Reason::kFieldInvalid));
}

TEST_F(EmbeddingTest, ACancelledJobEndsAndLeavesTheOthers) {
  const std::unique_ptr<Model> model = Load("llama-mean");
  CancelSource cancel;
  auto first = model->Start(TaskOf({"one"}), cancel.token());
  auto second = model->Start(TaskOf({"two"}), {});
  cancel.Cancel();
  Job* const jobs[] = {first->get(), second->get()};
  auto outputs = model->Step(jobs, {});
  ASSERT_TRUE(outputs.ok());
  EXPECT_TRUE(HasReason((*outputs)[0].status, Reason::kCancelled));
  EXPECT_TRUE((*outputs)[1].status.ok());
  EXPECT_TRUE((*outputs)[1].done);
}

}  // namespace
}  // namespace intelligenced
