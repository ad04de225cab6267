#include "runtime/engines/vision/barcodes.h"

#include <ZXing/ReadBarcode.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using ZXing::BarcodeFormat;

struct Name {
  vision_proto::BarcodeSymbology symbology;
  BarcodeFormat format;
};

// The narrower ones first: a format belongs to the first that it lies inside.
constexpr Name kNames[] = {
    {vision_proto::BARCODE_SYMBOLOGY_EAN_8, BarcodeFormat::EAN8},
    {vision_proto::BARCODE_SYMBOLOGY_UPC_A, BarcodeFormat::UPCA},
    {vision_proto::BARCODE_SYMBOLOGY_UPC_E, BarcodeFormat::UPCE},
    {vision_proto::BARCODE_SYMBOLOGY_EAN_13, BarcodeFormat::EAN13},
    {vision_proto::BARCODE_SYMBOLOGY_EAN_13, BarcodeFormat::ISBN},
    {vision_proto::BARCODE_SYMBOLOGY_MICRO_PDF_417, BarcodeFormat::MicroPDF417},
    {vision_proto::BARCODE_SYMBOLOGY_PDF_417, BarcodeFormat::PDF417},
    {vision_proto::BARCODE_SYMBOLOGY_MICRO_QR, BarcodeFormat::MicroQRCode},
    {vision_proto::BARCODE_SYMBOLOGY_RMQR, BarcodeFormat::RMQRCode},
    {vision_proto::BARCODE_SYMBOLOGY_QR, BarcodeFormat::QRCode},
    {vision_proto::BARCODE_SYMBOLOGY_DATA_BAR_LIMITED, BarcodeFormat::DataBarLtd},
    {vision_proto::BARCODE_SYMBOLOGY_DATA_BAR_EXPANDED, BarcodeFormat::DataBarExp},
    {vision_proto::BARCODE_SYMBOLOGY_DATA_BAR_EXPANDED, BarcodeFormat::DataBarExpStk},
    {vision_proto::BARCODE_SYMBOLOGY_DATA_BAR, BarcodeFormat::DataBar},
    {vision_proto::BARCODE_SYMBOLOGY_DX_FILM_EDGE, BarcodeFormat::DXFilmEdge},
    {vision_proto::BARCODE_SYMBOLOGY_AZTEC, BarcodeFormat::Aztec},
    {vision_proto::BARCODE_SYMBOLOGY_CODABAR, BarcodeFormat::Codabar},
    {vision_proto::BARCODE_SYMBOLOGY_CODE_39, BarcodeFormat::Code39},
    {vision_proto::BARCODE_SYMBOLOGY_CODE_93, BarcodeFormat::Code93},
    {vision_proto::BARCODE_SYMBOLOGY_CODE_128, BarcodeFormat::Code128},
    {vision_proto::BARCODE_SYMBOLOGY_DATA_MATRIX, BarcodeFormat::DataMatrix},
    {vision_proto::BARCODE_SYMBOLOGY_ITF, BarcodeFormat::ITF},
    {vision_proto::BARCODE_SYMBOLOGY_MAXICODE, BarcodeFormat::MaxiCode},
    {vision_proto::BARCODE_SYMBOLOGY_TELEPEN, BarcodeFormat::Telepen},
};

vision_proto::BarcodeSymbology SymbologyOf(BarcodeFormat format) {
  for (const Name& name : kNames) {
    if (format <= name.format) return name.symbology;
  }
  return vision_proto::BARCODE_SYMBOLOGY_OTHER;
}

ZXing::ReaderOptions OptionsFor(const vision_proto::DetectBarcodes& request) {
  ZXing::ReaderOptions options;
  if (request.symbologies().empty()) return options;
  std::vector<BarcodeFormat> formats;
  for (const int symbology : request.symbologies()) {
    for (const Name& name : kNames) {
      if (name.symbology == symbology) formats.push_back(name.format);
    }
  }
  options.formats(ZXing::BarcodeFormats(std::move(formats)));
  return options;
}

std::string_view ContentName(ZXing::ContentType type) {
  switch (type) {
    case ZXing::ContentType::Text:
      return "text";
    case ZXing::ContentType::Binary:
      return "binary";
    case ZXing::ContentType::Mixed:
      return "mixed";
    case ZXing::ContentType::GS1:
      return "gs1";
    case ZXing::ContentType::ISO15434:
      return "iso15434";
    case ZXing::ContentType::UnknownECI:
      break;
  }
  return "unknown_eci";
}

void Fill(const ZXing::Barcode& found, const View& view, vision_proto::Barcode* barcode) {
  barcode->set_symbology(SymbologyOf(found.format()));
  const bool binary = found.contentType() == ZXing::ContentType::Binary ||
                      found.contentType() == ZXing::ContentType::UnknownECI;
  std::string text = binary ? "" : found.text(ZXing::TextMode::Plain);
  if (IsValidUtf8(text)) barcode->set_payload(std::move(text));
  barcode->set_payload_bytes(std::string(found.bytes().begin(), found.bytes().end()));
  barcode->set_content_type(std::string(ContentName(found.contentType())));
  barcode->set_symbology_identifier(found.symbologyIdentifier());
  barcode->set_symbology_name(std::string(ZXing::Name(found.format())));
  barcode->set_is_inverted(found.isInverted());
  cv::Point2f corners[4];
  float left = 1e9F, top = 1e9F, right = 0, bottom = 0;
  for (int i = 0; i < 4; ++i) {
    corners[i] = {static_cast<float>(found.position()[i].x),
                  static_cast<float>(found.position()[i].y)};
    left = std::min(left, corners[i].x);
    top = std::min(top, corners[i].y);
    right = std::max(right, corners[i].x);
    bottom = std::max(bottom, corners[i].y);
  }
  view.SetQuad(corners, barcode->mutable_corners());
  view.SetRect(cv::Rect2f({left, top}, cv::Point2f{right, bottom}), barcode->mutable_box());
}

}  // namespace

absl::Status CheckSymbologies(const vision_proto::DetectBarcodes& request) {
  for (const int symbology : request.symbologies()) {
    const bool known = std::any_of(std::begin(kNames), std::end(kNames),
                                   [&](const Name& name) { return name.symbology == symbology; });
    if (!known) {
      return FieldError("symbologies",
                        absl::StrCat("There is no symbology ", symbology, " to ask for."));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<vision_proto::Barcodes> DetectBarcodes(const View& view,
                                                      const vision_proto::DetectBarcodes& request,
                                                      uint32_t max_results) {
  if (absl::Status status = CheckSymbologies(request); !status.ok()) return status;
  const cv::Mat pixels = view.pixels();
  const ZXing::ImageView image(
      pixels.data, pixels.cols, pixels.rows,
      pixels.channels() == 1 ? ZXing::ImageFormat::Lum : ZXing::ImageFormat::RGB,
      static_cast<int>(pixels.step[0]));
  vision_proto::Barcodes barcodes;
  for (const ZXing::Barcode& found : ZXing::ReadBarcodes(image, OptionsFor(request))) {
    if (found.isValid()) Fill(found, view, barcodes.add_barcodes());
  }
  auto& list = *barcodes.mutable_barcodes();
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.box().y() < b.box().y(); });
  if (max_results > 0 && static_cast<uint32_t>(list.size()) > max_results) {
    list.DeleteSubrange(static_cast<int>(max_results), list.size() - static_cast<int>(max_results));
  }
  return barcodes;
}

}  // namespace intelligenced
