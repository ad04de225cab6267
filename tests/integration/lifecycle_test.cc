// Starts, ends, reloads and what a daemon leaves behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "tests/integration/daemon_process.h"
#include "tests/integration/test_client.h"

namespace intelligenced {
namespace {

using ::testing::HasSubstr;

class LifecycleTest : public ::testing::Test {
 protected:
  LifecycleTest() {
    std::string words = "word";
    for (int i = 0; i < 999; ++i) words += " word";
    sandbox_.AddModel("quick", {{"reply", "one two three"}}, 10);
    sandbox_.AddModel("slow", {{"reply", words}, {"unit_us", "20000"}});
    sandbox_.AddModel("second", {{"reply", words.substr(0, 250)}, {"unit_us", "20000"}});
  }
  std::unique_ptr<DaemonProcess> Start(DaemonOptions options = {}) {
    auto daemon = std::make_unique<DaemonProcess>(sandbox_, std::move(options));
    EXPECT_TRUE(daemon->ready()) << daemon->Log();
    return daemon;
  }
  // Starts one that is expected to leave by itself.
  int ExitCodeOf(DaemonOptions options, std::string* log) {
    options.expect_failure = true;
    std::filesystem::remove(sandbox_.log());
    DaemonProcess daemon(sandbox_, std::move(options));
    const std::optional<int> code = daemon.WaitForExit();
    *log = daemon.Log();
    return code.value_or(-1);
  }
  Sandbox sandbox_;
};

TEST_F(LifecycleTest, AnIdleDaemonIsSmallAndLeavesCleanly) {
  auto daemon = Start();
  {
    TestClient client(sandbox_.socket());
    EXPECT_TRUE(client.GetStatus().ok());
  }
  const uint64_t resident = daemon->ResidentBytes();
  RecordProperty("resident_bytes", absl::StrCat(resident));
  RecordProperty("threads", absl::StrCat(daemon->CountThreads()));
  printf("idle: %.1f MiB resident, %zu threads\n", static_cast<double>(resident) / (1 << 20),
         daemon->CountThreads());
#ifndef INTELLIGENCED_SANITIZER
  EXPECT_LT(resident, uint64_t{30} << 20);
#endif
  daemon->Signal(SIGTERM);
  EXPECT_EQ(daemon->WaitForExit(), 0) << daemon->Log();
  EXPECT_FALSE(std::filesystem::exists(sandbox_.socket()));
}

TEST_F(LifecycleTest, DrainFinishesWhatPeopleWaitForAndCancelsTheRest) {
  auto daemon = Start();
  TestClient client(sandbox_.socket());
  Generation interactive(client, "second");
  Generation background(client, "slow", api::REQUEST_CLASS_BACKGROUND);
  ASSERT_TRUE(interactive.WaitForDelta());
  ASSERT_TRUE(background.WaitForDelta());
  const std::vector<pid_t> workers = daemon->Children();
  EXPECT_EQ(workers.size(), 2u);
  daemon->Signal(SIGTERM);
  EXPECT_TRUE(daemon->WaitForNotification("STOPPING=1"));
  const absl::Status cancelled = background.Finish();
  EXPECT_TRUE(HasReason(cancelled, Reason::kShuttingDown)) << cancelled;
  // While it drains: nothing new, and it says so.
  EXPECT_EQ(client.Health(), "NOT_SERVING");
  const absl::Status refused = Generate(client, "second");
  EXPECT_TRUE(HasReason(refused, Reason::kShuttingDown)) << refused;
  EXPECT_TRUE(interactive.Finish().ok()) << interactive.Finish();
  EXPECT_TRUE(interactive.completed());
  EXPECT_EQ(daemon->WaitForExit(), 0) << daemon->Log();
  for (pid_t worker : workers) EXPECT_FALSE(IsAlive(worker));
}

TEST_F(LifecycleTest, GraceEnds) {
  sandbox_.SetConfig("[daemon]\ndrain_grace = \"200ms\"\n");
  auto daemon = Start();
  TestClient client(sandbox_.socket());
  Generation call(client, "slow");
  ASSERT_TRUE(call.WaitForDelta());
  daemon->Signal(SIGTERM);
  const absl::Status ended = call.Finish();
  EXPECT_TRUE(HasReason(ended, Reason::kShuttingDown)) << ended;
  EXPECT_EQ(daemon->WaitForExit(), 0) << daemon->Log();
}

TEST_F(LifecycleTest, ASecondSignalIsFaster) {
  sandbox_.SetConfig("[daemon]\ndrain_grace = \"10m\"\n");
  auto daemon = Start();
  TestClient client(sandbox_.socket());
  Generation call(client, "slow");
  ASSERT_TRUE(call.WaitForDelta());
  daemon->Signal(SIGTERM);
  ASSERT_TRUE(daemon->WaitForNotification("STOPPING=1"));
  daemon->Signal(SIGTERM);
  EXPECT_TRUE(HasReason(call.Finish(), Reason::kShuttingDown));
  EXPECT_EQ(daemon->WaitForExit(), 0) << daemon->Log();
}

TEST_F(LifecycleTest, OpenWatchesDoNotHoldTheDaemon) {
  auto daemon = Start();
  TestClient client(sandbox_.socket());
  grpc::ClientContext status_context;
  auto status = client.system->WatchStatus(&status_context, {});
  api::SystemStatus first;
  ASSERT_TRUE(status->Read(&first));
  grpc::ClientContext models_context;
  auto models = client.models->WatchModels(&models_context, {});
  api::WatchModelsResponse model;
  ASSERT_TRUE(models->Read(&model));
  daemon->Signal(SIGTERM);
  EXPECT_EQ(daemon->WaitForExit(absl::Seconds(15)), 0) << daemon->Log();
  while (status->Read(&first)) {
  }
  while (models->Read(&model)) {
  }
}

TEST_F(LifecycleTest, AKilledDaemonLeavesNothingRunningAndTheNextStartsClean) {
  auto daemon = Start();
  std::vector<pid_t> workers;
  {
    TestClient client(sandbox_.socket());
    Generation call(client, "slow");
    ASSERT_TRUE(call.WaitForDelta());
    workers = daemon->Children();
    ASSERT_EQ(workers.size(), 1u);
    daemon->Signal(SIGKILL);
    EXPECT_EQ(daemon->WaitForExit(), 128 + SIGKILL);
    EXPECT_EQ(call.Finish().code(), absl::StatusCode::kUnavailable);
  }
  for (pid_t worker : workers) {
    EXPECT_TRUE(Eventually([worker] { return !IsAlive(worker); })) << worker;
  }
  // The socket is stale now.
  EXPECT_TRUE(std::filesystem::exists(sandbox_.socket()));
  daemon = Start();
  TestClient client(sandbox_.socket());
  EXPECT_TRUE(Generate(client, "quick").ok());
}

TEST_F(LifecycleTest, ASecondDaemonLeavesTheFirstAlone) {
  auto daemon = Start();
  std::string log;
  EXPECT_EQ(ExitCodeOf({}, &log), 3);
  EXPECT_THAT(log, HasSubstr(absl::StrCat("Another intelligenced (process ", daemon->pid(), ")")));
  TestClient client(sandbox_.socket());
  EXPECT_TRUE(Generate(client, "quick").ok());
  // Another socket, the same store.
  EXPECT_EQ(ExitCodeOf({.arguments = {"--socket", sandbox_.folder() + "/run/other.sock"},
                        .environment = {}},
                       &log),
            1);
  EXPECT_THAT(log, HasSubstr("store"));
  EXPECT_TRUE(Generate(client, "quick").ok());
}

TEST_F(LifecycleTest, ConfigurationsThatCannotBeUsed) {
  std::string log;
  sandbox_.SetConfig("[memory]\nceilling = 5\n[logging]\nlevel = \"loud\"\n");
  EXPECT_EQ(ExitCodeOf({}, &log), 2);
  EXPECT_THAT(log, HasSubstr("Did you mean 'ceiling'?"));
  EXPECT_THAT(log, HasSubstr("'level' in [logging] must be one of"));
  EXPECT_EQ(ExitCodeOf({.arguments = {"--config", "/nonexistent"}, .environment = {}}, &log), 2);
  EXPECT_THAT(log, HasSubstr("/nonexistent cannot be read"));
  EXPECT_EQ(
      ExitCodeOf({.arguments = {"--check-config", sandbox_.config()}, .environment = {}}, &log), 2);
  EXPECT_THAT(log, HasSubstr("intelligenced.toml:5: "));
  sandbox_.SetConfig("");
  EXPECT_EQ(
      ExitCodeOf({.arguments = {"--check-config", sandbox_.config()}, .environment = {}}, &log), 0);
  EXPECT_THAT(log, HasSubstr(": good"));
  EXPECT_EQ(ExitCodeOf({.arguments = {"--nonsense"}, .environment = {}}, &log), 2);
}

TEST_F(LifecycleTest, PlacesThatCannotBeUsed) {
  std::string log;
  const std::string path = sandbox_.folder() + "/" + std::string(120, 'x');
  EXPECT_EQ(ExitCodeOf({.arguments = {"--socket", path}, .environment = {}}, &log), 2);
  EXPECT_THAT(log, HasSubstr("the system allows"));
  std::ofstream(sandbox_.folder() + "/file") << "";
  EXPECT_EQ(
      ExitCodeOf({.arguments = {"--store", sandbox_.folder() + "/file/store"}, .environment = {}},
                 &log),
      1);
  EXPECT_THAT(log, HasSubstr(sandbox_.folder() + "/file"));
}

TEST_F(LifecycleTest, TakesTheServiceManagersSocket) {
  const std::string path = sandbox_.folder() + "/activated.sock";
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 16), 0);
  // A client that came before the daemon: its connection waits in the socket.
  TestClient client(path);
  client.channel->GetState(/*try_to_connect=*/true);
  auto daemon = Start({.arguments = {}, .environment = {}, .listen_fd = fd});
  api::SystemStatus status;
  const absl::Status first = client.GetStatus(&status);
  ASSERT_TRUE(first.ok()) << first;
  EXPECT_EQ(status.socket_path(), path);
  EXPECT_TRUE(Generate(client, "quick").ok());
  daemon->Signal(SIGTERM);
  EXPECT_EQ(daemon->WaitForExit(), 0) << daemon->Log();
  // It is the service manager's: it stays, and the next daemon takes it.
  EXPECT_TRUE(std::filesystem::exists(path));
  daemon = Start({.arguments = {}, .environment = {}, .listen_fd = fd});
  EXPECT_TRUE(Eventually([&] { return client.GetStatus().ok(); }));
  close(fd);
}

TEST_F(LifecycleTest, TakesBothOfTheServiceManagersSockets) {
  const std::string path = sandbox_.folder() + "/activated.sock";
  std::vector<int> fds;
  for (const std::string& name : {path, path + ".fd"}) {
    fds.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, name.data(), name.size());
    ASSERT_EQ(bind(fds.back(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(listen(fds.back(), 16), 0);
  }
  // In either order.
  for (const bool turned : {false, true}) {
    auto daemon = Start({.arguments = {},
                         .environment = {},
                         .listen_fd = fds[turned ? 1 : 0],
                         .second_listen_fd = fds[turned ? 0 : 1]});
    TestClient client(path);
    EXPECT_TRUE(client.GetStatus().ok());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, (path + ".fd").data(), path.size() + 3);
    const int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(peer, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(send(peer, "nonsense", 8, MSG_NOSIGNAL), 8);
    char answer[3] = {};
    EXPECT_EQ(recv(peer, answer, sizeof(answer), MSG_WAITALL), 3);
    EXPECT_EQ(std::string(answer, 3), "IAT");
    close(peer);
    daemon->Signal(SIGTERM);
    EXPECT_EQ(daemon->WaitForExit(), 0) << daemon->Log();
    EXPECT_TRUE(std::filesystem::exists(path + ".fd"));
  }
  for (const int fd : fds) close(fd);
}

TEST_F(LifecycleTest, ReloadTakesWhatItCanAndSaysWhatItCannot) {
  auto daemon = Start();
  TestClient client(sandbox_.socket());
  EXPECT_TRUE(Generate(client, "quick").ok());
  sandbox_.SetConfig(
      "[memory]\nceiling = \"1 GiB\"\n[clients.\"*\"]\nservices = [\"SystemService\"]\n");
  daemon->Signal(SIGHUP);
  ASSERT_TRUE(daemon->WaitForNotification("RELOADING=1"));
  ASSERT_TRUE(daemon->WaitForNotification("READY=1"));
  EXPECT_TRUE(HasReason(Generate(client, "quick"), Reason::kCallerNotAuthorized));
  EXPECT_THAT(daemon->Log(), HasSubstr("at the next start: [memory] ceiling"));

  // A broken one changes nothing.
  sandbox_.SetConfig("[clients\n");
  daemon->Signal(SIGHUP);
  ASSERT_TRUE(daemon->WaitForNotification("RELOADING=1"));
  ASSERT_TRUE(daemon->WaitForNotification("READY=1"));
  EXPECT_THAT(daemon->Log(), HasSubstr("the old one stays"));
  EXPECT_TRUE(client.GetStatus().ok());
  EXPECT_TRUE(HasReason(Generate(client, "quick"), Reason::kCallerNotAuthorized));
}

TEST_F(LifecycleTest, AnswersTheWatchdog) {
  auto daemon = Start({.arguments = {}, .environment = {{"WATCHDOG_USEC", "200000"}}});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(daemon->WaitForNotification("WATCHDOG=1"));
}

}  // namespace
}  // namespace intelligenced
