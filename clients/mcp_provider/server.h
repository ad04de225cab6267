// A server of the Model Context Protocol that is started when it is needed, and again when it has
// died.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_SERVER_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_SERVER_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clients/mcp_provider/json_rpc.h"
#include "clients/mcp_provider/session.h"
#include "runtime/base/clock.h"

namespace intelligenced::mcp {

// Thread-safe.
class Server {
 public:
  struct Options {
    std::vector<std::string> command = {};
    std::string version = {};
    // From the start to the list of tools.
    absl::Duration patience = absl::Seconds(60);
    // A server that ends again and again is left alone: so many starts in a minute.
    size_t starts_in_a_minute = 5;
    // On a thread of the server's; quick.
    std::function<void()> tools_changed = {};
  };
  // `clock` outlives it.
  Server(Options options, const Clock* clock);
  ~Server();

  // Starts it where it does not run. Errors: those of Session, and UNAVAILABLE.
  absl::StatusOr<std::vector<Json>> ListTools();
  // A server that dies meanwhile ends the call with UNAVAILABLE: whether the tool has done its work
  // is not known, so it is not called a second time.
  absl::StatusOr<Json> CallTool(const std::string& name, Json arguments,
                                const Session::CallHooks& hooks);

 private:
  // A running program with its session.
  class Live;

  absl::StatusOr<std::shared_ptr<Live>> Running();

  const Options options_;
  const Clock* const clock_;
  // Held while the server starts: whoever else needs it waits for that.
  absl::Mutex starting_;
  std::shared_ptr<Live> live_ ABSL_GUARDED_BY(starting_);
  std::deque<absl::Time> starts_ ABSL_GUARDED_BY(starting_);
};

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_SERVER_H_
