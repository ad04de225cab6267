// The hub's work on other threads against the end of the daemon: with real threads, for the
// sanitizers.
#include "services/actions/hub.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "google/protobuf/text_format.h"
#include "runtime/base/executor.h"
#include "runtime/core/runtime.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/services/actions/action_texts.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Is in the middle of a start until it is told to go on.
class SlowLauncher final : public ProviderLauncher {
 public:
  absl::Status Start(uid_t, const ProviderStart&, OnExit) override {
    entered.Notify();
    proceed.WaitForNotification();
    return absl::UnavailableError("The bus has gone.");
  }
  absl::Notification entered;
  absl::Notification proceed;
};

// What it starts ends at once, with a failure, on a thread of its own.
class FailingLauncher final : public ProviderLauncher {
 public:
  ~FailingLauncher() override {
    if (thread_.joinable()) thread_.join();
  }
  absl::Status Start(uid_t, const ProviderStart&, OnExit exited) override {
    thread_ =
        std::thread([exited = std::move(exited)]() mutable { std::move(exited)({.status = 1}); });
    return absl::OkStatus();
  }

 private:
  std::thread thread_;
};

// The daemon's order (daemon/composition.cc): what work in the pool uses goes after the pool.
template <typename Launcher>
struct StackWith {
  explicit StackWith(const std::string& folder) : timer(&clock), pool("blocking", 4) {
    Runtime::Parts parts;
    parts.clock = &clock;
    parts.blocking = &pool;
    parts.timer = &timer;
    runtime = std::make_unique<Runtime>(parts);
    ActionServiceOptions options;
    options.launcher = &launcher;
    options.state_folder = folder;
    options.make_id = [] { return std::string("an id"); };
    StaticProvider file;
    google::protobuf::TextFormat::ParseFromString(kListsDeclaration, &file.declaration);
    file.declaration = CompleteDeclaration(std::move(file.declaration));
    file.start.command = {"/usr/bin/lists"};
    file.start.timeout_seconds = 1;
    file.owner.executable = "/usr/bin/lists";
    options.declared = {file};
    hub = std::make_shared<ActionHub>(runtime.get(), std::move(options));
  }

  SystemClock clock;
  std::unique_ptr<Runtime> runtime;
  ThreadTimer timer;
  Launcher launcher;
  ThreadPool pool;
  std::shared_ptr<ActionHub> hub;
};

using Stack = StackWith<SlowLauncher>;

class HubTest : public testing::Test {
 protected:
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

ActionActor Person() {
  return {.user_id = 1000,
          .app = "exe:/usr/bin/mlctl",
          .executable = "/usr/bin/mlctl",
          .display_name = "mlctl",
          .trusted = true};
}

TEST_F(HubTest, AStartThatIsStillGoingOnUsesNothingThatIsGone) {
  auto stack = std::make_unique<Stack>(folder_);
  stack->hub->Run([](ActionExchange& exchange, absl::Time now) {
    v1::RunActionStart start;
    start.set_action("count");
    EXPECT_TRUE(exchange.StartRun(7, Person(), start, now).ok());
  });
  stack->launcher.entered.WaitForNotification();
  stack->hub.reset();
  stack->launcher.proceed.Notify();
  // Its deadline may run on the timer meanwhile.
  stack.reset();
}

TEST_F(HubTest, AnEndThatIsToldWhileTheDaemonEndsUsesNothingThatIsGone) {
  for (int round = 0; round < 50; ++round) {
    StackWith<FailingLauncher> stack(folder_);
    stack.hub->Run([](ActionExchange& exchange, absl::Time now) {
      v1::RunActionStart start;
      start.set_action("count");
      EXPECT_TRUE(exchange.StartRun(7, Person(), start, now).ok());
    });
  }
}

TEST_F(HubTest, GrantsThatAreBeingWrittenUseNothingThatIsGone) {
  for (int round = 0; round < 20; ++round) {
    auto stack = std::make_unique<Stack>(folder_);
    for (int i = 0; i < 10; ++i) {
      stack->hub->Run([hub = stack->hub.get(), i](ActionExchange& exchange, absl::Time) {
        EXPECT_TRUE(exchange.grants()
                        .Set({1000, absl::StrCat("exe:/usr/bin/a", i), "org.example.Lists",
                              "exe:/usr/bin/lists"},
                             v1::GRANT_POLICY_ALWAYS)
                        .ok());
        hub->SaveGrants();
      });
    }
    stack.reset();
  }
  // All of the last round reached the disk: a pool runs what it has before it goes.
  Stack again(folder_);
  absl::Notification looked;
  again.hub->Run([&looked](ActionExchange& exchange, absl::Time) {
    EXPECT_EQ(exchange.grants().List(1000, "").size(), 10U);
    looked.Notify();
  });
  looked.WaitForNotification();
  again.launcher.proceed.Notify();
}

}  // namespace
}  // namespace intelligenced
