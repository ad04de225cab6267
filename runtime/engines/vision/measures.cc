#include "runtime/engines/vision/measures.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace intelligenced {
namespace {

constexpr char kPrintKind[] = "dct-colour-1";
constexpr int kPrintSide = 32;
constexpr int kPrintWaves = 8;
constexpr int kPrintCells = 4;
// Large enough for sharpness to show, and the same for all pictures.
constexpr int kScoreSide = 512;

cv::Mat Fit(const cv::Mat& pixels, int side) {
  const int longest = std::max(pixels.cols, pixels.rows);
  if (longest <= side) return pixels;
  cv::Mat small;
  const double scale = static_cast<double>(side) / longest;
  cv::resize(pixels, small,
             cv::Size(std::max(1, static_cast<int>(std::lround(pixels.cols * scale))),
                      std::max(1, static_cast<int>(std::lround(pixels.rows * scale)))),
             0, 0, cv::INTER_AREA);
  return small;
}

float Unit(double value) { return static_cast<float>(std::clamp(value, 0.0, 1.0)); }

double Deviation(const cv::Mat& values) {
  cv::Scalar mean, deviation;
  cv::meanStdDev(values, mean, deviation);
  return deviation[0];
}

// Pech-Pacheco et al. 2000: the variance of the Laplacian.
double LaplacianVariance(const cv::Mat& grey) {
  cv::Mat edges;
  cv::Laplacian(grey, edges, CV_32F);
  const double deviation = Deviation(edges);
  return deviation * deviation;
}

// Hasler and Süsstrunk 2003; about 109 is "extremely colourful".
double Colourfulness(const cv::Mat& rgb) {
  cv::Mat planes[3];
  cv::Mat wide;
  rgb.convertTo(wide, CV_32FC3);
  cv::split(wide, planes);
  const cv::Mat rg = planes[0] - planes[1];
  const cv::Mat yb = 0.5 * (planes[0] + planes[1]) - planes[2];
  cv::Scalar rg_mean, rg_deviation, yb_mean, yb_deviation;
  cv::meanStdDev(rg, rg_mean, rg_deviation);
  cv::meanStdDev(yb, yb_mean, yb_deviation);
  return std::hypot(rg_deviation[0], yb_deviation[0]) + 0.3 * std::hypot(rg_mean[0], yb_mean[0]);
}

// How well the middle grey is met, less what is black or white altogether.
double Exposure(const cv::Mat& grey) {
  const double mean = cv::mean(grey)[0] / 255;
  const double clipped =
      static_cast<double>(cv::countNonZero(grey < 4) + cv::countNonZero(grey > 251)) /
      static_cast<double>(grey.total());
  return 1 - 2 * std::abs(mean - 0.46) - 0.5 * clipped;
}

// The rule of thirds: how near the centre of attention is to one of the four points.
double Composition(const View& view) {
  const vision_proto::Saliency saliency = AttentionSaliency(view);
  if (saliency.regions().empty()) return 0.5;
  const vision_proto::Rect& box = saliency.regions(0).box();
  const cv::Size size = view.picture().size();
  const double x = ((box.x() + box.width() / 2) * size.width - view.rect().x) / view.rect().width;
  const double y =
      ((box.y() + box.height() / 2) * size.height - view.rect().y) / view.rect().height;
  double nearest = 1;
  for (const double px : {1 / 3.0, 2 / 3.0}) {
    for (const double py : {1 / 3.0, 2 / 3.0}) {
      nearest = std::min(nearest, std::hypot(x - px, y - py));
    }
  }
  // A corner of the picture is 0.47 away from its point.
  return 1 - nearest / 0.47;
}

// Drawn or scanned: most neighbours are just the same, or most of it is paper.
bool IsUtility(const cv::Mat& rgb, const cv::Mat& grey) {
  if (grey.cols < 2) return true;
  cv::Mat difference;
  cv::absdiff(grey.colRange(1, grey.cols), grey.colRange(0, grey.cols - 1), difference);
  const auto total = static_cast<double>(difference.total());
  const double same = cv::countNonZero(difference < 1) / total;
  cv::Mat hsv, planes[3];
  cv::cvtColor(rgb, hsv, cv::COLOR_RGB2HSV);
  cv::split(hsv, planes);
  const cv::Mat paper = (planes[1] < 40) & (planes[2] > 190);
  return same > 0.7 || cv::countNonZero(paper) / static_cast<double>(grey.total()) > 0.7;
}

}  // namespace

vision_proto::FeaturePrint MakeFeaturePrint(const View& view) {
  vision_proto::FeaturePrint print;
  print.set_kind(kPrintKind);
  cv::Mat small, waves;
  cv::resize(view.grey(), small, cv::Size(kPrintSide, kPrintSide), 0, 0, cv::INTER_AREA);
  small.convertTo(small, CV_32FC1);
  cv::dct(small, waves);
  cv::Mat low = waves(cv::Rect(0, 0, kPrintWaves, kPrintWaves)).clone();
  low.at<float>(0, 0) = 0;  // brightness
  const double length = cv::norm(low);
  if (length > 1) low *= 1 / length;
  for (int i = 1; i < kPrintWaves * kPrintWaves; ++i) {
    print.add_values(low.at<float>(i / kPrintWaves, i % kPrintWaves));
  }
  cv::Mat cells;
  cv::resize(view.rgb(), cells, cv::Size(kPrintCells, kPrintCells), 0, 0, cv::INTER_AREA);
  cells.convertTo(cells, CV_32FC3, 1 / 255.0);
  cv::cvtColor(cells, cells, cv::COLOR_RGB2Lab);
  for (int i = 0; i < kPrintCells * kPrintCells; ++i) {
    const auto& colour = cells.at<cv::Vec3f>(i / kPrintCells, i % kPrintCells);
    for (const float value : {colour[0], colour[1], colour[2]}) print.add_values(value / 400);
  }
  return print;
}

vision_proto::AestheticsScores ScoreAesthetics(const View& view) {
  const cv::Mat rgb = Fit(view.rgb(), kScoreSide);
  cv::Mat grey;
  cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
  const double blur = LaplacianVariance(grey);
  vision_proto::AestheticsScores scores;
  scores.set_sharpness(Unit(blur / (blur + 150)));
  scores.set_exposure(Unit(Exposure(grey)));
  // Peli 1990: the root mean square; a quarter of the range is a picture of full contrast.
  scores.set_contrast(Unit(Deviation(grey) / 64));
  scores.set_colourfulness(Unit(Colourfulness(rgb) / 109));
  scores.set_composition(Unit(Composition(view)));
  const float mean = 0.3F * scores.sharpness() + 0.25F * scores.exposure() +
                     0.15F * scores.contrast() + 0.15F * scores.colourfulness() +
                     0.15F * scores.composition();
  scores.set_overall_score(2 * mean - 1);
  scores.set_is_utility(IsUtility(rgb, grey));
  return scores;
}

vision_proto::LensSmudge DetectLensSmudge(const View& view) {
  const cv::Mat rgb = Fit(view.rgb(), kScoreSide);
  cv::Mat grey;
  cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
  // Nothing is sharp anywhere: the best tenth of blocks decides, so that a blurred background does
  // not count.
  constexpr int kBlock = 32;
  std::vector<double> blocks;
  for (int y = 0; y + kBlock <= grey.rows; y += kBlock) {
    for (int x = 0; x + kBlock <= grey.cols; x += kBlock) {
      blocks.push_back(LaplacianVariance(grey(cv::Rect(x, y, kBlock, kBlock))));
    }
  }
  if (blocks.empty()) blocks.push_back(LaplacianVariance(grey));
  const auto best = blocks.begin() + static_cast<ptrdiff_t>(blocks.size() * 9 / 10);
  std::nth_element(blocks.begin(), best, blocks.end());
  const double blurred = 1 - *best / (*best + 100);
  // He et al. 2009: a veil lifts the darkest of the three colours everywhere.
  cv::Mat planes[3], dark;
  cv::split(rgb, planes);
  cv::min(planes[0], planes[1], dark);
  cv::min(dark, planes[2], dark);
  cv::erode(dark, dark, cv::getStructuringElement(cv::MORPH_RECT, cv::Size(15, 15)));
  const double veil = std::min(1.0, cv::mean(dark)[0] / 255 * 2);
  vision_proto::LensSmudge smudge;
  smudge.set_confidence(Unit(blurred * (0.3 + 0.7 * veil)));
  return smudge;
}

}  // namespace intelligenced
