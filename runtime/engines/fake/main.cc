// worker-fake: the fake engine in a process of its own.
#include <memory>

#include "runtime/engines/fake/fake_engine.h"
#include "runtime/engines/fake/probe.h"
#include "runtime/worker/host.h"

int main(int argc, char** argv) {
  return intelligenced::RunWorker(argc, argv, [] {
    intelligenced::FakeHooks hooks;
    hooks.probe = intelligenced::ProbeSandbox;
    return intelligenced::MakeFakeEngine(intelligenced::MakeRealFakeTime(), std::move(hooks));
  });
}
