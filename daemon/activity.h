// What was done for whom: the newest records, in memory.
#ifndef INTELLIGENCED_DAEMON_ACTIVITY_H_
#define INTELLIGENCED_DAEMON_ACTIVITY_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/log.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// Thread-safe. Holds the newest `capacity` records; nothing is written to disk.
class RingActivityLog final : public ActivityLog {
 public:
  // `log` gets a line for each record at debug level; may be null.
  RingActivityLog(size_t capacity, Log* log) : capacity_(capacity), log_(log) {}

  void Add(intelligence::v1::ActivityRecord record, uid_t user_id) override;

  // A page token is a place in the sequence, so pages stay together while records come in; records
  // that have left the ring meanwhile are passed over.
  absl::StatusOr<intelligence::v1::ListActivityResponse> List(
      const intelligence::v1::ListActivityRequest& request, const Caller& caller) const override;

 private:
  // Encoded: a fifth of what the message takes in memory.
  struct Entry {
    std::string record;
    uid_t user_id = 0;
  };
  const size_t capacity_;
  Log* const log_;
  mutable absl::Mutex mutex_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // Sequence number of entries_.front().
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_ACTIVITY_H_
