// The SDK against a real daemon with real models. Started by run_with_daemon.py, which sets
// INTELLIGENCED_SOCKET.
#include <llama.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "intelligence/client.h"
#include "tests/support/paths.h"

namespace intelligence {
namespace {

const std::filesystem::path kTestData = ::intelligenced::TestdataPath("");

Client Connect() {
  absl::StatusOr<Client> client = Client::Connect();
  if (!client.ok()) {
    ADD_FAILURE() << client.status();
    std::abort();
  }
  return *std::move(client);
}

std::vector<std::string> Sentences(const std::filesystem::path& file, size_t column) {
  std::vector<std::string> sentences;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    if (columns.size() > column && !columns[column].empty()) sentences.push_back(columns[column]);
  }
  return sentences;
}

std::string Apply(std::string text, const std::vector<Correction>& corrections) {
  for (auto it = corrections.rbegin(); it != corrections.rend(); ++it) {
    text.replace(it->start, it->end - it->start, it->replacement);
  }
  return text;
}

// Every sentence of the development sets: the edits are what they say they are.
TEST(ProofreadE2eTest, EditsAppliedToTheInputGiveTheCorrectedText) {
  if (!std::filesystem::exists(kTestData / "text/gec")) GTEST_SKIP() << "no test data";
  std::vector<std::string> sentences = Sentences(kTestData / "text/gec/corrections_dev.tsv", 0);
  const auto correct = Sentences(kTestData / "text/gec/correct_dev.tsv", 0);
  sentences.insert(sentences.end(), correct.begin(), correct.end());
  ASSERT_GT(sentences.size(), 2000u);
  const Client client = Connect();
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (size_t at = next++; at < sentences.size(); at = next++) {
        const std::string& text = sentences[at];
        const auto result = client.ProofreadText({.text = text});
        ASSERT_TRUE(result.ok()) << result.status() << " for: " << text;
        EXPECT_EQ(Apply(text, result->corrections), result->corrected_text);
        uint32_t end = 0;
        for (const Correction& correction : result->corrections) {
          EXPECT_GE(correction.start, end) << text;
          end = correction.end;
          EXPECT_EQ(text.substr(correction.start, end - correction.start), correction.original);
          EXPECT_FALSE(correction.explanation.empty());
          EXPECT_FALSE(correction.types.empty());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ProofreadE2eTest, WhatIsProtectedStays) {
  const Client client = Connect();
  const std::string text = "Teh first teh, \"teh quoted\" and `teh code`.";
  const auto result = client.ProofreadText(
      {.text = text, .protected_ranges = {{.start = 10, .end = 13}}, .protect_quotations = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->corrected_text, "The first teh, \"teh quoted\" and `teh code`.");
}

// Greedy continuation by a plain loop over libllama: one sequence, one token at a time.
std::string ReferenceText(const std::string& file, int tokens) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  ggml_backend_load_all();
  llama_model* model = llama_model_load_from_file(file.c_str(), llama_model_default_params());
  llama_context_params parameters = llama_context_default_params();
  parameters.n_ctx = 512;
  llama_context* context = llama_init_from_model(model, parameters);
  const llama_vocab* vocab = llama_model_get_vocab(model);
  llama_token token = llama_vocab_bos(vocab);
  std::string text;
  for (int i = 0; i < tokens; ++i) {
    llama_decode(context, llama_batch_get_one(&token, 1));
    const float* logits = llama_get_logits_ith(context, -1);
    token = static_cast<llama_token>(
        std::max_element(logits, logits + llama_vocab_n_tokens(vocab)) - logits);
    if (llama_vocab_is_eog(vocab, token)) break;
    char piece[64];
    const int size = llama_token_to_piece(vocab, token, piece, sizeof(piece), 0, false);
    text.append(piece, std::max(size, 0));
  }
  llama_free(context);
  llama_model_free(model);
  // SentencePiece writes a space before the first word; as detokenizing does, it is left out.
  return text.starts_with(' ') ? text.substr(1) : text;
}

TEST(GenerateE2eTest, KnownGreedyTextAloneAndAmongFifteenOthers) {
  const std::string file = kTestData / "llm/stories260K.gguf";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no test data";
  const Client client = Connect();
  const auto imported = client.ImportModel({.path = file, .name = "stories"});
  ASSERT_TRUE(imported.ok()) << imported.status();
  const std::string expected = ReferenceText(file, 60);
  ASSERT_THAT(expected, testing::HasSubstr("Once upon a time"));

  const CallOptions options = {.model = "stories"};
  const GenerateTextRequest greedy = {
      .input = std::string(), .sampling = {.temperature = 0.0f}, .max_output_tokens = 60};
  const auto alone = client.GenerateText(greedy, options);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->text, expected);
  EXPECT_EQ(alone->usage.output_tokens, 60u);
  EXPECT_EQ(alone->finish_reason, FinishReason::kLength);

  std::atomic<bool> stop = false;
  std::atomic<int> started = 0;
  std::vector<std::thread> others;
  for (uint32_t i = 0; i < 15; ++i) {
    others.emplace_back([&, i] {
      bool first = true;
      while (!stop) {
        const auto result =
            client.GenerateText({.input = absl::StrCat("Lily number ", i, " went"),
                                 .sampling = {.temperature = 1.0f, .seed = i},
                                 .max_output_tokens = 200},
                                options, [&](const GenerateTextEvent& event) {
                                  if (first && std::holds_alternative<TextDelta>(event)) {
                                    first = false;
                                    ++started;
                                  }
                                });
        ASSERT_TRUE(result.ok()) << result.status();
      }
    });
  }
  while (started < 15) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    std::string streamed;
    const auto among = client.GenerateText(greedy, options, [&](const GenerateTextEvent& event) {
      if (const auto* delta = std::get_if<TextDelta>(&event)) streamed += delta->text;
    });
    ASSERT_TRUE(among.ok()) << among.status();
    EXPECT_EQ(among->text, expected);
    EXPECT_EQ(streamed, expected);
  }
  stop = true;
  for (std::thread& thread : others) thread.join();
  const auto model = client.GetModel("stories");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_GT(model->resident_bytes, 0u);
}

TEST(GenerateE2eTest, ALongPromptIsRefusedWithBothCounts) {
  const Client client = Connect();
  std::string prompt;
  for (int i = 0; i < 5000; ++i) prompt += "word ";
  const auto result = client.GenerateText({.input = prompt}, {.model = "tiny-prose"});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ErrorReason(result.status()), "CONTEXT_WINDOW_EXCEEDED");
  EXPECT_THAT(std::string(result.status().message()), testing::ContainsRegex("[0-9]{4}"));
}

TEST(GenerateE2eTest, CountTokensCountsWhatGenerateFeeds) {
  const Client client = Connect();
  const CallOptions options = {.model = "tiny-prose"};
  const std::string prompt = "The captain looked at the sea.";
  const auto count = client.CountTokens({.input = prompt}, options);
  const auto result = client.GenerateText({.input = prompt, .max_output_tokens = 1}, options);
  ASSERT_TRUE(count.ok() && result.ok());
  EXPECT_EQ(count->tokens, result->usage.input_tokens);
  EXPECT_GT(count->context_tokens, count->tokens);
}

TEST(GenerateE2eTest, ABaseModelHasNoConversation) {
  const Client client = Connect();
  const auto result = client.GenerateText(
      {.input = Conversation{.messages = {{.role = Role::kUser, .text = "Hi"}}}},
      {.model = "tiny-prose"});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ErrorReason(result.status()), "FIELD_INVALID");
}

}  // namespace
}  // namespace intelligence
