#include "runtime/models/model_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "runtime/base/reasons.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class ModelStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ModelStore>> TryOpen(FileSystem* files = nullptr) {
    ModelStore::Options options;
    options.root = folder_ / "store";
    options.built_in_directories = built_in_;
    options.file_system = files;
    return ModelStore::Open(options);
  }
  void Open(FileSystem* files = nullptr) {
    store_.reset();
    auto store = TryOpen(files);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  absl::Status AddBlob(std::string_view content) {
    auto writer = store_->NewBlob(content.size(), HashOf(content));
    if (!writer.ok()) return writer.status();
    if (absl::Status status = (*writer)->Append(content); !status.ok()) return status;
    return (*writer)->Commit().status();
  }
  // A model of one file with this content.
  void Install(const std::string& name, std::string_view content) {
    ASSERT_TRUE(AddBlob(content).ok());
    ASSERT_TRUE(store_->Put(ManifestFor(name, content)).ok());
  }
  std::string Root(const std::string& name) { return folder_ / "store/" + name; }
  size_t CountFiles(const std::string& name) {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(Root(name))) ++count;
    return count;
  }

  TemporaryFolder folder_;
  std::vector<std::string> built_in_;
  std::unique_ptr<ModelStore> store_;
};

TEST_F(ModelStoreTest, InstallsFindsAndRemoves) {
  Open();
  EXPECT_THAT(store_->List(), IsEmpty());
  Install("b", "bytes of b");
  Install("a", "bytes of a");
  ASSERT_THAT(store_->List(), SizeIs(2));
  EXPECT_EQ(store_->List()[0].name, "a");
  auto path = store_->PathOf(store_->Get("a")->files[0]);
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(*ReadFile(*path, 100), "bytes of a");
  EXPECT_EQ(*store_->Remove("a"), 10u);
  EXPECT_FALSE(fs::exists(*path));
  EXPECT_TRUE(HasReason(store_->Get("a").status(), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(store_->Remove("a").status(), Reason::kModelNotFound));
  Open();
  ASSERT_THAT(store_->List(), SizeIs(1));
  EXPECT_THAT(store_->Problems(), IsEmpty());
}

TEST_F(ModelStoreTest, ABlobIsSharedAndGoesWithItsLastModel) {
  Open();
  Install("a", "same");
  Install("b", "same");
  EXPECT_EQ(CountFiles("blobs"), 1u);
  EXPECT_EQ(*store_->Remove("a"), 0u);
  EXPECT_TRUE(store_->HasBlob(HashOf("same")));
  EXPECT_EQ(*store_->Remove("b"), 4u);
  EXPECT_EQ(CountFiles("blobs"), 0u);
}

TEST_F(ModelStoreTest, ABlobOnItsWayToAModelIsNotRemovedWithAnother) {
  Open();
  Install("a", "same");
  ASSERT_TRUE(AddBlob("same").ok());  // an import that has not been put yet
  EXPECT_EQ(*store_->Remove("a"), 0u);
  EXPECT_TRUE(store_->Put(ManifestFor("b", "same")).ok());
  EXPECT_TRUE(store_->KeepBlob(HashOf("same")));
  EXPECT_EQ(*store_->Remove("b"), 0u);
  store_->ReleaseBlob(HashOf("same"));
  EXPECT_FALSE(store_->HasBlob(HashOf("same")));
  EXPECT_FALSE(store_->KeepBlob(HashOf("same")));
}

TEST_F(ModelStoreTest, ANameIsTakenOnce) {
  Open();
  Install("a", "one");
  ASSERT_TRUE(AddBlob("two").ok());
  EXPECT_TRUE(HasReason(store_->Put(ManifestFor("a", "two")), Reason::kModelBusy));
  EXPECT_EQ(store_->Get("a")->files[0].sha256, HashOf("one"));
}

TEST_F(ModelStoreTest, PutChecksManifestAndBlobs) {
  Open();
  EXPECT_TRUE(HasReason(store_->Put(ManifestFor("a", "none")), Reason::kModelCorrupt));
  ASSERT_TRUE(AddBlob("some").ok());
  Manifest manifest = ManifestFor("a", "some");
  manifest.files[0].size_bytes = 3;
  EXPECT_TRUE(HasReason(store_->Put(manifest), Reason::kModelCorrupt));
  manifest = ManifestFor("../a", "some");
  EXPECT_TRUE(HasReason(store_->Put(manifest), Reason::kModelCorrupt));
  manifest = ManifestFor("a", "some");
  manifest.files[0].path = "/etc/passwd";
  EXPECT_TRUE(HasReason(store_->Put(manifest), Reason::kModelCorrupt));
  manifest = ManifestFor("a", "some");
  manifest.built_in = true;
  EXPECT_TRUE(HasReason(store_->Put(manifest), Reason::kModelCorrupt));
  EXPECT_EQ(CountFiles("manifests"), 0u);
}

TEST_F(ModelStoreTest, ABlobMustBeWhatItSays) {
  Open();
  auto writer = store_->NewBlob(4, HashOf("good"));
  ASSERT_TRUE((*writer)->Append("evil").ok());
  const absl::Status status = (*writer)->Commit().status();
  EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt));
  EXPECT_EQ(FactsOf(status).metadata["expected_sha256"], HashOf("good"));
  EXPECT_EQ(FactsOf(status).metadata["actual_sha256"], HashOf("evil"));
  writer = store_->NewBlob(4, "");
  ASSERT_TRUE((*writer)->Append("goo").ok());
  EXPECT_TRUE(HasReason((*writer)->Append("dly"), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason((*writer)->Commit().status(), Reason::kModelCorrupt));
  writer = store_->NewBlob(4, "");
  ASSERT_TRUE((*writer)->Append("goo").ok());
  EXPECT_TRUE(HasReason((*writer)->Commit().status(), Reason::kModelCorrupt));
  writer = store_->NewBlob(4, "");
  ASSERT_TRUE((*writer)->Append("goo").ok());
  writer->reset();  // a client that dies
  EXPECT_EQ(CountFiles("blobs"), 0u);
  EXPECT_EQ(CountFiles("partial"), 0u);
  writer = store_->NewBlob(4, "");
  ASSERT_TRUE((*writer)->Append("good").ok());
  EXPECT_EQ(*(*writer)->Commit(), HashOf("good"));
  EXPECT_FALSE((*writer)->Commit().ok());
  EXPECT_TRUE(HasReason(store_->NewBlob(0, "").status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(store_->NewBlob(1, "../x").status(), Reason::kFieldInvalid));
}

TEST_F(ModelStoreTest, AFullDiskIsSeenBeforeAndDuringAnImport) {
  SmallDisk disk(/*free=*/1000, /*room=*/100);
  Open(&disk);
  absl::Status status = store_->NewBlob(1001, "").status();
  EXPECT_TRUE(HasReason(status, Reason::kDiskFull)) << status;
  EXPECT_EQ(FactsOf(status).metadata["needed_bytes"], "1001");
  EXPECT_EQ(FactsOf(status).metadata["available_bytes"], "1000");
  auto writer = store_->NewBlob(1000, "");
  ASSERT_TRUE(writer.ok());
  status = (*writer)->Append(std::string(500, 'x'));
  EXPECT_TRUE(HasReason(status, Reason::kDiskFull)) << status;
  EXPECT_EQ(FactsOf(status).metadata["needed_bytes"], "1000");
  EXPECT_TRUE(HasReason((*writer)->Commit().status(), Reason::kDiskFull));
  EXPECT_EQ(CountFiles("partial"), 0u);
}

TEST_F(ModelStoreTest, AFullDiskLeavesNoHalfModel) {
  Open();
  ASSERT_TRUE(AddBlob("content").ok());
  store_.reset();
  WriteTestFile(Root("blobs/sha256-" + HashOf("content")), "content");
  SmallDisk disk(1 << 30, /*room=*/20);
  // The blob is an orphan now, so it is brought in anew; then the manifest does not fit.
  Open(&disk);
  ASSERT_TRUE(AddBlob("content").ok());
  EXPECT_TRUE(HasReason(store_->Put(ManifestFor("a", "content")), Reason::kDiskFull));
  EXPECT_THAT(store_->List(), IsEmpty());
  EXPECT_EQ(CountFiles("manifests"), 0u);
  Open();
  EXPECT_THAT(store_->List(), IsEmpty());
  EXPECT_EQ(CountFiles("blobs"), 0u);
}

TEST_F(ModelStoreTest, OpeningSweepsWhatACrashLeft) {
  Open();
  Install("a", "kept");
  store_.reset();
  const std::string resumable = Root("partial/sha256-" + HashOf("half"));
  WriteTestFile(resumable, "ha");
  WriteTestFile(resumable + ".etag", "\"1\"");
  WriteTestFile(Root("partial/sha256-" + HashOf("kept")), "ke");
  WriteTestFile(Root("partial/import-Ab12Cd"), "half an import");
  WriteTestFile(Root("blobs/sha256-" + HashOf("orphan")), "orphan");
  WriteTestFile(Root("manifests/b.json.tmp"), "{\"na");
  WriteTestFile(Root("state.json.tmp"), "{");
  Open();
  EXPECT_TRUE(fs::exists(resumable));
  EXPECT_TRUE(fs::exists(resumable + ".etag"));
  EXPECT_EQ(CountFiles("partial"), 2u);
  EXPECT_EQ(CountFiles("blobs"), 1u);
  EXPECT_EQ(CountFiles("manifests"), 1u);
  EXPECT_FALSE(fs::exists(Root("state.json.tmp")));
  EXPECT_THAT(store_->List(), SizeIs(1));
}

TEST_F(ModelStoreTest, AManifestThatCannotBeReadIsToldAndItsBlobsStay) {
  Open();
  Install("a", "kept");
  store_.reset();
  WriteTestFile(Root("manifests/a.json"), "{\"name\":");
  WriteTestFile(Root("manifests/other.json"), ManifestToJson(ManifestFor("elsewhere", "kept")));
  Open();
  EXPECT_THAT(store_->List(), IsEmpty());
  EXPECT_THAT(store_->Problems(), ElementsAre(HasSubstr("a.json"), HasSubstr("other.json")));
  EXPECT_TRUE(store_->HasBlob(HashOf("kept")));
}

TEST_F(ModelStoreTest, AMissingOrChangedBlobIsTold) {
  Open();
  Install("a", "content");
  const ManifestFile file = store_->Get("a")->files[0];
  const std::string path = *store_->PathOf(file);
  fs::permissions(path, fs::perms::owner_all);
  WriteTestFile(path, "cont");
  EXPECT_TRUE(HasReason(store_->PathOf(file).status(), Reason::kModelCorrupt));
  fs::remove(path);
  EXPECT_TRUE(HasReason(store_->PathOf(file).status(), Reason::kModelCorrupt));
  fs::create_directory(path);
  EXPECT_TRUE(HasReason(store_->PathOf(file).status(), Reason::kModelCorrupt));
}

TEST_F(ModelStoreTest, OneProcessAtATime) {
  Open();
  const absl::Status status = TryOpen().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("in use by another process"));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(TryOpen().ok() ? 0 : 1);
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_EQ(WEXITSTATUS(result), 1);
  store_.reset();
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(ModelStoreTest, AFolderThatCannotBeUsedIsNamed) {
  WriteTestFile(folder_ / "store", "a file in its place");
  EXPECT_THAT(TryOpen().status().message(), HasSubstr("cannot be used"));
  fs::remove(folder_ / "store");
  if (::geteuid() == 0) GTEST_SKIP() << "permissions do not bind root";
  fs::create_directory(folder_ / "store");
  ::chmod((folder_ / "store").c_str(), 0);
  EXPECT_THAT(TryOpen().status().message(), HasSubstr("Permission denied"));
  ::chmod((folder_ / "store").c_str(), 0700);
}

TEST_F(ModelStoreTest, RecordsAndDefaultsOutliveTheProcess) {
  Open();
  Install("a", "content");
  ModelRecord record;
  record.pinned = true;
  record.keep_alive = absl::InfiniteDuration();
  record.resident_bytes = 7;
  record.peak_bytes = 9;
  record.load_time = absl::Milliseconds(1500);
  ASSERT_TRUE(store_->SetRecord("a", record).ok());
  ASSERT_TRUE(store_->UpdateRecord("a", [](ModelRecord& r) { r.resident_bytes = 8; }).ok());
  EXPECT_TRUE(HasReason(store_->SetRecord("none", record), Reason::kModelNotFound));
  ASSERT_TRUE(store_->SetDefault("language.generate", "a").ok());
  EXPECT_TRUE(HasReason(store_->SetDefault("language.generate", "no"), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(store_->SetDefault("vision.x", "a"), Reason::kFieldInvalid));
  Open();
  record = store_->Record("a");
  EXPECT_TRUE(record.pinned);
  EXPECT_EQ(record.keep_alive, absl::InfiniteDuration());
  EXPECT_EQ(record.resident_bytes, 8u);
  EXPECT_EQ(record.peak_bytes, 9u);
  EXPECT_EQ(record.load_time, absl::Milliseconds(1500));
  EXPECT_THAT(store_->Defaults(), ElementsAre(Pair("language.generate", "a")));
  ASSERT_TRUE(store_->Remove("a").ok());
  EXPECT_THAT(store_->Defaults(), IsEmpty());
  EXPECT_FALSE(store_->Record("a").pinned);
  Install("a", "content");
  ASSERT_TRUE(store_->SetDefault("language.generate", "a").ok());
  ASSERT_TRUE(store_->ClearDefault("language.generate").ok());
  ASSERT_TRUE(store_->ClearDefault("language.generate").ok());
  EXPECT_THAT(store_->Defaults(), IsEmpty());
}

TEST_F(ModelStoreTest, ACorruptStateFileIsKeptAside) {
  for (const char* bad :
       {"not json", "[]", R"({"models":[]})", R"({"models":{"../x":{}}})",
        R"({"defaults":{"a":"B/.."}})", R"({"models":{"a":{"keep_alive_ms":-1}}})"}) {
    WriteTestFile(folder_ / "store/state.json", bad);
    Open();
    EXPECT_THAT(store_->Problems(), ElementsAre(HasSubstr("state.json.corrupt"))) << bad;
    EXPECT_EQ(*ReadFile(Root("state.json.corrupt"), 1000), bad);
    EXPECT_FALSE(fs::exists(Root("state.json")));
    store_.reset();
  }
}

TEST_F(ModelStoreTest, BuiltInModelsAreThereAndStay) {
  built_in_ = {folder_ / "built-in", folder_ / "missing"};
  const std::string dictionary = folder_ / "en.dic";
  WriteTestFile(dictionary, "words");
  WriteTestFile(folder_ / "built-in/rules.json",
                R"({"name":"rules","engine":"text","capabilities":["writing.proofread"],
                    "files":[{"role":"dictionary","name":"en.dic","path":")" +
                    dictionary + "\"}]}");
  WriteTestFile(folder_ / "built-in/other/model.json", R"({"name":"other","engine":"text"})");
  WriteTestFile(folder_ / "built-in/bad.json", "{}");
  Open();
  ASSERT_THAT(store_->List(), SizeIs(2));
  EXPECT_THAT(store_->Problems(), ElementsAre(HasSubstr("bad.json"), HasSubstr("missing")));
  auto rules = store_->Get("rules");
  ASSERT_TRUE(rules.ok());
  EXPECT_TRUE(rules->built_in);
  EXPECT_EQ(*store_->PathOf(rules->files[0]), dictionary);
  const absl::Status status = store_->Remove("rules").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("built in"));
  ASSERT_TRUE(AddBlob("x").ok());
  EXPECT_TRUE(HasReason(store_->Put(ManifestFor("rules", "x")), Reason::kModelBusy));
  ASSERT_TRUE(store_->SetDefault("writing.proofread", "rules").ok());
  fs::remove(dictionary);
  EXPECT_THAT(store_->PathOf(rules->files[0]).status().message(), HasSubstr("package"));
}

TEST_F(ModelStoreTest, APartialFileBecomesABlobWhenItsHashIsRight) {
  Open();
  const std::string hash = HashOf("complete");
  WriteTestFile(store_->PartialPath(hash), "complete");
  uint64_t hashed = 0;
  ASSERT_TRUE(store_->AdoptPartial(hash, {}, [&](uint64_t done) { hashed = done; }).ok());
  EXPECT_EQ(hashed, 8u);
  EXPECT_TRUE(store_->HasBlob(hash));
  EXPECT_FALSE(fs::exists(store_->PartialPath(hash)));
  const std::string other = HashOf("other");
  WriteTestFile(store_->PartialPath(other), "wrong");
  EXPECT_TRUE(HasReason(store_->AdoptPartial(other, {}, {}), Reason::kModelCorrupt));
  EXPECT_FALSE(fs::exists(store_->PartialPath(other)));
  WriteTestFile(store_->PartialPath(other), "other");
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_TRUE(HasReason(store_->AdoptPartial(other, cancel.token(), {}), Reason::kCancelled));
  EXPECT_TRUE(fs::exists(store_->PartialPath(other)));
  EXPECT_FALSE(store_->AdoptPartial("../../etc/passwd", {}, {}).ok());
}

// A folder's time has the resolution of the file system's clock: changes are told apart by hand.
void SetChangeTime(const std::string& folder, int seconds) {
  const timespec times[] = {{.tv_sec = seconds, .tv_nsec = 0}, {.tv_sec = seconds, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, folder.c_str(), times, 0), 0);
}

// What a folder of Apertium's offers becomes a model's capabilities.
TEST_F(ModelStoreTest, LanguagePairsOfTheSystemBecomeCapabilities) {
  const std::string modes = folder_ / "modes";
  fs::create_directories(modes);
  fs::create_directories(folder_ / "built-in");
  built_in_ = {folder_ / "built-in"};
  WriteTestFile(folder_ / "built-in/apertium.json",
                R"({"name": "apertium", "engine": "apertium", "files": [{"role": "apertium-modes",)"
                R"("name": "modes", "path": ")" +
                    modes + R"("}]})");
  Open();
  EXPECT_THAT(store_->List(), IsEmpty());
  EXPECT_THAT(store_->Problems(), IsEmpty());

  WriteTestFile(modes + "/eng-spa.mode", "lt-proc a | lt-proc $1 b");
  WriteTestFile(modes + "/es-pt_BR.mode", "lt-proc a | lt-proc $1 b");
  WriteTestFile(modes + "/eng-spa-morph.mode", "lt-proc a");
  Open();
  const auto model = store_->Get("apertium");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->capabilities, ElementsAre("translate:en>es", "translate:es>pt-BR"));
  EXPECT_EQ(*store_->PathOf(model->files[0]), modes);

  // No other role may be a folder.
  ManifestFile other = model->files[0];
  other.role = "model";
  EXPECT_FALSE(store_->PathOf(other).ok());

  // A package that comes or goes while the store is open.
  EXPECT_FALSE(store_->RefreshBuiltIn());
  WriteTestFile(modes + "/fra-cat.mode", "lt-proc a | lt-proc $1 b");
  SetChangeTime(modes, 1);
  EXPECT_TRUE(store_->RefreshBuiltIn());
  EXPECT_THAT(store_->Get("apertium")->capabilities,
              ElementsAre("translate:en>es", "translate:es>pt-BR", "translate:fr>ca"));
  EXPECT_FALSE(store_->RefreshBuiltIn());
  // What is no pair changes nothing.
  WriteTestFile(modes + "/fra-cat-tagger.mode", "lt-proc a");
  SetChangeTime(modes, 2);
  EXPECT_FALSE(store_->RefreshBuiltIn());
  fs::rename(modes, modes + "-away");
  EXPECT_TRUE(store_->RefreshBuiltIn());
  EXPECT_TRUE(HasReason(store_->Get("apertium").status(), Reason::kModelNotFound));
  fs::rename(modes + "-away", modes);
  EXPECT_TRUE(store_->RefreshBuiltIn());
  EXPECT_THAT(store_->List(), SizeIs(1));
  EXPECT_THAT(store_->Problems(), IsEmpty());

  fs::remove(modes + "/fra-cat.mode");
  fs::remove(modes + "/eng-spa.mode");
  Open();
  EXPECT_THAT(store_->Get("apertium")->capabilities, ElementsAre("translate:es>pt-BR"));
}

}  // namespace
}  // namespace intelligenced
