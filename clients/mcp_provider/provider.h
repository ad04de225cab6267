// A server's tools as the actions of one provider.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_PROVIDER_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_PROVIDER_H_

#include <intelligence/action_provider.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clients/mcp_provider/imported_tool.h"
#include "clients/mcp_provider/server.h"

namespace intelligenced::mcp {

struct ProviderOptions {
  std::string id;
  std::string title;
  // The server's program and its arguments.
  std::vector<std::string> command;
  // Only these tools; empty: all.
  std::set<std::string> tools;
  // Of the daemon; empty: the usual one.
  std::string socket;
  absl::Duration idle = absl::Minutes(5);
  std::string version;
  // What a person may want to know, a line at a time.
  std::function<void(const std::string& line)> say;
};

// Thread-safe.
class ToolProvider {
 public:
  explicit ToolProvider(ProviderOptions options) : options_(std::move(options)) {}

  // Starts the server, registers its tools, serves; registers again when the server says that it
  // has others. Once. OK when stopped or idle; otherwise why it cannot go on.
  absl::Status Serve();
  void Stop();

 private:
  intelligence::Cancellation Begin();
  void ToolsChanged();
  bool GoesOn() const;

  const ProviderOptions options_;
  mutable absl::Mutex mutex_;
  // Of what is registered now.
  intelligence::Cancellation current_ ABSL_GUARDED_BY(mutex_);
  int changes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// The provider with these tools; `server` outlives it.
actions::Provider MakeProvider(const ProviderOptions& options, std::vector<ImportedTool> tools,
                               Server* server);

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_PROVIDER_H_
