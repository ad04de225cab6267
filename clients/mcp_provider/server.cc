#include "clients/mcp_provider/server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/mcp_provider/server_process.h"

namespace intelligenced::mcp {

class Server::Live {
 public:
  explicit Live(const Options& options)
      : session_({.write = [this](const std::string& line) { return process_->Write(line); },
                  .tools_changed = options.tools_changed,
                  .version = options.version}) {}
  ~Live() { session_.Close(absl::UnavailableError("The server was ended.")); }

  absl::Status Start(const Options& options) {
    absl::StatusOr<std::unique_ptr<ServerProcess>> process = ServerProcess::Start(
        {.command = options.command,
         .max_line_bytes = kMaxMessageBytes,
         .line = [this](std::string_view line) { return session_.Receive(line); },
         .end =
             [this](const absl::Status& why) {
               session_.Close(absl::UnavailableError(why.message()));
             }});
    if (!process.ok()) return process.status();
    process_ = *std::move(process);
    process_->Begin();
    return session_.Initialize(options.patience);
  }

  Session& session() { return session_; }

 private:
  Session session_;
  // Ended before its session: its thread uses that.
  std::unique_ptr<ServerProcess> process_;
};

Server::Server(Options options, const Clock* clock) : options_(std::move(options)), clock_(clock) {}
Server::~Server() = default;

absl::StatusOr<std::shared_ptr<Server::Live>> Server::Running() {
  absl::MutexLock lock(starting_);
  if (live_ != nullptr && !live_->session().closed()) return live_;
  live_.reset();
  const absl::Time now = clock_->Now();
  while (!starts_.empty() && starts_.front() < now - absl::Minutes(1)) starts_.pop_front();
  if (starts_.size() >= options_.starts_in_a_minute) {
    return absl::UnavailableError(
        absl::StrCat("The server has ended ", starts_.size(),
                     " times within a minute and is left alone for now."));
  }
  starts_.push_back(now);
  auto live = std::make_shared<Live>(options_);
  if (absl::Status status = live->Start(options_); !status.ok()) return status;
  live_ = live;
  return live;
}

absl::StatusOr<std::vector<Json>> Server::ListTools() {
  const absl::StatusOr<std::shared_ptr<Live>> live = Running();
  if (!live.ok()) return live.status();
  return (*live)->session().ListTools(options_.patience);
}

absl::StatusOr<Json> Server::CallTool(const std::string& name, Json arguments,
                                      const Session::CallHooks& hooks) {
  const absl::StatusOr<std::shared_ptr<Live>> live = Running();
  if (!live.ok()) return live.status();
  return (*live)->session().CallTool(name, std::move(arguments), hooks);
}

}  // namespace intelligenced::mcp
