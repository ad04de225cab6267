#include "runtime/engines/apertium/pipeline.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace intelligenced {
namespace {

constexpr size_t kReadBytes = 64 << 10;
// More than this is not taken from the front while the back does not take it.
constexpr size_t kMaxBetween = 256 << 10;
// A text's output may be this many times its input, beside a floor; lexical units with all their
// tags are long.
constexpr size_t kMaxGrowth = 64;
constexpr size_t kGrowthFloor = 1 << 20;

// A blank behind each text. A program whose input ends says a NUL of its own, and one in front of
// it that died has left it with half a text: only what carries this is an answer, and only to the
// text whose number it is.
std::string EndMark(uint64_t ticket) { return absl::StrCat("[e", ticket, "]"); }

// False when it is not there.
bool TakeEndMark(uint64_t ticket, std::string* text) {
  const std::string mark = EndMark(ticket);
  const size_t at = text->rfind(mark);
  if (at == std::string::npos) return false;
  text->erase(at, mark.size());
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Start(const Mode& mode,
                                                          const std::string& folder,
                                                          const Clock* clock) {
  const auto programs = absl::MakeConstSpan(mode.programs);
  absl::StatusOr<Programs> front = Programs::Start(programs.first(mode.generator), folder);
  if (!front.ok()) return front.status();
  absl::StatusOr<Programs> back = Programs::Start(programs.subspan(mode.generator), folder);
  if (!back.ok()) return back.status();
  return std::unique_ptr<Pipeline>(new Pipeline(*std::move(front), *std::move(back), clock));
}

void Pipeline::Feed(uint64_t ticket, std::string_view stream) {
  if (idle()) last_move_ = next_since_ = clock_->Now();
  in_flight_.push_back({ticket, stream.size()});
  bytes_in_flight_ += stream.size();
  absl::StrAppend(&to_front_, stream, EndMark(ticket), std::string_view("\0", 1));
}

bool Pipeline::Pump(std::vector<PipelineOutput>* outputs) {
  return Write(front_.input(), &to_front_, &to_front_offset_) && TakeUnits() &&
         Write(back_.input(), &to_back_, &to_back_offset_) && TakeOutputs(outputs);
}

void Pipeline::AddWaits(std::vector<pollfd>* waits) const {
  auto& self = const_cast<Pipeline&>(*this);
  const auto add = [&](const UniqueFd& fd, short events) {
    waits->push_back({.fd = fd.get(), .events = events, .revents = 0});
  };
  if (!to_front_.empty()) add(self.front_.input(), POLLOUT);
  if (to_back_.size() - to_back_offset_ < kMaxBetween) add(self.front_.output(), POLLIN);
  if (!to_back_.empty()) add(self.back_.input(), POLLOUT);
  add(self.back_.output(), POLLIN);
}

bool Pipeline::Write(const UniqueFd& to, std::string* pending, size_t* offset) {
  while (*offset < pending->size()) {
    const ssize_t written = write(to.get(), pending->data() + *offset, pending->size() - *offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN;
    *offset += static_cast<size_t>(written);
    last_move_ = clock_->Now();
  }
  // Of a text of a megabyte nothing is kept.
  if (pending->capacity() > kMaxBetween) {
    *pending = std::string();
  } else {
    pending->clear();
  }
  *offset = 0;
  return true;
}

bool Pipeline::Read(const UniqueFd& from, std::string* into) {
  char buffer[kReadBytes];
  while (true) {
    const ssize_t got = read(from.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    into->append(buffer, static_cast<size_t>(got));
    last_move_ = clock_->Now();
    if (static_cast<size_t>(got) < sizeof(buffer) || into->size() > kMaxBetween) return true;
  }
}

bool Pipeline::TakeUnits() {
  if (to_back_.size() - to_back_offset_ >= kMaxBetween) return true;
  const size_t scanned = from_front_.size();
  if (!Read(front_.output(), &from_front_)) return false;
  size_t start = 0;
  for (size_t end = from_front_.find('\0', scanned); end != std::string::npos;
       end = from_front_.find('\0', start)) {
    // More answers than questions: the two would never agree again.
    if (units_.size() >= in_flight_.size()) return false;
    std::string units = from_front_.substr(start, end - start);
    if (!TakeEndMark(in_flight_[units_.size()].ticket, &units)) return false;
    units_.push_back(std::move(units));
    to_back_.append(from_front_, start, end - start + 1);
    start = end + 1;
  }
  from_front_.erase(0, start);
  if (from_front_.empty()) return true;
  return units_.size() < in_flight_.size() &&
         from_front_.size() <= in_flight_[units_.size()].bytes * kMaxGrowth + kGrowthFloor;
}

bool Pipeline::TakeOutputs(std::vector<PipelineOutput>* outputs) {
  const size_t scanned = from_back_.size();
  if (!Read(back_.output(), &from_back_)) return false;
  size_t start = 0;
  for (size_t end = from_back_.find('\0', scanned); end != std::string::npos;
       end = from_back_.find('\0', start)) {
    if (units_.empty()) return false;
    std::string stream = from_back_.substr(start, end - start);
    if (!TakeEndMark(in_flight_.front().ticket, &stream)) return false;
    outputs->push_back({.ticket = in_flight_.front().ticket,
                        .stream = std::move(stream),
                        .lexical_units = std::move(units_.front())});
    bytes_in_flight_ -= in_flight_.front().bytes;
    in_flight_.pop_front();
    units_.pop_front();
    next_since_ = last_move_;
    start = end + 1;
  }
  from_back_.erase(0, start);
  if (from_back_.empty()) return true;
  return !in_flight_.empty() &&
         from_back_.size() <= in_flight_.front().bytes * kMaxGrowth + kGrowthFloor;
}

}  // namespace intelligenced
