// Answers about pictures as JSON, and as text, hOCR and TSV. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_VISION_JSON_H_
#define INTELLIGENCED_CLIENTS_MLCTL_VISION_JSON_H_

#include <intelligence/client.h>

#include <string>
#include <string_view>

#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {

// "QR", "EAN_13": the API's names without their prefix.
std::string_view Name(intelligence::BarcodeSymbology value);
// The API's name of a request: "recognize_text".
std::string_view Name(const intelligence::VisionRequestKind& kind);

// Keys are the API's field names; the heat maps of saliency are left out but for their size, and
// corrected pictures but for their size in bytes. Bytes (a person's mask too) are base64.
Json ToJson(const intelligence::AnalyzeImageRequest& request,
            const intelligence::AnalyzeImageResult& result);

// The same for one frame of a video: without decodes and usage.
Json FrameJson(const intelligence::AnalyzeImageRequest& request,
               const intelligence::AnalyzeImageResult& result);

// A short answer for a person, one or more lines.
std::string RenderVisionResult(const intelligence::VisionResult& result,
                               const intelligence::ImageInfo& image);

// One page of hOCR (a whole HTML document with one ocr_page), and tesseract's own TSV columns.
std::string RenderHocr(std::string_view name, const intelligence::ImageInfo& image,
                       const intelligence::RecognizedText& text);
std::string RenderTsv(const intelligence::ImageInfo& image,
                      const intelligence::RecognizedText& text);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_VISION_JSON_H_
