// Sockets, the listener over them, paths, and the command line.
#include "daemon/socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/paths.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

sockaddr_un Address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int Connect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = Address(path);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

mode_t ModeOf(const std::string& path) {
  struct stat info{};
  stat(path.c_str(), &info);
  return info.st_mode & 07777;
}

class SocketTest : public ::testing::Test {
 protected:
  SocketTest() { path_ = folder_ + "/run/x.sock"; }
  absl::StatusOr<ListeningSocket> Open(std::string path = "") {
    return ListeningSocket::Open({.path = path.empty() ? path_ : path,
                                  .system_wide = false,
                                  .mode = std::nullopt,
                                  .group = ""});
  }
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  std::string path_;
};

TEST_F(SocketTest, MakesFolderAndSocketForOneUser) {
  auto socket = Open();
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(ModeOf(folder_ + "/run"), 0700u);
  EXPECT_EQ(ModeOf(path_), 0600u);
  const int client = Connect(path_);
  EXPECT_GE(client, 0);
  close(client);
}

TEST_F(SocketTest, SystemWideIsForEverybody) {
  auto socket = ListeningSocket::Open(
      {.path = path_, .system_wide = true, .mode = std::nullopt, .group = ""});
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(ModeOf(folder_ + "/run"), 0755u);
  EXPECT_EQ(ModeOf(path_), 0666u);
}

TEST_F(SocketTest, TakesTheModeItIsGiven) {
  auto socket =
      ListeningSocket::Open({.path = path_, .system_wide = false, .mode = 0660, .group = ""});
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(ModeOf(path_), 0660u);
}

TEST_F(SocketTest, AnUnknownGroupIsRefusedAndNothingIsLeft) {
  auto socket = ListeningSocket::Open(
      {.path = path_, .system_wide = false, .mode = std::nullopt, .group = "no-such-group-here"});
  EXPECT_THAT(std::string(socket.status().message()), HasSubstr("no group 'no-such-group-here'"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_TRUE(Open().ok());
}

TEST_F(SocketTest, ASecondDaemonIsToldAboutTheFirst) {
  auto first = Open();
  ASSERT_TRUE(first.ok());
  auto second = Open();
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("process " + std::to_string(getpid())));
  // The first one is untouched.
  const int client = Connect(path_);
  EXPECT_GE(client, 0);
  close(client);
  // A daemon that drains still has its lock.
  first->StopListening();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kAlreadyExists);
  first = absl::CancelledError("gone");
  EXPECT_TRUE(Open().ok());
}

TEST_F(SocketTest, AStaleSocketIsReplaced) {
  ASSERT_EQ(mkdir((folder_ + "/run").c_str(), 0700), 0);
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = Address(path_);
  ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(dead);
  auto socket = Open();
  ASSERT_TRUE(socket.ok()) << socket.status();
  const int client = Connect(path_);
  EXPECT_GE(client, 0);
  close(client);
}

TEST_F(SocketTest, AnotherProgramsSocketIsLeftAlone) {
  ASSERT_EQ(mkdir((folder_ + "/run").c_str(), 0700), 0);
  const int other = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = Address(path_);
  ASSERT_EQ(bind(other, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(other, 1), 0);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::exists(path_));
  close(other);
}

TEST_F(SocketTest, AFileAtThePathIsLeftAlone) {
  ASSERT_EQ(mkdir((folder_ + "/run").c_str(), 0700), 0);
  std::ofstream(path_) << "precious";
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("is no socket"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(SocketTest, AFolderThatOthersWriteToIsRefused) {
  ASSERT_EQ(mkdir((folder_ + "/run").c_str(), 0700), 0);
  ASSERT_EQ(chmod((folder_ + "/run").c_str(), 0777), 0);
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("chmod go-w"));
}

TEST_F(SocketTest, OddPaths) {
  EXPECT_THAT(std::string(Open(folder_ + "/" + std::string(120, 'x')).status().message()),
              HasSubstr("bytes and the system allows"));
  EXPECT_THAT(std::string(Open("x.sock").status().message()), HasSubstr("must be absolute"));
  std::ofstream(folder_ + "/file") << "";
  EXPECT_THAT(std::string(Open(folder_ + "/file/x.sock").status().message()),
              HasSubstr("in the way"));
}

TEST_F(SocketTest, TheFileGoesWithTheSocket) {
  {
    auto socket = Open();
    ASSERT_TRUE(socket.ok());
    EXPECT_TRUE(std::filesystem::exists(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SocketTest, AdoptsOnlyListeningStreamSockets) {
  auto socket = Open();
  auto adopted = ListeningSocket::Adopt(dup(socket->fd()));
  ASSERT_TRUE(adopted.ok()) << adopted.status();
  EXPECT_EQ(adopted->path(), path_);
  adopted = absl::CancelledError("gone");
  EXPECT_TRUE(std::filesystem::exists(path_)) << "an adopted socket's file is not ours";

  const int unbound = ::socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_FALSE(ListeningSocket::Adopt(unbound).ok());
  close(unbound);
  const int file = open("/dev/null", O_RDONLY);
  EXPECT_FALSE(ListeningSocket::Adopt(file).ok());
  close(file);
}

// What a server would do with the descriptors, without one.
class Served {
 public:
  void Add(int fd) {
    absl::MutexLock lock(mutex_);
    fds_.push_back(fd);
  }
  std::vector<int> WaitFor(size_t count) {
    absl::MutexLock lock(mutex_);
    const auto enough = [&]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return fds_.size() >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
    return fds_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<int> fds_ ABSL_GUARDED_BY(mutex_);
};

// Blocks until the other side has closed. False: it did not.
bool WaitForEnd(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  char byte = 0;
  return poll(&entry, 1, 10'000) == 1 && read(fd, &byte, 1) <= 0;
}

class ListenerTest : public SocketTest {
 protected:
  void Start(ConnectionLimits limits = {}) {
    table_ = std::make_unique<ConnectionTable>(limits);
    std::vector<ListeningSocket> sockets;
    sockets.push_back(*Open());
    listener_ = std::make_unique<Listener>(std::move(sockets), table_.get(), &log_,
                                           [this](int fd) { served_.Add(fd); });
  }
  // Until the acceptor has seen an end; it works while new connections go through it.
  bool TableSizeBecomes(size_t size) {
    for (int i = 0; i < 1000 && table_->size() != size; ++i) {
      pollfd nothing{.fd = -1, .events = 0, .revents = 0};
      poll(&nothing, 1, 5);
    }
    return table_->size() == size;
  }
  Log log_{LogLevel::kError, false};
  Served served_;
  std::unique_ptr<ConnectionTable> table_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, HandsOverConnectionsWithTheirPeer) {
  Start();
  const int client = Connect(path_);
  ASSERT_GE(client, 0);
  const std::vector<int> fds = served_.WaitFor(1);
  ASSERT_EQ(fds.size(), 1u);
  const auto identity = table_->Find("fd:" + std::to_string(fds[0]));
  ASSERT_NE(identity, nullptr);
  EXPECT_EQ(identity->process_id, getpid());
  EXPECT_NE(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
  ASSERT_EQ(write(client, "x", 1), 1);
  char byte = 0;
  pollfd entry{.fd = fds[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&entry, 1, 10'000), 1);
  EXPECT_EQ(read(fds[0], &byte, 1), 1);
  close(client);
  EXPECT_TRUE(TableSizeBecomes(0));
  close(fds[0]);
}

TEST_F(ListenerTest, NumbersDoNotComeBackAtOnce) {
  Start();
  std::vector<int> numbers;
  for (size_t i = 1; i <= 20; ++i) {
    const int client = Connect(path_);
    numbers = served_.WaitFor(i);
    ASSERT_EQ(numbers.size(), i);
    close(numbers.back());
    close(client);
  }
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(std::unique(numbers.begin(), numbers.end()), numbers.end());
  EXPECT_TRUE(TableSizeBecomes(0));
}

TEST_F(ListenerTest, TheServersEndIsSeenToo) {
  Start();
  const int client = Connect(path_);
  const std::vector<int> fds = served_.WaitFor(1);
  // As gRPC does it: shut down, then close. The listener's own descriptor must not keep the
  // connection open.
  shutdown(fds[0], SHUT_RDWR);
  close(fds[0]);
  EXPECT_TRUE(WaitForEnd(client));
  EXPECT_TRUE(TableSizeBecomes(0));
  close(client);
}

TEST_F(ListenerTest, RefusesMoreThanAUserMayHave) {
  Start({.total = 10, .per_user = 2});
  const int first = Connect(path_);
  const int second = Connect(path_);
  ASSERT_EQ(served_.WaitFor(2).size(), 2u);
  const int third = Connect(path_);
  EXPECT_TRUE(WaitForEnd(third));
  close(third);
  // Room again once one has left.
  close(first);
  ASSERT_TRUE(TableSizeBecomes(1));
  const int fourth = Connect(path_);
  const std::vector<int> fds = served_.WaitFor(3);
  EXPECT_EQ(fds.size(), 3u);
  close(second);
  close(fourth);
  for (int fd : fds) close(fd);
}

TEST_F(ListenerTest, StopsAccepting) {
  Start();
  const int client = Connect(path_);
  const std::vector<int> fds = served_.WaitFor(1);
  listener_->StopAccepting();
  EXPECT_LT(Connect(path_), 0);
  EXPECT_FALSE(std::filesystem::exists(path_));
  // A connection that is there goes on, and its end is still seen.
  EXPECT_EQ(table_->size(), 1u);
  close(client);
  EXPECT_TRUE(TableSizeBecomes(0));
  close(fds[0]);
  listener_->StopAccepting();
}

TEST(PathsTest, PutsTheSocketWhereTheUserHasAPlace) {
  Environment environment;
  environment.user_id = 1000;
  environment.home = "/home/a";
  environment.executable = "/usr/sbin/intelligenced";
  Config config;
  EXPECT_EQ(ResolvePaths(config, environment)->socket,
            "/home/a/.local/state/intelligenced/intelligenced.sock");
  EXPECT_EQ(ResolvePaths(config, environment)->store, "/home/a/.local/share/intelligenced");
  EXPECT_THAT(ResolvePaths(config, environment)->built_in_directories,
              ElementsAre("/usr/share/intelligenced/models"));
  environment.xdg_runtime_dir = "/run/user/1000";
  environment.xdg_data_home = "/data";
  EXPECT_EQ(ResolvePaths(config, environment)->socket,
            "/run/user/1000/intelligenced/intelligenced.sock");
  EXPECT_FALSE(ResolvePaths(config, environment)->system_wide);
  EXPECT_EQ(ResolvePaths(config, environment)->store, "/data/intelligenced");
  config.daemon.socket = "/tmp/s";
  config.models.store = "/tmp/m";
  EXPECT_EQ(ResolvePaths(config, environment)->socket, "/tmp/s");
  EXPECT_EQ(ResolvePaths(config, environment)->store, "/tmp/m");
}

TEST(PathsTest, RootServesTheSystem) {
  Environment environment;
  environment.home = "/root";
  environment.executable = "/usr/sbin/intelligenced";
  const auto paths = ResolvePaths({}, environment);
  EXPECT_EQ(paths->socket, "/run/intelligenced/intelligenced.sock");
  EXPECT_TRUE(paths->system_wide);
  EXPECT_EQ(paths->store, "/var/lib/intelligenced");
}

TEST(PathsTest, SaysWhatIsMissingOrTooLong) {
  Environment environment;
  environment.user_id = 1000;
  EXPECT_THAT(std::string(ResolvePaths({}, environment).status().message()),
              HasSubstr("Name one with --socket"));
  environment.xdg_runtime_dir = "/" + std::string(120, 'r');
  EXPECT_THAT(std::string(ResolvePaths({}, environment).status().message()),
              HasSubstr("and the system allows"));
}

TEST(OptionsTest, TakesBothForms) {
  const auto options = ParseOptions({"--config", "/c", "--socket=/s", "--store", "/m"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->config, "/c");
  EXPECT_EQ(options->socket, "/s");
  EXPECT_EQ(options->store, "/m");
  EXPECT_EQ(options->action, Options::Action::kServe);
  EXPECT_EQ(ParseOptions({"--check-config", "x"})->action, Options::Action::kCheckConfig);
  EXPECT_EQ(ParseOptions({"--help"})->action, Options::Action::kHelp);
  EXPECT_EQ(ParseOptions({"--version"})->action, Options::Action::kVersion);
}

TEST(OptionsTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(std::string(ParseOptions({"--sokcet"}).status().message()),
              HasSubstr("no option '--sokcet'"));
  EXPECT_FALSE(ParseOptions({"file"}).ok());
  EXPECT_FALSE(ParseOptions({"--config"}).ok());
  EXPECT_FALSE(ParseOptions({"--config="}).ok());
}

TEST(LogSafeTest, CannotForgeEntries) {
  EXPECT_EQ(LogSafe("a\nb\r\x1b[31m\x7f"), "a b  [31m ");
  EXPECT_LT(LogSafe(std::string(100'000, 'x')).size(), 2100u);
  EXPECT_FALSE(StderrIsJournal(""));
  EXPECT_FALSE(StderrIsJournal("0:0"));
}

}  // namespace
}  // namespace intelligenced
