// Many threads on one ModelManager with real threads and timers: for the thread sanitizer, and for
// the promises that hold under any order: every request answered once, every model destroyed once,
// never more memory than the ceiling, never one model twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/reasons.h"
#include "runtime/models/model_manager.h"
#include "runtime/models/model_store.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr int kModels = 5;
constexpr int kClients = 8;
constexpr int kRequests = 150;

class StressLoader : public ModelLoader {
 public:
  struct Slot {
    std::atomic<int> alive = 0;
    absl::Mutex mutex;
    absl::AnyInvocable<void()> lose ABSL_GUARDED_BY(mutex);
  };

  class StressModel : public Model {
   public:
    StressModel(StressLoader* loader, Slot* slot) : loader_(loader), slot_(slot) {
      ++slot_->alive;
      ++loader_->alive;
    }
    ~StressModel() override {
      {
        // As the launcher promises: not called during or after the destruction.
        absl::MutexLock lock(slot_->mutex);
        slot_->lose = nullptr;
      }
      --slot_->alive;
      --loader_->alive;
    }
    const engine_proto::ModelInfo& info() const override { return info_; }
    absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task&, CancelToken) override {
      return absl::UnimplementedError("");
    }
    absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const>,
                                                const StepOptions&) override {
      return absl::UnimplementedError("");
    }
    absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
      engine_proto::ResourceUsage usage;
      usage.set_resident_bytes(100 * kMiB);
      usage.set_peak_bytes(100 * kMiB);
      return usage;
    }

   private:
    StressLoader* const loader_;
    Slot* const slot_;
    engine_proto::ModelInfo info_;
  };

  absl::StatusOr<LoadedModel> Load(const engine_proto::ModelSpec& spec, CancelToken cancel,
                                   absl::AnyInvocable<void()> on_lost) override {
    const int number = ++loads;
    if (cancel.cancelled()) return MakeError(Reason::kCancelled, "cancelled");
    if (number % 17 == 0) return MakeError(Reason::kModelLoadFailed, "bad luck");
    Slot& slot = slots[spec.name().back() - '0'];
    LoadedModel loaded;
    loaded.model = std::make_shared<StressModel>(this, &slot);
    absl::MutexLock lock(slot.mutex);
    slot.lose = std::move(on_lost);
    return loaded;
  }

  // Kills the model's process, if it has one, as the launcher's thread would tell.
  void Kill(int model) {
    Slot& slot = slots[model];
    absl::MutexLock lock(slot.mutex);
    if (slot.lose) slot.lose();
    slot.lose = nullptr;
  }

  Slot slots[kModels];
  std::atomic<int> loads = 0;
  std::atomic<int> alive = 0;
};

TEST(ModelManagerStressTest, EveryRequestIsAnsweredOnceAndEveryModelDestroyedOnce) {
  TemporaryFolder folder;
  auto opened = ModelStore::Open({.root = folder / "store", .built_in_directories = {}});
  ASSERT_TRUE(opened.ok());
  const std::unique_ptr<ModelStore> store = *std::move(opened);
  for (int i = 0; i < kModels; ++i) {
    auto writer = store->NewBlob(1, "");
    ASSERT_TRUE((*writer)->Append(absl::StrCat(i)).ok());
    ASSERT_TRUE((*writer)->Commit().ok());
    ASSERT_TRUE(store->Put(ManifestFor(absl::StrCat("m", i), absl::StrCat(i))).ok());
    // Known from an earlier load: the first of all may take more than its files let expect.
    ASSERT_TRUE(store
                    ->UpdateRecord(absl::StrCat("m", i),
                                   [](ModelRecord& record) {
                                     record.resident_bytes = 100 * kMiB;
                                     record.peak_bytes = 100 * kMiB;
                                   })
                    .ok());
  }
  SystemClock clock;
  StressLoader loader;
  std::atomic<int> asked = 0;
  std::atomic<int> answered = 0;
  std::atomic<int> served = 0;
  std::atomic<int> changes = 0;
  {
    ThreadPool loaders("loaders", 3);
    ThreadTimer timer(&clock);
    ResidencyOptions options;
    options.ceiling_bytes = 350 * kMiB;  // three models at most
    options.default_keep_alive = absl::Milliseconds(2);
    options.min_backoff = absl::Microseconds(100);
    options.max_backoff = absl::Milliseconds(2);
    ModelManager manager(
        options, store.get(), &loader, &clock, &loaders, &timer,
        [] { return MachineMemory{16000 * kMiB, 16000 * kMiB}; },
        [](pid_t) { return std::nullopt; });
    auto watch = manager.Watch([&](const ModelStatus&) { ++changes; });

    auto client = [&](int seed) {
      std::mt19937 random(static_cast<unsigned>(seed));
      for (int i = 0; i < kRequests; ++i) {
        const std::string name = absl::StrCat("m", random() % kModels);
        CancelSource cancel;
        AcquireOptions options;
        options.cancel = cancel.token();
        Signal done;
        std::unique_ptr<ModelLease> held;
        ++asked;
        manager.Acquire(name, std::move(options), [&](absl::StatusOr<ModelLease> lease) {
          ++answered;
          if (lease.ok()) {
            ++served;
            held = std::make_unique<ModelLease>(*std::move(lease));
          }
          done.Notify();
        });
        if (random() % 4 == 0) cancel.Cancel();
        done.Wait();
        if (held != nullptr) EXPECT_NE(held->model, nullptr);
      }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < kClients; ++i) threads.emplace_back(client, i);
    std::atomic<bool> stop = false;
    std::thread trouble([&] {
      std::mt19937 random(99);
      while (!stop) {
        const int model = static_cast<int>(random() % kModels);
        const std::string name = absl::StrCat("m", model);
        switch (random() % 5) {
          case 0:
            loader.Kill(model);
            break;
          case 1:
            EXPECT_TRUE(manager.Unload(name, {}).ok());
            break;
          case 2:
            EXPECT_TRUE(manager.SetPinned(name, random() % 2 == 0).ok());
            break;
          case 3: {
            CancelSource cancel;
            std::thread canceller([&] { cancel.Cancel(); });
            manager.Unload(name, cancel.token()).IgnoreError();
            canceller.join();
            break;
          }
          default: {
            EXPECT_EQ(manager.Snapshot().size(), size_t{kModels});
            const ModelManager::Memory memory = manager.MemorySnapshot();
            EXPECT_LE(memory.resident_bytes + memory.reserved_bytes, memory.ceiling_bytes);
          }
        }
      }
    });
    for (std::thread& thread : threads) thread.join();
    stop = true;
    trouble.join();
    watch.reset();
  }
  EXPECT_EQ(asked, kClients * kRequests);
  EXPECT_EQ(answered, asked);
  EXPECT_GT(served, 0);
  EXPECT_GT(changes, 0);
  EXPECT_EQ(loader.alive, 0);
}

}  // namespace
}  // namespace intelligenced
