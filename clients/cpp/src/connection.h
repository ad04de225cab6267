// One connection to the daemon and what every call over it needs.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_CONNECTION_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_CONNECTION_H_

#include <intelligence/client.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "clients/cpp/src/attachment_channel.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "protos/intelligence/v1/actions.grpc.pb.h"
#include "protos/intelligence/v1/image_generation.grpc.pb.h"
#include "protos/intelligence/v1/language.grpc.pb.h"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "protos/intelligence/v1/model_performance.grpc.pb.h"
#include "protos/intelligence/v1/models.grpc.pb.h"
#include "protos/intelligence/v1/system.grpc.pb.h"
#include "protos/intelligence/v1/tensor.grpc.pb.h"
#include "protos/intelligence/v1/translation.grpc.pb.h"
#include "protos/intelligence/v1/vision.grpc.pb.h"
#include "protos/intelligence/v1/writing_tools.grpc.pb.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"

namespace intelligence {

// Tries to connect to a Unix socket and lets go again. The error says what a person can do.
absl::Status ProbeSocket(const std::string& path);

// INVALID_ARGUMENT/FIELD_INVALID with the offset when `text` is not UTF-8. Checked here because
// Protobuf would send it and the daemon could only answer that the message does not parse.
absl::Status CheckUtf8(std::string_view field, std::string_view text);

// A gRPC context that a Cancellation can end. Lives as long as its call.
struct CallContext {
  grpc::ClientContext context;
  absl::Duration timeout = absl::InfiniteDuration();
  // Destroyed first, so that a cancellation never meets a dead context.
  intelligenced::CancelRegistration registration;
};

// Thread-safe.
class Client::Connection {
 public:
  explicit Connection(std::string path);

  // Waits until the daemon answers, for at most `timeout`.
  absl::Status WaitUntilReady(absl::Duration timeout);

  // Sets deadline and cancellation. When the last attempt to connect failed, finds out whether the
  // daemon is there by now: an error at once if it is not, a call that waits for the new
  // connection if it is.
  absl::Status Prepare(const CallOptions& options, CallContext& call);

  // The status for a person and a program: gRPC's own sentences replaced.
  absl::Status Decode(const grpc::Status& status, const CallContext& call) const;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  const intelligenced::SystemClock clock_;
  const std::shared_ptr<grpc::Channel> channel_;

 public:
  const std::unique_ptr<v1::WritingToolsService::StubInterface> writing_tools;
  const std::unique_ptr<v1::LanguageModelService::StubInterface> language_model;
  const std::unique_ptr<v1::ModelService::StubInterface> models;
  const std::unique_ptr<v1::ModelPerformanceService::StubInterface> performance;
  const std::unique_ptr<v1::SystemService::StubInterface> system_service;
  const std::unique_ptr<v1::VisionService::StubInterface> vision;
  const std::unique_ptr<v1::TensorService::StubInterface> tensor;
  const std::unique_ptr<v1::ImageGenerationService::StubInterface> image_generation;
  const std::unique_ptr<v1::LanguageService::StubInterface> language;
  const std::unique_ptr<v1::TranslationService::StubInterface> translation;
  const std::unique_ptr<v1::ActionService::StubInterface> actions;
  AttachmentChannel attachments;
};

}  // namespace intelligence

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_CONNECTION_H_
