#include "daemon/connection_table.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace intelligenced {

bool ConnectionTable::HasRoomFor(uid_t user_id) const {
  absl::MutexLock lock(mutex_);
  if (entries_.size() >= static_cast<size_t>(limits_.total)) return false;
  const auto found = per_user_.find(user_id);
  return found == per_user_.end() || found->second < limits_.per_user;
}

void ConnectionTable::Forget(uid_t user_id) {
  const auto found = per_user_.find(user_id);
  if (found == per_user_.end()) return;
  if (--found->second <= 0) per_user_.erase(found);
}

uint64_t ConnectionTable::Add(int descriptor, Identity identity) {
  auto shared = std::make_shared<const Identity>(std::move(identity));
  absl::MutexLock lock(mutex_);
  Entry& entry = entries_[descriptor];
  if (entry.identity != nullptr) Forget(entry.identity->user_id);
  ++per_user_[shared->user_id];
  entry.identity = std::move(shared);
  entry.generation = next_generation_++;
  return entry.generation;
}

void ConnectionTable::Remove(int descriptor, uint64_t generation) {
  absl::MutexLock lock(mutex_);
  const auto found = entries_.find(descriptor);
  if (found == entries_.end() || found->second.generation != generation) return;
  Forget(found->second.identity->user_id);
  entries_.erase(found);
}

std::shared_ptr<const Identity> ConnectionTable::Find(std::string_view grpc_peer) const {
  int descriptor = -1;
  if (!absl::ConsumePrefix(&grpc_peer, "fd:") || !absl::SimpleAtoi(grpc_peer, &descriptor)) {
    return nullptr;
  }
  absl::MutexLock lock(mutex_);
  const auto found = entries_.find(descriptor);
  return found == entries_.end() ? nullptr : found->second.identity;
}

void ConnectionTable::SetLimits(ConnectionLimits limits) {
  absl::MutexLock lock(mutex_);
  limits_ = limits;
}

size_t ConnectionTable::size() const {
  absl::MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace intelligenced
