// mlctl bench: its figures, and the command against a server with scripted answers.
#include <atomic>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "clients/mlctl/bench.h"
#include "clients/mlctl/command_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

BenchSample Sample(uint32_t input, uint32_t output, absl::Duration first, absl::Duration end) {
  return {.input_tokens = input,
          .output_tokens = output,
          .first_text = first,
          .end = end,
          .longest_gap = absl::Milliseconds(20)};
}

TEST(BenchFiguresTest, Medians) {
  EXPECT_EQ(Median(std::vector<double>{}), 0);
  EXPECT_EQ(Median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(Median(std::vector<double>{4, 1, 2, 3}), 2.5);
  EXPECT_EQ(Median(std::vector<absl::Duration>{absl::Seconds(3), absl::Seconds(1)}),
            absl::Seconds(2));
}

TEST(BenchFiguresTest, Speeds) {
  EXPECT_EQ(PromptSpeed({Sample(100, 1, absl::Seconds(1), absl::Seconds(2))}), 50);
  const std::vector<BenchSample> first = {Sample(1, 1, absl::Seconds(1), absl::Seconds(1))};
  EXPECT_EQ(GenerationSpeed(first, {Sample(1, 21, absl::Seconds(3), absl::Seconds(3))}), 10)
      << "however late the first piece came";
  // One token, or no time: nothing can be said.
  EXPECT_EQ(GenerationSpeed(first, {Sample(1, 1, absl::Seconds(1), absl::Seconds(3))}), 0);
  EXPECT_EQ(GenerationSpeed(first, {Sample(1, 9, absl::Seconds(1), absl::Seconds(1))}), 0);
  const BenchRound round = {.clients = 2,
                            .elapsed = absl::Seconds(4),
                            .samples = {Sample(1, 20, absl::Seconds(1), absl::Seconds(3)),
                                        Sample(1, 60, absl::Seconds(1), absl::Seconds(4))}};
  EXPECT_EQ(AggregateSpeed(round), 20);
  EXPECT_NEAR(ClientSpeed(round), (20 / 3.0 + 15) / 2, 1e-9);
  EXPECT_EQ(AggregateSpeed({}), 0);
}

BenchResult Result() {
  BenchResult result;
  result.model = "models/stories";
  result.device = "cpu";
  result.prompt_tokens = 100;
  result.prompts = {Sample(100, 1, absl::Seconds(1), absl::Seconds(2))};
  result.beginnings = {Sample(1, 1, absl::Seconds(1), absl::Seconds(1))};
  result.generations = {Sample(1, 21, absl::Seconds(1), absl::Seconds(3))};
  result.sweep = {{1, absl::Seconds(2), result.generations}, {2, absl::Seconds(1), {}}};
  result.sweep[1].samples = {result.generations[0], result.generations[0]};
  result.background_tokens = 2000;
  result.idle = {Sample(32, 8, absl::Milliseconds(100), absl::Seconds(1))};
  result.loaded = {Sample(32, 8, absl::Milliseconds(250), absl::Seconds(1))};
  return result;
}

TEST(BenchFiguresTest, Table) {
  const std::string text = RenderBench(Result(), Palette());
  EXPECT_THAT(text, AllOf(HasSubstr("stories on cpu"), HasSubstr("50.0 tokens/s (100 tokens in"),
                          HasSubstr("was resident")));
  EXPECT_THAT(text, HasSubstr("CLIENTS"));
  // Twice the tokens in half the time.
  EXPECT_THAT(text, HasSubstr("4.00"));
  EXPECT_THAT(text, HasSubstr("BESIDE 2000 TOKENS"));
  EXPECT_THAT(text, HasSubstr("2.5\n"));
  BenchResult plain = Result();
  plain.sweep.clear();
  plain.loaded.clear();
  EXPECT_THAT(RenderBench(plain, Palette()), Not(HasSubstr("CLIENTS")));
  EXPECT_THAT(RenderBench(plain, Palette()), Not(HasSubstr("BESIDE")));
}

TEST(BenchFiguresTest, Json) {
  const Json json = ToJson(Result());
  EXPECT_EQ(json["prompt"]["tokens_per_second"], 50.0);
  EXPECT_EQ(json["generation"]["tokens_per_second"], 10.0);
  EXPECT_EQ(json["concurrency"][1]["clients"], 2);
  EXPECT_EQ(json["concurrency"][1]["tokens_per_second"], 42.0);
  EXPECT_EQ(json["beside_background"]["loaded"]["first_text_seconds"], 0.25);
  BenchResult plain = Result();
  plain.loaded.clear();
  EXPECT_FALSE(ToJson(plain).contains("beside_background"));
}

class BenchCommandTest : public testing::Test {
 protected:
  BenchCommandTest() {
    host_.environment = [](const char*) { return std::string(); };
    host_.out = &out_;
    host_.err = &err_;
    daemon_.scripts.count_tokens = [](const v1::CountTokensRequest& request,
                                      v1::CountTokensResponse* response) {
      const std::vector<std::string> words = absl::StrSplit(request.text(), ' ');
      response->set_tokens(2 * words.size());
      response->set_context_tokens(4096);
      return grpc::Status::OK;
    };
    daemon_.scripts.generate = [this](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                      grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      const std::vector<std::string> words = absl::StrSplit(request.prompt(), ' ');
      v1::GenerateTextResponse event;
      for (uint32_t i = 0; i < request.max_output_tokens(); ++i) {
        event.set_delta("x");
        writer->Write(event);
      }
      v1::GenerateTextCompleted& completed = *event.mutable_completed();
      completed.mutable_usage()->set_model("models/stories");
      completed.mutable_usage()->set_device("cpu");
      completed.mutable_usage()->set_input_tokens(2 * words.size());
      completed.mutable_usage()->set_output_tokens(request.max_output_tokens());
      writer->Write(event);
      return grpc::Status::OK;
    };
  }

  int Mlctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }

  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_, err_;
  std::mutex mutex_;
  std::vector<v1::GenerateTextRequest> requests_;
};

TEST_F(BenchCommandTest, MeasuresAndNoTwoPromptsBeginAlike) {
  EXPECT_EQ(Mlctl({"bench", "stories", "--json", "--repeat", "2", "--concurrency", "1,3",
                   "--prompt-tokens", "100", "--output-tokens", "8"}),
            kDone)
      << err_.str();
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["model"], "models/stories");
  EXPECT_NEAR(json["prompt"]["tokens"].get<double>(), 100, 10);
  EXPECT_EQ(json["concurrency"].size(), 2u);
  EXPECT_EQ(json["concurrency"][1]["clients"], 3);
  EXPECT_TRUE(json.contains("beside_background"));
  std::set<std::string> beginnings;
  int background = 0;
  for (const v1::GenerateTextRequest& request : requests_) {
    beginnings.insert(request.prompt().substr(0, request.prompt().find(':')));
    background += request.options().request_class() == v1::REQUEST_CLASS_BACKGROUND;
  }
  EXPECT_EQ(beginnings.size(), requests_.size());
  EXPECT_EQ(background, 2);
  EXPECT_EQ(requests_.front().options().model(), "stories");
}

TEST_F(BenchCommandTest, AFailureIsTold) {
  daemon_.scripts.generate = [](grpc::ServerContext*, const v1::GenerateTextRequest&,
                                grpc::ServerWriter<v1::GenerateTextResponse>*) {
    return StatusToGrpc(MakeError(Reason::kModelNotFound, "There is no model named none."));
  };
  EXPECT_EQ(Mlctl({"bench", "none"}), kRefused);
  EXPECT_THAT(err_.str(), HasSubstr("no model named none"));
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(BenchCommandTest, BadOptions) {
  for (const char* option : {"--concurrency=0", "--concurrency=65", "--concurrency=x", "--repeat=0",
                             "--output-tokens=1"}) {
    EXPECT_EQ(Mlctl({"bench", "stories", option}), kUsage) << option;
  }
  EXPECT_THAT(requests_, IsEmpty());
}

}  // namespace
}  // namespace intelligenced::mlctl
