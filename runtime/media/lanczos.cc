#include "runtime/media/lanczos.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numbers>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr double kLobes = 3;

double Window(double x) {
  x = std::abs(x);
  if (x < 1e-9) return 1;
  if (x >= kLobes) return 0;
  const double angle = std::numbers::pi * x;
  return kLobes * std::sin(angle) * std::sin(angle / kLobes) / (angle * angle);
}

// Of each pixel of a side: the first that it is made of, and the weights of that and the next ones.
struct Taps {
  std::vector<int> first;
  std::vector<float> weights;
  int count = 0;
};

Taps MakeTaps(int from, int to) {
  Taps taps;
  const double ratio = static_cast<double>(from) / to;
  const double scale = std::max(1.0, ratio);
  taps.count = std::min(from, static_cast<int>(std::ceil(kLobes * scale)) * 2 + 1);
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * ratio - 0.5;
    const int wanted = static_cast<int>(std::floor(centre - kLobes * scale)) + 1;
    const int first = std::clamp(wanted, 0, from - taps.count);
    std::vector<double> weights(static_cast<size_t>(taps.count), 0.0);
    double sum = 0;
    const int last = static_cast<int>(std::ceil(centre + kLobes * scale)) - 1;
    for (int place = wanted; place <= last; ++place) {
      const double weight = Window((place - centre) / scale);
      // What lies outside is the border's.
      const int inside = std::clamp(std::clamp(place, 0, from - 1) - first, 0, taps.count - 1);
      weights[static_cast<size_t>(inside)] += weight;
      sum += weight;
    }
    taps.first.push_back(first);
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

class Resizer final : public LanczosResizer {
 public:
  Resizer(const Image* image, Image out)
      : image_(*image),
        out_(std::move(out)),
        across_(MakeTaps(image->width(), out_.width())),
        down_(MakeTaps(image->height(), out_.height())),
        row_(out_.row_bytes()),
        middle_(row_ * static_cast<size_t>(image->height())),
        sums_(row_) {}

  bool Advance(int rows) override {
    for (; rows > 0 && !whole(); --rows) {
      if (next_ < image_.height()) {
        Across(next_);
      } else {
        Down(next_ - image_.height());
      }
      ++next_;
    }
    return whole();
  }

  double done() const override {
    return static_cast<double>(next_) / (image_.height() + out_.height());
  }

  Image Take() override { return std::move(out_); }

 private:
  bool whole() const { return next_ == image_.height() + out_.height(); }

  void Across(int y) {
    const auto channels = static_cast<size_t>(image_.channels());
    const uint8_t* const from = image_.row(y);
    float* to = middle_.data() + row_ * static_cast<size_t>(y);
    const float* weights = across_.weights.data();
    for (const int first : across_.first) {
      const uint8_t* const begin = from + static_cast<size_t>(first) * channels;
      for (size_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (int i = 0; i < across_.count; ++i) {
          sum += weights[i] * static_cast<float>(begin[static_cast<size_t>(i) * channels + c]);
        }
        *to++ = sum;
      }
      weights += across_.count;
    }
  }

  void Down(int y) {
    const auto place = static_cast<size_t>(y);
    const float* const weights = down_.weights.data() + place * static_cast<size_t>(down_.count);
    std::fill(sums_.begin(), sums_.end(), 0.0F);
    for (int i = 0; i < down_.count; ++i) {
      const float weight = weights[i];
      if (weight == 0) continue;
      const float* const from = middle_.data() + row_ * static_cast<size_t>(down_.first[place] + i);
      for (size_t x = 0; x < row_; ++x) sums_[x] += weight * from[x];
    }
    uint8_t* const to = out_.row(y);
    for (size_t x = 0; x < row_; ++x) {
      to[x] = static_cast<uint8_t>(std::clamp(sums_[x] + 0.5F, 0.0F, 255.0F));
    }
  }

  const Image& image_;
  Image out_;
  const Taps across_;
  const Taps down_;
  // Numbers in a row of the result.
  const size_t row_;
  // The picture's height, the result's width.
  std::vector<float> middle_;
  std::vector<float> sums_;
  int next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LanczosResizer>> LanczosResizer::Make(const Image* image, int width,
                                                                     int height) {
  absl::StatusOr<Image> out = Image::Make(width, height, image->channels());
  if (!out.ok()) return out.status();
  try {
    return std::make_unique<Resizer>(image, *std::move(out));
  } catch (const std::bad_alloc&) {
    return MakeError(Reason::kMemoryInsufficient,
                     "There is not enough memory to change the picture's size.");
  }
}

absl::StatusOr<Image> ResizeLanczos(const Image& image, int width, int height) {
  auto resizer = LanczosResizer::Make(&image, width, height);
  if (!resizer.ok()) return resizer.status();
  (*resizer)->Advance(std::numeric_limits<int>::max());
  return (*resizer)->Take();
}

}  // namespace intelligenced
