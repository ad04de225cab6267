#include "runtime/engines/text/text_engine.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
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

// One model for all tests: loading is the slow part.
Model& TheModel() {
  static auto* const clock = new ManualClock();
  static auto* const engine = MakeTextEngine(clock).release();
  static auto* const model = engine->Load(Spec(), {})->release();
  return *model;
}

struct Outcome {
  absl::Status status;
  std::vector<engine_proto::Event> events;
  int steps = 0;
};

Outcome RunTask(const engine_proto::Task& task, CancelToken cancel = {}) {
  Outcome outcome;
  auto job = TheModel().Start(task, cancel);
  if (!job.ok()) {
    outcome.status = job.status();
    return outcome;
  }
  for (;;) {
    Job* const jobs[] = {job->get()};
    auto outputs = TheModel().Step(jobs, {.budget = absl::ZeroDuration()});
    EXPECT_TRUE(outputs.ok());
    JobOutput& output = outputs->at(0);
    EXPECT_TRUE(output.done || output.work > 0);
    for (auto& event : output.events) outcome.events.push_back(std::move(event));
    ++outcome.steps;
    if (output.done) {
      outcome.status = output.status;
      return outcome;
    }
  }
}

engine_proto::Task Proofread(std::string text) {
  engine_proto::Task task;
  task.mutable_proofread()->set_text(std::move(text));
  return task;
}

const engine_proto::ProofreadResult& ResultOf(const Outcome& outcome) {
  static const engine_proto::ProofreadResult none;
  for (const auto& event : outcome.events) {
    if (event.has_proofread()) return event.proofread();
  }
  ADD_FAILURE() << "no result: " << outcome.status;
  return none;
}

TEST(TextEngineTest, Proofreads) {
  const std::string text = "Their is a eror in this sentance, and and it dont look good.";
  const Outcome outcome = RunTask(Proofread(text));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  ASSERT_TRUE(outcome.events.back().has_completed());
  std::string corrected = text;
  const engine_proto::ProofreadResult& result = ResultOf(outcome);
  for (int i = result.corrections_size(); i-- > 0;) {
    const engine_proto::Correction& correction = result.corrections(i);
    corrected.replace(correction.start(), correction.end() - correction.start(),
                      correction.replacement());
    EXPECT_GT(correction.confidence(), 0);
    EXPECT_FALSE(correction.explanation().empty());
    EXPECT_GT(correction.types_size(), 0);
  }
  EXPECT_EQ(corrected, "There is an error in this sentence, and it doesn't look good.");
  EXPECT_EQ(result.language(), "en");
}

TEST(TextEngineTest, OffsetsHoldAcrossParagraphsAndRanges) {
  const std::string text = "Fine.\n\nWe recieve teh mail.\n\n```\nteh\n```\n\n- teh end of teh day";
  engine_proto::Task task = Proofread(text);
  const size_t last = text.rfind("teh");
  auto* range = task.mutable_proofread()->add_protected_ranges();
  range->set_start(static_cast<uint32_t>(last));
  range->set_end(static_cast<uint32_t>(last + 3));
  const Outcome outcome = RunTask(task);
  ASSERT_EQ(ResultOf(outcome).corrections_size(), 3);
  for (const engine_proto::Correction& correction : ResultOf(outcome).corrections()) {
    const std::string original =
        text.substr(correction.start(), correction.end() - correction.start());
    EXPECT_TRUE(original == "teh" || original == "recieve") << original;
    EXPECT_NE(correction.start(), last);
  }
}

TEST(TextEngineTest, OtherLanguagesAreRefusedByName) {
  const Outcome german =
      RunTask(Proofread("Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß "
                        "genau, warum er das "
                        "an jedem Morgen tut."));
  EXPECT_TRUE(HasReason(german.status, Reason::kLanguageUnsupported));
  EXPECT_EQ(FactsOf(german.status).metadata.at("language"), "de");
  EXPECT_TRUE(RunTask(Proofread("Guten Tag")).status.ok());
}

TEST(TextEngineTest, BadTasksAreRefused) {
  const auto refused = [](const engine_proto::Task& task) {
    return HasReason(RunTask(task).status, Reason::kFieldInvalid);
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused(Proofread("")));
  EXPECT_TRUE(refused(Proofread("bad \xFF byte")));
  engine_proto::Task generate;
  generate.mutable_generate()->set_prompt("x");
  EXPECT_TRUE(refused(generate));
  const auto with_ranges = [](std::vector<std::pair<int, int>> ranges) {
    engine_proto::Task task = Proofread("héllo wörld");
    for (const auto& [start, end] : ranges) {
      auto* range = task.mutable_proofread()->add_protected_ranges();
      range->set_start(static_cast<uint32_t>(start));
      range->set_end(static_cast<uint32_t>(end));
    }
    return task;
  };
  EXPECT_TRUE(refused(with_ranges({{0, 99}})));
  EXPECT_TRUE(refused(with_ranges({{2, 4}})));
  EXPECT_TRUE(refused(with_ranges({{5, 3}})));
  EXPECT_TRUE(refused(with_ranges({{3, 6}, {0, 2}})));
  EXPECT_FALSE(refused(with_ranges({{0, 1}, {1, 3}})));
  engine_proto::Task rewrite;
  rewrite.mutable_rewrite()->set_text("x");
  EXPECT_TRUE(HasReason(RunTask(rewrite).status, Reason::kNoCapableModel));
  engine_proto::Task table;
  table.mutable_summarize()->set_text("x");
  table.mutable_summarize()->set_type(6);
  EXPECT_TRUE(HasReason(RunTask(table).status, Reason::kNoCapableModel));
}

TEST(TextEngineTest, RewritesAndKeepsTheRest) {
  engine_proto::Task task;
  const std::string text = "Hello.\n\n- We met in order to talk.\n\n```\nin order to\n```\n  End. ";
  task.mutable_rewrite()->set_text(text);
  task.mutable_rewrite()->set_style(4);
  const Outcome outcome = RunTask(task);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  ASSERT_GE(outcome.events.size(), 2u);
  EXPECT_EQ(outcome.events[outcome.events.size() - 2].text(),
            "Hello.\n\n- We met to talk.\n\n```\nin order to\n```\n  End. ");
}

TEST(TextEngineTest, LongTextsTakeBoundedSteps) {
  std::string text;
  while (text.size() < 64 * 1024) text += "We dont know what teh matter is with it today. ";
  text.append(100'000, 'x');
  const Outcome outcome = RunTask(Proofread(text));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_GT(outcome.steps, 100);
  EXPECT_GT(ResultOf(outcome).corrections_size(), 2000);
  uint64_t done = 0;
  for (const auto& event : outcome.events) {
    if (!event.has_progress()) continue;
    EXPECT_GT(event.progress().done(), done);
    EXPECT_EQ(event.progress().total(), text.size());
    done = event.progress().done();
  }
}

TEST(TextEngineTest, HostileTextsEnd) {
  for (const std::string& text :
       {std::string(1'000'000, 'x'), std::string(200'000, '`'), std::string(200'000, '\0'),
        std::string(200'000, '\n'), std::string(100'000, '.')}) {
    EXPECT_TRUE(RunTask(Proofread(text)).status.ok());
    engine_proto::Task summarize;
    summarize.mutable_summarize()->set_text(text);
    EXPECT_TRUE(RunTask(summarize).status.ok());
  }
}

TEST(TextEngineTest, CancelEndsAJob) {
  const CancelSource source;
  source.Cancel();
  const Outcome outcome = RunTask(Proofread("Some text."), source.token());
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kCancelled);
}

TEST(TextEngineTest, LoadSaysWhatIsMissing) {
  const auto engine = MakeTextEngine();
  EXPECT_EQ(engine->name(), "text");
  EXPECT_TRUE(HasReason(engine->Load({}, {}).status(), Reason::kModelLoadFailed));
  engine_proto::ModelSpec spec = Spec();
  spec.mutable_files(0)->set_path("/nowhere/en.aff");
  EXPECT_TRUE(HasReason(engine->Load(spec, {}).status(), Reason::kModelLoadFailed));
}

}  // namespace
}  // namespace intelligenced
