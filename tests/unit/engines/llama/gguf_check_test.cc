#include "runtime/engines/llama/gguf_check.h"

#include <string>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "tests/unit/engines/llama/gguf_files.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

class GgufCheckTest : public testing::Test {
 protected:
  void ExpectCorrupt(const std::string& bytes, const std::string& words) {
    const auto summary = CheckGguf(folder_.Write("bad.gguf", bytes));
    EXPECT_TRUE(HasReason(summary.status(), Reason::kModelCorrupt)) << summary.status();
    EXPECT_NE(summary.status().message().find(words), std::string::npos) << summary.status();
  }
  ScratchFolder folder_;
};

TEST_F(GgufCheckTest, TakesASmallGoodFile) {
  GgufBytes file(1, 2);
  file.Key("general.architecture", GGUF_TYPE_STRING).String("llama");
  file.Key("llama.block_count", GGUF_TYPE_UINT32).Number<uint32_t>(2);
  file.Tensor("a", {8, 2}, GGML_TYPE_F32, 0).Fill(200);
  const auto summary = CheckGguf(folder_.Write("good.gguf", file.bytes()));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->architecture, "llama");
  EXPECT_EQ(summary->tensors, 1);
  EXPECT_EQ(summary->tensor_bytes, 64);
}

TEST_F(GgufCheckTest, FilesThatAreNoGguf) {
  ExpectCorrupt("", "not a GGUF file");
  ExpectCorrupt("GGUF", "not a GGUF file");
  ExpectCorrupt(std::string(4096, '\0'), "not a GGUF file");
  ExpectCorrupt("PK\x03\x04 a zip archive, and a long one at that", "not a GGUF file");
}

TEST_F(GgufCheckTest, FilesThatCannotBeOpened) {
  EXPECT_TRUE(HasReason(CheckGguf(folder_.File("none.gguf")).status(), Reason::kModelLoadFailed));
  EXPECT_TRUE(HasReason(CheckGguf(folder_.File(".")).status(), Reason::kModelLoadFailed));
}

TEST_F(GgufCheckTest, OtherVersionsAndByteOrders) {
  for (uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    const auto summary =
        CheckGguf(folder_.Write("v.gguf", GgufBytes(0, 0, version).Fill(64).bytes()));
    EXPECT_TRUE(HasReason(summary.status(), Reason::kModelLoadFailed)) << version;
  }
}

TEST_F(GgufCheckTest, AbsurdCounts) {
  ExpectCorrupt(GgufBytes(uint64_t{1} << 60, 0).Fill(64).bytes(), "claims to hold");
  ExpectCorrupt(GgufBytes(0, ~uint64_t{0}).Fill(64).bytes(), "claims to hold");
  ExpectCorrupt(GgufBytes(3, 0).bytes(), "ends in the middle");
}

TEST_F(GgufCheckTest, AbsurdLengths) {
  GgufBytes key(0, 1);
  key.Number(~uint64_t{0}).Fill(64);
  ExpectCorrupt(key.bytes(), "ends in the middle");
  GgufBytes array(0, 1);
  array.Key("a", GGUF_TYPE_ARRAY).Number<uint32_t>(GGUF_TYPE_FLOAT32).Number(~uint64_t{0});
  ExpectCorrupt(array.Fill(64).bytes(), "longer than the file");
  GgufBytes strings(0, 1);
  strings.Key("a", GGUF_TYPE_ARRAY).Number<uint32_t>(GGUF_TYPE_STRING).Number(~uint64_t{0});
  ExpectCorrupt(strings.Fill(64).bytes(), "ends in the middle");
}

TEST_F(GgufCheckTest, UnknownTypes) {
  GgufBytes value(0, 1);
  ExpectCorrupt(value.Key("a", 77).Fill(64).bytes(), "unknown type 77");
  GgufBytes array(0, 1);
  array.Key("a", GGUF_TYPE_ARRAY).Number<uint32_t>(GGUF_TYPE_ARRAY).Number<uint64_t>(1);
  ExpectCorrupt(array.Fill(64).bytes(), "unknown type");
  GgufBytes tensor(1, 0);
  ExpectCorrupt(tensor.Tensor("a", {32}, 4000, 0).Fill(999).bytes(), "unknown type 4000");
}

TEST_F(GgufCheckTest, ShapesThatCannotBeMeant) {
  ExpectCorrupt(GgufBytes(1, 0).Tensor("a", {0}, GGML_TYPE_F32, 0).Fill(99).bytes(), "shape");
  ExpectCorrupt(GgufBytes(1, 0)
                    .Tensor("a", {uint64_t{1} << 33, uint64_t{1} << 33}, GGML_TYPE_F32, 0)
                    .Fill(99)
                    .bytes(),
                "shape");
  ExpectCorrupt(GgufBytes(1, 0).Tensor("a", {1, 1, 1, 1, 1}, GGML_TYPE_F32, 0).Fill(99).bytes(),
                "not well formed");
  ExpectCorrupt(GgufBytes(1, 0).Tensor("a", {33}, GGML_TYPE_Q4_0, 0).Fill(99).bytes(), "blocks");
  for (const char* key :
       {"x.block_count", "x.embedding_length", "x.attention.head_count", "x.context_length"}) {
    for (uint32_t value : {0u, 0xFFFFFFFFu}) {
      GgufBytes file(0, 1);
      file.Key(key, GGUF_TYPE_UINT32).Number(value).Fill(64);
      ExpectCorrupt(file.bytes(), "cannot be meant");
    }
  }
}

TEST_F(GgufCheckTest, TensorsBeyondTheEnd) {
  ExpectCorrupt(GgufBytes(1, 0).Tensor("a", {1024}, GGML_TYPE_F32, 0).Fill(999).bytes(),
                "beyond the end");
  ExpectCorrupt(GgufBytes(1, 0).Tensor("a", {8}, GGML_TYPE_F32, ~uint64_t{31}).Fill(999).bytes(),
                "beyond the end");
  ExpectCorrupt(GgufBytes(1, 0).Tensor("a", {8}, GGML_TYPE_F32, 4).Fill(999).bytes(),
                "does not begin where it may");
}

TEST_F(GgufCheckTest, AnAlignmentThatIsNone) {
  for (uint32_t alignment : {0u, 3u, 0x80000000u}) {
    GgufBytes file(0, 1);
    file.Key("general.alignment", GGUF_TYPE_UINT32).Number(alignment).Fill(64);
    ExpectCorrupt(file.bytes(), "alignment");
  }
}

TEST_F(GgufCheckTest, ARealFileIsTakenAndEveryTruncationOfItIsNot) {
  if (!HaveStories()) GTEST_SKIP() << "stories260K.gguf is not here";
  const auto summary = CheckGguf(StoriesPath());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->architecture, "llama");
  EXPECT_EQ(summary->tensors, 47);
  const std::string bytes = ReadBytes(StoriesPath());
  for (size_t size = 0; size < bytes.size(); size += size < 20'000 ? 97 : 50'021) {
    const auto cut = CheckGguf(folder_.Write("cut.gguf", bytes.substr(0, size)));
    EXPECT_TRUE(HasReason(cut.status(), Reason::kModelCorrupt)) << size << " " << cut.status();
  }
}

}  // namespace
}  // namespace intelligenced
