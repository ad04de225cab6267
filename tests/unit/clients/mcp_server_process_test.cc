// A server as a real process: started when needed, again when it has died, ended with what it
// started itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "clients/mcp_provider/server.h"
#include "clients/mcp_provider/server_process.h"
#include "runtime/base/file.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced::mcp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Lines {
 public:
  ServerProcess::Options Options(std::vector<std::string> command) {
    return {.command = std::move(command),
            .max_line_bytes = 1000,
            .line =
                [this](std::string_view line) {
                  absl::MutexLock lock(mutex_);
                  lines_.emplace_back(line);
                  return absl::OkStatus();
                },
            .end =
                [this](const absl::Status& why) {
                  absl::MutexLock lock(mutex_);
                  end_ = why;
                  ended_ = true;
                }};
  }
  std::vector<std::string> WaitFor(size_t count) {
    absl::MutexLock lock(mutex_);
    const auto enough = [&]() { return lines_.size() >= count || ended_; };
    mutex_.Await(absl::Condition(&enough));
    return lines_;
  }
  absl::Status WaitForEnd() {
    absl::MutexLock lock(mutex_);
    mutex_.Await(absl::Condition(&ended_));
    return end_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> lines_;
  absl::Status end_;
  bool ended_ = false;
};

// With a shell as the server, which is a program like any other.
std::vector<std::string> Script(const std::string& text) { return {"/bin/sh", "-c", text}; }

class ServerProcessTest : public testing::Test {
 protected:
  ServerProcessTest() { signal(SIGPIPE, SIG_IGN); }
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(ServerProcessTest, SpeaksByLines) {
  Lines lines;
  setenv("INTELLIGENCED_SOCKET", "/not/for/servers", 1);
  auto process = ServerProcess::Start(
      lines.Options(Script("echo \"socket:$INTELLIGENCED_SOCKET\"; while read line; do echo "
                           "\"got $line\"; done")));
  unsetenv("INTELLIGENCED_SOCKET");
  ASSERT_TRUE(process.ok()) << process.status();
  (*process)->Begin();
  EXPECT_TRUE((*process)->Write("one"));
  EXPECT_TRUE((*process)->Write("two"));
  EXPECT_THAT(lines.WaitFor(3), ElementsAre("socket:", "got one", "got two"));
}

TEST_F(ServerProcessTest, ItsEndIsToldWithWhatItSaidBefore) {
  Lines lines;
  auto process = ServerProcess::Start(lines.Options(Script("echo last; exit 3")));
  ASSERT_TRUE(process.ok()) << process.status();
  (*process)->Begin();
  EXPECT_EQ(lines.WaitForEnd().message(), "The server has ended.");
  EXPECT_THAT(lines.WaitFor(1), ElementsAre("last"));
  // Whatever is written now fails, and raises no signal.
  while ((*process)->Write("x")) {
  }
}

TEST_F(ServerProcessTest, ALineWithoutAnEndIsNotReadForEver) {
  Lines lines;
  auto process =
      ServerProcess::Start(lines.Options(Script("while :; do printf xxxxxxxxxxxxxxxx; done")));
  ASSERT_TRUE(process.ok()) << process.status();
  (*process)->Begin();
  EXPECT_THAT(std::string(lines.WaitForEnd().message()), HasSubstr("more than 1000 bytes"));
}

TEST_F(ServerProcessTest, WhatItStartedEndsWithIt) {
  Lines lines;
  // Both ignore that their input ends; the second is the first one's child.
  auto process = ServerProcess::Start(
      lines.Options(Script("sh -c 'echo $$; while :; do read x <&9; done' 9<>" + folder_ +
                           "/a & mkfifo " + folder_ + "/b; wait")));
  ASSERT_TRUE(process.ok()) << process.status();
  (*process)->Begin();
  const std::vector<std::string> said = lines.WaitFor(1);
  ASSERT_FALSE(said.empty());
  pid_t child = 0;
  ASSERT_TRUE(absl::SimpleAtoi(said[0], &child));
  EXPECT_EQ(kill(child, 0), 0);
  process->reset();
  // Gone, or a zombie that waits for its new parent.
  const std::string state = absl::StrCat("/proc/", child, "/stat");
  const absl::StatusOr<std::string> stat = ReadFile(state, 4096);
  EXPECT_TRUE(!stat.ok() || stat->find(") Z") != std::string::npos) << *stat;
}

TEST_F(ServerProcessTest, AProgramThatIsNotThereIsSaidToBeNone) {
  Lines lines;
  const auto process = ServerProcess::Start(lines.Options({"/no/such/program"}));
  EXPECT_THAT(std::string(process.status().message()),
              HasSubstr("/no/such/program cannot be started"));
}

// Answers the greeting, lists one tool; dies when that is called.
constexpr char kMortal[] = R"(
read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}}'
read line; read line
case "$line" in
  *tools/list*) echo '{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"die"}]}}'; read line;;
esac
exit 1)";

TEST_F(ServerProcessTest, AServerThatDiesIsStartedAgainAndNotForEver) {
  const SystemClock clock;
  Server server({.command = Script(kMortal), .version = "1"}, &clock);
  for (int i = 0; i < 5; ++i) {
    const auto tools = server.ListTools();
    ASSERT_TRUE(tools.ok()) << tools.status();
    const absl::Status died = server.CallTool("die", Json::object(), {}).status();
    EXPECT_EQ(died.code(), absl::StatusCode::kUnavailable) << died;
  }
  EXPECT_THAT(std::string(server.ListTools().status().message()),
              HasSubstr("has ended 5 times within a minute"));
}

}  // namespace
}  // namespace intelligenced::mcp
