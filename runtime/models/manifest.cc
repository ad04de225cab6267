#include "runtime/models/manifest.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "runtime/base/reasons.h"
#include "runtime/models/sha256.h"
#include "runtime/models/translation_capability.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxManifestBytes = size_t{1} << 20;
constexpr size_t kMaxCatalogueBytes = size_t{16} << 20;
constexpr size_t kMaxFiles = 64;
constexpr size_t kMaxFunctions = 64;
constexpr double kMaxScale = 16;
constexpr size_t kMaxCapabilities = 256;
constexpr size_t kMaxParameters = 256;
constexpr size_t kMaxTextBytes = 4096;
// 1 PiB: the sizes of 64 files add up without overflow.
constexpr uint64_t kMaxFileBytes = uint64_t{1} << 50;

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlnum(char c) { return IsLowerAlnum(c) || (c >= 'A' && c <= 'Z'); }
bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Reads values of one JSON object; the first thing that is wrong stays.
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) Fail("", "must be an object");
  }

  absl::Status status() const { return status_; }

  void Fail(std::string_view key, std::string_view what) {
    if (!status_.ok()) return;
    const std::string path =
        where_.empty() || key.empty() ? absl::StrCat(where_, key) : absl::StrCat(where_, ".", key);
    status_ = MakeError(
        Reason::kModelCorrupt,
        absl::StrCat("The manifest is not valid: ", path.empty() ? "it" : path, " ", what, "."));
  }

  // Nothing when it is not there or something was wrong already.
  const Json* Find(const char* key) {
    seen_.insert(key);
    if (!status_.ok()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  std::string Text(const char* key, size_t max_bytes = kMaxTextBytes) {
    const Json* value = Find(key);
    if (value == nullptr) return "";
    if (!value->is_string()) {
      Fail(key, "must be a string");
      return "";
    }
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > max_bytes) Fail(key, absl::StrCat("is longer than ", max_bytes, " bytes"));
    if (text.find('\0') != std::string::npos) Fail(key, "holds a NUL character");
    return text;
  }

  // One line, without control characters.
  std::string Line(const char* key, size_t max_bytes = kMaxTextBytes) {
    std::string text = Text(key, max_bytes);
    if (HasControl(text)) Fail(key, "holds a control character");
    return text;
  }

  bool Flag(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) {
      Fail(key, "must be true or false");
      return false;
    }
    return value->get<bool>();
  }

  uint64_t Size(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned() || value->get<uint64_t>() > kMaxFileBytes) {
      Fail(key, absl::StrCat("must be a whole number from 0 to ", kMaxFileBytes));
      return 0;
    }
    return value->get<uint64_t>();
  }

  // From -bound to bound.
  double Number(const char* key, double otherwise, double bound) {
    const Json* value = Find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number() || !(std::abs(value->get<double>()) <= bound)) {
      Fail(key, absl::StrCat("must be a number from -", bound, " to ", bound));
      return otherwise;
    }
    return value->get<double>();
  }

  int Rank(const char* key) {
    constexpr int64_t kBound = 1'000'000'000;
    const Json* value = Find(key);
    if (value == nullptr) return 0;
    if (!value->is_number_integer() ||
        (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{kBound}) ||
        value->get<int64_t>() > kBound || value->get<int64_t>() < -kBound) {
      Fail(key, "must be a whole number from -1000000000 to 1000000000");
      return 0;
    }
    return static_cast<int>(value->get<int64_t>());
  }

  // Nothing else may be there: a key that is not known is most likely misspelt.
  void RefuseOthers() {
    if (!status_.ok()) return;
    for (const auto& [key, value] : object_.items()) {
      if (!seen_.contains(key)) Fail(key.substr(0, 64), "is no key of a manifest");
    }
  }

 private:
  const Json& object_;
  const std::string where_;
  std::set<std::string> seen_;
  absl::Status status_;
};

bool IsValidWord(std::string_view text, size_t max_bytes) {
  return !text.empty() && text.size() <= max_bytes && IsLowerAlnum(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLowerAlnum(c) || c == '-' || c == '_'; });
}

bool IsValidCapability(std::string_view text) {
  return !text.empty() && text.size() <= 128 && IsLowerAlnum(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlnum(c) || absl::StrContains(".-_:>+*", c); });
}

bool IsBaseName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         !absl::StrContains(name, '/') && !absl::StrContains(name, '\\') && !HasControl(name);
}

bool IsSafeAbsolutePath(std::string_view path) {
  if (path.size() > 4096 || !absl::StartsWith(path, "/") || HasControl(path)) return false;
  const std::vector<std::string_view> parts = absl::StrSplit(path, '/');
  return std::none_of(parts.begin(), parts.end(),
                      [](std::string_view part) { return part == ".." || part == "."; });
}

absl::StatusOr<ManifestFile> ReadManifestFile(const Json& json, const std::string& where,
                                              ManifestPlace place, bool built_in) {
  ObjectReader reader(json, where);
  ManifestFile file;
  file.role = reader.Line("role", 64);
  file.name = reader.Text("name", 255);
  file.size_bytes = reader.Size("size_bytes");
  file.sha256 = reader.Line("sha256", 64);
  file.path = reader.Text("path");
  file.url = reader.Line("url", 2048);
  if (file.role.empty()) file.role = "model";
  if (!IsValidWord(file.role, 64)) reader.Fail("role", "must be a word of a-z, 0-9, '-' and '_'");
  if (!IsBaseName(file.name)) reader.Fail("name", "must be the plain name of a file, no path");
  if (!file.path.empty() && !built_in) {
    reader.Fail("path", "is only allowed in the manifest of a built-in model");
  }
  if (!file.path.empty() && !IsSafeAbsolutePath(file.path)) {
    reader.Fail("path", "must be an absolute path without '.' and '..'");
  }
  if (!file.sha256.empty() && !IsSha256(file.sha256)) {
    reader.Fail("sha256", "must be 64 lower-case hexadecimal digits");
  }
  const bool may_lack_hash =
      !file.path.empty() || (place != ManifestPlace::kInstalled && !file.url.empty());
  if (file.sha256.empty() && !may_lack_hash) reader.Fail("sha256", "is missing");
  if (!file.sha256.empty() && file.size_bytes == 0) reader.Fail("size_bytes", "is missing");
  if (place == ManifestPlace::kCatalogue && file.url.empty()) reader.Fail("url", "is missing");
  reader.RefuseOthers();
  if (!reader.status().ok()) return reader.status();
  return file;
}

std::vector<std::string> ReadCapabilities(ObjectReader& reader) {
  std::vector<std::string> capabilities;
  const Json* list = reader.Find("capabilities");
  if (list == nullptr) return capabilities;
  if (!list->is_array() || list->size() > kMaxCapabilities) {
    reader.Fail("capabilities", "must be an array of at most 256 names");
    return capabilities;
  }
  for (const Json& item : *list) {
    if (!item.is_string() || !IsValidCapability(item.get_ref<const std::string&>())) {
      reader.Fail("capabilities", "holds something that is no capability's name");
      break;
    }
    capabilities.push_back(item.get<std::string>());
  }
  return capabilities;
}

// `manifest` has its files and the functions before this one.
absl::StatusOr<ManifestFunction> ReadFunction(const Json& json, const std::string& where,
                                              const Manifest& manifest) {
  ObjectReader reader(json, where);
  ManifestFunction function;
  function.name = reader.Line("name", 63);
  function.file = reader.Text("file", 255);
  function.scale = reader.Number("scale", 1, kMaxScale);
  function.capabilities = ReadCapabilities(reader);
  if (!IsValidModelName(function.name)) {
    reader.Fail("name",
                "must be 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit");
  }
  if (manifest.FindFunction(function.name) != nullptr) {
    reader.Fail("name", "is that of another function of the model");
  }
  if (std::none_of(manifest.files.begin(), manifest.files.end(), [&](const ManifestFile& file) {
        return file.role == kAdapterRole && file.name == function.file;
      })) {
    reader.Fail("file", "names no file with the role 'adapter'");
  }
  reader.RefuseOthers();
  if (!reader.status().ok()) return reader.status();
  return function;
}

absl::StatusOr<Manifest> ReadManifest(const Json& json, const std::string& where,
                                      ManifestPlace place) {
  ObjectReader reader(json, where);
  Manifest manifest;
  manifest.name = reader.Text("name");
  manifest.version = reader.Line("version");
  manifest.title = reader.Line("title");
  manifest.description = reader.Text("description", 65536);
  manifest.engine = reader.Text("engine");
  manifest.family = reader.Line("family", 255);
  manifest.license = reader.Line("license");
  manifest.origin = reader.Line("origin");
  manifest.rank = reader.Rank("rank");
  manifest.built_in = reader.Flag("built_in") || place == ManifestPlace::kBuiltIn;
  if (!IsValidModelName(manifest.name)) {
    reader.Fail("name",
                "must be 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit");
  }
  // It becomes part of the path of an executable.
  if (!IsValidWord(manifest.engine, 32)) {
    reader.Fail("engine", "must be a word of a-z, 0-9, '-' and '_', at most 32 characters");
  }
  if (manifest.built_in &&
      (place == ManifestPlace::kInstalled || place == ManifestPlace::kCatalogue)) {
    reader.Fail("built_in", "must not be true here");
  }
  manifest.capabilities = ReadCapabilities(reader);
  if (const Json* map = reader.Find("parameters")) {
    if (!map->is_object() || map->size() > kMaxParameters) {
      reader.Fail("parameters", "must be an object of at most 256 strings");
    } else {
      for (const auto& [key, value] : map->items()) {
        if (key.empty() || key.size() > 128 || HasControl(key) || !value.is_string() ||
            value.get_ref<const std::string&>().size() > 65536) {
          reader.Fail("parameters", "holds a key or value that is no string of sensible length");
          break;
        }
        manifest.parameters[key] = value.get<std::string>();
      }
    }
  }
  const Json* files = reader.Find("files");
  if (files != nullptr && (!files->is_array() || files->size() > kMaxFiles)) {
    reader.Fail("files", "must be an array of at most 64 files");
    files = nullptr;
  }
  if (files == nullptr && !manifest.built_in) reader.Fail("files", "is missing");
  const Json* functions = reader.Find("functions");
  if (functions != nullptr && (!functions->is_array() || functions->size() > kMaxFunctions)) {
    reader.Fail("functions", "must be an array of at most 64 functions");
  }
  reader.RefuseOthers();
  if (!reader.status().ok()) return reader.status();
  if (files != nullptr) {
    for (size_t i = 0; i < files->size(); ++i) {
      const std::string at = absl::StrCat(where, where.empty() ? "" : ".", "files[", i, "]");
      auto file = ReadManifestFile((*files)[i], at, place, manifest.built_in);
      if (!file.ok()) return file.status();
      manifest.files.push_back(*std::move(file));
    }
  }
  if (manifest.files.empty() && !manifest.built_in) {
    reader.Fail("files", "must name at least one file");
    return reader.status();
  }
  for (size_t i = 0; functions != nullptr && i < functions->size(); ++i) {
    const std::string at = absl::StrCat(where, where.empty() ? "" : ".", "functions[", i, "]");
    auto function = ReadFunction((*functions)[i], at, manifest);
    if (!function.ok()) return function.status();
    manifest.functions.push_back(*std::move(function));
  }
  return manifest;
}

absl::StatusOr<Json> ParseJson(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    return MakeError(Reason::kModelCorrupt,
                     absl::StrCat("The manifest is not valid: it has ", text.size(),
                                  " bytes; at most ", max_bytes, " are allowed."));
  }
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return MakeError(Reason::kModelCorrupt, "The manifest is not valid: it is no JSON.");
  }
  return json;
}

// "hf://owner/repository/path@revision" to the hub's own address of the file.
absl::StatusOr<std::string> ResolveHubAddress(std::string_view url,
                                              const std::map<std::string, std::string>& hubs) {
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) {
    return MakeError(Reason::kModelCorrupt, "it has no scheme");
  }
  const std::string_view scheme = url.substr(0, colon);
  if (scheme == "https" || scheme == "http") return std::string(url);
  const auto hub = hubs.find(std::string(scheme));
  if (hub == hubs.end()) {
    return MakeError(Reason::kModelCorrupt, absl::StrCat("no hub is named '", scheme, "'"));
  }
  std::string_view rest = url.substr(colon + 3);
  std::string_view revision = "main";
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
  }
  const std::vector<std::string> parts = absl::StrSplit(rest, '/');
  const bool plain = std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
    return !part.empty() && part != "." && part != ".." &&
           std::all_of(part.begin(), part.end(),
                       [](char c) { return IsAlnum(c) || absl::StrContains("._-", c); });
  });
  if (parts.size() < 3 || !plain || revision.empty() ||
      !std::all_of(revision.begin(), revision.end(),
                   [](char c) { return IsAlnum(c) || absl::StrContains("._-", c); })) {
    return MakeError(Reason::kModelCorrupt, "it is not of the form hub://owner/repository/file");
  }
  return absl::StrCat(absl::StripSuffix(hub->second, "/"), "/", parts[0], "/", parts[1],
                      "/resolve/", revision, rest.substr(parts[0].size() + 1 + parts[1].size()));
}

}  // namespace

bool ManifestFunction::HasCapability(std::string_view capability) const {
  return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end();
}

bool Manifest::BaseHasCapability(std::string_view capability) const {
  if (capability == kTensorCapability && engine == "onnx") return true;
  return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end() ||
         TranslatesAmong(capabilities, capability);
}

bool Manifest::HasCapability(std::string_view capability) const {
  return BaseHasCapability(capability) || FunctionFor(capability) != nullptr;
}

const ManifestFunction* Manifest::FunctionFor(std::string_view capability) const {
  for (const ManifestFunction& candidate : functions) {
    if (candidate.HasCapability(capability)) return &candidate;
  }
  return nullptr;
}

const ManifestFunction* Manifest::FindFunction(std::string_view wanted) const {
  for (const ManifestFunction& candidate : functions) {
    if (candidate.name == wanted) return &candidate;
  }
  return nullptr;
}

uint64_t Manifest::size_bytes() const {
  uint64_t sum = 0;
  for (const ManifestFile& file : files) sum += file.size_bytes;
  return sum;
}

bool IsValidModelName(std::string_view name) {
  return !name.empty() && name.size() <= 63 && IsLowerAlnum(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLowerAlnum(c) || c == '-' || c == '_' || c == '.'; });
}

absl::StatusOr<std::string> ParseModelName(std::string_view field, std::string_view name) {
  const std::string_view bare = absl::StripPrefix(name, "models/");
  if (!IsValidModelName(bare)) {
    return FieldError(field,
                      "A model's name is 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a "
                      "letter or digit, with or without \"models/\" before it.");
  }
  return std::string(bare);
}

absl::StatusOr<ModelReference> ParseModelReference(std::string_view field, std::string_view name) {
  const bool whole = absl::ConsumePrefix(&name, "models/");
  const std::string_view separator = whole ? "/functions/" : "/";
  const size_t end = name.find(separator);
  absl::StatusOr<std::string> model = ParseModelName(field, name.substr(0, end));
  if (!model.ok()) return model.status();
  ModelReference reference{.model = *std::move(model), .function = ""};
  if (end == std::string_view::npos) return reference;
  reference.function = name.substr(end + separator.size());
  if (!IsValidModelName(reference.function)) {
    return FieldError(field,
                      "A function of a model is named MODEL/FUNCTION or "
                      "models/MODEL/functions/FUNCTION, each name of a-z, 0-9, '-', '_' and '.'.");
  }
  return reference;
}

absl::StatusOr<Manifest> ParseManifest(std::string_view json, ManifestPlace place) {
  auto parsed = ParseJson(json, kMaxManifestBytes);
  if (!parsed.ok()) return parsed.status();
  return ReadManifest(*parsed, "", place);
}

absl::StatusOr<std::vector<Manifest>> ParseCatalogue(std::string_view json,
                                                     std::vector<std::string>* problems) {
  auto parsed = ParseJson(json, kMaxCatalogueBytes);
  if (!parsed.ok()) return parsed.status();
  ObjectReader reader(*parsed, "");
  std::map<std::string, std::string> hubs;
  if (const Json* map = reader.Find("hubs")) {
    if (!map->is_object()) reader.Fail("hubs", "must be an object");
    for (const auto& [key, value] : map->items()) {
      if (!value.is_string()) {
        reader.Fail("hubs", "must hold addresses");
        break;
      }
      hubs[key] = value.get<std::string>();
    }
  }
  const Json* models = reader.Find("models");
  if (models == nullptr || !models->is_array()) reader.Fail("models", "must be an array");
  reader.RefuseOthers();
  if (!reader.status().ok()) return reader.status();

  std::vector<Manifest> result;
  for (size_t i = 0; i < models->size(); ++i) {
    const std::string where = absl::StrCat("models[", i, "]");
    auto manifest = ReadManifest((*models)[i], where, ManifestPlace::kCatalogue);
    absl::Status status = manifest.status();
    for (size_t j = 0; status.ok() && j < manifest->files.size(); ++j) {
      auto url = ResolveHubAddress(manifest->files[j].url, hubs);
      if (url.ok()) {
        manifest->files[j].url = *std::move(url);
      } else {
        status = MakeError(Reason::kModelCorrupt,
                           absl::StrCat("The manifest is not valid: ", where, ".files[", j,
                                        "].url: ", url.status().message(), "."));
      }
    }
    if (status.ok()) {
      result.push_back(*std::move(manifest));
    } else if (problems != nullptr) {
      problems->push_back(std::string(status.message()));
    }
  }
  return result;
}

std::string ManifestToJson(const Manifest& manifest) {
  nlohmann::ordered_json json;
  json["name"] = manifest.name;
  auto put = [&json](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  put("version", manifest.version);
  put("title", manifest.title);
  put("description", manifest.description);
  put("engine", manifest.engine);
  put("family", manifest.family);
  put("license", manifest.license);
  put("origin", manifest.origin);
  if (manifest.rank != 0) json["rank"] = manifest.rank;
  if (manifest.built_in) json["built_in"] = true;
  json["capabilities"] = manifest.capabilities;
  if (!manifest.parameters.empty()) json["parameters"] = manifest.parameters;
  json["files"] = nlohmann::ordered_json::array();
  for (const ManifestFile& file : manifest.files) {
    nlohmann::ordered_json item;
    item["role"] = file.role;
    item["name"] = file.name;
    if (file.size_bytes != 0) item["size_bytes"] = file.size_bytes;
    if (!file.sha256.empty()) item["sha256"] = file.sha256;
    if (!file.path.empty()) item["path"] = file.path;
    if (!file.url.empty()) item["url"] = file.url;
    json["files"].push_back(std::move(item));
  }
  for (const ManifestFunction& function : manifest.functions) {
    nlohmann::ordered_json item;
    item["name"] = function.name;
    item["file"] = function.file;
    if (function.scale != 1) item["scale"] = function.scale;
    item["capabilities"] = function.capabilities;
    json["functions"].push_back(std::move(item));
  }
  // Text that is no UTF-8 cannot come from ParseManifest; replaced, never thrown at.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace intelligenced
