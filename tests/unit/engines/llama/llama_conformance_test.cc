// The llama engine against the engine contract, in this process and in a worker.
#include <memory>
#include <string>
#include <utility>

#include "runtime/engines/llama/llama_engine.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/conformance/places.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

ConformanceCase LlamaCase() {
  ConformanceCase result;
  result.task = Greedy("", 40);
  result.more_tasks = {Greedy("One day", 3), Greedy("Tom had a red ball. He", 90),
                       Greedy("The cat", 1), Greedy("Sue and Tim", 25)};
  engine_proto::Task count;
  count.mutable_count_tokens()->set_text("Once upon a time");
  result.more_tasks.push_back(count);
  result.long_task = Greedy("", 500);
  result.wrong_task.mutable_proofread()->set_text("teh");
  return result;
}

engine_proto::Task Embed(int texts) {
  engine_proto::Task task;
  for (int i = 0; i < texts; ++i) {
    task.mutable_embed_text()->add_texts(i % 2 == 0 ? "one text" : "another, a little longer");
  }
  return task;
}

ConformanceCase EmbeddingCase() {
  ConformanceCase result;
  result.task = Embed(3);
  result.more_tasks = {Embed(1), Embed(40), Embed(7)};
  result.long_task = Embed(3000);
  result.wrong_task = Greedy("Once", 1);
  result.failing_task = Embed(1);
  for (int i = 0; i < 9; ++i) {
    *result.failing_task->mutable_embed_text()->mutable_texts(0) += " and and and and and and and";
    *result.failing_task->mutable_embed_text()->mutable_texts(0) += " and and and and and and and";
  }
  // Whole texts of several jobs share a batch, and sums over other rows round differently.
  result.deterministic = false;
  return result;
}

INSTANTIATE_TEST_SUITE_P(
    Embedding, EngineConformanceTest,
    testing::ValuesIn(InBothPlaces(
        EmbeddingCase(),
        [] {
          return PlacedSpec{SpecOf(BuildPath("tests/unit/engines/llama/embedding-bert-mean.gguf")),
                            nullptr};
        },
        MakeLlamaEngine)),
    ConformanceCase::NameOf);

INSTANTIATE_TEST_SUITE_P(Llama, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             LlamaCase(), [] { return PlacedSpec{SpecOf(StoriesPath()), nullptr}; },
                             MakeLlamaEngine, HaveStories())),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
