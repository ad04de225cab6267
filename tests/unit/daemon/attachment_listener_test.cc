// The socket for descriptors, with peers that behave and peers that do not.
#include "daemon/attachment_listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/identity.h"
#include "protos/support/attachment_frame.h"
#include "runtime/base/memory_file.h"
#include "runtime/base/reasons.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

int OpenDescriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// A peer's end. Every call waits for what it asks for.
class Peer {
 public:
  explicit Peer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path.data(), path.size());
    if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      fd_.reset();
    }
  }
  void Send(const std::string& bytes, const std::vector<int>& descriptors = {}) {
    iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(100 * sizeof(int)));
    if (!descriptors.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
      memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
    }
    sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  }
  // The token or the refusal; UNAVAILABLE when the connection ended instead.
  absl::StatusOr<std::string> Answer() {
    std::string header(kAttachmentReplyHeaderBytes, '\0');
    if (!Receive(header)) return absl::UnavailableError("closed");
    std::string body(AttachmentReplyBodyBytes(header).value_or(0), '\0');
    if (!Receive(body)) return absl::UnavailableError("closed");
    return ParseAttachmentReply(header, body);
  }
  absl::StatusOr<std::string> Offer(int descriptor) {
    Send(AttachmentRequest(), {descriptor});
    return Answer();
  }
  bool Closed() {
    std::string byte(1, '\0');
    return !fd_.valid() || !Receive(byte);
  }
  void Leave() { fd_.reset(); }

 private:
  bool Receive(std::string& bytes) {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t got = recv(fd_.get(), bytes.data() + done, bytes.size() - done, 0);
      if (got <= 0) return false;
      done += static_cast<size_t>(got);
    }
    return true;
  }
  UniqueFd fd_;
};

class AttachmentListenerTest : public ::testing::Test {
 protected:
  AttachmentListenerTest() {
    path_ = folder_ + "/d.sock.fd";
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    self_ = IdentifyPeer(ends[0])->id();
    close(ends[0]);
    close(ends[1]);
  }
  ~AttachmentListenerTest() override { listener_.reset(); }
  void Listen(AttachmentListenerOptions options = {}) {
    listener_.reset();
    absl::StatusOr<ListeningSocket> socket =
        ListeningSocket::Open({.path = path_, .mode = std::nullopt, .group = "", .locked = false});
    ASSERT_TRUE(socket.ok()) << socket.status();
    listener_ = std::make_unique<AttachmentListener>(*std::move(socket), options, &table_, &copier_,
                                                     &clock_, &log_);
  }
  std::string MakeFile(const std::string& content) {
    const std::string path = folder_ + "/file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string Redeem(const std::string& token) {
    const auto taken = table_.Take(self_, token);
    if (!taken.ok()) return std::string(taken.status().message());
    const auto mapping = (*taken)->Map();
    return std::string(mapping->bytes().begin(), mapping->bytes().end());
  }
  static UniqueFd Sealed(const std::string& text) { return *MakeSealedCopy(text); }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  std::string path_;
  std::string self_;
  SystemClock clock_;
  Log log_{LogLevel::kError, false};
  AttachmentTable table_{{.app = {.count = 4, .bytes = 1 << 20}}, &clock_};
  ThreadPool copier_{"copy", 1};
  std::unique_ptr<AttachmentListener> listener_;
};

TEST_F(AttachmentListenerTest, SealedMemoryAndFilesAreTaken) {
  Listen();
  Peer peer(path_);
  const absl::StatusOr<std::string> memory = peer.Offer(Sealed("in memory").get());
  ASSERT_TRUE(memory.ok()) << memory.status();
  const std::string path = MakeFile("in a file");
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // Where the file's own position is does not matter.
  lseek(file.get(), 5, SEEK_SET);
  const absl::StatusOr<std::string> copied = peer.Offer(file.get());
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), 5);
  EXPECT_NE(*memory, *copied);
  // What happens to the file from now on does not matter either.
  EXPECT_EQ(truncate(path.c_str(), 0), 0);
  EXPECT_EQ(Redeem(*copied), "in a file");
  EXPECT_EQ(Redeem(*memory), "in memory");
}

#ifdef __linux__
TEST_F(AttachmentListenerTest, MemoryThatIsNotSealedIsCopied) {
  Listen();
  const UniqueFd memory = *MakeMemoryFile(4);
  ASSERT_EQ(pwrite(memory.get(), "then", 4, 0), 4);
  const absl::StatusOr<std::string> token = Peer(path_).Offer(memory.get());
  ASSERT_TRUE(token.ok()) << token.status();
  ASSERT_EQ(pwrite(memory.get(), "now!", 4, 0), 4);
  EXPECT_EQ(Redeem(*token), "then");
}

TEST_F(AttachmentListenerTest, WrongKindsAreRefusedWithWordsAndTheConnectionGoesOn) {
  Listen();
  Peer peer(path_);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  const UniqueFd folder(open(folder_.c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd device(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const std::string path = MakeFile("text");
  const UniqueFd write_only(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const UniqueFd path_only(open(path.c_str(), O_PATH | O_CLOEXEC));
  const UniqueFd empty = *MakeMemoryFile(0);
  const UniqueFd made_up(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  const struct {
    int descriptor;
    std::string words;
  } cases[] = {{read_end.get(), "pipe"},        {folder.get(), "folder"},
               {socket_fd.get(), "socket"},     {device.get(), "device"},
               {write_only.get(), "reading"},   {path_only.get(), "reading"},
               {empty.get(), "nothing in the"}, {made_up.get(), "file system"}};
  for (const auto& one : cases) {
    const absl::Status status = peer.Offer(one.descriptor).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_NE(status.message().find(one.words), std::string::npos) << status;
  }
  EXPECT_TRUE(peer.Offer(Sealed("good").get()).ok());
}

TEST_F(AttachmentListenerTest, WhatIsTooLargeIsRefusedUnread) {
  Listen();
  Peer peer(path_);
  const UniqueFd memory = *MakeMemoryFile((size_t{256} << 20) + 1);
  ASSERT_TRUE(SealMemoryFile(memory).ok());
  EXPECT_TRUE(HasReason(peer.Offer(memory.get()).status(), Reason::kInputTooLarge));
  const UniqueFd file = *MakeMemoryFile((size_t{64} << 20) + 1);
  EXPECT_TRUE(HasReason(peer.Offer(file.get()).status(), Reason::kInputTooLarge));
}
#endif

TEST_F(AttachmentListenerTest, ExactlyOneDescriptorComesWithARequest) {
  Listen();
  const UniqueFd memory = Sealed("one");
  const int before = OpenDescriptors();
  Peer peer(path_);
  peer.Send(AttachmentRequest());
  EXPECT_TRUE(HasReason(peer.Answer().status(), Reason::kFieldInvalid));
  peer.Send(AttachmentRequest(), {memory.get(), memory.get()});
  EXPECT_TRUE(HasReason(peer.Answer().status(), Reason::kFieldInvalid));
  peer.Send(AttachmentRequest(), std::vector<int>(60, memory.get()));
  EXPECT_TRUE(HasReason(peer.Answer().status(), Reason::kFieldInvalid));
  // Two in two parts of a request.
  peer.Send(AttachmentRequest().substr(0, 3), {memory.get()});
  peer.Send(AttachmentRequest().substr(3), {memory.get()});
  EXPECT_TRUE(HasReason(peer.Answer().status(), Reason::kFieldInvalid));
  // One that comes with the end is as good.
  peer.Send(AttachmentRequest().substr(0, 3));
  peer.Send(AttachmentRequest().substr(3), {memory.get()});
  EXPECT_TRUE(peer.Answer().ok());
  // The peer's end, the daemon's, and the one in the table.
  EXPECT_EQ(OpenDescriptors(), before + 3);
}

TEST_F(AttachmentListenerTest, RequestsMayComeAllAtOnce) {
  Listen();
  Peer peer(path_);
  for (const char* text : {"first", "second", "third"}) {
    peer.Send(AttachmentRequest(), {Sealed(text).get()});
  }
  for (const char* text : {"first", "second", "third"}) {
    const absl::StatusOr<std::string> token = peer.Answer();
    ASSERT_TRUE(token.ok());
    EXPECT_EQ(Redeem(*token), text);
  }
}

TEST_F(AttachmentListenerTest, GarbageEndsTheConnection) {
  Listen();
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("IAT\2\0\0\0\0", 8),
        std::string("IAT\1\0\0\0\1", 8), std::string(1000, '\0')}) {
    Peer peer(path_);
    peer.Send(bytes, {Sealed("x").get()});
    EXPECT_TRUE(HasReason(peer.Answer().status(), Reason::kFieldInvalid));
    EXPECT_TRUE(peer.Closed());
  }
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(AttachmentListenerTest, HalfARequestLeavesNothingBehind) {
  Listen();
  Peer(path_).Offer(Sealed("warm").get()).IgnoreError();
  const UniqueFd memory = Sealed("half");
  const int before = OpenDescriptors();
  for (int i = 0; i < 100; ++i) {
    Peer peer(path_);
    peer.Send(AttachmentRequest().substr(0, 5), {memory.get()});
  }
  // The answer to this one comes after all of those were read to their ends.
  Peer last(path_);
  last.Send(AttachmentRequest());
  EXPECT_FALSE(last.Answer().ok());
  last.Leave();
  listener_->Stop();
  EXPECT_LE(OpenDescriptors(), before);
}

TEST_F(AttachmentListenerTest, WhoIsIdleIsLetGo) {
  Listen({.idle = absl::Milliseconds(20)});
  Peer silent(path_);
  EXPECT_TRUE(silent.Closed());
  Peer slow(path_);
  slow.Send(AttachmentRequest().substr(0, 1), {Sealed("x").get()});
  EXPECT_TRUE(slow.Closed());
}

TEST_F(AttachmentListenerTest, ConnectionsAreBounded) {
  Listen({.max_connections = 3, .max_connections_per_user = 2});
  Peer first(path_), second(path_);
  EXPECT_TRUE(first.Offer(Sealed("x").get()).ok());
  EXPECT_TRUE(second.Offer(Sealed("x").get()).ok());
  for (int i = 0; i < 1000; ++i) {
    Peer third(path_);
    EXPECT_TRUE(third.Closed());
  }
  // Those that are in go on, and who leaves makes room.
  EXPECT_TRUE(first.Offer(Sealed("x").get()).ok());
  second.Leave();
  bool in = false;
  for (int i = 0; i < 1000 && !in; ++i) {
    Peer again(path_);
    again.Send(AttachmentRequest());
    in = HasReason(again.Answer().status(), Reason::kFieldInvalid);
  }
  EXPECT_TRUE(in);
}

TEST_F(AttachmentListenerTest, RequestsOfAConnectionAreBounded) {
  Listen({.max_requests = 2});
  Peer peer(path_);
  EXPECT_TRUE(peer.Offer(Sealed("x").get()).ok());
  EXPECT_TRUE(peer.Offer(Sealed("x").get()).ok());
  EXPECT_TRUE(peer.Closed());
}

TEST_F(AttachmentListenerTest, AnAppHasNoMoreThanItsShare) {
  Listen();
  Peer peer(path_);
  std::vector<std::string> tokens;
  for (int i = 0; i < 4; ++i) tokens.push_back(peer.Offer(Sealed("x").get()).value_or(""));
  EXPECT_TRUE(HasReason(peer.Offer(Sealed("x").get()).status(), Reason::kClientQuotaExceeded));
  EXPECT_EQ(Redeem(tokens[0]), "x");
  EXPECT_TRUE(peer.Offer(Sealed("x").get()).ok());
  // Nothing more is set aside for what was refused.
  const UniqueFd large = Sealed(std::string((1 << 20) + 1, 'x'));
  EXPECT_TRUE(HasReason(peer.Offer(large.get()).status(), Reason::kClientQuotaExceeded));
}

TEST_F(AttachmentListenerTest, WhoLeavesBeforeTheCopyIsMadeHoldsNothing) {
  Listen();
  const UniqueFd file(open(MakeFile(std::string(100'000, 'x')).c_str(), O_RDONLY | O_CLOEXEC));
  for (int i = 0; i < 50; ++i) {
    Peer peer(path_);
    peer.Send(AttachmentRequest(), {file.get()});
    peer.Leave();
  }
  listener_->Stop();
  // All room is there again, but for those that got a token.
  EXPECT_LE(table_.size(), 4u);
}

TEST_F(AttachmentListenerTest, StopEndsTheConnectionsAndTakesTheSocketAway) {
  Listen();
  Peer peer(path_);
  EXPECT_TRUE(peer.Offer(Sealed("x").get()).ok());
  listener_->Stop();
  EXPECT_TRUE(peer.Closed());
  EXPECT_FALSE(std::filesystem::exists(path_));
  listener_->Stop();
}

}  // namespace
}  // namespace intelligenced
