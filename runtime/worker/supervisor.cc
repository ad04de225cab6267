#include "runtime/worker/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/reasons.h"
#include "runtime/worker/output_lines.h"

namespace intelligenced {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// How long the supervisor's own end waits for killed processes (one may hang in a device driver).
constexpr absl::Duration kLastWait = absl::Seconds(10);
constexpr absl::Duration kMaxReapDelay = absl::Milliseconds(100);

int64_t ToTicks(absl::Time time) {
  return time == absl::InfiniteFuture() ? kNever : absl::ToUnixMicros(time);
}

ProcessEnd ToEnd(int wait_status, std::string kill_reason) {
  ProcessEnd end;
  if (WIFEXITED(wait_status)) end.exit_code = WEXITSTATUS(wait_status);
  if (WIFSIGNALED(wait_status)) end.signal = WTERMSIG(wait_status);
  end.killed_because = std::move(kill_reason);
  return end;
}

}  // namespace

std::map<std::string, std::string> ProcessEnd::Metadata() const {
  if (signal != 0) return {{"signal", absl::StrCat(signal)}};
  if (exit_code >= 0) return {{"exit_code", absl::StrCat(exit_code)}};
  return {};
}

WorkerProcess::WorkerProcess(Supervisor* supervisor, SpawnedProcess spawned, FrameLimits limits)
    : supervisor_(supervisor),
      pid_(spawned.pid),
      work_(std::move(spawned.work), limits),
      control_(std::move(spawned.control), limits),
      deadline_(kNever),
      last_deadline_(kNever),
      planned_(kNever) {}

void WorkerProcess::SetDeadline(absl::Time deadline) {
  const int64_t ticks = ToTicks(deadline);
  deadline_.store(ticks);
  // The supervisor wakes by itself at planned_ and looks again; so in a run of steps only the
  // first costs a wake-up.
  if (ticks < planned_.load()) supervisor_->Wake();
}

void WorkerProcess::KillBy(absl::Time deadline) {
  const int64_t ticks = ToTicks(deadline);
  int64_t last = last_deadline_.load();
  while (ticks < last && !last_deadline_.compare_exchange_weak(last, ticks)) {
  }
  if (ticks < planned_.load()) supervisor_->Wake();
}

void WorkerProcess::Kill(std::string why) {
  {
    absl::MutexLock lock(mutex_);
    if (ended_ || !kill_reason_.empty()) return;
    kill_reason_ = std::move(why);
  }
  supervisor_->Wake();
}

bool WorkerProcess::ended() const {
  absl::MutexLock lock(mutex_);
  return ended_;
}

bool WorkerProcess::AwaitEnd(absl::Duration timeout) const {
  absl::MutexLock lock(mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&ended_), timeout);
}

ProcessEnd WorkerProcess::end() const {
  absl::MutexLock lock(mutex_);
  return end_;
}

struct Supervisor::Entry {
  std::shared_ptr<WorkerProcess> process;
  std::string label;
  UniqueFd output;
  OutputLines lines;
  bool hung_up = false;  // its end of the control channel is closed
  bool killed = false;
  absl::Duration reap_delay = absl::Milliseconds(1);
  // Filled by Poll().
  bool output_ready = false;
};

Supervisor::Supervisor(LineSink sink) : sink_(std::move(sink)) {
  int ends[2];
  if (pipe(ends) == 0) {
    for (const int end : ends) {
      fcntl(end, F_SETFD, FD_CLOEXEC);
      fcntl(end, F_SETFL, O_NONBLOCK);
    }
    wake_read_.reset(ends[0]);
    wake_write_.reset(ends[1]);
  }
  thread_ = std::thread([this] { Loop(); });
}

Supervisor::~Supervisor() {
  {
    absl::MutexLock lock(mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
}

absl::StatusOr<std::shared_ptr<WorkerProcess>> Supervisor::Start(SpawnOptions options,
                                                                 std::string label,
                                                                 FrameLimits limits) {
  absl::StatusOr<std::shared_ptr<WorkerProcess>> result =
      MakeError(Reason::kShuttingDown, "The daemon is shutting down and starts no more workers.");
  Run([&] {
    {
      absl::MutexLock lock(mutex_);
      if (stopping_) return;
    }
    absl::StatusOr<SpawnedProcess> spawned = Spawn(options);
    if (!spawned.ok()) {
      result = spawned.status();
      return;
    }
    auto entry = std::make_unique<Entry>();
    entry->output = std::move(spawned->output);
    entry->label = std::move(label);
    entry->process = std::make_shared<WorkerProcess>(this, *std::move(spawned), limits);
    result = entry->process;
    entries_.push_back(std::move(entry));
  });
  return result;
}

void Supervisor::Run(absl::AnyInvocable<void()> work) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    work();
    return;
  }
  absl::Notification done;
  {
    absl::MutexLock lock(mutex_);
    posted_.push_back([&] {
      work();
      done.Notify();
    });
  }
  Wake();
  done.WaitForNotification();
}

void Supervisor::Wake() {
  if (wake_sent_.exchange(true)) return;
  const char byte = 0;
  // A full pipe means that a wake-up is on its way already.
  [[maybe_unused]] const ssize_t written = write(wake_write_.get(), &byte, 1);
}

void Supervisor::Loop() {
  absl::Time last_call = absl::InfiniteFuture();
  while (true) {
    RunPosted();
    const absl::Time now = clock_.Now();
    bool stopping = false;
    {
      absl::MutexLock lock(mutex_);
      stopping = stopping_;
    }
    if (stopping) {
      if (last_call == absl::InfiniteFuture()) last_call = now + kLastWait;
      if (entries_.empty() || now >= last_call) return;
      for (const auto& entry : entries_) entry->process->Kill("The daemon is shutting down.");
    }
    absl::Duration timeout = stopping ? last_call - now : absl::InfiniteDuration();
    for (const auto& entry : entries_) timeout = std::min(timeout, Check(*entry, now));
    Poll(timeout);
    for (size_t i = 0; i < entries_.size();) {
      if (entries_[i]->output_ready) ReadOutput(*entries_[i], /*to_the_end=*/false);
      if (Reap(*entries_[i])) {
        const std::unique_ptr<Entry> gone = std::move(entries_[i]);
        entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
        // Last, and with the entry off the list: what listens may call back in here.
        gone->process->end_source_.Cancel();
      } else {
        ++i;
      }
    }
  }
}

void Supervisor::RunPosted() {
  std::vector<absl::AnyInvocable<void()>> posted;
  {
    absl::MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (auto& work : posted) work();
}

absl::Duration Supervisor::Check(Entry& entry, absl::Time now) {
  WorkerProcess& process = *entry.process;
  const int64_t ticks = ToTicks(now);
  int64_t deadline = process.NextDeadline();
  process.planned_.store(deadline);
  // SetDeadline() may have come between the two: it saw the old plan, so look again.
  if (const int64_t again = process.NextDeadline(); again < deadline) {
    deadline = again;
    process.planned_.store(deadline);
  }
  if (deadline <= ticks) process.Kill("It did not answer in time.");
  bool kill_wanted = false;
  {
    absl::MutexLock lock(process.mutex_);
    kill_wanted = !process.kill_reason_.empty();
  }
  if ((kill_wanted || entry.hung_up) && !entry.killed) {
    entry.killed = true;
    // A process that is exiting already keeps its exit code.
    kill(process.pid(), SIGKILL);
    // Ends calls that wait on the channels even if something else holds the other ends.
    process.work().Shutdown();
    process.control().Shutdown();
  }
  if (entry.killed) {
    const absl::Duration delay = entry.reap_delay;
    entry.reap_delay = std::min(2 * delay, kMaxReapDelay);
    return delay;
  }
  return deadline == kNever ? absl::InfiniteDuration() : absl::Microseconds(deadline - ticks);
}

void Supervisor::Poll(absl::Duration timeout) {
  std::vector<pollfd> polled = {{wake_read_.get(), POLLIN, 0}};
  for (const auto& entry : entries_) {
    polled.push_back({entry->output.get(), POLLIN, 0});
    // Asking for nothing still tells of the other end's closing. A negative number is skipped.
    polled.push_back({entry->killed ? -1 : entry->process->control().descriptor(), 0, 0});
  }
  int milliseconds = -1;
  if (timeout != absl::InfiniteDuration()) {
    milliseconds = static_cast<int>(std::clamp<int64_t>(
        absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))), 0, 3'600'000));
  }
  const int ready = poll(polled.data(), polled.size(), milliseconds);
  if (ready > 0 && polled[0].revents != 0) {
    char bytes[64];
    // Order matters: a wake-up asked for after this line writes a new byte.
    while (read(wake_read_.get(), bytes, sizeof(bytes)) > 0) {
    }
    wake_sent_.exchange(false);  // pairs with the exchange in Wake()
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i]->output_ready = ready > 0 && polled[1 + 2 * i].revents != 0;
    if (ready > 0 && polled[2 + 2 * i].revents != 0) entries_[i]->hung_up = true;
  }
}

void Supervisor::ReadOutput(Entry& entry, bool to_the_end) {
  const auto emit = [&](const std::string& line) {
    if (sink_ != nullptr) sink_(entry.label, entry.process->pid(), line);
  };
  char buffer[16 << 10];
  // One bufferful a round, so that a worker that prints without end cannot keep the thread.
  for (int rounds = to_the_end ? 64 : 1; entry.output.valid() && rounds > 0; --rounds) {
    const ssize_t got = read(entry.output.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got <= 0) {
      entry.output.reset();
    } else {
      entry.lines.Append({buffer, static_cast<size_t>(got)}, clock_.Now(), emit);
    }
  }
  if (to_the_end) entry.lines.Finish(clock_.Now(), emit);
}

bool Supervisor::Reap(Entry& entry) {
  if (!entry.killed && !entry.hung_up) return false;
  int wait_status = 0;
  const pid_t got = waitpid(entry.process->pid(), &wait_status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return false;
  ReadOutput(entry, /*to_the_end=*/true);
  WorkerProcess& process = *entry.process;
  process.work().Shutdown();
  process.control().Shutdown();
  entry.output.reset();
  absl::MutexLock lock(process.mutex_);
  // A negative answer: somebody has set the daemon to discard its children's ends.
  process.end_ = got < 0 ? ProcessEnd() : ToEnd(wait_status, process.kill_reason_);
  process.ended_ = true;
  return true;
}

}  // namespace intelligenced
