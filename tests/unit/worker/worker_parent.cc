// A stand-in for a daemon that is killed: launches worker-fake from the folder in argv[1], prints
// its process number and waits.
#include <cstdio>

#include "absl/synchronization/notification.h"
#include "runtime/worker/worker_model.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  intelligenced::WorkerOptions options;
  options.worker_directory = argv[1];
  intelligenced::WorkerLauncher launcher(options);
  intelligenced::engine_proto::ModelSpec spec;
  spec.set_engine("fake");
  const auto model = launcher.Launch(spec, {}, [] {});
  if (!model.ok()) return 1;
  printf("%d\n", (*model)->pid());
  fflush(stdout);
  absl::Notification().WaitForNotification();
}
