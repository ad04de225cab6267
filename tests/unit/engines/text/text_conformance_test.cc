// The text engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/engines/text/text_engine.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/conformance/places.h"
#include "tests/unit/engines/text/dictionary.h"

namespace intelligenced {
namespace {

engine_proto::ModelSpec Spec() {
  engine_proto::ModelSpec spec;
  spec.set_name("writing-rules");
  spec.set_engine("text");
  for (const auto& [role, path] :
       {std::pair("affixes", kAffixes), std::pair("dictionary", kDictionary)}) {
    engine_proto::ModelFile* file = spec.add_files();
    file->set_role(role);
    file->set_path(path);
  }
  return spec;
}

engine_proto::Task Proofread(int sentences) {
  engine_proto::Task task;
  std::string text;
  for (int i = 0; i < sentences; ++i) {
    absl::StrAppend(&text, "We dont know why teh number ", i, " is so large — naïve, perhaps. ");
  }
  task.mutable_proofread()->set_text(std::move(text));
  return task;
}

ConformanceCase TextCase() {
  ConformanceCase result;
  result.task = Proofread(30);
  engine_proto::Task rewrite;
  rewrite.mutable_rewrite()->set_text("We came in order to see. It's late, isn't it?");
  rewrite.mutable_rewrite()->set_style(3);
  engine_proto::Task summarize;
  summarize.mutable_summarize()->set_text(
      "The bridge is closed. The bridge will be open again in May. Ferries run until then.");
  result.more_tasks = {Proofread(1), rewrite, summarize, Proofread(12)};
  result.long_task = Proofread(2000);
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  engine_proto::Task german;
  german.mutable_proofread()->set_text(
      "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß genau, warum er "
      "das "
      "an jedem Morgen tut.");
  result.failing_task = german;
  return result;
}

engine_proto::Task Detect(int texts) {
  engine_proto::Task task;
  for (int i = 0; i < texts; ++i) {
    task.mutable_detect_language()->add_texts(i % 2 == 0 ? "Guten Morgen"
                                                         : "Where is the station?");
  }
  return task;
}

engine_proto::Task Segment(size_t bytes) {
  engine_proto::Task task;
  std::string text;
  while (text.size() < bytes) text += "One sentence. Another one, a little longer! ";
  task.mutable_segment_text()->add_texts(text);
  task.mutable_segment_text()->add_texts("");
  return task;
}

ConformanceCase LanguageCase() {
  ConformanceCase result;
  result.task = Detect(5);
  result.more_tasks = {Segment(200), Detect(1), Segment(150'000), Detect(40)};
  result.long_task = Detect(3000);
  result.wrong_task.mutable_proofread()->set_text("Teh text.");
  return result;
}

INSTANTIATE_TEST_SUITE_P(Language, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             LanguageCase(),
                             [] {
                               engine_proto::ModelSpec spec;
                               spec.set_name("language-rules");
                               spec.set_engine("text");
                               spec.set_family("language");
                               return PlacedSpec{spec, nullptr};
                             },
                             [] { return MakeTextEngine(); })),
                         ConformanceCase::NameOf);

INSTANTIATE_TEST_SUITE_P(Text, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             TextCase(), [] { return PlacedSpec{Spec(), nullptr}; },
                             [] { return MakeTextEngine(); })),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
