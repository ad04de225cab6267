// Prompts with pictures, through projectors of random weights: one whose rows look back only (as
// LLaVA's) and one whose rows look at each other (as Gemma 3's).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/llama_model.h"
#include "tests/unit/engines/llama/gguf_files.h"
#include "tests/unit/engines/llama/stories.h"

namespace intelligenced {
namespace {

using engine_proto::Task;
using engine_proto::VisionImage;

std::string ProjectorPath(const std::string& type) {
  return BuildPath(absl::StrCat("tests/unit/engines/llama/projector-", type, ".gguf"));
}

engine_proto::ModelSpec SpecWith(const std::string& projector,
                                 const std::map<std::string, std::string>& parameters = {}) {
  engine_proto::ModelSpec spec = SpecOf(TinyModelPath(), parameters);
  engine_proto::ModelFile* file = spec.add_files();
  file->set_role("projector");
  file->set_path(projector);
  return spec;
}

// Stripes, of a different kind for each number.
VisionImage Picture(int number, int width = 48, int height = 40) {
  VisionImage image;
  engine_proto::PixelBuffer& pixels = *image.mutable_pixels();
  pixels.set_format(engine_proto::PIXEL_FORMAT_RGB);
  pixels.set_width(width);
  pixels.set_height(height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        pixels.mutable_data()->push_back(
            static_cast<char>((x * (number + 1) + y * (channel + 2) * number) * 7));
      }
    }
  }
  return image;
}

void AddUser(const std::string& text, const std::vector<VisionImage>& images,
             engine_proto::Conversation& to) {
  engine_proto::Message* message = to.add_messages();
  message->set_role(engine_proto::ROLE_USER);
  message->set_text(text);
  for (const VisionImage& image : images) *message->add_images() = image;
}

Task Ask(const std::string& text, const std::vector<VisionImage>& images, uint32_t tokens = 20,
         const std::string& client = "") {
  Task task = Greedy("", tokens);
  task.mutable_generate()->clear_prompt();
  AddUser(text, images, *task.mutable_generate()->mutable_conversation());
  task.mutable_generate()->set_cache_key(client);
  return task;
}

Task Count(const std::string& text, const std::vector<VisionImage>& images) {
  Task task;
  AddUser(text, images, *task.mutable_count_tokens()->mutable_conversation());
  return task;
}

LlamaModel& Inside(Session& session) { return dynamic_cast<LlamaModel&>(session.model()); }

std::string TextOf(Session& session, const Task& task) {
  const Course course = session.Run(task);
  EXPECT_TRUE(course.status.ok()) << course.status;
  return course.text;
}

absl::Status StatusOf(Session& session, const Task& task) {
  auto job = session.model().Start(task, {});
  if (!job.ok()) return job.status();
  std::vector<Course> courses;
  for (int step = 0; step < 1000 && (courses.empty() || !courses[0].done); ++step) {
    session.Step({job->get()}, courses);
  }
  return courses[0].status;
}

class LlamaPicturesTest : public testing::TestWithParam<std::string> {
 protected:
  static engine_proto::ModelSpec Spec(const std::map<std::string, std::string>& parameters = {}) {
    return SpecWith(ProjectorPath(GetParam()), parameters);
  }
};

TEST_P(LlamaPicturesTest, AnswersDependOnThePictureAndOnNothingElse) {
  Session session(Spec({{"cache_tokens", "0"}}));
  EXPECT_TRUE(session.model().info().takes_images());
  const std::string first = TextOf(session, Ask("What is this?", {Picture(1)}));
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(TextOf(session, Ask("What is this?", {Picture(1)})), first);
  EXPECT_NE(TextOf(session, Ask("What is this?", {Picture(2)})), first);
  EXPECT_NE(TextOf(session, Ask("What is this?", {})), first);
  EXPECT_NE(TextOf(session, Ask("What is this?", {Picture(1), Picture(1)})), first);
  const std::string both = TextOf(session, Ask("And these?", {Picture(1), Picture(2)}));
  EXPECT_NE(TextOf(session, Ask("And these?", {Picture(2), Picture(1)})), both);
  // The same pixels, once in grey.
  VisionImage grey, rgb;
  grey.mutable_pixels()->set_format(engine_proto::PIXEL_FORMAT_GREY);
  rgb.mutable_pixels()->set_format(engine_proto::PIXEL_FORMAT_RGB);
  for (VisionImage* image : {&grey, &rgb}) {
    image->mutable_pixels()->set_width(20);
    image->mutable_pixels()->set_height(20);
  }
  for (int index = 0; index < 400; ++index) {
    grey.mutable_pixels()->mutable_data()->push_back(static_cast<char>(index * 3));
    rgb.mutable_pixels()->mutable_data()->append(3, static_cast<char>(index * 3));
  }
  EXPECT_EQ(TextOf(session, Ask("Grey?", {grey})), TextOf(session, Ask("Grey?", {rgb})));
}

TEST_P(LlamaPicturesTest, PicturesMayBeDescriptors) {
  Session session(Spec({{"cache_tokens", "0"}}));
  const Task in_message = Ask("What are these?", {Picture(1), Picture(2)});
  Task task = in_message;
  Attachments attachments;
  for (auto& image :
       *task.mutable_generate()->mutable_conversation()->mutable_messages(0)->mutable_images()) {
    attachments.push_back(*Attachment::Copy(image.pixels().data()));
    image.mutable_pixels()->clear_data();
    image.set_attachment(absl::StrCat(attachments.size() - 1));
  }
  const std::weak_ptr<const Attachment> last = attachments.back();
  auto job = session.model().StartWith(task, attachments, {});
  ASSERT_TRUE(job.ok()) << job.status();
  attachments.clear();
  std::vector<Course> courses;
  bool let_go = false;
  for (int step = 0; step < 1000 && (courses.empty() || !courses[0].done); ++step) {
    session.Step({job->get()}, courses);
    let_go = let_go || (!courses[0].done && last.expired());
  }
  EXPECT_TRUE(courses[0].status.ok()) << courses[0].status;
  EXPECT_EQ(courses[0].text, TextOf(session, in_message));
  // Once they are read.
  EXPECT_TRUE(let_go);
  // One that is not there.
  const absl::Status status = StatusOf(session, task);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
}

TEST_P(LlamaPicturesTest, TheSameTextAloneAndInCompany) {
  Session alone(Spec({{"cache_tokens", "0"}}));
  Session session(Spec({{"cache_tokens", "0"}}));
  std::vector<Task> tasks;
  for (int i = 0; i < 6; ++i) {
    tasks.push_back(Ask(
        absl::StrCat("Tell me of number ", i, "!"),
        i % 3 == 2 ? std::vector<VisionImage>{} : std::vector<VisionImage>(1 + i % 2, Picture(i)),
        8 + 5 * i));
  }
  tasks.push_back(Ask(std::string(150, 'a'), {}, 10));
  const std::vector<Course> courses = session.RunAll(tasks);
  for (size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_TRUE(courses[i].status.ok()) << courses[i].status;
    EXPECT_EQ(courses[i].text, TextOf(alone, tasks[i])) << i;
  }
  EXPECT_EQ(Inside(session).pool().live(), 0);
}

TEST_P(LlamaPicturesTest, TheSameTextWhateverIsParkedWhen) {
  Session alone(Spec({{"cache_tokens", "0"}}));
  // Room for about one of them.
  Session session(Spec({{"cache_tokens", "0"}, {"context_tokens", "160"}, {"pool_tokens", "160"}}));
  std::vector<Task> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(Ask("Who is it?", {Picture(i), Picture(9)}, 40));
  const std::vector<Course> courses = session.RunAll(tasks);
  for (size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_EQ(courses[i].text, TextOf(alone, tasks[i])) << i;
  }
  // Parked by the daemon, at every place.
  const std::string whole = TextOf(alone, tasks[0]);
  std::unique_ptr<Job> job = session.Start(tasks[0]);
  std::vector<Course> parked;
  for (int step = 0; step < 5000 && (parked.empty() || !parked[0].done); ++step) {
    session.Step({job.get()}, parked);
    ASSERT_TRUE(job->Park().ok());
  }
  EXPECT_EQ(parked[0].text, whole);
}

TEST_P(LlamaPicturesTest, CountsWhatItFeeds) {
  Session session(Spec());
  const std::vector<VisionImage> images = {Picture(1), Picture(2, 300, 7)};
  const Course count = session.Run(Count("What is this?", images));
  ASSERT_TRUE(count.status.ok()) << count.status;
  uint32_t tokens = 0;
  for (const engine_proto::Event& event : count.events) {
    if (event.has_token_count()) tokens = event.token_count().tokens();
  }
  const Course text = session.Run(Count("What is this?", {}));
  EXPECT_GE(tokens, text.completed.input_tokens() + 32);
  EXPECT_EQ(session.Run(Ask("What is this?", images)).completed.input_tokens(), tokens);
}

TEST_P(LlamaPicturesTest, TooManyForTheContextAreRefusedWithBothCounts) {
  Session session(Spec({{"context_tokens", "64"}}));
  std::vector<VisionImage> images(4, Picture(1));
  const absl::Status status = StatusOf(session, Ask("What is this?", images));
  ASSERT_TRUE(HasReason(status, Reason::kContextWindowExceeded)) << status;
  EXPECT_GE(std::stoi(FactsOf(status).metadata["input_tokens"]), 64);
  EXPECT_EQ(FactsOf(status).metadata["context_tokens"], "64");
  EXPECT_EQ(Inside(session).pool().live(), 0);
  images.resize(1);
  EXPECT_TRUE(StatusOf(session, Ask("What?", images)).ok());
}

TEST_P(LlamaPicturesTest, APictureIsReusedByItsOwnClientOnly) {
  Session plain(Spec({{"cache_tokens", "0"}}));
  Session session(Spec());
  const Task task = Ask("What is this?", {Picture(1)}, 20, "a");
  const Course first = session.Run(task);
  EXPECT_EQ(first.completed.cached_tokens(), 0);
  const Course other = session.Run(Ask("What is this?", {Picture(1)}, 20, "b"));
  EXPECT_EQ(other.completed.cached_tokens(), 0);
  EXPECT_EQ(other.text, first.text);
  const Course again = session.Run(task);
  EXPECT_EQ(again.completed.cached_tokens(), again.completed.input_tokens() - 1);
  EXPECT_EQ(again.text, first.text);
  // A longer conversation about it.
  Task longer = task;
  engine_proto::Conversation& talk = *longer.mutable_generate()->mutable_conversation();
  engine_proto::Message* answer = talk.add_messages();
  answer->set_role(engine_proto::ROLE_ASSISTANT);
  answer->set_text("A cat.");
  AddUser("And this?", {Picture(2)}, talk);
  const Course turn = session.Run(longer);
  EXPECT_GE(turn.completed.cached_tokens(), 17U);
  EXPECT_EQ(turn.text, TextOf(plain, longer));
  // Another picture of the same extent: the text before it at most.
  const Course another = session.Run(Ask("What is this?", {Picture(3)}, 20, "a"));
  const uint32_t before = another.completed.cached_tokens();
  EXPECT_LE(before + 16, turn.completed.cached_tokens());
  EXPECT_EQ(another.text, TextOf(plain, Ask("What is this?", {Picture(3)})));
  // One pixel is enough, and so are the same bytes in another shape.
  VisionImage changed = Picture(1);
  changed.mutable_pixels()->mutable_data()->back() ^= 1;
  VisionImage shape = Picture(1);
  shape.mutable_pixels()->set_width(40);
  shape.mutable_pixels()->set_height(48);
  for (const VisionImage& image : {changed, shape}) {
    const Course course = session.Run(Ask("What is this?", {image}, 20, "a"));
    EXPECT_EQ(course.completed.cached_tokens(), before);
  }
}

TEST_P(LlamaPicturesTest, JobsOfOneClientThatRunTogetherShareThePicture) {
  Session plain(Spec({{"cache_tokens", "0"}}));
  Session session(Spec());
  std::vector<Task> tasks;
  for (int i = 0; i < 4; ++i) {
    tasks.push_back(Ask(absl::StrCat("Question ", i, " of it?"), {Picture(5)}, 12 + i, "a"));
  }
  const std::vector<Course> courses = session.RunAll(tasks);
  int cached = 0;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(courses[i].text, TextOf(plain, tasks[i])) << i;
    cached += courses[i].completed.cached_tokens() >= 17;
  }
  EXPECT_GE(cached, 2);
}

TEST_P(LlamaPicturesTest, ACancelEndsItAtEveryPlace) {
  Session session(Spec({{"cache_tokens", "0"}}));
  const Task task = Ask("What is this?", {Picture(1), Picture(2)}, 10);
  const std::string text = TextOf(session, task);
  bool ended = false;
  for (int steps = 0; !ended && steps < 100; ++steps) {
    CancelSource cancel;
    std::unique_ptr<Job> job = session.Start(task, cancel.token());
    std::vector<Course> courses;
    for (int step = 0; step < steps && !ended; ++step) {
      session.Step({job.get()}, courses);
      ended = courses[0].done;
    }
    if (ended) break;
    cancel.Cancel();
    session.Step({job.get()}, courses);
    EXPECT_TRUE(courses[0].done);
    EXPECT_TRUE(HasReason(courses[0].status, Reason::kCancelled)) << courses[0].status;
    EXPECT_EQ(Inside(session).pool().live(), 0);
  }
  EXPECT_TRUE(ended);
  // One that is dropped without a word.
  std::vector<Course> courses;
  std::unique_ptr<Job> dropped = session.Start(task);
  for (int step = 0; step < 3; ++step) session.Step({dropped.get()}, courses);
  dropped = nullptr;
  EXPECT_EQ(TextOf(session, task), text);
}

TEST_P(LlamaPicturesTest, WhatCannotBeReadHarmsNobodyElse) {
  Session session(Spec({{"cache_tokens", "0"}}));
  const Task good = Ask("What is this?", {Picture(1)});
  const std::string text = TextOf(session, good);
  VisionImage noise;
  noise.set_encoded("this is no picture");
  // A bitmap's header that claims 60,000 pixels a side.
  std::string claim("BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x60\xea\0\0\x60\xea\0\0\1\0\x18\0",
                    30);
  claim.resize(200);
  VisionImage huge;
  huge.set_encoded(claim);
  VisionImage short_rows = Picture(1);
  short_rows.mutable_pixels()->set_stride(10);
  for (const VisionImage& bad : {noise, huge, short_rows}) {
    const std::vector<Course> courses =
        session.RunAll({Ask("And this?", {Picture(2), bad}), good, Count("How many?", {bad})});
    EXPECT_TRUE(HasReason(courses[0].status, Reason::kImageUndecodable)) << courses[0].status;
    EXPECT_EQ(courses[1].text, text);
    EXPECT_TRUE(HasReason(courses[2].status, Reason::kImageUndecodable)) << courses[2].status;
  }
  EXPECT_EQ(Inside(session).pool().live(), 0);
}

TEST_P(LlamaPicturesTest, BoundsOfARequest) {
  Session session(Spec({{"cache_tokens", "0"}}));
  const absl::Status most =
      StatusOf(session, Ask("", std::vector<VisionImage>(16, Picture(1, 1, 1)), 2));
  // With all that frames them the one kind is too long for the small model.
  EXPECT_TRUE(GetParam() == "mlp" ? most.ok() : HasReason(most, Reason::kContextWindowExceeded))
      << most;
  EXPECT_TRUE(HasReason(StatusOf(session, Ask("", std::vector<VisionImage>(17, Picture(1)), 2)),
                        Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(StatusOf(session, Ask("", {VisionImage()})), Reason::kFieldInvalid));
  Task system = Ask("", {Picture(1)});
  system.mutable_generate()->mutable_conversation()->mutable_messages(0)->set_role(
      engine_proto::ROLE_SYSTEM);
  EXPECT_TRUE(HasReason(StatusOf(session, system), Reason::kFieldInvalid));
  Task shared = Ask("", {Picture(1)});
  shared.mutable_generate()->set_shared_messages(1);
  EXPECT_TRUE(HasReason(StatusOf(session, shared), Reason::kFieldInvalid));
  // What looks like a control token stays text, also beside a picture.
  EXPECT_TRUE(StatusOf(session, Ask("<|im_end|> \x01"
                                    "0\x02",
                                    {Picture(1)}))
                  .ok());
}

TEST_P(LlamaPicturesTest, PrefillOnlyKeepsThePicture) {
  Session session(Spec());
  Task task = Ask("What is this?", {Picture(1)}, 10, "a");
  Task warm = task;
  warm.mutable_generate()->set_prefill_only(true);
  const Course first = session.Run(warm);
  ASSERT_TRUE(first.status.ok()) << first.status;
  EXPECT_EQ(first.completed.output_tokens(), 0);
  EXPECT_EQ(session.Run(task).completed.cached_tokens(), first.completed.input_tokens() - 1);
}

INSTANTIATE_TEST_SUITE_P(Projectors, LlamaPicturesTest, testing::Values("mlp", "gemma3"),
                         [](const auto& info) { return info.param; });

absl::Status LoadStatus(const engine_proto::ModelSpec& spec) {
  return MakeLlamaEngine()->Load(spec, {}).status();
}

TEST(LlamaProjectorTest, AModelWithoutOneTakesNoPictures) {
  Session session(TinyModelPath());
  EXPECT_FALSE(session.model().info().takes_images());
  for (const Task& task : {Ask("What?", {Picture(1)}), Count("What?", {Picture(1)})}) {
    const absl::Status status = StatusOf(session, task);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_EQ(FactsOf(status).field, "conversation.messages.images");
  }
}

TEST(LlamaProjectorTest, OneOfAnotherModelIsRefused) {
  const absl::Status status = LoadStatus(SpecWith(ProjectorPath("wide")));
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_NE(status.message().find("n_embd"), std::string::npos) << status;
  EXPECT_TRUE(HasReason(LoadStatus(SpecWith(TinyModelPath())), Reason::kModelLoadFailed));
  EXPECT_TRUE(HasReason(LoadStatus(SpecWith("/nowhere/mmproj.gguf")), Reason::kModelLoadFailed));
  engine_proto::ModelSpec two = SpecWith(ProjectorPath("mlp"));
  *two.add_files() = two.files(1);
  EXPECT_TRUE(HasReason(LoadStatus(two), Reason::kModelLoadFailed));
}

TEST(LlamaProjectorTest, ADamagedOneIsRefused) {
  const ScratchFolder folder;
  const std::string bytes = ReadBytes(ProjectorPath("mlp"));
  for (const size_t size : {size_t{0}, size_t{100}, bytes.size() / 2, bytes.size() - 100}) {
    const absl::Status status =
        LoadStatus(SpecWith(folder.Write("cut.gguf", bytes.substr(0, size))));
    EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << size << " " << status;
  }
  for (const std::string key : {"clip.vision.image_size", "clip.vision.patch_size",
                                "clip.vision.embedding_length", "clip.vision.block_count"}) {
    for (const uint32_t value : {0U, 4'000'000'000U}) {
      RewriteGguf(ProjectorPath("mlp"), folder.File("odd.gguf"),
                  [&](gguf_context* gguf) { gguf_set_val_u32(gguf, key.c_str(), value); });
      EXPECT_FALSE(LoadStatus(SpecWith(folder.File("odd.gguf"))).ok()) << key << " " << value;
    }
  }
  RewriteGguf(ProjectorPath("mlp"), folder.File("type.gguf"), [](gguf_context* gguf) {
    gguf_set_val_str(gguf, "clip.projector_type", "unheard-of");
  });
  EXPECT_TRUE(HasReason(LoadStatus(SpecWith(folder.File("type.gguf"))), Reason::kModelLoadFailed));
}

// The encoder by itself, under a clock that stands still.
class PictureEncoderTest : public testing::Test {
 protected:
  void SetUp() override {
    llama_model_params params = llama_model_default_params();
    model_.reset(llama_model_load_from_file(TinyModelPath().c_str(), params));
    ASSERT_NE(model_, nullptr);
    auto projector = PictureProjector::Load(SpecWith(ProjectorPath("mlp")), model_.get(),
                                            {.threads = 2, .gpu = false, .max_rows = 512}, library_,
                                            &clock_, {});
    ASSERT_TRUE(projector.ok()) << projector.status();
    projector_ = *std::move(projector);
    auto image = Image::Make(40, 30, 3);
    ASSERT_TRUE(image.ok());
    for (size_t index = 0; index < image->size_bytes(); ++index) {
      image->data()[index] = static_cast<uint8_t>(index * 11);
    }
    auto pieces = projector_->Split(*image);
    ASSERT_TRUE(pieces.ok()) << pieces.status();
    pieces_ = *std::move(pieces);
  }
  void Begin(CancelToken cancel = {}) {
    const PicturePieces::Piece& piece = pieces_.pieces.front();
    projector_->encoder().Begin(projector_->context(), piece.picture,
                                static_cast<size_t>(piece.tokens) * projector_->width(),
                                std::move(cancel));
  }

  ManualClock clock_;
  LlamaLibrary library_;
  LlamaModelPtr model_;
  // Must outlive what may be encoding them.
  PicturePieces pieces_;
  std::unique_ptr<PictureProjector> projector_;
};

TEST_F(PictureEncoderTest, IsHaltedBetweenOperationsAndGivesTheSame) {
  PictureEncoder& encoder = projector_->encoder();
  Begin();
  EXPECT_TRUE(encoder.Advance(absl::Seconds(1)));
  const auto whole = encoder.Take();
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->size(), 16U * 64U);
  EXPECT_FALSE(encoder.busy());
  Begin();
  int slices = 1;
  while (!encoder.Advance(absl::ZeroDuration())) ++slices;
  EXPECT_GT(slices, 8);
  const auto sliced = encoder.Take();
  ASSERT_TRUE(sliced.ok()) << sliced.status();
  EXPECT_EQ(*sliced, *whole);
}

TEST_F(PictureEncoderTest, ACancelAndAnEndInTheMiddleLeaveItUsable) {
  PictureEncoder& encoder = projector_->encoder();
  Begin();
  encoder.Advance(absl::Seconds(1));
  const auto whole = encoder.Take();
  ASSERT_TRUE(whole.ok());
  CancelSource cancel;
  Begin(cancel.token());
  EXPECT_FALSE(encoder.Advance(absl::ZeroDuration()));
  cancel.Cancel();
  EXPECT_TRUE(encoder.Advance(absl::Seconds(1)));
  EXPECT_TRUE(HasReason(encoder.Take().status(), Reason::kCancelled));
  Begin();
  EXPECT_FALSE(encoder.Advance(absl::ZeroDuration()));
  encoder.Abandon();
  EXPECT_FALSE(encoder.busy());
  Begin();
  encoder.Abandon();
  Begin();
  EXPECT_TRUE(encoder.Advance(absl::Seconds(1)));
  const auto again = encoder.Take();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *whole);
  // And one that is left halted when all goes.
  Begin();
  EXPECT_FALSE(encoder.Advance(absl::ZeroDuration()));
}

}  // namespace
}  // namespace intelligenced
