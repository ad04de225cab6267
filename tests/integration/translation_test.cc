// Translation while the model's process is killed: every item is answered once, whatever dies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "protos/intelligence/v1/translation.grpc.pb.h"
#include "protos/support/status_codec.h"
#include "tests/integration/daemon_process.h"
#include "tests/integration/test_client.h"

namespace intelligenced {
namespace {

using ::testing::IsEmpty;

class TranslationTest : public ::testing::Test {
 protected:
  TranslationTest() {
    // A millisecond a segment: there is a middle to be killed in.
    sandbox_.AddModel("pair", {{"unit_us", "1000"}, {"crash_word", "poison"}}, 0,
                      {"translate:en>es"});
    sandbox_.AddModel("onward", {{"unit_us", "1000"}, {"pass_step", "true"}}, 0,
                      {"translate:es>pt"});
    daemon_ = std::make_unique<DaemonProcess>(sandbox_);
    client_ = std::make_unique<TestClient>(sandbox_.socket());
    translation_ = api::TranslationService::NewStub(client_->channel);
  }

  // What has come of the item of each index.
  using Results = std::map<uint64_t, api::TranslateBatchResult>;

  // Sends the texts in a batch; `on_result` is told how many results have come.
  Results RunBatch(const std::string& target, const std::vector<std::string>& texts,
                   const std::function<void(size_t)>& on_result) {
    grpc::ClientContext context;
    const auto stream = translation_->TranslateBatch(&context);
    std::thread writer([&] {
      api::TranslateBatchRequest request;
      request.mutable_start()->set_source_language("en");
      request.mutable_start()->set_target_language(target);
      bool open = stream->Write(request);
      for (size_t i = 0; open && i < texts.size(); ++i) {
        request.mutable_item()->set_client_identifier(absl::StrCat("id", i));
        request.mutable_item()->set_text(texts[i]);
        open = stream->Write(request);
      }
      stream->WritesDone();
    });
    Results results;
    api::TranslateBatchResponse response;
    while (stream->Read(&response)) {
      if (response.has_completed()) completed_ = response.completed();
      if (!response.has_result()) continue;
      const uint64_t index = response.result().index();
      EXPECT_TRUE(results.emplace(index, response.result()).second) << "doubled: " << index;
      on_result(results.size());
    }
    writer.join();
    const absl::Status status = StatusFromGrpc(stream->Finish());
    EXPECT_TRUE(status.ok()) << status << "\n" << daemon_->Log();
    EXPECT_EQ(results.size(), texts.size()) << "lost";
    for (const auto& [index, result] : results) {
      EXPECT_EQ(result.client_identifier(), absl::StrCat("id", index));
    }
    return results;
  }
  static std::vector<std::string> Texts(size_t count) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < count; ++i) texts.push_back(absl::StrCat("item x", i));
    return texts;
  }
  // Between two loads there is none: asked again until there is one.
  void KillWorkerOf(const std::string& model) {
    pid_t worker = 0;
    ASSERT_TRUE(Eventually([&] { return (worker = client_->WorkerOf(model)) != 0; }));
    kill(worker, SIGKILL);
  }

  Sandbox sandbox_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<TestClient> client_;
  std::unique_ptr<api::TranslationService::Stub> translation_;
  api::TranslateBatchCompleted completed_;
};

TEST_F(TranslationTest, AKilledWorkerCostsNoItemOfABatch) {
  ASSERT_TRUE(daemon_->ready()) << daemon_->Log();
  std::set<size_t> kills = {100, 700};
  const Results results = RunBatch("es", Texts(1500), [&](size_t count) {
    if (!kills.empty() && count >= *kills.begin()) {
      kills.erase(kills.begin());
      KillWorkerOf("pair");
    }
  });
  EXPECT_THAT(kills, IsEmpty());
  for (const auto& [index, result] : results) {
    EXPECT_EQ(result.translation().text(), absl::StrCat("ITEM X", index))
        << result.error().reason();
  }
  EXPECT_EQ(completed_.items(), 1500U);
  EXPECT_EQ(completed_.failed_items(), 0U);
}

TEST_F(TranslationTest, EitherWorkerOfTwoStepsMayDie) {
  ASSERT_TRUE(daemon_->ready()) << daemon_->Log();
  std::map<size_t, std::string> kills = {{50, "pair"}, {400, "onward"}};
  const Results results = RunBatch("pt", Texts(800), [&](size_t count) {
    if (!kills.empty() && count >= kills.begin()->first) {
      KillWorkerOf(kills.begin()->second);
      kills.erase(kills.begin());
    }
  });
  EXPECT_THAT(kills, IsEmpty());
  for (const auto& [index, result] : results) {
    EXPECT_EQ(result.translation().text(), absl::StrCat("es>pt: ITEM X", index))
        << result.error().reason();
  }
}

TEST_F(TranslationTest, AKilledWorkerCostsNoLineOfAText) {
  ASSERT_TRUE(daemon_->ready()) << daemon_->Log();
  api::TranslateTextRequest request;
  request.set_source_language("en");
  request.set_target_language("es");
  std::string expected;
  for (int i = 0; i < 800; ++i) {
    absl::StrAppend(request.mutable_text(), "line x", i, "\n");
    absl::StrAppend(&expected, "LINE X", i, "\n");
  }
  grpc::ClientContext context;
  const auto reader = translation_->TranslateText(&context, request);
  std::string text, whole;
  bool killed = false;
  api::TranslateTextResponse response;
  while (reader->Read(&response)) {
    text += response.delta();
    if (response.has_completed()) whole = response.completed().translation().text();
    if (!killed && text.size() > 100) {
      killed = true;
      KillWorkerOf("pair");
    }
  }
  const absl::Status status = StatusFromGrpc(reader->Finish());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(killed);
  EXPECT_EQ(text, expected);
  EXPECT_EQ(whole, expected);
}

TEST_F(TranslationTest, AnItemThatKillsItsModelFailsByNameAndTheOthersAreTranslated) {
  ASSERT_TRUE(daemon_->ready()) << daemon_->Log();
  std::vector<std::string> texts = Texts(300);
  texts[150] = "some poison in it";
  const Results results = RunBatch("es", texts, [](size_t) {});
  for (const auto& [index, result] : results) {
    if (index == 150) {
      EXPECT_EQ(result.error().reason(), "WORKER_LOST");
      EXPECT_FALSE(result.error().message().empty());
    } else {
      EXPECT_EQ(result.translation().text(), absl::StrCat("ITEM X", index))
          << result.error().reason();
    }
  }
  EXPECT_EQ(completed_.failed_items(), 1U);
}

}  // namespace
}  // namespace intelligenced
