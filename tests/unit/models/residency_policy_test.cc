#include "runtime/models/residency_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "runtime/models/process_memory.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = LoadDecision::Kind;

constexpr uint64_t kPlenty = uint64_t{1} << 40;

LedgerModel Idle(std::string name, uint64_t bytes, int idle_seconds = 10, int load_seconds = 1) {
  LedgerModel model;
  model.name = std::move(name);
  model.bytes = bytes;
  model.idle = absl::Seconds(idle_seconds);
  model.load_time = absl::Seconds(load_seconds);
  return model;
}
LedgerModel Busy(std::string name, uint64_t bytes) {
  LedgerModel model = Idle(std::move(name), bytes, 0);
  model.busy = true;
  return model;
}
LedgerModel Pinned(std::string name, uint64_t bytes) {
  LedgerModel model = Idle(std::move(name), bytes);
  model.pinned = true;
  return model;
}
Ledger Of(uint64_t ceiling, std::vector<LedgerModel> models, uint64_t available = kPlenty) {
  Ledger ledger;
  ledger.ceiling_bytes = ceiling;
  ledger.available_bytes = available;
  ledger.models = std::move(models);
  return ledger;
}

struct Case {
  std::string name;
  Ledger ledger;
  uint64_t wanted;
  Kind kind;
  std::vector<std::string> victims = {};
  bool busy_would_do = false;
};

TEST(DecideLoadTest, Table) {
  Ledger leaving = Of(100, {Busy("a", 40)});
  leaving.leaving_bytes = 60;
  Ledger leaving_and_idle = Of(100, {Idle("a", 40)});
  leaving_and_idle.leaving_bytes = 20;
  Ledger loading = Of(100, {});
  loading.loading_bytes = 70;
  Ledger machine_loading = Of(kPlenty, {}, 100);
  machine_loading.loading_bytes = 70;
  const Case cases[] = {
      {"empty", Of(100, {}), 100, Kind::kAdmit},
      {"too big for ever", Of(100, {}), 101, Kind::kRefuse},
      {"room beside a busy one", Of(100, {Busy("a", 50)}), 50, Kind::kAdmit},
      {"an idle one goes", Of(100, {Idle("a", 60)}), 50, Kind::kEvict, {"a"}},
      {"a busy one never goes", Of(100, {Busy("a", 60)}), 50, Kind::kRefuse, {}, true},
      {"a pinned one never goes", Of(100, {Pinned("a", 60)}), 50, Kind::kRefuse},
      {"no victim in vain", Of(100, {Idle("a", 30), Busy("b", 60)}), 50, Kind::kRefuse, {}, true},
      {"waits for what is leaving", leaving, 60, Kind::kWait},
      {"not enough is leaving", leaving, 61, Kind::kRefuse, {}, true},
      {"evicts beside what is leaving", leaving_and_idle, 90, Kind::kEvict, {"a"}},
      {"waits before it evicts", leaving_and_idle, 60, Kind::kWait},
      {"promised memory is taken", loading, 31, Kind::kRefuse, {}, true},
      {"room beside a promise", loading, 30, Kind::kAdmit},
      {"the machine has less than the ceiling", Of(kPlenty, {}, 100), 101, Kind::kRefuse},
      {"the machine's memory is promised", machine_loading, 31, Kind::kRefuse, {}, true},
      {"eviction makes room in the machine",
       Of(kPlenty, {Idle("a", 50)}, 20),
       60,
       Kind::kEvict,
       {"a"}},
      {"longest idle first",
       Of(100, {Idle("new", 50, 1), Idle("old", 50, 100)}),
       40,
       Kind::kEvict,
       {"old"}},
      {"cheapest to load first",
       Of(100, {Idle("slow", 50, 9, 60), Idle("quick", 50, 9, 1)}),
       40,
       Kind::kEvict,
       {"quick"}},
      // Both take a second to load, so the big one gives more for it; then the small one is let
      // off.
      {"size counts", Of(100, {Idle("small", 10), Idle("big", 90)}), 40, Kind::kEvict, {"big"}},
      {"no more than needed",
       Of(100, {Idle("a", 10, 300), Idle("b", 20, 200), Idle("c", 70, 100, 9)}),
       60,
       Kind::kEvict,
       {"c"}},
      {"several",
       Of(100, {Idle("a", 30, 300), Idle("b", 30, 200), Busy("c", 40)}),
       50,
       Kind::kEvict,
       {"a", "b"}},
  };
  for (const Case& c : cases) {
    const LoadDecision decision = DecideLoad(c.ledger, c.wanted);
    EXPECT_EQ(decision.kind, c.kind) << c.name;
    EXPECT_EQ(decision.victims, c.victims) << c.name;
    EXPECT_EQ(decision.busy_models_would_do, c.busy_would_do) << c.name;
  }
}

TEST(DecideLoadTest, InteractiveModelsAreDearer) {
  LedgerModel background = Idle("background", 50);
  background.interactive = false;
  EXPECT_THAT(DecideLoad(Of(100, {Idle("interactive", 50), background}), 40).victims,
              ElementsAre("background"));
}

TEST(DecideLoadTest, RefusalSaysWhatCouldBeHad) {
  const LoadDecision decision =
      DecideLoad(Of(100, {Idle("a", 30), Busy("b", 50), Pinned("c", 10)}), 60);
  EXPECT_EQ(decision.kind, Kind::kRefuse);
  EXPECT_EQ(decision.available_bytes, 40u);
  EXPECT_TRUE(decision.busy_models_would_do);
}

TEST(DecidePressureTest, GivesUpIdleModelsOnly) {
  EXPECT_THAT(DecidePressure(Of(100, {Idle("a", 100)})), IsEmpty());
  // Outgrown.
  EXPECT_THAT(DecidePressure(Of(100, {Idle("a", 60), Busy("b", 60)})), ElementsAre("a"));
  EXPECT_THAT(DecidePressure(Of(100, {Busy("a", 60), Pinned("b", 60)})), IsEmpty());
  // The machine runs short.
  Ledger ledger = Of(kPlenty, {Idle("a", 60, 5), Idle("b", 60, 500)}, /*available=*/50);
  ledger.margin_bytes = 100;
  EXPECT_THAT(DecidePressure(ledger), ElementsAre("b"));
  ledger.margin_bytes = 150;
  EXPECT_THAT(DecidePressure(ledger), ElementsAre("b", "a"));
  ledger.leaving_bytes = 100;
  EXPECT_THAT(DecidePressure(ledger), IsEmpty());
}

TEST(EstimateTest, MeasuredBeatsGuessed) {
  Manifest manifest;
  manifest.files.resize(1);
  manifest.files[0].size_bytes = 1000 << 20;
  EXPECT_GT(EstimateFootprint(manifest, 0, 0), uint64_t{1000} << 20);
  EXPECT_LT(EstimateFootprint(manifest, 0, 0), uint64_t{1500} << 20);
  EXPECT_EQ(EstimateFootprint(manifest, 500, 700), 700u);
  EXPECT_EQ(EstimateFootprint(manifest, 500, 0), 500u);
  // Never nothing, also for a built-in model whose size nobody says.
  EXPECT_GT(EstimateFootprint(Manifest(), 0, 0), uint64_t{1} << 20);
}

TEST(CeilingTest, LeavesTheMarginButNotLessThanHalf) {
  EXPECT_EQ(DefaultCeiling(100, 20), 80u);
  EXPECT_EQ(DefaultCeiling(100, 80), 50u);
  EXPECT_EQ(DefaultCeiling(100, 200), 50u);
}

TEST(ProcessMemoryTest, ParsesWhatTheKernelSays) {
  const MachineMemory memory =
      ParseMeminfo("MemTotal:       16 kB\nMemFree: 3 kB\nMemAvailable:    7 kB\n");
  EXPECT_EQ(memory.total_bytes, 16u * 1024);
  EXPECT_EQ(memory.available_bytes, 7u * 1024);
  EXPECT_EQ(ParseMeminfo("").total_bytes, 0u);
  EXPECT_EQ(ParseKilobyteField("PssX: 1 kB\nPss:   12 kB\n", "Pss"), 12u * 1024);
  EXPECT_EQ(ParseKilobyteField("Pss: many kB\n", "Pss"), 0u);
  EXPECT_EQ(ParseKilobyteField("Pss", "Pss"), 0u);
}

TEST(ProcessMemoryTest, MeasuresThisProcessAndMachine) {
  const MachineMemory machine = ProbeMachineMemory();
  EXPECT_GT(machine.total_bytes, 0u);
  EXPECT_LE(machine.available_bytes, machine.total_bytes);
  const auto usage = ReadProcessUsage(::getpid());
  ASSERT_TRUE(usage.has_value());
  EXPECT_GT(usage->resident_bytes, 0u);
  EXPECT_GE(usage->peak_bytes, usage->resident_bytes);
  EXPECT_FALSE(ReadProcessUsage(0).has_value());
  EXPECT_FALSE(ReadProcessUsage(-1).has_value());
}

}  // namespace
}  // namespace intelligenced
