#include "runtime/engines/onnx/diffusion/diffusion_settings.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/published_pipelines.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// Styles come in their order.
using Json = nlohmann::ordered_json;

constexpr uint32_t kMostSide = 8192;
constexpr size_t kMostStyles = 64;
constexpr size_t kMostStyleBytes = 1000;
constexpr std::string_view kPlace = "{prompt}";

absl::Status Corrupt(std::string_view file, std::string_view why) {
  return MakeError(Reason::kModelCorrupt, absl::StrCat("The model's ", file, ": ", why, "."));
}

absl::StatusOr<Json> ParseFile(const TextsByRole& texts, std::string_view role) {
  const auto found = texts.find(role);
  if (found == texts.end()) return Json(Json::object());
  Json json = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Corrupt(role, "it is no JSON object");
  return json;
}

// Null: not there, or null itself.
const Json* FindIn(const Json& json, std::string_view key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

absl::Status ReadNumber(const Json& json, std::string_view file, std::string_view key, double least,
                        double most, double& to) {
  const Json* const value = FindIn(json, key);
  if (value == nullptr) return absl::OkStatus();
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  // Written so that NaN fails.
  if (!(number >= least && number <= most)) {
    return Corrupt(file, absl::StrCat(key, " must be ", least, " to ", most));
  }
  to = number;
  return absl::OkStatus();
}

absl::Status ReadWhole(const Json& json, std::string_view file, std::string_view key, double most,
                       uint32_t& to) {
  double number = to;
  absl::Status status = ReadNumber(json, file, key, 1, most, number);
  if (!status.ok()) return status;
  if (number != std::floor(number)) return Corrupt(file, absl::StrCat(key, " is no whole number"));
  to = static_cast<uint32_t>(number);
  return absl::OkStatus();
}

// How often the network halves its sample: one time less than it has blocks.
absl::Status ReadHalvings(const Json& json, std::string_view file, uint32_t otherwise,
                          uint32_t& factor) {
  factor = otherwise;
  const Json* const blocks = FindIn(json, "block_out_channels");
  if (blocks == nullptr) return absl::OkStatus();
  if (!blocks->is_array() || blocks->empty() || blocks->size() > 8) {
    return Corrupt(file, "block_out_channels is no list of 1 to 8");
  }
  factor = 1U << (blocks->size() - 1);
  return absl::OkStatus();
}

absl::Status ReadDenoiser(const TextsByRole& texts, bool latent, DiffusionSettings& settings) {
  const bool unet = texts.contains("unet-config");
  const std::string_view file = unet ? "unet-config" : "transformer-config";
  const absl::StatusOr<Json> json = ParseFile(texts, file);
  if (!json.ok()) return json.status();
  uint32_t multiple = 8;
  absl::Status status = ReadHalvings(*json, file, multiple, multiple);
  if (status.ok()) status = ReadWhole(*json, file, "patch_size", 64, multiple);
  if (!status.ok()) return status;
  settings.size_multiple = multiple * settings.factor;
  uint32_t channels = 0;
  status = ReadWhole(*json, file, "in_channels", 1024, channels);
  if (!status.ok()) return status;
  settings.channels = static_cast<int>(channels);
  uint32_t height = latent ? 64 : 0, width = latent ? 64 : 0;
  const Json* const size = FindIn(*json, "sample_size");
  if (size != nullptr && size->is_array() && size->size() == 2) {
    const Json both = {{"height", (*size)[0]}, {"width", (*size)[1]}};
    status = ReadWhole(both, file, "height", kMostSide, height);
    if (status.ok()) status = ReadWhole(both, file, "width", kMostSide, width);
  } else {
    status = ReadWhole(*json, file, "sample_size", kMostSide, height);
    width = height;
  }
  if (height > 0) {
    settings.height = height * settings.factor;
    settings.width = width * settings.factor;
  }
  return status;
}

absl::Status ReadStyles(const Json& json, std::string_view file, DiffusionSettings& settings) {
  if (!json.is_object() || json.size() > kMostStyles) {
    return Corrupt(file, "styles is no object with names and texts");
  }
  settings.styles.clear();
  for (const auto& [name, text] : json.items()) {
    if (name.empty() || !text.is_string() ||
        text.get_ref<const std::string&>().size() > kMostStyleBytes) {
      return Corrupt(file, "styles has an entry that is no name with a text");
    }
    settings.styles.push_back({name, text.get<std::string>()});
  }
  return absl::OkStatus();
}

// The extension, or the parameters made into one.
absl::Status ReadExtension(const Json& json, std::string_view file, std::string& scheduler,
                           DiffusionSettings& settings) {
  if (!json.is_object()) return Corrupt(file, "intelligenced is no object");
  double guidance = settings.guidance_scale;
  absl::Status status = ReadWhole(json, file, "default_steps", 1000, settings.steps);
  if (status.ok()) status = ReadNumber(json, file, "default_guidance_scale", 0, 100, guidance);
  if (status.ok()) status = ReadWhole(json, file, "width", kMostSide, settings.width);
  if (status.ok()) status = ReadWhole(json, file, "height", kMostSide, settings.height);
  if (!status.ok()) return status;
  settings.guidance_scale = static_cast<float>(guidance);
  if (const Json* const name = FindIn(json, "default_scheduler"); name != nullptr) {
    if (!name->is_string()) return Corrupt(file, "default_scheduler is no text");
    scheduler = name->get<std::string>();
  }
  const Json* const styles = FindIn(json, "styles");
  return styles == nullptr ? absl::OkStatus() : ReadStyles(*styles, file, settings);
}

absl::StatusOr<Json> ParametersAsExtension(const TextsByRole& parameters) {
  Json json = Json::object();
  for (const auto& [from, to] : {std::pair("steps", "default_steps"),
                                 {"guidance_scale", "default_guidance_scale"},
                                 {"width", "width"},
                                 {"height", "height"}}) {
    const auto found = parameters.find(from);
    if (found == parameters.end()) continue;
    double number = 0;
    if (!absl::SimpleAtod(found->second, &number)) {
      return Corrupt("manifest", absl::StrCat("the parameter ", from, " is no number"));
    }
    json[to] = number;
  }
  if (const auto found = parameters.find("scheduler"); found != parameters.end()) {
    json["default_scheduler"] = found->second;
  }
  if (const auto found = parameters.find("styles"); found != parameters.end()) {
    json["styles"] = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  }
  return json;
}

absl::Status ReadSchedulers(const TextsByRole& texts, std::string_view wanted,
                            DiffusionSettings& settings) {
  const auto text = texts.find("scheduler-config");
  if (text == texts.end()) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model has no file with the role \"scheduler-config\" "
                     "(scheduler/scheduler_config.json in the published layout).");
  }
  const absl::StatusOr<SchedulerConfig> own = ParseSchedulerConfig(text->second);
  if (!own.ok()) return own.status();
  settings.scheduler = own->kind;
  for (const SchedulerName& named : AllSchedulers()) {
    if (!CanUse(*own, named.kind)) continue;
    auto config = named.kind == own->kind ? own : ParseSchedulerConfig(text->second, named.kind);
    if (config.ok()) settings.schedulers[named.kind] = *std::move(config);
  }
  if (wanted.empty()) return absl::OkStatus();
  const std::optional<SchedulerKind> kind = FindScheduler(wanted);
  if (!kind.has_value() || !settings.schedulers.contains(*kind)) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The model's default_scheduler \"", wanted,
                                  "\" is not known, or does not go with its training."));
  }
  settings.scheduler = *kind;
  return absl::OkStatus();
}

absl::Status CheckPipeline(const Json& index) {
  const Json* const name = FindIn(index, "_class_name");
  if (name == nullptr || !name->is_string()) return Corrupt("model-index", "it has no _class_name");
  for (const std::string_view part : UnknownPipelineParts()) {
    const Json* const entry = FindIn(index, part);
    // Parts that are not there are [null, null].
    if (entry == nullptr || (entry->is_array() && !entry->empty() && (*entry)[0].is_null()))
      continue;
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The pipeline ", name->get<std::string>(), " has the part ", part,
                                  ", which this engine does not know."));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<std::string> ApplyStyle(const DiffusionSettings& settings, std::string_view style,
                                      std::string_view prompt) {
  const DiffusionStyle* chosen = nullptr;
  if (style.empty()) {
    if (settings.styles.empty()) return std::string(prompt);
    chosen = &settings.styles.front();
  }
  for (const DiffusionStyle& one : settings.styles) {
    if (chosen == nullptr && absl::EqualsIgnoreCase(one.name, style)) chosen = &one;
  }
  if (chosen == nullptr) return std::nullopt;
  const size_t at = chosen->text.find(kPlace);
  if (at == std::string::npos) return absl::StrCat(prompt, chosen->text);
  return absl::StrCat(chosen->text.substr(0, at), prompt, chosen->text.substr(at + kPlace.size()));
}

absl::StatusOr<DiffusionSettings> ParseDiffusionSettings(const TextsByRole& texts,
                                                         const TextsByRole& parameters,
                                                         bool latent) {
  constexpr char kIndex[] = "model-index";
  if (!texts.contains(kIndex)) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model has no file with the role \"model-index\" (model_index.json in the "
                     "published layout).");
  }
  const absl::StatusOr<Json> index = ParseFile(texts, kIndex);
  if (!index.ok()) return index.status();
  absl::Status status = CheckPipeline(*index);
  if (!status.ok()) return status;
  DiffusionSettings settings;
  if (latent) {
    constexpr char kDecoder[] = "vae-decoder-config";
    const absl::StatusOr<Json> decoder = ParseFile(texts, kDecoder);
    if (!decoder.ok()) return decoder.status();
    status = ReadHalvings(*decoder, kDecoder, 8, settings.factor);
    if (status.ok()) {
      status = ReadNumber(*decoder, kDecoder, "scaling_factor", 1e-6, 1e6, settings.scaling_factor);
    }
    if (status.ok()) {
      status = ReadNumber(*decoder, kDecoder, "shift_factor", -1e6, 1e6, settings.shift_factor);
    }
    if (!status.ok()) return status;
  }
  status = ReadDenoiser(texts, latent, settings);
  if (!status.ok()) return status;
  std::string scheduler;
  if (const Json* const own = FindIn(*index, "intelligenced"); own != nullptr) {
    status = ReadExtension(*own, kIndex, scheduler, settings);
    if (!status.ok()) return status;
  }
  const absl::StatusOr<Json> given = ParametersAsExtension(parameters);
  if (!given.ok()) return given.status();
  status = ReadExtension(*given, "manifest", scheduler, settings);
  if (status.ok()) status = ReadSchedulers(texts, scheduler, settings);
  if (!status.ok()) return status;
  for (const uint32_t side : {settings.width, settings.height}) {
    if (side % settings.size_multiple != 0) {
      return Corrupt(kIndex, absl::StrCat("the size of ", settings.width, "×", settings.height,
                                          " is no multiple of ", settings.size_multiple));
    }
  }
  return settings;
}

}  // namespace intelligenced
