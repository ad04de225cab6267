// The model's files and pictures that tests draw.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_VISION_PICTURES_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_VISION_PICTURES_H_

#include <ZXing/BarcodeFormat.h>
#include <ZXing/CreateBarcode.h>
#include <ZXing/WriteBarcode.h>

#include <cstring>
#include <opencv2/imgproc.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/media/image.h"

namespace intelligenced {

inline intelligence::engine::v1::ModelSpec VisionSpec() {
  intelligence::engine::v1::ModelSpec spec;
  spec.set_name("vision-classic");
  spec.set_engine("vision");
  spec.set_threads(2);
  for (const auto& [role, path] :
       {std::pair("text-model", "/usr/share/tesseract-ocr/5/tessdata/eng.traineddata"),
        std::pair("face-cascade",
                  "/usr/share/opencv4/haarcascades/haarcascade_frontalface_alt2.xml")}) {
    intelligence::engine::v1::ModelFile* file = spec.add_files();
    file->set_role(role);
    file->set_path(path);
  }
  return spec;
}

inline std::string PngOf(const cv::Mat& pixels) {
  Image image = *Image::Make(pixels.cols, pixels.rows, pixels.channels());
  cv::Mat copy(pixels.size(), pixels.type(), image.data());
  pixels.copyTo(copy);
  return *EncodePng(image);
}

// Black lines of text on a white page.
inline cv::Mat PageOf(const std::vector<std::string>& lines) {
  cv::Mat page(60 * static_cast<int>(lines.size()) + 40, 900, CV_8UC1, cv::Scalar(255));
  int y = 60;
  for (const std::string& line : lines) {
    cv::putText(page, line, {40, y}, cv::FONT_HERSHEY_COMPLEX, 1.2, cv::Scalar(0), 2, cv::LINE_AA);
    y += 60;
  }
  return page;
}

inline cv::Mat BarcodeOf(const std::string& payload, ZXing::BarcodeFormat format, int scale) {
  const ZXing::Barcode barcode =
      ZXing::CreateBarcodeFromText(payload, ZXing::CreatorOptions(format));
  const ZXing::Image image =
      ZXing::WriteBarcodeToImage(barcode, ZXing::WriterOptions().scale(scale));
  cv::Mat pixels(image.height(), image.width(), CV_8UC1);
  for (int y = 0; y < image.height(); ++y) {
    std::memcpy(pixels.ptr(y), image.data(0, y), static_cast<size_t>(image.width()));
  }
  return pixels;
}

inline intelligence::engine::v1::Task TaskOn(const std::string& file) {
  intelligence::engine::v1::Task task;
  task.mutable_vision()->mutable_image()->set_encoded(file);
  return task;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_VISION_PICTURES_H_
