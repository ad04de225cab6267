#include "runtime/engines/onnx/diffusion/prompt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/clip_tokenizer.h"
#include "runtime/engines/onnx/diffusion/noise.h"

namespace intelligenced {
namespace {

// Bytes a, b, c, d, e, 1, ! and the merges of "cab", "bed" and "abc".
constexpr char kVocabulary[] =
    R"({"a":0,"b":1,"c":2,"d":3,"e":4,"a</w>":5,"b</w>":6,"c</w>":7,"d</w>":8,"e</w>":9,)"
    R"("1</w>":10,"!</w>":11,"ab</w>":12,"cab</w>":13,"be":14,"bed</w>":15,"ab":16,"abc</w>":17,)"
    R"("'s</w>":18,"!":19,"!!</w>":20,"<|startoftext|>":21,"<|endoftext|>":22,"<pad>":23,)"
    R"("Ã":24,"¤</w>":25,"Ã¤</w>":26})";
constexpr char kMerges[] =
    "#version: 0.2\na b</w>\nc ab</w>\nb e\nbe d</w>\na b\nab c</w>\n! !</w>\nÃ ¤</w>\n";

ClipTokenizer Tokenizer(const std::string& config = "") {
  auto tokenizer = ClipTokenizer::Parse(kVocabulary, kMerges, config);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

using Tokens = std::vector<int64_t>;

TEST(ClipTokenizerTest, MergesPairsInTheirOrder) {
  const ClipTokenizer tokenizer = Tokenizer();
  EXPECT_EQ(tokenizer.Encode("cab"), (Tokens{13}));
  EXPECT_EQ(tokenizer.Encode("bed"), (Tokens{15}));
  EXPECT_EQ(tokenizer.Encode("abc"), (Tokens{17}));
  EXPECT_EQ(tokenizer.Encode("ab"), (Tokens{12}));
  EXPECT_EQ(tokenizer.Encode("abab"), (Tokens{16, 12}));
  EXPECT_EQ(tokenizer.Encode(""), Tokens{});
  EXPECT_EQ(tokenizer.Encode(" \t\n "), Tokens{});
}

TEST(ClipTokenizerTest, CutsWordsDigitsAndMarks) {
  const ClipTokenizer tokenizer = Tokenizer();
  EXPECT_EQ(tokenizer.Encode("CAB,  bed"), (Tokens{13, 22, 15}));
  EXPECT_EQ(tokenizer.Encode("11"), (Tokens{10, 10}));
  EXPECT_EQ(tokenizer.Encode("cab!!"), (Tokens{13, 20}));
  EXPECT_EQ(tokenizer.Encode("cab!1"), (Tokens{13, 11, 10}));
  EXPECT_EQ(tokenizer.Encode("cab's"), (Tokens{13, 22, 22}));  // no byte of ' or s alone
}

TEST(ClipTokenizerTest, BytesOfOtherLettersAreTheirStandIns) {
  const ClipTokenizer tokenizer = Tokenizer();
  EXPECT_EQ(tokenizer.Encode("\xC3\xA4"), (Tokens{26}));
  // Upper case, and composed of a letter and its marks.
  EXPECT_EQ(tokenizer.Encode("\xC3\x84"), (Tokens{26}));
  EXPECT_EQ(tokenizer.Encode("a\xCC\x88"), (Tokens{26}));
  EXPECT_EQ(tokenizer.Encode("\xF0\x9F\x9A\x97").size(), 4U);
}

TEST(ClipTokenizerTest, ReadsItsMarks) {
  const ClipTokenizer plain = Tokenizer();
  EXPECT_EQ(plain.begin(), 21);
  EXPECT_EQ(plain.end(), 22);
  EXPECT_EQ(plain.padding(), 22);
  EXPECT_EQ(plain.window(), 77U);
  EXPECT_EQ(plain.size(), 27);
  const ClipTokenizer other = Tokenizer(
      R"({"pad_token":{"content":"<pad>"},"bos_token":"<|endoftext|>","model_max_length":16})");
  EXPECT_EQ(other.begin(), 22);
  EXPECT_EQ(other.padding(), 23);
  EXPECT_EQ(other.window(), 16U);
  EXPECT_EQ(Tokenizer(R"({"model_max_length":1e30})").window(), 77U);
}

TEST(ClipTokenizerTest, BrokenFilesAreRefused) {
  const auto refused = [](const char* vocabulary, const char* merges, const char* config,
                          Reason reason) {
    const auto tokenizer = ClipTokenizer::Parse(vocabulary, merges, config);
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_TRUE(HasReason(tokenizer.status(), reason)) << tokenizer.status();
  };
  refused("", kMerges, "", Reason::kModelCorrupt);
  refused("[]", kMerges, "", Reason::kModelCorrupt);
  refused("{}", kMerges, "", Reason::kModelCorrupt);
  refused(R"({"a":-1})", kMerges, "", Reason::kModelCorrupt);
  refused(R"({"a":"b"})", kMerges, "", Reason::kModelCorrupt);
  refused(R"({"a":99999999})", kMerges, "", Reason::kModelCorrupt);
  refused(kVocabulary, "a b c\n", "", Reason::kModelCorrupt);
  refused(kVocabulary, "b a\n", "", Reason::kModelCorrupt);
  refused(kVocabulary, kMerges, "nonsense", Reason::kModelCorrupt);
  refused(kVocabulary, kMerges, R"({"model_max_length":2})", Reason::kModelCorrupt);
  refused(kVocabulary, kMerges, R"({"bos_token":"<s>"})", Reason::kModelLoadFailed);
  refused(R"({"a":0})", "", "", Reason::kModelLoadFailed);
}

TEST(ClipTokenizerTest, LongRunsTakeTheirTimeOnly) {
  const ClipTokenizer tokenizer = Tokenizer();
  EXPECT_EQ(tokenizer.Encode(std::string(100'000, 'd')).size(), 100'000U);
  EXPECT_GT(tokenizer.Encode(std::string(100'000, '!')).size(), 40'000U);
}

std::string Written(const std::vector<WeightedText>& parts) {
  std::string text;
  for (const WeightedText& part : parts) {
    text += "[" + part.text + "|" + std::to_string(part.weight).substr(0, 4) + "]";
  }
  return text;
}

TEST(PromptTest, WeighsWhatIsInBrackets) {
  EXPECT_EQ(Written(ParseWeights("a red car")), "[a red car|1.00]");
  EXPECT_EQ(Written(ParseWeights("a (red:1.2) car")), "[a |1.00][red|1.20][ car|1.00]");
  EXPECT_EQ(Written(ParseWeights("((red:2) car:1.5)")), "[red|3.00][ car|1.50]");
  EXPECT_EQ(Written(ParseWeights("")), "");
}

TEST(PromptTest, OtherBracketsAreText) {
  for (const char* text : {"a (red) car", "(:1.2)", "(red:)", "(red:x)", "(red:-1)", "(red:11)",
                           "(red:nan)", "(red:1.2", "red:1.2)", ")(", "(a:b:1.5.2)"}) {
    EXPECT_EQ(Written(ParseWeights(text)), "[" + std::string(text) + "|1.00]");
  }
  EXPECT_EQ(Written(ParseWeights("\\(red:1.2\\)")), "[(red:1.2)|1.00]");
  EXPECT_EQ(Written(ParseWeights("(a\\):1.5)")), "[a)|1.50]");
  EXPECT_EQ(ParseWeights(std::string(50'000, '(')).size(), 1U);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep.insert(0, "("), deep += "a:1.1)";
  EXPECT_FALSE(ParseWeights(deep).empty());
}

TEST(PromptTest, WindowsHaveTheirMarks) {
  const ClipTokenizer tokenizer = Tokenizer(R"({"pad_token":"<pad>","model_max_length":5})");
  TokenizedPrompt prompt = TokenizePrompt(tokenizer, "cab bed", 8);
  ASSERT_EQ(prompt.windows.size(), 1U);
  EXPECT_EQ(prompt.windows[0].tokens, (Tokens{21, 13, 15, 22, 23}));
  EXPECT_EQ(prompt.tokens, 2U);
  prompt = TokenizePrompt(tokenizer, "cab bed (ab:1.5) cab", 8);
  ASSERT_EQ(prompt.windows.size(), 2U);
  EXPECT_EQ(prompt.windows[0].tokens, (Tokens{21, 13, 15, 12, 22}));
  EXPECT_EQ(prompt.windows[0].weights, (std::vector<float>{1, 1, 1, 1.5, 1}));
  EXPECT_EQ(prompt.windows[1].tokens, (Tokens{21, 13, 22, 23, 23}));
  PadWindows(tokenizer, 3, prompt);
  EXPECT_EQ(prompt.windows[2].tokens, (Tokens{21, 22, 23, 23, 23}));
  prompt = TokenizePrompt(tokenizer, "", 8);
  ASSERT_EQ(prompt.windows.size(), 1U);
  EXPECT_EQ(prompt.windows[0].tokens, (Tokens{21, 22, 23, 23, 23}));
  EXPECT_EQ(prompt.windows[0].weights.size(), 5U);
}

TEST(PromptTest, CountsAllOfALongPromptAndKeepsWhatFits) {
  const ClipTokenizer tokenizer = Tokenizer(R"({"model_max_length":12})");
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "cab ";
  const TokenizedPrompt prompt = TokenizePrompt(tokenizer, text, 3);
  EXPECT_EQ(prompt.tokens, 10'000U);
  EXPECT_EQ(prompt.windows.size(), 3U);
}

TEST(PromptTest, WeightsKeepTheMean) {
  std::vector<float> rows = {1, 2, 3, 4, 5, 6};
  const double before = std::accumulate(rows.begin(), rows.end(), 0.0);
  ApplyWeights({1, 2, 1}, 2, rows.data());
  EXPECT_NEAR(std::accumulate(rows.begin(), rows.end(), 0.0), before, 1e-4);
  EXPECT_NEAR(rows[2] / rows[0], 6, 1e-4);
  const std::vector<float> same = rows;
  ApplyWeights({1, 1, 1}, 2, rows.data());
  EXPECT_EQ(rows, same);
  std::vector<float> cancel = {1, -1, 2, -2};
  ApplyWeights({1, 2}, 2, cancel.data());
  EXPECT_EQ(cancel, (std::vector<float>{1, -1, 4, -4}));
}

// The known answers that come with the generator's publication.
TEST(NoiseTest, PhiloxGivesItsKnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox(0, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox(~uint64_t{0}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox(uint64_t{0x299f31d0} << 32 | 0xa4093822,
                   {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(NoiseTest, IsGaussianAndOfItsPlaceAlone) {
  std::vector<float> values(100'001);
  DrawNoise(7, kInitialNoise, absl::MakeSpan(values));
  double mean = 0, square = 0;
  size_t within = 0;
  for (const float value : values) {
    ASSERT_TRUE(std::isfinite(value));
    mean += value;
    square += value * value;
    within += std::abs(value) < 1 ? 1 : 0;
  }
  const auto count = static_cast<double>(values.size());
  EXPECT_NEAR(mean / count, 0, 0.015);
  EXPECT_NEAR(square / count, 1, 0.02);
  EXPECT_NEAR(static_cast<double>(within) / count, 0.6827, 0.006);
  std::vector<float> fewer(37), other(37), later(37);
  DrawNoise(7, kInitialNoise, absl::MakeSpan(fewer));
  EXPECT_EQ(fewer, std::vector<float>(values.begin(), values.begin() + 37));
  DrawNoise(8, kInitialNoise, absl::MakeSpan(other));
  EXPECT_NE(fewer, other);
  DrawNoise(7, StepNoise(0), absl::MakeSpan(later));
  EXPECT_NE(fewer, later);
}

}  // namespace
}  // namespace intelligenced
