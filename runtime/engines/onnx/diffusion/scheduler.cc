#include "runtime/engines/onnx/diffusion/scheduler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// As NumPy's.
std::vector<double> Linspace(double first, double last, int count, bool endpoint = true) {
  std::vector<double> values(static_cast<size_t>(count), first);
  const int gaps = endpoint ? count - 1 : count;
  for (int i = 1; i < count; ++i)
    values[static_cast<size_t>(i)] = first + (last - first) * i / gaps;
  return values;
}

// As torch.linspace: 32-bit floats from both ends.
std::vector<float> FloatLinspace(double first, double last, int count) {
  std::vector<float> values(static_cast<size_t>(count), static_cast<float>(first));
  const auto begin = static_cast<float>(first), end = static_cast<float>(last);
  const float gap = count > 1 ? (end - begin) / static_cast<float>(count - 1) : 0;
  for (int i = 0; i < count; ++i) {
    values[static_cast<size_t>(i)] = i < count / 2 ? begin + gap * static_cast<float>(i)
                                                   : end - gap * static_cast<float>(count - i - 1);
  }
  return values;
}

std::vector<float> Betas(const SchedulerConfig& config) {
  if (!config.trained_betas.empty()) {
    return {config.trained_betas.begin(), config.trained_betas.end()};
  }
  const int count = config.train_timesteps;
  if (config.beta_schedule == BetaSchedule::kLinear) {
    return FloatLinspace(config.beta_start, config.beta_end, count);
  }
  if (config.beta_schedule == BetaSchedule::kScaledLinear) {
    std::vector<float> betas =
        FloatLinspace(std::sqrt(config.beta_start), std::sqrt(config.beta_end), count);
    for (float& beta : betas) beta *= beta;
    return betas;
  }
  const auto bar = [&](int i) {
    const double t = static_cast<double>(i) / count;
    const double cosine = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
    return cosine * cosine;
  };
  std::vector<float> betas(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    betas[static_cast<size_t>(i)] = static_cast<float>(std::min(1 - bar(i + 1) / bar(i), 0.999));
  }
  return betas;
}

// The share of the picture in a sample's variance at each time of the training. Rounded as torch
// does (32 bits, products in 64): the last ones are small enough for the difference to be seen.
std::vector<double> AlphasCumprod(const SchedulerConfig& config) {
  std::vector<double> alphas;
  double product = 1;
  for (const float beta : Betas(config)) {
    product *= 1 - beta;
    alphas.push_back(static_cast<float>(product));
  }
  if (config.rescale_betas_zero_snr && alphas.size() > 1) {
    const double first = std::sqrt(alphas.front());
    const double last = std::sqrt(alphas.back());
    for (double& alpha : alphas) {
      const double root = (std::sqrt(alpha) - last) * first / (first - last);
      alpha = root * root;
    }
    // Nothing of the picture at all cannot be divided by.
    alphas.back() = std::ldexp(1.0, -24);
  }
  return alphas;
}

// Standard deviation of the noise over that of the picture.
std::vector<double> TrainSigmas(const std::vector<double>& alphas) {
  std::vector<double> sigmas;
  for (const double alpha : alphas) {
    const auto share = static_cast<float>(alpha);
    sigmas.push_back(std::sqrt((1 - share) / share));
  }
  return sigmas;
}

double Interpolate(const std::vector<double>& values, double at) {
  const double place = std::clamp(at, 0.0, static_cast<double>(values.size() - 1));
  const auto low = static_cast<size_t>(place);
  if (low + 1 >= values.size()) return values.back();
  const double part = place - static_cast<double>(low);
  return values[low] * (1 - part) + values[low + 1] * part;
}

// The times of DDIM and Euler; `linspace` may leave fractions.
std::vector<double> SpacedTimesteps(const SchedulerConfig& config, int steps, bool whole) {
  const double train = config.train_timesteps;
  std::vector<double> times;
  switch (config.spacing) {
    case TimestepSpacing::kLinspace:
      times = Linspace(0, train - 1, steps);
      if (whole) {
        for (double& time : times) time = std::nearbyint(time);
      }
      std::reverse(times.begin(), times.end());
      return times;
    case TimestepSpacing::kLeading:
      for (int i = steps - 1; i >= 0; --i) {
        times.push_back(static_cast<double>(i) * (config.train_timesteps / steps) +
                        config.steps_offset);
      }
      break;
    case TimestepSpacing::kTrailing:
      for (int i = 0; i < steps; ++i) {
        times.push_back(std::nearbyint(train - i * (train / steps)) - 1);
      }
      break;
  }
  for (double& time : times) time = std::clamp(time, 0.0, train - 1);
  return times;
}

std::vector<double> KarrasSigmas(double least, double most, int steps) {
  constexpr double kRho = 7;
  std::vector<double> sigmas = Linspace(std::pow(most, 1 / kRho), std::pow(least, 1 / kRho), steps);
  for (double& sigma : sigmas) sigma = std::pow(sigma, kRho);
  return sigmas;
}

// The time of the training with this sigma.
double TimeOfSigma(double sigma, const std::vector<double>& train_sigmas) {
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  size_t low = 0;
  while (low + 2 < train_sigmas.size() && std::log(train_sigmas[low + 1]) <= log_sigma) ++low;
  if (low + 1 >= train_sigmas.size()) return 0;
  const double before = std::log(train_sigmas[low]);
  const double behind = std::log(train_sigmas[low + 1]);
  const double part = std::clamp((before - log_sigma) / (before - behind), 0.0, 1.0);
  return static_cast<double>(low) + part;
}

// The picture, by the network's answer about `signal` × picture + `noise` × noise, where the
// squares of the two add up to 1.
double Denoise(Prediction prediction, NoiseLevel level, double answer, double sample) {
  switch (prediction) {
    case Prediction::kEpsilon:
      return (sample - level.noise * answer) / level.signal;
    case Prediction::kV:
      return level.signal * sample - level.noise * answer;
    case Prediction::kFlow:
      return sample - level.noise * answer;
    case Prediction::kSample:
      break;
  }
  return answer;
}

class DdimScheduler final : public Scheduler {
 public:
  DdimScheduler(const SchedulerConfig& config, int steps)
      : Scheduler(config), alphas_(AlphasCumprod(config)), gap_(config.train_timesteps / steps) {
    timesteps_ = SpacedTimesteps(config, steps, /*whole=*/true);
  }

  NoiseLevel level(int step) const override {
    if (step >= steps()) return {};
    return Of(alphas_[static_cast<size_t>(timestep(step))]);
  }

  void Step(int step, absl::Span<const float> answer, absl::Span<const float>,
            absl::Span<float> sample, absl::Span<float> denoised) override {
    const NoiseLevel now = level(step);
    const double before = timestep(step) - gap_;
    const NoiseLevel next = Of(before >= 0 ? alphas_[static_cast<size_t>(before)]
                                           : (config_.set_alpha_to_one ? 1.0 : alphas_.front()));
    for (size_t i = 0; i < sample.size(); ++i) {
      denoised[i] = static_cast<float>(Denoise(config_.prediction, now, answer[i], sample[i]));
    }
    // The noise is what the network said, whatever becomes of the picture.
    for (size_t i = 0; i < sample.size(); ++i) {
      sample[i] = static_cast<float>(config_.prediction == Prediction::kEpsilon
                                         ? answer[i]
                                         : (sample[i] - now.signal * denoised[i]) / now.noise);
    }
    if (config_.thresholding) {
      Threshold(denoised);
    } else if (config_.clip_sample) {
      const auto most = static_cast<float>(config_.clip_sample_range);
      for (float& value : denoised) value = std::clamp(value, -most, most);
    }
    for (size_t i = 0; i < sample.size(); ++i) {
      sample[i] = static_cast<float>(next.signal * denoised[i] + next.noise * sample[i]);
    }
  }

 private:
  static NoiseLevel Of(double alpha) { return {std::sqrt(alpha), std::sqrt(1 - alpha)}; }

  const std::vector<double> alphas_;
  const double gap_;
};

class LcmScheduler final : public Scheduler {
 public:
  LcmScheduler(const SchedulerConfig& config, int steps)
      : Scheduler(config), alphas_(AlphasCumprod(config)) {
    const int original = config.original_inference_steps;
    const int gap = config.train_timesteps / original;
    for (const double place : Linspace(0, original, steps, /*endpoint=*/false)) {
      timesteps_.push_back((original - std::floor(place)) * gap - 1);
    }
  }

  NoiseLevel level(int step) const override {
    if (step >= steps()) return {};
    const double alpha = alphas_[static_cast<size_t>(timestep(step))];
    return {std::sqrt(alpha), std::sqrt(1 - alpha)};
  }
  bool takes_noise(int step) const override { return step + 1 < steps(); }

  void Step(int step, absl::Span<const float> answer, absl::Span<const float> noise,
            absl::Span<float> sample, absl::Span<float> denoised) override {
    constexpr double kDataVariance = 0.25;
    const NoiseLevel now = level(step);
    const double scaled = timestep(step) * config_.timestep_scaling;
    const double sum = scaled * scaled + kDataVariance;
    const double skip = kDataVariance / sum;
    const double out = scaled / std::sqrt(sum);
    const bool last = !takes_noise(step);
    const NoiseLevel next = last ? NoiseLevel() : level(step + 1);
    for (size_t i = 0; i < sample.size(); ++i) {
      double picture = Denoise(config_.prediction, now, answer[i], sample[i]);
      if (config_.clip_sample) {
        picture = std::clamp(picture, -config_.clip_sample_range, config_.clip_sample_range);
      }
      const double better = out * picture + skip * sample[i];
      denoised[i] = static_cast<float>(better);
      sample[i] = static_cast<float>(last ? better : next.signal * better + next.noise * noise[i]);
    }
  }

 private:
  const std::vector<double> alphas_;
};

// Samples are picture + sigma × noise.
class EulerScheduler final : public Scheduler {
 public:
  EulerScheduler(const SchedulerConfig& config, int steps) : Scheduler(config) {
    const std::vector<double> train = TrainSigmas(AlphasCumprod(config));
    timesteps_ = SpacedTimesteps(config, steps, /*whole=*/false);
    for (const double time : timesteps_) sigmas_.push_back(Interpolate(train, time));
    if (config.karras_sigmas && !ancestral()) {
      sigmas_ = KarrasSigmas(sigmas_.back(), sigmas_.front(), steps);
      for (size_t i = 0; i < sigmas_.size(); ++i) timesteps_[i] = TimeOfSigma(sigmas_[i], train);
    }
    sigmas_.push_back(0);
  }

  double initial_scale() const override {
    const double most = sigmas_.front();
    return config_.spacing == TimestepSpacing::kLeading ? std::sqrt(most * most + 1) : most;
  }
  double input_scale(int step) const override {
    const double sigma = sigmas_[static_cast<size_t>(step)];
    return 1 / std::sqrt(sigma * sigma + 1);
  }
  NoiseLevel level(int step) const override { return {1, sigmas_[static_cast<size_t>(step)]}; }
  bool takes_noise(int step) const override {
    return ancestral() && sigmas_[static_cast<size_t>(step) + 1] > 0;
  }

  void Step(int step, absl::Span<const float> answer, absl::Span<const float> noise,
            absl::Span<float> sample, absl::Span<float> denoised) override {
    const double sigma = sigmas_[static_cast<size_t>(step)];
    const double next = sigmas_[static_cast<size_t>(step) + 1];
    double up = 0, down = next;
    if (takes_noise(step)) {
      up = std::sqrt(std::max(0.0, next * next * (sigma * sigma - next * next) / (sigma * sigma)));
      down = std::sqrt(std::max(0.0, next * next - up * up));
    }
    const double root = std::sqrt(sigma * sigma + 1);
    for (size_t i = 0; i < sample.size(); ++i) {
      // The same sample with squares that add up to 1.
      const double picture =
          Denoise(config_.prediction, {1 / root, sigma / root}, answer[i], sample[i] / root);
      denoised[i] = static_cast<float>(picture);
      double moved = sample[i] + (sample[i] - picture) / sigma * (down - sigma);
      if (up > 0) moved += noise[i] * up;
      sample[i] = static_cast<float>(moved);
    }
  }

 private:
  bool ancestral() const { return config_.kind == SchedulerKind::kEulerAncestral; }

  std::vector<double> sigmas_;
};

class DpmScheduler final : public Scheduler {
 public:
  DpmScheduler(const SchedulerConfig& config, int steps) : Scheduler(config) {
    const std::vector<double> train = TrainSigmas(AlphasCumprod(config));
    if (config.karras_sigmas || config.lu_lambdas) {
      if (config.karras_sigmas) {
        sigmas_ = KarrasSigmas(train.front(), train.back(), steps);
      } else {
        sigmas_ = Linspace(std::log(train.back()), std::log(train.front()), steps);
        for (double& sigma : sigmas_) sigma = std::exp(sigma);
      }
      for (const double sigma : sigmas_) {
        const double time = TimeOfSigma(sigma, train);
        timesteps_.push_back(
            config.beta_schedule == BetaSchedule::kSquaredCosine ? time : std::nearbyint(time));
      }
    } else {
      timesteps_ = Times(config, steps);
      for (const double time : timesteps_) sigmas_.push_back(Interpolate(train, time));
    }
    sigmas_.push_back(config.final_sigma_zero ? 0 : train.front());
  }

  NoiseLevel level(int step) const override {
    if (step >= steps()) return {};
    return Of(sigmas_[static_cast<size_t>(step)]);
  }

  void Step(int step, absl::Span<const float> answer, absl::Span<const float>,
            absl::Span<float> sample, absl::Span<float> denoised) override {
    const NoiseLevel now = level(step);
    const NoiseLevel next = Of(sigmas_[static_cast<size_t>(step) + 1]);
    for (size_t i = 0; i < sample.size(); ++i) {
      denoised[i] = static_cast<float>(Denoise(config_.prediction, now, answer[i], sample[i]));
    }
    if (config_.thresholding) Threshold(denoised);
    const bool last = step + 1 == steps();
    const bool simple = config_.solver_order == 1 || before_.size() != sample.size() ||
                        (last && (config_.euler_at_final || config_.final_sigma_zero ||
                                  (config_.lower_order_final && steps() < 15)));
    const double h = Lambda(next) - Lambda(now);
    const double ratio = next.noise / now.noise;
    // exp(-h) - 1, also where nothing of the noise is left.
    const double shrink = next.noise > 0 ? std::expm1(-h) : -1;
    double slope = 0;
    if (!simple) {
      const double r = (Lambda(now) - Lambda(Of(sigmas_[static_cast<size_t>(step) - 1]))) / h;
      slope = (config_.solver_heun ? shrink / h + 1 : -0.5 * shrink) * next.signal / r;
    }
    for (size_t i = 0; i < sample.size(); ++i) {
      double moved = ratio * sample[i] - next.signal * shrink * denoised[i];
      if (!simple) moved += slope * (denoised[i] - before_[i]);
      sample[i] = static_cast<float>(moved);
    }
    before_.assign(denoised.begin(), denoised.end());
  }

 private:
  static NoiseLevel Of(double sigma) {
    const double alpha = 1 / std::sqrt(sigma * sigma + 1);
    return {alpha, sigma * alpha};
  }
  static double Lambda(NoiseLevel level) { return std::log(level.signal) - std::log(level.noise); }

  static std::vector<double> Times(const SchedulerConfig& config, int steps) {
    if (config.spacing == TimestepSpacing::kTrailing) {
      return SpacedTimesteps(config, steps, /*whole=*/true);
    }
    // One more than is used: the last is left out.
    std::vector<double> times;
    if (config.spacing == TimestepSpacing::kLinspace) {
      times = Linspace(0, config.train_timesteps - 1, steps + 1);
    } else {
      for (int i = 0; i <= steps; ++i) {
        times.push_back(static_cast<double>(i) * (config.train_timesteps / (steps + 1)) +
                        config.steps_offset);
      }
    }
    times.erase(times.begin());
    std::reverse(times.begin(), times.end());
    for (double& time : times) {
      time = std::clamp(std::nearbyint(time), 0.0, config.train_timesteps - 1.0);
    }
    return times;
  }

  std::vector<double> sigmas_;
  // The picture by the step before.
  std::vector<float> before_;
};

// Samples are (1 - sigma) × picture + sigma × noise.
class FlowScheduler final : public Scheduler {
 public:
  FlowScheduler(const SchedulerConfig& config, int steps) : Scheduler(config) {
    const double train = config.train_timesteps;
    for (double sigma : Linspace(Shifted(1), Shifted(1 / train), steps)) {
      sigmas_.push_back(Shifted(sigma));
      timesteps_.push_back(sigmas_.back() * train);
    }
    sigmas_.push_back(0);
  }

  NoiseLevel level(int step) const override {
    const double sigma = sigmas_[static_cast<size_t>(step)];
    return {1 - sigma, sigma};
  }

  void Step(int step, absl::Span<const float> answer, absl::Span<const float>,
            absl::Span<float> sample, absl::Span<float> denoised) override {
    const double sigma = sigmas_[static_cast<size_t>(step)];
    const double next = sigmas_[static_cast<size_t>(step) + 1];
    for (size_t i = 0; i < sample.size(); ++i) {
      denoised[i] = static_cast<float>(sample[i] - sigma * answer[i]);
      sample[i] = static_cast<float>(sample[i] + (next - sigma) * answer[i]);
    }
  }

 private:
  double Shifted(double sigma) const {
    return config_.shift * sigma / (1 + (config_.shift - 1) * sigma);
  }

  std::vector<double> sigmas_;
};

}  // namespace

double Scheduler::input_scale(int) const { return 1; }

bool Scheduler::takes_noise(int) const { return false; }

void Scheduler::Threshold(absl::Span<float> denoised) const {
  std::vector<float> sizes(denoised.begin(), denoised.end());
  for (float& size : sizes) size = std::abs(size);
  std::sort(sizes.begin(), sizes.end());
  if (sizes.empty()) return;
  const double place = config_.dynamic_thresholding_ratio * static_cast<double>(sizes.size() - 1);
  const auto low = static_cast<size_t>(place);
  const size_t high = std::min(low + 1, sizes.size() - 1);
  const double part = place - static_cast<double>(low);
  double most = sizes[low] * (1 - part) + sizes[high] * part;
  most = std::min(std::max(most, 1.0), config_.sample_max_value);
  for (float& value : denoised) {
    value = static_cast<float>(std::clamp<double>(value, -most, most) / most);
  }
}

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Make(const SchedulerConfig& config,
                                                           int steps) {
  int most = config.train_timesteps;
  // DPM++ leaves one time out.
  if (config.kind == SchedulerKind::kDpm2m || config.kind == SchedulerKind::kDpm2mKarras) --most;
  if (config.kind == SchedulerKind::kLcm) most = config.original_inference_steps;
  if (steps < 1 || steps > most) {
    return FieldError("steps", absl::StrCat("must be 1 to ", most, " with this scheduler."));
  }
  switch (config.kind) {
    case SchedulerKind::kDdim:
      return std::make_unique<DdimScheduler>(config, steps);
    case SchedulerKind::kEuler:
    case SchedulerKind::kEulerAncestral:
      return std::make_unique<EulerScheduler>(config, steps);
    case SchedulerKind::kDpm2m:
    case SchedulerKind::kDpm2mKarras:
      return std::make_unique<DpmScheduler>(config, steps);
    case SchedulerKind::kLcm:
      return std::make_unique<LcmScheduler>(config, steps);
    case SchedulerKind::kFlowEuler:
      break;
  }
  return std::make_unique<FlowScheduler>(config, steps);
}

}  // namespace intelligenced
