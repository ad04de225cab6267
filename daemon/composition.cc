#include "daemon/composition.h"

#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "daemon/activity.h"
#include "daemon/attachment_listener.h"
#include "daemon/attachment_table.h"
#include "daemon/callers.h"
#include "daemon/connection_table.h"
#include "daemon/diagnose.h"
#include "daemon/listener.h"
#include "daemon/provider_launcher.h"
#include "daemon/rpc_server.h"
#include "runtime/base/executor.h"
#include "runtime/core/runtime.h"
#include "runtime/core/worker_model_loader.h"
#include "runtime/models/installer.h"
#include "runtime/models/model_manager.h"
#include "runtime/models/model_store.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/worker/worker_model.h"
#include "services/actions/service.h"
#include "services/image_generation/service.h"
#include "services/language/service.h"
#include "services/language_model/service.h"
#include "services/model_performance/service.h"
#include "services/models/service.h"
#include "services/rpc/service_environment.h"
#include "services/system/service.h"
#include "services/tensor/service.h"
#include "services/translation/service.h"
#include "services/vision/service.h"
#include "services/writing_tools/service.h"

namespace intelligenced {
namespace {

// Loads and unloads wait for processes; a few side by side are enough.
constexpr int kLoaderThreads = 8;
// Downloads, imports and diagnoses.
constexpr int kBlockingThreads = 16;
// Copies of files that apps hand over; they wait for the disk.
constexpr int kCopyThreads = 2;
// Steps on lanes that the configuration does not name (a worker may report a GPU).
constexpr int kSpareStepThreads = 4;
// How long calls may take to notice that they were cancelled.
constexpr absl::Duration kCallGrace = absl::Seconds(1);

int Cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

SchedulerOptions MakeSchedulerOptions(const Config& config) {
  SchedulerOptions options;
  options.limits = config.scheduler.limits;
  options.lanes = config.scheduler.lanes;
  if (!options.lanes.contains("cpu")) options.lanes["cpu"] = Cores();
  options.contended_quantum = config.scheduler.contended_quantum;
  options.idle_quantum = config.scheduler.idle_quantum;
  options.ageing = config.scheduler.ageing;
  return options;
}

int StepThreads(const SchedulerOptions& options) {
  int threads = kSpareStepThreads;
  // A lane that is full of one class still takes steps of the more urgent ones.
  for (const auto& [device, capacity] : options.lanes) threads += capacity * kRequestClassCount;
  return threads;
}

ResidencyOptions MakeResidencyOptions(const Config& config) {
  ResidencyOptions options;
  options.ceiling_bytes = config.memory.ceiling_bytes;
  options.margin_bytes = config.memory.margin_bytes;
  options.default_keep_alive = config.models.keep_alive;
  options.threads = config.models.threads > 0 ? config.models.threads : Cores();
  options.engine_parameters = config.models.engine_parameters;
  return options;
}

WorkerOptions MakeWorkerOptions(const Config& config, const Paths& paths, Log* log) {
  WorkerOptions options;
  options.worker_directory = paths.worker_directory;
  options.memory_limit_bytes = config.worker.memory_limit_bytes;
  options.sandbox = config.worker.sandbox;
  options.oom_score_adj = config.worker.oom_score_adj;
  options.start_timeout = config.worker.start_timeout;
  options.log = [log](const std::string& engine, pid_t pid, const std::string& line) {
    log->Debug(absl::StrCat("worker-", engine, "[", pid, "]: ", line));
  };
  return options;
}

ConnectionLimits MakeConnectionLimits(const Config& config) {
  return {.total = config.daemon.max_connections,
          .per_user = config.daemon.max_connections_per_user};
}

std::string_view StateName(ModelState state) {
  switch (state) {
    case ModelState::kNotInstalled:
      return "not installed";
    case ModelState::kDownloading:
      return "downloading";
    case ModelState::kInstalled:
      return "installed";
    case ModelState::kLoading:
      return "loading";
    case ModelState::kReady:
      return "ready";
    case ModelState::kDraining:
      return "draining";
    case ModelState::kUnloading:
      return "unloading";
    case ModelState::kFailed:
      return "failed";
  }
  return "?";
}

}  // namespace

// Members are destroyed from the last to the first, and each uses only those before it: calls end
// before what they run on, jobs before models, models before workers, threads after their users.
class Composition::Parts {
 public:
  Parts(CompositionOptions options, const Clock* clock, Log* log,
        std::unique_ptr<ModelStore> opened_store)
      : config(std::move(options.config)),
        config_path(std::move(options.config_path)),
        paths(std::move(options.paths)),
        version(std::move(options.version)),
        clock(clock),
        log(log),
        scheduler_options(MakeSchedulerOptions(config)),
        store(std::move(opened_store)),
        catalogue(Catalogue::Load(paths.catalogue_directories, &catalogue_problems)),
        timer(clock),
        step_threads("step", StepThreads(scheduler_options)),
        loader_threads("loader", kLoaderThreads),
        launcher(MakeWorkerOptions(config, paths, log)),
        loader(&launcher),
        models(MakeResidencyOptions(config), store.get(), &loader, clock, &loader_threads, &timer,
               ProbeMachineMemory),
        scheduler(scheduler_options, clock, &step_threads, &timer),
        installer(store.get(), clock),
        connections(MakeConnectionLimits(config)),
        callers(&connections, options.user_id, config.clients, paths.trusted_clients),
        user_id(options.user_id),
        provider_launcher(options.user_id, paths.socket, log),
        attachments(AttachmentLimits{}, clock),
        activity(static_cast<size_t>(config.daemon.activity_records), log),
        blocking_threads("blocking", kBlockingThreads),
        copy_threads("copy", kCopyThreads) {
    runtime = std::make_unique<Runtime>(MakeRuntimeParts());
    RefreshEngines();
    model_watch = models.Watch([log](const ModelStatus& status) {
      std::string line =
          absl::StrCat("model ", status.manifest.name, ": ", StateName(status.state));
      if (status.worker_pid > 0) absl::StrAppend(&line, ", process ", status.worker_pid);
      if (!status.failure.ok()) absl::StrAppend(&line, ": ", status.failure.message());
      if (status.state == ModelState::kFailed) {
        log->Warning(line);
      } else {
        log->Info(line);
      }
    });
  }

  Runtime::Parts MakeRuntimeParts() {
    Runtime::Parts parts;
    parts.scheduler = &scheduler;
    parts.models = &models;
    parts.loader = &loader;
    parts.store = store.get();
    parts.installer = &installer;
    parts.catalogue = &catalogue;
    parts.clock = clock;
    parts.blocking = &blocking_threads;
    parts.timer = &timer;
    parts.engine_available = [this](std::string_view engine) {
      absl::MutexLock lock(engines_mutex);
      return engines.contains(engine);
    };
    return parts;
  }

  void RefreshEngines() {
    const std::vector<std::string> found = launcher.AvailableEngines();
    absl::MutexLock lock(engines_mutex);
    engines = std::set<std::string, std::less<>>(found.begin(), found.end());
  }

  std::vector<intelligence::v1::Check> RunDiagnose() {
    DiagnoseInput input;
    input.paths = &paths;
    input.store = store.get();
    input.models = &models;
    input.engines = launcher.AvailableEngines();
    input.catalogue_problems = catalogue_problems;
    input.catalogue_models = catalogue.models().size();
    input.sandbox_wanted = config.worker.sandbox;
    input.config_path = config_path;
    input.attachment_socket = attachment_socket;
    return Diagnose(input);
  }

  ServiceEnvironment MakeEnvironment() {
    ServiceEnvironment environment;
    environment.runtime = runtime.get();
    environment.callers = &callers;
    environment.activity = &activity;
    environment.attachments = &attachments;
    environment.daemon.version = version;
    environment.daemon.socket_path = paths.socket;
    environment.daemon.start_time = clock->Now();
    environment.daemon.draining = [this] { return draining.load(); };
    environment.daemon.resident_bytes = ResidentBytes;
    environment.daemon.diagnose = [this] { return RunDiagnose(); };
    return environment;
  }

  std::vector<StaticProvider> LoadActions() {
    LoadedDeclarations declared = LoadDeclarations(paths.action_directories, paths.mcp_program);
    for (const std::string& problem : declared.problems) log->Warning(problem);
    return std::move(declared.providers);
  }

  ActionServiceOptions MakeActionOptions() {
    ActionServiceOptions action_options;
    action_options.declared = LoadActions();
    action_options.user_id = user_id;
    action_options.launcher = &provider_launcher;
    action_options.state_folder = paths.action_state;
    action_options.warn = [this](const std::string& line) { log->Warning(line); };
    action_options.make_id = [] {
      const absl::StatusOr<std::string> id = MakeRandomToken();
      // Without random numbers an id could be guessed: no run begins, rather than an unsafe one.
      return id.ok() ? *id : std::string();
    };
    return action_options;
  }

  absl::Status Serve(std::vector<ListeningSocket> sockets,
                     std::optional<ListeningSocket> descriptors) {
    const ServiceEnvironment environment = MakeEnvironment();
    std::vector<std::unique_ptr<grpc::Service>> services;
    services.push_back(MakeWritingToolsService(environment));
    services.push_back(MakeLanguageModelService(environment));
    services.push_back(MakeVisionService(environment));
    services.push_back(MakeTensorService(environment));
    services.push_back(MakeImageGenerationService(environment));
    services.push_back(MakeTranslationService(environment));
    services.push_back(MakeLanguageService(environment));
    actions = std::make_shared<ActionHub>(runtime.get(), MakeActionOptions());
    services.push_back(MakeActionService(environment, actions));
    services.push_back(MakeModelService(environment));
    services.push_back(MakeModelPerformanceService(environment));
    services.push_back(MakeSystemService(environment));
    server = std::make_unique<RpcServer>(std::move(services), clock);
    if (absl::Status status = server->Start(); !status.ok()) return status;
    listener = std::make_unique<Listener>(std::move(sockets), &connections, log,
                                          [this](int fd) { server->ServeConnection(fd); });
    if (descriptors.has_value()) {
      attachment_socket = descriptors->path();
      attachment_listener =
          std::make_unique<AttachmentListener>(*std::move(descriptors), AttachmentListenerOptions{},
                                               &attachments, &copy_threads, clock, log);
    }
    actions->Discover();
    return absl::OkStatus();
  }

  // Only the main thread changes it, and only keys that nobody else reads.
  Config config;
  const std::string config_path;
  const Paths paths;
  const std::string version;
  const Clock* const clock;
  Log* const log;
  std::atomic<bool> draining{false};

  absl::Mutex engines_mutex;
  std::set<std::string, std::less<>> engines ABSL_GUARDED_BY(engines_mutex);

  const SchedulerOptions scheduler_options;
  const std::unique_ptr<ModelStore> store;
  std::vector<std::string> catalogue_problems;
  const Catalogue catalogue;
  // Made after what it names and gone after it: it does nothing of its own, and work that is still
  // in a pool, or on the timer, asks it for the rest to its end.
  std::unique_ptr<Runtime> runtime;
  ThreadTimer timer;
  ThreadPool step_threads;
  ThreadPool loader_threads;
  WorkerLauncher launcher;
  WorkerModelLoader loader;
  ModelManager models;
  std::shared_ptr<void> model_watch;
  Scheduler scheduler;
  Installer installer;
  ConnectionTable connections;
  TableCallerDirectory callers;
  const uid_t user_id;
  SystemProviderLauncher provider_launcher;
  AttachmentTable attachments;
  RingActivityLog activity;
  // After all that their work uses: they run what they have before they go.
  ThreadPool blocking_threads;
  ThreadPool copy_threads;
  std::shared_ptr<ActionHub> actions;
  std::unique_ptr<RpcServer> server;
  std::unique_ptr<Listener> listener;
  // Empty: there is none.
  std::string attachment_socket;
  std::unique_ptr<AttachmentListener> attachment_listener;
};

Composition::Composition(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Composition>> Composition::Start(CompositionOptions options,
                                                                const Clock* clock, Log* log) {
  ModelStore::Options store_options;
  store_options.root = options.paths.store;
  store_options.built_in_directories = options.paths.built_in_directories;
  absl::StatusOr<std::unique_ptr<ModelStore>> store = ModelStore::Open(store_options);
  if (!store.ok()) return store.status();

  std::vector<ListeningSocket> sockets = std::move(options.sockets);
  std::optional<ListeningSocket> descriptors = std::move(options.attachment_socket);
  auto parts = std::make_unique<Parts>(std::move(options), clock, log, *std::move(store));
  for (const std::string& problem : parts->store->Problems()) log->Warning(problem);
  for (const std::string& problem : parts->catalogue_problems) log->Warning(problem);
  if (absl::Status status = parts->Serve(std::move(sockets), std::move(descriptors)); !status.ok())
    return status;
  {
    absl::MutexLock lock(parts->engines_mutex);
    log->Info(absl::StrCat("serving ", parts->paths.socket, "; store ", parts->paths.store,
                           "; engines: ", absl::StrJoin(parts->engines, ", ")));
  }
  return std::unique_ptr<Composition>(new Composition(std::move(parts)));
}

Composition::~Composition() {
  CancelWork();
  parts_->models.BeginShutdown();
}

void Composition::BeginDrain() {
  parts_->draining = true;
  parts_->listener->StopAccepting();
  if (parts_->attachment_listener != nullptr) parts_->attachment_listener->Stop();
  parts_->server->SetServing(false);
  parts_->scheduler.BeginDrain();
}

bool Composition::WaitUntilIdle(absl::Duration patience) {
  return parts_->scheduler.WaitUntilIdle(parts_->clock->Now() + patience);
}

void Composition::CancelWork() {
  if (parts_->server == nullptr) return;
  parts_->draining = true;
  parts_->listener->StopAccepting();
  if (parts_->attachment_listener != nullptr) parts_->attachment_listener->Stop();
  parts_->scheduler.BeginDrain();
  parts_->scheduler.CancelAll();
  // Jobs end with SHUTTING_DOWN, which their calls still pass on, before calls are cut.
  parts_->scheduler.WaitUntilIdle(parts_->clock->Now() + kCallGrace);
  parts_->server->Shutdown(kCallGrace);
  parts_->listener.reset();
  parts_->server.reset();
  parts_->actions.reset();
}

std::vector<std::string> Composition::Reload(const Config& config) {
  std::vector<std::string> restart = KeysThatNeedRestart(parts_->config, config);
  parts_->callers.SetPolicies(config.clients);
  parts_->connections.SetLimits(MakeConnectionLimits(config));
  parts_->log->SetLevel(config.logging.level);
  parts_->RefreshEngines();
  parts_->store->RefreshBuiltIn();
  if (parts_->actions != nullptr) parts_->actions->SetDeclared(parts_->LoadActions());
  parts_->config.clients = config.clients;
  parts_->config.logging.level = config.logging.level;
  parts_->config.daemon.max_connections = config.daemon.max_connections;
  parts_->config.daemon.max_connections_per_user = config.daemon.max_connections_per_user;
  parts_->config.daemon.drain_grace = config.daemon.drain_grace;
  return restart;
}

void Composition::CheckAlive() { static_cast<void>(parts_->scheduler.Snapshot()); }

absl::Duration Composition::drain_grace() const { return parts_->config.daemon.drain_grace; }

}  // namespace intelligenced
