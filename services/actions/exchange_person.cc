// What only the person decides, and who may bring the answer.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/reasons.h"
#include "services/actions/exchange.h"
#include "services/actions/results.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// A word of a command that a person may copy into a shell: an app's path is the app's choice.
std::string ShellWord(std::string_view text) {
  const std::string plain = MakePlainLine(text, 4096);
  const bool safe = std::all_of(plain.begin(), plain.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("/._-:@+,#", c);
  });
  return safe ? plain : absl::StrCat("'", absl::StrReplaceAll(plain, {{"'", "'\\''"}}), "'");
}

}  // namespace

bool ActionExchange::HasConfirmer(uid_t user) const {
  return std::any_of(confirmers_.begin(), confirmers_.end(),
                     [user](const auto& entry) { return entry.second.user_id == user; });
}

bool ActionExchange::AskPerson(Run& run, v1::ConfirmationKind kind, std::string_view prompt,
                               absl::Time now) {
  // A caller that the person trusts with this provider may put harmless questions itself; what
  // cannot be undone, and the trust itself, it may not answer.
  const bool here = run.asks_here || (kind != v1::CONFIRMATION_KIND_GRANT && run.always &&
                                      !run.action->is_destructive());
  run.question = Question();
  run.question.kind = kind;
  run.question.here = here;
  v1::NeedsConfirmation& confirmation = run.question.confirmation;
  confirmation.set_kind(kind);
  confirmation.set_prompt(std::string(prompt));
  confirmation.set_is_destructive(run.action->is_destructive());
  v1::RunActionResponse response;
  if (here) {
    if (run.half_closed || run.call == 0) {
      NotConfirmed(run, kind, "nobody answers here", now);
      return false;
    }
    *response.mutable_needs_confirmation() = confirmation;
    Wait(run, Waits::kConfirmation, now + limits_.question);
    Tell(run, response);
    return true;
  }
  if (!HasConfirmer(run.actor.user_id)) {
    NotConfirmed(run, kind, "nobody is there to ask", now);
    return false;
  }
  run.question.id = make_id_();
  questions_[run.question.id] = run.id;
  response.mutable_waiting_for_person()->set_kind(kind);
  Wait(run, Waits::kConfirmation, now + limits_.question);
  Tell(run, response);
  const uid_t user = run.actor.user_id;
  for (const auto& [stream, actor] : confirmers_) {
    if (actor.user_id == user) PutQuestion(stream, run);
  }
  return true;
}

void ActionExchange::PutQuestion(uint64_t confirmer, const Run& run) {
  v1::AnswerConfirmationsResponse asked;
  v1::PersonQuestion& question = *asked.mutable_question();
  question.set_question_id(run.question.id);
  question.set_caller(run.caller);
  question.set_caller_display_name(MakePlainLine(run.actor.display_name, 64));
  question.set_action(run.action->name());
  *question.mutable_confirmation() = run.question.confirmation;
  output_->ToConfirmer(confirmer, asked);
}

void ActionExchange::TakeDecision(Run& run, v1::ConfirmationDecision decision, absl::Time now) {
  const v1::ConfirmationKind kind = run.question.kind;
  const bool allowed = decision == v1::CONFIRMATION_DECISION_ALLOW;
  StopAsking(run);
  if (kind == v1::CONFIRMATION_KIND_GRANT) {
    const bool never = decision == v1::CONFIRMATION_DECISION_NEVER;
    if (allowed || never) {
      const absl::Status kept =
          grants_.Set(GrantKey(run), allowed ? v1::GRANT_POLICY_ALWAYS : v1::GRANT_POLICY_NEVER);
      // Without room the answer holds this once.
      if (kept.ok()) output_->SaveGrants();
    }
    if (!allowed) return NotConfirmed(run, kind, "the person said no", now);
    run.granted = true;
    run.always = true;
    return Advance(run, now);
  }
  if (!allowed) return NotConfirmed(run, kind, "the person said no", now);
  if (kind == v1::CONFIRMATION_KIND_RUN) {
    run.confirmed = true;
    return Advance(run, now);
  }
  v1::ProvideResponse response;
  response.mutable_answer()->set_run_id(run.id);
  response.mutable_answer()->set_confirmed(true);
  Wait(run, Waits::kProgress, now + limits_.progress);
  TellProvider(run, response);
}

void ActionExchange::GrantsChanged(uid_t user, absl::Time now) {
  const auto waiting = RunIds([user](const Run& run) {
    return run.actor.user_id == user && run.waits == Waits::kConfirmation &&
           run.question.kind == v1::CONFIRMATION_KIND_GRANT;
  });
  for (const std::string& id : waiting) {
    const auto run = runs_.find(id);
    if (run == runs_.end()) continue;
    const v1::GrantPolicy policy = grants_.Find(GrantKey(run->second));
    if (policy != v1::GRANT_POLICY_ALWAYS && policy != v1::GRANT_POLICY_NEVER) continue;
    StopAsking(run->second);
    Advance(run->second, now);
  }
}

void ActionExchange::NotConfirmed(Run& run, v1::ConfirmationKind kind, std::string_view why,
                                  absl::Time now) {
  const std::string provider = run.provider.declaration->id();
  if (kind == v1::CONFIRMATION_KIND_GRANT) {
    ErrorFacts facts;
    facts.metadata = {{"caller", run.caller}, {"provider", provider}};
    return EndRun(run,
                  MakeError(Reason::kCallerNotAuthorized,
                            absl::StrCat(run.caller, " may not run actions of ", provider, ": ",
                                         why, ". `mlctl actions grant ", ShellWord(run.caller), " ",
                                         provider, "` allows it."),
                            std::move(facts)),
                  nullptr, now);
  }
  if (run.stream != 0 && streams_.contains(run.stream)) {
    v1::ProvideResponse response;
    response.mutable_answer()->set_run_id(run.id);
    response.mutable_answer()->set_confirmed(false);
    TellProvider(run, response);
  }
  ErrorFacts facts;
  facts.metadata = {{"action", run.action->name()}};
  EndRun(run,
         MakeError(Reason::kActionNotConfirmed,
                   absl::StrCat("“", run.action->title(), "” needs the person's word, and ", why,
                                run.stream != 0 ? "." : ". Nothing was done."),
                   std::move(facts)),
         nullptr, now);
}

void ActionExchange::StopAsking(Run& run) {
  if (!run.question.id.empty()) {
    questions_.erase(run.question.id);
    v1::AnswerConfirmationsResponse response;
    response.set_withdrawn_question_id(run.question.id);
    for (const auto& [stream, actor] : confirmers_) {
      if (actor.user_id == run.actor.user_id) output_->ToConfirmer(stream, response);
    }
  }
  run.question = Question();
}

absl::Status ActionExchange::ConfirmerConnects(uint64_t stream, const ActionActor& actor,
                                               absl::Time) {
  if (!actor.trusted) {
    return MakeError(Reason::kCallerNotAuthorized,
                     absl::StrCat(actor.app,
                                  " is none of the person's clients, so it cannot answer "
                                  "for them. [actions] trusted_clients in the "
                                  "daemon's configuration names these."));
  }
  if (confirmers_.size() >= 256) {
    return MakeError(Reason::kQueueFull, "Too many clients wait for questions.");
  }
  confirmers_[stream] = actor;
  // Those that wait already are put to the new one too.
  for (const auto& [id, run_id] : questions_) {
    const auto run = runs_.find(run_id);
    if (run == runs_.end() || run->second.actor.user_id != actor.user_id) continue;
    PutQuestion(stream, run->second);
  }
  return absl::OkStatus();
}

absl::Status ActionExchange::ConfirmerSays(uint64_t stream,
                                           const v1::AnswerConfirmationsRequest& message,
                                           absl::Time now) {
  const auto confirmer = confirmers_.find(stream);
  if (confirmer == confirmers_.end()) return absl::OkStatus();
  if (message.question_id().empty()) return FieldError("question_id", "is required.");
  const auto question = questions_.find(message.question_id());
  if (question == questions_.end()) return absl::OkStatus();
  const auto run = runs_.find(question->second);
  if (run == runs_.end() || run->second.actor.user_id != confirmer->second.user_id) {
    return absl::OkStatus();
  }
  TakeDecision(run->second, message.decision(), now);
  return absl::OkStatus();
}

void ActionExchange::ConfirmerGone(uint64_t stream, absl::Time now) {
  const auto found = confirmers_.find(stream);
  if (found == confirmers_.end()) return;
  const uid_t user = found->second.user_id;
  confirmers_.erase(found);
  if (HasConfirmer(user)) return;
  const auto asked = RunIds([user](const Run& run) {
    return run.actor.user_id == user && run.waits == Waits::kConfirmation && !run.question.here;
  });
  for (const std::string& id : asked) {
    const auto run = runs_.find(id);
    if (run == runs_.end()) continue;
    NotConfirmed(run->second, run->second.question.kind, "nobody is there to ask", now);
  }
}

}  // namespace intelligenced
