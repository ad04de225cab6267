#include "services/translation/service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/translation.grpc.pb.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"
#include "services/rpc/serve_duplex.h"
#include "services/translation/batch_call.h"
#include "services/translation/detect.h"
#include "services/translation/find_route.h"
#include "services/translation/prepare_call.h"
#include "services/translation/text_call.h"
#include "services/translation/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "TranslationService";

using Service = v1::TranslationService;
using Base = Service::WithRawCallbackMethod_TranslateText<
    Service::WithRawCallbackMethod_TranslateBatch<Service::WithRawCallbackMethod_DetectLanguage<
        Service::WithRawCallbackMethod_ListLanguagePairs<
            Service::WithRawCallbackMethod_PrepareTranslation<Service::Service>>>>>;

v1::DetectLanguageResponse ToResponse(const Call& call,
                                      const std::vector<engine_proto::LanguagesResult>& results) {
  v1::DetectLanguageResponse response;
  for (const engine_proto::LanguagesResult& result : results) {
    v1::DetectedLanguages& to = *response.add_results();
    to.set_unreliable(result.unreliable());
    for (const engine_proto::LanguageCandidate& candidate : result.candidates()) {
      v1::DetectedLanguage& language = *to.add_candidates();
      language.set_language_code(candidate.language());
      language.set_confidence(candidate.confidence());
      language.set_script(candidate.script());
      language.set_share(candidate.share());
    }
  }
  *response.mutable_usage() = call.usage().ToProto();
  return response;
}

class TranslationService final : public Base {
 public:
  explicit TranslationService(const ServiceEnvironment& environment) : environment_(environment) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* TranslateText(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) override {
    return Stream<v1::TranslateTextRequest>(
        context, bytes, "TranslateText",
        [](const std::shared_ptr<StreamCall>& call, v1::TranslateTextRequest request) {
          return StartTranslateText(call, std::move(request));
        });
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* TranslateBatch(
      grpc::CallbackServerContext* context) override {
    return ServeDuplex(
        environment_, context, kService, "TranslateBatch",
        [](const std::shared_ptr<StreamCall>& call)
            -> absl::StatusOr<std::shared_ptr<DuplexHandler>> { return MakeBatchHandler(call); });
  }

  grpc::ServerUnaryReactor* DetectLanguage(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* bytes,
                                           grpc::ByteBuffer* response) override {
    return Unary<v1::DetectLanguageRequest>(
        context, bytes, response, "DetectLanguage",
        [](const std::shared_ptr<UnaryCall>& call, const v1::DetectLanguageRequest& request) {
          const std::vector<std::string> texts(request.texts().begin(), request.texts().end());
          return DetectLanguages(call, request.options(), texts, request.max_candidates(),
                                 [call](const DetectAnswer& answer) {
                                   if (!answer.ok()) return call->End(answer.status());
                                   call->Respond(ToResponse(*call, *answer));
                                 });
        });
  }

  grpc::ServerUnaryReactor* ListLanguagePairs(grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer* bytes,
                                              grpc::ByteBuffer* response) override {
    return Unary<v1::ListLanguagePairsRequest>(
        context, bytes, response, "ListLanguagePairs",
        [](const std::shared_ptr<UnaryCall>& call, const v1::ListLanguagePairsRequest& request) {
          call->RecordFailureOnly();
          // A model among 200 languages has 40,000 pairs: not on gRPC's threads.
          call->runtime().blocking().Run([call, request] {
            const v1::ListLanguagePairsResponse pairs = ListPairs(call->runtime(), request);
            call->Run([call, pairs] { call->Respond(pairs); });
          });
          return absl::OkStatus();
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* PrepareTranslation(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) override {
    return Stream<v1::PrepareTranslationRequest>(
        context, bytes, "PrepareTranslation",
        [](const std::shared_ptr<StreamCall>& call, const v1::PrepareTranslationRequest& request) {
          return StartPrepareTranslation(call, request);
        });
  }

 private:
  // Parses, validates and calls start(call, request).
  template <typename Request, typename Start>
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Stream(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* bytes,
                                                     std::string_view method, Start start) {
    return ServeStream(environment_, context, kService, method,
                       [&](const std::shared_ptr<StreamCall>& call) {
                         return Begin<Request>(call, *bytes, start);
                       });
  }
  template <typename Request, typename Start>
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
                                  std::string_view method, Start start) {
    return ServeUnary(environment_, context, response, kService, method,
                      [&](const std::shared_ptr<UnaryCall>& call) {
                        return Begin<Request>(call, *bytes, start);
                      });
  }
  template <typename Request, typename CallType, typename Start>
  static absl::Status Begin(const std::shared_ptr<CallType>& call, const grpc::ByteBuffer& bytes,
                            const Start& start) {
    call->NoteInput(bytes.Length());
    Request request;
    absl::Status status = ParseRequest(bytes, request);
    if (status.ok()) status = Validate(request);
    if (!status.ok()) return status;
    return start(call, std::move(request));
  }

  const ServiceEnvironment environment_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeTranslationService(const ServiceEnvironment& environment) {
  return std::make_unique<TranslationService>(environment);
}

}  // namespace intelligenced
