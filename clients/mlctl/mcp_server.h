// A server of the Model Context Protocol: JSON-RPC 2.0, one message a line, tools only.
//
// It speaks the revisions 2025-06-18, 2025-03-26 and 2024-11-05: initialize, ping, tools/list,
// tools/call with progress and cancellation, and questions to the person (elicitation/create) where
// the client can ask them. Other methods are refused by name (-32601), what is no message with the
// errors of JSON-RPC; nothing that a client sends ends the server.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_MCP_SERVER_H_
#define INTELLIGENCED_CLIENTS_MLCTL_MCP_SERVER_H_

#include <intelligence/common.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {

// One call of a tool, on a thread of its own.
class McpCall {
 public:
  virtual ~McpCall() = default;
  // Cancelled when the client no longer wants the answer.
  virtual intelligence::Cancellation cancellation() const = 0;
  // The client's own word for itself: "claude"; no proof of anything.
  virtual std::string client_name() const = 0;
  // Sent where the client asked for it. `total` 0: not known.
  virtual void Progress(uint64_t done, uint64_t total, std::string_view message) = 0;
};

struct McpTool {
  // [A-Za-z0-9_-]{1,64}.
  std::string name = {};
  std::string title = {};
  std::string description = {};
  Json input_schema = {};
  bool read_only = false;
  bool destructive = false;
  // The result's object ("content" and so on); an error becomes a result with isError, so that the
  // model that called reads what went wrong. INVALID_ARGUMENT for arguments that break the schema.
  std::function<absl::StatusOr<Json>(McpCall& call, const Json& arguments)> run = {};
};

// {"content": [{"type": "text", …}], "structuredContent": …}; the latter where it is an object.
Json McpText(std::string_view text, Json structured = nullptr);

class McpServer {
 public:
  struct Options {
    std::string name = "intelligenced";
    std::string version = {};
    std::string instructions = {};
    // Asked at each tools/list and tools/call; thread-safe.
    std::function<std::vector<McpTool>()> tools = {};
    // Sends one line; called by one thread at a time.
    std::function<void(const std::string& line)> write = {};
  };
  enum class Answer { kAccepted, kDeclined, kCannotAsk };

  explicit McpServer(Options options);
  // Cancels what runs and waits for it.
  ~McpServer();

  // One line of the client's. From one thread.
  void Receive(std::string_view line);
  // Waits until no call runs.
  void Drain();

  // Puts a question to the person through the client and waits: yes or no. kCannotAsk where the
  // client cannot, or `cancellation` comes first. From any thread but Receive()'s.
  Answer Ask(const std::string& question, const intelligence::Cancellation& cancellation);
  // As the client calls itself; empty before it did.
  std::string client_name() const;
  // Whether the client says that it can put questions to the person.
  bool can_ask() const;

 private:
  class Running;

  void Request(const Json& id, const std::string& method, const Json& params);
  void Notification(const std::string& method, const Json& params);
  void Response(const Json& message);
  void Initialize(const Json& id, const Json& params);
  void ListTools(const Json& id, const Json& params);
  void CallTool(const Json& id, const Json& params);
  void Send(const Json& message);
  void Reply(const Json& id, Json result);
  void Refuse(const Json& id, int code, std::string_view message);
  void Reap();

  const Options options_;
  absl::Mutex write_mutex_;
  mutable absl::Mutex mutex_;
  std::string client_name_ ABSL_GUARDED_BY(mutex_);
  bool can_ask_ ABSL_GUARDED_BY(mutex_) = false;
  // By the dumped id of the request.
  std::map<std::string, std::shared_ptr<Running>> running_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> ended_ ABSL_GUARDED_BY(mutex_);
  // Questions of ours; the answer is there when it is no null.
  std::map<uint64_t, Json> questions_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_question_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_MCP_SERVER_H_
