// The tokenizers of the published layouts, against what the recipe of the toys wrote down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/tokenizers/sentence_pieces.h"
#include "runtime/engines/onnx/tokenizers/translation_tokenizer.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/engines/onnx/seq2seq/toy_translators.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::SizeIs;

TokenizerParts Parts(const std::string& model) {
  TokenizerParts parts;
  const engine_proto::ModelSpec spec = ToySpec(model);
  for (const engine_proto::ModelFile& file : spec.files()) {
    parts.paths[file.role()] = file.path();
  }
  if (model == kOpusToy) {
    parts.end = 0;
    parts.padding = 577;
  } else {
    parts.end = 2;
    parts.padding = 1;
  }
  return parts;
}

absl::StatusOr<std::unique_ptr<TranslationTokenizer>> Load(const TokenizerParts& parts,
                                                           const std::string& model) {
  return model == kOpusToy ? LoadMarianTokenizer(parts) : LoadMultilingualTokenizer(parts);
}

class TokenizerLayoutTest : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerLayoutTest, NumbersAndTextsAreTheReferences) {
  const auto tokenizer = Load(Parts(GetParam()), GetParam());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (const GoldenCase& golden : GoldenCases(GetParam())) {
    const auto direction = (*tokenizer)->Direction(golden.source, golden.target);
    ASSERT_TRUE(direction.ok()) << direction.status();
    std::vector<int64_t> input = direction->before;
    const auto own = (*tokenizer)->Encode(golden.text);
    ASSERT_TRUE(own.ok());
    input.insert(input.end(), own->begin(), own->end());
    input.insert(input.end(), direction->after.begin(), direction->after.end());
    EXPECT_EQ(input, golden.input) << golden.text;
    EXPECT_EQ(direction->first.has_value(), std::string(GetParam()) != kOpusToy);
    for (const GoldenRun& run : golden.runs) {
      const auto text = (*tokenizer)->Decode(run.tokens);
      ASSERT_TRUE(text.ok());
      EXPECT_EQ(*text, run.text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Toys, TokenizerLayoutTest,
                         testing::Values(kOpusToy, kTinyM2m100, kTinyNllb));

TEST(MarianTokenizerTest, TargetsAreTheVocabularys) {
  const auto tokenizer = Load(Parts(kOpusToy), kOpusToy);
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_THAT((*tokenizer)->Pairs(), ElementsAre(Pair("en", "qaa"), Pair("en", "qab")));
  EXPECT_EQ((*tokenizer)->size(), 578);
  const auto direction = (*tokenizer)->Direction("en", "qab");
  ASSERT_TRUE(direction.ok());
  EXPECT_THAT(direction->before, ElementsAre(576));
  EXPECT_THAT(direction->after, ElementsAre(0));
  // What is in no vocabulary is one unknown, and says nothing when it comes out.
  EXPECT_THAT(*(*tokenizer)->Encode("漢"), testing::Contains((*tokenizer)->unknown()));
  EXPECT_EQ(*(*tokenizer)->Decode({1, 577, 0, -5, 9999}), "");
}

TEST(MarianTokenizerTest, OneTargetNeedsNoToken) {
  TokenizerParts parts = Parts(kOpusToy);
  // The vocabulary without its ">>…<<".
  const TemporaryFolder folder;
  const std::string path = folder / "vocab.json";
  std::ofstream(path) << R"({"</s>": 0, "<unk>": 1, "▁dog": 2, "▁cat": 3})";
  parts.paths["vocabulary"] = path;
  parts.sources = {"en", "de"};
  parts.targets = {"es"};
  const auto tokenizer = LoadMarianTokenizer(parts);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->Pairs(), ElementsAre(Pair("de", "es"), Pair("en", "es")));
  const auto direction = (*tokenizer)->Direction("de-AT", "es-MX");
  ASSERT_TRUE(direction.ok());
  EXPECT_THAT(direction->before, testing::IsEmpty());
  // A model that says neither is refused, and one with several targets and no tokens.
  parts.targets = {"es", "fr"};
  EXPECT_TRUE(HasReason(LoadMarianTokenizer(parts).status(), Reason::kModelLoadFailed));
}

TEST(MultilingualTokenizerTest, LanguagesFollowThePieces) {
  const auto m2m = Load(Parts(kTinyM2m100), kTinyM2m100);
  ASSERT_TRUE(m2m.ok());
  const auto direction = (*m2m)->Direction("en", "es");
  ASSERT_TRUE(direction.ok());
  // The vocabulary has 121 entries.
  EXPECT_THAT(direction->before, ElementsAre(121));
  EXPECT_EQ(direction->first, 122);
  EXPECT_THAT((*m2m)->Pairs(), SizeIs(4));
  const auto nllb = Load(Parts(kTinyNllb), kTinyNllb);
  ASSERT_TRUE(nllb.ok());
  // eng_Latn, fra_Latn, spa_Latn, zho_Hans.
  EXPECT_EQ(
      (*nllb)->Direction("en", "zh")->first.value() - (*nllb)->Direction("zh", "en")->first.value(),
      3);
  EXPECT_TRUE(HasReason((*nllb)->Direction("en", "de").status(), Reason::kLanguageUnsupported));
  EXPECT_TRUE(HasReason((*nllb)->Direction("en", "*").status(), Reason::kLanguageUnsupported));
}

TEST(MultilingualTokenizerTest, WithoutAListThePublishedLanguagesAreMeant) {
  TokenizerParts parts = Parts(kTinyNllb);
  parts.paths.erase("special-tokens");
  const auto nllb = LoadMultilingualTokenizer(parts);
  ASSERT_TRUE(nllb.ok());
  EXPECT_THAT((*nllb)->Pairs(), SizeIs(202));
  parts = Parts(kTinyM2m100);
  parts.paths.erase("special-tokens");
  const auto m2m = LoadMultilingualTokenizer(parts);
  ASSERT_TRUE(m2m.ok());
  EXPECT_THAT((*m2m)->Pairs(), SizeIs(100));
  // "af" is the first of both lists' alphabets.
  EXPECT_EQ((*m2m)->Direction("en", "af")->first, 121);
}

TEST(SentencePiecesTest, RefusesOtherFiles) {
  EXPECT_FALSE(SentencePieces::Load("/nowhere").ok());
  const TemporaryFolder folder;
  for (const std::string& bytes : {std::string(), std::string("{}"), std::string(1000, '\x0a'),
                                   std::string("\x0a\xff\xff\xff\xff\x7f")}) {
    const std::string path = folder / "pieces";
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_TRUE(HasReason(SentencePieces::Load(path).status(), Reason::kModelCorrupt));
  }
}

TEST(SentencePiecesTest, AnyTextGoesInAndComesOut) {
  const auto pieces =
      SentencePieces::Load(ToyFolder() + "/" + kTinyNllb + "/sentencepiece.bpe.model");
  ASSERT_TRUE(pieces.ok());
  for (const std::string& text :
       {std::string(), std::string("\0a", 2), std::string("漢字 🙂"), std::string(100'000, 'a')}) {
    const auto made = (*pieces)->Encode(text);
    ASSERT_TRUE(made.ok());
    EXPECT_TRUE((*pieces)->Decode(*made).ok());
  }
}

}  // namespace
}  // namespace intelligenced
