#include "runtime/models/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kHash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

std::string OneFile(std::string_view file) {
  return absl::StrCat(R"({"name":"m","engine":"llama","files":[)", file, "]}");
}

std::string GoodFile() {
  return absl::StrCat(R"({"role":"model","name":"m.gguf","size_bytes":5,"sha256":")", kHash, "\"}");
}

TEST(ManifestTest, RoundTrip) {
  Manifest manifest = ManifestFor("qwen2.5-0.5b", "content");
  manifest.version = "1";
  manifest.title = "A \"title\" with ünïcode";
  manifest.description = "two\nlines";
  manifest.family = "qwen2";
  manifest.license = "Apache-2.0";
  manifest.origin = "https://example.org/x";
  manifest.capabilities = {"writing.proofread", "translate:en>es"};
  manifest.parameters = {{"context_tokens", "4096"}};
  manifest.rank = -7;
  manifest.files[0].url = "https://example.org/x.gguf";
  const std::string json = ManifestToJson(manifest);
  auto again = ParseManifest(json, ManifestPlace::kInstalled);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ManifestToJson(*again), json);
  EXPECT_EQ(again->title, manifest.title);
  EXPECT_EQ(again->rank, -7);
  EXPECT_EQ(again->parameters, manifest.parameters);
  EXPECT_EQ(again->capabilities, manifest.capabilities);
  EXPECT_EQ(again->files[0].sha256, manifest.files[0].sha256);
  EXPECT_EQ(again->size_bytes(), 7u);
  EXPECT_TRUE(again->HasCapability("translate:en>es"));
  EXPECT_FALSE(again->HasCapability("translate:en"));
}

Manifest WithFunctions() {
  Manifest manifest = ManifestFor("base", "content");
  for (const char* name : {"fix", "formal"}) {
    ManifestFile file = manifest.files[0];
    file.role = kAdapterRole;
    file.name = absl::StrCat(name, ".gguf");
    manifest.files.push_back(file);
    ManifestFunction function;
    function.name = name;
    function.file = file.name;
    manifest.functions.push_back(function);
  }
  manifest.functions[0].capabilities = {"writing.proofread"};
  manifest.functions[1].scale = 0.5;
  return manifest;
}

TEST(ManifestTest, FunctionsRoundTrip) {
  const Manifest manifest = WithFunctions();
  auto again = ParseManifest(ManifestToJson(manifest), ManifestPlace::kInstalled);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_THAT(again->functions, SizeIs(2));
  EXPECT_EQ(again->functions[0].file, "fix.gguf");
  EXPECT_EQ(again->functions[0].scale, 1);
  EXPECT_EQ(again->functions[1].scale, 0.5);
  EXPECT_EQ(again->FunctionFor("writing.proofread"), &again->functions[0]);
  EXPECT_EQ(again->FunctionFor("language.generate"), nullptr) << "that is the base's";
  EXPECT_EQ(again->FindFunction("formal"), &again->functions[1]);
  EXPECT_EQ(again->FindFunction("other"), nullptr);
  EXPECT_TRUE(again->HasCapability("writing.proofread"));
  EXPECT_FALSE(again->BaseHasCapability("writing.proofread"));
  EXPECT_TRUE(again->BaseHasCapability("language.generate"));
}

TEST(ManifestTest, BadFunctions) {
  const auto refused = [](auto change) {
    Manifest manifest = WithFunctions();
    change(manifest);
    const auto parsed = ParseManifest(ManifestToJson(manifest), ManifestPlace::kInstalled);
    EXPECT_TRUE(HasReason(parsed.status(), Reason::kModelCorrupt)) << parsed.status();
  };
  refused([](Manifest& manifest) { manifest.functions[0].name = "Fix it"; });
  refused([](Manifest& manifest) { manifest.functions[0].name = "formal"; });
  refused([](Manifest& manifest) { manifest.functions[0].file = "model.bin"; });  // no adapter
  refused([](Manifest& manifest) { manifest.functions[0].file = "../x"; });
  refused([](Manifest& manifest) { manifest.functions[0].scale = 17; });
  refused([](Manifest& manifest) { manifest.functions[0].capabilities = {"not one"}; });
  refused([](Manifest& manifest) { manifest.functions.resize(65, manifest.functions[0]); });
  std::string json = ManifestToJson(WithFunctions());
  json.replace(json.find("0.5"), 3, "NaN");
  EXPECT_FALSE(ParseManifest(json).ok());
}

TEST(ManifestTest, References) {
  for (const char* base : {"m", "models/m"}) {
    auto reference = ParseModelReference("name", base);
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_EQ(reference->model, "m");
    EXPECT_EQ(reference->function, "");
  }
  for (const char* whole : {"m/f", "models/m/functions/f"}) {
    auto reference = ParseModelReference("name", whole);
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_EQ(reference->model, "m");
    EXPECT_EQ(reference->function, "f");
  }
  for (const char* bad :
       {"", "/", "m/", "/f", "m/f/g", "models/", "models/m/f", "models/m/functions/", "M/f", "m/F",
        "models/m/functions/f/g", "m/functions/f", "functions/f/"}) {
    EXPECT_TRUE(HasReason(ParseModelReference("name", bad).status(), Reason::kFieldInvalid)) << bad;
  }
}

TEST(ManifestTest, Names) {
  for (const char* good : {"a", "0", "qwen2.5-0.5b_x", "a..b"}) EXPECT_TRUE(IsValidModelName(good));
  EXPECT_TRUE(IsValidModelName(std::string(63, 'a')));
  for (const char* bad : {"", ".", "..", ".a", "-a", "_a", "A", "a/b", "a b", "ä", "a\\b", "a\n"}) {
    EXPECT_FALSE(IsValidModelName(bad)) << bad;
  }
  EXPECT_FALSE(IsValidModelName(std::string(64, 'a')));
  EXPECT_FALSE(IsValidModelName(std::string_view("a\0b", 3)));
  EXPECT_EQ(*ParseModelName("name", "models/x"), "x");
  EXPECT_EQ(*ParseModelName("name", "x"), "x");
  for (const char* bad : {"models/", "models/models/x", "models/../x", "Models/x"}) {
    const absl::Status status = ParseModelName("options.model", bad).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << bad;
    EXPECT_EQ(FactsOf(status).field, "options.model");
  }
}

struct BadCase {
  std::string json;
  std::string says;
};

TEST(ManifestTest, BadManifestsAreRefusedWithWhatIsWrong) {
  const std::string file = GoodFile();
  const std::string deep(100000, '[');
  const BadCase cases[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"[]", "must be an object"},
      {"null", "must be an object"},
      {deep, "no JSON"},
      {R"({"name":"m","engine":"llama"})", "files"},
      {R"({"name":"m","engine":"llama","files":[]})", "files"},
      {R"({"name":"m","engine":"llama","files":{}})", "files"},
      {R"({"name":7,"engine":"llama","files":[]})", "name must be a string"},
      {R"({"name":"../m","engine":"llama","files":[]})", "name"},
      {R"({"name":"m\u0000","engine":"llama","files":[]})", "NUL"},
      {"{\"name\":\"m\",\"engine\":\"llama\",\"title\":\"\xff\",\"files\":[" + file + "]}",
       "no JSON"},
      // The engine's name becomes part of an executable's path.
      {R"({"name":"m","engine":"../../bin/sh","files":[)" + file + "]}", "engine"},
      {R"({"name":"m","engine":"","files":[)" + file + "]}", "engine"},
      {R"({"name":"m","engine":"llama","colour":"red","files":[)" + file + "]}", "colour"},
      {R"({"name":"m","engine":"llama","rank":1.5,"files":[)" + file + "]}", "rank"},
      {R"({"name":"m","engine":"llama","rank":99999999999999999999,"files":[)" + file + "]}",
       "rank"},
      {R"({"name":"m","engine":"llama","capabilities":["A b"],"files":[)" + file + "]}",
       "capabilities"},
      {R"({"name":"m","engine":"llama","capabilities":[1],"files":[)" + file + "]}",
       "capabilities"},
      {R"({"name":"m","engine":"llama","parameters":{"a":1},"files":[)" + file + "]}",
       "parameters"},
      {OneFile("7"), "files[0] must be an object"},
      {OneFile(R"({"name":"m.gguf","size_bytes":5})"), "files[0].sha256 is missing"},
      {OneFile(R"({"name":"m.gguf","size_bytes":5,"sha256":"abc"})"), "64"},
      {OneFile(absl::StrCat(R"({"name":"m","size_bytes":-5,"sha256":")", kHash, "\"}")),
       "size_bytes"},
      {OneFile(absl::StrCat(R"({"name":"m","size_bytes":1e3,"sha256":")", kHash, "\"}")),
       "size_bytes"},
      {OneFile(absl::StrCat(R"({"name":"m","size_bytes":18446744073709551615,"sha256":")", kHash,
                            "\"}")),
       "size_bytes"},
      {OneFile(absl::StrCat(R"({"name":"m","size_bytes":5,"sha256":")", kHash,
                            R"(","path":"/etc/passwd"})")),
       "path"},
  };
  for (const BadCase& bad : cases) {
    const absl::Status status = ParseManifest(bad.json).status();
    EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << bad.json.substr(0, 200) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.says)) << bad.json.substr(0, 200);
  }
}

TEST(ManifestTest, FileNamesCannotLeaveTheirFolder) {
  for (const char* name :
       {"../m", "a/b", "/etc/passwd", "..", ".", "", "a\\\\b", "..\\\\m", "a\\u0000b", "a\\nb"}) {
    const std::string json =
        OneFile(absl::StrCat(R"({"size_bytes":5,"sha256":")", kHash, R"(","name":")", name, "\"}"));
    EXPECT_TRUE(HasReason(ParseManifest(json).status(), Reason::kModelCorrupt)) << name;
  }
}

TEST(ManifestTest, OnlyBuiltInModelsHavePathsAndTheyAreAbsolute) {
  auto json = [](std::string_view path) {
    return absl::StrCat(
        R"({"name":"m","engine":"text","built_in":true,"files":[{"role":"affixes",)",
        R"("name":"en.aff","path":")", path, "\"}]}");
  };
  EXPECT_TRUE(ParseManifest(json("/usr/share/hunspell/en_US.aff")).ok());
  for (const char* bad : {"en.aff", "/usr/../etc/passwd", "/usr/./x", "/a\\u0000b"}) {
    EXPECT_FALSE(ParseManifest(json(bad)).ok()) << bad;
  }
  EXPECT_FALSE(ParseManifest(json("/usr/x"), ManifestPlace::kInstalled).ok());
  EXPECT_FALSE(ParseManifest(json("/usr/x"), ManifestPlace::kCatalogue).ok());
  // Where it lies makes it built in.
  auto manifest = ParseManifest(R"({"name":"rules","engine":"text"})", ManifestPlace::kBuiltIn);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_TRUE(manifest->built_in);
}

TEST(ManifestTest, Limits) {
  std::string files = GoodFile();
  for (int i = 1; i < 64; ++i) files += "," + GoodFile();
  EXPECT_TRUE(ParseManifest(OneFile(files)).ok());
  EXPECT_FALSE(ParseManifest(OneFile(files + "," + GoodFile())).ok());
  std::string capabilities = "\"c\"";
  for (int i = 1; i < 257; ++i) capabilities += ",\"c\"";
  EXPECT_FALSE(ParseManifest(absl::StrCat(R"({"name":"m","engine":"x","capabilities":[)",
                                          capabilities, R"(],"files":[)", GoodFile(), "]}"))
                   .ok());
  const std::string padding(1 << 20, ' ');
  EXPECT_FALSE(ParseManifest(OneFile(GoodFile()) + padding).ok());
}

TEST(CatalogueFormatTest, HubAddressesAreResolvedAndBadEntriesLeftOut) {
  std::vector<std::string> problems;
  auto models = ParseCatalogue(
      R"({"hubs":{"hf":"https://hub.example/"},"models":[
        {"name":"a","engine":"llama","files":[{"name":"a.gguf","url":"hf://own/repo/dir/a.gguf"}]},
        {"name":"b","engine":"llama","files":[{"name":"b.gguf","url":"hf://own/repo/b.gguf@v1.0"}]},
        {"name":"c","engine":"llama","files":[{"name":"c.gguf","url":"hf://own/../c.gguf"}]},
        {"name":"d","engine":"llama","files":[{"name":"d.gguf","url":"xx://own/repo/d.gguf"}]},
        {"name":"e","engine":"llama","files":[{"name":"e.gguf"}]},
        {"name":"f","engine":"llama","files":[{"name":"f.gguf","url":"hf://own/repo/"}]},
        {"name":"G","engine":"llama","files":[{"name":"g.gguf","url":"https://x/g"}]}]})",
      &problems);
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_THAT(*models, SizeIs(2));
  EXPECT_EQ((*models)[0].files[0].url, "https://hub.example/own/repo/resolve/main/dir/a.gguf");
  EXPECT_EQ((*models)[1].files[0].url, "https://hub.example/own/repo/resolve/v1.0/b.gguf");
  EXPECT_THAT(problems,
              ElementsAre(HasSubstr("models[2]"), HasSubstr("xx"), HasSubstr("models[4].files[0]"),
                          HasSubstr("models[5]"), HasSubstr("models[6].name")));
}

TEST(CatalogueFormatTest, WhatIsNoCatalogueIsRefused) {
  for (const char* bad : {"", "[]", "{}", R"({"models":{}})", R"({"models":[],"hubs":[]})",
                          R"({"models":[],"hubs":{"hf":1}})", R"({"models":[],"extra":1})"}) {
    EXPECT_TRUE(HasReason(ParseCatalogue(bad, nullptr).status(), Reason::kModelCorrupt)) << bad;
  }
}

}  // namespace
}  // namespace intelligenced
