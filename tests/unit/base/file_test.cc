#include "runtime/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "runtime/base/reasons.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  const TemporaryFolder temporary_;
  const std::string directory_ = temporary_.path();
};

// Takes so many bytes, then says that the disk is full.
class FullFileSystem : public FileSystem {
 public:
  explicit FullFileSystem(size_t room) : room_(room) {}
  ssize_t Write(int fd, const void* data, size_t size) override {
    if (room_ == 0) {
      errno = ENOSPC;
      return -1;
    }
    const ssize_t put = FileSystem::Write(fd, data, std::min(size, room_));
    if (put > 0) room_ -= static_cast<size_t>(put);
    return put;
  }

 private:
  size_t room_;
};

class BrokenSync : public FileSystem {
 public:
  int Sync(int) override {
    errno = EIO;
    return -1;
  }
};

class BrokenRename : public FileSystem {
 public:
  int Rename(const char*, const char*) override {
    errno = EROFS;
    return -1;
  }
};

TEST_F(FileTest, WritesAndReadsBack) {
  FileSystem files;
  const std::string content("a\0b\n", 4);
  ASSERT_TRUE(WriteFileAtomically(files, Path("x"), content).ok());
  EXPECT_EQ(*ReadFile(Path("x"), 4), content);
  ASSERT_TRUE(WriteFileAtomically(files, Path("x"), "").ok());
  EXPECT_EQ(*ReadFile(Path("x"), 4), "");
  EXPECT_FALSE(std::filesystem::exists(Path("x.tmp")));
}

TEST_F(FileTest, ReadIsBounded) {
  FileSystem files;
  ASSERT_TRUE(WriteFileAtomically(files, Path("x"), std::string(40000, 'x')).ok());
  EXPECT_EQ(ReadFile(Path("x"), 40000)->size(), 40000u);
  EXPECT_TRUE(HasReason(ReadFile(Path("x"), 39999).status(), Reason::kInputTooLarge));
}

TEST_F(FileTest, SaysWhatCannotBeRead) {
  EXPECT_EQ(ReadFile(Path("none"), 1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ReadFile(Path("none"), 1).status().message(), HasSubstr(Path("none")));
  EXPECT_THAT(ReadFile(directory_, 1).status().message(), HasSubstr("not a regular file"));
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(ReadFile(Path("fifo"), 1).status().message(), HasSubstr("not a regular file"));
}

TEST_F(FileTest, AFullDiskLeavesTheOldContent) {
  FileSystem files;
  ASSERT_TRUE(WriteFileAtomically(files, Path("x"), "old").ok());
  FullFileSystem full(10);
  const absl::Status status = WriteFileAtomically(full, Path("x"), std::string(100, 'n'));
  EXPECT_TRUE(HasReason(status, Reason::kDiskFull)) << status;
  EXPECT_EQ(*ReadFile(Path("x"), 100), "old");
  EXPECT_FALSE(std::filesystem::exists(Path("x.tmp")));
}

TEST_F(FileTest, AFailedSyncOrRenameLeavesTheOldContent) {
  FileSystem files;
  ASSERT_TRUE(WriteFileAtomically(files, Path("x"), "old").ok());
  BrokenSync sync;
  EXPECT_FALSE(WriteFileAtomically(sync, Path("x"), "new").ok());
  BrokenRename rename;
  EXPECT_FALSE(WriteFileAtomically(rename, Path("x"), "new").ok());
  EXPECT_EQ(*ReadFile(Path("x"), 100), "old");
  EXPECT_FALSE(std::filesystem::exists(Path("x.tmp")));
}

TEST_F(FileTest, ATemporaryFileThatIsALinkIsNotFollowed) {
  FileSystem files;
  ASSERT_TRUE(WriteFileAtomically(files, Path("victim"), "safe").ok());
  ASSERT_EQ(::symlink(Path("victim").c_str(), Path("x.tmp").c_str()), 0);
  EXPECT_FALSE(WriteFileAtomically(files, Path("x"), "new").ok());
  EXPECT_EQ(*ReadFile(Path("victim"), 100), "safe");
}

TEST_F(FileTest, CreatesFoldersAndSaysWhatIsInTheWay) {
  EXPECT_TRUE(CreateDirectories(Path("a/b/c")).ok());
  EXPECT_TRUE(CreateDirectories(Path("a/b/c")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("a/b/c")));
  FileSystem files;
  ASSERT_TRUE(WriteFileAtomically(files, Path("file"), "").ok());
  EXPECT_THAT(CreateDirectories(Path("file")).message(), HasSubstr("Not a directory"));
  EXPECT_THAT(CreateDirectories(Path("file/below")).message(), HasSubstr("Not a directory"));
}

TEST_F(FileTest, TellsFreeSpace) {
  FileSystem files;
  EXPECT_GT(*files.FreeBytes(directory_), 0u);
  EXPECT_FALSE(files.FreeBytes(Path("none")).ok());
}

}  // namespace
}  // namespace intelligenced
