#include "runtime/engines/onnx/diffusion/scheduler_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/published_pipelines.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr int kMaxTimesteps = 100'000;

constexpr SchedulerName kNames[] = {
    {"ddim", SchedulerKind::kDdim},
    {"dpm++-2m", SchedulerKind::kDpm2m},
    {"dpm++-2m-karras", SchedulerKind::kDpm2mKarras},
    {"euler", SchedulerKind::kEuler},
    {"euler-ancestral", SchedulerKind::kEulerAncestral},
    {"flow-euler", SchedulerKind::kFlowEuler},
    {"lcm", SchedulerKind::kLcm},
};

absl::Status Corrupt(std::string_view why) {
  return MakeError(Reason::kModelCorrupt, absl::StrCat("scheduler_config.json: ", why, "."));
}

absl::Status Unfit(std::string_view why) {
  return MakeError(Reason::kModelLoadFailed, absl::StrCat("scheduler_config.json: ", why, "."));
}

// Reads the members that are there and keeps the first thing that is wrong.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  void Number(const char* key, double least, double most, double& to) {
    const Json* const value = Find(key);
    if (value == nullptr) return;
    if (!value->is_number()) return Fail(key, "is no number");
    const double number = value->get<double>();
    // Written so that NaN fails.
    if (!(number >= least && number <= most)) {
      return Fail(key, absl::StrCat("must be ", least, " to ", most));
    }
    to = number;
  }

  void Whole(const char* key, int least, int most, int& to) {
    double number = to;
    Number(key, least, most, number);
    if (number != std::floor(number)) return Fail(key, "is no whole number");
    to = static_cast<int>(number);
  }

  void Flag(const char* key, bool& to) {
    const Json* const value = Find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return Fail(key, "is neither true nor false");
    to = value->get<bool>();
  }

  template <typename Value, size_t count>
  void Word(const char* key, const std::pair<std::string_view, Value> (&words)[count], Value& to) {
    const Json* const value = Find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return Fail(key, "is no text");
    const std::string word = value->get<std::string>();
    for (const auto& [name, meaning] : words) {
      if (name == word) {
        to = meaning;
        return;
      }
    }
    if (status_.ok()) status_ = Unfit(absl::StrCat(key, " \"", word, "\" is not known"));
  }

  void Numbers(const char* key, std::vector<double>& to) {
    const Json* const value = Find(key);
    if (value == nullptr) return;
    if (!value->is_array() || value->size() > kMaxTimesteps) return Fail(key, "is no list");
    for (const Json& one : *value) {
      if (!one.is_number()) return Fail(key, "holds what is no number");
      to.push_back(one.get<double>());
    }
  }

  const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  void Fail(const char* key, std::string_view why) {
    if (status_.ok()) status_ = Corrupt(absl::StrCat(key, " ", why));
  }

  const Json& json_;
  absl::Status status_;
};

SchedulerConfig DefaultsOf(SchedulerKind kind) {
  SchedulerConfig config;
  config.kind = kind;
  switch (kind) {
    case SchedulerKind::kDdim:
      break;
    case SchedulerKind::kEuler:
    case SchedulerKind::kEulerAncestral:
    case SchedulerKind::kDpm2m:
    case SchedulerKind::kDpm2mKarras:
      config.spacing = TimestepSpacing::kLinspace;
      break;
    case SchedulerKind::kLcm:
      config.beta_start = 0.00085;
      config.beta_end = 0.012;
      config.beta_schedule = BetaSchedule::kScaledLinear;
      config.clip_sample = false;
      break;
    case SchedulerKind::kFlowEuler:
      config.prediction = Prediction::kFlow;
      break;
  }
  return config;
}

bool IsSet(const Json& value) {
  return !value.is_null() && !(value.is_boolean() && !value.get<bool>());
}

}  // namespace

absl::Span<const SchedulerName> AllSchedulers() { return kNames; }

std::optional<SchedulerKind> FindScheduler(std::string_view name) {
  for (const SchedulerName& one : kNames) {
    if (one.name == name) return one.kind;
  }
  return std::nullopt;
}

std::string_view NameOfScheduler(SchedulerKind kind) {
  for (const SchedulerName& one : kNames) {
    if (one.kind == kind) return one.name;
  }
  return "";
}

bool CanUse(const SchedulerConfig& config, SchedulerKind kind) {
  return (config.kind == SchedulerKind::kFlowEuler) == (kind == SchedulerKind::kFlowEuler);
}

absl::StatusOr<SchedulerConfig> ParseSchedulerConfig(std::string_view text,
                                                     std::optional<SchedulerKind> wanted) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Corrupt("is no JSON object");
  const auto class_name = json.find("_class_name");
  if (class_name == json.end() || !class_name->is_string()) return Corrupt("names no _class_name");
  const std::string name = class_name->get<std::string>();
  const std::optional<SchedulerKind> known = FindScheduler(SchedulerOfPublishedClass(name));
  if (!known.has_value()) return Unfit(absl::StrCat("the scheduler ", name, " is not known"));
  for (const std::string_view option : UnknownSchedulerOptions()) {
    const auto found = json.find(option);
    if (found != json.end() && IsSet(*found)) {
      return Unfit(absl::StrCat("the option ", option, " is not known"));
    }
  }

  SchedulerConfig config = DefaultsOf(wanted.value_or(*known));
  Reader reader(json);
  static constexpr std::pair<std::string_view, Prediction> kPredictions[] = {
      {"epsilon", Prediction::kEpsilon},
      {"v_prediction", Prediction::kV},
      {"sample", Prediction::kSample},
      {"flow_prediction", Prediction::kFlow},
  };
  static constexpr std::pair<std::string_view, TimestepSpacing> kSpacings[] = {
      {"leading", TimestepSpacing::kLeading},
      {"linspace", TimestepSpacing::kLinspace},
      {"trailing", TimestepSpacing::kTrailing},
  };
  static constexpr std::pair<std::string_view, BetaSchedule> kSchedules[] = {
      {"linear", BetaSchedule::kLinear},
      {"scaled_linear", BetaSchedule::kScaledLinear},
      {"squaredcos_cap_v2", BetaSchedule::kSquaredCosine},
  };
  static constexpr std::pair<std::string_view, bool> kSolvers[] = {{"midpoint", false},
                                                                   {"heun", true}};
  static constexpr std::pair<std::string_view, bool> kFinals[] = {{"zero", true},
                                                                  {"sigma_min", false}};
  static constexpr std::pair<std::string_view, bool> kAlgorithms[] = {
      {"dpmsolver++", true}, {"deis", true}, {"dpmsolver", true}};
  reader.Word("prediction_type", kPredictions, config.prediction);
  reader.Word("timestep_spacing", kSpacings, config.spacing);
  reader.Word("beta_schedule", kSchedules, config.beta_schedule);
  reader.Whole("num_train_timesteps", 1, kMaxTimesteps, config.train_timesteps);
  reader.Number("beta_start", 1e-9, 0.999, config.beta_start);
  reader.Number("beta_end", 1e-9, 0.999, config.beta_end);
  reader.Numbers("trained_betas", config.trained_betas);
  reader.Whole("steps_offset", 0, kMaxTimesteps, config.steps_offset);
  reader.Flag("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
  reader.Flag("clip_sample", config.clip_sample);
  reader.Number("clip_sample_range", 1e-6, 1e6, config.clip_sample_range);
  reader.Flag("set_alpha_to_one", config.set_alpha_to_one);
  reader.Flag("thresholding", config.thresholding);
  reader.Number("dynamic_thresholding_ratio", 0, 1, config.dynamic_thresholding_ratio);
  reader.Number("sample_max_value", 1e-6, 1e6, config.sample_max_value);
  reader.Flag("use_karras_sigmas", config.karras_sigmas);
  reader.Flag("use_lu_lambdas", config.lu_lambdas);
  reader.Whole("original_inference_steps", 1, kMaxTimesteps, config.original_inference_steps);
  reader.Number("timestep_scaling", 0, 1e6, config.timestep_scaling);
  reader.Number("shift", 1e-3, 1e3, config.shift);
  // What these mean is of their own class.
  if (*known == SchedulerKind::kDpm2m && name == "DPMSolverMultistepScheduler") {
    bool algorithm = true;
    reader.Word("algorithm_type", kAlgorithms, algorithm);
    reader.Whole("solver_order", 1, 3, config.solver_order);
    reader.Word("solver_type", kSolvers, config.solver_heun);
    reader.Flag("lower_order_final", config.lower_order_final);
    reader.Flag("euler_at_final", config.euler_at_final);
    reader.Word("final_sigmas_type", kFinals, config.final_sigma_zero);
  }
  if (!reader.status().ok()) return reader.status();

  // 2M is what there is.
  config.solver_order = std::min(config.solver_order, 2);
  if (config.kind == SchedulerKind::kDpm2mKarras) {
    config.karras_sigmas = true;
    config.lu_lambdas = false;
  }
  if (config.kind == SchedulerKind::kFlowEuler) config.prediction = Prediction::kFlow;
  if (config.kind != SchedulerKind::kFlowEuler && config.prediction == Prediction::kFlow) {
    return Unfit("flow_prediction goes with FlowMatchEulerDiscreteScheduler only");
  }
  if (config.steps_offset >= config.train_timesteps) {
    return Corrupt("steps_offset is beyond num_train_timesteps");
  }
  if (config.original_inference_steps > config.train_timesteps) {
    if (config.kind == SchedulerKind::kLcm) {
      return Corrupt("original_inference_steps is beyond num_train_timesteps");
    }
    config.original_inference_steps = config.train_timesteps;
  }
  if (!config.trained_betas.empty()) {
    if (config.trained_betas.size() != static_cast<size_t>(config.train_timesteps)) {
      return Corrupt("trained_betas are not as many as num_train_timesteps");
    }
    for (const double beta : config.trained_betas) {
      if (!(beta > 0 && beta < 1)) return Corrupt("trained_betas must be 0 to 1");
    }
  }
  return config;
}

}  // namespace intelligenced
