// Pictures as text for terminals of several kinds.
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "clients/mlctl/picture_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced::mlctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Red, and blue from a row on that is not the first of a character.
Image Bands(int width, int height) {
  Image image = *Image::Make(width, height, 3);
  for (int y = 0; y < height; ++y) {
    const bool red = y < (height / 2 | 1);
    for (int x = 0; x < width; ++x) {
      uint8_t* const pixel = image.row(y) + static_cast<ptrdiff_t>(3) * x;
      pixel[0] = red ? 255 : 0;
      pixel[1] = 0;
      pixel[2] = red ? 0 : 255;
    }
  }
  return image;
}

class PictureViewTest : public testing::Test {
 protected:
  PictureViewTest() {
    host_.out_is_terminal = true;
    host_.columns = 80;
    host_.environment = [this](const char* name) { return environment_[name]; };
  }
  std::string Show(const Image& image, bool colored = true) {
    const absl::StatusOr<std::string> text = RenderPicture(host_, image, colored);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.value_or("");
  }

  Host host_;
  std::map<std::string, std::string> environment_ = {{"TERM", "xterm-256color"},
                                                     {"COLORTERM", "truecolor"}};
};

TEST_F(PictureViewTest, HalfBlocksInTrueColour) {
  const std::string text = Show(Bands(16, 16));
  // A row of characters for two rows of pixels, one of them with both colours.
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8);
  EXPECT_TRUE(text.find("▀") != std::string::npos || text.find("▄") != std::string::npos) << text;
  EXPECT_THAT(text, AllOf(HasSubstr("38;2;"), HasSubstr("48;2;"), HasSubstr("255;0;0"),
                          HasSubstr("0;0;255")));
  // Whatever is written next has the terminal's own colours.
  EXPECT_THAT(text, HasSubstr("\x1b[0m"));
}

TEST_F(PictureViewTest, GreyPicturesAreShownToo) {
  Image image = *Image::Make(4, 4, 1);
  std::fill(image.data(), image.data() + 16, uint8_t{200});
  EXPECT_THAT(Show(image), HasSubstr("200;200;200"));
}

TEST_F(PictureViewTest, FitsTheTerminal) {
  const Image wide = Bands(2000, 500);
  const auto rows = [&] {
    const std::string text = Show(wide);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(rows(), 10);
  host_.columns = 40;
  EXPECT_EQ(rows(), 5);
  // A long receipt does not scroll the screen away.
  const std::string tall = Show(Bands(100, 4000));
  EXPECT_LE(std::count(tall.begin(), tall.end(), '\n'), 20);
  // Of a terminal that does not say.
  host_.columns = 0;
  EXPECT_EQ(rows(), 10);
}

TEST_F(PictureViewTest, PixelsWhereTheTerminalTakesThem) {
  environment_ = {{"TERM", "xterm-kitty"}, {"KITTY_PID", "1"}};
  EXPECT_THAT(Show(Bands(40, 40)), HasSubstr("\x1b_G"));
  environment_ = {{"TERM", "mlterm"}, {"MLTERM", "3.9.0"}};
  EXPECT_THAT(Show(Bands(40, 40)), HasSubstr("\x1bP"));
}

TEST_F(PictureViewTest, FewColoursWhereThereAreNoMore) {
  environment_ = {{"TERM", "linux"}};
  const std::string text = Show(Bands(16, 16));
  EXPECT_THAT(text, AllOf(HasSubstr("\x1b["), Not(HasSubstr("8;2;"))));
}

TEST_F(PictureViewTest, WithoutColoursThereAreCharacters) {
  const std::string text = Show(Bands(40, 40), /*colored=*/false);
  EXPECT_THAT(text, AllOf(Not(HasSubstr("38;")), Not(HasSubstr("48;")), Not(HasSubstr("\x1b_G"))));
}

TEST_F(PictureViewTest, AnythingElseIsNoTerminalForPictures) {
  environment_["TERM"] = "dumb";
  EXPECT_THAT(RenderPicture(host_, Bands(4, 4), true).status().message(), HasSubstr("dumb"));
  environment_["TERM"] = "xterm";
  host_.out_is_terminal = false;
  const absl::Status status = RenderPicture(host_, Bands(4, 4), true).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("standard output"));
}

TEST_F(PictureViewTest, FilesAreDecoded) {
  const std::string file = *EncodePng(Bands(4, 4));
  EXPECT_EQ(RenderPictureFile(host_, file, true).value_or(""), Show(Bands(4, 4)));
  EXPECT_FALSE(RenderPictureFile(host_, "no picture", true).ok());
}

}  // namespace
}  // namespace intelligenced::mlctl
