// The family "seq2seq" on the toy translators: token for token what the plain reference makes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/engines/onnx/seq2seq/toy_translators.h"

namespace intelligenced {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class TranslatorTest : public testing::Test {
 protected:
  struct Answers {
    std::map<uint32_t, engine_proto::TranslatedSegment> segments;
    std::vector<uint32_t> order;
    engine_proto::Completed completed;
    absl::Status status;
    int steps = 0;
    bool twice = false;
  };

  std::unique_ptr<Model> Load(const engine_proto::ModelSpec& spec) {
    auto model = engine_->Load(spec, {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  static Answers Run(
      Model& model, const engine_proto::Task& task, CancelToken cancel = {},
      const std::function<void(int)>& before_step = [](int) {}) {
    Answers answers;
    auto job = model.Start(task, std::move(cancel));
    if (!job.ok()) {
      answers.status = job.status();
      return answers;
    }
    Job* const jobs[] = {job->get()};
    for (bool done = false; !done && answers.steps < 10000; ++answers.steps) {
      before_step(answers.steps);
      auto outputs = model.Step(jobs, {.budget = absl::ZeroDuration()});
      if (!outputs.ok()) {
        answers.status = outputs.status();
        return answers;
      }
      for (const engine_proto::Event& event : outputs->front().events) {
        if (event.has_completed()) answers.completed = event.completed();
        if (!event.has_translated()) continue;
        const uint32_t index = event.translated().index();
        answers.order.push_back(index);
        if (!answers.segments.emplace(index, event.translated()).second) answers.twice = true;
      }
      done = outputs->front().done;
      answers.status = outputs->front().status;
    }
    return answers;
  }

  static std::vector<std::string> Texts(const Answers& answers) {
    std::vector<std::string> texts;
    for (const auto& [index, segment] : answers.segments) texts.push_back(segment.text());
    return texts;
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
};

struct ExactCase {
  const char* model;
  bool merged;
};

class TranslatorExactTest : public TranslatorTest, public testing::WithParamInterface<ExactCase> {};

TEST_P(TranslatorExactTest, IsTheReferenceTokenForToken) {
  const auto model = Load(ToySpec(GetParam().model, GetParam().merged));
  ASSERT_NE(model, nullptr);
  const std::vector<GoldenCase> cases = GoldenCases(GetParam().model);
  ASSERT_THAT(cases, SizeIs(testing::Ge(8U)));
  for (const GoldenCase& golden : cases) {
    for (const GoldenRun& run : golden.runs) {
      engine_proto::Task task = TranslateToyTask({golden.text}, golden.target, golden.source);
      task.mutable_translate()->set_beam_size(run.beams);
      task.mutable_translate()->set_length_penalty(run.length_penalty);
      const Answers answers = Run(*model, task);
      ASSERT_TRUE(answers.status.ok()) << answers.status;
      const engine_proto::TranslatedSegment& segment = answers.segments.at(0);
      const std::string what =
          absl::StrCat(golden.text, ", ", run.beams, " beams, penalty ", run.length_penalty);
      EXPECT_EQ(segment.text(), run.text) << what;
      EXPECT_EQ(segment.output_tokens(), run.tokens.size()) << what;
      EXPECT_EQ(segment.input_tokens(), golden.input.size()) << what;
    }
  }
}

// All segments of one task go through the network in groups, the shorter ones padded.
TEST_P(TranslatorExactTest, ABatchIsWhatEachIsByItself) {
  const auto model = Load(ToySpec(GetParam().model, GetParam().merged));
  ASSERT_NE(model, nullptr);
  const std::vector<GoldenCase> cases = GoldenCases(GetParam().model);
  std::set<std::string> targets;
  for (const GoldenCase& golden : cases) targets.insert(golden.target);
  for (const std::string& target : targets) {
    for (size_t run = 0; run < cases.front().runs.size(); ++run) {
      engine_proto::Task task = TranslateToyTask({}, target, cases.front().source);
      task.mutable_translate()->set_beam_size(cases.front().runs[run].beams);
      task.mutable_translate()->set_length_penalty(cases.front().runs[run].length_penalty);
      std::vector<std::string> expected;
      for (const GoldenCase& golden : cases) {
        if (golden.target != target) continue;
        task.mutable_translate()->add_segments()->set_text(golden.text);
        expected.push_back(golden.runs[run].text);
      }
      const Answers answers = Run(*model, task);
      ASSERT_TRUE(answers.status.ok()) << answers.status;
      EXPECT_FALSE(answers.twice);
      EXPECT_EQ(Texts(answers), expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Toys, TranslatorExactTest,
                         testing::Values(ExactCase{kOpusToy, false}, ExactCase{kOpusToy, true},
                                         ExactCase{kTinyM2m100, false},
                                         ExactCase{kTinyM2m100, true}, ExactCase{kTinyNllb, false},
                                         ExactCase{kTinyNllb, true}),
                         [](const auto& info) {
                           std::string name = info.param.model;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + (info.param.merged ? "_merged" : "_split");
                         });

TEST_F(TranslatorTest, SaysWhatItIs) {
  const auto opus = Load(ToySpec(kOpusToy));
  ASSERT_NE(opus, nullptr);
  EXPECT_THAT(opus->info().task_kinds(), Contains(engine_proto::TASK_KIND_TRANSLATE));
  EXPECT_TRUE(opus->info().translation().sentences());
  EXPECT_EQ(opus->info().translation().max_segment_tokens(), 256U);
  ASSERT_EQ(opus->info().translation().pairs_size(), 2);
  EXPECT_EQ(opus->info().translation().pairs(0).source_language(), "en");
  EXPECT_EQ(opus->info().translation().pairs(0).target_language(), "qaa");
  EXPECT_THAT(opus->info().description(), HasSubstr("seq2seq"));
  const auto nllb = Load(ToySpec(kTinyNllb));
  ASSERT_NE(nllb, nullptr);
  ASSERT_EQ(nllb->info().translation().pairs_size(), 4);
  EXPECT_EQ(nllb->info().translation().pairs(0).source_language(), "en");
  EXPECT_EQ(nllb->info().translation().pairs(0).target_language(), "*");
  EXPECT_EQ(nllb->info().translation().pairs(3).source_language(), "zh");
}

TEST_F(TranslatorTest, ShortOnesComeFirst) {
  const auto model = Load(ToySpec(kOpusToy));
  const Answers answers =
      Run(*model, TranslateToyTask({"The old king sees the big dog and the happy child in the "
                                    "garden because a queen watches the ship.",
                                    "Anna sees Boris."}));
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(answers.order, ElementsAre(1, 0));
  EXPECT_EQ(answers.completed.finish_reason(), engine_proto::FINISH_REASON_STOP);
  EXPECT_EQ(answers.completed.output_tokens(),
            answers.segments.at(0).output_tokens() + answers.segments.at(1).output_tokens());
}

TEST_F(TranslatorTest, EmptyAndBlankSegmentsComeBackAsTheyAre) {
  const auto model = Load(ToySpec(kOpusToy));
  const Answers answers = Run(*model, TranslateToyTask({"", "  \n\t", "Anna sees Boris."}));
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(Texts(answers), ElementsAre("", "  \n\t", "Eppe Cusot tiit."));
}

TEST_F(TranslatorTest, KeepsPlaceholdersAndSaysWhere) {
  const auto model = Load(ToySpec(kOpusToy));
  engine_proto::Task task = TranslateToyTask({"{name} sees the dog."});
  engine_proto::KeptSpan& span = *task.mutable_translate()->mutable_segments(0)->add_kept();
  span.set_end(6);
  span.set_kind(engine_proto::KEPT_KIND_WORD);
  const Answers answers = Run(*model, task);
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  const engine_proto::TranslatedSegment& segment = answers.segments.at(0);
  ASSERT_EQ(segment.kept_size(), 1) << segment.text();
  EXPECT_EQ(segment.text().substr(segment.kept(0).start(),
                                  segment.kept(0).end() - segment.kept(0).start()),
            "{name}");
  EXPECT_EQ(segment.kept(0).kind(), engine_proto::KEPT_KIND_WORD);
}

TEST_F(TranslatorTest, SaysWhatItCannotKeep) {
  const auto model = Load(ToySpec(kOpusToy));
  // The model does not carry this one over, and markup nobody tries.
  engine_proto::Task task = TranslateToyTask({"Anna sees dog42x.", "Anna <b>sees</b> Boris."});
  engine_proto::KeptSpan& word = *task.mutable_translate()->mutable_segments(0)->add_kept();
  word.set_start(10);
  word.set_end(16);
  word.set_kind(engine_proto::KEPT_KIND_WORD);
  engine_proto::KeptSpan& tag = *task.mutable_translate()->mutable_segments(1)->add_kept();
  tag.set_start(5);
  tag.set_end(8);
  tag.set_kind(engine_proto::KEPT_KIND_MARKUP);
  const Answers answers = Run(*model, task);
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(answers.segments.at(0).kept(), IsEmpty());
  EXPECT_THAT(answers.segments.at(1).kept(), IsEmpty());
}

TEST_F(TranslatorTest, RefusesWhatIsNotForIt) {
  const auto model = Load(ToySpec(kOpusToy));
  const auto refused = [&](const std::function<void(engine_proto::TranslateTask&)>& change) {
    engine_proto::Task task = TranslateToyTask({"Anna sees Boris."});
    change(*task.mutable_translate());
    return Run(*model, task).status;
  };
  EXPECT_TRUE(HasReason(refused([](auto& t) { t.set_target_language("es"); }),
                        Reason::kLanguageUnsupported));
  EXPECT_TRUE(HasReason(refused([](auto& t) { t.set_source_language("qaa"); }),
                        Reason::kLanguageUnsupported));
  EXPECT_TRUE(HasReason(refused([](auto& t) { t.set_target_language("en"); }),
                        Reason::kLanguageUnsupported));
  EXPECT_TRUE(HasReason(refused([](auto& t) { t.set_target_language("…"); }),
                        Reason::kLanguageUnsupported));
  const auto invalid = {
      refused([](auto& t) { t.clear_segments(); }),
      refused([](auto& t) { t.clear_source_language(); }),
      refused([](auto& t) { t.clear_target_language(); }),
      refused([](auto& t) { t.set_beam_size(9); }),
      refused([](auto& t) { t.set_length_penalty(NAN); }),
      refused([](auto& t) { t.set_length_penalty(101); }),
      refused([](auto& t) {
        for (int i = 0; i < 1024; ++i) t.add_segments();
      }),
      refused([](auto& t) { t.mutable_segments(0)->add_kept()->set_end(99); }),
      refused([](auto& t) { t.mutable_segments(0)->add_kept(); }),
  };
  for (const absl::Status& status : invalid) {
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  }
  engine_proto::Task other;
  other.mutable_generate()->set_prompt("Once");
  EXPECT_TRUE(HasReason(Run(*model, other).status, Reason::kFieldInvalid));
}

TEST_F(TranslatorTest, ARegionOrScriptMayBeLeftOut) {
  const auto model = Load(ToySpec(kOpusToy));
  EXPECT_TRUE(Run(*model, TranslateToyTask({"Anna sees Boris."}, "qaa", "en-GB")).status.ok());
  const auto nllb = Load(ToySpec(kTinyNllb));
  EXPECT_TRUE(Run(*nllb, TranslateToyTask({"Anna."}, "zh-CN", "fr-CA")).status.ok());
  EXPECT_TRUE(Run(*nllb, TranslateToyTask({"Anna."}, "spa_Latn", "eng_Latn")).status.ok());
  EXPECT_FALSE(Run(*nllb, TranslateToyTask({"Anna."}, "zh-Hans", "zh")).status.ok());
}

TEST_F(TranslatorTest, ASegmentBeyondTheModelIsRefusedByLength) {
  const auto model = Load(ToySpec(kOpusToy));
  std::string text;
  for (int i = 0; i < 300; ++i) text += "dog ";
  const absl::Status status = Run(*model, TranslateToyTask({text})).status;
  EXPECT_TRUE(HasReason(status, Reason::kContextWindowExceeded)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("256"));
  EXPECT_TRUE(HasReason(Run(*model, TranslateToyTask({std::string(1 << 20, 'x')})).status,
                        Reason::kContextWindowExceeded));
}

TEST_F(TranslatorTest, WhatItWasNeverShownEndsAllTheSame) {
  const auto model = Load(ToySpec(kOpusToy));
  std::string lengthy;
  for (int i = 0; i < 20; ++i) lengthy += "Books ";
  const Answers answers =
      Run(*model,
          TranslateToyTask({"漢字とかな", "\u202Eabc\u200B", "🙂🙂🙂", lengthy, "%%%$$$ {{}}"}));
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(answers.segments, SizeIs(5));
}

TEST_F(TranslatorTest, ACancelEndsIt) {
  const auto model = Load(ToySpec(kOpusToy));
  std::vector<std::string> texts(200, "The old king sees the big dog in the garden.");
  const CancelSource source;
  const Answers answers = Run(*model, TranslateToyTask(texts), source.token(), [&](int step) {
    if (step == 5) source.Cancel();
  });
  EXPECT_TRUE(HasReason(answers.status, Reason::kCancelled));
  EXPECT_EQ(answers.steps, 6);
  // The model is as it was.
  EXPECT_TRUE(Run(*model, TranslateToyTask({"Anna sees Boris."})).status.ok());
}

TEST_F(TranslatorTest, JobsOfOneStepDoNotMix) {
  const auto model = Load(ToySpec(kOpusToy));
  auto first = model->Start(TranslateToyTask({"Anna sees Boris."}, "qaa"), {});
  auto second = model->Start(TranslateToyTask({"Anna sees Boris."}, "qab"), {});
  ASSERT_TRUE(first.ok() && second.ok());
  std::string texts[2];
  bool done[2] = {false, false};
  Job* const jobs[] = {first->get(), second->get()};
  while (!done[0] || !done[1]) {
    std::vector<Job*> running;
    std::vector<int> places;
    for (int i = 0; i < 2; ++i) {
      if (!done[i]) {
        running.push_back(jobs[i]);
        places.push_back(i);
      }
    }
    auto outputs = model->Step(running, {.budget = absl::ZeroDuration()});
    ASSERT_TRUE(outputs.ok());
    for (size_t i = 0; i < running.size(); ++i) {
      const JobOutput& output = (*outputs)[i];
      ASSERT_TRUE(output.status.ok()) << output.status;
      done[places[i]] = output.done;
      for (const auto& event : output.events) {
        if (event.has_translated()) texts[places[i]] = event.translated().text();
      }
    }
  }
  EXPECT_EQ(texts[0], "Eppe Cusot tiit.");
  EXPECT_EQ(texts[1], "Anna sees Sirob.");
}

class BrokenTranslatorTest : public TranslatorTest {
 protected:
  absl::Status LoadWithout(const std::string& role, const std::string& model = kOpusToy) {
    engine_proto::ModelSpec spec = ToySpec(model);
    auto* const files = spec.mutable_files();
    for (int i = 0; i < files->size(); ++i) {
      if (files->Get(i).role() == role) files->DeleteSubrange(i--, 1);
    }
    return engine_->Load(spec, {}).status();
  }

  // With the content of another file, or of `text`, in the place of one.
  absl::Status LoadWith(const std::string& role, const std::string& text,
                        const std::string& model = kOpusToy) {
    const TemporaryFolder folder;
    const std::string path = folder / role;
    std::ofstream(path, std::ios::binary) << text;
    engine_proto::ModelSpec spec = ToySpec(model);
    for (engine_proto::ModelFile& file : *spec.mutable_files()) {
      if (file.role() == role) file.set_path(path);
    }
    const absl::Status status = engine_->Load(spec, {}).status();
    return status;
  }

  static std::string Read(const std::string& model, const std::string& name) {
    std::ifstream file(ToyFolder() + "/" + model + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(BrokenTranslatorTest, SaysWhichFileIsMissing) {
  for (const char* role : {"config", "vocabulary", "source-pieces", "target-pieces", "encoder",
                           "decoder", "decoder-with-past"}) {
    const absl::Status status = LoadWithout(role);
    EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << role << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("\"") + role + "\""));
  }
  EXPECT_TRUE(HasReason(LoadWithout("pieces", kTinyNllb), Reason::kModelLoadFailed));
  EXPECT_TRUE(LoadWithout("generation-config").ok());
  // Nothing else says which language it translates from.
  EXPECT_THAT(std::string(LoadWithout("tokenizer-config").message()), HasSubstr("from"));
}

TEST_F(BrokenTranslatorTest, TheManifestMaySayTheLanguages) {
  engine_proto::ModelSpec spec = ToySpec(kOpusToy);
  (*spec.mutable_parameters())["source_languages"] = "en, de";
  const auto model = Load(spec);
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->info().translation().pairs_size(), 4);
  EXPECT_TRUE(Run(*model, TranslateToyTask({"Anna."}, "qab", "de")).status.ok());
}

TEST_F(BrokenTranslatorTest, FilesThatAreNotWhatTheyShouldBe) {
  const std::pair<const char*, std::string> corrupt[] = {
      {"config", "{"},
      {"config", "[]"},
      {"config", R"({"model_type": "marian"})"},
      {"config", Read(kTinyM2m100, "config.json")},
      {"generation-config", "no JSON"},
      {"generation-config", R"({"num_beams": 0})"},
      {"generation-config", R"({"eos_token_id": 999999})"},
      {"generation-config", R"({"bad_words_ids": [[1, 2]]})"},
      {"vocabulary", "[]"},
      {"vocabulary", R"({"a": 0, "b": 0})"},
      {"vocabulary", R"({"a": -1})"},
      {"vocabulary", R"({"a": "b"})"},
      {"vocabulary", R"({"a": 0})"},
      {"source-pieces", "no pieces"},
      {"target-pieces", ""},
      {"encoder", Read(kOpusToy, "encoder_model.onnx").substr(0, 1000)},
  };
  for (const auto& [role, text] : corrupt) {
    const absl::Status status = LoadWith(role, text);
    EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << role << ": " << status;
  }
}

TEST_F(BrokenTranslatorTest, NetworksOfAnotherShape) {
  const std::pair<const char*, std::string> unfit[] = {
      // Another model's; the wrong place; another kind.
      {"encoder", Read(kTinyNllb, "encoder_model.onnx")},
      {"encoder", Read(kOpusToy, "decoder_model.onnx")},
      {"decoder", Read(kOpusToy, "encoder_model.onnx")},
      {"decoder", Read(kOpusToy, "decoder_with_past_model.onnx")},
      {"decoder-with-past", Read(kOpusToy, "decoder_model.onnx")},
      {"decoder-with-past", Read(kTinyM2m100, "decoder_with_past_model.onnx")},
      {"config", R"({"model_type": "bart"})"},
  };
  for (const auto& [role, text] : unfit) {
    const absl::Status status = LoadWith(role, text);
    EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << role << ": " << status;
  }
}

}  // namespace
}  // namespace intelligenced
