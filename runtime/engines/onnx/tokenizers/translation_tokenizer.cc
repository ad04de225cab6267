#include "runtime/engines/onnx/tokenizers/translation_tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "runtime/base/file.h"
#include "runtime/base/published_languages.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr size_t kMaxVocabulary = 4'000'000;

absl::Status NotAVocabulary() {
  return MakeError(Reason::kModelCorrupt,
                   "The vocabulary is no JSON object that numbers each of its pieces once.");
}

// Not as a StatusOr: to the library's values everything converts.
absl::Status ReadObject(const std::string& path, nlohmann::json& json) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxJsonBytes);
  if (!text.ok()) return text.status();
  json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return absl::OkStatus();
  return MakeError(Reason::kModelCorrupt,
                   "A file of the tokenizer is not the JSON that it should be.");
}

}  // namespace

absl::StatusOr<std::map<std::string, int64_t, std::less<>>> ReadVocabulary(
    const std::string& path) {
  nlohmann::json json;
  if (absl::Status status = ReadObject(path, json); !status.ok()) return status;
  if (json.empty() || json.size() > kMaxVocabulary) return NotAVocabulary();
  std::map<std::string, int64_t, std::less<>> words;
  std::vector<bool> seen(json.size());
  for (const auto& [word, number] : json.items()) {
    if (!number.is_number_unsigned()) return NotAVocabulary();
    const auto place = number.get<uint64_t>();
    if (place >= seen.size() || seen[place]) return NotAVocabulary();
    seen[place] = true;
    words.emplace(word, static_cast<int64_t>(place));
  }
  return words;
}

absl::StatusOr<std::string> ReadJsonText(const std::string& path, std::string_view key) {
  nlohmann::json json;
  if (absl::Status status = ReadObject(path, json); !status.ok()) return status;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return std::string();
  return found->get<std::string>();
}

absl::StatusOr<std::vector<std::string>> ReadJsonTexts(const std::string& path,
                                                       std::string_view key) {
  nlohmann::json json;
  if (absl::Status status = ReadObject(path, json); !status.ok()) return status;
  std::vector<std::string> texts;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return texts;
  for (const nlohmann::json& item : *found) {
    // Newer files have objects: {"content": "__es__", …}.
    if (item.is_string()) {
      texts.push_back(item.get<std::string>());
    } else if (item.is_object() && item.contains("content") && item["content"].is_string()) {
      texts.push_back(item["content"].get<std::string>());
    }
  }
  return texts;
}

absl::Status UnsupportedPair(std::string_view source, std::string_view target) {
  return MakeError(Reason::kLanguageUnsupported,
                   absl::StrCat("This model does not translate from ", source, " to ", target, "."),
                   {.metadata = {{"source", std::string(source)}, {"target", std::string(target)}},
                    .retry_delay = {},
                    .field = "target_language"});
}

absl::StatusOr<std::string> PathOfRole(const TokenizerParts& parts, std::string_view role,
                                       std::string_view usual_name) {
  const auto found = parts.paths.find(role);
  if (found != parts.paths.end()) return found->second;
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The model has no file with the role \"", role, "\" (", usual_name,
                                " in the published layout)."));
}

std::vector<std::string> LanguageCandidates(std::string_view wanted) {
  std::vector<std::string> candidates = {std::string(wanted)};
  std::string published = LanguageOfPublishedCode(wanted);
  for (std::string name : {std::string(wanted), std::move(published)}) {
    while (!name.empty()) {
      candidates.push_back(name);
      const size_t dash = name.rfind('-');
      name.resize(dash == std::string::npos ? 0 : dash);
    }
  }
  return candidates;
}

}  // namespace intelligenced
