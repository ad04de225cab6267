#include "runtime/models/model_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/models/model_store.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = uint64_t{1} << 20;

// Loads what it is told to, at once, when its turn comes on the executor.
class FakeLoader : public ModelLoader {
 public:
  class FakeModel : public Model {
   public:
    FakeModel(FakeLoader* loader, std::string name) : loader_(loader), name_(std::move(name)) {}
    ~FakeModel() override { loader_->destroyed.push_back(name_); }
    const engine_proto::ModelInfo& info() const override { return info_; }
    absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task&, CancelToken) override {
      return absl::UnimplementedError("no jobs here");
    }
    absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const>,
                                                const StepOptions&) override {
      return absl::UnimplementedError("no jobs here");
    }
    absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
      engine_proto::ResourceUsage usage;
      usage.set_resident_bytes(loader_->footprint);
      usage.set_peak_bytes(loader_->footprint + kMiB);
      return usage;
    }

   private:
    FakeLoader* const loader_;
    const std::string name_;
    engine_proto::ModelInfo info_;
  };

  absl::StatusOr<LoadedModel> Load(const engine_proto::ModelSpec& spec, CancelToken cancel,
                                   absl::AnyInvocable<void()> on_lost) override {
    loads.push_back(spec.name());
    last_spec = spec;
    if (during) during(cancel);
    if (cancel.cancelled()) return MakeError(Reason::kCancelled, "cancelled");
    if (!fail.ok()) return fail;
    lose[spec.name()] = std::move(on_lost);
    if (die_while_loading) lose[spec.name()]();
    LoadedModel loaded;
    loaded.model = std::make_shared<FakeModel>(this, spec.name());
    loaded.worker_pid = static_cast<pid_t>(100 + loads.size());
    loaded.protections = {"seccomp"};
    return loaded;
  }

  std::vector<std::string> loads;
  std::vector<std::string> destroyed;
  std::map<std::string, absl::AnyInvocable<void()>> lose;
  engine_proto::ModelSpec last_spec;
  absl::Status fail;
  bool die_while_loading = false;
  uint64_t footprint = 100 * kMiB;
  std::function<void(CancelToken)> during;
};

class ModelManagerTest : public ::testing::Test {
 protected:
  ModelManagerTest() {
    auto store = ModelStore::Open({.root = folder_ / "store", .built_in_directories = {}});
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    for (const char* name : {"a", "b", "c"}) {
      auto writer = store_->NewBlob(1, "");
      EXPECT_TRUE((*writer)->Append(name).ok());
      EXPECT_TRUE((*writer)->Commit().ok());
      Manifest manifest = ManifestFor(name, name);
      manifest.parameters = {{"x", "manifest"}, {"y", "manifest"}};
      EXPECT_TRUE(store_->Put(manifest).ok());
    }
    options_.ceiling_bytes = 1000 * kMiB;
    options_.threads = 3;
    options_.engine_parameters["fake"] = {{"x", "configuration"}};
    Start();
  }

  void Start() {
    manager_.reset();
    manager_ = std::make_unique<ModelManager>(
        options_, store_.get(), &loader_, &clock_, &executor_, &executor_,
        [this] { return machine_; },
        [this](pid_t pid) -> std::optional<ProcessUsage> {
          if (!usage_.contains(pid)) return std::nullopt;
          return usage_[pid];
        });
  }

  struct Answer {
    std::shared_ptr<absl::StatusOr<ModelLease>> result;
    bool answered() const { return result != nullptr && *answered_; }
    absl::Status status() const { return result->status(); }
    void Release() { *result = absl::CancelledError("released"); }
    std::shared_ptr<bool> answered_ = std::make_shared<bool>(false);
  };
  Answer Ask(const std::string& name, AcquireOptions options = {}) {
    Answer answer;
    answer.result = std::make_shared<absl::StatusOr<ModelLease>>(absl::UnknownError("waiting"));
    manager_->Acquire(name, std::move(options), [answer](absl::StatusOr<ModelLease> lease) {
      EXPECT_FALSE(*answer.answered_) << "answered twice";
      *answer.answered_ = true;
      *answer.result = std::move(lease);
    });
    return answer;
  }
  Answer Get(const std::string& name, AcquireOptions options = {}) {
    Answer answer = Ask(name, std::move(options));
    executor_.RunUntilIdle();
    EXPECT_TRUE(answer.answered());
    return answer;
  }
  ModelState State(const std::string& name) { return manager_->Get(name)->state; }

  TemporaryFolder folder_;
  std::unique_ptr<ModelStore> store_;
  ManualClock clock_;
  ManualExecutor executor_{&clock_};
  FakeLoader loader_;
  MachineMemory machine_ = {16000 * kMiB, 12000 * kMiB};
  std::map<pid_t, ProcessUsage> usage_;
  ResidencyOptions options_;
  std::unique_ptr<ModelManager> manager_;
};

TEST_F(ModelManagerTest, ManyWaitersOneLoad) {
  int told = 0;
  std::vector<Answer> answers;
  for (int i = 0; i < 5; ++i) {
    AcquireOptions options;
    options.on_loading = [&told] { ++told; };
    answers.push_back(Ask("a", std::move(options)));
  }
  EXPECT_EQ(State("a"), ModelState::kLoading);
  EXPECT_FALSE(answers[0].answered());
  executor_.RunUntilIdle();
  EXPECT_THAT(loader_.loads, ElementsAre("a"));
  EXPECT_EQ(told, 5);
  for (const Answer& answer : answers) ASSERT_TRUE(answer.answered() && answer.result->ok());
  EXPECT_EQ((*answers[0].result)->key, "a#1");
  EXPECT_EQ((*answers[0].result)->name, "a");
  EXPECT_EQ((*answers[0].result)->model, (*answers[4].result)->model);
  const ModelStatus status = *manager_->Get("a");
  EXPECT_EQ(status.state, ModelState::kReady);
  EXPECT_EQ(status.leases, 5);
  EXPECT_EQ(status.resident_bytes, 100 * kMiB);
  EXPECT_EQ(status.worker_pid, 101);
  EXPECT_THAT(status.protections, ElementsAre("seccomp"));
  // Resident: at once, and not told of loading.
  AcquireOptions options;
  options.on_loading = [&told] { ++told; };
  EXPECT_TRUE(Ask("a", std::move(options)).answered());
  EXPECT_EQ(told, 5);
}

TEST_F(ModelManagerTest, TheSpecHasFilesThreadsAndParameters) {
  Answer lease = Get("a");
  const engine_proto::ModelSpec& spec = loader_.last_spec;
  EXPECT_EQ(spec.engine(), "fake");
  EXPECT_EQ(spec.threads(), 3u);
  ASSERT_EQ(spec.files_size(), 1);
  EXPECT_EQ(*ReadFile(spec.files(0).path(), 10), "a");
  EXPECT_EQ(spec.parameters().at("x"), "configuration");
  EXPECT_EQ(spec.parameters().at("y"), "manifest");
}

TEST_F(ModelManagerTest, UnknownModels) {
  EXPECT_TRUE(HasReason(Get("none").status(), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(manager_->Unload("none", {}), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(manager_->Remove("none").status(), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(manager_->SetPinned("none", true), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(manager_->Get("none").status(), Reason::kModelNotFound));
  EXPECT_EQ(manager_->Snapshot().size(), 3u);
}

TEST_F(ModelManagerTest, AMissingFileIsToldAndNothingIsStarted) {
  std::filesystem::remove(*store_->PathOf(store_->Get("a")->files[0]));
  EXPECT_TRUE(HasReason(Get("a").status(), Reason::kModelCorrupt));
  EXPECT_THAT(loader_.loads, IsEmpty());
  EXPECT_EQ(State("a"), ModelState::kFailed);
}

TEST_F(ModelManagerTest, IdleModelsLeaveAfterTheirKeepAlive) {
  Answer lease = Get("a");
  executor_.Advance(absl::Hours(1));
  EXPECT_EQ(State("a"), ModelState::kReady) << "in use";
  lease.Release();
  executor_.Advance(absl::Minutes(4));
  EXPECT_EQ(State("a"), ModelState::kReady);
  Get("a").Release();  // used again: the time starts anew
  executor_.Advance(absl::Minutes(4));
  EXPECT_EQ(State("a"), ModelState::kReady);
  executor_.Advance(absl::Minutes(1));
  EXPECT_EQ(State("a"), ModelState::kInstalled);
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
  EXPECT_EQ(store_->Record("a").resident_bytes, 100 * kMiB);
  EXPECT_EQ(store_->Record("a").peak_bytes, 101 * kMiB);
}

TEST_F(ModelManagerTest, ARequestCanAskForMoreButNotForLess) {
  AcquireOptions options;
  options.keep_alive = absl::Minutes(20);
  Get("a", std::move(options)).Release();
  options = {};
  options.keep_alive = absl::Seconds(1);
  Get("a", std::move(options)).Release();
  executor_.Advance(absl::Minutes(19));
  EXPECT_EQ(State("a"), ModelState::kReady);
  executor_.Advance(absl::Minutes(2));
  EXPECT_EQ(State("a"), ModelState::kInstalled);
}

TEST_F(ModelManagerTest, KeepAliveCanBeSetAndIsRemembered) {
  EXPECT_TRUE(HasReason(manager_->SetKeepAlive("a", -absl::Seconds(1)), Reason::kFieldInvalid));
  ASSERT_TRUE(manager_->SetKeepAlive("b", absl::ZeroDuration()).ok());
  Get("b").Release();
  executor_.RunUntilIdle();
  EXPECT_EQ(State("b"), ModelState::kInstalled);
  Get("a").Release();
  ASSERT_TRUE(manager_->SetKeepAlive("a", absl::Seconds(10)).ok());
  executor_.Advance(absl::Seconds(11));
  EXPECT_EQ(State("a"), ModelState::kInstalled);
  Start();
  EXPECT_EQ(manager_->Get("a")->keep_alive, absl::Seconds(10));
}

TEST_F(ModelManagerTest, PinnedModelsStay) {
  ASSERT_TRUE(manager_->SetPinned("a", true).ok());
  Get("a").Release();
  executor_.Advance(absl::Hours(10));
  EXPECT_EQ(State("a"), ModelState::kReady);
  EXPECT_TRUE(manager_->Get("a")->pinned);
  ASSERT_TRUE(manager_->SetPinned("a", false).ok());
  executor_.Advance(absl::Seconds(1));
  EXPECT_EQ(State("a"), ModelState::kInstalled);
  ASSERT_TRUE(manager_->SetPinned("a", true).ok());
  Start();
  EXPECT_TRUE(manager_->Get("a")->pinned);
}

TEST_F(ModelManagerTest, IdleModelsMakeRoomAndBusyOnesDoNot) {
  loader_.footprint = 600 * kMiB;
  Answer a = Get("a");
  ASSERT_TRUE(a.result->ok());
  // Not known yet how big it is, then measured: b's first load is admitted by its estimate.
  ModelRecord record;
  record.resident_bytes = 600 * kMiB;
  ASSERT_TRUE(store_->SetRecord("b", record).ok());
  Answer b = Ask("b");
  executor_.RunUntilIdle();
  EXPECT_FALSE(b.answered()) << "it waits for the one in use";
  EXPECT_EQ(State("a"), ModelState::kReady);
  a.Release();
  EXPECT_EQ(State("a"), ModelState::kUnloading);
  EXPECT_EQ(State("b"), ModelState::kLoading);
  EXPECT_THAT(loader_.loads, ElementsAre("a")) << "not before there is room";
  executor_.RunUntilIdle();
  ASSERT_TRUE(b.result->ok()) << b.status();
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
  EXPECT_EQ(State("a"), ModelState::kInstalled);
  EXPECT_EQ(manager_->MemorySnapshot().resident_bytes, 600 * kMiB);
  EXPECT_EQ(manager_->MemorySnapshot().ceiling_bytes, 1000 * kMiB);
}

TEST_F(ModelManagerTest, WaitingForModelsInUseEnds) {
  loader_.footprint = 600 * kMiB;
  Answer a = Get("a");
  ModelRecord record;
  record.resident_bytes = 600 * kMiB;
  ASSERT_TRUE(store_->SetRecord("b", record).ok());
  Answer b = Ask("b");
  CancelSource cancel;
  AcquireOptions options;
  options.cancel = cancel.token();
  Answer cancelled = Ask("b", std::move(options));
  executor_.Advance(absl::Seconds(60));
  cancel.Cancel();
  EXPECT_TRUE(absl::IsCancelled(cancelled.status())) << cancelled.status();
  EXPECT_FALSE(b.answered());
  EXPECT_EQ(State("b"), ModelState::kLoading);
  executor_.Advance(absl::Seconds(61));
  ASSERT_TRUE(b.answered());
  EXPECT_TRUE(HasReason(b.status(), Reason::kMemoryInsufficient)) << b.status();
  EXPECT_EQ(FactsOf(b.status()).metadata["needed_bytes"], absl::StrCat(600 * kMiB));
  EXPECT_EQ(FactsOf(b.status()).metadata["available_bytes"], absl::StrCat(400 * kMiB));
  EXPECT_TRUE(FactsOf(b.status()).retry_delay.has_value());
  EXPECT_EQ(State("b"), ModelState::kInstalled);
  EXPECT_EQ(State("a"), ModelState::kReady);
  // The next one has the whole time again.
  b = Ask("b");
  executor_.Advance(absl::Seconds(119));
  EXPECT_FALSE(b.answered());
  a.Release();
  executor_.RunUntilIdle();
  EXPECT_TRUE(b.result->ok()) << b.status();
}

TEST_F(ModelManagerTest, WhatCanNeverFitIsRefusedAtOnce) {
  ModelRecord record;
  record.resident_bytes = 2000 * kMiB;
  ASSERT_TRUE(store_->SetRecord("a", record).ok());
  Answer a = Ask("a");
  ASSERT_TRUE(a.answered());
  EXPECT_TRUE(HasReason(a.status(), Reason::kMemoryInsufficient));
  EXPECT_FALSE(FactsOf(a.status()).retry_delay.has_value());
  EXPECT_EQ(State("a"), ModelState::kInstalled);
}

TEST_F(ModelManagerTest, ShortMemoryInTheMachineEvictsIdleModels) {
  Answer a = Get("a");
  Get("b").Release();
  machine_.available_bytes = 100 * kMiB;
  executor_.Advance(absl::Seconds(2));
  EXPECT_EQ(State("a"), ModelState::kReady);
  EXPECT_EQ(State("b"), ModelState::kInstalled);
}

TEST_F(ModelManagerTest, MemoryIsMeasuredWhileModelsAreResident) {
  Answer a = Get("a");
  usage_[101] = {300 * kMiB, 400 * kMiB};
  executor_.Advance(absl::Seconds(2));
  EXPECT_EQ(manager_->Get("a")->resident_bytes, 300 * kMiB);
  EXPECT_EQ(manager_->Get("a")->peak_bytes, 400 * kMiB);
  usage_[101] = {350 * kMiB, 400 * kMiB};
  clock_.Advance(absl::Milliseconds(1500));
  EXPECT_EQ(manager_->Snapshot()[0].resident_bytes, 300 * kMiB) << "does not block";
  executor_.RunUntilIdle();
  EXPECT_EQ(manager_->Snapshot()[0].resident_bytes, 350 * kMiB);
  a.Release();
  EXPECT_TRUE(manager_->Unload("a", {}).ok());
  EXPECT_EQ(store_->Record("a").resident_bytes, 350 * kMiB);
  EXPECT_EQ(store_->Record("a").peak_bytes, 400 * kMiB);
  // Nothing resident, nothing to wake up for.
  executor_.Advance(absl::Seconds(3));
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(executor_.RunUntilIdle(), 0);
}

TEST_F(ModelManagerTest, AFailedLoadFailsItsWaitersAndBacksOff) {
  loader_.fail = MakeError(Reason::kModelLoadFailed, "unknown architecture");
  Answer one = Ask("a");
  Answer two = Ask("a");
  executor_.RunUntilIdle();
  EXPECT_TRUE(HasReason(one.status(), Reason::kModelLoadFailed));
  EXPECT_TRUE(HasReason(two.status(), Reason::kModelLoadFailed));
  EXPECT_EQ(State("a"), ModelState::kFailed);
  EXPECT_THAT(manager_->Get("a")->failure.message(), HasSubstr("unknown architecture"));
  const absl::Status again = Get("a").status();
  EXPECT_TRUE(HasReason(again, Reason::kModelLoadFailed));
  EXPECT_EQ(FactsOf(again).retry_delay, absl::Milliseconds(100));
  EXPECT_EQ(loader_.loads.size(), 1u);
  executor_.Advance(absl::Milliseconds(100));
  Get("a");
  EXPECT_EQ(loader_.loads.size(), 2u);
  EXPECT_EQ(FactsOf(Get("a").status()).retry_delay, absl::Milliseconds(200));
  for (int i = 0; i < 20; ++i) {
    executor_.Advance(absl::Minutes(1));
    Get("a");
  }
  EXPECT_EQ(FactsOf(Get("a").status()).retry_delay, absl::Seconds(30));
  loader_.fail = absl::OkStatus();
  executor_.Advance(absl::Minutes(1));
  EXPECT_TRUE(Get("a").result->ok());
  EXPECT_TRUE(manager_->Get("a")->failure.ok());
}

TEST_F(ModelManagerTest, AModelThatDiesComesBack) {
  Answer a = Get("a");
  loader_.lose["a"]();
  EXPECT_EQ(State("a"), ModelState::kFailed);
  EXPECT_TRUE(HasReason(manager_->Get("a")->failure, Reason::kWorkerLost));
  EXPECT_THAT(loader_.destroyed, IsEmpty()) << "its leases still hold it";
  // The first death costs nobody a wait; old leases do not count for the new model.
  Answer again = Get("a");
  ASSERT_TRUE(again.result->ok());
  EXPECT_EQ((*again.result)->key, "a#2");
  EXPECT_EQ(manager_->Get("a")->leases, 1);
  a.Release();
  executor_.RunUntilIdle();
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
  EXPECT_EQ(State("a"), ModelState::kReady);
  // The second one soon after: the request waits out a short back-off.
  loader_.lose["a"]();
  Answer third = Ask("a");
  executor_.RunUntilIdle();
  EXPECT_FALSE(third.answered());
  executor_.Advance(absl::Milliseconds(100));
  EXPECT_TRUE(third.answered() && third.result->ok());
  // And so on, until it is too long to wait for.
  for (int i = 0; i < 6; ++i) {
    executor_.Advance(absl::Seconds(1));
    loader_.lose["a"]();
    third = Ask("a");
    if (!third.answered()) executor_.Advance(absl::Seconds(1));
  }
  EXPECT_TRUE(HasReason(third.status(), Reason::kWorkerLost)) << third.status();
  EXPECT_GT(FactsOf(third.status()).retry_delay, absl::Seconds(1));
  // One that served for long starts with a clean sheet.
  executor_.Advance(absl::Minutes(1));
  ASSERT_TRUE(Get("a").result->ok());
  executor_.Advance(absl::Minutes(1));
  loader_.lose["a"]();
  EXPECT_TRUE(Get("a").result->ok());
}

TEST_F(ModelManagerTest, AWorkerThatDiesAsItIsLoadedFailsTheLoad) {
  loader_.die_while_loading = true;
  EXPECT_TRUE(HasReason(Get("a").status(), Reason::kWorkerLost));
  EXPECT_EQ(State("a"), ModelState::kFailed);
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
}

TEST_F(ModelManagerTest, ALoadGoesOnForTheOthersAndEndsWithTheLast) {
  CancelSource first;
  CancelSource second;
  AcquireOptions options;
  options.cancel = first.token();
  Answer one = Ask("a", std::move(options));
  options = {};
  options.cancel = second.token();
  Answer two = Ask("a", std::move(options));
  first.Cancel();
  EXPECT_TRUE(one.answered());
  EXPECT_TRUE(HasReason(one.status(), Reason::kCancelled));
  bool cancelled = true;
  loader_.during = [&](CancelToken token) { cancelled = token.cancelled(); };
  executor_.RunUntilIdle();
  EXPECT_FALSE(cancelled);
  EXPECT_TRUE(two.result->ok());

  CancelSource third;
  options = {};
  options.cancel = third.token();
  Answer three = Ask("b", std::move(options));
  loader_.during = [&](CancelToken token) {
    third.Cancel();
    cancelled = token.cancelled();
  };
  executor_.RunUntilIdle();
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(HasReason(three.status(), Reason::kCancelled));
  EXPECT_EQ(State("b"), ModelState::kInstalled);
  // No failure: the next one does not have to wait.
  loader_.during = nullptr;
  EXPECT_TRUE(Get("b").result->ok());
}

TEST_F(ModelManagerTest, ACancelledTokenAnswersAtOnce) {
  CancelSource cancel;
  cancel.Cancel();
  AcquireOptions options;
  options.cancel = cancel.token();
  EXPECT_TRUE(HasReason(Ask("a", std::move(options)).status(), Reason::kCancelled));
  EXPECT_EQ(executor_.RunUntilIdle(), 0);
}

TEST_F(ModelManagerTest, SomebodyComesAsACancelledLoadEnds) {
  CancelSource cancel;
  AcquireOptions options;
  options.cancel = cancel.token();
  Answer one = Ask("a", std::move(options));
  Answer two;
  loader_.during = [&](CancelToken) {
    if (loader_.loads.size() > 1) return;
    cancel.Cancel();
    two = Ask("a");
  };
  executor_.RunUntilIdle();
  EXPECT_TRUE(HasReason(one.status(), Reason::kCancelled));
  ASSERT_TRUE(two.answered());
  EXPECT_TRUE(two.result->ok()) << two.status();
  EXPECT_EQ(loader_.loads.size(), 2u);
}

TEST_F(ModelManagerTest, UnloadWaitsForLeasesAndNewRequestsForTheUnload) {
  EXPECT_TRUE(manager_->Unload("a", {}).ok()) << "not resident";
  Answer a = Get("a");
  Signal draining;
  auto watch = manager_->Watch([&](const ModelStatus& status) {
    if (status.state == ModelState::kDraining) draining.Notify();
  });
  absl::Status status = absl::UnknownError("not called");
  std::thread unloader([&] { status = manager_->Unload("a", {}); });
  draining.Wait();
  Answer later = Ask("a");
  EXPECT_FALSE(later.answered());
  EXPECT_THAT(loader_.destroyed, IsEmpty());
  a.Release();
  executor_.RunUntilIdle();
  unloader.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
  executor_.RunUntilIdle();
  ASSERT_TRUE(later.answered());
  EXPECT_EQ((*later.result)->key, "a#2");
}

TEST_F(ModelManagerTest, ACancelledUnloadLetsTheModelServeAgain) {
  Answer a = Get("a");
  Signal draining;
  auto watch = manager_->Watch([&](const ModelStatus& status) {
    if (status.state == ModelState::kDraining) draining.Notify();
  });
  CancelSource cancel;
  absl::Status status;
  std::thread unloader([&] { status = manager_->Unload("a", cancel.token()); });
  draining.Wait();
  Answer later = Ask("a");
  cancel.Cancel();
  unloader.join();
  EXPECT_TRUE(HasReason(status, Reason::kCancelled));
  ASSERT_TRUE(later.answered());
  EXPECT_EQ((*later.result)->key, "a#1");
  EXPECT_EQ(State("a"), ModelState::kReady);
}

TEST_F(ModelManagerTest, UnloadOfAnIdleModelIsDoneWhenItReturns) {
  Get("a").Release();
  EXPECT_TRUE(manager_->Unload("a", {}).ok());
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
  EXPECT_EQ(State("a"), ModelState::kInstalled);
}

TEST_F(ModelManagerTest, RemoveUnloadsAndTakesTheFilesAway) {
  Answer a = Get("a");
  EXPECT_TRUE(HasReason(manager_->Remove("a").status(), Reason::kModelBusy));
  a.Release();
  EXPECT_EQ(*manager_->Remove("a"), 1u);
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
  EXPECT_TRUE(HasReason(Get("a").status(), Reason::kModelNotFound));
  EXPECT_EQ(manager_->Snapshot().size(), 2u);
}

TEST_F(ModelManagerTest, WatchersSeeEveryStateInOrder) {
  std::vector<ModelState> states;
  auto watch = manager_->Watch([&](const ModelStatus& status) { states.push_back(status.state); });
  Get("a").Release();
  ASSERT_TRUE(manager_->Unload("a", {}).ok());
  EXPECT_THAT(states, ElementsAre(ModelState::kLoading, ModelState::kReady, ModelState::kUnloading,
                                  ModelState::kInstalled));
  watch.reset();
  Get("a");
  EXPECT_EQ(states.size(), 4u);
}

TEST_F(ModelManagerTest, AnObserverMayCallTheManager) {
  int calls = 0;
  std::shared_ptr<void> watch = manager_->Watch([&](const ModelStatus& status) {
    ++calls;
    EXPECT_TRUE(manager_->Get(status.manifest.name).ok());
    manager_->Snapshot();
    if (status.state == ModelState::kReady) watch.reset();
  });
  Get("a");
  EXPECT_EQ(calls, 2);
}

TEST_F(ModelManagerTest, ShutdownRefusesAndUnloads) {
  Answer a = Get("a");
  Get("b").Release();
  Answer c = Ask("c");
  manager_->BeginShutdown();
  EXPECT_TRUE(HasReason(c.status(), Reason::kShuttingDown));
  EXPECT_TRUE(HasReason(Get("a").status(), Reason::kShuttingDown));
  executor_.RunUntilIdle();
  EXPECT_THAT(loader_.destroyed, ElementsAre("b"));
  EXPECT_EQ(State("a"), ModelState::kDraining);
  a.Release();
  executor_.RunUntilIdle();
  EXPECT_THAT(loader_.destroyed, ElementsAre("b", "a"));
  manager_.reset();
}

TEST_F(ModelManagerTest, TheDestructorUnloadsWithoutAnExecutor) {
  Get("a").Release();
  Answer waiting = Ask("b");  // its load is queued and never runs
  manager_.reset();
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
  EXPECT_TRUE(HasReason(waiting.status(), Reason::kShuttingDown));
  executor_.Advance(absl::Hours(1));
  EXPECT_THAT(loader_.loads, ElementsAre("a"));
}

TEST_F(ModelManagerTest, ALeaseThatOutlivesTheManagerIsHarmless) {
  Answer a = Get("a");
  manager_.reset();
  EXPECT_THAT(loader_.destroyed, IsEmpty());
  a.Release();
  EXPECT_THAT(loader_.destroyed, ElementsAre("a"));
}

}  // namespace
}  // namespace intelligenced
