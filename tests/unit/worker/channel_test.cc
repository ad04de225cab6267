#include "runtime/worker/channel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/base/memory_file.h"
#include "runtime/base/reasons.h"
#include "runtime/worker/wire_check.h"

namespace intelligenced {
namespace {

namespace proto = ::intelligence::engine::v1;

proto::WorkReply ReplyWithText(const std::string& text) {
  proto::WorkReply reply;
  reply.set_sequence(7);
  reply.mutable_step()->add_outputs()->add_events()->set_delta(text);
  return reply;
}

std::string TextOf(const proto::WorkReply& reply) {
  return reply.step().outputs(0).events(0).delta();
}

int OpenDescriptors() {
  int count = 0;
  for (int i = 0; i < 256; ++i) count += fcntl(i, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

class ChannelTest : public testing::Test {
 protected:
  ChannelTest() {
    auto pair = MakeSocketPair();
    EXPECT_TRUE(pair.ok());
    a_ = std::make_unique<FrameChannel>(std::move(pair->first), limits_);
    raw_ = std::move(pair->second);
  }

  // The other end as a channel of its own.
  FrameChannel& b() {
    if (b_ == nullptr) b_ = std::make_unique<FrameChannel>(std::move(raw_));
    return *b_;
  }

  std::string Header(uint32_t size, uint8_t flags = 0, uint8_t attachments = 0) {
    std::string header("ILF\1\0\0\0\0\0\0\0\0", kFrameHeaderBytes);
    header[4] = static_cast<char>(flags);
    header[5] = static_cast<char>(attachments);
    for (int i = 0; i < 4; ++i) header[8 + i] = static_cast<char>(size >> (8 * i));
    return header;
  }

  void SendRaw(const std::string& bytes, const std::vector<int>& descriptors = {}) {
    iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(200 * sizeof(int)));
    if (!descriptors.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
      memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
    }
    ASSERT_EQ(sendmsg(raw_.get(), &message, 0), static_cast<ssize_t>(bytes.size()));
  }

  absl::Status ReceiveAtA() {
    proto::WorkReply reply;
    return a_->Receive(&reply);
  }
  absl::Status ReceiveAttachedAtA(std::vector<UniqueFd>* attachments) {
    proto::WorkReply reply;
    return a_->Receive(&reply, attachments);
  }
  // As a worker reads: a few attachments are welcome.
  void Welcome(size_t attachments) {
    limits_.max_attachments = attachments;
    auto pair = MakeSocketPair();
    a_ = std::make_unique<FrameChannel>(std::move(pair->first), limits_);
    raw_ = std::move(pair->second);
  }

  FrameLimits limits_ = {.max_bytes = size_t{32} << 20, .max_parts = 10'000};
  std::unique_ptr<FrameChannel> a_;
  std::unique_ptr<FrameChannel> b_;
  UniqueFd raw_;
};

TEST_F(ChannelTest, CarriesSmallAndEmptyMessages) {
  ASSERT_TRUE(a_->Send(ReplyWithText("grüße")).ok());
  ASSERT_TRUE(a_->Send(proto::WorkReply()).ok());
  proto::WorkReply reply;
  ASSERT_TRUE(b().Receive(&reply).ok());
  EXPECT_EQ(TextOf(reply), "grüße");
  ASSERT_TRUE(b().Receive(&reply).ok());
  EXPECT_EQ(reply.ByteSizeLong(), 0u);
}

TEST_F(ChannelTest, CarriesEverySizeAroundTheInlineLimit) {
  for (const size_t size : {kMaxInlineBytes - 100, kMaxInlineBytes - 20, kMaxInlineBytes - 16,
                            kMaxInlineBytes, kMaxInlineBytes + 1, size_t{12} << 20}) {
    const proto::WorkReply sent = ReplyWithText(std::string(size, 'y'));
    std::thread sender([&] { EXPECT_TRUE(a_->Send(sent).ok()); });
    proto::WorkReply reply;
    EXPECT_TRUE(b().Receive(&reply).ok());
    sender.join();
    EXPECT_EQ(TextOf(reply).size(), size);
  }
}

TEST_F(ChannelTest, LargeMessagesDoNotNeedAReader) {
  // They are in the memory file, not in the socket's buffer.
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(a_->Send(ReplyWithText(std::string(1 << 20, 'z'))).ok());
  }
  for (int i = 0; i < 10; ++i) {
    proto::WorkReply reply;
    ASSERT_TRUE(b().Receive(&reply).ok());
    EXPECT_EQ(TextOf(reply).size(), size_t{1} << 20);
  }
}

TEST_F(ChannelTest, LeavesNoDescriptorBehind) {
  const int before = OpenDescriptors();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(a_->Send(ReplyWithText(std::string(100'000, 'z'))).ok());
    proto::WorkReply reply;
    ASSERT_TRUE(b().Receive(&reply).ok());
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(ChannelTest, PutsFragmentsTogether) {
  std::string body;
  ReplyWithText("slowly").SerializeToString(&body);
  const std::string frame = Header(body.size()) + body;
  std::thread sender([&] {
    for (const char byte : frame) SendRaw(std::string(1, byte));
  });
  proto::WorkReply reply;
  EXPECT_TRUE(a_->Receive(&reply).ok());
  sender.join();
  EXPECT_EQ(TextOf(reply), "slowly");
}

TEST_F(ChannelTest, ATooLargeMessageIsRefusedAndTheChannelLivesOn) {
  const absl::Status status = a_->Send(ReplyWithText(std::string(limits_.max_bytes, 'x')));
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  ASSERT_TRUE(a_->Send(ReplyWithText("still here")).ok());
  proto::WorkReply reply;
  ASSERT_TRUE(b().Receive(&reply).ok());
  EXPECT_EQ(TextOf(reply), "still here");
}

TEST_F(ChannelTest, TrySendStopsAtAFullSocketWithoutHarm) {
  int sent = 0;
  while (true) {
    const absl::StatusOr<bool> fit = a_->TrySend(ReplyWithText("x"));
    ASSERT_TRUE(fit.ok());
    if (!*fit) break;
    ++sent;
    ASSERT_LT(sent, 1'000'000);
  }
  for (int i = 0; i < sent; ++i) {
    proto::WorkReply reply;
    ASSERT_TRUE(b().Receive(&reply).ok());
  }
}

TEST_F(ChannelTest, TheEndIsAnError) {
  raw_.reset();
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
  EXPECT_TRUE(HasReason(a_->Send(ReplyWithText("x")), Reason::kWorkerLost));
}

TEST_F(ChannelTest, TheEndAmidAFrameIsAnError) {
  SendRaw(Header(100) + "abc");
  raw_.reset();
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
}

TEST_F(ChannelTest, ShutdownEndsAReceiveThatWaits) {
  std::thread reader([&] { EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost)); });
  a_->Shutdown();
  reader.join();
}

TEST_F(ChannelTest, HostileHeadersAreRefused) {
  std::string wrong_version = Header(0);
  wrong_version[3] = 2;
  std::string reserved = Header(0);
  reserved[6] = 1;
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n"), wrong_version, reserved, Header(0, 2), Header(0, 0xff),
        Header(0xffffffff), Header(limits_.max_bytes + 1), Header(kMaxInlineBytes + 1),
        Header(100'000, 1)}) {
    auto pair = MakeSocketPair();
    a_ = std::make_unique<FrameChannel>(std::move(pair->first), limits_);
    raw_ = std::move(pair->second);
    SendRaw(bytes);
    EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
  }
}

TEST_F(ChannelTest, BytesThatAreNoMessageAreRefused) {
  SendRaw(Header(3) + "\xff\xff\xff");
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
}

TEST_F(ChannelTest, AMessageThatWouldBlowUpIsRefused) {
  // 20,000 empty outputs in 40 kB.
  std::string outputs;
  for (int i = 0; i < 20'000; ++i) outputs += std::string("\x0a\x00", 2);
  proto::WorkReply outer;
  outer.mutable_step();
  std::string body = "\x22";
  for (size_t left = outputs.size(); left > 0; left >>= 7) {
    body += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
  }
  body += outputs;
  ASSERT_TRUE(outer.ParseFromString(body));
  ASSERT_EQ(outer.step().outputs_size(), 20'000);
  SendRaw(Header(body.size()) + body);
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
}

TEST_F(ChannelTest, UnexpectedDescriptorsAreRefusedAndClosed) {
  const int before = OpenDescriptors();
  SendRaw(Header(0), {raw_.get()});
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(ChannelTest, DescriptorsWithABodyAreRefusedAndClosed) {
  const int before = OpenDescriptors();
  SendRaw(Header(4));
  SendRaw("abcd", {raw_.get(), raw_.get()});
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(ChannelTest, AFloodOfDescriptorsIsRefusedAndClosed) {
  const int before = OpenDescriptors();
  SendRaw(Header(100'000, 1), std::vector<int>(12, raw_.get()));
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
  EXPECT_EQ(OpenDescriptors(), before);
}

UniqueFd Memory(const std::string& text) { return *MakeSealedCopy(text); }

std::string TextIn(const UniqueFd& fd) {
  std::string text(100, '\0');
  text.resize(pread(fd.get(), text.data(), text.size(), 0));
  return text;
}

TEST_F(ChannelTest, AttachmentsComeInTheirOrderWithEveryKindOfBody) {
  Welcome(3);
  const int before = OpenDescriptors();
  for (const size_t size : {size_t{1}, size_t{200'000}}) {
    const UniqueFd first = Memory("first"), second = Memory("second");
    ASSERT_TRUE(b().Send(ReplyWithText(std::string(size, 'x')), {first.get(), second.get()}).ok());
    std::vector<UniqueFd> attachments;
    proto::WorkReply reply;
    ASSERT_TRUE(a_->Receive(&reply, &attachments).ok());
    EXPECT_EQ(TextOf(reply).size(), size);
    ASSERT_EQ(attachments.size(), 2u);
    EXPECT_EQ(TextIn(attachments[0]), "first");
    EXPECT_EQ(TextIn(attachments[1]), "second");
    EXPECT_NE(fcntl(attachments[0].get(), F_GETFD) & FD_CLOEXEC, 0);
    // The next frame has none.
    ASSERT_TRUE(b().Send(ReplyWithText("x")).ok());
    ASSERT_TRUE(a_->Receive(&reply, &attachments).ok());
    EXPECT_TRUE(attachments.empty());
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(ChannelTest, AttachmentsThatNobodyAskedForAreRefusedAndClosed) {
  const int before = OpenDescriptors();
  SendRaw(Header(0, 0, 1), {raw_.get()});
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(ChannelTest, AttachmentsOtherThanTheHeaderSaysAreRefusedAndClosed) {
  struct Case {
    uint8_t said;
    size_t sent;
  };
  for (const auto& [said, sent] :
       {Case{2, 1}, Case{1, 2}, Case{1, 0}, Case{0, 1}, Case{4, 4}, Case{255, 3}, Case{3, 150}}) {
    Welcome(3);
    const int before = OpenDescriptors();
    SendRaw(Header(0, 0, said), std::vector<int>(sent, raw_.get()));
    std::vector<UniqueFd> attachments;
    EXPECT_TRUE(HasReason(ReceiveAttachedAtA(&attachments), Reason::kWorkerLost))
        << int{said} << " said, " << sent << " sent";
    attachments.clear();
    EXPECT_EQ(OpenDescriptors(), before);
  }
}

TEST_F(ChannelTest, AsManyAttachmentsAsAFrameTakes) {
  Welcome(kMaxFrameAttachments);
  const UniqueFd memory = Memory("many");
  const std::vector<int> most(kMaxFrameAttachments, memory.get());
  const proto::WorkReply large = ReplyWithText(std::string(200'000, 'x'));
  ASSERT_TRUE(b().Send(large, most).ok());
  std::vector<UniqueFd> attachments;
  ASSERT_TRUE(ReceiveAttachedAtA(&attachments).ok());
  EXPECT_EQ(attachments.size(), kMaxFrameAttachments);
  EXPECT_EQ(TextIn(attachments.back()), "many");
  const std::vector<int> too_many(kMaxFrameAttachments + 1, memory.get());
  EXPECT_TRUE(HasReason(b().Send(large, too_many), Reason::kInputTooLarge));
  ASSERT_TRUE(b().Send(ReplyWithText("still here")).ok());
  EXPECT_TRUE(ReceiveAttachedAtA(&attachments).ok());
}

#ifdef __linux__
TEST_F(ChannelTest, APayloadThatIsNotSealedIsRefused) {
  const UniqueFd file(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(file.get(), 100'000), 0);
  SendRaw(Header(100'000, 1), {file.get()});
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
}

TEST_F(ChannelTest, APayloadSealedAgainstWritingOnlyIsRefused) {
  // It could still be cut short, and reading it would end the daemon with SIGBUS.
  const UniqueFd file(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(file.get(), 100'000), 0);
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  SendRaw(Header(100'000, 1), {file.get()});
  EXPECT_TRUE(HasReason(ReceiveAtA(), Reason::kWorkerLost));
}

TEST(MemoryFileTest, CannotBeChangedOnceMade) {
  auto file = MakeSealedFile(1000, [](absl::Span<uint8_t> bytes) {
    bytes[0] = 42;
    return true;
  });
  ASSERT_TRUE(file.ok());
  EXPECT_LT(write(file->get(), "x", 1), 0);
  EXPECT_LT(ftruncate(file->get(), 10), 0);
  EXPECT_LT(fcntl(file->get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  auto mapping = SealedMapping::Open(*file, 1000);
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(mapping->bytes()[0], 42);
}
#endif

TEST(MemoryFileTest, AWrongSizeIsRefused) {
  auto file = MakeSealedFile(1000, [](absl::Span<uint8_t>) { return true; });
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE(SealedMapping::Open(*file, 1001).ok());
  EXPECT_FALSE(SealedMapping::Open(*file, 4097).ok());
}

TEST(MemoryFileTest, AFailedFillIsAnError) {
  EXPECT_FALSE(MakeSealedFile(10, [](absl::Span<uint8_t>) { return false; }).ok());
}

}  // namespace
}  // namespace intelligenced
