// worker-text: the built-in writing model in a process of its own.
#include "runtime/engines/text/text_engine.h"
#include "runtime/worker/host.h"

int main(int argc, char** argv) {
  return intelligenced::RunWorker(argc, argv, [] { return intelligenced::MakeTextEngine(); });
}
