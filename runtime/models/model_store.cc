#include "runtime/models/model_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/translation_modes.h"
#include "runtime/models/blob_folder.h"
#include "runtime/models/built_in_models.h"
#include "runtime/models/store_state.h"

namespace intelligenced {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxJsonBytes = uint64_t{4} << 20;

// Mutations are serialised by write_mutex_ and do their input and output under it; mutex_ guards
// what is in memory and is held for moments only, so readers never wait for a disk.
class DiskModelStore final : public ModelStore {
 public:
  explicit DiskModelStore(Options options)
      : options_(std::move(options)),
        files_(options_.file_system != nullptr ? options_.file_system : &system_files_),
        blobs_(options_.root, files_) {}

  absl::Status Initialize() {
    for (const char* folder : {"", "/blobs", "/manifests", "/partial"}) {
      if (absl::Status status = CreateDirectories(options_.root + folder); !status.ok()) {
        return Unusable(status);
      }
    }
    lock_.reset(::open((options_.root + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!lock_.valid()) return Unusable(FileError(errno, "cannot open", options_.root + "/lock"));
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("The model store ", options_.root,
                       " is in use by another process. Stop the other daemon, or give this one a "
                       "store of its own."));
    }
    absl::MutexLock writing(write_mutex_);
    bool all_readable = true;
    if (absl::Status status = ReadInstalled(&all_readable); !status.ok()) return status;
    for (const std::string& directory : options_.built_in_directories) ReadBuiltIn(directory);
    ReadState();
    std::set<std::string> named;
    {
      absl::MutexLock lock(mutex_);
      for (const auto& [name, manifest] : models_) AddBlobNames(manifest, named);
    }
    // A manifest that cannot be read may name any blob: then none is an orphan for certain.
    blobs_.Sweep(named, /*remove_orphans=*/all_readable);
    return absl::OkStatus();
  }

  bool RefreshBuiltIn() override {
    std::map<std::string, std::string> known;
    {
      absl::MutexLock lock(mutex_);
      known = folder_stamps_;
    }
    const bool same = std::all_of(known.begin(), known.end(), [](const auto& folder) {
      return FolderStamp(folder.first) == folder.second;
    });
    if (same) return false;
    absl::MutexLock writing(write_mutex_);
    bool news = false;
    for (const std::string& directory : options_.built_in_directories) {
      std::vector<std::string> told_before;
      for (const BuiltInModel& model : ReadBuiltInModels(directory, &told_before)) {
        NoteFolders(model);
        if (!model.discovered_in.empty()) news = Replace(model) || news;
      }
    }
    return news;
  }

  std::vector<Manifest> List() const override {
    absl::MutexLock lock(mutex_);
    std::vector<Manifest> result;
    for (const auto& [name, manifest] : models_) result.push_back(manifest);
    return result;
  }

  absl::StatusOr<Manifest> Get(std::string_view name) const override {
    absl::MutexLock lock(mutex_);
    const auto found = models_.find(name);
    if (found == models_.end()) return NotFound(name);
    return found->second;
  }

  absl::StatusOr<std::string> PathOf(const ManifestFile& file) const override {
    const std::string path = file.path.empty() ? blobs_.BlobPath(file.sha256) : file.path;
    struct stat info;
    const bool is_there = ::stat(path.c_str(), &info) == 0;
    // A folder that the system's packages fill.
    if (is_there && S_ISDIR(info.st_mode) && file.role == kTranslationModesRole) return path;
    if (!is_there || !S_ISREG(info.st_mode)) {
      return MakeError(
          Reason::kModelCorrupt,
          file.path.empty()
              ? absl::StrCat("The model's file ", file.name,
                             " is missing from the store. Remove the model and install it again.")
              : absl::StrCat("The file ", path, " that the built-in model needs is missing. ",
                             "Install the package that it belongs to."));
    }
    const auto size = static_cast<uint64_t>(info.st_size);
    if (file.size_bytes != 0 && size != file.size_bytes) {
      return MakeError(Reason::kModelCorrupt,
                       absl::StrCat("The model's file ", file.name, " has ", size, " bytes, not ",
                                    file.size_bytes, ". Remove the model and install it again."));
    }
    return path;
  }

  std::vector<std::string> Problems() const override {
    absl::MutexLock lock(mutex_);
    return problems_;
  }

  absl::StatusOr<std::unique_ptr<BlobWriter>> NewBlob(uint64_t size_bytes,
                                                      std::string_view sha256) override {
    return blobs_.NewBlob(size_bytes, sha256);
  }
  bool HasBlob(std::string_view sha256) const override { return blobs_.Has(sha256); }
  bool KeepBlob(std::string_view sha256) override { return blobs_.Keep(sha256); }
  void ReleaseBlob(std::string_view sha256) override {
    absl::MutexLock writing(write_mutex_);
    if (blobs_.Release(sha256)) blobs_.RemoveUnlessKept(sha256, NamedBlobs());
  }
  std::string PartialPath(std::string_view sha256) const override {
    return blobs_.PartialPath(sha256);
  }
  absl::Status CheckRoom(uint64_t bytes) const override { return blobs_.CheckRoom(bytes); }
  absl::Status AdoptPartial(std::string_view sha256, CancelToken cancel,
                            absl::AnyInvocable<void(uint64_t)> progress) override {
    return blobs_.AdoptPartial(sha256, cancel, std::move(progress));
  }

  absl::Status Put(const Manifest& manifest) override {
    const std::string json = ManifestToJson(manifest);
    // What is written must be readable: one set of rules for both.
    auto checked = ParseManifest(json, ManifestPlace::kInstalled);
    if (!checked.ok()) return checked.status();
    absl::MutexLock writing(write_mutex_);
    {
      absl::MutexLock lock(mutex_);
      if (models_.contains(manifest.name)) {
        return MakeError(Reason::kModelBusy,
                         absl::StrCat("A model named ", manifest.name,
                                      " is installed already. Remove it first, or choose another "
                                      "name."),
                         {.metadata = {{"model", manifest.name}}, .retry_delay = {}, .field = {}});
      }
    }
    for (const ManifestFile& file : checked->files) {
      if (auto path = PathOf(file); !path.ok()) return path.status();
    }
    absl::Status status = WriteFileAtomically(*files_, ManifestPath(manifest.name), json);
    if (!status.ok()) return status;
    {
      absl::MutexLock lock(mutex_);
      models_[manifest.name] = *checked;
    }
    std::set<std::string> named;
    AddBlobNames(*checked, named);
    for (const std::string& sha256 : named) blobs_.Release(sha256);
    return absl::OkStatus();
  }

  absl::StatusOr<Manifest> Change(std::string_view name,
                                  absl::FunctionRef<absl::Status(Manifest&)> change) override {
    absl::MutexLock writing(write_mutex_);
    absl::StatusOr<Manifest> before = Installed(name, "changed");
    if (!before.ok()) return before.status();
    Manifest after = *before;
    if (absl::Status status = change(after); !status.ok()) return status;
    const std::string json = ManifestToJson(after);
    absl::StatusOr<Manifest> checked = ParseManifest(json, ManifestPlace::kInstalled);
    if (!checked.ok()) return checked.status();
    if (checked->name != name) return FieldError("name", "A model cannot be renamed.");
    for (const ManifestFile& file : checked->files) {
      if (auto path = PathOf(file); !path.ok()) return path.status();
    }
    absl::Status status = WriteFileAtomically(*files_, ManifestPath(name), json);
    if (!status.ok()) return status;
    {
      absl::MutexLock lock(mutex_);
      models_[checked->name] = *checked;
    }
    std::set<std::string> old;
    AddBlobNames(*before, old);
    const std::set<std::string> named = NamedBlobs();
    for (const std::string& sha256 : old) blobs_.RemoveUnlessKept(sha256, named);
    return checked;
  }

  absl::StatusOr<uint64_t> Remove(std::string_view name) override {
    absl::MutexLock writing(write_mutex_);
    const absl::StatusOr<Manifest> installed = Installed(name, "removed");
    if (!installed.ok()) return installed.status();
    const Manifest& manifest = *installed;
    StoreState state;
    {
      absl::MutexLock lock(mutex_);
      state = state_;
    }
    if (::unlink(ManifestPath(name).c_str()) != 0 && errno != ENOENT) {
      return FileError(errno, "cannot remove", ManifestPath(name));
    }
    // The blobs go only when the manifest is gone for good.
    absl::Status status = SyncDirectory(*files_, options_.root + "/manifests");
    {
      absl::MutexLock lock(mutex_);
      models_.erase(manifest.name);
    }
    if (!status.ok()) return status;
    state.records.erase(manifest.name);
    std::erase_if(state.defaults, [&](const auto& entry) { return entry.second == name; });
    // The model is gone whether or not this can be written; a record too many does no harm.
    WriteState(std::move(state)).IgnoreError();
    uint64_t freed = 0;
    std::set<std::string> mine;
    AddBlobNames(manifest, mine);
    const std::set<std::string> named = NamedBlobs();
    for (const std::string& sha256 : mine) freed += blobs_.RemoveUnlessKept(sha256, named);
    return freed;
  }

  ModelRecord Record(std::string_view name) const override {
    absl::MutexLock lock(mutex_);
    const auto found = state_.records.find(name);
    return found == state_.records.end() ? ModelRecord() : found->second;
  }

  absl::Status SetRecord(std::string_view name, const ModelRecord& record) override {
    return UpdateRecord(name, [&](ModelRecord& current) { current = record; });
  }

  absl::Status UpdateRecord(std::string_view name,
                            absl::FunctionRef<void(ModelRecord&)> change) override {
    absl::MutexLock writing(write_mutex_);
    StoreState state;
    {
      absl::MutexLock lock(mutex_);
      if (!models_.contains(name)) return NotFound(name);
      state = state_;
    }
    ModelRecord& record = state.records[std::string(name)];
    const ModelRecord before = record;
    change(record);
    if (record == before) return absl::OkStatus();
    return WriteState(std::move(state));
  }

  std::map<std::string, std::string> Defaults() const override {
    absl::MutexLock lock(mutex_);
    return state_.defaults;
  }

  absl::Status SetDefault(std::string_view capability, std::string_view model) override {
    absl::MutexLock writing(write_mutex_);
    StoreState state;
    {
      absl::MutexLock lock(mutex_);
      const auto found = models_.find(model);
      if (found == models_.end()) return NotFound(model);
      if (!found->second.HasCapability(capability)) {
        return FieldError("set_default_for",
                          absl::StrCat(model, " does not have the capability ", capability, "."));
      }
      state = state_;
    }
    state.defaults[std::string(capability)] = std::string(model);
    return WriteState(std::move(state));
  }

  absl::Status ClearDefault(std::string_view capability) override {
    absl::MutexLock writing(write_mutex_);
    StoreState state;
    {
      absl::MutexLock lock(mutex_);
      state = state_;
    }
    if (state.defaults.erase(std::string(capability)) == 0) return absl::OkStatus();
    return WriteState(std::move(state));
  }

 private:
  static absl::Status NotFound(std::string_view name) {
    return MakeError(
        Reason::kModelNotFound,
        absl::StrCat("There is no model named ", name,
                     ". `mlctl models list` shows what there is."),
        {.metadata = {{"model", std::string(name.substr(0, 64))}}, .retry_delay = {}, .field = {}});
  }

  // MODEL_BUSY for a built-in model, which cannot be `done`.
  absl::StatusOr<Manifest> Installed(std::string_view name, std::string_view done) const {
    absl::StatusOr<Manifest> manifest = Get(name);
    if (manifest.ok() && manifest->built_in) {
      return MakeError(
          Reason::kModelBusy, absl::StrCat(name, " is built in and cannot be ", done, "."),
          {.metadata = {{"model", std::string(name)}}, .retry_delay = {}, .field = {}});
    }
    return manifest;
  }

  absl::Status Unusable(const absl::Status& status) const {
    return absl::FailedPreconditionError(
        absl::StrCat("The model store cannot be used: ", status.message(),
                     ". Its folder must be readable and writable for the daemon's user."));
  }

  static void AddBlobNames(const Manifest& manifest, std::set<std::string>& names) {
    for (const ManifestFile& file : manifest.files) {
      if (file.path.empty()) names.insert(file.sha256);
    }
  }

  std::set<std::string> NamedBlobs() const {
    absl::MutexLock lock(mutex_);
    std::set<std::string> named;
    for (const auto& [name, manifest] : models_) AddBlobNames(manifest, named);
    return named;
  }

  std::string ManifestPath(std::string_view name) const {
    return absl::StrCat(options_.root, "/manifests/", name, ".json");
  }

  void AddProblem(std::string problem) {
    absl::MutexLock lock(mutex_);
    problems_.push_back(std::move(problem));
  }

  absl::Status ReadInstalled(bool* all_readable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    const std::string directory = options_.root + "/manifests";
    std::error_code error;
    const std::vector<std::string> names = ListFolder(directory, error);
    if (error) return Unusable(FileError(error.value(), "cannot read", directory));
    for (const std::string& file_name : names) {
      const std::string path = directory + "/" + file_name;
      if (absl::EndsWith(file_name, ".tmp")) {
        ::unlink(path.c_str());
        continue;
      }
      if (!absl::EndsWith(file_name, ".json")) continue;
      auto json = ReadFile(path, kMaxJsonBytes);
      auto manifest = json.ok() ? ParseManifest(*json, ManifestPlace::kInstalled) : json.status();
      absl::Status status = manifest.status();
      if (status.ok() && manifest->name + ".json" != file_name) {
        status = MakeError(Reason::kModelCorrupt,
                           absl::StrCat("The manifest is that of ", manifest->name, "."));
      }
      if (status.ok()) {
        absl::MutexLock lock(mutex_);
        const std::string name = manifest->name;
        models_[name] = *std::move(manifest);
      } else {
        *all_readable = false;
        AddProblem(absl::StrCat(path, ": ", status.message(),
                                " The model is left out; remove the file to be rid of it."));
      }
    }
    return absl::OkStatus();
  }

  void ReadBuiltIn(const std::string& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    std::vector<std::string> problems;
    for (BuiltInModel& model : ReadBuiltInModels(directory, &problems)) {
      NoteFolders(model);
      if (!model.is_there) continue;
      const std::string name = model.manifest.name;
      absl::MutexLock lock(mutex_);
      if (!models_.emplace(name, std::move(model.manifest)).second) {
        problems.push_back(absl::StrCat(model.path, ": there is another model named ", name,
                                        "; the built-in one is left out."));
      }
    }
    for (std::string& problem : problems) AddProblem(std::move(problem));
  }

  void NoteFolders(const BuiltInModel& model) {
    absl::MutexLock lock(mutex_);
    for (const auto& [folder, stamp] : model.discovered_in) folder_stamps_[folder] = stamp;
  }

  // In place of what the system offered before. True when that is something else.
  bool Replace(const BuiltInModel& model) {
    absl::MutexLock lock(mutex_);
    const auto known = models_.find(model.manifest.name);
    if (known == models_.end()) {
      if (model.is_there) models_.emplace(model.manifest.name, model.manifest);
      return model.is_there;
    }
    if (!known->second.built_in) return false;
    if (model.is_there && known->second.capabilities == model.manifest.capabilities) return false;
    if (model.is_there) {
      known->second = model.manifest;
    } else {
      models_.erase(known);
    }
    return true;
  }

  void ReadState() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    const std::string path = options_.root + "/state.json";
    ::unlink((path + ".tmp").c_str());
    auto json = ReadFile(path, kMaxJsonBytes);
    if (json.status().code() == absl::StatusCode::kNotFound) return;
    auto state = json.ok() ? ParseStoreState(*json) : json.status();
    if (state.ok()) {
      absl::MutexLock lock(mutex_);
      state_ = *std::move(state);
      return;
    }
    const std::string aside = path + ".corrupt";
    const bool kept = files_->Rename(path.c_str(), aside.c_str()) == 0;
    AddProblem(absl::StrCat(state.status().message(), " Pins, keep-alive times and defaults start ",
                            "anew", kept ? absl::StrCat("; the old file is kept as ", aside) : "",
                            "."));
  }

  absl::Status WriteState(StoreState state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    absl::Status status =
        WriteFileAtomically(*files_, options_.root + "/state.json", StoreStateToJson(state), 0600);
    if (!status.ok()) return status;
    absl::MutexLock lock(mutex_);
    state_ = std::move(state);
    return absl::OkStatus();
  }

  const Options options_;
  FileSystem system_files_;
  FileSystem* const files_;
  BlobFolder blobs_;
  UniqueFd lock_;
  absl::Mutex write_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  std::map<std::string, Manifest, std::less<>> models_ ABSL_GUARDED_BY(mutex_);
  StoreState state_ ABSL_GUARDED_BY(mutex_);
  // Of the folders that tell capabilities.
  std::map<std::string, std::string> folder_stamps_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> problems_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<ModelStore>> ModelStore::Open(Options options) {
  auto store = std::make_unique<DiskModelStore>(std::move(options));
  if (absl::Status status = store->Initialize(); !status.ok()) return status;
  return store;
}

}  // namespace intelligenced
