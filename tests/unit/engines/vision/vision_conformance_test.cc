// The vision engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/engines/vision/vision_engine.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/conformance/places.h"
#include "tests/unit/engines/vision/pictures.h"

namespace intelligenced {
namespace {

engine_proto::Task Read(int lines) {
  engine_proto::Task task = TaskOn(PngOf(PageOf(std::vector<std::string>(lines, "Lines of text"))));
  task.mutable_vision()->add_requests()->mutable_recognize_text();
  return task;
}

ConformanceCase VisionCase() {
  ConformanceCase result;
  result.task = Read(3);
  engine_proto::Task barcode = TaskOn(PngOf(BarcodeOf("12345", ZXing::BarcodeFormat::QRCode, 4)));
  barcode.mutable_vision()->add_requests()->mutable_detect_barcodes();
  barcode.mutable_vision()->add_requests()->mutable_detect_human_rectangles();
  engine_proto::Task scores = TaskOn(PngOf(PageOf({"A page"})));
  scores.mutable_vision()->add_requests()->mutable_calculate_image_aesthetics_scores();
  result.more_tasks = {barcode, scores, Read(1)};
  result.long_task = Read(24);
  result.task_of_attached = barcode;
  result.attached = barcode.vision().image().encoded();
  result.attached_task = barcode;
  result.attached_task->mutable_vision()->mutable_image()->clear_encoded();
  result.attached_task->mutable_vision()->mutable_image()->set_attachment("0");
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  result.failing_task = scores;
  result.failing_task->mutable_vision()->mutable_image()->set_encoded("no picture");
  return result;
}

INSTANTIATE_TEST_SUITE_P(Vision, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             VisionCase(), [] { return PlacedSpec{VisionSpec(), nullptr}; },
                             [] { return MakeVisionEngine(); })),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
