// worker-onnx: one network in a process of its own.
#include "runtime/engines/onnx/onnx_engine.h"
#include "runtime/worker/host.h"

int main(int argc, char** argv) {
  return intelligenced::RunWorker(argc, argv, [] { return intelligenced::MakeOnnxEngine(); });
}
