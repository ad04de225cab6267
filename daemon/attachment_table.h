// Descriptors between the moment an app hands one over and the end of the request that names it.
#ifndef INTELLIGENCED_DAEMON_ATTACHMENT_TABLE_H_
#define INTELLIGENCED_DAEMON_ATTACHMENT_TABLE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/identity.h"
#include "runtime/base/attachment.h"
#include "runtime/base/clock.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// What apps may have handed over at a time: what waits for its request, and what a request that is
// not over holds. It is the app's own memory that is kept alive, or a copy of its file; the limits
// on the bytes of unfinished requests (SchedulerLimits) do not count it again. Who has many apps
// has no more than a user may.
struct AttachmentLimits {
  struct Share {
    int count = 0;
    uint64_t bytes = 0;
  };
  Share app = {.count = 32, .bytes = uint64_t{256} << 20};
  Share user = {.count = 128, .bytes = uint64_t{512} << 20};
  Share all = {.count = 256, .bytes = uint64_t{1} << 30};
  // How long a token is good.
  absl::Duration lifetime = absl::Seconds(30);
};

// 32 hexadecimal digits of the system's randomness. Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<std::string> MakeRandomToken();

// Thread-safe.
class AttachmentTable final : public AttachmentSource {
 public:
  // `clock` must outlive the table.
  AttachmentTable(AttachmentLimits limits, const Clock* clock,
                  std::function<absl::StatusOr<std::string>()> make_token = MakeRandomToken);

  // Sets room aside. Either Add() or Release() must follow. Errors: CLIENT_QUOTA_EXCEEDED and
  // QUEUE_FULL, with a delay.
  absl::Status Reserve(const Identity& owner, uint64_t bytes);
  void Release(const Identity& owner, uint64_t bytes);
  // The token for an attachment as large as was reserved; the room is given back when the token is
  // too old, or with the last owner of what Take() gave for it. Errors: MEMORY_INSUFFICIENT (the
  // room is given back now).
  absl::StatusOr<std::string> Add(const Identity& owner,
                                  std::shared_ptr<const Attachment> attachment);

  // What it gives may outlive the table.
  absl::StatusOr<std::shared_ptr<const Attachment>> Take(std::string_view client_id,
                                                         std::string_view token) override;

  // Drops what is too old; when to come again (InfiniteFuture: nothing waits).
  absl::Time Expire();

  size_t size() const;

 private:
  class Ledger;
  struct Lent;
  struct Entry {
    std::shared_ptr<const Lent> lent;
    std::string client_id;
    absl::Time expiry;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // The end of an entry; its attachment goes back to the caller, to be closed without the lock.
  std::shared_ptr<const Attachment> Remove(Entries::iterator entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const AttachmentLimits limits_;
  const std::shared_ptr<Ledger> ledger_;
  const Clock* const clock_;
  const std::function<absl::StatusOr<std::string>()> make_token_;
  mutable absl::Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Time, std::string>> by_expiry_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_ATTACHMENT_TABLE_H_
