// Starts apps that offer actions: a program without a shell, a service of systemd, a name on D-Bus.
#ifndef INTELLIGENCED_DAEMON_PROVIDER_LAUNCHER_H_
#define INTELLIGENCED_DAEMON_PROVIDER_LAUNCHER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "daemon/log.h"
#include "services/actions/launcher.h"

namespace intelligenced {

// Thread-safe. `log` outlives it. Starts apps of `own_user` alone: a daemon for all users cannot
// become one of them.
class SystemProviderLauncher final : public ProviderLauncher {
 public:
  // `socket` is where apps are told to connect (INTELLIGENCED_SOCKET).
  SystemProviderLauncher(uid_t own_user, std::string socket, Log* log)
      : own_user_(own_user), socket_(std::move(socket)), log_(log) {}

  // Ends that are being told are waited for; none is told afterwards. The programs go on.
  ~SystemProviderLauncher() override;
  SystemProviderLauncher(const SystemProviderLauncher&) = delete;
  SystemProviderLauncher& operator=(const SystemProviderLauncher&) = delete;

  absl::Status Start(uid_t user, const ProviderStart& start, OnExit exited) override;

 private:
  // Shared with the threads that wait for programs, which outlive the launcher.
  struct Telling {
    absl::Mutex mutex;
    bool over ABSL_GUARDED_BY(mutex) = false;
    int going_on ABSL_GUARDED_BY(mutex) = 0;
  };

  void Watch(pid_t child, OnExit exited) const;

  const uid_t own_user_;
  const std::string socket_;
  Log* const log_;
  const std::shared_ptr<Telling> telling_ = std::make_shared<Telling>();
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_PROVIDER_LAUNCHER_H_
