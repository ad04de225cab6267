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

INSTANTIATE_TEST_SUITE_P(Llama, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             LlamaCase(), [] { return PlacedSpec{SpecOf(StoriesPath()), nullptr}; },
                             MakeLlamaEngine, HaveStories())),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
