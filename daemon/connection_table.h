// Which peer is behind which connection, and how many connections each user has.
#ifndef INTELLIGENCED_DAEMON_CONNECTION_TABLE_H_
#define INTELLIGENCED_DAEMON_CONNECTION_TABLE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/identity.h"

namespace intelligenced {

struct ConnectionLimits {
  int total = 2048;
  int per_user = 512;
};

// Thread-safe.
class ConnectionTable {
 public:
  explicit ConnectionTable(ConnectionLimits limits) : limits_(limits) {}

  // Whether one more connection of the user is within the limits.
  bool HasRoomFor(uid_t user_id) const;

  // `descriptor` is the number that gRPC knows the connection by ("fd:N"). An older entry of the
  // same number is replaced. Returns what Remove() wants.
  uint64_t Add(int descriptor, Identity identity);

  // Does nothing when the number has been given to another connection since.
  void Remove(int descriptor, uint64_t generation);

  // By what grpc::ServerContextBase::peer() says. Null: unknown, or gone.
  std::shared_ptr<const Identity> Find(std::string_view grpc_peer) const;

  void SetLimits(ConnectionLimits limits);
  size_t size() const;

 private:
  struct Entry {
    uint64_t generation = 0;
    std::shared_ptr<const Identity> identity;
  };
  void Forget(uid_t user_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  ConnectionLimits limits_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<int, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<uid_t, int> per_user_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_generation_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_CONNECTION_TABLE_H_
