// Requests that go wrong in every way, against a real daemon with real (fake-engine) workers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "tests/integration/daemon_process.h"
#include "tests/integration/test_client.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

std::string Words(int count) {
  std::string words;
  for (int i = 0; i < count; ++i) absl::StrAppend(&words, i > 0 ? " " : "", "word");
  return words;
}

class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest() {
    sandbox_.AddModel("quick", {{"reply", "one two three"}}, 10);
    // About 20 s if nobody ends it.
    sandbox_.AddModel("slow", {{"reply", Words(1000)}, {"unit_us", "20000"}});
    // Half a second until its first word.
    sandbox_.AddModel("late", {{"reply", "done at last"}, {"unit_us", "500000"}});
    sandbox_.AddModel("steady", {{"reply", Words(100)}, {"unit_us", "10000"}});
  }
  void Start(DaemonOptions options = {}) {
    daemon_ = std::make_unique<DaemonProcess>(sandbox_, std::move(options));
    ASSERT_TRUE(daemon_->ready()) << daemon_->Log();
    client_ = std::make_unique<TestClient>(sandbox_.socket());
  }
  bool BecomesIdle() {
    return client_->WaitForStatus([](const api::SystemStatus& status) {
      for (const auto& model : status.resident_models()) {
        if (model.leases() > 0) return false;
      }
      return Waiting(status) == 0 && Running(status) == 0;
    });
  }
  bool RunningBecomes(int count) {
    return client_->WaitForStatus(
        [count](const api::SystemStatus& status) { return Running(status) == count; });
  }

  Sandbox sandbox_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(RequestsTest, TheDaemonServes) {
  Start();
  api::SystemStatus status;
  ASSERT_TRUE(client_->GetStatus(&status).ok());
  EXPECT_EQ(status.state(), api::SERVING_STATE_SERVING);
  EXPECT_EQ(status.pid(), static_cast<uint32_t>(daemon_->pid()));
  EXPECT_EQ(status.socket_path(), sandbox_.socket());
  EXPECT_EQ(client_->Health(), "SERVING");
  const std::string services = client_->Reflection();
  for (const char* service :
       {"intelligence.v1.LanguageModelService", "intelligence.v1.ModelPerformanceService",
        "intelligence.v1.ModelService", "intelligence.v1.SystemService",
        "intelligence.v1.TensorService", "intelligence.v1.ActionService",
        "intelligence.v1.TranslationService", "intelligence.v1.VisionService",
        "intelligence.v1.ImageGenerationService", "intelligence.v1.WritingToolsService",
        "grpc.health.v1.Health"}) {
    EXPECT_THAT(services, HasSubstr(service));
  }
  std::string text;
  EXPECT_TRUE(Generate(*client_, "quick", &text).ok());
  EXPECT_EQ(text, "one two three");
  // Without a model's name the highest rank answers.
  EXPECT_TRUE(Generate(*client_, "", &text).ok());
  EXPECT_EQ(text, "one two three");
}

TEST_F(RequestsTest, OneLoadForManyClients) {
  Start();
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::unique_ptr<Generation>> calls;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<TestClient>(sandbox_.socket()));
    calls.push_back(std::make_unique<Generation>(*clients.back(), "steady"));
  }
  for (auto& call : calls) EXPECT_TRUE(call->Finish().ok()) << call->Finish();
  EXPECT_EQ(daemon_->Children().size(), 1u);
}

TEST_F(RequestsTest, CancelEndsTheWorkAndNobodyElses) {
  Start();
  Generation other(*client_, "steady");
  Generation cancelled(*client_, "slow");
  ASSERT_TRUE(cancelled.WaitForDelta());
  cancelled.Cancel();
  EXPECT_EQ(cancelled.Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(other.Finish().ok()) << other.Finish();
  EXPECT_TRUE(BecomesIdle());
}

TEST_F(RequestsTest, AKilledClientsWorkEnds) {
  Start();
  const std::string program = BuildPath("bin/integration_client");
  const pid_t pid = fork();
  if (pid == 0) {
    execl(program.c_str(), "integration_client", sandbox_.socket().c_str(), "slow", nullptr);
    _exit(127);
  }
  EXPECT_TRUE(RunningBecomes(1));
  kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(BecomesIdle());
  EXPECT_TRUE(Generate(*client_, "quick").ok());
}

TEST_F(RequestsTest, AKilledWorkerCostsItsOwnCallsAlone) {
  Start();
  Generation other(*client_, "steady");
  Generation hit(*client_, "slow");
  ASSERT_TRUE(other.WaitForDelta());
  ASSERT_TRUE(hit.WaitForDelta());
  const pid_t worker = client_->WorkerOf("slow");
  ASSERT_GT(worker, 0);
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  const absl::Status lost = hit.Finish();
  EXPECT_TRUE(HasReason(lost, Reason::kWorkerLost)) << lost;
  EXPECT_TRUE(FactsOf(lost).retry_delay.has_value());
  EXPECT_FALSE(hit.completed());
  EXPECT_TRUE(other.Finish().ok()) << other.Finish();

  // And it serves again.
  const SystemClock clock;
  const absl::Time start = clock.Now();
  Generation again(*client_, "slow");
  EXPECT_TRUE(again.WaitForDelta()) << again.Finish();
  printf("serves again after %.0f ms\n", absl::ToDoubleMilliseconds(clock.Now() - start));
  EXPECT_NE(client_->WorkerOf("slow"), worker);
}

TEST_F(RequestsTest, AWorkerLostBeforeAnyOutputIsReplacedSilently) {
  Start();
  ASSERT_TRUE(client_->Load("late").ok());
  const pid_t worker = client_->WorkerOf("late");
  ASSERT_GT(worker, 0);
  Generation call(*client_, "late");
  ASSERT_TRUE(RunningBecomes(1));
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  EXPECT_TRUE(call.Finish().ok()) << call.Finish();
  EXPECT_EQ(call.text(), "done at last");
  EXPECT_NE(client_->WorkerOf("late"), worker);
}

TEST_F(RequestsTest, AModelThatCannotBeLoadedSaysWhy) {
  sandbox_.AddModel("damaged", {{"load_failure", "MODEL_CORRUPT"}});
  sandbox_.AddModel("crashing", {{"load_crash", "true"}});
  Start();
  EXPECT_TRUE(HasReason(Generate(*client_, "damaged"), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(Generate(*client_, "crashing"), Reason::kWorkerLost));
  EXPECT_TRUE(HasReason(Generate(*client_, "nobody"), Reason::kModelNotFound));
  EXPECT_TRUE(Generate(*client_, "quick").ok());
}

TEST_F(RequestsTest, ASlowReaderIsDroppedAndCostsNobody) {
  // Several steps for a megabyte, so that there is something left to pause.
  sandbox_.AddModel("echo", {{"unit_us", "5000"}});
  Start();
  TestClient stalled(sandbox_.socket(), /*stalls=*/true);
  // A megabyte, which comes back in pieces of 16 KiB.
  std::string prompt;
  for (int i = 0; i < 64; ++i) absl::StrAppend(&prompt, std::string(16 << 10, 'x'), " ");
  Generation unread(stalled, "echo", api::REQUEST_CLASS_INTERACTIVE, absl::Seconds(120), prompt);
  // It holds its model and goes no further, while others are served.
  ASSERT_TRUE(client_->WaitForStatus(
      [](const api::SystemStatus& status) { return Waiting(status) + Running(status) > 0; }));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Generate(*client_, "quick").ok());
  EXPECT_TRUE(client_->WaitForStatus(
      [](const api::SystemStatus& status) { return Waiting(status) + Running(status) == 0; },
      absl::Seconds(60)));
  const absl::Status dropped = unread.Finish();
  EXPECT_TRUE(HasReason(dropped, Reason::kSlowConsumer)) << dropped;
}

TEST_F(RequestsTest, AFullQueueRefusesAtOnce) {
  sandbox_.SetConfig("[scheduler]\nmax_queued_jobs = 3\nmax_client_jobs = 3\n");
  Start();
  std::vector<std::unique_ptr<Generation>> calls;
  for (int i = 0; i < 3; ++i) {
    calls.push_back(std::make_unique<Generation>(*client_, "slow"));
  }
  ASSERT_TRUE(client_->WaitForStatus(
      [](const api::SystemStatus& status) { return Waiting(status) + Running(status) == 3; }));
  const absl::Status refused = Generate(*client_, "slow");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_THAT(ReasonOf(refused), AnyOf(Eq(Reason::kQueueFull), Eq(Reason::kClientQuotaExceeded)));
  EXPECT_TRUE(FactsOf(refused).retry_delay.has_value());
  for (auto& call : calls) call->Cancel();
  EXPECT_TRUE(BecomesIdle());
  EXPECT_TRUE(Generate(*client_, "quick").ok());
}

TEST_F(RequestsTest, AnExpiredDeadlineIsNotStarted) {
  Start();
  Generation busy(*client_, "slow");
  ASSERT_TRUE(busy.WaitForDelta());
  Generation late(*client_, "late", api::REQUEST_CLASS_INTERACTIVE, absl::Milliseconds(1));
  EXPECT_EQ(late.Finish().code(), absl::StatusCode::kDeadlineExceeded);
  Generation running(*client_, "slow", api::REQUEST_CLASS_INTERACTIVE, absl::Milliseconds(300));
  EXPECT_EQ(running.Finish().code(), absl::StatusCode::kDeadlineExceeded);
  busy.Cancel();
  EXPECT_TRUE(BecomesIdle());
}

TEST_F(RequestsTest, LargeAndOddInput) {
  Start();
  const absl::Status large = Generation(*client_, "quick", api::REQUEST_CLASS_INTERACTIVE,
                                        std::nullopt, std::string(10 << 20, 'a'))
                                 .Finish();
  EXPECT_TRUE(HasReason(large, Reason::kInputTooLarge)) << large;
  EXPECT_EQ(FactsOf(large).metadata.at("size_bytes"), absl::StrCat(10 << 20));
  // Larger than a message may be: gRPC's own refusal, and the daemon goes on.
  const absl::Status huge = Generation(*client_, "quick", api::REQUEST_CLASS_INTERACTIVE,
                                       std::nullopt, std::string(80 << 20, 'a'))
                                .Finish();
  EXPECT_EQ(huge.code(), absl::StatusCode::kResourceExhausted) << huge;
  EXPECT_TRUE(Generate(*client_, "quick").ok());
}

TEST_F(RequestsTest, GrantsAreKept) {
  sandbox_.SetConfig("[clients.\"*\"]\nservices = [\"SystemService\"]\n");
  Start();
  EXPECT_TRUE(client_->GetStatus().ok());
  const absl::Status refused = Generate(*client_, "quick");
  EXPECT_TRUE(HasReason(refused, Reason::kCallerNotAuthorized)) << refused;
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(RequestsTest, ActivityHasWhoAndHowMuchAndNoText) {
  Start();
  ASSERT_TRUE(
      Generation(*client_, "quick", api::REQUEST_CLASS_INTERACTIVE, std::nullopt, "a secret prompt")
          .Finish()
          .ok());
  grpc::ClientContext context;
  api::ListActivityResponse response;
  ASSERT_TRUE(client_->system->ListActivity(&context, {}, &response).ok());
  bool found = false;
  for (const auto& record : response.records()) {
    if (record.method() != "LanguageModelService/GenerateText") continue;
    found = true;
    EXPECT_EQ(record.outcome(), "OK");
    EXPECT_THAT(record.model(), HasSubstr("quick"));
    EXPECT_EQ(record.process_id(), static_cast<uint32_t>(getpid()));
    EXPECT_GT(record.input_bytes(), 0u);
    EXPECT_GT(record.output_bytes(), 0u);
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(response.DebugString().find("secret"), std::string::npos);
  EXPECT_EQ(daemon_->Log().find("secret"), std::string::npos);
}

TEST_F(RequestsTest, DiagnoseChecksWhatAPersonWould) {
  Start();
  ASSERT_TRUE(client_->Load("quick").ok());
  grpc::ClientContext context;
  api::DiagnoseResponse response;
  ASSERT_TRUE(client_->system->Diagnose(&context, {}, &response).ok());
  std::map<std::string, api::Check> checks;
  for (const auto& check : response.checks()) {
    checks[check.name()] = check;
    EXPECT_EQ(check.advice().empty(), check.result() == api::Check::RESULT_OK)
        << check.DebugString();
  }
  for (const char* name : {"configuration", "socket", "workers", "sandbox", "store", "disk",
                           "model-files", "catalogue", "memory", "loads"}) {
    EXPECT_TRUE(checks.contains(name)) << name;
  }
  EXPECT_EQ(checks["workers"].result(), api::Check::RESULT_OK) << checks["workers"].finding();
  EXPECT_THAT(checks["sandbox"].finding(), HasSubstr("quick: "));
}

}  // namespace
}  // namespace intelligenced
