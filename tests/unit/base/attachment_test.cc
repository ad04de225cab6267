// Descriptors that stand for bytes.
#include "runtime/base/attachment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

std::string TextOf(const Attachment& attachment) {
  const absl::StatusOr<SealedMapping> mapping = attachment.Map();
  EXPECT_TRUE(mapping.ok()) << mapping.status();
  return mapping.ok() ? std::string(mapping->bytes().begin(), mapping->bytes().end()) : "";
}

TEST(AttachmentTest, ACopyHoldsTheBytesWithoutEnd) {
  const std::string bytes(300'001, 'x');
  const auto attachment = Attachment::Copy(bytes);
  ASSERT_TRUE(attachment.ok()) << attachment.status();
  EXPECT_EQ((*attachment)->size(), bytes.size());
  EXPECT_EQ(TextOf(**attachment), bytes);
  EXPECT_TRUE(HasReason(Attachment::Copy("").status(), Reason::kFieldInvalid));
}

TEST(AttachmentTest, AMappingOutlivesTheDescriptor) {
  auto attachment = Attachment::Copy("still here");
  ASSERT_TRUE(attachment.ok());
  const absl::StatusOr<SealedMapping> mapping = (*attachment)->Map();
  attachment->reset();
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(std::string(mapping->bytes().begin(), mapping->bytes().end()), "still here");
}

TEST(AttachmentTest, OneThatIsSharedIsClosedOnce) {
  auto attachment = Attachment::Copy("shared");
  ASSERT_TRUE(attachment.ok());
  const int number = (*attachment)->descriptor();
  const Attachments several = {*attachment, *attachment};
  attachment->reset();
  EXPECT_GE(fcntl(number, F_GETFD), 0);
  EXPECT_EQ(TextOf(*several[1]), "shared");
}

#ifdef __linux__
UniqueFd Memory(size_t size, int seals) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  if (seals != 0) {
    EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  }
  return fd;
}

TEST(AttachmentTest, OnlyWhatCannotChangeIsTaken) {
  constexpr int kAll = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  EXPECT_TRUE(Attachment::Take(Memory(10, kAll)).ok());
  EXPECT_TRUE(Attachment::Take(Memory(10, kAll | F_SEAL_SEAL)).ok());
  for (const int seals :
       {0, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_WRITE}) {
    EXPECT_TRUE(HasReason(Attachment::Take(Memory(10, seals)).status(), Reason::kFieldInvalid))
        << seals;
  }
  EXPECT_FALSE(Attachment::Take(Memory(0, kAll)).ok());
  EXPECT_FALSE(Attachment::Take(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC))).ok());
  EXPECT_FALSE(Attachment::Take(UniqueFd()).ok());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(Attachment::Take(UniqueFd(ends[0])).ok());
  close(ends[1]);
}

TEST(AttachmentTest, MemoryCannotBeSealedWhileSomebodyMayWriteToIt) {
  const absl::StatusOr<UniqueFd> fd = MakeMemoryFile(4096);
  ASSERT_TRUE(fd.ok());
  void* const mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_FALSE(SealMemoryFile(*fd).ok());
  munmap(mapped, 4096);
  EXPECT_TRUE(SealMemoryFile(*fd).ok());
  EXPECT_TRUE(IsSealedMemory(fd->get()));
}
#endif

}  // namespace
}  // namespace intelligenced
