// worker-apertium: Apertium's language pairs in a process of its own, with its programs as
// children.
#include "runtime/engines/apertium/apertium_engine.h"
#include "runtime/worker/host.h"

int main(int argc, char** argv) {
  intelligenced::SandboxNeeds needs;
  // Those that modes name, as the packages install them.
  for (const char* name : {"apertium-anaphora",
                           "apertium-cleanstream",
                           "apertium-extract-caps",
                           "apertium-interchunk",
                           "apertium-multiple-translations",
                           "apertium-postchunk",
                           "apertium-posttransfer",
                           "apertium-pretransfer",
                           "apertium-restore-caps",
                           "apertium-tagger",
                           "apertium-transfer",
                           "apertium-wblank-attach",
                           "apertium-wblank-detach",
                           "apertium-wblank-mode",
                           "cg-proc",
                           "hfst-proc",
                           "lrx-proc",
                           "lsx-proc",
                           "lt-proc",
                           "rtx-proc"}) {
    needs.programs.push_back(std::string("/usr/bin/") + name);
  }
  return intelligenced::RunWorker(
      argc, argv, [] { return intelligenced::MakeApertiumEngine(); }, std::move(needs));
}
