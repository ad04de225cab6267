#include "services/actions/model_resolver/model_resolver.h"

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/rpc/job_group.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Gathers the text of the one job. The library holds what `offered` points into.
class AnswerHandler final : public JobHandler {
 public:
  AnswerHandler(std::shared_ptr<UnaryCall> call, std::shared_ptr<const ActionLibrary> library,
                std::vector<const v1::Action*> offered, v1::ResolveUtteranceRequest request)
      : call_(std::move(call)),
        library_(std::move(library)),
        offered_(std::move(offered)),
        request_(std::move(request)) {}

  void OnEvent(const engine_proto::Event& event) override {
    if (event.has_delta()) text_ += event.delta();
  }
  void OnEnd(const absl::Status& status, const JobUsage&) override {
    if (!status.ok()) return call_->End(status);
    v1::ResolveUtteranceResponse response = ReadAnswer(text_, offered_, request_);
    *response.mutable_usage() = call_->usage().ToProto();
    call_->Respond(response);
  }

 private:
  const std::shared_ptr<UnaryCall> call_;
  const std::shared_ptr<const ActionLibrary> library_;
  const std::vector<const v1::Action*> offered_;
  const v1::ResolveUtteranceRequest request_;
  std::string text_;
};

engine_proto::Task MakeTask(const std::vector<const v1::Action*>& offered, std::string grammar,
                            const v1::ResolveUtteranceRequest& request,
                            const resolve::Moment& moment) {
  engine_proto::Task task;
  engine_proto::GenerateTask* generate = task.mutable_generate();
  engine_proto::Message* system = generate->mutable_conversation()->add_messages();
  system->set_role(engine_proto::ROLE_SYSTEM);
  system->set_text(AnswerInstructions(offered, moment));
  engine_proto::Message* user = generate->mutable_conversation()->add_messages();
  user->set_role(engine_proto::ROLE_USER);
  user->set_text(request.utterance());
  generate->mutable_sampling()->set_temperature(0);
  generate->set_max_output_tokens(kMaxAnswerTokens);
  generate->set_grammar(std::move(grammar));
  return task;
}

}  // namespace

void ResolveByModel(std::shared_ptr<UnaryCall> call, const Manifest& model,
                    std::shared_ptr<const ActionLibrary> library,
                    const v1::ResolveUtteranceRequest& request, const resolve::Moment& moment) {
  call->runtime().blocking().Run([call = std::move(call), name = model.name,
                                  library = std::move(library), request, moment] {
    std::vector<const v1::Action*> offered = OfferedActions(*library, request);
    absl::StatusOr<std::string> grammar = AnswerGrammar(offered);
    call->Run([call, name, library, request, moment, offered = std::move(offered),
               grammar = std::move(grammar)]() mutable {
      if (!grammar.ok()) return call->End(grammar.status());
      engine_proto::Task task = MakeTask(offered, *std::move(grammar), request, moment);
      const uint64_t bytes = task.ByteSizeLong();
      const auto jobs = std::make_shared<JobGroup>(call, call->MakeJob(request.options(), name), 1);
      jobs->Add(std::move(task), bytes,
                std::make_shared<AnswerHandler>(call, library, std::move(offered), request));
    });
  });
}

}  // namespace intelligenced
