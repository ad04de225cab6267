// Encoder–decoder translators, against libllama driven by hand: one text at a time, in a context of
// its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/llama/chat_template.h"
#include "runtime/engines/llama/llama_engine.h"
#include "runtime/engines/llama/llama_library.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

using testing::SizeIs;

std::string FileOf(const std::string& name) {
  return BuildPath("tests/unit/engines/llama/t5-" + name + ".gguf");
}

// As long as the engine lets an answer grow.
size_t LimitOf(size_t source) { return std::min<size_t>(128, 3 * source + 64); }

// The greedy translation of one text. `marker`: the token that comes first, by its text.
std::string ByHand(const std::string& path, const std::string& marker, const std::string& text,
                   bool* ended) {
  LlamaLibrary library;
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  const LlamaModelPtr model(llama_model_load_from_file(path.c_str(), model_params));
  const llama_vocab* const vocab = llama_model_get_vocab(model.get());
  std::vector<llama_token> source;
  for (llama_token token = 0; token < llama_vocab_n_tokens(vocab); ++token) {
    if (!marker.empty() && marker == llama_vocab_get_text(vocab, token)) source.push_back(token);
  }
  const auto own = Tokenize(vocab, text, true, false);
  EXPECT_TRUE(own.ok());
  source.insert(source.end(), own->begin(), own->end());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 256;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  const LlamaContextPtr context(llama_init_from_model(model.get(), params));
  EXPECT_EQ(llama_encode(context.get(),
                         llama_batch_get_one(source.data(), static_cast<int32_t>(source.size()))),
            0);
  std::vector<llama_token> answer;
  llama_token token = llama_model_decoder_start_token(model.get());
  *ended = false;
  while (answer.size() < LimitOf(source.size())) {
    EXPECT_EQ(llama_decode(context.get(), llama_batch_get_one(&token, 1)), 0);
    const float* const scores = llama_get_logits_ith(context.get(), -1);
    token = static_cast<llama_token>(
        std::max_element(scores, scores + llama_vocab_n_tokens(vocab)) - scores);
    *ended = llama_vocab_is_eog(vocab, token);
    if (*ended) break;
    answer.push_back(token);
  }
  std::string out(answer.size() * 16 + 64, '\0');
  const int32_t size = llama_detokenize(vocab, answer.data(), static_cast<int32_t>(answer.size()),
                                        out.data(), static_cast<int32_t>(out.size()), true, false);
  EXPECT_GE(size, 0);
  out.resize(static_cast<size_t>(std::max(size, 0)));
  return std::string(absl::StripAsciiWhitespace(out));
}

class LlamaTranslationTest : public testing::Test {
 protected:
  void Load(const std::string& name, const std::map<std::string, std::string>& parameters = {}) {
    engine_proto::ModelSpec spec;
    engine_proto::ModelFile& file = *spec.add_files();
    file.set_role("model");
    file.set_path(FileOf(name));
    spec.set_threads(1);
    (*spec.mutable_parameters())["gpu_layers"] = "0";
    for (const auto& [key, value] : parameters) (*spec.mutable_parameters())[key] = value;
    auto model = engine_->Load(spec, {});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }
  static engine_proto::Task TaskOf(const std::vector<std::string>& texts,
                                   const std::string& source = "en",
                                   const std::string& target = "es") {
    engine_proto::Task task;
    task.mutable_translate()->set_source_language(source);
    task.mutable_translate()->set_target_language(target);
    for (const std::string& text : texts) task.mutable_translate()->add_segments()->set_text(text);
    return task;
  }

  struct Answers {
    std::map<uint32_t, engine_proto::TranslatedSegment> segments;
    absl::Status status;
    bool completed = false;
  };
  // Steps all until all are done.
  std::vector<Answers> RunAll(const std::vector<engine_proto::Task>& tasks) {
    std::vector<Answers> answers(tasks.size());
    std::vector<std::unique_ptr<Job>> jobs;
    for (const engine_proto::Task& task : tasks) {
      auto job = model_->Start(task, {});
      EXPECT_TRUE(job.ok()) << job.status();
      jobs.push_back(job.ok() ? *std::move(job) : nullptr);
    }
    while (true) {
      std::vector<Job*> open;
      std::vector<size_t> places;
      for (size_t i = 0; i < jobs.size(); ++i) {
        if (jobs[i] == nullptr) continue;
        open.push_back(jobs[i].get());
        places.push_back(i);
      }
      if (open.empty()) return answers;
      auto outputs = model_->Step(open, {.budget = absl::Milliseconds(1)});
      EXPECT_TRUE(outputs.ok()) << outputs.status();
      if (!outputs.ok()) return answers;
      for (size_t k = 0; k < open.size(); ++k)
        Take((*outputs)[k], jobs[places[k]], answers[places[k]]);
    }
  }
  static void Take(const JobOutput& output, std::unique_ptr<Job>& job, Answers& answers) {
    for (const engine_proto::Event& event : output.events) {
      if (event.has_completed()) answers.completed = true;
      if (!event.has_translated()) continue;
      EXPECT_TRUE(answers.segments.emplace(event.translated().index(), event.translated()).second)
          << "doubled";
    }
    answers.status = output.status;
    if (output.done) job.reset();
  }

  const std::unique_ptr<Engine> engine_ = MakeLlamaEngine();
  std::unique_ptr<Model> model_;
};

const std::vector<std::string>& Texts() {
  static const auto& texts = *new std::vector<std::string>{
      "the cat sees the old house",
      "a",
      "old",
      "the house",
      "one two three four five six seven",
      "Numbers 12 and 34, here.",
      "the the the the",
      "Zebra!",
      "x y z",
      "cat cat",
      "the old cat sees a dog and a bird in the garden behind the house",
      "M",
      "no",
      "why not?",
      "sees",
      "the cat",
      "and more than sixteen",
      "of them",
      "to fill",
      "two groups"};
  return texts;
}

TEST_F(LlamaTranslationTest, GreedyIsTheSameAsOneByOneByHand) {
  for (const auto& [name, target, marker] :
       {std::tuple("madlad", "es", "<2es>"), std::tuple("madlad", "zh", "<2zh>"),
        std::tuple("plain", "de", "")}) {
    Load(name);
    const std::vector<Answers> answers = RunAll({TaskOf(Texts(), "en", target)});
    ASSERT_TRUE(answers[0].status.ok()) << answers[0].status;
    ASSERT_THAT(answers[0].segments, SizeIs(Texts().size()));
    EXPECT_TRUE(answers[0].completed);
    size_t ends = 0;
    for (size_t i = 0; i < Texts().size(); ++i) {
      bool ended = false;
      const std::string text = std::string(marker).empty()
                                   ? absl::StrCat("translate English to German: ", Texts()[i])
                                   : Texts()[i];
      const std::string expected = ByHand(FileOf(name), marker, text, &ended);
      const auto& got = answers[0].segments.at(static_cast<uint32_t>(i));
      EXPECT_EQ(got.text(), expected) << name << ">" << target << ": " << Texts()[i];
      EXPECT_EQ(got.truncated(), !ended);
      EXPECT_GT(got.input_tokens(), 0U);
      ends += ended;
    }
    EXPECT_GT(ends, 0U) << "no answer ends by itself: the test proves less than it should";
  }
}

TEST_F(LlamaTranslationTest, JobsOfSeveralDirectionsShareGroups) {
  Load("madlad");
  std::vector<engine_proto::Task> tasks;
  for (const char* target : {"es", "de", "zh", "es"}) {
    tasks.push_back(TaskOf({Texts()[0], Texts()[4], Texts()[10]}, "en", target));
  }
  const std::vector<Answers> together = RunAll(tasks);
  for (size_t i = 0; i < tasks.size(); ++i) {
    const Answers alone = RunAll({tasks[i]})[0];
    ASSERT_THAT(together[i].segments, SizeIs(3));
    for (const auto& [index, segment] : alone.segments) {
      EXPECT_EQ(together[i].segments.at(index).text(), segment.text());
    }
  }
  EXPECT_NE(together[0].segments.at(0).text(), together[1].segments.at(0).text())
      << "the language makes no difference";
}

TEST_F(LlamaTranslationTest, WhoIsSteppedDoesNotWaitForWhoIsNot) {
  Load("madlad");
  auto first = model_->Start(TaskOf(Texts()), {});
  auto second = model_->Start(TaskOf({"the cat"}), {});
  ASSERT_TRUE(first.ok() && second.ok());
  Job* const one[] = {first->get()};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(model_->Step(one, {.budget = absl::ZeroDuration()}).ok());
  // The first is parked with a group half written.
  Answers answers;
  while (*second != nullptr) {
    Job* const other[] = {second->get()};
    auto outputs = model_->Step(other, {.budget = absl::ZeroDuration()});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    Take(outputs->front(), *second, answers);
  }
  bool ended = false;
  EXPECT_EQ(answers.segments.at(0).text(), ByHand(FileOf("madlad"), "<2es>", "the cat", &ended));
  // And goes on as if nothing had been.
  Answers rest;
  while (*first != nullptr) {
    Job* const again[] = {first->get()};
    auto outputs = model_->Step(again, {});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    Take(outputs->front(), *first, rest);
  }
  EXPECT_THAT(rest.segments, SizeIs(Texts().size()));
  EXPECT_EQ(rest.segments.at(3).text(), ByHand(FileOf("madlad"), "<2es>", Texts()[3], &ended));
}

TEST_F(LlamaTranslationTest, CancelledAndForgottenJobsLeaveTheOthers) {
  Load("madlad");
  CancelSource cancel;
  auto gone = model_->Start(TaskOf(Texts()), cancel.token());
  auto dropped = model_->Start(TaskOf({"the house"}), {});
  auto stays = model_->Start(TaskOf({"the cat", "the old house"}), {});
  ASSERT_TRUE(gone.ok() && dropped.ok() && stays.ok());
  Job* const all[] = {gone->get(), dropped->get(), stays->get()};
  ASSERT_TRUE(model_->Step(all, {.budget = absl::ZeroDuration()}).ok());
  cancel.Cancel();
  dropped->reset();
  Answers cancelled, kept;
  while (*gone != nullptr || *stays != nullptr) {
    std::vector<Job*> open;
    if (*gone != nullptr) open.push_back(gone->get());
    if (*stays != nullptr) open.push_back(stays->get());
    auto outputs = model_->Step(open, {});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    size_t at = 0;
    if (*gone != nullptr) Take((*outputs)[at++], *gone, cancelled);
    if (*stays != nullptr) Take((*outputs)[at++], *stays, kept);
  }
  EXPECT_TRUE(HasReason(cancelled.status, Reason::kCancelled));
  ASSERT_THAT(kept.segments, SizeIs(2));
  bool ended = false;
  EXPECT_EQ(kept.segments.at(0).text(), ByHand(FileOf("madlad"), "<2es>", "the cat", &ended));
}

TEST_F(LlamaTranslationTest, WhatItTranslates) {
  Load("madlad");
  EXPECT_TRUE(model_->info().translation().sentences());
  EXPECT_EQ(model_->info().translation().max_segment_tokens(), 128U);
  EXPECT_EQ(model_->info().task_kinds(0), engine_proto::TASK_KIND_TRANSLATE);
  for (const auto& [source, target] : std::vector<std::pair<std::string, std::string>>{
           {"en", "fr"}, {"fr", "en"}, {"en", "tlh"}}) {
    const absl::Status status = model_->Start(TaskOf({"a"}, source, target), {}).status();
    EXPECT_TRUE(HasReason(status, Reason::kLanguageUnsupported)) << status;
    EXPECT_EQ(FactsOf(status).metadata.at("target"), target);
  }
  EXPECT_TRUE(model_->Start(TaskOf({"a"}, "zh", "de"), {}).ok());
  Load("plain");
  EXPECT_TRUE(model_->Start(TaskOf({"a"}, "en", "ro"), {}).ok());
  EXPECT_FALSE(model_->Start(TaskOf({"a"}, "de", "en"), {}).ok());
  EXPECT_EQ(model_->info().translation().pairs_size(), 3);
}

TEST_F(LlamaTranslationTest, BadTasksAreRefusedByName) {
  Load("madlad");
  const auto field = [&](const engine_proto::Task& task) {
    return FactsOf(model_->Start(task, {}).status()).field;
  };
  EXPECT_EQ(field(TaskOf({})), "segments");
  EXPECT_EQ(field(TaskOf(std::vector<std::string>(1025, "a"))), "segments");
  EXPECT_EQ(field(TaskOf({"a"}, "")), "source_language");
  EXPECT_EQ(field(TaskOf({"a"}, "en", "")), "target_language");
  EXPECT_EQ(field(TaskOf({"\xff"})), "segments");
  engine_proto::Task other;
  other.mutable_generate();
  EXPECT_EQ(field(other), "kind");
  engine_proto::Task beams = TaskOf({"a"});
  beams.mutable_translate()->set_beam_size(9);
  EXPECT_EQ(field(beams), "beam_size");
  const Answers empty = RunAll({TaskOf({"", " \n", "a"})})[0];
  EXPECT_EQ(empty.segments.at(1).text(), " \n");
  EXPECT_THAT(empty.segments, SizeIs(3));
  for (const size_t length : {1'000U, 100'000U}) {
    std::string text;
    while (text.size() < length) text += "cat ";
    const Answers long_one = RunAll({TaskOf({"fine", text})})[0];
    EXPECT_TRUE(HasReason(long_one.status, Reason::kContextWindowExceeded)) << long_one.status;
  }
}

TEST_F(LlamaTranslationTest, AnyTextGivesValidText) {
  Load("madlad");
  const Answers answers = RunAll({TaskOf({"\u202eabc\u202c", "<2de> hello", "</s> <pad>", "😀😀",
                                          "語語語", std::string("a\0b", 3), "[]{}\\"})})[0];
  EXPECT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(answers.segments, SizeIs(7));
  for (const auto& [index, segment] : answers.segments) EXPECT_TRUE(IsValidUtf8(segment.text()));
}

}  // namespace
}  // namespace intelligenced
