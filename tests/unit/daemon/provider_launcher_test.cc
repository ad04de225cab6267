// Starting apps: programs for real, D-Bus against a bus of the test's own that libsystemd serves.
#include "daemon/provider_launcher.h"

#ifdef __linux__
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "runtime/base/fd.h"
#include "runtime/base/file.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What one connection of a bus has to say to be one: Hello, and the two methods that start things.
class TestBus {
 public:
  enum class Manner { kStarts, kRefuses, kSilent };

  TestBus(const std::string& folder, Manner manner) : manner_(manner), path_(folder + "/bus") {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path_.data(), path_.size());
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_.get(), 8), 0);
    setenv("DBUS_SESSION_BUS_ADDRESS", absl::StrCat("unix:path=", path_).c_str(), 1);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TestBus() {
    over_ = true;
    thread_.join();
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
  }
  std::vector<std::string> calls() const {
    absl::MutexLock lock(mutex_);
    return calls_;
  }

 private:
  static constexpr int kLookMilliseconds = 10;

  void Serve() {
    while (!over_) {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, kLookMilliseconds) <= 0) continue;
      const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) continue;
      if (manner_ == Manner::kSilent) {
        held_.emplace_back(fd);
      } else {
        ServeConnection(fd);
      }
    }
  }

  void ServeConnection(int fd) {
    sd_bus* bus = nullptr;
    sd_id128_t id;
    sd_id128_randomize(&id);
    sd_bus_new(&bus);
    sd_bus_set_fd(bus, fd, fd);
    sd_bus_set_server(bus, 1, id);
    sd_bus_set_anonymous(bus, 1);
    sd_bus_add_filter(bus, nullptr, &TestBus::OnMessage, this);
    EXPECT_GE(sd_bus_start(bus), 0);
    while (!over_) {
      const int processed = sd_bus_process(bus, nullptr);
      if (processed < 0) break;
      if (processed == 0) sd_bus_wait(bus, kLookMilliseconds * 1000);
    }
    sd_bus_close_unref(bus);
  }

  static int OnMessage(sd_bus_message* message, void* self, sd_bus_error*) {
    // libsystemd's own word that the client has gone is none of the client's.
    if (sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0) return 0;
    const std::string method = sd_bus_message_get_member(message);
    if (method == "Hello") return sd_bus_reply_method_return(message, "s", ":1.7");
    auto* bus = static_cast<TestBus*>(self);
    const char* name = nullptr;
    sd_bus_message_read(message, "s", &name);
    {
      absl::MutexLock lock(bus->mutex_);
      bus->calls_.push_back(absl::StrCat(sd_bus_message_get_destination(message), " ", method, " ",
                                         name == nullptr ? "" : name));
    }
    if (bus->manner_ == Manner::kRefuses) {
      return sd_bus_reply_method_errorf(message, "org.freedesktop.DBus.Error.ServiceUnknown",
                                        "Nobody provides %s", name);
    }
    return method == "StartUnit" ? sd_bus_reply_method_return(message, "o", "/job/1")
                                 : sd_bus_reply_method_return(message, "u", 1U);
  }

  const Manner manner_;
  const std::string path_;
  UniqueFd listener_;
  std::vector<UniqueFd> held_;
  std::atomic<bool> over_ = false;
  mutable absl::Mutex mutex_;
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

class ProviderLauncherTest : public testing::Test {
 protected:
  // What a declaration says; the rest is its default.
  static ProviderStart Name(const std::string& name) {
    ProviderStart start;
    start.dbus_name = name;
    return start;
  }
  static ProviderStart Unit(const std::string& name) {
    ProviderStart start;
    start.systemd_unit = name;
    return start;
  }
  static ProviderStart Command(std::vector<std::string> command,
                               std::vector<std::string> environment = {}) {
    ProviderStart start;
    start.command = std::move(command);
    start.environment = std::move(environment);
    return start;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  absl::Status Start(const ProviderStart& start) {
    return launcher_.Start(getuid(), start, [](ProviderExit) {});
  }
  // How the program ended.
  static ProviderExit EndOf(SystemProviderLauncher& launcher, std::vector<std::string> command) {
    ProviderExit end;
    absl::Notification ended;
    const absl::Status status =
        launcher.Start(getuid(), Command(std::move(command)), [&](ProviderExit exit) {
          end = exit;
          ended.Notify();
        });
    EXPECT_TRUE(status.ok()) << status;
    if (status.ok()) ended.WaitForNotification();
    return end;
  }

  Log log_{LogLevel::kError, false};
  SystemProviderLauncher launcher_{getuid(), "/run/the.sock", &log_};
};

TEST_F(ProviderLauncherTest, ANameOnTheBusIsStarted) {
  const TestBus bus(folder_, TestBus::Manner::kStarts);
  EXPECT_TRUE(Start(Name("org.example.Notes")).ok());
  EXPECT_THAT(bus.calls(),
              ElementsAre("org.freedesktop.DBus StartServiceByName org.example.Notes"));
}

TEST_F(ProviderLauncherTest, AUnitOfSystemdIsStarted) {
  const TestBus bus(folder_, TestBus::Manner::kStarts);
  EXPECT_TRUE(Start(Unit("notes.service")).ok());
  EXPECT_THAT(bus.calls(), ElementsAre("org.freedesktop.systemd1 StartUnit notes.service"));
}

TEST_F(ProviderLauncherTest, WhatTheBusRefusesIsSaidInItsWords) {
  const TestBus bus(folder_, TestBus::Manner::kRefuses);
  const absl::Status status = Start(Name("org.example.Notes"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Nobody provides org.example.Notes"));
}

TEST_F(ProviderLauncherTest, ABusThatSaysNothingIsNotWaitedForLong) {
  const TestBus bus(folder_, TestBus::Manner::kSilent);
  ProviderStart start = Name("org.example.Notes");
  start.timeout_seconds = 1;
  const absl::Status status = Start(start);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no D-Bus of the user's"));
}

TEST_F(ProviderLauncherTest, AProgramGetsItsArgumentsAndVariablesAsTheyAre) {
  const std::string out = folder_ + "/out";
  const std::string done = folder_ + "/done";
  setenv("NOTIFY_SOCKET", "the daemon's alone", 1);
  // The one shell here is the program that is started; what it is given is not for it to read.
  const absl::Status status = Start(
      Command({"/bin/sh", "-c",
               "echo \"$1|$KEY|$INTELLIGENCED_SOCKET|$NOTIFY_SOCKET\" >\"$0\"; mv \"$0\" \"$2\"",
               out, "$(touch never); `x` | y", done},
              {"KEY=a b;c"}));
  unsetenv("NOTIFY_SOCKET");
  ASSERT_TRUE(status.ok()) << status;
  while (!std::filesystem::exists(done)) poll(nullptr, 0, 5);
  const absl::StatusOr<std::string> text = ReadFile(done, 4096);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "$(touch never); `x` | y|a b;c|/run/the.sock|\n");
}

TEST_F(ProviderLauncherTest, TheEndOfAProgramIsTold) {
  const ProviderExit failed = EndOf(launcher_, {"/bin/sh", "-c", "exit 3"});
  EXPECT_EQ(failed.status, 3);
  EXPECT_FALSE(failed.well());
  EXPECT_EQ(failed.Words(), "exited with status 3");
  EXPECT_TRUE(EndOf(launcher_, {"/bin/sh", "-c", ":"}).well());
  const ProviderExit killed = EndOf(launcher_, {"/bin/sh", "-c", "kill -9 $$"});
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_FALSE(killed.well());
}

TEST_F(ProviderLauncherTest, NothingIsToldOnceTheLauncherIsGone) {
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> seen = held;
  std::atomic<bool> told = false;
  {
    SystemProviderLauncher launcher(getuid(), "/run/the.sock", &log_);
    const absl::Status status =
        launcher.Start(getuid(), Command({"/bin/sh", "-c", "read line <\"$0\"", pipe}),
                       [held = std::move(held), &told](ProviderExit) { told = true; });
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_FALSE(seen.expired());
  // Waits until the program reads, and ends it.
  const UniqueFd end(open(pipe.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(write(end.get(), "\n", 1), 1);
  while (!seen.expired()) poll(nullptr, 0, 5);
  EXPECT_FALSE(told);
}

TEST_F(ProviderLauncherTest, SaysWhyNothingCanBeStarted) {
  EXPECT_THAT(std::string(Start(Command({"/no/such"})).message()),
              HasSubstr("/no/such cannot be started"));
  EXPECT_THAT(std::string(launcher_.Start(getuid() + 1, Command({"/bin/true"}), nullptr).message()),
              HasSubstr("not of this user"));
}

}  // namespace
}  // namespace intelligenced
#endif
