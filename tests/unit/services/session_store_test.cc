// Sessions under a manual clock: who sees them, when they end, what a turn leaves behind.
#include "services/language_model/session_store.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Message Says(v1::Role role, const std::string& text) {
  v1::Message message;
  message.set_role(role);
  message.set_text(text);
  return message;
}

Transcript Of(const std::vector<std::string>& texts, v1::Role role = v1::ROLE_USER) {
  Transcript transcript;
  for (const std::string& text : texts) {
    transcript.push_back(std::make_shared<const v1::Message>(Says(role, text)));
  }
  return transcript;
}

std::vector<std::string> TextsOf(const Transcript& transcript) {
  std::vector<std::string> texts;
  for (const auto& message : transcript) texts.push_back(message->text());
  return texts;
}

class SessionStoreTest : public ::testing::Test {
 protected:
  SessionStoreTest() {
    Make({.sessions_per_client = 3, .sessions = 5, .messages = 6, .bytes = 64});
  }

  void Make(const SessionLimits& limits) {
    store_ = std::make_shared<SessionStore>(limits, &clock_,
                                            [this] { return absl::StrCat("id", ++last_id_); });
  }
  std::string Create(const std::vector<std::string>& texts = {}, const std::string& owner = "app",
                     absl::Duration expire_after = absl::Minutes(10)) {
    const auto made = store_->Create(
        owner,
        {.model = "m", .transcript = Of(texts), .expire_after = expire_after, .context_tokens = 0});
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? made->id : "";
  }
  Reason WhyNoCreate(const std::string& owner = "app", const Transcript& transcript = {}) {
    const auto made = store_->Create(owner, {.model = "m",
                                             .transcript = transcript,
                                             .expire_after = absl::Minutes(10),
                                             .context_tokens = 0});
    EXPECT_FALSE(made.ok());
    status_ = made.status();
    return ReasonOf(made.status()).value_or(Reason::kEngineFailure);
  }
  std::vector<std::string> TextsIn(const std::string& id) {
    const auto facts = store_->Get("app", id);
    EXPECT_TRUE(facts.ok()) << facts.status();
    return facts.ok() ? TextsOf(facts->transcript) : std::vector<std::string>();
  }
  bool Exists(const std::string& id, const std::string& owner = "app") {
    const auto facts = store_->Get(owner, id);
    if (!facts.ok()) EXPECT_TRUE(HasReason(facts.status(), Reason::kSessionNotFound));
    return facts.ok();
  }
  std::shared_ptr<SessionTurn> Begin(const std::string& id, const std::string& text,
                                     absl::AnyInvocable<void()> on_deleted = nullptr) {
    auto turn = store_->BeginTurn("app", id, Of({text}), std::move(on_deleted));
    EXPECT_TRUE(turn.ok()) << turn.status();
    return turn.ok() ? *std::move(turn) : nullptr;
  }

  ManualClock clock_;
  std::shared_ptr<SessionStore> store_;
  int last_id_ = 0;
  absl::Status status_;
};

TEST_F(SessionStoreTest, ASessionIsWhatItWasMadeOf) {
  const auto made = store_->Create("app", {.model = "m",
                                           .transcript = Of({"be kind"}, v1::ROLE_SYSTEM),
                                           .expire_after = absl::Minutes(5),
                                           .context_tokens = 512});
  ASSERT_TRUE(made.ok()) << made.status();
  const auto facts = store_->Get("app", made->id);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->id, made->id);
  EXPECT_EQ(facts->model, "m");
  EXPECT_THAT(TextsOf(facts->transcript), ElementsAre("be kind"));
  EXPECT_EQ(facts->transcript[0]->role(), v1::ROLE_SYSTEM);
  EXPECT_EQ(facts->bytes, facts->transcript[0]->ByteSizeLong());
  EXPECT_EQ(facts->tokens.context, 512);
  EXPECT_EQ(facts->tokens.used, 0);
  EXPECT_FALSE(facts->busy);
  EXPECT_EQ(facts->created, clock_.Now());
  EXPECT_EQ(facts->expire_after, absl::Minutes(5));
}

TEST_F(SessionStoreTest, OnlyItsOwnerSeesASession) {
  const std::string id = Create({"secret"});
  const Reason none = Reason::kSessionNotFound;
  EXPECT_FALSE(Exists(id, "other"));
  EXPECT_TRUE(HasReason(store_->Append("other", id, Of({"x"})).status(), none));
  EXPECT_TRUE(HasReason(store_->Fork("other", id, std::nullopt, std::nullopt).status(), none));
  EXPECT_TRUE(HasReason(store_->BeginTurn("other", id, Of({"x"}), nullptr).status(), none));
  EXPECT_TRUE(HasReason(store_->Delete("other", id), none));
  store_->NoteTokens("other", id, {.used = 9, .messages = 1, .context = 9}, true);
  EXPECT_THAT(store_->List("other"), IsEmpty());
  // None of it did anything, and nothing tells that the session is there.
  EXPECT_THAT(TextsIn(id), ElementsAre("secret"));
  EXPECT_EQ(store_->Get("app", id)->tokens.used, 0);
  EXPECT_EQ(absl::StrReplaceAll(store_->Get("other", id).status().message(), {{id, "X"}}),
            store_->Get("other", "X").status().message());
}

TEST_F(SessionStoreTest, TheErrorSaysWhatMayHaveHappened) {
  const absl::Status status = store_->Get("app", "never").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("expired"));
  EXPECT_THAT(status.message(), HasSubstr("deleted"));
}

TEST_F(SessionStoreTest, ListIsLastUsedFirst) {
  const std::string first = Create();
  clock_.Advance(absl::Seconds(1));
  const std::string second = Create();
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(store_->Append("app", first, Of({"x"})).ok());
  const std::vector<SessionFacts> list = store_->List("app");
  ASSERT_EQ(list.size(), 2);
  EXPECT_EQ(list[0].id, first);
  EXPECT_EQ(list[1].id, second);
}

TEST_F(SessionStoreTest, ASessionExpiresAfterItsLastUse) {
  const std::string id = Create();
  clock_.Advance(absl::Minutes(10) - absl::Nanoseconds(1));
  // Looking does not count.
  EXPECT_TRUE(Exists(id));
  EXPECT_EQ(store_->List("app").size(), 1);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_FALSE(Exists(id));
  EXPECT_THAT(store_->List("app"), IsEmpty());
  EXPECT_TRUE(HasReason(store_->Append("app", id, Of({"x"})).status(), Reason::kSessionNotFound));
  EXPECT_TRUE(HasReason(store_->BeginTurn("app", id, Of({"x"}), nullptr).status(),
                        Reason::kSessionNotFound));
  EXPECT_TRUE(HasReason(store_->Delete("app", id), Reason::kSessionNotFound));
}

TEST_F(SessionStoreTest, EveryUsePushesTheExpiryBack) {
  const std::string id = Create({"a"});
  const auto later = [&] { clock_.Advance(absl::Minutes(9)); };
  later();
  ASSERT_TRUE(store_->Append("app", id, Of({"b"})).ok());
  later();
  const auto fork = store_->Fork("app", id, std::nullopt, std::nullopt);
  ASSERT_TRUE(fork.ok());
  later();
  store_->NoteTokens("app", id, {.used = 1, .messages = 2, .context = 9}, /*touch=*/true);
  later();
  Begin(id, "c")->Abandon();
  later();
  ASSERT_TRUE(Begin(id, "c")->Commit(Says(v1::ROLE_ASSISTANT, "d"), 1, 9).ok());
  later();
  EXPECT_TRUE(Exists(id));
  EXPECT_FALSE(Exists(fork->id));
  // A count that was not use.
  store_->NoteTokens("app", id, {.used = 1, .messages = 4, .context = 9}, /*touch=*/false);
  later();
  EXPECT_FALSE(Exists(id));
}

TEST_F(SessionStoreTest, ABusySessionDoesNotExpire) {
  const std::string id = Create();
  const std::shared_ptr<SessionTurn> turn = Begin(id, "question");
  clock_.Advance(absl::Hours(5));
  EXPECT_EQ(store_->ExpireIdle(), clock_.Now() + absl::Minutes(10));
  EXPECT_TRUE(Exists(id));
  ASSERT_TRUE(turn->Commit(Says(v1::ROLE_ASSISTANT, "answer"), 1, 9).ok());
  clock_.Advance(absl::Minutes(9));
  EXPECT_TRUE(Exists(id));
}

TEST_F(SessionStoreTest, ExpireIdleSaysWhenToComeAgain) {
  EXPECT_EQ(store_->ExpireIdle(), absl::InfiniteFuture());
  const absl::Time start = clock_.Now();
  Create({}, "app", absl::Minutes(3));
  Create({}, "other", absl::Minutes(1));
  EXPECT_EQ(store_->ExpireIdle(), start + absl::Minutes(1));
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(store_->ExpireIdle(), start + absl::Minutes(3));
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(store_->ExpireIdle(), absl::InfiniteFuture());
}

TEST_F(SessionStoreTest, ATurnIsKeptOnlyWhenItIsComplete) {
  const std::string id = Create({"hello"});
  {
    const std::shared_ptr<SessionTurn> turn = Begin(id, "question");
    EXPECT_EQ(turn->model(), "m");
    EXPECT_THAT(TextsOf(turn->messages()), ElementsAre("hello", "question"));
    // Until it is complete nobody sees it.
    EXPECT_THAT(TextsIn(id), ElementsAre("hello"));
    EXPECT_TRUE(store_->Get("app", id)->busy);
  }
  // Gone without a word: as it was.
  EXPECT_THAT(TextsIn(id), ElementsAre("hello"));
  EXPECT_FALSE(store_->Get("app", id)->busy);

  const std::shared_ptr<SessionTurn> turn = Begin(id, "question");
  const auto facts = turn->Commit(Says(v1::ROLE_ASSISTANT, "answer"), 30, 512);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(TextsOf(facts->transcript), ElementsAre("hello", "question", "answer"));
  EXPECT_THAT(TextsIn(id), ElementsAre("hello", "question", "answer"));
  EXPECT_EQ(facts->tokens.used, 30);
  EXPECT_EQ(facts->tokens.messages, 3);
  EXPECT_EQ(facts->tokens.context, 512);
  EXPECT_FALSE(facts->busy);
  // Ended: neither again nor back.
  EXPECT_TRUE(
      HasReason(turn->Commit(Says(v1::ROLE_ASSISTANT, "more"), 1, 1).status(), Reason::kCancelled));
  turn->Abandon();
  EXPECT_THAT(TextsIn(id), ElementsAre("hello", "question", "answer"));
}

TEST_F(SessionStoreTest, OneTurnAtATime) {
  const std::string id = Create();
  const std::shared_ptr<SessionTurn> turn = Begin(id, "first");
  const absl::Status second = store_->BeginTurn("app", id, Of({"second"}), nullptr).status();
  EXPECT_TRUE(HasReason(second, Reason::kSessionBusy)) << second;
  EXPECT_THAT(second.message(), HasSubstr("Another turn"));
  EXPECT_TRUE(HasReason(store_->Append("app", id, Of({"x"})).status(), Reason::kSessionBusy));
  // The refused one did not disturb the first, and one given up makes room.
  turn->Abandon();
  const std::shared_ptr<SessionTurn> third = Begin(id, "third");
  EXPECT_TRUE(
      HasReason(turn->Commit(Says(v1::ROLE_ASSISTANT, "late"), 1, 1).status(), Reason::kCancelled));
  turn->Abandon();
  EXPECT_TRUE(store_->Get("app", id)->busy);
  EXPECT_TRUE(third->Commit(Says(v1::ROLE_ASSISTANT, "yes"), 1, 1).ok());
  EXPECT_THAT(TextsIn(id), ElementsAre("third", "yes"));
}

TEST_F(SessionStoreTest, DeletingEndsATurnOnce) {
  const std::string id = Create();
  int told = 0;
  const std::shared_ptr<SessionTurn> turn = Begin(id, "question", [&] {
    ++told;
    // No lock is held: the store can be asked.
    EXPECT_FALSE(Exists(id));
  });
  EXPECT_TRUE(turn->CheckSession().ok());
  EXPECT_TRUE(store_->Delete("app", id).ok());
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(HasReason(turn->CheckSession(), Reason::kSessionNotFound));
  EXPECT_TRUE(HasReason(turn->Commit(Says(v1::ROLE_ASSISTANT, "answer"), 1, 1).status(),
                        Reason::kSessionNotFound));
  EXPECT_TRUE(HasReason(store_->Delete("app", id), Reason::kSessionNotFound));
  EXPECT_EQ(told, 1);
}

TEST_F(SessionStoreTest, AnEndedTurnIsNotToldOfADeletion) {
  const std::string id = Create();
  int told = 0;
  ASSERT_TRUE(
      Begin(id, "question", [&] { ++told; })->Commit(Says(v1::ROLE_ASSISTANT, "a"), 1, 1).ok());
  Begin(id, "question", [&] { ++told; })->Abandon();
  EXPECT_TRUE(store_->Delete("app", id).ok());
  EXPECT_EQ(told, 0);
}

TEST_F(SessionStoreTest, AForkGoesItsOwnWay) {
  const std::string id = Create({"a", "b", "c"});
  const auto part = store_->Fork("app", id, 2, absl::Minutes(1));
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_NE(part->id, id);
  EXPECT_EQ(part->model, "m");
  EXPECT_EQ(part->expire_after, absl::Minutes(1));
  EXPECT_THAT(TextsOf(part->transcript), ElementsAre("a", "b"));
  ASSERT_TRUE(store_->Append("app", part->id, Of({"other"})).ok());
  EXPECT_THAT(TextsIn(id), ElementsAre("a", "b", "c"));
  EXPECT_THAT(TextsIn(part->id), ElementsAre("a", "b", "other"));

  const auto none = store_->Fork("app", id, 0, std::nullopt);
  ASSERT_TRUE(none.ok());
  EXPECT_THAT(none->transcript, IsEmpty());
  EXPECT_EQ(none->bytes, 0);
  EXPECT_EQ(none->expire_after, absl::Minutes(10));
}

TEST_F(SessionStoreTest, AForkBeyondTheTranscriptIsRefused) {
  const std::string id = Create({"a"});
  const absl::Status status = store_->Fork("app", id, 2, std::nullopt).status();
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "message_count");
}

TEST_F(SessionStoreTest, AForkDuringATurnHasTheTranscriptBeforeIt) {
  const std::string id = Create({"a"});
  const std::shared_ptr<SessionTurn> turn = Begin(id, "question");
  const auto fork = store_->Fork("app", id, std::nullopt, std::nullopt);
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_FALSE(fork->busy);
  EXPECT_THAT(TextsOf(fork->transcript), ElementsAre("a"));
}

TEST_F(SessionStoreTest, AForkKeepsTheMeasureOfWhatItHas) {
  const std::string id = Create({"a", "b"});
  store_->NoteTokens("app", id, {.used = 20, .messages = 2, .context = 100}, true);
  EXPECT_EQ(store_->Fork("app", id, 2, std::nullopt)->tokens.used, 20);
  const auto shorter = store_->Fork("app", id, 1, std::nullopt);
  EXPECT_EQ(shorter->tokens.used, 0);
  EXPECT_EQ(shorter->tokens.messages, 0);
  EXPECT_EQ(shorter->tokens.context, 100);
}

TEST_F(SessionStoreTest, OldNewsOfTokensIsDropped) {
  const std::string id = Create({"a", "b", "c"});
  store_->NoteTokens("app", id, {.used = 30, .messages = 3, .context = 100}, false);
  // A prewarm that was begun before the last message came ends late.
  store_->NoteTokens("app", id, {.used = 20, .messages = 2, .context = 0}, false);
  const auto facts = store_->Get("app", id);
  EXPECT_EQ(facts->tokens.used, 30);
  EXPECT_EQ(facts->tokens.messages, 3);
  EXPECT_EQ(facts->tokens.context, 100);
}

TEST_F(SessionStoreTest, SessionsOfOneAppAreLimited) {
  for (int i = 0; i < 3; ++i) Create();
  EXPECT_EQ(WhyNoCreate(), Reason::kClientQuotaExceeded);
  EXPECT_EQ(FactsOf(status_).metadata.at("quota"), "sessions");
  EXPECT_EQ(FactsOf(status_).metadata.at("limit"), "3");
  EXPECT_EQ(FactsOf(status_).retry_delay, absl::Minutes(10));
  EXPECT_TRUE(HasReason(store_->Fork("app", "id1", std::nullopt, std::nullopt).status(),
                        Reason::kClientQuotaExceeded));
  // Others have their own; a deleted or expired one makes room.
  Create({}, "other");
  ASSERT_TRUE(store_->Delete("app", "id1").ok());
  Create();
  EXPECT_EQ(WhyNoCreate(), Reason::kClientQuotaExceeded);
  clock_.Advance(absl::Minutes(10));
  Create();
}

TEST_F(SessionStoreTest, SessionsInAllAreLimited) {
  for (int i = 0; i < 5; ++i) Create({}, absl::StrCat("app", i));
  EXPECT_EQ(WhyNoCreate("new"), Reason::kMemoryInsufficient);
  EXPECT_EQ(FactsOf(status_).metadata.at("limit"), "5");
  EXPECT_EQ(FactsOf(status_).retry_delay, absl::Minutes(10));
  clock_.Advance(absl::Minutes(10));
  Create({}, "new");
}

TEST_F(SessionStoreTest, TheTranscriptsBytesAreLimited) {
  EXPECT_EQ(WhyNoCreate("app", Of({std::string(65, 'x')})), Reason::kInputTooLarge);
  const std::string id = Create({std::string(30, 'x')});
  const absl::Status status = store_->Append("app", id, Of({std::string(40, 'x')})).status();
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("limit_bytes"), "64");
  EXPECT_EQ(FactsOf(status).metadata.at("size_bytes"), "78");
  EXPECT_TRUE(HasReason(store_->BeginTurn("app", id, Of({std::string(40, 'x')}), nullptr).status(),
                        Reason::kInputTooLarge));
  EXPECT_FALSE(store_->Get("app", id)->busy);
  // An answer is kept, whatever its length; then nothing more is taken.
  ASSERT_TRUE(Begin(id, "q")->Commit(Says(v1::ROLE_ASSISTANT, std::string(50, 'a')), 1, 1).ok());
  EXPECT_TRUE(HasReason(store_->Append("app", id, Of({"y"})).status(), Reason::kInputTooLarge));
  EXPECT_TRUE(store_->Fork("app", id, 2, std::nullopt).ok());
}

TEST_F(SessionStoreTest, TheTranscriptsMessagesAreLimited) {
  EXPECT_EQ(WhyNoCreate("app", Of({"1", "2", "3", "4", "5", "6", "7"})), Reason::kFieldInvalid);
  EXPECT_EQ(FactsOf(status_).field, "messages");
  const std::string id = Create({"1", "2", "3", "4", "5", "6"});
  const absl::Status status = store_->BeginTurn("app", id, Of({"7"}), nullptr).status();
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_THAT(TextsIn(id), ElementsAre("1", "2", "3", "4", "5", "6"));
}

TEST_F(SessionStoreTest, ATurnMayOutliveEverythingElse) {
  const std::string id = Create();
  std::shared_ptr<SessionTurn> turn = Begin(id, "question");
  store_.reset();
  EXPECT_TRUE(turn->Commit(Says(v1::ROLE_ASSISTANT, "answer"), 1, 1).ok());
  turn.reset();
}

TEST(SessionIdTest, IdsDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = MakeSessionId();
    EXPECT_EQ(id.size(), 32);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(ids.insert(id).second);
  }
}

Transcript WithPictures(int count, size_t bytes) {
  v1::Message message = Says(v1::ROLE_USER, "x");
  for (int i = 0; i < count; ++i) message.add_images()->set_encoded(std::string(bytes, 'p'));
  return {std::make_shared<const v1::Message>(std::move(message))};
}

TEST_F(SessionStoreTest, PicturesHaveLimitsOfTheirOwn) {
  Make({.sessions_per_client = 3,
        .sessions = 5,
        .messages = 6,
        .bytes = 64,
        .pictures = 3,
        .picture_bytes = 1000,
        .all_picture_bytes = 1500});
  const std::string id = Create({"Look."});
  ASSERT_TRUE(store_->Append("app", id, WithPictures(2, 400)).ok());
  EXPECT_EQ(store_->Get("app", id)->transcript.back()->images_size(), 2);
  EXPECT_GT(store_->Get("app", id)->bytes, 800U);
  EXPECT_TRUE(
      HasReason(store_->Append("app", id, WithPictures(1, 300)).status(), Reason::kInputTooLarge));
  EXPECT_TRUE(
      HasReason(store_->Append("app", id, WithPictures(2, 10)).status(), Reason::kFieldInvalid));
  ASSERT_TRUE(store_->Append("app", id, WithPictures(1, 10)).ok());
  // A fork keeps them too, and all sessions together keep so much only.
  EXPECT_TRUE(HasReason(store_->Fork("app", id, std::nullopt, std::nullopt).status(),
                        Reason::kMemoryInsufficient));
  EXPECT_EQ(WhyNoCreate("other", WithPictures(1, 700)), Reason::kMemoryInsufficient);
  ASSERT_TRUE(store_->Fork("app", id, 1, std::nullopt).ok());
  ASSERT_TRUE(store_->Delete("app", id).ok());
  EXPECT_TRUE(store_
                  ->Create("other", {.model = "m",
                                     .transcript = WithPictures(1, 700),
                                     .expire_after = absl::Minutes(10),
                                     .context_tokens = 0})
                  .ok());
}

}  // namespace
}  // namespace intelligenced
