#include "runtime/models/blob_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"
#include "runtime/models/sha256.h"

namespace intelligenced {
namespace {

constexpr std::string_view kBlobPrefix = "sha256-";
constexpr std::string_view kImportPrefix = "import-";
constexpr size_t kHashChunkBytes = size_t{1} << 20;

absl::Status WrongHash(std::string_view wanted, std::string_view got) {
  return MakeError(
      Reason::kModelCorrupt,
      absl::StrCat("The file's SHA-256 is ", got, ", not ", wanted,
                   ". It was discarded; get it again, or check where it comes from."),
      {.metadata = {{"expected_sha256", std::string(wanted)}, {"actual_sha256", std::string(got)}},
       .retry_delay = {},
       .field = {}});
}

}  // namespace

class BlobFolder::Writer final : public BlobWriter {
 public:
  Writer(BlobFolder* folder, UniqueFd file, std::string path, uint64_t size, std::string sha256)
      : folder_(folder),
        file_(std::move(file)),
        path_(std::move(path)),
        size_(size),
        sha256_(std::move(sha256)) {}

  ~Writer() override { Discard(); }

  absl::Status Append(std::string_view bytes) override {
    if (!status_.ok()) return status_;
    if (bytes.size() > size_ - written_) {
      return Abandon(MakeError(
          Reason::kModelCorrupt,
          absl::StrCat("More than the announced ", size_, " bytes came. The file was discarded.")));
    }
    absl::Status status = WriteAll(*folder_->files_, file_.get(), bytes, path_);
    if (HasReason(status, Reason::kDiskFull)) {
      Discard();  // first: what this file took is room again
      absl::Status room = folder_->CheckRoom(size_);
      status = room.ok() ? MakeError(Reason::kDiskFull,
                                     absl::StrCat("The disk is full: ", status.message(),
                                                  ". Make room and try again."),
                                     {.metadata = {{"needed_bytes", absl::StrCat(size_)}},
                                      .retry_delay = {},
                                      .field = {}})
                         : room;
    }
    if (!status.ok()) return Abandon(status);
    hash_.Update(bytes);
    written_ += bytes.size();
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Commit() override {
    if (!status_.ok()) return status_;
    if (written_ != size_) {
      return Abandon(
          MakeError(Reason::kModelCorrupt,
                    absl::StrCat("Only ", written_, " of the announced ", size_,
                                 " bytes came. The file was discarded; send it again.")));
    }
    const std::string got = hash_.Finish();
    if (!sha256_.empty() && got != sha256_) return Abandon(WrongHash(sha256_, got));
    if (folder_->files_->Sync(file_.get()) != 0) {
      return Abandon(FileError(errno, "cannot sync", path_));
    }
    if (absl::Status status = folder_->MakeBlob(path_, got); !status.ok()) return Abandon(status);
    path_.clear();
    status_ = absl::FailedPreconditionError("The blob is finished.");
    return got;
  }

 private:
  void Discard() {
    file_.reset();
    if (!path_.empty()) ::unlink(path_.c_str());
    path_.clear();
  }
  absl::Status Abandon(absl::Status status) {
    Discard();
    status_ = status;
    return status;
  }

  BlobFolder* const folder_;
  UniqueFd file_;
  std::string path_;  // empty once it is a blob or gone
  const uint64_t size_;
  const std::string sha256_;
  uint64_t written_ = 0;
  Sha256 hash_;
  absl::Status status_;
};

std::string BlobFolder::BlobPath(std::string_view sha256) const {
  return absl::StrCat(root_, "/blobs/", kBlobPrefix, sha256);
}

std::string BlobFolder::PartialPath(std::string_view sha256) const {
  return absl::StrCat(root_, "/partial/", kBlobPrefix, sha256);
}

bool BlobFolder::Has(std::string_view sha256) const {
  struct stat info;
  return IsSha256(sha256) && ::lstat(BlobPath(sha256).c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

absl::Status BlobFolder::CheckRoom(uint64_t bytes) const {
  const absl::StatusOr<uint64_t> free = files_->FreeBytes(root_);
  // A file system that cannot tell is not a full one.
  if (!free.ok() || *free >= bytes) return absl::OkStatus();
  return MakeError(Reason::kDiskFull,
                   absl::StrCat("The disk of the model store has ", *free, " bytes free; ", bytes,
                                " are needed. Make room and try again."),
                   {.metadata = {{"needed_bytes", absl::StrCat(bytes)},
                                 {"available_bytes", absl::StrCat(*free)}},
                    .retry_delay = {},
                    .field = {}});
}

absl::StatusOr<std::unique_ptr<BlobWriter>> BlobFolder::NewBlob(uint64_t size_bytes,
                                                                std::string_view sha256) {
  if (size_bytes == 0) return FieldError("size_bytes", "A model's file cannot be empty.");
  if (!sha256.empty() && !IsSha256(sha256)) {
    return FieldError("sha256", "It must be 64 lower-case hexadecimal digits.");
  }
  if (absl::Status status = CheckRoom(size_bytes); !status.ok()) return status;
  std::string path = absl::StrCat(root_, "/partial/", kImportPrefix, "XXXXXX");
  UniqueFd file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return FileError(errno, "cannot create a file in", root_ + "/partial");
  return std::make_unique<Writer>(this, std::move(file), std::move(path), size_bytes,
                                  std::string(sha256));
}

absl::Status BlobFolder::AdoptPartial(std::string_view sha256, const CancelToken& cancel,
                                      absl::AnyInvocable<void(uint64_t)> progress) {
  if (!IsSha256(sha256)) return FieldError("sha256", "It must be 64 hexadecimal digits.");
  const std::string path = PartialPath(sha256);
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return FileError(errno, "cannot open", path);
  Sha256 hash;
  std::vector<char> buffer(kHashChunkBytes);
  uint64_t done = 0;
  while (true) {
    if (cancel.cancelled()) {
      return MakeError(Reason::kCancelled, "The verification was cancelled.");
    }
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "cannot read", path);
    if (got == 0) break;
    hash.Update(std::string_view(buffer.data(), static_cast<size_t>(got)));
    done += static_cast<uint64_t>(got);
    if (progress) progress(done);
  }
  if (const std::string got = hash.Finish(); got != sha256) {
    ::unlink(path.c_str());
    return WrongHash(sha256, got);
  }
  if (files_->Sync(file.get()) != 0) return FileError(errno, "cannot sync", path);
  return MakeBlob(path, sha256);
}

absl::Status BlobFolder::MakeBlob(const std::string& path, std::string_view sha256) {
  ::chmod(path.c_str(), 0444);
  // Kept before it is there, so that no removal comes in between.
  {
    absl::MutexLock lock(mutex_);
    ++kept_[std::string(sha256)];
  }
  absl::Status status;
  if (files_->Rename(path.c_str(), BlobPath(sha256).c_str()) != 0) {
    status = FileError(errno, "cannot move a file into", root_ + "/blobs");
  } else {
    status = SyncDirectory(*files_, root_ + "/blobs");
  }
  if (!status.ok()) Release(sha256);
  return status;
}

bool BlobFolder::Keep(std::string_view sha256) {
  absl::MutexLock lock(mutex_);
  if (!Has(sha256)) return false;
  ++kept_[std::string(sha256)];
  return true;
}

bool BlobFolder::Release(std::string_view sha256) {
  absl::MutexLock lock(mutex_);
  const auto found = kept_.find(sha256);
  if (found == kept_.end()) return true;
  if (--found->second > 0) return false;
  kept_.erase(found);
  return true;
}

uint64_t BlobFolder::RemoveUnlessKept(std::string_view sha256, const std::set<std::string>& named) {
  if (named.contains(std::string(sha256))) return 0;
  absl::MutexLock lock(mutex_);
  if (kept_.contains(sha256)) return 0;
  struct stat info;
  const std::string path = BlobPath(sha256);
  if (::lstat(path.c_str(), &info) != 0 || ::unlink(path.c_str()) != 0) return 0;
  return static_cast<uint64_t>(info.st_size);
}

void BlobFolder::Sweep(const std::set<std::string>& named, bool remove_orphans) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root_ + "/partial", error)) {
    const std::string name = entry.path().filename().string();
    const std::string_view hash = absl::StripSuffix(absl::StripPrefix(name, kBlobPrefix), ".etag");
    // A partial file whose blob is there was a second copy.
    if (!absl::StartsWith(name, kBlobPrefix) || Has(hash)) ::unlink(entry.path().c_str());
  }
  if (!remove_orphans) return;
  for (const auto& entry : std::filesystem::directory_iterator(root_ + "/blobs", error)) {
    const std::string name = entry.path().filename().string();
    if (!named.contains(std::string(absl::StripPrefix(name, kBlobPrefix)))) {
      ::unlink(entry.path().c_str());
    }
  }
}

}  // namespace intelligenced
