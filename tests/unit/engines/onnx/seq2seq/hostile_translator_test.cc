// Translators that go round, end at once, or never end: the toy with another bias of its output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "runtime/base/byte_span.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "runtime/engines/onnx/seq2seq/unknown_spans.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/engines/onnx/seq2seq/toy_translators.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kLong[] =
    "The old king sees the big dog and the happy child in the garden because a queen watches the "
    "ship.";

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class HostileTranslatorTest : public testing::Test {
 protected:
  // The toy whose scores for `word` are `bias` higher.
  std::unique_ptr<Model> Biased(const std::string& word, float bias) {
    const std::string toy = ToyFolder() + "/" + kOpusToy + "/";
    const auto vocabulary = nlohmann::json::parse(Read(toy + "vocab.json"));
    engine_proto::ModelSpec spec = ToySpec(kOpusToy);
    for (engine_proto::ModelFile& file : *spec.mutable_files()) {
      if (!file.role().starts_with("decoder")) continue;
      std::string bytes = Read(file.path());
      // The tensor's name, its raw data (field 9) and how many bytes these are in two bytes.
      const size_t at = bytes.find(std::string("\x42\x04") + "bias\x4A", 0);
      EXPECT_NE(at, std::string::npos);
      char* const number = bytes.data() + at + 9 + 4 * vocabulary[word].get<size_t>();
      float value = 0;
      std::memcpy(&value, number, sizeof(value));
      value += bias;
      std::memcpy(number, &value, sizeof(value));
      const std::string path = folder_ + "/" + file.role() + ".onnx";
      std::ofstream(path, std::ios::binary) << bytes;
      file.set_path(path);
    }
    auto model = engine_->Load(spec, {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  static std::vector<engine_proto::TranslatedSegment> Run(Model& model,
                                                          const engine_proto::Task& task) {
    std::vector<engine_proto::TranslatedSegment> answers(task.translate().segments_size());
    auto job = model.Start(task, {});
    EXPECT_TRUE(job.ok()) << job.status();
    Job* const jobs[] = {job->get()};
    bool done = false;
    for (int step = 0; !done && step < 2000; ++step) {
      auto outputs = model.Step(jobs, {.budget = absl::ZeroDuration()});
      if (!outputs.ok()) break;
      EXPECT_TRUE(outputs->front().status.ok()) << outputs->front().status;
      for (const engine_proto::Event& event : outputs->front().events) {
        if (event.has_translated()) answers[event.translated().index()] = event.translated();
      }
      done = outputs->front().done;
    }
    EXPECT_TRUE(done);
    return answers;
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(HostileTranslatorTest, OneThatNeverEndsIsEnded) {
  const auto model = Biased("</s>", -1e6F);
  ASSERT_NE(model, nullptr);
  for (const uint32_t beams : {1U, 4U}) {
    engine_proto::Task task = TranslateToyTask({kLong, "Anna sees Boris."});
    task.mutable_translate()->set_beam_size(beams);
    for (const engine_proto::TranslatedSegment& answer : Run(*model, task)) {
      EXPECT_TRUE(answer.truncated()) << answer.text();
      EXPECT_LE(answer.output_tokens(), 4 * answer.input_tokens() + 65);
    }
  }
}

TEST_F(HostileTranslatorTest, OneThatGoesRoundSaysItOnce) {
  const auto toy = nlohmann::json::parse(Read(ToyFolder() + "/" + kOpusToy + "/vocab.json"));
  // Any word that has no other meaning here.
  std::string word;
  for (const auto& [piece, number] : toy.items()) {
    if (piece.size() > 6 && piece.find('>') == std::string::npos) word = piece;
  }
  const auto model = Biased(word, 1e6F);
  ASSERT_NE(model, nullptr);
  for (const uint32_t beams : {1U, 4U}) {
    engine_proto::Task task = TranslateToyTask({kLong});
    task.mutable_translate()->set_beam_size(beams);
    const auto answers = Run(*model, task);
    EXPECT_TRUE(answers[0].truncated());
    EXPECT_LE(answers[0].output_tokens(), 2U) << answers[0].text();
    EXPECT_LE(answers[0].text().size(), 2 * word.size()) << answers[0].text();
  }
}

TEST_F(HostileTranslatorTest, OneThatEndsAtOnceSaysNothing) {
  const auto model = Biased("</s>", 1e6F);
  ASSERT_NE(model, nullptr);
  const auto answers = Run(*model, TranslateToyTask({kLong}));
  // The service takes this for no answer.
  EXPECT_EQ(answers[0].text(), "");
}

TEST_F(HostileTranslatorTest, WhatTheVocabularyDoesNotKnowIsNotDropped) {
  const auto model = Biased("</s>", 0);
  ASSERT_NE(model, nullptr);
  const std::string text = "Anna sees Boris. 🙂 🎉";
  engine_proto::Task task =
      TranslateToyTask({text, "漢字とかな", "The dog 漢字 sees Anna.", "Anna sees Boris."});
  engine_proto::KeptSpan& span = *task.mutable_translate()->mutable_segments(2)->add_kept();
  span.set_start(8);
  span.set_end(14);
  span.set_kind(engine_proto::KEPT_KIND_WORD);
  const auto answers = Run(*model, task);
  const std::string known = answers[3].text();
  EXPECT_EQ(answers[0].text(), known + " 🙂 🎉");
  ASSERT_EQ(answers[0].untranslated_size(), 1);
  EXPECT_EQ(answers[0].text().substr(answers[0].untranslated(0).start()), "🙂 🎉");
  EXPECT_EQ(answers[0].untranslated(0).end(), answers[0].text().size());
  EXPECT_EQ(answers[1].text(), "漢字とかな");
  ASSERT_EQ(answers[1].untranslated_size(), 1);
  EXPECT_THAT(answers[2].text(), HasSubstr(" 漢字 "));
  ASSERT_EQ(answers[2].kept_size(), 1);
  EXPECT_EQ(answers[2].text().substr(answers[2].kept(0).start(), 6), "漢字");
  EXPECT_GT(answers[2].output_tokens(), 4U);
}

std::vector<std::string> Unknown(const std::string& text, const std::vector<ByteSpan>& kept = {}) {
  engine_proto::TranslateSegment segment;
  segment.set_text(text);
  for (const ByteSpan& part : kept) {
    engine_proto::KeptSpan& span = *segment.add_kept();
    span.set_start(static_cast<uint32_t>(part.start));
    span.set_end(static_cast<uint32_t>(part.end));
  }
  std::vector<std::string> parts;
  const auto knows = [](std::string_view character) { return character == "é"; };
  for (const ByteSpan& span : FindUnknownSpans(segment, knows)) {
    parts.emplace_back(span.In(text));
  }
  return parts;
}

TEST(UnknownSpansTest, SignsStandAloneAndLettersTakeTheirWord) {
  EXPECT_THAT(Unknown("plain words, 12%"), IsEmpty());
  EXPECT_THAT(Unknown("café"), IsEmpty());
  EXPECT_THAT(Unknown("hello🙂 world"), ElementsAre("🙂"));
  EXPECT_THAT(Unknown("the Dvořák-quartet by ř2"), ElementsAre("Dvořák", "ř2"));
  EXPECT_THAT(Unknown("a 🙂\u00A0 🎉 b"), ElementsAre("🙂\u00A0 🎉"));
  EXPECT_THAT(Unknown("漢字 かな and 漢"), ElementsAre("漢字 かな", "漢"));
}

TEST(UnknownSpansTest, AKeptSpanIsUnknownAsAWhole) {
  EXPECT_THAT(Unknown("see {x🙂y} or {z}", {{4, 12}, {16, 19}}), ElementsAre("{x🙂y}"));
  EXPECT_THAT(Unknown("a {ř} {b} c", {{2, 6}, {7, 10}}), ElementsAre("{ř}"));
}

}  // namespace
}  // namespace intelligenced
