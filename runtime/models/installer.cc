#include "runtime/models/installer.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/reasons.h"
#include "runtime/models/export_manifest.h"
#include "runtime/models/install_meter.h"
#include "runtime/models/model_file.h"
#include "runtime/models/model_parts.h"
#include "runtime/models/sha256.h"

namespace intelligenced {
namespace {

using Report = std::function<void(const InstallProgress&)>;

absl::Status Cancelled() {
  return MakeError(Reason::kCancelled, "The installation was cancelled. What has come is kept.");
}

absl::Status NameTaken(std::string_view name, std::string_view why) {
  return MakeError(Reason::kModelBusy, absl::StrCat("The name ", name, " is taken: ", why),
                   {.metadata = {{"model", std::string(name)}}, .retry_delay = {}, .field = {}});
}

// Keeps blobs until the manifest that names them is put, or gives them up.
class KeptBlobs {
 public:
  explicit KeptBlobs(ModelStore* store) : store_(store) {}
  ~KeptBlobs() {
    for (const std::string& sha256 : hashes_) store_->ReleaseBlob(sha256);
  }
  void Add(const std::string& sha256) { hashes_.insert(sha256); }
  bool Has(const std::string& sha256) const { return hashes_.contains(sha256); }
  // Put() has taken this one over.
  void Forget(const std::string& sha256) { hashes_.erase(sha256); }
  // Put() has taken them over.
  void Forget() { hashes_.clear(); }

 private:
  ModelStore* const store_;
  std::set<std::string> hashes_;
};

}  // namespace

class Installer::Core {
 public:
  Core(ModelStore* store, const Clock* clock, DownloadOptions options, FileSystem* files)
      : store_(store),
        clock_(clock),
        downloader_(options, files != nullptr ? files : &system_files_) {}

  using Work = std::function<absl::Status(const Report&)>;

  // Runs `work` once for all who ask for the same thing at the same time; the others are told of
  // its progress. When the one who runs it gives up, the next takes over where it stopped.
  absl::Status Share(const std::string& name, const std::string& identity, CancelToken cancel,
                     ProgressFunction& progress, const Work& work) {
    while (true) {
      std::shared_ptr<Flight> flight;
      bool mine = false;
      {
        absl::MutexLock lock(mutex_);
        std::shared_ptr<Flight>& slot = flights_[name];
        if (slot == nullptr) {
          slot = std::make_shared<Flight>();
          slot->identity = identity;
          mine = true;
        } else if (slot->identity != identity) {
          return NameTaken(name, "another download of that name is under way.");
        }
        flight = slot;
      }
      if (mine) {
        absl::Status status = work([&](const InstallProgress& now) {
          if (progress) progress(now);
          absl::MutexLock lock(mutex_);
          flight->latest = now;
          ++flight->reports;
        });
        absl::MutexLock lock(mutex_);
        flight->result = status;
        flight->done = true;
        flights_.erase(name);
        return status;
      }
      std::optional<absl::Status> result = Follow(*flight, cancel, progress);
      if (!result.has_value()) continue;
      return *result;
    }
  }

  absl::StatusOr<Manifest> Resolve(Manifest manifest, const CancelToken& cancel) const {
    for (ManifestFile& file : manifest.files) {
      if (!file.sha256.empty()) continue;
      auto remote = downloader_.AskHub(file.url, cancel);
      if (!remote.ok()) return remote.status();
      file.sha256 = remote->sha256;
      file.size_bytes = remote->size_bytes;
    }
    return manifest;
  }

  absl::Status Install(const Manifest& wanted, const CancelToken& cancel, const Report& report) {
    if (store_->Get(wanted.name).ok()) return NameTaken(wanted.name, "it is installed already.");
    for (const ManifestFile& file : wanted.files) {
      if (absl::Status status = CheckDownloadUrl("url", file.url); !status.ok()) return status;
    }
    absl::StatusOr<Manifest> resolved = Resolve(wanted, cancel);
    if (!resolved.ok()) return resolved.status();
    Manifest manifest = *std::move(resolved);
    manifest.built_in = false;
    if (manifest.origin.empty() && !manifest.files.empty()) manifest.origin = manifest.files[0].url;

    KeptBlobs kept(store_);
    uint64_t missing = 0;
    for (const ManifestFile& file : manifest.files) {
      if (kept.Has(file.sha256)) continue;
      if (store_->KeepBlob(file.sha256)) {
        kept.Add(file.sha256);
      } else {
        const uint64_t have = FileBytes(store_->PartialPath(file.sha256));
        missing += file.size_bytes - std::min(have, file.size_bytes);
      }
    }
    // All of it or none: not half a model and a full disk.
    if (absl::Status status = store_->CheckRoom(missing); !status.ok()) return status;

    InstallMeter meter(clock_, report);
    const uint64_t total = manifest.size_bytes();
    uint64_t before = 0;
    for (const ManifestFile& file : manifest.files) {
      if (!kept.Has(file.sha256)) {
        absl::Status status = Fetch(file, before, total, cancel, meter);
        if (!status.ok()) return status;
        kept.Add(file.sha256);
      }
      before += file.size_bytes;
    }
    if (absl::Status status = CompleteFromFiles(*store_, manifest); !status.ok()) return status;
    absl::Status status = store_->Put(manifest);
    if (status.ok()) kept.Forget();
    return status;
  }

  absl::Status InstallUrl(const std::string& name, const std::string& url,
                          const std::string& sha256, const CancelToken& cancel,
                          const Report& report) {
    if (store_->Get(name).ok()) return NameTaken(name, "it is installed already.");
    if (!store_->KeepBlob(sha256)) {
      ManifestFile file;
      file.url = url;
      file.sha256 = sha256;
      InstallMeter meter(clock_, report);
      absl::Status status = Fetch(file, 0, 0, cancel, meter);
      if (!status.ok()) return status;
    }
    return PutBlob(name, sha256, {.origin = url}).status();
  }

  // Takes over the caller's hold on the blob.
  absl::StatusOr<Manifest> PutBlob(std::string_view name, const std::string& sha256,
                                   const NewModel& model) {
    KeptBlobs kept(store_);
    kept.Add(sha256);
    if (!model.projector_sha256.empty()) kept.Add(model.projector_sha256);
    for (const NewFunction& function : model.functions) kept.Add(function.sha256);
    if (!IsValidModelName(name)) return ParseModelName("name", name).status();
    if (store_->Get(name).ok()) return NameTaken(name, "it is installed already.");
    ManifestFile file;
    file.role = "model";
    file.name = std::string(name);  // with the ending of its format
    file.sha256 = sha256;
    absl::StatusOr<std::string> path = store_->PathOf(file);
    if (!path.ok()) return path.status();
    file.size_bytes = FileBytes(*path);
    absl::StatusOr<Manifest> manifest = ManifestFromModelFile(*path, std::move(file), model.family);
    if (!manifest.ok()) return manifest.status();
    manifest->name = std::string(name);
    manifest->origin = model.origin;
    if (!model.license.empty()) manifest->license = model.license;
    if (!model.projector_sha256.empty()) {
      absl::Status status = AddProjector(*store_, model.projector_sha256, *manifest);
      if (!status.ok()) return status;
    }
    for (const NewFunction& function : model.functions) {
      if (absl::Status status = AddFunction(*store_, function, *manifest); !status.ok())
        return status;
    }
    if (absl::Status status = store_->Put(*manifest); !status.ok()) return status;
    kept.Forget();
    return manifest;
  }

  absl::StatusOr<Manifest> PutBlobs(std::string_view name, const std::vector<NewFile>& files,
                                    std::string_view origin, std::string_view license) {
    KeptBlobs kept(store_);
    for (const NewFile& file : files) kept.Add(file.sha256);
    if (!IsValidModelName(name)) return ParseModelName("name", name).status();
    if (store_->Get(name).ok()) return NameTaken(name, "it is installed already.");
    std::vector<ExportFile> parts;
    for (const NewFile& file : files) {
      ExportFile& part = parts.emplace_back();
      part.file.name = file.name;
      part.file.sha256 = file.sha256;
      absl::StatusOr<std::string> path = store_->PathOf(part.file);
      if (!path.ok()) return path.status();
      part.path = *std::move(path);
      part.file.size_bytes = FileBytes(part.path);
    }
    absl::StatusOr<Manifest> manifest = ManifestFromExport(parts);
    if (!manifest.ok()) return manifest.status();
    manifest->name = std::string(name);
    manifest->origin = std::string(origin);
    if (!license.empty()) manifest->license = std::string(license);
    // The role says what a file is; its name is for people, and plain.
    for (ManifestFile& file : manifest->files) absl::c_replace(file.name, '/', '_');
    if (absl::Status status = store_->Put(*manifest); !status.ok()) return status;
    // The hold on those that the manifest does not name ends with `kept`.
    for (const ManifestFile& file : manifest->files) kept.Forget(file.sha256);
    return manifest;
  }

  absl::StatusOr<Manifest> AddFunctions(std::string_view name,
                                        const std::vector<NewFunction>& functions) {
    // Named by the manifest or not: afterwards the hold is nobody's.
    KeptBlobs kept(store_);
    for (const NewFunction& function : functions) kept.Add(function.sha256);
    // The files are read before the store is locked; what was checked is checked again by Change().
    absl::StatusOr<Manifest> checked = store_->Get(name);
    if (!checked.ok()) return checked;
    const size_t files = checked->files.size();
    const size_t present = checked->functions.size();
    for (const NewFunction& function : functions) {
      if (absl::Status status = AddFunction(*store_, function, *checked); !status.ok())
        return status;
    }
    return store_->Change(name, [&](Manifest& manifest) {
      for (size_t i = present; i < checked->functions.size(); ++i) {
        const ManifestFunction& function = checked->functions[i];
        if (manifest.FindFunction(function.name) != nullptr) {
          return FunctionThereError(function.name);
        }
        manifest.functions.push_back(function);
        manifest.files.push_back(checked->files[files + i - present]);
      }
      return absl::OkStatus();
    });
  }

  absl::StatusOr<Manifest> RemoveFunction(std::string_view name, std::string_view function) {
    return store_->Change(name, [&](Manifest& manifest) {
      const ManifestFunction* found = manifest.FindFunction(function);
      if (found == nullptr) {
        return MakeError(
            Reason::kModelNotFound,
            absl::StrCat("The model ", name, " has no function ", function, "."),
            {.metadata = {{"model", std::string(name)}}, .retry_delay = {}, .field = {}});
      }
      const std::string file = found->file;
      std::erase_if(manifest.functions,
                    [&](const ManifestFunction& other) { return other.name == function; });
      std::erase_if(manifest.files, [&](const ManifestFile& other) {
        return other.role == kAdapterRole && other.name == file;
      });
      return absl::OkStatus();
    });
  }

  ModelStore* store() const { return store_; }

  std::vector<std::string> InProgress() const {
    absl::MutexLock lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, flight] : flights_) names.push_back(name);
    return names;
  }

 private:
  struct Flight {
    std::string identity;
    InstallProgress latest;
    uint64_t reports = 0;
    bool done = false;
    absl::Status result;
  };

  // Nothing: the one who ran it gave up, and somebody must take over.
  std::optional<absl::Status> Follow(const Flight& flight, const CancelToken& cancel,
                                     ProgressFunction& progress) {
    const CancelRegistration registration =
        cancel.OnCancel([this] { absl::MutexLock lock(mutex_); });
    uint64_t seen = 0;
    while (true) {
      InstallProgress latest;
      {
        absl::MutexLock lock(mutex_);
        auto news = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return flight.done || flight.reports != seen || cancel.cancelled();
        };
        mutex_.Await(absl::Condition(&news));
        if (cancel.cancelled()) return Cancelled();
        if (flight.done) {
          if (HasReason(flight.result, Reason::kCancelled)) return std::nullopt;
          return flight.result;
        }
        seen = flight.reports;
        latest = flight.latest;
      }
      if (progress) progress(latest);
    }
  }

  // One file to a blob. One at a time for one hash: two models may share a file.
  absl::Status Fetch(const ManifestFile& file, uint64_t before, uint64_t total,
                     const CancelToken& cancel, InstallMeter& meter) {
    {
      const CancelRegistration registration =
          cancel.OnCancel([this] { absl::MutexLock lock(mutex_); });
      absl::MutexLock lock(mutex_);
      auto free = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !fetching_.contains(file.sha256) || cancel.cancelled();
      };
      mutex_.Await(absl::Condition(&free));
      if (cancel.cancelled()) return Cancelled();
      fetching_.insert(file.sha256);
    }
    absl::Status status = store_->KeepBlob(file.sha256)
                              ? absl::OkStatus()
                              : FetchAlone(file, before, total, cancel, meter);
    absl::MutexLock lock(mutex_);
    fetching_.erase(file.sha256);
    return status;
  }

  absl::Status FetchAlone(const ManifestFile& file, uint64_t before, uint64_t total,
                          const CancelToken& cancel, InstallMeter& meter) {
    uint64_t size = file.size_bytes;
    DownloadRequest request;
    request.url = file.url;
    request.path = store_->PartialPath(file.sha256);
    request.size_bytes = file.size_bytes;
    request.check_room = [this](uint64_t bytes) { return store_->CheckRoom(bytes); };
    request.progress = [&](uint64_t done, uint64_t of) {
      size = of;
      meter.Update(InstallProgress::Phase::kDownloading, before + done, total != 0 ? total : of);
    };
    request.cancel = cancel;
    absl::Status status = downloader_.Download(request);
    if (!status.ok()) return status;
    return store_->AdoptPartial(file.sha256, cancel, [&](uint64_t done) {
      meter.Update(InstallProgress::Phase::kVerifying, before + done, total != 0 ? total : size);
    });
  }

  ModelStore* const store_;
  const Clock* const clock_;
  FileSystem system_files_;
  const Downloader downloader_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> fetching_ ABSL_GUARDED_BY(mutex_);
};

Installer::Installer(ModelStore* store, const Clock* clock, DownloadOptions options,
                     FileSystem* files)
    : core_(std::make_unique<Core>(store, clock, options, files)) {}

Installer::~Installer() = default;

absl::StatusOr<Manifest> Installer::Resolve(Manifest manifest, CancelToken cancel) const {
  return core_->Resolve(std::move(manifest), cancel);
}

absl::Status Installer::Install(const Manifest& manifest, CancelToken cancel,
                                ProgressFunction progress) {
  if (!IsValidModelName(manifest.name)) return ParseModelName("name", manifest.name).status();
  const std::string identity =
      absl::StrJoin(manifest.files, "\n", [](std::string* out, const ManifestFile& file) {
        absl::StrAppend(out, file.url, " ", file.sha256);
      });
  return core_->Share(manifest.name, identity, cancel, progress, [&](const Report& report) {
    return core_->Install(manifest, cancel, report);
  });
}

absl::StatusOr<Manifest> Installer::InstallUrl(std::string_view name, std::string_view url,
                                               std::string_view sha256, CancelToken cancel,
                                               ProgressFunction progress) {
  absl::StatusOr<std::string> bare = ParseModelName("address.name", name);
  if (!bare.ok()) return bare.status();
  std::string hash(sha256);
  std::transform(hash.begin(), hash.end(), hash.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (!IsSha256(hash)) {
    return FieldError("address.sha256",
                      "A SHA-256 of 64 hexadecimal digits is required: without one nothing says "
                      "that the file is the right one.");
  }
  if (absl::Status status = CheckDownloadUrl("address.url", url); !status.ok()) return status;
  const std::string address(url);
  absl::Status status = core_->Share(
      *bare, absl::StrCat(address, " ", hash), cancel, progress, [&](const Report& report) {
        return core_->InstallUrl(*bare, address, hash, cancel, report);
      });
  if (!status.ok()) return status;
  return core_->store()->Get(*bare);
}

absl::StatusOr<Manifest> Installer::PutBlobAsModel(std::string_view name, std::string_view sha256,
                                                   const NewModel& model) {
  return core_->PutBlob(name, std::string(sha256), model);
}

absl::StatusOr<Manifest> Installer::PutBlobsAsModel(std::string_view name,
                                                    const std::vector<NewFile>& files,
                                                    std::string_view origin,
                                                    std::string_view license) {
  return core_->PutBlobs(name, files, origin, license);
}

absl::StatusOr<Manifest> Installer::AddFunctions(std::string_view name,
                                                 const std::vector<NewFunction>& functions) {
  return core_->AddFunctions(name, functions);
}

absl::StatusOr<Manifest> Installer::RemoveFunction(std::string_view name,
                                                   std::string_view function) {
  return core_->RemoveFunction(name, function);
}

std::vector<std::string> Installer::InProgress() const { return core_->InProgress(); }

}  // namespace intelligenced
