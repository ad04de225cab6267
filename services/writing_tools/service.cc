#include "services/writing_tools/service.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/writing_tools.grpc.pb.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"
#include "services/writing_tools/tools.h"
#include "services/writing_tools/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

using Reactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;
using Base = v1::WritingToolsService::WithRawCallbackMethod_ProofreadText<
    v1::WritingToolsService::WithRawCallbackMethod_RewriteText<
        v1::WritingToolsService::WithRawCallbackMethod_SummarizeText<
            v1::WritingToolsService::WithRawCallbackMethod_ComposeText<
                v1::WritingToolsService::Service>>>>;

class WritingToolsService final : public Base {
 public:
  explicit WritingToolsService(const ServiceEnvironment& environment) : environment_(environment) {}

  Reactor* ProofreadText(grpc::CallbackServerContext* context,
                         const grpc::ByteBuffer* bytes) override {
    return Serve<v1::ProofreadTextRequest>(context, bytes, "ProofreadText", "writing.proofread",
                                           StartProofread, StartNativeProofread);
  }
  Reactor* RewriteText(grpc::CallbackServerContext* context,
                       const grpc::ByteBuffer* bytes) override {
    return Serve<v1::RewriteTextRequest>(context, bytes, "RewriteText", "writing.rewrite",
                                         StartRewrite, StartNativeRewrite);
  }
  Reactor* SummarizeText(grpc::CallbackServerContext* context,
                         const grpc::ByteBuffer* bytes) override {
    return Serve<v1::SummarizeTextRequest>(context, bytes, "SummarizeText", "writing.summarize",
                                           StartSummarize, StartNativeSummarize);
  }
  Reactor* ComposeText(grpc::CallbackServerContext* context,
                       const grpc::ByteBuffer* bytes) override {
    return Serve<v1::ComposeTextRequest>(context, bytes, "ComposeText", "writing.compose",
                                         StartCompose, StartCompose);
  }

 private:
  template <typename Request>
  using Starter = void (*)(std::shared_ptr<StreamCall>, Manifest, Request);

  template <typename Request>
  Reactor* Serve(grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
                 std::string_view method, std::string_view capability,
                 Starter<Request> on_language_model, Starter<Request> natively) {
    return ServeStream(environment_, context, "WritingToolsService", method,
                       [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
                         call->NoteInput(bytes->Length());
                         Request request;
                         absl::Status status = ParseRequest(*bytes, request);
                         if (status.ok()) status = Validate(request);
                         if (!status.ok()) return status;
                         absl::StatusOr<Manifest> model =
                             FindModelFor(call->runtime(), capability, request.options());
                         if (!model.ok()) return model.status();
                         const bool by_prompt = model->HasCapability(kLanguageModelCapability);
                         (by_prompt ? on_language_model : natively)(call, *std::move(model),
                                                                    std::move(request));
                         return absl::OkStatus();
                       });
  }

  const ServiceEnvironment environment_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeWritingToolsService(const ServiceEnvironment& environment) {
  return std::make_unique<WritingToolsService>(environment);
}

}  // namespace intelligenced
