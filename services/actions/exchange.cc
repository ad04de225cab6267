// Connections, starts, deadlines, and how runs end.
#include "services/actions/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/actions/results.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

absl::Status ProviderError(Reason reason, const std::string& provider, std::string_view message) {
  ErrorFacts facts;
  facts.metadata = {{"provider", provider}};
  return MakeError(reason, message, std::move(facts));
}

}  // namespace

ActionExchange::ActionExchange(ExchangeOutput* output, std::function<std::string()> make_id,
                               ExchangeLimits limits)
    : output_(output), make_id_(std::move(make_id)), limits_(limits), kept_(limits.kept) {}

absl::Status ActionExchange::ProviderRegisters(uint64_t stream, const ActionActor& actor,
                                               const v1::RegisterProvider& message,
                                               absl::Time now) {
  const absl::StatusOr<ActionRegistry::Registered> registered =
      registry_.Register(stream, actor, message.declaration());
  if (!registered.ok()) return registered.status();
  const ActionRegistry::Key key(actor.user_id, registered->declaration->id());
  Stream added;
  added.key = key;
  streams_[stream] = std::move(added);
  v1::ProvideResponse response;
  *response.mutable_registered()->mutable_declaration() = *registered->declaration;
  output_->ToProvider(stream, response);
  if (registered->replaced != 0) {
    ProviderGone(registered->replaced, now);
    output_->EndProvider(
        registered->replaced,
        MakeError(Reason::kCancelled, "Another connection of this app took the provider over."));
  }
  starting_.erase(key);
  if (registered->imported) output_->Imported(actor.user_id, registered->declaration);
  ResumeWaiting(key, now);
  return absl::OkStatus();
}

void ActionExchange::ResumeWaiting(const ActionRegistry::Key& key, absl::Time now) {
  const auto waiting = RunIds([&key](const Run& run) {
    return run.waits == Waits::kProvider && run.actor.user_id == key.first &&
           run.provider.declaration->id() == key.second;
  });
  for (const std::string& id : waiting) {
    if (const auto found = runs_.find(id); found != runs_.end()) Advance(found->second, now);
  }
}

void ActionExchange::ProviderGone(uint64_t stream, absl::Time now) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  const std::string provider = found->second.key.second;
  streams_.erase(found);
  registry_.Unregister(stream);
  const auto touched = RunIds([&](const Run& run) {
    if (run.stream == stream) return true;
    const auto query = queries_.find(run.query);
    return query != queries_.end() && query->second.stream == stream;
  });
  for (const std::string& id : touched) {
    const auto entry = runs_.find(id);
    if (entry == runs_.end()) continue;
    Run& run = entry->second;
    const bool started = run.stream != 0;
    ErrorFacts facts;
    facts.metadata = {{"provider", provider}, {"started", started ? "true" : "false"}};
    run.stream = 0;
    EndRun(run,
           MakeError(Reason::kActionProviderLost,
                     started ? absl::StrCat("The app of ", provider,
                                            " ended in the middle of the action. What it had done "
                                            "by then is not known.")
                             : absl::StrCat("The app of ", provider,
                                            " ended before the action began. Nothing was done."),
                     std::move(facts)),
           nullptr, now);
  }
}

void ActionExchange::EndWaiting(const ActionRegistry::Key& key, const absl::Status& status,
                                absl::Time now) {
  starting_.erase(key);
  const auto waiting = RunIds([&](const Run& run) {
    return run.waits == Waits::kProvider && run.actor.user_id == key.first &&
           run.provider.declaration->id() == key.second;
  });
  for (const std::string& id : waiting) {
    if (const auto found = runs_.find(id); found != runs_.end()) {
      EndRun(found->second, status, nullptr, now);
    }
  }
}

void ActionExchange::ProviderStartFailed(uid_t user, const std::string& provider, uint64_t start,
                                         const absl::Status& status, absl::Time now) {
  const ActionRegistry::Key key(user, provider);
  const auto found = starting_.find(key);
  if (found == starting_.end() || found->second.number != start) return;
  EndWaiting(key, ProviderError(Reason::kActionProviderUnavailable, provider, status.message()),
             now);
}

void ActionExchange::ProviderExited(uid_t user, const std::string& provider, uint64_t start,
                                    ProviderExit exit, absl::Time now) {
  const ActionRegistry::Key key(user, provider);
  const auto found = starting_.find(key);
  if (found == starting_.end() || found->second.number != start) return;
  if (exit.well()) {
    found->second.exited = true;
    return;
  }
  ErrorFacts facts;
  facts.metadata = {{"provider", provider},
                    {exit.signal == 0 ? "exit_status" : "signal",
                     absl::StrCat(exit.signal == 0 ? exit.status : exit.signal)}};
  EndWaiting(key,
             MakeError(Reason::kActionProviderUnavailable,
                       absl::StrCat("The app of ", provider, " was started and ", exit.Words(),
                                    " before it connected. Start it by hand to see why."),
                       std::move(facts)),
             now);
}

void ActionExchange::Tick(absl::Time now) {
  std::vector<ActionRegistry::Key> late;
  for (const auto& [key, starting] : starting_) {
    if (starting.until <= now) late.push_back(key);
  }
  for (const ActionRegistry::Key& key : late) {
    const bool exited = starting_[key].exited;
    EndWaiting(key,
               ProviderError(Reason::kActionProviderUnavailable, key.second,
                             absl::StrCat("The app of ", key.second, " was started",
                                          exited ? ", exited without a failure" : "",
                                          " and has not connected in time.")),
               now);
  }
  const auto expired = RunIds([now](const Run& run) { return run.deadline <= now; });
  for (const std::string& id : expired) {
    const auto found = runs_.find(id);
    if (found == runs_.end()) continue;
    Run& run = found->second;
    const std::string& title = run.provider.declaration->title();
    const auto [what, words] = [&]() -> std::pair<std::string, std::string> {
      switch (run.waits) {
        case Waits::kEntities:
          return {"entities", absl::StrCat(title, " did not say which things it has in time.")};
        case Waits::kValue:
          return {"value", "A value was asked for, and none came in time."};
        case Waits::kConfirmation:
          return {"confirmation", "A confirmation was asked for, and none came in time."};
        default:
          return {"progress", absl::StrCat(title, " has shown no progress for ",
                                           absl::FormatDuration(limits_.progress), ".")};
      }
    }();
    ErrorFacts facts;
    facts.metadata = {{"waiting_for", what}, {"provider", run.provider.declaration->id()}};
    EndRun(run, MakeError(Reason::kActionTimedOut, words, std::move(facts)), nullptr, now);
  }
}

absl::Time ActionExchange::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, run] : runs_) next = std::min(next, run.deadline);
  for (const auto& [key, starting] : starting_) next = std::min(next, starting.until);
  return next;
}

void ActionExchange::EndRun(Run& run, const absl::Status& status, const v1::RunCompleted* completed,
                            absl::Time now) {
  StopAsking(run);
  v1::RunCompleted answer;
  if (completed != nullptr) {
    answer = *completed;
    SetElapsed(now - run.started, &answer);
  }
  if (!run.query.empty()) {
    if (const auto query = queries_.find(run.query); query != queries_.end()) {
      Forgive(query->second.stream, run.query);
      queries_.erase(query);
    }
  }
  if (run.stream != 0) {
    v1::ProvideResponse response;
    response.mutable_cancelled()->set_run_id(run.id);
    TellProvider(run, response);
    Forgive(run.stream, run.id);
  }
  if (!run.request_id.empty()) {
    kept_.Keep({absl::StrCat(run.actor.user_id, ":", run.caller), run.request_id},
               {.fingerprint = run.fingerprint, .status = status, .completed = answer}, now);
  }
  if (completed != nullptr) {
    output_->RunDone(run.actor.user_id, run.action->name(), run.values);
  }
  std::vector<uint64_t> calls = run.joined;
  if (run.call != 0) calls.push_back(run.call);
  for (const uint64_t call : calls) by_call_.erase(call);
  runs_.erase(std::string(run.id));
  for (const uint64_t call : calls) {
    if (completed != nullptr) {
      v1::RunActionResponse response;
      *response.mutable_completed() = answer;
      output_->ToCaller(call, response);
    }
    output_->EndCaller(call, status);
  }
}

void ActionExchange::Forgive(uint64_t stream, const std::string& id) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second.cancelled.push_back(id);
  while (found->second.cancelled.size() > 256) found->second.cancelled.pop_front();
}

void ActionExchange::Wait(Run& run, Waits waits, absl::Time deadline) {
  run.waits = waits;
  run.deadline = deadline;
}

void ActionExchange::Tell(const Run& run, const v1::RunActionResponse& message) {
  if (run.call != 0) output_->ToCaller(run.call, message);
}

void ActionExchange::TellProvider(const Run& run, const v1::ProvideResponse& message) {
  if (streams_.contains(run.stream)) output_->ToProvider(run.stream, message);
}

std::vector<std::string> ActionExchange::RunIds(
    const std::function<bool(const Run&)>& wanted) const {
  std::vector<std::string> ids;
  for (const auto& [id, run] : runs_) {
    if (wanted(run)) ids.push_back(id);
  }
  return ids;
}

}  // namespace intelligenced
