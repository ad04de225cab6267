#include "runtime/engines/onnx/diffusion/diffusion_job.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/noise.h"
#include "runtime/engines/onnx/diffusion/picture_math.h"
#include "runtime/engines/onnx/diffusion/prompt.h"
#include "runtime/engines/onnx/diffusion/scheduler.h"
#include "runtime/engines/task_image/task_image.h"
#include "runtime/media/image_write.h"
#include "runtime/media/lanczos.h"

namespace intelligenced {
namespace {

absl::Status TooLong(std::string_view field, size_t tokens, size_t limit) {
  ErrorFacts facts;
  facts.field = std::string(field);
  facts.metadata = {{"input_tokens", absl::StrCat(tokens)},
                    {"context_tokens", absl::StrCat(limit)}};
  return MakeError(Reason::kContextWindowExceeded,
                   absl::StrCat("The ", field, " has ", tokens, " tokens; the model takes ", limit,
                                ". Say it in fewer words."),
                   facts);
}

// One picture on its way.
struct Picture {
  std::unique_ptr<Scheduler> scheduler;
  std::vector<float> noise;
  std::vector<float> sample;
  std::vector<float> denoised;
};

class DiffusionJob final : public OnnxJob {
 public:
  DiffusionJob(DiffusionCore* core, engine_proto::GenerateImageTask task, GenerationPlan plan,
               Attachments attachments, CancelToken cancel)
      : OnnxJob(std::move(cancel)),
        core_(*core),
        networks_(*core->networks),
        task_(std::move(task)),
        plan_(std::move(plan)),
        attachments_(std::move(attachments)),
        height_(static_cast<int>(plan_.height / core->settings.factor)),
        width_(static_cast<int>(plan_.width / core->settings.factor)),
        size_(static_cast<size_t>(core->networks->channels()) * static_cast<size_t>(height_) *
              static_cast<size_t>(width_)) {}

 private:
  enum class Phase { kRead, kText, kSource, kBegin, kSteps, kPreview, kFinish };

  absl::Status Advance(JobOutput& output) override {
    switch (phase_) {
      case Phase::kRead:
        began_ = core_.clock->Now();
        return Read();
      case Phase::kText:
        return EncodeWindow(output);
      case Phase::kSource:
        return EncodeSource(output);
      case Phase::kBegin:
        return Begin();
      case Phase::kSteps:
        return StepSome(output);
      case Phase::kPreview:
        return Preview(output);
      case Phase::kFinish:
        break;
    }
    return Finish(output);
  }

  absl::Status Read() {
    if (absl::Status status = ReadPictures(); !status.ok()) return status;
    if (plan_.steps_to_do() == 0) {
      // The source stays as it is.
      total_ = plan_.count;
      phase_ = Phase::kFinish;
      return absl::OkStatus();
    }
    size_t most = kMostWindows;
    const size_t window = core_.tokenizer.window();
    if (networks_.fixed_tokens() > 0) most = std::min(most, networks_.fixed_tokens() / window);
    prompt_ = TokenizePrompt(core_.tokenizer, plan_.prompt, most);
    negative_ = TokenizePrompt(core_.tokenizer, plan_.negative_prompt, most);
    const size_t limit = most * (window - 2);
    if (prompt_.tokens > limit) return TooLong("prompt", prompt_.tokens, limit);
    if (negative_.tokens > limit) return TooLong("negative_prompt", negative_.tokens, limit);
    if (!plan_.guided) negative_.windows.clear();
    size_t count = std::max(prompt_.windows.size(), negative_.windows.size());
    if (networks_.fixed_tokens() > 0) count = most;
    PadWindows(core_.tokenizer, count, prompt_);
    if (plan_.guided) PadWindows(core_.tokenizer, count, negative_);
    tokens_ = count * window;
    total_ = static_cast<uint32_t>(prompt_.windows.size() + negative_.windows.size()) +
             (plan_.has_source ? 1 : 0) + static_cast<uint32_t>(plan_.steps_to_do()) + plan_.count;
    phase_ = Phase::kText;
    return absl::OkStatus();
  }

  absl::Status ReadPictures() {
    if (!plan_.has_source) return absl::OkStatus();
    engine_proto::ImageInfo info;
    absl::StatusOr<Image> source = DecodeTaskImage(task_.source_image(), attachments_, &info);
    if (!source.ok()) return source.status();
    ++images_decoded_;
    const auto width = static_cast<int>(plan_.width), height = static_cast<int>(plan_.height);
    if (plan_.has_mask) {
      absl::StatusOr<Image> mask = DecodeTaskImage(task_.mask(), attachments_, &info);
      if (!mask.ok()) return mask.status();
      ++images_decoded_;
      if (mask->width() != source->width() || mask->height() != source->height()) {
        return FieldError("mask",
                          absl::StrCat("has ", mask->width(), "×", mask->height(),
                                       " pixels and the source_image ", source->width(), "×",
                                       source->height(), "; they must have one size."));
      }
      mask = Resize(*mask, width, height);
      if (!mask.ok()) return mask.status();
      mask_ = *std::move(mask);
      weights_ = MaskWeights(mask_, width_, height_);
    }
    source = ResizeLanczos(*source, width, height);
    if (!source.ok()) return source.status();
    source_ = *std::move(source);
    task_.Clear();
    attachments_.clear();
    return absl::OkStatus();
  }

  absl::Status EncodeWindow(JobOutput& output) {
    const bool positive = window_ < prompt_.windows.size();
    const PromptWindow& window =
        positive ? prompt_.windows[window_] : negative_.windows[window_ - prompt_.windows.size()];
    auto states = networks_.EncodeText(window.tokens, cancel());
    if (!states.ok()) return states.status();
    context_width_ = static_cast<size_t>(states->shape[2]);
    ApplyWeights(window.weights, context_width_, states->values.data());
    std::vector<float>& context = positive ? context_ : negative_context_;
    context.insert(context.end(), states->values.begin(), states->values.end());
    Told(output);
    if (++window_ == prompt_.windows.size() + negative_.windows.size()) {
      phase_ = plan_.has_source ? Phase::kSource : Phase::kBegin;
    }
    return absl::OkStatus();
  }

  absl::Status EncodeSource(JobOutput& output) {
    Tensor picture = PictureNumbers(source_);
    if (!networks_.latent()) {
      original_ = std::move(picture.values);
    } else {
      auto sample = networks_.Encode(picture, cancel());
      if (!sample.ok()) return sample.status();
      const Shape expected = {1, networks_.channels(), height_, width_};
      if (sample->shape != expected) {
        return MakeError(Reason::kEngineFailure,
                         absl::StrCat("The VAE encoder answered ", ShapeText(sample->shape),
                                      " numbers where ", ShapeText(expected), " were to come."));
      }
      original_ = std::move(sample->values);
      const DiffusionSettings& settings = core_.settings;
      for (float& value : original_) {
        value = static_cast<float>((value - settings.shift_factor) * settings.scaling_factor);
      }
    }
    Told(output);
    phase_ = Phase::kBegin;
    return absl::OkStatus();
  }

  absl::Status Begin() {
    pictures_.resize(plan_.count);
    for (uint32_t i = 0; i < plan_.count; ++i) {
      Picture& picture = pictures_[i];
      auto scheduler = Scheduler::Make(plan_.scheduler, plan_.steps);
      if (!scheduler.ok()) return scheduler.status();
      picture.scheduler = *std::move(scheduler);
      picture.noise.resize(size_);
      picture.denoised.resize(size_);
      DrawNoise(plan_.SeedOf(i), kInitialNoise, absl::MakeSpan(picture.noise));
      picture.sample = picture.noise;
      if (plan_.first_step > 0) {
        Mix(picture.scheduler->level(plan_.first_step), picture.noise, picture.sample);
      } else {
        const auto scale = static_cast<float>(picture.scheduler->initial_scale());
        for (float& value : picture.sample) value *= scale;
      }
    }
    step_ = plan_.first_step;
    phase_ = Phase::kSteps;
    return absl::OkStatus();
  }

  // The source with as much noise as `level` has.
  void Mix(NoiseLevel level, const std::vector<float>& noise, std::vector<float>& sample) const {
    for (size_t i = 0; i < size_; ++i) {
      sample[i] = static_cast<float>(level.signal * original_[i] + level.noise * noise[i]);
    }
  }

  absl::Status StepSome(JobOutput& output) {
    const size_t left = pictures_.size() - next_;
    const size_t together = Together(left);
    std::vector<float> answers;
    absl::Status status = RunTogether(together, answers);
    if (!status.ok()) return status;
    const size_t rows = plan_.guided ? 2 : 1;
    for (size_t i = 0; i < together; ++i) {
      status = Take(pictures_[next_ + i], next_ + i, answers.data() + i * rows * size_);
      if (!status.ok()) return status;
    }
    next_ += together;
    if (next_ < pictures_.size()) return absl::OkStatus();
    next_ = 0;
    ++step_;
    const int done = step_ - plan_.first_step;
    const bool last = step_ == plan_.steps;
    if (!last && plan_.preview_interval > 0 &&
        done % static_cast<int>(std::min<uint32_t>(plan_.preview_interval, kMostSteps)) == 0) {
      phase_ = Phase::kPreview;
      return absl::OkStatus();
    }
    Told(output);
    if (last) phase_ = Phase::kFinish;
    return absl::OkStatus();
  }

  // How many pictures the next run is for.
  size_t Together(size_t left) {
    const auto time = core_.run_times.find({height_, width_});
    if (left < 2 || networks_.fixed_batch() > 0 || time == core_.run_times.end()) return 1;
    const auto fit = static_cast<size_t>(
        std::max<int64_t>(1, StepOptions::kUnit / std::max(time->second, absl::Microseconds(1))));
    const size_t count = std::min(left, fit);
    if (count < 2) return 1;
    const auto same = core_.same_together.find(KeyOf(count));
    return same != core_.same_together.end() && !same->second ? 1 : count;
  }

  std::array<int, 4> KeyOf(size_t count) const {
    return {static_cast<int>(count), plan_.guided ? 2 : 1, height_, width_};
  }

  absl::Status RunTogether(size_t count, std::vector<float>& answers) {
    if (count == 1) {
      const absl::Time begin = core_.clock->Now();
      absl::Status status = Run(next_, 1, answers);
      core_.run_times[{height_, width_}] = core_.clock->Now() - begin;
      return status;
    }
    if (absl::Status status = Run(next_, count, answers); !status.ok()) return status;
    if (core_.same_together.contains(KeyOf(count))) return absl::OkStatus();
    // The first time: each by itself as well, which is what counts.
    std::vector<float> alone;
    for (size_t i = 0; i < count; ++i) {
      std::vector<float> one;
      if (absl::Status status = Run(next_ + i, 1, one); !status.ok()) return status;
      alone.insert(alone.end(), one.begin(), one.end());
    }
    core_.same_together[KeyOf(count)] = alone == answers;
    answers = std::move(alone);
    return absl::OkStatus();
  }

  absl::Status Run(size_t first, size_t count, std::vector<float>& answers) {
    const Scheduler& scheduler = *pictures_[first].scheduler;
    const auto scale = static_cast<float>(scheduler.input_scale(step_));
    inputs_.resize(count);
    std::vector<DenoiserRow> rows;
    for (size_t i = 0; i < count; ++i) {
      inputs_[i] = pictures_[first + i].sample;
      for (float& value : inputs_[i]) value *= scale;
      if (plan_.guided) rows.push_back({inputs_[i].data(), negative_context_.data()});
      rows.push_back({inputs_[i].data(), context_.data()});
    }
    return networks_.Denoise(rows,
                             {.height = height_,
                              .width = width_,
                              .timestep = scheduler.timestep(step_),
                              .tokens = tokens_,
                              .context_width = context_width_,
                              .guidance = plan_.guidance},
                             cancel(), answers);
  }

  // One step of one picture, by the network's answers about it.
  absl::Status Take(Picture& picture, size_t index, float* answers) {
    absl::Span<float> answer(answers, size_);
    if (plan_.guided) {
      const float* const positive = answers + size_;
      for (size_t i = 0; i < size_; ++i) {
        answer[i] += plan_.guidance * (positive[i] - answer[i]);
      }
    }
    std::vector<float> noise;
    if (picture.scheduler->takes_noise(step_)) {
      noise.resize(size_);
      DrawNoise(plan_.SeedOf(static_cast<uint32_t>(index)), StepNoise(step_),
                absl::MakeSpan(noise));
    }
    picture.scheduler->Step(step_, answer, noise, absl::MakeSpan(picture.sample),
                            absl::MakeSpan(picture.denoised));
    if (plan_.has_mask) KeepSource(picture);
    for (const float value : picture.sample) {
      if (std::isfinite(value)) continue;
      return MakeError(Reason::kEngineFailure,
                       "The picture's numbers have grown beyond all bounds; try another scheduler, "
                       "more steps or less guidance.");
    }
    return absl::OkStatus();
  }

  // What is not masked goes the source's own way through the noise.
  void KeepSource(Picture& picture) const {
    const NoiseLevel level = picture.scheduler->level(step_ + 1);
    const size_t places = weights_.size();
    for (size_t i = 0; i < size_; ++i) {
      const float kept =
          static_cast<float>(level.signal * original_[i] + level.noise * picture.noise[i]);
      const float anew = weights_[i % places];
      picture.sample[i] = anew * picture.sample[i] + (1 - anew) * kept;
      picture.denoised[i] = anew * picture.denoised[i] + (1 - anew) * original_[i];
    }
  }

  absl::StatusOr<Image> Paint(const std::vector<float>& sample) {
    Tensor tensor{.shape = {1, networks_.channels(), height_, width_}, .values = sample};
    if (networks_.latent()) {
      const DiffusionSettings& settings = core_.settings;
      for (float& value : tensor.values) {
        value = static_cast<float>(value / settings.scaling_factor + settings.shift_factor);
      }
      auto decoded = networks_.Decode(tensor, cancel());
      if (!decoded.ok()) return decoded.status();
      const Shape expected = {1, 3, static_cast<int64_t>(plan_.height),
                              static_cast<int64_t>(plan_.width)};
      if (decoded->shape != expected) {
        return MakeError(Reason::kEngineFailure,
                         absl::StrCat("The VAE decoder answered ", ShapeText(decoded->shape),
                                      " numbers where ", ShapeText(expected), " were to come."));
      }
      tensor = *std::move(decoded);
    }
    auto image = NumbersPicture(tensor.values, static_cast<int>(plan_.width),
                                static_cast<int>(plan_.height));
    if (image.ok() && plan_.has_mask) KeepUnmasked(source_, mask_, *image);
    return image;
  }

  absl::Status Preview(JobOutput& output) {
    absl::StatusOr<Image> image = Paint(pictures_.front().denoised);
    if (!image.ok()) return image.status();
    absl::StatusOr<std::string> file = WritePng(*image, OriginOf(0));
    if (!file.ok()) return file.status();
    Told(output).set_preview(*std::move(file));
    phase_ = Phase::kSteps;
    return absl::OkStatus();
  }

  absl::Status Finish(JobOutput& output) {
    const auto index = static_cast<uint32_t>(next_);
    absl::StatusOr<Image> painted;
    const bool kept = plan_.steps_to_do() == 0;
    if (!kept) {
      painted = Paint(pictures_[next_].sample);
      if (!painted.ok()) return painted.status();
    }
    const Image& image = kept ? source_ : *painted;
    const ImageOrigin origin = OriginOf(index);
    absl::StatusOr<std::string> file = plan_.format == engine_proto::IMAGE_FILE_FORMAT_WEBP
                                           ? WriteWebp(image, origin)
                                           : WritePng(image, origin);
    if (!file.ok()) return file.status();
    Told(output);
    engine_proto::GeneratedImage& made = *output.events.emplace_back().mutable_generated_image();
    made.set_index(index);
    made.set_seed(plan_.SeedOf(index));
    made.set_width(plan_.width);
    made.set_height(plan_.height);
    made.set_data(*std::move(file));
    if (++next_ == plan_.count) Complete(output, images_decoded_);
    return absl::OkStatus();
  }

  ImageOrigin OriginOf(uint32_t index) const {
    return {.source = plan_.has_source ? ImageSource::kComposite : ImageSource::kGenerated,
            .model = core_.model,
            .seed = plan_.SeedOf(index)};
  }

  // One of the task's steps more is done.
  engine_proto::ImageStep& Told(JobOutput& output) {
    engine_proto::ImageStep& step = *output.events.emplace_back().mutable_image_step();
    ++done_;
    step.set_step(done_);
    step.set_steps(total_);
    const absl::Duration so_far = core_.clock->Now() - began_;
    step.set_remaining_microseconds(
        absl::ToInt64Microseconds(so_far / done_ * (total_ - std::min(done_, total_))));
    return step;
  }

  DiffusionCore& core_;
  DiffusionNetworks& networks_;
  engine_proto::GenerateImageTask task_;
  const GenerationPlan plan_;
  Attachments attachments_;
  // Of a sample.
  const int height_;
  const int width_;
  const size_t size_;

  Phase phase_ = Phase::kRead;
  absl::Time began_;
  uint32_t done_ = 0;
  uint32_t total_ = 0;
  uint32_t images_decoded_ = 0;

  TokenizedPrompt prompt_;
  TokenizedPrompt negative_;
  // The window that is encoded next, those of the negative prompt behind the others.
  size_t window_ = 0;
  size_t tokens_ = 0;
  size_t context_width_ = 0;
  std::vector<float> context_;
  std::vector<float> negative_context_;

  // In the size asked for.
  Image source_;
  Image mask_;
  // The source as a sample, and how much of each place is made anew.
  std::vector<float> original_;
  std::vector<float> weights_;

  std::vector<Picture> pictures_;
  int step_ = 0;
  // The picture whose turn it is.
  size_t next_ = 0;
  std::vector<std::vector<float>> inputs_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OnnxJob>> MakeDiffusionJob(DiffusionCore* core,
                                                          engine_proto::GenerateImageTask task,
                                                          Attachments attachments,
                                                          CancelToken cancel) {
  auto plan = PlanGeneration(task, core->settings, core->abilities, core->memory_room());
  if (!plan.ok()) return plan.status();
  return std::make_unique<DiffusionJob>(core, std::move(task), *std::move(plan),
                                        std::move(attachments), std::move(cancel));
}

}  // namespace intelligenced
