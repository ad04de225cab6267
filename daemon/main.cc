// intelligenced: reads what it is told, starts the daemon, and sees to signals until the end.
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/composition.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/paths.h"
#include "daemon/service_manager.h"
#include "daemon/signals.h"
#include "daemon/socket.h"
#include "protos/support/attachment_frame.h"
#include "runtime/base/clock.h"

namespace intelligenced {
namespace {

enum ExitCode { kLeft = 0, kFailed = 1, kMisused = 2, kAlreadyServed = 3 };

// How long the main thread waits between two looks at what ends.
constexpr absl::Duration kSlice = absl::Milliseconds(50);

void Say(std::string_view text) {
  fprintf(stderr, "intelligenced: %.*s\n", static_cast<int>(text.size()), text.data());
}

int CheckConfig(const std::string& path) {
  const absl::StatusOr<Config> config = LoadConfig(path);
  if (!config.ok()) {
    const std::string message(config.status().message());
    fprintf(stderr, "%s\n", message.c_str());
    return kMisused;
  }
  printf("%s: good\n", path.c_str());
  return kLeft;
}

// The configuration with what the command line says over it.
absl::StatusOr<Config> ReadConfig(const std::string& path, const Options& options) {
  Config config;
  if (!path.empty()) {
    absl::StatusOr<Config> loaded = LoadConfig(path);
    if (!loaded.ok()) return loaded.status();
    config = *std::move(loaded);
  }
  if (!options.socket.empty()) config.daemon.socket = options.socket;
  if (!options.store.empty()) config.models.store = options.store;
  return config;
}

void Reload(const std::string& path, const Options& options, Composition& daemon, Log& log) {
  NotifyReloading();
  const absl::StatusOr<Config> config = ReadConfig(path, options);
  if (!config.ok()) {
    log.Error(absl::StrCat("The configuration was not reloaded; the old one stays. ",
                           config.status().message()));
  } else {
    const std::vector<std::string> restart = daemon.Reload(*config);
    log.Info(restart.empty() ? "The configuration was reloaded."
                             : absl::StrCat("The configuration was reloaded; these take effect "
                                            "at the next start: ",
                                            absl::StrJoin(restart, ", ")));
  }
  NotifyReady("serving");
}

// Tells the service manager, as often as it wants to hear it, that the daemon works.
class Watchdog {
 public:
  explicit Watchdog(const Clock& clock) : clock_(clock), due_(clock.Now() + interval_) {}
  absl::Duration UntilDue() const { return due_ - clock_.Now(); }
  void PingWhenDue(Composition& daemon) {
    if (clock_.Now() < due_) return;
    daemon.CheckAlive();
    NotifyWatchdog();
    due_ = clock_.Now() + interval_;
  }

 private:
  const Clock& clock_;
  const absl::Duration interval_ = WatchdogInterval();
  absl::Time due_;
};

// Waits for what ends the daemon; does the rest meanwhile.
void ServeUntilTold(SignalWaiter& signals, Watchdog& watchdog, const std::string& config_path,
                    const Options& options, Composition& daemon, Log& log) {
  for (;;) {
    const int signal = signals.Wait(watchdog.UntilDue());
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) Reload(config_path, options, daemon, log);
    watchdog.PingWhenDue(daemon);
  }
}

void Drain(SignalWaiter& signals, Watchdog& watchdog, const Clock& clock, Composition& daemon,
           Log& log) {
  log.Info("leaving: finishing what people wait for");
  NotifyStopping("draining");
  daemon.BeginDrain();
  const absl::Time deadline = clock.Now() + daemon.drain_grace();
  while (!daemon.WaitUntilIdle(kSlice)) {
    const int signal = signals.Wait(absl::ZeroDuration());
    if (signal == SIGTERM || signal == SIGINT || clock.Now() >= deadline) break;
    watchdog.PingWhenDue(daemon);
  }
  daemon.CancelWork();
}

// The socket beside the one that is served. The daemon is of use without it: clients send bytes.
std::optional<ListeningSocket> OpenAttachmentSocket(const Paths& paths, const Config& config,
                                                    Log& log) {
  if (paths.socket.empty()) return std::nullopt;
  absl::StatusOr<ListeningSocket> socket =
      ListeningSocket::Open({.path = AttachmentSocketPath(paths.socket),
                             .system_wide = paths.system_wide,
                             .mode = config.daemon.mode,
                             .group = config.daemon.group,
                             .locked = false});
  if (socket.ok()) return *std::move(socket);
  log.Warning(absl::StrCat("No descriptors are taken: ", socket.status().message()));
  return std::nullopt;
}

int Serve(const Options& options) {
  const Environment environment = ReadEnvironment();
  const std::string config_path = options.config.empty() ? FindConfig(environment) : options.config;
  absl::StatusOr<Config> config = ReadConfig(config_path, options);
  if (!config.ok()) {
    Say(config.status().message());
    return kMisused;
  }
  absl::StatusOr<Paths> paths = ResolvePaths(*config, environment);
  if (!paths.ok()) {
    Say(paths.status().message());
    return kMisused;
  }
  const SystemClock clock;
  const bool journal = config->logging.target == LogTarget::kJournal ||
                       (config->logging.target == LogTarget::kAutomatic &&
                        StderrIsJournal(environment.journal_stream));
  Log log(config->logging.level, journal);

  absl::StatusOr<ActivationSockets> activated = TakeActivationSockets();
  if (!activated.ok()) {
    log.Error(activated.status().message());
    return kFailed;
  }
  std::vector<ListeningSocket> sockets = std::move(activated->sockets);
  if (sockets.empty()) {
    absl::StatusOr<ListeningSocket> socket =
        ListeningSocket::Open({.path = paths->socket,
                               .system_wide = paths->system_wide,
                               .mode = config->daemon.mode,
                               .group = config->daemon.group});
    if (!socket.ok()) {
      log.Error(socket.status().message());
      return absl::IsAlreadyExists(socket.status()) ? kAlreadyServed : kFailed;
    }
    sockets.push_back(*std::move(socket));
  } else {
    paths->socket = sockets.front().path();
  }
  std::optional<ListeningSocket> attachments = std::move(activated->attachments);
  if (!attachments.has_value()) attachments = OpenAttachmentSocket(*paths, *config, log);

  CompositionOptions start;
  start.config = *std::move(config);
  start.config_path = config_path;
  start.paths = *std::move(paths);
  start.sockets = std::move(sockets);
  start.attachment_socket = std::move(attachments);
  start.version = INTELLIGENCED_VERSION;
  start.user_id = environment.user_id;
  absl::StatusOr<std::unique_ptr<Composition>> daemon =
      Composition::Start(std::move(start), &clock, &log);
  if (!daemon.ok()) {
    log.Error(daemon.status().message());
    return kFailed;
  }
  NotifyReady("serving");
  SignalWaiter signals;
  Watchdog watchdog(clock);
  ServeUntilTold(signals, watchdog, config_path, options, **daemon, log);
  Drain(signals, watchdog, clock, **daemon, log);
  daemon->reset();
  log.Info("left");
  return kLeft;
}

int Main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const absl::StatusOr<Options> options = ParseOptions(arguments);
  if (!options.ok()) {
    Say(options.status().message());
    return kMisused;
  }
  switch (options->action) {
    case Options::Action::kHelp:
      fputs(HelpText().data(), stdout);
      return kLeft;
    case Options::Action::kVersion:
      printf("intelligenced %s\n", INTELLIGENCED_VERSION);
      return kLeft;
    case Options::Action::kCheckConfig:
      return CheckConfig(options->config);
    case Options::Action::kServe:
      return Serve(*options);
  }
  return kFailed;
}

}  // namespace
}  // namespace intelligenced

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // An arena a thread would keep tens of megabytes for a process that mostly waits.
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_TRIM_THRESHOLD, 256 << 10);
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
#endif
  // Before any thread is started, so that all inherit it: only the main thread takes them.
  intelligenced::SignalWaiter::Block();
  umask(077);
  return intelligenced::Main(argc, argv);
}
