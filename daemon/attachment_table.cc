#include "daemon/attachment_table.h"

#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#include <array>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr size_t kTokenBytes = 16;

// Room comes back when a request ends.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// Who holds too much, as a sentence begins.
absl::Status Full(Reason reason, std::string_view who) {
  ErrorFacts facts;
  facts.metadata["quota"] = "attachments";
  facts.retry_delay = kRetryDelay;
  return MakeError(reason,
                   absl::StrCat(who,
                                " as many descriptors, or as large ones, as may be with the daemon "
                                "at a time. Make their requests, and wait for the ends of some."),
                   std::move(facts));
}

}  // namespace

absl::StatusOr<std::string> MakeRandomToken() {
  std::array<char, kTokenBytes> bytes;
  if (getentropy(bytes.data(), bytes.size()) != 0) {
    return MakeError(Reason::kMemoryInsufficient, "The system has no random numbers to give.");
  }
  return absl::BytesToHexString(std::string_view(bytes.data(), bytes.size()));
}

// Who has how much. Thread-safe; its lock is taken last.
class AttachmentTable::Ledger {
 public:
  explicit Ledger(const AttachmentLimits& limits) : limits_(limits) {}

  absl::Status Reserve(const Identity& owner, uint64_t bytes) {
    const auto fits = [bytes](const Held& held, const AttachmentLimits::Share& limit) {
      return held.count < limit.count && bytes <= limit.bytes && held.bytes <= limit.bytes - bytes;
    };
    const std::string id = owner.id();
    absl::MutexLock lock(mutex_);
    Held& app = by_app_[id];
    Held& user = by_user_[owner.user_id];
    absl::Status status;
    if (!fits(app, limits_.app)) {
      status = Full(Reason::kClientQuotaExceeded, "This app has handed over");
    } else if (!fits(user, limits_.user)) {
      status = Full(Reason::kClientQuotaExceeded, "This user's apps have handed over");
    } else if (!fits(all_, limits_.all)) {
      status = Full(Reason::kQueueFull, "All apps together have handed over");
    }
    for (Held* const held : {&app, &user, &all_}) {
      ++held->count;
      held->bytes += bytes;
    }
    if (!status.ok()) Remove(id, owner.user_id, bytes);
    return status;
  }

  void GiveBack(const std::string& client_id, uid_t user_id, uint64_t bytes) {
    absl::MutexLock lock(mutex_);
    Remove(client_id, user_id, bytes);
  }

 private:
  struct Held {
    int count = 0;
    uint64_t bytes = 0;
  };

  void Remove(const std::string& client_id, uid_t user_id, uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto take = [bytes](Held& held) {
      --held.count;
      held.bytes -= bytes;
      return held.count == 0;
    };
    if (take(by_app_[client_id])) by_app_.erase(client_id);
    if (take(by_user_[user_id])) by_user_.erase(user_id);
    take(all_);
  }

  const AttachmentLimits limits_;
  absl::Mutex mutex_;
  std::map<std::string, Held> by_app_ ABSL_GUARDED_BY(mutex_);
  std::map<uid_t, Held> by_user_ ABSL_GUARDED_BY(mutex_);
  Held all_ ABSL_GUARDED_BY(mutex_);
};

// An attachment and its room.
struct AttachmentTable::Lent {
  Lent(std::shared_ptr<Ledger> ledger, const Identity& owner,
       std::shared_ptr<const Attachment> attachment)
      : ledger(std::move(ledger)),
        client_id(owner.id()),
        user_id(owner.user_id),
        attachment(std::move(attachment)) {}
  ~Lent() {
    const uint64_t bytes = attachment->size();
    attachment.reset();
    ledger->GiveBack(client_id, user_id, bytes);
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

  const std::shared_ptr<Ledger> ledger;
  const std::string client_id;
  const uid_t user_id;
  std::shared_ptr<const Attachment> attachment;
};

AttachmentTable::AttachmentTable(AttachmentLimits limits, const Clock* clock,
                                 std::function<absl::StatusOr<std::string>()> make_token)
    : limits_(limits),
      ledger_(std::make_shared<Ledger>(limits)),
      clock_(clock),
      make_token_(std::move(make_token)) {}

absl::Status AttachmentTable::Reserve(const Identity& owner, uint64_t bytes) {
  Expire();
  return ledger_->Reserve(owner, bytes);
}

void AttachmentTable::Release(const Identity& owner, uint64_t bytes) {
  ledger_->GiveBack(owner.id(), owner.user_id, bytes);
}

absl::StatusOr<std::string> AttachmentTable::Add(const Identity& owner,
                                                 std::shared_ptr<const Attachment> attachment) {
  const auto lent = std::make_shared<const Lent>(ledger_, owner, std::move(attachment));
  absl::StatusOr<std::string> token = make_token_();
  if (!token.ok()) return token;
  const absl::Time expiry = clock_->Now() + limits_.lifetime;
  absl::MutexLock lock(mutex_);
  entries_[*token] = {.lent = lent, .client_id = lent->client_id, .expiry = expiry};
  by_expiry_.emplace(expiry, *token);
  return token;
}

absl::StatusOr<std::shared_ptr<const Attachment>> AttachmentTable::Take(std::string_view client_id,
                                                                        std::string_view token) {
  const absl::Time now = clock_->Now();
  {
    absl::MutexLock lock(mutex_);
    const auto found = entries_.find(token);
    // Another app must not learn that the token is one, nor use it up.
    if (found != entries_.end() && found->second.client_id == client_id &&
        now < found->second.expiry) {
      return Remove(found);
    }
  }
  return MakeError(
      Reason::kFieldInvalid,
      absl::StrCat("There is no such attachment: a token is good for one request of the "
                   "app that handed over the descriptor, for ",
                   absl::FormatDuration(limits_.lifetime), "."));
}

absl::Time AttachmentTable::Expire() {
  const absl::Time now = clock_->Now();
  std::vector<std::shared_ptr<const Attachment>> dropped;  // closed without the lock
  absl::MutexLock lock(mutex_);
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    dropped.push_back(Remove(entries_.find(by_expiry_.begin()->second)));
  }
  return by_expiry_.empty() ? absl::InfiniteFuture() : by_expiry_.begin()->first;
}

std::shared_ptr<const Attachment> AttachmentTable::Remove(Entries::iterator entry) {
  const std::shared_ptr<const Lent> lent = std::move(entry->second.lent);
  by_expiry_.erase({entry->second.expiry, entry->first});
  entries_.erase(entry);
  return {lent, lent->attachment.get()};
}

size_t AttachmentTable::size() const {
  absl::MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace intelligenced
