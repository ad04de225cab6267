// Starting workers and ending them, with real processes.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"
#include "tests/support/paths.h"
#include "tests/unit/worker/worker_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

int OpenDescriptors() {
  int count = 0;
  for (int i = 0; i < 1024; ++i) count += fcntl(i, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

bool IsGone(pid_t pid) { return waitpid(pid, nullptr, WNOHANG) == -1 && errno == ECHILD; }

class WorkerLaunchTest : public WorkerTest {};

TEST_F(WorkerLaunchTest, LoadsAndLeavesNothingBehind) {
  auto model = MustLaunch({{"max_batch", "3"}, {"context_tokens", "77"}});
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->info().max_batch(), 3u);
  EXPECT_EQ(model->info().context_tokens(), 77u);
  EXPECT_FALSE(model->lost());
  const pid_t pid = model->pid();
  EXPECT_EQ(kill(pid, 0), 0);
  model.reset();
  EXPECT_TRUE(IsGone(pid));
  EXPECT_EQ(lost_calls_, 0);
}

TEST_F(WorkerLaunchTest, AMissingExecutableIsALoadFailure) {
  const absl::Status status = launcher().Launch(Spec({}, "nothing"), {}, [] {}).status();
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker-nothing"));
}

TEST_F(WorkerLaunchTest, AnEngineNameIsNoPath) {
  for (const char* engine : {"", "../fake", "fake/..", "/bin/sh", "Fake", "fa ke", "\xff"}) {
    const absl::Status status = launcher().Launch(Spec({}, engine), {}, [] {}).status();
    EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << engine << ": " << status;
  }
}

TEST_F(WorkerLaunchTest, APathThatIsNotUtf8IsALoadFailure) {
  engine_proto::ModelSpec spec = Spec();
  spec.add_files()->set_path("/caf\xe9");
  EXPECT_TRUE(HasReason(launcher().Launch(spec, {}, [] {}).status(), Reason::kModelLoadFailed));
}

TEST_F(WorkerLaunchTest, AWorkerThatSaysNothingIsKilled) {
  options_.start_timeout = absl::Milliseconds(100);
  const absl::Status status = LaunchScript("exec sleep 1000");
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("did not answer in time"));
}

TEST_F(WorkerLaunchTest, AWorkerThatEndsAtOnceSaysHow) {
  const absl::Status status = LaunchScript("exit 7");
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_EQ(FactsOf(status).metadata["exit_code"], "7");
}

TEST_F(WorkerLaunchTest, AWorkerThatIsKilledAtOnceSaysHow) {
  const absl::Status status = LaunchScript("kill -9 $$");
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_EQ(FactsOf(status).metadata["signal"], "9");
}

TEST_F(WorkerLaunchTest, AWorkerThatSpeaksSomethingElseIsEnded) {
  const absl::Status status =
      LaunchScript("echo 'hello daemon, how are you?' >&3; exec sleep 1000");
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_EQ(lost_calls_, 0);
}

TEST_F(WorkerLaunchTest, ItsOutputGoesToTheLog) {
  absl::Mutex mutex;
  std::vector<std::string> lines;
  options_.log = [&](const std::string& engine, pid_t pid, const std::string& line) {
    absl::MutexLock lock(mutex);
    EXPECT_GT(pid, 0);
    lines.push_back(engine + ": " + line);
  };
  LaunchScript("echo to stdout; echo to stderr >&2; echo 'Schema error: x' >&2; printf rest")
      .IgnoreError();
  launcher_.reset();
  EXPECT_THAT(lines, ElementsAre("script: to stdout", "script: to stderr", "script: rest"));
}

TEST_F(WorkerLaunchTest, LoadErrorsComeAsTheyAre) {
  for (const Reason reason : {Reason::kModelCorrupt, Reason::kMemoryInsufficient}) {
    const auto model = Launch({{"load_failure", std::string(ReasonName(reason))}});
    EXPECT_TRUE(HasReason(model.status(), reason)) << model.status();
  }
  EXPECT_TRUE(HasReason(Launch({{"max_batch", "many"}}).status(), Reason::kModelLoadFailed));
}

TEST_F(WorkerLaunchTest, AnExceptionWhileLoadingIsALoadFailure) {
  const auto model = Launch({{"load_throw", "true"}});
  EXPECT_TRUE(HasReason(model.status(), Reason::kModelLoadFailed)) << model.status();
}

TEST_F(WorkerLaunchTest, ACrashWhileLoadingIsALostWorker) {
  const auto model = Launch({{"load_crash", "true"}});
  EXPECT_TRUE(HasReason(model.status(), Reason::kWorkerLost)) << model.status();
  EXPECT_TRUE(FactsOf(model.status()).metadata.contains("signal") ||
              FactsOf(model.status()).metadata.contains("exit_code"));
  EXPECT_EQ(lost_calls_, 0);
}

TEST_F(WorkerLaunchTest, ACancelledLoadEndsAtOnce) {
  CancelSource cancelled;
  cancelled.Cancel();
  EXPECT_TRUE(
      HasReason(launcher().Launch(Spec(), cancelled.token(), [] {}).status(), Reason::kCancelled));

  CancelSource cancel;
  std::thread canceller([&] { cancel.Cancel(); });
  const auto model =
      launcher().Launch(Spec({{"load_ms", "600000"}}), cancel.token(), [] { FAIL(); });
  canceller.join();
  EXPECT_TRUE(HasReason(model.status(), Reason::kCancelled)) << model.status();
}

TEST_F(WorkerLaunchTest, ALoadThatDoesNotHeedACancelIsKilled) {
  options_.grace = absl::Milliseconds(50);
  CancelSource cancel;
  std::thread canceller([&] { cancel.Cancel(); });
  const auto model =
      launcher().Launch(Spec({{"load_hang", "true"}}), cancel.token(), [] { FAIL(); });
  canceller.join();
  EXPECT_TRUE(HasReason(model.status(), Reason::kCancelled)) << model.status();
}

TEST_F(WorkerLaunchTest, ALoadThatHangsIsKilled) {
  options_.load_timeout = absl::Milliseconds(100);
  const auto model = Launch({{"load_hang", "true"}});
  EXPECT_TRUE(HasReason(model.status(), Reason::kWorkerLost)) << model.status();
}

TEST_F(WorkerLaunchTest, NothingOfTheDaemonsIsInherited) {
  // Descriptors that a careless library left open, low and high.
  const UniqueFd low(open("/dev/null", O_RDONLY));
  const UniqueFd high(fcntl(low.get(), F_DUPFD, 200));
  EXPECT_EQ(Probe("descriptors"), "0,1,2,3,4");
  EXPECT_EQ(Probe("environment"), "LANG,PATH,GOMP_SPINCOUNT");
}

TEST_F(WorkerLaunchTest, ManyLaunchesLeakNothing) {
  const int before = OpenDescriptors();
  for (int i = 0; i < 200; ++i) MustLaunch().reset();
  launcher_.reset();
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(WorkerLaunchTest, LaunchesRunSideBySide) {
  launcher();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      auto model = launcher().Launch(Spec({{"reply", "one two"}}), {}, [] { FAIL(); });
      ASSERT_TRUE(model.ok()) << model.status();
      EXPECT_EQ(Reply(**model), "one two");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(WorkerLaunchTest, FindsTheEnginesThatAreThere) {
  WriteScript("one", "");
  WriteScript("two", "");
  WriteScript("Bad Name", "");
  std::ofstream(scripts_ + "/worker-plain") << "not executable";
  std::ofstream(scripts_ + "/other") << "";
  EXPECT_THAT(launcher().AvailableEngines(), ElementsAre("one", "two"));
  launcher_.reset();
  options_.worker_directory = "/does/not/exist";
  EXPECT_TRUE(launcher().AvailableEngines().empty());
  EXPECT_TRUE(HasReason(Launch().status(), Reason::kModelLoadFailed));
}

#ifdef __linux__
// worker_parent launches a worker, prints its number and waits for its own end.
TEST_F(WorkerLaunchTest, WorkersDieWithTheDaemon) {
  // The worker becomes this process's child when its parent dies.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
  std::string program = BuildPath("bin/worker_parent");
  std::string folder = WorkerDirectory();
  char* arguments[] = {program.data(), folder.data(), nullptr};
  pid_t parent = 0;
  ASSERT_EQ(posix_spawn(&parent, program.c_str(), &actions, nullptr, arguments, nullptr), 0);
  posix_spawn_file_actions_destroy(&actions);
  write_end.reset();
  char line[32] = {};
  ASSERT_GT(read(read_end.get(), line, sizeof(line) - 1), 0);
  pid_t worker = 0;
  ASSERT_TRUE(absl::SimpleAtoi(line, &worker));
  ASSERT_EQ(kill(worker, 0), 0);

  ASSERT_EQ(kill(parent, SIGKILL), 0);
  ASSERT_EQ(waitpid(parent, nullptr, 0), parent);
  int status = 0;
  EXPECT_EQ(waitpid(worker, &status, 0), worker);  // hangs where the worker lives on
  EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}
#endif

}  // namespace
}  // namespace intelligenced
