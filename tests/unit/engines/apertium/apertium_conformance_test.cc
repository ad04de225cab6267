// The Apertium engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/engines/apertium/apertium_engine.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/conformance/places.h"
#include "tests/unit/engines/apertium/apertium_programs.h"

namespace intelligenced {
namespace {

engine_proto::ModelSpec Spec() {
  engine_proto::ModelSpec spec;
  spec.set_name("apertium");
  spec.set_engine("apertium");
  // One pipeline: answers come in order, the same each time.
  (*spec.mutable_parameters())["pipelines"] = "1";
  engine_proto::ModelFile* file = spec.add_files();
  file->set_role("apertium-modes");
  file->set_path(kModesFolder);
  return spec;
}

engine_proto::Task Translate(int segments, const std::string& from, const std::string& to) {
  engine_proto::Task task;
  task.mutable_translate()->set_source_language(from);
  task.mutable_translate()->set_target_language(to);
  for (int i = 0; i < segments; ++i) {
    task.mutable_translate()->add_segments()->set_text(
        absl::StrCat("The ", i, " red houses of the zorglub are empty \xe2\x80\x94 why?"));
  }
  return task;
}

ConformanceCase ApertiumCase() {
  ConformanceCase result;
  result.task = Translate(30, "en", "es");
  result.more_tasks = {Translate(1, "en", "es"), Translate(12, "en-GB", "es-ES"),
                       Translate(3, "es", "pt-BR")};
  result.long_task = Translate(1000, "en", "es");
  result.wrong_task = Translate(1, "en", "tlh");
  return result;
}

INSTANTIATE_TEST_SUITE_P(Apertium, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             ApertiumCase(), [] { return PlacedSpec{Spec(), nullptr}; },
                             [] { return MakeApertiumEngine(); },
                             HasMode("eng-spa") && HasMode("es-pt_BR"))),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
