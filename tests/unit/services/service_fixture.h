// A whole service stack in one process: real scheduler, model manager, store, runtime and services
// behind a gRPC server on a Unix socket; models are scripted functions and the fake engine.
#ifndef INTELLIGENCED_TESTS_UNIT_SERVICES_SERVICE_FIXTURE_H_
#define INTELLIGENCED_TESTS_UNIT_SERVICES_SERVICE_FIXTURE_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "protos/intelligence/v1/model_performance.grpc.pb.h"
#include "protos/intelligence/v1/models.grpc.pb.h"
#include "protos/intelligence/v1/system.grpc.pb.h"
#include "protos/intelligence/v1/vision.grpc.pb.h"
#include "protos/intelligence/v1/writing_tools.grpc.pb.h"
#include "protos/support/status_codec.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/core/runtime.h"
#include "services/actions/hub.h"
#include "services/rpc/service_environment.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/services/scripted_models.h"

namespace intelligenced {

namespace v1 = ::intelligence::v1;

// Content of further built-in manifests, by the models' names.
using ManifestsByName = std::map<std::string, std::string>;

// Of which tests say how much room it has.
class TestDisk final : public FileSystem {
 public:
  absl::StatusOr<uint64_t> FreeBytes(const std::string&) override { return free_bytes.load(); }
  std::atomic<uint64_t> free_bytes = uint64_t{1} << 40;
};

class TestActivity final : public ActivityLog {
 public:
  void Add(v1::ActivityRecord record, uid_t user_id) override;
  absl::StatusOr<v1::ListActivityResponse> List(const v1::ListActivityRequest& request,
                                                const Caller& caller) const override;
  std::vector<v1::ActivityRecord> records() const;
  // Blocks until `count` records are there.
  void WaitFor(size_t count) const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<v1::ActivityRecord> records_ ABSL_GUARDED_BY(mutex_);
};

// Descriptors that the test's app has handed over.
class TestAttachments final : public AttachmentSource {
 public:
  // Expires when nobody holds it any more.
  std::weak_ptr<const Attachment> Add(const std::string& token, const std::string& bytes);
  absl::StatusOr<std::shared_ptr<const Attachment>> Take(std::string_view client_id,
                                                         std::string_view token) override;

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<const Attachment>, std::less<>> held_
      ABSL_GUARDED_BY(mutex_);
};

// Which app calls come from: that of the moment at which a call begins.
class TestIdentity {
 public:
  // `trusted`: it is one of the person's clients.
  void Set(const std::string& app, bool trusted) {
    absl::MutexLock lock(mutex_);
    app_ = app;
    trusted_ = trusted;
  }
  void Fill(Caller* caller) const {
    absl::MutexLock lock(mutex_);
    ++calls_;
    caller->app = "exe:/usr/bin/" + app_;
    caller->executable = "/usr/bin/" + app_;
    caller->trusted = trusted_;
  }
  // Calls that have begun.
  int calls() const {
    absl::MutexLock lock(mutex_);
    return calls_;
  }

 private:
  mutable absl::Mutex mutex_;
  mutable int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string app_ ABSL_GUARDED_BY(mutex_) = "test";
  bool trusted_ ABSL_GUARDED_BY(mutex_) = false;
};

// Starts nothing, and remembers what it was to start.
class TestLauncher final : public ProviderLauncher {
 public:
  absl::Status Start(uid_t user, const ProviderStart& start, OnExit exited) override;
  // Of now on.
  void Answer(const absl::Status& status);
  std::vector<ProviderStart> started() const;
  // The last one that was started has ended.
  void Exit(ProviderExit exit);

 private:
  mutable absl::Mutex mutex_;
  absl::Status answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<ProviderStart> started_ ABSL_GUARDED_BY(mutex_);
  OnExit exited_ ABSL_GUARDED_BY(mutex_);
};

class ServiceFixture : public testing::Test {
 protected:
  // `catalogue` replaces what can be installed; ParseCatalogue.
  explicit ServiceFixture(const ManifestsByName& more_models = {},
                          const std::string& catalogue = "");
  ~ServiceFixture() override;

  // Reads a stream to its end.
  template <typename Response, typename Reader>
  static absl::Status Drain(Reader& reader, std::vector<Response>* responses) {
    Response response;
    while (reader.Read(&response)) responses->push_back(response);
    return StatusFromGrpc(reader.Finish());
  }

  absl::Status Proofread(const v1::ProofreadTextRequest& request);
  absl::Status Rewrite(const v1::RewriteTextRequest& request);
  absl::Status Summarize(const v1::SummarizeTextRequest& request);
  absl::Status Compose(const v1::ComposeTextRequest& request);
  absl::Status Generate(const v1::GenerateTextRequest& request);
  absl::Status Analyze(const v1::AnalyzeImageRequest& request);

  // What the last of these calls gave.
  std::vector<v1::ProofreadTextResponse> proofread_;
  std::vector<v1::RewriteTextResponse> rewrite_;
  std::vector<v1::SummarizeTextResponse> summarize_;
  std::vector<v1::ComposeTextResponse> compose_;
  std::vector<v1::GenerateTextResponse> generate_;
  std::vector<v1::AnalyzeImageResponse> analyze_;

  // Blocks until `condition`, asked every few milliseconds, holds; fails the test after 20 s.
  void WaitUntil(const std::function<bool()>& condition);

  ScriptBehaviour script_;
  BenchBehaviour bench_;
  TestDisk disk_;
  std::atomic<uint64_t> memory_available_ = uint64_t{8} << 30;
  TestActivity activity_;
  TestAttachments attachments_;
  std::atomic<bool> refuse_callers_ = false;
  // Calls come from another app of the same user while this is true.
  std::atomic<bool> other_app_ = false;
  TestIdentity identity_;
  TestLauncher launcher_;
  std::shared_ptr<ActionHub> actions_;
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  Runtime* runtime_ = nullptr;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::WritingToolsService::Stub> writing_;
  std::unique_ptr<v1::LanguageModelService::Stub> language_;
  std::unique_ptr<v1::ModelService::Stub> models_;
  std::unique_ptr<v1::ModelPerformanceService::Stub> performance_;
  std::unique_ptr<v1::SystemService::Stub> system_;
  std::unique_ptr<v1::VisionService::Stub> vision_;

 private:
  struct Stack;
  std::unique_ptr<Stack> stack_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_SERVICES_SERVICE_FIXTURE_H_
