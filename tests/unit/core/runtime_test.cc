// Routing of capabilities, availability, and the way of a job to its model.
#include "runtime/core/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Only what routing asks for; nothing is on disk.
class FakeStore final : public ModelStore {
 public:
  std::vector<Manifest> models;
  std::map<std::string, std::string> defaults;

  std::vector<Manifest> List() const override { return models; }
  absl::StatusOr<Manifest> Get(std::string_view name) const override {
    for (const Manifest& model : models) {
      if (model.name == name) return model;
    }
    return MakeError(Reason::kModelNotFound, "There is no such model.");
  }
  absl::StatusOr<std::string> PathOf(const ManifestFile& file) const override { return file.path; }
  std::vector<std::string> Problems() const override { return {}; }
  absl::StatusOr<std::unique_ptr<BlobWriter>> NewBlob(uint64_t, std::string_view) override {
    return absl::UnimplementedError("");
  }
  bool HasBlob(std::string_view) const override { return false; }
  std::string PartialPath(std::string_view) const override { return ""; }
  absl::Status AdoptPartial(std::string_view, CancelToken,
                            absl::AnyInvocable<void(uint64_t)>) override {
    return absl::UnimplementedError("");
  }
  absl::Status Put(const Manifest&) override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> Remove(std::string_view) override { return 0; }
  ModelRecord Record(std::string_view) const override { return {}; }
  absl::Status SetRecord(std::string_view, const ModelRecord&) override { return absl::OkStatus(); }
  std::map<std::string, std::string> Defaults() const override { return defaults; }
  absl::Status SetDefault(std::string_view, std::string_view) override { return absl::OkStatus(); }
  absl::Status ClearDefault(std::string_view) override { return absl::OkStatus(); }
};

// Says one word and is done; or dies when it is told to.
class WordModel final : public Model {
 public:
  class WordJob final : public Job {};

  explicit WordModel(bool* dies) : dies_(dies) {
    info_.set_max_batch(1);
    info_.set_width(1);
    info_.set_device("cpu");
    info_.add_task_kinds(engine_proto::TASK_KIND_FAKE);
  }
  const engine_proto::ModelInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task&, CancelToken) override {
    return std::make_unique<WordJob>();
  }
  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions&) override {
    if (*dies_) {
      *dies_ = false;
      return MakeError(Reason::kWorkerLost, "The worker died.");
    }
    std::vector<JobOutput> outputs(jobs.size());
    for (JobOutput& output : outputs) {
      output.events.emplace_back().set_delta("word");
      output.events.emplace_back().mutable_completed();
      output.done = true;
      output.work = 1;
    }
    return outputs;
  }
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    engine_proto::ResourceUsage usage;
    usage.set_resident_bytes(1 << 20);
    return usage;
  }

 private:
  bool* const dies_;
  engine_proto::ModelInfo info_;
};

class FakeLoader final : public ModelLoader {
 public:
  absl::StatusOr<LoadedModel> Load(const engine_proto::ModelSpec&, CancelToken,
                                   absl::AnyInvocable<void()> on_lost) override {
    ++loads;
    if (!failure.ok()) return failure;
    lost = std::move(on_lost);
    LoadedModel loaded;
    loaded.model = std::make_shared<WordModel>(&dies);
    return loaded;
  }
  int loads = 0;
  bool dies = false;
  absl::Status failure;
  absl::AnyInvocable<void()> lost;
};

class CollectingSink final : public JobSink {
 public:
  void OnModelLoading(const std::string& model) override { loading.push_back(model); }
  void OnEvents(std::vector<engine_proto::Event> events) override {
    for (const auto& event : events) {
      if (event.has_delta()) text += event.delta();
    }
  }
  void OnEnd(const absl::Status& end, const JobUsage&) override {
    ++ends;
    status = end;
  }
  std::vector<std::string> loading;
  std::string text;
  int ends = 0;
  absl::Status status = absl::UnknownError("not ended");
};

class RuntimeTest : public ::testing::Test {
 protected:
  Manifest Model(std::string name, std::vector<std::string> capabilities, int rank,
                 std::string engine = "fake") {
    Manifest manifest;
    manifest.name = std::move(name);
    manifest.engine = std::move(engine);
    manifest.capabilities = std::move(capabilities);
    manifest.rank = rank;
    manifest.built_in = true;
    return manifest;
  }

  void Offer(const std::string& name, const std::string& capability, int rank,
             const std::string& engine = "fake") {
    if (!offers_.empty()) offers_ += ",";
    offers_ += R"({"name":")" + name + R"(","engine":")" + engine + R"(","capabilities":[")" +
               capability + R"("],"rank":)" + std::to_string(rank) +
               R"(,"files":[{"role":"model","name":"m.gguf","size_bytes":5,"sha256":")" +
               std::string(64, 'a') + R"(","url":"https://example.invalid/m.gguf"}]})";
  }

  Runtime& Make() {
    std::ofstream(folder_ + "/catalogue.json") << R"({"models":[)" << offers_ << "]}";
    std::vector<std::string> problems;
    catalogue_ = std::make_unique<Catalogue>(Catalogue::Load({folder_}, &problems));
    EXPECT_THAT(problems, IsEmpty());
    installer_ = std::make_unique<Installer>(&store_, &clock_);
    models_ = std::make_unique<ModelManager>(
        ResidencyOptions{}, &store_, &loader_, &clock_, &executor_, &executor_,
        [] { return MachineMemory{uint64_t{8} << 30, uint64_t{8} << 30}; });
    SchedulerOptions options;
    options.lanes = {{"cpu", 1}};
    scheduler_ = std::make_unique<Scheduler>(options, &clock_, &executor_, &executor_);
    Runtime::Parts parts;
    parts.scheduler = scheduler_.get();
    parts.models = models_.get();
    parts.store = &store_;
    parts.installer = installer_.get();
    parts.catalogue = catalogue_.get();
    parts.clock = &clock_;
    parts.blocking = &executor_;
    parts.timer = &executor_;
    parts.engine_available = [this](std::string_view engine) {
      return engines_.contains(std::string(engine));
    };
    runtime_ = std::make_unique<Runtime>(parts);
    return *runtime_;
  }

  absl::StatusOr<std::shared_ptr<CollectingSink>> Run(const std::string& model,
                                                      CancelToken cancel = {}) {
    auto sink = std::make_shared<CollectingSink>();
    JobRequest request;
    request.client.id = "1000:exe:/usr/bin/test";
    request.model = model;
    request.task.mutable_fake();
    request.sink = sink;
    request.cancel = std::move(cancel);
    absl::StatusOr<std::shared_ptr<ScheduledJob>> job = runtime_->Submit(std::move(request));
    if (!job.ok()) return job.status();
    return sink;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  std::string offers_;
  std::set<std::string> engines_{"fake"};
  ManualClock clock_;
  ManualExecutor executor_{&clock_};
  FakeStore store_;
  FakeLoader loader_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<Installer> installer_;
  std::unique_ptr<ModelManager> models_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(RuntimeTest, TakesTheHighestRankOfThoseThatCan) {
  store_.models = {Model("a", {"writing.proofread"}, 0), Model("b", {"writing.proofread"}, 50),
                   Model("c", {"language.generate"}, 90)};
  EXPECT_EQ(Make().FindModel("writing.proofread", "")->name, "b");
}

TEST_F(RuntimeTest, WhatWasMeasuredGoesBeforeRank) {
  const auto with = [](Manifest model, const char* exact, const char* changed) {
    model.parameters = {{"x-measured.writing.proofread.exact", exact},
                        {"x-measured.writing.proofread.changed", changed}};
    return model;
  };
  store_.models = {with(Model("rules", {"writing.proofread"}, 0), "0.5", "0.02"),
                   with(Model("worse", {"writing.proofread"}, 50), "0.4", "0.01")};
  EXPECT_EQ(Make().FindModel("writing.proofread", "")->name, "rules");
  EXPECT_EQ(Make().FindModel("writing.proofread", "models/worse")->name, "worse") << "by name";
  store_.models.push_back(with(Model("better", {"writing.proofread"}, 20), "0.6", "0.02"));
  EXPECT_EQ(Make().FindModel("writing.proofread", "")->name, "better");
}

TEST_F(RuntimeTest, EqualRanksGoToTheFirstName) {
  store_.models = {Model("a", {"x"}, 5), Model("b", {"x"}, 5)};
  EXPECT_EQ(Make().FindModel("x", "")->name, "a");
}

TEST_F(RuntimeTest, TheUsersDefaultGoesBeforeRank) {
  store_.models = {Model("a", {"x"}, 0), Model("b", {"x"}, 50)};
  store_.defaults = {{"x", "a"}};
  EXPECT_EQ(Make().FindModel("x", "")->name, "a");
}

TEST_F(RuntimeTest, ADefaultThatIsGoneOrCannotGivesWay) {
  store_.models = {Model("a", {"x"}, 0), Model("b", {"y"}, 50), Model("c", {"z"}, 1, "absent")};
  store_.defaults = {{"x", "removed"}, {"y", "a"}, {"z", "c"}};
  EXPECT_EQ(Make().FindModel("x", "")->name, "a");
  EXPECT_EQ(runtime_->FindModel("y", "")->name, "b");
  EXPECT_TRUE(HasReason(runtime_->FindModel("z", "").status(), Reason::kNoCapableModel));
}

TEST_F(RuntimeTest, TheRequestGoesBeforeEverything) {
  store_.models = {Model("a", {"x"}, 0), Model("b", {"x"}, 50)};
  store_.defaults = {{"x", "b"}};
  EXPECT_EQ(Make().FindModel("x", "a")->name, "a");
  EXPECT_EQ(runtime_->FindModel("x", "models/a")->name, "a");
}

TEST_F(RuntimeTest, FunctionsServeWhatTheyAreFor) {
  Manifest base = Model("base", {"language.generate", "writing.rewrite"}, 50);
  base.functions.resize(3);
  base.functions[0].name = "fix";
  base.functions[0].capabilities = {"writing.proofread"};
  base.functions[1].name = "formal";
  base.functions[1].capabilities = {"writing.rewrite"};
  base.functions[2].name = "plain";
  store_.models = {Model("rules", {"writing.proofread", "writing.rewrite"}, 0), base};
  const auto serves = [&](std::string_view capability, std::string_view requested) {
    const absl::StatusOr<Manifest> found = runtime_->FindModel(capability, requested);
    return found.ok() ? found->name + "/" + found->function : std::string(found.status().message());
  };
  Make();
  EXPECT_EQ(serves("writing.proofread", ""), "base/fix") << "the base cannot, its function can";
  EXPECT_EQ(serves("writing.rewrite", ""), "base/formal") << "a function goes before its base";
  EXPECT_EQ(serves("language.generate", ""), "base/");
  EXPECT_EQ(serves("writing.rewrite", "base"), "base/") << "what is named serves by itself";
  EXPECT_EQ(serves("writing.proofread", "models/base"), "base/fix");
  EXPECT_EQ(serves("language.generate", "base/plain"), "base/plain");
  EXPECT_EQ(serves("language.generate", "models/base/functions/fix"), "base/fix");
  store_.defaults = {{"writing.rewrite", "base"}};
  EXPECT_EQ(serves("writing.rewrite", ""), "base/formal");
  const absl::Status unknown = runtime_->FindModel("language.generate", "base/other").status();
  EXPECT_TRUE(HasReason(unknown, Reason::kModelNotFound)) << unknown;
  EXPECT_EQ(FactsOf(unknown).metadata.at("function"), "other");
  EXPECT_TRUE(
      HasReason(runtime_->FindModel("language.generate", "base/").status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(runtime_->FindModel("translate:a>b", "base/fix").status(),
                        Reason::kNoCapableModel));
}

TEST_F(RuntimeTest, ModelsWithoutTheirEngineArePassedOver) {
  store_.models = {Model("a", {"x"}, 0), Model("b", {"x"}, 50, "absent")};
  EXPECT_EQ(Make().FindModel("x", "")->name, "a");
  const absl::Status status = runtime_->FindModel("x", "b").status();
  EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel));
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker-absent"));
}

TEST_F(RuntimeTest, SaysWhatToInstallForACapability) {
  Offer("small", "x", 10);
  Offer("large", "x", 60);
  Offer("alien", "x", 99, "absent");
  const absl::Status status = Make().FindModel("x", "").status();
  EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel));
  EXPECT_EQ(FactsOf(status).metadata.at("capability"), "x");
  EXPECT_EQ(FactsOf(status).metadata.at("install"), "mlctl models install large");
  EXPECT_THAT(std::string(status.message()), HasSubstr("mlctl models install large"));
}

TEST_F(RuntimeTest, RequestedModels) {
  Offer("offered", "x", 10);
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  const absl::Status unknown = runtime_->FindModel("x", "nobody").status();
  EXPECT_TRUE(HasReason(unknown, Reason::kModelNotFound));
  const absl::Status absent = runtime_->FindModel("x", "offered").status();
  EXPECT_TRUE(HasReason(absent, Reason::kModelNotInstalled));
  EXPECT_EQ(FactsOf(absent).metadata.at("install"), "mlctl models install offered");
  EXPECT_EQ(FactsOf(absent).metadata.at("model"), "offered");
  const absl::Status incapable = runtime_->FindModel("y", "a").status();
  EXPECT_TRUE(HasReason(incapable, Reason::kNoCapableModel));
  EXPECT_THAT(std::string(incapable.message()), HasSubstr("no capability y"));
  const absl::Status invalid = runtime_->FindModel("x", "../../etc/passwd").status();
  EXPECT_TRUE(HasReason(invalid, Reason::kFieldInvalid));
}

TEST_F(RuntimeTest, AvailabilityHasItsFourWords) {
  Offer("offered", "y", 10);
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  AvailabilityAnswer answer = runtime_->GetAvailability("x", "");
  EXPECT_EQ(answer.availability, Availability::kAvailable);
  EXPECT_EQ(answer.model, "a");
  EXPECT_THAT(answer.reason, IsEmpty());

  answer = runtime_->GetAvailability("y", "");
  EXPECT_EQ(answer.availability, Availability::kDownloadable);
  EXPECT_EQ(answer.model, "offered");
  EXPECT_THAT(answer.reason, HasSubstr("mlctl models install offered"));

  answer = runtime_->GetAvailability("y", "models/offered");
  EXPECT_EQ(answer.availability, Availability::kDownloadable);

  answer = runtime_->GetAvailability("z", "");
  EXPECT_EQ(answer.availability, Availability::kUnavailable);
  EXPECT_THAT(answer.reason, HasSubstr("mlctl models import"));
}

TEST_F(RuntimeTest, AvailabilityOfAModelThatWouldNotServe) {
  Offer("offered", "y", 10);
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  // Installed, but the capability is not among its own: no download changes that.
  EXPECT_EQ(runtime_->GetAvailability("y", "a").availability, Availability::kUnavailable);
  EXPECT_EQ(runtime_->GetAvailability("x", "offered").availability, Availability::kUnavailable);
  EXPECT_EQ(runtime_->GetAvailability("x", "nobody").availability, Availability::kUnavailable);
  EXPECT_EQ(runtime_->GetAvailability("x", "Not A Name").availability, Availability::kUnavailable);
}

TEST_F(RuntimeTest, AJobLoadsItsModelAndRuns) {
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  auto sink = Run("a");
  ASSERT_TRUE(sink.ok()) << sink.status();
  executor_.RunUntilIdle();
  EXPECT_EQ((*sink)->ends, 1);
  EXPECT_TRUE((*sink)->status.ok()) << (*sink)->status;
  EXPECT_EQ((*sink)->text, "word");
  EXPECT_THAT((*sink)->loading, ::testing::ElementsAre("a"));
}

TEST_F(RuntimeTest, ManyJobsLoadOneModelOnce) {
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  std::vector<std::shared_ptr<CollectingSink>> sinks;
  for (int i = 0; i < 16; ++i) sinks.push_back(*Run("a"));
  executor_.RunUntilIdle();
  EXPECT_EQ(loader_.loads, 1);
  for (const auto& sink : sinks) EXPECT_TRUE(sink->status.ok()) << sink->status;
}

TEST_F(RuntimeTest, AFailedLoadEndsTheJob) {
  store_.models = {Model("a", {"x"}, 0)};
  loader_.failure = MakeError(Reason::kModelCorrupt, "The file is damaged.");
  Make();
  auto sink = *Run("a");
  executor_.RunUntilIdle();
  EXPECT_EQ(sink->ends, 1);
  EXPECT_TRUE(HasReason(sink->status, Reason::kModelCorrupt)) << sink->status;
}

TEST_F(RuntimeTest, AnUnknownModelEndsTheJob) {
  Make();
  auto sink = *Run("nobody");
  executor_.RunUntilIdle();
  EXPECT_EQ(sink->ends, 1);
  EXPECT_TRUE(HasReason(sink->status, Reason::kModelNotFound)) << sink->status;
}

TEST_F(RuntimeTest, CancelledWhileItsModelLoads) {
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  CancelSource cancel;
  auto sink = *Run("a", cancel.token());
  cancel.Cancel();
  executor_.RunUntilIdle();
  EXPECT_EQ(sink->ends, 1);
  EXPECT_EQ(sink->status.code(), absl::StatusCode::kCancelled);
  // The model is not held by the job that left.
  EXPECT_EQ(models_->Get("a")->leases, 0);
}

TEST_F(RuntimeTest, TheModelIsFreeAfterTheJob) {
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  auto sink = *Run("a");
  executor_.RunUntilIdle();
  EXPECT_EQ(models_->Get("a")->leases, 0);
}

TEST_F(RuntimeTest, AModelLostBeforeOutputIsAcquiredAgain) {
  store_.models = {Model("a", {"x"}, 0)};
  Make();
  auto first = *Run("a");
  executor_.RunUntilIdle();
  ASSERT_TRUE(first->status.ok());
  loader_.dies = true;
  auto second = *Run("a");
  // The worker's death is told on a thread of its own; here right after the step that met it.
  executor_.RunUntilIdle();
  if (loader_.lost != nullptr && loader_.loads == 1) std::exchange(loader_.lost, nullptr)();
  executor_.Advance(absl::Seconds(5));
  executor_.RunUntilIdle();
  EXPECT_EQ(loader_.loads, 2);
  EXPECT_TRUE(second->status.ok()) << second->status;
  EXPECT_EQ(second->text, "word");
}

}  // namespace
}  // namespace intelligenced
