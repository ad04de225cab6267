// A client as the tests use it: gRPC's own stubs over one connection.
#ifndef INTELLIGENCED_TESTS_INTEGRATION_TEST_CLIENT_H_
#define INTELLIGENCED_TESTS_INTEGRATION_TEST_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "protos/intelligence/v1/models.grpc.pb.h"
#include "protos/intelligence/v1/system.grpc.pb.h"
#include "protos/intelligence/v1/writing_tools.grpc.pb.h"
#include "tests/integration/daemon_process.h"

namespace intelligenced {

namespace api = ::intelligence::v1;

// Each one has a connection of its own.
class TestClient {
 public:
  // `stalls`: takes no more than 64 KiB that nobody reads.
  explicit TestClient(const std::string& socket, bool stalls = false);

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<api::LanguageModelService::Stub> language;
  std::unique_ptr<api::WritingToolsService::Stub> writing;
  std::unique_ptr<api::ModelService::Stub> models;
  std::unique_ptr<api::SystemService::Stub> system;

  // OK or what went wrong; `status` may be null.
  absl::Status GetStatus(api::SystemStatus* status = nullptr) const;
  // Asks for the status until the condition holds.
  bool WaitForStatus(const std::function<bool(const api::SystemStatus&)>& condition,
                     absl::Duration patience = kPatience) const;
  // The process of a resident model. 0: it is not ready.
  pid_t WorkerOf(const std::string& model) const;
  absl::Status Load(const std::string& model) const;
  // "SERVING", "NOT_SERVING" or why there is no answer.
  std::string Health() const;
  // What server reflection answers when asked for all services, as it came: their names stand in
  // it. Empty: no answer.
  std::string Reflection() const;
};

// One GenerateText in progress.
class Generation {
 public:
  Generation(const TestClient& client, const std::string& model,
             api::RequestClass request_class = api::REQUEST_CLASS_INTERACTIVE,
             std::optional<absl::Duration> deadline = std::nullopt,
             const std::string& prompt = "go");

  // Reads until the first text has come. False: the stream ended before.
  bool WaitForDelta();
  // Reads one event. False: the stream has ended.
  bool ReadOne();
  void Cancel() { context_.TryCancel(); }
  // Reads the rest; what the call ended with.
  absl::Status Finish();

  // Everything so far.
  const std::string& text() const { return text_; }
  bool completed() const { return completed_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<api::GenerateTextResponse>> reader_;
  std::string text_;
  bool completed_ = false;
  std::optional<absl::Status> status_;
};

absl::Status Generate(const TestClient& client, const std::string& model,
                      std::string* text = nullptr);

int Waiting(const api::SystemStatus& status);
int Running(const api::SystemStatus& status);

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_INTEGRATION_TEST_CLIENT_H_
