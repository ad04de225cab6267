#include "clients/mcp_provider/session.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/mcp_provider/plain_text.h"

namespace intelligenced::mcp {
namespace {

// The first is asked for.
constexpr std::array<std::string_view, 3> kRevisions = {"2025-06-18", "2025-03-26", "2024-11-05"};
constexpr size_t kMaxTools = 512;
constexpr int kMaxPages = 64;
// A server that writes its log where messages belong is put up with for this many lines.
constexpr int kMaxMistakes = 100;
constexpr absl::Duration kLook = absl::Milliseconds(100);
constexpr int kMethodNotFound = -32601;

uint64_t Count(const Json& number) {
  if (!number.is_number()) return 0;
  const auto value = number.get<double>();
  if (!(value > 0)) return 0;
  return static_cast<uint64_t>(std::min(value, 1e15));
}

}  // namespace

bool Session::Write(const std::string& line) {
  absl::MutexLock lock(write_mutex_);
  return options_.write(line);
}

absl::Status Session::Receive(std::string_view line) {
  if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) return absl::OkStatus();
  const absl::StatusOr<ServerMessage> message = ParseServerMessage(line);
  if (!message.ok()) {
    if (++mistakes_ < kMaxMistakes) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("The server has sent ", mistakes_,
                     " lines that are no messages; the last one: ", message.status().message()));
  }
  switch (message->kind) {
    case ServerMessage::Kind::kResult:
    case ServerMessage::Kind::kError:
      Answer(*message);
      break;
    case ServerMessage::Kind::kRequest:
      Refuse(*message);
      break;
    case ServerMessage::Kind::kNotification:
      if (message->method == "notifications/progress") Progressed(message->body);
      if (message->method == "notifications/tools/list_changed" && options_.tools_changed) {
        options_.tools_changed();
      }
      break;
  }
  return absl::OkStatus();
}

void Session::Answer(const ServerMessage& message) {
  absl::MutexLock lock(mutex_);
  const auto found = waiting_.find(message.request);
  // Of a call that nobody waits for any more, or a second answer.
  if (found == waiting_.end() || found->second.answered) return;
  found->second.answered = true;
  if (message.kind == ServerMessage::Kind::kResult) {
    found->second.answer = message.body;
    return;
  }
  const std::string words = PlainLine(TextMember(message.body, "message"), 1000);
  found->second.answer =
      absl::AbortedError(words.empty() ? "The server refused and does not say why." : words);
}

void Session::Progressed(const Json& params) {
  const Json& token = Member(params, "progressToken");
  if (!token.is_number_unsigned()) return;
  const CallHooks* hooks = nullptr;
  const uint64_t id = token.get<uint64_t>();
  {
    absl::MutexLock lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end() || !found->second.hooks->progress) return;
    // The call does not end, and its hooks do not go, while this is so.
    found->second.in_hook = true;
    hooks = found->second.hooks;
  }
  hooks->progress(Count(Member(params, "progress")), Count(Member(params, "total")),
                  PlainLine(TextMember(params, "message"), 256));
  absl::MutexLock lock(mutex_);
  waiting_[id].in_hook = false;
}

void Session::Refuse(const ServerMessage& request) {
  static_cast<void>(Write(
      request.method == "ping"
          ? ResultLine(request.id, Json::object())
          : ErrorLine(request.id, kMethodNotFound, "This client offers nothing to servers.")));
}

void Session::Close(const absl::Status& why) {
  absl::MutexLock lock(mutex_);
  if (!closed_.ok()) return;
  closed_ = why;
  for (auto& [id, waiting] : waiting_) {
    if (waiting.answered) continue;
    waiting.answered = true;
    waiting.answer = why;
  }
}

bool Session::closed() const {
  absl::MutexLock lock(mutex_);
  return !closed_.ok();
}

bool Session::WaitForAnswer(uint64_t id) {
  absl::MutexLock lock(mutex_);
  const Waiting& waiting = waiting_[id];
  const auto answered = [&waiting]() { return waiting.answered; };
  return mutex_.AwaitWithTimeout(absl::Condition(&answered), kLook);
}

absl::StatusOr<Json> Session::Request(std::string_view method, Json params, absl::Duration timeout,
                                      const CallHooks& hooks) {
  uint64_t id = 0;
  {
    absl::MutexLock lock(mutex_);
    if (!closed_.ok()) return closed_;
    id = next_++;
    waiting_[id].hooks = &hooks;
  }
  if (hooks.progress) params["_meta"] = {{"progressToken", id}};
  absl::StatusOr<Json> answer = absl::UnavailableError("The server takes no more requests.");
  if (!Write(RequestLine(id, method, std::move(params)))) {
    absl::MutexLock lock(mutex_);
    waiting_.erase(id);
    return answer;
  }
  absl::Status given_up;
  absl::Duration waited;
  while (!WaitForAnswer(id)) {
    waited += kLook;
    if (waited >= timeout) {
      given_up = absl::DeadlineExceededError(absl::StrCat(
          "The server has not answered ", method, " in ", absl::FormatDuration(timeout), "."));
    } else if (hooks.cancelled && hooks.cancelled()) {
      given_up = absl::CancelledError("Nobody waits any more.");
    }
    if (!given_up.ok()) break;
  }
  {
    absl::MutexLock lock(mutex_);
    Waiting& waiting = waiting_[id];
    const auto free = [&waiting]() { return !waiting.in_hook; };
    mutex_.Await(absl::Condition(&free));
    answer = given_up.ok() ? std::move(waiting.answer) : given_up;
    waiting_.erase(id);
  }
  if (!given_up.ok()) {
    static_cast<void>(Write(NotificationLine("notifications/cancelled",
                                             {{"requestId", id}, {"reason", "no longer wanted"}})));
  }
  return answer;
}

absl::Status Session::Initialize(absl::Duration timeout) {
  const absl::StatusOr<Json> answer =
      Request("initialize",
              {{"protocolVersion", kRevisions.front()},
               {"capabilities", Json::object()},
               {"clientInfo", {{"name", "intelligenced"}, {"version", options_.version}}}},
              timeout, {});
  if (!answer.ok()) return answer.status();
  const std::string revision = TextMember(*answer, "protocolVersion");
  if (std::find(kRevisions.begin(), kRevisions.end(), revision) == kRevisions.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("The server speaks the revision “", PlainLine(revision, 32),
                     "” of the protocol, which is not known here."));
  }
  if (!Member(Member(*answer, "capabilities"), "tools").is_object()) {
    return absl::FailedPreconditionError("The server offers no tools.");
  }
  if (!Write(NotificationLine("notifications/initialized", Json::object()))) {
    return absl::UnavailableError("The server takes no more requests.");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Json>> Session::ListTools(absl::Duration timeout) {
  std::vector<Json> tools;
  Json params = Json::object();
  for (int page = 0; page < kMaxPages; ++page) {
    absl::StatusOr<Json> answer = Request("tools/list", params, timeout, {});
    if (!answer.ok()) return answer.status();
    const Json& listed = Member(*answer, "tools");
    if (!listed.is_array()) {
      return absl::FailedPreconditionError("The server's list of tools is none.");
    }
    for (const Json& tool : listed) {
      if (tools.size() < kMaxTools) tools.push_back(tool);
    }
    const std::string cursor = TextMember(*answer, "nextCursor");
    if (cursor.empty() || tools.size() >= kMaxTools) break;
    params = {{"cursor", cursor}};
  }
  return tools;
}

absl::StatusOr<Json> Session::CallTool(const std::string& name, Json arguments,
                                       const CallHooks& hooks) {
  // The daemon ends a run without progress; there is no other limit.
  return Request("tools/call", {{"name", name}, {"arguments", std::move(arguments)}},
                 absl::InfiniteDuration(), hooks);
}

}  // namespace intelligenced::mcp
