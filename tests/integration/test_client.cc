#include "tests/integration/test_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/generic/generic_stub.h"
#include "protos/support/status_codec.h"

namespace intelligenced {
namespace {

std::chrono::system_clock::time_point In(absl::Duration duration) {
  return std::chrono::system_clock::now() + absl::ToChronoMilliseconds(duration);
}

}  // namespace

TestClient::TestClient(const std::string& socket, bool stalls) {
  grpc::ChannelArguments arguments;
  // Otherwise gRPC shares one connection among all channels to an address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetMaxReceiveMessageSize(-1);
  if (stalls) {
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65535);
  }
  channel =
      grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
  language = api::LanguageModelService::NewStub(channel);
  writing = api::WritingToolsService::NewStub(channel);
  models = api::ModelService::NewStub(channel);
  system = api::SystemService::NewStub(channel);
}

absl::Status TestClient::GetStatus(api::SystemStatus* status) const {
  grpc::ClientContext context;
  context.set_deadline(In(kPatience));
  api::SystemStatus answer;
  const grpc::Status result = system->GetStatus(&context, {}, &answer);
  if (status != nullptr) *status = std::move(answer);
  return StatusFromGrpc(result);
}

bool TestClient::WaitForStatus(const std::function<bool(const api::SystemStatus&)>& condition,
                               absl::Duration patience) const {
  return Eventually(
      [&] {
        api::SystemStatus status;
        return GetStatus(&status).ok() && condition(status);
      },
      patience);
}

pid_t TestClient::WorkerOf(const std::string& model) const {
  grpc::ClientContext context;
  context.set_deadline(In(kPatience));
  api::GetModelRequest request;
  request.set_name(model);
  api::Model answer;
  if (!models->GetModel(&context, request, &answer).ok()) return 0;
  return answer.state() == api::MODEL_STATE_READY ? static_cast<pid_t>(answer.worker_pid()) : 0;
}

absl::Status TestClient::Load(const std::string& model) const {
  grpc::ClientContext context;
  context.set_deadline(In(kPatience));
  api::LoadModelRequest request;
  request.set_name(model);
  api::Model answer;
  return StatusFromGrpc(models->LoadModel(&context, request, &answer));
}

std::string TestClient::Health() const {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(In(kPatience));
  // An empty HealthCheckRequest: the server as a whole.
  const grpc::ByteBuffer request(nullptr, 0);
  auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  if (!status.ok()) return status.error_message();
  grpc::Slice slice;
  if (!response.DumpToSingleSlice(&slice).ok() || slice.size() != 2) return "malformed";
  // HealthCheckResponse.status: field 1, 1 is SERVING and 2 NOT_SERVING.
  return slice.begin()[1] == 1 ? "SERVING" : "NOT_SERVING";
}

std::string TestClient::Reflection() const {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(In(kPatience));
  auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  void* tag = nullptr;
  bool ok = false;
  const auto done = [&] { return queue.Next(&tag, &ok) && ok; };
  // ServerReflectionRequest.list_services: field 7, any text.
  const grpc::Slice request("\x3a\x00", 2);
  grpc::ByteBuffer response;
  grpc::Status status;
  std::string names;
  call->StartCall(nullptr);
  if (done()) {
    call->Write(grpc::ByteBuffer(&request, 1), nullptr);
    if (done()) {
      call->Read(&response, nullptr);
      grpc::Slice slice;
      if (done() && response.DumpToSingleSlice(&slice).ok()) {
        names.assign(slice.begin(), slice.end());
      }
    }
  }
  context.TryCancel();
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return names;
}

Generation::Generation(const TestClient& client, const std::string& model,
                       api::RequestClass request_class, std::optional<absl::Duration> deadline,
                       const std::string& prompt) {
  context_.set_deadline(In(deadline.value_or(2 * kPatience)));
  api::GenerateTextRequest request;
  request.set_prompt(prompt);
  request.mutable_options()->set_model(model);
  request.mutable_options()->set_request_class(request_class);
  reader_ = client.language->GenerateText(&context_, request);
}

bool Generation::ReadOne() {
  api::GenerateTextResponse response;
  if (!reader_->Read(&response)) return false;
  if (response.has_delta()) text_ += response.delta();
  if (response.has_completed()) completed_ = true;
  return true;
}

bool Generation::WaitForDelta() {
  while (text_.empty()) {
    if (!ReadOne()) return false;
  }
  return true;
}

absl::Status Generation::Finish() {
  if (status_.has_value()) return *status_;
  while (ReadOne()) {
  }
  status_ = StatusFromGrpc(reader_->Finish());
  return *status_;
}

absl::Status Generate(const TestClient& client, const std::string& model, std::string* text) {
  Generation generation(client, model);
  absl::Status status = generation.Finish();
  if (text != nullptr) *text = generation.text();
  return status;
}

int Waiting(const api::SystemStatus& status) {
  int waiting = 0;
  for (const auto& queue : status.queues()) waiting += static_cast<int>(queue.waiting());
  return waiting;
}

int Running(const api::SystemStatus& status) {
  int running = 0;
  for (const auto& queue : status.queues()) running += static_cast<int>(queue.running());
  return running;
}

}  // namespace intelligenced
