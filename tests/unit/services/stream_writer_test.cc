// The seven promises of a stream writer, each with its test, on a transport without a network.
#include "services/rpc/stream_writer.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using intelligence::v1::GenerateTextResponse;

GenerateTextResponse Message(std::string text) {
  GenerateTextResponse message;
  message.set_delta(std::move(text));
  return message;
}

std::string TextOf(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string joined;
  for (const grpc::Slice& slice : slices) {
    joined.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  GenerateTextResponse message;
  EXPECT_TRUE(message.ParseFromString(joined));
  return message.delta();
}

// Notes what the writer does and breaks when it breaks a promise.
class FakeTransport final : public WriteTransport {
 public:
  void StartWrite(const grpc::ByteBuffer* message) override {
    EXPECT_EQ(in_flight, nullptr) << "two writes in flight";
    EXPECT_FALSE(finished.has_value()) << "a write after Finish";
    in_flight = message;
    sent.push_back(TextOf(*message));
    if (reenter) reenter();
  }
  void Finish(const absl::Status& status) override {
    EXPECT_EQ(in_flight, nullptr) << "Finish during a write";
    EXPECT_FALSE(finished.has_value()) << "Finish twice";
    finished = status;
    if (reenter) reenter();
  }
  void Abort(const absl::Status& status) override {
    EXPECT_FALSE(finished.has_value());
    aborted = status;
  }

  // The network takes the message.
  void Done(StreamWriter& writer, bool ok = true) {
    ASSERT_NE(in_flight, nullptr);
    EXPECT_EQ(TextOf(*in_flight), sent.back()) << "the message changed while it was written";
    in_flight = nullptr;
    writer.OnWriteDone(ok);
  }

  const grpc::ByteBuffer* in_flight = nullptr;
  std::vector<std::string> sent;
  std::optional<absl::Status> finished;
  std::optional<absl::Status> aborted;
  std::function<void()> reenter;
};

class StreamWriterTest : public testing::Test {
 protected:
  StreamWriterTest() {
    writer_->SetHooks({.set_paused = [this](bool paused) { pauses_.push_back(paused); },
                       .cancel = [this] { ++cancels_; }});
  }

  ManualClock clock_;
  ManualExecutor timer_{&clock_};
  FakeTransport transport_;
  std::shared_ptr<StreamWriter> writer_ =
      std::make_shared<StreamWriter>(&transport_, &clock_, &timer_);
  std::vector<bool> pauses_;
  int cancels_ = 0;
};

TEST_F(StreamWriterTest, OneWriteIsInFlightAtATimeAndOrderIsKept) {
  for (const char* text : {"a", "b", "c"}) writer_->Write(Message(text));
  EXPECT_EQ(transport_.sent, std::vector<std::string>({"a"}));
  transport_.Done(*writer_);
  transport_.Done(*writer_);
  EXPECT_EQ(transport_.sent, std::vector<std::string>({"a", "b", "c"}));
}

TEST_F(StreamWriterTest, MessageStaysUntouchedUntilItsWriteIsDone) {
  writer_->Write(Message("first"));
  const grpc::ByteBuffer* message = transport_.in_flight;
  for (int i = 0; i < 1000; ++i) writer_->Write(Message("later"));
  EXPECT_EQ(transport_.in_flight, message);
  EXPECT_EQ(TextOf(*message), "first");
  writer_->OnCancelled();
  EXPECT_EQ(TextOf(*message), "first");
  transport_.Done(*writer_, false);
}

TEST_F(StreamWriterTest, FinishComesOnce) {
  writer_->Write(Message("a"));
  writer_->End(absl::OkStatus());
  writer_->End(absl::InternalError("again"));
  EXPECT_FALSE(transport_.finished.has_value());
  transport_.Done(*writer_);
  EXPECT_EQ(transport_.finished, absl::OkStatus());
  writer_->Write(Message("late"));
  writer_->OnCancelled();
  writer_->End(absl::OkStatus());
  EXPECT_EQ(transport_.sent.size(), 1u);
}

TEST_F(StreamWriterTest, FinishComesOnlyAfterTheJobHasEnded) {
  writer_->Write(Message("a"));
  writer_->OnCancelled();
  EXPECT_EQ(cancels_, 1);
  transport_.Done(*writer_, false);
  EXPECT_FALSE(transport_.finished.has_value()) << "the job still runs";
  writer_->End(MakeError(Reason::kCancelled, "cancelled"));
  ASSERT_TRUE(transport_.finished.has_value());
  EXPECT_TRUE(HasReason(*transport_.finished, Reason::kCancelled));
}

TEST_F(StreamWriterTest, WhatIsQueuedIsSentBeforeTheEnd) {
  for (const char* text : {"a", "b"}) writer_->Write(Message(text));
  writer_->End(absl::InternalError("broken"));
  transport_.Done(*writer_);
  EXPECT_FALSE(transport_.finished.has_value());
  transport_.Done(*writer_);
  EXPECT_EQ(transport_.finished, absl::InternalError("broken"));
  EXPECT_EQ(transport_.sent.size(), 2u);
}

TEST_F(StreamWriterTest, TransportIsNotTouchedAfterFinish) {
  {
    FakeTransport short_lived;
    auto writer = std::make_shared<StreamWriter>(&short_lived, &clock_, &timer_);
    bool alive = true;
    writer->SetHooks({.set_paused = [](bool) {}, .cancel = [&] { EXPECT_TRUE(alive); }});
    writer->Write(Message("a"));
    writer->End(absl::OkStatus());  // the stall timer is armed
    short_lived.Done(*writer);
    ASSERT_TRUE(short_lived.finished.has_value());
    short_lived = FakeTransport();  // from here on every call would be noted as a fresh one
    alive = false;
    writer->Write(Message("late"));
    writer->OnCancelled();
    timer_.Advance(absl::Minutes(2));
    EXPECT_TRUE(short_lived.sent.empty());
    EXPECT_FALSE(short_lived.finished.has_value());
  }
}

TEST_F(StreamWriterTest, HooksAreDroppedWithTheEndSoThatOwnersAreFreed) {
  auto owner = std::make_shared<int>(1);
  const std::weak_ptr<int> weak = owner;
  auto writer = std::make_shared<StreamWriter>(&transport_, &clock_, &timer_);
  writer->SetHooks({.set_paused = [owner](bool) {}, .cancel = [owner] {}});
  owner.reset();
  EXPECT_FALSE(weak.expired());
  writer->End(absl::OkStatus());
  EXPECT_TRUE(weak.expired());
}

TEST_F(StreamWriterTest, NoLockIsHeldWhenCallingOut) {
  // Every call out comes back in at once; a held lock would be a deadlock.
  transport_.reenter = [&] {
    writer_->Write(Message("from inside"));
    static_cast<void>(writer_->queued_bytes());
  };
  writer_->Write(Message("a"));
  transport_.reenter = [&] { static_cast<void>(writer_->queued_bytes()); };
  transport_.Done(*writer_);
  EXPECT_EQ(transport_.sent, std::vector<std::string>({"a", "from inside"}));
  transport_.Done(*writer_);
  // The cancel hook ends the job from inside, as the scheduler does.
  auto writer = std::make_shared<StreamWriter>(&transport_, &clock_, &timer_);
  writer->SetHooks({.set_paused = [](bool) {},
                    .cancel = [&] { writer->End(MakeError(Reason::kCancelled, "gone")); }});
  writer->OnCancelled();
  EXPECT_TRUE(transport_.finished.has_value());
}

TEST_F(StreamWriterTest, SlowReaderPausesAndResumesTheJob) {
  const std::string kilobyte(1024, 'x');
  for (int i = 0; i < 255; ++i) writer_->Write(Message(kilobyte));
  EXPECT_TRUE(pauses_.empty());
  while (writer_->queued_bytes() < StreamWriter::kPauseBytes) writer_->Write(Message(kilobyte));
  EXPECT_EQ(pauses_, std::vector<bool>({true}));
  while (writer_->queued_bytes() > StreamWriter::kResumeBytes + 2048) transport_.Done(*writer_);
  EXPECT_EQ(pauses_, std::vector<bool>({true})) << "not before half of it is gone";
  transport_.Done(*writer_);
  transport_.Done(*writer_);
  EXPECT_EQ(pauses_, std::vector<bool>({true, false}));
}

// As a call's strand does that handles in the resume what the job's thread brings all the while.
TEST_F(StreamWriterTest, AHookThatWritesUntilItIsPausedReturns) {
  const auto writer = std::make_shared<StreamWriter>(&transport_, &clock_, &timer_);
  const std::string kilobyte(1024, 'x');
  bool paused = false;
  int nested = 0;
  writer->SetHooks({.set_paused =
                        [&](bool pause) {
                          paused = pause;
                          if (pause || nested > 0) return;
                          for (; !paused && nested < 1000; ++nested)
                            writer->Write(Message(kilobyte));
                          writer->End(absl::OkStatus());
                          EXPECT_FALSE(transport_.finished.has_value());
                        },
                    .cancel = [] {}});
  while (!paused) writer->Write(Message(kilobyte));
  while (paused && nested == 0) transport_.Done(*writer);
  EXPECT_TRUE(paused);
  EXPECT_GT(nested, 0);
  EXPECT_LT(nested, 1000);
  while (transport_.in_flight != nullptr) transport_.Done(*writer);
  ASSERT_TRUE(transport_.finished.has_value());
  EXPECT_TRUE(transport_.finished->ok());
}

TEST_F(StreamWriterTest, ReaderThatTakesNothingFor30SecondsIsDropped) {
  writer_->Write(Message(std::string(StreamWriter::kPauseBytes, 'x')));
  EXPECT_EQ(pauses_, std::vector<bool>({true}));
  timer_.Advance(absl::Seconds(29));
  EXPECT_EQ(cancels_, 0);
  timer_.Advance(absl::Seconds(2));
  EXPECT_EQ(cancels_, 1);
  ASSERT_TRUE(transport_.aborted.has_value());
  EXPECT_TRUE(HasReason(*transport_.aborted, Reason::kSlowConsumer));
  EXPECT_FALSE(transport_.finished.has_value());
  transport_.Done(*writer_, false);
  writer_->End(MakeError(Reason::kCancelled, "as told"));
  ASSERT_TRUE(transport_.finished.has_value());
  EXPECT_TRUE(HasReason(*transport_.finished, Reason::kSlowConsumer));
}

TEST_F(StreamWriterTest, ReaderThatTakesALittleIsNotDropped) {
  for (int i = 0; i < 20; ++i) {
    writer_->Write(Message(std::string(StreamWriter::kPauseBytes / 4, 'x')));
  }
  for (int i = 0; i < 10; ++i) {
    timer_.Advance(absl::Seconds(20));
    transport_.Done(*writer_);
  }
  EXPECT_EQ(cancels_, 0);
  EXPECT_FALSE(transport_.aborted.has_value());
}

TEST_F(StreamWriterTest, AnswerThatNobodyFetchesIsDroppedAfterTheJobHasEnded) {
  writer_->Write(Message("short"));
  writer_->End(absl::OkStatus());
  timer_.Advance(absl::Seconds(31));
  EXPECT_TRUE(transport_.aborted.has_value());
  transport_.Done(*writer_, false);
  ASSERT_TRUE(transport_.finished.has_value());
  EXPECT_TRUE(HasReason(*transport_.finished, Reason::kSlowConsumer));
}

TEST_F(StreamWriterTest, FailedWriteEndsTheJobAndDropsTheRest) {
  for (const char* text : {"a", "b", "c"}) writer_->Write(Message(text));
  transport_.Done(*writer_, false);
  EXPECT_EQ(cancels_, 1);
  EXPECT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(writer_->queued_bytes(), 0u);
  writer_->End(MakeError(Reason::kCancelled, "gone"));
  EXPECT_TRUE(transport_.finished.has_value());
}

TEST_F(StreamWriterTest, CancelBeforeTheHooksIsNotLost) {
  auto writer = std::make_shared<StreamWriter>(&transport_, &clock_, &timer_);
  writer->OnCancelled();
  int cancels = 0;
  writer->SetHooks({.set_paused = [](bool) {}, .cancel = [&] { ++cancels; }});
  EXPECT_EQ(cancels, 1);
}

// Named threads: a producer, the network and a canceller at once; TSan and the transport's own
// checks watch.
TEST_F(StreamWriterTest, ThreadsMayComeTogether) {
  class ThreadTransport final : public WriteTransport {
   public:
    void StartWrite(const grpc::ByteBuffer*) override { EXPECT_EQ(writes_.fetch_add(1), 0); }
    void Finish(const absl::Status&) override { EXPECT_EQ(finishes_.fetch_add(1), 0); }
    void Abort(const absl::Status&) override {}
    bool Take() {
      int one = 1;
      return writes_.compare_exchange_strong(one, 0);
    }
    bool finished() const { return finishes_.load() == 1; }

   private:
    std::atomic<int> writes_ = 0;
    std::atomic<int> finishes_ = 0;
  };
  for (int round = 0; round < 50; ++round) {
    ThreadTransport transport;
    auto writer = std::make_shared<StreamWriter>(&transport, &clock_, &timer_);
    std::atomic<bool> cancelled = false;
    writer->SetHooks({.set_paused = [](bool) {}, .cancel = [&] { cancelled = true; }});
    std::thread network([&] {
      while (!transport.finished()) {
        if (transport.Take()) writer->OnWriteDone(!cancelled);
        std::this_thread::yield();
      }
    });
    std::thread producer([&] {
      for (int i = 0; i < 200 && !cancelled; ++i) writer->Write(Message("x"));
      writer->End(absl::OkStatus());
    });
    if (round % 2 == 1) writer->OnCancelled();
    producer.join();
    network.join();
    EXPECT_TRUE(transport.finished());
  }
}

}  // namespace
}  // namespace intelligenced
