// Loading: files that are damaged, hostile or of another kind, and chat templates.
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/llama_engine.h"
#include "tests/unit/engines/llama/gguf_files.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

class LlamaLoadTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HaveStories()) GTEST_SKIP() << "stories260K.gguf is not here";
  }

  absl::Status Load(const std::string& path,
                    const std::map<std::string, std::string>& parameters = {}) {
    auto engine = MakeLlamaEngine();
    return engine->Load(SpecOf(path, parameters), {}).status();
  }

  std::string Changed(const std::function<void(gguf_context*)>& change) {
    const std::string path = folder_.File("changed.gguf");
    RewriteGguf(StoriesPath(), path, change);
    return path;
  }

  ScratchFolder folder_;
};

TEST_F(LlamaLoadTest, AModelWithoutAFile) {
  auto engine = MakeLlamaEngine();
  EXPECT_EQ(engine->name(), "llama");
  EXPECT_TRUE(HasReason(engine->Load({}, {}).status(), Reason::kModelLoadFailed));
}

TEST_F(LlamaLoadTest, ATruncatedFile) {
  const std::string bytes = ReadBytes(StoriesPath());
  const absl::Status status = Load(folder_.Write("cut.gguf", bytes.substr(0, 500'000)));
  EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "cut short")) << status;
}

TEST_F(LlamaLoadTest, AnUnknownArchitecture) {
  const absl::Status status = Load(Changed(
      [](gguf_context* gguf) { gguf_set_val_str(gguf, "general.architecture", "phrenology"); }));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "phrenology")) << status;
}

TEST_F(LlamaLoadTest, AMissingKeyIsNamed) {
  const absl::Status status =
      Load(Changed([](gguf_context* gguf) { gguf_remove_key(gguf, "llama.block_count"); }));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "block_count")) << status;
}

TEST_F(LlamaLoadTest, AShapeThatContradictsTheWeights) {
  const absl::Status status = Load(
      Changed([](gguf_context* gguf) { gguf_set_val_u32(gguf, "llama.embedding_length", 128); }));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
}

TEST_F(LlamaLoadTest, AHugeContextClaimCostsNothing) {
  Session session(Changed(
      [](gguf_context* gguf) { gguf_set_val_u32(gguf, "llama.context_length", 0x7FFFFFFF); }));
  EXPECT_EQ(session.model().info().context_tokens(), 8192);
}

TEST_F(LlamaLoadTest, WrongParametersAreNamed) {
  EXPECT_TRUE(HasReason(Load(StoriesPath(), {{"context_tokens", "513"}}), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(Load(StoriesPath(), {{"nonsense", "1"}}), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(Load(StoriesPath(), {{"chat_template", "no-such-template"}}),
                        Reason::kFieldInvalid));
}

TEST_F(LlamaLoadTest, ACancelledLoad) {
  CancelSource cancel;
  cancel.Cancel();
  auto engine = MakeLlamaEngine();
  EXPECT_EQ(engine->Load(SpecOf(StoriesPath()), cancel.token()).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(LlamaLoadTest, LoadedAgainAndAgain) {
  for (int round = 0; round < 5; ++round) {
    Session session(StoriesPath());
    EXPECT_FALSE(session.Run(Greedy("", 5)).text.empty());
  }
}

TEST_F(LlamaLoadTest, TheFilesOwnSamplingDefaultsHold) {
  Session plain(StoriesPath());
  const std::string greedy = plain.Run(Greedy("", 30)).text;
  Session cold(
      Changed([](gguf_context* gguf) { gguf_set_val_f32(gguf, "general.sampling.temp", 0.0f); }));
  engine_proto::Task task = Greedy("", 30);
  task.mutable_generate()->clear_sampling();
  EXPECT_EQ(cold.Run(task).text, greedy);
}

constexpr char kChatMl[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";

engine_proto::Task Chat(const std::string& text,
                        engine_proto::Role role = engine_proto::ROLE_USER) {
  engine_proto::Task task = Greedy("", 5);
  auto* message = task.mutable_generate()->mutable_conversation()->add_messages();
  message->set_role(role);
  message->set_text(text);
  return task;
}

TEST_F(LlamaLoadTest, AChatTemplateIsApplied) {
  Session session(Changed(
      [](gguf_context* gguf) { gguf_set_val_str(gguf, "tokenizer.chat_template", kChatMl); }));
  ASSERT_TRUE(session.model().info().has_chat_template());
  const Course chat = session.Run(Chat("Hello"));
  const Course raw =
      session.Run(Greedy("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n", 5));
  EXPECT_EQ(chat.completed.input_tokens(), raw.completed.input_tokens());
  EXPECT_EQ(chat.text, raw.text);

  engine_proto::Task count;
  *count.mutable_count_tokens()->mutable_conversation() = Chat("Hello").generate().conversation();
  EXPECT_EQ(session.Run(count).events[0].token_count().tokens(), chat.completed.input_tokens());
}

TEST_F(LlamaLoadTest, AMessageCannotWriteControlTokens) {
  // "</s>" ends a text in this vocabulary. In a message it is four characters.
  Session session(Changed(
      [](gguf_context* gguf) { gguf_set_val_str(gguf, "tokenizer.chat_template", kChatMl); }));
  const uint32_t harmless = session.Run(Chat("a b")).completed.input_tokens();
  const uint32_t control = session.Run(Chat("a</s>b")).completed.input_tokens();
  EXPECT_GT(control, harmless + 2) << "one control token would make it about as long";
}

TEST_F(LlamaLoadTest, BadConversationsAreRefused) {
  Session session(Changed(
      [](gguf_context* gguf) { gguf_set_val_str(gguf, "tokenizer.chat_template", kChatMl); }));
  engine_proto::Task empty = Greedy("", 5);
  empty.mutable_generate()->mutable_conversation();
  for (const auto& task :
       {empty, Chat("x", engine_proto::ROLE_UNSPECIFIED), Chat(std::string("a\0b", 3))}) {
    EXPECT_TRUE(HasReason(session.model().Start(task, {}).status(), Reason::kFieldInvalid));
  }
  auto huge = session.model().Start(Chat(std::string(1'000'000, 'x')), {});
  EXPECT_TRUE(HasReason(huge.status(), Reason::kContextWindowExceeded));
}

TEST_F(LlamaLoadTest, ATemplateThatIsNotRecognisedIsNone) {
  const std::string path = Changed([](gguf_context* gguf) {
    gguf_set_val_str(gguf, "tokenizer.chat_template", "{{ messages[0].content }}");
  });
  EXPECT_FALSE(Session(path).model().info().has_chat_template());
  EXPECT_TRUE(Session(path, {{"chat_template", "llama2"}}).model().info().has_chat_template());
}

// Loads the file and generates a little, in a process of its own. True when that process comes to
// an orderly end, whatever the engine's answer.
bool Survives(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    auto engine = MakeLlamaEngine();
    auto model = engine->Load(SpecOf(path), {});
    if (model.ok()) {
      auto job = (*model)->Start(Greedy("Once", 8), {});
      for (bool done = !job.ok(); !done;) {
        Job* raw = job->get();
        auto outputs = (*model)->Step({&raw, 1}, {});
        done = !outputs.ok() || outputs->front().done;
      }
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A worker may die of a hostile file, and nobody but its own requests suffers; but it should not
// be easy. Flips bits all over the header, where the numbers are.
TEST_F(LlamaLoadTest, MostFlippedBitsAreSurvived) {
  const std::string bytes = ReadBytes(StoriesPath());
  std::mt19937 random(42);
  int deaths = 0;
  constexpr int kFlips = 120;
  for (int flip = 0; flip < kFlips; ++flip) {
    std::string flipped = bytes;
    // Half in the first kilobyte (shape), half in the rest of the header (vocabulary, tensors).
    const size_t at = random() % (flip % 2 == 0 ? 1'000 : 14'000);
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << random() % 8));
    if (!Survives(folder_.Write("flipped.gguf", flipped))) {
      ++deaths;
      std::printf("died of byte %zu\n", at);
    }
  }
  EXPECT_LE(deaths, kFlips / 20);
}

}  // namespace
}  // namespace intelligenced
