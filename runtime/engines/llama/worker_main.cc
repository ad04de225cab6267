// worker-llama: one language model in a process of its own.
#include "runtime/engines/llama/llama_engine.h"
#include "runtime/worker/host.h"

int main(int argc, char** argv) {
  return intelligenced::RunWorker(argc, argv, [] { return intelligenced::MakeLlamaEngine(); });
}
