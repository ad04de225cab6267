// The ONNX engine against the engine contract, in this process and behind a worker.
#include <memory>
#include <string>
#include <utility>

#include "runtime/engines/onnx/onnx_engine.h"
#include "tests/conformance/engine_conformance.h"
#include "tests/conformance/places.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

engine_proto::Task Faces(int requests, uint8_t value) {
  engine_proto::Task task = TaskOn(GreyImage(64, 48, value));
  for (int i = 0; i < requests; ++i) {
    task.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  }
  return task;
}

ConformanceCase OnnxCase() {
  ConformanceCase result;
  result.task = Faces(3, 255);
  result.more_tasks = {Faces(1, 255), Faces(5, 200), Faces(2, 0)};
  result.long_task = Faces(32, 255);
  result.task_of_attached = Faces(1, 255);
  result.attached = result.task_of_attached.vision().image().pixels().data();
  result.attached_task = result.task_of_attached;
  result.attached_task->mutable_vision()->mutable_image()->mutable_pixels()->clear_data();
  result.attached_task->mutable_vision()->mutable_image()->set_attachment("0");
  result.wrong_task.mutable_generate()->set_prompt("Once upon a time");
  result.failing_task = Faces(1, 255);
  result.failing_task->mutable_vision()->mutable_image()->set_encoded("no picture");
  return result;
}

INSTANTIATE_TEST_SUITE_P(Onnx, EngineConformanceTest,
                         testing::ValuesIn(InBothPlaces(
                             OnnxCase(),
                             [] {
                               auto file = std::make_shared<OnnxTestFile>(UltralightBytes());
                               return PlacedSpec{SpecFor("ultralight", file->path()), file};
                             },
                             [] { return MakeOnnxEngine(); })),
                         ConformanceCase::NameOf);

}  // namespace
}  // namespace intelligenced
