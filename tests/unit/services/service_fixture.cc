#include "tests/unit/services/service_fixture.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "grpc/grpc.h"
#include "protos/support/limits.h"
#include "runtime/base/executor.h"
#include "services/actions/service.h"
#include "services/image_generation/service.h"
#include "services/language/service.h"
#include "services/language_model/service.h"
#include "services/model_performance/service.h"
#include "services/models/service.h"
#include "services/system/service.h"
#include "services/tensor/service.h"
#include "services/translation/service.h"
#include "services/vision/service.h"
#include "services/writing_tools/service.h"
#include "tests/unit/services/scripted_models.h"

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

class TestCallers final : public CallerDirectory {
 public:
  TestCallers(const std::atomic<bool>* refuse, const std::atomic<bool>* other_app,
              const TestIdentity* identity)
      : refuse_(refuse), other_app_(other_app), identity_(identity) {}
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
    identity_->Fill(&caller);
    return caller;
  }

 private:
  const std::atomic<bool>* const refuse_;
  const std::atomic<bool>* const other_app_;
  const TestIdentity* const identity_;
};

void WriteFile(const std::string& path, std::string_view content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::unique_ptr<ModelStore> OpenStore(const std::string& folder, FileSystem* disk,
                                      const ManifestsByName& more_models,
                                      const std::string& catalogue) {
  WriteFile(folder + "/built-in/script.json", kScriptManifest);
  WriteFile(folder + "/built-in/native.json", kNativeManifest);
  for (const auto& [name, manifest] : more_models) {
    WriteFile(folder + "/built-in/" + name + ".json", manifest);
  }
  WriteFile(folder + "/catalogue/catalogue.json",
            catalogue.empty() ? kCatalogue : std::string_view(catalogue));
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

std::weak_ptr<const Attachment> TestAttachments::Add(const std::string& token,
                                                     const std::string& bytes) {
  absl::MutexLock lock(mutex_);
  return held_[token] = *Attachment::Copy(bytes);
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

absl::Status TestLauncher::Start(uid_t user, const ProviderStart& start, OnExit exited) {
  EXPECT_EQ(user, 1000U);
  absl::MutexLock lock(mutex_);
  started_.push_back(start);
  exited_ = std::move(exited);
  return answer_;
}
void TestLauncher::Answer(const absl::Status& status) {
  absl::MutexLock lock(mutex_);
  answer_ = status;
}
void TestLauncher::Exit(ProviderExit exit) {
  OnExit exited;
  {
    absl::MutexLock lock(mutex_);
    exited = std::move(exited_);
  }
  ASSERT_TRUE(exited) << "nothing was started";
  std::move(exited)(exit);
}
std::vector<ProviderStart> TestLauncher::started() const {
  absl::MutexLock lock(mutex_);
  return started_;
}

struct ServiceFixture::Stack {
  Stack(const std::string& folder, ScriptBehaviour* script, BenchBehaviour* bench, TestDisk* disk,
        const std::atomic<uint64_t>* memory_available, ActivityLog* activity,
        AttachmentSource* attachments, const std::atomic<bool>* refuse,
        const std::atomic<bool>* other_app, const TestIdentity* identity,
        TestLauncher* provider_launcher, const ManifestsByName& more_models,
        const std::string& catalogue_json)
      : timer(&clock),
        step_threads("steps", 2),
        loader_threads("loaders", 2),
        blocking_threads(std::make_unique<ThreadPool>("blocking", 4)),
        loader(script, bench),
        store(OpenStore(folder, disk, more_models, catalogue_json)),
        catalogue(OpenCatalogue(folder)),
        installer(store.get(), &clock),
        models(Residency(), store.get(), &loader, &clock, &loader_threads, &timer,
               [memory_available] { return MachineMemory{uint64_t{8} << 30, *memory_available}; }),
        scheduler(Lanes(), &clock, &step_threads, &timer),
        callers(refuse, other_app, identity),
        runtime({.scheduler = &scheduler,
                 .models = &models,
                 .loader = &loader,
                 .store = store.get(),
                 .installer = &installer,
                 .catalogue = &catalogue,
                 .clock = &clock,
                 .blocking = blocking_threads.get(),
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
    services.push_back(MakeImageGenerationService(environment));
    services.push_back(MakeTranslationService(environment));
    services.push_back(MakeLanguageService(environment));
    services.push_back(MakeSystemService(environment));
    ActionServiceOptions action_options;
    action_options.launcher = provider_launcher;
    action_options.user_id = 1000;
    action_options.state_folder = folder + "/action-state";
    action_options.make_id = [number = std::make_shared<std::atomic<int>>()] {
      return absl::StrCat("id-", ++*number);
    };
    actions = std::make_shared<ActionHub>(&runtime, std::move(action_options));
    services.push_back(MakeActionService(environment, actions));
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
    services.clear();
    actions.reset();
    // What it still has to do uses the rest.
    blocking_threads.reset();
  }

  SystemClock clock;
  ThreadTimer timer;
  ThreadPool step_threads;
  ThreadPool loader_threads;
  std::unique_ptr<ThreadPool> blocking_threads;
  ScriptedLoader loader;
  std::unique_ptr<ModelStore> store;
  Catalogue catalogue;
  Installer installer;
  ModelManager models;
  Scheduler scheduler;
  TestCallers callers;
  Runtime runtime;
  ServiceEnvironment environment;
  std::shared_ptr<ActionHub> actions;
  std::vector<std::unique_ptr<grpc::Service>> services;
  std::unique_ptr<grpc::Server> server;
};

ServiceFixture::ServiceFixture(const ManifestsByName& more_models, const std::string& catalogue) {
  // Keeps gRPC's library to the end of the process. The last one who lets go of it waits, up to
  // 10 s, for the poller that a write of more than the socket took has left behind.
  grpc_init();
  stack_ = std::make_unique<Stack>(folder_, &script_, &bench_, &disk_, &memory_available_,
                                   &activity_, &attachments_, &refuse_callers_, &other_app_,
                                   &identity_, &launcher_, more_models, catalogue);
  actions_ = stack_->actions;
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
  actions_.reset();
  stack_.reset();
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
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(2));
  }
  ADD_FAILURE() << "waited in vain";
}

}  // namespace intelligenced
