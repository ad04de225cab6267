// What a person would check when something is wrong.
#ifndef INTELLIGENCED_DAEMON_DIAGNOSE_H_
#define INTELLIGENCED_DAEMON_DIAGNOSE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "daemon/paths.h"
#include "protos/intelligence/v1/system.pb.h"
#include "runtime/models/model_manager.h"
#include "runtime/models/model_store.h"

namespace intelligenced {

// What the checks look at. Pointers are borrowed for the call.
struct DiagnoseInput {
  const Paths* paths = nullptr;
  ModelStore* store = nullptr;
  ModelManager* models = nullptr;
  std::vector<std::string> engines;
  std::vector<std::string> catalogue_problems;
  size_t catalogue_models = 0;
  bool sandbox_wanted = true;
  std::string config_path;
  // Where descriptors are taken; empty: nowhere.
  std::string attachment_socket;
};

// Blocks a little (files, the models' measured memory). One Check for each thing, always all of
// them, in the order in which a person would look.
std::vector<intelligence::v1::Check> Diagnose(const DiagnoseInput& input);

// What the kernel offers for confining workers. Empty: nothing of it.
struct SandboxSupport {
  int landlock_abi = 0;
  bool seccomp = false;
};
SandboxSupport ProbeSandboxSupport();

// Resident memory of this process. 0: not known.
uint64_t ResidentBytes();

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_DIAGNOSE_H_
