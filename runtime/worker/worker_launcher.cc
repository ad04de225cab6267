#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/worker/proxy_model.h"
#include "runtime/worker/supervisor.h"
#include "runtime/worker/wire_check.h"
#include "runtime/worker/worker_link.h"
#include "runtime/worker/worker_model.h"

namespace intelligenced {
namespace {

constexpr std::string_view kPrefix = "worker-";

// An engine's name comes from a manifest and becomes part of a path.
bool IsEngineName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The load was cancelled."); }

}  // namespace

class WorkerLauncher::Core {
 public:
  explicit Core(WorkerOptions options) : options_(std::move(options)), supervisor_(options_.log) {}

  absl::StatusOr<std::unique_ptr<WorkerModel>> Launch(const engine_proto::ModelSpec& spec,
                                                      const CancelToken& cancel,
                                                      absl::AnyInvocable<void()> on_lost);
  std::vector<std::string> AvailableEngines() const;

 private:
  absl::StatusOr<std::shared_ptr<WorkerLink>> StartProcess(const std::string& engine);
  absl::StatusOr<engine_proto::LoadReply> Load(WorkerLink& link,
                                               const engine_proto::ModelSpec& spec);

  const WorkerOptions options_;
  Supervisor supervisor_;
};

absl::StatusOr<std::shared_ptr<WorkerLink>> WorkerLauncher::Core::StartProcess(
    const std::string& engine) {
  if (!IsEngineName(engine)) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("\"", ToUtf8(engine), "\" is not the name of an engine."));
  }
  SpawnOptions spawn;
  spawn.executable = absl::StrCat(options_.worker_directory, "/", kPrefix, engine);
  spawn.arguments = {absl::StrCat("--oom-score-adj=", options_.oom_score_adj)};
  if (!options_.sandbox) spawn.arguments.push_back("--no-sandbox");
  spawn.environment = options_.environment;
  absl::StatusOr<std::shared_ptr<WorkerProcess>> process =
      supervisor_.Start(std::move(spawn), engine, FrameLimits());
  if (!process.ok()) return process.status();
  return std::make_shared<WorkerLink>(*std::move(process), &supervisor_.clock(), engine);
}

absl::StatusOr<engine_proto::LoadReply> WorkerLauncher::Core::Load(
    WorkerLink& link, const engine_proto::ModelSpec& spec) {
  engine_proto::WorkRequest request;
  engine_proto::LoadRequest& load = *request.mutable_load();
  *load.mutable_spec() = spec;
  engine_proto::SandboxSpec& sandbox = *load.mutable_sandbox();
  sandbox.set_enabled(options_.sandbox);
  sandbox.set_memory_limit_bytes(options_.memory_limit_bytes);
  for (const engine_proto::ModelFile& file : spec.files()) sandbox.add_read_paths(file.path());
  for (const std::string& path : options_.read_paths) sandbox.add_read_paths(path);
  absl::StatusOr<engine_proto::WorkReply> reply =
      link.Call(std::move(request), options_.load_timeout);
  if (!reply.ok()) return reply.status();
  const engine_proto::ModelInfo& info = reply->load().info();
  if (info.max_batch() < 1 || info.width() < 1 || info.task_kinds().empty()) {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("The ", spec.engine(), " engine loaded a model that does nothing."));
  }
  return std::move(*reply->mutable_load());
}

absl::StatusOr<std::unique_ptr<WorkerModel>> WorkerLauncher::Core::Launch(
    const engine_proto::ModelSpec& spec, const CancelToken& cancel,
    absl::AnyInvocable<void()> on_lost) {
  if (cancel.cancelled()) return Cancelled();
  if (!HasOnlyUtf8(spec)) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model's description or the path of one of its files is not UTF-8.");
  }
  absl::StatusOr<std::shared_ptr<WorkerLink>> started = StartProcess(spec.engine());
  if (!started.ok()) return started.status();
  WorkerLink& link = **started;
  const Clock& clock = supervisor_.clock();
  absl::Cleanup end_worker = [&] { EndWorker(link, clock, options_.grace); };

  // A worker that does not heed the cancel is killed, which ends the waiting below.
  CancelRegistration cancelling = cancel.OnCancel([this, &link, &clock] {
    link.CancelLoad();
    link.process().KillBy(clock.Now() + options_.grace);
  });
  if (absl::Status hello = link.Hello(options_.start_timeout); !hello.ok()) {
    if (cancel.cancelled()) return Cancelled();
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The worker did not start. ", hello.message()), FactsOf(hello));
  }
  absl::StatusOr<engine_proto::LoadReply> loaded = Load(link, spec);
  cancelling.Reset();
  // Also when the load came through just then: the process has a deadline now.
  if (cancel.cancelled()) return Cancelled();
  if (!loaded.ok()) return loaded.status();

  std::move(end_worker).Cancel();
  auto model = std::make_unique<ProxyModel>(
      *started, &clock, ProxyModel::Options{options_.step_timeout, options_.grace},
      *std::move(loaded));
  // On the supervisor's thread the end cannot come between the question and the registration, so
  // the callback runs on no other.
  bool ended = false;
  supervisor_.Run([&] {
    ended = link.process().ended();
    if (!ended && on_lost != nullptr) {
      model->set_on_lost(link.process().end_token().OnCancel(std::move(on_lost)));
    }
  });
  if (ended) return link.LostError();
  return model;
}

std::vector<std::string> WorkerLauncher::Core::AvailableEngines() const {
  std::vector<std::string> engines;
  DIR* const folder = opendir(options_.worker_directory.c_str());
  if (folder == nullptr) return engines;
  const absl::Cleanup close_folder = [folder] { closedir(folder); };
  // Safe: the stream is this function's own.
  while (const dirent* const entry = readdir(folder)) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (!absl::StartsWith(name, kPrefix)) continue;
    const std::string_view engine = name.substr(kPrefix.size());
    const std::string path = absl::StrCat(options_.worker_directory, "/", name);
    if (IsEngineName(engine) && access(path.c_str(), X_OK) == 0) engines.emplace_back(engine);
  }
  std::sort(engines.begin(), engines.end());
  return engines;
}

WorkerLauncher::WorkerLauncher(WorkerOptions options)
    : core_(std::make_unique<Core>(std::move(options))) {}

WorkerLauncher::~WorkerLauncher() = default;

absl::StatusOr<std::unique_ptr<WorkerModel>> WorkerLauncher::Launch(
    const engine_proto::ModelSpec& spec, CancelToken cancel, absl::AnyInvocable<void()> on_lost) {
  return core_->Launch(spec, cancel, std::move(on_lost));
}

std::vector<std::string> WorkerLauncher::AvailableEngines() const {
  return core_->AvailableEngines();
}

}  // namespace intelligenced
