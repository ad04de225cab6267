#include "daemon/activity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {
constexpr uint32_t kDefaultPage = 50;
constexpr uint32_t kMaxPage = 1000;
}  // namespace

void RingActivityLog::Add(intelligence::v1::ActivityRecord record, uid_t user_id) {
  if (log_ != nullptr) {
    log_->Debug(absl::StrCat(record.client(), " ", record.method(), " ", record.model(), " ",
                             record.outcome(), ", ", record.input_bytes(), " bytes in, ",
                             record.output_bytes(), " out"));
  }
  if (capacity_ == 0) return;
  std::string encoded = record.SerializeAsString();
  encoded.shrink_to_fit();
  absl::MutexLock lock(mutex_);
  if (entries_.size() == capacity_) {
    entries_.pop_front();
    ++first_;
  }
  entries_.push_back({std::move(encoded), user_id});
}

absl::StatusOr<intelligence::v1::ListActivityResponse> RingActivityLog::List(
    const intelligence::v1::ListActivityRequest& request, const Caller& caller) const {
  if (request.page_size() > kMaxPage) {
    return FieldError("page_size", absl::StrCat("page_size is ", request.page_size(),
                                                "; the most is ", kMaxPage, "."));
  }
  const size_t page_size = request.page_size() == 0 ? kDefaultPage : request.page_size();

  absl::MutexLock lock(mutex_);
  // Records before this sequence number have not been shown yet.
  uint64_t end = first_ + entries_.size();
  if (!request.page_token().empty()) {
    uint64_t from = 0;
    if (!absl::SimpleAtoi(request.page_token(), &from) || from > end) {
      return FieldError("page_token", "page_token is none that this daemon gave.");
    }
    end = from;
  }
  intelligence::v1::ListActivityResponse response;
  for (uint64_t sequence = end; sequence > first_; --sequence) {
    const Entry& entry = entries_[sequence - 1 - first_];
    if (!caller.administrator && entry.user_id != caller.user_id) continue;
    intelligence::v1::ActivityRecord record;
    if (!record.ParseFromString(entry.record)) continue;
    if (!request.client().empty() && record.client() != request.client()) continue;
    if (static_cast<size_t>(response.records_size()) == page_size) {
      response.set_next_page_token(absl::StrCat(sequence));
      break;
    }
    *response.add_records() = std::move(record);
  }
  return response;
}

}  // namespace intelligenced
