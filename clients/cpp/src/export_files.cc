#include "clients/cpp/src/export_files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "runtime/base/onnx_file.h"
#include "runtime/base/reasons.h"

namespace intelligence {
namespace {

namespace fs = std::filesystem;

// The first must be there.
constexpr std::string_view kTexts[] = {
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "vocab.json",
    "special_tokens_map.json",
    "vocab.txt",
    "source.spm",
    "target.spm",
    "sentencepiece.bpe.model",
    "spiece.model",
    "1_Pooling/config.json",
};
constexpr std::string_view kPieces[] = {"source.spm", "sentencepiece.bpe.model"};
constexpr std::string_view kTokenizer = "tokenizer.json";
// At the top of a pipeline: its parts lie in folders.
constexpr std::string_view kPipeline = "model_index.json";
// Of a pipeline's part: configurations and the tokenizer's files.
constexpr std::string_view kPartEndings[] = {".json", ".txt", ".model", ".spm"};

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::file_size(path, error) > 0 && !error;
}

// Of a pipeline: what looks at pictures afterwards, and is not needed to make them.
constexpr std::string_view kLeftOut[] = {"safety_checker", "feature_extractor"};

// In the folder itself or in "onnx".
std::optional<ExportedFile> FindNetwork(const fs::path& folder, std::string_view stem,
                                        std::string_view variant) {
  const std::string name = absl::StrCat(stem, variant.empty() ? "" : "_", variant, ".onnx");
  for (const fs::path& place : {folder, folder / "onnx"}) {
    if (IsFile(place / name)) return ExportedFile{.name = name, .path = (place / name).string()};
  }
  return std::nullopt;
}

// All networks in one precision; none when something is missing.
std::vector<ExportedFile> Networks(const fs::path& folder, std::string_view variant) {
  if (auto model = FindNetwork(folder, "model", variant)) return {*std::move(model)};
  auto encoder = FindNetwork(folder, "encoder_model", variant);
  if (!encoder.has_value()) return {};
  if (auto merged = FindNetwork(folder, "decoder_model_merged", variant)) {
    return {*std::move(encoder), *std::move(merged)};
  }
  auto decoder = FindNetwork(folder, "decoder_model", variant);
  auto with_past = FindNetwork(folder, "decoder_with_past_model", variant);
  if (!decoder.has_value() || !with_past.has_value()) return {};
  return {*std::move(encoder), *std::move(decoder), *std::move(with_past)};
}

absl::Status NoVariant(const std::string& folder, std::string_view variant) {
  return intelligenced::FieldError(
      "variant", absl::StrCat("There are no networks named …_", variant, ".onnx in ", folder));
}

// The names in a folder, sorted; hidden ones are left out.
std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with('.')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The files beside a network that it keeps weights in. What is no network has none: the daemon says
// so.
absl::Status AddWeights(const std::string& part, const ExportedFile& network,
                        std::vector<ExportedFile>& files) {
  const auto summary = intelligenced::ReadOnnxFile(network.path);
  if (!summary.ok()) return absl::OkStatus();
  const fs::path folder = fs::path(network.path).parent_path();
  for (const std::string& name : summary->external_files) {
    const fs::path path(name);
    // Nothing from elsewhere, whatever the network says.
    const bool inside =
        path.is_relative() && std::find(path.begin(), path.end(), "..") == path.end();
    if (!inside || !IsFile(folder / path)) {
      return intelligenced::FieldError(
          "path",
          absl::StrCat(network.path, " keeps weights in the file ", name, ", which is not there"));
    }
    files.push_back({absl::StrCat(part, "/", name), (folder / path).string()});
  }
  return absl::OkStatus();
}

// Every part with its folder before its name.
absl::StatusOr<std::vector<ExportedFile>> FindPipeline(const fs::path& top,
                                                       const std::string& variant) {
  std::vector<ExportedFile> files = {{std::string(kPipeline), (top / kPipeline).string()}};
  bool any = false, chosen = false;
  for (const std::string& part : NamesIn(top)) {
    const fs::path folder = top / part;
    std::error_code error;
    if (!fs::is_directory(folder, error)) continue;
    if (std::find(std::begin(kLeftOut), std::end(kLeftOut), part) != std::end(kLeftOut)) continue;
    for (const std::string& name : NamesIn(folder)) {
      const bool wanted = std::any_of(std::begin(kPartEndings), std::end(kPartEndings),
                                      [&](std::string_view end) { return name.ends_with(end); });
      if (!wanted || !IsFile(folder / name)) continue;
      files.push_back({absl::StrCat(part, "/", name), (folder / name).string()});
    }
    // One that is there in one precision only is taken in that.
    std::optional<ExportedFile> network = FindNetwork(folder, "model", variant);
    chosen |= network.has_value();
    if (!network.has_value()) network = FindNetwork(folder, "model", "");
    if (!network.has_value() && variant.empty()) {
      network = FindNetwork(folder, "model", "quantized");
    }
    if (!network.has_value()) continue;
    any = true;
    network->name = absl::StrCat(part, "/", network->name);
    const absl::Status status = AddWeights(part, *network, files);
    if (!status.ok()) return status;
    files.push_back(*std::move(network));
  }
  if (!any) {
    return intelligenced::FieldError(
        "path", absl::StrCat(top.string(),
                             " is a pipeline without networks: no folder in it has model.onnx"));
  }
  if (!chosen && !variant.empty()) return NoVariant(top.string(), variant);
  if (files.size() > intelligenced::kMaxImportFiles) {
    return intelligenced::FieldError(
        "path", absl::StrCat(top.string(), " has ", files.size(), " files; the limit is ",
                             intelligenced::kMaxImportFiles,
                             ". Export it with the weights of a network in one file."));
  }
  return files;
}

}  // namespace

absl::StatusOr<std::vector<ExportedFile>> FindExportedFiles(const std::string& folder,
                                                            const std::string& variant) {
  const fs::path top(folder);
  if (IsFile(top / kPipeline)) return FindPipeline(top, variant);
  if (!IsFile(top / kTexts[0])) {
    return intelligenced::FieldError(
        "path", absl::StrCat(folder,
                             " has neither config.json nor model_index.json: it is no folder of a "
                             "published model in ONNX"));
  }
  std::vector<ExportedFile> networks = Networks(top, variant);
  if (networks.empty() && variant.empty()) networks = Networks(top, "quantized");
  if (networks.empty() && !variant.empty()) return NoVariant(folder, variant);
  if (networks.empty()) {
    return intelligenced::FieldError(
        "path",
        absl::StrCat(folder, " has neither model.onnx nor encoder_model.onnx with its decoder"));
  }
  std::vector<ExportedFile> files;
  for (const std::string_view name : kTexts) {
    if (IsFile(top / name)) files.push_back({std::string(name), (top / name).string()});
  }
  // Beside the pieces of a translator it says again, at length, what they say.
  const bool has_pieces =
      networks.size() > 1 && std::any_of(std::begin(kPieces), std::end(kPieces),
                                         [&](auto name) { return IsFile(top / name); });
  if (!has_pieces && IsFile(top / kTokenizer)) {
    files.push_back({std::string(kTokenizer), (top / kTokenizer).string()});
  }
  files.insert(files.end(), std::make_move_iterator(networks.begin()),
               std::make_move_iterator(networks.end()));
  return files;
}

}  // namespace intelligence
