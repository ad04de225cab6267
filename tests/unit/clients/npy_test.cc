#include "clients/mlctl/npy.h"

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::MakeTensor;
using intelligence::Tensor;
using intelligence::TensorType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A file as numpy.save makes it, but for the padding.
std::string File(const std::string& header, const std::string& values, int version = 1) {
  std::string out("\x93NUMPY", 6);
  out.push_back(static_cast<char>(version));
  out.push_back('\0');
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    out.push_back(static_cast<char>(header.size() >> (8 * i) & 0xff));
  }
  return out + header + values;
}

constexpr char kRow[] = "{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }\n";

TEST(NpyTest, ReadsWhatNumpyWrites) {
  for (int version : {1, 2, 3}) {
    const auto tensor = ParseNpy(File(kRow, "abcdef", version));
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(tensor->type, TensorType::kInt16);
    EXPECT_THAT(tensor->shape, ElementsAre(3));
    EXPECT_EQ(tensor->data, "abcdef");
  }
  auto tensor = ParseNpy(File(R"({"shape": (2, 3), "fortran_order": False, "descr": "|b1"})",
                              std::string("\1\0\1\0\1\0", 6)));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->type, TensorType::kBool);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 3));
  tensor = ParseNpy(File("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "12345678"));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->shape, IsEmpty());
}

TEST(NpyTest, WrittenFilesAreReadAgain) {
  for (const auto& shape : {std::vector<int64_t>{}, {6}, {2, 3}, {0}, {1, 1, 1, 6}, {0, 5}}) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    const Tensor tensor =
        MakeTensor<float>("x", shape, std::vector<float>(static_cast<size_t>(count), 1.5F));
    const auto bytes = FormatNpy(tensor);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ((bytes->size() - tensor.data.size()) % 64, 0) << "values begin on a border";
    const auto again = ParseNpy(*bytes);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->type, tensor.type);
    EXPECT_EQ(again->shape, tensor.shape);
    EXPECT_EQ(again->data, tensor.data);
  }
  EXPECT_FALSE(FormatNpy({.name = "t", .type = TensorType::kString}).ok());
}

TEST(NpyTest, WhatCannotBeUsedIsSaid) {
  const auto message = [](const std::string& bytes) {
    const auto tensor = ParseNpy(bytes);
    EXPECT_EQ(tensor.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(tensor.status().message());
  };
  EXPECT_THAT(message(""), HasSubstr("begins otherwise"));
  EXPECT_THAT(message("PK\3\4"), HasSubstr("begins otherwise"));
  EXPECT_THAT(message(File(kRow, "abcdef", 9)), HasSubstr("version is 9"));
  EXPECT_THAT(message(File(kRow, "abcde")), HasSubstr("5 bytes"));
  EXPECT_THAT(message(File(kRow, "abcdefg")), HasSubstr("7 bytes"));
  EXPECT_THAT(message(File("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "abcd")),
              HasSubstr("\">f4\""));
  EXPECT_THAT(message(File("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "abcd")),
              HasSubstr("\"|O\""));
  EXPECT_THAT(message(File("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "abcd")),
              HasSubstr("ascontiguousarray"));
  EXPECT_THAT(message(File("{'descr': '<f4', 'fortran_order': False}", "abcd")),
              HasSubstr("leaves out"));
  EXPECT_THAT(message(File("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "")),
              HasSubstr("\"shape\""));
  EXPECT_THAT(message(File("{'descr': '<f8', 'fortran_order': False, 'shape': "
                           "(4611686018427387904, 4611686018427387904), }",
                           "")),
              HasSubstr("shape says otherwise"));
  EXPECT_THAT(message(File("{'descr': '<f4', 'fortran_order': False, 'shape': "
                           "(99999999999999999999,), }",
                           "")),
              HasSubstr("\"shape\""));
  EXPECT_THAT(message(File(std::string(kRow) + "x", "abcdef")), HasSubstr("after its end"));
  EXPECT_THAT(message(File("[1]", "abcdef")), HasSubstr("no dictionary"));
}

// Every beginning of a file, and every flipped bit, is an error or a tensor.
TEST(NpyTest, BrokenFiles) {
  const std::string whole = File(kRow, "abcdef");
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(ParseNpy(whole.substr(0, i)).ok()) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      const auto tensor = ParseNpy(flipped);
      if (tensor.ok()) EXPECT_EQ(tensor->data.size(), 6);
    }
  }
}

}  // namespace
}  // namespace intelligenced::mlctl
