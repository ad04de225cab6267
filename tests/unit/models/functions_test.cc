// Functions of installed models: adapters checked against their base, added and removed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "runtime/models/gguf_metadata.h"
#include "runtime/models/installer.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct AdapterShape {
  std::string type = "adapter";
  std::string adapter_type = "lora";
  std::string architecture = "llama";
  std::string matrix = "a";
  std::vector<uint64_t> down = {32, 4};
  std::vector<uint64_t> up = {4, 32};
  bool half = false;
  // Not a byte of the file is the same as with another name.
  std::string name = "x";
};

// An adapter for SmallGguf(), or one that is not.
std::string AdapterGguf(const AdapterShape& shape = {}) {
  GgufBuilder builder;
  builder.Text("general.architecture", shape.architecture)
      .Text("general.type", shape.type)
      .Text("adapter.type", shape.adapter_type)
      .Text("general.name", shape.name)
      .Tensor(shape.matrix + ".lora_a", shape.down, 0, 0);
  if (!shape.half) builder.Tensor(shape.matrix + ".lora_b", shape.up, 0, 4096);
  return builder.Build(16384);
}

NewFunction Function(std::string name, std::string sha256, double scale = 1,
                     std::vector<std::string> capabilities = {}) {
  NewFunction function;
  function.name = std::move(name);
  function.sha256 = std::move(sha256);
  function.scale = scale;
  function.capabilities = std::move(capabilities);
  return function;
}

class FunctionsTest : public ::testing::Test {
 protected:
  FunctionsTest() {
    store_ = *ModelStore::Open(Options());
    installer_ = std::make_unique<Installer>(store_.get(), &clock_);
  }

  ModelStore::Options Options() const {
    ModelStore::Options options;
    options.root = folder_ / "store";
    return options;
  }
  std::string Blob(const std::string& bytes) {
    auto writer = store_->NewBlob(bytes.size(), "");
    EXPECT_TRUE(writer.ok()) << writer.status();
    EXPECT_TRUE((*writer)->Append(bytes).ok());
    return *(*writer)->Commit();
  }
  void InstallBase() {
    auto put = installer_->PutBlobAsModel("base", Blob(SmallGguf()), {.origin = "imported"});
    ASSERT_TRUE(put.ok()) << put.status();
  }
  absl::Status Add(const std::string& name, const std::string& bytes) {
    return installer_->AddFunctions("base", {Function(name, Blob(bytes))}).status();
  }

  const TemporaryFolder folder_;
  ManualClock clock_;
  std::unique_ptr<ModelStore> store_;
  std::unique_ptr<Installer> installer_;
};

TEST_F(FunctionsTest, AreAddedAndRemoved) {
  InstallBase();
  const std::string one = AdapterGguf({.name = "one"}), two = AdapterGguf({.name = "two"});
  auto added = installer_->AddFunctions(
      "base",
      {Function("fix", Blob(one), 0.5, {"writing.proofread"}), Function("formal", Blob(two))});
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_THAT(added->functions, SizeIs(2));
  const Manifest manifest = *store_->Get("base");
  EXPECT_EQ(manifest.FunctionFor("writing.proofread")->name, "fix");
  EXPECT_EQ(manifest.size_bytes(), SmallGguf().size() + one.size() + two.size());
  for (const ManifestFile& file : manifest.files) EXPECT_TRUE(store_->PathOf(file).ok());

  // Installed for good.
  store_.reset();
  store_ = *ModelStore::Open(Options());
  installer_ = std::make_unique<Installer>(store_.get(), &clock_);
  ASSERT_TRUE(store_->Get("base").ok());
  EXPECT_THAT(store_->Get("base")->functions, SizeIs(2));

  ASSERT_TRUE(installer_->RemoveFunction("base", "fix").ok());
  EXPECT_THAT(store_->Get("base")->functions, SizeIs(1));
  EXPECT_FALSE(store_->HasBlob(HashOf(one))) << "the disk has it back";
  EXPECT_TRUE(store_->HasBlob(HashOf(two)));
  EXPECT_TRUE(
      HasReason(installer_->RemoveFunction("base", "fix").status(), Reason::kModelNotFound));
  EXPECT_EQ(*store_->Remove("base"), SmallGguf().size() + two.size());
  EXPECT_FALSE(store_->HasBlob(HashOf(two)));
}

TEST_F(FunctionsTest, OneAdapterMayBeTwoFunctions) {
  InstallBase();
  const std::string bytes = AdapterGguf();
  ASSERT_TRUE(Add("strong", bytes).ok());
  ASSERT_TRUE(Add("weak", bytes).ok());
  ASSERT_TRUE(installer_->RemoveFunction("base", "strong").ok());
  EXPECT_TRUE(store_->HasBlob(HashOf(bytes)));
  EXPECT_TRUE(store_->PathOf(store_->Get("base")->files.back()).ok());
}

TEST_F(FunctionsTest, AnAdapterForAnotherModelChangesNothing) {
  InstallBase();
  const auto refused = [&](const AdapterShape& shape, const char* words) {
    const std::string bytes = AdapterGguf(shape);
    const absl::Status status = Add("fix", bytes);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_EQ(FactsOf(status).field, "function.file");
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_FALSE(store_->HasBlob(HashOf(bytes)));
    EXPECT_THAT(store_->Get("base")->functions, IsEmpty());
  };
  refused({.down = {64, 4}}, "64 x 32 in the adapter and 32 x 32 in the model");
  refused({.up = {4, 64}}, "32 x 64 in the adapter");
  refused({.down = {32, 8}}, "do not fit each other");
  refused({.half = true}, "only one half");
  refused({.matrix = "blk.7.attn_q.weight"}, "no matrix blk.7.attn_q.weight");
  refused({.architecture = "qwen2"}, "architecture qwen2");
  refused({.type = "model"}, "no adapter");
  refused({.adapter_type = "ia3"}, "ia3");
  const absl::Status whole = Add("fix", SmallGguf(false));
  EXPECT_TRUE(HasReason(whole, Reason::kFieldInvalid)) << whole;
  EXPECT_TRUE(HasReason(Add("fix", "no GGUF at all"), Reason::kModelCorrupt));
  const std::string bytes = AdapterGguf();
  EXPECT_TRUE(HasReason(Add("fix", bytes.substr(0, 1000)), Reason::kModelCorrupt));
}

TEST_F(FunctionsTest, NamesAreChecked) {
  InstallBase();
  ASSERT_TRUE(Add("fix", AdapterGguf()).ok());
  EXPECT_TRUE(HasReason(Add("fix", AdapterGguf({.name = "y"})), Reason::kModelBusy));
  EXPECT_FALSE(Add("Not A Name", AdapterGguf({.name = "z"})).ok());
  EXPECT_THAT(store_->Get("base")->functions, SizeIs(1));
  EXPECT_TRUE(
      HasReason(installer_->AddFunctions("other", {Function("f", Blob(AdapterGguf()))}).status(),
                Reason::kModelNotFound));
}

TEST_F(FunctionsTest, AModelComesWithItsFunctionsOrNotAtAll) {
  const std::string good = AdapterGguf(), bad = AdapterGguf({.down = {64, 4}});
  auto put = installer_->PutBlobAsModel(
      "base", Blob(SmallGguf()),
      {.functions = {Function("good", Blob(good)), Function("bad", Blob(bad))}});
  EXPECT_TRUE(HasReason(put.status(), Reason::kFieldInvalid)) << put.status();
  EXPECT_FALSE(store_->Get("base").ok());
  for (const std::string& bytes : {SmallGguf(), good, bad}) {
    EXPECT_FALSE(store_->HasBlob(HashOf(bytes)));
  }
  put = installer_->PutBlobAsModel("base", Blob(SmallGguf()),
                                   {.functions = {Function("good", Blob(good))}});
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_THAT(store_->Get("base")->functions, SizeIs(1));
}

TEST_F(FunctionsTest, AFailedChangeLeavesTheManifest) {
  InstallBase();
  auto changed = store_->Change("base", [](Manifest& manifest) {
    manifest.name = "other";
    return absl::OkStatus();
  });
  EXPECT_TRUE(HasReason(changed.status(), Reason::kFieldInvalid)) << changed.status();
  changed = store_->Change("base", [](Manifest& manifest) {
    manifest.files[0].sha256 = HashOf("not there");
    return absl::OkStatus();
  });
  EXPECT_TRUE(HasReason(changed.status(), Reason::kModelCorrupt)) << changed.status();
  EXPECT_EQ(store_->Get("base")->files[0].sha256, HashOf(SmallGguf()));
  EXPECT_TRUE(store_->HasBlob(HashOf(SmallGguf())));
}

TEST(ProjectorTest, MustBeOneForPicturesAndOfTheModelsWidth) {
  GgufMetadata base;
  base.architecture = "llama";
  base.shapes = {{.name = "token_embd.weight", .columns = 64, .rows = 1000}};
  GgufMetadata projector;
  projector.architecture = "clip";
  projector.sees = true;
  EXPECT_TRUE(CheckProjector(projector, base).ok());
  projector.shapes = {{.name = "mm.2.weight", .columns = 32, .rows = 64}};
  EXPECT_TRUE(CheckProjector(projector, base).ok());
  projector.shapes = {{.name = "mm.input_projection.weight", .columns = 64, .rows = 32}};
  EXPECT_TRUE(CheckProjector(projector, base).ok());
  projector.shapes[0].columns = 128;
  absl::Status status = CheckProjector(projector, base);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("128"));
  projector.shapes.clear();
  projector.sees = false;
  EXPECT_TRUE(HasReason(CheckProjector(projector, base), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(CheckProjector(base, base), Reason::kFieldInvalid));
}

}  // namespace
}  // namespace intelligenced
