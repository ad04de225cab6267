#include "runtime/engines/onnx/diffusion/diffusion.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/diffusion_job.h"
#include "runtime/engines/onnx/diffusion/prompt.h"
#include "runtime/engines/onnx/diffusion/upscale_job.h"

namespace intelligenced {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{64} << 20;
// A role, and the file of the layout that has it.
struct PublishedFile {
  std::string_view role;
  std::string_view name;
};
constexpr PublishedFile kRequired[] = {
    {"model-index", "model_index.json"},
    {"vocabulary", "tokenizer/vocab.json"},
    {"merges", "tokenizer/merges.txt"},
    {"scheduler-config", "scheduler/scheduler_config.json"},
};

absl::Status Missing(std::string_view role, std::string_view name) {
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The model has no file with the role \"", role, "\" (", name,
                                " in the published layout)."));
}

absl::Status DoesNotWork(const absl::Status& status) {
  if (HasReason(status, Reason::kCancelled) || HasReason(status, Reason::kMemoryInsufficient)) {
    return status;
  }
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The networks load, but do not do their work: ", status.message()));
}

class Diffusion final : public TextFamily {
 public:
  explicit Diffusion(DiffusionCore core) : core_(std::move(core)) {}

  void Describe(engine_proto::ModelInfo* info) const override {
    info->add_task_kinds(engine_proto::TASK_KIND_GENERATE_IMAGE);
    info->add_task_kinds(engine_proto::TASK_KIND_UPSCALE_IMAGE);
    // Jobs take turns step by step; each has its pictures in memory.
    info->set_max_batch(1);
    engine_proto::ImageGenerationInfo& image = *info->mutable_image_generation();
    const DiffusionSettings& settings = core_.settings;
    image.set_width(settings.width);
    image.set_height(settings.height);
    image.set_size_multiple(settings.size_multiple);
    for (const DiffusionStyle& style : settings.styles) image.add_styles(style.name);
    for (const auto& [kind, config] : settings.schedulers) {
      image.add_schedulers(std::string(NameOfScheduler(kind)));
    }
    image.set_default_steps(settings.steps);
    image.set_default_guidance_scale(settings.guidance_scale);
    image.set_bytes_per_image(
        NeededBytes(core_.abilities, settings, settings.width, settings.height, 1));
    image.set_takes_source_image(core_.abilities.takes_source);
    image.set_takes_mask(core_.abilities.takes_source);
    image.set_fixed_size(core_.abilities.fixed_width > 0 && core_.abilities.fixed_height > 0);
  }

  bool Serves(engine_proto::Task::KindCase kind) const override {
    return kind == engine_proto::Task::kGenerateImage || kind == engine_proto::Task::kUpscaleImage;
  }

  absl::StatusOr<std::unique_ptr<OnnxJob>> Start(const engine_proto::Task& task,
                                                 CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }

  absl::StatusOr<std::unique_ptr<OnnxJob>> StartWith(const engine_proto::Task& task,
                                                     const Attachments& attachments,
                                                     CancelToken cancel) override {
    if (task.has_upscale_image()) {
      return MakeUpscaleJob(task.upscale_image(), attachments, core_.memory_room(),
                            std::move(cancel));
    }
    return MakeDiffusionJob(&core_, task.generate_image(), attachments, std::move(cancel));
  }

  absl::Status WarmUp(const CancelToken& cancel) {
    TokenizedPrompt prompt = TokenizePrompt(core_.tokenizer, "", 1);
    auto states = core_.networks->EncodeText(prompt.windows.front().tokens, cancel);
    if (!states.ok()) return DoesNotWork(states.status());
    const size_t fixed_tokens = core_.networks->fixed_tokens();
    const size_t windows = fixed_tokens > 0 ? fixed_tokens / core_.tokenizer.window() : 1;
    std::vector<float> context;
    for (size_t i = 0; i < windows; ++i) {
      context.insert(context.end(), states->values.begin(), states->values.end());
    }
    DiffusionAbilities& abilities = core_.abilities;
    const auto least = static_cast<int>(core_.settings.size_multiple / core_.settings.factor);
    double places[2] = {}, denoiser[2] = {}, decoder[2] = {};
    for (const int i : {0, 1}) {
      const int height = SideOf(abilities.fixed_height, least << i);
      const int width = SideOf(abilities.fixed_width, least << i);
      absl::Status status =
          RunOnce(height, width, context, static_cast<size_t>(states->shape[2]), cancel);
      if (!status.ok()) return DoesNotWork(status);
      places[i] = static_cast<double>(height) * width;
      denoiser[i] = static_cast<double>(core_.networks->denoiser_peak_bytes());
      decoder[i] = static_cast<double>(core_.networks->decoder_peak_bytes());
    }
    abilities.denoiser = MemoryGrowth::Fit(places[0], denoiser[0], places[1], denoiser[1]);
    abilities.decoder = MemoryGrowth::Fit(places[0], decoder[0], places[1], decoder[1]);
    return TryEncoder(least, cancel);
  }

 private:
  static int SideOf(uint32_t fixed, int otherwise) {
    return fixed > 0 ? static_cast<int>(fixed) : otherwise;
  }

  // The denoiser with a batch of two, and the decoder.
  absl::Status RunOnce(int height, int width, const std::vector<float>& context,
                       size_t context_width, const CancelToken& cancel) {
    Tensor sample;
    sample.shape = {1, core_.networks->channels(), height, width};
    sample.values.assign(static_cast<size_t>(CountElements(sample.shape)), 0.0F);
    const DenoiserRow row = {sample.values.data(), context.data()};
    const std::vector<DenoiserRow> rows(2, row);
    std::vector<float> answers;
    absl::Status status = core_.networks->Denoise(rows,
                                                  {.height = height,
                                                   .width = width,
                                                   .timestep = 1,
                                                   .tokens = context.size() / context_width,
                                                   .context_width = context_width,
                                                   .guidance = core_.settings.guidance_scale},
                                                  cancel, answers);
    if (!status.ok() || !core_.networks->latent()) return status;
    const auto decoded = core_.networks->Decode(sample, cancel);
    if (!decoded.ok()) return decoded.status();
    const auto factor = static_cast<int64_t>(core_.settings.factor);
    const Shape expected = {1, 3, height * factor, width * factor};
    if (decoded->shape == expected) return absl::OkStatus();
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("the VAE decoder makes ", ShapeText(decoded->shape), " of ",
                                  ShapeText(sample.shape), ", and its configuration says ",
                                  ShapeText(expected)));
  }

  // One that draws at random gives other bytes each time: such an export is used without.
  absl::Status TryEncoder(int least, const CancelToken& cancel) {
    DiffusionAbilities& abilities = core_.abilities;
    abilities.takes_source = !core_.networks->latent() || core_.networks->has_encoder();
    if (!core_.networks->has_encoder()) return absl::OkStatus();
    const auto factor = static_cast<int>(core_.settings.factor);
    Tensor picture;
    picture.shape = {1, 3, SideOf(abilities.fixed_height, least) * factor,
                     SideOf(abilities.fixed_width, least) * factor};
    picture.values.assign(static_cast<size_t>(CountElements(picture.shape)), 0.25F);
    const auto once = core_.networks->Encode(picture, cancel);
    if (!once.ok()) return DoesNotWork(once.status());
    const auto again = core_.networks->Encode(picture, cancel);
    if (!again.ok()) return DoesNotWork(again.status());
    abilities.takes_source = once->values == again->values;
    return absl::OkStatus();
  }

  DiffusionCore core_;
};

absl::StatusOr<DiffusionSessions> TakeSessions(const TextFamilyParts& parts) {
  const auto take = [&](std::string_view role) {
    const auto found = parts.sessions.find(role);
    return found == parts.sessions.end() ? nullptr : found->second;
  };
  DiffusionSessions sessions = {.text_encoder = take("text-encoder"),
                                .denoiser = take("unet"),
                                .decoder = take("vae-decoder"),
                                .encoder = take("vae-encoder")};
  if (sessions.text_encoder == nullptr) return Missing("text-encoder", "text_encoder/model.onnx");
  const auto transformer = take("transformer");
  if (sessions.denoiser != nullptr && transformer != nullptr) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model has both a \"unet\" and a \"transformer\".");
  }
  if (sessions.denoiser == nullptr) sessions.denoiser = transformer;
  if (sessions.denoiser == nullptr) {
    return Missing("unet", "unet/model.onnx, or transformer/model.onnx,");
  }
  if (sessions.decoder == nullptr && sessions.encoder != nullptr) {
    return Missing("vae-decoder", "vae_decoder/model.onnx");
  }
  return sessions;
}

absl::StatusOr<std::function<uint64_t()>> MemoryRoomOf(const TextFamilyParts& parts) {
  const auto limit = parts.parameters.find("memory_limit_bytes");
  if (limit == parts.parameters.end()) return std::function<uint64_t()>(ReadMemoryRoom);
  uint64_t bytes = 0;
  if (!absl::SimpleAtoi(limit->second, &bytes)) {
    return MakeError(Reason::kModelCorrupt,
                     "The manifest's parameter memory_limit_bytes is no number.");
  }
  return std::function<uint64_t()>([bytes] { return std::min(bytes, ReadMemoryRoom()); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextFamily>> MakeDiffusion(TextFamilyParts parts) {
  TextsByRole texts;
  for (const auto& [role, path] : parts.paths) {
    absl::StatusOr<std::string> text = ReadFile(path, kMaxTextBytes);
    if (!text.ok()) return text.status();
    texts[role] = *std::move(text);
  }
  for (const PublishedFile& file : kRequired) {
    if (!texts.contains(file.role)) return Missing(file.role, file.name);
  }
  absl::StatusOr<DiffusionSessions> sessions = TakeSessions(parts);
  if (!sessions.ok()) return sessions.status();
  auto settings = ParseDiffusionSettings(texts, parts.parameters, sessions->decoder != nullptr);
  if (!settings.ok()) return settings.status();
  auto tokenizer =
      ClipTokenizer::Parse(texts["vocabulary"], texts["merges"], texts["tokenizer-config"]);
  if (!tokenizer.ok()) return tokenizer.status();
  auto networks = DiffusionNetworks::Make(
      *std::move(sessions), {.channels = settings->channels, .window = tokenizer->window()});
  if (!networks.ok()) return networks.status();
  auto room = MemoryRoomOf(parts);
  if (!room.ok()) return room.status();
  DiffusionAbilities abilities = {
      .embeds_guidance = (*networks)->embeds_guidance(),
      .fixed_width = static_cast<uint32_t>((*networks)->fixed_width()),
      .fixed_height = static_cast<uint32_t>((*networks)->fixed_height()),
  };
  if (abilities.fixed_width > 0) settings->width = abilities.fixed_width * settings->factor;
  if (abilities.fixed_height > 0) settings->height = abilities.fixed_height * settings->factor;
  auto family = std::make_unique<Diffusion>(DiffusionCore{.tokenizer = *std::move(tokenizer),
                                                          .networks = *std::move(networks),
                                                          .settings = *std::move(settings),
                                                          .abilities = abilities,
                                                          .model = parts.model,
                                                          .clock = parts.clock,
                                                          .memory_room = *std::move(room)});
  if (absl::Status status = family->WarmUp(parts.cancel); !status.ok()) return status;
  return family;
}

}  // namespace intelligenced
