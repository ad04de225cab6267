#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "runtime/engines/vision/measures.h"

namespace intelligenced {
namespace {

// Hou and Zhang's side; they found larger ones to see details in place of things.
constexpr int kSpectrumSide = 64;
constexpr int kColourSide = 128;
constexpr size_t kMaxRegions = 8;

// The map over the view, in the coordinates of the whole picture: zero outside the view.
void FillHeatmap(const cv::Mat& map, const View& view, vision_proto::Heatmap* heatmap) {
  const cv::Size whole = view.picture().size();
  const double scale_x = static_cast<double>(map.cols) / view.rect().width;
  const double scale_y = static_cast<double>(map.rows) / view.rect().height;
  const cv::Size size(std::max(map.cols, static_cast<int>(std::lround(whole.width * scale_x))),
                      std::max(map.rows, static_cast<int>(std::lround(whole.height * scale_y))));
  // A tiny region would make a huge map: the map gets coarser instead.
  const double fit = std::min(1.0, 512.0 / std::max(size.width, size.height));
  const cv::Size fitted(std::max(1, static_cast<int>(size.width * fit)),
                        std::max(1, static_cast<int>(size.height * fit)));
  cv::Mat bytes = cv::Mat::zeros(fitted, CV_8UC1);
  const int left = static_cast<int>(view.rect().x * scale_x * fit);
  const int top = static_cast<int>(view.rect().y * scale_y * fit);
  const cv::Rect place(left, top,
                       std::clamp(static_cast<int>(map.cols * fit), 1, fitted.width - left),
                       std::clamp(static_cast<int>(map.rows * fit), 1, fitted.height - top));
  cv::Mat part;
  cv::resize(map, part, place.size(), 0, 0, cv::INTER_AREA);
  part.convertTo(bytes(place), CV_8UC1, 255);
  heatmap->set_width(static_cast<uint32_t>(fitted.width));
  heatmap->set_height(static_cast<uint32_t>(fitted.height));
  heatmap->set_values(std::string(bytes.begin<uint8_t>(), bytes.end<uint8_t>()));
}

// Boxes around what is above `threshold`, the heaviest first.
void FillRegions(const cv::Mat& map, double threshold, const View& view,
                 vision_proto::Saliency* saliency) {
  cv::Mat mask, labels, stats, centres;
  cv::threshold(map, mask, threshold, 255, cv::THRESH_BINARY);
  mask.convertTo(mask, CV_8UC1);
  const int count = cv::connectedComponentsWithStats(mask, labels, stats, centres);
  struct Part {
    cv::Rect box;
    double sum = 0;
    double peak = 0;
  };
  std::vector<Part> parts(static_cast<size_t>(count));
  for (int y = 0; y < map.rows; ++y) {
    for (int x = 0; x < map.cols; ++x) {
      Part& part = parts[labels.at<int>(y, x)];
      part.sum += map.at<float>(y, x);
      part.peak = std::max<double>(part.peak, map.at<float>(y, x));
    }
  }
  for (int i = 1; i < count; ++i) {
    parts[i].box = {stats.at<int>(i, cv::CC_STAT_LEFT), stats.at<int>(i, cv::CC_STAT_TOP),
                    stats.at<int>(i, cv::CC_STAT_WIDTH), stats.at<int>(i, cv::CC_STAT_HEIGHT)};
  }
  parts.erase(parts.begin());  // the ground
  const double least = 0.002 * map.rows * map.cols;
  std::erase_if(parts, [&](const Part& part) { return part.box.area() < least; });
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.sum > b.sum; });
  if (parts.size() > kMaxRegions) parts.resize(kMaxRegions);
  const float to_x = static_cast<float>(view.rect().width) / static_cast<float>(map.cols);
  const float to_y = static_cast<float>(view.rect().height) / static_cast<float>(map.rows);
  for (const Part& part : parts) {
    vision_proto::Region* const region = saliency->add_regions();
    view.SetRect(cv::Rect2f(part.box.x * to_x, part.box.y * to_y, part.box.width * to_x,
                            part.box.height * to_y),
                 region->mutable_box());
    region->set_confidence(static_cast<float>(std::min(1.0, part.peak)));
  }
  std::sort(saliency->mutable_regions()->begin(), saliency->mutable_regions()->end(),
            [](const auto& a, const auto& b) { return a.confidence() > b.confidence(); });
}

// 0 to 1; a picture of one colour has no peak to scale to.
void Normalise(cv::Mat& map) {
  double peak = 0;
  cv::minMaxLoc(map, nullptr, &peak);
  if (peak > 1e-9) map *= 1 / peak;
}

}  // namespace

vision_proto::Saliency AttentionSaliency(const View& view) {
  cv::Mat small;
  cv::resize(view.grey(), small, cv::Size(kSpectrumSide, kSpectrumSide), 0, 0, cv::INTER_AREA);
  small.convertTo(small, CV_32FC1, 1 / 255.0);
  vision_proto::Saliency saliency;
  cv::Scalar mean, deviation;
  cv::meanStdDev(small, mean, deviation);
  cv::Mat map = cv::Mat::zeros(small.size(), CV_32FC1);
  if (deviation[0] > 1e-3) {
    cv::Mat planes[2] = {small, cv::Mat::zeros(small.size(), CV_32FC1)};
    cv::Mat spectrum, amplitude, phase, smooth;
    cv::merge(planes, 2, spectrum);
    cv::dft(spectrum, spectrum);
    cv::split(spectrum, planes);
    cv::cartToPolar(planes[0], planes[1], amplitude, phase);
    cv::log(amplitude + 1e-6, amplitude);
    cv::blur(amplitude, smooth, cv::Size(3, 3));
    cv::exp(amplitude - smooth, amplitude);
    cv::polarToCart(amplitude, phase, planes[0], planes[1]);
    cv::merge(planes, 2, spectrum);
    cv::dft(spectrum, spectrum, cv::DFT_INVERSE);
    cv::split(spectrum, planes);
    cv::magnitude(planes[0], planes[1], map);
    cv::multiply(map, map, map);
    cv::GaussianBlur(map, map, cv::Size(9, 9), 2.5);
    Normalise(map);
  }
  FillHeatmap(map, view, saliency.mutable_heatmap());
  FillRegions(map, std::max(0.05, 3 * cv::mean(map)[0]), view, &saliency);
  return saliency;
}

vision_proto::Saliency ObjectnessSaliency(const View& view) {
  const cv::Mat rgb = view.rgb();
  const double scale = static_cast<double>(kColourSide) / std::max(rgb.cols, rgb.rows);
  cv::Mat lab;
  cv::resize(rgb, lab,
             cv::Size(std::max(1, static_cast<int>(std::lround(rgb.cols * scale))),
                      std::max(1, static_cast<int>(std::lround(rgb.rows * scale)))),
             0, 0, cv::INTER_AREA);
  lab.convertTo(lab, CV_32FC3, 1 / 255.0);
  cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  const cv::Scalar mean = cv::mean(lab);
  cv::GaussianBlur(lab, lab, cv::Size(5, 5), 0);
  cv::Mat map(lab.size(), CV_32FC1);
  for (int y = 0; y < lab.rows; ++y) {
    for (int x = 0; x < lab.cols; ++x) {
      const auto& pixel = lab.at<cv::Vec3f>(y, x);
      double sum = 0;
      for (int c = 0; c < 3; ++c) sum += (pixel[c] - mean[c]) * (pixel[c] - mean[c]);
      // A difference that nobody sees is none.
      map.at<float>(y, x) = static_cast<float>(sum < 4 ? 0 : std::sqrt(sum));
    }
  }
  Normalise(map);
  vision_proto::Saliency saliency;
  FillHeatmap(map, view, saliency.mutable_heatmap());
  FillRegions(map, std::max(0.05, 2 * cv::mean(map)[0]), view, &saliency);
  return saliency;
}

}  // namespace intelligenced
