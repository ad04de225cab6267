// The sessions of all apps: transcripts with an owner and a time to live. In memory only.
//
// Driven by a clock and by calls alone: an expired session is gone for every caller from that
// instant, and ExpireIdle() gives its memory back (session_expiry.h calls it in time).
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSION_STORE_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSION_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "protos/support/limits.h"
#include "runtime/base/clock.h"

namespace intelligenced {

struct SessionLimits {
  size_t sessions_per_client = kMaxSessionsPerClient;
  size_t sessions = kMaxSessions;
  size_t messages = kMaxMessages;
  // Of a transcript without its pictures.
  size_t bytes = kMaxTextBytes;
  // Of pictures: their number and bytes in a transcript, and the bytes of all sessions together.
  size_t pictures = kMaxConversationImages;
  size_t picture_bytes = kMaxSessionImageBytes;
  size_t all_picture_bytes = kMaxAllSessionsImageBytes;
};

// Messages never change once they are in a transcript: forks and turns share them.
using Transcript = std::vector<std::shared_ptr<const intelligence::v1::Message>>;

// What a transcript took of the model's context when it was last measured.
struct TranscriptTokens {
  uint32_t used = 0;
  // How many messages, from the first, `used` is of.
  size_t messages = 0;
  // 0: not known.
  uint32_t context = 0;
};

// A session as it was at a moment.
struct SessionFacts {
  std::string id;
  // "model" or "model/function".
  std::string model;
  Transcript transcript;
  // Pictures and all.
  uint64_t bytes = 0;
  TranscriptTokens tokens;
  bool busy = false;
  absl::Time created;
  absl::Time used;
  absl::Duration expire_after;
};

// What a session begins with.
struct NewSession {
  std::string model;
  Transcript transcript;
  absl::Duration expire_after = kDefaultSessionExpiry;
  // 0: not known.
  uint32_t context_tokens = 0;
};

class SessionStore;

// One turn of a session. While it lives, and is neither committed nor abandoned, the session is
// busy and does not expire. Thread-safe.
class SessionTurn {
 public:
  ~SessionTurn() { Abandon(); }
  SessionTurn(const SessionTurn&) = delete;
  SessionTurn& operator=(const SessionTurn&) = delete;

  const std::string& model() const { return model_; }
  // The transcript and the turn's own messages behind it.
  const Transcript& messages() const { return messages_; }

  // Adds the turn's messages and the answer to the transcript and ends the turn. Returns the
  // session as it is then. SESSION_NOT_FOUND when it was deleted meanwhile, CANCELLED after
  // Abandon().
  absl::StatusOr<SessionFacts> Commit(intelligence::v1::Message answer, uint32_t used_tokens,
                                      uint32_t context_tokens);

  // Ends the turn and leaves the transcript as it was. Does nothing once the turn has ended.
  void Abandon();

  // SESSION_NOT_FOUND once the session was deleted.
  absl::Status CheckSession() const;

 private:
  friend class SessionStore;
  SessionTurn(std::shared_ptr<SessionStore> store, std::string owner, std::string id,
              uint64_t number, std::string model, Transcript messages)
      : store_(std::move(store)),
        owner_(std::move(owner)),
        id_(std::move(id)),
        number_(number),
        model_(std::move(model)),
        messages_(std::move(messages)) {}

  const std::shared_ptr<SessionStore> store_;
  const std::string owner_;
  const std::string id_;
  const uint64_t number_;
  const std::string model_;
  const Transcript messages_;
};

// Thread-safe; no lock is held when it calls out. Owned by a shared_ptr, which turns hold.
//
// `owner` is a client identity. Errors of every method that takes an id: SESSION_NOT_FOUND, also
// for another owner's session. `id` is bare, without "sessions/".
class SessionStore final : public std::enable_shared_from_this<SessionStore> {
 public:
  // `make_id` gives ids that cannot be guessed and do not come twice; it is called with the lock
  // held. `clock` outlives the store.
  SessionStore(const SessionLimits& limits, const Clock* clock,
               std::function<std::string()> make_id);

  // CLIENT_QUOTA_EXCEEDED, MEMORY_INSUFFICIENT, INPUT_TOO_LARGE, FIELD_INVALID (messages).
  absl::StatusOr<SessionFacts> Create(std::string_view owner, NewSession session);
  absl::StatusOr<SessionFacts> Get(std::string_view owner, std::string_view id);
  // Last used first.
  std::vector<SessionFacts> List(std::string_view owner) const;
  // SESSION_BUSY, INPUT_TOO_LARGE, FIELD_INVALID (messages).
  absl::StatusOr<SessionFacts> Append(std::string_view owner, std::string_view id,
                                      const Transcript& messages);
  // `message_count` and `expire_after` default to the original's. FIELD_INVALID (message_count) and
  // the errors of Create().
  absl::StatusOr<SessionFacts> Fork(std::string_view owner, std::string_view id,
                                    std::optional<size_t> message_count,
                                    std::optional<absl::Duration> expire_after);
  // A turn that runs has its `on_deleted` called.
  absl::Status Delete(std::string_view owner, std::string_view id);

  // `added` are the turn's own messages. `on_deleted` is called at most once, from Delete(), while
  // the turn runs. SESSION_BUSY, INPUT_TOO_LARGE, FIELD_INVALID (messages).
  absl::StatusOr<std::shared_ptr<SessionTurn>> BeginTurn(std::string_view owner,
                                                         std::string_view id,
                                                         const Transcript& added,
                                                         absl::AnyInvocable<void()> on_deleted);

  // What was measured of the transcript's first messages. Older news than what is known is dropped,
  // and so is news of a session that is gone. `touch`: measuring it was use of it.
  void NoteTokens(std::string_view owner, std::string_view id, const TranscriptTokens& tokens,
                  bool touch);

  // Forgets what has expired. Returns when to call it again; InfiniteFuture when there is nothing.
  absl::Time ExpireIdle();

 private:
  friend class SessionTurn;

  struct Session {
    std::string owner;
    SessionFacts facts;
    // 0: no turn runs.
    uint64_t turn = 0;
    absl::AnyInvocable<void()> on_deleted;
  };
  using Sessions = std::map<std::string, Session, std::less<>>;

  Session* Find(std::string_view owner, std::string_view id, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRoom(std::string_view owner, absl::Time now) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<SessionFacts> Insert(std::string_view owner, NewSession session, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What a transcript may have in all, and all of them together.
  absl::Status CheckSize(const Transcript& transcript, const Transcript& added,
                         absl::Time now) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckPictureRoom(uint64_t added, absl::Time now) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<SessionFacts> Commit(const SessionTurn& turn, intelligence::v1::Message answer,
                                      uint32_t used_tokens, uint32_t context_tokens);
  void Abandon(const SessionTurn& turn);

  const SessionLimits limits_;
  const Clock* const clock_;
  const std::function<std::string()> make_id_;
  mutable absl::Mutex mutex_;
  Sessions sessions_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_turn_ ABSL_GUARDED_BY(mutex_) = 1;
};

// 128 random bits of the system's, as 32 hexadecimal digits.
std::string MakeSessionId();

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSION_STORE_H_
