// worker-vision: the built-in vision model in a process of its own.
#include "runtime/engines/vision/vision_engine.h"
#include "runtime/worker/host.h"

int main(int argc, char** argv) {
  return intelligenced::RunWorker(argc, argv, [] { return intelligenced::MakeVisionEngine(); });
}
