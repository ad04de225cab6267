#include "runtime/engines/onnx/tokenizers/bert_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kVocabulary[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nthe\nkub\n##er\n,\n!\n天\n気\nü\nuber\n";

std::vector<std::string> Places(const BertTokens& tokens, std::string_view text) {
  std::vector<std::string> places;
  for (const ByteSpan& span : tokens.spans) places.emplace_back(span.In(text));
  return places;
}

TEST(BertTokenizerTest, LongestPiecesFirstWithTheirPlaces) {
  const auto tokenizer = BertTokenizer::Parse(kVocabulary, "");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const std::string text = "The unaffable, Über天気!";
  const BertTokens tokens = tokenizer->Encode(text);
  EXPECT_THAT(tokens.ids, ElementsAre(2, 7, 4, 5, 6, 10, 15, 12, 13, 11, 3));
  EXPECT_THAT(Places(tokens, text),
              ElementsAre("", "The", "un", "aff", "able", ",", "Über", "天", "気", "!", ""));
  EXPECT_THAT(tokens.begins_word,
              ElementsAre(false, true, true, false, false, true, true, true, true, true, false));
  EXPECT_EQ(tokenizer->size(), 16);
  EXPECT_EQ(tokenizer->padding(), 0);
}

TEST(BertTokenizerTest, AccentsAreTakenOffInBothForms) {
  const auto tokenizer = BertTokenizer::Parse(kVocabulary, "");
  for (const std::string text : {"über", "u\u0308ber", "ÜBER"}) {
    EXPECT_THAT(tokenizer->Encode(text).ids, ElementsAre(2, 15, 3)) << text;
    EXPECT_EQ(tokenizer->Encode(text).spans[1], (ByteSpan{0, text.size()}));
  }
}

TEST(BertTokenizerTest, CasedOnesKeepCaseAndAccents) {
  const auto tokenizer =
      BertTokenizer::Parse("[UNK]\n[CLS]\n[SEP]\nÜber\nuber\n", R"({"do_lower_case": false})");
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_THAT(tokenizer->Encode("Über uber UBER").ids, ElementsAre(1, 3, 4, 0, 2));
}

TEST(BertTokenizerTest, WordsThatNobodyKnowsAreOneToken) {
  const auto tokenizer = BertTokenizer::Parse(kVocabulary, "");
  EXPECT_THAT(tokenizer->Encode("unxyz 😀").ids, ElementsAre(2, 1, 1, 3));
  EXPECT_THAT(tokenizer->Encode(std::string(1 << 20, 'u')).ids, ElementsAre(2, 1, 3));
  EXPECT_EQ(tokenizer->Encode("unxyz").spans[1], (ByteSpan{0, 5}));
}

TEST(BertTokenizerTest, ControlsAreNotThere) {
  const auto tokenizer = BertTokenizer::Parse(kVocabulary, "");
  const std::string text("t\u200bh\0e\u202c\u00a0un", 14);
  EXPECT_THAT(tokenizer->Encode(text).ids, ElementsAre(2, 7, 4, 3));
  EXPECT_THAT(tokenizer->Encode("").ids, ElementsAre(2, 3));
  EXPECT_THAT(tokenizer->Encode(" \n\t").ids, ElementsAre(2, 3));
}

TEST(BertTokenizerTest, ReadsTokenizerJson) {
  const auto tokenizer = BertTokenizer::Parse(R"({
    "normalizer": {"type": "BertNormalizer", "lowercase": true, "handle_chinese_chars": true},
    "model": {"type": "WordPiece", "unk_token": "<?>", "continuing_subword_prefix": "@@",
              "max_input_chars_per_word": 5,
              "vocab": {"<?>": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 9, "ab": 3, "@@c": 4}}})",
                                              "");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT(tokenizer->Encode("ABC abcccc ab").ids, ElementsAre(1, 3, 4, 0, 3, 2));
  EXPECT_EQ(tokenizer->padding(), 9);
  EXPECT_EQ(tokenizer->size(), 10);
}

TEST(BertTokenizerTest, OtherFilesAreRefusedByWhatTheyAre) {
  const auto refused = [](std::string_view file) {
    const absl::Status status = BertTokenizer::Parse(file, "").status();
    EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refused(R"({"model": {"type": "BPE", "vocab": {}}})"), HasSubstr("BPE"));
  EXPECT_THAT(refused(R"({"model": {"type": "Unigram", "vocab": []}})"), HasSubstr("Unigram"));
  EXPECT_THAT(refused("{"), HasSubstr("tokenizer.json"));
  EXPECT_THAT(refused(R"({"model": {"vocab": {"[UNK]": -1}}})"), HasSubstr("number"));
  EXPECT_THAT(refused(R"({"model": {"vocab": {"[UNK]": 0, "[CLS]": 1}}})"), HasSubstr("[SEP]"));
  EXPECT_THAT(refused(""), HasSubstr("[UNK]"));
}

}  // namespace
}  // namespace intelligenced
