// worker-llama-workbench: measures one language model, or converts its weights.
#include "runtime/engines/llama/workbench/workbench.h"
#include "runtime/worker/host.h"

int main(int argc, char** argv) {
  return intelligenced::RunWorker(argc, argv, [] { return intelligenced::MakeLlamaWorkbench(); });
}
