// TranslateBatch: many items in one call, by a client that reads while it writes and by others.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/services/translation_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TranslationBatchTest : public TranslationFixture {
 protected:
  using Stream = grpc::ClientReaderWriter<v1::TranslateBatchRequest, v1::TranslateBatchResponse>;

  struct Answers {
    std::vector<v1::TranslateBatchResult> results;
    v1::TranslateBatchStarted started;
    int started_count = 0;
    v1::TranslateBatchCompleted completed;
    absl::Status status;
  };

  static v1::TranslateBatchRequest Start(const std::string& source, const std::string& target) {
    v1::TranslateBatchRequest request;
    request.mutable_start()->set_source_language(source);
    request.mutable_start()->set_target_language(target);
    return request;
  }
  static v1::TranslateBatchRequest Item(const std::string& id, std::string text) {
    v1::TranslateBatchRequest request;
    request.mutable_item()->set_client_identifier(id);
    request.mutable_item()->set_text(std::move(text));
    return request;
  }

  // Writes what `next` gives from another thread, and reads all.
  Answers Run(const v1::TranslateBatchRequest& start,
              const std::function<std::optional<v1::TranslateBatchRequest>()>& next) {
    grpc::ClientContext context;
    const auto stream = translation_->TranslateBatch(&context);
    std::thread writer([&] {
      bool open = stream->Write(start);
      while (open) {
        const std::optional<v1::TranslateBatchRequest> item = next();
        if (!item.has_value()) break;
        open = stream->Write(*item);
      }
      stream->WritesDone();
    });
    Answers answers;
    v1::TranslateBatchResponse response;
    while (stream->Read(&response)) {
      if (response.has_result()) answers.results.push_back(response.result());
      if (response.has_completed()) answers.completed = response.completed();
      if (response.has_started()) {
        answers.started = response.started();
        ++answers.started_count;
      }
    }
    writer.join();
    answers.status = StatusFromGrpc(stream->Finish());
    return answers;
  }
  Answers RunAll(const v1::TranslateBatchRequest& start, const std::vector<std::string>& texts) {
    size_t at = 0;
    return Run(start, [&]() -> std::optional<v1::TranslateBatchRequest> {
      if (at == texts.size()) return std::nullopt;
      const std::string id = absl::StrCat("id", at);
      return Item(id, texts[at++]);
    });
  }
  static std::vector<std::string> Texts(const Answers& answers) {
    std::vector<std::string> texts;
    for (const v1::TranslateBatchResult& result : answers.results) {
      texts.push_back(result.has_error() ? result.error().reason() : result.translation().text());
    }
    return texts;
  }
};

TEST_F(TranslationBatchTest, AnswersEveryItemOnce) {
  v1::TranslateBatchRequest start = Start("en", "es");
  start.mutable_start()->set_order(v1::BATCH_ORDER_AS_SENT);
  const Answers answers = RunAll(start, {"one", "", " two\n three {x}", "123", "four"});
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(Texts(answers), ElementsAre("ONE", "", " TWO\n THREE {x}", "123", "FOUR"));
  EXPECT_EQ(answers.results[2].client_identifier(), "id2");
  EXPECT_EQ(answers.results[2].index(), 2U);
  EXPECT_EQ(answers.completed.items(), 5U);
  EXPECT_EQ(answers.completed.failed_items(), 0U);
  EXPECT_EQ(answers.started_count, 1);
  EXPECT_EQ(answers.started.steps(0).model(), "models/rules");
}

TEST_F(TranslationBatchTest, ThousandsStreamThroughInOrderOrNot) {
  constexpr int kItems = 10'000;
  for (const v1::BatchOrder order : {v1::BATCH_ORDER_AS_READY, v1::BATCH_ORDER_AS_SENT}) {
    v1::TranslateBatchRequest start = Start("en", "pt");
    start.mutable_start()->set_order(order);
    int sent = 0;
    const Answers answers = Run(start, [&]() -> std::optional<v1::TranslateBatchRequest> {
      if (sent == kItems) return std::nullopt;
      const int i = sent++;
      return Item(absl::StrCat(i), absl::StrCat("item number x", i));
    });
    ASSERT_TRUE(answers.status.ok()) << answers.status;
    ASSERT_EQ(answers.results.size(), static_cast<size_t>(kItems));
    std::vector<bool> seen(kItems);
    for (size_t i = 0; i < answers.results.size(); ++i) {
      const v1::TranslateBatchResult& result = answers.results[i];
      ASSERT_FALSE(seen[result.index()]);
      seen[result.index()] = true;
      ASSERT_EQ(result.client_identifier(), absl::StrCat(result.index()));
      ASSERT_EQ(result.translation().text(), absl::StrCat("es>pt: ITEM NUMBER X", result.index()));
      if (order == v1::BATCH_ORDER_AS_SENT) ASSERT_EQ(result.index(), i);
    }
  }
}

TEST_F(TranslationBatchTest, OneLanguageForAll) {
  Answers answers = RunAll(Start("", "es"), {"42", "en hello", "fr x", "more"});
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_EQ(answers.started.source_language(), "en");
  EXPECT_TRUE(answers.started.source_detected());
  EXPECT_THAT(Texts(answers), testing::UnorderedElementsAre("42", "EN HELLO", "FR X", "MORE"));
  answers = RunAll(Start("", "es"), {"es hola", "y mas"});
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(Texts(answers), testing::UnorderedElementsAre("es hola", "y mas"));
  EXPECT_EQ(answers.started.steps_size(), 0);
  answers = RunAll(Start("", "es"), {"1", "2"});
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(Texts(answers), testing::UnorderedElementsAre("1", "2"));
  EXPECT_EQ(answers.started_count, 0);
}

TEST_F(TranslationBatchTest, AnAnswerComesBeforeTheNextItemIsSent) {
  for (const char* source : {"en", ""}) {
    grpc::ClientContext context;
    const auto stream = translation_->TranslateBatch(&context);
    ASSERT_TRUE(stream->Write(Start(source, "es")));
    for (const char* text : {"1", "en", "2", "two"}) {
      ASSERT_TRUE(stream->Write(Item(text, text)));
      v1::TranslateBatchResponse response;
      do {
        ASSERT_TRUE(stream->Read(&response));
      } while (!response.has_result());
      EXPECT_EQ(response.result().client_identifier(), text);
    }
    stream->WritesDone();
    v1::TranslateBatchResponse response;
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_TRUE(response.has_completed());
    EXPECT_TRUE(stream->Finish().ok());
  }
}

TEST_F(TranslationBatchTest, AnItemThatFailsIsAnsweredByItsError) {
  v1::TranslateBatchRequest start = Start("en", "es");
  start.mutable_start()->set_order(v1::BATCH_ORDER_AS_SENT);
  std::vector<v1::TranslateBatchRequest> items = {Item("a", "fine"),
                                                  Item("b", "poison here"),
                                                  Item("c", std::string((1 << 20) + 1, 'x')),
                                                  Item(std::string(257, 'd'), "x"),
                                                  Item("e", "é"),
                                                  Item("f", "fine too")};
  items[4].mutable_item()->add_do_not_translate()->set_end(1);
  size_t at = 0;
  const Answers answers = Run(start, [&]() -> std::optional<v1::TranslateBatchRequest> {
    if (at == items.size()) return std::nullopt;
    return items[at++];
  });
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  EXPECT_THAT(Texts(answers), ElementsAre("FINE", "ENGINE_FAILURE", "INPUT_TOO_LARGE",
                                          "FIELD_INVALID", "FIELD_INVALID", "FINE TOO"));
  EXPECT_EQ(answers.results[1].client_identifier(), "b");
  EXPECT_EQ(answers.completed.failed_items(), 4U);
}

TEST_F(TranslationBatchTest, WhatConcernsTheWholeBatchEndsIt) {
  EXPECT_TRUE(HasReason(RunAll(Start("en", "tlh"), {"x"}).status, Reason::kLanguageUnsupported));
  EXPECT_EQ(FactsOf(RunAll(Start("en", ""), {"x"}).status).field, "target_language");
  EXPECT_EQ(FactsOf(RunAll(Start("es", "es"), {}).status).field, "target_language");
  EXPECT_EQ(FactsOf(RunAll(Item("x", "y"), {"x"}).status).field, "start");
  int sent = 0;
  const Answers twice = Run(Start("en", "es"), [&]() -> std::optional<v1::TranslateBatchRequest> {
    if (sent++ > 0) return std::nullopt;
    return Start("en", "es");
  });
  EXPECT_EQ(FactsOf(twice.status).field, "start");
  v1::TranslateBatchRequest named = Start("en", "es");
  named.mutable_start()->mutable_options()->set_model("nobody");
  EXPECT_TRUE(HasReason(RunAll(named, {"x"}).status, Reason::kModelNotFound));
}

TEST_F(TranslationBatchTest, AClientThatGoesAwayLeavesNothingBehind) {
  {
    grpc::ClientContext context;
    const auto stream = translation_->TranslateBatch(&context);
    ASSERT_TRUE(stream->Write(Start("en", "es")));
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Write(Item("x", "words to translate")));
    v1::TranslateBatchResponse response;
    ASSERT_TRUE(stream->Read(&response));
    context.TryCancel();
    while (stream->Read(&response)) {
    }
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].method(), "TranslationService/TranslateBatch");
  WaitUntil([&] { return runtime_->models().Get("rules")->leases == 0; });
}

TEST_F(TranslationBatchTest, AClientThatDoesNotReadIsNotReadFrom) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65535);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel("unix:" + folder_ + "/socket",
                                                 grpc::InsecureChannelCredentials(), arguments);
  const auto stub = v1::TranslationService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->TranslateBatch(&context);
  ASSERT_TRUE(stream->Write(Start("en", "es")));
  std::atomic<int> sent = 0;
  constexpr int kItems = 3000;
  std::thread writer([&] {
    const std::string text(10'000, 'x');
    for (int i = 0; i < kItems && stream->Write(Item(absl::StrCat(i), text)); ++i) ++sent;
    stream->WritesDone();
  });
  // It comes to a halt: 4 MiB that are out, and what the transport holds.
  int before = -1;
  WaitUntil([&] {
    const int now = sent;
    const bool still = now > 100 && now == before;
    before = now;
    return still;
  });
  EXPECT_LT(sent, kItems);
  // And goes on as soon as somebody reads.
  v1::TranslateBatchResponse response;
  int results = 0;
  while (stream->Read(&response)) results += response.has_result();
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(results, kItems);
}

}  // namespace
}  // namespace intelligenced
