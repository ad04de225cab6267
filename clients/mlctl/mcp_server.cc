#include "clients/mlctl/mcp_server.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/json_depth.h"

namespace intelligenced::mlctl {
namespace {

constexpr std::array<std::string_view, 3> kRevisions = {"2025-06-18", "2025-03-26", "2024-11-05"};

constexpr int kParseError = -32700;
constexpr int kInvalidRequest = -32600;
constexpr int kMethodNotFound = -32601;
constexpr int kInvalidParams = -32602;

// At a time; a client that asks for more gets an error instead of a machine full of threads.
constexpr size_t kMaxRunning = 64;
constexpr size_t kMaxLineBytes = size_t{16} << 20;
// Copies of a value go as deep into the stack as it is nested.
constexpr int kMaxDepth = 64;
// How often a question looks whether it is still wanted.
constexpr absl::Duration kLook = absl::Milliseconds(100);

const Json& Member(const Json& object, const char* name) {
  static const Json kNothing;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : kNothing;
}

std::string Text(const Json& json) { return json.is_string() ? json.get<std::string>() : ""; }

bool IsId(const Json& id) { return id.is_string() || id.is_number_integer(); }

Json ToolJson(const McpTool& tool) {
  return {{"name", tool.name},
          {"title", tool.title},
          {"description", tool.description},
          {"inputSchema", tool.input_schema},
          {"annotations",
           {{"title", tool.title},
            {"readOnlyHint", tool.read_only},
            {"destructiveHint", tool.destructive}}}};
}

}  // namespace

Json McpText(std::string_view text, Json structured) {
  Json result = {{"content", Json::array({{{"type", "text"}, {"text", text}}})}};
  if (structured.is_object()) result["structuredContent"] = std::move(structured);
  return result;
}

// A call of a tool in progress.
class McpServer::Running final : public McpCall {
 public:
  Running(McpServer* server, Json progress_token)
      : server_(server), progress_token_(std::move(progress_token)) {}

  intelligence::Cancellation cancellation() const override { return cancellation_; }
  std::string client_name() const override { return server_->client_name(); }
  void Progress(uint64_t done, uint64_t total, std::string_view message) override {
    if (!IsId(progress_token_) || cancellation_.cancelled()) return;
    Json params = {{"progressToken", progress_token_}, {"progress", done}};
    if (total > 0) params["total"] = total;
    if (!message.empty()) params["message"] = message;
    server_->Send(
        {{"jsonrpc", "2.0"}, {"method", "notifications/progress"}, {"params", std::move(params)}});
  }

  std::thread thread;

 private:
  McpServer* const server_;
  const Json progress_token_;
  const intelligence::Cancellation cancellation_;
};

McpServer::McpServer(Options options) : options_(std::move(options)) {}

McpServer::~McpServer() {
  {
    absl::MutexLock lock(mutex_);
    for (const auto& [id, running] : running_) running->cancellation().Cancel();
  }
  Drain();
}

void McpServer::Drain() {
  {
    absl::MutexLock lock(mutex_);
    mutex_.Await(absl::Condition(
        +[](McpServer* server)
             ABSL_EXCLUSIVE_LOCKS_REQUIRED(server->mutex_) { return server->running_.empty(); },
        this));
  }
  Reap();
}

void McpServer::Reap() {
  std::vector<std::thread> ended;
  {
    absl::MutexLock lock(mutex_);
    ended.swap(ended_);
  }
  for (std::thread& thread : ended) thread.join();
}

std::string McpServer::client_name() const {
  absl::MutexLock lock(mutex_);
  return client_name_;
}

bool McpServer::can_ask() const {
  absl::MutexLock lock(mutex_);
  return can_ask_;
}

void McpServer::Send(const Json& message) {
  const std::string line = Dump(message);
  absl::MutexLock lock(write_mutex_);
  options_.write(line);
}

void McpServer::Reply(const Json& id, Json result) {
  Send({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}});
}

void McpServer::Refuse(const Json& id, int code, std::string_view message) {
  Send({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}});
}

void McpServer::Receive(std::string_view line) {
  Reap();
  if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
  if (line.size() > kMaxLineBytes) {
    return Refuse(nullptr, kInvalidRequest, "The message is longer than 16 MiB.");
  }
  if (JsonDepth(line) > kMaxDepth) {
    return Refuse(nullptr, kParseError, "The message is nested more than 64 deep.");
  }
  const Json message = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (message.is_discarded()) return Refuse(nullptr, kParseError, "This is no JSON.");
  if (!message.is_object() || Text(Member(message, "jsonrpc")) != "2.0") {
    return Refuse(nullptr, kInvalidRequest, "A message is an object of JSON-RPC 2.0.");
  }
  const Json& id = Member(message, "id");
  const bool has_method = Member(message, "method").is_string();
  if (!has_method) {
    if (message.contains("result") || message.contains("error")) return Response(message);
    return Refuse(IsId(id) ? id : Json(), kInvalidRequest, "The message has no method.");
  }
  const std::string method = Text(message["method"]);
  const Json& params = Member(message, "params");
  if (!message.contains("id")) return Notification(method, params);
  if (!IsId(id)) return Refuse(nullptr, kInvalidRequest, "An id is a string or a whole number.");
  Request(id, method, params);
}

void McpServer::Request(const Json& id, const std::string& method, const Json& params) {
  if (method == "initialize") return Initialize(id, params);
  if (method == "ping") return Reply(id, Json::object());
  if (method == "tools/list") return ListTools(id, params);
  if (method == "tools/call") return CallTool(id, params);
  Refuse(id, kMethodNotFound, "This server has no such method.");
}

void McpServer::Notification(const std::string& method, const Json& params) {
  if (method != "notifications/cancelled") return;
  const Json& id = Member(params, "requestId");
  absl::MutexLock lock(mutex_);
  const auto found = running_.find(Dump(id));
  if (found != running_.end()) found->second->cancellation().Cancel();
}

void McpServer::Response(const Json& message) {
  const Json& id = Member(message, "id");
  if (!id.is_number_unsigned()) return;
  absl::MutexLock lock(mutex_);
  const auto found = questions_.find(id.get<uint64_t>());
  if (found != questions_.end() && found->second.is_null()) {
    found->second = message.contains("result") ? message["result"] : Json(false);
    if (found->second.is_null()) found->second = false;
  }
}

void McpServer::Initialize(const Json& id, const Json& params) {
  const std::string wanted = Text(Member(params, "protocolVersion"));
  std::string revision(kRevisions.front());
  for (const std::string_view known : kRevisions) {
    if (wanted == known) revision = wanted;
  }
  {
    absl::MutexLock lock(mutex_);
    client_name_ = Text(Member(Member(params, "clientInfo"), "name"));
    can_ask_ = Member(Member(params, "capabilities"), "elicitation").is_object();
  }
  Json result = {{"protocolVersion", revision},
                 {"capabilities", {{"tools", Json::object()}}},
                 {"serverInfo", {{"name", options_.name}, {"version", options_.version}}}};
  if (!options_.instructions.empty()) result["instructions"] = options_.instructions;
  Reply(id, std::move(result));
}

void McpServer::ListTools(const Json& id, const Json& params) {
  // All tools are one page.
  if (!Member(params, "cursor").is_null()) {
    return Refuse(id, kInvalidParams, "There is no page after the first.");
  }
  Json tools = Json::array();
  for (const McpTool& tool : options_.tools()) tools.push_back(ToolJson(tool));
  Reply(id, {{"tools", std::move(tools)}});
}

void McpServer::CallTool(const Json& id, const Json& params) {
  const std::string name = Text(Member(params, "name"));
  Json arguments = Member(params, "arguments");
  if (arguments.is_null()) arguments = Json::object();
  if (!arguments.is_object()) return Refuse(id, kInvalidParams, "Arguments are an object.");
  std::optional<McpTool> found;
  for (McpTool& tool : options_.tools()) {
    if (tool.name == name) found = std::move(tool);
  }
  if (!found.has_value()) return Refuse(id, kInvalidParams, "There is no tool of this name.");
  auto running = std::make_shared<Running>(this, Member(Member(params, "_meta"), "progressToken"));
  const std::string key = Dump(id);
  {
    absl::MutexLock lock(mutex_);
    if (running_.size() < kMaxRunning && running_.try_emplace(key, running).second) {
      running->thread = std::thread(
          [this, id, key, running, tool = *std::move(found), arguments = std::move(arguments)] {
            absl::StatusOr<Json> result = tool.run(*running, arguments);
            // A client that cancelled must get no answer.
            if (!running->cancellation().cancelled()) {
              if (result.ok()) {
                Reply(id, *std::move(result));
              } else {
                Json failed = McpText(result.status().message());
                failed["isError"] = true;
                Reply(id, std::move(failed));
              }
            }
            absl::MutexLock ending(mutex_);
            ended_.push_back(std::move(running->thread));
            running_.erase(key);
          });
      return;
    }
  }
  Refuse(id, kInvalidRequest, "This id is in use, or too many calls are running.");
}

McpServer::Answer McpServer::Ask(const std::string& question,
                                 const intelligence::Cancellation& cancellation) {
  uint64_t number = 0;
  {
    absl::MutexLock lock(mutex_);
    if (!can_ask_) return Answer::kCannotAsk;
    number = next_question_++;
    questions_[number] = nullptr;
  }
  Send({{"jsonrpc", "2.0"},
        {"id", number},
        {"method", "elicitation/create"},
        {"params",
         {{"message", question},
          {"requestedSchema",
           {{"type", "object"},
            {"properties",
             {{"confirm",
               {{"type", "boolean"}, {"title", "Go on"}, {"description", "Yes, do it."}}}}},
            {"required", Json::array({"confirm"})}}}}}});
  Json answer;
  {
    absl::MutexLock lock(mutex_);
    const Json& place = questions_[number];
    auto answered = [&place] { return !place.is_null(); };
    while (!mutex_.AwaitWithTimeout(absl::Condition(&answered), kLook)) {
      if (cancellation.cancelled()) break;
    }
    answer = questions_[number];
    questions_.erase(number);
  }
  if (answer.is_null()) {
    Send({{"jsonrpc", "2.0"},
          {"method", "notifications/cancelled"},
          {"params", {{"requestId", number}, {"reason", "no longer asked"}}}});
    return Answer::kCannotAsk;
  }
  const bool yes = Text(Member(answer, "action")) == "accept" &&
                   Member(Member(answer, "content"), "confirm") == true;
  return yes ? Answer::kAccepted : Answer::kDeclined;
}

}  // namespace intelligenced::mlctl
