#include "clients/mcp_provider/provider.h"

#include <memory>
#include <utility>

#include "runtime/base/clock.h"

namespace intelligenced::mcp {
namespace {

// A server that changes its tools without end is not followed for ever.
constexpr int kMaxChanges = 100;

absl::StatusOr<actions::Result> Call(const ImportedTool& tool, Server* server, actions::Run& run) {
  absl::StatusOr<Json> arguments = ArgumentsOf(tool, run.values());
  if (!arguments.ok()) return arguments.status();
  const Session::CallHooks hooks = {
      .progress = [&run](uint64_t done, uint64_t total,
                         const std::string& message) { run.ReportProgress(done, total, message); },
      .cancelled = [&run] { return run.cancelled(); }};
  const absl::StatusOr<Json> answer = server->CallTool(tool.name, *std::move(arguments), hooks);
  if (!answer.ok()) return answer.status();
  return ResultOf(tool, *answer);
}

}  // namespace

actions::Provider MakeProvider(const ProviderOptions& options, std::vector<ImportedTool> tools,
                               Server* server) {
  actions::Provider provider(options.id, options.title);
  for (ImportedTool& imported : tools) {
    const auto tool = std::make_shared<const ImportedTool>(std::move(imported));
    actions::Action action(tool->id);
    action.Title(tool->title).Description(tool->description).Returns(tool->result.type);
    if (tool->requires_confirmation) action.RequiresConfirmation();
    if (tool->is_destructive) action.Destructive();
    for (const actions::ParameterInfo& parameter : tool->parameters) {
      action.Parameter(parameter.id, parameter.type,
                       {.title = parameter.title,
                        .description = parameter.description,
                        .optional = parameter.optional});
    }
    for (const std::string& phrase : tool->phrases) action.Phrase(phrase);
    action.Handle([tool, server](actions::Run& run) { return Call(*tool, server, run); });
    provider.Add(std::move(action));
  }
  return provider;
}

intelligence::Cancellation ToolProvider::Begin() {
  absl::MutexLock lock(mutex_);
  changed_ = false;
  current_ = intelligence::Cancellation();
  if (stopped_) current_.Cancel();
  return current_;
}

void ToolProvider::ToolsChanged() {
  absl::MutexLock lock(mutex_);
  if (++changes_ > kMaxChanges) return;
  changed_ = true;
  current_.Cancel();
}

void ToolProvider::Stop() {
  absl::MutexLock lock(mutex_);
  stopped_ = true;
  current_.Cancel();
}

bool ToolProvider::GoesOn() const {
  absl::MutexLock lock(mutex_);
  return changed_ && !stopped_;
}

absl::Status ToolProvider::Serve() {
  const SystemClock clock;
  Server server({.command = options_.command,
                 .version = options_.version,
                 .tools_changed = [this] { ToolsChanged(); }},
                &clock);
  do {
    const intelligence::Cancellation current = Begin();
    const absl::StatusOr<std::vector<Json>> listed = server.ListTools();
    if (!listed.ok()) return listed.status();
    ImportedTools imported = ImportTools(*listed, options_.tools);
    for (const std::string& problem : imported.problems) options_.say(problem);
    const actions::Provider provider = MakeProvider(options_, std::move(imported.tools), &server);
    const absl::Status status = provider.Serve({.client = {.socket_path = options_.socket},
                                                .cancellation = current,
                                                .idle_timeout = options_.idle});
    if (!status.ok()) return status;
  } while (GoesOn());
  return absl::OkStatus();
}

}  // namespace intelligenced::mcp
