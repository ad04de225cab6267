// Installs over real sockets from a server in this process; the server runs on threads of its own.
#include "runtime/models/installer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/reasons.h"
#include "tests/support/paths.h"
#include "tests/unit/models/http_server.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Phase = InstallProgress::Phase;

class InstallerTest : public ::testing::Test {
 protected:
  InstallerTest() : server_([this](const TestRequest& request) { return handler_(request); }) {
    handler_ = [this](const TestRequest& request) {
      return TestHttpServer::File(request, content_);
    };
    Open();
  }

  void Open(FileSystem* files = nullptr, DownloadOptions options = {}) {
    installer_.reset();
    store_.reset();
    auto store = ModelStore::Open(
        {.root = folder_ / "store", .built_in_directories = {}, .file_system = files});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    installer_ = std::make_unique<Installer>(store_.get(), &clock_, options, files);
  }

  Manifest Entry(const std::string& path = "/m.bin") {
    Manifest manifest = ManifestFor("m", content_);
    manifest.license = "MIT";
    manifest.files[0].url = server_.Url(path);
    return manifest;
  }
  absl::Status Install(const Manifest& manifest, CancelToken cancel = {}) {
    return installer_->Install(manifest, cancel,
                               [this](const InstallProgress& p) { progress_.push_back(p); });
  }
  size_t Partials() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_ / "store/partial")) {
      ++count;
    }
    return count;
  }

  TemporaryFolder folder_;
  std::string content_ = std::string(300'000, 'a') + "the end";
  std::function<TestAnswer(const TestRequest&)> handler_;
  TestHttpServer server_;
  ManualClock clock_;
  std::unique_ptr<ModelStore> store_;
  std::unique_ptr<Installer> installer_;
  std::vector<InstallProgress> progress_;
};

TEST_F(InstallerTest, DownloadsVerifiesAndInstalls) {
  ASSERT_TRUE(Install(Entry()).ok());
  auto manifest = store_->Get("m");
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->license, "MIT");
  EXPECT_EQ(manifest->origin, server_.Url("/m.bin"));
  EXPECT_EQ(*ReadFile(*store_->PathOf(manifest->files[0]), 1 << 20), content_);
  EXPECT_EQ(Partials(), 0u);
  ASSERT_THAT(progress_, Not(IsEmpty()));
  EXPECT_EQ(progress_.front().phase, Phase::kDownloading);
  EXPECT_EQ(progress_.back().phase, Phase::kVerifying);
  EXPECT_EQ(progress_.back().bytes_done, content_.size());
  EXPECT_EQ(progress_.back().bytes_total, content_.size());
  EXPECT_TRUE(HasReason(Install(Entry()), Reason::kModelBusy));
  EXPECT_THAT(installer_->InProgress(), IsEmpty());
  // No credentials, nothing of ours.
  EXPECT_FALSE(server_.requests()[0].headers.contains("authorization"));
  EXPECT_FALSE(server_.requests()[0].headers.contains("cookie"));
}

TEST_F(InstallerTest, ACutConnectionIsResumed) {
  handler_ = [this](const TestRequest& request) {
    TestAnswer answer = TestHttpServer::File(request, content_);
    answer.cut_after = 100'000;
    return answer;
  };
  absl::Status status = Install(Entry());
  EXPECT_TRUE(HasReason(status, Reason::kDownloadFailed)) << status;
  EXPECT_TRUE(FactsOf(status).retry_delay.has_value());
  EXPECT_FALSE(store_->Get("m").ok());
  const uint64_t have = fs::file_size(store_->PartialPath(HashOf(content_)));
  EXPECT_GT(have, 0u);
  // Also after a restart of the daemon.
  Open();
  status = Install(Entry());
  EXPECT_TRUE(HasReason(status, Reason::kDownloadFailed));
  EXPECT_GT(fs::file_size(store_->PartialPath(HashOf(content_))), have);
  handler_ = [this](const TestRequest& request) { return TestHttpServer::File(request, content_); };
  ASSERT_TRUE(Install(Entry()).ok());
  const TestRequest last = server_.requests().back();
  EXPECT_THAT(last.headers.at("range"), HasSubstr("bytes="));
  EXPECT_EQ(last.headers.at("if-range"), "\"1\"");
  EXPECT_EQ(Partials(), 0u);
}

TEST_F(InstallerTest, AChangedFileStartsAnew) {
  WriteTestFile(store_->PartialPath(HashOf(content_)), "what came of the old version");
  WriteTestFile(store_->PartialPath(HashOf(content_)) + ".etag", "\"old\"");
  ASSERT_TRUE(Install(Entry()).ok());
  EXPECT_EQ(server_.requests()[0].headers.at("if-range"), "\"old\"");
}

TEST_F(InstallerTest, AServerWithoutRangesStartsAnew) {
  WriteTestFile(store_->PartialPath(HashOf(content_)), content_.substr(0, 1000));
  handler_ = [this](const TestRequest&) {
    return TestAnswer{.code = 200, .headers = {}, .body = content_};
  };
  ASSERT_TRUE(Install(Entry()).ok());
}

TEST_F(InstallerTest, AServerThatSendsAnotherPartIsAskedForTheWhole) {
  WriteTestFile(store_->PartialPath(HashOf(content_)), content_.substr(0, 1000));
  handler_ = [this](const TestRequest& request) {
    TestAnswer answer{.code = 200, .headers = {}, .body = content_};
    if (request.headers.contains("range")) {
      answer.code = 206;
      answer.headers = {"Content-Range: bytes 5-9/300007"};
      answer.body = "wrong";
    }
    return answer;
  };
  ASSERT_TRUE(Install(Entry()).ok());
  EXPECT_THAT(server_.requests(), SizeIs(2));
}

TEST_F(InstallerTest, WhatIsThereInFullIsOnlyVerified) {
  WriteTestFile(store_->PartialPath(HashOf(content_)), content_);
  ASSERT_TRUE(Install(Entry()).ok());
  EXPECT_THAT(server_.requests(), IsEmpty());
  // A blob that another model brought is used as it is.
  Manifest other = Entry();
  other.name = "other";
  ASSERT_TRUE(Install(other).ok());
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(InstallerTest, AWrongHashIsDiscarded) {
  Manifest manifest = Entry();
  content_[7] = 'X';
  const absl::Status status = Install(manifest);
  EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << status;
  EXPECT_EQ(FactsOf(status).metadata["actual_sha256"], HashOf(content_));
  EXPECT_EQ(Partials(), 0u);
  EXPECT_FALSE(store_->Get("m").ok());
}

TEST_F(InstallerTest, AWrongSizeIsRefusedBeforeItIsDownloaded) {
  Manifest manifest = Entry();
  content_ += "more";
  EXPECT_TRUE(HasReason(Install(manifest), Reason::kModelCorrupt));
  EXPECT_EQ(Partials(), 0u);
}

TEST_F(InstallerTest, ABodyThatNeverEndsIsCutOff) {
  Manifest manifest = Entry();
  handler_ = [this](const TestRequest&) {
    return TestAnswer{.code = 200,
                      .headers = {},
                      .body = content_ + std::string(5'000'000, 'x'),
                      .no_length = true};
  };
  EXPECT_TRUE(HasReason(Install(manifest), Reason::kModelCorrupt));
  EXPECT_EQ(Partials(), 0u);
}

TEST_F(InstallerTest, AShortBodyIsNoModel) {
  Manifest manifest = Entry();
  handler_ = [this](const TestRequest&) {
    return TestAnswer{.code = 200, .headers = {}, .body = content_.substr(9), .no_length = true};
  };
  EXPECT_TRUE(HasReason(Install(manifest), Reason::kModelCorrupt));
}

TEST_F(InstallerTest, ServersThatRefuseAreTold) {
  int code = 404;
  handler_ = [&](const TestRequest&) {
    return TestAnswer{.code = code, .headers = {"Retry-After: 77"}, .body = "<html>no</html>"};
  };
  absl::Status status = Install(Entry());
  EXPECT_TRUE(HasReason(status, Reason::kDownloadFailed));
  EXPECT_THAT(status.message(), HasSubstr("404"));
  code = 403;
  EXPECT_THAT(Install(Entry()).message(), HasSubstr("models import"));
  code = 503;
  status = Install(Entry());
  EXPECT_EQ(FactsOf(status).retry_delay, absl::Seconds(77));
  // Their pages are not taken for the file.
  EXPECT_EQ(fs::file_size(store_->PartialPath(HashOf(content_))), 0u);
}

TEST_F(InstallerTest, NobodyThere) {
  Manifest manifest = Entry();
  manifest.files[0].url = "http://127.0.0.1:1/m.bin";
  EXPECT_TRUE(HasReason(Install(manifest), Reason::kDownloadFailed));
}

TEST_F(InstallerTest, RedirectsAreFollowedWithinBounds) {
  handler_ = [this](const TestRequest& request) {
    if (request.path == "/m.bin") return TestHttpServer::File(request, content_);
    int left = 0;
    static_cast<void>(absl::SimpleAtoi(request.path.substr(1), &left));
    return TestAnswer{
        .code = 302,
        .headers = {left == 1 ? "Location: /m.bin" : absl::StrCat("Location: /", left - 1)},
        .body = "elsewhere"};
  };
  ASSERT_TRUE(Install(Entry("/5")).ok());
  ASSERT_TRUE(store_->Remove("m").ok());
  const absl::Status status = Install(Entry("/6"));
  EXPECT_TRUE(HasReason(status, Reason::kDownloadFailed));
  EXPECT_THAT(status.message(), HasSubstr("circles"));
}

TEST_F(InstallerTest, RedirectsToForbiddenPlacesAreRefused) {
  for (const char* target : {"http://192.0.2.1/m.bin", "file:///etc/passwd", "ftp://192.0.2.1/m",
                             "https://user:secret@192.0.2.1/m"}) {
    handler_ = [target](const TestRequest&) {
      return TestAnswer{.code = 302, .headers = {std::string("Location: ") + target}, .body = {}};
    };
    EXPECT_TRUE(HasReason(Install(Entry()), Reason::kDownloadFailed)) << target;
  }
  EXPECT_THAT(server_.requests(), SizeIs(4));
}

TEST_F(InstallerTest, OnlySafeAddressesAreTaken) {
  for (const char* bad :
       {"", "m.bin", "http://example.org/m", "ftp://example.org/m", "file:///etc/passwd",
        "https://user:secret@example.org/m", "https://user@example.org/m", "https://", "https:///m",
        "http://localhost.example.org/m", "http://127.0.0.1.example.org/m", "https://a b/",
        "https://example.org/\n", "gopher://x", "http://[::2]/m"}) {
    const absl::Status status = CheckDownloadUrl("address.url", bad);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << bad << status;
    EXPECT_EQ(FactsOf(status).field, "address.url");
  }
  for (const char* good : {"https://example.org/m?x=1#y", "http://localhost:8080/m",
                           "http://127.1.2.3/m", "http://[::1]:80/m", "HTTPS://example.org/m"}) {
    EXPECT_TRUE(CheckDownloadUrl("url", good).ok()) << good;
  }
  EXPECT_FALSE(CheckDownloadUrl("url", "https://x/" + std::string(3000, 'a')).ok());
}

TEST_F(InstallerTest, ASlowServerIsGivenUp) {
  DownloadOptions options;
  options.low_speed_time = absl::Seconds(1);
  Open(nullptr, options);
  handler_ = [this](const TestRequest& request) {
    TestAnswer answer = TestHttpServer::File(request, content_);
    answer.cut_after = 1000;
    answer.hang = true;
    return answer;
  };
  const absl::Status status = Install(Entry());
  EXPECT_TRUE(HasReason(status, Reason::kDownloadFailed));
  EXPECT_THAT(status.message(), HasSubstr("hardly anything came"));
  EXPECT_EQ(fs::file_size(store_->PartialPath(HashOf(content_))), 1000u);
}

TEST_F(InstallerTest, CancellingStopsAtOnceAndKeepsWhatCame) {
  CancelSource cancel;
  Signal sending;
  handler_ = [&](const TestRequest& request) {
    TestAnswer answer = TestHttpServer::File(request, content_);
    answer.cut_after = 1000;
    answer.hang = true;
    sending.Notify();
    return answer;
  };
  std::thread canceller([&] {
    sending.Wait();
    cancel.Cancel();
  });
  EXPECT_TRUE(HasReason(Install(Entry(), cancel.token()), Reason::kCancelled));
  canceller.join();
  EXPECT_TRUE(HasReason(Install(Entry(), cancel.token()), Reason::kCancelled));
  EXPECT_TRUE(fs::exists(store_->PartialPath(HashOf(content_))));
}

TEST_F(InstallerTest, AFullDiskIsSeenBeforeTheDownload) {
  SmallDisk disk(/*free=*/content_.size() - 1, /*room=*/1 << 20);
  Open(&disk);
  const absl::Status status = Install(Entry());
  EXPECT_TRUE(HasReason(status, Reason::kDiskFull)) << status;
  EXPECT_EQ(FactsOf(status).metadata["needed_bytes"], std::to_string(content_.size()));
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(InstallerTest, ADiskThatFillsUpInBetweenGivesItsRoomBack) {
  SmallDisk disk(/*free=*/1 << 30, /*room=*/100'000);
  Open(&disk);
  const absl::Status status = Install(Entry());
  EXPECT_TRUE(HasReason(status, Reason::kDiskFull)) << status;
  EXPECT_EQ(Partials(), 0u);
}

TEST_F(InstallerTest, TwoInstallsShareOneDownload) {
  Signal asked;
  Signal go_on;
  handler_ = [&](const TestRequest& request) {
    asked.Notify();
    go_on.Wait();
    return TestHttpServer::File(request, content_);
  };
  absl::Status first;
  std::thread one([&] { first = installer_->Install(Entry(), {}, {}); });
  asked.Wait();
  EXPECT_THAT(installer_->InProgress(), ElementsAre("m"));
  Manifest different = Entry();
  different.files[0].sha256 = HashOf("something else");
  EXPECT_TRUE(HasReason(installer_->Install(different, {}, {}), Reason::kModelBusy));
  // The second may come before or after the first has ended; both end well or it says so.
  absl::Status second;
  std::vector<InstallProgress> told;
  std::thread two([&] {
    second = installer_->Install(Entry(), {}, [&](const InstallProgress& p) { told.push_back(p); });
  });
  go_on.Notify();
  one.join();
  two.join();
  EXPECT_TRUE(first.ok()) << first;
  EXPECT_TRUE(second.ok() || HasReason(second, Reason::kModelBusy)) << second;
  EXPECT_THAT(server_.requests(), SizeIs(1));
}

TEST_F(InstallerTest, WhenTheFirstGivesUpTheSecondTakesOver) {
  Signal asked;
  bool hang = true;
  handler_ = [&](const TestRequest& request) {
    TestAnswer answer = TestHttpServer::File(request, content_);
    if (hang) {
      hang = false;
      answer.cut_after = 1000;
      answer.hang = true;
      asked.Notify();
    }
    return answer;
  };
  CancelSource cancel;
  absl::Status first;
  std::thread one([&] { first = installer_->Install(Entry(), cancel.token(), {}); });
  asked.Wait();
  absl::Status second;
  Signal following;
  std::thread two([&] {
    second = installer_->Install(Entry(), {}, [&](const InstallProgress&) { following.Notify(); });
  });
  following.Wait();
  cancel.Cancel();
  one.join();
  two.join();
  EXPECT_TRUE(HasReason(first, Reason::kCancelled)) << first;
  EXPECT_TRUE(second.ok()) << second;
}

TEST_F(InstallerTest, LanguageModelsAreCompletedFromTheirHeader) {
  content_ = SmallGguf();
  Manifest manifest = Entry("/small.gguf");
  manifest.engine = "llama";
  manifest.capabilities = {"language.generate"};
  ASSERT_TRUE(Install(manifest).ok());
  EXPECT_EQ(store_->Get("m")->family, "llama");
  EXPECT_TRUE(store_->Get("m")->HasCapability("writing.rewrite"));
  content_ = "no GGUF at all";
  manifest = Entry();
  manifest.name = "n";
  manifest.engine = "llama";
  EXPECT_TRUE(HasReason(Install(manifest), Reason::kModelCorrupt));
  EXPECT_FALSE(store_->HasBlob(HashOf(content_)));
}

TEST_F(InstallerTest, InstallUrlMakesTheManifestFromTheFile) {
  content_ = SmallGguf();
  const std::string url = server_.Url("/small.gguf");
  auto install = [&](std::string_view name, std::string_view address, std::string_view hash) {
    return installer_->InstallUrl(name, address, hash, {}, {});
  };
  EXPECT_EQ(FactsOf(install("m", url, "").status()).field, "address.sha256");
  EXPECT_EQ(FactsOf(install("m", url, "abc").status()).field, "address.sha256");
  EXPECT_EQ(FactsOf(install("../m", url, HashOf(content_)).status()).field, "address.name");
  EXPECT_EQ(FactsOf(install("m", "http://x.org/m", HashOf(content_)).status()).field,
            "address.url");
  EXPECT_TRUE(HasReason(install("m", url, HashOf("other")).status(), Reason::kModelCorrupt));
  auto manifest = install("m", url, absl::AsciiStrToUpper(HashOf(content_)));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->name, "m");
  EXPECT_EQ(manifest->origin, url);
  EXPECT_EQ(manifest->license, "MIT");
  EXPECT_TRUE(HasReason(install("m", url, HashOf(content_)).status(), Reason::kModelBusy));
  content_ = "no GGUF at all";
  EXPECT_TRUE(HasReason(install("n", url, HashOf(content_)).status(), Reason::kModelCorrupt));
  EXPECT_FALSE(store_->HasBlob(HashOf(content_)));
}

TEST_F(InstallerTest, AnAddressMustSayHowLongItsFileIs) {
  handler_ = [this](const TestRequest&) {
    return TestAnswer{.code = 200, .headers = {}, .body = content_, .no_length = true};
  };
  const absl::Status status =
      installer_->InstallUrl("m", server_.Url("/m"), HashOf(content_), {}, {}).status();
  EXPECT_TRUE(HasReason(status, Reason::kDownloadFailed)) << status;
  EXPECT_THAT(status.message(), HasSubstr("how long"));
}

TEST_F(InstallerTest, ImportsAreNamedAndLicensed) {
  auto import = [&](const std::string& name, const std::string& content,
                    const std::string& license) {
    auto writer = store_->NewBlob(content.size(), "");
    EXPECT_TRUE((*writer)->Append(content).ok());
    return installer_->PutBlobAsModel(name, *(*writer)->Commit(),
                                      {.origin = "imported", .license = license});
  };
  auto manifest = import("mine", SmallGguf(), "");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->license, "MIT");
  EXPECT_EQ(manifest->origin, "imported");
  EXPECT_EQ(manifest->title, "Small");
  EXPECT_EQ(import("other", SmallGguf(false), "CC0-1.0")->license, "CC0-1.0");
  EXPECT_TRUE(HasReason(import("mine", SmallGguf(), "").status(), Reason::kModelBusy));
  EXPECT_TRUE(HasReason(import("bad name", SmallGguf(), "").status(), Reason::kFieldInvalid));
  const std::string cut = SmallGguf().substr(0, 3000);
  EXPECT_TRUE(HasReason(import("cut", cut, "").status(), Reason::kModelCorrupt));
  EXPECT_FALSE(store_->HasBlob(HashOf(cut))) << "what is no model is not kept";
  EXPECT_TRUE(store_->HasBlob(HashOf(SmallGguf())));
}

class HubTest : public InstallerTest {
 protected:
  HubTest() {
    content_ = SmallGguf();
    handler_ = [this](const TestRequest& request) -> TestAnswer {
      if (request.path == "/own/repo/resolve/main/m.gguf") {
        std::vector<std::string> headers = {"Location: /bytes", "ETag: \"x\""};
        if (linked_) {
          headers.push_back(absl::StrCat("X-Linked-Etag: \"", HashOf(content_), "\""));
          headers.push_back(absl::StrCat("X-Linked-Size: ", content_.size()));
        }
        return {.code = 302, .headers = headers, .body = {}};
      }
      if (request.path == "/own/repo/raw/main/m.gguf") {
        return {.code = pointer_.empty() ? 404 : 200, .headers = {}, .body = pointer_};
      }
      if (request.path == "/bytes") return TestHttpServer::File(request, content_);
      return {.code = 404, .headers = {}, .body = {}};
    };
    WriteTestFile(folder_ / "catalogue/hub.json",
                  absl::StrCat(R"({"hubs":{"hf":")", server_.Url(""),
                               R"("},"models":[{"name":"m","engine":"llama","license":"MIT",
                               "files":[{"name":"m.gguf","url":"hf://own/repo/m.gguf"}]}]})"));
    catalogue_ = Catalogue::Load({folder_ / "catalogue"}, &problems_);
  }

  bool linked_ = true;
  std::string pointer_;
  std::vector<std::string> problems_;
  Catalogue catalogue_;
};

TEST_F(HubTest, TheHashIsWhatTheHubStates) {
  ASSERT_THAT(problems_, IsEmpty());
  auto resolved = installer_->Resolve(*catalogue_.Find("m"), {});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->files[0].sha256, HashOf(content_));
  EXPECT_EQ(resolved->size_bytes(), content_.size());
  ASSERT_TRUE(Install(*catalogue_.Find("m")).ok());
  EXPECT_EQ(store_->Get("m")->files[0].sha256, HashOf(content_));
  EXPECT_EQ(store_->Get("m")->license, "MIT");
}

TEST_F(HubTest, OrTheLfsPointer) {
  linked_ = false;
  pointer_ =
      absl::StrCat("version https://git-lfs.github.com/spec/v1\noid sha256:", HashOf(content_),
                   "\nsize ", content_.size(), "\n");
  ASSERT_TRUE(Install(*catalogue_.Find("m")).ok());
}

TEST_F(HubTest, WithoutAHashNothingIsInstalled) {
  linked_ = false;
  for (const char* pointer : {"", "no pointer", "oid sha256:abc\nsize 5\n"}) {
    pointer_ = pointer;
    EXPECT_TRUE(HasReason(Install(*catalogue_.Find("m")), Reason::kModelCorrupt)) << pointer;
  }
  pointer_ = std::string(100'000, 'x');
  EXPECT_TRUE(HasReason(Install(*catalogue_.Find("m")), Reason::kModelCorrupt));
}

TEST_F(HubTest, WhatTheHubSendsMustBeWhatItStated) {
  Manifest manifest = *installer_->Resolve(*catalogue_.Find("m"), {});
  content_[content_.size() - 1] = 'X';
  EXPECT_TRUE(HasReason(Install(manifest), Reason::kModelCorrupt));
}

TEST(CatalogueTest, LoadsFoldersAndTellsWhatIsWrong) {
  TemporaryFolder folder;
  auto entry = [](const std::string& name, int rank) {
    Manifest manifest = ManifestFor(name, name);
    manifest.rank = rank;
    manifest.files[0].url = "https://example.org/" + name;
    return ManifestToJson(manifest);
  };
  WriteTestFile(folder / "one/a.json",
                "{\"models\":[" + entry("b", 5) + "," + entry("a", 9) + "]}");
  WriteTestFile(folder / "one/b.json", "{\"models\":[" + entry("a", 1) + "]}");
  WriteTestFile(folder / "one/c.json", "nonsense");
  WriteTestFile(folder / "one/README.md", "nothing of ours");
  std::vector<std::string> problems;
  const Catalogue catalogue = Catalogue::Load({folder / "one", folder / "none"}, &problems);
  ASSERT_THAT(catalogue.models(), SizeIs(2));
  EXPECT_EQ(catalogue.models()[0].name, "a");
  EXPECT_EQ(catalogue.Find("a")->rank, 9);
  EXPECT_EQ(catalogue.Find("none"), nullptr);
  EXPECT_EQ(catalogue.FindCapable("language.generate")->name, "a");
  EXPECT_EQ(catalogue.FindCapable("vision.fly"), nullptr);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("b.json"), HasSubstr("c.json"), HasSubstr("none")));
}

TEST(CatalogueTest, TheOneThatShipsIsValid) {
  std::vector<std::string> problems;
  const Catalogue catalogue = Catalogue::Load({SourcePath("packaging/catalogue")}, &problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(catalogue.models().size(), 102u);
  for (const char* capability :
       {"language.generate", "writing.proofread", "writing.rewrite", "writing.summarize",
        "writing.compose", "vision.detect-face-rectangles", "vision.detect-human-hand-pose",
        "image.generate", "image.restyle"}) {
    const Manifest* model = catalogue.FindCapable(capability);
    ASSERT_NE(model, nullptr) << capability;
    EXPECT_FALSE(model->license.empty());
  }
  EXPECT_EQ(catalogue.FindCapable("writing.proofread")->name, "qwen2.5-1.5b-instruct");
  for (const Manifest& model : catalogue.models()) {
    for (const ManifestFile& file : model.files) {
      EXPECT_TRUE(CheckDownloadUrl("url", file.url).ok()) << model.name << " " << file.url;
    }
  }
}

}  // namespace
}  // namespace intelligenced
