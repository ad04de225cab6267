#include "clients/mlctl/views.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::Model;
using intelligence::ModelState;

std::string Lower(std::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", " "}});
}

std::string BytesOrNothing(uint64_t bytes) { return bytes == 0 ? "" : FormatBytes(bytes); }

// "1,200 / 4,096", as far as known.
std::string TokensOf(const intelligence::SessionInfo& session) {
  if (session.used_tokens == 0 && session.message_count > 0) return "";
  std::string tokens = FormatCount(session.used_tokens);
  if (session.context_tokens > 0) {
    absl::StrAppend(&tokens, " / ", FormatCount(session.context_tokens));
  }
  return tokens;
}

std::string ExpiryOf(const intelligence::SessionInfo& session, absl::Time now) {
  if (!session.expire_time.has_value()) return "in use";
  return absl::StrCat("in ", DurationText(*session.expire_time - now));
}

std::string Share(double share) { return absl::StrFormat("%.0f %%", 100 * share); }

}  // namespace

std::string StateWord(ModelState state) { return Lower(Name(state)); }

std::string ResidentUntil(const Model& model, absl::Time now) {
  if (model.state == ModelState::kFailed) {
    return model.state_reason.empty() ? "failed" : model.state_reason;
  }
  if (model.pinned) return "pinned";
  if (model.state != ModelState::kReady) return StateWord(model.state);
  if (model.leases > 0) return "in use";
  if (!model.last_used_time.has_value()) return DurationText(model.keep_alive);
  const absl::Duration left = *model.last_used_time + model.keep_alive - now;
  return left <= absl::ZeroDuration() ? "idle" : DurationText(left);
}

std::string RenderModelList(const std::vector<Model>& models, int width, const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const Model& model : models) {
    std::string state = StateWord(model.state);
    if (model.pinned) state += ", pinned";
    std::vector<std::string> capabilities;
    for (const std::string& capability : model.capabilities) {
      const bool is_default =
          std::count(model.default_for.begin(), model.default_for.end(), capability) > 0;
      capabilities.push_back(is_default ? capability + "*" : capability);
    }
    rows.push_back({ShortName(model.name), state, BytesOrNothing(model.size_bytes), model.license,
                    model.engine, absl::StrJoin(capabilities, " ")});
  }
  return FormatTable({{.title = "NAME"},
                      {.title = "STATE"},
                      {.title = "SIZE", .right = true},
                      {.title = "LICENCE"},
                      {.title = "ENGINE"},
                      {.title = "CAPABILITIES (* default)"}},
                     rows, width, palette);
}

// "models/x/functions/f" as requests may name it: "x/f".
std::string FunctionName(std::string_view name) {
  return absl::StrReplaceAll(ShortName(std::string(name)), {{"/functions/", "/"}});
}

std::string RenderModel(const Model& model, absl::Time now, const Palette& palette) {
  std::vector<std::pair<std::string, std::string>> pairs;
  auto add = [&](std::string name, std::string value) {
    if (!value.empty()) pairs.emplace_back(std::move(name), std::move(value));
  };
  add("Name", ShortName(model.name));
  add("Title", model.title);
  add("Description", model.description);
  add("Version", model.version);
  add("Engine", model.engine);
  add("Family", model.family);
  add("Capabilities", absl::StrJoin(model.capabilities, ", "));
  add("Default for", absl::StrJoin(model.default_for, ", "));
  for (const intelligence::ModelFunction& function : model.functions) {
    std::string line = FunctionName(function.name);
    if (!function.capabilities.empty()) {
      absl::StrAppend(&line, ": ", absl::StrJoin(function.capabilities, ", "));
    }
    absl::StrAppend(&line, " (", FormatBytes(function.size_bytes),
                    function.scale == 1 ? "" : absl::StrCat(", scale ", function.scale), ")");
    add("Function", std::move(line));
  }
  add("Licence", model.license);
  add("Origin", model.origin);
  add("Size on disk", BytesOrNothing(model.size_bytes));
  add("Context",
      model.context_tokens == 0 ? "" : absl::StrCat(FormatCount(model.context_tokens), " tokens"));
  add("State", absl::StrCat(StateWord(model.state), model.state_reason.empty() ? "" : ": ",
                            model.state_reason));
  if (model.worker_pid != 0) {
    add("Resident", absl::StrCat(FormatBytes(model.resident_bytes), " (peak ",
                                 FormatBytes(model.peak_bytes), ") on ", model.device));
    add("Worker", absl::StrCat("process ", model.worker_pid));
    add("Leases", absl::StrCat(model.leases));
    add("Until", ResidentUntil(model, now));
    add("Loaded in", DurationText(model.last_load_time));
  }
  add("Pinned", model.pinned ? "yes" : "");
  add("Keep alive", model.keep_alive == absl::ZeroDuration() ? "" : DurationText(model.keep_alive));
  if (model.last_used_time.has_value()) {
    add("Last used", DurationText(now - *model.last_used_time) + " ago");
  }
  return FormatPairs(pairs, palette);
}

std::string RenderResident(const std::vector<Model>& models, absl::Time now, int width,
                           const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const Model& model : models) {
    rows.push_back({ShortName(model.name), StateWord(model.state),
                    BytesOrNothing(model.resident_bytes), BytesOrNothing(model.peak_bytes),
                    absl::StrCat(model.leases),
                    model.worker_pid == 0 ? "" : absl::StrCat(model.worker_pid), model.device,
                    ResidentUntil(model, now)});
  }
  return FormatTable({{.title = "NAME"},
                      {.title = "STATE"},
                      {.title = "RESIDENT", .right = true},
                      {.title = "PEAK", .right = true},
                      {.title = "LEASES", .right = true},
                      {.title = "PID", .right = true},
                      {.title = "DEVICE"},
                      {.title = "UNTIL"}},
                     rows, width, palette);
}

std::string RenderSessionList(const std::vector<intelligence::SessionInfo>& sessions,
                              absl::Time now, int width, const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const intelligence::SessionInfo& session : sessions) {
    rows.push_back({session.name, ShortName(session.model), FormatCount(session.message_count),
                    TokensOf(session), absl::StrCat(DurationText(now - session.use_time), " ago"),
                    ExpiryOf(session, now)});
  }
  return FormatTable({{.title = "NAME"},
                      {.title = "MODEL"},
                      {.title = "MESSAGES", .right = true},
                      {.title = "TOKENS", .right = true},
                      {.title = "USED"},
                      {.title = "EXPIRES"}},
                     rows, width, palette);
}

std::string RenderSession(const intelligence::SessionInfo& session, absl::Time now,
                          const Palette& palette) {
  std::string tokens = TokensOf(session);
  if (tokens.empty()) {
    tokens = "not counted yet";
  } else if (session.uncounted_messages > 0) {
    absl::StrAppend(&tokens, ", without the last ", session.uncounted_messages, " ",
                    Plural(session.uncounted_messages, "message", "messages"));
  }
  std::string out =
      FormatPairs({{"Name", session.name},
                   {"Model", ShortName(session.model)},
                   {"Messages", absl::StrCat(FormatCount(session.message_count), ", ",
                                             FormatBytes(session.transcript_bytes))},
                   {"Tokens", tokens},
                   {"Used", absl::StrCat(DurationText(now - session.use_time), " ago")},
                   {"Expires", ExpiryOf(session, now)}},
                  palette);
  for (const intelligence::Message& message : session.messages) {
    absl::StrAppend(&out, "\n", palette.Paint(Style::kBold, Lower(Name(message.role))), "\n");
    if (!message.images.empty()) {
      absl::StrAppend(&out, "(", message.images.size(), " ",
                      Plural(message.images.size(), "picture", "pictures"), ")\n");
    }
    absl::StrAppend(&out, TerminalSafe(message.text), message.text.ends_with('\n') ? "" : "\n");
  }
  return out;
}

std::string RenderStatus(const intelligence::SystemStatus& status, const Palette& palette) {
  const intelligence::MemoryStatus& memory = status.memory;
  const size_t failed =
      std::count_if(status.resident_models.begin(), status.resident_models.end(),
                    [](const Model& model) { return model.state == ModelState::kFailed; });
  std::string models = absl::StrCat(status.resident_models.size() - failed, " resident, ",
                                    FormatBytes(memory.models_resident_bytes));
  if (memory.reserved_bytes > 0) {
    absl::StrAppend(&models, " and ", FormatBytes(memory.reserved_bytes), " being loaded");
  }
  if (memory.ceiling_bytes > 0) {
    absl::StrAppend(&models, " of at most ", FormatBytes(memory.ceiling_bytes));
  }
  if (failed > 0) absl::StrAppend(&models, "; ", failed, " failed to load (mlctl ps)");
  std::string out = FormatPairs(
      {{"Daemon", absl::StrCat("intelligenced ", status.version, ", ", Lower(Name(status.state)),
                               ", process ", status.pid, ", up ", DurationText(status.uptime))},
       {"Socket", status.socket_path},
       {"Memory", absl::StrCat("daemon ", FormatBytes(memory.daemon_resident_bytes), "; machine ",
                               FormatBytes(memory.machine_available_bytes), " of ",
                               FormatBytes(memory.machine_total_bytes), " available")},
       {"Models", models}},
      palette);
  std::vector<std::vector<std::string>> rows;
  for (const intelligence::QueueStatus& queue : status.queues) {
    rows.push_back({Lower(Name(queue.request_class)), FormatCount(queue.waiting),
                    FormatCount(queue.running), FormatCount(queue.completed),
                    FormatCount(queue.refused)});
  }
  if (!rows.empty()) {
    absl::StrAppend(&out, "\n",
                    FormatTable({{.title = "CLASS"},
                                 {.title = "WAITING", .right = true},
                                 {.title = "RUNNING", .right = true},
                                 {.title = "COMPLETED", .right = true},
                                 {.title = "REFUSED", .right = true}},
                                rows, 0, palette));
  }
  rows.clear();
  for (const intelligence::LaneStatus& lane : status.lanes) {
    rows.push_back(
        {lane.device, absl::StrCat(lane.in_use, " of ", lane.capacity), Share(lane.utilization)});
  }
  if (!rows.empty()) {
    absl::StrAppend(&out, "\n",
                    FormatTable({{.title = "DEVICE"},
                                 {.title = "IN USE", .right = true},
                                 {.title = "BUSY", .right = true}},
                                rows, 0, palette));
  }
  return out;
}

std::string RenderActivity(const std::vector<intelligence::ActivityRecord>& records,
                           absl::TimeZone zone, int width, const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const intelligence::ActivityRecord& record : records) {
    const bool tokens = record.input_tokens + record.output_tokens > 0;
    rows.push_back({absl::FormatTime("%m-%d %H:%M:%S", record.time, zone),
                    record.method.substr(record.method.find('/') + 1),
                    record.action.empty() ? ShortName(record.model) : record.action,
                    record.request_class == intelligence::RequestClass::kDefault
                        ? ""
                        : Lower(Name(record.request_class)),
                    record.outcome, DurationText(record.duration), DurationText(record.queue_time),
                    DurationText(record.compute_time),
                    tokens ? absl::StrCat(record.input_tokens, "/", record.output_tokens) : "",
                    FormatBytes(record.input_bytes), FormatBytes(record.output_bytes),
                    record.client});
  }
  return FormatTable({{.title = "TIME"},
                      {.title = "METHOD"},
                      {.title = "MODEL"},
                      {.title = "CLASS"},
                      {.title = "OUTCOME"},
                      {.title = "TOOK", .right = true},
                      {.title = "QUEUED", .right = true},
                      {.title = "COMPUTED", .right = true},
                      {.title = "TOKENS", .right = true},
                      {.title = "IN", .right = true},
                      {.title = "OUT", .right = true},
                      {.title = "CLIENT"}},
                     rows, width, palette);
}

std::string RenderChecks(const std::vector<intelligence::DiagnosticCheck>& checks,
                         const Palette& palette) {
  size_t width = 0;
  for (const auto& check : checks) width = std::max(width, check.name.size());
  std::string out;
  for (const auto& check : checks) {
    Style style = Style::kGood;
    std::string_view mark = "ok    ";
    if (check.result == intelligence::DiagnosticCheck::Result::kWarning) {
      style = Style::kWarning;
      mark = "warn  ";
    } else if (check.result == intelligence::DiagnosticCheck::Result::kFailed) {
      style = Style::kBad;
      mark = "failed";
    }
    absl::StrAppend(&out, palette.Paint(style, mark), "  ", TerminalSafe(check.name),
                    std::string(width - check.name.size() + 2, ' '), TerminalSafe(check.finding),
                    "\n");
    if (!check.advice.empty()) {
      absl::StrAppend(&out, std::string(width + 10, ' '), "→ ", TerminalSafe(check.advice), "\n");
    }
  }
  return out;
}

std::string RenderDownload(const intelligence::InstallProgress& progress, int width) {
  std::string out = progress.phase == intelligence::InstallProgress::Phase::kVerifying
                        ? "Verifying "
                        : "Downloading ";
  if (progress.bytes_total == 0) {
    absl::StrAppend(&out, FormatBytes(progress.bytes_done));
  } else {
    const double share = std::min(
        1.0, static_cast<double>(progress.bytes_done) / static_cast<double>(progress.bytes_total));
    if (width >= 90) {
      constexpr int kBar = 20;
      const int full = static_cast<int>(share * kBar);
      absl::StrAppend(&out, "[", std::string(full, '#'), std::string(kBar - full, ' '), "] ");
    }
    absl::StrAppendFormat(&out, "%3.0f %%  %s of %s", 100 * share, FormatBytes(progress.bytes_done),
                          FormatBytes(progress.bytes_total));
  }
  if (progress.bytes_per_second > 0) {
    absl::StrAppend(&out, "  ", FormatBytes(static_cast<uint64_t>(progress.bytes_per_second)),
                    "/s");
  }
  if (progress.estimated_completion.has_value()) {
    absl::StrAppend(&out, "  ", DurationText(*progress.estimated_completion), " left");
  }
  return out;
}

}  // namespace intelligenced::mlctl
