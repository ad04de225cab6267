// The language tasks of the text engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "runtime/base/reasons.h"
#include "runtime/engines/text/text_engine.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;

class LanguageJobTest : public testing::Test {
 protected:
  void SetUp() override {
    engine_proto::ModelSpec spec;
    spec.set_engine("text");
    spec.set_family("language");
    auto model = engine_->Load(spec, {});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }

  JobOutput Run(const engine_proto::Task& task) {
    JobOutput all;
    auto job = model_->Start(task, {});
    if (!job.ok()) {
      all.status = job.status();
      return all;
    }
    Job* const jobs[] = {job->get()};
    while (!all.done) {
      auto outputs = model_->Step(jobs, {.budget = absl::ZeroDuration()});
      if (!outputs.ok()) {
        all.status = outputs.status();
        return all;
      }
      for (engine_proto::Event& event : outputs->front().events) {
        all.events.push_back(std::move(event));
      }
      all.done = outputs->front().done;
      all.status = outputs->front().status;
      ++steps_;
    }
    return all;
  }

  const std::unique_ptr<Engine> engine_ = MakeTextEngine();
  std::unique_ptr<Model> model_;
  int steps_ = 0;
};

TEST_F(LanguageJobTest, SaysWhatItDoes) {
  EXPECT_THAT(model_->info().task_kinds(), ElementsAre(engine_proto::TASK_KIND_DETECT_LANGUAGE,
                                                       engine_proto::TASK_KIND_SEGMENT_TEXT));
}

TEST_F(LanguageJobTest, DetectsTextsInOrder) {
  engine_proto::Task task;
  for (const char* text : {"Ich weiß es nicht.", "", "Je ne sais pas."}) {
    task.mutable_detect_language()->add_texts(text);
  }
  task.mutable_detect_language()->set_max_candidates(2);
  const JobOutput output = Run(task);
  ASSERT_TRUE(output.status.ok()) << output.status;
  ASSERT_EQ(output.events.size(), 4U);
  EXPECT_EQ(output.events[0].languages().candidates(0).language(), "de");
  EXPECT_EQ(output.events[0].languages().candidates(0).script(), "Latn");
  EXPECT_FLOAT_EQ(output.events[0].languages().candidates(0).share(), 1);
  EXPECT_LE(output.events[0].languages().candidates_size(), 2);
  EXPECT_EQ(output.events[1].languages().index(), 1U);
  EXPECT_EQ(output.events[1].languages().candidates_size(), 0);
  EXPECT_TRUE(output.events[1].languages().unreliable());
  EXPECT_EQ(output.events[2].languages().candidates(0).language(), "fr");
  EXPECT_TRUE(output.events[3].has_completed());
  EXPECT_EQ(steps_, 3);
}

TEST_F(LanguageJobTest, SegmentsLongTextsInSeveralSteps) {
  engine_proto::Task task;
  std::string text;
  while (text.size() < 300'000) text += "It rains. ";
  task.mutable_segment_text()->add_texts(text);
  task.mutable_segment_text()->set_unit(engine_proto::TEXT_UNIT_WORD);
  const JobOutput output = Run(task);
  ASSERT_TRUE(output.status.ok()) << output.status;
  EXPECT_GE(steps_, 5);
  ASSERT_GE(output.events.size(), 3U);
  engine_proto::SegmentsResult result;
  for (const engine_proto::Event& event : output.events) {
    EXPECT_EQ(event.segments().index(), 0U);
    EXPECT_LT(event.segments().starts_size(), 60'000);
    result.MergeFrom(event.segments());
  }
  ASSERT_EQ(result.starts_size(), 60'000);
  EXPECT_EQ(result.starts(59'999), 299'993U);
  EXPECT_EQ(result.ends(59'999), 299'999U - 1);
}

TEST_F(LanguageJobTest, NoTextsAreNoWork) {
  engine_proto::Task task;
  task.mutable_detect_language();
  EXPECT_TRUE(Run(task).done);
}

TEST_F(LanguageJobTest, RefusesWhatItCannotRead) {
  engine_proto::Task task;
  task.mutable_segment_text()->add_texts("good");
  task.mutable_segment_text()->add_texts(
      "b\xFF"
      "d");
  EXPECT_EQ(FactsOf(Run(task).status).field, "texts[1]");
  task.mutable_detect_language()->add_texts("\xC3");
  EXPECT_EQ(FactsOf(Run(task).status).field, "texts[0]");
  task.mutable_detect_language()->clear_texts();
  for (int i = 0; i < 4097; ++i) task.mutable_detect_language()->add_texts("a");
  EXPECT_EQ(FactsOf(Run(task).status).field, "texts");
  task.mutable_detect_language()->clear_texts();
  task.mutable_detect_language()->set_max_candidates(17);
  EXPECT_EQ(FactsOf(Run(task).status).field, "max_candidates");
  task.mutable_segment_text()->set_unit(static_cast<engine_proto::TextUnit>(9));
  EXPECT_EQ(FactsOf(Run(task).status).field, "unit");
  task.mutable_summarize()->set_text("Long.");
  EXPECT_TRUE(HasReason(Run(task).status, Reason::kFieldInvalid));
}

}  // namespace
}  // namespace intelligenced
