// The whole daemon put together, in one place.
#ifndef INTELLIGENCED_DAEMON_COMPOSITION_H_
#define INTELLIGENCED_DAEMON_COMPOSITION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/paths.h"
#include "daemon/socket.h"
#include "runtime/base/clock.h"

namespace intelligenced {

struct CompositionOptions {
  Config config;
  // Where the configuration came from; empty: nowhere.
  std::string config_path;
  // paths.socket is what clients are told.
  Paths paths;
  std::vector<ListeningSocket> sockets;
  // Where apps hand over descriptors. None: they send bytes.
  std::optional<ListeningSocket> attachment_socket;
  std::string version;
  uid_t user_id = 0;
};

// A serving daemon. Its methods are called by the main thread alone. The end of one, in order:
// BeginDrain(), WaitUntilIdle() as long as there is grace, CancelWork(), destruction.
class Composition {
 public:
  // Opens the store, starts the threads and serves. `clock` and `log` must outlive it.
  static absl::StatusOr<std::unique_ptr<Composition>> Start(CompositionOptions options,
                                                            const Clock* clock, Log* log);
  // Ends what is left: calls, workers, threads.
  ~Composition();

  // Stops accepting connections, reports that it does not serve, refuses new work and cancels
  // background work.
  void BeginDrain();
  // True when no job is left.
  bool WaitUntilIdle(absl::Duration patience);
  // Ends every job that is left, and then every call.
  void CancelWork();

  // Takes over what can change while serving; returns the keys that need a restart.
  std::vector<std::string> Reload(const Config& config);

  // Returns once the scheduler has answered: what the watchdog wants to know.
  void CheckAlive();

  absl::Duration drain_grace() const;

 private:
  class Parts;
  explicit Composition(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_COMPOSITION_H_
