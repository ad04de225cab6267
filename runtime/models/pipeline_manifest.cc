#include "runtime/models/pipeline_manifest.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "runtime/base/file.h"
#include "runtime/base/onnx_file.h"
#include "runtime/base/published_pipelines.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr char kIndex[] = "model_index.json";
constexpr char kScheduler[] = "scheduler/scheduler_config.json";
// Of the published networks that are stepped in a latent space.
constexpr int64_t kInpaintingChannels = 9;
// What the engine assumes where nothing is said.
constexpr int64_t kUsualFactor = 8;
constexpr int64_t kUsualLatentSide = 64;

struct PartNames {
  std::string_view folder;
  std::string_view role;
};
constexpr PartNames kNetworks[] = {
    {"text_encoder", "text-encoder"}, {"unet", "unet"},
    {"transformer", "transformer"},   {"vae_decoder", "vae-decoder"},
    {"vae_encoder", "vae-encoder"},
};
struct TextNames {
  std::string_view name;
  std::string_view role;
};
constexpr TextNames kTexts[] = {
    {kIndex, "model-index"},
    {"tokenizer/vocab.json", "vocabulary"},
    {"tokenizer/merges.txt", "merges"},
    {"tokenizer/tokenizer_config.json", "tokenizer-config"},
    {"unet/config.json", "unet-config"},
    {"transformer/config.json", "transformer-config"},
    {"vae_decoder/config.json", "vae-decoder-config"},
    {kScheduler, "scheduler-config"},
};

absl::Status Refused(std::string_view message) { return FieldError("file.name", message); }

absl::Status Corrupt(std::string_view file, std::string_view why) {
  return MakeError(Reason::kModelCorrupt, absl::StrCat(file, " ", why, "."));
}

struct Network {
  const ExportFile* file = nullptr;
  OnnxSummary summary;
  // As the engine takes them: in the order of their names.
  std::vector<const ExportFile*> weights;
};

const OnnxPort* FindPort(const std::vector<OnnxPort>& ports, std::string_view name) {
  const auto found =
      std::find_if(ports.begin(), ports.end(), [&](const auto& port) { return port.name == name; });
  return found == ports.end() ? nullptr : &*found;
}

// What the port fixes; 0: nothing.
int64_t Extent(const OnnxPort& port, size_t dimension) {
  return dimension < port.shape.size() ? std::max<int64_t>(port.shape[dimension], 0) : 0;
}

const Json* FindIn(const Json& json, std::string_view key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

// Whether the index names the part: those that are not there are [null, null].
bool Lists(const Json& index, std::string_view part) {
  const Json* const entry = FindIn(index, part);
  return entry != nullptr && !(entry->is_array() && !entry->empty() && entry->front().is_null());
}

// The class that the index gives a part; empty: none.
std::string ClassOf(const Json& index, std::string_view part) {
  const Json* const entry = FindIn(index, part);
  if (entry == nullptr || !entry->is_array() || entry->size() != 2) return "";
  return entry->back().is_string() ? entry->back().get<std::string>() : "";
}

int64_t WholeIn(const Json& json, std::string_view key) {
  const Json* const value = FindIn(json, key);
  return value != nullptr && value->is_number_unsigned() && value->get<uint64_t>() < 1'000'000
             ? value->get<int64_t>()
             : 0;
}

class Pipeline {
 public:
  explicit Pipeline(const std::vector<ExportFile>& files) {
    for (const ExportFile& file : files) files_.emplace(file.file.name, &file);
  }

  absl::StatusOr<Manifest> Describe() {
    absl::Status status = ReadIndex();
    if (status.ok()) status = CheckTokenizer();
    if (status.ok()) status = ReadScheduler();
    if (status.ok()) status = ReadNetworks();
    if (status.ok()) status = CheckDenoiser();
    if (status.ok()) status = CheckAutoencoder();
    if (!status.ok()) return status;
    Manifest manifest;
    manifest.engine = "onnx";
    manifest.family = "diffusion";
    manifest.license = "unknown";
    manifest.capabilities = {"image.generate"};
    manifest.rank = 20;
    DescribeSize(manifest);
    DescribeSteps(manifest);
    manifest.title = absl::StrCat("Draws (", kind_, ")");
    AddFiles(manifest);
    return manifest;
  }

 private:
  bool Has(std::string_view name) const { return files_.contains(name); }

  absl::Status Missing(std::string_view name) const {
    return Refused(absl::StrCat("The pipeline ", kind_, " has no ", name, "."));
  }

  // An empty object where the file is not there.
  absl::StatusOr<Json> Read(std::string_view name) const {
    const auto found = files_.find(name);
    if (found == files_.end()) return Json(Json::object());
    const absl::StatusOr<std::string> text = ReadFile(found->second->path, kMaxJsonBytes);
    if (!text.ok()) return text.status();
    Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return Corrupt(name, "is no JSON object");
    return json;
  }

  absl::Status ReadIndex() {
    absl::StatusOr<Json> index = Read(kIndex);
    if (!index.ok()) return index.status();
    index_ = *std::move(index);
    const Json* const kind = FindIn(index_, "_class_name");
    if (kind == nullptr || !kind->is_string()) return Corrupt(kIndex, "names no _class_name");
    kind_ = kind->get<std::string>();
    for (const std::string_view part : UnknownPipelineParts()) {
      if (!Lists(index_, part)) continue;
      return Refused(absl::StrCat("The pipeline ", kind_, " has the part ", part,
                                  ", which is not known. Known are pipelines with one CLIP text "
                                  "encoder: Stable Diffusion 1 and 2, SD-Turbo, and what LCM made "
                                  "of them."));
    }
    return absl::OkStatus();
  }

  absl::Status CheckTokenizer() const {
    const std::string kind = ClassOf(index_, "tokenizer");
    if (!kind.empty() && !absl::StartsWith(kind, "CLIPTokenizer")) {
      return Refused(absl::StrCat("The pipeline ", kind_, " has the tokenizer ", kind,
                                  "; known is CLIPTokenizer."));
    }
    for (const char* const name : {"tokenizer/vocab.json", "tokenizer/merges.txt"}) {
      if (!Has(name)) return Missing(name);
    }
    return absl::OkStatus();
  }

  absl::Status ReadScheduler() {
    if (!Has(kScheduler)) return Missing(kScheduler);
    absl::StatusOr<Json> json = Read(kScheduler);
    if (!json.ok()) return json.status();
    const Json* const kind = FindIn(*json, "_class_name");
    if (kind == nullptr || !kind->is_string()) return Corrupt(kScheduler, "names no _class_name");
    const auto name = kind->get<std::string>();
    scheduler_ = std::string(SchedulerOfPublishedClass(name));
    if (scheduler_.empty()) return Refused(absl::StrCat("The scheduler ", name, " is not known."));
    for (const std::string_view option : UnknownSchedulerOptions()) {
      const Json* const value = FindIn(*json, option);
      if (value == nullptr || *value == false) continue;
      return Refused(absl::StrCat(kScheduler, " sets ", option, ", which is not known."));
    }
    prediction_ = scheduler_ == "flow-euler" ? "flow_prediction" : "epsilon";
    if (const Json* const said = FindIn(*json, "prediction_type"); said != nullptr) {
      const std::string text = said->is_string() ? said->get<std::string>() : said->dump();
      if (text != "epsilon" && text != "v_prediction" && text != "sample" &&
          text != "flow_prediction") {
        return Refused(absl::StrCat(kScheduler, " has the prediction_type \"", text,
                                    "\", which is not known."));
      }
      if (scheduler_ != "flow-euler") prediction_ = text;
    }
    const Json* const spacing = FindIn(*json, "timestep_spacing");
    trailing_ = spacing != nullptr && *spacing == "trailing";
    return absl::OkStatus();
  }

  absl::Status ReadNetworks() {
    for (const PartNames& part : kNetworks) {
      const std::string folder = absl::StrCat(part.folder, "/");
      for (auto at = files_.lower_bound(folder); at != files_.end(); ++at) {
        if (!absl::StartsWith(at->first, folder)) break;
        if (!absl::EndsWith(at->first, ".onnx")) continue;
        Network network;
        network.file = at->second;
        if (absl::Status status = ReadNetwork(folder, network); !status.ok()) return status;
        const auto [there, added] = networks_.emplace(part.role, std::move(network));
        if (added) continue;
        return Refused(absl::StrCat("The part ", part.folder, " has two networks: ",
                                    there->second.file->file.name, " and ", at->first, "."));
      }
    }
    if (!networks_.contains("text-encoder")) return Missing("text_encoder/model.onnx");
    const bool unet = networks_.contains("unet"), transformer = networks_.contains("transformer");
    if (unet && transformer) return Refused("The pipeline has both a unet and a transformer.");
    if (!unet && !transformer) {
      return Missing(Lists(index_, "transformer") ? "transformer/model.onnx" : "unet/model.onnx");
    }
    denoiser_ = &networks_.at(unet ? "unet" : "transformer");
    const bool encodes = networks_.contains("vae-encoder");
    if (!networks_.contains("vae-decoder") &&
        (encodes || Lists(index_, "vae_decoder") || Lists(index_, "vae"))) {
      return Missing("vae_decoder/model.onnx");
    }
    if (!encodes && Lists(index_, "vae_encoder")) return Missing("vae_encoder/model.onnx");
    return absl::OkStatus();
  }

  absl::Status ReadNetwork(std::string_view folder, Network& network) const {
    absl::StatusOr<OnnxSummary> summary = ReadOnnxFile(network.file->path);
    if (!summary.ok()) return summary.status();
    const std::string& name = network.file->file.name;
    for (const std::string& outside : summary->external_files) {
      const auto found = files_.find(absl::StrCat(folder, outside));
      if (found == files_.end()) {
        return Refused(
            absl::StrCat(name, " keeps weights in the file ", outside, ", which is not there."));
      }
      const ManifestFile& weights = found->second->file;
      const uint64_t wanted = summary->external_bytes[outside];
      if (weights.size_bytes < wanted) {
        return Corrupt(weights.name, absl::StrCat("has ", weights.size_bytes, " bytes, and ", name,
                                                  " wants ", wanted, " of them"));
      }
      network.weights.push_back(found->second);
    }
    summary->external_files.clear();
    if (absl::Status status = CheckOnnxIsSelfContained(*summary); !status.ok()) {
      return Refused(absl::StrCat(name, ": ", status.message()));
    }
    network.summary = *std::move(summary);
    return absl::OkStatus();
  }

  static absl::StatusOr<const OnnxPort*> Port(const Network& network,
                                              const std::vector<OnnxPort>& ports,
                                              std::string_view name, size_t rank) {
    const OnnxPort* const port = FindPort(ports, name);
    if (port != nullptr && port->shape.size() == rank) return port;
    return Corrupt(network.file->file.name, absl::StrCat("is no such network: it has no ", name,
                                                         " of ", rank, " dimensions"));
  }

  absl::Status CheckDenoiser() {
    const Network& text = networks_.at("text-encoder");
    const auto tokens = Port(text, text.summary.inputs, "input_ids", 2);
    if (!tokens.ok()) return tokens.status();
    const auto states = Port(text, text.summary.outputs, "last_hidden_state", 3);
    if (!states.ok()) return states.status();
    const std::string& name = denoiser_->file->file.name;
    const auto& inputs = denoiser_->summary.inputs;
    const auto sample = Port(*denoiser_, inputs, "sample", 4);
    if (!sample.ok()) return sample.status();
    const auto context = Port(*denoiser_, inputs, "encoder_hidden_states", 3);
    if (!context.ok()) return context.status();
    if (FindPort(inputs, "timestep") == nullptr) {
      return Corrupt(name, "is no such network: it has no timestep");
    }
    const int64_t width = Extent(**context, 2), given = Extent(**states, 2);
    if (width > 0 && given > 0 && width != given) {
      return Corrupt(name, absl::StrCat("takes ", width, " numbers for a token, and ",
                                        text.file->file.name, " gives ", given));
    }
    sample_ = *sample;
    const auto config =
        Read(networks_.contains("unet") ? "unet/config.json" : "transformer/config.json");
    if (!config.ok()) return config.status();
    config_ = *config;
    const int64_t said = WholeIn(config_, "in_channels");
    channels_ = Extent(*sample_, 1);
    if (channels_ == 0) channels_ = said;
    if (said > 0 && said != channels_) {
      return Corrupt(
          name, absl::StrCat("takes ", channels_, " channels, and its config.json says ", said));
    }
    if (channels_ == kInpaintingChannels) {
      return Refused(absl::StrCat(name, " takes ", channels_,
                                  " channels: a network made for inpainting alone, which is not "
                                  "known. Others inpaint as well."));
    }
    const OnnxPort* out = FindPort(denoiser_->summary.outputs, "out_sample");
    if (out == nullptr) out = FindPort(denoiser_->summary.outputs, "sample");
    if (out == nullptr && denoiser_->summary.outputs.size() == 1) {
      out = &denoiser_->summary.outputs.front();
    }
    if (out == nullptr) return Corrupt(name, "is no such network: it has no out_sample");
    return CheckChannels(*denoiser_, *out, channels_);
  }

  // `expected` may be 0: not known.
  static absl::Status CheckChannels(const Network& network, const OnnxPort& port,
                                    int64_t expected) {
    const int64_t channels = Extent(port, 1);
    if (channels == 0 || expected == 0 || channels == expected) return absl::OkStatus();
    return Corrupt(network.file->file.name,
                   absl::StrCat("has ", channels, " channels in ", port.name, " where ", expected,
                                " go with the other parts"));
  }

  absl::Status CheckAutoencoder() const {
    const auto decoder = networks_.find("vae-decoder");
    if (decoder == networks_.end()) {
      if (channels_ == 0 || channels_ == 3) return absl::OkStatus();
      return Refused(absl::StrCat("The pipeline ", kind_, " has no vae_decoder/model.onnx, and ",
                                  denoiser_->file->file.name, " makes samples of ", channels_,
                                  " channels, which are no pictures."));
    }
    absl::Status status = CheckOne(decoder->second, "latent_sample", channels_, {"sample"}, 3);
    const auto encoder = networks_.find("vae-encoder");
    if (!status.ok() || encoder == networks_.end()) return status;
    const bool draws = FindPort(encoder->second.summary.outputs, "latent_sample") != nullptr;
    return CheckOne(encoder->second, "sample", 3, draws ? "latent_sample" : "latent_parameters",
                    draws ? channels_ : 2 * channels_);
  }

  static absl::Status CheckOne(const Network& network, std::string_view input, int64_t in,
                               std::string_view output, int64_t out) {
    const auto from = Port(network, network.summary.inputs, input, 4);
    if (!from.ok()) return from.status();
    const auto to = Port(network, network.summary.outputs, output, 4);
    if (!to.ok()) return to.status();
    absl::Status status = CheckChannels(network, **from, in);
    return status.ok() ? CheckChannels(network, **to, out) : status;
  }

  // Pixels of one place of a sample.
  int64_t Factor() const {
    if (!networks_.contains("vae-decoder")) return 1;
    const auto config = Read("vae_decoder/config.json");
    const Json* const blocks = config.ok() ? FindIn(*config, "block_out_channels") : nullptr;
    if (blocks == nullptr || !blocks->is_array() || blocks->empty() || blocks->size() > 8) {
      return kUsualFactor;
    }
    return int64_t{1} << (blocks->size() - 1);
  }

  // The parameters of a side, unless model_index.json has our word for it.
  void DescribeSize(Manifest& manifest) const {
    const int64_t factor = Factor();
    const Json* const own = FindIn(index_, "intelligenced");
    const Json* const size = FindIn(config_, "sample_size");
    const bool both = size != nullptr && size->is_array() && size->size() == 2;
    int64_t sides[2] = {};
    for (const size_t i : {0, 1}) {
      const char* const name = i == 0 ? "height" : "width";
      int64_t side = Extent(*sample_, 2 + i);
      if (side == 0 && own != nullptr && own->is_object()) side = WholeIn(*own, name) / factor;
      if (side == 0 && both && (*size)[i].is_number_unsigned()) {
        side = static_cast<int64_t>(std::min<uint64_t>((*size)[i].get<uint64_t>(), 8192));
      }
      if (side == 0) side = WholeIn(config_, "sample_size");
      if (side == 0 && factor > 1) side = kUsualLatentSide;
      if (side > 0) manifest.parameters[name] = absl::StrCat(side * factor);
      sides[i] = side * factor;
    }
    manifest.description = absl::StrCat(
        sides[0] > 0 ? absl::StrCat("Pictures of ", sides[1], "×", sides[0], " from words")
                     : "Pictures from words",
        networks_.contains("vae-decoder") && !networks_.contains("vae-encoder")
            ? "."
            : ", or from another picture.");
  }

  void DescribeSteps(Manifest& manifest) const {
    const bool told_guidance = FindPort(denoiser_->summary.inputs, "timestep_cond") != nullptr;
    int64_t steps = 25;
    double guidance = 7.5;
    if (scheduler_ == "lcm") {
      // What made it faster has the guidance in it, or is told it.
      steps = 4;
      guidance = told_guidance ? 8.5 : 1;
    } else if (trailing_ && (scheduler_ == "euler" || scheduler_ == "euler-ancestral")) {
      // Turbo models are published so: a few steps, and no second run against the prompt.
      steps = 4;
      guidance = 1;
    }
    if (const Json* const own = FindIn(index_, "intelligenced");
        own != nullptr && own->is_object()) {
      if (const int64_t said = WholeIn(*own, "default_steps"); said > 0) steps = said;
      const Json* const said = FindIn(*own, "default_guidance_scale");
      if (said != nullptr && said->is_number()) guidance = said->get<double>();
    }
    manifest.parameters["steps"] = absl::StrCat(steps);
    manifest.parameters["guidance_scale"] = absl::StrFormat("%.6g", guidance);
    manifest.parameters["x-scheduler"] = scheduler_;
    manifest.parameters["x-prediction"] = prediction_;
  }

  void AddFiles(Manifest& manifest) const {
    const auto add = [&](const ExportFile& file, std::string role) {
      manifest.files.emplace_back(file.file).role = std::move(role);
    };
    for (const TextNames& text : kTexts) {
      const auto found = files_.find(text.name);
      if (found != files_.end()) add(*found->second, std::string(text.role));
    }
    for (const auto& [role, network] : networks_) {
      add(*network.file, role);
      const bool several = network.weights.size() > 1;
      for (size_t i = 0; i < network.weights.size(); ++i) {
        // Roles sort as the names do.
        add(*network.weights[i], several ? absl::StrFormat("%s-weights-%02d", role, i + 1)
                                         : absl::StrCat(role, "-weights"));
      }
    }
  }

  std::map<std::string, const ExportFile*, std::less<>> files_;
  Json index_;
  std::string kind_;
  std::string scheduler_;
  std::string prediction_;
  bool trailing_ = false;
  // By role.
  std::map<std::string, Network, std::less<>> networks_;
  const Network* denoiser_ = nullptr;
  // Of the denoiser.
  const OnnxPort* sample_ = nullptr;
  Json config_;
  int64_t channels_ = 0;
};

}  // namespace

absl::StatusOr<Manifest> ManifestFromPipeline(const std::vector<ExportFile>& files) {
  return Pipeline(files).Describe();
}

}  // namespace intelligenced
