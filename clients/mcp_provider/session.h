// The client's side of one connection to a server of the Model Context Protocol (revisions
// 2025-06-18, 2025-03-26 and 2024-11-05): requests that wait for their answers, side by side.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_SESSION_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_SESSION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clients/mcp_provider/json_rpc.h"

namespace intelligenced::mcp {

// Thread-safe.
class Session {
 public:
  struct Options {
    // Sends one line, without its break; false: the server is gone. From any thread, one at a time.
    std::function<bool(const std::string& line)> write = {};
    // The server has other tools now. On Receive()'s thread.
    std::function<void()> tools_changed = {};
    std::string version = {};
  };
  // Of a call. All may be left out. Called while the call goes on, with nothing held.
  struct CallHooks {
    std::function<void(uint64_t done, uint64_t total, const std::string& message)> progress = {};
    // Asked about ten times a second: true ends the call with CANCELLED, and the server is told.
    std::function<bool()> cancelled = {};
  };

  explicit Session(Options options) : options_(std::move(options)) {}

  // One line of the server's; from one thread. INVALID_ARGUMENT once the server has broken the
  // protocol too often to be listened to.
  absl::Status Receive(std::string_view line);
  // The server is gone: what waits, and what comes later, ends with `why`.
  void Close(const absl::Status& why);
  bool closed() const;

  // Greets. UNAVAILABLE, DEADLINE_EXCEEDED; FAILED_PRECONDITION for a server without tools or of
  // another revision.
  absl::Status Initialize(absl::Duration timeout);
  // All pages of tools/list, at most 512 tools.
  absl::StatusOr<std::vector<Json>> ListTools(absl::Duration timeout);
  // tools/call. ABORTED with the server's words where it refuses; UNAVAILABLE when it is gone.
  absl::StatusOr<Json> CallTool(const std::string& name, Json arguments, const CallHooks& hooks);

 private:
  struct Waiting {
    const CallHooks* hooks = nullptr;
    bool answered = false;
    bool in_hook = false;
    absl::StatusOr<Json> answer = absl::UnknownError("");
  };

  absl::StatusOr<Json> Request(std::string_view method, Json params, absl::Duration timeout,
                               const CallHooks& hooks);
  // Whether there is an answer, after a moment at the latest.
  bool WaitForAnswer(uint64_t id);
  void Answer(const ServerMessage& message);
  void Progressed(const Json& params);
  void Refuse(const ServerMessage& request);
  bool Write(const std::string& line);

  const Options options_;
  absl::Mutex write_mutex_;
  mutable absl::Mutex mutex_;
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  // Lines that were no messages; on Receive()'s thread.
  int mistakes_ = 0;
};

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_SESSION_H_
