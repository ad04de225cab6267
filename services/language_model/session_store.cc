#include "services/language_model/session_store.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/language_model/pictures.h"

namespace intelligenced {
namespace {

uint64_t BytesOf(const Transcript& transcript) {
  uint64_t bytes = 0;
  for (const auto& message : transcript) bytes += message->ByteSizeLong();
  return bytes;
}

// What the limits are of.
struct Extent {
  uint64_t text_bytes = 0;
  uint64_t pictures = 0;
  uint64_t picture_bytes = 0;
};

Extent ExtentOf(const Transcript& transcript) {
  Extent extent;
  for (const auto& message : transcript) {
    const uint64_t bytes = PictureBytes(*message);
    extent.pictures += static_cast<uint64_t>(message->images_size());
    extent.picture_bytes += bytes;
    extent.text_bytes += message->ByteSizeLong() - bytes;
  }
  return extent;
}

absl::Status TooLarge(std::string_view what, uint64_t bytes, uint64_t limit,
                      std::string_view advice) {
  return MakeError(
      Reason::kInputTooLarge,
      absl::StrCat(what, " would have ", bytes, " bytes; the limit is ", limit, ". ", advice),
      {.metadata = {{"size_bytes", absl::StrCat(bytes)}, {"limit_bytes", absl::StrCat(limit)}},
       .retry_delay = std::nullopt,
       .field = "messages"});
}

absl::Status GoneError(std::string_view id) {
  return MakeError(Reason::kSessionNotFound,
                   absl::StrCat("This app has no session sessions/", id,
                                ": it has expired, was deleted or ended with an earlier daemon. "
                                "Create another one from the transcript, if you kept that."));
}

absl::Status BusyError(std::string_view id) {
  return MakeError(Reason::kSessionBusy,
                   absl::StrCat("Another turn of sessions/", id,
                                " runs. Wait until it has ended, cancel it, or fork the session."));
}

absl::Time ExpiryOf(const SessionFacts& facts) { return facts.used + facts.expire_after; }

bool IsGone(const SessionFacts& facts, absl::Time now) {
  return !facts.busy && ExpiryOf(facts) <= now;
}

}  // namespace

absl::StatusOr<SessionFacts> SessionTurn::Commit(intelligence::v1::Message answer,
                                                 uint32_t used_tokens, uint32_t context_tokens) {
  return store_->Commit(*this, std::move(answer), used_tokens, context_tokens);
}

void SessionTurn::Abandon() { store_->Abandon(*this); }

absl::Status SessionTurn::CheckSession() const { return store_->Get(owner_, id_).status(); }

SessionStore::SessionStore(const SessionLimits& limits, const Clock* clock,
                           std::function<std::string()> make_id)
    : limits_(limits), clock_(clock), make_id_(std::move(make_id)) {}

SessionStore::Session* SessionStore::Find(std::string_view owner, std::string_view id,
                                          absl::Time now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.owner != owner) return nullptr;
  return IsGone(found->second.facts, now) ? nullptr : &found->second;
}

absl::Status SessionStore::CheckRoom(std::string_view owner, absl::Time now) const {
  size_t all = 0;
  size_t own = 0;
  absl::Time next = absl::InfiniteFuture();
  absl::Time next_own = absl::InfiniteFuture();
  for (const auto& [id, session] : sessions_) {
    if (IsGone(session.facts, now)) continue;
    const absl::Time expiry =
        session.facts.busy ? now + session.facts.expire_after : ExpiryOf(session.facts);
    ++all;
    next = std::min(next, expiry);
    if (session.owner != owner) continue;
    ++own;
    next_own = std::min(next_own, expiry);
  }
  if (own >= limits_.sessions_per_client) {
    return MakeError(
        Reason::kClientQuotaExceeded,
        absl::StrCat("This app has ", own, " sessions; the most is ", limits_.sessions_per_client,
                     ". Delete one that is done with."),
        {.metadata = {{"quota", "sessions"}, {"limit", absl::StrCat(limits_.sessions_per_client)}},
         .retry_delay = next_own - now,
         .field = ""});
  }
  if (all >= limits_.sessions) {
    return MakeError(Reason::kMemoryInsufficient,
                     absl::StrCat("All apps together have ", all, " sessions; the most is ",
                                  limits_.sessions, ". Try again when some have expired."),
                     {.metadata = {{"limit", absl::StrCat(limits_.sessions)}},
                      .retry_delay = next - now,
                      .field = ""});
  }
  return absl::OkStatus();
}

absl::Status SessionStore::CheckSize(const Transcript& transcript, const Transcript& added,
                                     absl::Time now) const {
  const size_t messages = transcript.size() + added.size();
  if (messages > limits_.messages) {
    return FieldError("messages", absl::StrCat("would make ", messages,
                                               " messages of the transcript; the most is ",
                                               limits_.messages, ". Begin another session."));
  }
  const Extent old = ExtentOf(transcript);
  const Extent more = ExtentOf(added);
  const uint64_t bytes = old.text_bytes + more.text_bytes;
  // What an answer added beyond the limit stays; only adding to it is refused.
  if (bytes > limits_.bytes && !added.empty()) {
    return TooLarge("The transcript", bytes, limits_.bytes,
                    "Begin another session, with a summary of this one.");
  }
  if (old.pictures + more.pictures > limits_.pictures) {
    return FieldError("messages", absl::StrCat("would make ", old.pictures + more.pictures,
                                               " pictures in the transcript; the most is ",
                                               limits_.pictures, ". Begin another session."));
  }
  if (old.picture_bytes + more.picture_bytes > limits_.picture_bytes) {
    return TooLarge("The pictures of the transcript", old.picture_bytes + more.picture_bytes,
                    limits_.picture_bytes, "Send smaller ones, or begin another session.");
  }
  return CheckPictureRoom(more.picture_bytes, now);
}

absl::Status SessionStore::CheckPictureRoom(uint64_t added, absl::Time now) const {
  if (added == 0) return absl::OkStatus();
  uint64_t bytes = added;
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, session] : sessions_) {
    if (IsGone(session.facts, now)) continue;
    const uint64_t held = ExtentOf(session.facts.transcript).picture_bytes;
    bytes += held;
    if (held > 0) next = std::min(next, ExpiryOf(session.facts));
  }
  if (bytes <= limits_.all_picture_bytes) return absl::OkStatus();
  return MakeError(Reason::kMemoryInsufficient,
                   absl::StrCat("The sessions of all apps together would keep ", bytes,
                                " bytes of pictures; the most is ", limits_.all_picture_bytes,
                                ". Try again when some have expired, or generate without a "
                                "session."),
                   {.metadata = {{"limit", absl::StrCat(limits_.all_picture_bytes)}},
                    .retry_delay = std::max(next - now, absl::Seconds(1)),
                    .field = ""});
}

absl::StatusOr<SessionFacts> SessionStore::Insert(std::string_view owner, NewSession session,
                                                  absl::Time now) {
  if (absl::Status status = CheckSize({}, session.transcript, now); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckRoom(owner, now); !status.ok()) return status;
  SessionFacts facts;
  facts.id = make_id_();
  facts.model = std::move(session.model);
  facts.transcript = std::move(session.transcript);
  facts.bytes = BytesOf(facts.transcript);
  facts.tokens.context = session.context_tokens;
  facts.created = now;
  facts.used = now;
  facts.expire_after = session.expire_after;
  const auto [it, inserted] = sessions_.emplace(facts.id, Session{});
  CHECK(inserted) << "session ids must not come twice";
  it->second.owner = owner;
  it->second.facts = std::move(facts);
  return it->second.facts;
}

absl::StatusOr<SessionFacts> SessionStore::Create(std::string_view owner, NewSession session) {
  absl::MutexLock lock(mutex_);
  return Insert(owner, std::move(session), clock_->Now());
}

absl::StatusOr<SessionFacts> SessionStore::Get(std::string_view owner, std::string_view id) {
  absl::MutexLock lock(mutex_);
  Session* session = Find(owner, id, clock_->Now());
  if (session == nullptr) return GoneError(id);
  return session->facts;
}

std::vector<SessionFacts> SessionStore::List(std::string_view owner) const {
  std::vector<SessionFacts> list;
  {
    absl::MutexLock lock(mutex_);
    const absl::Time now = clock_->Now();
    for (const auto& [id, session] : sessions_) {
      if (session.owner == owner && !IsGone(session.facts, now)) list.push_back(session.facts);
    }
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const SessionFacts& a, const SessionFacts& b) { return a.used > b.used; });
  return list;
}

absl::StatusOr<SessionFacts> SessionStore::Append(std::string_view owner, std::string_view id,
                                                  const Transcript& messages) {
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  Session* session = Find(owner, id, now);
  if (session == nullptr) return GoneError(id);
  if (session->facts.busy) return BusyError(id);
  if (absl::Status status = CheckSize(session->facts.transcript, messages, now); !status.ok())
    return status;
  SessionFacts& facts = session->facts;
  facts.transcript.insert(facts.transcript.end(), messages.begin(), messages.end());
  facts.bytes += BytesOf(messages);
  facts.used = now;
  return facts;
}

absl::StatusOr<SessionFacts> SessionStore::Fork(std::string_view owner, std::string_view id,
                                                std::optional<size_t> message_count,
                                                std::optional<absl::Duration> expire_after) {
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  Session* session = Find(owner, id, now);
  if (session == nullptr) return GoneError(id);
  const Transcript& transcript = session->facts.transcript;
  const size_t count = message_count.value_or(transcript.size());
  if (count > transcript.size()) {
    return FieldError("message_count", absl::StrCat("is ", count, "; the transcript has ",
                                                    transcript.size(), " messages."));
  }
  NewSession fork;
  fork.model = session->facts.model;
  fork.transcript.assign(transcript.begin(), transcript.begin() + static_cast<ptrdiff_t>(count));
  fork.expire_after = expire_after.value_or(session->facts.expire_after);
  fork.context_tokens = session->facts.tokens.context;
  absl::StatusOr<SessionFacts> made = Insert(owner, std::move(fork), now);
  if (!made.ok()) return made;
  session->facts.used = now;
  if (session->facts.tokens.messages <= count) {
    // The measure is of messages that the fork has too.
    Session* copy = Find(owner, made->id, now);
    copy->facts.tokens = session->facts.tokens;
    made->tokens = copy->facts.tokens;
  }
  return made;
}

absl::Status SessionStore::Delete(std::string_view owner, std::string_view id) {
  absl::AnyInvocable<void()> on_deleted;
  {
    absl::MutexLock lock(mutex_);
    Session* session = Find(owner, id, clock_->Now());
    if (session == nullptr) return GoneError(id);
    on_deleted = std::move(session->on_deleted);
    sessions_.erase(sessions_.find(id));
  }
  if (on_deleted) on_deleted();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<SessionTurn>> SessionStore::BeginTurn(
    std::string_view owner, std::string_view id, const Transcript& added,
    absl::AnyInvocable<void()> on_deleted) {
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  Session* session = Find(owner, id, now);
  if (session == nullptr) return GoneError(id);
  if (session->facts.busy) return BusyError(id);
  if (absl::Status status = CheckSize(session->facts.transcript, added, now); !status.ok()) {
    return status;
  }
  session->facts.busy = true;
  session->turn = next_turn_++;
  session->on_deleted = std::move(on_deleted);
  Transcript messages = session->facts.transcript;
  messages.insert(messages.end(), added.begin(), added.end());
  return std::shared_ptr<SessionTurn>(new SessionTurn(shared_from_this(), std::string(owner),
                                                      std::string(id), session->turn,
                                                      session->facts.model, std::move(messages)));
}

absl::StatusOr<SessionFacts> SessionStore::Commit(const SessionTurn& turn,
                                                  intelligence::v1::Message answer,
                                                  uint32_t used_tokens, uint32_t context_tokens) {
  absl::AnyInvocable<void()> dropped;
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  Session* session = Find(turn.owner_, turn.id_, now);
  if (session == nullptr) return GoneError(turn.id_);
  if (session->turn != turn.number_) {
    return MakeError(Reason::kCancelled, "The turn had been given up.");
  }
  SessionFacts& facts = session->facts;
  // Nothing else can have changed the transcript while the turn ran.
  facts.transcript = turn.messages_;
  facts.transcript.push_back(std::make_shared<const intelligence::v1::Message>(std::move(answer)));
  facts.bytes = BytesOf(facts.transcript);
  facts.tokens.used = used_tokens;
  facts.tokens.messages = facts.transcript.size();
  if (context_tokens > 0) facts.tokens.context = context_tokens;
  facts.used = now;
  facts.busy = false;
  session->turn = 0;
  dropped = std::exchange(session->on_deleted, nullptr);
  return facts;
}

void SessionStore::Abandon(const SessionTurn& turn) {
  absl::AnyInvocable<void()> dropped;
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  Session* session = Find(turn.owner_, turn.id_, now);
  if (session == nullptr || session->turn != turn.number_) return;
  session->facts.used = now;
  session->facts.busy = false;
  session->turn = 0;
  dropped = std::exchange(session->on_deleted, nullptr);
}

void SessionStore::NoteTokens(std::string_view owner, std::string_view id,
                              const TranscriptTokens& tokens, bool touch) {
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  Session* session = Find(owner, id, now);
  if (session == nullptr) return;
  TranscriptTokens& known = session->facts.tokens;
  if (tokens.context > 0) known.context = tokens.context;
  if (tokens.messages >= known.messages) {
    known.used = tokens.used;
    known.messages = tokens.messages;
  }
  if (touch) session->facts.used = now;
}

absl::Time SessionStore::ExpireIdle() {
  // Transcripts are let go of without the lock.
  std::vector<Session> gone;
  absl::Time next = absl::InfiniteFuture();
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const SessionFacts& facts = it->second.facts;
    if (IsGone(facts, now)) {
      gone.push_back(std::move(it->second));
      it = sessions_.erase(it);
      continue;
    }
    next = std::min(next, facts.busy ? now + facts.expire_after : ExpiryOf(facts));
    ++it;
  }
  return next;
}

std::string MakeSessionId() {
  std::array<unsigned char, 16> bytes;
  CHECK_EQ(getentropy(bytes.data(), bytes.size()), 0) << "the system has no random numbers";
  return absl::BytesToHexString(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace intelligenced
