// Names, sheets and blocks of pictures that were made.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "clients/mlctl/block_picture.h"
#include "clients/mlctl/contact_sheet.h"
#include "clients/mlctl/picture_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced::mlctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Image Plain(int width, int height, uint8_t value, int channels = 3) {
  Image image = *Image::Make(width, height, channels);
  std::memset(image.data(), value, image.size_bytes());
  return image;
}

TEST(PictureNameTest, WordsBecomeANameAnyShellTakes) {
  EXPECT_EQ(NameFromWords("A red car, under a *yellow* sun!"), "a-red-car-under-a-yellow-sun");
  EXPECT_EQ(NameFromWords("../../etc/passwd"), "etc-passwd");
  EXPECT_EQ(NameFromWords("日本語"), "picture");
  EXPECT_EQ(NameFromWords(""), "picture");
  EXPECT_EQ(NameFromWords("-rf /"), "rf");
  EXPECT_LE(NameFromWords(std::string(500, 'x') + " y").size(), 48);
}

class ReserveNamesTest : public testing::Test {
 protected:
  void Write(const std::string& name) { std::ofstream(folder_ + "/" + name) << "mine"; }
  std::vector<std::string> Reserve(size_t count) {
    const auto names = ReserveNames(folder_ + "/car", ".png", count);
    EXPECT_TRUE(names.ok()) << names.status();
    std::vector<std::string> result;
    for (const std::string& name : *names) {
      result.push_back(std::filesystem::path(name).filename().string());
    }
    return result;
  }
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(ReserveNamesTest, NothingIsOverwritten) {
  Write("car.png");
  EXPECT_THAT(Reserve(1), ElementsAre("car-2.png"));
  EXPECT_THAT(Reserve(1), ElementsAre("car-3.png")) << "taken by the one before";
  Write("car-2-grid.png");
  Write("car-1.png");
  EXPECT_THAT(Reserve(2), ElementsAre("car-3-1.png", "car-3-2.png", "car-3-grid.png"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/car-2-1.png")) << "given back";
}

TEST_F(ReserveNamesTest, OnlyWhatIsEmptyIsGivenBack) {
  Write("full.png");
  std::ofstream(folder_ + "/empty.png").flush();
  ReleaseNames({folder_ + "/full.png", folder_ + "/empty.png", folder_ + "/none.png"});
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/full.png"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/empty.png"));
}

TEST_F(ReserveNamesTest, AFolderThatIsNotThereIsSaid) {
  EXPECT_TRUE(absl::IsNotFound(ReserveNames(folder_ + "/no/car", ".png", 1).status()));
}

TEST(ContactSheetTest, PicturesStandInRows) {
  std::vector<Image> pictures;
  pictures.push_back(Plain(8, 6, 10));
  pictures.push_back(Plain(8, 6, 20, 1));
  pictures.push_back(Plain(4, 4, 30));
  const absl::StatusOr<Image> sheet = ContactSheet(pictures);
  ASSERT_TRUE(sheet.ok()) << sheet.status();
  EXPECT_EQ(sheet->width(), 8 + 4 + 8);
  EXPECT_EQ(sheet->height(), 6 + 4 + 6);
  EXPECT_EQ(sheet->row(0)[0], 10);
  EXPECT_EQ(sheet->row(5)[3 * 12 + 2], 20);
  EXPECT_EQ(sheet->row(10)[0], 30);
  EXPECT_EQ(sheet->row(14)[0], 255) << "below the small one";
  EXPECT_EQ(sheet->row(12)[3 * 15], 255) << "where there is none";
}

TEST(BlockPictureTest, TwoPixelsACharacter) {
  Image image = Plain(3, 4, 0);
  std::memset(image.row(1), 255, image.row_bytes());
  const absl::StatusOr<BlockPicture> picture = RenderBlocks(image, 80, BlockColors::kTrue);
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture->rows, 2);
  EXPECT_EQ(picture->text,
            "\033[38;2;0;0;0;48;2;255;255;255m▀▀▀\033[0m\n"
            "\033[38;2;0;0;0;48;2;0;0;0m▀▀▀\033[0m\n");
  EXPECT_THAT(RenderBlocks(image, 80, BlockColors::k256)->text, HasSubstr("38;5;16;48;5;231m"));
}

TEST(BlockPictureTest, WithoutColoursThereAreNoControlCharacters) {
  const absl::StatusOr<BlockPicture> picture =
      RenderBlocks(Plain(2, 3, 255, 1), 80, BlockColors::kNone);
  EXPECT_EQ(picture->text, "  \n  \n");
  EXPECT_EQ(RenderBlocks(Plain(1, 1, 0), 80, BlockColors::kNone)->text, "@\n");
}

TEST(BlockPictureTest, IsAsWideAsTheTerminalAtMost) {
  const absl::StatusOr<BlockPicture> picture =
      RenderBlocks(Plain(100, 50, 9), 20, BlockColors::kNone);
  EXPECT_EQ(picture->rows, 5);
  EXPECT_EQ(picture->text.find('\n'), 20);
  EXPECT_EQ(RenderBlocks(Plain(4000, 1, 9), 20, BlockColors::kNone)->rows, 1);
}

TEST(BlockPictureTest, ColoursAreWhatTheTerminalSays) {
  std::string value;
  Host host;
  host.environment = [&](const char*) { return value; };
  EXPECT_EQ(ChooseBlockColors(host, false), BlockColors::kNone);
  EXPECT_EQ(ChooseBlockColors(host, true), BlockColors::k256);
  value = "truecolor";
  EXPECT_EQ(ChooseBlockColors(host, true), BlockColors::kTrue);
}

}  // namespace
}  // namespace intelligenced::mlctl
