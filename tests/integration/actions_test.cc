// The action registry of a real daemon: files read again, apps that come and die, an end in the
// middle of a start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "protos/intelligence/v1/actions.grpc.pb.h"
#include "protos/support/status_codec.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"
#include "tests/integration/daemon_process.h"
#include "tests/integration/test_client.h"
#include "tests/support/paths.h"

extern char** environ;

namespace intelligenced {
namespace {

using ::testing::HasSubstr;

#ifdef INTELLIGENCED_SANITIZER
constexpr int kStorm = 40;
#else
constexpr int kStorm = 200;
#endif
constexpr int kAtATime = 8;

// An app in a process of its own that has registered.
class AppProcess {
 public:
  explicit AppProcess(const std::string& socket) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe(ends), 0);
    UniqueFd out(ends[0]);
    const UniqueFd in(ends[1]);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&files, out.get());
    std::string program = BuildPath("bin/integration_client");
    std::string mode = "--provide";
    std::string where = socket;
    char* const arguments[] = {program.data(), mode.data(), where.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &files, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    out_ = std::move(out);
  }
  ~AppProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  AppProcess(const AppProcess&) = delete;
  AppProcess& operator=(const AppProcess&) = delete;
  void WaitUntilRegistered() {
    char c = 0;
    while (read(out_.get(), &c, 1) == 1 && c != '\n') {
    }
    EXPECT_EQ(c, '\n');
  }
  std::string action() const { return absl::StrCat("org.example.P", pid_, "/wait"); }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
};

class ActionsTest : public ::testing::Test {
 protected:
  ActionsTest() {
    std::filesystem::create_directories(sandbox_.store() + "/actions");
    // The test is one of the person's clients.
    sandbox_.SetConfig("[actions]\ntrusted_clients = [\"*integration_test\"]\n");
  }
  void Start(DaemonOptions options = {}) {
    daemon_ = std::make_unique<DaemonProcess>(sandbox_, std::move(options));
    ASSERT_TRUE(daemon_->ready()) << daemon_->Log();
    client_ = std::make_unique<TestClient>(sandbox_.socket());
    actions_ = api::ActionService::NewStub(client_->channel);
  }
  void Declare(const std::string& name, const std::string& start) {
    std::ofstream(sandbox_.store() + "/actions/" + name + ".toml")
        << "id = 'org.example." << name << "'\ntitle = '" << name << "'\n[start]\n"
        << start << "\ntimeout_seconds = 2\n[owner]\nexecutable = '/usr/bin/nobody'\n"
        << "[[actions]]\nid = 'go-" << name << "'\ntitle = 'Go'\n";
  }
  api::ListActionsResponse List() {
    grpc::ClientContext context;
    api::ListActionsResponse response;
    EXPECT_TRUE(actions_->ListActions(&context, {}, &response).ok());
    return response;
  }
  // A call of an action, begun.
  struct Run {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<api::RunActionRequest, api::RunActionResponse>> stream;
    api::RunActionResponse last;
    bool Read() { return stream->Read(&last); }
    absl::Status End() {
      while (Read()) {
      }
      return StatusFromGrpc(stream->Finish());
    }
  };
  std::unique_ptr<Run> RunAction(const std::string& action) {
    auto run = std::make_unique<Run>();
    run->stream = actions_->RunAction(&run->context);
    api::RunActionRequest request;
    request.mutable_start()->set_action(action);
    run->stream->Write(request);
    return run;
  }

  Sandbox sandbox_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<TestClient> client_;
  std::unique_ptr<api::ActionService::Stub> actions_;
};

TEST_F(ActionsTest, DeclarationsAreReadAgainWhenTold) {
  Declare("first", "command = ['/no/such/program']");
  Start();
  ASSERT_EQ(List().actions_size(), 1);
  const absl::Status status = RunAction("go-first")->End();
  EXPECT_TRUE(HasReason(status, Reason::kActionProviderUnavailable)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/program cannot be started"));
  std::filesystem::remove(sandbox_.store() + "/actions/first.toml");
  Declare("second", "command = ['/no/such/program']");
  std::ofstream(sandbox_.store() + "/actions/broken.toml") << "id = [";
  daemon_->Signal(SIGHUP);
  EXPECT_TRUE(Eventually([this] {
    const api::ListActionsResponse list = List();
    return list.actions_size() == 1 && list.actions(0).id() == "go-second";
  }));
  EXPECT_THAT(daemon_->Log(), HasSubstr("broken.toml"));
  EXPECT_TRUE(HasReason(RunAction("go-first")->End(), Reason::kActionNotFound));
}

TEST_F(ActionsTest, AStormOfAppsThatDieLeavesNothing) {
  Start();
  const auto storm = [this](int count) {
    for (int done = 0; done < count; done += kAtATime) {
      std::vector<std::unique_ptr<AppProcess>> apps;
      for (int i = 0; i < kAtATime; ++i) {
        apps.push_back(std::make_unique<AppProcess>(sandbox_.socket()));
      }
      for (const auto& app : apps) app->WaitUntilRegistered();
      // Two die in the middle of a run.
      std::vector<std::unique_ptr<Run>> runs;
      for (int i = 0; i < 2; ++i) {
        runs.push_back(RunAction(apps[i]->action()));
        EXPECT_TRUE(runs.back()->Read());
      }
      apps.clear();
      for (const auto& run : runs) {
        const absl::Status status = run->End();
        EXPECT_TRUE(HasReason(status, Reason::kActionProviderLost)) << status;
      }
    }
    EXPECT_TRUE(Eventually([this] { return List().providers_size() == 0; }));
  };
  storm(kStorm / 4);
  ASSERT_TRUE(Eventually([this] { return daemon_->CountDescriptors() < 100; }));
  const size_t descriptors = daemon_->CountDescriptors();
  const size_t threads = daemon_->CountThreads();
  const uint64_t resident = daemon_->ResidentBytes();
  storm(kStorm);
  printf("%d apps: descriptors %zu -> %zu, threads %zu -> %zu, resident %.1f -> %.1f MiB\n", kStorm,
         descriptors, daemon_->CountDescriptors(), threads, daemon_->CountThreads(),
         static_cast<double>(resident) / (1 << 20),
         static_cast<double>(daemon_->ResidentBytes()) / (1 << 20));
  EXPECT_TRUE(Eventually([&] { return daemon_->CountDescriptors() <= descriptors; }))
      << daemon_->CountDescriptors() << " descriptors, before " << descriptors;
  EXPECT_LE(daemon_->CountThreads(), threads + 16);
#ifndef INTELLIGENCED_SANITIZER
  // 20 KiB for each app that was there would be seen.
  EXPECT_LT(daemon_->ResidentBytes(), resident + (uint64_t{4} << 20));
#endif
}

TEST_F(ActionsTest, TheDaemonLeavesCleanlyInTheMiddleOfAStart) {
  // A bus that accepts and says nothing: the start hangs in it.
  const std::string path = sandbox_.folder() + "/bus";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd bus(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(bus.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(bus.get(), 4), 0);
  Declare("hung", "dbus_name = 'org.example.Hung'");
  DaemonOptions options;
  options.environment["DBUS_SESSION_BUS_ADDRESS"] = absl::StrCat("unix:path=", path);
  Start(options);
  const auto run = RunAction("go-hung");
  while (run->Read() && !run->last.has_provider_starting()) {
  }
  const UniqueFd connection(accept(bus.get(), nullptr, nullptr));
  ASSERT_TRUE(connection.valid());
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->WaitForExit(), 0) << daemon_->Log();
  EXPECT_FALSE(run->End().ok());
}

}  // namespace
}  // namespace intelligenced
