#include "tests/unit/clients/fake_daemon.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace intelligenced {
namespace {

grpc::Status NoScript() { return {grpc::StatusCode::UNIMPLEMENTED, "the test has no script"}; }

template <typename Script, typename... Arguments>
grpc::Status Play(const Script& script, Arguments&&... arguments) {
  return script ? script(std::forward<Arguments>(arguments)...) : NoScript();
}

}  // namespace

class FakeDaemon::Services {
 public:
  explicit Services(const Scripts* scripts)
      : writing_(scripts),
        language_(scripts),
        models_(scripts),
        system_(scripts),
        vision_(scripts),
        tensors_(scripts),
        images_(scripts),
        translation_(scripts),
        language_tools_(scripts) {}

  void Register(grpc::ServerBuilder& builder) {
    builder.RegisterService(&writing_);
    builder.RegisterService(&language_);
    builder.RegisterService(&models_);
    builder.RegisterService(&system_);
    builder.RegisterService(&vision_);
    builder.RegisterService(&tensors_);
    builder.RegisterService(&images_);
    builder.RegisterService(&translation_);
    builder.RegisterService(&language_tools_);
  }

 private:
  using Context = grpc::ServerContext;
  template <typename Response>
  using Writer = grpc::ServerWriter<Response>;

  struct Writing final : v1::WritingToolsService::Service {
    explicit Writing(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status ProofreadText(Context* context, const v1::ProofreadTextRequest* request,
                               Writer<v1::ProofreadTextResponse>* writer) override {
      return Play(scripts.proofread, context, *request, writer);
    }
    grpc::Status RewriteText(Context* context, const v1::RewriteTextRequest* request,
                             Writer<v1::RewriteTextResponse>* writer) override {
      return Play(scripts.rewrite, context, *request, writer);
    }
    grpc::Status SummarizeText(Context* context, const v1::SummarizeTextRequest* request,
                               Writer<v1::SummarizeTextResponse>* writer) override {
      return Play(scripts.summarize, context, *request, writer);
    }
    grpc::Status ComposeText(Context* context, const v1::ComposeTextRequest* request,
                             Writer<v1::ComposeTextResponse>* writer) override {
      return Play(scripts.compose, context, *request, writer);
    }
    const Scripts& scripts;
  };

  struct Language final : v1::LanguageModelService::Service {
    explicit Language(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status GenerateText(Context* context, const v1::GenerateTextRequest* request,
                              Writer<v1::GenerateTextResponse>* writer) override {
      return Play(scripts.generate, context, *request, writer);
    }
    grpc::Status CountTokens(Context*, const v1::CountTokensRequest* request,
                             v1::CountTokensResponse* response) override {
      return Play(scripts.count_tokens, *request, response);
    }
    grpc::Status CreateSession(Context*, const v1::CreateSessionRequest* request,
                               v1::Session* response) override {
      return Play(scripts.create_session, *request, response);
    }
    grpc::Status GetSession(Context*, const v1::GetSessionRequest* request,
                            v1::Session* response) override {
      return Play(scripts.get_session, *request, response);
    }
    grpc::Status ListSessions(Context*, const v1::ListSessionsRequest* request,
                              v1::ListSessionsResponse* response) override {
      return Play(scripts.list_sessions, *request, response);
    }
    grpc::Status AppendToSession(Context*, const v1::AppendToSessionRequest* request,
                                 v1::Session* response) override {
      return Play(scripts.append_to_session, *request, response);
    }
    grpc::Status ForkSession(Context*, const v1::ForkSessionRequest* request,
                             v1::Session* response) override {
      return Play(scripts.fork_session, *request, response);
    }
    grpc::Status PrewarmSession(Context*, const v1::PrewarmSessionRequest* request,
                                v1::PrewarmSessionResponse* response) override {
      return Play(scripts.prewarm_session, *request, response);
    }
    grpc::Status DeleteSession(Context*, const v1::DeleteSessionRequest* request,
                               v1::DeleteSessionResponse* response) override {
      return Play(scripts.delete_session, *request, response);
    }
    const Scripts& scripts;
  };

  struct Models final : v1::ModelService::Service {
    explicit Models(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status ListModels(Context*, const v1::ListModelsRequest* request,
                            v1::ListModelsResponse* response) override {
      return Play(scripts.list_models, *request, response);
    }
    grpc::Status GetModel(Context*, const v1::GetModelRequest* request,
                          v1::Model* response) override {
      return Play(scripts.get_model, *request, response);
    }
    grpc::Status GetAvailability(Context*, const v1::GetAvailabilityRequest* request,
                                 v1::GetAvailabilityResponse* response) override {
      return Play(scripts.get_availability, *request, response);
    }
    grpc::Status InstallModel(Context* context, const v1::InstallModelRequest* request,
                              Writer<v1::InstallModelResponse>* writer) override {
      return Play(scripts.install, context, *request, writer);
    }
    grpc::Status ImportModel(Context*, grpc::ServerReader<v1::ImportModelRequest>* reader,
                             v1::ImportModelResponse* response) override {
      return Play(scripts.import, reader, response);
    }
    grpc::Status RemoveModel(Context*, const v1::RemoveModelRequest* request,
                             v1::RemoveModelResponse* response) override {
      return Play(scripts.remove, *request, response);
    }
    grpc::Status LoadModel(Context*, const v1::LoadModelRequest* request,
                           v1::Model* response) override {
      return Play(scripts.load, *request, response);
    }
    grpc::Status UnloadModel(Context*, const v1::UnloadModelRequest* request,
                             v1::Model* response) override {
      return Play(scripts.unload, *request, response);
    }
    grpc::Status UpdateModel(Context*, const v1::UpdateModelRequest* request,
                             v1::Model* response) override {
      return Play(scripts.update, *request, response);
    }
    grpc::Status WatchModels(Context* context, const v1::WatchModelsRequest* request,
                             Writer<v1::WatchModelsResponse>* writer) override {
      return Play(scripts.watch_models, context, *request, writer);
    }
    const Scripts& scripts;
  };

  struct System final : v1::SystemService::Service {
    explicit System(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status GetStatus(Context*, const v1::GetStatusRequest* request,
                           v1::SystemStatus* response) override {
      return Play(scripts.status, *request, response);
    }
    grpc::Status WatchStatus(Context* context, const v1::WatchStatusRequest* request,
                             Writer<v1::SystemStatus>* writer) override {
      return Play(scripts.watch_status, context, *request, writer);
    }
    grpc::Status ListActivity(Context*, const v1::ListActivityRequest* request,
                              v1::ListActivityResponse* response) override {
      return Play(scripts.activity, *request, response);
    }
    grpc::Status Diagnose(Context*, const v1::DiagnoseRequest* request,
                          v1::DiagnoseResponse* response) override {
      return Play(scripts.diagnose, *request, response);
    }
    const Scripts& scripts;
  };

  struct Vision final : v1::VisionService::Service {
    explicit Vision(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status AnalyzeImage(Context* context, const v1::AnalyzeImageRequest* request,
                              Writer<v1::AnalyzeImageResponse>* writer) override {
      return Play(scripts.analyze, context, *request, writer);
    }
    grpc::Status AnalyzeFrames(
        Context*,
        grpc::ServerReaderWriter<v1::AnalyzeFramesResponse, v1::AnalyzeFramesRequest>* stream)
        override {
      if (scripts.frames == nullptr) return {grpc::StatusCode::UNIMPLEMENTED, "no script"};
      return scripts.frames(stream);
    }
    const Scripts& scripts;
  };

  struct Tensors final : v1::TensorService::Service {
    explicit Tensors(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status GetModelSignature(Context*, const v1::GetModelSignatureRequest* request,
                                   v1::GetModelSignatureResponse* response) override {
      return Play(scripts.signature, *request, response);
    }
    grpc::Status RunModel(Context*, const v1::RunModelRequest* request,
                          v1::RunModelResponse* response) override {
      return Play(scripts.run_model, *request, response);
    }
    const Scripts& scripts;
  };

  struct Images final : v1::ImageGenerationService::Service {
    explicit Images(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status GenerateImage(Context* context, const v1::GenerateImageRequest* request,
                               Writer<v1::GenerateImageResponse>* writer) override {
      return Play(scripts.generate_image, context, *request, writer);
    }
    grpc::Status RestyleImage(Context* context, const v1::RestyleImageRequest* request,
                              Writer<v1::RestyleImageResponse>* writer) override {
      return Play(scripts.restyle_image, context, *request, writer);
    }
    grpc::Status UpscaleImage(Context* context, const v1::UpscaleImageRequest* request,
                              Writer<v1::UpscaleImageResponse>* writer) override {
      return Play(scripts.upscale_image, context, *request, writer);
    }
    grpc::Status GetImageModel(Context*, const v1::GetImageModelRequest* request,
                               v1::GetImageModelResponse* response) override {
      return Play(scripts.image_model, *request, response);
    }
    const Scripts& scripts;
  };

  struct Translation final : v1::TranslationService::Service {
    explicit Translation(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status TranslateText(Context* context, const v1::TranslateTextRequest* request,
                               Writer<v1::TranslateTextResponse>* writer) override {
      return Play(scripts.translate, context, *request, writer);
    }
    grpc::Status TranslateBatch(
        Context*,
        grpc::ServerReaderWriter<v1::TranslateBatchResponse, v1::TranslateBatchRequest>* stream)
        override {
      return Play(scripts.translate_batch, stream);
    }
    grpc::Status DetectLanguage(Context*, const v1::DetectLanguageRequest* request,
                                v1::DetectLanguageResponse* response) override {
      return Play(scripts.detect, *request, response);
    }
    grpc::Status ListLanguagePairs(Context*, const v1::ListLanguagePairsRequest* request,
                                   v1::ListLanguagePairsResponse* response) override {
      return Play(scripts.language_pairs, *request, response);
    }
    grpc::Status PrepareTranslation(Context* context, const v1::PrepareTranslationRequest* request,
                                    Writer<v1::PrepareTranslationResponse>* writer) override {
      return Play(scripts.prepare_translation, context, *request, writer);
    }
    const Scripts& scripts;
  };

  struct LanguageTools final : v1::LanguageService::Service {
    explicit LanguageTools(const Scripts* scripts) : scripts(*scripts) {}
    grpc::Status SegmentText(Context*, const v1::SegmentTextRequest* request,
                             v1::SegmentTextResponse* response) override {
      return Play(scripts.segment, *request, response);
    }
    grpc::Status EmbedText(Context*, const v1::EmbedTextRequest* request,
                           v1::EmbedTextResponse* response) override {
      return Play(scripts.embed, *request, response);
    }
    grpc::Status ClassifyText(Context*, const v1::ClassifyTextRequest* request,
                              v1::ClassifyTextResponse* response) override {
      return Play(scripts.classify, *request, response);
    }
    grpc::Status FindEntities(Context*, const v1::FindEntitiesRequest* request,
                              v1::FindEntitiesResponse* response) override {
      return Play(scripts.find_entities, *request, response);
    }
    const Scripts& scripts;
  };

  Writing writing_;
  Language language_;
  Models models_;
  System system_;
  Vision vision_;
  Tensors tensors_;
  Images images_;
  Translation translation_;
  LanguageTools language_tools_;
};

FakeDaemon::FakeDaemon() : services_(std::make_unique<Services>(&scripts)) { Start(); }

FakeDaemon::~FakeDaemon() { Stop(); }

void FakeDaemon::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("unix:", socket_path_), grpc::InsecureServerCredentials());
  services_->Register(builder);
  // A synchronous server resets an unread stream only when it next polls, after 10 s by default.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::CQ_TIMEOUT_MSEC, 20);
  server_ = builder.BuildAndStart();
  CHECK(server_ != nullptr);
}

void FakeDaemon::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
  std::filesystem::remove(socket_path_);
}

}  // namespace intelligenced
