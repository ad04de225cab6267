// LanguageModelService, ModelService and SystemService over a socket.
#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;

class ModelServiceTest : public ServiceFixture {
 protected:
  // Calls a unary method of a stub.
  template <typename Stub, typename Method, typename Request, typename Response>
  absl::Status Ask(Stub& stub, Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    return StatusFromGrpc((stub.*method)(&context, request, response));
  }

  absl::StatusOr<v1::Model> GetModel(const std::string& name) {
    v1::GetModelRequest request;
    request.set_name(name);
    v1::Model model;
    absl::Status status = Ask(*models_, &v1::ModelService::Stub::GetModel, request, &model);
    if (!status.ok()) return status;
    return model;
  }

  absl::Status Import(const v1::ImportHeader* header, const std::vector<std::string>& chunks) {
    grpc::ClientContext context;
    v1::ImportModelResponse response;
    const auto writer = models_->ImportModel(&context, &response);
    v1::ImportModelRequest request;
    if (header != nullptr) {
      *request.mutable_header() = *header;
      writer->Write(request);
    }
    for (const std::string& chunk : chunks) {
      request.set_chunk(chunk);
      if (!writer->Write(request)) break;
    }
    writer->WritesDone();
    return StatusFromGrpc(writer->Finish());
  }
};

TEST_F(ModelServiceTest, GenerateStreamsAndCompletes) {
  script_.delta_bytes = 4;
  v1::GenerateTextRequest request;
  request.set_prompt("once upon a time");
  ASSERT_TRUE(Generate(request).ok());
  std::string streamed;
  for (const auto& response : generate_) streamed += response.delta();
  EXPECT_EQ(streamed, "once upon a time");
  const v1::GenerateTextCompleted& completed = generate_.back().completed();
  EXPECT_EQ(completed.text(), streamed);
  EXPECT_EQ(completed.finish_reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(completed.usage().input_tokens(), 10u);
  EXPECT_EQ(completed.usage().device(), "cpu");
  int completions = 0;
  for (const auto& response : generate_) completions += response.has_completed() ? 1 : 0;
  EXPECT_EQ(completions, 1);
}

TEST_F(ModelServiceTest, ConversationAndOptionsReachTheModel) {
  script_.answer = [](const engine_proto::GenerateTask& task) -> absl::StatusOr<std::string> {
    EXPECT_EQ(task.conversation().messages(0).role(), engine_proto::ROLE_SYSTEM);
    EXPECT_EQ(task.conversation().messages(1).role(), engine_proto::ROLE_USER);
    EXPECT_EQ(task.sampling().top_k(), 7u);
    EXPECT_TRUE(task.sampling().has_temperature());
    EXPECT_FALSE(task.sampling().has_seed());
    EXPECT_EQ(task.max_output_tokens(), 9u);
    EXPECT_EQ(task.stop(0), "END");
    return "fine";
  };
  v1::GenerateTextRequest request;
  auto* messages = request.mutable_conversation();
  messages->add_messages()->set_role(v1::ROLE_SYSTEM);
  messages->add_messages()->set_role(v1::ROLE_USER);
  request.mutable_sampling()->set_top_k(7);
  request.mutable_sampling()->set_temperature(0);
  request.set_max_output_tokens(9);
  request.add_stop("END");
  ASSERT_TRUE(Generate(request).ok());
  EXPECT_EQ(generate_.back().completed().text(), "fine");
}

TEST_F(ModelServiceTest, FirstRequestTellsThatTheModelIsLoading) {
  v1::GenerateTextRequest request;
  request.set_prompt("x");
  ASSERT_TRUE(Generate(request).ok());
  bool told = false;
  for (const auto& response : generate_) {
    if (response.has_model_loading()) told = response.model_loading().model() == "models/script";
  }
  EXPECT_TRUE(told);
  ASSERT_TRUE(Generate(request).ok());
  for (const auto& response : generate_) EXPECT_FALSE(response.has_model_loading());
}

TEST_F(ModelServiceTest, DeadlineEndsTheCall) {
  script_.held = true;
  v1::GenerateTextRequest request;
  request.set_prompt("x");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  const auto reader = language_->GenerateText(&context, request);
  std::vector<v1::GenerateTextResponse> responses;
  EXPECT_TRUE(HasReason(Drain(*reader, &responses), Reason::kDeadlineExceeded));
  WaitUntil([&] { return script_.jobs_alive == 0; });
  activity_.WaitFor(1);
}

TEST_F(ModelServiceTest, SlowReaderPausesTheModelAndOthersGoOn) {
  script_.flood = true;
  v1::GenerateTextRequest request;
  request.set_prompt("x");
  grpc::ClientContext context;
  const auto reader = language_->GenerateText(&context, request);
  // Nothing is read: the job stops being stepped when its queue is full.
  WaitUntil([&] { return script_.flood_steps > 10; });
  int before = -1;
  WaitUntil([&] {
    const int now = script_.flood_steps;
    const bool stands = now == before;
    before = now;
    return stands;
  });
  EXPECT_LT(before, 300) << "more than 4 MiB were produced for nobody";
  EXPECT_EQ(script_.jobs_alive, 1);
  v1::GetStatusRequest ask;
  v1::SystemStatus status;
  EXPECT_TRUE(Ask(*system_, &v1::SystemService::Stub::GetStatus, ask, &status).ok());
  // It goes on when the reader does.
  v1::GenerateTextResponse response;
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(reader->Read(&response));
  WaitUntil([&] { return script_.flood_steps > before; });
  context.TryCancel();
  std::vector<v1::GenerateTextResponse> rest;
  EXPECT_TRUE(HasReason(Drain(*reader, &rest), Reason::kCancelled));
  WaitUntil([&] { return script_.jobs_alive == 0; });
}

TEST_F(ModelServiceTest, CountTokens) {
  v1::CountTokensRequest request;
  request.set_text("12345");
  v1::CountTokensResponse response;
  ASSERT_TRUE(
      Ask(*language_, &v1::LanguageModelService::Stub::CountTokens, request, &response).ok());
  EXPECT_EQ(response.tokens(), 5u);
  EXPECT_EQ(response.context_tokens(), 4096u);
  EXPECT_EQ(response.model(), "models/script");
  request.mutable_options()->set_model("native");
  EXPECT_TRUE(
      HasReason(Ask(*language_, &v1::LanguageModelService::Stub::CountTokens, request, &response),
                Reason::kNoCapableModel));
}

TEST_F(ModelServiceTest, ListGetAndAvailability) {
  v1::ListModelsRequest request;
  v1::ListModelsResponse response;
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::ListModels, request, &response).ok());
  ASSERT_EQ(response.models_size(), 2);
  EXPECT_EQ(response.models(0).name(), "models/native");
  EXPECT_EQ(response.models(1).state(), v1::MODEL_STATE_INSTALLED);
  request.set_include_catalogue(true);
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::ListModels, request, &response).ok());
  ASSERT_EQ(response.models_size(), 3);
  EXPECT_EQ(response.models(1).name(), "models/offered");
  EXPECT_EQ(response.models(1).state(), v1::MODEL_STATE_NOT_INSTALLED);
  request.set_capability("language.generate");
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::ListModels, request, &response).ok());
  EXPECT_EQ(response.models_size(), 2);

  EXPECT_EQ(GetModel("models/script")->title(), "A scripted language model");
  EXPECT_EQ(GetModel("offered")->license(), "Apache-2.0");
  EXPECT_TRUE(HasReason(GetModel("nobody").status(), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(GetModel("").status(), Reason::kFieldInvalid));

  v1::GetAvailabilityRequest ask;
  v1::GetAvailabilityResponse answer;
  ask.set_capability("writing.proofread");
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::GetAvailability, ask, &answer).ok());
  EXPECT_EQ(answer.availability(), v1::AVAILABILITY_AVAILABLE);
  ask.set_capability("language.dream");
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::GetAvailability, ask, &answer).ok());
  EXPECT_EQ(answer.availability(), v1::AVAILABILITY_DOWNLOADABLE);
  EXPECT_EQ(answer.model(), "models/offered");
  ask.set_capability("coffee.make");
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::GetAvailability, ask, &answer).ok());
  EXPECT_EQ(answer.availability(), v1::AVAILABILITY_UNAVAILABLE);
  EXPECT_FALSE(answer.reason().empty());
}

TEST_F(ModelServiceTest, LoadWatchUpdateUnload) {
  grpc::ClientContext context;
  const auto watch = models_->WatchModels(&context, v1::WatchModelsRequest());
  v1::WatchModelsResponse change;
  ASSERT_TRUE(watch->Read(&change));
  EXPECT_EQ(change.model().name(), "models/native");
  ASSERT_TRUE(watch->Read(&change));
  EXPECT_EQ(change.model().name(), "models/script");

  v1::LoadModelRequest load;
  load.set_name("models/script");
  load.mutable_keep_alive()->set_seconds(600);
  v1::Model model;
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::LoadModel, load, &model).ok());
  EXPECT_EQ(model.state(), v1::MODEL_STATE_READY);
  EXPECT_EQ(model.context_tokens(), 4096u);
  EXPECT_EQ(model.leases(), 0u);
  std::vector<v1::ModelState> states;
  while (watch->Read(&change)) {
    states.push_back(change.model().state());
    if (states.back() == v1::MODEL_STATE_READY) break;
  }
  EXPECT_THAT(states, testing::ElementsAre(v1::MODEL_STATE_LOADING, v1::MODEL_STATE_READY));

  v1::GetStatusRequest ask;
  v1::SystemStatus status;
  ASSERT_TRUE(Ask(*system_, &v1::SystemService::Stub::GetStatus, ask, &status).ok());
  ASSERT_EQ(status.resident_models_size(), 1);

  v1::UpdateModelRequest update;
  update.set_name("script");
  update.set_pinned(true);
  update.set_set_default_for("writing.proofread");
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::UpdateModel, update, &model).ok());
  EXPECT_TRUE(model.pinned());
  EXPECT_THAT(model.default_for(), testing::ElementsAre("writing.proofread"));
  update.set_set_default_for("coffee.make");
  EXPECT_EQ(FactsOf(Ask(*models_, &v1::ModelService::Stub::UpdateModel, update, &model)).field,
            "set_default_for");
  update.clear_set_default_for();
  update.set_pinned(false);
  update.set_clear_default_for("writing.proofread");
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::UpdateModel, update, &model).ok());
  EXPECT_EQ(model.default_for_size(), 0);

  v1::UnloadModelRequest unload;
  unload.set_name("models/script");
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::UnloadModel, unload, &model).ok());
  EXPECT_EQ(model.state(), v1::MODEL_STATE_INSTALLED);
  ASSERT_TRUE(Ask(*models_, &v1::ModelService::Stub::UnloadModel, unload, &model).ok());

  context.TryCancel();
  while (watch->Read(&change)) {
  }
  EXPECT_TRUE(HasReason(StatusFromGrpc(watch->Finish()), Reason::kCancelled));
}

TEST_F(ModelServiceTest, BuiltInAndUnknownModelsAreNotRemoved) {
  v1::RemoveModelRequest request;
  v1::RemoveModelResponse response;
  request.set_name("script");
  EXPECT_EQ(Ask(*models_, &v1::ModelService::Stub::RemoveModel, request, &response).code(),
            absl::StatusCode::kFailedPrecondition);
  request.set_name("nobody");
  EXPECT_TRUE(HasReason(Ask(*models_, &v1::ModelService::Stub::RemoveModel, request, &response),
                        Reason::kModelNotFound));
}

TEST_F(ModelServiceTest, InstallShowsTheLicenceFirst) {
  v1::InstallModelRequest request;
  request.set_catalogue_name("offered");
  grpc::ClientContext context;
  auto reader = models_->InstallModel(&context, request);
  std::vector<v1::InstallModelResponse> responses;
  const absl::Status status = Drain(*reader, &responses);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(responses.size(), 1u);
  EXPECT_EQ(responses[0].license().license(), "Apache-2.0");
  EXPECT_EQ(responses[0].license().size_bytes(), 5u);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Apache-2.0"));

  // Accepted: the download is tried, and there is no server at that address.
  request.set_accepted_license("Apache-2.0");
  grpc::ClientContext second;
  reader = models_->InstallModel(&second, request);
  EXPECT_TRUE(HasReason(Drain(*reader, &responses), Reason::kDownloadFailed));

  request.set_catalogue_name("nobody");
  grpc::ClientContext third;
  reader = models_->InstallModel(&third, request);
  EXPECT_TRUE(HasReason(Drain(*reader, &responses), Reason::kModelNotFound));
  request.set_catalogue_name("script");
  grpc::ClientContext fourth;
  reader = models_->InstallModel(&fourth, request);
  EXPECT_TRUE(HasReason(Drain(*reader, &responses), Reason::kModelBusy));
}

TEST_F(ModelServiceTest, ImportRefusesWhatIsNoModelAndKeepsNothing) {
  v1::ImportHeader header;
  header.set_name("mine");
  header.set_size_bytes(5);
  EXPECT_TRUE(HasReason(Import(nullptr, {"hello"}), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(Import(nullptr, {}), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(Import(&header, {"hel"}), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(Import(&header, {"hello", "!"}), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(Import(&header, {"hello"}), Reason::kModelCorrupt));  // no GGUF
  header.set_sha256(std::string(64, '0'));
  EXPECT_TRUE(HasReason(Import(&header, {"hel", "lo"}), Reason::kModelCorrupt));
  header.clear_sha256();
  header.set_size_bytes(2 << 20);
  EXPECT_EQ(FactsOf(Import(&header, {std::string((1 << 20) + 1, 'x')})).field, "chunk");
  header.set_name("script");
  EXPECT_TRUE(HasReason(Import(&header, {"hello"}), Reason::kModelBusy));
  EXPECT_TRUE(HasReason(GetModel("mine").status(), Reason::kModelNotFound));
}

TEST_F(ModelServiceTest, ImportOfSeveralFilesChecksEveryPart) {
  const auto import = [&](const std::vector<v1::ImportModelRequest>& parts) {
    grpc::ClientContext context;
    v1::ImportModelResponse response;
    const auto writer = models_->ImportModel(&context, &response);
    for (const v1::ImportModelRequest& part : parts) {
      if (!writer->Write(part)) break;
    }
    writer->WritesDone();
    return StatusFromGrpc(writer->Finish());
  };
  v1::ImportModelRequest header, file, chunk, function, projector;
  header.mutable_header()->set_name("mine");
  header.mutable_header()->set_size_bytes(5);
  file.mutable_file()->set_name("vocab.json");
  file.mutable_file()->set_size_bytes(5);
  chunk.set_chunk("hello");
  EXPECT_EQ(FactsOf(import({file, chunk})).field, "file");
  EXPECT_EQ(FactsOf(import({header, chunk, file, chunk})).field, "file") << "no file_name";
  header.mutable_header()->set_file_name("../config.json");
  EXPECT_EQ(FactsOf(import({header, chunk})).field, "header.file_name");
  header.mutable_header()->set_file_name("config.json");
  EXPECT_EQ(FactsOf(import({header, file, chunk})).field, "chunk") << "the first is not whole";
  EXPECT_TRUE(HasReason(import({header, chunk, file, chunk}), Reason::kModelCorrupt)) << "no JSON";
  function.mutable_function()->set_name("fix");
  function.mutable_function()->set_size_bytes(5);
  EXPECT_EQ(FactsOf(import({header, chunk, function, chunk})).field, "function");
  projector.mutable_projector()->set_size_bytes(5);
  EXPECT_EQ(FactsOf(import({header, chunk, projector, chunk})).field, "projector");
  v1::ImportModelRequest twice = file;
  twice.mutable_file()->set_name("config.json");
  EXPECT_EQ(FactsOf(import({header, chunk, twice, chunk})).field, "file.name");
  for (const char* name : {"", ".", "/a", "a/", "a//b", "a/../b", "a/b/c/d", ".hidden", "a b"}) {
    twice.mutable_file()->set_name(name);
    EXPECT_EQ(FactsOf(import({header, chunk, twice, chunk})).field, "file.name") << name;
  }
  twice.mutable_file()->set_name("other");
  twice.mutable_file()->set_size_bytes(0);
  EXPECT_EQ(FactsOf(import({header, chunk, twice})).field, "file.size_bytes");
  EXPECT_TRUE(HasReason(GetModel("mine").status(), Reason::kModelNotFound));
}

TEST_F(ModelServiceTest, ImportOfFunctionsChecksEveryPart) {
  const auto import = [&](const std::vector<v1::ImportModelRequest>& parts) {
    grpc::ClientContext context;
    v1::ImportModelResponse response;
    const auto writer = models_->ImportModel(&context, &response);
    for (const v1::ImportModelRequest& part : parts) {
      if (!writer->Write(part)) break;
    }
    writer->WritesDone();
    return StatusFromGrpc(writer->Finish());
  };
  v1::ImportModelRequest header, function, chunk;
  header.mutable_header()->set_name("mine");
  header.mutable_header()->set_size_bytes(5);
  function.mutable_function()->set_name("fix");
  function.mutable_function()->set_size_bytes(5);
  chunk.set_chunk("hello");
  EXPECT_EQ(FactsOf(import({function, chunk})).field, "function.model");
  function.mutable_function()->set_model("none");
  EXPECT_TRUE(HasReason(import({function, chunk}), Reason::kModelNotFound));
  EXPECT_EQ(FactsOf(import({header, chunk, function, chunk})).field, "function.model");
  function.mutable_function()->set_model("script");
  EXPECT_FALSE(import({function}).ok()) << "the adapter's bytes are missing";
  EXPECT_FALSE(import({function, chunk}).ok()) << "no adapter, and the model is built in";
  EXPECT_EQ(FactsOf(import({function, chunk, header})).field, "header");
  v1::ImportModelRequest other = function;
  other.mutable_function()->set_model("tiny");
  EXPECT_EQ(FactsOf(import({function, chunk, other, chunk})).field, "function.model");
  function.mutable_function()->clear_model();
  EXPECT_EQ(FactsOf(import({header, function, chunk})).field, "chunk") << "the base is not whole";
  function.mutable_function()->set_scale(17);
  EXPECT_EQ(FactsOf(import({header, chunk, function, chunk})).field, "function.scale");
  EXPECT_TRUE(HasReason(GetModel("mine").status(), Reason::kModelNotFound));
}

TEST_F(ModelServiceTest, StatusTellsTheWholeState) {
  v1::GetStatusRequest request;
  v1::SystemStatus status;
  ASSERT_TRUE(Ask(*system_, &v1::SystemService::Stub::GetStatus, request, &status).ok());
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.state(), v1::SERVING_STATE_SERVING);
  EXPECT_GT(status.pid(), 0u);
  EXPECT_EQ(status.memory().daemon_resident_bytes(), uint64_t{20} << 20);
  EXPECT_EQ(status.memory().ceiling_bytes(), uint64_t{1} << 30);
  EXPECT_EQ(status.queues_size(), 3);
  EXPECT_GE(status.lanes_size(), 1);
  EXPECT_TRUE(activity_.records().empty()) << "polling is no activity";
}

TEST_F(ModelServiceTest, WatchStatusTicks) {
  v1::WatchStatusRequest request;
  request.mutable_interval()->set_nanos(100'000'000);
  grpc::ClientContext context;
  const auto reader = system_->WatchStatus(&context, request);
  v1::SystemStatus status;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(reader->Read(&status));
  context.TryCancel();
  while (reader->Read(&status)) {
  }
  EXPECT_TRUE(HasReason(StatusFromGrpc(reader->Finish()), Reason::kCancelled));
}

TEST_F(ModelServiceTest, ActivityAndDiagnosis) {
  v1::GenerateTextRequest generate;
  generate.set_prompt("secret words");
  ASSERT_TRUE(Generate(generate).ok());
  activity_.WaitFor(1);
  v1::ListActivityRequest request;
  v1::ListActivityResponse response;
  ASSERT_TRUE(Ask(*system_, &v1::SystemService::Stub::ListActivity, request, &response).ok());
  ASSERT_EQ(response.records_size(), 1);
  EXPECT_EQ(response.records(0).method(), "LanguageModelService/GenerateText");
  EXPECT_EQ(response.records(0).input_tokens(), 10u);
  EXPECT_THAT(response.ShortDebugString(), testing::Not(HasSubstr("secret")));
  v1::DiagnoseResponse checks;
  ASSERT_TRUE(
      Ask(*system_, &v1::SystemService::Stub::Diagnose, v1::DiagnoseRequest(), &checks).ok());
  EXPECT_EQ(checks.checks(0).name(), "sandbox");
}

}  // namespace
}  // namespace intelligenced
