#include "tests/unit/services/service_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "protos/support/limits.h"
#include "runtime/base/executor.h"
#include "runtime/engines/fake/fake_engine.h"
#include "services/language/service.h"
#include "services/language_model/service.h"
#include "services/model_performance/service.h"
#include "services/models/service.h"
#include "services/system/service.h"
#include "services/tensor/service.h"
#include "services/vision/service.h"
#include "services/writing_tools/service.h"

namespace intelligenced {
namespace {

constexpr std::string_view kScriptManifest = R"({
  "name": "script", "engine": "script", "title": "A scripted language model", "rank": 10,
  "built_in": true,
  "capabilities": ["language.generate", "writing.proofread", "writing.rewrite",
                   "writing.summarize", "writing.compose"],
  "files": []})";
constexpr std::string_view kNativeManifest = R"({
  "name": "native", "engine": "fake", "title": "The fake engine", "built_in": true,
  "capabilities": ["writing.proofread", "writing.rewrite", "writing.summarize"],
  "files": []})";
constexpr std::string_view kCatalogue = R"({"models": [{
  "name": "offered", "engine": "script", "license": "Apache-2.0",
  "capabilities": ["language.generate", "language.dream"],
  "files": [{"role": "model", "name": "m.gguf", "size_bytes": 5, "sha256":
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    "url": "https://127.0.0.1:1/m.gguf"}]}]})";

// Takes a little real time without a sleep: a step of a held job.
void WaitBriefly() {
  absl::Notification never;
  never.WaitForNotificationWithTimeout(absl::Milliseconds(2));
}

class ScriptJob final : public Job {
 public:
  ScriptJob(ScriptBehaviour* script, CancelToken cancel, absl::StatusOr<std::string> answer,
            bool counts)
      : script(script), cancel(std::move(cancel)), answer(std::move(answer)), counts(counts) {
    ++script->jobs_alive;
  }
  ~ScriptJob() override { --script->jobs_alive; }

  ScriptBehaviour* const script;
  const CancelToken cancel;
  const absl::StatusOr<std::string> answer;
  const bool counts;
  size_t at = 0;
  std::optional<engine_proto::VisionTask> vision;
};

class ScriptModel final : public Model {
 public:
  explicit ScriptModel(ScriptBehaviour* script) : script_(script) {
    info_.set_max_batch(4);
    info_.set_width(1);
    info_.set_device("cpu");
    info_.set_context_tokens(script->context_tokens);
    info_.set_has_chat_template(true);
    info_.add_task_kinds(engine_proto::TASK_KIND_GENERATE);
    info_.add_task_kinds(engine_proto::TASK_KIND_COUNT_TOKENS);
  }
  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    ++script_->jobs_started;
    if (task.has_count_tokens()) {
      // A token is a byte.
      std::string counted = task.count_tokens().text();
      for (const auto& message : task.count_tokens().conversation().messages()) {
        counted += message.text();
      }
      return std::make_unique<ScriptJob>(script_, cancel, std::move(counted), true);
    }
    if (task.has_vision()) {
      auto job = std::make_unique<ScriptJob>(script_, cancel, "", false);
      job->vision = task.vision();
      return job;
    }
    if (!task.has_generate()) return FieldError("task", "is of another kind.");
    if (task.generate().prefill_only()) {
      return std::make_unique<ScriptJob>(script_, cancel, "", false);
    }
    absl::StatusOr<std::string> answer =
        script_->answer ? script_->answer(task.generate()) : TextOf(task.generate());
    return std::make_unique<ScriptJob>(script_, cancel, std::move(answer), false);
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions&) override {
    if (script_->lost) return MakeError(Reason::kWorkerLost, "The script has no process.");
    std::vector<JobOutput> outputs;
    for (Job* job : jobs) outputs.push_back(StepOne(*static_cast<ScriptJob*>(job)));
    return outputs;
  }
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    engine_proto::ResourceUsage usage;
    usage.set_resident_bytes(1 << 20);
    return usage;
  }

 private:
  JobOutput StepOne(ScriptJob& job) {
    JobOutput output;
    output.work = 1;
    if (job.cancel.cancelled()) {
      output.done = true;
      output.status = MakeError(Reason::kCancelled, "cancelled");
    } else if (script_->held) {
      WaitBriefly();
    } else if (job.vision.has_value()) {
      output.done = true;
      output.status = Look(*job.vision, output);
    } else if (script_->flood) {
      ++script_->flood_steps;
      output.events.emplace_back().set_delta(std::string(16 << 10, 'f'));
    } else if (!job.answer.ok()) {
      output.done = true;
      output.status = job.answer.status();
    } else if (job.counts) {
      engine_proto::TokenCount* count = output.events.emplace_back().mutable_token_count();
      count->set_tokens(static_cast<uint32_t>(job.answer->size()));
      count->set_context_tokens(script_->context_tokens);
      output.events.emplace_back().mutable_completed();
      output.done = true;
    } else {
      const std::string piece = job.answer->substr(job.at, script_->delta_bytes);
      job.at += piece.size();
      if (!piece.empty()) output.events.emplace_back().set_delta(piece);
      if (job.at >= job.answer->size()) {
        engine_proto::Completed* completed = output.events.emplace_back().mutable_completed();
        completed->set_finish_reason(engine_proto::FINISH_REASON_STOP);
        completed->set_input_tokens(10);
        completed->set_output_tokens(5);
        output.done = true;
      }
    }
    return output;
  }

  absl::Status Look(const engine_proto::VisionTask& task, JobOutput& output) {
    std::vector<engine_proto::VisionResult> results;
    if (script_->look) {
      absl::StatusOr<std::vector<engine_proto::VisionResult>> answer = script_->look(task);
      if (!answer.ok()) return answer.status();
      results = *std::move(answer);
    } else {
      for (int i = 0; i < task.requests_size(); ++i) {
        results.emplace_back().set_request_index(static_cast<uint32_t>(i));
        results.back().mutable_tracked_object()->set_confidence(1);
      }
    }
    if (!task.stream().close()) output.events.emplace_back().mutable_image()->set_width(640);
    for (engine_proto::VisionResult& result : results) {
      *output.events.emplace_back().mutable_vision() = std::move(result);
    }
    output.events.emplace_back().mutable_completed()->set_images_decoded(1);
    return absl::OkStatus();
  }

  ScriptBehaviour* const script_;
  engine_proto::ModelInfo info_;
};

class BenchJob final : public Job {
 public:
  BenchJob(CancelToken cancel, engine_proto::Task task)
      : cancel(std::move(cancel)), task(std::move(task)) {}
  const CancelToken cancel;
  const engine_proto::Task task;
  bool half_way = false;
};

class BenchModel final : public Model {
 public:
  BenchModel(BenchBehaviour* bench, std::string path) : bench_(bench), path_(std::move(path)) {
    info_.set_max_batch(1);
    info_.set_width(1);
    info_.set_device("cpu");
  }
  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    bench_->conversions += task.has_quantize() ? 1 : 0;
    return std::make_unique<BenchJob>(std::move(cancel), task);
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions&) override {
    auto& job = *static_cast<BenchJob*>(jobs.front());
    std::vector<JobOutput> outputs(1);
    JobOutput& output = outputs.front();
    output.work = 1;
    output.done = true;
    if (job.cancel.cancelled()) {
      output.status = MakeError(Reason::kCancelled, "cancelled");
    } else if (job.task.has_quantize()) {
      output.status = Convert(job, output);
    } else {
      output.status = Measure(output);
    }
    return outputs;
  }
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

 private:
  // In two halves.
  absl::Status Convert(BenchJob& job, JobOutput& output) {
    if (job.half_way && bench_->held) {
      WaitBriefly();
      output.done = false;
      return absl::OkStatus();
    }
    const absl::StatusOr<std::string> bytes = bench_->convert(job.task.quantize().layout());
    if (!bytes.ok()) return bytes.status();
    const size_t half = bytes->size() / 2;
    engine_proto::FilePiece& piece = *output.events.emplace_back().mutable_file_piece();
    piece.set_size_bytes(bytes->size());
    piece.set_data(job.half_way ? bytes->substr(half) : bytes->substr(0, half));
    output.done = job.half_way;
    if (job.half_way) {
      output.events.emplace_back().mutable_completed();
    } else {
      job.half_way = true;
      ++bench_->half_way;
    }
    return absl::OkStatus();
  }
  absl::Status Measure(JobOutput& output) {
    std::ifstream file(path_, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const absl::StatusOr<engine_proto::Measurement> measurement = bench_->measure(bytes);
    if (!measurement.ok()) return measurement.status();
    output.events.emplace_back().mutable_progress()->set_total(1);
    *output.events.emplace_back().mutable_measurement() = *measurement;
    output.events.emplace_back().mutable_completed();
    return absl::OkStatus();
  }

  BenchBehaviour* const bench_;
  const std::string path_;
  engine_proto::ModelInfo info_;
};

class TestLoader final : public ModelLoader {
 public:
  TestLoader(ScriptBehaviour* script, BenchBehaviour* bench) : script_(script), bench_(bench) {}
  absl::StatusOr<LoadedModel> Load(const engine_proto::ModelSpec& spec, CancelToken cancel,
                                   absl::AnyInvocable<void()>) override {
    LoadedModel loaded;
    if (spec.engine() == "script") {
      loaded.model = std::make_shared<ScriptModel>(script_);
      return loaded;
    }
    if (spec.engine() == "llama-workbench" || spec.engine() == "onnx") {
      loaded.model = std::make_shared<BenchModel>(bench_, spec.files(0).path());
      return loaded;
    }
    absl::StatusOr<std::unique_ptr<Model>> model = fake_->Load(spec, cancel);
    if (!model.ok()) return model.status();
    loaded.model = *std::move(model);
    return loaded;
  }

 private:
  ScriptBehaviour* const script_;
  BenchBehaviour* const bench_;
  const std::unique_ptr<Engine> fake_ = MakeFakeEngine(MakeRealFakeTime());
};

class TestCallers final : public CallerDirectory {
 public:
  TestCallers(const std::atomic<bool>* refuse, const std::atomic<bool>* other_app)
      : refuse_(refuse), other_app_(other_app) {}
  absl::StatusOr<Caller> Resolve(std::string_view, std::string_view service) const override {
    if (*refuse_) {
      return MakeError(Reason::kCallerNotAuthorized,
                       absl::StrCat("This app may not use the ", service, "."));
    }
    Caller caller;
    caller.client = {.id = *other_app_ ? "user:1000/other" : "user:1000/test",
                     .display_name = "test",
                     .user_id = 1000};
    caller.user_id = 1000;
    caller.process_id = 42;
    return caller;
  }

 private:
  const std::atomic<bool>* const refuse_;
  const std::atomic<bool>* const other_app_;
};

void WriteFile(const std::string& path, std::string_view content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::unique_ptr<ModelStore> OpenStore(const std::string& folder, FileSystem* disk,
                                      const ManifestsByName& more_models) {
  WriteFile(folder + "/built-in/script.json", kScriptManifest);
  WriteFile(folder + "/built-in/native.json", kNativeManifest);
  for (const auto& [name, manifest] : more_models) {
    WriteFile(folder + "/built-in/" + name + ".json", manifest);
  }
  WriteFile(folder + "/catalogue/catalogue.json", kCatalogue);
  absl::StatusOr<std::unique_ptr<ModelStore>> store =
      ModelStore::Open({.root = folder + "/store",
                        .built_in_directories = {folder + "/built-in"},
                        .file_system = disk});
  EXPECT_TRUE(store.ok()) << store.status();
  for (const std::string& problem : (*store)->Problems()) ADD_FAILURE() << problem;
  return *std::move(store);
}

Catalogue OpenCatalogue(const std::string& folder) {
  std::vector<std::string> problems;
  Catalogue catalogue = Catalogue::Load({folder + "/catalogue"}, &problems);
  for (const std::string& problem : problems) ADD_FAILURE() << problem;
  return catalogue;
}

ResidencyOptions Residency() {
  ResidencyOptions options;
  options.ceiling_bytes = uint64_t{1} << 30;
  return options;
}

SchedulerOptions Lanes() {
  SchedulerOptions options;
  options.lanes = {{"cpu", 2}};
  return options;
}

}  // namespace

std::string TextOf(const engine_proto::GenerateTask& task) {
  return task.has_prompt() ? task.prompt() : task.conversation().messages().rbegin()->text();
}
std::string RulesOf(const engine_proto::GenerateTask& task) {
  return task.conversation().messages(0).text();
}

void TestActivity::Add(v1::ActivityRecord record, uid_t) {
  absl::MutexLock lock(mutex_);
  records_.push_back(std::move(record));
}
absl::StatusOr<v1::ListActivityResponse> TestActivity::List(const v1::ListActivityRequest& request,
                                                            const Caller&) const {
  v1::ListActivityResponse response;
  absl::MutexLock lock(mutex_);
  for (auto it = records_.rbegin();
       it != records_.rend() && response.records_size() < static_cast<int>(request.page_size());
       ++it) {
    *response.add_records() = *it;
  }
  return response;
}
std::vector<v1::ActivityRecord> TestActivity::records() const {
  absl::MutexLock lock(mutex_);
  return records_;
}
void TestActivity::WaitFor(size_t count) const {
  absl::MutexLock lock(mutex_);
  auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return records_.size() >= count; };
  EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20)));
}

void TestAttachments::Add(const std::string& token, const std::string& bytes) {
  absl::MutexLock lock(mutex_);
  held_[token] = *Attachment::Copy(bytes);
}
absl::StatusOr<std::shared_ptr<const Attachment>> TestAttachments::Take(std::string_view client_id,
                                                                        std::string_view token) {
  EXPECT_EQ(client_id, "user:1000/test");
  absl::MutexLock lock(mutex_);
  const auto found = held_.find(token);
  if (found == held_.end()) return FieldError("", "There is no such attachment.");
  std::shared_ptr<const Attachment> attachment = found->second;
  held_.erase(found);
  return attachment;
}

struct ServiceFixture::Stack {
  Stack(const std::string& folder, ScriptBehaviour* script, BenchBehaviour* bench, TestDisk* disk,
        const std::atomic<uint64_t>* memory_available, ActivityLog* activity,
        AttachmentSource* attachments, const std::atomic<bool>* refuse,
        const std::atomic<bool>* other_app, const ManifestsByName& more_models)
      : timer(&clock),
        step_threads("steps", 2),
        loader_threads("loaders", 2),
        blocking_threads("blocking", 4),
        loader(script, bench),
        store(OpenStore(folder, disk, more_models)),
        catalogue(OpenCatalogue(folder)),
        installer(store.get(), &clock),
        models(Residency(), store.get(), &loader, &clock, &loader_threads, &timer,
               [memory_available] { return MachineMemory{uint64_t{8} << 30, *memory_available}; }),
        scheduler(Lanes(), &clock, &step_threads, &timer),
        callers(refuse, other_app),
        runtime({.scheduler = &scheduler,
                 .models = &models,
                 .loader = &loader,
                 .store = store.get(),
                 .installer = &installer,
                 .catalogue = &catalogue,
                 .clock = &clock,
                 .blocking = &blocking_threads,
                 .timer = &timer,
                 .engine_available = nullptr}) {
    environment.runtime = &runtime;
    environment.callers = &callers;
    environment.activity = activity;
    environment.attachments = attachments;
    environment.daemon.version = "1.2.3";
    environment.daemon.socket_path = folder + "/socket";
    environment.daemon.start_time = clock.Now();
    environment.daemon.draining = [] { return false; };
    environment.daemon.resident_bytes = [] { return uint64_t{20} << 20; };
    environment.daemon.diagnose = [] {
      v1::Check check;
      check.set_name("sandbox");
      check.set_result(v1::Check::RESULT_OK);
      return std::vector<v1::Check>{check};
    };
    services.push_back(MakeWritingToolsService(environment));
    services.push_back(MakeLanguageModelService(environment));
    services.push_back(MakeModelService(environment));
    services.push_back(MakeModelPerformanceService(environment));
    services.push_back(MakeVisionService(environment));
    services.push_back(MakeTensorService(environment));
    services.push_back(MakeLanguageService(environment));
    services.push_back(MakeSystemService(environment));
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kMaxReceiveMessageBytes);
    builder.AddListeningPort("unix:" + folder + "/socket", grpc::InsecureServerCredentials());
    for (const auto& service : services) builder.RegisterService(service.get());
    server = builder.BuildAndStart();
  }
  ~Stack() {
    scheduler.CancelAll();
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server->Wait();
  }

  SystemClock clock;
  ThreadTimer timer;
  ThreadPool step_threads;
  ThreadPool loader_threads;
  ThreadPool blocking_threads;
  TestLoader loader;
  std::unique_ptr<ModelStore> store;
  Catalogue catalogue;
  Installer installer;
  ModelManager models;
  Scheduler scheduler;
  TestCallers callers;
  Runtime runtime;
  ServiceEnvironment environment;
  std::vector<std::unique_ptr<grpc::Service>> services;
  std::unique_ptr<grpc::Server> server;
};

ServiceFixture::ServiceFixture(const ManifestsByName& more_models) {
  std::string pattern = testing::TempDir() + "services-XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
  stack_ =
      std::make_unique<Stack>(folder_, &script_, &bench_, &disk_, &memory_available_, &activity_,
                              &attachments_, &refuse_callers_, &other_app_, more_models);
  runtime_ = &stack_->runtime;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // Without these a reader that does not read is only noticed after 4 MiB.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65535);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel("unix:" + folder_ + "/socket",
                                       grpc::InsecureChannelCredentials(), arguments);
  writing_ = v1::WritingToolsService::NewStub(channel_);
  language_ = v1::LanguageModelService::NewStub(channel_);
  models_ = v1::ModelService::NewStub(channel_);
  performance_ = v1::ModelPerformanceService::NewStub(channel_);
  system_ = v1::SystemService::NewStub(channel_);
  vision_ = v1::VisionService::NewStub(channel_);
}

ServiceFixture::~ServiceFixture() {
  script_.held = false;
  bench_.held = false;
  stack_.reset();
  std::filesystem::remove_all(folder_);
}

absl::Status ServiceFixture::Proofread(const v1::ProofreadTextRequest& request) {
  proofread_.clear();
  grpc::ClientContext context;
  const auto reader = writing_->ProofreadText(&context, request);
  return Drain(*reader, &proofread_);
}
absl::Status ServiceFixture::Rewrite(const v1::RewriteTextRequest& request) {
  rewrite_.clear();
  grpc::ClientContext context;
  const auto reader = writing_->RewriteText(&context, request);
  return Drain(*reader, &rewrite_);
}
absl::Status ServiceFixture::Summarize(const v1::SummarizeTextRequest& request) {
  summarize_.clear();
  grpc::ClientContext context;
  const auto reader = writing_->SummarizeText(&context, request);
  return Drain(*reader, &summarize_);
}
absl::Status ServiceFixture::Compose(const v1::ComposeTextRequest& request) {
  compose_.clear();
  grpc::ClientContext context;
  const auto reader = writing_->ComposeText(&context, request);
  return Drain(*reader, &compose_);
}
absl::Status ServiceFixture::Generate(const v1::GenerateTextRequest& request) {
  generate_.clear();
  grpc::ClientContext context;
  const auto reader = language_->GenerateText(&context, request);
  return Drain(*reader, &generate_);
}

absl::Status ServiceFixture::Analyze(const v1::AnalyzeImageRequest& request) {
  analyze_.clear();
  grpc::ClientContext context;
  const auto reader = vision_->AnalyzeImage(&context, request);
  return Drain(*reader, &analyze_);
}

void ServiceFixture::WaitUntil(const std::function<bool()>& condition) {
  for (int i = 0; i < 10'000; ++i) {
    if (condition()) return;
    WaitBriefly();
  }
  ADD_FAILURE() << "waited in vain";
}

}  // namespace intelligenced
