// A gRPC server with scripted answers on a Unix socket of its own, for tests of the clients.
#ifndef INTELLIGENCED_TESTS_UNIT_CLIENTS_FAKE_DAEMON_H_
#define INTELLIGENCED_TESTS_UNIT_CLIENTS_FAKE_DAEMON_H_

#include <functional>
#include <memory>
#include <string>

#include "grpcpp/server.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/sync_stream.h"
#include "protos/intelligence/v1/image_generation.grpc.pb.h"
#include "protos/intelligence/v1/language.grpc.pb.h"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "protos/intelligence/v1/models.grpc.pb.h"
#include "protos/intelligence/v1/system.grpc.pb.h"
#include "protos/intelligence/v1/tensor.grpc.pb.h"
#include "protos/intelligence/v1/translation.grpc.pb.h"
#include "protos/intelligence/v1/vision.grpc.pb.h"
#include "protos/intelligence/v1/writing_tools.grpc.pb.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {

namespace v1 = intelligence::v1;

// What the server does. Set before the call that meets it; a script left empty answers
// UNIMPLEMENTED.
struct Scripts {
  template <typename Request, typename Response>
  using Unary = std::function<grpc::Status(const Request&, Response*)>;
  template <typename Request, typename Response>
  using Streaming = std::function<grpc::Status(grpc::ServerContext*, const Request&,
                                               grpc::ServerWriter<Response>*)>;

  Streaming<v1::ProofreadTextRequest, v1::ProofreadTextResponse> proofread;
  Streaming<v1::RewriteTextRequest, v1::RewriteTextResponse> rewrite;
  Streaming<v1::SummarizeTextRequest, v1::SummarizeTextResponse> summarize;
  Streaming<v1::ComposeTextRequest, v1::ComposeTextResponse> compose;
  Streaming<v1::GenerateTextRequest, v1::GenerateTextResponse> generate;
  Unary<v1::CountTokensRequest, v1::CountTokensResponse> count_tokens;
  Unary<v1::CreateSessionRequest, v1::Session> create_session;
  Unary<v1::GetSessionRequest, v1::Session> get_session;
  Unary<v1::ListSessionsRequest, v1::ListSessionsResponse> list_sessions;
  Unary<v1::AppendToSessionRequest, v1::Session> append_to_session;
  Unary<v1::ForkSessionRequest, v1::Session> fork_session;
  Unary<v1::PrewarmSessionRequest, v1::PrewarmSessionResponse> prewarm_session;
  Unary<v1::DeleteSessionRequest, v1::DeleteSessionResponse> delete_session;
  Streaming<v1::AnalyzeImageRequest, v1::AnalyzeImageResponse> analyze;
  std::function<grpc::Status(
      grpc::ServerReaderWriter<v1::AnalyzeFramesResponse, v1::AnalyzeFramesRequest>*)>
      frames;
  Streaming<v1::GenerateImageRequest, v1::GenerateImageResponse> generate_image;
  Streaming<v1::RestyleImageRequest, v1::RestyleImageResponse> restyle_image;
  Streaming<v1::UpscaleImageRequest, v1::UpscaleImageResponse> upscale_image;
  Unary<v1::GetImageModelRequest, v1::GetImageModelResponse> image_model;
  Streaming<v1::TranslateTextRequest, v1::TranslateTextResponse> translate;
  std::function<grpc::Status(
      grpc::ServerReaderWriter<v1::TranslateBatchResponse, v1::TranslateBatchRequest>*)>
      translate_batch;
  Unary<v1::DetectLanguageRequest, v1::DetectLanguageResponse> detect;
  Unary<v1::ListLanguagePairsRequest, v1::ListLanguagePairsResponse> language_pairs;
  Streaming<v1::PrepareTranslationRequest, v1::PrepareTranslationResponse> prepare_translation;
  Unary<v1::SegmentTextRequest, v1::SegmentTextResponse> segment;
  Unary<v1::EmbedTextRequest, v1::EmbedTextResponse> embed;
  Unary<v1::ClassifyTextRequest, v1::ClassifyTextResponse> classify;
  Unary<v1::FindEntitiesRequest, v1::FindEntitiesResponse> find_entities;
  Unary<v1::GetModelSignatureRequest, v1::GetModelSignatureResponse> signature;
  Unary<v1::RunModelRequest, v1::RunModelResponse> run_model;
  Unary<v1::ListModelsRequest, v1::ListModelsResponse> list_models;
  Unary<v1::GetModelRequest, v1::Model> get_model;
  Unary<v1::GetAvailabilityRequest, v1::GetAvailabilityResponse> get_availability;
  Streaming<v1::InstallModelRequest, v1::InstallModelResponse> install;
  std::function<grpc::Status(grpc::ServerReader<v1::ImportModelRequest>*, v1::ImportModelResponse*)>
      import;
  Unary<v1::RemoveModelRequest, v1::RemoveModelResponse> remove;
  Unary<v1::LoadModelRequest, v1::Model> load;
  Unary<v1::UnloadModelRequest, v1::Model> unload;
  Unary<v1::UpdateModelRequest, v1::Model> update;
  Streaming<v1::WatchModelsRequest, v1::WatchModelsResponse> watch_models;
  Unary<v1::GetStatusRequest, v1::SystemStatus> status;
  Streaming<v1::WatchStatusRequest, v1::SystemStatus> watch_status;
  Unary<v1::ListActivityRequest, v1::ListActivityResponse> activity;
  Unary<v1::DiagnoseRequest, v1::DiagnoseResponse> diagnose;
};

class FakeDaemon {
 public:
  // Makes a folder for its socket and serves there.
  FakeDaemon();
  ~FakeDaemon();

  Scripts scripts;

  const std::string& socket_path() const { return socket_path_; }
  const std::string& folder() const { return folder_.path(); }
  void Start();
  // Ends all calls, and the socket.
  void Stop();

 private:
  class Services;
  const TemporaryFolder folder_;
  const std::string socket_path_ = folder_ / "daemon.sock";
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_CLIENTS_FAKE_DAEMON_H_
