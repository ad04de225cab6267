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

// Who holds too much, as a sentence begins.
absl::Status Full(Reason reason, std::string_view who, const AttachmentLimits& limits) {
  ErrorFacts facts;
  facts.metadata["quota"] = "attachments";
  facts.retry_delay = limits.lifetime;
  return MakeError(reason,
                   absl::StrCat(who,
                                " as many descriptors, or as large ones, as may wait for their "
                                "requests. Make the requests, then hand over more."),
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

AttachmentTable::AttachmentTable(AttachmentLimits limits, const Clock* clock,
                                 std::function<absl::StatusOr<std::string>()> make_token)
    : limits_(limits), clock_(clock), make_token_(std::move(make_token)) {}

absl::Status AttachmentTable::Reserve(const Identity& owner, uint64_t bytes) {
  const std::string id = owner.id();
  Expire();
  absl::MutexLock lock(mutex_);
  const auto fits = [bytes](const Held& held, const AttachmentLimits::Share& limit) {
    return held.count < limit.count && bytes <= limit.bytes && held.bytes <= limit.bytes - bytes;
  };
  Held& app = by_app_[id];
  Held& user = by_user_[owner.user_id];
  absl::Status status;
  if (!fits(app, limits_.app)) {
    status = Full(Reason::kClientQuotaExceeded, "This app has handed over", limits_);
  } else if (!fits(user, limits_.user)) {
    status = Full(Reason::kClientQuotaExceeded, "This user's apps have handed over", limits_);
  } else if (!fits(all_, limits_.all)) {
    status = Full(Reason::kQueueFull, "All apps together have handed over", limits_);
  }
  for (Held* const held : {&app, &user, &all_}) {
    ++held->count;
    held->bytes += bytes;
  }
  if (!status.ok()) GiveBack(id, owner.user_id, bytes);
  return status;
}

void AttachmentTable::Release(const Identity& owner, uint64_t bytes) {
  absl::MutexLock lock(mutex_);
  GiveBack(owner.id(), owner.user_id, bytes);
}

absl::StatusOr<std::string> AttachmentTable::Add(const Identity& owner,
                                                 std::shared_ptr<const Attachment> attachment) {
  absl::StatusOr<std::string> token = make_token_();
  const absl::Time expiry = clock_->Now() + limits_.lifetime;
  absl::MutexLock lock(mutex_);
  if (!token.ok()) {
    GiveBack(owner.id(), owner.user_id, attachment->size());
    return token;
  }
  entries_[*token] = {.attachment = std::move(attachment),
                      .client_id = owner.id(),
                      .user_id = owner.user_id,
                      .expiry = expiry};
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
  std::shared_ptr<const Attachment> attachment = std::move(entry->second.attachment);
  GiveBack(entry->second.client_id, entry->second.user_id, attachment->size());
  by_expiry_.erase({entry->second.expiry, entry->first});
  entries_.erase(entry);
  return attachment;
}

void AttachmentTable::GiveBack(const std::string& client_id, uid_t user_id, uint64_t bytes) {
  const auto take = [bytes](Held& held) {
    --held.count;
    held.bytes -= bytes;
    return held.count == 0;
  };
  if (take(by_app_[client_id])) by_app_.erase(client_id);
  if (take(by_user_[user_id])) by_user_.erase(user_id);
  take(all_);
}

size_t AttachmentTable::size() const {
  absl::MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace intelligenced
