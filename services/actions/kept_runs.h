// How runs with a request id ended, so that a repetition gets the same end and runs nothing.
//
// Pure: time is an argument. Not thread-safe.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_KEPT_RUNS_H_
#define INTELLIGENCED_SERVICES_ACTIONS_KEPT_RUNS_H_

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/actions.pb.h"

namespace intelligenced {

struct KeptLimits {
  absl::Duration time = absl::Minutes(10);
  size_t of_caller = 256;
  // Of all; the oldest make room.
  size_t bytes = size_t{32} << 20;
};

class KeptRuns {
 public:
  // The caller with its user, and the request id.
  using Key = std::pair<std::string, std::string>;
  struct End {
    // What was asked for: another request under the same id is a mistake.
    std::string fingerprint;
    // Not OK: `completed` says nothing.
    absl::Status status;
    intelligence::v1::RunCompleted completed;
  };

  explicit KeptRuns(KeptLimits limits) : limits_(limits) {}

  // Null: there is none, or it is too old. Valid until the next Keep().
  const End* Find(const Key& key, absl::Time now) const;
  void Keep(const Key& key, End end, absl::Time now);
  size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    End end;
    absl::Time until;
    size_t bytes = 0;
  };
  std::deque<Key>::iterator Forget(std::deque<Key>::iterator place);

  const KeptLimits limits_;
  std::map<Key, Kept> kept_;
  // From the oldest on.
  std::deque<Key> order_;
  size_t bytes_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_KEPT_RUNS_H_
