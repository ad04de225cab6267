// A JSON value on its way: what is known of it, on a terminal.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_SNAPSHOT_VIEW_H_
#define INTELLIGENCED_CLIENTS_MLCTL_SNAPSHOT_VIEW_H_

#include <string>
#include <string_view>

#include "clients/mlctl/session.h"

namespace intelligenced::mlctl {

// Indented. Text that is not JSON, or that nests too deep to be read by people, as it stands.
std::string PrettyJson(std::string_view json);

// The end of a value on the last lines of standard error, while that is a terminal. Each snapshot
// is written over the one before. Not thread-safe.
class SnapshotView {
 public:
  explicit SnapshotView(Session* session) : session_(session) {}
  ~SnapshotView() { Clear(); }
  SnapshotView(const SnapshotView&) = delete;
  SnapshotView& operator=(const SnapshotView&) = delete;

  void Show(std::string_view json);
  void Clear();

 private:
  Session* const session_;
  int lines_ = 0;
};

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_SNAPSHOT_VIEW_H_
