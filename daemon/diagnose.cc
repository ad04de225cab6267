#include "daemon/diagnose.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#ifdef __APPLE__
#include <mach/mach.h>
#endif

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace intelligenced {
namespace {

using intelligence::v1::Check;

constexpr double kGibibyte = 1024.0 * 1024 * 1024;
constexpr uint64_t kLittleDisk = uint64_t{2} << 30;

class Report {
 public:
  void Ok(std::string_view name, std::string_view finding) {
    Add(name, Check::RESULT_OK, finding, "");
  }
  void Warning(std::string_view name, std::string_view finding, std::string_view advice) {
    Add(name, Check::RESULT_WARNING, finding, advice);
  }
  void Failed(std::string_view name, std::string_view finding, std::string_view advice) {
    Add(name, Check::RESULT_FAILED, finding, advice);
  }
  std::vector<Check> Take() { return std::move(checks_); }

 private:
  void Add(std::string_view name, Check::Result result, std::string_view finding,
           std::string_view advice) {
    Check& check = checks_.emplace_back();
    check.set_name(std::string(name));
    check.set_result(result);
    check.set_finding(std::string(finding));
    check.set_advice(std::string(advice));
  }
  std::vector<Check> checks_;
};

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

void CheckSocket(const Paths& paths, Report& report) {
  struct stat folder;
  if (paths.socket.empty()) {
    report.Ok("socket", "handed over by the service manager, without a path");
    return;
  }
  const std::string folder_path = ParentOf(paths.socket);
  if (stat(folder_path.c_str(), &folder) != 0) {
    report.Failed("socket", absl::StrCat(folder_path, " cannot be read: ", strerror(errno)),
                  "Restart the daemon.");
    return;
  }
  const std::string finding =
      absl::StrFormat("%s, folder mode %04o", paths.socket, folder.st_mode & 07777);
  if ((folder.st_mode & 0022) != 0 && (folder.st_mode & S_ISVTX) == 0) {
    report.Failed("socket", finding,
                  absl::StrCat("Other users could replace the socket: chmod go-w ", folder_path));
  } else if (!paths.system_wide && (folder.st_mode & 0077) != 0) {
    report.Warning("socket", finding,
                   absl::StrCat("Other users can reach the folder; the socket's own mode is the "
                                "only barrier. chmod 700 ",
                                folder_path));
  } else {
    report.Ok("socket", finding);
  }
}

void CheckAttachments(const DiagnoseInput& input, Report& report) {
  if (input.attachment_socket.empty()) {
    report.Warning("attachments", "no socket for descriptors: pictures come as bytes",
                   "Pictures work, large ones slower. The daemon's log says why; with systemd or "
                   "launchd, use this version's socket unit.");
  } else {
    report.Ok("attachments", input.attachment_socket);
  }
}

void CheckWorkers(const DiagnoseInput& input, Report& report) {
  if (input.engines.empty()) {
    report.Failed("workers",
                  absl::StrCat("no worker-* executables in ", input.paths->worker_directory),
                  "Install the engines, or set [worker] directory.");
    return;
  }
  std::map<std::string, std::vector<std::string>> missing;
  for (const Manifest& model : input.store->List()) {
    if (std::find(input.engines.begin(), input.engines.end(), model.engine) ==
        input.engines.end()) {
      missing[model.engine].push_back(model.name);
    }
  }
  const std::string finding =
      absl::StrCat(absl::StrJoin(input.engines, ", "), " in ", input.paths->worker_directory);
  if (missing.empty()) {
    report.Ok("workers", finding);
    return;
  }
  std::vector<std::string> parts;
  for (const auto& [engine, models] : missing) {
    parts.push_back(absl::StrCat("worker-", engine, " (for ", absl::StrJoin(models, ", "), ")"));
  }
  report.Warning("workers", absl::StrCat(finding, "; missing: ", absl::StrJoin(parts, "; ")),
                 "Install these engines, or remove the models.");
}

void CheckSandbox(const DiagnoseInput& input, Report& report) {
#ifdef __linux__
  const SandboxSupport support = ProbeSandboxSupport();
  std::string kernel =
      absl::StrCat("kernel: Landlock ",
                   support.landlock_abi > 0 ? absl::StrCat("ABI ", support.landlock_abi) : "absent",
                   ", seccomp ", support.seccomp ? "available" : "absent");
  std::vector<std::string> running;
  std::vector<std::string> weak;
  for (const ModelStatus& model : input.models->Snapshot()) {
    if (model.state != ModelState::kReady && model.state != ModelState::kDraining) continue;
    running.push_back(
        absl::StrCat(model.manifest.name, ": ",
                     model.protections.empty() ? "none" : absl::StrJoin(model.protections, ", ")));
    for (std::string_view wanted : {"seccomp", "landlock"}) {
      const bool offered = wanted == "seccomp" ? support.seccomp : support.landlock_abi > 0;
      const bool active = std::find(model.protections.begin(), model.protections.end(), wanted) !=
                          model.protections.end();
      if (offered && !active) weak.push_back(absl::StrCat(model.manifest.name, " lacks ", wanted));
    }
  }
  const std::string finding = absl::StrCat(
      kernel,
      "; in force: ", running.empty() ? "no model is resident" : absl::StrJoin(running, "; "));
  if (!input.sandbox_wanted) {
    report.Warning("sandbox", absl::StrCat("switched off by [worker] sandbox; ", kernel),
                   "Set sandbox = true: a malicious model file could act as you.");
  } else if (support.landlock_abi == 0 || !support.seccomp) {
    report.Warning("sandbox", finding,
                   "The kernel lacks a protection; workers run with what there is. A kernel of "
                   "5.13 or newer with Landlock and seccomp switched on has both.");
  } else if (!weak.empty()) {
    report.Warning("sandbox", absl::StrCat(finding, "; ", absl::StrJoin(weak, "; ")),
                   "Restart the daemon, and look into its log for what the worker said.");
  } else {
    report.Ok("sandbox", finding);
  }
#else
  report.Warning("sandbox", "there is none for workers on this system",
                 "Install models from sources that you trust.");
  static_cast<void>(input);
#endif
}

void CheckStore(const DiagnoseInput& input, Report& report) {
  const std::vector<std::string> problems = input.store->Problems();
  const std::vector<Manifest> models = input.store->List();
  if (problems.empty()) {
    report.Ok("store",
              absl::StrCat(models.size(), " models in ", input.paths->store, " and built in"));
  } else {
    report.Warning("store", absl::StrJoin(problems, "; "),
                   "Remove the models named and install them again.");
  }

  struct statvfs info;
  if (statvfs(input.paths->store.c_str(), &info) != 0) {
    report.Failed("disk", absl::StrCat(input.paths->store, ": ", strerror(errno)),
                  "Make the folder readable for the daemon.");
  } else {
    const uint64_t free_bytes = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
    const std::string finding = absl::StrFormat("%.1f GiB free for models in %s",
                                                free_bytes / kGibibyte, input.paths->store);
    if (free_bytes < kLittleDisk) {
      report.Warning("disk", finding, "Free some space: language models take 1 to 20 GB each.");
    } else {
      report.Ok("disk", finding);
    }
  }

  // Built-in models stand on files of the system: dictionaries and the like.
  std::vector<std::string> broken;
  size_t files = 0;
  for (const Manifest& model : models) {
    for (const ManifestFile& file : model.files) {
      ++files;
      if (absl::StatusOr<std::string> path = input.store->PathOf(file); !path.ok()) {
        broken.push_back(absl::StrCat(model.name, ": ", path.status().message()));
      }
    }
  }
  if (broken.empty()) {
    report.Ok("model-files", absl::StrCat(files, " files of models are there"));
  } else {
    report.Failed("model-files", absl::StrJoin(broken, "; "),
                  "Install the packages with these files (hunspell-en-us for the dictionary, "
                  "tesseract-ocr-eng and opencv-data for pictures), or install the models again.");
  }

  if (input.catalogue_problems.empty()) {
    report.Ok("catalogue",
              absl::StrCat(input.catalogue_models, " models can be installed by name"));
  } else {
    report.Warning("catalogue", absl::StrJoin(input.catalogue_problems, "; "),
                   "Correct or remove these catalogue files.");
  }
}

void CheckMemory(const DiagnoseInput& input, Report& report) {
  const ModelManager::Memory memory = input.models->MemorySnapshot();
  const std::string finding = absl::StrFormat(
      "models take %.2f GiB of the %.1f GiB they may; the machine has %.1f GiB, %.1f GiB free",
      memory.resident_bytes / kGibibyte, memory.ceiling_bytes / kGibibyte,
      memory.machine.total_bytes / kGibibyte, memory.machine.available_bytes / kGibibyte);
  if (memory.ceiling_bytes > memory.machine.total_bytes && memory.machine.total_bytes > 0) {
    report.Warning("memory", finding, "Lower [memory] ceiling below what the machine has.");
  } else if (memory.ceiling_bytes < (uint64_t{1} << 30)) {
    report.Warning("memory", finding,
                   "Most language models need more; raise [memory] ceiling or lower margin.");
  } else {
    report.Ok("memory", finding);
  }
}

void CheckFailures(const DiagnoseInput& input, Report& report) {
  std::vector<std::string> failed;
  for (const ModelStatus& model : input.models->Snapshot()) {
    if (model.state != ModelState::kFailed) continue;
    failed.push_back(absl::StrCat(model.manifest.name, ": ", model.failure.message()));
  }
  if (failed.empty()) {
    report.Ok("loads", "no model failed to load");
  } else {
    report.Failed("loads", absl::StrJoin(failed, "; "),
                  "Remove and install the model again if its file is damaged.");
  }
}

}  // namespace

SandboxSupport ProbeSandboxSupport() {
  SandboxSupport support;
#ifdef __linux__
#ifdef SYS_landlock_create_ruleset
  // LANDLOCK_CREATE_RULESET_VERSION
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U);
  support.landlock_abi = abi > 0 ? static_cast<int>(abi) : 0;
#endif
  support.seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
#endif
  return support;
}

uint64_t ResidentBytes() {
#ifdef __APPLE__
  mach_task_basic_info info{};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&info),
                &count) != KERN_SUCCESS) {
    return 0;
  }
  return info.resident_size;
#else
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::array<char, 128> text{};
  const ssize_t length = read(fd, text.data(), text.size() - 1);
  close(fd);
  unsigned long long size = 0;
  unsigned long long resident = 0;
  if (length <= 0 || sscanf(text.data(), "%llu %llu", &size, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
#endif
}

std::vector<Check> Diagnose(const DiagnoseInput& input) {
  Report report;
  report.Ok("configuration", input.config_path.empty()
                                 ? "none: built-in defaults"
                                 : absl::StrCat(input.config_path, " is good"));
  CheckSocket(*input.paths, report);
  CheckAttachments(input, report);
  CheckWorkers(input, report);
  CheckSandbox(input, report);
  CheckStore(input, report);
  CheckMemory(input, report);
  CheckFailures(input, report);
  return report.Take();
}

}  // namespace intelligenced
